"""`BayesianGaussianMixture`: scikit-learn's estimator on the compiled engine, with the whole bound."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from scipy.special import gammaln, logsumexp
from scipy.stats import beta
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils.validation import check_is_fitted

from gmm import engine, learning
from gmm._types import ArrayLike, FloatArray, OrdinaryCovarianceType, Path, Seed, StartMethod
from gmm.engine import Diagonal, Full, Spherical, Tied
from gmm.estimators import _blocks, _persistence
from gmm.estimators._fitting import Search, warn_unless_converged
from gmm.estimators._history import History
from gmm.estimators._hooks import refuse_hooks
from gmm.estimators._interchange import BayesianInterchange, Dictionaries
from gmm.estimators._ridge import in_numbers
from gmm.estimators._scored import Scored
from gmm.estimators._settings import SETTINGS
from gmm.estimators._sklearn_compat import Interval, StrOptions
from gmm.estimators._table import Table
from gmm.estimators._validation import check_parameters, check_samples, check_weights_of, random_generator
from gmm.estimators.gaussian_mixture import GaussianMixture
from gmm.learning.variational import BayesianPrior, Variational

STRUCTURES = ("full", "tied", "diag", "spherical")
PROCESS = "dirichlet_process"
SLAB = 2048  # samples whose predictive density is computed at a time
POINTS = ("k-means++", "random_from_data", "random_points")  # starts that are single samples
STICKS = 20_000  # draws behind the intervals of weights by stick-breaking

_SHARED = (
    "n_components", "tol", "reg_covar", "max_iter", "n_init", "init_params", "random_state", "warm_start", "verbose",
    "verbose_interval", "missing", "callback", "record_parameters", "n_threads",
)  # fmt: skip
_POSITIVE = [None, Interval(Real, 0.0, None, closed="neither")]
CONSTRAINTS = {
    **{name: SETTINGS[name].constraints for name in _SHARED},
    "covariance_type": [StrOptions(set(STRUCTURES))],
    "weight_concentration_prior_type": [StrOptions({PROCESS, "dirichlet_distribution"})],
    "weight_concentration_prior": _POSITIVE,
    "mean_precision_prior": _POSITIVE,
    "mean_prior": [None, "array-like"],
    "degrees_of_freedom_prior": _POSITIVE,
    "covariance_prior": [None, "array-like", Interval(Real, 0.0, None, closed="neither")],
}


LAYOUT = _persistence.Layout(
    "BayesianGaussianMixture",
    (
        "n_components", "covariance_type", "tol", "reg_covar", "max_iter", "n_init", "init_params",
        "weight_concentration_prior_type", "weight_concentration_prior", "mean_precision_prior",
        "degrees_of_freedom_prior", "random_state", "warm_start", "verbose", "verbose_interval", "record_parameters",
        "missing", "n_threads",
    ),
    ("mean_prior", "covariance_prior"),
    (
        "means_", "covariances_", "precisions_cholesky_", "counts_", "mean_prior_", "covariance_prior_",
    ),
    ("prior_numbers",),
)  # fmt: skip


class ParameterSample(NamedTuple):
    """Draws from the posterior: weights (n, K), means (n, K, d) and covariances (n, …) in the estimator's shape."""

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray


class BayesianSearch(Search):
    """The initialisations of one Bayesian fit; states are `gmm.learning.variational.Posterior`."""

    def __init__(self, model, X, sample_weight, row_numbers, resume, ridge, prior, source):
        super().__init__(model, X, sample_weight, row_numbers, (None, None, None), resume, ridge, source=source)
        self.step = Variational(prior, ridge)
        # The bound and its change are those of all samples, as in scikit-learn; the loop's are of one.
        total = self.source.total_weight
        self.tol = model.tol / total
        if resume is not None:
            self.resume = resume[0], resume[1] / total

    def start(self):
        """A start must not collapse: its covariances get the prior's scale, which is taken away again."""
        if self.resume is not None:
            return self.resume[0]
        model, scale = self.model, self.step.prior.scale
        ridge = np.diagonal(scale).copy() if scale.ndim == 2 else np.broadcast_to(scale, self.X.shape[1]).copy()
        drawn, K = self.drawn(ridge), model.n_components
        if model.init_params in POINTS:
            flat = np.zeros_like(drawn.covariances)
            drawn = drawn._replace(covariances=drawn.structure.with_ridge(flat, ridge))
            return self.step.start(drawn, np.ones(K), ridge)
        return self.step.start(drawn, drawn.weights * self.source.total_weight, ridge)

    def check(self, result):
        super().check(result._replace(state=result.state.centre))

    def on_ridge(self, state):
        return []

    def judge_ridge(self, state):
        pass


