"""The figure helpers: what is drawn where, not how it looks."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from numpy.testing import assert_allclose, assert_array_equal

import gmm
from gmm import plot

X = np.array([[0.0, 1.0], [2.0, 0.5], [-1.0, 3.0], [0.5, 0.25]])
WEIGHTS, MEANS = np.array([0.4, 0.6]), np.array([[0.0, 0.0], [3.0, 1.0]])
COVARIANCES = np.array([[[2.0, 0.9], [0.9, 1.0]], [[0.5, -0.2], [-0.2, 0.8]]])
ONE = [0.3, 0.7], [[0.0], [4.0]], [[[1.0]], [[0.25]]]
FITTED = gmm.GaussianMixture.from_parameters(WEIGHTS, MEANS, COVARIANCES)
FITTED_ONE = gmm.GaussianMixture.from_parameters(*ONE)
# The same two components in every structure: (covariances, as matrices).
STRUCTURES = {
    "full": (COVARIANCES, COVARIANCES),
    "tied": (COVARIANCES[0], COVARIANCES[[0, 0]]),
    "diag": ([[2.0, 1.0], [0.5, 0.8]], np.array([np.diag([2.0, 1.0]), np.diag([0.5, 0.8])])),
    "spherical": ([2.0, 0.5], np.array([2.0 * np.eye(2), 0.5 * np.eye(2)])),
}
DRAW = {
    "fitted 1": lambda **options: plot.fitted(FITTED_ONE, X[:, :1], **options),
    "fitted 2": lambda **options: plot.fitted(FITTED, X, **options),
    "scatter": lambda **options: plot.scatter(X, **options),
    "ellipses": lambda **options: plot.ellipses(MEANS, COVARIANCES, **options),
    "density 1": lambda **options: plot.density(*ONE, resolution=20, **options),
    "density 2": lambda **options: plot.density(WEIGHTS, MEANS, COVARIANCES, resolution=20, **options),
    "convergence": lambda **options: plot.convergence([-9.0, -4.0, -3.5], **options),
    "bic curves": lambda **options: plot.bic_curves([1, 2, 3], {"a": [3.0, 1.0, np.nan]}, **options),
    "heat map": lambda **options: plot.selection_heatmap([[3.0, 1.0], [np.nan, 2.0]], [1, 2], "ab", **options),
}


@pytest.fixture
def ax():
    return Figure().add_subplot()


@pytest.fixture(autouse=True)
def _no_window():
    import matplotlib.pyplot as plt

    backend = mpl.get_backend()
    plt.switch_backend("agg")
    yield
    plt.close("all")
    plt.switch_backend(backend)


@pytest.mark.parametrize("draw", DRAW)
def test_draws_into_the_axes_given_and_returns_it(draw, ax):
    assert DRAW[draw](ax=ax) is ax
    assert ax.has_data()
    ax.figure.canvas.draw()


@pytest.mark.parametrize("draw", DRAW)
def test_draws_into_the_current_axes_without_one(draw):
    import matplotlib.pyplot as plt

    current = plt.figure().add_subplot()
    assert DRAW[draw]() is current


@pytest.mark.parametrize("draw", ["fitted 1", "fitted 2", "bic curves", "heat map"])
def test_whole_pictures_are_not_drawn_over_each_other(draw):
    import matplotlib.pyplot as plt

    first = plt.figure().add_subplot()
    first.plot([1.0, 2.0])
    second = DRAW[draw]()
    assert second.figure is not first.figure
    assert second is plt.gca()
    assert len(first.lines) == 1


def test_scatter_by_label_shows_each_group_in_its_colour_and_marker(ax):
    plot.scatter(X, labels=[0, 2, 0, 2], names=["a", "b", "c"], axis_labels=("length (cm)", "width (cm)"), ax=ax)
    groups = ax.collections
    assert [group.get_label() for group in groups] == ["a", "c"]
    assert_array_equal(groups[0].get_offsets(), X[[0, 2]])
    assert_array_equal(groups[1].get_offsets(), X[[1, 3]])
    assert_allclose(groups[1].get_facecolor()[0, :3], to_rgb(plot.COLOURS[2]))
    assert len({group.get_paths()[0].vertices.tobytes() for group in groups}) == 2
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length (cm)", "width (cm)")


def test_scatter_by_responsibility_mixes_the_colours(ax):
    resp = np.array([[1, 0], [0, 1], [0.5, 0.5], [0.25, 0.75]])
    plot.scatter(X, resp=resp, ax=ax)
    first, second = (np.array(to_rgb(colour)) for colour in plot.COLOURS[:2])
    expected = [first, second, (first + second) / 2, first / 4 + 3 * second / 4]
    assert_allclose(ax.collections[0].get_facecolor()[:, :3], expected)
    assert_allclose(plot.mix_colours(resp), expected)


def test_ellipses_pass_through_the_points_at_their_mahalanobis_radius(ax):
    plot.ellipses(MEANS, COVARIANCES, radii=(1.0, 2.5), ax=ax)
    patches = [patch for patch in ax.patches if isinstance(patch, Ellipse)]
    assert len(patches) == 4
    for patch, (k, radius) in zip(patches, [(0, 1.0), (0, 2.5), (1, 1.0), (1, 2.5)], strict=True):
        outline = patch.get_patch_transform().transform(patch.get_path().interpolated(1).vertices[::3])
        distances = gmm.mahalanobis_squared(outline, MEANS[k], COVARIANCES[k])
        assert_allclose(distances, radius**2, rtol=1e-3)  # a Bézier curve is not quite a circle
        assert patch.get_edgecolor() == to_rgba(plot.colour(k))


def ellipse_shapes(ax):
    return [(*patch.center, patch.width, patch.height, patch.angle) for patch in ax.patches]


@pytest.mark.parametrize("kind", STRUCTURES)
def test_every_structure_is_drawn_as_the_matrices_it_stands_for(kind):
    covariances, matrices = STRUCTURES[kind]
    mixture = gmm.GaussianMixture.from_parameters(WEIGHTS, MEANS, covariances, kind)
    expected, given, fitted = (Figure().add_subplot() for _ in range(3))
    plot.ellipses(MEANS, matrices, ax=expected)
    plot.ellipses(MEANS, covariances, covariance_type=kind, ax=given)
    plot.ellipses(mixture, ax=fitted)
    assert ellipse_shapes(given) == ellipse_shapes(fitted) == ellipse_shapes(expected)
    expected, given, fitted = (Figure().add_subplot() for _ in range(3))
    plot.density(WEIGHTS, MEANS, matrices, ax=expected, levels=[-4.0])
    plot.density(WEIGHTS, MEANS, covariances, covariance_type=kind, ax=given, levels=[-4.0])
    plot.density(mixture, ax=fitted, levels=[-4.0])
    outlines = [ax.collections[0].get_paths()[0].vertices for ax in (expected, given, fitted)]
    assert_array_equal(outlines[1], outlines[0])
    assert_array_equal(outlines[2], outlines[0])


def test_a_fitted_mixture_with_its_data(ax):
    plot.fitted(FITTED, X, axis_labels=["length", "width"], ax=ax)
    for k, group in enumerate(ax.collections):
        assert_array_equal(group.get_offsets(), X[FITTED.predict(X) == k])
        assert_allclose(group.get_facecolor()[0, :3], to_rgb(plot.colour(k)))
    assert len(ax.collections) == 2
    assert len(ax.patches) == 4
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["component 0: 40%", "component 1: 60%"]
    assert [handle.get_marker() for handle in ax.get_legend().legend_handles] == [plot.marker(0), plot.marker(1)]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length", "width")


def test_bars_of_one_feature_have_area_one_and_are_stacked_by_component(ax):
    x, labels = FITTED_ONE.sample(500, random_state=0)
    labels[:100] = 1  # bars of both components in one place
    plot.fitted(FITTED_ONE, x, labels=labels, ax=ax)
    bars = ax.patches
    assert sum(bar.get_width() * bar.get_height() for bar in bars) == pytest.approx(1.0)
    for k in (0, 1):
        area = sum(b.get_width() * b.get_height() for b in bars if b.get_facecolor()[:3] == to_rgb(plot.colour(k)))
        assert area == pytest.approx(np.mean(labels == k))
    feet = {bar.get_x(): 0.0 for bar in bars}
    for bar in bars:
        assert bar.get_y() == pytest.approx(feet[bar.get_x()])
        feet[bar.get_x()] += bar.get_height()
    assert ax.get_ylim()[1] > max(feet.values())
    assert len(ax.lines) == 3


def test_an_outlier_does_not_make_the_bars_too_many(ax):
    plot.fitted(FITTED_ONE, np.append(X[:, 0], 1e12)[:, None], ax=ax)
    assert len(ax.patches) <= 200


def test_density_in_one_dimension_is_the_mixture_and_its_parts(ax):
    plot.density(*ONE, limits=(-4, 8), resolution=301, ax=ax)
    whole, *parts = [line.get_xydata() for line in ax.lines]
    assert len(parts) == 2
    assert_allclose(whole[:, 0], np.linspace(-4, 8, 301))
    assert_allclose(whole[:, 1], np.exp(gmm.mixture_log_density(whole[:, :1], *ONE)), rtol=1e-12)
    assert_allclose(parts[0][:, 1] + parts[1][:, 1], whole[:, 1], rtol=1e-12)
    assert np.trapezoid(whole[:, 1], whole[:, 0]) == pytest.approx(1.0, abs=1e-4)
    assert ax.get_ylim()[0] == 0


def test_contours_lie_where_the_log_density_has_their_level(ax):
    plot.density(WEIGHTS, MEANS, COVARIANCES, levels=[-6.0, -3.0], ax=ax)
    (contours,) = ax.collections
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        log_density = gmm.mixture_log_density(path.vertices, WEIGHTS, MEANS, COVARIANCES)
        assert_allclose(log_density, level, atol=0.02)  # linear between the points of the grid


def test_density_keeps_the_limits_of_what_is_drawn_already(ax):
    plot.scatter(X, ax=ax)
    ax.set(xlim=(-1, 2), ylim=(0, 3))
    plot.density(WEIGHTS, MEANS, COVARIANCES, ax=ax, resolution=30)
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1, 2), (0, 3))


def test_convergence_is_one_point_an_iteration_from_zero(ax):
    plot.convergence([-9.0, -4.0, -3.5], label="run", ax=ax)
    assert_array_equal(ax.lines[0].get_xydata(), [[0, -9], [1, -4], [2, -3.5]])
    assert ax.lines[0].get_label() == "run"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("iteration", "log-likelihood (total)")


def test_colours_markers_and_lines_tell_components_apart():
    looks = [(plot.colour(k), plot.marker(k), str(plot.linestyle(k))) for k in range(12)]
    assert len(set(looks)) == 12
    for part in zip(*looks[:6], strict=True):
        assert len(set(part)) == 6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.scatter(X[:, 0]), r"X must have shape \(n_samples, n_features\); got shape \(4,\)"),
        (lambda: plot.scatter(np.ones((4, 3))), "X must have 2 features to be drawn; got 3"),
        (lambda: plot.scatter(X, labels=[0, 1]), r"labels must be 4 integers from 0, .* shape \(2,\)"),
        (lambda: plot.scatter(X, labels=[0.0, 1, 0, 1]), "labels must be 4 integers from 0, .* got dtype float64"),
        (lambda: plot.scatter(X, labels=[0, -1, 0, 1]), "labels must be 4 integers from 0"),
        (lambda: plot.scatter(X, resp=np.ones((3, 1))), "resp must have 4 rows, one for each sample; got 3"),
        (lambda: plot.scatter(X, resp=np.ones((4, 2))), "each row of resp must sum to 1; row 0 sums to 2"),
        (lambda: plot.scatter(X, labels=[0] * 4, resp=np.ones((4, 1))), "give labels or resp, not both"),
        (lambda: plot.ellipses(MEANS[:1], COVARIANCES), r"covariances must have shape \(1, 2, 2\); got \(2, 2, 2\)"),
        (lambda: plot.ellipses(MEANS, -COVARIANCES), r"covariances\[0\] must be positive definite"),
        (lambda: plot.ellipses(np.ones((1, 3)), [np.eye(3)]), "means must have 2 features to be drawn; got 3"),
        (lambda: plot.ellipses(MEANS, COVARIANCES, radii=[1, 0]), "radii must be > 0; got 0.0"),
        (lambda: plot.density([0.5, 0.6], MEANS, COVARIANCES), r"weights must sum to 1; they sum to 1\.1"),
        (lambda: plot.density([1.0], np.ones((1, 3)), [np.eye(3)]), "means must have 1 or 2 features to be drawn"),
        (
            lambda: plot.ellipses(MEANS, [2.0, 0.5]),
            r"covariances must have shape \(2, 2, 2\); got \(2,\), which is the shape for covariance_type='spherical'",
        ),
        (
            lambda: plot.density(WEIGHTS, MEANS, np.eye(2)),
            r"got \(2, 2\), which is the shape for covariance_type='tied' or covariance_type='diag'",
        ),
        (lambda: plot.ellipses(MEANS, COVARIANCES, covariance_type="vvv"), "covariance_type must be one of .*'vvv'"),
        (lambda: plot.ellipses(MEANS, -np.ones(2), covariance_type="spherical"), r"covariances\[0\] must be positive"),
        (lambda: plot.ellipses(FITTED_ONE), "means must have 2 features to be drawn; got 1.*mixture.marginal"),
        (lambda: plot.ellipses(FITTED, COVARIANCES), "a fitted mixture brings its own means and covariances"),
        (lambda: plot.density(FITTED, MEANS), "a fitted mixture brings its own means and covariances"),
        (lambda: plot.density(gmm.GaussianMixture(2)), "the mixture is not fitted yet"),
        (lambda: plot.fitted(WEIGHTS), "mixture must be a fitted GaussianMixture; got ndarray"),
        (lambda: plot.fitted(FITTED, X[:, :1]), "X must have 2 features, as mixture has; got 1"),
        (lambda: plot.fitted(FITTED, X, labels=[0, 1]), "labels must be 4 integers from 0"),
        (lambda: plot.density(*ONE, resolution=1), "resolution must be >= 2; got 1"),
        (lambda: plot.density(*ONE, limits=(1, 1)), r"limits must be 1 pair\(s\) \(low, high\)"),
        (lambda: plot.density(WEIGHTS, MEANS, COVARIANCES, limits=(0, 1)), r"limits must be 2 pair\(s\)"),
        (lambda: plot.convergence([[1.0]]), r"log_likelihoods must have shape \(n_iter \+ 1,\)"),
        (lambda: plot.convergence([np.nan]), "log_likelihoods must be finite"),
    ],
)
def test_bad_input_is_refused_by_name_before_anything_is_drawn(call, message):
    import matplotlib.pyplot as plt

    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.gcf().axes or not plt.gca().has_data()


def test_style_is_transparent_and_installed_with_the_package():
    with mpl.rc_context():
        plot.use_style()
        for part in ("figure.facecolor", "axes.facecolor", "savefig.facecolor"):
            assert mpl.rcParams[part] == "none"


def test_bic_curves_draw_the_median_of_replicates_in_a_band_and_ring_the_best(ax):
    replicates = np.array([[5.0, 1.0, 2.0], [7.0, 3.0, 2.5], [6.0, 2.0, 9.0]])
    plot.bic_curves([1, 2, 3], {"many": replicates, "one": [4.0, 5.0, 6.0]}, ax=ax)
    assert_allclose(ax.lines[0].get_ydata(), [6.0, 2.0, 2.5])
    rings = [line.get_xydata()[0].tolist() for line in ax.lines if line.get_markersize() == 13]
    assert rings == [[2.0, 2.0], [1.0, 4.0]]
    assert len(ax.collections) == 1
    corners = ax.collections[0].get_paths()[0].vertices
    assert {tuple(corner) for corner in corners} >= {(1.0, 5.2), (1.0, 6.8)}  # 10th and 90th percentile
    plot.bic_curves([1, 2], {"larger is better": [1.0, 2.0]}, largest=True, ax=ax)
    assert ax.lines[-1].get_xydata()[0].tolist() == [2.0, 2.0]


@pytest.mark.parametrize("style", [False, True])
def test_a_legend_of_many_curves_hides_none_of_them(style):
    with mpl.rc_context():
        if style:
            plot.use_style()
        few = plot.bic_curves([1, 2], {f"M{k}": [k, k + 1.0] for k in range(6)})
        many = plot.bic_curves([1, 2], {f"model {k}": [k, k + 1.0] for k in range(14)})
        for ax in (few, many):
            ax.figure.canvas.draw()
        legend, axes, figure = (part.get_window_extent() for part in (many.get_legend(), many, many.figure))
        assert axes.x1 <= legend.x0 < legend.x1 <= figure.x1
        assert figure.y0 <= legend.y0 < legend.y1 <= figure.y1
        assert axes.width > 0.4 * figure.width
        assert few.get_window_extent().containsx(few.get_legend().get_window_extent().x0)
        for ax in (few, many):
            plot.plt.close(ax.figure)


@pytest.mark.parametrize(("largest", "best"), [(False, (0.5, -0.5)), (True, (-0.5, -0.5))])
def test_the_heat_map_frames_the_best_and_crosses_out_what_is_missing(ax, largest, best):
    plot.selection_heatmap([[3.0, 1.0], [np.nan, 2.0]], [1, 2], ["a", "b"], largest=largest, ax=ax)
    assert ax.patches[-1].get_xy() == best
    assert [text.get_text() for text in ax.texts] == ["3.000", "1.000", "×", "2.000"]
    shades = ax.images[0].get_array()
    assert np.isnan(shades.filled(np.nan)[1, 0])
    assert (shades[0, 1] < shades[0, 0]) != largest


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.bic_curves([1, 2], {"a": [1.0]}), "curve 'a' must have 2 values"),
        (lambda: plot.bic_curves([1, 2], {"a": [np.nan, np.nan]}), "curve 'a' has no finite value"),
        (lambda: plot.bic_curves([1.5], {"a": [1.0]}), "n_components must be a sequence of integers"),
        (lambda: plot.bic_curves([1], {}), "curves must not be empty"),
        (lambda: plot.selection_heatmap([[1.0]], [1, 2], ["a"]), r"values must have shape \(1, 2\)"),
        (lambda: plot.selection_heatmap([[np.nan]], [1], ["a"]), "must have a finite entry"),
    ],
)
def test_figures_of_a_selection_refuse_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()
