"""EM half a step at a time."""

from __future__ import annotations

from itertools import islice

import numpy as np

from gmm.formulas import _checks as check
from gmm.formulas.em import elbo, em_steps
from gmm.formulas.mixture import joint_log_density
from gmm.formulas.updates import effective_counts
from gmm.widgets import _page
from gmm.widgets._page import number
from gmm.widgets._picture import Frame, cross, dots, ellipse_path, px

_N_GRID = 90
_N_BARS = 27


@_page.widget
def em_stepper(X, weights, means, covariances, *, n_iter=10, reg_covar=0.0, axis_labels=None, name="em-stepper"):
    """EM on one or two features, one half-step at a time.

    An E-step changes the colours of the samples, which mix the components' colours in the proportions of the
    responsibilities, :eq:`eq-e-step`. An M-step moves the components, :eq:`eq-m-step`: ellipses of one and two standard
    deviations for two features, weighted density curves over a histogram for one. Beside them stand the log-likelihood
    of each iteration, with the present one marked, and the parameters. Colours are stored in steps of 1/63.

    Parameters
    ----------
    X : array_like, shape (n_samples, 1) or (n_samples, 2)
    weights : array_like, shape (n_components,)
        The start of EM, as in `means` and `covariances`; at most six components.
    means : array_like, shape (n_components, n_features)
    covariances : array_like, shape (n_components, n_features, n_features)
    n_iter : int
        Number of iterations; the figure has ``2 * n_iter + 2`` states.
    reg_covar : float
        Added to the diagonal of each covariance, as in :func:`gmm.em`.
    axis_labels : sequence of str, optional
        One for each feature, usually ``dataset.labels()``.
    {common}
    SingularCovarianceError
        If a component collapses within `n_iter` iterations.
    """
    X, weights, means, covariances = check.data_and_parameters(X, weights, means, covariances)
    n_samples, n_features = X.shape
    if n_features > 2:
        raise ValueError(f"X must have 1 or 2 features to be drawn; got {n_features}")
    _page.check_n_components(weights.shape[0])
    n_iter = check.count(n_iter, "n_iter")
    labels = _page.check_labels(axis_labels or ("x", "y")[:n_features], n_features)
    _page.check_name(name)

    steps = list(islice(em_steps(X, weights, means, covariances, reg_covar=reg_covar), n_iter + 1))
    picture = (_Line if n_features == 1 else _Plane)(X, steps, labels)
    trace = _Trace(steps)
    tables = [_rows(step, _page.digits_for(X)) for step in steps]
    states = list(_states(X, steps))
    summary = f"EM on {n_samples} samples with {len(weights)} components, {n_iter} iterations in half-steps"
    heads = ("k", "weight", "mean" if n_features == 1 else "means", "sd")
    body = (
        f'<div class="gw-row"><div class="gw-main">{picture.svg(summary)}{_page.CONTROLS}'
        f"<output>{states[0][1]}</output></div>"
        f'<div class="gw-side">{trace.svg()}{_page.table(heads, tables[0])}</div></div>'
    )
    return _page.page(
        kind="stepper",
        name=name,
        summary=summary,
        body=body,
        controls=_page.buttons(len(states), "Half-step of EM", states[0][0]),
        data={
            "K": len(weights),
            "resp": [_page.encode_resp(step.resp) for step in steps],
            "shapes": picture.shapes,
            "curves": picture.curves,
            "rows": tables,
            "trace": trace.points,
            "names": [title for title, _ in states],
            "texts": [text for _, text in states],
        },
        hint="With JavaScript, buttons and a slider go through the half-steps of EM.",
    )


def _states(X, steps):
    """Yield name and text of each half-step."""
    first = steps[0].log_likelihood
    yield "Start", f"Start: log-likelihood {number(first)}. No sample has a responsibility yet."
    for old, new in zip(steps, [*steps[1:], None], strict=True):
        t = old.iteration + 1
        counts = ", ".join(number(count, 1) for count in effective_counts(old.resp))
        bound = number(old.log_likelihood)
        text = f"E-step {t}: the colours are the responsibilities; effective counts {counts}. "
        yield f"E-step {t}", text + f"The bound touches the log-likelihood, {bound}."
        if new is not None:
            gain = new.log_likelihood - old.log_likelihood
            rise = f"{'up' if gain >= 0 else 'down'} by {number(abs(gain), 3)}"
            bound = number(elbo(X, old.resp, new.weights, new.means, new.covariances))
            text = f"M-step {t}: each component refitted to its share. Log-likelihood {number(new.log_likelihood)}, "
            yield f"M-step {t}", text + f"{rise}; the bound is at {bound}."


def _rows(step, digits):
    """Weight, mean and standard deviations of each component, as text."""
    spread = np.sqrt(np.diagonal(step.covariances, axis1=1, axis2=2))
    return [
        [number(weight, 3), *(", ".join(map(number, row, digits)) for row in pair)]
        for weight, *pair in zip(step.weights, step.means, spread, strict=True)
    ]


