"""When data outgrow memory (chapter 21): statistics that move and add, steps of online EM, samples of a table."""

from __future__ import annotations

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray
from gmm.formulas import _checks as check
from gmm.formulas._registry import equation

# ------------------------------------------------------------------------------------- kernels


@kernel
def moved_moments_kernel(count, first, second, shift):
    d = first.shape[0]
    moved_first = np.empty(d)
    moved_second = np.empty((d, d))
    for a in range(d):
        moved_first[a] = first[a] - count * shift[a]
    for a in range(d):
        for b in range(d):
            # Of the two crossed products one takes the moved first moment, and the last term is in it.
            moved_second[a, b] = second[a, b] - first[a] * shift[b] - shift[a] * moved_first[b]
    return moved_first, moved_second


@kernel
def tree_sum_kernel(values):
    level = values.copy()
    n = level.shape[0]
    while n > 1:
        for j in range(n // 2):
            level[j] = level[2 * j] + level[2 * j + 1]
        if n % 2:
            level[n // 2] = level[n - 1]
        n = (n + 1) // 2
    return level[0]


@kernel
def step_sizes_kernel(n_steps, alpha, offset):
    out = np.empty(n_steps)
    for t in range(n_steps):
        out[t] = (t + 1.0 + offset) ** -alpha
    return out


@kernel
def batch_shares_kernel(steps):
    out = np.empty(steps.shape[0])
    kept = 1.0
    for t in range(steps.shape[0] - 1, -1, -1):
        out[t] = steps[t] * kept
        kept *= 1.0 - steps[t]
    return out


@kernel
def remembered_batches_kernel(step):
    return (2.0 - step) / step


@kernel
def sampling_factor_kernel(m, n):
    return (n - m) / n


# ------------------------------------------------------------------------------------- public


@equation("eq-moved-moments", kernel=moved_moments_kernel)
def moved_moments(count: float, first: ArrayLike, second: ArrayLike, shift: ArrayLike) -> tuple[FloatArray, FloatArray]:
    r"""Move one component's moments to another centre, without the samples, :eq:`eq-moved-moments`.

    .. math:: \mathbf s' = \mathbf s - N\boldsymbol\delta, \qquad
       \mathbf M' = \mathbf M - \mathbf s\boldsymbol\delta^\top - \boldsymbol\delta\mathbf s'^\top

    Parameters
    ----------
    count : float
        N, the sum of the responsibilities, not negative.
    first : array_like, shape (n_features,)
    second : array_like, shape (n_features, n_features)
        Symmetric.
    shift : array_like, shape (n_features,)
        The new centre minus the old one, in the units of the features.

    Returns
    -------
    first, second : ndarray, shapes (n_features,) and (n_features, n_features)

    Raises
    ------
    ValueError
        If shapes differ, `second` is not symmetric, `count` is negative, or a value is not finite.
    """
    count = check.number(count, "count", minimum=0)
    first = check.real_array(first, "first", 1, "(n_features,)")
    second = check.symmetric_matrix(second, "second")
    shift = check.real_array(shift, "shift", 1, "(n_features,)")
    if not first.shape[0] == second.shape[0] == shift.shape[0]:
        raise ValueError(
            "first, second and shift must have the same number of features; "
            f"got shapes {first.shape}, {second.shape} and {shift.shape}"
        )
    return moved_moments_kernel(count, first, second, shift)


@equation("eq-tree-sum", kernel=tree_sum_kernel)
def tree_sum(values: ArrayLike) -> float:
    r"""Add neighbours, then neighbours of the sums, until one is left, :eq:`eq-tree-sum`.

    .. math:: t^{(l+1)}_j = t^{(l)}_{2j-1} \oplus t^{(l)}_{2j}, \qquad \hat S = t^{(h)}_1, \quad
       h = \lceil\log_2 B\rceil

    One without a neighbour goes up as it is. The order, and so each bit, depends on the number of values alone.

    Parameters
    ----------
    values : array_like, shape (n,)

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `values` is empty, has not one axis, or is not finite.
    """
    return tree_sum_kernel(check.real_array(values, "values", 1, "(n,)"))


@equation("eq-online-steps", kernel=step_sizes_kernel)
def step_sizes(n_steps: int, alpha: float = 0.6, offset: float = 0.0) -> FloatArray:
    r"""Step sizes of online EM, for t = 1, 2, ..., :eq:`eq-online-steps`.

    .. math:: \gamma_t = (t + t_0)^{-\alpha}

    Their sum diverges and that of their squares does not if alpha is above 1/2 and at most 1.

    Parameters
    ----------
    n_steps : int
    alpha : float
        Above 1/2, at most 1.
    offset : float
        :math:`t_0`, not negative.

    Returns
    -------
    ndarray, shape (n_steps,)

    Raises
    ------
    ValueError
        If a value is out of its range.

    References
    ----------
    Cappé and Moulines (2009), On-line expectation-maximization algorithm for latent data models.
    """
    n_steps = check.count(n_steps, "n_steps")
    alpha = check.number(alpha, "alpha", minimum=0.5, strict=True)
    if alpha > 1:
        raise ValueError(f"alpha must be at most 1; got {alpha!r}")
    return step_sizes_kernel(n_steps, alpha, check.number(offset, "offset", minimum=0))


@equation("eq-batch-shares", kernel=batch_shares_kernel)
def batch_shares(steps: ArrayLike) -> FloatArray:
    r"""Share of each batch in the running statistics, :eq:`eq-batch-shares`.

    .. math:: w_t = \gamma_t\prod_{u>t}(1-\gamma_u)

    Parameters
    ----------
    steps : array_like, shape (n_steps,)
        Above 0, at most 1.

    Returns
    -------
    ndarray, shape (n_steps,)
        They sum to one if the first step is 1; else the rest is the share of the start.

    Raises
    ------
    ValueError
        If a step is out of its range.
    """
    steps = check.real_array(steps, "steps", 1, "(n_steps,)")
    if not ((steps > 0) & (steps <= 1)).all():
        raise ValueError(f"steps must be above 0 and at most 1; got {steps[(steps <= 0) | (steps > 1)][0]!r}")
    return batch_shares_kernel(steps)


@equation("eq-remembered-batches", kernel=remembered_batches_kernel)
def remembered_batches(step: float) -> float:
    r"""Effective number of batches under a constant step, :eq:`eq-remembered-batches`.

    .. math:: \frac1{\sum_t w_t^2} = \frac{2-\gamma}\gamma

    Parameters
    ----------
    step : float
        Above 0, at most 1.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `step` is out of its range.
    """
    step = check.number(step, "step", minimum=0, strict=True)
    if step > 1:
        raise ValueError(f"step must be at most 1; got {step!r}")
    return remembered_batches_kernel(step)


@equation("eq-sampling-factor", kernel=sampling_factor_kernel)
def sampling_factor(n_samples: int, n_rows: int) -> float:
    r"""Finite population correction, :eq:`eq-sampling-factor`.

    .. math:: \operatorname{Var}\bar x_m = \Bigl(1-\frac mn\Bigr)\frac{S^2}m

    The variance of a mean of m of n rows, drawn without replacement, against that of m independent ones; :math:`S^2`
    is the variance of the rows, divided by n - 1.

    Parameters
    ----------
    n_samples : int
        m, at most `n_rows`.
    n_rows : int
        n.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If a size is less than one, or `n_samples` above `n_rows`.
    """
    n_samples, n_rows = check.count(n_samples, "n_samples"), check.count(n_rows, "n_rows")
    if n_samples > n_rows:
        raise ValueError(f"n_samples must be at most n_rows, {n_rows}; got {n_samples}")
    return sampling_factor_kernel(n_samples, n_rows)
