"""One variance shared by all components, on a slider, computed in the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.formulas.kmeans import spherical_responsibilities
from gmm.plot import colour
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame, cross, dots, px


@_page.widget
def sigma_slider(
    X: ArrayLike,
    means: ArrayLike,
    weights: ArrayLike,
    variances: ArrayLike,
    *,
    axis_labels: Sequence[str] = ("x", "y"),
    name: str = "sigma-slider",
) -> Widget:
    """Spherical components with one variance, on a slider, and means to drag, computed in the page.

    The colour of a sample mixes the components' colours in the proportions of its responsibilities,
    :eq:`eq-spherical-responsibility`; a ring marks those with none of 0.99 or more. A dashed circle of one standard
    deviation surrounds each mean. The reader can let the means move, :eq:`eq-update-means`: with a small variance that
    is k-means. One unit is as long on both axes: a spherical component is a circle only where features share a unit.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2)
    means : array_like, shape (n_components, 2)
        Where they begin; at most six.
    weights : array_like, shape (n_components,)
        Not negative, summing to one.
    variances : sequence of float
        Positive: the first is shown at first, and the smallest and the largest are the ends of the slider.
    axis_labels : sequence of two str
        Usually ``dataset.labels()``.
    {common}
    """
    X = check.data(X)
    if X.shape[1] != 2:
        raise ValueError(f"X must have 2 features to be drawn; got {X.shape[1]}")
    weights, means = check.weights_and_means(weights, means)
    means = check.centres(means, 2, name="means")
    _page.check_n_components(len(means))
    variances = check.real_array(variances, "variances", 1, "(n_stops,)")
    if not (variances > 0).all():
        raise ValueError(f"variances must be positive; got {variances.min()}")
    if variances.min() == variances.max():
        raise ValueError(f"variances must be at least two different numbers; got {variances.tolist()}")
    axis_labels = _page.check_labels(axis_labels, 2)

    frame = Frame.around(np.vstack([X, means]), width=640, height=400, equal=True)
    limits = Frame.around(np.vstack([X, means]))
    resp = spherical_responsibilities(X, weights, means, variances[0])
    radius = round(float(np.sqrt(variances[0]) * frame.scale[0]), 1)
    summary = f"Scatter plot of {len(X)} samples, coloured by the responsibilities of {len(means)} spherical components"
    parts = [
        frame.axes(axis_labels),
        dots(frame.place(X), _page.mixed(resp)),
        frame.clip([_rings(frame.place(means), radius)]),
    ]
    return live(
        "sigma",
        {
            "X": X,
            "labels": axis_labels,
            "digits": _page.digits_for(X),
            "weights": weights,
            "means": means,
            "variance": variances[0],
            "range": [variances.min(), variances.max()],
            "x": [limits.low[0], limits.high[0]],
            "y": [limits.low[1], limits.high[1]],
        },
        picture=frame.svg(parts, summary),
        summary=summary,
        suggest="lower the variance slowly; then drag a mean, and let the means move.",
        notice="the undecided samples (ringed) die out, until each belongs to its nearest mean alone: k-means.",
        name=name,
    )


def _rings(pixels, radius):
    """Draw a ring of one standard deviation around each mean, and a cross on it."""
    rings = "".join(
        f'<circle cx="{px(x)}" cy="{px(y)}" r="{radius}" fill="none" stroke="{colour(k)}" stroke-width="2" '
        'stroke-dasharray="6 4"/>'
        for k, (x, y) in enumerate(pixels)
    )
    crosses = "".join(f'<path class="gw-mark" d="{cross(x, y)}"/>' for x, y in pixels)
    return f'<g class="gw-rings">{rings}</g>{crosses}'
