"""A spike that narrows onto one value, computed in the page."""

from __future__ import annotations

import numpy as np

from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.formulas.regularisation import collapse_log_likelihood_kernel
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame


@_page.widget
def spike(
    x: ArrayLike,
    centre: float,
    weight: float,
    *,
    widths: tuple[float, float] = (1e-7, 40.0),
    start: float = 1.0,
    amounts: ArrayLike = (0.0, 1e-6, 1e-2, 1.0),
    limits: tuple[float, float] | None = None,
    label: str = "x",
    unit: str = "",
    name: str = "spike",
) -> Widget:
    """The log-likelihood over the width of a spike on one value, :eq:`eq-collapse`, and where EM takes that width.

    The reader drags the width, lets EM update it, chooses value and weight of the spike, and adds a ridge,
    :eq:`eq-ridge`. The broad component has the mean and the variance of the data and stays.

    Parameters
    ----------
    x : array_like, shape (n_samples,)
    centre : float
        Where the spike sits: one of the values of `x`.
    weight : float
        Its weight, between 0 and 1.
    widths : tuple of two floats
        The narrowest and the widest spike.
    start : float
        Its width to begin with.
    amounts : sequence of float
        Ridges to choose from, in squared units of `x`; the first should be 0.
    limits : tuple of two floats, optional
        Of the log-likelihood.
    label : str
        Of the axis of `x`.
    unit : str
        For numbers in the text.
    {common}
    """
    x = check.real_array(x, "x", 1, "(n_samples,)")
    if centre not in x:
        raise ValueError(f"centre must be one of the values of x; got {centre}")
    weight = check.number(weight, "weight", minimum=0.0, strict=True)
    if weight >= 1.0:
        raise ValueError(f"weight must be < 1; got {weight}")
    low, high = _page.check_limits(widths, 0.0, 1.0)
    if not 0.0 < low <= start <= high:
        raise ValueError(f"widths and start must satisfy 0 < low <= start <= high; got {low:g}, {start:g}, {high:g}")
    amounts = [check.number(amount, "amounts", minimum=0.0) for amount in amounts]
    mean, variance = float(x.mean()), float(x.var())
    if not variance > 0.0:
        raise ValueError("x must have at least two different values")
    sigmas = np.logspace(np.log10(high), np.log10(low), 160)
    heights = np.array([collapse_log_likelihood_kernel(x, centre, weight, mean, variance, s) for s in sigmas])
    low_limit, high_limit = _page.check_limits(limits, heights.min(), heights.max())
    frame = Frame((-np.log10(high), low_limit), (-np.log10(low), high_limit), width=640, height=400)
    points = np.column_stack([-np.log10(sigmas), np.clip(heights, low_limit, high_limit)])
    label_x = f"−log₁₀ of the width σ ({unit})" if unit else "−log₁₀ of the width σ"
    parts = [frame.axes((label_x, "log-likelihood")), frame.clip([f'<path class="k0" d="{frame.path(points)}"/>'])]
    summary = f"Log-likelihood of {len(x)} samples while a spike on {centre:g} {unit} narrows".strip()
    return live(
        "spike",
        {
            "x": x,
            "label": label,
            "unit": unit,
            "centre": float(centre),
            "weight": weight,
            "mean": mean,
            "variance": variance,
            "widths": [low, high],
            "start": float(start),
            "amounts": amounts,
            "ylim": [low_limit, high_limit],
        },
        picture=frame.svg(parts, f"{summary}: it falls into a dip, then rises in a straight line without bound"),
        summary=summary,
        suggest="drag the width to the right, into the dip and beyond, and let EM run from either side of it. "
        "Then add a ridge, and run again.",
        notice="left of the dip EM widens the spike, right of it EM narrows it for ever, unless a ridge ends the fall.",
        name=name,
    )
