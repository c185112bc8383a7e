"""One variance shared by all components, on the way to zero; computed in the page."""

from __future__ import annotations

import numpy as np

from gmm.formulas import _checks as check
from gmm.formulas.kmeans import spherical_responsibilities
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._picture import Frame, cross, dots


@_page.widget
def sigma_slider(X, means, weights, variances=(2.0, 0.001), *, axis_labels=("x", "y"), name="sigma-slider"):
    """Spherical components that share a variance, which a slider takes towards zero; the means can be dragged.

    The colour of a sample mixes the components' colours in the proportions of its responsibilities,
    :eq:`eq-spherical-responsibility`. A circle of one standard deviation surrounds each mean; grey lines are the
    borders between nearest means. A button moves the means to the averages weighted by the responsibilities,
    :eq:`eq-update-means`; for a small variance that is a step of k-means. One unit is as long on both axes: a spherical
    component is a circle only where the features share a unit.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2)
    means : array_like, shape (n_components, 2)
        At the beginning; at most six.
    weights : array_like, shape (n_components,)
        Positive, summing to one; they stay.
    variances : sequence of two float
        Where the slider begins and ends: the larger first.
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
    variances = check.real_array(variances, "variances", 1, "(2,)")
    if variances.shape != (2,) or not variances[0] > variances[1] > 0:
        raise ValueError(f"variances must be two positive numbers, the larger first; got {variances.tolist()}")
    labels = _page.check_labels(axis_labels, 2)
    frame = Frame.around(np.vstack([X, means]), width=640, height=460, equal=True)
    resp = spherical_responsibilities(X, weights, means, variances[0])
    parts = [frame.axes(labels), dots(frame.place(X), _page.mixed(resp))]
    parts += [f'<path class="p{k}" d="{cross(x, y)}"/>' for k, (x, y) in enumerate(frame.place(means))]
    summary = f"{len(X)} samples and the responsibilities of {len(means)} spherical components with one variance"
    return live(
        "sigma-slider",
        {
            "X": X,
            "means": means,
            "weights": weights,
            "variances": variances,
            "labels": labels,
            "digits": _page.digits_for(X),
            "x": [frame.low[0], frame.high[0]],
            "y": [frame.low[1], frame.high[1]],
        },
        picture=frame.svg(parts, f"Scatter plot: {summary}"),
        summary=summary,
        suggest="take the variance from one end to the other; then drag a mean into a wrong group and press Run, with "
        "a large variance and with a small one.",
        notice="the colours harden but the borders stay; soft steps pull the means together, hard ones are those of "
        "k-means.",
        name=name,
    )
