"""`GaussianMixture`: scikit-learn's estimator on the compiled engine, and what a mixture can do beyond it."""

from __future__ import annotations

import math
from numbers import Integral

import numpy as np
from scipy.special import ndtr
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils.validation import check_is_fitted

from gmm import engine, learning
from gmm.estimators import _adaptation, _conditional, _levels, _order, _persistence, _summary
from gmm.estimators._fitting import Search, warn_unless_converged
from gmm.estimators._history import History
from gmm.estimators._hooks import refuse_hooks
from gmm.estimators._noise import LABEL, make_noise, renewed
from gmm.estimators._prior import make_prior
from gmm.estimators._ridge import in_numbers
from gmm.estimators._scored import Scored
from gmm.estimators._settings import CONSTRAINTS, DOCUMENTATION, are_plain
from gmm.estimators._table import Table
from gmm.estimators._validation import (
    check_fixed,
    check_given_values,
    check_initial_values,
    check_no_component_empty,
    check_parameters,
    check_resp_init,
    check_sample_weight,
    check_samples,
    check_weights_of,
    random_generator,
    unmasked,
)


class GaussianMixture(Scored, DensityMixin, BaseEstimator):
    """A mixture of Gaussian distributions, fitted by expectation-maximization.

    Constructor, methods, fitted attributes and error messages are those of scikit-learn's ``GaussianMixture``, which it
    replaces without other changes. It works on differences x - μ throughout, so data far from the origin lose no
    digits; float32 and integer input is accumulated in float64, and the parameters are always float64. Results do not
    depend on the number of threads.

    Parameters
    ----------
    {settings}

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Mixing weights π_k.
    means_ : ndarray of shape (n_components, n_features)
        Means μ_k.
    covariances_ : ndarray
        Shape (n_components, n_features, n_features) for 'full', (n_features, n_features) for 'tied', (n_components,
        n_features) for 'diag', (n_components,) for 'spherical'; (n_components, n_features, n_features) for the models
        of mclust, all of them.
    precisions_ : ndarray
        Their inverses, in the same shape.
    precisions_cholesky_ : ndarray
        Upper triangular P with Σ⁻¹ = P Pᵀ, or 1/σ; same shape.
    volume_ : ndarray of shape (n_components,)
        λ_k = ``|Σ_k|^(1/d)``, in the squared units of the data: with `shape_` and `orientation_` the covariances are
        Σ_k = λ_k D_k diag(A_k) D_kᵀ.
    shape_ : ndarray of shape (n_components, n_features)
        A_k, of product 1; in decreasing order, or where the components have their axes in common in the order of these.
    orientation_ : ndarray of shape (n_components, n_features, n_features)
        D_k, orthogonal; its columns are the axes, of which the largest entry is positive. It is the same for all
        components where the structure says so (names that end with E or I; 'tied', 'diag' and 'spherical'), the
        identity where the axes are the features' own, and else the axes are in the order of `shape_`.
    n_parameters_ : int
        The number of free parameters, p in `bic` and `aic`. Noise counts as two, its weight and its volume, as in
        mclust; as one where `noise_volume` was given.
    noise_weight_ : float
        Weight π₀ of the noise; `weights_` sum to 1 - π₀. There is none without `noise`, nor are the next two.
    noise_box_ : gmm.learning.Box
        Where `sample` draws noise from: ``centre``, ``axes`` (its columns) and ``widths``. Its density counts as the
        same beyond the box.
    noise_volume_ : float
        V, the volume of the box in the product of the features' units: noise has the density 1/V.
    reg_covar_ : float or ndarray of shape (n_features,)
        What was added to the diagonals; after `fit` only.
    converged_ : bool
        Whether the best initialisation reached `tol`.
    n_iter_ : int
        Its number of iterations.
    lower_bound_ : float
        Mean log-likelihood per sample (natural logarithm) in its last E-step; with a `covariance_prior` the penalised
        one, (ℓ + Σ_k log p(Σ_k)) / n.
    lower_bounds_ : list of float
        The same for each of its iterations.
    history_ : History
        The same as an array, ``history_.log_likelihoods``, whose entry t belongs to the parameters after t iterations;
        and these, ``history_.parameters``, if they were recorded, else None.
    restarts_ : Table
        What became of every start, in the order in which they were run: a sequence of rows (dicts) that is also a table
        of columns, ``restarts_["lower_bound"]``, and goes into a data frame, ``restarts_.to_frame()``. Columns:
        ``initialisation`` (from 0 to n_init - 1); ``attempt`` (from 0; more than one with ``on_collapse='restart'``);
        ``lower_bound`` (as `lower_bound_`; nan after a singular covariance); ``n_iter``; ``converged``; ``status``
        ('ok', or 'collapsed' if a covariance became singular or holds nothing but `reg_covar`); ``best`` (True for the
        one that was kept); ``reason`` ('' or why it collapsed). With `record_parameters` also ``start`` and
        ``parameters``, each with the arrays `weights`, `means`, `covariances` and `precisions_cholesky`, or None if
        there are none. Empty if there was no fit. A warm start has one row.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X had them.

    Notes
    -----
    One EM iteration costs O(n K d²) for 'full', O(n d (d + K)) for 'tied' and O(n K d) for 'diag' and 'spherical';
    beside X and the start, the memory needed does not grow with n.

    A subclass may override public methods. The private ones that scikit-learn's estimator calls, such as ``_m_step``,
    have no place here; a class that defines one is refused with a TypeError that says what to do instead.

    The starts 'k-means++' and 'random_from_data' have covariances of `reg_covar` alone, so that the first E-step
    assigns each sample to the nearest mean. They have the weights 1/K, where scikit-learn's sum to K/n; the
    responsibilities are the same. With ``reg_covar=0`` they take a covariance from the data, where scikit-learn stops.

    Examples
    --------
    >>> import numpy as np
    >>> from gmm import GaussianMixture
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> mixture = GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> mixture.means_[mixture.means_[:, 0].argsort()].round(6)
    array([[ 1.,  2.],
           [10.,  2.]])
    >>> labels = mixture.predict([[0, 0], [12, 3]])
    >>> bool(labels[0] == labels[1])
    False
    """

    _parameter_constraints: dict = CONSTRAINTS

    def __init__(
        self,
        n_components=1,
        *,
        covariance_type="full",
        tol=1e-3,
        reg_covar=1e-6,
        max_iter=100,
        n_init=1,
        init_params="kmeans",
        weights_init=None,
        means_init=None,
        precisions_init=None,
        resp_init=None,
        random_state=None,
        warm_start=False,
        verbose=0,
        verbose_interval=10,
        on_collapse="raise",
        covariance_prior=None,
        fixed=None,
        missing="raise",
        noise=False,
        noise_volume=None,
        callback=None,
        record_parameters=False,
        n_threads=None,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.resp_init = resp_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.on_collapse = on_collapse
        self.covariance_prior = covariance_prior
        self.fixed = fixed
        self.missing = missing
        self.noise = noise
        self.noise_volume = noise_volume
        self.callback = callback
        self.record_parameters = record_parameters
        self.n_threads = n_threads

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        refuse_hooks(cls, GaussianMixture)

    def _validate_params(self):
        """Check the constructor's parameters."""
        ours = type(self)._parameter_constraints is CONSTRAINTS
        if not (ours and are_plain(self)):
            super()._validate_params()
        if self.noise_volume is not None and not self.noise:
            raise ValueError(f"noise_volume={self.noise_volume!r} is given, and noise is False")
        if self.noise and self.fixed and np.any(self.fixed.get("weights", False)):
            raise ValueError("fixed['weights'] cannot be held with noise=True, whose weight they would fix as well")

    # ---- other ways to come by a mixture

    @classmethod
    def from_parameters(cls, weights, means, covariances, covariance_type="full", **settings):
        """Make a mixture from its parameters; it scores, samples and predicts without a fit.

        Parameters
        ----------
        weights : array-like of shape (n_components,)
            Mixing weights: in [0, 1], summing to 1.
        means : array-like of shape (n_components, n_features)
        covariances : array-like
            In the shape of `covariances_` for `covariance_type`; symmetric positive definite.
        covariance_type : str, default='full'
            As in the constructor.
        **settings
            Further constructor parameters, such as `random_state`.

        Returns
        -------
        GaussianMixture
            With ``n_iter_`` 0 and ``converged_`` False. With ``warm_start=True``, `fit` goes on from these parameters.

        Raises
        ------
        ValueError
            Naming the parameter that has a wrong shape, is not finite, not normalised or not positive definite.
        """
        parameters = check_parameters(weights, means, covariances, covariance_type)
        settings = {"n_components": parameters.n_components, **settings}
        model = cls(covariance_type=covariance_type, **settings)
        model._validate_params()
        if model.n_components != parameters.n_components:
            raise ValueError(
                f"n_components={model.n_components} does not agree with means of shape {parameters.means.shape}"
            )
        model.n_features_in_ = parameters.n_features
        model._adopt(parameters)
        model._record(converged=False, log_likelihoods=np.empty(0), history=None)
        return model

    def save(self, path):
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
        check_is_fitted(self)
        more = _persistence.prior_arrays(self.covariance_prior)
        if self._noise() is not None:
            more |= {"noise_weight_": np.asarray(self.noise_weight_), **_persistence.box_arrays(self.noise_box_)}
        _persistence.write(self, path, **more)

    @classmethod
    def load(cls, path):
        """Read a mixture that `save` wrote.

        Nothing in the file is run, and what it holds is checked before it is used, so that a file from elsewhere can
        do no worse than be wrong.

        Parameters
        ----------
        path : str or os.PathLike

        Returns
        -------
        GaussianMixture

        Raises
        ------
        ValueError
            If the file is something else, or damaged.
        """
        about, arrays = _persistence.read(path)
        settings = {name: arrays.pop(name) for name in _persistence.ARRAY_SETTINGS if name in arrays}
        if all(name in arrays for name in _persistence.PRIOR):
            scale, dof = (arrays.pop(name) for name in _persistence.PRIOR)
            about["settings"]["covariance_prior"] = (scale, float(dof))
        model = cls(**about["settings"], **settings)
        try:
            model._validate_params()
            weights, noise, box = _persistence.noise_of(arrays, model)
            parameters = check_parameters(weights, arrays["means_"], arrays["covariances_"], model.covariance_type)
            if noise is not None:
                parameters = parameters._replace(weights=arrays["weights_"], noise=noise)
            factors = arrays["precisions_cholesky_"]
            _persistence.check_factors(parameters, factors)
            if parameters.n_components != model.n_components:
                raise ValueError(f"n_components is {model.n_components}, weights_ has shape {parameters.weights.shape}")
            names = about["feature_names_in_"]
            if names and len(names) != parameters.n_features:
                raise ValueError(f"{len(names)} feature names for {parameters.n_features} features")
            check_initial_values(model, parameters.n_features)
        except ValueError as error:
            raise ValueError(f"{str(path)!r} does not hold a valid mixture: {error}") from None
        model.n_features_in_ = parameters.n_features
        if names:
            model.feature_names_in_ = np.array(names, dtype=object)
        # The stored factors, so that scores are the same to the last digit.
        model._adopt(parameters._replace(precisions_cholesky=factors), box)
        model._record(about["converged_"], arrays["lower_bounds_"], None, about["restarts_"])
        if _persistence.RIDGE in arrays:
            ridge = arrays[_persistence.RIDGE]
            model.reg_covar_ = ridge if ridge.ndim else float(ridge)
        model.n_iter_, model.lower_bound_ = about["n_iter_"], float(arrays["lower_bound_"])
        return model

    # ---- fitting

    def fit(self, X, y=None, sample_weight=None):
        """Estimate the parameters with the EM algorithm.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Float32, integer, strided or memory-mapped arrays are read in place, without a copy.
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

    def _fit(self, X, sample_weight):
        """Fit and return the checked X. Attributes change only when all is done."""
        self._validate_params()
        with self._unchanged_on_failure():
            if self.noise and self.missing == "marginalise":
                raise ValueError("noise=True needs missing='raise': values that are missing have no place in its box")
            X = check_samples(self, X, reset=True, min_samples=2, missing=self.missing)
            observed = self._observed(X)
            learning.structure_of(self.covariance_type).check_features(X.shape[1])
            resp = check_resp_init(self.resp_init, X.shape[0], self.n_components, self.noise)
            present, scaled_weight, row_numbers = check_sample_weight(sample_weight, X, self.n_components, observed)
            resp = resp if resp is None or row_numbers is None else resp[row_numbers]
            check_no_component_empty(resp, self.n_components, self.noise)
            initial = check_initial_values(self, X.shape[1])
            resume = self._resume(X.shape[1])
            # Values near the ends of float64's range: the search itself looks at what comes out.
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                kind = learning.ArraySource if observed is None else learning.PatternSource
                source = kind(present, scaled_weight, self.n_threads)
                prior = self._prior(source, sample_weight, scaled_weight, row_numbers)
                ridge = in_numbers(self.reg_covar, source)
                box, noise = make_noise(self, present, scaled_weight) if self.noise else (None, None)
                if resume is not None:
                    resume = renewed(resume[0], noise), resume[1]
                fixed = check_fixed(self, initial, resume, X.shape[1])
                search = Search(
                    self, present, scaled_weight, row_numbers, initial, resume, ridge, prior, fixed, resp,
                    getattr(self, "_trees", None), source, noise,
                )  # fmt: skip
                best = search.best()
            self._adopt(best.parameters, box)
            self.reg_covar_ = ridge
            self._record(best.converged, best.log_likelihoods, best.history, search.rows)
            warn_unless_converged(best, self.max_iter)
        return X

    def _prior(self, source, sample_weight, scaled_weight, row_numbers):
        """Return the prior on the covariances, or None. The fit sees scaled weights, and the prior is scaled alike."""
        if self.covariance_prior is None:
            return None
        unit = 1.0
        if scaled_weight is not None:
            first = 0 if row_numbers is None else row_numbers[0]
            unit = scaled_weight[0] / np.asarray(sample_weight, dtype=np.float64).ravel()[first]
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

    def _adopt(self, parameters, box=None):
        """Make these the parameters of this mixture; `box` is that of the noise, None where it keeps its own."""
        if parameters.noise is None:
            self.__dict__.pop("noise_weight_", None)
            self.__dict__.pop("noise_box_", None)
        else:
            self.noise_weight_ = float(parameters.noise.weight)
            self.noise_box_ = self.noise_box_ if box is None else box
        self.weights_ = parameters.weights
        self.means_ = parameters.means
        self.covariances_ = parameters.covariances
        self.precisions_cholesky_ = parameters.precisions_cholesky
        self.precisions_ = learning.precisions(parameters)

    def _record(self, converged, log_likelihoods, history, restarts=()):
        self.converged_ = bool(converged)
        self.n_iter_ = len(log_likelihoods)
        self.lower_bound_ = float(log_likelihoods[-1]) if self.n_iter_ else -np.inf
        self.lower_bounds_ = log_likelihoods.tolist()
        self.history_ = History(log_likelihoods, history)
        self.restarts_ = Table(restarts)

    def _parameters(self):
        """The fitted parameters; read from the attributes, which users may have set."""
        check_is_fitted(self)
        weights, means, factors = (
            np.ascontiguousarray(getattr(self, name), dtype=np.float64)
            for name in ("weights_", "means_", "precisions_cholesky_")
        )
        covariances = getattr(self, "covariances_", None)
        return learning.Parameters(self.covariance_type, weights, means, covariances, factors, self._noise())

    def _noise(self):
        """The fitted noise, or None."""
        if not hasattr(self, "noise_weight_"):
            return None
        return learning.Noise(self.noise_weight_, -self.noise_box_.log_volume, 2 if self.noise_volume is None else 1)

    def _gaussians(self, what):
        """The fitted parameters of a mixture without noise, for `what` there is none with it."""
        parameters = self._parameters()
        if parameters.noise is not None:
            raise ValueError(
                f"{what} is that of Gaussian components, and this mixture has noise: take it of without_noise()"
            )
        return parameters

    def without_noise(self):
        """Return the mixture of the Gaussian components alone, their weights scaled to sum to one.

        Returns
        -------
        GaussianMixture
            For all that a constant density has no part in: `marginal`, `conditional`, `cdf`, `adapt`.
        """
        parameters = self._parameters().without_noise()
        return self._derived(
            parameters.weights, parameters.means, parameters.covariances, self.covariance_type,
            range(parameters.n_features),
        )  # fmt: skip

    @property
    def noise_volume_(self):
        return math.exp(self.noise_box_.log_volume)

    def _density(self):
        """The fitted mixture as the engine takes it."""
        return self._parameters().density()

    def _decomposition(self):
        parameters = self._parameters()
        return learning.decomposition(parameters.matrices, parameters.structure)

    @property
    def volume_(self):
        return self._decomposition()[0]

    @property
    def shape_(self):
        return self._decomposition()[1]

    @property
    def orientation_(self):
        return self._decomposition()[2]

    @property
    def n_parameters_(self):
        return self._n_parameters()

    # ---- the order of the components

    def sorted(self, by="weight"):
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

    def marginal(self, features):
        r"""Return the distribution of some of the features, all others integrated out.

        Each component of the marginal is the marginal of that component,

        .. math:: p(x_a) = \sum_k \pi_k \, \mathcal N(x_a \mid \mu_{k,a}, \Sigma_{k,aa}).

        Parameters
        ----------
        features : int, str or sequence of these
            Indices or names, in the order in which the marginal is to have them.

        Returns
        -------
        GaussianMixture
            A mixture over these features, with the same weights and `covariance_type`; for a model of mclust that is
            'full', 'tied', 'diag' or 'spherical', as its matrices are.
        """
        parameters = self._gaussians("marginal")
        chosen = self._features(features)
        return self._derived(*_conditional.marginal(parameters, chosen), features=chosen)

    def conditional(self, features, values):
        r"""Return the distribution of the other features, given the values of these.

        With b the given features and a the others,

        .. math::

            p(x_a \mid x_b) = \sum_k \pi'_k \, \mathcal N(x_a \mid \mu'_k, \Sigma'_k), \qquad
            \pi'_k \propto \pi_k \, \mathcal N(x_b \mid \mu_{k,b}, \Sigma_{k,bb}),

            \mu'_k = \mu_{k,a} + \Sigma_{k,ab} \Sigma_{k,bb}^{-1} (x_b - \mu_{k,b}), \qquad
            \Sigma'_k = \Sigma_{k,aa} - \Sigma_{k,ab} \Sigma_{k,bb}^{-1} \Sigma_{k,ba}.

        Both are read off the Cholesky factor of :math:`\Sigma_k` with the given features first: with the blocks
        :math:`L_{bb}, L_{ab}, L_{aa}` and :math:`z = L_{bb}^{-1}(x_b - \mu_b)` they are :math:`\mu_a + L_{ab} z` and
        :math:`L_{aa} L_{aa}^\mathsf{T}`. Nothing is inverted, and :math:`\Sigma'_k` cannot lose its definiteness to
        cancellation. The new weights are computed in the log domain.

        Parameters
        ----------
        features : int, str or sequence of these
            Indices or names of the given features.
        values : float or array-like of shape (len(features),)
            Their values.

        Returns
        -------
        GaussianMixture
            A mixture over the other features, in their original order.
        """
        given, free = self._given_and_free(features)
        values = np.atleast_1d(np.asarray(unmasked(values, "values"), dtype=np.float64))
        if values.shape != (len(given),):
            hint = ". conditional_moments takes many rows at once" if values.ndim == 2 else ""
            raise ValueError(f"values must have shape ({len(given)},), one for each feature; got {values.shape}{hint}")
        if not np.isfinite(values).all():
            raise ValueError(f"values must be finite; got {values}")
        conditional = _conditional.Conditional(self._parameters(), given, free)
        weights, means = conditional.at(values[None])
        if not np.isfinite(weights).all():
            raise ValueError(
                "values are so far from every component that their log-density leaves the range of float64; "
                f"got {values}"
            )
        return self._derived(weights[0], means[0], conditional.covariances, conditional.covariance_type, free)

    def conditional_moments(self, features, values, *, return_cov=True):
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
            of float64 under every component.

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
        conditional = _conditional.Conditional(self._parameters(), given, free)
        return _conditional.conditional_moments(conditional, values, return_cov)

    def _given_and_free(self, features):
        self._gaussians("conditional")
        given = self._features(features)
        free = [feature for feature in range(self.n_features_in_) if feature not in given]
        if not free:
            raise ValueError("features must leave at least one feature free; all were given")
        return given, free

    def _features(self, features):
        return _conditional.feature_indices(features, self.n_features_in_, getattr(self, "feature_names_in_", None))

    def _derived(self, weights, means, covariances, covariance_type, features):
        model = type(self).from_parameters(
            weights,
            means,
            covariances,
            covariance_type,
            random_state=self.random_state,
            n_threads=self.n_threads,
        )
        if hasattr(self, "feature_names_in_"):
            model.feature_names_in_ = self.feature_names_in_[list(features)]
        return model

    def cdf(self, X, *, upper=False):
        r"""Cumulative probability of a mixture of one feature, P(x ≤ X), or P(x > X) with ``upper=True``.

        .. math:: F(x) = \sum_k \pi_k \, \Phi\Bigl(\frac{x - \mu_k}{\sigma_k}\Bigr)

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
        parameters = self._gaussians("cdf")
        if parameters.n_features != 1:
            raise ValueError(
                f"cdf is that of one feature, and the mixture has {parameters.n_features}; take marginal(feature)"
            )
        X = np.asarray(check_samples(self, X, reset=False), dtype=np.float64)
        variances = np.broadcast_to(np.reshape(parameters.covariances, -1), parameters.weights.shape)
        z = (X - parameters.means[:, 0]) / np.sqrt(variances)
        return ndtr(-z if upper else z) @ parameters.weights

    def density_level(self, coverage, *, n_samples=100_000, random_state=0):
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

    def adapt(self, X, *, relevance=16.0, n_iter=1, sample_weight=None):
        r"""Return this mixture with its means adapted to new data, as far as these carry weight.

        The MAP estimate of the means under the priors :math:`\mathcal N(\mu_k, \Sigma_k / \tau)`: with the
        responsibilities of the new samples, and :math:`N_k` their sums,

        .. math::

            \mu_k' = \alpha_k \, \bar x_k + (1 - \alpha_k) \, \mu_k, \qquad \alpha_k = \frac{N_k}{N_k + \tau}.

        A component that the new data hardly touch stays where it is. Weights and covariances stay as well.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The new data.
        relevance : float, default=16
            τ: as many samples as the old mean is worth, in each component.
        n_iter : int, default=1
            Times that responsibilities and means are computed in turn.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; a weight of 2 is the same as a sample that stands there twice.

        Returns
        -------
        GaussianMixture
            A new mixture.

        Raises
        ------
        ValueError
            If an argument does not fit, or a sample is so far away that its log-density leaves float64's range.

        References
        ----------
        Reynolds, D. A., Quatieri, T. F. and Dunn, R. B. (2000), Speaker verification using adapted Gaussian mixture
        models.
        """
        parameters = self._gaussians("adapt")
        _adaptation.check_adaptation(relevance, n_iter)
        X = check_samples(self, X, reset=False)
        sample_weight = check_weights_of(sample_weight, X)
        means = _adaptation.adapted_means(X, parameters, relevance, n_iter, sample_weight, self.n_threads)
        return self._derived(
            parameters.weights, means, parameters.covariances, self.covariance_type, range(parameters.n_features)
        )

    def summary(self, X=None):
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
            the axis of the first) and, for each feature, mean ± standard deviation.
        """
        parameters = self._parameters()
        if X is not None:
            X = check_samples(self, X, reset=False)
        return _summary.summary(self, parameters, X)

    def plot(self, X=None, features=None, *, ax=None, **options):
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
        return plot.fitted(self.without_noise().marginal(chosen), X, ax=ax, **options)

    # ---- samples, with labels of -1 for noise

    def predict(self, X):
        """Index of the most probable component of each sample, -1 for noise: shape (n_samples,)."""
        return self._named(super().predict(X))

    def fit_predict(self, X, y=None, sample_weight=None):
        """Fit, then label the samples: the same as ``fit(X).predict(X)``.

        Parameters and errors are those of `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Index of the most probable component of each sample; -1 for noise.
        """
        return self._named(super().fit_predict(X, y, sample_weight))

    def _named(self, labels):
        """Labels of the engine's components, of which the noise is the last."""
        if self._noise() is not None:
            labels[labels == len(self.weights_)] = LABEL
        return labels

    def sample(self, n_samples=1, random_state=None):
        """Draw samples from the mixture: how many of each component, then those of each component.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState, Generator or None, default=None
            None: the constructor's `random_state`, which, if an integer, gives the same samples at each call.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Sorted by component; noise, drawn from `noise_box_`, is last.
        y : ndarray of shape (n_samples,)
            The component of each sample; -1 for noise.
        """
        if not hasattr(self, "noise_weight_") or not isinstance(n_samples, Integral) or n_samples < 1:
            return super().sample(n_samples, random_state)
        rng = random_generator(self.random_state if random_state is None else random_state)
        n_noise = rng.binomial(int(n_samples), self.noise_weight_)
        X, y = self.noise_box_.sample(n_noise, rng), np.full(n_noise, LABEL)
        if n_noise == n_samples:
            return X, y
        of_groups, labels = super().sample(int(n_samples) - n_noise, rng)
        return np.concatenate([of_groups, X]), np.concatenate([labels, y])

    # ---- criteria

    def _n_parameters(self):
        """Return the number of free parameters."""
        return self._parameters().n_parameters

    def bic(self, X, sample_weight=None):
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

    def aic(self, X, sample_weight=None):
        """Akaike's information criterion on X, -2 ℓ + 2 p with p free parameters; the lower the better.

        Parameters and result are those of `bic`.
        """
        return self._criteria(X, sample_weight)["aic"]

    def icl(self, X, sample_weight=None):
        """Integrated completed likelihood on X, BIC - 2 Σ_ik w_i r_ik log r_ik; the lower the better.

        Parameters and result are those of `bic`.
        """
        return self._criteria(X, sample_weight, entropy=True)["icl"]

    def _criteria(self, X, sample_weight=None, entropy=False):
        """Log-likelihood, aic, bic and, if asked for its entropy, icl and two sizes of each component, as a dict."""
        from gmm.formulas.criteria import aic_kernel, bic_kernel  # here: a fit needs none of the book's kernels

        parameters = self._parameters()
        density, p = parameters.density(), self._n_parameters()
        X, scoring = self._samples(X)
        sample_weight = check_weights_of(sample_weight, X)
        n_samples = X.shape[0] if sample_weight is None else float(sample_weight.sum())
        log_likelihood = scoring.log_likelihood(X, density, sample_weight, self.n_threads)
        found = {
            "log_likelihood": log_likelihood,
            "aic": aic_kernel(log_likelihood, p),
            "bic": bic_kernel(log_likelihood, p, n_samples),
        }
        if entropy:
            found_of = _summary.assignment(X, density, sample_weight, self.n_threads, scoring)
            found |= {"icl": found["bic"] + 2.0 * found_of.entropy, "counts": found_of.counts, "sizes": found_of.sizes}
        return found


GaussianMixture.__doc__ = GaussianMixture.__doc__.replace("{settings}", DOCUMENTATION)
