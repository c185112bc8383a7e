"""The ellipse of a covariance matrix, with its variances and correlation in your hand."""

from __future__ import annotations

import numpy as np

from gmm.formulas import _checks as check
from gmm.formulas.gaussian import (
    cholesky,
    gaussian_log_likelihood,
    log_determinant,
    mahalanobis_squared,
    principal_axes,
    sample_covariance,
    sample_mean,
)
from gmm.widgets import _page
from gmm.widgets._page import number
from gmm.widgets._picture import Frame, dots, ellipse_path, px

_N_STOPS = 40
CORRELATIONS = [round(0.05 * step, 2) for step in range(-19, 20)]


@_page.widget
def ellipse_explorer(
    X=None, *, variances=(1.0, 1.0), correlation=0.0, axis_labels=("x₁", "x₂"), name="ellipse-explorer"
):
    """Ellipses, eigenvectors and density of a Gaussian in two dimensions, while you change its covariance.

    Sliders, or the two round handles, set both variances and the correlation. Ellipses stand at one, two and three
    standard deviations; the arrows are the eigenvectors times the roots of their eigenvalues,
    :eq:`eq-principal-axes`. With data, the mean stays at that of the sample, and the log-likelihood is shown beside the
    largest possible one. One unit is as long on both axes, so that right angles are right.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2), optional
        Data to be drawn below the ellipses.
    variances : sequence of two floats
        With which the figure begins; each slider ends at four times the larger of this and the variance of the sample.
    correlation : float
        Between −0.95 and 0.95; the nearest multiple of 0.05 is used.
    axis_labels : sequence of two str
    {common}

    Notes
    -----
    A 2 × 2 matrix has its eigenvalues in closed form, so the script computes them. The tests compare what it shows with
    :func:`gmm.principal_axes` and :func:`gmm.gaussian_log_likelihood`.
    """
    variances = check.real_array(variances, "variances", 1, "(2,)")
    if variances.shape != (2,) or not (variances > 0).all():
        raise ValueError(f"variances must be two positive numbers; got {variances.tolist()}")
    correlation = check.number(correlation, "correlation")
    if abs(correlation) > CORRELATIONS[-1]:
        raise ValueError(f"correlation must lie between -0.95 and 0.95; got {correlation:g}")
    axis_labels = _page.check_labels(axis_labels, 2)
    _page.check_name(name)
    mean, ends, shared = np.zeros(2), 4 * variances, {}
    if X is not None:
        X = check.data(X)
        if X.shape[1] != 2:
            raise ValueError(f"X must have 2 features to be drawn; got {X.shape[1]}")
        mean, sample = sample_mean(X), sample_covariance(X)
        cholesky(sample)  # refuses data on a line
        ends = 4 * np.maximum(variances, np.diag(sample))
        # Ten digits of the covariance: the last ones are rounding, which differs from machine to machine.
        digits = [float(f"{value:.10g}") for value in sample.ravel()]
        shared = {"n": len(X), "S": digits, "X": ((X - mean).round(6) + 0.0).ravel().tolist()}

    stops = [[float(f"{value:.3g}") for value in np.linspace(end / _N_STOPS, end, _N_STOPS)] for end in ends]
    places = [int(np.argmin(np.abs(np.array(row) - value))) for row, value in zip(stops, variances, strict=True)]
    places.append(int(np.argmin(np.abs(np.array(CORRELATIONS) - correlation))))
    v1, v2, rho = stops[0][places[0]], stops[1][places[1]], CORRELATIONS[places[2]]
    half = 1.7 * np.sqrt(ends)
    low, high = mean - half, mean + half
    if X is not None:
        low, high = np.minimum(low, X.min(axis=0)), np.maximum(high, X.max(axis=0))
    frame = Frame(low, high, height=340, equal=True)
    covariance = np.array([[v1, rho * np.sqrt(v1 * v2)], [rho * np.sqrt(v1 * v2), v2]])

    summary = "Ellipses of a Gaussian in two dimensions, with sliders for its covariance"
    parts = [frame.axes(axis_labels), frame.clip([*_data(frame, X), *_shapes(frame, mean, covariance, rho)])]
    rows, text = _numbers(X, mean, covariance, rho)
    labels = ("variance of x₁", "variance of x₂", "correlation")
    controls = "".join(
        _page.slider(label, len(row), place, number(row[place], 2) if label == "correlation" else f"{row[place]:g}",
                     label=label)
        for label, row, place in zip(labels, [*stops, CORRELATIONS], places, strict=True)
    )  # fmt: skip
    return _page.page(
        kind="ellipse",
        name=name,
        summary=summary,
        body=f'<div class="gw-row"><div class="gw-main">{frame.svg(parts, summary)}{_page.CONTROLS}</div>'
        f'<div class="gw-side">{_page.table(("axis", "eigenvalue", "half-length", "angle"), rows, marked=False)}'
        f"<output>{text}</output></div></div>",
        controls=controls,
        data={
            "stops": [*stops, CORRELATIONS],
            "mean": [round(float(value), 2) for value in frame.place([mean])[0]],
            "scale": round(float(frame.scale[0]), 6),
        }
        | shared,
        hint="With JavaScript, sliders change the covariance.",
    )


