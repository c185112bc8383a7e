"""Regions of highest density: their levels against quadrature and chi-squared, their drawn edges against draws."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from estimator_helpers import random_mixture
from scipy import stats

from gmm import GaussianMixture, plot

COVERAGE = np.array([0.1, 0.5, 0.9, 0.99])


@pytest.fixture(scope="module")
def two():
    return GaussianMixture.from_parameters(
        [0.3, 0.7], [[-1.0, 0.0], [2.0, 1.0]], [[[0.3, 0.1], [0.1, 0.5]], [[1.0, -0.6], [-0.6, 0.9]]]
    )


def mass_above(mixture, level, grid):
    """The probability of the region by the midpoint rule on a fine grid."""
    mesh = np.stack(np.meshgrid(*grid), axis=-1).reshape(-1, len(grid))
    scores = mixture.score_samples(mesh)
    cell = np.prod([axis[1] - axis[0] for axis in grid])
    return np.exp(scores[scores >= level]).sum() * cell


def test_one_component_is_exact_by_the_chi_squared_distribution():
    for kind, d in [("full", 1), ("full", 4), ("spherical", 30)]:
        mixture = random_mixture(d, kind, 1, d)
        found = mixture.density_level(COVERAGE)
        X, _ = mixture.sample(3, random_state=0)
        L = np.linalg.cholesky(mixture.covariances_[0] if kind == "full" else mixture.covariances_[0] * np.eye(d))
        squared = (np.linalg.solve(L, (X - mixture.means_[0]).T) ** 2).sum(axis=0)
        expected = mixture.score_samples(X)[:, None] + 0.5 * (squared[:, None] - stats.chi2.ppf(COVERAGE, d))
        np.testing.assert_allclose(np.broadcast_to(found.level, (3, 4)), expected, rtol=1e-11)
        assert not found.standard_error.any()
        assert not found.coverage_error.any()


def test_the_region_holds_its_probability_by_quadrature(two):
    found = two.density_level(COVERAGE)
    grid = np.linspace(-6, 7, 1301), np.linspace(-5, 6, 1101)
    masses = np.array([mass_above(two, level, grid) for level in found.level])
    assert (np.abs(masses - COVERAGE) < 4.0 * found.coverage_error + 1e-4).all()
    np.testing.assert_allclose(found.coverage_error, np.sqrt(COVERAGE * (1 - COVERAGE) / 100_000), rtol=1e-12)


def test_the_stated_error_is_the_spread_over_seeds(two):
    settings = {"coverage": COVERAGE, "n_samples": 2000}
    runs = [two.density_level(**settings, random_state=seed) for seed in range(100)]
    spread = np.std([run.level for run in runs], axis=0, ddof=1)
    stated = np.mean([run.standard_error for run in runs], axis=0)
    np.testing.assert_allclose(stated, spread, rtol=0.35)  # 100 runs know their spread to 7 per cent


def test_levels_are_unbiased_in_coverage():
    # (n + 1) (1 - c) decides: with few draws a rank too high or low would show.
    mixture = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [0.0]], [[[1.0]], [[1.0]]])
    levels = [mixture.density_level(0.75, n_samples=43, random_state=seed).level for seed in range(400)]
    radii = np.sqrt(-2.0 * (np.array(levels) + 0.5 * np.log(2.0 * np.pi)))
    held = stats.norm.cdf(radii) - stats.norm.cdf(-radii)
    assert held.mean() == pytest.approx(0.75, abs=4.0 * held.std() / np.sqrt(400))


def test_a_call_repeats_itself_and_takes_one_number_or_many(two):
    assert two.density_level(0.9) == two.density_level(0.9)
    assert isinstance(two.density_level(0.9).level, float)
    assert two.density_level([[0.5, 0.9]]).level.shape == (1, 2)
    assert two.density_level([[0.5, 0.9]]).level[0, 1] == two.density_level(0.9).level


@pytest.mark.parametrize("weights", [[0.5, 0.5], [0.2, 0.8]])
def test_drawn_edges_hold_their_probability_by_draws(weights):
    # With unequal weights the smaller part of the region is no ellipse at the same radius.
    covariances = [[[1.0, 0.7], [0.7, 1.0]], [[1.0, 0.0], [0.0, 0.2]]]
    mixture = GaussianMixture.from_parameters(weights, [[-3.0, 0.0], [3.0, 1.0]], covariances)
    _, ax = plt.subplots()
    plot.density_regions(mixture, [0.5, 0.9], ax=ax, labels=False)
    X, _ = mixture.sample(20_000, random_state=1)
    for path, coverage in zip(ax.collections[0].get_paths(), [0.9, 0.5], strict=True):
        # Inside by the even-odd rule over the closed parts of the contour.
        inside = sum(part.contains_points(X).astype(int) for part in map(closed, path.to_polygons())) % 2
        assert inside.mean() == pytest.approx(coverage, abs=4.0 * np.sqrt(coverage * (1 - coverage) / 20_000) + 2e-3)
    plt.close()


def closed(vertices):
    return plt.matplotlib.path.Path(vertices)


def test_figures_in_one_dimension_and_their_refusals(two):
    _, ax = plt.subplots()
    assert plot.density_regions(two.marginal(0), 0.9, ax=ax) is ax
    assert [text.get_text() for text in ax.texts] == ["90%"]
    assert len(ax.collections) == 1
    plt.close()
    with pytest.raises(ValueError, match="mixture must have 1 or 2 features to be drawn; got 3"):
        plot.density_regions(random_mixture(0, "full"))
    with pytest.raises(ValueError, match="mixture must be a fitted GaussianMixture; got int"):
        plot.density_regions(3)
    with pytest.raises(ValueError, match="not fitted yet"):
        plot.density_regions(GaussianMixture())


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"coverage": 1.0}, ValueError, "coverage must lie strictly between 0 and 1; got 1.0"),
        ({"coverage": [0.5, np.nan]}, ValueError, "coverage must lie strictly"),
        ({"coverage": "0.9"}, TypeError, "coverage must be a number"),
        ({"coverage": []}, TypeError, "coverage must be a number"),
        ({"coverage": [[0.5], [0.5, 0.6]]}, TypeError, "coverage must be a number"),
        ({"coverage": 0.9, "n_samples": 0}, ValueError, "n_samples must be >= 1; got 0"),
        ({"coverage": 0.9, "n_samples": 99.0}, TypeError, "n_samples must be an integer; got 99.0"),
        ({"coverage": 0.9, "n_samples": 99}, ValueError, "needs n_samples >= 1"),
        ({"coverage": 0.9, "random_state": "a"}, ValueError, "cannot be used to seed"),
    ],
)
def test_bad_input_is_named(two, arguments, kind, message):
    with pytest.raises(kind, match=message):
        two.density_level(**arguments)


def test_noise_beside_one_component_counts(two):
    """The level is not that of the Gaussian alone: fresh draws lie above it as often as it says."""
    X = np.concatenate([two.sample(80, random_state=0)[0], np.random.default_rng(0).uniform(-30, 30, size=(40, 2))])
    mixture = GaussianMixture(1, noise=True, random_state=0).fit(X)
    level = mixture.density_level(0.5, n_samples=20_000).level
    draws = mixture.sample(20_000, random_state=7)[0]
    assert np.mean(mixture.score_samples(draws) >= level) == pytest.approx(0.5, abs=0.02)
