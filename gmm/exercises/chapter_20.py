"""Chapter 20: one EM iteration in several forms, a stopwatch, and the exercises."""

from __future__ import annotations

import math
import time
import warnings

import numpy as np
from numba import njit

from gmm.engine.simd import WIDE, fma, total, wide
from gmm.exercises._core import exercise
from gmm.exercises._page import Numbers

# ------------------------------------------------------------------------- the same iteration in several forms


def whitening(weights, covariances):
    """W_k with W_k Σ_k W_kᵀ = I, and c_k with log π_k + log N(x | μ_k, Σ_k) = c_k - |W_k (x - μ_k)|² / 2."""
    from scipy.linalg import solve_triangular

    d = covariances.shape[1]
    W = np.array([solve_triangular(np.linalg.cholesky(S), np.eye(d), lower=True) for S in covariances])
    log_root = np.log(np.einsum("kjj->kj", W)).sum(axis=1)  # -½ log |Σ_k|
    return W, np.log(weights) - 0.5 * d * np.log(2 * np.pi) + log_root


def squared_distance(x, mean, W):
    """|W (x - μ)|², W lower triangular."""
    z = [x[j] - mean[j] for j in range(len(x))]
    q = 0.0
    for i in range(len(x)):
        y = 0.0
        for j in range(i + 1):
            y += W[i][j] * z[j]
        q += y * y
    return q


def add_moments(x, mean, r, first, second):
    """Add r (x - μ) and the lower triangle of r (x - μ)(x - μ)ᵀ."""
    z = [x[j] - mean[j] for j in range(len(x))]
    for i in range(len(x)):
        u = r * z[i]
        first[i] += u
        for j in range(i + 1):
            second[i][j] += u * z[j]


def m_step_from_moments(counts, first, second, means):
    """The new parameters from moments about the old means."""
    delta = first / counts[:, None]
    lower = np.tril(second)
    whole = lower + np.tril(second, -1).swapaxes(1, 2)
    covariances = whole / counts[:, None, None] - delta[:, :, None] * delta[:, None]
    return counts / counts.sum(), means + delta, covariances


def python_iteration(X, weights, means, covariances):
    """An EM iteration in plain Python."""
    (W, c), (K, d) = whitening(weights, covariances), means.shape
    counts, first, second = [0.0] * K, np.zeros((K, d)).tolist(), np.zeros((K, d, d)).tolist()
    W, c, mu = W.tolist(), c.tolist(), means.tolist()
    for x in X.tolist():
        a = [c[k] - 0.5 * squared_distance(x, mu[k], W[k]) for k in range(K)]
        top = max(a)
        e = [math.exp(value - top) for value in a]
        evidence = sum(e)
        for k in range(K):
            r = e[k] / evidence
            counts[k] += r
            add_moments(x, mu[k], r, first[k], second[k])
    return m_step_from_moments(np.array(counts), np.array(first), np.array(second), means)


def numpy_iteration(X, weights, means, covariances):
    """An EM iteration in NumPy: whole tables at a time."""
    (W, c), (K, d) = whitening(weights, covariances), means.shape
    a, first, second = np.empty((len(X), K)), np.empty((K, d)), np.empty((K, d, d))
    for k in range(K):
        z = X - means[k]
        y = z @ W[k].T
        a[:, k] = c[k] - 0.5 * (y * y).sum(axis=1)
    resp = np.exp(a - a.max(axis=1, keepdims=True))
    resp /= resp.sum(axis=1, keepdims=True)
    for k in range(K):
        z = X - means[k]
        u = resp[:, [k]] * z
        first[k] = u.sum(axis=0)
        second[k] = u.T @ z
    return m_step_from_moments(resp.sum(axis=0), first, second, means)


def readable_iteration(X, weights, means, covariances):
    """An EM iteration by the book's compiled kernels."""
    import gmm

    log_resp, _ = gmm.e_step.kernel(X, weights, means, covariances)
    return gmm.m_step.kernel(X, np.exp(log_resp), 0.0)


