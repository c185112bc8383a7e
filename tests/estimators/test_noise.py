"""A component of constant density: mclust's fits, ascent, and all that a mixture can do with it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import kstest, multivariate_normal
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

import gmm
from gmm import GaussianMixture, learning
from gmm.learning import FOURTEEN, ONE_FEATURE

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# ℓ, BIC and (π_1, π_2, π_0) of me(model, X, z, Vinv = hypvol(X, reciprocal = TRUE), control = emControl(tol = c(1e-13,
# 1e-12), itmax = c(20000, 2000))) and bic(…, noise = TRUE) by mclust 6.0.0 (R 4.2.2), with z of the labels below; for E
# and V of the first feature alone.
MCLUST = {
    "EII": (-848.3279291523, -1746.76221125, 0.37610636, 0.40417251, 0.21972113),
    "VII": (-841.0079213405, -1737.13283092, 0.36481538, 0.42023740, 0.21494722),
    "EEI": (-845.8447894289, -1751.81720239, 0.37377554, 0.40673360, 0.21949086),
    "VEI": (-840.0219109958, -1745.18208081, 0.36642899, 0.41876434, 0.21480666),
    "EVI": (-829.8271309347, -1729.80315599, 0.39267484, 0.40088288, 0.20644228),
    "VVI": (-826.3391394653, -1727.83780834, 0.37677508, 0.41444218, 0.20878274),
    "EEE": (-841.4904167155, -1758.14036284, 0.37856472, 0.40673667, 0.21469862),
    "VEE": (-837.8611382378, -1755.89244118, 0.36558816, 0.41960114, 0.21481071),
    "EVE": (-814.2207660536, -1713.62233211, 0.39156806, 0.40341145, 0.20502049),
    "EEV": (-809.4591198417, -1709.10967498, 0.40027413, 0.39988032, 0.19984555),
    "VEV": (-806.6394777525, -1708.48102609, 0.38790656, 0.40936282, 0.20273062),
    "EVV": (-808.5559228923, -1717.32455167, 0.40328639, 0.39768032, 0.19903329),
    "VVV": (-806.0593975399, -1717.34213626, 0.38985473, 0.40908669, 0.20105857),
    "E": (-339.0806174020, -708.22504657, 0.34320591, 0.42875173, 0.22804236),
    "V": (-337.0045641523, -709.08357536, 0.36582147, 0.42807250, 0.20610603),
}
# mclust's VVE leaves the orientation where it does not maximise Q (see tests/learning/test_fourteen.py): ours ends
# higher.
VVE = -810.3565595933
LOG_HYPVOL = 8.4861149804, 2.9671784661
SAME = {"full": "VVV", "tied": "EEE", "diag": "VVI", "spherical": "VII"}


@pytest.fixture(scope="module")
def samples():
    """Two groups and thirty samples of noise; rounded, so that mclust sees the same numbers."""
    rng = np.random.default_rng(18)
    a = rng.normal(size=(60, 3)) @ np.array([[1.0, 0.4, 0.1], [0.0, 0.7, 0.3], [0.0, 0.0, 0.5]])
    b = rng.normal(size=(60, 3)) @ np.array([[0.5, 0.1, 0.0], [0.0, 0.9, -0.3], [0.0, 0.0, 0.8]]) + [4.0, 1.0, -1.0]
    noise = rng.uniform([-8, -8, -8], [12, 10, 8], size=(30, 3))
    return np.concatenate([a, b, noise]).round(3), np.repeat([0, 1, -1], [60, 60, 30])


@pytest.fixture(scope="module")
def fits(samples):
    X, labels = samples
    names = (*FOURTEEN, *SAME, *ONE_FEATURE)
    options = {"noise": True, "resp_init": labels, "reg_covar": 0.0, "tol": 1e-13, "max_iter": 5000}
    return {
        name: GaussianMixture(2, covariance_type=name, **options).fit(X[:, :1] if name in ONE_FEATURE else X)
        for name in names
    }


def log_joint(mixture, X):
    """log π_k + log N(x_i | μ_k, Σ_k) by SciPy, and in the last column log π₀ - log V."""
    matrices = mixture._parameters().matrices
    columns = [
        np.log(w) + np.reshape(multivariate_normal.logpdf(X, m, S), -1)
        for w, m, S in zip(mixture.weights_, mixture.means_, matrices, strict=True)
    ]
    columns.append(np.full(len(X), math.log(mixture.noise_weight_) - mixture.noise_box_.log_volume))
    return np.stack(columns, axis=1)


class TestAgainstMclust:
    @pytest.mark.parametrize("name", [*MCLUST, *SAME])
    def test_the_same_fit_from_the_same_start(self, samples, fits, name):
        X = samples[0][:, :1] if name in ONE_FEATURE else samples[0]
        value, bic, *weights = MCLUST[SAME.get(name, name)]
        mixture = fits[name]
        assert mixture.score(X) * len(X) == pytest.approx(value, abs=1e-8)
        assert mixture.bic(X) == pytest.approx(-bic, abs=1e-6)
        np.testing.assert_allclose([*mixture.weights_, mixture.noise_weight_], weights, atol=3e-7)

    def test_vve_ends_higher(self, samples, fits):
        assert fits["VVE"].score(samples[0]) * len(samples[0]) > VVE + 0.1

    def test_hypervolume(self, samples, fits):
        assert fits["full"].noise_box_.log_volume == pytest.approx(LOG_HYPVOL[0], abs=1e-9)
        assert fits["E"].noise_box_.log_volume == pytest.approx(LOG_HYPVOL[1], abs=1e-9)


class TestFit:
    @pytest.mark.parametrize("name", ["full", "tied", "VEV", "EEI", "diag", "spherical"])
    def test_never_falls(self, fits, name):
        values = fits[name].lower_bounds_
        assert np.diff(values).min() > -1e-12
        assert len(values) > 5

    @pytest.mark.parametrize("name", ["full", "EVE", "spherical"])
    def test_scores_are_those_of_scipy(self, samples, fits, name):
        X, mixture = samples[0], fits[name]
        joint = log_joint(mixture, X)
        np.testing.assert_allclose(mixture.score_samples(X), logsumexp(joint, axis=1), rtol=1e-12)
        resp = mixture.predict_proba(X)
        assert resp.shape == (150, 3)
        np.testing.assert_allclose(resp, np.exp(joint - logsumexp(joint, axis=1)[:, None]), atol=1e-12)
        labels = joint.argmax(axis=1)
        np.testing.assert_array_equal(mixture.predict(X), np.where(labels == 2, -1, labels))

    def test_the_gradient_vanishes_at_the_maximum(self, samples, fits):
        """In all directions that the parameters can take: weights on the simplex, means, Cholesky factors."""
        X, fitted = samples[0], fits["full"]
        K, d = fitted.means_.shape
        roots = np.linalg.cholesky(fitted.covariances_)
        rows, columns = np.tril_indices(d)

        def value(step):
            weights = np.array([*fitted.weights_, fitted.noise_weight_]) * np.exp(np.append(step[:K], 0.0))
            weights /= weights.sum()
            means = fitted.means_ + step[K : K + K * d].reshape(K, d)
            factors = roots.copy()
            factors[:, rows, columns] += step[K + K * d :].reshape(K, -1)
            log_p = [
                np.log(weights[k]) + multivariate_normal.logpdf(X, means[k], factors[k] @ factors[k].T)
                for k in range(K)
            ]
            log_p.append(np.full(len(X), np.log(weights[K]) - fitted.noise_box_.log_volume))
            return logsumexp(log_p, axis=0).mean()

        size = K + K * d + K * len(rows)
        gradient = [(value(h) - value(-h)) / 2e-5 for h in 1e-5 * np.eye(size)]
        assert np.abs(gradient).max() < 2e-7

    @pytest.mark.parametrize("name", ["full", "tied", "VEV", "diag"])
    def test_a_weight_is_a_repetition(self, samples, name):
        X, labels = samples
        weights = np.random.default_rng(0).integers(0, 4, len(X))
        options = {"covariance_type": name, "noise": True, "tol": 0.0, "max_iter": 15}
        one = GaussianMixture(2, resp_init=labels, **options).fit(X, sample_weight=weights)
        rows = np.repeat(np.arange(len(X)), weights)
        two = GaussianMixture(2, resp_init=labels[rows], **options).fit(X[rows])
        np.testing.assert_allclose(one.means_, two.means_, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(one.covariances_, two.covariances_, rtol=1e-8, atol=1e-9)
        assert one.noise_weight_ == pytest.approx(two.noise_weight_, rel=1e-9)
        assert one.noise_volume_ == pytest.approx(two.noise_volume_, rel=1e-9)

    @pytest.mark.parametrize("name", ["full", "EEE", "spherical"])
    def test_units_change_nothing(self, samples, name):
        """Far from the origin, and where squares leave float64's range: the same labels, the volume in new units."""
        X, labels = samples
        options = {"covariance_type": name, "noise": True, "reg_covar": 0.0, "resp_init": labels, "tol": 1e-10}
        plain = GaussianMixture(2, max_iter=500, **options).fit(X)
        for factor, shift in ((2.0**-300, 0.0), (1.0, 1e6)):
            other = GaussianMixture(2, max_iter=500, **options).fit(X * factor + shift)
            assert other.noise_weight_ == pytest.approx(plain.noise_weight_, rel=1e-6)
            np.testing.assert_array_equal(other.predict(X * factor + shift), plain.predict(X))
            box, expected = other.noise_box_, plain.noise_box_.log_volume + 3 * math.log(factor)
            assert box.log_volume == pytest.approx(expected, abs=1e-6)

    def test_any_number_of_threads_gives_the_same_bits(self):
        rng = np.random.default_rng(0)
        X = np.concatenate([rng.normal(size=(9000, 2)), rng.uniform(-20, 20, size=(3000, 2))])
        found = [
            GaussianMixture(2, noise=True, random_state=0, max_iter=3, tol=0.0, n_threads=n).fit(X) for n in (1, 2)
        ]
        np.testing.assert_array_equal(found[0].covariances_, found[1].covariances_)
        assert found[0].noise_weight_ == found[1].noise_weight_

    @pytest.mark.parametrize("prior", [None, "default"])
    def test_map_and_fixed_parts(self, samples, prior):
        X, labels = samples
        means = np.array([[0.0, 0.0, 0.0], [4.0, 1.0, -1.0]])
        fixed = {"means": [True, False]}
        mixture = GaussianMixture(
            2, noise=True, resp_init=labels, means_init=means, fixed=fixed, covariance_prior=prior, tol=0.0, max_iter=30
        ).fit(X)
        np.testing.assert_array_equal(mixture.means_[0], means[0])
        assert np.diff(mixture.lower_bounds_).min() > -1e-12
        assert mixture.weights_.sum() + mixture.noise_weight_ == pytest.approx(1.0, abs=1e-14)

    def test_warm_start_goes_on(self, samples):
        X, labels = samples
        options = {"noise": True, "resp_init": labels, "tol": 0.0}
        whole = GaussianMixture(2, max_iter=20, **options).fit(X)
        parts = GaussianMixture(2, max_iter=10, warm_start=True, **options).fit(X).fit(X)
        np.testing.assert_allclose(parts.means_, whole.means_, rtol=1e-12)
        assert parts.noise_weight_ == pytest.approx(whole.noise_weight_, rel=1e-12)
        parts.set_params(noise=False, max_iter=1, resp_init=None).fit(X)
        assert not hasattr(parts, "noise_weight_")
        assert parts.weights_.sum() == pytest.approx(1.0)
        parts.set_params(noise=True).fit(X)
        assert parts.noise_weight_ > 0.0

    def test_responsibilities_as_a_start(self, samples):
        X, labels = samples
        hard = np.eye(3)[np.where(labels < 0, 2, labels)]
        for name in ("full", "tied"):
            options = {"covariance_type": name, "noise": True, "max_iter": 0}
            one, two = (GaussianMixture(2, resp_init=start, **options).fit(X) for start in (labels, hard))
            np.testing.assert_allclose(one.covariances_, two.covariances_, rtol=1e-10)
            assert one.noise_weight_ == pytest.approx(0.2)
            assert two.noise_weight_ == pytest.approx(0.2)

    def test_default_start_finds_the_noise(self):
        """Ten data sets of two groups among as many outliers again as one: the groups, within their error."""
        found = []
        for seed in range(10):
            rng = np.random.default_rng(seed)
            groups = rng.normal(size=(300, 2)) + np.repeat([[0, 0], [6, 0]], 150, axis=0)
            X = np.concatenate([groups, rng.uniform(-25, 25, size=(100, 2))])
            mixture = GaussianMixture(2, noise=True, n_init=5, random_state=seed, tol=1e-6, max_iter=500).fit(X)
            found.append([mixture.noise_weight_, *mixture.sorted(0).means_[:, 0]])
        errors = np.abs(np.median(found, axis=0) - [0.25, 0.0, 6.0])
        assert (errors < [0.03, 0.1, 0.1]).all()


