"""What mixtures that are fitted by maximum likelihood have in common, whatever their components are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils.validation import check_is_fitted

from gmm import engine, learning
from gmm._types import ArrayLike, FloatArray, Path, Seed
from gmm.estimators import _blocks, _conditional, _levels, _order, _persistence, _summary
from gmm.estimators._errors import check_errors, errors_of
from gmm.estimators._fitting import warn_unless_converged
from gmm.estimators._history import History
from gmm.estimators._hooks import refuse_hooks
from gmm.estimators._interchange import Dictionaries
from gmm.estimators._prior import make_prior
from gmm.estimators._ridge import in_numbers
from gmm.estimators._scored import Scored
from gmm.estimators._table import Table
from gmm.estimators._validation import (
    check_given_values,
    check_initial_values,
    check_no_component_empty,
    check_resp_init,
    check_sample_weight,
    check_samples,
    unmasked,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gmm.estimators._conditional import ConditionalMoments
    from gmm.estimators._levels import DensityLevel
    from gmm.estimators._summary import Summary


class Mixture(Dictionaries, Scored, DensityMixin, BaseEstimator):
    """A mixture with the settings of `GaussianMixture`, or some of them.

    A subclass has ``_layout`` (what its files hold), ``from_parameters``, and ``_search``, ``_adopt``, ``_parameters``,
    ``_n_parameters``, ``_stored``, ``_standard_cdf`` and ``_fall_to``, which say what its components are.
    """

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        refuse_hooks(cls, Mixture)

    @classmethod
    def _with(cls, parameters, settings):
        """A mixture with these parameters, which no fit has found."""
        model = cls(**{"n_components": parameters.n_components, **settings})
        model._validate_params()
        if model.n_components != parameters.n_components:
            raise ValueError(
                f"n_components={model.n_components} does not agree with means of shape {parameters.means.shape}"
            )
        model.n_features_in_ = parameters.n_features
        model._adopt(parameters)
        model._record(converged=False, log_likelihoods=np.empty(0), history=None)
        return model

    # ---- what a subclass may have more

    def _without_noise(self, what):
        """The fitted parameters; a ValueError where they have noise, for there is no `what` with it."""
        return self._parameters()

    def _groups(self):
        """The mixture without noise."""
        return self

    def _more_arrays(self):
        """Arrays for a file beside those of `_layout.fitted`."""
        return {}

    @classmethod
    def _stored_settings(cls, arrays):
        """The settings that a file keeps as arrays."""
        settings = {name: arrays[name] for name in cls._layout.settings if name in arrays}
        if all(name in arrays for name in _persistence.PRIOR):
            scale, dof = (arrays[name] for name in _persistence.PRIOR)
            settings["covariance_prior"] = (scale, float(dof))
        return settings

    # ---- files

    def save(self, path: Path) -> None:
        """Write the fitted mixture and its settings to `path`, a .npz archive of plain arrays.

        No pickle is involved, so that a file from elsewhere can be loaded without running its code. `callback`,
        `resp_init`, a generator in `random_state` and recorded parameters are not stored. The file appears whole or not
        at all; one that is there already is replaced and keeps its mode, and symbolic links are followed.

        Parameters
        ----------
        path : str or os.PathLike
            Used as it is: no ending is added.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If there is nothing to save yet.
        ValueError
            If `precisions_cholesky_` and `covariances_` were set to contradict each other.
        OSError
            If the file cannot be written.
        """
        _persistence.write(path, *self._filed())

    def _filed(self):
        """What is kept of this mixture: (about, arrays)."""
        check_is_fitted(self)
        more = _persistence.prior_arrays(self.covariance_prior) | self._more_arrays()
        return _persistence.described(self, self._layout, **more)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a mixture that `save` wrote.

        Nothing in the file is run, and what it holds is checked before it is used, so that a file from elsewhere can
        do no worse than be wrong.

        Parameters
        ----------
        path : str or os.PathLike

        Returns
        -------
        GaussianMixture
            Or whatever it is that was saved: the class is that of the call.

        Raises
        ------
        ValueError
            If the file is something else, or damaged.
        """
        return cls._restored(*_persistence.read(path, cls._layout), repr(str(path)))

    @classmethod
    def _restored(cls, about, arrays, where):
        """The mixture that `_filed` described."""
        model = cls(**about["settings"] | cls._stored_settings(arrays))
        try:
            model._validate_params()
            # The stored factors, so that scores are the same to the last digit.
            parameters, *others = model._stored(arrays, arrays["precisions_cholesky_"])
            _persistence.check_factors(parameters, parameters.precisions_cholesky)
            if parameters.n_components != model.n_components:
                raise ValueError(f"n_components is {model.n_components}, weights_ has shape {parameters.weights.shape}")
            names = about["feature_names_in_"]
            if names and len(names) != parameters.n_features:
                raise ValueError(f"{len(names)} feature names for {parameters.n_features} features")
            check_initial_values(model, parameters.n_features)
        except ValueError as error:
            raise ValueError(f"{where} does not hold a valid mixture: {error}") from None
        model.n_features_in_ = parameters.n_features
        if names:
            model.feature_names_in_ = np.array(names, dtype=object)
        model._adopt(parameters, *others)
        model._record(about["converged_"], arrays["lower_bounds_"], None, about["restarts_"])
        if _persistence.RIDGE in arrays:
            ridge = arrays[_persistence.RIDGE]
            model.reg_covar_ = ridge if ridge.ndim else float(ridge)
        model.n_iter_, model.lower_bound_ = about["n_iter_"], float(arrays["lower_bound_"])
        return model

    # ---- fitting

    def fit(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Estimate the parameters with the EM algorithm.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Float32, integer, strided or memory-mapped arrays are read in place, without a copy. Arrays and data frames
            of Dask are fitted where their blocks are (``pip install gmm-book[dask]``), as `fit_batches` fits batches:
            each iteration brings K(1 + d + d²) numbers of each block, and the result has the same bits whatever works
            on them. A block has to fit into memory. Blocks that are not kept are made anew in each pass; of those that
            are (`persist`) Dask writes to disk what has no room in its workers' memory, and reads it in each pass.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. A weight of 2 is the same as a sample that stands there twice, 0 the same as one that
            is absent; a common factor changes nothing.

        Returns
        -------
        GaussianMixture
            This object. After an error it is what it was before the call.

        Raises
        ------
        ValueError
            For input that cannot be fitted, naming the argument, before any work.
        CollapsedComponentError
            A ValueError that names a component whose covariance became singular.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If the best initialisation did not reach `tol` within `max_iter` iterations, or (as
            CollapsedComponentWarning) if a component describes a single location.
        """
        self._fit(X, sample_weight)
        return self

    def _fit(self, X, sample_weight, error_covariances=None):
        """Fit and return the checked X. Attributes change only when all is done."""
        self._validate_params()
        if _blocks.is_lazy(X):
            return self._fit_lazy(X, sample_weight, error_covariances)
        with self._unchanged_on_failure():
            X = check_samples(self, X, reset=True, min_samples=2, missing=self.missing)
            observed = self._observed(X)
            errors = None if error_covariances is None else check_errors(error_covariances, X)
            learning.structure_of(self.covariance_type).check_features(X.shape[1])
            resp = check_resp_init(self.resp_init, X.shape[0], self.n_components, self.noise)
            present, scaled_weight, row_numbers = check_sample_weight(sample_weight, X, self.n_components, observed)
            resp = resp if resp is None or row_numbers is None else resp[row_numbers]
            check_no_component_empty(resp, self.n_components, self.noise)
            unit = 1.0
            if scaled_weight is not None:
                first = 0 if row_numbers is None else row_numbers[0]
                unit = scaled_weight[0] / np.asarray(sample_weight, dtype=np.float64).ravel()[first]
            self._learn(
                lambda: self._source(present, scaled_weight, observed, errors_of(errors, row_numbers)),
                present, scaled_weight, row_numbers, unit, resp=resp, trees=getattr(self, "_trees", None),
            )  # fmt: skip
        return X

    def _learn(self, make_source, X, sample_weight, row_numbers, unit, **options):
        """Fit the samples of a source; X, weights and row numbers are of those from which starts are drawn.

        `unit` is what one sample counts, for the prior is scaled as the weights are.
        """
        initial = check_initial_values(self, X.shape[1])
        resume = self._resume(X.shape[1])
        # Values near the ends of float64's range: the search itself looks at what comes out.
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            source = make_source()
            prior = self._prior(source, unit)
            ridge = in_numbers(self.reg_covar, source)
            search = self._search(
                X, sample_weight, row_numbers, initial, resume, ridge=ridge, prior=prior, source=source, **options
            )
            best = search.best()
        self._adopt(best.parameters, search.box)
        self.reg_covar_ = ridge
        self._record(best.converged, best.log_likelihoods, best.history, search.rows)
        warn_unless_converged(best, self.max_iter)

    def _fit_batches(self, batches):
        """Fit checked `gmm.estimators._batches.Batches`."""
        learning.structure_of(self.covariance_type).check_features(batches.n_features)
        self._learn(batches.source, batches.X, batches.sample_weight, batches.row_numbers, batches.unit)

    def _source(self, X, sample_weight, observed, errors):
        """The source of these samples."""
        if errors is not None:
            return learning.DeconvolutionSource(X, errors, sample_weight, self.n_threads)
        kind = learning.ArraySource if observed is None else learning.PatternSource
        return kind(X, sample_weight, self.n_threads)

    def _prior(self, source, unit):
        """Return the prior on the covariances, or None."""
        if self.covariance_prior is None:
            return None
        return make_prior(self.covariance_prior, source, self.n_features_in_, self.n_components, unit)

    def _resume(self, n_features):
        """Parameters and lower bound to go on from, or None."""
        if not (self.warm_start and hasattr(self, "converged_")):
            return None
        parameters = self._parameters()
        expected = parameters.structure.factor_shape(self.n_components, n_features)
        shapes = (parameters.means.shape, parameters.precisions_cholesky.shape)
        if shapes != ((self.n_components, n_features), expected):
            raise ValueError(
                f"warm_start=True goes on from the last fit, whose means have shape {shapes[0]} and precisions "
                f"{shapes[1]}; n_components={self.n_components}, covariance_type={self.covariance_type!r} and X with "
                f"{n_features} features do not agree with it. Fit with warm_start=False"
            )
        return parameters, self.lower_bound_

    def _record(self, converged, log_likelihoods, history, restarts=()):
        self.converged_ = bool(converged)
        self.n_iter_ = len(log_likelihoods)
        self.lower_bound_ = float(log_likelihoods[-1]) if self.n_iter_ else -np.inf
        self.lower_bounds_ = log_likelihoods.tolist()
        self.history_ = History(log_likelihoods, history)
        self.restarts_ = Table(restarts)

    def _density(self):
        """The fitted mixture as the engine takes it."""
        return self._parameters().density()

    @property
    def n_parameters_(self) -> int:
        return self._n_parameters()

    # ---- the order of the components

    def sorted(self, by: Literal["weight"] | int | str | Sequence[int] = "weight") -> Self:
        """Return this mixture with its components in another order.

        The order in which EM finds components is that of its start. This one is the same from fit to fit as long as
        the components are, so that labels can be compared.

        Parameters
        ----------
        by : 'weight', int, str or sequence of int, default='weight'
            'weight': the largest weight first. The index or the name of a feature: the smallest mean of that feature
            first. The numbers of the components: ``by[i]`` becomes component i. Equals keep their order.

        Returns
        -------
        GaussianMixture
            A new mixture. Parameters, labels, the columns of `predict_proba`, recorded parameters in ``history_`` and
            those of the best start in ``restarts_`` follow; the settings are the same, so that another `fit` finds an
            order of its own (with ``warm_start=True`` it keeps this one).

        Raises
        ------
        ValueError
            If `by` is none of these.

        Examples
        --------
        >>> mixture = GaussianMixture.from_parameters([0.2, 0.8], [[5.0], [3.0]], [[[1.0]], [[2.0]]])
        >>> mixture.sorted().weights_
        array([0.8, 0.2])
        >>> mixture.sorted(by=0).means_[:, 0]
        array([3., 5.])
        """
        check_is_fitted(self)
        return _order.reordered(self, _order.component_order(self, by))

    # ---- distributions of some of the features

    def conditional_moments(
        self, features: int | str | Sequence[int | str], values: ArrayLike, *, return_cov: bool = True
    ) -> ConditionalMoments:
        r"""Mean and covariance of the other features, given the values of these, for many rows at once.

        This is regression with a mixture: with the weights :math:`w_k`, means :math:`m_k` and covariances :math:`C_k`
        of :math:`p(x_a \mid x_b)`, which `conditional` gives for one row,

        .. math::

            \operatorname E[x_a \mid x_b] = \sum_k w_k m_k, \qquad
            \operatorname{Cov}[x_a \mid x_b] = \sum_k w_k \bigl(C_k + (m_k - \operatorname E)(m_k - \operatorname
            E)^\mathsf{T}\bigr).

        Parameters
        ----------
        features : int, str or sequence of these
            Indices or names of the given features.
        values : array-like of shape (n_samples, len(features))
            Their values, one row for each sample; the columns of a data frame are to have the order of `features`.
        return_cov : bool, default=True
            False leaves the covariances out, and ``covariance`` is None.

        Returns
        -------
        ConditionalMoments
            A named tuple: ``mean`` of shape (n_samples, n_free), ``covariance`` of shape (n_samples, n_free, n_free) in
            the products of the features' units, and ``weights`` of shape (n_samples, n_components), the probability of
            each component given x_b. The other features stand in their original order.

        Raises
        ------
        ValueError
            If `values` has another shape, is not finite, or has a row so far away that its log-density leaves the range
            of float64 under every component; of t distributions also where a component has no covariance.

        Notes
        -----
        Costs O(n K d²) for 'full' and 'tied', O(n K d) for 'diag' and 'spherical', and O(n K a²) for the covariances of
        a free features; everything is done as in `conditional`, without an inverse and in the log domain.

        Examples
        --------
        >>> from gmm import GaussianMixture
        >>> covariances = [[[1.0, 0.8], [0.8, 1.0]], [[1.0, -0.8], [-0.8, 1.0]]]
        >>> mixture = GaussianMixture.from_parameters([0.5, 0.5], [[-3.0, 0.0], [3.0, 0.0]], covariances)
        >>> moments = mixture.conditional_moments(0, [[-4.0], [0.0], [4.0]])
        >>> moments.mean[:, 0].round(3)
        array([-0.8,  2.4, -0.8])
        >>> moments.covariance[:, 0, 0].round(3)
        array([0.36, 0.36, 0.36])
        """
        given, free = self._given_and_free(features)
        names = getattr(self, "feature_names_in_", None)
        values = check_given_values(values, len(given), None if names is None else names[given])
        conditional = _conditional.of(self._parameters(), given, free)
        return _conditional.conditional_moments(conditional, values, return_cov)

    def _given_and_free(self, features):
        self._without_noise("conditional")
        given = self._features(features)
        free = [feature for feature in range(self.n_features_in_) if feature not in given]
        if not free:
            raise ValueError("features must leave at least one feature free; all were given")
        return given, free

    def _conditional_on(self, features, values):
        """(p(x_a | x_b), the other features a, and what `Conditional.at` says of it for one row of values)."""
        given, free = self._given_and_free(features)
        values = np.atleast_1d(np.asarray(unmasked(values, "values"), dtype=np.float64))
        if values.shape != (len(given),):
            hint = ". conditional_moments takes many rows at once" if values.ndim == 2 else ""
            raise ValueError(f"values must have shape ({len(given)},), one for each feature; got {values.shape}{hint}")
        if not np.isfinite(values).all():
            raise ValueError(f"values must be finite; got {values}")
        conditional = _conditional.of(self._parameters(), given, free)
        weights, means, squares = conditional.at(values[None])
        if not np.isfinite(weights).all():
            raise ValueError(
                "values are so far from every component that their log-density leaves the range of float64; "
                f"got {values}"
            )
        return conditional, free, weights[0], means[0], squares[0]

    def _features(self, features):
        return _conditional.feature_indices(features, self.n_features_in_, getattr(self, "feature_names_in_", None))

    def _derived(self, *parameters, features):
        """A mixture of these features with parameters as `from_parameters` takes them."""
        model = type(self).from_parameters(*parameters, random_state=self.random_state, n_threads=self.n_threads)
        if hasattr(self, "feature_names_in_"):
            model.feature_names_in_ = self.feature_names_in_[list(features)]
        return model

    def cdf(self, X: ArrayLike, *, upper: bool = False) -> FloatArray:
        r"""Cumulative probability of a mixture of one feature, P(x ≤ X), or P(x > X) with ``upper=True``.

        .. math:: F(x) = \sum_k \pi_k \, \Phi\Bigl(\frac{x - \mu_k}{\sigma_k}\Bigr)

        with the standard Gaussian's distribution function Φ, or that of Student's t.

        A small probability keeps its digits in either tail. Of one feature among many: ``mixture.marginal(j).cdf(x)``.

        Parameters
        ----------
        X : array-like of shape (n_samples, 1)
        upper : bool, default=False

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If the mixture has more than one feature, or X does not fit.
        """
        parameters = self._without_noise("cdf")
        if parameters.n_features != 1:
            raise ValueError(
                f"cdf is that of one feature, and the mixture has {parameters.n_features}; take marginal(feature)"
            )
        X = np.asarray(check_samples(self, X, reset=False), dtype=np.float64)
        z = (X - parameters.means[:, 0]) / np.sqrt(parameters.matrices[:, 0, 0])
        return self._standard_cdf(-z if upper else z) @ parameters.weights

    def density_level(self, coverage: ArrayLike, *, n_samples: int = 100_000, random_state: Seed = 0) -> DensityLevel:
        r"""Level of the log-density above which this much of the probability lies.

        .. math:: \Pr\bigl(\log p(x) \ge t\bigr) = c

        Where the density is at least :math:`e^t` is the region of highest density: no smaller region holds the
        probability c. It may have several parts.

        Parameters
        ----------
        coverage : float or array-like
            The probability c, between 0 and 1, or several.
        n_samples : int, default=100_000
            Draws of which the level is a quantile; with one component it is exact, and nothing is drawn.
        random_state : int, RandomState, Generator or None, default=0
            Seeds the draws: the same level at each call.

        Returns
        -------
        DensityLevel
            A named tuple: ``level``, natural logarithm, ``standard_error`` of the level, and ``coverage_error``, the
            standard error of the probability that its region holds, :math:`\sqrt{c(1-c)/n}`.

        Raises
        ------
        TypeError
            If `coverage` holds no numbers or `n_samples` is no integer.
        ValueError
            If a coverage is not strictly between 0 and 1, or so close to either that fewer than ten draws lie beyond.

        Notes
        -----
        With one component the squared Mahalanobis distance is chi-squared with d degrees of freedom, so that t is the
        log-density at the mean less half the quantile. :func:`gmm.plot.density_regions` draws the regions.

        References
        ----------
        Hyndman, R. J. (1996), Computing and graphing highest density regions.

        Examples
        --------
        >>> import gmm
        >>> mixture = gmm.GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [6.0]], [[[1.0]], [[1.0]]])
        >>> found = mixture.density_level(0.9)
        >>> mixture.score_samples([[0.0], [3.0]]) >= found.level  # the valley between the two is outside
        array([ True, False])
        """
        return _levels.density_level(self, coverage, n_samples, random_state)

    # ---- an account and a picture

    def summary(self, X: ArrayLike | None = None) -> Summary:
        """Return an account of the mixture to print or to show: its size, its components, what to be careful about.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            With samples it says also how many each component has, how certain their assignment is (the mean of their
            largest responsibility), and its entropy.

        Returns
        -------
        Summary
            Plain text when printed, a table in a notebook. Each component has its weight, its nearest neighbour (the
            distance of the means in standard deviations, with the mean of both covariances), its ellipse (the standard
            deviations along the longest and the shortest axis, and in two features the angle of the longest one from
            the axis of the first) and, for each feature, mean ± standard deviation. Of t distributions the scale
            matrices stand for the covariances, beside the degrees of freedom.
        """
        parameters = self._parameters()
        if X is not None:
            X = check_samples(self, X, reset=False)
        return _summary.summary(self, parameters, X)

    def plot(
        self,
        X: ArrayLike | None = None,
        features: int | str | Sequence[int | str] | None = None,
        *,
        ax: Axes | None = None,
        **options: Any,
    ) -> Axes:
        """Draw the mixture, with data if given: `gmm.plot.fitted` of its marginal.

        In two features the samples in the colour and marker of their component, with its ellipses; in one, the
        densities over a histogram. Samples are assigned by all features, whichever are drawn.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            All features of the samples.
        features : int, str or sequence of these, default=None
            Indices or names of one feature or two. None: the first two, or the only one.
        ax : matplotlib.axes.Axes, default=None
            None: the current one, or that of a new figure if something is drawn there.
        **options
            Of `gmm.plot.fitted`: ``radii``, ``size``, ``axis_labels``.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            If more than two features are asked for, or X does not fit.
        """
        parameters = self._parameters()
        chosen = list(range(min(2, parameters.n_features))) if features is None else self._features(features)
        if len(chosen) > 2:
            raise ValueError(f"features must be one feature or two; got {len(chosen)}")
        if X is not None:
            X = check_samples(self, X, reset=False)
            options = {"labels": engine.predict(X, parameters.density(), n_threads=self.n_threads), **options}
            X = X[:, chosen]
        names = getattr(self, "feature_names_in_", [f"feature {feature}" for feature in range(parameters.n_features)])
        from gmm import plot  # here, because it loads matplotlib

        options = {"axis_labels": [names[feature] for feature in chosen], **options}
        return plot.fitted(self._groups().marginal(chosen), X, ax=ax, **options)

    # ---- criteria

    def bic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Bayesian information criterion on X, -2 ℓ + p log n with p free parameters; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample stands there: ℓ = Σ_i w_i log p(x_i) and n = Σ_i w_i, so that a weight of 2 is
            the same as a repeated row. Weights that are no counts have to be scaled to the sum that their information
            is worth.

        Returns
        -------
        float
        """
        return self._criteria(X, sample_weight)["bic"]

    def aic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Akaike's information criterion on X, -2 ℓ + 2 p with p free parameters; the lower the better.

        Parameters and result are those of `bic`.
        """
        return self._criteria(X, sample_weight)["aic"]

    def icl(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Integrated completed likelihood on X, BIC - 2 Σ_ik w_i r_ik log r_ik; the lower the better.

        Parameters and result are those of `bic`.
        """
        return self._criteria(X, sample_weight, entropy=True)["icl"]

    def _criteria(self, X, sample_weight=None, entropy=False, error_covariances=None):
        """Log-likelihood, aic, bic and, if asked for its entropy, icl and two sizes of each component, as a dict."""
        from gmm.formulas.criteria import aic_kernel, bic_kernel  # here: a fit needs none of the book's kernels

        total, p = self._totals(X, sample_weight, error_covariances, entropy), self._n_parameters()
        found = {
            "log_likelihood": total.log_likelihood,
            "aic": aic_kernel(total.log_likelihood, p),
            "bic": bic_kernel(total.log_likelihood, p, total.weight),
        }
        if entropy:
            found |= {"icl": found["bic"] + 2.0 * total.entropy, "counts": total.counts, "sizes": total.sizes}
        return found
