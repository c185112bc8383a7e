"""Model-based hierarchical clustering: partitions of every size from one tree, as starts for EM."""

from __future__ import annotations

import math
from numbers import Integral, Real
from threading import Lock
from typing import Literal

import numpy as np
from sklearn.base import BaseEstimator

from gmm._types import ArrayLike, FloatArray, IntArray
from gmm.engine import hierarchical
from gmm.estimators._validation import check_samples, check_weights_of

LARGEST = 1e150  # what float64 can hold the square of
SCALINGS = ("svd", "standardise", None)
FLAT = 1e-12  # a direction with less than this part of the largest deviation is one of rounding errors


class HierarchicalClustering:
    """What `hierarchical_clustering` found: a tree, whose cut at any height is a partition.

    Attributes
    ----------
    model : str
        The criterion: 'EII', 'VII', 'EEE' or 'VVV'.
    scaling : str or None
        What was done to the features before.
    n_samples : int
    merges : ndarray of int, shape (n_samples - 1, 2)
        The unions in their order. A cluster is called by the number of its first sample; row (a, b), a < b, says that
        the samples of cluster b join those of cluster a. mclust's `hc` has the same as columns, counted from 1.
    costs : ndarray of shape (n_samples - 1,)
        By how much each union raised the criterion: in EII a sum of squares of the scaled features; in EEE and VVV
        twice the classification log-likelihood that was lost, and in VII the same over d, but for what keeps small
        clusters regular. In EEE it is ``inf`` or nan where the common covariance was singular.
    """

    def __init__(self, model: str, scaling: str | None, merges: IntArray, costs: FloatArray) -> None:
        self.model = model
        self.scaling = scaling
        self.n_samples = len(merges) + 1
        self.merges = merges
        self.costs = costs

    def labels(self, n_clusters: int) -> IntArray:
        """Return the partition with this many clusters.

        Parameters
        ----------
        n_clusters : int
            From 1 to `n_samples`.

        Returns
        -------
        ndarray of int, shape (n_samples,)
            Clusters are numbered from 0 in the order of their first samples.

        Raises
        ------
        TypeError, ValueError
            If `n_clusters` is no integer or out of its range.
        """
        if isinstance(n_clusters, bool) or not isinstance(n_clusters, Integral):
            raise TypeError(f"n_clusters must be an integer; got {n_clusters!r}")
        if not 1 <= n_clusters <= self.n_samples:
            raise ValueError(
                f"n_clusters must be between 1 and the number of samples, {self.n_samples}; got {n_clusters}"
            )
        heads = list(range(self.n_samples))
        # Backwards: where b went is known when it is known where a went.
        for a, b in self.merges[: self.n_samples - n_clusters][::-1].tolist():
            heads[b] = heads[a]
        return np.unique(heads, return_inverse=True)[1]

    def __repr__(self) -> str:
        return f"HierarchicalClustering({self.n_samples} samples; model={self.model!r}, scaling={self.scaling!r})"