class TestBox:
    def test_principal_axes_where_they_are_smaller(self):
        rng = np.random.default_rng(0)
        t = np.linspace(0, 2 * np.pi, 400)
        turn = np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])
        X = np.stack([5 * np.cos(t), np.sin(t)], axis=1) @ turn.T + 100 + 1e-3 * rng.normal(size=(400, 2))
        mixture = GaussianMixture(1, noise=True).fit(X)
        assert mixture.noise_volume_ == pytest.approx(20.0, rel=0.02)
        given = np.prod(np.ptp(X, axis=0))
        assert given > 30.0
        t = (X - mixture.noise_box_.centre) @ mixture.noise_box_.axes
        assert (np.abs(t) <= 0.5 * mixture.noise_box_.widths * (1 + 1e-9)).all()
        square = GaussianMixture(1, noise=True).fit(rng.uniform(size=(500, 2)))
        np.testing.assert_array_equal(square.noise_box_.axes, np.eye(2))

    def test_given_volume(self, samples):
        X, labels = samples
        mixture = GaussianMixture(2, noise=True, noise_volume=1234.5, resp_init=labels).fit(X)
        assert mixture.noise_volume_ == pytest.approx(1234.5)
        assert mixture.n_parameters_ == 2 * 6 + 6 + 1 + 1
        flat = np.column_stack([X, X[:, 0] + X[:, 1]])
        assert GaussianMixture(2, noise=True, noise_volume=1e4, resp_init=labels).fit(flat).noise_weight_ > 0.0


