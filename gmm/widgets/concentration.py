"""Variational Bayes while the prior moves, computed in the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame, dots


@_page.widget
def vb_concentration(
    X: ArrayLike,
    labels: ArrayLike,
    n_components: int,
    *,
    factors: ArrayLike = (1.0, 0.1, 0.01),
    axis_labels: Sequence[str] | None = None,
    name: str = "vb-concentration",
) -> Widget:
    """Variational Bayes on two features, computed in the page while the reader moves the prior's concentration.

    Each place of the slider begins at the given labels and repeats the updates, :eq:`eq-vb-m-step` and
    :eq:`eq-vb-e-step`, until an iteration raises the bound, :eq:`eq-vb-bound`, by less than a millionth for each
    sample. Shown are the ellipses of the components in use (one sample or more), all expected weights, and the bound
    over the concentration.
    The prior is that of :class:`gmm.BayesianGaussianMixture`: mean of the data, worth one sample, the covariance of the
    data times a factor, two degrees of freedom.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2)
    labels : array_like, shape (n_samples,)
        Where each run begins: the component of each sample, from 0 to ``n_components - 1``.
    n_components : int
    factors : sequence of float
        Of the prior's scale, in units of the covariance of the data: up to six to choose from.
    axis_labels : sequence of str, optional
        One for each feature, usually ``dataset.labels()``.
    {common}
    """
    X = check.data(X)
    if X.shape[1] != 2:
        raise ValueError(f"X must have 2 features to be drawn; got {X.shape[1]}")
    n_components = check.count(n_components, "n_components")
    labels = check.labels(labels, n_components, len(X))
    factors = [check.number(factor, "factors", minimum=0.0, strict=True) for factor in factors]
    if not 1 <= len(factors) <= _page.MAX_COMPONENTS:
        raise ValueError(f"factors must be one to {_page.MAX_COMPONENTS} numbers; got {len(factors)}")
    scale = check.covariance_matrix(np.cov(X.T), name="the covariance of X")
    axis_labels = _page.check_labels(axis_labels or ("x", "y"), 2)
    frame = Frame.around(X, width=640, height=460)
    summary = f"Variational Bayes on {len(X)} samples with {n_components} components offered"
    return live(
        "vb-concentration",
        {
            "X": X,
            "labels": labels,
            "axis_labels": axis_labels,
            "K": n_components,
            "mean": X.mean(axis=0),
            "mean_precision": 1.0,
            "scale": scale,
            "dof": 2.0,
            "factors": factors,
            "x": [frame.low[0], frame.high[0]],
            "y": [frame.low[1], frame.high[1]],
        },
        picture=frame.svg([frame.axes(axis_labels), dots(frame.place(X))], f"Scatter plot: {summary}"),
        summary=summary,
        suggest="move the concentration α₀ slowly from 0.001 to 30, then once more with a narrower scale.",
        notice="the number in use stays until α₀ is about one; then the prior keeps components that had faded.",
        name=name,
    )