def hierarchical_clustering(
    X: ArrayLike,
    model: Literal["EII", "VII", "EEE", "VVV"] = "VVV",
    scaling: Literal["svd", "standardise"] | None = "svd",
    *,
    sample_weight: ArrayLike | None = None,
    alpha: float = 1.0,
    beta: float = 1.0,
) -> HierarchicalClustering:
    r"""Cluster samples from the bottom up by the classification likelihood of a Gaussian mixture.

    Each sample begins as a cluster of its own, and the two clusters whose union costs least become one, until one is
    left. With the scatter :math:`W` of a cluster of :math:`n` samples about its mean and the mean variance
    :math:`\sigma^2` of the (scaled) features, the sum over all clusters of

    .. math::

        \text{EII: } \operatorname{tr} W, \qquad
        \text{VII: } n \log \frac{\operatorname{tr} W + \alpha\sigma^2}{n}, \qquad
        \text{VVV: } n \log\left(\left|\frac{W}{n}\right| +
        \beta\,\frac{\operatorname{tr} W + \alpha\sigma^2}{n}\right)

    grows as little as it can (:math:`|W/n|` is left out where :math:`n \le d`); EEE has one determinant, that of
    :math:`\sum W / n_\text{samples}`, to which the trace is added as long as it is smaller than :math:`\sigma^2`.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    model : {'EII', 'VII', 'EEE', 'VVV'}, default='VVV'
        What the covariances of the clusters are taken for: spheres of one size or of their own, one ellipsoid or one
        each. With one feature, EII and EEE are mclust's E, VII and VVV its V.
    scaling : {'svd', 'standardise', None}, default='svd'
        'standardise' divides each feature by its standard deviation. 'svd' turns these standardised features Z = U D
        Vᵀ to their principal axes and weakens the long ones, U D^(1/2) (Scrucca & Raftery 2015). None takes X as it is.
        What does not vary is left out.
    sample_weight : array-like of shape (n_samples,), default=None
        How many samples each cluster begins with, in multiples of the smallest weight, so that a common factor changes
        nothing. Repeats of a sample begin as clusters of their own, which need not become one first (VII, VVV). Weights
        must be positive.
    alpha, beta : float, default=1.0
        The :math:`\alpha` and :math:`\beta` above (VII, VVV), which keep clusters of few or collinear samples regular.

    Returns
    -------
    HierarchicalClustering
        Its ``labels(n_clusters)`` is the partition of that size; ``merges`` and ``costs`` are the tree.

    Raises
    ------
    ValueError, TypeError
        For input that is none of these, naming it, before any work.
    MemoryError
        If there is no room for the costs of all pairs.

    Notes
    -----
    EII, VII and VVV take memory for n (n - 1) / 2 numbers (16 MB at n = 2000, 400 MB at 10 000) and time for about n²
    costs of O(d), in VVV O(d³), operations; EEE takes O(n d) memory and up to O(n³ d) time, in practice far less. On
    thousands of samples cluster some of them: that is what ``init_params="hierarchical"`` does.

    The tree is that of ``mclust::hc`` (`use` is ``"SVD"``, ``"STD"`` or ``"VARS"`` there), and where costs tie, the
    same pair is taken, the one that comes last. Two exceptions. On measurements on a grid, scaled features tie up to
    the rounding of the scaling, which is another on another machine, in mclust too. And mclust (up to 6.1.3) keeps in
    VVV the first row of a cluster's factor in place of every other row, which matters where determinants outweigh the
    traces: its trees of unscaled data are often others; with 'svd' or 'standardise' they rarely are.

    References
    ----------
    Banfield, J. D. and Raftery, A. E. (1993), Model-based Gaussian and non-Gaussian clustering, Biometrics 49, 803-821.
    Fraley, C. (1998), Algorithms for model-based Gaussian hierarchical clustering, SIAM J. Sci. Comput. 20, 270-281.
    Scrucca, L. and Raftery, A. E. (2015), Improved initialisation of model-based clustering using Gaussian hierarchical
    partitions, Advances in Data Analysis and Classification 9, 447-460.

    Examples
    --------
    >>> import gmm
    >>> tree = gmm.hierarchical_clustering(gmm.datasets.load_old_faithful().X)
    >>> tree.labels(2)[:4].tolist()
    [0, 1, 0, 1]
    >>> tree.merges.shape
    (271, 2)
    """
    if model not in hierarchical.MODELS:
        raise ValueError(f"model must be one of {', '.join(map(repr, hierarchical.MODELS))}; got {model!r}")
    if scaling not in SCALINGS:
        raise ValueError(f"scaling must be one of {', '.join(map(repr, SCALINGS))}; got {scaling!r}")
    for name, value in (("alpha", alpha), ("beta", beta)):
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"{name} must be a real number; got {value!r}")
        if not 0.0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite; got {value}")
    X = check_samples(BaseEstimator(), X, reset=True)
    sample_weight = check_weights_of(sample_weight, X)
    if sample_weight is not None and not sample_weight.all():
        raise ValueError("sample_weight must be positive; leave samples of weight 0 out, they belong to no cluster")
    return clustered(X, model, scaling, sample_weight, float(alpha), float(beta))


