"""The figures that chapters share. Each function draws into an Axes and returns it.

Colours are those of Okabe and Ito, which stay distinct under the common kinds of colour blindness; markers and line
styles repeat what colour says. `use_style` sets a transparent background and grey text, so that a figure reads on a
light and on a dark page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse, Rectangle

from gmm._types import ArrayLike, CovarianceType, FittedMixture, FloatArray
from gmm.formulas import _checks as check
from gmm.formulas.gaussian import principal_axes
from gmm.formulas.mixture import joint_log_density, mixture_log_density
from gmm.learning import FOURTEEN, ONE_FEATURE, STRUCTURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: One colour, marker and line style for each component, in this order.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "^", "s", "D", "v", "P")
LINESTYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
#: Grey that reads on white and on near-black: text, axes, and points that belong to no component.
GREY = "#777777"
_MOST_IN_A_LEGEND = 12
_TAKE_A_MARGINAL = ". The marginal of a fitted mixture has fewer: mixture.marginal([0, 1])"


def use_style() -> None:
    """Use the book's style for all figures that follow."""
    plt.style.use(Path(__file__).with_name("book.mplstyle"))


def _axes(ax):
    return plt.gca() if ax is None else ax


def _own_axes(ax):
    """The Axes of a picture that is not drawn over another: where the current one is in use, that of a new figure."""
    if ax is None and plt.gca().has_data():
        return plt.figure().add_subplot()
    return _axes(ax)


def colour(k: int) -> str:
    """Colour of component k; after the last colour the first comes again, with another marker."""
    return COLOURS[k % len(COLOURS)]


