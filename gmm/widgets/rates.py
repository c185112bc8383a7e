"""How fast EM climbs, and where a tolerance stops it, computed in the page."""

from __future__ import annotations

import numpy as np

from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.formulas.em import em_kernel
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame

_LIMIT = 3000
_FLOOR = -9.0  # the smallest gap that is drawn, a power of ten


@_page.widget
def em_rates(noise: ArrayLike, *, separation: float = 3.0, tol: float = 1e-6, name: str = "em-rates") -> Widget:
    """EM on two groups on the line, whose distance the reader chooses, with a tolerance that stops it.

    Shown are the gap to the maximum log-likelihood over the iterations, on a logarithmic scale, the iteration at which
    :eq:`eq-log-likelihood-change` stops, what is then still to come, and the rate of the last iterations. All
    parameters are free; EM begins at the true ones and is run until the log-likelihood does not change, 3000 iterations
    at most. No regularisation.

    Parameters
    ----------
    noise : array_like, shape (n_samples,)
        Draws of a standard Gaussian: the first half is one group, the second half is moved by the distance.
    separation : float
        Distance of the groups to begin with, from 1.5 to 6.
    tol : float
        Tolerance per sample to begin with, from 1e-9 to 0.1.
    {common}
    """
    noise = check.real_array(noise, "noise", 1, "(n_samples,)").round(9)
    if len(noise) < 8:
        raise ValueError(f"noise must hold at least 8 draws; got {len(noise)}")
    separation, tol = check.number(separation, "separation"), check.number(tol, "tol", minimum=0.0, strict=True)
    if not 1.5 <= separation <= 6.0:
        raise ValueError(f"separation must be from 1.5 to 6; got {separation:g}")
    if not 1e-9 <= tol <= 0.1:
        raise ValueError(f"tol must be from 1e-9 to 0.1; got {tol:g}")
    n = len(noise)
    X = (noise + separation * (2 * np.arange(n) >= n))[:, None]
    start = (np.array([0.5, 0.5]), np.array([[0.0], [separation]]), np.ones((2, 1, 1)))
    history = em_kernel(X, *start, 1e-15, _LIMIT, 0.0)[3]
    gaps = np.log10(np.maximum(history[-1] - history, 1e-300))
    shown = np.flatnonzero(gaps > _FLOOR)
    frame = Frame((0.0, _FLOOR), (float(max(20, shown[-1])), 1.0), width=640, height=420)
    points = np.column_stack([shown, gaps[shown]])
    parts = [
        frame.axes(("iteration", "log₁₀ of the gap to the maximum")),
        f'<path class="k0" d="{frame.path(points)}"/>',
    ]
    summary = f"How the gap to the maximum shrinks while EM fits two groups {separation:g} standard deviations apart"
    return live(
        "rates",
        {"noise": noise, "separation": separation, "tol": float(np.log10(tol)), "limit": _LIMIT},
        picture=frame.svg(parts, f"{summary}: at last along a straight line, by a constant factor an iteration"),
        summary=summary,
        suggest="bring the groups nearer, to 2 and to 1.5; then choose another tolerance.",
        notice="the line becomes flat, and the same tolerance stops ever farther below the maximum.",
        name=name,
    )