class TestMethods:
    def test_samples(self, fits):
        mixture = fits["full"]
        X, y = mixture.sample(20_000, random_state=0)
        assert X.shape == (20_000, 3)
        assert set(y) == {-1, 0, 1}
        share = np.mean(y == -1)
        assert abs(share - mixture.noise_weight_) < 5 * math.sqrt(share * (1 - share) / 20_000)
        box = mixture.noise_box_
        t = (X[y == -1] - box.centre) @ box.axes / box.widths
        assert all(kstest(column + 0.5, "uniform").pvalue > 1e-4 for column in t.T)
        np.testing.assert_allclose(X[y == 1].mean(axis=0), mixture.means_[1], atol=0.05)
        again = mixture.sample(20_000, random_state=0)
        np.testing.assert_array_equal(again[0], X)

    @pytest.mark.parametrize("name", ["full", "tied", "VEV", "diag"])
    def test_files(self, samples, fits, name, tmp_path):
        mixture = fits[name]
        mixture.save(tmp_path / "m.npz")
        loaded = GaussianMixture.load(tmp_path / "m.npz")
        np.testing.assert_array_equal(loaded.predict_proba(samples[0]), mixture.predict_proba(samples[0]))
        np.testing.assert_array_equal(loaded.sample(50, random_state=1)[0], mixture.sample(50, random_state=1)[0])
        assert loaded.bic(samples[0]) == mixture.bic(samples[0])
        assert loaded.noise is True

    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("noise_weight_", lambda a: a * 0 + 2.0), ("noise_widths_", lambda a: -a), ("noise_axes_", lambda a: a + 1),
            ("noise_centre_", lambda a: a[:2]), ("weights_", lambda a: 2 * a),
        ],
    )  # fmt: skip
    def test_damaged_files(self, fits, name, change, tmp_path):
        fits["full"].save(tmp_path / "m.npz")
        with np.load(tmp_path / "m.npz") as file:
            arrays = dict(file)
        arrays[name] = change(arrays[name])
        np.savez(tmp_path / "bad.npz", **arrays)
        with pytest.raises(ValueError, match="does not hold a valid mixture"):
            GaussianMixture.load(tmp_path / "bad.npz")

    def test_order_summary_and_plot(self, samples, fits):
        X, mixture = samples[0], fits["full"]
        turned = mixture.sorted([1, 0])
        np.testing.assert_array_equal(turned.predict_proba(X), mixture.predict_proba(X)[:, [1, 0, 2]])
        assert "noise" in repr(mixture.summary(X))
        assert "2 components and noise" in repr(mixture.summary())
        ax = mixture.plot(X)
        assert ax.get_xlabel() == "feature 0"

    def test_what_a_constant_density_has_no_part_in(self, samples, fits):
        mixture, X = fits["full"], samples[0]
        for call in (
            lambda m: m.marginal(0), lambda m: m.conditional(0, 1.0), lambda m: m.adapt(X),
            lambda m: gmm.mixture_kl_divergence(m, m), lambda m: m.conditional_moments(0, [[1.0]]),
        ):  # fmt: skip
            with pytest.raises(ValueError, match=r"without_noise\(\)"):
                call(mixture)
        alone = mixture.without_noise()
        np.testing.assert_allclose(alone.weights_, mixture.weights_ / mixture.weights_.sum())
        np.testing.assert_array_equal(alone.covariances_, mixture.covariances_)
        assert alone.noise is False
        assert alone.marginal(0).n_features_in_ == 1

    def test_select(self, samples):
        X = samples[0]
        found = gmm.select(X, [1, 2], ("full", "EEI"), noise=True, random_state=0, cv=2, n_init=1)
        row = found.best_row_
        assert row["n_components"] == 2
        best = found.best_
        counted = {"full": 6 * 2, "EEI": 3}[row["covariance_type"]] + 6 + 1 + 2
        assert row["n_parameters"] == best.n_parameters_ == counted
        assert row["bic"] == pytest.approx(best.bic(X))
        assert found.sizes_[found.best_index_].shape == (3,)
        assert "noise" in repr(found.summary())
        assert np.isfinite(row["cv"])

    def test_conventions(self):
        check_estimator(GaussianMixture(noise=True, noise_volume=10.0))
        mixture = clone(GaussianMixture(2, noise=True))
        assert mixture.noise is True


