import itertools
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn import mixture

import gmm
from gmm.engine.simd import WIDE
from gmm.exercises import EXERCISES, chapter_20, examine


@pytest.fixture(scope="module")
def problem(random_mixture):
    rng = np.random.default_rng(20)
    weights, means, covariances = random_mixture(rng, 3, 4)
    return rng.normal(scale=2.0, size=(150, 4)), (weights, means, covariances)


def test_all_forms_take_the_same_iteration(problem):
    X, start = problem
    expected = gmm.m_step(X, gmm.responsibilities(X, *start))
    found = [getattr(chapter_20, f"{form}_iteration")(X, *start) for form in ("python", "numpy", "readable")]
    for kind in (gmm.GaussianMixture, mixture.GaussianMixture):
        fit = chapter_20.fit_iterations(kind, 1, X, *start)
        assert fit.n_iter_ == 1
        found.append((fit.weights_, fit.means_, fit.covariances_))
    for result, (part, value) in itertools.product(found, enumerate(expected)):
        np.testing.assert_allclose(result[part], value, rtol=1e-10, atol=1e-12)


def test_the_stopwatch_keeps_the_least_and_takes_turns(monkeypatch):
    now, turns, lasting = [0.0], [], iter([3.0, 5.0, 2.0, 7.0, 4.0, 6.0])
    monkeypatch.setattr(chapter_20.time, "process_time", lambda: now[0])
    monkeypatch.setattr(chapter_20.time, "perf_counter", lambda: now[0])

    def program(name):
        turns.append(name)
        now[0] += next(lasting)

    functions = {name: lambda name=name: program(name) for name in "ab"}
    assert chapter_20.stopwatch(functions, rounds=3) == {"a": 2.0, "b": 5.0}
    assert "".join(turns) == "ababab"


def test_an_iteration_of_a_fit_is_a_difference(monkeypatch, problem):
    X, start = problem
    more = 1 + 4 * max(10, 1_000_000 // X.size)
    times = {
        ("Python", 1): 2.0, ("NumPy", 1): 0.5, ("kernel", 1): 0.25, ("scikit-learn", 1): 3.0,
        ("scikit-learn", 11): 8.0, ("engine", 1): 1.0, ("engine", more): 1.0 + 0.125 * (more - 1),
    }  # fmt: skip
    monkeypatch.setattr(chapter_20, "stopwatch", lambda calls, rounds: {key: times[key] for key in calls})
    expected = {"Python": 3.0, "NumPy": 0.5, "kernel": 0.25, "scikit-learn": 0.5, "engine": 0.125}
    assert chapter_20.iteration_seconds(X, start) == pytest.approx(expected)
    assert chapter_20.iteration_seconds(X, start, ("engine",)) == pytest.approx({"engine": 0.125})


def test_twice_the_features():
    assert EXERCISES["ex-fast-operations"].reference == gmm.pass_operations(7, 20, 3) / gmm.pass_operations(7, 10, 3)


def test_the_roof_of_one_component_in_the_plane():
    F, B = gmm.pass_operations(10**6, 2, 1), gmm.pass_bytes(10**6, 2, 1)
    assert EXERCISES["ex-fast-roof"].reference == pytest.approx(1e3 * F / gmm.roofline(F, B, 40e9, 8e9), rel=1e-12)


def test_eight_threads():
    assert EXERCISES["ex-fast-amdahl"].reference == pytest.approx(gmm.amdahl_speedup(8, 0.04), rel=1e-12)


@pytest.mark.parametrize("case", EXERCISES["ex-fast-walk"].cases)
def test_one_walk_is_log_sum_exp(case):
    assert chapter_20._one_walk(*case) == pytest.approx(logsumexp(case[0]), rel=1e-13)


@pytest.mark.parametrize("case", EXERCISES["ex-fast-exponential"].cases)
def test_the_exponential_of_the_solution_by_mpmath(case):
    expected = [float(mp.exp(mp.mpf(float(x)))) for x in case[0]]
    np.testing.assert_allclose(chapter_20._exponential(case[0]), expected, rtol=1e-12)


@pytest.mark.parametrize("case", EXERCISES["ex-fast-blocks"].cases)
def test_moments_of_blocks_are_those_of_all(case):
    X, r, centre, _ = case
    z = X - centre
    count, first, second = chapter_20._block_moments(*case)
    assert count == pytest.approx(r.sum())
    np.testing.assert_allclose(first, r @ z, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(second, np.einsum("i,ia,ib->ab", r, z, z), rtol=1e-12, atol=1e-14)


def test_the_order_that_loses_a_one_loses_it_exactly():
    a, b, c = EXERCISES["ex-fast-order"].reference
    assert (a + b) + c == 1.0
    assert a + (b + c) == 0.0
    assert sum(map(Fraction, (a, b, c))) == 1


def test_steps_of_a_sum_are_fewest_near_the_root():
    # What the proof says: b + ⌈n/b⌉ is at least 2 √n, and less than 2 √n + 2 at b = ⌈√n⌉.
    for n in (1, 2, 10, 99, 100, 101, 5000):
        steps = [b + -(-n // b) for b in range(1, n + 1)]
        assert min(steps) >= 2 * np.sqrt(n) - 1e-9
        root = int(np.ceil(np.sqrt(n)))
        assert steps[root - 1] < 2 * np.sqrt(n) + 2


def test_functions_of_the_package_answer_nothing():
    assert not examine("ex-fast-walk", gmm.log_sum_exp).right


def test_the_sums_in_registers_are_those_of_their_definition():
    def one(x, rounds):
        for _ in range(rounds):
            x = 0.5 * x + 1.0
        return x

    for rounds in (0, 1, 5):  # exact in float64
        expected = WIDE * sum(one(x, rounds) for x in (1.0, 3.0, 5.0, 7.0))
        assert chapter_20._in_registers(rounds, 0.5, 1.0) == expected
    assert chapter_20.multiply_adds(100) == 100 * 4 * WIDE * 2
