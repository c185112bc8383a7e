"""What a pass costs and what bounds it: against loops that count, exact fractions, mpmath and eigenvalues."""

import inspect
import math
import operator
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gmm
from gmm.engine import exp as fast_exp
from gmm.engine.full import Full


class Counting(float):
    """A number that counts the additions and multiplications it takes part in."""

    done = 0


def _counting(operation, turned):
    def method(a, b):
        Counting.done += 1
        return Counting(operation(float(b), float(a)) if turned else operation(float(a), float(b)))

    return method


for operation in (operator.add, operator.sub, operator.mul):
    setattr(Counting, f"__{operation.__name__}__", _counting(operation, turned=False))
    setattr(Counting, f"__r{operation.__name__}__", _counting(operation, turned=True))


def engine_exponential(x):
    """`gmm.engine.exp`, one value at a time and without fused operations."""

    def fma(a, b, c):
        return a * b + c

    t = fma(x, fast_exp.LOG2_E, fast_exp.ROUND)
    g = t - fast_exp.ROUND
    v = fma(g, -fast_exp.LN2_HIGH, x)
    v = fma(g, -fast_exp.LN2_LOW, v)
    square = v * v
    fourth = square * square
    C = [getattr(fast_exp, f"C{j}") for j in range(2, 12)]
    low = fma(fma(C[3], v, C[2]), square, fma(C[1], v, C[0]))
    high = fma(fma(C[7], v, C[6]), square, fma(C[5], v, C[4]))
    high = fma(fma(C[9], v, C[8]), fourth, high)
    p = fma(fma(high, fourth, low), square, v)
    p = fma(p, 1.0, 1.0)
    return p, g


def one_sample(x, means, factors, coefficients, counts, first, second):
    """A pass over one sample, written out as the engine takes it."""
    K, d = len(means), len(x)
    joint, zero = [], Counting(0.0)
    for k in range(K):
        z = [x[j] - means[k][j] for j in range(d)]
        q = zero
        for i in range(d):
            y = zero
            for j in range(i + 1):
                y = y + factors[k][i][j] * z[j]
            q = q + y * y
        joint.append(coefficients[k] - 0.5 * q)
    top = Counting(max(map(float, joint)))
    evidence, r = zero, []
    for k in range(K):
        p, g = engine_exponential(joint[k] - top)
        r.append(Counting(math.ldexp(float(p), int(g))))
        evidence = evidence + r[k]
    for k in range(K):
        r[k] = r[k] * Counting(1.0 / float(evidence))  # one division a sample
        counts[k] = counts[k] + r[k]
        z = [x[j] - means[k][j] for j in range(d)]
        for i in range(d):
            u = r[k] * z[i]
            first[k][i] = first[k][i] + u
            for j in range(i + 1):
                second[k][i][j] = second[k][i][j] + u * z[j]
    return r


@pytest.mark.equation("eq-pass-operations")
@pytest.mark.parametrize(("n", "d", "K"), [(1, 1, 1), (2, 1, 3), (3, 2, 2), (2, 5, 3)])
def test_operations_are_those_that_loops_count(n, d, K, random_mixture):
    rng = np.random.default_rng([n, d, K])
    weights, means, covariances = random_mixture(rng, K, d)
    factors = np.linalg.inv(np.linalg.cholesky(covariances))
    coefficients = np.log(weights) - 0.5 * d * np.log(2 * np.pi) + np.log(np.einsum("kii->ki", factors)).sum(axis=1)
    X = rng.normal(size=(n, d))

    def numbers(array):
        return np.vectorize(Counting, otypes=[object])(array)

    counts, first, second = (numbers(np.zeros(shape)) for shape in (K, (K, d), (K, d, d)))
    state = [numbers(array) for array in (means, factors, coefficients)]
    Counting.done = 0
    resp = [one_sample(x, *state, counts, first, second) for x in numbers(X)]
    comparisons = 3  # for the maximum, for an underflow, and a whole number added to the exponent
    assert Counting.done + comparisons * n * K == gmm.pass_operations(n, d, K)
    # What was counted is an E-step and the moments.
    expected = gmm.responsibilities(X, weights, means, covariances)
    np.testing.assert_allclose(np.array(resp, dtype=float), expected, rtol=1e-12, atol=1e-300)
    z = X - means[:, None]
    np.testing.assert_allclose(
        second.astype(float), np.tril(np.einsum("ik,kia,kib->kab", expected, z, z)), rtol=1e-10, atol=1e-14
    )
    np.testing.assert_allclose(first.astype(float), np.einsum("ik,kia->ka", expected, z), rtol=1e-10, atol=1e-14)


