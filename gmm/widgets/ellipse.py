"""The ellipse of a covariance matrix, with its variances and correlation in your hand; computed in the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.formulas.gaussian import cholesky, gaussian_log_likelihood, sample_covariance, sample_mean
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame, dots, ellipse_path

_LARGEST = 0.95


@_page.widget
def ellipse_explorer(
    X: ArrayLike | None = None,
    *,
    variances: ArrayLike = (1.0, 1.0),
    correlation: float = 0.0,
    axis_labels: Sequence[str] = ("x₁", "x₂"),
    name: str = "ellipse-explorer",
) -> Widget:
    """Ellipses, eigenvectors and density of a Gaussian in two dimensions, while you change its covariance.

    Sliders, or the two round handles where the ellipse touches its box, set both variances and the correlation.
    Ellipses stand at one, two and three standard deviations; the broad lines are the eigenvectors times the roots of
    their eigenvalues, :eq:`eq-principal-axes`. With data, the mean stays at that of the sample, and the log-likelihood
    is shown beside the largest possible one. One unit is as long on both axes, so that right angles are right.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2), optional
        Data to be drawn below the ellipses.
    variances : sequence of two floats
        With which the figure begins; each slider ends at four times the larger of this and the variance of the sample.
    correlation : float
        Between −0.95 and 0.95.
    axis_labels : sequence of two str
    {common}
    """
    variances = check.real_array(variances, "variances", 1, "(2,)")
    if variances.shape != (2,) or not (variances > 0).all():
        raise ValueError(f"variances must be two positive numbers; got {variances.tolist()}")
    correlation = check.number(correlation, "correlation")
    if abs(correlation) > _LARGEST:
        raise ValueError(f"correlation must lie between -0.95 and 0.95; got {correlation:g}")
    labels = _page.check_labels(axis_labels, 2)
    mean, ends, best = np.zeros(2), 4 * variances, None
    if X is not None:
        X = check.data(X)
        if X.shape[1] != 2:
            raise ValueError(f"X must have 2 features to be drawn; got {X.shape[1]}")
        mean, sample = sample_mean(X), sample_covariance(X)
        cholesky(sample)  # refuses data on a line
        ends = 4 * np.maximum(variances, np.diag(sample))
        best = gaussian_log_likelihood(X, mean, sample)
    half = 1.7 * np.sqrt(ends)
    points = np.array([mean - half, mean + half]) if X is None else np.vstack([mean - half, mean + half, X])
    low, high = points.min(axis=0), points.max(axis=0)
    frame = Frame(low, high, width=640, height=500, equal=True)
    off = correlation * np.sqrt(variances.prod())
    ring = frame.ring(mean, [[variances[0], off], [off, variances[1]]])
    parts = [frame.axes(labels), *([] if X is None else [dots(frame.place(X))])]
    parts += [f'<path class="k0" d="{ellipse_path(ring, radius)}"/>' for radius in (3, 2, 1)]
    summary = "Ellipses of a Gaussian in two dimensions, whose covariance can be changed"
    return live(
        "ellipse-explorer",
        {
            "variances": variances,
            "correlation": correlation,
            "ends": ends,
            "mean": mean,
            "labels": labels,
            "x": [low[0], high[0]],
            "y": [low[1], high[1]],
            "X": X,
            "best": best,
        },
        picture=frame.svg(parts, f"{summary}: at one, two and three standard deviations"),
        summary=summary,
        suggest="keep the variances and drag a handle along its side of the box.",
        notice="the box stays, the ellipse turns inside it and grows thin, and the peak rises.",
        name=name,
    )
