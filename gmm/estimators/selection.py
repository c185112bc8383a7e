"""`select`: fit mixtures over a grid of sizes and covariance structures, and compare them by a criterion."""

from __future__ import annotations

import difflib
import inspect
import warnings
from collections.abc import Iterable
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from gmm import engine, learning
from gmm._types import (
    ArrayLike,
    CovarianceType,
    Criterion,
    FloatArray,
    IntArray,
    OrdinaryCovarianceType,
    Seed,
    StartMethod,
)
from gmm.estimators import _blocks
from gmm.estimators._collapse import CollapsedComponentError, RegularisationWarning
from gmm.estimators._errors import check_errors, errors_of
from gmm.estimators._jobs import Counter, check_n_jobs, run, seed_of
from gmm.estimators._ridge import (
    UNUSED,
    called,
    flat_components,
    flat_directions,
    flat_directions_of_data,
    in_directions,
)
from gmm.estimators._summary import SelectionSummary
from gmm.estimators._table import Table
from gmm.estimators._validation import check_samples, check_weights_of
from gmm.estimators._warn import warn
from gmm.estimators.gaussian_mixture import GaussianMixture
from gmm.estimators.hierarchical import Trees

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Criterion -> +1 if the smallest value is the best, -1 if the largest is.
CRITERIA = {"bic": 1, "aic": 1, "icl": 1, "cv": -1}
LABELS = {
    "bic": "BIC (smaller is better)",
    "aic": "AIC (smaller is better)",
    "icl": "ICL (smaller is better)",
    "cv": "held-out log-likelihood\nper sample (larger is better)",
}
STRUCTURES: tuple[OrdinaryCovarianceType, ...] = ("full", "tied", "diag", "spherical")
ALL_MODELS: Literal["fourteen"] = "fourteen"
FOLDS = 5
# Set by the grid, or of a shape that depends on the number of components.
NOT_SETTINGS = ("weights_init", "means_init", "precisions_init", "resp_init", "warm_start")


