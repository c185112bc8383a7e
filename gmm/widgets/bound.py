"""The lower bound that EM climbs, over one mean."""

from __future__ import annotations

import numpy as np

from gmm.formulas import _checks as check
from gmm.formulas.em import elbo
from gmm.formulas.likelihood import log_likelihood
from gmm.formulas.responsibilities import responsibilities
from gmm.formulas.updates import update_means
from gmm.widgets import _page
from gmm.widgets._page import number
from gmm.widgets._picture import Frame, polyline, px

_N_GRID = 81


@_page.widget
def elbo_curve(
    X, weights, means, covariances, *, component=0, n_iter=5, limits=None, axis_label="free mean", name="elbo-curve"
):
    """Log-likelihood and lower bound over one mean of a mixture on the line, everything else held.

    An E-step replaces the bound by the one that touches the log-likelihood at the present mean, :eq:`eq-elbo`. An
    M-step moves the mean to the top of the bound, :eq:`eq-update-means`. The gap between the curves at the present mean
    is a divergence, :eq:`eq-kl-divergence`.

    Parameters
    ----------
    X : array_like, shape (n_samples, 1)
    weights : array_like, shape (n_components,)
    means : array_like, shape (n_components, 1)
        The start; only the mean of `component` moves.
    covariances : array_like, shape (n_components, 1, 1)
    component : int
        Whose mean is free, counted from 0.
    n_iter : int
        Number of iterations; the figure has ``2 * n_iter + 1`` states.
    limits : sequence of two floats, optional
        Range of the free mean; by default that of the data.
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
    n_iter = check.count(n_iter, "n_iter")
    low, high = _page.check_limits(limits, X.min(), X.max())
    (axis_label,) = _page.check_labels(axis_label, 1)
    _page.check_name(name)

    def theta(mean):
        moved = means.copy()
        moved[component, 0] = mean
        return weights, moved, covariances

    path, resps = [float(means[component, 0])], []
    for _ in range(n_iter + 1):
        resps.append(responsibilities(X, *theta(path[-1])))
        path.append(float(update_means(X, resps[-1])[component, 0]))
    outside = [mean for mean in path[:-1] if not low <= mean <= high]
    if outside:
        raise ValueError(f"limits must hold every mean that EM visits; got ({low:g}, {high:g}), without {outside[0]:g}")

    grid = np.linspace(low, high, _N_GRID)
    curve = np.array([log_likelihood(X, *theta(mean)) for mean in grid])
    bounds = np.array([[elbo(X, resp, *theta(mean)) for mean in grid] for resp in resps])
    floor = max(bounds.min(), curve.min() - 0.15 * np.ptp(curve))
    frame = Frame((low, floor), (high, curve.max() + 0.06 * (curve.max() - floor)), height=320)
    digits = _page.digits_for(X)[0]

    states = []
    for t, resp in enumerate(resps):
        at, there = path[t], theta(path[t])
        height = log_likelihood(X, *there)
        text = f"E-step {t + 1}: responsibilities at the mean {number(at, digits)}. The new bound touches there: "
        both = f"log-likelihood and bound are {number(height)}."
        states.append((f"E-step {t + 1}", text + both, at, height, height))
        if t < n_iter:
            at, there = path[t + 1], theta(path[t + 1])
            height, bound = log_likelihood(X, *there), elbo(X, resp, *there)
            text = f"M-step {t + 1}: the mean moves to the top of the bound, {number(at, digits)}. "
            both = f"Bound {number(bound)}, log-likelihood {number(height)}: a gap of {number(height - bound, 3)}."
            states.append((f"M-step {t + 1}", text + both, at, height, bound))

    marks = [
        [round(float(value), 1) for value in (x, y, frame.place([[at, bound]])[0, 1])]
        for (_, _, at, height, bound) in states
        for x, y in frame.place([[at, height]])
    ]
    pixels = np.array([frame.place(np.column_stack([grid, bound]))[:, 1] for bound in bounds])
    span = 2 * (frame.bottom - frame.top)
    summary = f"Log-likelihood and lower bound over one mean, {n_iter} iterations of EM in half-steps"
    x, y, z = marks[0]
    curves = [
        f'<path class="gw-thick" d="{frame.path(np.column_stack([grid, curve]))}"/>',
        '<path class="k1 gw-old"/>',
        f'<path class="k0 gw-bound" d="{polyline(frame.place(np.column_stack([grid, bounds[0]])))}"/>',
        f'<path class="gw-gap" d="M{px(x)} {px(y)}V{px(z)}"/>',
        f'<path class="gw-mark gw-top"/><circle class="gw-now" cx="{px(x)}" cy="{px(y)}" r="5"/>',
    ]
    key = (
        ("gw-thick", "log-likelihood"),
        ("k0", "bound, for the present responsibilities"),
        ("k1", "bound before this E-step"),
    )
    parts = [frame.axes((axis_label, "total")), frame.clip(curves)]
    return _page.page(
        kind="bound",
        name=name,
        summary=summary,
        body=f'<div class="gw-one">{frame.svg(parts, summary)}{_page.key(key)}{_page.CONTROLS}</div>'
        f"<output>{states[0][1]}</output>",
        controls=_page.buttons(len(states), "Half-step of EM", states[0][0]),
        data={
            "x": [round(float(frame.place([[low, floor]])[0, 0]), 1), round(frame.scale[0] * (grid[1] - grid[0]), 4)],
            "top": frame.top,
            "span": span,
            "bounds": [_page.encode_pixels(row - frame.top, span) for row in pixels],
            "marks": marks,
            "names": [state[0] for state in states],
            "texts": [state[1] for state in states],
        },
        hint="With JavaScript, buttons and a slider go through the half-steps of EM.",
    )
