"""Convergence (chapter 8): when EM stops, and what an iteration costs."""

from __future__ import annotations

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray
from gmm.formulas import _checks as check
from gmm.formulas._registry import equation

# ------------------------------------------------------------------------------------- kernels


@kernel
def has_converged_kernel(log_likelihood, new_log_likelihood, n, tol):
    return abs(new_log_likelihood - log_likelihood) / n < tol


@kernel
def parameter_change_kernel(old, new):
    change = 0.0
    for p in range(old.shape[0]):
        change = max(change, abs(new[p] - old[p]))
    return change


@kernel
def em_cost_kernel(n, d, K):
    factor = K * d * (d * d - 1) // 6 + K * d * (d - 1) // 2
    e_step = n * K * (d * (d + 1) // 2 + d)
    m_step = n * K * (d + 2 * d * d)
    return factor + e_step + m_step


# ------------------------------------------------------------------------------------- public


@equation("eq-log-likelihood-change", kernel=has_converged_kernel)
def has_converged(log_likelihood: float, new_log_likelihood: float, n_samples: int, tol: float) -> bool:
    r"""Whether the log-likelihood per sample changed by less than a tolerance, :eq:`eq-log-likelihood-change`.

    .. math:: \frac{\lvert\ell^{(t+1)} - \ell^{(t)}\rvert}{n} < \text{tol}

    Parameters
    ----------
    log_likelihood, new_log_likelihood : float
        Totals before and after an iteration (natural logarithm).
    n_samples : int
    tol : float
        Tolerance per sample, not negative.

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        If a value is not finite, `n_samples` is less than one or `tol` is negative.
    """
    return has_converged_kernel(
        check.number(log_likelihood, "log_likelihood"),
        check.number(new_log_likelihood, "new_log_likelihood"),
        check.count(n_samples, "n_samples"),
        check.number(tol, "tol", minimum=0.0),
    )


@equation("eq-parameter-change", kernel=parameter_change_kernel)
def parameter_change(old: tuple[ArrayLike, ArrayLike, ArrayLike], new: tuple[ArrayLike, ArrayLike, ArrayLike]) -> float:
    r"""Largest absolute change of any parameter between two states, :eq:`eq-parameter-change`.

    .. math:: \max_p\,\lvert\theta_p^{(t+1)} - \theta_p^{(t)}\rvert

    Parameters
    ----------
    old, new : tuple of (weights, means, covariances)
        Two states of the same shapes.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If either state is not a valid mixture or the shapes differ.
    """
    old = _state(old, "old")
    new = _state(new, "new")
    if old[1].shape != new[1].shape:
        raise ValueError(f"old and new must have equal shapes; means have {old[1].shape}, {new[1].shape}")
    return parameter_change_kernel(*(np.concatenate([part.ravel() for part in state]) for state in (old, new)))


def _state(state: tuple[ArrayLike, ArrayLike, ArrayLike], name: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    if not isinstance(state, (tuple, list)) or len(state) != 3:
        raise ValueError(f"{name} must be a tuple (weights, means, covariances); got {state!r}")
    try:
        return check.parameters(*state)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None


@equation("eq-em-cost", kernel=em_cost_kernel)
def em_cost(n_samples: int, n_features: int, n_components: int) -> int:
    r"""Multiplications and divisions in one EM iteration of these kernels, :eq:`eq-em-cost`.

    .. math:: nK\,\tfrac{d(d+3)}2 + nK(d + 2d^2) + K\Bigl(\tfrac{d(d^2-1)}6 + \tfrac{d(d-1)}2\Bigr)

    The E-step's Mahalanobis distances, the M-step's weighted sums, and the Cholesky factors. Left out are the few
    products for each component or for each (i, k), the divisions by the counts, and the second factorisation with which
    :func:`em` looks for a collapsed component.

    Parameters
    ----------
    n_samples, n_features, n_components : int

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If a size is less than one.
    """
    return em_cost_kernel(
        check.count(n_samples, "n_samples"),
        check.count(n_features, "n_features"),
        check.count(n_components, "n_components"),
    )