class Selection:
    """What `select` found.

    Attributes
    ----------
    table : Table
        One row for each model of the grid: ``n_components``, ``covariance_type``, ``n_parameters``,
        ``log_likelihood`` (total), ``aic``, ``bic``, ``icl``, ``cv`` (if asked for), ``converged``, ``n_iter``,
        ``status`` ('ok' or 'collapsed') and ``reason``. A collapsed model has no values (nan).
    models_ : list of GaussianMixture
        The fitted mixtures, in the order of the rows; None where one collapsed.
    criterion : str
        What `best_` was chosen by.
    random_state : int
        The seed of every fit: ``GaussianMixture(…, random_state=random_state)`` finds the same model again.
    n_components, covariance_types : tuple
        The axes of the grid.
    n_samples : int or float
        Number of samples; with weights their sum.
    sizes_ : list of ndarray of shape (n_components,)
        For each row how many samples have each component as their most probable one (with weights what they weigh);
        with `noise` a last number says so of it. None where the model has no values.
    """

    def __init__(
        self,
        table: Table,
        models: list[GaussianMixture | None],
        criterion: Criterion,
        random_state: int,
        n_components: tuple[int, ...],
        covariance_types: tuple[CovarianceType, ...],
        n_samples: float,
        sizes: list[FloatArray | None],
    ) -> None:
        self.table = table
        self.models_ = models
        self.criterion = criterion
        self.random_state = random_state
        self.n_components = n_components
        self.covariance_types = covariance_types
        self.n_samples = n_samples
        self.sizes_ = sizes

    def index(self, criterion: Criterion | None = None) -> int:
        """Return the row of the best model by `criterion` (default: that of the call); the first of equals.

        Raises
        ------
        ValueError
            If the criterion is unknown or was not computed, or if no model has a value.
        """
        criterion = self.criterion if criterion is None else criterion
        values = CRITERIA[_known(criterion, self.table)] * self.table[criterion]
        if np.isnan(values).all():
            raise ValueError(f"no model of the grid has a {criterion}; the first reason: {self.table[0]['reason']}")
        return int(np.nanargmin(values))

    @property
    def best_index_(self) -> int:
        """Row of the best model."""
        return self.index()

    @property
    def best_(self) -> GaussianMixture:
        """The best model, fitted to all samples: a GaussianMixture."""
        return self.models_[self.best_index_]  # type: ignore[return-value]  # a criterion has a model

    @property
    def best_row_(self) -> dict[str, Any]:
        """The best model's row of the table."""
        return self.table[self.best_index_]

    def predict(self, X: ArrayLike) -> IntArray:
        """The best model's label of each sample: ``best_.predict(X)``, shape (n_samples,)."""
        return self.best_.predict(X)

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """The best model's responsibilities: ``best_.predict_proba(X)``, shape (n_samples, n_components)."""
        return self.best_.predict_proba(X)

    def score_samples(self, X: ArrayLike) -> FloatArray:
        """The best model's log-density of each sample: ``best_.score_samples(X)``, shape (n_samples,)."""
        return self.best_.score_samples(X)

    def _edge(self, criterion=None):
        """Which end of the sizes the best model stands on, 'largest' or 'smallest', if more might be found beyond."""
        best = self.table[self.index(criterion)]["n_components"]
        if len(self.n_components) > 1 and best == max(self.n_components):
            return "largest"
        if len(self.n_components) > 1 and best == min(self.n_components) > 1:
            return "smallest"
        return ""

    def model(self, n_components: int, covariance_type: CovarianceType = "full") -> GaussianMixture:
        """Return the fitted model of one cell of the grid.

        Raises
        ------
        ValueError
            If the grid has no such cell, or its model collapsed (with the reason).
        """
        for row, model in zip(self.table, self.models_, strict=True):
            if (row["n_components"], row["covariance_type"]) == (n_components, covariance_type):
                if model is None:
                    raise ValueError(f"that model collapsed: {row['reason']}")
                return model
        raise ValueError(f"the grid has no model with n_components={n_components!r} and {covariance_type!r}")

    def grid(self, criterion: Criterion | None = None) -> FloatArray:
        """Return a column of the table as an array, one row per covariance type and one column per n_components.

        Parameters
        ----------
        criterion : str, optional
            A numeric column. Default: the criterion of the call.

        Returns
        -------
        ndarray, shape (len(covariance_types), len(n_components))
        """
        values = self.table[self.criterion if criterion is None else criterion]
        return values.reshape(len(self.covariance_types), len(self.n_components))

    def summary(self, criterion: Criterion | None = None) -> SelectionSummary:
        """An account of the best models, which reads like mclust's.

        Parameters
        ----------
        criterion : str, optional
            'bic', 'aic', 'icl' or 'cv'. Default: the criterion of the call.

        Returns
        -------
        SelectionSummary
            ``print(found.summary())``, or let a notebook show it. Its parts are ``heading``, ``best`` (a Table of the
            best three models), ``sizes`` (one of the best model's components) and ``notes``.

        Raises
        ------
        ValueError
            If the criterion is unknown or was not computed, or if no model has a value.
        """
        criterion = self.criterion if criterion is None else criterion
        return SelectionSummary.of(self, criterion, self.index(criterion), CRITERIA[criterion], self._edge(criterion))

    def plot(
        self,
        kind: Literal["curves", "heatmap"] = "curves",
        *,
        criterion: Criterion | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the criterion over the grid; ``best_.plot(X)`` draws the model.

        Where the best model has the largest number of components that was tried (or the smallest, if that is not 1),
        the figure says so, and so does ``print(found)``.

        Parameters
        ----------
        kind : {'curves', 'heatmap'}
        criterion : str, optional
            'bic', 'aic', 'icl' or 'cv'. Default: the criterion of the call.
        ax : matplotlib.axes.Axes, optional
            Default: the current one, or that of a new figure if something is drawn there.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            If the kind or the criterion is unknown.
        """
        if kind not in ("curves", "heatmap"):
            raise ValueError(f"kind must be 'curves' or 'heatmap'; got {kind!r}")
        criterion = _known(self.criterion if criterion is None else criterion, self.table)
        from gmm import plot  # here, because it loads matplotlib

        values, largest = self.grid(criterion), CRITERIA[criterion] < 0
        edge = self._edge(criterion)
        if kind == "heatmap":
            ax = plot.selection_heatmap(
                values, self.n_components, self.covariance_types, label=LABELS[criterion], largest=largest, ax=ax
            )
        else:
            curves = dict(zip(self.covariance_types, values, strict=True))
            ax = plot.bic_curves(self.n_components, curves, label=LABELS[criterion], largest=largest, ax=ax)
        if edge:
            advice = "more" if edge == "largest" else "fewer"
            ax.set_xlabel(f"{ax.get_xlabel()}\n(the best has the {edge} number tried: try {advice})")
        return ax

    def __repr__(self) -> str:
        n_collapsed = sum(model is None for model in self.models_)
        row = None if n_collapsed == len(self.models_) else self.best_row_
        best = (
            "none could be fitted"
            if row is None
            else f"best by {self.criterion}: n_components={row['n_components']}, covariance_type="
            f"{row['covariance_type']!r}, {self.criterion}={row[self.criterion]:.6g}"
        )
        if row is not None and self._edge():
            best += f"; its n_components is the {self._edge()} that was tried"
        return f"Selection({len(self.models_)} models, {n_collapsed} collapsed; {best})"


def _known(criterion, table):
    if criterion not in CRITERIA:
        raise ValueError(f"criterion must be one of {', '.join(map(repr, CRITERIA))}; got {criterion!r}")
    if criterion not in table.columns:
        raise ValueError("criterion 'cv' was not computed; call select with criterion='cv' or cv=5")
    return criterion


def select(
    X: ArrayLike,
    n_components: int | Iterable[int] = range(1, 7),
    covariance_types: CovarianceType | Literal["fourteen"] | Iterable[CovarianceType] = STRUCTURES,
    criterion: Criterion = "bic",
    *,
    sample_weight: ArrayLike | None = None,
    cv: int | None = None,
    n_init: int = 5,
    random_state: Seed = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    tol: float = 1e-6,
    max_iter: int = 1000,
    on_collapse: Literal["raise", "restart"] = "restart",
    reg_covar: float | Literal["auto"] = "auto",
    init_params: StartMethod = "kmeans_standardised",
    error_covariances: ArrayLike | None = None,
    **settings: Any,
) -> Selection:
    r"""Fit mixtures over a grid of sizes and covariance structures and choose one by a criterion.

    With :math:`\ell` the log-likelihood at the maximum that was found, p free parameters, n samples and the
    responsibilities :math:`r_{ik}`,

    .. math::

        \text{AIC} = -2\ell + 2p, \qquad \text{BIC} = -2\ell + p\log n,

        \text{ICL} = \text{BIC} - 2\sum_{i,k} r_{ik}\log r_{ik},

    of which the smallest value is the best; 'cv' is the mean log-likelihood per sample of data left out of the fit, of
    which the largest is.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Arrays and data frames of Dask are fitted and judged where their blocks are, as `GaussianMixture.fit` does; the
        folds of a cross-validation then depend on how X is cut.
    n_components : int or iterable of int, default=range(1, 7)
    covariance_types : str or iterable of str, default=('full', 'tied', 'diag', 'spherical')
        Structures of `GaussianMixture`, or 'fourteen': all models of mclust, of which there are fourteen, or 'E' and
        'V' for one feature. With one feature, 'full', 'diag' and 'spherical' are the same model.
    criterion : {'bic', 'aic', 'icl', 'cv'}, default='bic'
    sample_weight : array-like of shape (n_samples,), default=None
        How often each sample stands there, as in `GaussianMixture.bic`: n is the sum of the weights.
    cv : int, default=None
        Number of folds of the cross-validation, 5 for ``criterion='cv'``. With another criterion it is left out unless
        a number is given here, since it costs `cv` further fits for each model.
    n_init : int, default=5
        Starts for each fit.
    random_state : int, RandomState, Generator or None, default=None
        An integer is the seed of every fit and of the folds; otherwise one is drawn. The result does not depend on
        `n_jobs`.
    n_jobs : int, default=None
        Models fitted at the same time, in threads (the compiled loops run in parallel). None or -1: as many as the
        engine has threads; of Dask's data None is one, whose blocks are worked on side by side.
    verbose : int, default=0
        1 shows the progress: a tqdm bar if tqdm is installed, else a counter.
    tol, max_iter, on_collapse, reg_covar, init_params
        As in `GaussianMixture`; the defaults suit a comparison, which must not depend on where EM was stopped nor on
        the units of the features.
    error_covariances : array-like, default=None
        Covariances of the measurement errors of X, as in `GaussianMixture.fit`.
    **settings
        Further parameters of `GaussianMixture`.

    Returns
    -------
    Selection
        With the `table` of all models, the best one `best_`, and `plot`.

    Raises
    ------
    ValueError
        For input that cannot be fitted or settings that are not known, before any work. A model that collapses is no
        error: its row says why it has no values.
    TypeError
        For a setting that neither `select` nor `GaussianMixture` has.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the best model did not reach `tol` within `max_iter` iterations.

    Notes
    -----
    A model whose likelihood is made of `reg_covar` (a component has a direction in which it varies by little else), or
    of too few samples for a covariance, has no values and is not compared: its row says why.

    The answer does not depend on the units of X. Nor does it on those of a single feature, as far as the structures go:
    full, tied and diagonal covariances follow a change of them, spherical ones say that all features vary alike, and
    are another model in other units.

    The cost is that of ``len(n_components) * len(covariance_types) * n_init * (1 + cv)`` fits. All models see the same
    seed, so that structures of one size start from the same partitions, as in mclust.

    Examples
    --------
    >>> import gmm
    >>> faithful = gmm.datasets.load_old_faithful()
    >>> found = gmm.select(faithful.X, range(1, 5), random_state=0)
    >>> found.best_row_["n_components"], found.best_row_["covariance_type"], round(found.best_row_["bic"], 1)
    (3, 'tied', 2314.3)
    """
    sizes = _sizes(n_components)
    names = _types(covariance_types)
    if criterion not in CRITERIA:
        raise ValueError(f"criterion must be one of {', '.join(map(repr, CRITERIA))}; got {criterion!r}")
    n_jobs = 1 if n_jobs is None and _blocks.is_lazy(X) else check_n_jobs(n_jobs)
    for name in NOT_SETTINGS:
        if name in settings:
            raise ValueError(f"{name} cannot be given to select: it does not fit all models of the grid")
    _check_known(settings)
    lazy, errors, missing = _blocks.is_lazy(X), None, settings.get("missing", "raise")
    data: Any = X
    if lazy:
        if error_covariances is not None:
            raise ValueError("error_covariances need samples in memory; X is one of Dask's")
        n_samples = _blocks.Blocks(GaussianMixture(missing=missing), X, sample_weight).n_samples
    else:
        data = check_samples(GaussianMixture(), X, reset=True, min_samples=2, missing=missing)
        n_samples = data.shape[0]
        sample_weight = check_weights_of(sample_weight, data)
        errors = None if error_covariances is None else check_errors(error_covariances, data)
        settings = {"n_threads": max(1, engine.default_n_threads() // n_jobs)} | settings
    types = _types_for(names, data.shape[1])
    folds = _n_folds(cv, criterion, n_samples)
    seed = seed_of(random_state)
    settings |= {"tol": tol, "max_iter": max_iter, "n_init": n_init, "on_collapse": on_collapse, "random_state": seed}
    settings |= {"reg_covar": reg_covar, "init_params": init_params}
    models = [GaussianMixture(size, covariance_type=kind, **settings) for kind in types for size in sizes]
    for model in models:
        model._validate_params()
    smallest = n_samples - -(-n_samples // folds) if folds else n_samples
    if max(sizes) > smallest:
        what = f"a fit of the cross-validation has {smallest}" if folds else f"X has {smallest}"
        raise ValueError(f"n_components must not exceed the number of samples; {max(sizes)} was asked for, {what}")

    parts = []
    if folds:
        parts = _blocks.folds(X, sample_weight, folds, seed) if lazy else _folds(n_samples, folds, seed)
    trees = [Trees() for _ in range(1 + len(parts))]  # of all samples, and of those without each fold
    with warnings.catch_warnings():
        # Every fit's convergence and collapse is in the table; of the best one we warn below.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RegularisationWarning)
        tasks = [(model, X, data, sample_weight, errors, parts, trees) for model in models]
        outcomes = run(_one, tasks, n_jobs, Counter(verbose, len(models), "select", "model"))
    rows = [outcome.row for outcome in outcomes]
    if not folds:
        for row in rows:
            del row["cv"]
    if sample_weight is not None:
        n_samples = _blocks.sum_of(sample_weight) if lazy else float(np.sum(sample_weight))
    found = Selection(
        Table(rows), [outcome.model for outcome in outcomes], criterion, seed, sizes, types, n_samples,
        [outcome.sizes for outcome in outcomes],
    )  # fmt: skip
    if not np.isnan(found.table[criterion]).all() and not found.best_row_["converged"]:
        warn(
            f"The best model by {criterion} did not converge within max_iter={max_iter} iterations; the order of the "
            "models may change with more.",
            ConvergenceWarning,
        )
    return found


# ------------------------------------------------------------------------------------- input


def _sizes(n_components):
    sizes = (n_components,) if isinstance(n_components, Integral) else n_components
    if isinstance(sizes, str) or not isinstance(sizes, Iterable):
        raise TypeError(f"n_components must be an integer or a sequence of integers; got {n_components!r}")
    sizes = tuple(sizes)
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, Integral):
            raise TypeError(f"n_components must hold integers; got {size!r}")
        if size < 1:
            raise ValueError(f"n_components must be >= 1; got {size}")
    _check_distinct(sizes, "n_components")
    return tuple(int(size) for size in sizes)


def _types(covariance_types):
    types = (covariance_types,) if isinstance(covariance_types, str) else covariance_types
    if not isinstance(types, Iterable):
        raise TypeError(f"covariance_types must be a string or a sequence of strings; got {covariance_types!r}")
    types = tuple(types)
    if types == (ALL_MODELS,):
        return types
    for kind in types:
        if kind not in learning.STRUCTURES:
            raise ValueError(
                f"covariance_types must be {ALL_MODELS!r} or among {', '.join(map(repr, learning.STRUCTURES))}; "
                f"got {kind!r}"
            )
    _check_distinct(types, "covariance_types")
    return types


def _types_for(types, n_features):
    """Return what these names stand for with so many features; refuse those that are for others."""
    if types == (ALL_MODELS,):
        return learning.ONE_FEATURE if n_features == 1 else learning.FOURTEEN
    for kind in types:
        learning.structure_of(kind).check_features(n_features)
    return types


def _check_known(settings):
    known = {*GaussianMixture._get_param_names(), *inspect.signature(select).parameters}
    known -= {"covariance_type", "settings", *NOT_SETTINGS}
    for name in settings:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"select() got an unexpected setting {name!r}{hint}")


def _check_distinct(values, name):
    if not values:
        raise ValueError(f"{name} must not be empty")
    if len(set(values)) < len(values):
        raise ValueError(f"{name} must be distinct; got {values}")


def _n_folds(cv, criterion, n_samples):
    if cv is None:
        if criterion != "cv":
            return 0
        cv = min(FOLDS, n_samples)
    if isinstance(cv, bool) or not isinstance(cv, Integral):
        raise TypeError(f"cv must be an integer or None; got {cv!r}")
    if not 2 <= cv <= n_samples:
        raise ValueError(f"cv must be between 2 and the number of samples, {n_samples}; got {cv}")
    return int(cv)


# ------------------------------------------------------------------------------------- work


class _Outcome(NamedTuple):
    row: dict
    model: GaussianMixture | None
    sizes: np.ndarray | None = None


def _folds(n_samples, n_folds, seed):
    """Row numbers of each fold: a random partition whose parts differ in size by one at most."""
    shuffled = np.random.default_rng(seed).permutation(n_samples)
    return [np.sort(part) for part in np.array_split(shuffled, n_folds)]


def _one(model, X, data, sample_weight, errors, folds, trees):
    """Fit one model of the grid, to all samples and without each fold."""
    row = {
        "n_components": model.n_components,
        "covariance_type": model.covariance_type,
        "n_parameters": _n_parameters(model, data.shape[1]),
        **dict.fromkeys(("log_likelihood", "aic", "bic", "icl", "cv"), np.nan),
        "converged": False,
        "n_iter": 0,
        "status": "collapsed",
        "reason": "",
    }
    criteria, reason = _fit(model, X, data, sample_weight, errors, trees[0])
    if reason:
        return _Outcome(row | {"reason": reason}, None)
    held_out, reason = _cross_validate(model, data, sample_weight, errors, folds, trees[1:])
    sizes = criteria.pop("sizes")
    row |= criteria
    row |= {
        "cv": held_out,
        "converged": model.converged_,
        "n_iter": model.n_iter_,
        "status": "ok",
        "reason": reason,
    }
    return _Outcome(row, model, sizes)


def _n_parameters(model, n_features):
    """Free parameters of a model that need not be fitted."""
    structure, K = learning.structure_of(model.covariance_type), model.n_components
    noise = 0 if not model.noise else 2 if model.noise_volume is None else 1
    return structure.n_parameters(K, n_features) + K * n_features + K - 1 + noise


def _fit(model, X, data, sample_weight, errors=None, trees=None):
    """Fit `model` and return (its criteria, '') or, where it has none to be compared, (None, the reason)."""
    model._trees = trees  # a fit of its own would build another
    try:
        model.fit(X, sample_weight=sample_weight, error_covariances=errors)
    except CollapsedComponentError as error:
        return None, str(error)
    finally:
        del model._trees
    criteria = model._criteria(data, sample_weight, entropy=True, error_covariances=errors)
    counts = criteria.pop("counts")
    if model.covariance_prior is not None:
        return criteria, ""  # reg_covar served the start alone
    parameters = model._parameters()
    ridge = model.reg_covar_
    flat = flat_components(parameters, ridge)
    if flat:
        return None, _why_flat(parameters, flat, ridge, model.reg_covar)
    needed = parameters.structure.samples_needed(data.shape[1])
    few = np.flatnonzero((counts[: model.n_components] < needed) & (parameters.weights > UNUSED))
    if few.size:
        return None, (
            f"Component {few[0]} has {counts[few[0]]:.1f} samples, a covariance of this structure needs {needed}: its "
            "likelihood tells of too few of them. Try fewer components."
        )
    return criteria, ""


def _why_flat(parameters, flat, ridge, reg_covar):
    directions = flat_directions_of_data(parameters.without_noise(), ridge)
    if directions:
        who, what = "X", "leave out features that are constant or depend on others, or take fewer features"
    else:
        directions = flat_directions(parameters, ridge, flat)
        who = "The tied covariance" if flat == [-1] else f"Component {flat[0]}"
        what = "try fewer components or more data"
    where = in_directions(directions, parameters.n_features)
    return (
        f"{who} is flat: {where} its variance is {called(reg_covar)} and little else, so that the likelihood "
        f"depends on reg_covar; {what}."
    )


def _cross_validate(model, data, sample_weight, errors, folds, trees):
    """Mean held-out log-likelihood per sample, and why there is none."""
    if not folds:
        return np.nan, ""
    total = weight = 0.0
    hold_out = _hold_out_blocks if _blocks.is_lazy(data) else _hold_out
    for number, held_out in enumerate(folds):
        partial = GaussianMixture(**model.get_params())
        found, reason = hold_out(partial, data, sample_weight, errors, held_out, trees[number])
        if reason:
            return np.nan, f"without fold {number}: {reason}"
        total, weight = total + found[0], weight + found[1]
    return float(total / weight), ""


def _hold_out(model, data, sample_weight, errors, held_out, trees):
    """Fit without these rows: ((their log-likelihood, what they weigh), '') or (None, the reason)."""
    rest = np.delete(np.arange(data.shape[0]), held_out)
    kept = data[rest]
    weights = (None, None) if sample_weight is None else (sample_weight[rest], sample_weight[held_out])
    _, reason = _fit(model, kept, kept, weights[0], errors_of(errors, rest), trees)
    if reason:
        return None, reason
    scores = model.score_samples(data[held_out], error_covariances=errors_of(errors, held_out))
    if weights[1] is None:
        return (scores.sum(), len(scores)), ""
    return (weights[1] @ scores, weights[1].sum()), ""


def _hold_out_blocks(model, X, sample_weight, errors, weights, trees):
    """The same in the blocks of Dask; a fold is (weights without it, its weights)."""
    _, reason = _fit(model, X, X, weights[0], errors, trees)
    return (None, reason) if reason else (_blocks.totals(model, X, weights[1])[:2], "")
