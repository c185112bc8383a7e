"""The numerical contracts, through the estimator: offsets, scales, far points, single precision, integers, mpmath."""

import mpmath
import numpy as np
import pytest
from estimator_helpers import matrices_of, random_mixture, start_for

from gmm import GaussianMixture

INITS = ("kmeans", "k-means++", "random", "random_from_data", "hierarchical")


def dyadic(X, digits=16):
    """Round to multiples of 2**-digits, so that adding an offset to X is exact."""
    return np.round(X * 2.0**digits) / 2.0**digits


def mpmath_log_density(model, x):
    """log p(x) to fifty digits: by the definition, with exact rational data and an LU determinant."""
    with mpmath.workdps(50):
        terms = []
        matrices = matrices_of(model.covariances_, model.covariance_type, *model.means_.shape)
        for weight, mean, matrix in zip(model.weights_, model.means_, matrices):
            sigma = mpmath.matrix(matrix.tolist())
            difference = mpmath.matrix([mpmath.mpf(float(a)) - mpmath.mpf(float(b)) for a, b in zip(x, mean)])
            quadratic = (difference.T * mpmath.lu_solve(sigma, difference))[0]
            log_det = mpmath.log(mpmath.det(sigma))
            constant = len(x) * mpmath.log(2 * mpmath.pi)
            terms.append(mpmath.log(mpmath.mpf(float(weight))) - (constant + log_det + quadratic) / 2)
        largest = max(terms)
        return largest + mpmath.log(mpmath.fsum(mpmath.exp(term - largest) for term in terms))


@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize("distance", [1.0, 30.0, 1e6])
def test_log_densities_agree_with_mpmath(covariance_type, offset, distance):
    mixture = random_mixture(0, covariance_type, n_components=4, n_features=5)
    model = GaussianMixture.from_parameters(
        mixture.weights_, dyadic(mixture.means_) + offset, mixture.covariances_, covariance_type
    )
    X = dyadic(np.random.default_rng(1).normal(size=(8, 5)) * distance) + offset
    for x, found in zip(X, model.score_samples(X)):
        exact = mpmath_log_density(model, x)
        assert abs((mpmath.mpf(float(found)) - exact) / exact) < 1e-12


