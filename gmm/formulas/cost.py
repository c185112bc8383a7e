"""Making it fast (chapter 20): what an iteration costs, what bounds its time, and what its sums lose."""

from __future__ import annotations

import math

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray
from gmm.formulas import _checks as check
from gmm.formulas._registry import equation
from gmm.formulas.gaussian import cholesky_kernel, mahalanobis_squared_kernel
from gmm.formulas.mixture import joint_log_density_kernel
from gmm.formulas.responsibilities import log_responsibilities_kernel

LOG2 = math.log(2.0)
# ln 2 in two pieces: the first ends in zeros, so that its product with a whole number below 2**20 is exact.
LOG2_HIGH = 6.93147180369123816490e-01
LOG2_LOW = 1.90821492927058770002e-10
ROUNDING = 2.0**-53  # the largest relative error of one operation on float64
# Of one responsibility beside the products of d features: 31 of an exponential and 9 of the softmax around it.
SOFTMAX_OPERATIONS = 40

# ------------------------------------------------------------------------------------- kernels


@kernel
def pass_operations_kernel(n, d, K):
    e_step = d * (d + 4) + SOFTMAX_OPERATIONS
    moments = d * (d + 4)
    return n * K * (e_step + moments)


@kernel
def pass_bytes_kernel(n, d, K, n_passes):
    return 8 * n * d * max(1, n_passes * K)


@kernel
def roofline_kernel(operations, n_bytes, peak, bandwidth):
    return min(peak, operations / n_bytes * bandwidth)


@kernel
def amdahl_speedup_kernel(n_threads, serial_share):
    return 1.0 / (serial_share + (1.0 - serial_share) / n_threads)


@kernel
def reduced_exponential_kernel(x, degree):
    out = np.empty(x.shape[0])
    for i in range(x.shape[0]):
        if x[i] > 710.0 or x[i] < -750.0:  # beyond float64
            out[i] = math.inf if x[i] > 0.0 else 0.0
            continue
        g = round(x[i] / LOG2)
        v = (x[i] - g * LOG2_HIGH) - g * LOG2_LOW
        p = 1.0
        for j in range(degree, 0, -1):
            p = 1.0 + v / j * p
        half = int(g) // 2  # in two steps: plain Python's ldexp raises where it overflows, a product is infinite
        out[i] = math.ldexp(p, half) * math.ldexp(1.0, int(g) - half)
    return out


@kernel
def exponential_error_bound_kernel(degree):
    bound = math.sqrt(2.0)
    for j in range(1, degree + 2):
        bound *= 0.5 * LOG2 / j
    return bound


@kernel
def chunked_sum_kernel(values, chunk_length):
    n = values.shape[0]
    total = 0.0
    for start in range(0, n, chunk_length):
        part = 0.0
        for i in range(start, min(start + chunk_length, n)):
            part += values[i]
        total += part
    return total


@kernel
def chunked_sum_error_bound_kernel(values, chunk_length):
    n = values.shape[0]
    longest = min(chunk_length, n)
    n_chunks = (n + chunk_length - 1) // chunk_length
    steps = longest - 1 + n_chunks - 1  # additions to zero are exact
    size = 0.0
    for i in range(n):
        size += abs(values[i])
    return steps * ROUNDING / (1.0 - steps * ROUNDING) * size


@kernel
def left_out_moments_bound_kernel(X, weights, means, covariances, threshold):
    K = means.shape[0]
    log_resp = log_responsibilities_kernel(joint_log_density_kernel(X, weights, means, covariances))
    bound = np.zeros(K)
    for k in range(K):
        squared = mahalanobis_squared_kernel(X, means[k], cholesky_kernel(covariances[k]))
        for i in range(X.shape[0]):
            r = math.exp(log_resp[i, k])
            if r < threshold:
                bound[k] += r * squared[i]
    return bound


# ------------------------------------------------------------------------------------- public


