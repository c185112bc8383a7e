"""Chapter 18: quadrature, SciPy's t distribution, closed forms and finite differences."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import integrate, stats
from scipy.special import logsumexp

import gmm
from gmm.formulas.heavy_tails import log_minus_digamma_kernel


def positive_definite(d, seed):
    root = np.random.default_rng([d, seed]).normal(size=(d, d))
    return root @ root.T + 0.4 * np.eye(d)


def mixture(d, K, seed=0):
    """Data, weights, means, scales and degrees of freedom."""
    rng = np.random.default_rng([d, K, seed])
    scales = np.array([positive_definite(d, seed + k) for k in range(K)])
    dof = rng.uniform(0.6, 20.0, K)
    return 3.0 * rng.normal(size=(15, d)), rng.dirichlet(np.full(K, 3.0)), 2.0 * rng.normal(size=(K, d)), scales, dof


@pytest.mark.equation("eq-hypervolume")
class TestHypervolume:
    def test_of_a_turned_box(self):
        """Corners of a box with edges 6, 2 and 1, turned: the principal axes find it, the given ones do not."""
        corners = np.array([[a, b, c] for a in (-3, 3) for b in (-1, 1) for c in (-0.5, 0.5)], dtype=float)
        assert gmm.log_hypervolume(corners) == pytest.approx(math.log(12.0), abs=1e-12)
        turn = stats.special_ortho_group.rvs(3, random_state=1)
        assert gmm.log_hypervolume(corners @ turn.T + 1e4) == pytest.approx(math.log(12.0), abs=1e-8)
        assert np.log(np.ptp(corners @ turn.T, axis=0)).sum() > math.log(13.0)

    @settings(max_examples=40, deadline=None)
    @given(st.integers(1, 4), st.integers(0, 1000), st.floats(-3, 3))
    def test_a_map_of_all_features_multiplies_it(self, d, seed, log_factor):
        X = np.random.default_rng(seed).normal(size=(12, d))
        value = gmm.log_hypervolume(X)
        scaled = gmm.log_hypervolume(X * math.exp(log_factor) + 5.0)
        assert scaled == pytest.approx(value + d * log_factor, abs=1e-8)
        assert value <= np.log(np.ptp(X, axis=0)).sum() + 1e-12

    @pytest.mark.usefixtures("engine")
    def test_that_of_the_estimator(self):
        X = mixture(3, 2)[0]
        box = gmm.GaussianMixture(1, noise=True).fit(X).noise_box_
        assert box.log_volume == pytest.approx(gmm.log_hypervolume(X), abs=1e-12)

    def test_no_volume(self):
        X = mixture(3, 2)[0]
        with pytest.raises(ValueError, match="feature 1 is constant"):
            gmm.log_hypervolume(np.column_stack([X[:, 0], np.ones(len(X))]))
        with pytest.raises(ValueError, match="in a plane"):
            gmm.log_hypervolume(np.column_stack([X, X.sum(axis=1)]))


def noisy(d, K, seed=0):
    X, _, means, covariances, _ = mixture(d, K, seed)
    weights = np.random.default_rng(seed).dirichlet(np.full(K + 1, 2.0))
    return X, weights, means, covariances, 3.7


class TestNoise:
    @pytest.mark.equation("eq-noise-density")
    def test_has_mass_one_on_its_interval(self):
        """A narrow Gaussian well inside [0, e^3.7], with noise on that interval."""
        weights, means, covariances = [0.7, 0.3], [[15.0]], [[[2.0]]]
        mass, _ = integrate.quad(
            lambda x: math.exp(gmm.noise_log_density([[x]], weights, means, covariances, 3.7)[0]), 0, math.exp(3.7),
            points=[15.0], epsabs=1e-11,
        )  # fmt: skip
        assert mass == pytest.approx(1.0, abs=1e-9)

    @pytest.mark.equation("eq-noise-density", "eq-noise-responsibility")
    @pytest.mark.parametrize(("d", "K"), [(1, 1), (2, 3), (5, 2)])
    def test_is_that_of_scipy(self, d, K):
        X, weights, means, covariances, log_volume = noisy(d, K)
        joint = [np.log(weights[k]) + stats.multivariate_normal.logpdf(X, means[k], covariances[k]) for k in range(K)]
        joint = np.stack([*joint, np.full(len(X), np.log(weights[K]) - log_volume)], axis=1)
        log_p = logsumexp(joint, axis=1)
        assert_allclose(gmm.noise_log_density(X, weights, means, covariances, log_volume), log_p, rtol=1e-12)
        resp = gmm.noise_responsibilities(X, weights, means, covariances, log_volume)
        assert_allclose(resp, np.exp(joint - log_p[:, None]), atol=1e-13)

    @pytest.mark.equation("eq-noise-responsibility")
    def test_far_away_all_is_noise(self):
        X, weights, means, covariances, log_volume = noisy(2, 2)
        resp = gmm.noise_responsibilities(X + 1e6, weights, means, covariances, log_volume)
        assert_allclose(resp, np.tile([0.0, 0.0, 1.0], (len(X), 1)), atol=1e-300)

    @pytest.mark.equation("eq-noise-responsibility")
    def test_they_are_the_gradient_of_the_log_density(self):
        """∂ log p / ∂ log π_k = r_ik, by central differences of weights that need not sum to one."""
        X, weights, means, covariances, log_volume = noisy(2, 2)
        resp = gmm.noise_responsibilities(X, weights, means, covariances, log_volume)
        h = 1e-6
        for k in range(3):
            up, down = (weights * np.exp(sign * h * np.eye(3)[k]) for sign in (1, -1))
            # Scaled to sum to one, which adds the logarithm of the sum.
            values = [
                gmm.noise_log_density(X, w / w.sum(), means, covariances, log_volume) + np.log(w.sum())
                for w in (up, down)
            ]
            assert_allclose((values[0] - values[1]) / (2 * h), resp[:, k], atol=1e-8)


class TestStudent:
    @pytest.mark.equation("eq-student-density")
    @pytest.mark.parametrize("dof", [0.4, 1.0, 5.0, 300.0])
    @pytest.mark.parametrize("d", [1, 3])
    def test_density_is_that_of_scipy(self, d, dof):
        X, _, means, scales, _ = mixture(d, 1)
        expected = stats.multivariate_t.logpdf(X, means[0], scales[0], df=dof)
        assert_allclose(gmm.student_log_density(X, means[0], scales[0], dof), expected, rtol=1e-11)

    @pytest.mark.equation("eq-student-density")
    def test_many_degrees_of_freedom_are_a_gaussian(self):
        X, _, means, scales, _ = mixture(2, 1)
        gaussian = gmm.gaussian_log_density(X, means[0], scales[0])
        gaps = [np.abs(gmm.student_log_density(X, means[0], scales[0], v) - gaussian).max() for v in (1e4, 1e6)]
        assert gaps[0] / gaps[1] == pytest.approx(100.0, rel=0.02)

    @pytest.mark.equation("eq-scale-mixture", "eq-student-density")
    @pytest.mark.parametrize("dof", [1.3, 6.0])
    @pytest.mark.parametrize("d", [1, 2])
    def test_the_scale_integrates_out(self, d, dof):
        X, _, means, scales, _ = mixture(d, 1)
        for x in X[:2]:
            mass, _ = integrate.quad(
                lambda w, x=x: math.exp(
                    gmm.scale_mixture_log_density(x[None], [math.exp(w)], means[0], scales[0], dof)[0] + w
                ),
                -40, 8, epsabs=0, epsrel=1e-11, limit=200,
            )  # fmt: skip
            assert math.log(mass) == pytest.approx(
                gmm.student_log_density(x[None], means[0], scales[0], dof)[0], abs=1e-8
            )

    @pytest.mark.equation("eq-expected-scale", "eq-expected-log-scale")
    @pytest.mark.parametrize("dof", [1.3, 6.0])
    def test_expectations_by_quadrature(self, dof):
        X, _, means, scales, _ = mixture(2, 1)
        for x in X[:2]:
            moments = [
                integrate.quad(
                    lambda w, f=f, x=x: f(w)
                    * math.exp(gmm.scale_mixture_log_density(x[None], [math.exp(w)], means[0], scales[0], dof)[0] + w),
                    -40, 8, epsabs=0, epsrel=1e-11, limit=200,
                )[0]
                for f in (lambda w: 1.0, math.exp, lambda w: w)
            ]  # fmt: skip
            arguments = x[None], means[0], scales[0], dof
            assert gmm.expected_scale(*arguments)[0] == pytest.approx(moments[1] / moments[0], rel=1e-8)
            assert gmm.expected_log_scale(*arguments)[0] == pytest.approx(moments[2] / moments[0], abs=1e-7)

    @pytest.mark.equation("eq-expected-scale")
    def test_it_is_the_pull_on_the_location(self):
        """The gradient of the log-density is u Σ⁻¹ (x - μ): a Gaussian's, times the expected scale."""
        X, _, means, scales, dof = mixture(3, 1)
        h = 1e-6
        gradient = np.stack(
            [
                (
                    gmm.student_log_density(X, means[0] + step, scales[0], dof[0])
                    - gmm.student_log_density(X, means[0] - step, scales[0], dof[0])
                )
                / (2 * h)
                for step in h * np.eye(3)
            ],
            axis=1,
        )
        u = gmm.expected_scale(X, means[0], scales[0], dof[0])
        assert_allclose(gradient, u[:, None] * np.linalg.solve(scales[0], (X - means[0]).T).T, atol=1e-7)

    @pytest.mark.equation("eq-student-responsibility")
    def test_responsibilities_are_bayes_rule(self):
        X, weights, means, scales, dof = mixture(2, 3)
        joint = np.stack(
            [np.log(weights[k]) + stats.multivariate_t.logpdf(X, means[k], scales[k], df=dof[k]) for k in range(3)],
            axis=1,
        )
        expected = np.exp(joint - logsumexp(joint, axis=1)[:, None])
        assert_allclose(gmm.student_responsibilities(X, weights, means, scales, dof), expected, atol=1e-13)

    @pytest.mark.equation("eq-student-responsibility")
    def test_far_away_they_are_constants(self):
        """With equal ν: proportional to π |Σ|^(ν/2) (eᵀ Σ⁻¹ e)^(-(ν+d)/2) |Σ|^(-1/2 - ν/2 + …), along a direction e."""
        _, weights, means, scales, _ = mixture(2, 2)
        e, dof = np.array([0.6, 0.8]), np.array([3.0, 3.0])
        q = np.array([e @ np.linalg.solve(scale, e) for scale in scales])
        expected = weights / np.sqrt(np.linalg.det(scales)) * q ** (-(3.0 + 2) / 2)
        resp = gmm.student_responsibilities(1e9 * e[None], weights, means, scales, dof)[0]
        assert_allclose(resp, expected / expected.sum(), rtol=1e-6)