@pytest.mark.equation("eq-pass-operations")
def test_operations_are_near_those_by_which_the_engine_chooses_its_threads():
    for d, K in [(2, 3), (10, 10), (64, 8)]:
        assert gmm.pass_operations(1, d, K) == Full.operations(K, d) + 6 * d * K


@pytest.mark.equation("eq-pass-bytes")
def test_bytes_are_those_of_the_tables():
    X = np.ones((7, 3))
    assert gmm.pass_bytes(7, 3, 4) == X.nbytes
    moved = 0
    for k in range(4):
        z = X - k
        moved += X.nbytes + z.nbytes
    assert gmm.pass_bytes(7, 3, 4, n_passes=2) == moved


@pytest.mark.equation("eq-roofline")
@given(
    st.floats(1.0, 1e15), st.floats(1.0, 1e15), st.floats(1e6, 1e13), st.floats(1e6, 1e13)
)  # fmt: skip
def test_the_roof_is_the_slower_of_two_pipes(operations, n_bytes, peak, bandwidth):
    seconds = operations / gmm.roofline(operations, n_bytes, peak, bandwidth)
    assert seconds == pytest.approx(max(operations / peak, n_bytes / bandwidth), rel=1e-12)


@pytest.mark.equation("eq-amdahl")
def test_amdahl_is_the_time_of_a_schedule():
    """Parts of equal length, dealt out to the threads after a part that only one can do."""
    for n_threads, serial, shared in [(1, 3, 12), (2, 0, 12), (3, 4, 12), (4, 1, 12), (12, 6, 12)]:
        loads = [shared // n_threads] * n_threads
        seconds = serial + max(loads)
        share = serial / (serial + shared)
        assert gmm.amdahl_speedup(n_threads, share) == pytest.approx((serial + shared) / seconds, rel=1e-12)
    assert gmm.amdahl_speedup(10**9, 0.04) == pytest.approx(25.0, rel=1e-6)
    with pytest.raises(ValueError, match=r"serial_share must be at most 1; got 1\.5"):
        gmm.amdahl_speedup(2, 1.5)


GRID = np.concatenate([np.linspace(-708.0, 708.0, 2003), np.linspace(-0.36, 0.36, 401), [0.0, -1e-300]])


def relative_errors(found, x):
    with mp.workdps(40):
        return np.array([abs(float(mp.mpf(float(f)) / mp.exp(mp.mpf(float(v))) - 1)) for f, v in zip(found, x)])


@pytest.mark.equation("eq-exponential-reduction")
def test_the_exponential_by_mpmath():
    assert relative_errors(gmm.reduced_exponential(GRID), GRID).max() < 4.5e-16
    beyond = gmm.reduced_exponential(np.array([800.0, -800.0, 1e300, -1e300]))
    np.testing.assert_array_equal(beyond, [np.inf, 0.0, np.inf, 0.0])


@pytest.mark.equation("eq-exponential-reduction")
@pytest.mark.parametrize("form", ["compiled", "plain Python"])
def test_the_exponential_at_the_edges_of_float64(form):
    kernel = gmm.reduced_exponential.kernel
    if form == "plain Python":
        kernel = getattr(kernel, "py_func", kernel)
    last = math.log(np.finfo(float).max)
    x = np.array([last, 709.79, 709.9, 710.0, -744.5, -745.13, -746.0, -750.0])
    with mp.workdps(40):
        expected = [float(mp.exp(mp.mpf(v))) for v in x]
    np.testing.assert_allclose(kernel(x, 13), expected, rtol=1e-15, atol=0.0)
    assert kernel(np.array([709.7]), 0)[0] == np.inf  # 2**1024 times a polynomial of one term


@pytest.mark.equation("eq-exponential-error")
@pytest.mark.parametrize("degree", range(10))
def test_the_error_bound_holds_and_is_no_larger_than_it_must_be(degree):
    x = np.linspace(-0.5, 0.5, 2001) * np.log(2.0) * (1 - 1e-12)
    largest = relative_errors(gmm.reduced_exponential(x, degree), x).max()
    bound = gmm.exponential_error_bound(degree)
    assert 0.5 * bound < largest < bound + 4e-16


@pytest.mark.equation("eq-exponential-error")
def test_the_error_bound_by_mpmath():
    for degree in (0, 4, 13):
        expected = mp.sqrt(2) * (mp.log(2) / 2) ** (degree + 1) / mp.factorial(degree + 1)
        assert gmm.exponential_error_bound(degree) == pytest.approx(float(expected), rel=1e-13)


def chunked(values, length):
    parts = []
    for start in range(0, len(values), length):
        part = 0.0
        for value in values[start : start + length]:
            part = part + value
        parts.append(part)
    total = 0.0
    for part in parts:
        total = total + part
    return total


@pytest.mark.equation("eq-chunked-sum", "eq-chunked-sum-error")
@given(
    st.lists(st.floats(-1e6, 1e6).filter(lambda x: x == 0.0 or abs(x) > 1e-6), min_size=1, max_size=40),
    st.integers(1, 45),
)
def test_a_sum_in_chunks_has_its_bits_and_its_bound(values, length):
    found = gmm.chunked_sum(values, length)
    assert found == chunked(values, length)
    error = abs(Fraction(found) - sum(map(Fraction, values)))
    assert error <= Fraction(gmm.chunked_sum_error_bound(values, length)) * Fraction(1000001, 1000000)


@pytest.mark.equation("eq-chunked-sum-error")
def test_the_bound_counts_additions():
    u = 2.0**-53
    for n, length, steps in [(10, 1, 9), (10, 10, 9), (10, 99, 9), (10, 5, 5), (10, 4, 5), (1, 3, 0)]:
        expected = steps * u / (1 - steps * u) * n
        assert gmm.chunked_sum_error_bound(np.full(n, -1.0), length) == pytest.approx(expected, rel=1e-14)
    steps = 10**6 - 1  # so many that the denominator can be told from 1
    expected = steps * u / (1 - steps * u) * 10**6
    assert gmm.chunked_sum_error_bound(np.ones(10**6), 10**6) == pytest.approx(expected, rel=1e-12)
    # One addition can lose half a unit in the last place, which the bound allows exactly.
    lost = Fraction(1.0) + Fraction(u) - Fraction(gmm.chunked_sum([1.0, u], 2))
    assert 0 < lost <= Fraction(gmm.chunked_sum_error_bound([1.0, u], 2))
    assert lost > Fraction(gmm.chunked_sum_error_bound([1.0, u], 2)) * Fraction(999, 1000)


@pytest.mark.equation("eq-left-out-moments")
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 3), st.sampled_from([1e-8, 1e-3, 0.2, 2.0]))
def test_left_out_moments_are_between_zero_and_the_bound(seed, d, K, threshold):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(K, d, d))
    covariances = roots @ roots.swapaxes(1, 2) + 0.2 * np.eye(d)
    mixture = rng.dirichlet(np.ones(K)), 3.0 * rng.normal(size=(K, d)), covariances
    X = 3.0 * rng.normal(size=(12, d))
    bound = gmm.left_out_moments_bound(X, *mixture, threshold)
    resp = gmm.responsibilities(X, *mixture)
    for k in range(K):
        z = X - mixture[1][k]
        r = np.where(resp[:, k] < threshold, resp[:, k], 0.0)
        lost = (r[:, None] * z).T @ z
        L = np.linalg.cholesky(covariances[k])
        relative = np.linalg.solve(L, np.linalg.solve(L, lost).T)  # L⁻¹ E L⁻ᵀ lies between 0 and the bound
        size = 1e-9 * (bound[k] + 1e-300)
        eigenvalues = np.linalg.eigvalsh((relative + relative.T) / 2)
        assert eigenvalues.min() >= -size
        assert eigenvalues.max() <= bound[k] + size
        # The bound is the trace of that: attained where one direction is all that was lost.
        assert np.trace(relative) == pytest.approx(bound[k], rel=1e-9, abs=1e-300)