def fit_iterations(kind, n_iter, X, weights, means, covariances, **settings):
    """A fit of so many iterations, whatever they bring, by a class with scikit-learn's settings."""
    W, _ = whitening(weights, covariances)
    start = {"weights_init": weights, "means_init": means, "precisions_init": W.swapaxes(1, 2) @ W}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fit has not converged, as was asked for
        return kind(len(weights), tol=0, reg_covar=0, max_iter=n_iter, **start, **settings).fit(X)


def stopwatch(functions, rounds=5):
    """Least seconds of each of some functions, called in turn."""
    # Time of this process alone, where the system measures it finely enough.
    fine = time.get_clock_info("process_time").resolution < 1e-6
    clock = time.process_time if fine else time.perf_counter
    least = dict.fromkeys(functions, math.inf)
    for _ in range(rounds):
        for name, function in functions.items():
            start = clock()
            function()
            least[name] = min(least[name], clock() - start)
    return least


def multiply_adds(rounds):
    """Multiply and add in registers alone, eight or more sums at a time; return how many operations that was."""
    assert _in_registers(rounds, 0.5, 1.0) > 0.0
    return 8 * WIDE * rounds


@njit
def _in_registers(rounds, a, b):
    p, q, r, s = wide(1.0), wide(3.0), wide(5.0), wide(7.0)
    a_wide, b_wide = wide(a), wide(b)
    for _ in range(rounds):
        p = fma(p, a_wide, b_wide)
        q = fma(q, a_wide, b_wide)
        r = fma(r, a_wide, b_wide)
        s = fma(s, a_wide, b_wide)
    return total(p) + total(q) + total(r) + total(s)


