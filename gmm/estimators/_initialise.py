"""Where EM begins: the start's weights, means and covariances."""

from __future__ import annotations

import math

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from gmm import engine, learning
from gmm.estimators._collapse import Collapse, Collapsed
from gmm.estimators._warn import warn
from gmm.estimators.hierarchical import quantile_labels

FLAT = 1e-12  # a direction with less than this part of the largest variance is one of rounding errors
CLUSTERED = 2000  # samples in a tree; of more so many are drawn
WIDEST = 1e150  # standard deviations whose square float64 can hold


def initial_parameters(
    X, initial, *, method, n_components, covariance_type, reg_covar, rng, sample_weight, n_threads, total_scatter,
    resp=None, trees=None,
):  # fmt: skip
    """Draw a start with `method` and put the initial weights, means and precisions (None: not given) in their places.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    initial : tuple (weights, means, precisions) of checked arrays or None
    method : str
        One of `gmm.estimators._settings.INIT_PARAMS`.
    rng : numpy.random.RandomState or numpy.random.Generator
    total_scatter : gmm.engine.TotalScatter
        That of these samples, for all starts and fits.
    resp : ndarray, optional
        Checked labels or responsibilities of the samples, which take the place of `method`.
    trees : gmm.estimators.hierarchical.Trees, optional
        Those of these samples: 'hierarchical' needs it.

    Returns
    -------
    gmm.learning.Parameters

    Raises
    ------
    Collapsed
        If a covariance of the start is singular.
    """
    weights, means, precisions = initial
    if weights is not None and means is not None and precisions is not None:
        return learning.parameters_from_precisions(weights, means, precisions, covariance_type)
    # With precisions given only weights and means are wanted; variances of 1 + … cannot be singular.
    structure, ridge = (covariance_type, reg_covar) if precisions is None else ("spherical", 1.0)
    options = {"reg_covar": ridge, "sample_weight": sample_weight, "n_threads": n_threads}
    shared = {**options, "total_scatter": total_scatter}
    if resp is not None and resp.ndim == 1:
        drawn = _from_labels(X, resp, n_components, structure, shared)
    elif resp is not None:
        drawn = _from_responsibilities(X, resp, structure, options)
    elif method == "hierarchical":
        drawn = _from_tree(X, n_components, structure, rng, options, shared, trees)
    elif method == "kmeans":
        drawn = _from_kmeans(X, X, n_components, structure, rng, shared)
    elif method == "kmeans_standardised":
        drawn = _from_kmeans(X, standardised(X, sample_weight), n_components, structure, rng, shared)
    elif method == "kmeans_whitened":
        drawn = _from_kmeans(X, whitened(X, sample_weight, n_threads), n_components, structure, rng, shared)
    elif method == "random":
        drawn = _from_random_responsibilities(X, n_components, structure, rng, options)
    else:
        points = _points(X, n_components, method, rng, sample_weight, n_threads)
        if method == "random_points":
            drawn = learning.make_parameters(*_with_identity(points, structure), structure)
        else:
            drawn = _from_points(X, points, structure, shared)
    weights = drawn.weights if weights is None else weights
    means = drawn.means if means is None else means
    if precisions is None:
        return drawn._replace(weights=weights, means=means)
    return learning.parameters_from_precisions(weights, means, precisions, covariance_type)


def _from_kmeans(X, view, n_components, structure, rng, options):
    """Weights, means and covariances in X of the clusters that k-means finds in `view`, the same samples."""
    sample_weight, n_threads = options["sample_weight"], options["n_threads"]
    found = engine.kmeans(view, n_components, rng, sample_weight=sample_weight, n_threads=n_threads, assign=view is X)
    n_distinct = len({centre.tobytes() for centre in found.centres})
    if n_distinct < n_components:
        warn(
            f"Number of distinct clusters ({n_distinct}) found smaller than n_clusters ({n_components}). "
            "Possibly due to duplicate points in X. Components without samples keep weight 0.",
            ConvergenceWarning,
        )
    try:
        if view is X:
            return learning.parameters_from_kmeans(X, found, structure, **options)
        labels = engine.kmeans_labels(view, found.centres, n_threads=n_threads)
        return learning.parameters_from_labels(X, labels, n_components, structure, **options)
    except learning.CovarianceError as error:
        members = np.arange(X.shape[0])
        if error.component >= 0:
            labels = engine.kmeans_labels(view, found.centres, n_threads=n_threads)
            members = np.flatnonzero(labels == error.component)
        raise Collapsed(Collapse(error.component, 0, members)) from None


def standardised(X, sample_weight=None):
    """Divide each feature by its standard deviation, so that k-means sees the same distances in any units.

    Constant features are left out. Takes n × d numbers of memory.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    sample_weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    ndarray of shape (n_samples, n_varying)
        float64; X itself if nothing varies or its squares leave the range of float64.
    """
    rows = X.astype(np.float64)
    rows -= rows[0].copy()
    width = np.abs(rows).max(axis=0)
    varies = width > 0.0
    if not varies.any() or not np.isfinite(width).all():
        return X
    rows = rows[:, varies] / width[varies]
    rows -= np.average(rows, axis=0, weights=sample_weight)
    return np.ascontiguousarray(rows / np.sqrt(np.average(rows**2, axis=0, weights=sample_weight)))


