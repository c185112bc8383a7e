"""The border of k-means and the soft band of a mixture, while a unit changes; computed in the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame, dots, ellipse_path


@_page.widget
def border_band(
    X: ArrayLike,
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
    *,
    units: dict[str, float],
    axis_labels: Sequence[str] | None = None,
    name: str = "border-band",
) -> Widget:
    """Group two features by k-means and by a mixture of two, while the first feature changes its unit.

    At each unit both are computed anew: k-means, :eq:`eq-lloyd`, and EM, :eq:`eq-em`, both from the given means. The
    picture stays in the first unit. It shows the straight border of k-means, :eq:`eq-step-why-bisector`, and the places
    where the share of the second component, :eq:`eq-responsibility`, is 0.1, 0.5 and 0.9. A point can be dragged to ask
    both.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2)
    weights : array_like, shape (2,)
        The start of EM, as in `means` and `covariances`; k-means begins at the means.
    means : array_like, shape (2, 2)
    covariances : array_like, shape (2, 2, 2)
    units : dict of str to float
        Name of each unit, and how many times larger it makes the numbers of the first feature: the first is 1, the last
        the largest.
    axis_labels : sequence of str, optional
        One for each feature, usually ``dataset.labels()``.
    {common}
    """
    X, weights, means, covariances = check.data_and_parameters(X, weights, means, covariances)
    if X.shape[1] != 2:
        raise ValueError(f"X must have 2 features to be drawn; got {X.shape[1]}")
    if len(weights) != 2:
        raise ValueError(f"weights must be two, for two groups; got {len(weights)}")
    factors = [check.number(value, f"units[{key!r}]") for key, value in dict(units).items()]
    if len(factors) < 2 or factors[0] != 1.0 or factors != sorted(set(factors)):
        raise ValueError(f"units must begin with 1 and grow; got {factors}")
    labels = _page.check_labels(axis_labels or ("x", "y"), 2)
    frame = Frame.around(X, width=640, height=450)
    rings = [frame.ring(mean, covariance) for mean, covariance in zip(means, covariances, strict=True)]
    parts = [frame.axes(labels), dots(frame.place(X))]
    parts += [f'<path class="k{k}" d="{ellipse_path(ring, r)}"/>' for k, ring in enumerate(rings) for r in (1, 2)]
    summary = f"Two groups of {len(X)} samples, by k-means and by a mixture, while a unit changes"
    return live(
        "border-band",
        {
            "X": X,
            "labels": labels,
            "digits": _page.digits_for(X),
            "centres": means,
            "start": {"weights": weights, "means": means, "covariances": covariances},
            "units": list(zip(factors, map(str, units), strict=True)),
            "probe": np.mean(means, axis=0),
            "x": [frame.low[0], frame.high[0]],
            "y": [frame.low[1], frame.high[1]],
        },
        picture=frame.svg(parts, f"Scatter plot: {summary}"),
        summary=summary,
        suggest="move the unit slowly from the first to the last, then drag the point across both borders.",
        notice="the dashed border of k-means tilts with the unit, the three lines of the mixture stay where they are; "
        "k-means is certain right up to its border.",
        name=name,
    )
