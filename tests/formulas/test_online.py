"""Statistics that move and add, steps of online EM, samples of a table: against sums written out and enumeration."""

import itertools

import numpy as np
import pytest

from gmm.formulas import online


def moments(X, resp, centre):
    differences = X - centre
    return differences.T @ resp, (differences * resp[:, None]).T @ differences


@pytest.mark.equation("eq-moved-moments")
def test_moved_moments_are_those_about_the_new_centre():
    rng = np.random.default_rng(1)
    X, resp = rng.normal(size=(40, 3)), rng.uniform(size=40)
    old, new = rng.normal(size=3), rng.normal(size=3)
    first, second = online.moved_moments(resp.sum(), *moments(X, resp, old), new - old)
    expected = moments(X, resp, new)
    np.testing.assert_allclose(first, expected[0], atol=1e-11)
    np.testing.assert_allclose(second, expected[1], atol=1e-11)


@pytest.mark.equation("eq-tree-sum")
@pytest.mark.parametrize(("n", "nested"), [(1, "0"), (3, "(01)2"), (5, "((01)(23))4"), (6, "((01)(23))(45)")])
def test_a_tree_adds_in_its_own_order(n, nested):
    v = np.random.default_rng(n).normal(size=n) * 10.0 ** np.arange(0, 4 * n, 4)
    a = {
        1: lambda: v[0],
        3: lambda: (v[0] + v[1]) + v[2],
        5: lambda: ((v[0] + v[1]) + (v[2] + v[3])) + v[4],
        6: lambda: ((v[0] + v[1]) + (v[2] + v[3])) + (v[4] + v[5]),
    }[n]()
    before = v.copy()
    assert online.tree_sum(v) == a, nested
    assert (v == before).all()


def test_the_order_of_a_tree_matters():
    assert online.tree_sum([1e16, 1.0, 1.0, -1e16]) == 0.0
    assert online.tree_sum([1e16, -1e16, 1.0, 1.0]) == 2.0


@pytest.mark.equation("eq-online-steps")
def test_steps():
    np.testing.assert_allclose(online.step_sizes(3, 0.75, 2.0), [3**-0.75, 4**-0.75, 5**-0.75], rtol=1e-13)


@pytest.mark.equation("eq-batch-shares")
@pytest.mark.parametrize("offset", [0.0, 2.0])
def test_shares_are_those_of_the_recursion(offset):
    steps = online.step_sizes(7, 0.6, offset)
    running = np.zeros(7)
    for t in range(7):
        running = (1 - steps[t]) * running + steps[t] * np.eye(7)[t]
    np.testing.assert_allclose(online.batch_shares(steps), running, rtol=1e-12)


def test_steps_of_one_over_t_are_the_mean():
    np.testing.assert_allclose(online.batch_shares(online.step_sizes(9, 1.0)), np.full(9, 1 / 9), rtol=1e-12)


@pytest.mark.equation("eq-remembered-batches")
@pytest.mark.parametrize("step", [0.05, 0.3, 1.0])
def test_remembered_batches_are_those_of_the_shares(step):
    shares = online.batch_shares(np.full(2000, step))
    assert online.remembered_batches(step) == pytest.approx(1 / (shares**2).sum(), rel=1e-10)


@pytest.mark.equation("eq-sampling-factor")
@pytest.mark.parametrize("n", [1, 3, 6])
def test_sampling_factor_by_enumerating_all_samples(n):
    rows = np.array([0.3, 1.0, -2.0, 5.0, 4.0, 0.5])
    means = [np.mean(chosen) for chosen in itertools.combinations(rows, n)]
    assert np.var(means) == pytest.approx(online.sampling_factor(n, 6) * rows.var(ddof=1) / n, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: online.moved_moments(1.0, [0.0], np.eye(2), [0.0]), "same number of features"),
        (lambda: online.moved_moments(-1.0, [0.0], [[1.0]], [0.0]), "count"),
        (lambda: online.step_sizes(3, 0.5), "alpha"),
        (lambda: online.step_sizes(3, 1.1), "alpha"),
        (lambda: online.step_sizes(3, 0.6, -1.0), "offset"),
        (lambda: online.batch_shares([0.5, 0.0]), "steps"),
        (lambda: online.remembered_batches(1.5), "step"),
        (lambda: online.sampling_factor(7, 6), "n_samples"),
        (lambda: online.moved_moments(1.0, [0.0, 0.0], [[1.0, 2.0], [0.0, 1.0]], [0.0, 0.0]), "symmetric"),
        (lambda: online.moved_moments(1.0, [np.nan], [[1.0]], [0.0]), "first"),
        (lambda: online.moved_moments(1.0, [0.0], [[1.0]], [np.inf]), "shift"),
        (lambda: online.tree_sum([]), "values"),
        (lambda: online.tree_sum([[1.0]]), "values"),
        (lambda: online.tree_sum([1.0, np.nan]), "values"),
        (lambda: online.step_sizes(0), "n_steps"),
        (lambda: online.step_sizes(3, np.nan), "alpha"),
        (lambda: online.batch_shares([]), "steps"),
        (lambda: online.batch_shares([1.5]), "steps"),
        (lambda: online.remembered_batches(0.0), "step"),
        (lambda: online.sampling_factor(0, 6), "n_samples"),
        (lambda: online.sampling_factor(1, 0), "n_rows"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
