"""EM in one look: the live figure of the first page."""

from __future__ import annotations

from collections.abc import Sequence

from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame, cross, dots, ellipse_path


@_page.widget
def em_landing(
    X: ArrayLike,
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
    *,
    axis_labels: Sequence[str] | None = None,
    name: str = "em-landing",
) -> Widget:
    """EM on two features, with few controls: drag components, run, choose how many.

    An iteration is an E-step, :eq:`eq-e-step`, and an M-step, :eq:`eq-m-step`; Run goes on until one changes the
    log-likelihood by less than a millionth for each sample. No regularisation: a component that collapses is named and
    the step is not taken. :func:`em_plane` shows half steps and much more.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2)
    weights : array_like, shape (n_components,)
        The start of EM, as in `means` and `covariances`; at most four components.
    means : array_like, shape (n_components, 2)
    covariances : array_like, shape (n_components, 2, 2)
    axis_labels : sequence of str, optional
        One for each feature, usually ``dataset.labels()``.
    {common}
    """
    X, weights, means, covariances = check.data_and_parameters(X, weights, means, covariances)
    if X.shape[1] != 2:
        raise ValueError(f"X must have 2 features to be drawn; got {X.shape[1]}")
    if len(weights) > 4:
        raise ValueError(f"weights must be of at most 4 components here; got {len(weights)}")
    labels = _page.check_labels(axis_labels or ("x", "y"), 2)
    frame = Frame.around(X, width=800, height=370)
    rings = [frame.ring(mean, covariance) for mean, covariance in zip(means, covariances, strict=True)]
    parts = [frame.axes(labels), dots(frame.place(X))]
    parts += [f'<path class="k{k}" d="{ellipse_path(ring, r)}"/>' for k, ring in enumerate(rings) for r in (1, 2)]
    parts += [f'<path class="p{k}" d="{cross(*ring[:2])}"/>' for k, ring in enumerate(rings)]
    return live(
        "em-landing",
        {
            "X": X,
            "labels": labels,
            "digits": _page.digits_for(X),
            "start": {"weights": weights, "means": means, "covariances": covariances},
            "x": [frame.low[0], frame.high[0]],
            "y": [frame.low[1], frame.high[1]],
        },
        picture=frame.svg(parts, f"Scatter plot of {len(X)} samples, and {len(weights)} ellipses from which EM starts"),
        summary=f"EM on {len(X)} samples: drag the components and run it",
        suggest="press Run. Then drag a component anywhere, and run again.",
        notice="most starts end at the same two groups, and the log-likelihood never falls on the way.",
        name=name,
    )
