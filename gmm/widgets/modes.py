"""Two components on the line, one mode or two; computed in the page."""

from __future__ import annotations

import numpy as np

from gmm.formulas import _checks as check
from gmm.formulas.mixture import joint_log_density
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame


@_page.widget
def two_modes(weight: float = 0.5, distance: float = 3.0, sd: float = 1.0, *, name: str = "two-modes") -> Widget:
    """Drag two components on the line, and see for which distances and weights their density has two modes.

    The first has mean 0 and standard deviation 1, which is the unit of the axis. On the left the density, its modes and
    the dip between them, on the right a map of all distances and weights for the present widths. Samples can be drawn,
    :eq:`eq-ancestral-sampling`, to see what a histogram shows of two modes.

    Parameters
    ----------
    weight : float
        Of the second component at the beginning, between 0.01 and 0.99.
    distance : float
        Of the means, from 0 to 6.
    sd : float
        Standard deviation of the second component, from 0.3 to 3.
    {common}
    """
    ranges = {"weight": (weight, 0.01, 0.99), "distance": (distance, 0.0, 6.0), "sd": (sd, 0.3, 3.0)}
    weight, distance, sd = (check.number(value, key) for key, (value, _, _) in ranges.items())
    for key, (value, low, high) in ranges.items():
        if not low <= value <= high:
            raise ValueError(f"{key} must lie between {low:g} and {high:g}; got {value:g}")
    limits = (-4.0, 9.0)
    x = np.linspace(*limits, 131)[:, None]
    pair = [1 - weight, weight], [[0.0], [distance]], [[[1.0]], [[sd * sd]]]
    joint = np.exp(joint_log_density(x, *pair))
    frame = Frame((limits[0], 0), (limits[1], 1.2 * joint.sum(axis=1).max()), width=640, height=300)
    curves = [
        f'<path class="k{k}" d="{frame.path(np.column_stack([x, column]))}"/>' for k, column in enumerate(joint.T)
    ]
    parts = [frame.axes(("x, in standard deviations of component 1", "density")), *curves]
    summary = "One mode or two: two components, their distance, weight and width"
    return live(
        "two-modes",
        {"weight": weight, "distance": distance, "sd": sd, "x": limits},
        picture=frame.svg(parts, f"Densities of two components {distance:g} standard deviations apart"),
        summary=summary,
        suggest="drag the top of a bell, or the dot on the map, across the border; then draw 100 samples beside it.",
        notice="at equal widths and weights the second mode appears at a distance of two, at other weights later; "
        "a histogram of 100 shows dips where there are none.",
        name=name,
    )