class TestBadInput:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"noise": "yes"}, "'noise' parameter"),
            ({"noise_volume": -1.0, "noise": True}, "'noise_volume' parameter"),
            ({"noise_volume": 1.0}, "noise is False"),
            ({"noise": True, "resp_init": "labels"}, "resp_init"),
            ({"noise": True, "resp_init": [-2] * 150}, "labels from -1 to 1"),
            ({"noise": True, "resp_init": [0, 1] * 75}, "the noise no sample"),
            ({"noise": True, "resp_init": [0, -1] * 75}, "component 1 no sample"),
            ({"noise": True, "resp_init": np.full((150, 2), 0.5)}, r"\(150, 3\)"),
            ({"resp_init": [-1, 0] * 75}, "labels from 0 to 1"),
            ({"noise": True, "fixed": {"weights": True}, "weights_init": [0.5, 0.5]}, "fixed\\['weights'\\]"),
        ],
    )
    def test_settings(self, samples, settings, message):
        mixture = GaussianMixture(2, **settings)
        before = dict(vars(mixture))
        with pytest.raises(ValueError, match=message):
            mixture.fit(samples[0])
        assert vars(mixture).keys() == before.keys()

    def test_data_without_a_volume(self, samples):
        X = samples[0].copy()
        for last, message in ((np.ones(150), r"features \[3\] of X are constant"), (X[:, 0] - X[:, 1], "in a plane")):
            with pytest.raises(ValueError, match=message):
                GaussianMixture(2, noise=True).fit(np.column_stack([X, last]))

    @settings(max_examples=60, deadline=None)
    @given(
        st.integers(1, 12), st.integers(1, 3), st.integers(1, 3), st.sampled_from(["full", "tied", "diag", "VEI"]),
        st.sampled_from([1.0, 1e-160, 1e150]), st.booleans(), st.integers(0, 99),
    )  # fmt: skip
    def test_a_clear_error_or_a_finite_answer(self, n, d, K, name, scale, ties, seed):
        rng = np.random.default_rng(seed)
        X = rng.integers(0, 3, size=(n, d)).astype(float) if ties else rng.standard_cauchy(size=(n, d))
        mixture = GaussianMixture(K, covariance_type=name, noise=True, max_iter=20, random_state=0)
        said = ""
        try:
            with np.errstate(all="ignore"):
                mixture.fit(X * scale)
        except ValueError as error:
            said = str(error)
        if said:
            assert len(said) > 20
            assert not hasattr(mixture, "weights_")
            return
        assert np.isfinite(mixture.score(X * scale))
        resp = mixture.predict_proba(X * scale)
        np.testing.assert_allclose(resp.sum(axis=1), 1.0, atol=1e-12)
        assert set(mixture.predict(X * scale)) <= {-1, *range(K)}


