"""Noise and missing values: the density of a box over the observed features, and the likelihood that is climbed."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from gmm import GaussianMixture

KINDS = ("full", "tied", "diag", "spherical")


def noisy(n=240, seed=3):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    X = rng.normal(size=(n, 3)) @ [[1.0, 0.6, 0.0], [0.0, 0.8, 0.3], [0.0, 0.0, 0.7]] + 6.0 * labels[:, None]
    X[: n // 8] = rng.uniform(-15.0, 25.0, size=(n // 8, 3)) * [1.0, 2.0, 0.5]
    return X, np.where(rng.uniform(size=X.shape) < 0.2, np.nan, X), labels


COMPLETE, X, LABELS = noisy()
SETTINGS = {"noise": True, "missing": "marginalise", "random_state": 0, "reg_covar": 0.0}


@pytest.fixture(scope="module", params=KINDS)
def converged(request):
    start = {"means_init": np.repeat([[0.0], [6.0]], 3, axis=1), "tol": 1e-13, "max_iter": 2000}
    return GaussianMixture(2, covariance_type=request.param, **SETTINGS, **start).fit(X)


def log_joint(mixture, rows, noise, means, scales):
    """By SciPy: components, then noise with 1 / the product of the observed features' widths."""
    widths = np.nanmax(X, axis=0) - np.nanmin(X, axis=0)
    weights = mixture.weights_ * (1.0 - noise) / mixture.weights_.sum()
    joint = np.tile(np.log([*weights, noise]), (len(rows), 1))
    for i, x in enumerate(rows):
        o = np.flatnonzero(~np.isnan(x))
        joint[i, 2] -= np.log(widths[o]).sum()
        for k in range(2 if len(o) else 0):
            joint[i, k] += multivariate_normal.logpdf(x[o], means[k, o], scales[k][np.ix_(o, o)])
    return joint


def test_scores_and_the_maximum(converged):
    means, matrices, weight = converged.means_, converged._parameters().matrices, converged.noise_weight_
    joint = log_joint(converged, X, weight, means, matrices)
    log_p = logsumexp(joint, axis=1)
    np.testing.assert_allclose(converged.score_samples(X), log_p, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(converged.predict_proba(X), np.exp(joint - log_p[:, None]), atol=1e-11)
    named = joint.argmax(axis=1)
    np.testing.assert_array_equal(converged.predict(X), np.where(named == 2, -1, named))
    assert 0.05 < weight < 0.25
    assert np.diff(converged.lower_bounds_).min() > -1e-13
    np.testing.assert_array_equal(converged.noise_box_.axes, np.eye(3))

    def slope(**change):
        def value(h):
            found = {"noise": weight, "means": means, "scales": matrices}
            found |= {name: move(h) for name, move in change.items()}
            return logsumexp(log_joint(converged, X, **found), axis=1).sum()

        return (value(1e-4) - value(-1e-4)) / 2e-4

    step = np.array([[1.0, 0.5, -1.0], [0.2, 1.0, 0.3]])
    assert abs(slope(noise=lambda h: weight + h)) < 1e-3
    assert abs(slope(means=lambda h: means + h * step)) < 1e-3
    assert abs(slope(scales=lambda h: matrices * np.exp(h))) < 1e-3
    assert abs(slope(noise=lambda h: weight + 0.03 + h)) > 1.0


def test_units_and_far_samples(converged):
    kind = converged.covariance_type
    start = {"means_init": converged.means_, "tol": 1e-10, "max_iter": 1000, "covariance_type": kind}
    near = GaussianMixture(2, **SETTINGS, **start).fit(X)
    for shift, scale in ((1e7, 1.0), (0.0, 2.0**280)):
        start["means_init"] = (converged.means_ + shift) * scale
        far = GaussianMixture(2, **SETTINGS, **start).fit((X + shift) * scale)
        np.testing.assert_allclose(far.covariances_ / scale / scale, near.covariances_, rtol=1e-5)
        assert far.noise_weight_ == pytest.approx(near.noise_weight_, rel=1e-5)
    row = np.array([[1e200, np.nan, 0.0]])
    assert near.predict(row)[0] == -1
    widths = near.noise_box_.widths[[0, 2]]
    assert near.score_samples(row)[0] == pytest.approx(np.log(near.noise_weight_) - np.log(widths).sum(), rel=1e-12)


def test_a_given_volume_starts_and_files(tmp_path):
    mixture = GaussianMixture(2, noise_volume=5000.0, tol=1e-12, max_iter=2000, **SETTINGS).fit(X)
    assert mixture.lower_bound_ == pytest.approx(mixture.score(X[~np.isnan(X).all(axis=1)]), abs=1e-9)
    assert np.prod(mixture.noise_box_.widths) == pytest.approx(5000.0)
    empty = np.full((1, 3), np.nan)
    np.testing.assert_allclose(mixture.predict_proba(empty)[0], [*mixture.weights_, mixture.noise_weight_], rtol=1e-12)
    labels = np.where(np.arange(len(X)) < 30, -1, LABELS)
    by_labels = GaussianMixture(2, resp_init=labels, **SETTINGS).fit(X)
    assert by_labels.noise_weight_ == pytest.approx(0.12, abs=0.06)
    by_labels.save(tmp_path / "m.npz")
    loaded = GaussianMixture.load(tmp_path / "m.npz")
    np.testing.assert_array_equal(loaded.score_samples(X), by_labels.score_samples(X))


def test_what_has_no_marginal_is_refused():
    rng = np.random.default_rng(0)
    turned = rng.uniform(-1.0, 1.0, size=(200, 3)) @ np.diag([9.0, 0.3, 1.0])
    turned[:, :2] = turned[:, :2] @ [[0.6, 0.8], [-0.8, 0.6]]
    mixture = GaussianMixture(1, noise=True, random_state=0).fit(turned)
    mixture.set_params(missing="marginalise")
    assert np.isfinite(mixture.score_samples(turned)).all()
    with pytest.raises(ValueError, match="a box in principal axes, whose marginals are not constant"):
        mixture.predict(X)
    along = mixture.fit(turned)
    np.testing.assert_array_equal(along.noise_box_.axes, np.eye(3))
    assert np.isfinite(along.score_samples(X)).all()
    constant = X.copy()
    constant[:, 1] = np.where(np.isnan(X[:, 1]), np.nan, 4.0)
    with pytest.raises(ValueError, match=r"features \[1\] of X are constant"):
        GaussianMixture(2, **SETTINGS).fit(constant)
