"""The same data under one covariance structure after another; computed in the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gmm._types import ArrayLike, OrdinaryCovarianceType
from gmm.formulas import _checks as check
from gmm.formulas.em import m_step
from gmm.formulas.starts import one_hot
from gmm.formulas.structures import STRUCTURES
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame, dots, ellipse_path


@_page.widget
def covariance_structures(
    X: ArrayLike,
    labels: ArrayLike,
    n_components: int,
    *,
    truth: ArrayLike | None = None,
    structure: OrdinaryCovarianceType = "full",
    axis_labels: Sequence[str] | None = None,
    name: str = "four-structures",
) -> Widget:
    """Fit two features with one covariance structure after another, while the data are turned or change their unit.

    EM begins at the given labels, with an M-step, :eq:`eq-update-spherical` to :eq:`eq-update-tied`, and goes on until
    an iteration gains less than a ten-millionth for each sample. The turn and the unit are maps of the data; beside
    the scatter plot stands the log-likelihood over the turn, in the units of the data as they are given, so that a fit
    that does not care keeps its value.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2)
    labels : array_like, shape (n_samples,)
        Where each fit begins: the component of each sample, from 0 to ``n_components - 1``.
    n_components : int
        At most six.
    truth : array_like, shape (n_samples,), optional
        Known classes: samples that are not of the majority class of their component are counted as misplaced.
    structure : {"spherical", "diag", "tied", "full"}
        The one at the beginning.
    axis_labels : sequence of str, optional
        One for each feature, usually ``dataset.labels()``.
    {common}
    """
    X = check.data(X)
    if X.shape[1] != 2:
        raise ValueError(f"X must have 2 features to be drawn; got {X.shape[1]}")
    n_components = check.count(n_components, "n_components")
    _page.check_n_components(n_components)
    labels = check.labels(labels, n_components, len(X))
    if structure not in STRUCTURES:
        raise ValueError(f"structure must be one of {', '.join(STRUCTURES)}; got {structure!r}")
    if truth is not None:
        _, truth = np.unique(np.asarray(truth), return_inverse=True)
        if truth.shape != (len(X),):
            raise ValueError(f"truth must have {len(X)} entries, one for each sample; got shape {np.shape(truth)}")
    axis_labels = _page.check_labels(axis_labels or ("x", "y"), 2)
    _, means, covariances = m_step(X, one_hot(labels, n_components))
    frame = Frame.around(X, width=640, height=520, equal=True)
    rings = [frame.ring(mean, covariance) for mean, covariance in zip(means, covariances, strict=True)]
    parts = [frame.axes(axis_labels), dots(frame.place(X))]
    parts += [f'<path class="k{k}" d="{ellipse_path(ring, r)}"/>' for k, ring in enumerate(rings) for r in (1, 2)]
    summary = f"Covariance structures of {n_components} components on {len(X)} samples"
    return live(
        "covariance-structures",
        {
            "X": X,
            "labels": labels,
            "K": n_components,
            "truth": truth,
            "axis_labels": axis_labels,
            "names": list(STRUCTURES),
            "structure": structure,
        },
        picture=frame.svg(parts, f"Scatter plot: {summary}"),
        summary=summary,
        suggest="pick each structure, then turn the data, turn them back, and change the unit.",
        notice="a turn changes the diagonal fit alone and a unit the spherical one alone; tied and full ones keep "
        "their log-likelihood whatever you do.",
        name=name,
    )