def expected_log_likelihood(X, resp, u, log_u, means, scales, dof):
    """Σ r (E log N(x | μ, Σ/u) + E log Gamma(u | ν/2, ν/2)): what the M-step maximises; log_u are expectations."""
    d, total = X.shape[1], 0.0
    for k in range(resp.shape[1]):
        q = gmm.mahalanobis_squared(X, means[k], scales[k])
        half = dof[k] / 2
        normal = 0.5 * (d * log_u[:, k] - d * np.log(2 * np.pi) - np.linalg.slogdet(scales[k])[1] - u[:, k] * q)
        gamma = half * np.log(half) - math.lgamma(half) + (half - 1) * log_u[:, k] - half * u[:, k]
        total += resp[:, k] @ (normal + gamma)
    return total


class TestMStep:
    @pytest.fixture(scope="class")
    def state(self):
        X, weights, means, scales, dof = mixture(2, 2)
        resp = gmm.student_responsibilities(X, weights, means, scales, dof)
        u = np.stack([gmm.expected_scale(X, means[k], scales[k], dof[k]) for k in range(2)], axis=1)
        log_u = np.stack([gmm.expected_log_scale(X, means[k], scales[k], dof[k]) for k in range(2)], axis=1)
        return X, resp, u, log_u, dof

    @pytest.mark.equation("eq-student-m-step", "eq-student-dof")
    def test_no_step_away_is_higher_and_the_slope_is_zero(self, state):
        X, resp, u, log_u, dof = state
        means, scales = gmm.student_m_step(X, resp, u)
        best = gmm.update_dof(resp, u, dof, 2)
        roots = np.linalg.cholesky(scales)

        def value(h):
            factors = roots.copy()
            factors[:, [0, 1, 1], [0, 0, 1]] += h[4:10].reshape(2, 3)
            moved = factors @ np.swapaxes(factors, 1, 2)
            return expected_log_likelihood(X, resp, u, log_u, means + h[:4].reshape(2, 2), moved, best * np.exp(h[10:]))

        top, size = value(np.zeros(12)), 1e-5
        for step in np.eye(12):
            up, down = value(size * step), value(-size * step)
            assert abs(up - down) / (2 * size) < 1e-6
            assert value(0.1 * step) < top
            assert value(-0.1 * step) < top

    @pytest.mark.equation("eq-student-m-step")
    def test_with_scales_of_one_it_is_the_gaussian_m_step(self, state):
        X, resp = state[:2]
        means, scales = gmm.student_m_step(X, resp, np.ones_like(resp))
        assert_allclose(means, gmm.update_means(X, resp), rtol=1e-12)
        assert_allclose(scales, gmm.update_covariances(X, resp, means), rtol=1e-12)

    @pytest.mark.equation("eq-student-dof")
    def test_the_root_against_mpmath(self, state):
        _, resp, u, _, dof = state
        found = gmm.update_dof(resp, u, dof, 2)
        for k in range(2):
            excess = resp[:, k] @ (u[:, k] - np.log(u[:, k]) - 1.0) / resp[:, k].sum()
            half = mp.mpf(float(dof[k]) + 2) / 2
            target = mp.mpf(float(excess)) + mp.log(half) - mp.digamma(half)
            root = mp.findroot(lambda v, t=target: mp.log(v / 2) - mp.digamma(v / 2) - t, float(found[k]))
            assert found[k] == pytest.approx(float(root), rel=1e-12)

    @pytest.mark.parametrize("x", [1e-3, 0.7, 19.0, 20.0, 24.5, 1e4])
    def test_the_left_side_against_mpmath(self, x):
        expected = mp.log(mp.mpf(x)) - mp.digamma(mp.mpf(x))
        assert log_minus_digamma_kernel(x) == pytest.approx(float(expected), rel=1e-12)

    @pytest.mark.equation("eq-student-dof")
    def test_at_a_stationary_point_it_stays(self):
        """With expectations of u under the prior itself, E u - E log u - 1 = log(ν/2) - ψ(ν/2), ν does not move when
        the samples tell nothing: d = 0 is the limit; here by scales drawn at the quantiles of the posterior."""
        dof, d = 5.0, 3
        # u = (ν + d) / (ν + q) with q / d ~ F(d, ν): quantiles of the sampling distribution of q.
        p = (np.arange(200_000) + 0.5) / 200_000
        u = (dof + d) / (dof + d * stats.f.ppf(p, d, dof))
        found = gmm.update_dof(np.ones((len(u), 1)), u[:, None], np.array([dof]), d)
        assert found[0] == pytest.approx(dof, rel=1e-3)


