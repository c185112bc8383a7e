"""How many components? (chapter 14): information criteria and Laplace's method."""

from __future__ import annotations

import math

from gmm._compile import kernel
from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.formulas._registry import equation
from gmm.formulas.gaussian import LOG_2PI, cholesky_kernel, log_determinant_kernel
from gmm.formulas.responsibilities import responsibility_entropy_kernel

# ------------------------------------------------------------------------------------- kernels


@kernel
def aic_kernel(log_likelihood, p):
    return -2.0 * log_likelihood + 2.0 * p


@kernel
def bic_kernel(log_likelihood, p, n):
    return -2.0 * log_likelihood + p * math.log(n)


@kernel
def bic_maximised_kernel(log_likelihood, p, n):
    return 2.0 * log_likelihood - p * math.log(n)


@kernel
def icl_kernel(log_likelihood, p, resp):
    entropy = 0.0
    for one in responsibility_entropy_kernel(resp):
        entropy += one
    return bic_kernel(log_likelihood, p, resp.shape[0]) + 2.0 * entropy


@kernel
def laplace_log_integral_kernel(log_peak, L):
    p = L.shape[0]
    return log_peak + 0.5 * p * LOG_2PI - 0.5 * log_determinant_kernel(L)


# ------------------------------------------------------------------------------------- public


def _log_likelihood_and_count(log_likelihood: float, n_parameters: int) -> tuple[float, int]:
    return check.number(log_likelihood, "log_likelihood"), check.count(n_parameters, "n_parameters")


@equation("eq-aic", kernel=aic_kernel)
def aic(log_likelihood: float, n_parameters: int) -> float:
    r"""Akaike's information criterion: smaller is better, :eq:`eq-aic`.

    .. math:: \text{AIC} = -2\ell + 2p

    Parameters
    ----------
    log_likelihood : float
        Total, natural logarithm, at the maximum.
    n_parameters : int
        Free parameters p.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `log_likelihood` is not finite or `n_parameters` is less than one.

    References
    ----------
    Akaike, H. (1974), A new look at the statistical model identification.
    """
    return aic_kernel(*_log_likelihood_and_count(log_likelihood, n_parameters))


@equation("eq-bic", kernel=bic_kernel)
def bic(log_likelihood: float, n_parameters: int, n_samples: int) -> float:
    r"""Schwarz's Bayesian information criterion: smaller is better, :eq:`eq-bic`.

    .. math:: \text{BIC} = -2\ell + p\log n

    Parameters
    ----------
    log_likelihood : float
        Total, natural logarithm, at the maximum.
    n_parameters : int
        Free parameters p.
    n_samples : int

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `log_likelihood` is not finite or a count is less than one.

    References
    ----------
    Schwarz, G. (1978), Estimating the dimension of a model.
    """
    arguments = _log_likelihood_and_count(log_likelihood, n_parameters)
    return bic_kernel(*arguments, check.count(n_samples, "n_samples"))


@equation("eq-bic-maximised", kernel=bic_maximised_kernel)
def bic_maximised(log_likelihood: float, n_parameters: int, n_samples: int) -> float:
    r"""BIC with the sign that mclust uses: larger is better, :eq:`eq-bic-maximised`.

    .. math:: 2\ell - p\log n = -\text{BIC}

    Parameters
    ----------
    log_likelihood : float
        Total, natural logarithm, at the maximum.
    n_parameters : int
        Free parameters p.
    n_samples : int

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `log_likelihood` is not finite or a count is less than one.

    References
    ----------
    Fraley, C. and Raftery, A. E. (2002), Model-based clustering, discriminant analysis, and density estimation.
    """
    arguments = _log_likelihood_and_count(log_likelihood, n_parameters)
    return bic_maximised_kernel(*arguments, check.count(n_samples, "n_samples"))


@equation("eq-icl", kernel=icl_kernel)
def icl(log_likelihood: float, n_parameters: int, resp: ArrayLike) -> float:
    r"""Integrated completed likelihood: BIC plus twice the entropy of the assignment; smaller is better, :eq:`eq-icl`.

    .. math:: \text{ICL} = -2\ell + p\log n + 2\sum_i H_i,\qquad H_i = -\sum_k r_{ik}\log r_{ik}

    Parameters
    ----------
    log_likelihood : float
        Total, natural logarithm, at the maximum.
    n_parameters : int
        Free parameters p.
    resp : array_like, shape (n_samples, n_components)
        Responsibilities at the maximum.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `log_likelihood` is not finite, `n_parameters` is less than one, or `resp` is not a matrix of
        responsibilities.

    References
    ----------
    Biernacki, C., Celeux, G. and Govaert, G. (2000), Assessing a mixture model for clustering with the integrated
    completed likelihood (there with the labels of the largest responsibilities); McLachlan, G. and Peel, D. (2000),
    Finite mixture models, section 6.10 (this form, with the entropy).
    """
    arguments = _log_likelihood_and_count(log_likelihood, n_parameters)
    return icl_kernel(*arguments, check.responsibilities(resp))


@equation("eq-laplace", kernel=laplace_log_integral_kernel)
def laplace_log_integral(log_peak: float, curvature: ArrayLike) -> float:
    r"""Laplace's approximation of the logarithm of an integral, :eq:`eq-laplace`.

    .. math:: \log\int e^{f(\theta)}\,d\theta \approx f(\tilde\theta) + \tfrac p2\log 2\pi - \tfrac12\log\lvert H\rvert

    Parameters
    ----------
    log_peak : float
        :math:`f(\tilde\theta)`, the largest value of f.
    curvature : array_like, shape (n_parameters, n_parameters)
        :math:`H`, the negative of the matrix of second derivatives of f at its maximum; symmetric positive definite.

    Returns
    -------
    float
        Natural logarithm. Exact when f is quadratic.

    Raises
    ------
    ValueError
        If `log_peak` is not finite or `curvature` is not symmetric positive definite.
    """
    log_peak = check.number(log_peak, "log_peak")
    return laplace_log_integral_kernel(log_peak, cholesky_kernel(check.covariance_matrix(curvature, name="curvature")))
