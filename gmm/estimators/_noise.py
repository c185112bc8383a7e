"""What `noise=True` stands for: the box of the data, a start for its weight, and what it changes in the results."""

from __future__ import annotations

import math

import numpy as np

from gmm import learning
from gmm.estimators._collapse import Collapse, Collapsed
from gmm.estimators._initialise import initial_parameters

LABEL = -1
START = 0.1  # weight of the noise where `resp_init` says nothing about it


def make_noise(model, X, sample_weight):
    """(box, noise) of these samples, all of which have weight; the noise has the weight that a start gives it.

    Raises
    ------
    ValueError
        If X lies in a plane and `noise_volume` is not given: its box has no volume.
    """
    covariance = learning.ArraySource(X, sample_weight, model.n_threads).covariance()
    boxes = learning.bounding_boxes(X, covariance)
    box = boxes[0]
    if model.noise_volume is None:
        constant = np.flatnonzero(~(box.widths > 0.0))
        if constant.size:
            raise ValueError(
                f"noise=True takes the volume of a box around X, and features {constant.tolist()} of X are constant. "
                "Leave them out, or give noise_volume"
            )
        if len(boxes) == 1 and X.shape[1] > 1:
            raise ValueError(
                "noise=True takes the volume of a box around X, and X lies in a plane: features depend on others, or "
                "are more than the samples less one. Leave some out, or give noise_volume"
            )
        return box, learning.Noise(START, -box.log_volume, 2)
    widths = box.widths
    if not (widths > 0.0).all():  # a box for `sample`, of some width in every direction
        positive = widths[widths > 0.0]
        box = box._replace(widths=np.where(widths > 0.0, widths, positive.min() if positive.size else 1.0))
    log_volume = math.log(model.noise_volume)
    return box.with_log_volume(log_volume), learning.Noise(START, -log_volume, 1)


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


def start_with_noise(X, initial, noise, resp, sample_weight, **options):
    """Draw a start as `initial_parameters` does, with noise; samples that `resp` gives to the noise have no part in it.

    Parameters
    ----------
    noise : gmm.learning.Noise
    resp : ndarray or None
        Labels, of which -1 is noise, or responsibilities (n_samples, n_components + 1), of which the last are.
    **options
        Of `initial_parameters`.
    """
    if resp is None:
        return with_noise(initial_parameters(X, initial, sample_weight=sample_weight, **options), noise)
    weights = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    if resp.ndim == 2:
        share = weights @ resp[:, -1] / weights.sum()
        drawn = initial_parameters(X, initial, sample_weight=sample_weight, resp=resp[:, :-1], **options)
        return with_noise(drawn, noise._replace(weight=float(share)))
    share = weights[resp == LABEL].sum() / weights.sum()
    rows = np.flatnonzero(resp != LABEL)
    options |= {"total_scatter": learning.TotalScatter()}
    try:
        drawn = initial_parameters(
            X[rows], initial, sample_weight=None if sample_weight is None else weights[rows], resp=resp[rows], **options
        )
    except Collapsed as failure:
        component, iteration, members = failure.collapse
        raise Collapsed(Collapse(component, iteration, rows[members])) from None
    return with_noise(drawn, noise._replace(weight=float(share)))