X, WEIGHTS, MEANS, SCALES, DOF = mixture(2, 2)
RESP = gmm.student_responsibilities(X, WEIGHTS, MEANS, SCALES, DOF)
U = 0.5 + RESP
OF_ONE = {"mean": MEANS[0], "scale": SCALES[0], "dof": 4.0}
WITH_NOISE = {"weights": [0.5, 0.3, 0.2], "means": MEANS, "covariances": SCALES, "log_volume": 3.0}
CALLS = {
    "log_hypervolume": {"X": X},
    "noise_log_density": {"X": X, **WITH_NOISE},
    "noise_responsibilities": {"X": X, **WITH_NOISE},
    "scale_mixture_log_density": {"X": X, "u": U[:, 0], **OF_ONE},
    "student_log_density": {"X": X, **OF_ONE},
    "expected_scale": {"X": X, **OF_ONE},
    "expected_log_scale": {"X": X, **OF_ONE},
    "student_responsibilities": {"X": X, "weights": WEIGHTS, "means": MEANS, "scales": SCALES, "dof": DOF},
    "student_m_step": {"X": X, "resp": RESP, "u": U},
    "update_dof": {"resp": RESP, "u": U, "dof": DOF, "n_features": 2},
}
BAD = [
    ("noise_log_density", {"weights": WEIGHTS}, ValueError, r"weights must have shape \(3,\), the noise last"),
    ("noise_responsibilities", {"log_volume": np.nan}, ValueError, "log_volume must be finite; got nan"),
    ("noise_log_density", {"covariances": -SCALES}, ValueError, r"covariances\[0\] must be positive definite"),
    ("scale_mixture_log_density", {"u": U[:3, 0]}, ValueError, "u must have 15 entries, one for each sample; got 3"),
    ("scale_mixture_log_density", {"u": -U[:, 0]}, ValueError, r"u must be positive; u\[0\] is -"),
    ("student_log_density", {"dof": 0.0}, ValueError, "dof must be > 0; got 0"),
    ("student_log_density", {"dof": "3"}, TypeError, "dof must be a real number"),
    ("expected_scale", {"scale": -SCALES[0]}, ValueError, "scale must be positive definite"),
    ("expected_log_scale", {"mean": np.zeros(3)}, ValueError, "mean must have 2 features"),
    ("student_responsibilities", {"dof": DOF[:1]}, ValueError, r"dof must have shape \(2,\)"),
    ("student_responsibilities", {"dof": -DOF}, ValueError, r"dof must be positive; dof\[0\] is -"),
    ("student_responsibilities", {"scales": SCALES[:1]}, ValueError, r"scales must have shape \(2, 2, 2\)"),
    ("student_responsibilities", {"means": MEANS[:, :1]}, ValueError, "means must have 2 features, as X has; got 1"),
    ("student_m_step", {"u": U[:, :1]}, ValueError, r"u must have shape \(15, 2\), as resp has"),
    ("student_m_step", {"resp": np.eye(2)[[0] * 15]}, ValueError, "component 1 has effective count 0"),
    ("update_dof", {"u": 0.0 * U}, ValueError, r"u must be positive; u\[0, 0\] is 0"),
    ("update_dof", {"n_features": 0}, ValueError, "n_features must be >= 1; got 0"),
]


@pytest.mark.parametrize(("name", "change", "error", "message"), BAD)
def test_bad_input_is_refused_by_name(name, change, error, message):
    with pytest.raises(error, match=message):
        getattr(gmm, name)(**(CALLS[name] | change))


@pytest.mark.parametrize("name", CALLS)
def test_layout_and_type_do_not_matter_and_nothing_is_changed(name):
    arguments = {key: np.array(value) if np.ndim(value) else value for key, value in CALLS[name].items()}
    kept = {key: np.copy(value) for key, value in arguments.items()}
    expected = getattr(gmm, name)(**arguments)
    for key, value in arguments.items():
        np.testing.assert_array_equal(value, kept[key])
    turned = {key: np.asfortranarray(value) if np.ndim(value) else value for key, value in arguments.items()}
    found = getattr(gmm, name)(**turned)
    pairs = zip(expected, found, strict=True) if isinstance(expected, tuple) else [(expected, found)]
    for one, two in pairs:
        np.testing.assert_array_equal(one, two)
