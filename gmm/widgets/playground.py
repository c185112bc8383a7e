"""A place to fit: samples that the reader draws or brings, computed in the page."""

from __future__ import annotations

from collections.abc import Sequence

from gmm import datasets
from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame, cross, dots, ellipse_path

#: What is drawn in the page itself, to show that ten thousand samples are no burden.
_MANY = {
    "n": 10_000,
    "weights": [0.35, 0.3, 0.2, 0.15],
    "means": [[0.0, 0.0], [4.0, 1.0], [1.0, 4.5], [6.0, 6.0]],
    "covariances": [
        [[1.0, 0.5], [0.5, 1.0]],
        [[0.6, -0.4], [-0.4, 1.2]],
        [[1.5, 0.0], [0.0, 0.3]],
        [[2.0, 1.2], [1.2, 1.0]],
    ],
}
#: Mean and covariance of the components of Old Faithful's fit with two, for the stored picture.
FITTED = (
    ((2.0364, 54.4785), ((0.0692, 0.4352), (0.4352, 33.6973))),
    ((4.2897, 79.9681), ((0.1700, 0.9406), (0.9406, 36.0462))),
)


@_page.widget
def playground(
    X: ArrayLike | None = None, *, axis_labels: Sequence[str] | None = None, name: str = "playground"
) -> Widget:
    """A page to fit in: draw samples or bring a table, choose components and structure, and fit from several starts.

    EM runs beside the page, in a worker, with the kernels of :eq:`eq-e-step` and of the M-steps :eq:`eq-m-step`,
    :eq:`eq-update-tied`, :eq:`eq-update-diagonal` and :eq:`eq-update-spherical`. Starts come from k-means++; a
    millionth of each feature's variance is added to the diagonals, and fits that end with a direction made of that
    alone are set aside, as :class:`gmm.GaussianMixture` does with ``reg_covar="auto"`` and ``on_collapse="restart"``.
    Fits are compared by :eq:`eq-bic`. A table of the reader's own stays in the page, and is part of no address.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2), optional
        Samples to begin with; otherwise Old Faithful, the petals of irises, and ten thousand samples drawn in the page.
    axis_labels : sequence of str, optional
        One for each feature.
    {common}
    """
    faithful, iris = datasets.load_old_faithful(), datasets.load_iris()
    sets = [
        {
            "name": "Old Faithful",
            "X": faithful.X,
            "labels": faithful.labels(),
            "python": "X = gmm.datasets.load_old_faithful().X",
        },
        {
            "name": "iris petals",
            "X": iris.X[:, 2:],
            "labels": iris.labels()[2:],
            "python": "X = gmm.datasets.load_iris().X[:, 2:]",
        },
        {"name": "10 000 drawn", "draw": _MANY, "labels": ("x", "y"), "python": None},
    ]
    if X is not None:
        X = check.data(X)
        if X.shape[1] != 2:
            raise ValueError(f"X must have 2 features to be drawn; got {X.shape[1]}")
        sets = [{"name": "yours", "X": X, "labels": _page.check_labels(axis_labels or ("x", "y"), 2), "python": None}]
    first = sets[0]
    frame = Frame.around(first["X"], width=640, height=460)
    parts = [frame.axes(first["labels"]), dots(frame.place(first["X"]))]
    label = f"Scatter plot: {len(first['X'])} samples"
    if X is None:
        rings = [frame.ring(mean, covariance) for mean, covariance in FITTED]
        parts += [f'<path class="k{k}" d="{ellipse_path(ring, r)}"/>' for k, ring in enumerate(rings) for r in (1, 2)]
        parts += [f'<path class="p{k}" d="{cross(*ring[:2])}"/>' for k, ring in enumerate(rings)]
        label += " of Old Faithful and the ellipses of two fitted components, short and long eruptions"
    return live(
        "playground",
        {"sets": sets},
        picture=frame.svg(parts, label),
        summary="Playground: fit a Gaussian mixture to samples of your own",
        suggest="fit two components, then three; compare their BIC. Draw a few samples far away and fit again.",
        notice="how many starts reach the best log-likelihood, and which components move when the samples do.",
        name=name,
    )