@equation("eq-pass-operations", kernel=pass_operations_kernel)
def pass_operations(n_samples: int, n_features: int, n_components: int) -> int:
    r"""Floating-point operations of one EM pass with full covariances, :eq:`eq-pass-operations`.

    .. math:: F = nK\bigl(2\,d(d+4) + 40\bigr)

    Additions and multiplications count one each, a fused multiply-add two. The pass computes whitened differences, the
    softmax, and the lower triangle of the moments about the old means. The factorisations, once for each component,
    are left out, and so is what is needed once for each sample.

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

    See Also
    --------
    em_cost : multiplications of the readable kernels.
    """
    return pass_operations_kernel(
        check.count(n_samples, "n_samples"),
        check.count(n_features, "n_features"),
        check.count(n_components, "n_components"),
    )


@equation("eq-pass-bytes", kernel=pass_bytes_kernel)
def pass_bytes(n_samples: int, n_features: int, n_components: int, n_passes: int = 0) -> int:
    r"""Bytes that one EM pass moves between memory and processor, :eq:`eq-pass-bytes`.

    .. math:: B = 8\,nd\,\max(1, mK)

    Parameters
    ----------
    n_samples, n_features, n_components : int
    n_passes : int
        m, how often a table of n rows and d columns, the data or a temporary, is read or written for each component; 0
        where blocks of samples stay in the cache, and the data are read once for all components.

    Returns
    -------
    int
        For float64. Tables of n rows and K columns are left out.

    Raises
    ------
    ValueError
        If a size is less than one, or `n_passes` is negative.
    """
    return pass_bytes_kernel(
        check.count(n_samples, "n_samples"),
        check.count(n_features, "n_features"),
        check.count(n_components, "n_components"),
        check.count(n_passes, "n_passes", minimum=0),
    )


@equation("eq-roofline", kernel=roofline_kernel)
def roofline(operations: float, n_bytes: float, peak: float, bandwidth: float) -> float:
    r"""The most operations per second that arithmetic and memory allow, :eq:`eq-roofline`.

    .. math:: R \le \min\Bigl(P,\; \frac FB\,\beta\Bigr)

    Parameters
    ----------
    operations : float
        F, of the whole computation; positive.
    n_bytes : float
        B, moved between memory and processor; positive.
    peak : float
        P, operations per second that the processor reaches without waiting for memory; positive.
    bandwidth : float
        β, bytes per second; positive.

    Returns
    -------
    float
        Operations per second.

    Raises
    ------
    ValueError
        If a number is not positive.
    """
    numbers = {"operations": operations, "n_bytes": n_bytes, "peak": peak, "bandwidth": bandwidth}
    return float(roofline_kernel(*(check.number(value, name, 0.0, strict=True) for name, value in numbers.items())))


@equation("eq-amdahl", kernel=amdahl_speedup_kernel)
def amdahl_speedup(n_threads: int, serial_share: float) -> float:
    r"""How many times faster threads make a program at most, if a share of its time cannot be shared, :eq:`eq-amdahl`.

    .. math:: S(w) = \frac1{s + (1-s)/w}

    Parameters
    ----------
    n_threads : int
        w.
    serial_share : float
        s, from 0 to 1: the share of the time of one thread that only one thread can spend.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `n_threads` is less than one or `serial_share` is not in [0, 1].
    """
    n_threads = check.count(n_threads, "n_threads")
    serial_share = check.number(serial_share, "serial_share", 0.0)
    if serial_share > 1.0:
        raise ValueError(f"serial_share must be at most 1; got {serial_share:g}")
    return float(amdahl_speedup_kernel(n_threads, serial_share))


@equation("eq-exponential-reduction", kernel=reduced_exponential_kernel)
def reduced_exponential(x: ArrayLike, degree: int = 13) -> FloatArray:
    r"""The exponential by range reduction and a Taylor polynomial, :eq:`eq-exponential-reduction`.

    .. math:: e^x = 2^g e^v \approx 2^g \sum_{j=0}^{D}\frac{v^j}{j!}, \qquad x = g\ln 2 + v,\quad
        \lvert v\rvert \le \tfrac12\ln 2

    Parameters
    ----------
    x : array_like, shape (n_samples,)
    degree : int
        D, not negative; with 13 the polynomial's error is below that of rounding.

    Returns
    -------
    ndarray, shape (n_samples,)
        Infinite or 0 where the exponential is beyond float64.

    Raises
    ------
    ValueError
        If `x` is not a finite vector or `degree` is negative.
    """
    x = check.real_array(x, "x", 1, "(n_samples,)")
    return reduced_exponential_kernel(x, check.count(degree, "degree", minimum=0))


