"""Expectation-maximisation (chapter 7): the evidence lower bound, the two steps, and the loop."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gmm._compile import in_python, kernel
from gmm._types import ArrayLike, FloatArray, Rng
from gmm.formulas import _checks as check
from gmm.formulas._registry import equation
from gmm.formulas.convergence import has_converged_kernel
from gmm.formulas.gaussian import cholesky_kernel
from gmm.formulas.mixture import joint_log_density_kernel
from gmm.formulas.responsibilities import log_responsibilities_kernel, log_sum_exp_kernel
from gmm.formulas.updates import (
    update_covariances_kernel,
    update_means_kernel,
    update_weights_kernel,
)


class SingularCovarianceError(ValueError):
    """A component collapsed during EM: its covariance is not positive definite any more.

    Attributes
    ----------
    component : int
    iteration : int
        The M-step, counted from 1, that gave the singular covariance.
    """

    def __init__(self, component: int, iteration: int) -> None:
        self.component = component
        self.iteration = iteration
        super().__init__(
            f"the covariance of component {component} is not positive definite after iteration {iteration}: the "
            "component rests on too few distinct samples. Try another start, fewer components, or reg_covar > 0"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.component, self.iteration)


@dataclass(frozen=True)
class EMResult:
    """What :func:`em` found.

    Attributes
    ----------
    weights : ndarray, shape (n_components,)
    means : ndarray, shape (n_components, n_features)
    covariances : ndarray, shape (n_components, n_features, n_features)
    log_likelihoods : ndarray, shape (n_iter + 1,)
        Total log-likelihood of the start and after each iteration (natural logarithm).
    n_iter : int
        Iterations done: an iteration is an E-step and the M-step that follows it.
    converged : bool
        Whether the change fell below `tol` before `max_iter` iterations were done.
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    log_likelihoods: FloatArray
    n_iter: int
    converged: bool

    @property
    def log_likelihood(self) -> float:
        """Total log-likelihood of the parameters found (natural logarithm)."""
        return float(self.log_likelihoods[-1])


@dataclass(frozen=True)
class EMStep:
    """One state of EM: the parameters, and what the E-step says of them.

    Attributes
    ----------
    iteration : int
        0 for the start.
    log_likelihood : float
        Total, natural logarithm, of these parameters.
    resp : ndarray, shape (n_samples, n_components)
        Responsibilities under these parameters.
    weights : ndarray, shape (n_components,)
    means : ndarray, shape (n_components, n_features)
    covariances : ndarray, shape (n_components, n_features, n_features)
    """

    iteration: int
    log_likelihood: float
    resp: FloatArray
    weights: FloatArray
    means: FloatArray
    covariances: FloatArray


# ------------------------------------------------------------------------------------- kernels


@kernel
def elbo_kernel(resp, log_joint):
    n, K = resp.shape
    bound = 0.0
    for i in range(n):
        for k in range(K):
            if resp[i, k] > 0.0:  # r log r tends to 0 with r
                bound += resp[i, k] * (log_joint[i, k] - math.log(resp[i, k]))
    return bound


@kernel
def kl_divergence_kernel(q, log_p):
    n, K = q.shape
    divergence = 0.0
    for i in range(n):
        for k in range(K):
            if q[i, k] > 0.0:
                divergence += q[i, k] * (math.log(q[i, k]) - log_p[i, k])
    return divergence


@kernel
def e_step_kernel(X, weights, means, covariances):
    log_joint = joint_log_density_kernel(X, weights, means, covariances)
    log_resp = log_responsibilities_kernel(log_joint)
    log_likelihood = 0.0
    for log_density in log_sum_exp_kernel(log_joint):
        log_likelihood += log_density
    return log_resp, log_likelihood


@kernel
def m_step_kernel(X, resp, reg_covar):
    weights = update_weights_kernel(resp)
    means = update_means_kernel(X, resp)
    covariances = update_covariances_kernel(X, resp, means)
    for k in range(covariances.shape[0]):
        for j in range(covariances.shape[1]):
            covariances[k, j, j] += reg_covar
    return weights, means, covariances


@kernel
def singular_component_kernel(covariances):
    for k in range(covariances.shape[0]):
        L = cholesky_kernel(covariances[k])
        for j in range(L.shape[0]):
            if not (L[j, j] > 0.0 and L[j, j] < math.inf):  # NaN compares false
                return k
    return -1


@kernel
def em_kernel(X, weights, means, covariances, tol, max_iter, reg_covar):
    history = np.empty(max_iter + 1)
    n_iter, converged, singular = 0, False, -1
    log_resp, history[0] = e_step_kernel(X, weights, means, covariances)
    while n_iter < max_iter and not converged:
        weights, means, covariances = m_step_kernel(X, np.exp(log_resp), reg_covar)
        n_iter += 1
        singular = singular_component_kernel(covariances)
        if singular >= 0:
            break
        log_resp, history[n_iter] = e_step_kernel(X, weights, means, covariances)
        converged = has_converged_kernel(history[n_iter - 1], history[n_iter], X.shape[0], tol)
    return weights, means, covariances, history[: n_iter + 1], n_iter, converged, singular


