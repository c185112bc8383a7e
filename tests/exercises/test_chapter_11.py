import numpy as np
import pytest

import gmm
from gmm.exercises import EXERCISES, chapter_11, examine


def test_diagonal_and_pooled_agree_with_numpy():
    for X, resp, means in EXERCISES["ex-structures-diagonal"].cases:
        expected = np.diag(gmm.update_tied_covariance(X, resp, means))
        np.testing.assert_allclose(chapter_11._diagonal(X, resp, means), expected, rtol=1e-12)
    for resp, covariances in EXERCISES["ex-structures-pool"].cases:
        expected = np.average(covariances, axis=0, weights=resp.sum(axis=0))
        np.testing.assert_allclose(chapter_11._pooled(resp, covariances), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        (gmm.update_diagonal_covariances, "the variances of each component"),
        (gmm.update_tied_covariance, "keeps its diagonal alone"),
    ],
)
def test_no_function_that_the_chapter_shows_is_an_answer(shown, message):
    assert message in examine("ex-structures-diagonal", shown).text


def _covariances(name, shared, own):
    """Random covariances of a model, from parameters that are shared or each component's own."""
    parts = []
    for letter, size in zip(name, (1, shared.d, shared.d**2), strict=True):
        parts.append([shared.take(size) if letter == "E" else source.take(size) for source in own])
    for k in range(len(own)):
        volume, shape, turn = (part[k] for part in parts)
        axes = np.exp(shape - shape.mean()) if name[1] != "I" else np.ones(shared.d)
        D = np.linalg.qr(turn.reshape(shared.d, shared.d))[0] if name[2] != "I" else np.eye(shared.d)
        yield np.exp(volume[0]) * D @ np.diag(axes) @ D.T


class Numbers:
    """Fixed random numbers by size, moved by a step along one of them."""

    def __init__(self, d, seed, move=None, step=0.0):
        self.d = d
        self.values = {size: np.random.default_rng([seed, size]).normal(size=size) for size in (1, d, d**2)}
        if move is not None:
            self.values[move[0]][move[1]] += step

    def take(self, size):
        return self.values[size]


@pytest.mark.parametrize("name", chapter_11._NAMES)
def test_counts_are_the_rank_of_the_map_from_parameters_to_covariances(name):
    K, d, h = 2, 3, 1e-6

    def flat(source=None, move=None, step=0.0):
        made = [Numbers(d, seed, move if seed == source else None, step) for seed in range(K + 1)]
        return np.ravel(list(_covariances(name, made[0], made[1:])))

    moves = [(size, index) for size in (1, d, d**2) for index in range(size)]
    columns = [(flat(source, move, h) - flat(source, move, -h)) / (2 * h) for source in range(K + 1) for move in moves]
    assert np.linalg.matrix_rank(np.array(columns), tol=1e-5) == chapter_11._count(name, K, d)


@pytest.mark.parametrize(("n", "regular"), [(14, False), (15, True)])
def test_fifteen_samples_make_the_tied_covariance_regular(n, regular):
    X, rng = np.random.default_rng(3).normal(size=(n, 13)), np.random.default_rng(4)
    labels = np.r_[0, 1, rng.integers(0, 2, size=n - 2)]
    D = X - np.array([X[labels == k].mean(axis=0) for k in (0, 1)])[labels]
    assert (np.linalg.matrix_rank(D.T @ D) == 13) == regular
