import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import gmm
from gmm.exercises import EXERCISES, chapter_12, examine


def scatters_of(covariances, counts):
    return covariances * counts[:, None, None], counts


def test_from_full_to_the_others_agrees_with_the_m_steps_from_scatters():
    for covariances, counts in EXERCISES["ex-fourteen-evv"].cases[:-1]:
        expected = gmm.update_evv(*scatters_of(covariances, counts))
        np.testing.assert_allclose(chapter_12._evv(covariances, counts), expected, rtol=1e-9, atol=1e-12)
    for covariances, counts in EXERCISES["ex-fourteen-eev"].cases:
        expected = gmm.update_eev(*scatters_of(covariances, counts))
        np.testing.assert_allclose(chapter_12._eev(covariances, counts), expected, rtol=1e-9, atol=1e-12)


def test_the_last_case_of_evv_is_out_of_reach_of_determinants():
    covariances, _ = EXERCISES["ex-fourteen-evv"].cases[-1]
    assert (np.linalg.det(covariances) == 0).all()
    assert "leaves the range" in examine("ex-fourteen-evv", chapter_12._evv_underflow).text


@pytest.mark.parametrize("label", ["ex-fourteen-evv", "ex-fourteen-eev"])
def test_what_the_chapter_shows_is_no_answer(label):
    shown = {"ex-fourteen-evv": gmm.update_evv, "ex-fourteen-eev": gmm.update_eev}[label]
    assert not examine(label, shown).right


def test_numbers():
    assert EXERCISES["ex-fourteen-letter"].reference == (
        gmm.n_covariance_parameters(5, 10, "EEV") - gmm.n_covariance_parameters(5, 10, "EEE")
    )
    costs = gmm.merge_costs_eii([1, 1, 12, 6], [[0.0], [3.0], [100.0], [101.5]])
    assert [costs[0, 1], costs[2, 3]] == [EXERCISES["ex-fourteen-ward"].reference, 9.0]
    scatters = np.array([np.diag([90.0, 10.0]), np.diag([40.0, 40.0])])
    volume = gmm.volume_shape_orientation(gmm.update_evv(scatters, [10, 10])[0])[0]
    assert volume == pytest.approx(EXERCISES["ex-fourteen-volume"].reference)
    assert gmm.volume_shape_orientation(gmm.update_eev(scatters, [10, 10])[0])[0] == pytest.approx(4.03, abs=0.005)


def test_a_merge_costs_what_the_classification_log_likelihood_loses():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [7, 5, 9])
    X = rng.normal(size=(21, 3)) * [1.0, 4.0, 0.2] + rng.normal(size=(3, 3))[labels]

    def maximised(labels):
        resp = np.eye(labels.max() + 1)[labels]
        means = gmm.update_means(X, resp)
        covariances = gmm.update_eei(gmm.scatter_matrices(X, resp, means), resp.sum(axis=0))
        return gmm.classification_log_likelihood(X, labels, means, covariances), means, resp

    before, means, resp = maximised(labels)
    after = maximised(np.maximum(labels - 1, 0))[0]
    squares = np.diagonal(gmm.scatter_matrices(X, resp, means).sum(axis=0))
    found = chapter_12._merge(np.array([7.0, 5.0]), means[:2], squares, 21)
    assert found == pytest.approx(before - after, rel=1e-9)


def test_at_45_degrees_nothing_turns_and_elsewhere_it_does():
    W, ones, c = np.array([np.diag([4.0, 1.0]), np.diag([1.0, 4.0])]), np.ones(2), np.sqrt(0.5)
    stuck = gmm.update_vve(W, ones, orientation=[[c, -c], [c, c]])
    np.testing.assert_allclose(stuck, np.array([2.5 * np.eye(2)] * 2), rtol=1e-12)
    for degrees in (1, 30, 44, 46, 89):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        np.testing.assert_allclose(gmm.update_vve(W, ones, orientation=[[c, -s], [s, c]]), W, atol=1e-5)

    def spread(t):  # the only angle between 0 and 90 degrees at which no component prefers an axis
        return abs(4 * np.cos(t) ** 2 + np.sin(t) ** 2 - 4 * np.sin(t) ** 2 - np.cos(t) ** 2)

    found = minimize_scalar(spread, bounds=(0, np.pi / 2), method="bounded").x
    assert np.degrees(found) == pytest.approx(EXERCISES["ex-fourteen-stuck"].reference, abs=1e-2)
