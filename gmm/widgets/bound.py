"""The lower bound that EM climbs, over one mean; computed in the page."""

from __future__ import annotations

import numpy as np

from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.formulas.likelihood import log_likelihood
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame


@_page.widget
def elbo_curve(
    X: ArrayLike,
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
    *,
    component: int = 0,
    limits: ArrayLike | None = None,
    axis_label: str = "free mean",
    name: str = "elbo-curve",
) -> Widget:
    """Log-likelihood and lower bound over one mean of a mixture on the line, everything else held.

    The mean can be dragged along the log-likelihood. An E-step replaces the bound by the one that touches there,
    :eq:`eq-elbo`; an M-step moves the mean to the top of the bound, :eq:`eq-update-means`. The gap between the curves
    at the mean is a divergence, :eq:`eq-kl-divergence`.

    Parameters
    ----------
    X : array_like, shape (n_samples, 1)
    weights : array_like, shape (n_components,)
    means : array_like, shape (n_components, 1)
        The start; only the mean of `component` moves.
    covariances : array_like, shape (n_components, 1, 1)
    component : int
        Whose mean is free, counted from 0.
    limits : sequence of two floats, optional
        Range of the free mean, which holds its start; by default that of the data.
    axis_label : str
        What the axis of the free mean is called.
    {common}
    """
    X, weights, means, covariances = check.data_and_parameters(X, weights, means, covariances)
    if X.shape[1] != 1:
        raise ValueError(f"X must have 1 feature, for one mean to be one number; got {X.shape[1]}")
    component = check.count(component, "component", minimum=0)
    if component >= len(weights):
        raise ValueError(f"component must be below the number of components, {len(weights)}; got {component}")
    low, high = _page.check_limits(limits, X.min(), X.max())
    start = float(means[component, 0])
    if not low <= start <= high:
        raise ValueError(f"limits must hold the mean with which it begins; got ({low:g}, {high:g}), without {start:g}")
    (axis_label,) = _page.check_labels(axis_label, 1)
    grid, curve, moved = np.linspace(low, high, 81), [], means.copy()
    for mean in grid:
        moved[component, 0] = mean
        curve.append(log_likelihood(X, weights, moved, covariances))
    span = np.ptp(curve)
    frame = Frame((low, min(curve) - 0.6 * span), (high, max(curve) + 0.2 * span), width=640, height=385)
    parts = [frame.axes((axis_label, "total")), f'<path class="k0" d="{frame.path(np.column_stack([grid, curve]))}"/>']
    summary = "Log-likelihood over one mean, and the bound of each E-step below it"
    return live(
        "elbo-curve",
        {
            "X": X,
            "weights": weights,
            "means": means,
            "covariances": covariances,
            "component": component,
            "limits": [low, high],
            "label": axis_label,
            "digits": _page.digits_for(X)[0],
        },
        picture=frame.svg(parts, "Log-likelihood over one mean"),
        summary=summary,
        suggest="alternate M-step and E-step; then drag the mean far out and take an E-step there.",
        notice="the bound never crosses the log-likelihood; an E-step closes the gap, and the top of the bound is "
        "never a worse mean.",
        name=name,
    )
