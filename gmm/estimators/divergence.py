"""How far one mixture is from another: the Kullback–Leibler divergence, which has no closed form for mixtures."""

from __future__ import annotations

import math
from numbers import Integral
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from gmm import engine
from gmm._types import Seed
from gmm.estimators._validation import random_generator
from gmm.estimators.gaussian_mixture import GaussianMixture

MOST_STEPS = 1000  # of the upper bound; each is a few operations on a table of K times K numbers


class MixtureDivergence(NamedTuple):
    """What `mixture_kl_divergence` found; all in nats.

    Attributes
    ----------
    estimate : float
        Mean of log p(x) - log q(x) over draws from p: unbiased, and by chance below 0 where the divergence is small.
    standard_error : float
        Of the estimate.
    upper_bound : float
        A number that the divergence does not exceed. Exact for two single Gaussians.
    approximation : float
        The variational approximation: close where components lie far apart or pairwise upon each other, and not a
        bound on either side. Exact for two single Gaussians.
    """

    estimate: float
    standard_error: float
    upper_bound: float
    approximation: float


def mixture_kl_divergence(
    p: GaussianMixture, q: GaussianMixture, *, n_samples: int = 100_000, random_state: Seed = None
) -> MixtureDivergence:
    r"""Kullback–Leibler divergence from one fitted mixture to another, by simulation and by bounds.

    .. math:: \operatorname{KL}(p\,\|\,q) = \operatorname E_p\bigl[\log p(x) - \log q(x)\bigr] \ge 0

    is the mean evidence, in nats per sample, by which samples of p speak for p against q. With :math:`p = \sum_a \pi_a
    f_a` and :math:`q = \sum_b \omega_b g_b` the logarithm of a sum stands in the way of an integral, and three numbers
    take its place.

    The *estimate* is the mean of :math:`\log p(x) - \log q(x)` over draws from p.

    The *upper bound* lets the components be seen: split :math:`\pi_a = \sum_b \varphi_{ab}` and :math:`\omega_b =
    \sum_a \psi_{ab}`, so that :math:`p = \sum_{ab} \varphi_{ab} f_a` and :math:`q = \sum_{ab} \psi_{ab} g_b`. Who sees
    the pair (a, b) beside x tells the two apart no worse, so that by the chain rule

    .. math::

        \operatorname{KL}(p\,\|\,q) \le \sum_{ab} \varphi_{ab} \Bigl(\log\frac{\varphi_{ab}}{\psi_{ab}}
        + \operatorname{KL}(f_a\,\|\,g_b)\Bigr).

    The right side is least for :math:`\psi_{ab} \propto \omega_b \varphi_{ab}` given φ and for :math:`\varphi_{ab}
    \propto \pi_a \psi_{ab} e^{-\operatorname{KL}(f_a \| g_b)}` given ψ; the two take turns until nothing is gained.

    The *approximation* bounds both terms of :math:`\operatorname E_{f_a}[\log p - \log q]` from below, by Jensen's
    inequality, and takes the difference of the bounds,

    .. math::

        \sum_a \pi_a \log \frac{\sum_{a'} \pi_{a'} e^{-\operatorname{KL}(f_a \| f_{a'})}}
        {\sum_b \omega_b e^{-\operatorname{KL}(f_a \| g_b)}}.

    For two Gaussians with the Cholesky factors :math:`L_f, L_g`, with :math:`M = L_g^{-1} L_f` and :math:`z = L_g^{-1}
    (\mu_f - \mu_g)`,

    .. math::

        \operatorname{KL}(f\,\|\,g) = \tfrac12 \Bigl(\sum_j (M_{jj}^2 - 1 - \log M_{jj}^2) + \sum_{i>j} M_{ij}^2
        + \lvert z\rvert^2\Bigr),

    a sum of terms that are not negative.

    Parameters
    ----------
    p, q : GaussianMixture
        Fitted, of the same features, with any covariance structures. scikit-learn's will do.
    n_samples : int, default=100_000
        Draws from p. The standard error falls with their square root.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the draws.

    Returns
    -------
    MixtureDivergence
        A named tuple: ``estimate``, ``standard_error``, ``upper_bound``, ``approximation``, all in nats.

    Raises
    ------
    TypeError
        If `p` or `q` is no mixture, or `n_samples` no integer.
    ValueError
        If the two have not the same features, or `n_samples` is less than 2.

    See Also
    --------
    kl_divergence : the same between two tables of responsibilities.

    Notes
    -----
    Not symmetric: samples of p where q is thin make it large. Costs ``n_samples`` densities of either mixture, and
    O(K² d³) for the Gaussians.

    References
    ----------
    Hershey, J. R. and Olsen, P. A. (2007), Approximating the Kullback Leibler divergence between Gaussian mixture
    models.

    Examples
    --------
    >>> import gmm
    >>> p = gmm.GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [[[1.0]], [[1.0]]])
    >>> q = gmm.GaussianMixture.from_parameters([1.0], [[2.0]], [[[5.0]]])
    >>> found = gmm.mixture_kl_divergence(p, q, random_state=0)
    >>> round(found.estimate, 2), round(found.standard_error, 3), round(found.upper_bound, 2)
    (0.18, 0.002, 0.8)
    """
    p, q = _mixture(p, "p"), _mixture(q, "q")
    if isinstance(n_samples, bool) or not isinstance(n_samples, Integral):
        raise TypeError(f"n_samples must be an integer; got {n_samples!r}")
    if n_samples < 2:
        raise ValueError(f"n_samples must be >= 2; got {n_samples}")
    _check_same_features(p, q)
    parameters = p._parameters(), q._parameters()
    X = p.sample(n_samples, random_state=random_generator(random_state))[0]
    with np.errstate(invalid="ignore"):  # beyond float64's range log q is -inf, and so is the standard error nan
        ratios = np.subtract(*(engine.score_samples(X, one.density(), n_threads=p.n_threads) for one in parameters))
        estimate, error = float(ratios.mean()), float(ratios.std(ddof=1) / math.sqrt(n_samples))
    f, g = (_present(one) for one in parameters)
    log_pi, log_omega = np.log(f.weights), np.log(g.weights)
    with np.errstate(over="ignore"):
        between, within = _gaussian_divergences(f, g), _gaussian_divergences(f, f)
    seen = logsumexp(log_pi - within, axis=1) - logsumexp(log_omega - between, axis=1)
    return MixtureDivergence(estimate, error, _upper_bound(log_pi, log_omega, between), float(f.weights @ seen))


