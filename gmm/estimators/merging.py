"""`merge_components`: which components are one cluster, by the entropy that a merge takes away."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from gmm._types import ArrayLike, FittedMixture, FloatArray, IntArray
from gmm.estimators._validation import check_weights_of, unmasked

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ComponentHierarchy:
    """What `merge_components` found: all clusterings, from one cluster a component to one cluster.

    Attributes
    ----------
    n_components : int
    merges : ndarray of int, shape (n_components - 1, 2)
        The merges in their order. A cluster is called by its first component; row (a, b), a < b, says that cluster b
        joins cluster a.
    entropies : ndarray of shape (n_components,)
        Entropy of the assignment, -Σ_ik w_i r_ik log r_ik in nats, total: ``entropies[k - 1]`` is that of k clusters.
        Never falls with k; zero for one cluster.
    merged_weights : ndarray of shape (n_components - 1,)
        How many samples (with weights: how much of them) each merge concerns, Σ_i w_i (r_ia + r_ib).
    """

    def __init__(self, resp: FloatArray, merges: IntArray, entropies: FloatArray, merged_weights: FloatArray) -> None:
        self._resp = resp
        self.n_components = resp.shape[1]
        self.merges = merges
        self.entropies = entropies
        self.merged_weights = merged_weights

    def groups(self, n_clusters: int) -> IntArray:
        """Return the cluster of each component.

        Parameters
        ----------
        n_clusters : int
            From 1 to `n_components`.

        Returns
        -------
        ndarray of int, shape (n_components,)
            Clusters are numbered from 0 in the order of their first components.

        Raises
        ------
        TypeError, ValueError
            If `n_clusters` is no integer or out of its range.
        """
        if isinstance(n_clusters, bool) or not isinstance(n_clusters, Integral):
            raise TypeError(f"n_clusters must be an integer; got {n_clusters!r}")
        if not 1 <= n_clusters <= self.n_components:
            raise ValueError(
                f"n_clusters must be between 1 and the number of components, {self.n_components}; got {n_clusters}"
            )
        heads = np.arange(self.n_components)
        for a, b in self.merges[: self.n_components - n_clusters]:
            heads[heads == b] = a
        return np.unique(heads, return_inverse=True)[1]

    def predict_proba(self, n_clusters: int, resp: ArrayLike | None = None) -> FloatArray:
        """Return the probabilities of the clusters: sums of responsibilities.

        Parameters
        ----------
        n_clusters : int
        resp : array-like of shape (n_samples, n_components), default=None
            Responsibilities of other samples, ``mixture.predict_proba(X)``. None: those that were merged.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)

        Raises
        ------
        TypeError, ValueError
            If `n_clusters` is out of its range, or `resp` holds no responsibilities of these components.
        """
        groups = self.groups(n_clusters)
        if resp is None:
            resp = self._resp
        else:
            resp = _checked(resp, "resp")
            if resp.shape[1] != self.n_components:
                raise ValueError(f"resp must have {self.n_components} columns, one a component; got {resp.shape}")
        return resp @ (groups[:, None] == np.arange(groups.max() + 1)).astype(np.float64)

    def labels(self, n_clusters: int, resp: ArrayLike | None = None) -> IntArray:
        """Return the most probable cluster of each sample, shape (n_samples,); arguments as in `predict_proba`."""
        return self.predict_proba(n_clusters, resp).argmax(axis=1)

    @property
    def bend(self) -> int | None:
        """The number of clusters at which two straight lines through the entropies meet best.

        An aid to the eye, which needs three components or more: with fewer it is None. Compare the plot.
        """
        from gmm.formulas.reading import broken_line_losses_kernel  # here: `import gmm.estimators` needs no formulas

        if self.n_components < 3:
            return None
        return int(np.argmin(broken_line_losses_kernel(self.entropies))) + 2

    def linkage(self) -> FloatArray:
        """Return the merges as SciPy's linkage matrix, shape (n_components - 1, 4).

        Heights are the entropy lost up to and with each merge; ``scipy.cluster.hierarchy.dendrogram`` draws it.
        """
        numbers, sizes = np.arange(self.n_components), np.ones(self.n_components)
        rows = np.empty((len(self.merges), 4))
        for step, (a, b) in enumerate(self.merges):
            sizes[a] += sizes[b]
            height = self.entropies[-1] - self.entropies[self.n_components - 2 - step]
            rows[step] = *sorted((numbers[a], numbers[b])), height, sizes[a]
            numbers[a] = self.n_components + step
        return rows

    def plot(self, kind: Literal["entropies", "tree"] = "entropies", *, ax: Axes | None = None) -> Axes:
        """Draw the hierarchy.

        Parameters
        ----------
        kind : {'entropies', 'tree'}
            'entropies': the entropy over the number of clusters, with the broken line that fits it best. 'tree': the
            merges from the components up, each at the entropy that is lost by then.
        ax : matplotlib.axes.Axes, optional
            Default: the current one, or that of a new figure if something is drawn there.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            If the kind is unknown, or a tree of one component is asked for.
        """
        if kind not in ("entropies", "tree"):
            raise ValueError(f"kind must be 'entropies' or 'tree'; got {kind!r}")
        if kind == "tree" and self.n_components == 1:
            raise ValueError("a tree needs two components or more; there is one")
        from gmm import plot  # here, because it loads matplotlib

        if kind == "tree":
            return plot.merge_tree(self.linkage(), ax=ax)
        return plot.entropy_curve(self.entropies, bend=self.bend, ax=ax)

    def __repr__(self) -> str:
        merges = ", ".join(f"{b} joins {a}" for a, b in self.merges[:8]) + (", …" if len(self.merges) > 8 else "")
        return f"ComponentHierarchy({self.n_components} components{'; ' if merges else ''}{merges})"


def merge_components(
    mixture: FittedMixture | ArrayLike, X: ArrayLike | None = None, *, sample_weight: ArrayLike | None = None
) -> ComponentHierarchy:
    r"""Merge the components of a mixture one by one, always the two whose merge takes most entropy away.

    A cluster that is no Gaussian is described by several components, and which of these a sample belongs to is in
    doubt. Merging two of them removes that doubt,

    .. math::

        \Delta_{kl} = \sum_i w_i \Bigl(r_{ik}\log\frac{r_{ik}+r_{il}}{r_{ik}} +
        r_{il}\log\frac{r_{ik}+r_{il}}{r_{il}}\Bigr) \ge 0 ,

    while the density of the mixture stays what it is: only labels are merged.

    Parameters
    ----------
    mixture : fitted mixture, or array-like of shape (n_samples, n_components)
        An estimator with ``predict_proba``, such as GaussianMixture or BayesianGaussianMixture; or responsibilities.
    X : array-like of shape (n_samples, n_features), default=None
        The samples; None if responsibilities are given.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each sample stands there.

    Returns
    -------
    ComponentHierarchy
        ``labels(k)``, ``entropies``, ``merges`` and ``plot("entropies")`` or ``plot("tree")``.

    Raises
    ------
    TypeError
        If `mixture` is neither, or X is missing or superfluous.
    ValueError
        If responsibilities are not finite, negative, or do not sum to one in each row; or X does not fit.

    Notes
    -----
    Costs O(n K²). The entropy is a sum of terms that are not negative, so that it has all its digits near zero.
    Of equal losses the pair that comes first is merged.

    References
    ----------
    Baudry, J.-P., Raftery, A. E., Celeux, G., Lo, K. and Gottardo, R. (2010), Combining mixture components for
    clustering, Journal of Computational and Graphical Statistics 19, 332-353.

    Examples
    --------
    >>> import gmm
    >>> X = gmm.datasets.load_old_faithful().X
    >>> mixture = gmm.GaussianMixture(3, n_init=5, tol=1e-6, max_iter=1000, random_state=0).fit(X).sorted(by=0)
    >>> tree = gmm.merge_components(mixture, X)
    >>> tree.groups(2)
    array([0, 1, 1])
    """
    if hasattr(mixture, "predict_proba"):
        if X is None:
            raise TypeError("X must be given with a mixture: the samples whose components are merged")
        check_is_fitted(mixture)
        resp = np.asarray(mixture.predict_proba(X), dtype=np.float64)
    else:
        if isinstance(mixture, type) or hasattr(mixture, "get_params"):
            raise TypeError(f"mixture must be a fitted mixture or an array of responsibilities; got {mixture!r}")
        if X is not None:
            raise TypeError("X must be None where responsibilities are given")
        resp = _checked(mixture, "mixture")
    weights = np.ones(len(resp)) if sample_weight is None else check_weights_of(sample_weight, resp)
    return ComponentHierarchy(resp, *_merged(resp, weights))


def _checked(resp: Any, name: str) -> FloatArray:
    from gmm.formulas import _checks as check

    return check.responsibilities(unmasked(resp, name), name=name)


def _merged(resp, weights):
    """All merges, the entropies from one cluster to all, and the weight behind each merge."""
    K = resp.shape[1]
    columns, alive = [np.ascontiguousarray(column) for column in resp.T], list(range(K))
    losses = np.full((K, K), -np.inf)
    for b in range(K):
        for a in range(b):
            losses[a, b] = _loss(columns[a], columns[b], weights)
    merges, lost, concerned = np.empty((K - 1, 2), dtype=np.int64), np.empty(K - 1), np.empty(K - 1)
    for step in range(K - 1):
        a, b = divmod(int(np.argmax(losses)), K)
        merges[step], lost[step] = (a, b), losses[a, b]
        columns[a] = columns[a] + columns[b]
        concerned[step] = weights @ columns[a]
        losses[b], losses[:, b] = -np.inf, -np.inf
        alive.remove(b)
        for other in alive:
            if other != a:
                losses[min(a, other), max(a, other)] = _loss(columns[a], columns[other], weights)
    # From one cluster, whose entropy is zero, back to all: sums of what is not negative.
    return merges, np.concatenate([[0.0], np.cumsum(lost[::-1])]), concerned


def _loss(first, second, weights):
    small, large = np.minimum(first, second), np.maximum(first, second)
    at = np.flatnonzero(small)
    small, large = small[at], large[at]
    return float(weights[at] @ (small * (np.log(large) - np.log(small)) + (small + large) * np.log1p(small / large)))