def iteration_seconds(X, start, names=("Python", "NumPy", "scikit-learn", "kernel", "engine"), rounds=3):
    """Seconds of one iteration in each form, one thread each.

    Of a fit it is the time of many iterations less that of one, so that what a call costs is left out. Plain Python
    gets a hundred samples, and its time is scaled up.
    """
    from sklearn.mixture import GaussianMixture as Theirs
    from threadpoolctl import threadpool_limits

    from gmm import GaussianMixture as Ours

    few, more = X[:100], max(10, 1_000_000 // X.size)
    calls = {
        ("Python", 1): lambda: python_iteration(few, *start),
        ("NumPy", 1): lambda: numpy_iteration(X, *start),
        ("kernel", 1): lambda: readable_iteration(X, *start),
        ("scikit-learn", 1): lambda: fit_iterations(Theirs, 1, X, *start),
        ("scikit-learn", 11): lambda: fit_iterations(Theirs, 11, X, *start),
        ("engine", 1): lambda: fit_iterations(Ours, 1, X, *start, n_threads=1),
        ("engine", 1 + 4 * more): lambda: fit_iterations(Ours, 1 + 4 * more, X, *start, n_threads=1),
    }
    with threadpool_limits(1):
        times = stopwatch({key: call for key, call in calls.items() if key[0] in names}, rounds)
    seconds = {}
    for name in names:
        (fewest, short), *longer = ((n, t) for (form, n), t in times.items() if form == name)
        seconds[name] = max(longer[0][1] - short, 1e-9) / (longer[0][0] - fewest) if longer else short
    if "Python" in seconds:
        seconds["Python"] *= len(X) / len(few)
    return seconds


_rng = np.random.default_rng(2020)

# ------------------------------------------------------------------------- predict: twice the features

exercise(
    "ex-fast-operations",
    3.125,
    mistakes=[
        (4.0, "d² alone would give four; the terms in d and the 40 of the softmax grow more slowly."),
        (2.0, "the triangles have about d²/2 entries: more than twice as many."),
        (960.0 / 280.0, "the 40 operations of the softmax belong to the pass as well."),
        (0.32, "that is the old count by the new one."),
    ],
    rtol=2e-3,
)

# ------------------------------------------------------------------------- predict: which roof

exercise(
    "ex-fast-roof",
    2.0,
    mistakes=[
        (1.6, "that is the arithmetic; the memory takes longer."),
        (3.6, "the two go on at the same time: the slower one counts, not the sum."),
        (2e-3, "that is in seconds; asked for are milliseconds."),
        (0.25, "a float64 has 8 bytes, and a sample two of them."),
        (1.0, "a float64 has 8 bytes, and a sample two of them."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- predict: eight threads

exercise(
    "ex-fast-amdahl",
    6.25,
    mistakes=[
        (8.0, "the 4 % stay as they are: only the rest is shared."),
        (25.0, "that is the limit of very many threads."),
        (7.68, "the share that is left alone counts in time, not in threads: add up the new times."),
        (0.16, "that is the new time by the old one: turn it over."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- compute: log-sum-exp in one walk


def _one_walk(a, *, scaled=True, shifted=True, first=False, back=True):
    top, total = (a[0] if first else -np.inf) if shifted else 0.0, 0.0
    for value in a:
        if shifted and not first and value > top:
            total *= np.exp(top - value) if scaled else 1.0
            top = value
        total += np.exp(value - top)
    return np.log(total) + (top if back else 0.0)


exercise(
    "ex-fast-walk",
    lambda a: _one_walk(a),
    cases=[
        (np.array([0.0, 1.0, 2.0]),),
        (np.array([-1000.0, -3.0, 5.0, 4.0]),),
        (np.array([-900.0, -901.0, -900.5]),),
        (np.array([1.0, 800.0, 799.0, 801.0]),),
        (_rng.normal(scale=30.0, size=9),),
    ],
    mistakes=[
        (lambda a: _one_walk(a, scaled=False), "where the maximum rises, what was summed so far stands for less."),
        (lambda a: _one_walk(a, shifted=False), "far from zero exponentials overflow or vanish: subtract a maximum."),
        (lambda a: _one_walk(a, first=True), "the first value need not be the largest: the exponentials overflow."),
        (lambda a: _one_walk(a, back=False), "the maximum that was subtracted has to be added again."),
    ],
)

# ------------------------------------------------------------------------- compute: the exponential


def _exponential(x, *, reduce=True, rounded=True, degree=13, twos=True, log2=True):
    g = np.zeros_like(x)
    if reduce:
        g = np.round(x / np.log(2.0)) if rounded else np.trunc(x / np.log(2.0))
        g = g if log2 else np.round(x)
    v = x - g * np.log(2.0)
    p = np.ones_like(x)
    for j in range(degree, 0, -1):
        p = 1.0 + v / j * p
    return p * 2.0**g if twos else p


exercise(
    "ex-fast-exponential",
    lambda x: np.exp(x),
    cases=[
        (np.array([0.0, 1.0, -1.0]),),
        (np.array([-0.4, 0.34, 0.36, -0.7]),),
        (np.array([-30.0, 25.5, -300.0]),),
        (_rng.uniform(-40.0, 40.0, size=12),),
    ],
    rtol=1e-11,
    mistakes=[
        (
            lambda x: _exponential(x, reduce=False, degree=13),
            "far from zero the series needs many more terms: reduce x.",
        ),
        (
            lambda x: _exponential(x, reduce=False, degree=30),
            "far from zero the series needs many more terms: reduce x.",
        ),
        (lambda x: _exponential(x, twos=False), "multiply by the power of two at the end."),
        (lambda x: _exponential(x, degree=4), "the polynomial is too short for eleven digits."),
        (lambda x: _exponential(x, degree=7), "the polynomial is too short for eleven digits."),
        (lambda x: _exponential(x, log2=False), "g counts in steps of ln 2, not of 1."),
    ],
)

# ------------------------------------------------------------------------- compute: moments, block by block


def _block_moments(X, r, centre, length, *, rest=True, own=False, weighted=True, wrong_centre=False):
    d = X.shape[1]
    count, first, second = 0.0, np.zeros(d), np.zeros((d, d))
    for start in range(0, len(X), length):
        rows, w = X[start : start + length], r[start : start + length]
        if not rest and len(rows) < length:
            break
        z = rows - (rows.mean(axis=0) if own else 0.0 if wrong_centre else centre)
        u = z * w[:, None] if weighted else z
        count, first, second = count + w.sum(), first + u.sum(axis=0), second + u.T @ z
    return count, first, second


def _rows(n, d):
    return _rng.normal(size=(n, d)), _rng.uniform(size=n), _rng.normal(size=d)


exercise(
    "ex-fast-blocks",
    lambda X, r, centre, length: _block_moments(X, r, centre, length),
    cases=[
        (np.array([[0.0, 1.0], [2.0, 0.0], [4.0, 3.0]]), np.array([1.0, 0.5, 0.25]), np.array([1.0, 1.0]), 2),
        (*_rows(10, 3), 4),
        (*_rows(5, 2), 8),
    ],
    returns=("count", "first", "second"),
    mistakes=[
        (lambda *a: _block_moments(*a, rest=False), "the last block may be shorter than the others: it counts too."),
        (lambda *a: _block_moments(*a, own=True), "blocks add up only if all take differences from the same centre."),
        (lambda *a: _block_moments(*a, weighted=False), "each sample counts with its responsibility."),
        (lambda *a: _block_moments(*a, wrong_centre=True), "the moments are about `centre`, not about zero."),
    ],
)

# ------------------------------------------------------------------------- break: an order that matters

_THREE = "hand in a list of three finite numbers."
_SAME = "both orders give the same bits, and the right ones. Take numbers of very different sizes."
_LOST = "both orders lose the same digits. Let one of them add the two large numbers first."


def _order(values):
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        return _THREE
    if len(numbers) != 3 or not np.isfinite(numbers).all():
        return _THREE
    a, b, c = numbers
    if (a + b) + c != a + (b + c):
        return None
    try:
        return _SAME if math.fsum(numbers) == (a + b) + c else _LOST
    except OverflowError:
        return _LOST


exercise(
    "ex-fast-order",
    [1e16, -1e16, 1.0],
    judge=_order,
    page=Numbers("order", (_THREE, _SAME, _LOST), ("a", "b", "c")),
    mistakes=[
        ([1e16, 1.0, -1e16], _LOST),
        ([1.0, 2.0, 3.0], _SAME),
        ([0.5, 0.25, -8.0], _SAME),
        ([1.0, 2.0], _THREE),
        (1.0, _THREE),
    ],
)

# ------------------------------------------------------------------------- break: an average that misleads

_TIMES = "hand in two lists of five positive times."
_NOT_LEAST = "the least time of the first program must be the smaller one."
_NOT_MEAN = "the mean of the first program must be the larger one: which accident can happen to a measurement?"


def _accident(pair):
    try:
        times = np.array([[float(value) for value in times] for times in pair])
    except (TypeError, ValueError):
        return _TIMES
    if times.shape != (2, 5) or not np.isfinite(times).all() or times.min() <= 0.0:
        return _TIMES
    if times[0].min() >= times[1].min():
        return _NOT_LEAST
    return None if times[0].mean() > times[1].mean() else _NOT_MEAN


exercise(
    "ex-fast-accident",
    [[1.0, 1.0, 1.0, 1.0, 9.0], [1.5, 1.5, 1.5, 1.5, 1.5]],
    judge=_accident,
    page=Numbers(
        "times",
        (_TIMES, _NOT_LEAST, _NOT_MEAN),
        [f"{program} program, run {run}" for program in ("first", "second") for run in range(1, 6)],
    ),
    mistakes=[
        ([[1.0] * 5, [2.0] * 5], _NOT_MEAN),
        ([[2.0] * 5, [1.0] * 5], _NOT_LEAST),
        ([[1.0, 2.0], [1.0, 2.0]], _TIMES),
        ([[-1.0] * 5, [1.0] * 5], _TIMES),
    ],
)
