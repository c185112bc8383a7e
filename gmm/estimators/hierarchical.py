"""Model-based hierarchical clustering: partitions of every size from one tree, as starts for EM."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from gmm.engine import hierarchical
from gmm.estimators._validation import check_samples, check_weights_of

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
        By how much each union raised the criterion: in EII a sum of squares of the scaled features; in the others twice
        a classification log-likelihood that is lost, up to what keeps small clusters regular. In EEE it is ``inf`` or
        nan where the common covariance was singular.
    """

    def __init__(self, model, scaling, merges, costs):
        self.model = model
        self.scaling = scaling
        self.n_samples = len(merges) + 1
        self.merges = merges
        self.costs = costs

    def labels(self, n_clusters):
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
            raise ValueError(f"n_clusters must be between 1 and the number of samples, {self.n_samples}; got {n_clusters}")
        heads = list(range(self.n_samples))
        # Backwards: where b went is known when it is known where a went.
        for a, b in self.merges[: self.n_samples - n_clusters][::-1].tolist():
            heads[b] = heads[a]
        return np.unique(heads, return_inverse=True)[1]

    def __repr__(self):
        return f"HierarchicalClustering({self.n_samples} samples; model={self.model!r}, scaling={self.scaling!r})"


def hierarchical_clustering(X, model="VVV", scaling="svd", *, sample_weight=None, alpha=1.0, beta=1.0):
    return clustered(X, model, scaling, sample_weight, alpha, beta)


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
    if scaling is None:
        return rows
    width = np.abs(rows - rows[0]).max(axis=0)
    varies = width > 0.0
    if not varies.any():
        return np.zeros_like(rows)
    rows = rows[:, varies]
    rows = rows - counts @ rows / counts.sum()
    rows = rows / np.sqrt(counts @ rows**2 / (counts.sum() - 1.0))
    if scaling == "standardise":
        return rows
    _, values, vectors = np.linalg.svd(np.sqrt(counts)[:, None] * rows, full_matrices=False)
    kept = values > FLAT * values[0]
    return rows @ (vectors[kept].T / np.sqrt(values[kept]))