class BayesianGaussianMixture(BayesianInterchange, Dictionaries, Scored, DensityMixin, BaseEstimator):
    """A mixture of Gaussian distributions with a posterior for its parameters, found by variational Bayes.

    Constructor, methods and fitted attributes are those of scikit-learn's ``BayesianGaussianMixture``. Beyond it: the
    whole bound on the evidence, which never falls and can be compared between numbers of components and priors;
    weights of samples; the predictive density, credible intervals and draws from the posterior.

    Parameters
    ----------
    {settings}

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Expected weights E π_k, scaled to sum to 1.
    means_ : ndarray of shape (n_components, n_features)
        m_k, the expected means.
    covariances_ : ndarray
        The inverses of the expected precisions, Ψ_k / ν_k, in the shapes of `GaussianMixture`.
    precisions_, precisions_cholesky_ : ndarray
        As in `GaussianMixture`.
    counts_ : ndarray of shape (n_components,)
        Expected numbers of samples N_k = Σ_i r_ik.
    n_components_ : int
        How many components are in use: those with N_k ≥ 1.
    weight_concentration_ : ndarray of shape (n_components,), or a tuple of two
        α₀ + N_k of the Dirichlet distribution; or the two parameters of each stick's Beta distribution.
    mean_precision_ : ndarray of shape (n_components,)
        β_k = β₀ + N_k.
    degrees_of_freedom_ : ndarray of shape (n_components,), or a float for 'tied'
        ν₀ + N_k; for 'tied' ν₀ + n / K, scikit-learn's convention: the Wishart distribution of the one precision has K
        times as many.
    weight_concentration_prior_, mean_precision_prior_, mean_prior_, degrees_of_freedom_prior_, covariance_prior_
        The prior in numbers.
    lower_bound_ : float
        A lower bound of the log-evidence log p(X), natural logarithm, with all constants: that of the last iteration's
        posterior, with the responsibilities that belong to it.
    lower_bounds_ : list of float
        The same for each iteration. None is below the one before but for rounding.
    converged_, n_iter_, history_, restarts_, reg_covar_, n_features_in_, feature_names_in_
        As in `GaussianMixture`; bounds are those of all samples.

    Notes
    -----
    One iteration makes the same pass over the data as `GaussianMixture`'s, and takes as long.

    For 'full' and 'tied' the parameters are scikit-learn's. For 'diag' and 'spherical' scikit-learn takes the expected
    log-determinant from a Wishart distribution of n_features dimensions, to which its other updates do not belong;
    here it is that of the Gamma distributions which they do belong to, so that there is a bound that never falls. The
    difference is small where components have many samples.

    `reg_covar` is noise of this variance on every sample; scikit-learn counts it in the scatter alone, here the
    responsibilities know of it too. `score_samples` is, as in scikit-learn, the expected log joint summed over the
    components, by which responsibilities are made; it is no density. `predictive_log_density` is.

    With ``missing='marginalise'`` missing values have a distribution of their own, q(z, x_m), in which they are
    integrated out: the bound is one of the log-evidence of the observed values, and never falls. The other factors know
    nothing of that one, so that a sample counts in full however little of it was observed: the posterior of a feature
    that is often missing is too narrow. `predictive_log_density` needs complete samples.

    References
    ----------
    Attias, H. (2000), A variational Bayesian framework for graphical models. Bishop, C. M. (2006), Pattern Recognition
    and Machine Learning, section 10.2. Blei, D. M. and Jordan, M. I. (2006), Variational inference for Dirichlet
    process mixtures.

    Examples
    --------
    >>> import gmm
    >>> X = gmm.datasets.load_old_faithful().X
    >>> mixture = gmm.BayesianGaussianMixture(n_components=6, max_iter=500, random_state=0).fit(X)
    >>> mixture.n_components_
    2
    """

    covariances_: FloatArray
    precisions_: FloatArray
    counts_: FloatArray
    weight_concentration_: FloatArray | tuple[FloatArray, FloatArray]
    mean_precision_: FloatArray
    degrees_of_freedom_: FloatArray | float
    weight_concentration_prior_: float
    mean_precision_prior_: float
    mean_prior_: FloatArray
    degrees_of_freedom_prior_: float
    covariance_prior_: FloatArray | float

    _parameter_constraints: dict = CONSTRAINTS
    _layout = LAYOUT
    on_collapse = "raise"

    def __init__(
        self,
        *,
        n_components: int = 1,
        covariance_type: OrdinaryCovarianceType = "full",
        tol: float = 1e-3,
        reg_covar: float | Literal["auto"] = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: StartMethod = "kmeans",
        weight_concentration_prior_type: Literal["dirichlet_process", "dirichlet_distribution"] = "dirichlet_process",
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: ArrayLike | None = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: ArrayLike | None = None,
        random_state: Seed = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        missing: Literal["raise", "marginalise"] = "raise",
        callback: Callable[[int, float, Any], object] | None = None,
        record_parameters: bool | Literal["restarts"] = False,
        n_threads: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.missing = missing
        self.callback = callback
        self.record_parameters = record_parameters
        self.n_threads = n_threads

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        refuse_hooks(cls, BayesianGaussianMixture)

    # ---- fitting

    def fit(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find the posterior of the parameters by variational Bayes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Float32, integer, strided or memory-mapped arrays are read in place, without a copy. Arrays and data frames
            of Dask are fitted where their blocks are (``pip install gmm-book[dask]``), as `fit_batches` fits batches:
            each iteration brings K(1 + d + d²) numbers of each block, and the result has the same bits whatever works
            on them. A block has to fit into memory.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; a weight of 2 is the same as a sample that stands there twice. The posterior is that of
            Σ_i w_i samples: twice the weights are twice the evidence, unlike in `GaussianMixture`.

        Returns
        -------
        BayesianGaussianMixture
            This object. After an error it is what it was before the call.

        Raises
        ------
        ValueError
            For input that cannot be fitted, naming the argument, before any work.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If the best initialisation did not reach `tol` within `max_iter` iterations.
        """
        self._fit(X, sample_weight)
        return self

    def _fit(self, X, sample_weight):
        """Fit and return the checked X. Attributes change only when all is done."""
        self._validate_params()
        if _blocks.is_lazy(X):
            return self._fit_lazy(X, sample_weight)
        with self._unchanged_on_failure():
            X = check_samples(self, X, reset=True, min_samples=2, missing=self.missing)
            observed = self._observed(X)
            present, weights, rows = _present(sample_weight, X, self.n_components, observed)
            kind = learning.ArraySource if observed is None else learning.PatternSource
            self._learn(lambda: kind(present, weights, self.n_threads), present, weights, rows)
        return X

    def _learn(self, make_source, X, sample_weight, row_numbers):
        """Fit the samples of a source; X, weights and row numbers are of those from which starts are drawn."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            source = make_source()
            ridge = in_numbers(self.reg_covar, source)
            prior = self._prior(source, X.shape[1], ridge)
            resume = self._resume(X.shape[1])
            search = BayesianSearch(self, X, sample_weight, row_numbers, resume, ridge, prior, source)
            best = search.best()
        total = search.source.total_weight
        self._adopt_prior(prior)
        self._adopt(best.parameters)
        self.reg_covar_ = ridge
        self._record(best, [row | {"lower_bound": row["lower_bound"] * total} for row in search.rows], total)
        warn_unless_converged(best, self.max_iter)

    _scaled_weights = False  # they count samples

    def _fit_batches(self, batches):
        """Fit checked `gmm.estimators._batches.Batches`."""
        self._learn(batches.source, batches.X, batches.sample_weight, batches.row_numbers)

    def _prior(self, source, d, ridge):
        """The prior in numbers; raises ValueError, in scikit-learn's words, for one that is none."""
        K = self.n_components
        alpha = 1.0 / K if self.weight_concentration_prior is None else float(self.weight_concentration_prior)
        b = 1.0 if self.mean_precision_prior is None else float(self.mean_precision_prior)
        dof = self.degrees_of_freedom_prior
        if dof is not None and dof <= d - 1.0:
            raise ValueError(
                f"The parameter 'degrees_of_freedom_prior' should be greater than {d - 1}, but got {dof:.3f}."
            )
        mean = source.mean() if self.mean_prior is None else _shaped(self.mean_prior, (d,), "means")
        return BayesianPrior(
            alpha, self.weight_concentration_prior_type == PROCESS, mean, b, float(d if dof is None else dof),
            self._scale(source, d, ridge),
        )  # fmt: skip

    def _scale(self, source, d, ridge):
        """Ψ₀."""
        kind, given = self.covariance_type, self.covariance_prior
        if given is not None:
            if kind == "spherical":
                if np.ndim(given):
                    raise ValueError(f"covariance_prior must be a number for 'spherical'; got shape {np.shape(given)}")
                return np.asarray(float(given))
            scale = _shaped(given, (d, d) if kind != "diag" else (d,), f"{kind} covariance_prior")
            if kind == "diag":
                if not (scale > 0.0).all():
                    raise ValueError("'diag precision' should be positive")
            elif not (np.allclose(scale, scale.T) and np.linalg.eigvalsh(scale)[0] > 0.0):
                raise ValueError(f"'{kind} precision' should be symmetric, positive-definite")
            return scale
        total = source.total_weight
        covariance = source.covariance() * (total / (total - 1.0) if total > 1.0 else 1.0)
        if kind == "spherical":
            scale = np.asarray(np.trace(covariance) / d)
        else:
            scale = np.diagonal(covariance).copy() if kind == "diag" else covariance
        try:
            structure = learning.structure_of("full" if scale.ndim == 2 else "diag")
            structure.factors(scale[None] if scale.ndim else scale[None, None], 1)
        except learning.CovarianceError:
            if not np.all(np.asarray(ridge) > 0.0):
                raise ValueError(
                    "covariance_prior=None takes the covariance of X, which is singular: features that are constant, "
                    "depend on others, or are more than the samples. Leave such features out, give covariance_prior, "
                    "or a positive reg_covar"
                ) from None
            more = np.broadcast_to(ridge, d)
            scale = scale + (np.diag(more) if scale.ndim == 2 else more if scale.ndim else more.mean())
        return scale

    def _adopt_prior(self, prior):
        self.weight_concentration_prior_ = prior.concentration
        self.mean_precision_prior_ = prior.mean_precision
        self.mean_prior_ = prior.mean
        self.degrees_of_freedom_prior_ = prior.dof
        self.covariance_prior_ = prior.scale if prior.scale.ndim else float(prior.scale)

    def _adopt(self, posterior):
        """Make these the parameters of this mixture, in scikit-learn's conventions."""
        centre, concentration = posterior.centre, posterior.concentration
        self.weight_concentration_ = tuple(concentration) if concentration.ndim == 2 else concentration
        self.mean_precision_ = posterior.mean_precision
        self.counts_ = posterior.counts
        K, d = centre.means.shape
        if self.covariance_type == "tied":
            self.degrees_of_freedom_ = float(posterior.dof[0] / K)
        else:
            self.degrees_of_freedom_ = posterior.dof / (d if self.covariance_type == "spherical" else 1)
        self.weights_ = centre.weights / centre.weights.sum()
        self.means_, self.covariances_ = centre.means, centre.covariances
        self.precisions_cholesky_ = centre.precisions_cholesky
        self.precisions_ = learning.precisions(centre)

    def _record(self, best, rows, total):
        values = best.log_likelihoods * total
        self.converged_ = bool(best.converged)
        self.n_iter_ = len(values)
        self.lower_bound_ = float(values[-1]) if self.n_iter_ else -np.inf
        self.lower_bounds_ = values.tolist()
        self.history_ = History(values, best.history)
        self.restarts_ = Table(rows)

    def _step(self):
        """The step whose posterior the attributes are."""
        check_is_fitted(self)
        prior = BayesianPrior(
            self.weight_concentration_prior_, self.weight_concentration_prior_type == PROCESS,
            np.asarray(self.mean_prior_, dtype=np.float64), self.mean_precision_prior_, self.degrees_of_freedom_prior_,
            np.asarray(self.covariance_prior_, dtype=np.float64),
        )  # fmt: skip
        return Variational(prior, self.reg_covar_)

    def _posterior(self, step):
        counts = self.mean_precision_ - self.mean_precision_prior_
        return step.completed(
            learning.Parameters(self.covariance_type, counts, self.means_, self.covariances_, self.precisions_cholesky_)
        )

    def _resume(self, n_features):
        if not (self.warm_start and hasattr(self, "converged_")):
            return None
        if self.means_.shape != (self.n_components, n_features):
            raise ValueError(
                f"warm_start=True goes on from the last fit, whose means have shape {self.means_.shape}; "
                f"n_components={self.n_components} and X with {n_features} features do not agree with it. Fit with "
                "warm_start=False"
            )
        return self._posterior(self._step()), self.lower_bound_

    def _density(self):
        step = self._step()
        return step.density(self._posterior(step), engine.Units(np.zeros(self.means_.shape[1])))

    def _parameters(self):
        check_is_fitted(self)
        return learning.Parameters(
            self.covariance_type, self.weights_, self.means_, self.covariances_, self.precisions_cholesky_
        )

    def mean_mixture(self) -> GaussianMixture:
        """Return the mixture of the posterior's means, for all that `GaussianMixture` can do: plot, conditional, ….

        Returns
        -------
        GaussianMixture
            With `weights_`, `means_` and `covariances_` of this one.
        """
        p = self._parameters()
        mixture = GaussianMixture.from_parameters(
            p.weights, p.means, p.covariances, p.covariance_type, random_state=self.random_state,
            n_threads=self.n_threads,
        )  # fmt: skip
        if hasattr(self, "feature_names_in_"):
            mixture.feature_names_in_ = self.feature_names_in_
        return mixture

    _explicit = mean_mixture

    # ---- files

    def save(self, path: Path) -> None:
        """Write the fitted mixture and its settings to `path`; as `GaussianMixture.save`, whose errors it raises."""
        _persistence.write(path, *self._filed())

    def _filed(self):
        """What is kept of this mixture: (about, arrays)."""
        check_is_fitted(self)
        numbers = [self.weight_concentration_prior_, self.mean_precision_prior_, self.degrees_of_freedom_prior_]
        return _persistence.described(self, LAYOUT, prior_numbers=np.array(numbers, dtype=np.float64))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a mixture that `save` wrote; as `GaussianMixture.load`, whose errors it raises."""
        return cls._restored(*_persistence.read(path, LAYOUT), repr(str(path)))

    @classmethod
    def _restored(cls, about, arrays, where):
        """The mixture that `_filed` described."""
        settings = {name: arrays[name] for name in LAYOUT.settings if name in arrays}
        settings |= {name: float(value) for name, value in settings.items() if value.ndim == 0}
        model = cls(**about["settings"], **settings)
        try:
            model._validate_params()
            means, counts = arrays["means_"], arrays["counts_"]
            K, d = model.n_components, means.shape[-1]
            concentration, precision, dof = arrays["prior_numbers"]
            structure = learning.structure_of(model.covariance_type)
            scale_shape = {"full": (d, d), "tied": (d, d), "diag": (d,), "spherical": ()}[model.covariance_type]
            expected = {
                "means_": (K, d), "counts_": (K,), "mean_prior_": (d,), "covariance_prior_": scale_shape,
                "covariances_": structure.shape(K, d), "precisions_cholesky_": structure.factor_shape(K, d),
            }  # fmt: skip
            for name, shape in expected.items():
                if arrays[name].shape != shape:
                    raise ValueError(f"{name} has shape {arrays[name].shape}, not {shape}")
            if not (concentration > 0.0 and precision > 0.0 and dof > d - 1 and (counts >= 0.0).all()):
                raise ValueError("concentration, precision, degrees of freedom and counts must be positive")
            scale = arrays["covariance_prior_"]
            check_parameters(
                [1.0], means[:1], scale[None],
                "full" if scale.ndim == 2 else "diag" if scale.ndim else "spherical",
            )  # fmt: skip
            centre = check_parameters(np.full(K, 1.0 / K), means, arrays["covariances_"], model.covariance_type)
            _persistence.check_factors(centre, arrays["precisions_cholesky_"])
            names = about["feature_names_in_"]
            if names and len(names) != d:
                raise ValueError(f"{len(names)} feature names for {d} features")
        except ValueError as error:
            raise ValueError(f"{where} does not hold a valid mixture: {error}") from None
        model.n_features_in_ = d
        if names:
            model.feature_names_in_ = np.array(names, dtype=object)
        process = model.weight_concentration_prior_type == PROCESS
        prior = BayesianPrior(float(concentration), process, arrays["mean_prior_"], float(precision), float(dof), scale)
        ridge = arrays.get("reg_covar_", np.zeros(()))
        model.reg_covar_ = ridge if ridge.ndim else float(ridge)
        model._adopt_prior(prior)
        centre = centre._replace(weights=counts, precisions_cholesky=arrays["precisions_cholesky_"])
        model._adopt(Variational(prior, model.reg_covar_).completed(centre))
        model.converged_, model.n_iter_ = about["converged_"], about["n_iter_"]
        values = arrays["lower_bounds_"]
        model.lower_bounds_, model.lower_bound_ = values.tolist(), float(arrays["lower_bound_"])
        model.history_, model.restarts_ = History(values, None), Table(about["restarts_"])
        return model

    # ---- what the posterior tells

    @property
    def n_components_(self) -> int:
        """Number of components that are in use: those with an expected count of one sample or more."""
        return int(np.count_nonzero(self.counts_ >= 1.0))

    def predictive_log_density(self, X: ArrayLike) -> FloatArray:
        """Log-density of new samples given the data, natural logarithm: a mixture of Student-t distributions.

        The parameters are integrated out under the posterior; the weights are their expectations.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Of an array or data frame of Dask the result is an array of Dask, as that of `score_samples`.

        Returns
        -------
        ndarray of shape (n_samples,)

        Notes
        -----
        Costs O(n K d²) for 'full' and 'tied', O(n K d) for 'diag' and 'spherical'; memory independent of n.
        """
        check_is_fitted(self)
        if _blocks.is_lazy(X):
            return _blocks.scores(self, "predictive_log_density", X)
        X = check_samples(self, X, reset=False)
        structure, (K, d) = learning.structure_of(self.covariance_type), self.means_.shape
        b = self.mean_precision_
        dof = np.broadcast_to(self.degrees_of_freedom_ * (K if structure.model is Tied else 1.0), K)
        matrices = structure.model in (Full, Tied)
        # A Student-t distribution of `size` features at a time, `together` of them.
        size = d if structure.model is not Diagonal else 1
        nu = dof + 1.0 - d if matrices else dof * (d if structure.model is Spherical else 1.0)
        # Σ̂ = Ψ / ν of the Wishart distribution, d ν of them for spherical; its scale matrix Ψ (1 + β) / (β nu).
        wishart = dof * (d if structure.model is Spherical else 1.0)
        stretch = wishart / nu * (1.0 + b) / b
        log_det = structure.log_det(structure.transposed(self.precisions_cholesky_), d)  # log det W of Σ̂
        constant = d // size * (gammaln(0.5 * (nu + size)) - gammaln(0.5 * nu)) - 0.5 * d * np.log(nu * np.pi)
        constant = constant + log_det - 0.5 * d * np.log(stretch) + np.log(self.weights_)
        result = np.empty(X.shape[0])
        for low in range(0, X.shape[0], SLAB):
            rows = np.asarray(X[low : low + SLAB], dtype=np.float64)
            log_joint = np.empty((len(rows), K))
            for k in range(K):
                offsets = rows - self.means_[k]
                if matrices:
                    factor = self.precisions_cholesky_ if structure.model is Tied else self.precisions_cholesky_[k]
                    squares = ((offsets @ factor) ** 2).sum(axis=1)
                elif structure.model is Diagonal:
                    squares = (offsets * self.precisions_cholesky_[k]) ** 2
                else:
                    squares = (offsets**2).sum(axis=1) * self.precisions_cholesky_[k] ** 2
                terms = np.log1p(squares / (nu[k] * stretch[k]))
                terms = terms.sum(axis=1) if terms.ndim == 2 else terms
                log_joint[:, k] = constant[k] - 0.5 * (nu[k] + size) * terms
            result[low : low + SLAB] = logsumexp(log_joint, axis=1)
        return result

    def sample_parameters(self, n_samples: int = 1, random_state: Seed = None) -> ParameterSample:
        """Draw weights, means and covariances from the posterior.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState, Generator or None, default=None
            None: the constructor's `random_state`.

        Returns
        -------
        ParameterSample
            A named tuple: ``weights`` (n_samples, K), ``means`` (n_samples, K, d) and ``covariances``, one more axis
            than `covariances_`. The weights of sticks are scaled to sum to 1.

        Raises
        ------
        ValueError
            If n_samples is not a positive integer.
        """
        check_is_fitted(self)
        if isinstance(n_samples, bool) or not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples must be a positive integer; got {n_samples!r}")
        rng = random_generator(self.random_state if random_state is None else random_state)
        structure, (K, d) = learning.structure_of(self.covariance_type), self.means_.shape
        weights = self._draw_weights(n_samples, rng)
        shared = structure.model is Tied
        dof = np.broadcast_to(self.degrees_of_freedom_ * (K if shared else 1.0), 1 if shared else K)
        normal = rng.standard_normal(size=(n_samples, K, d))
        precision = np.sqrt(self.mean_precision_)[:, None]
        if structure.model in (Full, Tied):
            # Bartlett: Λ = U Uᵀ with U = P A / √ν, A lower triangular with χ² on its diagonal, P Pᵀ = Σ̂⁻¹.
            bartlett = np.tril(rng.standard_normal(size=(n_samples, len(dof), d, d)), -1)
            degrees = dof[:, None] - np.arange(d)
            np.einsum("nkii->nki", bartlett)[...] = np.sqrt(
                rng.chisquare(np.broadcast_to(degrees, (n_samples, *degrees.shape)))
            )
            root = self.precisions_cholesky_ / np.sqrt(dof)[:, None, None] @ bartlett
            inverse = np.swapaxes(np.linalg.solve(root, np.broadcast_to(np.eye(d), root.shape)), -1, -2)
            means = (
                self.means_
                + np.einsum("nkij,nkj->nki", np.broadcast_to(inverse, (n_samples, K, d, d)), normal) / precision
            )
            covariances = inverse @ np.swapaxes(inverse, -1, -2)
            return ParameterSample(weights, means, covariances[:, 0] if shared else covariances)
        wishart = dof * (d if structure.model is Spherical else 1.0)
        if structure.model is Diagonal:
            wishart = np.broadcast_to(wishart[:, None], (K, d))
        chi = rng.chisquare(np.broadcast_to(wishart, (n_samples, *wishart.shape)))
        covariances = self.covariances_ * wishart / chi
        deviations = np.sqrt(covariances if structure.model is Diagonal else covariances[:, :, None])
        return ParameterSample(weights, self.means_ + normal * deviations / precision, covariances)

    def _draw_weights(self, n_samples, rng):
        if self.weight_concentration_prior_type != PROCESS:
            return rng.dirichlet(self.weight_concentration_, size=n_samples)
        one, rest = self.weight_concentration_
        sticks = rng.beta(one, rest, size=(n_samples, len(one)))
        left = np.cumprod(1.0 - sticks, axis=1)
        weights = sticks * np.concatenate([np.ones((n_samples, 1)), left[:, :-1]], axis=1)
        return weights / weights.sum(axis=1, keepdims=True)

    def weights_interval(self, level: float = 0.9) -> FloatArray:
        """Credible interval of each weight: its quantiles (1 - level) / 2 and (1 + level) / 2 under the posterior.

        Parameters
        ----------
        level : float, default=0.9

        Returns
        -------
        ndarray of shape (n_components, 2)
            Of a Dirichlet distribution exact; of sticks from 20 000 draws, the same at each call.

        Raises
        ------
        ValueError
            If the level is not between 0 and 1.

        Notes
        -----
        A mean-field posterior does not know how parameters and assignments depend on each other, so that its intervals
        are too narrow where components overlap.
        """
        check_is_fitted(self)
        if isinstance(level, bool) or not isinstance(level, Real) or not 0.0 < level < 1.0:
            raise ValueError(f"level must be a number between 0 and 1; got {level!r}")
        tails = np.array([0.5 * (1.0 - level), 0.5 * (1.0 + level)])
        if self.weight_concentration_prior_type != PROCESS:
            alpha = self.weight_concentration_
            return beta.ppf(tails[None], alpha[:, None], (alpha.sum() - alpha)[:, None])
        return np.quantile(self._draw_weights(STICKS, np.random.default_rng(0)), tails, axis=0).T


def _documentation():
    """Of the constructor's parameters: the shared ones from the table of settings."""
    own = {
        "covariance_type": "{'full', 'tied', 'diag', 'spherical'}, default='full'",
        "weight_concentration_prior_type": """{'dirichlet_process', 'dirichlet_distribution'}
        Default 'dirichlet_process'. Weights from stick-breaking, cut off at n_components, or from a Dirichlet
        distribution.""",
        "weight_concentration_prior": """float, default=None
        α₀, that of the process or of each component. Small values leave more components empty. None: 1 /
        n_components.""",
        "mean_precision_prior": """float, default=None
        β₀: as many samples as the prior mean is worth. None: 1.""",
        "mean_prior": """array-like of shape (n_features,), default=None
        m₀. None: the mean of X.""",
        "degrees_of_freedom_prior": """float, default=None
        ν₀ > n_features - 1. None: n_features.""",
        "covariance_prior": """float or array-like, default=None
        Ψ₀, in the shape of one covariance. None: the covariance of X (divisor n - 1), its diagonal or its mean
        variance.""",
    }
    texts = {"n_components": SETTINGS["n_components"].text, **own}
    texts |= {name: SETTINGS[name].text for name in _SHARED if name != "n_components"}
    texts["reg_covar"] = """float or 'auto', default=1e-6
        Variance of the noise that every sample is taken to have; in the squared units of the data. 'auto': a millionth
        of each feature's own variance."""
    texts["n_init"] = """int, default=1
        The number of starts; the fit with the largest bound is kept."""
    texts["tol"] = """float, default=1e-3
        Iterations stop when the bound, that of all samples, changes by less than this."""
    return "\n".join(f"    {name} : {text}" for name, text in texts.items()).lstrip()


if BayesianGaussianMixture.__doc__:  # python -OO drops it
    BayesianGaussianMixture.__doc__ = BayesianGaussianMixture.__doc__.replace("{settings}", _documentation())


def _present(sample_weight, X, n_components, observed=None):
    """(X, weights, row numbers) of the samples with weight and values; weights count samples and are not scaled."""
    if sample_weight is None:
        present, rows = X, None
        if observed is not None and not observed.all():
            rows = np.flatnonzero(observed)
            present = X[rows]
    else:
        sample_weight = check_weights_of(sample_weight, X)
        rows = np.flatnonzero(sample_weight if observed is None else sample_weight * observed)
        present, sample_weight = X[rows], sample_weight[rows]
    if len(present) < n_components:
        raise ValueError(
            f"Expected n_samples >= n_components but got n_components = {n_components}, n_samples = {len(present)}"
        )
    return present, sample_weight, rows


def _shaped(value, shape, name):
    try:
        value = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"The parameter '{name}' should hold real numbers, but got {value!r}") from None
    if value.shape != shape:
        raise ValueError(f"The parameter '{name}' should have the shape of {shape}, but got {value.shape}")
    if not np.isfinite(value).all():
        raise ValueError(f"The parameter '{name}' should be finite")
    return value