@kernel
def random_start_kernel(X, chosen):
    K = chosen.shape[0]
    d = X.shape[1]
    weights = np.empty(K)
    means = np.empty((K, d))
    covariances = np.zeros((K, d, d))
    for k in range(K):
        weights[k] = 1.0 / K
        for j in range(d):
            means[k, j] = X[chosen[k], j]
            covariances[k, j, j] = 1.0
    return weights, means, covariances


# ------------------------------------------------------------------------------------- public


@equation("eq-elbo", kernel=elbo_kernel)
def elbo(X: ArrayLike, resp: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> float:
    r"""Evidence lower bound for any responsibilities, :eq:`eq-elbo`.

    .. math:: \mathcal L(q,\theta) = \sum_i\sum_k q_{ik}
        \bigl(\log\pi_k + \log\mathcal N(x_i\mid\mu_k,\Sigma_k) - \log q_{ik}\bigr) \le \ell(\theta)

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    resp : array_like, shape (n_samples, n_components)
        Any distribution over the components for each sample: not negative, rows summing to one.
    weights : array_like, shape (n_components,)
        Not negative, summing to one.
    means : array_like, shape (n_components, n_features)
    covariances : array_like, shape (n_components, n_features, n_features)
        Each symmetric positive definite.

    Returns
    -------
    float
        Natural logarithm, total over the samples. Equal to the log-likelihood exactly when `resp` are the
        responsibilities under the same parameters.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, weights or rows of `resp` do not sum to one, or a covariance is
        not symmetric positive definite (the message names the component).
    """
    X, weights, means, covariances = check.data_and_parameters(X, weights, means, covariances)
    resp = check.responsibilities(resp, X.shape[0], weights.shape[0])
    return elbo_kernel(resp, joint_log_density_kernel(X, weights, means, covariances))


@equation("eq-kl-divergence", kernel=kl_divergence_kernel)
def kl_divergence(q: ArrayLike, log_p: ArrayLike) -> float:
    r"""Kullback–Leibler divergence between two sets of responsibilities, :eq:`eq-kl-divergence`.

    .. math:: \operatorname{KL}(q\,\|\,p) = \sum_i\sum_k q_{ik}\log\frac{q_{ik}}{p_{ik}} \ge 0

    Parameters
    ----------
    q : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one.
    log_p : array_like, shape (n_samples, n_components)
        Logarithms of responsibilities, as :func:`log_responsibilities` returns them.

    Returns
    -------
    float
        In nats, total over the samples; infinite where `q` is positive and `p` is zero.

    Raises
    ------
    ValueError
        If the shapes differ, or `q` or the exponential of `log_p` is not a matrix of responsibilities.
    TypeError
        If `q` or `log_p` is a mixture: see :func:`mixture_kl_divergence`.
    """
    if hasattr(q, "score_samples") or hasattr(log_p, "score_samples"):
        raise TypeError(
            "q and log_p must be tables of responsibilities; for the divergence between two mixtures call "
            "gmm.mixture_kl_divergence(p, q)"
        )
    q = check.responsibilities(q, name="q")
    log_p = check.logarithms(log_p, "log_p")
    with np.errstate(over="ignore"):
        check.responsibilities(np.exp(log_p), q.shape[0], q.shape[1], "exp(log_p)")
    return kl_divergence_kernel(q, log_p)


@equation("eq-e-step", kernel=e_step_kernel)
def e_step(X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> tuple[FloatArray, float]:
    r"""E-step: the responsibilities under the current parameters, and their log-likelihood, :eq:`eq-e-step`.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    weights : array_like, shape (n_components,)
        Not negative, summing to one.
    means : array_like, shape (n_components, n_features)
    covariances : array_like, shape (n_components, n_features, n_features)
        Each symmetric positive definite.

    Returns
    -------
    log_resp : ndarray, shape (n_samples, n_components)
        Logarithms of the responsibilities.
    log_likelihood : float
        Total, natural logarithm.

    Raises
    ------
    ValueError
        As for :func:`log_responsibilities`.

    Notes
    -----
    Costs :math:`nK\,d(d+3)/2` multiplications and divisions, :math:`nK` exponentials and :math:`n` logarithms.
    """
    arguments = check.data_and_parameters(X, weights, means, covariances)
    check.reachable(joint_log_density_kernel(*arguments))
    return e_step_kernel(*arguments)


@equation("eq-m-step", kernel=m_step_kernel)
def m_step(X: ArrayLike, resp: ArrayLike, reg_covar: float = 0.0) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""M-step: the parameters that maximise the expected complete log-likelihood, :eq:`eq-m-step`.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    resp : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one.
    reg_covar : float
        Added to the diagonal of each covariance. Zero gives the maximum itself.

    Returns
    -------
    weights : ndarray, shape (n_components,)
    means : ndarray, shape (n_components, n_features)
    covariances : ndarray, shape (n_components, n_features, n_features)

    Raises
    ------
    ValueError
        If `resp` is not a matrix of responsibilities for `X`, a component has no responsibility at all (the message
        names it), or `reg_covar` is negative.

    Notes
    -----
    Costs :math:`nK(d + 2d^2)` multiplications as written.
    """
    X = check.data(X)
    resp = check.responsibilities(resp, n_samples=X.shape[0])
    check.nonempty_components(resp)
    return m_step_kernel(X, resp, check.number(reg_covar, "reg_covar", minimum=0.0))


@equation("eq-random-start", kernel=random_start_kernel)
def random_start(X: ArrayLike, n_components: int, rng: Rng = None) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""The classic start: random samples as means, identity covariances, equal weights, :eq:`eq-random-start`.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    n_components : int
    rng : numpy.random.Generator, int or None
        Source of randomness; NumPy's global state is never touched.

    Returns
    -------
    weights : ndarray, shape (n_components,)
    means : ndarray, shape (n_components, n_features)
        Different samples of `X` (which may be equal points if the data hold duplicates).
    covariances : ndarray, shape (n_components, n_features, n_features)

    Raises
    ------
    ValueError
        If `X` is not a finite matrix or has fewer samples than `n_components`.
    """
    X = check.data(X)
    n_components = check.count(n_components, "n_components")
    if n_components > X.shape[0]:
        raise ValueError(f"n_components must be <= n_samples = {X.shape[0]}; got {n_components}")
    chosen = check.generator(rng).choice(X.shape[0], size=n_components, replace=False)
    return random_start_kernel(X, chosen)


@equation("eq-em", kernel=em_kernel)
def em(
    X: ArrayLike,
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
    *,
    tol: float = 1e-6,
    max_iter: int = 1000,
    reg_covar: float = 0.0,
) -> EMResult:
    r"""Fit a Gaussian mixture by expectation-maximisation from a given start, :eq:`eq-em`.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    weights : array_like, shape (n_components,)
        Start. Not negative, summing to one.
    means : array_like, shape (n_components, n_features)
        Start.
    covariances : array_like, shape (n_components, n_features, n_features)
        Start. Each symmetric positive definite.
    tol : float
        Stop when the log-likelihood per sample changes by less than this, see :func:`has_converged`.
    max_iter : int
        The largest number of iterations.
    reg_covar : float
        Added to the diagonal of each covariance in each M-step. Zero is plain maximum likelihood.

    Returns
    -------
    EMResult

    Raises
    ------
    SingularCovarianceError
        If a component collapses; the error names the component and the iteration.
    ValueError
        If the input is not a finite matrix with a valid start, or `tol`, `max_iter` or `reg_covar` is negative.

    Notes
    -----
    Costs about :math:`\tfrac52 nKd^2` multiplications an iteration for large d, see :func:`em_cost`, and memory for
    :math:`2nK` logarithms.
    """
    X, weights, means, covariances = check.data_and_parameters(X, weights, means, covariances)
    tol = check.number(tol, "tol", minimum=0.0)
    max_iter = check.count(max_iter, "max_iter", minimum=0)
    reg_covar = check.number(reg_covar, "reg_covar", minimum=0.0)
    check.reachable(joint_log_density_kernel(X, weights, means, covariances))
    start = (weights.copy(), means.copy(), covariances.copy())  # without iterations the start itself is returned
    *found, singular = in_python(em_kernel)(X, *start, tol, max_iter, reg_covar)
    found = EMResult(*found)
    if singular >= 0:
        raise SingularCovarianceError(singular, found.n_iter)
    return found


def em_steps(
    X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike, *, reg_covar: float = 0.0
) -> Iterator[EMStep]:
    """Run EM one iteration at a time, without end: the start first, then the state after each iteration.

    Parameters
    ----------
    X, weights, means, covariances, reg_covar
        As for :func:`em`.

    Yields
    ------
    EMStep

    Raises
    ------
    SingularCovarianceError
        If a component collapses; the error names the component and the iteration.
    ValueError
        If the input is not a finite matrix with a valid start.

    Examples
    --------
    >>> from itertools import islice
    >>> X = [[1.0], [2.0], [3.0]]
    >>> steps = em_steps(X, [0.5, 0.5], [[1.0], [3.0]], [[[1.0]], [[1.0]]])
    >>> [round(step.log_likelihood, 3) for step in islice(steps, 3)]
    [-4.389, -3.549, -3.487]
    """
    X, weights, means, covariances = check.data_and_parameters(X, weights, means, covariances)
    reg_covar = check.number(reg_covar, "reg_covar", minimum=0.0)
    check.reachable(joint_log_density_kernel(X, weights, means, covariances))
    return _em_steps(X, weights.copy(), means.copy(), covariances.copy(), reg_covar)


def _em_steps(
    X: FloatArray, weights: FloatArray, means: FloatArray, covariances: FloatArray, reg_covar: float
) -> Iterator[EMStep]:
    iteration = 0
    while True:
        log_resp, log_likelihood = e_step_kernel(X, weights, means, covariances)
        resp = np.exp(log_resp)
        yield EMStep(iteration, log_likelihood, resp, weights, means, covariances)
        iteration += 1
        weights, means, covariances = m_step_kernel(X, resp, reg_covar)
        singular = singular_component_kernel(covariances)
        if singular >= 0:
            raise SingularCovarianceError(singular, iteration)
