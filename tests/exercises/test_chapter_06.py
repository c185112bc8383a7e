import numpy as np
import pytest

import gmm
from gmm.exercises import EXERCISES, chapter_06, examine


@pytest.mark.parametrize("case", EXERCISES["ex-mstep-code"].cases, ids=lambda case: str(case[0].shape))
def test_the_reference_is_the_m_step_of_the_package(case):
    weights, means, covariances = gmm.m_step(*case)
    for ours, theirs in zip(chapter_06._background(*case), (weights, means[:-1], covariances[:-1]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_the_m_step_of_the_package_is_no_answer():
    found = examine("ex-mstep-code", gmm.m_step)
    assert "leave its row out" in found.text


def test_dividing_by_n_is_named_by_hand_too():
    assert "divided by 1.5, not by n" in examine("ex-mstep-by-hand", (0.5, 3.0, 1.0)).text


def test_one_decimal_is_enough_where_one_decimal_is_asked_for():
    assert examine("ex-mstep-old-mean", 66.3).right
    assert not examine("ex-mstep-old-mean", 66.0).right


def test_a_sample_weight_counts_like_copies_of_the_sample():
    X, resp, copies = EXERCISES["ex-mstep-sample-weights"].cases[0]
    times = copies.astype(int)
    expected = gmm.m_step(np.repeat(X, times, axis=0), np.repeat(resp, times, axis=0))
    for ours, theirs in zip(chapter_06._weighted(X, resp, copies), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)


@pytest.mark.parametrize(
    ("label", "resp", "k"),
    [("ex-mstep-equal", [[0.5, 0.5]] * 3, 0), ("ex-mstep-by-hand", [[1, 0], [0.5, 0.5], [0, 1]], 1)],
)
def test_values_are_those_of_the_package(label, resp, k):
    X = [[1.0], [2.0], [3.0]] if label == "ex-mstep-equal" else [[0.0], [1.0], [4.0]]
    weights, means, covariances = gmm.m_step(X, resp)
    assert (weights[k], means[k, 0], covariances[k, 0, 0]) == pytest.approx(EXERCISES[label].reference)


def test_six_samples_are_the_fewest_in_five_dimensions():
    X = np.random.default_rng(1).normal(size=(12, 5))
    for m, fits in [(5, False), (6, True)]:
        resp = np.zeros((12, 2))
        resp[:m, 0] = resp[m:, 1] = 1
        _, _, covariances = gmm.m_step(X, resp)
        smallest = np.linalg.eigvalsh(covariances[0])[0]
        assert (smallest > 1e-6) == fits
    assert EXERCISES["ex-mstep-points"].reference == 6


def test_the_old_mean_adds_the_square_of_the_move():
    X = gmm.datasets.load_old_faithful().X
    old = np.array([0.5, 0.5]), np.array([[2.5, 62.0], [4.0, 72.0]]), np.array([np.diag([0.5, 60.0])] * 2)
    resp = gmm.responsibilities(X, *old)
    about_old = gmm.update_covariances(X, resp, old[1])
    about_new = gmm.update_covariances(X, resp, gmm.update_means(X, resp))
    extra = (about_old - about_new)[1, 1, 1]
    assert EXERCISES["ex-mstep-old-mean"].reference == pytest.approx(extra, rel=1e-9)
