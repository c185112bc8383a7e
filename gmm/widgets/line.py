"""Responsibilities of a point that moves along the line."""

from __future__ import annotations

import numpy as np

from gmm.formulas import _checks as check
from gmm.formulas.mixture import joint_log_density, mixture_log_density
from gmm.formulas.responsibilities import responsibilities
from gmm.widgets import _page
from gmm.widgets._page import number
from gmm.widgets._picture import Frame, polyline, px

_BAR = 280


@_page.widget
def responsibility_line(
    weights, means, covariances, *, limits=None, n_stops=101, axis_label="x", name="responsibility-line"
):
    """Move a point along the line and watch its responsibilities.

    Above, the weighted densities of the components and their sum; below, the responsibilities as stacked shares of one,
    :eq:`eq-responsibility`. Beside them the log joint densities at the point and their softmax, :eq:`eq-softmax`.

    Parameters
    ----------
    weights : array_like, shape (n_components,)
        At most six components.
    means : array_like, shape (n_components, 1)
    covariances : array_like, shape (n_components, 1, 1)
    limits : sequence of two floats, optional
        Range of the point; by default four standard deviations around each mean.
    n_stops : int
        Number of places of the point, evenly spaced.
    axis_label : str
    {common}
    """
    weights, means, covariances = check.parameters(weights, means, covariances)
    if means.shape[1] != 1:
        raise ValueError(f"means must have 1 feature, for the point moves along a line; got {means.shape[1]}")
    _page.check_n_components(len(weights))
    if not (weights > 0).all():
        raise ValueError(f"weights must be positive here; weights[{int(np.argmin(weights))}] is 0")
    spread = 4 * np.sqrt(covariances[:, :, 0])
    low, high = _page.check_limits(limits, (means - spread).min(), (means + spread).max())
    n_stops = check.count(n_stops, "n_stops", minimum=3)
    (axis_label,) = _page.check_labels(axis_label, 1)
    _page.check_name(name)

    x = np.linspace(low, high, n_stops)
    joint = joint_log_density(x[:, None], weights, means, covariances)
    total = mixture_log_density(x[:, None], weights, means, covariances)
    resp = responsibilities(x[:, None], weights, means, covariances)
    digits = _page.digits_for(x[:, None])[0]
    # Numbers are stored as whole hundredths and thousandths.
    hundredths = _page.whole(100 * np.column_stack([joint, total]))
    thousandths = _page.whole(1000 * resp)
    place = n_stops // 2
    texts = [f"x = {number(value, digits)}" for value in x]

    upper = Frame((low, 0), (high, 1.06 * np.exp(total.max())), height=350, bottom=190)
    lower = Frame((low, 0), (high, 1), height=350, top=178, left=upper.left)
    curves = [f'<path class="gw-thick" d="{upper.path(np.column_stack([x, np.exp(total)]))}"/>'] + [
        f'<path class="k{k}" d="{upper.path(np.column_stack([x, np.exp(column)]))}"/>'
        for k, column in enumerate(joint.T)
    ]
    here = upper.place([[x[place], 0]])[0, 0]
    mark = f'<path class="gw-mark gw-here" d="M0 {upper.top}V{lower.bottom}" transform="translate({px(here)})"/>'
    parts = [upper.axes(("", "density"), ticks=(0, 3)), lower.axes((axis_label, "shares"), ticks=(5, 2))]
    summary = f"A point on the line and its responsibilities under {len(weights)} components"
    svg = lower.svg([*parts[:1], *curves, *_areas(lower, x, resp), parts[1], mark], summary)
    rows = [[number(joint[place, k], 2), number(resp[place, k], 3)] for k in range(len(weights))]
    side = _bars(resp[place]) + _page.table(("k", "log joint", "r"), rows)
    return _page.page(
        kind="line",
        name=name,
        summary=summary,
        body=f'<div class="gw-row"><div class="gw-main gw-drag">{svg}{_page.CONTROLS}</div>'
        f'<div class="gw-side">{side}<output>{_text(texts[place], total[place], resp[place])}</output></div></div>',
        controls=_page.slider("point on the line", n_stops, place, texts[place], label="point"),
        data={
            "K": len(weights),
            "x": [round(float(lower.place([[low, 0]])[0, 0]), 2), round(float(lower.scale[0] * (x[1] - x[0])), 5)],
            "joint": hundredths.ravel().tolist(),
            "resp": thousandths.ravel().tolist(),
            "names": texts,
        },
        hint="With JavaScript, the point can be moved.",
    )


def _text(place, log_density, resp):
    """Say the numbers at one place. The script says the same."""
    shares = ", ".join(number(share, 3) for share in resp)
    return f"{place}: log-density {number(log_density, 2)}; responsibilities {shares}."


def _areas(frame, x, resp):
    """Stacked shares, each with the number of its component where it is widest."""
    edges = np.cumsum(np.column_stack([np.zeros(len(x)), resp]), axis=1)
    for k in range(resp.shape[1]):
        below, above = (frame.place(np.column_stack([x, edge])) for edge in edges[:, k : k + 2].T)
        yield f'<path class="f{k}" d="{polyline(np.vstack([above, below[::-1]]))}Z"/>'
    for k, column in enumerate(resp.T):
        # The middle of the places where the share is within a hundredth of its largest.
        widest = int(np.median(np.flatnonzero(column > column.max() - 0.01)))
        if column[widest] > 0.12:
            (at,) = frame.place([[x[widest], edges[widest, k : k + 2].mean()]])
            yield f'<text x="{px(at[0])}" y="{px(at[1])}" dy=".35em" text-anchor="middle">{k + 1}</text>'


def _bars(resp):
    """Responsibilities at the point as one stacked bar."""
    edges = np.concatenate([[0.0], np.cumsum(_page.whole(1000 * resp) / 1000)]) * _BAR
    bars = "".join(
        f'<rect class="f{k}" x="{px(edges[k])}" y="0" width="{px(edges[k + 1] - edges[k])}" height="26"/>'
        for k in range(len(resp))
    )
    return f'<svg class="gw-svg gw-bars" viewBox="0 0 {_BAR} 26" aria-hidden="true">{bars}</svg>'
