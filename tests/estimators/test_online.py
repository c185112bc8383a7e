"""Statistics that are kept and merged, and mixtures that learn from samples as they come."""

import copy
import errno
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from estimator_helpers import random_mixture
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from gmm import GaussianMixture, SufficientStatistics
from gmm.estimators import CollapsedComponentError

LABELS = np.repeat([0, 1, 2], [120, 80, 100])
X = np.array([[0.0, 0.0], [3.0, 1.0], [-1.0, 3.0]])[LABELS] + np.random.default_rng(2).normal(size=(300, 2)) * [1, 0.7]
X = X[np.random.default_rng(5).permutation(300)]
WEIGHTS = np.random.default_rng(3).uniform(0.1, 3.0, size=300)
GAPS = np.where(np.random.default_rng(4).random(X.shape) < 0.2, np.nan, X)
FITTED = ("weights_", "means_", "covariances_", "precisions_cholesky_")
SUMS = ("counts", "first", "second", "log_likelihood", "total_weight")
START = {
    "weights_init": [0.5, 0.3, 0.2], "means_init": [[0.5, 0.0], [2.0, 1.0], [-1.0, 2.0]],
}  # fmt: skip


def same(a, b):
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in FITTED)


def unchanged(model, before):
    return vars(model).keys() == before.keys() and all(vars(model)[name] is value for name, value in before.items())


# ------------------------------------------------------------------------------------------- statistics


