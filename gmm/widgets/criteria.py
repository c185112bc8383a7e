"""The number of components: a fit and all criteria, computed in the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gmm._types import ArrayLike, Rng
from gmm.formulas import _checks as check
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame, dots


@_page.widget
def criteria_explorer(
    X: ArrayLike, *, cv: int = 5, rng: Rng = 0, axis_labels: Sequence[str] | None = None, name: str = "criteria"
) -> Widget:
    """Fits with one to six components and four criteria for their number, computed in the page.

    For the structure that is chosen, EM runs beside the page from five starts for each number of components, on all
    samples and on those outside of each fold. Shown are the fit that is chosen, and :eq:`eq-aic`, :eq:`eq-bic`,
    :eq:`eq-icl` and -2 times the log-likelihood of the samples left out, each above its smallest value, with a further
    curve, -2ℓ plus a price for each parameter that the reader moves. The ridge is a millionth of each feature's
    variance; what collapses is set aside.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2)
    cv : int
        The number of folds.
    rng : numpy.random.Generator, int or None
        It deals the samples to the folds.
    axis_labels : sequence of str, optional
        One for each feature, usually ``dataset.labels()``.
    {common}
    """
    X = check.data(X)
    if X.shape[1] != 2:
        raise ValueError(f"X must have 2 features to be drawn; got {X.shape[1]}")
    cv = check.count(cv, "cv", minimum=2)
    most = _page.MAX_COMPONENTS
    if len(X) < 6 * most * cv / (cv - 1):
        raise ValueError(f"X must have at least {int(np.ceil(6 * most * cv / (cv - 1)))} samples here; got {len(X)}")
    folds = check.generator(rng).permutation(np.arange(len(X)) % cv)
    labels = _page.check_labels(axis_labels or ("x", "y"), 2)
    frame = Frame.around(X, width=640, height=460)
    summary = f"Fits of one to {most} components to {len(X)} samples, and four criteria for their number"
    return live(
        "criteria",
        {
            "X": X,
            "labels": labels,
            "digits": _page.digits_for(X),
            "x": [frame.low[0], frame.high[0]],
            "y": [frame.low[1], frame.high[1]],
            "most": most,
            "folds": folds,
        },
        picture=frame.svg([frame.axes(labels), dots(frame.place(X))], f"Scatter plot: {summary}"),
        summary=summary,
        suggest="move the price of a parameter from 0 to log n, and change the structure.",
        notice="the price decides how many components win; ICL asks for fewer where groups overlap.",
        name=name,
    )
