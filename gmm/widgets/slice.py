"""Slice a mixture by hand: the conditional density of one feature, computed in the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame, dots, ellipse_path


def _rounded(values):
    """Six digits of each number."""
    return np.vectorize(lambda value: float(f"{value:.6g}"))(values)


@_page.widget
def mixture_slice(
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
    X: ArrayLike | None = None,
    *,
    at: ArrayLike | None = None,
    given: int = 0,
    coverage: float = 0.9,
    limits: ArrayLike | None = None,
    axis_labels: Sequence[str] | None = None,
    name: str = "mixture-slice",
) -> Widget:
    """Slice a mixture of two features where one is given, and see the density of the other.

    The reader drags the slice, chooses which feature is given, and may move the components. Beside the plane stands the
    conditional mixture: its components, its mean, its central interval and its modes; in the plane, dashed, the mean
    for every slice. A component's conditional is a Gaussian, and its weight the responsibility for what is given.

    Parameters
    ----------
    weights : array_like, shape (n_components,)
        Positive.
    means : array_like, shape (n_components, 2)
    covariances : array_like, shape (n_components, 2, 2)
    X : array_like, shape (n_samples, 2), optional
        Samples to be drawn.
    at : sequence of two floats, optional
        The first slice of either feature; by default the mean of the mixture.
    given : int
        Which feature is given at first, 0 or 1.
    coverage : float
        Of the interval, between 0 and 1.
    limits : array_like, shape (2, 2), optional
        (low, high) of both axes.
    axis_labels : sequence of str, optional
        One for each feature, usually ``dataset.labels()``.
    {common}
    """
    weights, means, covariances = check.parameters(weights, means, covariances)
    _page.check_n_components(len(weights))
    if means.shape[1] != 2:
        raise ValueError(f"means must have 2 features to be drawn; got {means.shape[1]}")
    if not (weights > 0.0).all():
        raise ValueError(f"weights must be positive; got {weights.tolist()}")
    if X is not None:
        X = check.data(X)
        if X.shape[1] != 2:
            raise ValueError(f"X must have 2 features; got {X.shape[1]}")
    if given not in (0, 1):
        raise ValueError(f"given must be 0 or 1; got {given!r}")
    coverage = check.number(coverage, "coverage", minimum=0.0, strict=True)
    if coverage >= 1.0:
        raise ValueError(f"coverage must be < 1; got {coverage}")
    deviations = covariances.diagonal(axis1=1, axis2=2) ** 0.5
    low, high = (means - 3 * deviations).min(axis=0), (means + 3 * deviations).max(axis=0)
    if limits is not None:
        low, high = zip(*[_page.check_limits(pair, 0.0, 1.0) for pair in limits], strict=True)
    at = weights @ means if at is None else check.real_array(at, "at", 1, "(2,)")
    if at.shape != (2,):
        raise ValueError(f"at must be two numbers; got shape {at.shape}")
    labels = _page.check_labels(axis_labels or ("x", "y"), 2)
    frame = Frame(low, high, width=640, height=500)
    parts = [frame.axes(labels), *([] if X is None else [dots(frame.place(X))])]
    rings = [frame.ring(mean, covariance) for mean, covariance in zip(means, covariances, strict=True)]
    parts += [f'<path class="k{k}" d="{ellipse_path(ring, r)}"/>' for k, ring in enumerate(rings) for r in (1, 2)]
    ends = np.array([frame.low, frame.high])
    ends[:, given] = at[given]
    parts.append(f'<path class="gw-line" d="{frame.path(ends)}"/>')
    summary = f"A mixture of {len(weights)} components and a slice of it"
    return live(
        "mixture-slice",
        {
            # As many digits as fits on different computers agree on.
            "weights": _rounded(weights),
            "means": _rounded(means),
            "covariances": _rounded(covariances),
            "X": [] if X is None else X,
            "at": _rounded(at),
            "given": int(given),
            "coverage": coverage,
            "axis_labels": labels,
            "names": [label.partition(" (")[0] for label in labels],
            "digits": _page.digits_for([low, high]),
            "x": [low[0], high[0]],
            "y": [low[1], high[1]],
        },
        picture=frame.svg(parts, f"Plane: {summary}, at {labels[given]} = {_page.number(at[given])}"),
        summary=summary,
        suggest="drag the slice from one end to the other. Then let the other feature be given, and move a component "
        "until the answer has two modes.",
        notice="each component answers with a straight line, what is given says which one to believe, and where two "
        "are believed the mean lies where hardly any sample does.",
        name=name,
    )