class TestStatistics:
    @pytest.mark.parametrize("weighted", [False, True])
    def test_they_are_the_sums_of_the_definition(self, covariance_type, weighted):
        mixture = random_mixture(0, covariance_type, n_features=2, spread=1.5)
        weights = WEIGHTS if weighted else np.ones(300)
        densities = [
            multivariate_normal(mean, cov) for mean, cov in zip(mixture.means_, mixture._parameters().matrices)
        ]
        joint = np.stack([w * density.pdf(X) for w, density in zip(mixture.weights_, densities)], axis=1)
        resp = weights[:, None] * joint / joint.sum(axis=1, keepdims=True)
        found = mixture.statistics(X, WEIGHTS if weighted else None)
        offsets = X[:, None, :] - mixture.means_
        second = np.einsum("ik,ikj,ikl->kjl", resp, offsets, offsets)
        second = {
            "full": second, "tied": second.sum(axis=0), "diag": np.einsum("kjj->kj", second),
            "spherical": np.einsum("kjj->k", second),
        }[covariance_type]  # fmt: skip
        np.testing.assert_array_equal(found.centres, mixture.means_)
        np.testing.assert_allclose(found.counts, resp.sum(axis=0), rtol=1e-12)
        np.testing.assert_allclose(found.first, np.einsum("ik,ikj->kj", resp, offsets), atol=1e-11)
        np.testing.assert_allclose(found.second, second, rtol=1e-11, atol=1e-11)
        assert found.log_likelihood == pytest.approx(weights @ np.log(joint.sum(axis=1)), rel=1e-12)
        assert found.total_weight == pytest.approx(weights.sum(), rel=1e-14)
        assert found.covariance_type == covariance_type

    def test_those_of_parts_add(self, covariance_type):
        mixture = random_mixture(0, covariance_type, n_features=2)
        whole = mixture.statistics(X)
        for total in (mixture.statistics(X[:90]) + mixture.statistics(X[90:]),
                      sum(mixture.statistics(part) for part in np.split(X, [1, 50, 200]))):  # fmt: skip
            for name in SUMS:
                expected = np.asarray(getattr(whole, name))
                scale = max(1.0, np.abs(expected).max())
                np.testing.assert_allclose(getattr(total, name), expected, rtol=0, atol=1e-13 * scale, err_msg=name)

    def test_names_of_either_side_are_kept_and_other_weights_are_another_mixture(self):
        mixture = random_mixture(0, "full", n_features=2)
        plain = mixture.statistics(X)
        named = replace(plain, feature_names=("a", "b"))
        assert (plain + named).feature_names == (named + plain).feature_names == ("a", "b")
        other = GaussianMixture.from_parameters(mixture.weights_[::-1], mixture.means_, mixture.covariances_)
        with pytest.raises(ValueError, match="different mixtures do not add"):
            plain + other.statistics(X)

    def test_another_noise_is_another_mixture(self):
        one = GaussianMixture(2, noise=True, random_state=0, max_iter=3, tol=0.0).fit(X)
        other = copy.deepcopy(one)
        other.noise_weight_ /= 2.0
        with pytest.raises(ValueError, match="different mixtures do not add"):
            one.statistics(X) + other.statistics(X)

    def test_a_factor_is_a_weight(self):
        mixture = random_mixture(0, "full", n_features=2)
        for scaled in (2.5 * mixture.statistics(X), mixture.statistics(X) * np.float64(2.5)):
            weighted = mixture.statistics(X, np.full(300, 2.5))
            for name in SUMS:
                np.testing.assert_allclose(getattr(scaled, name), getattr(weighted, name), rtol=1e-11, atol=1e-11)

    def test_far_from_the_origin(self):
        mixture = random_mixture(0, "full", n_features=2)
        far = GaussianMixture.from_parameters(mixture.weights_, mixture.means_ + 2.0**30, mixture.covariances_)
        near, there = mixture.statistics(X), far.statistics(X + 2.0**30)  # both rounded to 2**-23
        np.testing.assert_allclose(there.second, near.second, rtol=1e-4, atol=1e-4)
        assert there.log_likelihood == pytest.approx(near.log_likelihood, rel=1e-6)
        np.testing.assert_allclose(there.centres, far.means_, rtol=1e-15)

    def test_in_units_whose_squares_come_near_the_ends_of_float64(self):
        """The kernels then count in other units; the results are in those of X."""
        near, unit = random_mixture(0, "full", n_features=2, reg_covar=0.0), 2.0**270
        huge = GaussianMixture.from_parameters(
            near.weights_, unit * near.means_, unit**2 * near.covariances_, reg_covar=0.0
        )
        small, large = near.statistics(X), huge.statistics(unit * X)
        np.testing.assert_allclose(large.counts, small.counts, rtol=1e-12)
        np.testing.assert_allclose(large.first / unit, small.first, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(large.second / unit**2, small.second, rtol=1e-10)
        assert large.log_likelihood == pytest.approx(small.log_likelihood - 600 * np.log(unit), rel=1e-13)
        huge.fit_statistics(large)
        assert huge.lower_bound_ == pytest.approx(large.log_likelihood / 300, rel=1e-13)
        np.testing.assert_allclose(huge.means_ / unit, near.fit_statistics(small).means_, rtol=1e-12)

    def test_others_are_refused(self):
        mixture = random_mixture(0, "full", n_features=2)
        mine = mixture.statistics(X)
        wider = GaussianMixture.from_parameters(mixture.weights_, mixture.means_, 1.1 * mixture.covariances_)
        with pytest.raises(ValueError, match="statistics under different mixtures do not add"):
            mine + wider.statistics(X)  # the same centres, other responsibilities
        with pytest.raises(TypeError, match="unsupported operand"):
            mine + 1.0
        with pytest.raises(TypeError, match="unsupported operand"):
            mine * None
        for factor in (0.0, -1.0, np.nan, np.inf):
            with pytest.raises(ValueError, match="multiplied by finite numbers > 0"):
                factor * mine
        with pytest.raises(ValueError, match="X has 3 features"):
            mixture.statistics(np.ones((4, 3)))
        with pytest.raises(NotFittedError):
            GaussianMixture().statistics(X)
        with pytest.raises(ValueError, match="so far from every component"):
            mixture.statistics(np.full((2, 2), 1e300))

    def test_they_cannot_be_changed(self):
        found = random_mixture(0, "full", n_features=2).statistics(X)
        for one in (found, pickle.loads(pickle.dumps(found)), copy.deepcopy(found), found + found):
            with pytest.raises(ValueError, match="read-only"):
                one.counts[0] = 0.0
            with pytest.raises(FrozenInstanceError):
                one.total_weight = 1.0

    def test_what_is_printed(self):
        mixture = GaussianMixture.from_parameters([0.5, 0.5], [[0.0] * 5, [9.0] * 5], [np.eye(5)] * 2)
        lines = repr(mixture.statistics(np.full((4, 5), 9.0))).splitlines()
        assert lines[0] == "4 samples, mean log-likelihood -5.288"
        assert lines[1].split() == ["component", "count", "mean", "0", "mean", "1", "mean", "2", "mean", "3"]
        assert lines[3].split() == ["1", "4", "9", "9", "9", "9"]
        assert lines[4] == "…"
        assert repr(0.25 * mixture.statistics(np.full((4, 5), 9.0))).startswith("1 sample, ")


class TestStatisticsInFiles:
    def test_they_come_back_as_they_were(self, tmp_path, covariance_type):
        found = random_mixture(0, covariance_type, n_features=2).statistics(X, WEIGHTS)
        found.save(tmp_path / "s")
        again = SufficientStatistics.load(tmp_path / "s")
        for name in ("covariance_type", "centres", *SUMS, "feature_names", "mixture"):
            np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
        assert (again + found).total_weight == pytest.approx(2 * WEIGHTS.sum())

    def test_a_mixture_from_a_file_is_the_same_mixture(self, tmp_path):
        mixture = GaussianMixture(3, random_state=0).fit(X)
        mixture.save(tmp_path / "m")
        parts = [m.statistics(X[:150]) for m in (mixture, GaussianMixture.load(tmp_path / "m"))]
        assert sum(parts).total_weight == 300.0

    def test_other_files_are_refused(self, tmp_path):
        mixture = random_mixture(0, "full", n_features=2)
        mixture.save(tmp_path / "m")
        with pytest.raises(ValueError, match=r"m' does not hold statistics .* unknown arrays"):
            SufficientStatistics.load(tmp_path / "m")
        mixture.statistics(X).save(tmp_path / "s")
        content = (tmp_path / "s").read_bytes()
        (tmp_path / "short").write_bytes(content[: len(content) // 2])
        with pytest.raises(ValueError, match=r"short' does not hold statistics .*archive"):
            SufficientStatistics.load(tmp_path / "short")
        with pytest.raises(ValueError, match="s' is not a mixture saved by"):
            GaussianMixture.load(tmp_path / "s")

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("second", np.zeros((3, 2)), "shapes .* do not agree"),
            ("counts", np.array([1.0, -1.0, 1.0]), "counts must not be negative"),
            ("first", np.full((3, 2), np.nan), "not finite"),
            ("covariance_type", "round", "covariance_type must be one of"),
            ("feature_names", ("a",), "1 names for 2 features"),
        ],
    )
    def test_contents_that_cannot_be(self, tmp_path, name, value, message):
        found = random_mixture(0, "full", n_features=2).statistics(X)
        object.__setattr__(found, name, value)
        found.save(tmp_path / "s")
        with pytest.raises(ValueError, match=message):
            SufficientStatistics.load(tmp_path / "s")

    @pytest.mark.parametrize("room", [0, 100, 1000, 5000])
    @pytest.mark.parametrize("kind", ["mixture", "statistics"])
    def test_a_full_disk_leaves_the_file_that_was_there(self, kind, room, tmp_path):
        """The system lets a file grow no further: writes fail as on a full disk, also those of what was buffered."""
        resource = pytest.importorskip("resource")
        mixture = random_mixture(0, "full", n_features=20)
        rows = np.random.default_rng(0).normal(size=(10, 20))
        found = mixture if kind == "mixture" else mixture.statistics(rows)
        (tmp_path / "s").write_bytes(b"what was there")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            with pytest.raises(OSError, match=r"s'$") as caught:
                found.save(tmp_path / "s")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert caught.value.errno == errno.EFBIG
        assert caught.value.filename == str(tmp_path / "s")
        assert [path.name for path in tmp_path.iterdir()] == ["s"]
        assert (tmp_path / "s").read_bytes() == b"what was there"
        found.save(tmp_path / "s")
        assert (tmp_path / "s").stat().st_size > 5000


# ------------------------------------------------------------------------------------------- the M-step of statistics

CASES = {
    "full": {},
    "tied": {"covariance_type": "tied"},
    "diag": {"covariance_type": "diag", "reg_covar": 1e-3},
    "spherical": {"covariance_type": "spherical"},
    "VEE": {"covariance_type": "VEE"},
    "EVI": {"covariance_type": "EVI"},
    "prior": {"covariance_prior": (np.eye(2), 5.0)},
    "fixed": {"fixed": {"means": [True, False, False], "weights": [False, True, False]}},
    "noise": {"noise": True, "noise_volume": 100.0, "covariance_type": "tied"},
    "missing": {"missing": "marginalise"},
}


@pytest.mark.parametrize("case", CASES)
def test_rounds_of_statistics_are_em(case):
    settings = {"tol": 0.0, "record_parameters": True, **START, **CASES[case]}
    rows = GAPS[~np.isnan(GAPS).all(axis=1)] if case == "missing" else X
    whole = GaussianMixture(3, max_iter=7, random_state=0, **settings)
    with pytest.warns(ConvergenceWarning):
        whole.fit(rows)
    mixture = GaussianMixture(3, max_iter=0, random_state=0, **settings).fit(rows)
    for t in range(7):
        parts = [mixture.statistics(part) for part in np.split(rows, [1, 100, 111])]
        mixture.fit_statistics(sum(parts))
        assert mixture.n_iter_ == t + 1
    for name in FITTED:
        np.testing.assert_allclose(getattr(mixture, name), getattr(whole, name), rtol=1e-11, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(mixture.lower_bounds_, whole.lower_bounds_, rtol=1e-12)
    np.testing.assert_array_equal(mixture.history_.log_likelihoods, mixture.lower_bounds_)
    if case == "noise":
        assert mixture.noise_weight_ == pytest.approx(whole.noise_weight_, rel=1e-11)


def test_it_says_when_it_has_converged():
    whole = GaussianMixture(3, random_state=0, tol=1e-6, max_iter=500).fit(X)
    mixture = GaussianMixture(3, random_state=0, tol=1e-6, max_iter=0).fit(X)
    while not mixture.converged_:
        mixture.fit_statistics(mixture.statistics(X))
    assert mixture.n_iter_ == whole.n_iter_ > 5


def test_statistics_of_another_mixture_are_refused():
    mixture = GaussianMixture(3, random_state=0).fit(X)
    found, before = mixture.statistics(X), dict(vars(mixture))
    mixture.set_params(covariance_prior="default")
    with pytest.raises(ValueError, match=r"covariance_prior='default' .* give it as \(scale, dof\)"):
        mixture.fit_statistics(found)
    mixture.set_params(covariance_prior=None)
    with pytest.raises(TypeError, match="must be SufficientStatistics; got Statistics"):
        mixture.fit_statistics(found._raw(None))
    with pytest.raises(ValueError, match="those of another mixture"):
        mixture.fit_statistics(random_mixture(0, "full", n_features=2).statistics(X))
    assert unchanged(mixture, before)
    mixture.fit_statistics(found)
    with pytest.raises(ValueError, match="or of this one before it changed"):
        mixture.fit_statistics(found)
    drawn = random_mixture(0, "full", n_features=2, reg_covar="auto")
    with pytest.raises(ValueError, match="reg_covar='auto' is taken from samples"):
        drawn.fit_statistics(drawn.statistics(X))


def test_a_collapse_is_named_and_changes_nothing():
    mixture = GaussianMixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [50.0, 50.0]], [np.eye(2)] * 2, reg_covar=0.0)
    rows = np.concatenate([X, [[50.0, 50.0]]])
    before = dict(vars(mixture))
    with pytest.raises(CollapsedComponentError, match="Component 1 collapsed") as caught:
        mixture.fit_statistics(mixture.statistics(rows))
    assert caught.value.component == 1
    with pytest.raises(CollapsedComponentError, match="Component 1 collapsed"):
        mixture.set_params(forgetting=1.0).partial_fit(rows)
    mixture.set_params(forgetting=None)
    assert unchanged(mixture, before)


