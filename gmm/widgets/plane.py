"""EM on the plane, computed in the page."""

from __future__ import annotations

from collections.abc import Sequence

from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame, cross, dots, ellipse_path


@_page.widget
def em_plane(
    X: ArrayLike,
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
    *,
    axis_labels: Sequence[str] | None = None,
    name: str = "em-plane",
) -> Widget:
    """EM on two features, computed in the page half a step at a time.

    The reader drags means and the axes of the ellipses, adds and removes samples, chooses up to six components, and
    goes on by E-steps, :eq:`eq-e-step`, and M-steps, :eq:`eq-m-step`, or lets them run. No regularisation: a component
    that collapses is named and the step is not taken.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2)
    weights : array_like, shape (n_components,)
        The start of EM, as in `means` and `covariances`; at most six components.
    means : array_like, shape (n_components, 2)
    covariances : array_like, shape (n_components, 2, 2)
    axis_labels : sequence of str, optional
        One for each feature, usually ``dataset.labels()``.
    {common}
    """
    X, weights, means, covariances = check.data_and_parameters(X, weights, means, covariances)
    if X.shape[1] != 2:
        raise ValueError(f"X must have 2 features to be drawn; got {X.shape[1]}")
    _page.check_n_components(len(weights))
    labels = _page.check_labels(axis_labels or ("x", "y"), 2)
    frame = Frame.around(X, width=640, height=460)
    rings = [frame.ring(mean, covariance) for mean, covariance in zip(means, covariances, strict=True)]
    parts = [frame.axes(labels), dots(frame.place(X))]
    parts += [f'<path class="k{k}" d="{ellipse_path(ring, r)}"/>' for k, ring in enumerate(rings) for r in (1, 2)]
    parts += [f'<path class="p{k}" d="{cross(*ring[:2])}"/>' for k, ring in enumerate(rings)]
    summary = f"EM on {len(X)} samples, from a start with {len(weights)} components"
    return live(
        "em-plane",
        {
            "X": X,
            "labels": labels,
            "digits": _page.digits_for(X),
            "start": {"weights": weights, "means": means, "covariances": covariances},
            "x": [frame.low[0], frame.high[0]],
            "y": [frame.low[1], frame.high[1]],
        },
        picture=frame.svg(parts, f"Scatter plot: {summary}"),
        summary=summary,
        suggest="drag a mean far away, then alternate E-step and M-step, or Run.",
        notice="an E-step changes colours alone, an M-step ellipses alone, and the log-likelihood never falls.",
        name=name,
    )