def clustered(X, model, scaling, sample_weight=None, alpha=1.0, beta=1.0):
    """The tree of checked samples."""
    # Weights count in multiples of the smallest, so that a common factor changes nothing.
    counts = np.ones(len(X)) if sample_weight is None else sample_weight / sample_weight.min()
    rows = scaled(X.astype(np.float64), scaling, counts)
    merges, costs = hierarchical.agglomerate(rows, counts, model, alpha=alpha, beta=beta)
    return HierarchicalClustering(model, scaling, merges, costs)


def scaled(rows, scaling, counts):
    """Rows with each feature divided by its standard deviation, and 'svd': turned to the axes of these, halfway white.

    With Z = U D Vᵀ the standardised features, 'svd' gives Z V D^(-1/2) = U D^(1/2) (Scrucca & Raftery 2015). Features
    and directions in which the samples do not vary are left out.
    """
    rows = rows - rows[0] if scaling is None else rows
    with np.errstate(over="ignore"):
        width = np.abs(rows - rows[0]).max(axis=0)
    if not np.isfinite(width).all() or (scaling is None and width.max() > LARGEST):
        raise ValueError(
            f"the values of X, from {rows.min():g} to {rows.max():g}, or their squares leave the range of float64. "
            "Scale the input data."
        )
    if scaling is None:
        return rows
    varies = width > 0.0
    if not varies.any():
        return np.zeros_like(rows)
    # A power of two changes no digit, and keeps squares within range.
    rows = np.ldexp(rows[:, varies], -np.frexp(width[varies])[1])
    rows = rows - counts @ rows / counts.sum()
    rows = rows / np.sqrt(counts @ rows**2 / (counts.sum() - 1.0))
    if scaling == "standardise":
        return rows
    _, values, vectors = np.linalg.svd(np.sqrt(counts)[:, None] * rows, full_matrices=False)
    kept = values > FLAT * values[0]
    return rows @ (vectors[kept].T / np.sqrt(values[kept]))


class Trees:
    """The trees of some samples and their partitions, each made once, whichever thread asks for it first."""

    def __init__(self):
        self.lock, self.trees, self.partitions = Lock(), {}, {}

    def labels(self, X, sample_weight, chosen, n_clusters):
        """The partition of these rows; `chosen` are their numbers, None where all samples are meant."""
        key = None if chosen is None else chosen.tobytes()
        with self.lock:
            if (key, n_clusters) not in self.partitions:
                if key not in self.trees:
                    model = "VVV" if X.shape[0] > X.shape[1] else "EII"
                    self.trees[key] = clustered(X, model, "svd", sample_weight)
                self.partitions[key, n_clusters] = self.trees[key].labels(n_clusters)
            return self.partitions[key, n_clusters]


def quantile_labels(x, n_clusters, sample_weight=None):
    """Groups of one feature, between quantiles, in the order of their values; as many as asked for if there are.

    Where values occur so often that quantiles coincide, more of them are taken until enough differ, and those that
    close off the narrowest groups are dropped, as in mclust. A group without a sample there has some here.
    """
    order = np.argsort(x, kind="stable")
    values = np.asarray(x, dtype=np.float64)[order]
    counts = np.ones(len(x)) if sample_weight is None else (sample_weight / sample_weight.min())[order]
    last = np.cumsum(counts) - 1.0  # place of each value's last repeat among all of them, from 0
    n_edges, edges = n_clusters, np.empty(0)
    while len(edges) < n_clusters + 1 and n_edges < 4 * len(x) + n_clusters:
        n_edges += 1
        places = np.linspace(0.0, 1.0, n_edges) * last[-1]
        below = np.floor(places)
        low, high = (np.searchsorted(last, np.minimum(place, last[-1])) for place in (below, below + 1.0))
        edges = np.unique(values[low] + (places - below) * (values[high] - values[low]))
    if len(edges) > n_clusters + 1:
        narrow = np.argsort(np.diff(edges), kind="stable")[: len(edges) - n_clusters - 1]
        edges = np.delete(edges, narrow)
    labels = np.clip(np.searchsorted(edges[1:-1], x, side="right"), 0, n_clusters - 1)
    if np.bincount(labels, minlength=n_clusters).all():
        return labels
    distinct, ranks = np.unique(x, return_inverse=True)  # few values: as many of them to each group
    return ranks * n_clusters // max(len(distinct), n_clusters)