class _Plane:
    """Two features: dots, and ellipses of one and two standard deviations."""

    curves = None

    def __init__(self, X, steps, labels):
        everything = np.vstack([X, *(step.means for step in steps)])
        self.frame, self.labels, self.X = Frame.around(everything), labels, X
        self.shapes = [
            [self.frame.ring(mean, covariance) for mean, covariance in zip(step.means, step.covariances, strict=True)]
            for step in steps
        ]

    def svg(self, label):
        rings = "".join(
            f'<path class="k{k}" d="{ellipse_path(ring, radius)}"/>'
            for k, ring in enumerate(self.shapes[0])
            for radius in (1, 2)
        )
        marks = "".join(f'<path class="gw-mark" d="{cross(*ring[:2])}"/>' for ring in self.shapes[0])
        parts = [self.frame.axes(self.labels), dots(self.frame.place(self.X))]
        parts.append(self.frame.clip([f'<g class="gw-rings">{rings}</g><g class="gw-marks">{marks}</g>']))
        return self.frame.svg(parts, f"Scatter plot: {label}")


class _Line:
    """One feature: a histogram, weighted density curves over it, and the samples in a strip below."""

    shapes = None
    _STRIP = 26

    def __init__(self, X, steps, labels):
        x, self.labels = X[:, 0], labels
        margin = 0.08 * np.ptp(x) or 1.0
        low, high = x.min() - margin, x.max() + margin
        grid = np.linspace(low, high, _N_GRID)
        n_bars = max(3, min(_N_BARS, int(2 * np.sqrt(len(x)))))
        self.heights, self.edges = np.histogram(x, bins=n_bars, density=True)
        joint = np.exp([joint_log_density(grid[:, None], s.weights, s.means, s.covariances) for s in steps])
        top = 1.08 * min(3 * self.heights.max(), max(self.heights.max(), joint.sum(axis=2).max()))
        self.frame = Frame((low, 0.0), (high, top), bottom=40 + self._STRIP)
        self.grid = self.frame.place(np.column_stack([grid, np.zeros(_N_GRID)]))[:, 0]
        self.x = self.frame.place(np.column_stack([x, np.zeros(len(x))]))[:, 0]
        # Where a curve leaves the frame it is cut off at the top.
        heights = np.minimum(joint * self.frame.scale[1], self.frame.bottom - self.frame.top)
        self.curves = {
            "x": [round(float(self.grid[0]), 1), round(float(self.grid[1] - self.grid[0]), 3)],
            "base": self.frame.bottom,
            "size": self.frame.bottom - self.frame.top,
            "y": [[_page.encode_pixels(column, self.frame.bottom - self.frame.top) for column in h.T] for h in heights],
        }
        self.first = heights[0]

    def _curve(self, heights):
        return "M" + "L".join(f"{px(x)} {px(self.frame.bottom - y)}" for x, y in zip(self.grid, heights, strict=True))

    def svg(self, label):
        frame = self.frame
        corners = frame.place(np.column_stack([self.edges[:-1], self.heights]))
        width = (self.edges[1] - self.edges[0]) * frame.scale[0]
        bars = "".join(f"M{px(x)} {frame.bottom}V{px(y)}h{px(width)}V{frame.bottom}z" for x, y in corners)
        total = np.minimum(self.first.sum(axis=1), frame.bottom - frame.top)
        curves = f'<path class="gw-thick" d="{self._curve(total)}"/>' + "".join(
            f'<path class="k{k}" d="{self._curve(heights)}"/>' for k, heights in enumerate(self.first.T)
        )
        # Samples with the same value lie beside each other in the strip, not on each other.
        rows = frame.bottom + 7 + 5 * (np.arange(len(self.x)) % 4)
        strip = dots(np.column_stack([self.x, rows]))
        axes = frame.axes((self.labels[0], "density"), drop=self._STRIP)
        parts = [f'<path class="gw-bar" d="{bars}"/>', axes, strip, f'<g class="gw-curves">{curves}</g>']
        return frame.svg(parts, f"Histogram with density curves: {label}")


class _Trace:
    """Log-likelihood over iterations, with a mark at the present one."""

    def __init__(self, steps):
        values = np.array([step.log_likelihood for step in steps])
        low, high = values.min(), values.max()
        later = values[1:].min()
        # A start far below the rest would press the rest into a line: it is drawn at the lower edge.
        if high - low > 4 * (high - later):
            low = later - 0.35 * max(high - later, 1e-9)
        pad = 0.08 * (high - low) or 1.0
        last = len(values) - 1
        self.frame = Frame((0, low - pad), (last, high + pad), width=280, height=170, right=12, bottom=36)
        self.cut = values < low - pad
        pixels = self.frame.place(np.column_stack([np.arange(len(values)), np.maximum(values, low - pad)]))
        self.points = [[round(float(x), 1), round(float(y), 1)] for x, y in pixels]
        self.values = values

    def svg(self):
        frame, points = self.frame, self.points
        kept = [point for point, cut in zip(points, self.cut, strict=True) if not cut]
        line = "M" + "L".join(f"{px(x)} {px(y)}" for x, y in kept)
        parts = [frame.axes(("iteration", "log-likelihood"), ticks=(5, 4), whole=True)]
        if self.cut[0]:
            (x0, y0), (x1, y1) = points[:2]
            parts.append(f'<path class="gw-line" stroke-dasharray="3 3" d="M{px(x0)} {px(y0)}L{px(x1)} {px(y1)}"/>')
        parts.append(f'<path class="gw-line" d="{line}"/>')
        parts.extend(f'<circle cx="{px(x)}" cy="{px(y)}" r="2.2" fill="currentColor"/>' for x, y in points)
        x, y = points[0]
        parts.append(f'<circle class="gw-here" cx="{px(x)}" cy="{px(y)}" r="6"/>')
        label = f"Log-likelihood over {len(points) - 1} iterations: from {number(self.values[0])} to "
        return frame.svg(parts, label + number(self.values[-1]))
