import math

import numpy as np
import pytest

import gmm
from gmm.exercises import EXERCISES, chapter_23


def test_the_sign_is_that_of_a_fit_of_ours():
    X = gmm.datasets.load_old_faithful().X
    settings = {"init_params": "hierarchical", "tol": 1e-10, "max_iter": 2000, "reg_covar": 0.0}
    fit = gmm.GaussianMixture(2, **settings).fit(X)
    task = EXERCISES["ex-tools-sign"]
    assert task.reference == pytest.approx(fit.bic(X), abs=1e-3)
    assert fit.to_sklearn().bic(X) == pytest.approx(fit.bic(X), rel=1e-12)
    deviance = -2.0 * fit.score(X) * len(X)
    assert task.mistakes[1].wrong == pytest.approx(deviance, abs=1e-3)


def test_the_tolerance_of_a_sum_is_n_times_that_of_a_mean():
    change = np.random.default_rng(0).normal(1.0, 0.5, size=200_000)
    assert EXERCISES["ex-tools-tolerance"].reference == pytest.approx(1e-3 * change.sum() / change.mean())


def test_bits_are_powers_of_two():
    assert 2.0 ** -EXERCISES["ex-tools-bits"].reference == pytest.approx(math.exp(-1.4))


@pytest.mark.parametrize("case", EXERCISES["ex-tools-layout"].cases)
def test_covariances_have_the_volume_shape_and_orientation(case):
    scale, shape, orientation = case
    found = chapter_23._covariances(*case)
    for k, matrix in enumerate(found):
        assert np.linalg.det(matrix) ** (1.0 / len(matrix)) == pytest.approx(scale[k])
        np.testing.assert_allclose(matrix @ orientation[:, :, k], scale[k] * shape[:, k] * orientation[:, :, k])


@pytest.mark.parametrize("case", EXERCISES["ex-tools-factor"].cases)
def test_a_factor_is_that_of_scikit_learn(case):
    (R,) = case
    mixture = gmm.GaussianMixture.from_parameters([1.0], np.zeros((1, len(R))), (R.T @ R)[None])
    np.testing.assert_allclose(chapter_23._factor(R), mixture.to_sklearn().precisions_cholesky_[0], rtol=1e-9)


@pytest.mark.parametrize("case", EXERCISES["ex-tools-stop"].cases)
def test_a_relative_rule_holds_for_the_first_time(case):
    values, tol = case
    t = chapter_23._stop(values, tol)
    relative = np.abs(np.diff(values)) / (1.0 + np.abs(values[1:]))
    assert (relative[: t - 1] >= tol).all()
    assert relative[t - 1] < tol or t == len(values) - 1


def test_in_that_unit_the_log_likelihood_vanishes():
    X = gmm.datasets.load_old_faithful().X
    fit = gmm.GaussianMixture(2, random_state=0, reg_covar=0.0).fit(X)
    unit = EXERCISES["ex-tools-unit"].reference(fit.score(X) * len(X), *X.shape)
    scaled = gmm.GaussianMixture.from_parameters(fit.weights_, unit * fit.means_, unit**2 * fit.covariances_)
    assert scaled.score(unit * X) == pytest.approx(0.0, abs=1e-12)


def test_many_shifts_and_places_will_do():
    assert all(chapter_23._shift(shift) is None for shift in (1e9, -1e9, 3e10))
    assert all(chapter_23._floor(x) is None for x in (-9.5, -30.0, -1e3))
