"""Hide values of samples and watch the fit to what is left; computed in the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame, dots, ellipse_path


@_page.widget
def missing_cells(
    X: ArrayLike,
    starts: Sequence[Any],
    *,
    axis_labels: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    name: str = "missing-cells",
) -> Widget:
    """Hide coordinates of samples; three fits answer: hidden values integrated out, rows deleted, nothing hidden.

    A sample with one coordinate hidden becomes a line, on which a segment shows what the first fit expects there: mean
    and one standard deviation, given the other coordinate. All three begin at the same parameters and run EM: on the
    density of what was observed, with moments lifted to whole samples, and on whole rows. No regularisation: a fit
    with a component that collapses has no answer, and says so.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2)
        A hundred samples at most stay quick.
    starts : sequence of tuples
        Where the fits begin: (weights, means, covariances) of one or more numbers of components to choose from.
    axis_labels : sequence of str, optional
        One for each feature, usually ``dataset.labels()``.
    feature_names : sequence of str, optional
        Two short names for controls and text; by default what stands before the unit in the labels.
    {common}
    """
    X = check.data(X)
    if X.shape[1] != 2:
        raise ValueError(f"X must have 2 features to be drawn; got {X.shape[1]}")
    if not 1 <= len(starts) <= _page.MAX_COMPONENTS or any(len(start) != 3 for start in starts):
        raise ValueError("starts must hold one to six tuples (weights, means, covariances)")
    if not (np.ptp(X, axis=0) > 0.0).all():
        raise ValueError(f"X must have no constant feature; feature {int(np.argmin(np.ptp(X, axis=0)))} is constant")
    starts = [check.parameters(*start) for start in starts]
    for weights, means, _ in starts:
        if means.shape[1] != 2 or not (weights > 0.0).all():
            raise ValueError("starts must have 2 features and positive weights")
    labels = _page.check_labels(axis_labels or ("x", "y"), 2)
    names = _page.check_labels(feature_names or [label.partition(" (")[0] for label in labels], 2)
    # The ellipses reach beyond the samples.
    margin = 0.2 * np.ptp(X, axis=0)
    frame = Frame(X.min(axis=0) - margin, X.max(axis=0) + margin, width=640, height=400)
    _, means, covariances = starts[0]
    rings = [frame.ring(mean, covariance) for mean, covariance in zip(means, covariances, strict=True)]
    parts = [frame.axes(labels), dots(frame.place(X))]
    parts += [f'<path class="k0" d="{ellipse_path(ring, 2)}"/>' for ring in rings]
    summary = f"{len(X)} samples, coordinates of which can be hidden, and the fits to what is left"
    return live(
        "missing-cells",
        {
            "X": X,
            "starts": starts,
            "axis_labels": labels,
            "names": names,
            "digits": _page.digits_for(X),
            "x": [frame.low[0], frame.high[0]],
            "y": [frame.low[1], frame.high[1]],
        },
        picture=frame.svg(parts, f"Scatter plot: {summary}"),
        summary=summary,
        suggest="click samples to hide a coordinate; then hide many at random, or where the other feature is high, or "
        "where the hidden one is high itself.",
        notice="at random both fits stay near; where the other feature decides, deleting rows shifts the mean and "
        "integrating out does not; where the hidden value decides itself, nothing helps.",
        name=name,
    )
