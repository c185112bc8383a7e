"""`standard_errors`: those of a mixture's parameters by the information that X has about them, without simulation."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from gmm import engine, learning
from gmm._types import ArrayLike
from gmm.estimators._validation import check_samples
from gmm.estimators.bootstrap import ParameterValues
from gmm.estimators.gaussian_mixture import GaussianMixture

KINDS = ("observed", "scores", "sandwich")
SMALLEST = 1e-10  # eigenvalue of an information matrix with a diagonal of ones
BLOCK = 2048  # samples whose scores are held at one time
# Structures whose covariances are linear in their free parameters: what varies, and whether components share it.
LINEAR = {
    "full": ("matrix", False), "tied": ("matrix", True), "diag": ("diagonal", False), "spherical": ("number", False),
    "VVV": ("matrix", False), "EEE": ("matrix", True), "VVI": ("diagonal", False), "EEI": ("diagonal", True),
    "VII": ("number", False), "EII": ("number", True), "V": ("matrix", False), "E": ("matrix", True),
}  # fmt: skip


def standard_errors(
    mixture: GaussianMixture, X: ArrayLike, kind: Literal["observed", "scores", "sandwich"] = "observed"
) -> ParameterValues:
    r"""Standard errors of a mixture's parameters from the curvature of the log-likelihood at its maximum.

    With :math:`g_{ik}` the derivatives of :math:`\log\pi_k\mathcal N(x_i\mid\mu_k,\Sigma_k)` in all free parameters
    and the score vectors :math:`s_i = \sum_k r_{ik}\,g_{ik}`, the *observed information* is that of samples whose
    labels are known, less what the missing labels would tell,

    .. math::

        \mathcal I = -\sum_{i,k} r_{ik}\,\frac{\partial g_{ik}}{\partial\theta^\mathsf{T}}
        - \Bigl(\sum_{i,k} r_{ik}\,g_{ik} g_{ik}^\mathsf{T} - \sum_i s_i s_i^\mathsf{T}\Bigr),

    that from the *scores* is :math:`\mathcal I_\text{e} = \sum_i s_i s_i^\mathsf{T}`, and the *sandwich*
    :math:`\mathcal I^{-1} \mathcal I_\text{e}\, \mathcal I^{-1}` holds where no mixture of this size is the truth as
    well. Standard errors are roots of the diagonal of the inverse.

    Parameters
    ----------
    mixture : GaussianMixture
        Fitted to X until EM had converged, with covariances that are linear in their free parameters: 'full', 'tied',
        'diag', 'spherical', or one of mclust's VVV, EEE, VVI, EEI, VII, EII, V and E.
    X : array-like of shape (n_samples, n_features)
        The samples that it was fitted to.
    kind : {'observed', 'scores', 'sandwich'}, default='observed'

    Returns
    -------
    ParameterValues
        ``weights``, ``means`` and ``covariances``, in the shapes and units of the parameters.

    Raises
    ------
    TypeError
        If `mixture` is no GaussianMixture.
    ValueError
        If an argument is unknown or X does not fit; if the covariances are not linear, the fit has a prior or fixed
        parts, or a weight is zero; or if the information is not positive definite, which says that this is no maximum
        or that some direction is not determined by X. `bootstrap` serves all of these.

    See Also
    --------
    bootstrap : the same by simulation, with intervals.

    Notes
    -----
    Costs O(n K² d⁴). Good where samples are many and components
    well apart; the log-likelihood is close to a parabola there. With few samples a bootstrap tells more.

    References
    ----------
    Louis, T. A. (1982), Finding the observed information matrix when using the EM algorithm, Journal of the Royal
    Statistical Society B 44, 226-233.
    Boldea, O. and Magnus, J. R. (2009), Maximum likelihood estimation of the multivariate normal mixture model,
    Journal of the American Statistical Association 104, 1539-1549.

    Examples
    --------
    >>> import gmm
    >>> X = gmm.datasets.load_old_faithful().X
    >>> mixture = gmm.GaussianMixture(2, tol=1e-10, max_iter=1000, random_state=0).fit(X).sorted(by=0)
    >>> gmm.standard_errors(mixture, X).weights.round(2)
    array([0.03, 0.03])
    """
    if not isinstance(mixture, GaussianMixture):
        raise TypeError(f"mixture must be a fitted GaussianMixture; got {type(mixture).__name__}")
    parameters = mixture._parameters()
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}; got {kind!r}")
    name = mixture.covariance_type
    if name not in LINEAR:
        raise ValueError(
            f"covariance_type={name!r} is not linear in its parameters, as {', '.join(map(repr, LINEAR))} are; "
            "bootstrap gives its standard errors"
        )
    for setting in ("covariance_prior", "fixed"):
        if getattr(mixture, setting) is not None:
            raise ValueError(f"{setting} must be None: the information is that of maximum likelihood; use bootstrap")
    if not (parameters.weights > 0.0).all():
        raise ValueError(f"the weights must be positive; component {int(parameters.weights.argmin())} has weight 0")
    X = check_samples(mixture, X, reset=False)

    # In units in which the mixture has mean 0 and each feature deviation 1: the matrices are then well scaled.
    means, matrices, weights = parameters.means, parameters.matrices, parameters.weights
    middle = weights @ means
    scale = np.sqrt(weights @ (np.einsum("kjj->kj", matrices) + (means - middle) ** 2))
    standard = learning.make_parameters(weights, (means - middle) / scale, matrices / scale[:, None] / scale, "full")
    T = _free(means.shape[0], means.shape[1], *LINEAR[name], scale)
    scores, within = _score_products(X, middle, scale, standard, mixture.n_threads)
    scores = T.T @ scores @ T
    if kind == "scores":
        covariance = _inverse(scores)
    else:
        complete = _complete(X, scale, parameters, standard, mixture.n_threads)
        covariance = _inverse(T.T @ (complete - within) @ T + scores)
        if kind == "sandwich":
            covariance = covariance @ scores @ covariance
    # Back to all parameters: the last weight, both halves of each matrix.
    errors = np.sqrt(np.maximum(np.einsum("ap,pq,aq->a", T, covariance, T), 0.0))
    K, d = means.shape
    errors = errors.reshape(K, 1 + d + d * d)
    matrices = errors[:, 1 + d :].reshape(K, d, d) * scale[:, None] * scale
    if name == "tied":
        matrices = matrices[0]
    elif name == "diag":
        matrices = np.einsum("kjj->kj", matrices)
    elif name == "spherical":
        matrices = matrices[:, 0, 0]
    return ParameterValues(
        errors[:, 0], errors[:, 1 : 1 + d] * scale, matrices.reshape(parameters.structure.shape(K, d))
    )


def _free(n_components, n_features, kind, shared, scale):
    """Derivatives of all parameters (component by component: weight, mean, every entry of Σ) in the free ones."""
    K, d, q = n_components, n_features, 1 + n_features + n_features**2
    columns = []
    for k in range(K - 1):  # the last weight is one minus the others
        column = np.zeros((K, q))
        column[[k, K - 1], 0] = 1.0, -1.0
        columns.append(column)
    for k, j in np.ndindex(K, d):
        column = np.zeros((K, q))
        column[k, 1 + j] = 1.0
        columns.append(column)
    if kind == "number":  # equal variances in the units of X
        directions = [np.diag(scale.max() ** 2 / scale**2)]
    else:
        pairs = [(j, l) for j in range(d) for l in range(j + 1) if kind == "matrix" or j == l]
        directions = [np.zeros((d, d)) for _ in pairs]
        for direction, (j, l) in zip(directions, pairs, strict=True):
            direction[j, l] = direction[l, j] = 1.0
    for who in [slice(None)] if shared else range(K):
        for direction in directions:
            column = np.zeros((K, q))
            column[who, 1 + d :] = direction.ravel()
            columns.append(column)
    return np.reshape(columns, (len(columns), K * q)).T


def _score_products(X, middle, scale, parameters, n_threads):
    """Σ_i s_i s_iᵀ and the blocks Σ_i r_ik g_ik g_ikᵀ on the diagonal of such a matrix, over all parameters."""
    (K, d), q = parameters.means.shape, 1 + parameters.n_features + parameters.n_features**2
    precisions, density = learning.precisions(parameters), parameters.density()
    products, within = np.zeros((K * q, K * q)), np.zeros((K * q, K * q))
    for low in range(0, len(X), BLOCK):
        rows = (X[low : low + BLOCK] - middle) / scale
        resp = engine.predict_proba(rows, density, n_threads=n_threads)
        scores = np.empty((len(rows), K, q))
        for k in range(K):
            g = scores[:, k]
            u = (rows - parameters.means[k]) @ precisions[k]
            g[:, 0] = 1.0 / parameters.weights[k]
            g[:, 1 : 1 + d] = u
            g[:, 1 + d :] = 0.5 * (u[:, :, None] * u[:, None, :] - precisions[k]).reshape(len(rows), d * d)
            place = slice(k * q, k * q + q)
            within[place, place] += (resp[:, k, None] * g).T @ g
        scores *= resp[:, :, None]
        scores = scores.reshape(len(rows), K * q)
        products += scores.T @ scores
    return products, within


def _complete(X, scale, parameters, standard, n_threads):
    """The information of labelled samples, from counts and moments about the means: blocks on a diagonal."""
    density = learning.make_parameters(*parameters[1:3], parameters.matrices, "full").density()
    moments = learning.ArraySource(X, None, n_threads).statistics(density)
    (K, d), q = standard.means.shape, 1 + standard.n_features + standard.n_features**2
    complete = np.zeros((K, q, K, q))
    for k, P in enumerate(learning.precisions(standard)):
        N = moments.counts[k]
        first, second = P @ (moments.first[k] / scale), P @ (moments.second[k] / scale[:, None] / scale) @ P
        block = complete[k, :, k, :]
        block[0, 0] = N / standard.weights[k] ** 2
        block[1 : 1 + d, 1 : 1 + d] = N * P
        mixed = np.einsum("jl,m->jlm", P, first).reshape(d, d * d)
        block[1 : 1 + d, 1 + d :], block[1 + d :, 1 : 1 + d] = mixed, mixed.T
        curved = np.einsum("jo,lm->jlmo", second - 0.5 * N * P, P)
        block[1 + d :, 1 + d :] = curved.reshape(d * d, d * d)
    return complete.reshape(K * q, K * q)


def _inverse(information):
    """The covariance of the estimates, by the factor of the information in units of its own diagonal."""
    diagonal = np.diag(information)
    if (diagonal > 0.0).all() and np.isfinite(information).all():
        root = np.sqrt(diagonal)
        scaled = information / root[:, None] / root
        if np.linalg.eigvalsh(0.5 * (scaled + scaled.T))[0] > SMALLEST:
            return cho_solve(cho_factor(scaled, lower=True), np.eye(len(root))) / root[:, None] / root
    raise ValueError(
        "the information on the parameters is not positive definite: X is not what the mixture was fitted to, EM had "
        "not converged (fit with a smaller tol), or X does not determine a direction. bootstrap tells more"
    )