def _data(frame, X):
    return [] if X is None else [dots(frame.place(X))]


def _shapes(frame, mean, covariance, rho):
    """Ellipses, box, arrows and handles of one covariance. The script draws the same."""
    (first, angle), (second, _) = _axes(covariance)
    ring = [*frame.place([mean])[0], first * frame.scale[0], second * frame.scale[0], -angle]
    rings = "".join(f'<path class="k0 s{radius}" d="{ellipse_path(ring, radius)}"/>' for radius in (3, 2, 1))
    centre = frame.place([mean])[0]
    arrows = ""
    for k, (length, angle) in enumerate(_axes(covariance)):
        turn = np.radians(angle)
        tip = centre + length * frame.scale * [np.cos(turn), -np.sin(turn)]
        arrows += f'<path class="k{k + 1} gw-arrow" d="M{px(centre[0])} {px(centre[1])}L{px(tip[0])} {px(tip[1])}"/>'
    sd = np.sqrt(np.diag(covariance))
    w, h = sd * frame.scale
    box = f"M{px(centre[0] - w)} {px(centre[1] - h)}h{px(2 * w)}v{px(2 * h)}h{px(-2 * w)}z"
    yield f'<g class="gw-discs">{rings}</g><path class="gw-box" d="{box}"/>{arrows}'
    for dx, dy in ((w, rho * h), (rho * w, h)):
        yield f'<circle class="gw-handle" cx="{px(centre[0] + dx)}" cy="{px(centre[1] - dy)}" r="8"/>'


def _axes(covariance):
    """Half-length and angle of both axes, the angle in degrees above −90 and up to 90."""
    lengths, axes = principal_axes(covariance)
    if np.isclose(*lengths, rtol=1e-9):  # a circle: any pair of directions will do
        axes = np.eye(2)
    angle = np.degrees(np.arctan2(axes[0, 1], axes[0, 0]))
    angle = 90.0 if np.isclose(abs(angle), 90) else (angle + 90.0) % 180.0 - 90.0
    return (lengths[0], angle), (lengths[1], angle + 90.0 if angle <= 0.0 else angle - 90.0)


def _numbers(X, mean, covariance, rho):
    """Rows of the table and the text below it. The script writes the same."""
    rows = [
        [_significant(length**2), _significant(length), f"{number(angle, 0)}°"] for length, angle in _axes(covariance)
    ]
    root = np.exp(log_determinant(cholesky(covariance)) / 2)
    v1, v2 = np.diag(covariance)
    text = (
        f"Variances {_significant(v1)} and {_significant(v2)}, correlation {number(rho, 2)}, covariance "
        f"{_significant(covariance[0, 1])}. Root of the determinant {_significant(root)}; density at the peak "
        f"{_significant(1 / (2 * np.pi * root))}."
    )
    if X is not None:
        inside = [int((mahalanobis_squared(X, mean, covariance) <= r * r).sum()) for r in (1, 2, 3)]
        best = gaussian_log_likelihood(X, mean, sample_covariance(X))
        now = gaussian_log_likelihood(X, mean, covariance)
        text += (
            f" Inside 1, 2, 3 sigmas: {', '.join(map(str, inside))} of {len(X)}. Log-likelihood {number(now, 2)}, "
            f"at most {number(best, 2)}."
        )
    return rows, text


def _significant(value):
    """Three significant digits, as JavaScript's toPrecision(3) writes them."""
    if value == 0:
        return "0.00"
    exponent = int(np.floor(np.log10(abs(float(f"{value:.2e}")))))
    if -7 < exponent < 3:
        return number(value, 2 - exponent)
    mantissa = f"{value:.2e}".split("e")[0]
    return f"{mantissa}e{exponent:+d}".replace("-", "−")
