"""The log-likelihood over two means, and where EM goes from any start."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase as LETTERS

import numpy as np
from matplotlib.figure import Figure

from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.formulas.likelihood import log_likelihood_kernel
from gmm.formulas.mixture import joint_log_density_kernel
from gmm.formulas.responsibilities import log_responsibilities_kernel
from gmm.formulas.updates import update_means_kernel
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame, polyline, px

_N_GRID = 41
_MAX_ITER = 2000
# Contours at these shares of the way from the highest to the lowest point of the grid.
_DEPTHS = (0.004, 0.015, 0.04, 0.09, 0.17, 0.3, 0.48, 0.7)


@_page.widget
def likelihood_surface(
    X: ArrayLike,
    weights: ArrayLike,
    covariances: ArrayLike,
    *,
    limits: ArrayLike | None = None,
    n_starts: int = 17,
    start: ArrayLike | None = None,
    axis_labels: Sequence[str] = ("first mean", "second mean"),
    name: str = "likelihood-surface",
) -> Widget:
    """Log-likelihood of a mixture on the line over its two means, and EM's path from any start, computed in the page.

    Weights and variances are held, so that an iteration of EM is :eq:`eq-update-means` alone; it is repeated until no
    mean moves by more than a millionth of the range. Letters rank the optima, A the highest; mirror images of equal
    height are one optimum and share its letter. A place where EM stands still and no maximum is gets a diamond and the
    name saddle. The small dots are the starts, in the colour of the optimum that EM reaches from them, or in grey if it
    ends at a saddle; lines are contours of the log-likelihood, :eq:`eq-log-likelihood`.

    Parameters
    ----------
    X : array_like, shape (n_samples, 1)
    weights : array_like, shape (2,)
        Positive, summing to one.
    covariances : array_like, shape (2, 1, 1)
    limits : sequence of two floats, optional
        Range of both means; by default that of the data.
    n_starts : int
        Starts along each axis; EM is run from each pair.
    start : sequence of two floats, optional
        The start that is shown first: the nearest one of the grid.
    axis_labels : sequence of two str
    {common}
    """
    X = check.data(X)
    if X.shape[1] != 1:
        raise ValueError(f"X must have 1 feature, for two means to be a point of the plane; got {X.shape[1]}")
    weights, _, covariances = check.parameters(weights, np.zeros((np.size(weights), 1)), covariances, 1)
    if len(weights) != 2 or not (weights > 0).all():
        raise ValueError(f"weights must be two positive numbers; got {weights.tolist()}")
    low, high = _page.check_limits(limits, X.min(), X.max())
    n_starts = check.count(n_starts, "n_starts", minimum=2)
    axis_labels = _page.check_labels(axis_labels, 2)
    _page.check_name(name)
    wanted = (
        np.array([low + 0.2 * (high - low), high]) if start is None else check.real_array(start, "start", 1, "(2,)")
    )
    if wanted.shape != (2,) or not ((low <= wanted) & (wanted <= high)).all():
        raise ValueError(f"start must be two means within ({low:g}, {high:g}); got {wanted.tolist()}")

    frame = Frame((low, low), (high, high), width=400, height=400)
    places = np.linspace(low, high, n_starts)
    paths = [_climb(X, weights, [first, second], covariances, high - low) for first in places for second in places]
    places_of_rest, reached = _places_of_rest([path[-1] for path in paths], X, weights, covariances, high - low)
    n_optima = 1 + max((rank for _, _, rank in places_of_rest if rank is not None), default=-1)
    n_saddles = sum(rank is None for _, _, rank in places_of_rest)
    if n_optima > len(LETTERS):
        raise ValueError(
            f"the widget names at most {len(LETTERS)} optima by a letter, and EM reaches {n_optima}: give fewer "
            "starts or larger covariances"
        )
    counted = _counted(n_optima, "optimum", "optima")
    if n_saddles:
        counted += " and " + _counted(n_saddles, "saddle", "saddles")
    summary = f"Log-likelihood over two means, {counted}, and the path of EM from a start"
    picture = _picture(frame, X, weights, covariances, places, reached, places_of_rest)
    path = _climb(X, weights, wanted, covariances, high - low)
    parts = [frame.axes(axis_labels), frame.clip([*picture, _path(frame.place(path))])]
    return live(
        "surface",
        {
            "X": X,
            "weights": weights,
            "covariances": covariances,
            "low": low,
            "high": high,
            "start": wanted,
            "starts": n_starts,
            "digits": _page.digits_for(np.array([[low], [high]]))[0],
            "labels": axis_labels,
            "depths": _DEPTHS,
        },
        picture=frame.svg(parts, summary),
        summary=summary,
        suggest="drag the start across the map, on the diagonal and beside it; then move the weight.",
        notice="EM climbs to the hill at whose foot it began, and hills come and go with weight and width.",
        name=name,
    )


def _height(X, weights, means, covariances):
    return log_likelihood_kernel(X, weights, np.reshape(means, (2, 1)), covariances)


def _climb(X, weights, means, covariances, span):
    """Means of every iteration, the start first, until they rest to a millionth of the range."""
    path = [np.array(means, dtype=float)]
    for _ in range(_MAX_ITER):
        log_joint = joint_log_density_kernel(X, weights, path[-1][:, None].copy(), covariances)
        path.append(update_means_kernel(X, np.exp(log_responsibilities_kernel(log_joint)))[:, 0])
        if np.abs(path[-1] - path[-2]).max() < 1e-6 * span:
            break
    return np.array(path)


def _counted(n, one, many):
    return f"{n} {one if n == 1 else many}"


def _places_of_rest(ends, X, weights, covariances, span):
    """List the different ends, the optima first and the highest of them first, and say which one each path reached.

    Each is (means, log-likelihood, rank): the rank of the optimum from 0 on, the same for mirror images of equal
    height, or None for a saddle.
    """
    found = []
    for end in ends:
        if not any(np.abs(end - other).max() < 2e-3 * span for other in found):
            found.append(end)
    # Mirror images have the same height to rounding; the one with the smaller first mean comes first.
    rows = [(end, _height(X, weights, end, covariances), _is_saddle(X, weights, end, covariances)) for end in found]
    rows.sort(key=lambda row: (row[2], -round(row[1], 6), row[0][0]))
    places, tops = [], []
    for end, height, saddle in rows:
        if saddle:
            places.append((end, height, None))
            continue
        mirrored = [
            np.abs(end[::-1] - top).max() < 2e-3 * span and abs(height - other) < 1e-6 * max(1.0, abs(other))
            for top, other in tops
        ]
        rank = mirrored.index(True) if any(mirrored) else len(tops)
        if rank == len(tops):
            tops.append((end, height))
        places.append((end, height, rank))
    reached = [int(np.argmin([np.abs(end - place[0]).max() for place in places])) for end in ends]
    return places, reached


def _is_saddle(X, weights, means, covariances):
    """Whether the log-likelihood curves upwards in some direction of the two means.

    The slope in mean k is the sum of r_k (x - mean_k) / variance_k over the samples. A responsibility changes with its
    own mean by r_k (1 - r_k), and with the other one by minus the product of both, times (x - mean) / variance.
    """
    log_joint = joint_log_density_kernel(X, weights, np.reshape(means, (2, 1)), covariances)
    resp = np.exp(log_responsibilities_kernel(log_joint))
    variances = covariances[:, 0, 0]
    slopes = (X - means) / variances
    information = resp.sum(axis=0) / variances
    hessian = np.diag((resp * slopes**2).sum(axis=0) - information) - (resp * slopes).T @ (resp * slopes)
    return bool(np.linalg.eigvalsh(hessian)[-1] > 1e-6 * information.max())


def _picture(frame, X, weights, covariances, places, reached, places_of_rest):
    """Contours, starts in the colours of their optima, the optima with their letters, and the saddles."""
    axis = np.linspace(frame.low[0], frame.high[0], _N_GRID)
    heights = np.array([[_height(X, weights, (first, second), covariances) for first in axis] for second in axis])
    levels = sorted(heights.max() - depth * np.ptp(heights) for depth in _DEPTHS)
    lines = "".join(
        _small_path(frame.place(line))
        for level in Figure().subplots().contour(axis, axis, heights, levels=levels).allsegs
        for line in level
        if len(line) > 2
    )
    yield f'<path class="gw-contour" d="{lines}"/>'
    yield f'<path class="gw-line" stroke-dasharray="4 4" d="{frame.path([frame.low, frame.high])}"/>'
    starts = frame.place([(first, second) for first in places for second in places])
    spots = frame.place([mean for mean, _, _ in places_of_rest])
    for k, (_, _, rank) in enumerate(places_of_rest):
        dots = "".join(f"M{px(x)} {px(y)}h0" for (x, y), end in zip(starts, reached, strict=True) if end == k)
        yield f'<path class="gw-starts{_hue(rank)} d="{dots}"/>'
    for (x, y), (_, _, rank) in zip(spots, places_of_rest, strict=True):
        # The name stands on the right of its mark, or on the left of it where another mark is in the way.
        name, width = ("saddle", 60) if rank is None else (LETTERS[rank], 24)
        crowded = any(0 < other - x < width and abs(above - y) < 20 for other, above in spots)
        side = f'x="{px(x - 8)}" text-anchor="end"' if crowded else f'x="{px(x + 8)}"'
        shape = f'<circle cx="{px(x)}" cy="{px(y)}" r="5"' if rank is not None else f'<path d="{_diamond(x, y)}"'
        yield f'{shape} class="gw-optimum{_hue(rank)}/>'
        yield f'<text class="gw-letter" {side} y="{px(y - 7)}">{name}</text>'


def _hue(rank):
    """End of a class attribute: the colour of an optimum, or grey for a saddle."""
    return '" style="stroke:var(--grey)"' if rank is None else f' p{rank % _page.MAX_COMPONENTS}"'


def _diamond(x, y, r=6):
    return f"M{px(x)} {px(y - r)}L{px(x + r)} {px(y)}L{px(x)} {px(y + r)}L{px(x - r)} {px(y)}Z"


def _small_path(pixels):
    """Path in whole pixels, each step relative to the one before."""
    points = _page.whole(pixels)
    steps = np.diff(points, axis=0)
    steps = steps[np.abs(steps).max(axis=1) > 0]
    return f"M{points[0, 0]} {points[0, 1]}l" + " ".join(f"{x} {y}".replace(" -", "-") for x, y in steps)


def _path(line):
    x, y = line[0]
    dots = "".join(f"M{px(a)} {px(b)}h0" for a, b in line)
    ring = f'<circle class="gw-here" cx="{px(x)}" cy="{px(y)}" r="7"/>'
    return f'<path class="gw-way" d="{polyline(line)}"/><path class="gw-points" d="{dots}"/>{ring}'