@pytest.mark.parametrize("start", ["given", *INITS])
def test_an_offset_of_1e8_moves_the_means_and_nothing_else(overlapping, covariance_type, start):
    X, labels = overlapping
    X, offset = dyadic(X), 1e8
    settings = {"covariance_type": covariance_type, "tol": 1e-6, "max_iter": 300}
    here, there = {}, {}
    if start == "given":
        here = start_for(X, labels, covariance_type)
        here["means_init"] = dyadic(here["means_init"])
        there = {**here, "means_init": here["means_init"] + offset}
    else:
        settings.update(init_params=start, random_state=0)
    centred = GaussianMixture(3, **settings, **here).fit(X)
    moved = GaussianMixture(3, **settings, **there).fit(X + offset)
    assert moved.n_iter_ == centred.n_iter_
    # A mean near 1e8 is stored to 7e-9 at best.
    np.testing.assert_allclose(moved.means_ - offset, centred.means_, atol=1e-7)
    for name in ("weights_", "covariances_", "lower_bounds_"):
        np.testing.assert_allclose(getattr(moved, name), getattr(centred, name), rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(moved.score_samples(X + offset), centred.score_samples(X), rtol=1e-6)
    assert moved.score(X + offset) == pytest.approx(centred.score(X), rel=1e-9)
    np.testing.assert_allclose(moved.predict_proba(X + offset), centred.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("start", INITS)
@pytest.mark.parametrize("exponent", [-498, -100, 100, 498])  # 1e-150 … 1e150
def test_a_scale_of_any_size_changes_units_and_nothing_else(overlapping, covariance_type, start, exponent):
    X, _ = overlapping
    settings = {"covariance_type": covariance_type, "reg_covar": 0.0, "init_params": start, "random_state": 1}
    plain = GaussianMixture(3, max_iter=500, **settings).fit(X)
    scaled = GaussianMixture(3, max_iter=500, **settings).fit(np.ldexp(X, exponent))
    assert scaled.n_iter_ == plain.n_iter_
    np.testing.assert_allclose(np.ldexp(scaled.means_, -exponent), plain.means_, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.ldexp(scaled.covariances_, -2 * exponent), plain.covariances_, rtol=1e-8)
    np.testing.assert_allclose(scaled.weights_, plain.weights_, rtol=1e-9)
    # Densities are per unit of volume.
    shift = -2 * exponent * np.log(2.0)
    np.testing.assert_allclose(scaled.score_samples(np.ldexp(X, exponent)) - shift, plain.score_samples(X), atol=1e-9)
    np.testing.assert_allclose(scaled.predict_proba(np.ldexp(X, exponent)), plain.predict_proba(X), atol=1e-9)


@pytest.mark.parametrize("start", INITS)
@pytest.mark.parametrize("scale", [1e-150, 1e-60, 1e60, 1e150])
def test_scales_with_the_default_regularisation(overlapping, covariance_type, start, scale):
    X = overlapping[0] * scale
    model = GaussianMixture(3, covariance_type=covariance_type, init_params=start, random_state=0, max_iter=500)
    model.fit(X)
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        assert np.isfinite(getattr(model, name)).all(), name
    assert model.weights_.sum() == pytest.approx(1.0)
    assert np.isfinite(model.score_samples(X)).all()
    if scale < 1.0:  # beside reg_covar such data are a point
        matrices = matrices_of(model.covariances_, covariance_type, 3, 2)
        np.testing.assert_allclose(matrices, np.tile(1e-6 * np.eye(2), (3, 1, 1)), atol=1e-18)


@pytest.mark.parametrize("scale", [1e-170, 1e200, 1e307])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_beyond_the_contract_there_is_an_answer_or_a_clear_error(overlapping, covariance_type, scale):
    X = overlapping[0] * scale
    try:
        model = GaussianMixture(3, covariance_type=covariance_type, reg_covar=0.0, random_state=0).fit(X)
    except ValueError as error:
        assert "scale the input data" in str(error).lower()  # noqa: PT017
    else:
        assert np.isfinite(model.means_).all()
        assert np.isfinite(model.covariances_).all()


@pytest.mark.parametrize("distance", [1e3, 1e30, 1e100, 1e150])
def test_responsibilities_of_far_points_sum_to_one(covariance_type, distance):
    model = random_mixture(2, covariance_type, n_components=5)
    X = np.random.default_rng(0).normal(size=(40, 3)) * distance
    resp = model.predict_proba(X)
    np.testing.assert_allclose(resp.sum(axis=1), 1.0, rtol=1e-14)
    assert (resp >= 0.0).all()
    np.testing.assert_array_equal(model.predict(X), resp.argmax(axis=1))
    if distance <= 1e100:
        assert np.isfinite(model.score_samples(X)).all()


@pytest.mark.filterwarnings("ignore:Component . has collapsed")
def test_a_far_outlier_does_not_spoil_a_fit(overlapping, covariance_type):
    X = np.vstack([overlapping[0], [[1e100, -1e100]]])
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    try:
        model.fit(X)
    except ValueError as error:
        assert "scale the input data" in str(error)  # noqa: PT017
        return
    for name in ("weights_", "means_", "covariances_"):
        assert np.isfinite(getattr(model, name)).all(), name


@pytest.mark.parametrize("order", ["C", "F"])
def test_float32_at_an_offset_gives_the_float64_answer(overlapping, covariance_type, order):
    X, labels = overlapping
    single = np.asarray(X + 1e4, dtype=np.float32, order=order)
    double = single.astype(np.float64)
    settings = {"covariance_type": covariance_type, "tol": 1e-6, "max_iter": 300}
    settings |= start_for(double, labels, covariance_type)
    one, two = GaussianMixture(3, **settings).fit(single), GaussianMixture(3, **settings).fit(double)
    assert one.means_.dtype == np.float64
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    np.testing.assert_array_equal(one.score_samples(single), two.score_samples(double))
    kmeans = [
        GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(Z).means_ for Z in (single, double)
    ]
    np.testing.assert_array_equal(*kmeans)


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint8, np.bool_])
def test_integers_are_numbers(covariance_type, dtype):
    X = np.random.default_rng(0).integers(0, 2 if dtype is np.bool_ else 100, size=(200, 3)).astype(dtype)
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    as_float = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X.astype(float))
    np.testing.assert_array_equal(model.means_, as_float.means_)
    np.testing.assert_array_equal(model.score_samples(X), as_float.score_samples(X.astype(float)))
    np.testing.assert_array_equal(model.predict_proba(X), as_float.predict_proba(X.astype(float)))