# ------------------------------------------------------------------------------------------- learning from a stream


def stream(seed, n_batches, size):
    """Batches of two groups that overlap."""
    rng = np.random.default_rng(seed)
    for _ in range(n_batches):
        labels = rng.random(size) < 0.3
        yield np.where(labels, 4.0, 0.0)[:, None] + rng.normal(size=(size, 1)) * np.where(labels, 0.7, 1.0)[:, None]


def quiet(model, rows, **options):
    """A call whose first batch need not converge."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.partial_fit(rows, **options)


ALIKE = {"learning_decay": 1.0, "learning_offset": 1.0}


@pytest.mark.parametrize("case", CASES)
def test_with_nothing_kept_each_call_is_an_iteration_of_em(case):
    settings = {"tol": 0.0, **START, **CASES[case]}
    rows = GAPS[~np.isnan(GAPS).all(axis=1)] if case == "missing" else X
    whole = GaussianMixture(3, max_iter=6, random_state=0, **settings)
    with pytest.warns(ConvergenceWarning):
        whole.fit(rows)
    mixture = GaussianMixture(3, max_iter=1, random_state=0, forgetting=1.0, **settings)
    for t in range(6):
        quiet(mixture, rows)
        assert mixture.lower_bound_ == pytest.approx(whole.lower_bounds_[t], abs=1e-11) or case == "prior"
    for name in FITTED:
        np.testing.assert_allclose(getattr(mixture, name), getattr(whole, name), rtol=1e-10, atol=1e-11, err_msg=name)


def test_calls_that_count_alike_give_mean_and_covariance_of_all(covariance_type):
    """One Gaussian, whose statistics do not depend on where it is: its averages are those of all samples."""
    mixture = GaussianMixture(1, covariance_type=covariance_type, reg_covar=0.0, **ALIKE)
    for part in np.split(X, 10):
        mixture.partial_fit(part)
    whole = GaussianMixture(1, covariance_type=covariance_type, reg_covar=0.0).fit(X)
    for name in FITTED:
        np.testing.assert_allclose(getattr(mixture, name), getattr(whole, name), rtol=1e-12, atol=1e-14, err_msg=name)
    assert mixture.online_.n_updates == 9
    assert mixture.online_.n_samples == 300.0
    assert mixture.online_.statistics.total_weight == pytest.approx(300.0, rel=1e-12)


def test_a_prior_is_weighed_against_all_samples():
    prior = (np.array([[2.0, 0.5], [0.5, 1.0]]), 7.0)
    mixture = GaussianMixture(1, covariance_prior=prior, **ALIKE)
    for part in np.split(X, 10):
        mixture.partial_fit(part)
    whole = GaussianMixture(1, covariance_prior=prior).fit(X)
    np.testing.assert_allclose(mixture.covariances_, whole.covariances_, rtol=1e-12)


@pytest.mark.parametrize("settings", [{}, {"learning_decay": 0.55, "learning_offset": 3.0}, {"forgetting": 0.25}])
def test_the_steps_are_those_of_the_formula(settings):
    """One Gaussian in one dimension: m ← (1 - γ) m + γ x̄, and the same for the mean square."""
    mixture, parts = GaussianMixture(1, reg_covar=0.0, **settings), list(stream(1, 8, 20))
    parts[3] = parts[3][:5]  # each call counts alike
    mean, square, size = parts[0].mean(), (parts[0] ** 2).mean(), 20.0
    mixture.partial_fit(parts[0])
    decay, offset = settings.get("learning_decay", 0.7), settings.get("learning_offset", 10.0)
    for t, part in enumerate(parts[1:], 1):
        step = settings.get("forgetting", (t + offset) ** -decay)
        mean, square = (1 - step) * mean + step * part.mean(), (1 - step) * square + step * (part**2).mean()
        size = 1 / ((1 - step) ** 2 / size + step**2 / len(part))
        assert mixture.partial_fit(part) is mixture
        assert mixture.means_[0, 0] == pytest.approx(mean, rel=1e-12)
        assert mixture.covariances_[0, 0, 0] == pytest.approx(square - mean**2, rel=1e-11)
        assert mixture.online_.statistics.total_weight == pytest.approx(size, rel=1e-12)
        assert mixture.n_iter_ == len(mixture.lower_bounds_) == 1
        assert mixture.converged_ is False


def test_the_effective_number_of_samples():
    """With a constant step it tends to n (2 - γ) / γ."""
    mixture = GaussianMixture(1, forgetting=0.2)
    for part in stream(0, 60, 10):
        mixture.partial_fit(part)
    assert mixture.online_.statistics.total_weight == pytest.approx(10 * 1.8 / 0.2, rel=1e-6)


@pytest.mark.parametrize("settings", [{"forgetting": 0.3}, {"learning_decay": 0.6, "learning_offset": 0.0}])
def test_the_same_samples_again_and_again_lead_to_the_maximum(settings):
    whole = GaussianMixture(3, random_state=0, tol=1e-12, max_iter=5000).fit(X)
    mixture = GaussianMixture(3, random_state=0, max_iter=2, **settings)
    for _ in range(400 if "forgetting" not in settings else 150):
        quiet(mixture, X)
    np.testing.assert_allclose(mixture.means_, whole.means_, atol=2e-3)
    assert mixture.lower_bound_ == pytest.approx(whole.lower_bound_, abs=1e-6)


def poor_start(**settings):
    """Parameters far from those of the stream, to go on from."""
    return GaussianMixture.from_parameters([0.5, 0.5], [[1.0], [2.5]], [[[2.0]], [[2.0]]], **settings)


def test_on_a_stream_it_converges_to_the_truth():
    """Over replicates the errors have mean zero, and fall with the number of calls."""
    early, late = [], []
    for seed in range(16):
        mixture = poor_start(learning_decay=0.6, learning_offset=0.0)
        for t, part in enumerate(stream(100 + seed, 200, 50), 1):
            mixture.partial_fit(part)
            if t in (10, 200):
                found = [mixture.weights_[1], *mixture.means_[:, 0], *mixture.covariances_[:, 0, 0]]
                (early if t == 10 else late).append(np.subtract(found, [0.3, 0.0, 4.0, 1.0, 0.49]))
    early, late = np.array(early), np.array(late)
    spread = late.std(axis=0, ddof=1)
    assert (np.abs(late.mean(axis=0)) < 4.5 * spread / 4.0).all()
    assert (spread < 0.08).all()
    assert ((late**2).mean(axis=0) < 0.4 * (early**2).mean(axis=0)).all()


def test_a_constant_step_forgets_data_that_were_elsewhere():
    following, averaging = poor_start(forgetting=0.2), poor_start(**ALIKE)
    for t, part in enumerate(stream(3, 120, 200)):
        for model in (following, averaging):
            model.partial_fit(part + (t >= 60))
    assert np.abs(following.means_[:, 0] - [1.0, 5.0]).max() < 0.25
    assert np.abs(averaging.means_[:, 0] - [1.0, 5.0]).max() > 0.4  # half of its samples are those from before


class TestSemantics:
    def test_the_first_call_is_a_fit(self):
        first = GaussianMixture(3, random_state=0).partial_fit(X, sample_weight=WEIGHTS)
        assert same(first, GaussianMixture(3, random_state=0).fit(X, sample_weight=WEIGHTS))
        assert first.converged_ is True

    def test_weights_are_repetitions(self):
        doubled, weighted = (GaussianMixture(2, random_state=0).fit(X) for _ in range(2))
        doubled.partial_fit(np.concatenate([X, X[:50]]))
        weighted.partial_fit(X, sample_weight=np.where(np.arange(300) < 50, 2.0, 1.0))
        np.testing.assert_allclose(doubled.means_, weighted.means_, rtol=1e-12)
        assert weighted.online_.n_samples == doubled.online_.n_samples == 700.0

    @pytest.mark.parametrize("case", ["full", "tied", "diag", "spherical", "VEE", "noise"])
    def test_a_fitted_mixture_goes_on_from_its_parameters(self, case):
        """They count as the statistics that would have given them: with a step of zero nothing moves."""
        settings = {**START, **CASES[case], "reg_covar": 0.0}
        fitted = GaussianMixture(3, random_state=0, tol=1e-10, max_iter=1000, **settings).fit(X)
        model = copy.deepcopy(fitted).set_params(learning_offset=1e30, learning_decay=1.0).partial_fit(X[:3] + 1.0)
        for name in FITTED:
            np.testing.assert_allclose(getattr(model, name), getattr(fitted, name), rtol=1e-10, atol=1e-12)
        whole = copy.deepcopy(fitted).set_params(forgetting=0.5).partial_fit(X)
        for name in FITTED:  # at the maximum, the samples' own statistics say the same
            np.testing.assert_allclose(getattr(whole, name), getattr(fitted, name), rtol=1e-3, atol=1e-3)

    def test_a_fit_begins_anew(self):
        model = GaussianMixture(2, random_state=0).partial_fit(X)
        assert model.online_.n_updates == 0
        assert not hasattr(model.fit(X), "online_")
        model.partial_fit(X).fit_statistics(model.statistics(X))
        assert not hasattr(model, "online_")

    def test_one_sample_at_a_time(self):
        model = GaussianMixture(2, random_state=0).fit(X)
        for row in X[:20]:
            model.partial_fit(row[None])
        assert model.online_.n_samples == 20 + 1  # the first one gave its size to the parameters

    @pytest.mark.parametrize("case", ["full", "tied", "noise", "prior", "missing"])
    def test_it_goes_on_after_a_file_a_pickle_or_another_order(self, case, tmp_path):
        settings = {"random_state": 0, "reg_covar": "auto"} | CASES[case]
        if case == "prior":
            settings["covariance_prior"] = "default"
        rows = GAPS if case == "missing" else X
        model = GaussianMixture(3, **settings).partial_fit(rows[:200]).partial_fit(rows[200:250])
        model.save(tmp_path / "m")
        others = [GaussianMixture.load(tmp_path / "m"), pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
        order = model.sorted(0)
        for one in (model, *others, order):
            one.partial_fit(rows[250:])
        for other in others:
            assert same(other, model)
            assert other.online_.n_samples == model.online_.n_samples
        by_mean = np.argsort(model.means_[:, 0])
        np.testing.assert_allclose(order.means_, model.means_[by_mean], rtol=1e-12)
        np.testing.assert_allclose(order.weights_, model.weights_[by_mean], rtol=1e-12)

    def test_far_from_the_origin(self):
        far, near = (GaussianMixture(3, random_state=0, means_init=m) for m in
                     (np.add(START["means_init"], 2.0**30), START["means_init"]))  # fmt: skip
        for part in np.split(np.round(X * 2**20) / 2**20, 3):
            far.partial_fit(part + 2.0**30)
            near.partial_fit(part)
        np.testing.assert_allclose(far.covariances_, near.covariances_, rtol=1e-4, atol=1e-5)

    def test_input_that_is_refused_changes_nothing(self):
        model = GaussianMixture(2, random_state=0).partial_fit(X)
        before = dict(vars(model))
        for rows, weights, message in (
            (X[:, :1], None, "X has 1 features, but GaussianMixture is expecting 2 features"),
            (np.full((3, 2), np.nan), None, "Input X contains NaN"),
            (X[:0], None, "minimum of 1 is required"),
            (X, -np.ones(300), "Negative values"),
            (np.full((2, 2), 1e200), None, "so far from every component"),
        ):
            with pytest.raises(ValueError, match=message):
                model.partial_fit(rows, sample_weight=weights)
            assert unchanged(model, before)
        with pytest.raises(ValueError, match="n_components=3, and the mixture so far has 2"):
            model.set_params(n_components=3).partial_fit(X)
        fresh = GaussianMixture(2, noise=True)
        with pytest.raises(ValueError, match="partial_fit with noise=True needs noise_volume"):
            fresh.partial_fit(X)
        with pytest.raises(ValueError, match="minimum of 2 is required"):
            fresh.set_params(noise=False).partial_fit(X[:1])
        assert set(vars(fresh)) == set(fresh.get_params())

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("learning_decay", [0.5, 1.01, "1", None]),
            ("learning_offset", [-0.1, None]),
            ("forgetting", [0.0, 1.1, "a"]),
        ],
    )
    def test_settings_out_of_range(self, name, values):
        for value in values:
            with pytest.raises(ValueError, match=f"The '{name}' parameter of GaussianMixture must be"):
                GaussianMixture(2, **{name: value}).partial_fit(X)

    def test_files_that_do_not_hold_what_it_goes_on_from(self, tmp_path):
        model = GaussianMixture(2, random_state=0).partial_fit(X)
        good = model.online_
        statistics = good.statistics
        for changed, message in (
            (statistics._replace(counts=np.ones(3)), r"online_counts has shape \(3,\)"),
            (statistics._replace(counts=np.array([1.0, -1.0])), "online_counts and online_numbers must not be neg"),
            (statistics._replace(total_weight=0.0), "online_counts and online_numbers must not be neg"),
        ):
            model.online_ = good._replace(statistics=changed)
            model.save(tmp_path / "m")
            with pytest.raises(ValueError, match=message):
                GaussianMixture.load(tmp_path / "m")
