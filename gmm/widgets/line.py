"""Responsibilities along the line, under components that the reader drags; computed in the page."""

from __future__ import annotations

import numpy as np

from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.formulas.mixture import joint_log_density, mixture_log_density
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame


@_page.widget
def responsibility_line(
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
    *,
    limits: ArrayLike | None = None,
    axis_label: str = "x",
    name: str = "responsibility-line",
) -> Widget:
    """Drag a point, and the components themselves, and watch the responsibilities along the line.

    Above, the weighted densities of the components and their sum, or the logarithms of both; below, the
    responsibilities as stacked shares of one, :eq:`eq-responsibility`. The top of a component moves its mean and its
    weight, the square beside it its standard deviation. A table gives the log joint densities at the point and their
    softmax, :eq:`eq-softmax`.

    Parameters
    ----------
    weights : array_like, shape (n_components,)
        At most six components; positive.
    means : array_like, shape (n_components, 1)
    covariances : array_like, shape (n_components, 1, 1)
    limits : sequence of two floats, optional
        Range of the point; by default four standard deviations around each mean.
    axis_label : str
    {common}
    """
    weights, means, covariances = check.parameters(weights, means, covariances)
    if means.shape[1] != 1:
        raise ValueError(f"means must have 1 feature, for the point moves along a line; got {means.shape[1]}")
    _page.check_n_components(len(weights))
    if not (weights > 0).all():
        raise ValueError(f"weights must be positive here; weights[{int(np.argmin(weights))}] is 0")
    sds = np.sqrt(covariances[:, 0, 0])
    low, high = _page.check_limits(limits, (means[:, 0] - 4 * sds).min(), (means[:, 0] + 4 * sds).max())
    (axis_label,) = _page.check_labels(axis_label, 1)
    x = np.linspace(low, high, 161)[:, None]
    joint = np.exp(joint_log_density(x, weights, means, covariances))
    total = np.exp(mixture_log_density(x, weights, means, covariances))
    frame = Frame((low, 0), (high, 1.2 * total.max()), width=640, height=400)
    curves = [
        f'<path class="k{k}" d="{frame.path(np.column_stack([x, column]))}"/>' for k, column in enumerate(joint.T)
    ]
    parts = [frame.axes((axis_label, "density")), *curves]
    summary = f"Responsibilities along the line under {len(weights)} components"
    return live(
        "responsibility-line",
        {
            "weights": weights,
            "means": means[:, 0],
            "sds": sds,
            "x": [low, high],
            "label": axis_label,
            "digits": max(1, _page.digits_for(x)[0]),
        },
        picture=frame.svg(parts, f"Weighted densities of {len(weights)} components"),
        summary=summary,
        suggest="move the point far out on both sides, then drag a bell's top and its square, and press Equal widths.",
        notice="far out the widest component takes all, whatever its weight; with equal widths each end goes to the "
        "outermost mean.",
        name=name,
    )