def test_layouts_and_read_only_data_give_the_same_bits(overlapping, covariance_type):
    X = np.random.default_rng(0).normal(size=(3000, 3)) + np.arange(3000)[:, None] % 3 * 4.0
    frozen = X.copy()
    frozen.setflags(write=False)
    padded = np.zeros((6000, 6))
    padded[::2, ::2] = X
    fits = [
        GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(Z)
        for Z in (X, np.asfortranarray(X), frozen, padded[::2, ::2], X.tolist())
    ]
    for other in fits[1:]:
        np.testing.assert_array_equal(other.means_, fits[0].means_)
        np.testing.assert_array_equal(other.covariances_, fits[0].covariances_)


def test_a_memory_map_is_fitted_and_left_alone(tmp_path, covariance_type):
    X = np.random.default_rng(0).normal(size=(5000, 2)) + np.arange(5000)[:, None] % 2 * 6.0
    file = np.lib.format.open_memmap(tmp_path / "X.npy", mode="w+", dtype=np.float64, shape=X.shape)
    file[:] = X
    file.flush()
    before = (tmp_path / "X.npy").read_bytes()
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    settings = {"covariance_type": covariance_type, "random_state": 0}
    np.testing.assert_array_equal(
        GaussianMixture(2, **settings).fit(mapped).means_, GaussianMixture(2, **settings).fit(X).means_
    )
    assert (tmp_path / "X.npy").read_bytes() == before


@pytest.mark.parametrize("separation", [1e3, 1e6])
def test_the_tied_covariance_of_groups_far_apart_does_not_cancel(separation):
    rng = np.random.default_rng(0)
    noise = dyadic(rng.normal(size=(400, 2)))
    labels = np.repeat([0, 1], 200)
    X = noise + labels[:, None] * 2.0 ** np.round(np.log2(separation))
    within = [np.cov(noise[labels == k].T, bias=True) for k in (0, 1)]
    start = start_for(X, labels, "tied")
    model = GaussianMixture(2, covariance_type="tied", reg_covar=0.0, **start).fit(X)
    np.testing.assert_allclose(model.covariances_, (within[0] + within[1]) / 2, rtol=1e-12)


@pytest.mark.filterwarnings("ignore:Best performing initialization")
def test_em_never_lowers_the_likelihood(overlapping, covariance_type):
    X, _ = overlapping
    for init_params in INITS:
        model = GaussianMixture(
            4,
            covariance_type=covariance_type,
            init_params=init_params,
            reg_covar=0.0,
            tol=1e-10,
            max_iter=200,
            random_state=0,
        )
        bounds = model.fit(X).lower_bounds_
        assert len(bounds) > 5
        assert np.diff(bounds).min() > -1e-13


def test_lower_bounds_are_the_mean_log_likelihoods_on_the_way(overlapping, covariance_type):
    X, _ = overlapping
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0, record_parameters=True, tol=1e-6).fit(X)
    for value, p in zip(model.history_.log_likelihoods, model.history_.parameters):
        there = GaussianMixture.from_parameters(p.weights, p.means, p.covariances, covariance_type)
        assert value == pytest.approx(there.score(X), rel=1e-12)
