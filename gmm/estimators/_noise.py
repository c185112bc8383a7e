"""What `noise=True` stands for: the box of the data, a start for its weight, and what it changes in the results."""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial import KDTree

from gmm import learning
from gmm.estimators._collapse import Collapse, Collapsed
from gmm.estimators._initialise import CLUSTERED, initial_parameters, standardised
from gmm.estimators.hierarchical import Trees

LABEL = -1
START = 0.1  # weight of the noise where `resp_init` says nothing about it
DENSE = 0.75  # share of the samples that such a start is drawn from
NEAR = 0.025  # share of the samples within the radius by which they are judged


def make_noise(model, source):
    """(box, noise) of the samples of a source, all of which have weight; the noise has the weight of a start.

    Raises
    ------
    ValueError
        If X lies in a plane and `noise_volume` is not given: its box has no volume.
    """
    along = model.missing == "marginalise"
    X = getattr(source, "X", source)
    boxes = [learning.box_along_features(X)] if along else learning.bounding_boxes(X, source.covariance())
    box = boxes[0]
    if model.noise_volume is None:
        constant = np.flatnonzero(~(box.widths > 0.0))
        if constant.size:
            raise ValueError(
                f"noise=True takes the volume of a box around X, and features {constant.tolist()} of X are constant. "
                "Leave them out, or give noise_volume"
            )
        if len(boxes) == 1 and box.widths.size > 1 and not along:
            raise ValueError(
                "noise=True takes the volume of a box around X, and X lies in a plane: features depend on others, or "
                "are more than the samples less one. Leave some out, or give noise_volume"
            )
        return box, learning.Noise(START, -box.log_volume, 2, box.widths if along else None)
    widths = box.widths
    if not (widths > 0.0).all():  # a box for `sample`, of some width in every direction
        positive = widths[widths > 0.0]
        box = box._replace(widths=np.where(widths > 0.0, widths, positive.min() if positive.size else 1.0))
    log_volume = math.log(model.noise_volume)
    box = box.with_log_volume(log_volume)
    return box, learning.Noise(START, -log_volume, 1, box.widths if along else None)


def with_noise(parameters, noise):
    """Add the noise to parameters that have none: their weights share what it leaves."""
    return parameters._replace(weights=(1.0 - noise.weight) * parameters.weights, noise=noise)


def renewed(parameters, noise):
    """Parameters to go on from, with the noise of the samples of this fit: its weight is kept where there was one."""
    if noise is None:
        return parameters.without_noise()
    if parameters.noise is None:
        return with_noise(parameters, noise)
    return parameters._replace(noise=noise._replace(weight=parameters.noise.weight))


def robust_start(X, initial, dense, sample_weight, **options):
    """Draw a start as `initial_parameters` does from these samples alone, or from all where these collapse."""
    of_part = {**options, "total_scatter": learning.TotalScatter(), "trees": Trees()}
    try:
        return _drawn_from(X, dense, initial, sample_weight, of_part)
    except Collapsed:  # the densest samples may be copies of each other
        return initial_parameters(X, initial, sample_weight=sample_weight, **options)


def labelled_start(X, initial, noise, resp, sample_weight, **options):
    """The start that `resp` gives, with noise; samples that are noise have no part in the groups.

    Parameters
    ----------
    noise : gmm.learning.Noise
    resp : ndarray
        Labels, of which -1 is noise, or responsibilities (n_samples, n_components + 1), of which the last are.
    **options
        Of `initial_parameters`.
    """
    weights = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    if resp.ndim == 2:
        share = weights @ resp[:, -1] / weights.sum()
        drawn = initial_parameters(X, initial, sample_weight=sample_weight, resp=resp[:, :-1], **options)
        return with_noise(drawn, noise._replace(weight=float(share)))
    share = weights[resp == LABEL].sum() / weights.sum()
    rows = np.flatnonzero(resp != LABEL)
    options |= {"total_scatter": learning.TotalScatter(), "resp": resp[rows]}
    drawn = _drawn_from(X, rows, initial, sample_weight, options)
    return with_noise(drawn, noise._replace(weight=float(share)))


def _drawn_from(X, rows, initial, sample_weight, options):
    """The start that these samples give; a collapse names them by their numbers in X."""
    try:
        return initial_parameters(
            X[rows], initial, sample_weight=None if sample_weight is None else sample_weight[rows], **options
        )
    except Collapsed as failure:
        component, iteration, members = failure.collapse
        raise Collapsed(Collapse(component, iteration, rows[members])) from None


def dense_samples(X, sample_weight, n_components, rng):
    """Numbers of the samples that lie densest: three quarters of them, so that no start is drawn from far ones.

    The radius that holds a fortieth of all weight says how dense it is about a sample, as nearest neighbours do in
    Byers & Raftery (1998). Features count in units of their standard deviations. Of more than 2000 samples so many are
    drawn.
    """
    n, most = X.shape[0], max(CLUSTERED, n_components)
    rows = np.arange(n) if n <= most else np.sort(rng.choice(n, size=most, replace=False))
    mass = np.ones(len(rows)) if sample_weight is None else sample_weight[rows]
    n_near = math.ceil(2.0 * NEAR * len(rows)) + 1
    if len(rows) < max(8, 2 * n_components):
        return rows
    Z = standardised(X[rows], mass)
    distances, near = KDTree(Z).query(Z, n_near)
    total = mass.sum()
    reached = np.cumsum(mass[near], axis=1) >= NEAR * total
    last = np.where(reached.any(axis=1), reached.argmax(axis=1), n_near - 1)
    radii = distances[np.arange(len(rows)), last]
    order = np.argsort(radii, kind="stable")
    enough = np.searchsorted(np.cumsum(mass[order]), DENSE * total)
    kept = rows[radii <= radii[order[min(enough, len(rows) - 1)]]]
    return kept if len(kept) >= n_components else rows