def whitened(X, sample_weight=None, n_threads=None):
    """Map X to mean 0 and covariance I, so that k-means sees the same distances in any units.

    Directions in which the data do not vary (constant features, features that depend on others, fewer samples than
    features) are left out: they tell samples apart by rounding errors only. Takes n × d numbers of memory.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    sample_weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    ndarray of shape (n_samples, n_directions)
        float64; X itself if nothing varies or its squares leave the range of float64.
    """
    rows = X.astype(np.float64)
    rows -= rows[0].copy()
    width = np.abs(rows).max(axis=0)
    varies = width > 0.0
    if not varies.any() or not np.isfinite(width).all():
        return X
    # As correlations of features of width 1, so that the units decide neither range nor rank.
    rows = np.ascontiguousarray(rows[:, varies] / width[varies])
    covariance = learning.ArraySource(rows, sample_weight, n_threads).covariance()
    scale = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / scale[:, None] / scale)
    kept = values > FLAT * values[-1]
    mean = rows.mean(axis=0) if sample_weight is None else sample_weight @ rows / sample_weight.sum()
    return np.ascontiguousarray((rows - mean) @ (vectors[:, kept] / scale[:, None] / np.sqrt(values[kept])))


def _from_labels(X, labels, n_components, structure, options):
    """The M-step of a partition."""
    try:
        return learning.parameters_from_labels(X, labels, n_components, structure, **options)
    except learning.CovarianceError as error:
        members = np.arange(X.shape[0]) if error.component < 0 else np.flatnonzero(labels == error.component)
        raise Collapsed(Collapse(error.component, 0, members)) from None


def _from_tree(X, n_components, structure, rng, options, shared, trees):
    """Parameters of the groups that hierarchical clustering finds, in a part of X if there are many samples."""
    weights, chosen = options["sample_weight"], None
    most = max(CLUSTERED, n_components)
    if X.shape[0] > most:
        chosen = np.sort(rng.choice(X.shape[0], size=most, replace=False))
        X, weights = X[chosen], None if weights is None else weights[chosen]
    if X.shape[1] == 1:
        labels = quantile_labels(X[:, 0], n_components, weights)
    else:
        labels = trees.labels(X, weights, chosen, n_components)
    options = shared if chosen is None else {**options, "sample_weight": weights}
    try:
        return _from_labels(X, labels, n_components, structure, options)
    except Collapsed as failure:
        component, iteration, members = failure.collapse
        raise Collapsed(Collapse(component, iteration, members if chosen is None else chosen[members])) from None


def _from_random_responsibilities(X, n_components, structure, rng, options):
    """One M-step from responsibilities drawn uniformly and normalised. Takes n × K numbers of memory."""
    resp = rng.uniform(size=(X.shape[0], n_components))
    resp /= resp.sum(axis=1)[:, None]
    return _from_responsibilities(X, resp, structure, options)


def _from_responsibilities(X, resp, structure, options):
    try:
        return learning.parameters_from_responsibilities(X, resp, structure, **options)
    except learning.CovarianceError as error:
        # A component is spread over all samples that it has any part in.
        members = resp.any(axis=1) if error.component < 0 else resp[:, error.component] > 0.0
        raise Collapsed(Collapse(error.component, 0, np.flatnonzero(members))) from None


def _points(X, n_components, method, rng, sample_weight, n_threads):
    if method == "k-means++":
        return engine.kmeans_plusplus(X, n_components, rng, sample_weight=sample_weight, n_threads=n_threads)[0]
    # Without replacement. Called without p where there are no weights: those draws are scikit-learn's.
    p = {} if sample_weight is None else {"p": sample_weight / sample_weight.sum()}
    indices = rng.choice(X.shape[0], size=n_components, replace=False, **p)
    return np.asarray(X[indices], dtype=np.float64)


def _with_identity(points, structure):
    """Equal weights, the points as means, identity covariances: the start eq-random-start of the book."""
    n_components, d = points.shape
    covariances = learning.structure_of(structure).common(np.eye(d), n_components)
    return np.full(n_components, 1.0 / n_components), points, covariances


def _from_points(X, points, structure, options):
    """Equal weights, the points as means, covariances reg_covar · I, as scikit-learn does.

    The first E-step is then an assignment to the nearest point. Where reg_covar is 0, or so small that squared
    distances over it leave the range of float64, all components get the covariance pooled over those groups instead,
    which is singular only if the data are.
    """
    n_components, n_features = points.shape
    weights = np.full(n_components, 1.0 / n_components)
    width = float(np.max(np.asarray(X.max(axis=0), dtype=np.float64) - X.min(axis=0)))
    if width < WIDEST * math.sqrt(np.min(options["reg_covar"])):
        pooled = options["reg_covar"] * np.eye(n_features)
    else:
        try:
            pooled = learning.parameters_from_centres(X, points, "tied", **options).covariances
        except learning.CovarianceError:
            raise Collapsed(Collapse(-1, 0, np.arange(X.shape[0]))) from None
    covariances = learning.structure_of(structure).common(pooled, n_components)
    return learning.make_parameters(weights, points, covariances, structure)
