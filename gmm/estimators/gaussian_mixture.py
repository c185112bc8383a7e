"""`GaussianMixture`: scikit-learn's estimator on the compiled engine, and what a mixture can do beyond it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from scipy.special import gammaincinv, ndtr
from sklearn.utils.validation import check_is_fitted

from gmm import engine, learning
from gmm._types import ArrayLike, CovarianceType, FloatArray, IntArray, Seed, StartMethod
from gmm.estimators import _adaptation, _conditional, _persistence
from gmm.estimators._fitting import Search
from gmm.estimators._interchange import GaussianInterchange
from gmm.estimators._mixture import Mixture
from gmm.estimators._noise import LABEL, make_noise, renewed
from gmm.estimators._online import Incremental, Online
from gmm.estimators._settings import CONSTRAINTS, DOCUMENTATION, are_plain
from gmm.estimators._validation import (
    check_fixed,
    check_parameters,
    check_samples,
    check_weights_of,
)

if TYPE_CHECKING:
    from gmm.learning import Box


class GaussianMixture(Incremental, GaussianInterchange, Mixture):
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
    online_ : Online
        After `partial_fit` only: what it goes on from. ``statistics``, the averages, as sums of ``total_weight``
        samples; ``n_updates``, the number of calls after the first; ``n_samples``, the weight of all samples so far.
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

    covariances_: FloatArray
    precisions_: FloatArray
    noise_weight_: float
    noise_box_: Box

    _parameter_constraints: dict = CONSTRAINTS
    _layout = _persistence.GAUSSIAN

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: CovarianceType = "full",
        tol: float = 1e-3,
        reg_covar: float | Literal["auto"] = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: StartMethod = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        resp_init: ArrayLike | None = None,
        random_state: Seed = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        on_collapse: Literal["raise", "restart"] = "raise",
        covariance_prior: Literal["default"] | tuple[ArrayLike, float] | None = None,
        fixed: dict[str, Any] | None = None,
        missing: Literal["raise", "marginalise"] = "raise",
        noise: bool = False,
        noise_volume: float | None = None,
        learning_decay: float = 0.7,
        learning_offset: float = 10.0,
        forgetting: float | None = None,
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
        self.learning_decay = learning_decay
        self.learning_offset = learning_offset
        self.forgetting = forgetting
        self.callback = callback
        self.record_parameters = record_parameters
        self.n_threads = n_threads

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
    def from_parameters(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        covariance_type: CovarianceType = "full",
        **settings: Any,
    ) -> Self:
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
        return cls._with(parameters, {"covariance_type": covariance_type, **settings})

    def _more_arrays(self):
        arrays = self.online_.arrays() if hasattr(self, "online_") else {}
        if self._noise() is None:
            return arrays
        return arrays | {"noise_weight_": np.asarray(self.noise_weight_), **_persistence.box_arrays(self.noise_box_)}

    def _stored(self, arrays, factors):
        """What `_adopt` takes, of a file."""
        weights, noise, box = _persistence.noise_of(arrays, self)
        parameters = check_parameters(weights, arrays["means_"], arrays["covariances_"], self.covariance_type)
        if noise is not None:
            parameters = parameters._replace(weights=arrays["weights_"], noise=noise)
        return parameters._replace(precisions_cholesky=factors), box, Online.of(arrays, parameters)

    # ---- fitting

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        error_covariances: ArrayLike | None = None,
    ) -> Self:
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
        error_covariances : array-like, default=None
            Covariances of the measurement errors of X, which are taken as known, in squared units of the features: of
            shape (n_samples, n_features), variances, or (n_samples, n_features, n_features), matrices, those of each
            sample; (n_features,) or (n_features, n_features) stand for all. The fit is then that of the *true* values,
            from which X differs by Gaussian errors of mean 0 (extreme deconvolution), with every structure, prior and
            fixed part; not with noise. Zeros are no errors. A start is drawn from X as it is, and EM closes in the more
            slowly the larger the errors are beside the components: take a smaller `tol`. Where errors explain all of
            the spread in some direction, the maximum has a variance of 0 there, which EM approaches like the inverse of
            the number of iterations; what `reg_covar` leaves of it is then larger than itself.

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

        References
        ----------
        Bovy, J., Hogg, D. W. and Roweis, S. T. (2011), Extreme deconvolution: inferring complete distribution functions
        from noisy, heterogeneous and incomplete observations, Annals of Applied Statistics 5.

        Examples
        --------
        >>> import numpy as np
        >>> from gmm import GaussianMixture
        >>> rng = np.random.default_rng(2)
        >>> variances = rng.uniform(0.5, 4.0, size=(2000, 1))
        >>> X = rng.normal(size=(2000, 1)) + np.sqrt(variances) * rng.normal(size=(2000, 1))
        >>> plain = GaussianMixture().fit(X)
        >>> true = GaussianMixture(tol=1e-8, max_iter=1000).fit(X, error_covariances=variances)
        >>> print(f"{plain.covariances_[0, 0, 0]:.1f} {true.covariances_[0, 0, 0]:.1f}")
        3.2 1.0
        """
        self._fit(X, sample_weight, error_covariances)
        return self

    def _samples(self, X, error_covariances=None):
        if error_covariances is not None:
            self._without_noise("with error_covariances the density")
        return super()._samples(X, error_covariances)

    def _scoring(self, X):
        scoring = super()._scoring(X)
        if scoring is not engine and self._noise() is not None and self._noise().widths is None:
            raise ValueError(
                "Input X contains NaN, and the noise has a box in principal axes, whose marginals are not constant: "
                "fit with missing='marginalise'"
            )
        return scoring

    def _source(self, X, sample_weight, observed, errors):
        if errors is not None and self.noise:
            raise ValueError("error_covariances need noise=False: what errors make of a box has no constant density")
        return super()._source(X, sample_weight, observed, errors)

    def _search(self, present, scaled_weight, row_numbers, initial, resume, **options):
        """The search for a fit to these samples."""
        box, noise = make_noise(self, options["source"]) if self.noise else (None, None)
        if resume is not None:
            resume = renewed(resume[0], noise), resume[1]
        fixed = check_fixed(self, initial, resume, present.shape[1])
        search = Search(self, present, scaled_weight, row_numbers, initial, resume, fixed=fixed, noise=noise, **options)
        search.box = box
        return search

    def _adopt(self, parameters, box=None, online=None):
        """Make these the parameters of this mixture; `box` is that of the noise, None where it keeps its own."""
        self.__dict__.pop("online_", None)
        if online is not None:
            self.online_ = online
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
        box, n_parameters = self.noise_box_, 2 if self.noise_volume is None else 1
        along = self.missing == "marginalise" and np.array_equal(box.axes, np.eye(len(box.axes)))
        return learning.Noise(self.noise_weight_, -box.log_volume, n_parameters, box.widths if along else None)

    def _without_noise(self, what):
        parameters = self._parameters()
        if parameters.noise is not None:
            raise ValueError(
                f"{what} is that of Gaussian components, and this mixture has noise: take it of without_noise()"
            )
        return parameters

    def without_noise(self) -> GaussianMixture:
        """Return the mixture of the Gaussian components alone, their weights scaled to sum to one.

        Returns
        -------
        GaussianMixture
            For all that a constant density has no part in: `marginal`, `conditional`, `cdf`, `adapt`.
        """
        parameters = self._parameters().without_noise()
        return self._derived(
            parameters.weights, parameters.means, parameters.covariances, self.covariance_type,
            features=range(parameters.n_features),
        )  # fmt: skip

    _groups = without_noise

    @property
    def noise_volume_(self) -> float:
        return math.exp(self.noise_box_.log_volume)

    def _decomposition(self):
        parameters = self._parameters()
        return learning.decomposition(parameters.matrices, parameters.structure)

    @property
    def volume_(self) -> FloatArray:
        return self._decomposition()[0]

    @property
    def shape_(self) -> FloatArray:
        return self._decomposition()[1]

    @property
    def orientation_(self) -> FloatArray:
        return self._decomposition()[2]

    @staticmethod
    def _standard_cdf(z):
        """Distribution functions (n, K) of the components, in one feature, at standardised values."""
        return ndtr(z)

    def _fall_to(self, coverage):
        """How far the log-density of one component falls below its maximum on the edge of a region of highest density.

        The squared Mahalanobis distance is chi-squared with d degrees of freedom.
        """
        return gammaincinv(0.5 * self.n_features_in_, coverage)

    # ---- distributions of some of the features

    def marginal(self, features: int | str | Sequence[int | str]) -> GaussianMixture:
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
        parameters = self._without_noise("marginal")
        chosen = self._features(features)
        return self._derived(*_conditional.marginal(parameters, chosen), features=chosen)

    def conditional(self, features: int | str | Sequence[int | str], values: ArrayLike) -> GaussianMixture:
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
        conditional, free, weights, means, _ = self._conditional_on(features, values)
        return self._derived(weights, means, conditional.covariances, conditional.covariance_type, features=free)

    def adapt(
        self, X: ArrayLike, *, relevance: float = 16.0, n_iter: int = 1, sample_weight: ArrayLike | None = None
    ) -> GaussianMixture:
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
        parameters = self._without_noise("adapt")
        _adaptation.check_adaptation(relevance, n_iter)
        X = check_samples(self, X, reset=False)
        sample_weight = check_weights_of(sample_weight, X)
        means = _adaptation.adapted_means(X, parameters, relevance, n_iter, sample_weight, self.n_threads)
        return self._derived(
            parameters.weights, means, parameters.covariances, self.covariance_type,
            features=range(parameters.n_features),
        )  # fmt: skip

    # ---- samples, with labels of -1 for noise

    def score_samples(self, X: ArrayLike, *, error_covariances: ArrayLike | None = None) -> FloatArray:
        """Log-density of each sample, log p(x_i) = log Σ_k π_k N(x_i | μ_k, Σ_k), natural logarithm.

        With ``missing='marginalise'`` that of the observed values of a sample, and 0 where there are none.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        error_covariances : array-like, default=None
            As in `fit`: the density is that of measured values, with the covariances Σ_k + S_i. None: X is exact.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._scored("score_samples", X, error_covariances)

    def score(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        error_covariances: ArrayLike | None = None,
    ) -> float:
        """Mean log-density per sample of X; weighted if `sample_weight` is given.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
        error_covariances : array-like, default=None
            As in `score_samples`.

        Returns
        -------
        float
        """
        return self._mean_score(X, sample_weight, error_covariances)

    def bic(
        self, X: ArrayLike, sample_weight: ArrayLike | None = None, *, error_covariances: ArrayLike | None = None
    ) -> float:
        """Bayesian information criterion on X, -2 ℓ + p log n with p free parameters; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample stands there: ℓ = Σ_i w_i log p(x_i) and n = Σ_i w_i, so that a weight of 2 is
            the same as a repeated row. Weights that are no counts have to be scaled to the sum that their information
            is worth.
        error_covariances : array-like, default=None
            As in `score_samples`.

        Returns
        -------
        float
        """
        return self._criteria(X, sample_weight, error_covariances=error_covariances)["bic"]

    def aic(
        self, X: ArrayLike, sample_weight: ArrayLike | None = None, *, error_covariances: ArrayLike | None = None
    ) -> float:
        """Akaike's information criterion on X, -2 ℓ + 2 p with p free parameters; the lower the better.

        Parameters and result are those of `bic`.
        """
        return self._criteria(X, sample_weight, error_covariances=error_covariances)["aic"]

    def icl(
        self, X: ArrayLike, sample_weight: ArrayLike | None = None, *, error_covariances: ArrayLike | None = None
    ) -> float:
        """Integrated completed likelihood on X, BIC - 2 Σ_ik w_i r_ik log r_ik; the lower the better.

        Parameters and result are those of `bic`.
        """
        return self._criteria(X, sample_weight, entropy=True, error_covariances=error_covariances)["icl"]

    def predict_proba(self, X: ArrayLike, *, error_covariances: ArrayLike | None = None) -> FloatArray:
        """Responsibilities r_ik = p(component k | x_i), shape (n_samples, n_components); rows sum to 1.

        `error_covariances` are those of `score_samples`.
        """
        return self._scored("predict_proba", X, error_covariances)

    def predict(self, X: ArrayLike, *, error_covariances: ArrayLike | None = None) -> IntArray:
        """Index of the most probable component of each sample, -1 for noise: shape (n_samples,).

        `error_covariances` are those of `score_samples`.
        """
        return self._named(self._scored("predict", X, error_covariances))

    def fit_predict(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        error_covariances: ArrayLike | None = None,
    ) -> IntArray:
        """Fit, then label the samples: the same as ``fit(X).predict(X)``.

        Parameters and errors are those of `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Index of the most probable component of each sample; -1 for noise.
        """
        if error_covariances is not None:
            self.fit(X, y, sample_weight, error_covariances=error_covariances)
            return self.predict(X, error_covariances=error_covariances)
        return self._named(super().fit_predict(X, y, sample_weight))

    def _named(self, labels):
        """Labels of the engine's components, of which the noise is the last."""
        if self._noise() is not None:
            labels[labels == len(self.weights_)] = LABEL
        return labels

    def _draw(self, n_samples, rng):
        if not hasattr(self, "noise_weight_"):
            return super()._draw(n_samples, rng)
        n_noise = rng.binomial(n_samples, self.noise_weight_)
        X, y = self.noise_box_.sample(n_noise, rng), np.full(n_noise, LABEL)
        if n_noise == n_samples:
            return X, y
        of_groups, labels = super()._draw(n_samples - n_noise, rng)
        return np.concatenate([of_groups, X]), np.concatenate([labels, y])

    def _n_parameters(self):
        """Return the number of free parameters."""
        return self._parameters().n_parameters


if GaussianMixture.__doc__:  # python -OO drops it
    GaussianMixture.__doc__ = GaussianMixture.__doc__.replace("{settings}", DOCUMENTATION)