PAIR = [0.5, 0.5], [[0.0, 0.0], [3.0, 1.0]], [np.eye(2)] * 2
GOOD = {
    "pass_operations": (10, 2, 3),
    "pass_bytes": (10, 2, 3, 4),
    "roofline": (1.0, 1.0, 1.0, 1.0),
    "amdahl_speedup": (2, 0.5),
    "reduced_exponential": ([0.5, 1.0], 13),
    "exponential_error_bound": (13,),
    "chunked_sum": ([0.5, 1.0], 1),
    "chunked_sum_error_bound": ([0.5, 1.0], 1),
    "left_out_moments_bound": ([[0.5, 1.0]], *PAIR, 0.1),
}
BAD = [
    *(("pass_operations", 0, value) for value in (0, 2.0, True, "2")),
    *(("pass_operations", place, -1) for place in (1, 2)),
    *(("pass_bytes", place, value) for place, value in ((0, 0), (1, 0), (2, 0), (3, -1), (3, 0.5))),
    *(("roofline", place, value) for place in range(4) for value in (0.0, -1.0, np.nan, np.inf, None, "1")),
    *(("amdahl_speedup", place, value) for place, value in ((0, 0), (0, 1.5), (1, -0.1), (1, 1.1), (1, np.nan))),
    *(("reduced_exponential", 0, value) for value in ([], [[1.0]], [np.nan], "x")),
    *((name, place, -1) for name, place in (("reduced_exponential", 1), ("exponential_error_bound", 0))),
    *((name, 0, value) for name in ("chunked_sum", "chunked_sum_error_bound") for value in ([], [[1.0]], [np.inf])),
    *((name, 1, value) for name in ("chunked_sum", "chunked_sum_error_bound") for value in (0, 1.0)),
    ("left_out_moments_bound", 0, [[1.0, np.nan]]),
    ("left_out_moments_bound", 1, [0.5, 0.6]),
    ("left_out_moments_bound", 2, [[0.0], [1.0]]),
    ("left_out_moments_bound", 3, [-np.eye(2)] * 2),
    *(("left_out_moments_bound", 4, value) for value in (0.0, -1.0, np.nan)),
]


@pytest.mark.parametrize(("function", "place", "value"), BAD)
def test_bad_input_is_refused_by_name(function, place, value):
    function, arguments = getattr(gmm, function), list(GOOD[function])
    function(*arguments)
    name = list(inspect.signature(function).parameters)[place]
    name = {"left_out_moments_bound": {"means": "covariances|means"}}.get(function.__name__, {}).get(name, name)
    arguments[place] = value
    with pytest.raises((TypeError, ValueError), match=f"^({name})"):
        function(*arguments)


@pytest.mark.parametrize("function", [name for name in GOOD if isinstance(GOOD[name][0], list)])
def test_input_is_read_in_any_layout_and_left_alone(function):
    values, *others = GOOD[function]
    array = np.array(values)
    expected, before = getattr(gmm, function)(array, *others), array.copy()
    for other in (np.asfortranarray(array), array[::-1].copy()[::-1], array.astype(np.float32), array.tolist()):
        np.testing.assert_array_equal(getattr(gmm, function)(other, *others), expected)
    np.testing.assert_array_equal(array, before)