def _mixture(value, name):
    if isinstance(value, GaussianMixture):
        value._without_noise("the divergence")  # refuses one that is not fitted
        return value
    if not all(hasattr(value, part) for part in ("weights_", "means_", "covariances_", "covariance_type")):
        raise TypeError(f"{name} must be a fitted GaussianMixture; got {type(value).__name__}")
    mixture = GaussianMixture.from_parameters(value.weights_, value.means_, value.covariances_, value.covariance_type)
    if hasattr(value, "feature_names_in_"):
        mixture.feature_names_in_ = value.feature_names_in_
    return mixture


def _check_same_features(p, q):
    if p.n_features_in_ != q.n_features_in_:
        raise ValueError(f"p and q must have the same features; p has {p.n_features_in_}, q has {q.n_features_in_}")
    if hasattr(p, "feature_names_in_") and hasattr(q, "feature_names_in_"):
        names, other = ([str(name) for name in mixture.feature_names_in_] for mixture in (p, q))
        if names != other:
            raise ValueError(f"p and q must have the same features; p has {names}, q has {other}")


def _present(parameters):
    """The components that have any weight."""
    return parameters.components(np.flatnonzero(parameters.weights))


def _gaussian_divergences(p, q):
    """KL(f_a ‖ g_b) for all pairs of components: (K_p, K_q)."""
    n_features = p.n_features
    if {p.structure.model, q.structure.model} <= {engine.Diagonal, engine.Spherical}:
        scales, other = (np.sqrt(one.structure.variances(one.covariances, one.n_components)) for one in (p, q))
        diagonals = scales[:, None] / other * np.ones(n_features)
        squares = np.sum(((p.means[:, None] - q.means) / other) ** 2, axis=2)
    else:
        lower, other = (np.linalg.cholesky(one.matrices) for one in (p, q))
        diagonals = np.empty((p.n_components, q.n_components, n_features))
        squares = np.empty((p.n_components, q.n_components))
        below = np.tri(n_features, k=-1)
        for a, b in np.ndindex(*squares.shape):
            M = solve_triangular(other[b], lower[a], lower=True)
            z = solve_triangular(other[b], p.means[a] - q.means[b], lower=True)
            diagonals[a, b] = np.diag(M)
            squares[a, b] = np.sum((M * below) ** 2) + z @ z
    excess = (diagonals - 1.0) * (diagonals + 1.0)
    return 0.5 * (np.sum(excess - np.log1p(excess), axis=2) + squares)


def _upper_bound(log_pi, log_omega, divergences):
    """The least upper bound over φ and ψ, in the log domain. Every step gives a bound, so that any may be the last."""
    log_phi = log_pi[:, None] + log_omega
    bound = math.inf
    for _ in range(MOST_STEPS):
        with np.errstate(invalid="ignore"):
            log_psi = log_omega + log_phi - logsumexp(log_phi, axis=0)
        # A b that no a is near to: its share of q is given away, which leaves a bound a bound.
        scores = np.where(np.isnan(log_psi), -np.inf, log_psi) - divergences
        evidence = logsumexp(scores, axis=1)
        last, bound = bound, float(np.exp(log_pi) @ (log_pi - evidence))
        if not last - bound > 1e-12 * abs(bound):
            break
        with np.errstate(invalid="ignore"):
            log_phi = log_pi[:, None] + scores - evidence[:, None]
        log_phi[np.isnan(log_phi)] = -np.inf
    return bound