class TestParts:
    def test_draws_fill_a_turned_box(self):
        """Along its own axes they reach as far as its edges, whichever way it lies."""
        turn = np.array([[0.6, -0.8], [0.8, 0.6]])
        box = learning.Box(np.array([3.0, -1.0]), turn, np.array([10.0, 0.5]))
        along = (box.sample(4000, np.random.default_rng(0)) - box.centre) @ box.axes
        assert (np.abs(along) <= 0.5 * box.widths).all()
        np.testing.assert_allclose(np.ptp(along, axis=0), box.widths, rtol=0.01)
        np.testing.assert_allclose(along.std(axis=0), box.widths / math.sqrt(12.0), rtol=0.05)

    def test_a_ridge_has_the_units_of_the_data(self, samples):
        X, labels = samples
        options = {"noise": True, "resp_init": labels, "tol": 0.0, "max_iter": 5}
        plain = GaussianMixture(2, reg_covar=0.3, **options).fit(X)
        large = GaussianMixture(2, reg_covar=0.3 * 2.0**600, **options).fit(X * 2.0**300)
        np.testing.assert_allclose(large.covariances_ / 2.0**600, plain.covariances_, rtol=1e-9)
        assert large.noise_weight_ == pytest.approx(plain.noise_weight_, rel=1e-9)

    def test_where_all_is_noise_the_groups_stay(self, samples, fits):
        """Nothing is divided by counts of zero."""
        X = samples[0]
        state = fits["full"]._parameters()
        state = state._replace(noise=state.noise._replace(weight=1.0), weights=np.zeros(2))
        step, source = learning.Noisy(learning.MaximumLikelihood(1e-6)), learning.ArraySource(X)
        with np.errstate(all="raise"):
            new = step.update(state, source.statistics(state.density()))
        np.testing.assert_array_equal(new.means, state.means)
        np.testing.assert_array_equal(new.covariances, state.covariances)
        assert not new.weights.any()
        assert new.noise.weight == 1.0

    def test_a_start_by_responsibilities_is_weighted(self, samples):
        X, labels = samples
        resp = np.random.default_rng(3).dirichlet([1.0, 1.0, 1.0], size=len(X))
        weights = np.random.default_rng(4).uniform(0.1, 3.0, size=len(X))
        for known, noise in ((resp, resp[:, -1]), (labels, labels == -1)):
            start = GaussianMixture(2, noise=True, resp_init=known, max_iter=0).fit(X, sample_weight=weights)
            assert start.noise_weight_ == pytest.approx(np.average(noise, weights=weights), rel=1e-12)

    @pytest.mark.parametrize(("volume", "more"), [(None, 2), (1e4, 1)])
    def test_recorded_parameters_count_as_the_fitted_ones(self, samples, volume, more):
        mixture = GaussianMixture(
            2, noise=True, noise_volume=volume, max_iter=2, record_parameters=True, random_state=0
        )
        mixture.fit(samples[0])
        counts = {state.n_parameters for state in mixture.history_.parameters}
        assert counts == {mixture.n_parameters_} == {2 * 9 + 1 + more}

    def test_a_collapse_names_the_samples_by_their_numbers_in_x(self, samples):
        X, labels = samples[0][::-1].copy(), samples[1][::-1]  # thirty samples of noise come first
        X[30:90] = 7.0
        with pytest.raises(gmm.CollapsedComponentError, match=r"Component 1 .* its 60 samples \[30, 31, 32,"):
            GaussianMixture(2, noise=True, reg_covar=0.0, resp_init=labels).fit(X)
