"""Paint responsibilities by hand, and see the M-step answer; computed in the page."""

from __future__ import annotations

from collections.abc import Sequence

from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.formulas.em import m_step
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame, dots, ellipse_path


@_page.widget
def paint_shares(
    X: ArrayLike, resp: ArrayLike, *, axis_labels: Sequence[str] | None = None, name: str = "paint-shares"
) -> Widget:
    """Paint the responsibilities of two components on two features; the M-step answers at once.

    The brush gives the samples under it to one component, or half to each. Shown is what the M-step makes of the
    shares, :eq:`eq-update-weights` to :eq:`eq-update-covariances`. A button takes the E-step, :eq:`eq-e-step`, so that
    painting and the button together are EM by hand. No regularisation: a component whose samples span no area is named.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2)
    resp : array_like, shape (n_samples, 2)
        The shares at the beginning.
    axis_labels : sequence of str, optional
        One for each feature, usually ``dataset.labels()``.
    {common}
    """
    X = check.data(X)
    if X.shape[1] != 2:
        raise ValueError(f"X must have 2 features to be drawn; got {X.shape[1]}")
    resp = check.responsibilities(resp, len(X), 2)
    labels = _page.check_labels(axis_labels or ("x", "y"), 2)
    _, means, covariances = m_step(X, resp)
    for k, covariance in enumerate(covariances):
        check.covariance_matrix(covariance, name=f"the covariance that resp gives component {k}")
    frame = Frame.around(X, width=640, height=460)
    rings = [frame.ring(mean, covariance) for mean, covariance in zip(means, covariances, strict=True)]
    parts = [frame.axes(labels), dots(frame.place(X), _page.mixed(resp))]
    parts += [f'<path class="k{k}" d="{ellipse_path(ring, r)}"/>' for k, ring in enumerate(rings) for r in (1, 2)]
    summary = f"Shares of {len(X)} samples to paint, and the M-step's answer"
    return live(
        "paint-shares",
        {
            "X": X,
            "labels": labels,
            "digits": _page.digits_for(X),
            "shares": resp[:, 0].round(6),  # as many digits as are the same on every computer
            "brush": means.mean(axis=0),
            "x": [frame.low[0], frame.high[0]],
            "y": [frame.low[1], frame.high[1]],
        },
        picture=frame.svg(parts, f"Scatter plot: {summary}"),
        summary=summary,
        suggest="paint a corner of the cloud for component 1, then give everything half, then paint again and press "
        "E-step a few times.",
        notice="both ellipses answer each stroke, for what one gains the other loses, and equal shares make equal "
        "ellipses.",
        name=name,
    )