@equation("eq-exponential-error", kernel=exponential_error_bound_kernel)
def exponential_error_bound(degree: int) -> float:
    r"""Largest relative error of the polynomial in the reduced exponential, :eq:`eq-exponential-error`.

    .. math:: \sqrt2\,\frac{(\frac12\ln 2)^{D+1}}{(D+1)!}

    Parameters
    ----------
    degree : int
        D, not negative.

    Returns
    -------
    float
        Without the errors of rounding.

    Raises
    ------
    ValueError
        If `degree` is negative.
    """
    return float(exponential_error_bound_kernel(check.count(degree, "degree", minimum=0)))


@equation("eq-chunked-sum", kernel=chunked_sum_kernel)
def chunked_sum(values: ArrayLike, chunk_length: int) -> float:
    r"""A sum taken chunk by chunk, in order, in floating point, :eq:`eq-chunked-sum`.

    .. math:: \hat S = (\cdots((\hat S_1 \oplus \hat S_2) \oplus \hat S_3) \oplus \cdots)

    Its bits depend on the chunks, not on who adds them up nor when.

    Parameters
    ----------
    values : array_like, shape (n_samples,)
    chunk_length : int
        b, values in a chunk; the last may have fewer.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `values` is not a finite vector or `chunk_length` is less than one.
    """
    values = check.real_array(values, "values", 1, "(n_samples,)")
    return float(chunked_sum_kernel(values, check.count(chunk_length, "chunk_length")))


@equation("eq-chunked-sum-error", kernel=chunked_sum_error_bound_kernel)
def chunked_sum_error_bound(values: ArrayLike, chunk_length: int) -> float:
    r"""Bound of the rounding error of a sum taken chunk by chunk, :eq:`eq-chunked-sum-error`.

    .. math:: \lvert\hat S - S\rvert \le \frac{hu}{1-hu}\sum_i\lvert x_i\rvert, \qquad
        h = b - 1 + \lceil n/b\rceil - 1,\quad u = 2^{-53}

    for b not above n; a longer chunk counts as one of n values.

    Parameters
    ----------
    values : array_like, shape (n_samples,)
    chunk_length : int
        b, values in a chunk.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `values` is not a finite vector or `chunk_length` is less than one.
    """
    values = check.real_array(values, "values", 1, "(n_samples,)")
    return float(chunked_sum_error_bound_kernel(values, check.count(chunk_length, "chunk_length")))


@equation("eq-left-out-moments", kernel=left_out_moments_bound_kernel)
def left_out_moments_bound(
    X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike, threshold: float
) -> FloatArray:
    r"""What the second moments lose if small responsibilities are left out of them, :eq:`eq-left-out-moments`.

    .. math:: \mathbf 0 \preceq \mathbf E_k = \sum_{i:\,r_{ik}<\varepsilon} r_{ik}
        (\mathbf x_i-\boldsymbol\mu_k)(\mathbf x_i-\boldsymbol\mu_k)^\top
        \preceq \Bigl(\sum_{i:\,r_{ik}<\varepsilon} r_{ik}\,\Delta^2_{ik}\Bigr)\boldsymbol\Sigma_k

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    weights : array_like, shape (n_components,)
        Not negative, summing to one.
    means : array_like, shape (n_components, n_features)
    covariances : array_like, shape (n_components, n_features, n_features)
        Each symmetric positive definite.
    threshold : float
        ε, positive: responsibilities below it are left out.

    Returns
    -------
    ndarray, shape (n_components,)
        The factor of each covariance.

    Raises
    ------
    ValueError
        If the data or parameters are not valid, a sample is out of reach of all components, or `threshold` is not
        positive.
    """
    arguments = check.data_and_parameters(X, weights, means, covariances)
    threshold = check.number(threshold, "threshold", 0.0, strict=True)
    check.reachable(joint_log_density_kernel(*arguments))
    return left_out_moments_bound_kernel(*arguments, threshold)