def marker(k: int) -> str:
    """Marker of component k."""
    return MARKERS[(k + k // len(COLOURS)) % len(MARKERS)]


def linestyle(k: int) -> str | tuple[int, tuple[int, ...]]:
    """Line style of component k."""
    return LINESTYLES[(k + k // len(COLOURS)) % len(LINESTYLES)]


def mix_colours(resp: ArrayLike) -> FloatArray:
    """Colours of samples as mixtures of the component colours, in the proportions of the responsibilities.

    Parameters
    ----------
    resp : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one.

    Returns
    -------
    ndarray, shape (n_samples, 3)
        Red, green and blue from 0 to 1.
    """
    resp = check.responsibilities(resp)
    palette = np.array([to_rgb(colour(k)) for k in range(resp.shape[1])])
    return np.clip(resp @ palette, 0.0, 1.0)


def scatter(
    X: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    resp: ArrayLike | None = None,
    axis_labels: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
    size: float = 18.0,
) -> Axes:
    """Scatter plot of two-dimensional data: plain, by hard label, or coloured by responsibility.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2)
    labels : array_like of int, shape (n_samples,), optional
        Hard labels from 0: one colour and one marker each.
    resp : array_like, shape (n_samples, n_components), optional
        Responsibilities: colours are mixed in their proportions. Not together with `labels`.
    axis_labels : sequence of two str, optional
        Usually ``dataset.labels()``.
    names : sequence of str, optional
        Legend entries for the labels 0, 1, ….
    ax : matplotlib.axes.Axes, optional
    size : float
        Marker area in points squared.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If shapes do not fit, or both `labels` and `resp` are given.
    """
    X = check.data(X)
    if X.shape[1] != 2:
        raise ValueError(f"X must have 2 features to be drawn; got {X.shape[1]}")
    if labels is not None and resp is not None:
        raise ValueError("give labels or resp, not both")
    style = {"s": size, "linewidths": 0, "alpha": 0.8}
    ax_ = _axes(ax)
    if labels is not None:
        labels = _labels(labels, X.shape[0])
        for k in np.unique(labels):
            member = labels == k
            name = None if names is None else names[k]
            ax_.scatter(*X[member].T, color=colour(k), marker=marker(k), label=name, **style)
    elif resp is not None:
        colours = mix_colours(check.responsibilities(resp, n_samples=X.shape[0]))
        ax_.scatter(*X.T, c=colours, **style)
    else:
        ax_.scatter(*X.T, color=GREY, **style)
    if axis_labels is not None:
        ax_.set(xlabel=axis_labels[0], ylabel=axis_labels[1])
    return ax_


def _labels(labels, n_samples):
    labels = np.asarray(labels)
    if labels.shape != (n_samples,) or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(
            f"labels must be {n_samples} integers from 0, one for each sample; "
            f"got dtype {labels.dtype} with shape {labels.shape}"
        )
    return labels


def _is_estimator(value):
    if not hasattr(value, "fit"):
        return False
    if not hasattr(value, "means_"):
        raise ValueError(f"the mixture is not fitted yet, and has nothing to draw; got {value!r}")
    return True


def _from_estimator(mixture, *others):
    """Weights, means, covariances and covariance_type of a fitted estimator, which must be given alone.

    Of t distributions the scale matrices: these have the shape of the structure, and always exist.
    """
    if any(other is not None for other in others):
        raise ValueError("a fitted mixture brings its own means and covariances: give nothing beside it")
    name = "scales_" if hasattr(mixture, "scales_") else "covariances_"
    return mixture.weights_, mixture.means_, getattr(mixture, name), mixture.covariance_type


def _log_densities(mixture, weights, means, covariances):
    """(log p(x), log joint) as functions of points: those of a fitted mixture of t distributions are its own."""
    if not hasattr(mixture, "dof_"):
        return (
            lambda x: mixture_log_density(x, weights, means, covariances),
            lambda x: joint_log_density(x, weights, means, covariances),
        )

    def log_joint(x):
        with np.errstate(divide="ignore"):
            return mixture.score_samples(x)[:, None] + np.log(mixture.predict_proba(x))

    return mixture.score_samples, log_joint


def _parameters(weights, means, covariances, covariance_type):
    """Check the parameters of a mixture of any structure; the covariances come back as matrices (K, d, d)."""
    weights, means = check.weights_and_means(weights, means)
    n_components, n_features = means.shape
    if covariance_type not in STRUCTURES:
        raise ValueError(f"covariance_type must be one of {', '.join(map(repr, STRUCTURES))}; got {covariance_type!r}")
    structure, found = STRUCTURES[covariance_type], np.shape(covariances)
    if found != structure.shape(n_components, n_features):
        fitting = [
            f"covariance_type={kind!r}"
            for kind, s in STRUCTURES.items()
            if s.shape(*means.shape) == found and kind not in (*FOURTEEN, *ONE_FEATURE)
        ]
        hint = f", which is the shape for {' or '.join(fitting)}" if fitting else ""
        raise ValueError(f"covariances must have shape {structure.shape(n_components, n_features)}; got {found}{hint}")
    covariances = structure.matrices(np.asarray(covariances), n_components, n_features)
    return check.parameters(weights, means, covariances)


def ellipses(
    means: ArrayLike | FittedMixture,
    covariances: ArrayLike | None = None,
    *,
    covariance_type: CovarianceType = "full",
    radii: ArrayLike = (1.0, 2.0),
    ax: Axes | None = None,
    colours: Sequence[Any] | None = None,
    centres: bool = True,
    **style: Any,
) -> Axes:
    """Ellipses of constant density of two-dimensional Gaussians.

    Parameters
    ----------
    means : array_like, shape (n_components, 2), or fitted mixture
        A fitted `GaussianMixture` of two features brings the covariances and their structure along.
    covariances : array_like
        Symmetric positive definite; shape (n_components, 2, 2) for 'full', (2, 2) for 'tied', (n_components, 2) for
        'diag', (n_components,) for 'spherical'.
    covariance_type : {'full', 'tied', 'diag', 'spherical'}, or one of mclust's
    radii : sequence of float
        Mahalanobis radii: 1 and 2 hold 39 and 86 per cent of a Gaussian's mass.
    ax : matplotlib.axes.Axes, optional
    colours : sequence of colours, optional
        One for each component.
    centres : bool
        Mark the means.
    **style
        For `matplotlib.patches.Ellipse`, such as ``linewidth``.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the shapes do not fit or a covariance is not symmetric positive definite (the message names it).
    """
    if _is_estimator(means):
        _, means, covariances, covariance_type = _from_estimator(means, covariances)
    means = check.real_array(means, "means", 2, "(n_components, 2)")
    equal = np.full(means.shape[0], 1.0 / means.shape[0])
    _, means, covariances = _parameters(equal, means, covariances, covariance_type)
    if means.shape[1] != 2:
        raise ValueError(f"means must have 2 features to be drawn; got {means.shape[1]}{_TAKE_A_MARGINAL}")
    radii = [check.number(radius, "radii", minimum=0.0, strict=True) for radius in np.atleast_1d(radii)]
    ax_ = _axes(ax)
    for k, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
        lengths, axes = principal_axes(covariance)
        angle = np.degrees(np.arctan2(axes[0, 1], axes[0, 0]))
        edge = colour(k) if colours is None else colours[k]
        for radius in radii:
            patch = Ellipse(mean, *(2 * radius * lengths), angle=angle, **_ellipse_style(k, edge) | style)
            ax_.add_patch(patch)
        if centres:
            ax_.plot(*mean, marker="x", color=edge, markersize=8, markeredgewidth=2.2, linestyle="none")
    ax_.autoscale_view()
    return ax_


def _ellipse_style(k, edge):
    return {"fill": False, "edgecolor": edge, "linestyle": linestyle(k), "linewidth": 1.8}


def density(
    weights: ArrayLike | FittedMixture,
    means: ArrayLike | None = None,
    covariances: ArrayLike | None = None,
    *,
    covariance_type: CovarianceType = "full",
    ax: Axes | None = None,
    limits: ArrayLike | None = None,
    levels: ArrayLike = 8,
    resolution: int = 200,
    parts: bool = True,
) -> Axes:
    """Density of a mixture: curves in one dimension, contours of the log-density in two.

    Parameters
    ----------
    weights : array_like, shape (n_components,), or fitted mixture
        Not negative, summing to one. A fitted `GaussianMixture` of one or two features brings all else along.
    means : array_like, shape (n_components, 1) or (n_components, 2)
    covariances : array_like
        Symmetric positive definite; shape (n_components, n_features, n_features) for 'full', (n_features, n_features)
        for 'tied', (n_components, n_features) for 'diag', (n_components,) for 'spherical'.
    covariance_type : {'full', 'tied', 'diag', 'spherical'}, or one of mclust's
    ax : matplotlib.axes.Axes, optional
    limits : sequence, optional
        ``(low, high)`` in one dimension, ``((low, high), (low, high))`` in two. By default those of the Axes if
        something is drawn in it, else four standard deviations around each mean.
    levels : int or sequence of float
        Contour levels, of the natural log-density.
    resolution : int
        Grid points along each axis.
    parts : bool
        In one dimension, draw each weighted component over the broad grey curve of the mixture.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the shapes do not fit, there are more than two features, or the parameters are not those of a mixture.
    """
    mixture = weights
    if _is_estimator(mixture):
        weights, means, covariances, covariance_type = _from_estimator(mixture, means, covariances)
    weights, means, covariances = _parameters(weights, means, covariances, covariance_type)
    log_p, log_joint = _log_densities(mixture, weights, means, covariances)
    n_features = means.shape[1]
    if n_features > 2:
        raise ValueError(f"means must have 1 or 2 features to be drawn; got {n_features}{_TAKE_A_MARGINAL}")
    resolution = check.count(resolution, "resolution", minimum=2)
    ax_ = _axes(ax)
    limits = _limits(limits, ax_, means, covariances)
    if n_features == 1:
        grid = np.linspace(*limits[0], resolution)
        log_density = log_p(grid[:, None])
        ax_.plot(grid, np.exp(log_density), color=GREY, linestyle="-", linewidth=4.5, alpha=0.55)
        if parts and weights.shape[0] > 1:
            parts = np.exp(log_joint(grid[:, None]))
            for k in range(weights.shape[0]):
                ax_.plot(grid, parts[:, k], color=colour(k), linestyle=linestyle(k))
        ax_.set_ylim(bottom=0.0)
        ax_.set_ylabel("density")
        return ax_
    axes = [np.linspace(*pair, resolution) for pair in limits]
    mesh = np.stack(np.meshgrid(*axes), axis=-1)
    log_density = log_p(mesh.reshape(-1, 2)).reshape(resolution, resolution)
    if np.ndim(levels) == 0:  # levels over the visible range that matters, not over the far tails
        top = log_density.max()
        levels = np.linspace(top - 8.0, top, check.count(levels, "levels") + 1)[:-1]
    ax_.contour(*axes, log_density, levels=levels, colors=GREY, linewidths=1.1, linestyles="solid")
    return ax_


def density_regions(
    mixture: FittedMixture,
    coverage: ArrayLike = (0.5, 0.9, 0.99),
    *,
    ax: Axes | None = None,
    limits: ArrayLike | None = None,
    resolution: int = 300,
    labels: bool = True,
    **style: Any,
) -> Axes:
    """Regions of highest density of a fitted mixture: each the smallest that holds its share of the probability.

    In two dimensions their edges, contours of the log-density; in one, the parts of the density curve above each level,
    shaded, the darker the smaller the region.

    Parameters
    ----------
    mixture : fitted GaussianMixture
        Of one or two features; ``mixture.marginal([0, 1])`` of a larger one.
    coverage : float or sequence of float
        The probabilities, each between 0 and 1.
    ax : matplotlib.axes.Axes, optional
    limits : sequence, optional
        As in `density`. By default those of the Axes if something is drawn in it, else a frame around the largest
        region.
    resolution : int
        Grid points along each axis.
    labels : bool
        Write the percentage at each edge.
    **style
        For `matplotlib.axes.Axes.contour`, such as ``colors``, in two dimensions.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If the mixture is not fitted or has more than two features, or a coverage is not between 0 and 1.

    See Also
    --------
    gmm.GaussianMixture.density_level : the levels and how well they are known.
    """
    if not _is_estimator(mixture) or not hasattr(mixture, "density_level"):
        raise ValueError(f"mixture must be a fitted GaussianMixture; got {type(mixture).__name__}")
    means, n_features = mixture.means_, mixture.means_.shape[1]
    if n_features > 2:
        raise ValueError(f"mixture must have 1 or 2 features to be drawn; got {n_features}{_TAKE_A_MARGINAL}")
    resolution = check.count(resolution, "resolution", minimum=2)
    coverage = np.unique(np.atleast_1d(coverage))[::-1]
    levels = mixture.density_level(coverage).level
    ax_ = _axes(ax)
    if limits is None and not ax_.has_data():
        draws, _ = mixture.sample(20_000, random_state=0)
        inside = np.concatenate([draws[mixture.score_samples(draws) >= levels[0]], means])
        low, high = inside.min(axis=0), inside.max(axis=0)
        limits = np.stack([low, high], axis=1) + 0.1 * np.outer(high - low, [-1.0, 1.0])
    _, _, covariances, covariance_type = _from_estimator(mixture)
    covariances = STRUCTURES[covariance_type].matrices(covariances, *means.shape)
    limits = _limits(limits, ax_, means, covariances)
    axes = [np.linspace(*pair, resolution) for pair in limits]
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, n_features)
    log_density = mixture.score_samples(grid)
    names = {level: f"{100.0 * share:g}%" for level, share in zip(levels, coverage, strict=True)}
    if n_features == 1:
        curve = np.exp(log_density)
        ax_.plot(axes[0], curve, color=GREY)
        for level in levels:
            inside = log_density >= level
            ax_.fill_between(axes[0], curve, where=inside, color=COLOURS[0], alpha=0.25, linewidth=0)
            if labels and inside.any():
                ax_.annotate(
                    names[level], (axes[0][inside][-1], curve[inside][-1]), (4, 4), textcoords="offset points",
                    color=GREY, fontsize=8,
                )  # fmt: skip
        ax_.set_ylim(bottom=0.0)
        ax_.set_ylabel("density")
        return ax_
    styles = [linestyle(k) for k in range(len(levels))][::-1]
    options = {"colors": GREY, "linewidths": 1.4, "linestyles": styles} | style
    drawn = ax_.contour(*axes, log_density.reshape(resolution, resolution), levels=levels, **options)
    if labels:
        ax_.clabel(drawn, fmt=names, fontsize=8)
    return ax_


def _limits(limits, ax, means, covariances):
    n_features = means.shape[1]
    if limits is not None:
        pairs = np.atleast_2d(np.asarray(limits, dtype=float))
        if pairs.shape != (n_features, 2) or not np.isfinite(pairs).all() or (pairs[:, 0] >= pairs[:, 1]).any():
            raise ValueError(f"limits must be {n_features} pair(s) (low, high) with low < high; got {limits!r}")
        return pairs
    if ax.has_data():
        return np.array([ax.get_xlim(), ax.get_ylim()][:n_features])
    spread = 4.0 * np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    return np.stack([(means - spread).min(axis=0), (means + spread).max(axis=0)], axis=1)


def fitted(
    mixture: FittedMixture,
    X: ArrayLike | None = None,
    *,
    labels: ArrayLike | None = None,
    axis_labels: Sequence[str] | None = None,
    ax: Axes | None = None,
    radii: ArrayLike = (1.0, 2.0),
    size: float = 18.0,
) -> Axes:
    """A fitted mixture of one or two features, with data: what `GaussianMixture.plot` draws.

    In two dimensions the samples in the colour and marker of their component, and its ellipses; in one, the densities
    over a histogram of the samples whose bars are stacked by component. A legend tells the components' weights.

    Parameters
    ----------
    mixture : fitted mixture
        With the attributes of `GaussianMixture`.
    X : array_like, shape (n_samples, n_features), optional
    labels : array_like of int, shape (n_samples,), optional
        The component of each sample. Default: ``mixture.predict(X)``.
    axis_labels : sequence of str, optional
        One for each feature.
    ax : matplotlib.axes.Axes, optional
        Default: the current one, or that of a new figure if something is drawn there.
    radii : sequence of float
        Mahalanobis radii of the ellipses.
    size : float
        Marker area in points squared.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the mixture is not fitted or has more than two features, or shapes do not fit.
    """
    if not _is_estimator(mixture):
        raise ValueError(f"mixture must be a fitted GaussianMixture; got {type(mixture).__name__}")
    weights, means, covariances = _parameters(*_from_estimator(mixture))
    n_components, n_features = means.shape
    if n_features > 2:
        raise ValueError(f"mixture must have 1 or 2 features to be drawn; got {n_features}{_TAKE_A_MARGINAL}")
    if X is not None:
        X = check.data(X)
        if X.shape[1] != n_features:
            raise ValueError(f"X must have {n_features} features, as mixture has; got {X.shape[1]}")
        labels = _labels(mixture.predict(X) if labels is None else labels, X.shape[0])
    ax_ = _own_axes(ax)
    if n_features == 2:
        if X is not None:
            scatter(X, labels=labels, ax=ax_, size=size)
        ellipses(mixture, ax=ax_, radii=radii)
    else:
        if X is not None:
            widths = 3.49 * np.sqrt(covariances[:, 0, 0]) / np.cbrt(np.maximum(1.0, weights * X.shape[0]))
            _histogram(X[:, 0], labels, widths.min(), ax_)
        density(mixture, ax=ax_, resolution=400)
    if axis_labels is not None:
        ax_.set(**dict(zip(("xlabel", "ylabel"), axis_labels, strict=False)))
    if 1 < n_components <= _MOST_IN_A_LEGEND:
        handles = [
            Line2D([], [], color=colour(k), linestyle=linestyle(k), marker=marker(k) if n_features == 2 else "")
            for k in range(n_components)
        ]
        ax_.legend(handles, [f"component {k}: {weight:.0%}" for k, weight in enumerate(weights)])
    return ax_


def _histogram(x, labels, width, ax):
    """Bars of total area one, those of the components upon each other; `width` is Scott's of the finest component."""
    n_bars = np.clip(np.ptp(x) / width, 10, 100)
    edges = np.histogram_bin_edges(x, int(n_bars))
    below = np.zeros(edges.shape[0] - 1)
    for k in np.unique(labels):
        heights = np.histogram(x[labels == k], edges)[0] / (x.shape[0] * np.diff(edges))
        ax.bar(edges[:-1], heights, np.diff(edges), below, align="edge", color=colour(k), alpha=0.3, linewidth=0)
        below += heights
    ax.use_sticky_edges = False  # the foot of a bar that stands on another is no edge of the figure


def convergence(log_likelihoods: ArrayLike, *, ax: Axes | None = None, label: str | None = None) -> Axes:
    """Trace of the log-likelihood over EM iterations.

    Parameters
    ----------
    log_likelihoods : array_like, shape (n_iter + 1,)
        Total log-likelihoods, the start first.
    ax : matplotlib.axes.Axes, optional
    label : str, optional
        Legend entry.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `log_likelihoods` is not a finite vector.
    """
    values = check.real_array(log_likelihoods, "log_likelihoods", 1, "(n_iter + 1,)")
    ax_ = _axes(ax)
    ax_.plot(np.arange(values.shape[0]), values, marker="o", markersize=4, label=label)
    ax_.set(xlabel="iteration", ylabel="log-likelihood (total)")
    ax_.xaxis.get_major_locator().set_params(integer=True)
    return ax_


# A legend of more names than this stands beside the axes.
BESIDE = 6


def bic_curves(
    n_components: ArrayLike,
    curves: Mapping[str, ArrayLike],
    *,
    label: str = "BIC",
    largest: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Curves of a criterion over the number of components; replicates become a band.

    Parameters
    ----------
    n_components : sequence of int
    curves : mapping of str to array_like
        Name -> values, shape (len(n_components),), nan where there is none; or shape (n_replicates,
        len(n_components)), of which the median is drawn in a band from the 10th to the 90th percentile.
    label : str
        Of the vertical axis.
    largest : bool
        The best value is the largest, not the smallest. A ring marks the best of each curve.
    ax : matplotlib.axes.Axes, optional
        Default: the current one, or that of a new figure if something is drawn there.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If a curve does not have one value for each number of components, or has none that is finite.
    """
    sizes = _sizes(n_components)
    ax_ = _own_axes(ax)
    checked = {name: _curve(values, name, sizes.shape[0]) for name, values in dict(curves).items()}
    if not checked:
        raise ValueError("curves must not be empty")
    for k, (name, values) in enumerate(checked.items()):
        middle = values[0]
        if values.shape[0] > 1:
            low, middle, high = np.nanquantile(values, [0.1, 0.5, 0.9], axis=0)
            ax_.fill_between(sizes, low, high, color=colour(k), alpha=0.2, linewidth=0)
        ax_.plot(sizes, middle, color=colour(k), marker=marker(k), linestyle=linestyle(k), markersize=5, label=name)
        best = np.nanargmax(middle) if largest else np.nanargmin(middle)
        ax_.plot(
            sizes[best], middle[best], "o", markersize=13, markerfacecolor="none", markeredgecolor=colour(k), zorder=5
        )
    ax_.set(xlabel="number of components", ylabel=label, xticks=sizes)
    if len(checked) <= BESIDE:
        ax_.legend()
    else:  # beside the curves, of which it would hide some
        columns = -(-len(checked) // 10)
        ax_.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), ncols=columns, fontsize="small", handlelength=2.5)
        if ax is None and ax_.figure.get_layout_engine() is None:
            ax_.figure.set_layout_engine("constrained")  # which makes room for it
    return ax_


def _sizes(n_components):
    sizes = np.asarray(n_components)
    if sizes.ndim != 1 or sizes.shape[0] == 0 or sizes.dtype.kind not in "iu":
        raise ValueError(f"n_components must be a sequence of integers; got {n_components!r}")
    return sizes


def _curve(values, name, n_sizes):
    values = np.atleast_2d(np.asarray(values, dtype=float))
    if values.ndim != 2 or values.shape[1] != n_sizes:
        raise ValueError(f"curve {name!r} must have {n_sizes} values, one for each n_components; got {values.shape}")
    if not np.isfinite(values).any():
        raise ValueError(f"curve {name!r} has no finite value")
    return values


def selection_heatmap(
    values: ArrayLike,
    n_components: ArrayLike,
    covariance_types: Sequence[str],
    *,
    label: str = "BIC",
    largest: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Heat map of a criterion over the number of components and the covariance structure.

    Each cell shows its value; its shade tells the rank, dark for the best. The best cell is framed; a cross stands
    where there is no value.

    Parameters
    ----------
    values : array_like, shape (n_structures, n_sizes)
        One row per structure; nan where a model collapsed.
    n_components : sequence of int
    covariance_types : sequence of str
    label : str
        What the values are; the title of the map.
    largest : bool
        The best value is the largest, not the smallest.
    ax : matplotlib.axes.Axes, optional
        Default: the current one, or that of a new figure if something is drawn there.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the shapes do not fit or no value is finite.
    """
    sizes = _sizes(n_components)
    values = np.asarray(values, dtype=float)
    expected = (len(covariance_types), sizes.shape[0])
    if values.shape != expected:
        raise ValueError(f"values must have shape {expected}; got {values.shape}")
    if not np.isfinite(values).any():
        raise ValueError("values must have a finite entry")
    ax_ = _own_axes(ax)
    loss = -values if largest else values
    # Differences to the best span orders of magnitude; ranks keep the good models apart.
    rank = np.full(values.shape, np.nan)
    present = np.isfinite(loss)
    rank[present] = np.searchsorted(np.unique(loss[present]), loss[present])
    rank /= max(1.0, np.nanmax(rank))
    ax_.imshow(0.05 + 0.9 * rank, cmap="cividis", vmin=0.0, vmax=1.0, aspect="auto")
    digits = 0 if np.nanmax(np.abs(values)) >= 100 else 3
    for row, column in np.ndindex(*values.shape):
        if not present[row, column]:
            ax_.text(column, row, "×", ha="center", va="center", color=GREY, fontsize=14)
            continue
        ink = "#f5f5f5" if rank[row, column] < 0.6 else "#111111"
        ax_.text(column, row, f"{values[row, column]:.{digits}f}", ha="center", va="center", color=ink, fontsize=9)
    row, column = np.unravel_index(np.nanargmin(loss), loss.shape)
    frame = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=COLOURS[1], linewidth=3.5)
    ax_.add_patch(frame)
    ax_.set_xticks(range(sizes.shape[0]), sizes)
    ax_.set_yticks(range(len(covariance_types)), covariance_types)
    ax_.set(xlabel="number of components", title=label.replace("\n", " "))
    ax_.grid(False)
    return ax_


def entropy_curve(entropies: ArrayLike, *, bend: int | None = None, ax: Axes | None = None) -> Axes:
    """The entropy of the assignment over the number of clusters, with the two lines that meet at a bend.

    Parameters
    ----------
    entropies : array_like, shape (n_components,)
        Of 1, 2, … clusters; in nats.
    bend : int, optional
        The number of clusters at which two fitted lines meet. None: no lines.
    ax : matplotlib.axes.Axes, optional
        Default: the current one, or that of a new figure if something is drawn there.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `entropies` is not a vector, or the bend leaves no two values on either side.
    """
    values = check.real_array(entropies, "entropies", 1, "(n_components,)")
    sizes = np.arange(1, len(values) + 1)
    if bend is not None and not 2 <= bend < len(values):
        raise ValueError(f"bend must be between 2 and {len(values) - 1}; got {bend}")
    ax = _own_axes(ax)
    if bend is not None:
        for part in (slice(0, bend), slice(bend - 1, None)):
            line = np.polynomial.Polynomial.fit(sizes[part], values[part], 1)
            ax.plot(sizes[part], line(sizes[part]), color=colour(1), linestyle="--", linewidth=1.5, zorder=1)
    ax.plot(sizes, values, color=colour(0), marker="o", linestyle="" if bend is not None else "-", markersize=6)
    ax.set(xlabel="number of clusters", ylabel="entropy (nats)", xticks=sizes)
    return ax


def merge_tree(linkage: ArrayLike, *, names: Sequence[str] | None = None, ax: Axes | None = None) -> Axes:
    """The tree of merged components: each merge at the entropy that is lost up to it.

    Parameters
    ----------
    linkage : array_like, shape (n_components - 1, 4)
        As SciPy's; see ``ComponentHierarchy.linkage``.
    names : sequence of str, optional
        Of the components; their numbers if not given.
    ax : matplotlib.axes.Axes, optional
        Default: the current one, or that of a new figure if something is drawn there.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `linkage` is none, or `names` are not as many as components.
    """
    from scipy.cluster.hierarchy import dendrogram

    linkage = check.real_array(linkage, "linkage", 2, "(n_components - 1, 4)")
    names = [str(k) for k in range(len(linkage) + 1)] if names is None else list(names)
    if len(names) != len(linkage) + 1:
        raise ValueError(f"names must be {len(linkage) + 1}, one a component; got {len(names)}")
    ax = _own_axes(ax)
    dendrogram(linkage, ax=ax, labels=names, color_threshold=0, above_threshold_color=colour(0), leaf_font_size=10)
    ax.set(xlabel="component", ylabel="entropy lost (nats)")
    return ax


def null_distribution(replicates: ArrayLike, statistic: float, *, ax: Axes | None = None) -> Axes:
    """A histogram of a statistic under a null hypothesis, and a line at that of the data.

    Parameters
    ----------
    replicates : array_like, shape (n_replicates,)
    statistic : float
    ax : matplotlib.axes.Axes, optional
        Default: the current one, or that of a new figure if something is drawn there.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there are no replicates, or one is not finite.
    """
    replicates = check.real_array(replicates, "replicates", 1, "(n_replicates,)")
    statistic = check.number(statistic, "statistic")
    ax = _own_axes(ax)
    ax.hist(replicates, bins="auto", color=colour(0), alpha=0.5, label="under the null hypothesis")
    ax.axvline(statistic, color=colour(1), linestyle="--", label="data")
    ax.set(xlabel="likelihood ratio statistic T", ylabel="replicates")
    ax.legend()
    return ax
