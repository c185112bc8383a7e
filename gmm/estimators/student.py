"""`StudentMixture`: a mixture of Student's t distributions, for clusters with tails that a Gaussian has not."""

from __future__ import annotations

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils.validation import check_is_fitted

from gmm import learning
from gmm.estimators import _conditional, _persistence
from gmm.estimators._fitting import Search, warn_unless_converged
from gmm.estimators._hooks import refuse_hooks
from gmm.estimators._ridge import in_numbers
from gmm.estimators._scored import Scored
from gmm.estimators._settings import SETTINGS, kept
from gmm.estimators._sklearn_compat import Interval, StrOptions
from gmm.estimators._validation import (
    check_initial_values,
    check_no_component_empty,
    check_parameters,
    check_resp_init,
    check_sample_weight,
    check_samples,
    random_generator,
    unmasked,
)
from gmm.estimators.gaussian_mixture import GaussianMixture

STRUCTURES = ("full", "tied", "diag", "spherical")
MODES = ("each", "shared")
MOST = 1e12  # degrees of freedom: beyond, what is left of their difference to a Gaussian is rounding

_OWN = ("covariance_type", "fixed", "missing", "noise", "noise_volume")  # these, or settings that it has not
_SHARED = tuple(name for name in SETTINGS if name not in _OWN)
CONSTRAINTS = {
    **{name: SETTINGS[name].constraints for name in _SHARED},
    "covariance_type": [StrOptions(set(STRUCTURES))],
    "dof": [StrOptions(set(MODES)), Interval(Real, 0.0, MOST, closed="right"), "array-like"],
    "dof_init": [Interval(Real, 0.0, MOST, closed="right")],
}
GIVEN = "dof_given"
LAYOUT = _persistence.Layout(
    "StudentMixture",
    (*(name for name in (*kept("text"), *kept("prior")) if name in _SHARED), "covariance_type", "dof", "dof_init"),
    kept("array"),
    ("weights_", "means_", "scales_", "precisions_cholesky_", "dof_"),
    (*_persistence.PRIOR, GIVEN),
)


class StudentSearch(Search):
    """The initialisations of one fit; states are `gmm.learning.StudentParameters`."""

    robust = True

    def __init__(self, model, *arguments, mode, dof):
        super().__init__(model, *arguments)
        self.step, self.dof = learning.StudentStep(self.step, mode), dof

    def start(self):
        if self.resume is not None:
            return self.resume[0]
        return learning.StudentParameters(super().start(), self.dof)

    def check(self, result):
        super().check(result)
        super().check(result._replace(state=result.state.gaussian))

    def on_ridge(self, state):
        return super().on_ridge(state.gaussian)

    def judge_ridge(self, state):
        super().judge_ridge(state.gaussian)


class StudentMixture(Scored, DensityMixin, BaseEstimator):
    """A mixture of multivariate Student t distributions, fitted by expectation-maximization.

    A t distribution is a Gaussian whose covariance is divided by a random number of its own for each sample. Its tails
    fall as a power of the distance, so that samples far from their cluster move it little: a sample at the squared
    Mahalanobis distance q enters the means and scales with the weight (ν + d) / (ν + q).

    Parameters
    ----------
    {settings}

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Mixing weights π_k.
    means_ : ndarray of shape (n_components, n_features)
        Locations μ_k; means where ν_k > 1.
    scales_ : ndarray
        Scale matrices Σ_k in the shapes of `GaussianMixture.covariances_`.
    covariances_ : ndarray of shape (n_components, n_features, n_features)
        ν_k / (ν_k - 2) Σ_k; inf on the diagonal and nan beside it where ν_k ≤ 2, for which there are none.
    dof_ : ndarray of shape (n_components,)
        Degrees of freedom ν_k, from 0.01 to 1e8 where they are estimated.
    precisions_cholesky_ : ndarray
        Upper triangular P with Σ⁻¹ = P Pᵀ, or 1/σ; of the scale matrices.
    n_parameters_ : int
        The number of free parameters, p in `bic` and `aic`: those of a Gaussian mixture, and one for each number of
        degrees of freedom that is estimated.
    lower_bound_, lower_bounds_, converged_, n_iter_, history_, restarts_, reg_covar_, n_features_in_, \
feature_names_in_
        As in `GaussianMixture`.

    Notes
    -----
    Each iteration is a pass as for a Gaussian mixture, with the same memory. As the degrees of freedom are maximised
    together with all else, it is a plain EM algorithm. It finds large ν slowly, for there the likelihood hardly depends
    on them; data without heavy tails give whatever large ν it stops at.

    A start is drawn from the three quarters of the samples (of 2000, if there are more) that lie densest, so that
    outliers have no part in it.

    Far from all components responsibilities do not tend to 0 or 1: with equal ν they tend to constants.

    References
    ----------
    Peel, D. and McLachlan, G. J. (2000), Robust mixture modelling using the t distribution, Statistics and Computing
    10.

    Examples
    --------
    >>> import numpy as np
    >>> from gmm import StudentMixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.standard_t(3, size=(200, 1)), 20 + rng.normal(size=(200, 1))])
    >>> mixture = StudentMixture(2, random_state=0).fit(X).sorted(0)
    >>> mixture.means_[:, 0].round(1)
    array([ 0., 20.])
    >>> bool(mixture.dof_[0] < 6 < mixture.dof_[1])
    True
    """

    _parameter_constraints: dict = CONSTRAINTS

    def __init__(
        self,
        n_components=1,
        *,
        covariance_type="full",
        dof="each",
        dof_init=2.0,
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
        callback=None,
        record_parameters=False,
        n_threads=None,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.dof = dof
        self.dof_init = dof_init
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
        self.callback = callback
        self.record_parameters = record_parameters
        self.n_threads = n_threads

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        refuse_hooks(cls, StudentMixture)

    # What a fit by maximum likelihood has to do whatever its densities are.
    _prior, _resume, _record = GaussianMixture._prior, GaussianMixture._resume, GaussianMixture._record
    _criteria, bic, aic, icl = (
        GaussianMixture._criteria, GaussianMixture.bic, GaussianMixture.aic, GaussianMixture.icl,
    )  # fmt: skip
    sorted, _features, n_parameters_ = (
        GaussianMixture.sorted, GaussianMixture._features, GaussianMixture.n_parameters_,
    )  # fmt: skip

    @property
    def _mode(self):
        return self.dof if isinstance(self.dof, str) else "fixed"

    def _start_dof(self):
        """The degrees of freedom that a fit begins with; raises ValueError for numbers that are none."""
        if self._mode != "fixed":
            return np.full(self.n_components, float(self.dof_init))
        if isinstance(self.dof, Real):
            return np.full(self.n_components, float(self.dof))
        return check_dof(self.dof, self.n_components, "dof")

    # ---- other ways to come by a mixture

    @classmethod
    def from_parameters(cls, weights, means, scales, dof, covariance_type="full", **settings):
        """Make a mixture from its parameters; it scores, samples and predicts without a fit.

        Parameters
        ----------
        weights : array-like of shape (n_components,)
            Mixing weights: in [0, 1], summing to 1.
        means : array-like of shape (n_components, n_features)
        scales : array-like
            In the shape of `scales_` for `covariance_type`; symmetric positive definite.
        dof : float or array-like of shape (n_components,)
            Degrees of freedom, positive.
        covariance_type : {'full', 'tied', 'diag', 'spherical'}, default='full'
        **settings
            Further constructor parameters, such as `random_state`.

        Returns
        -------
        StudentMixture
            With ``n_iter_`` 0 and ``converged_`` False. With ``warm_start=True``, `fit` goes on from these parameters.

        Raises
        ------
        ValueError
            Naming the parameter that has a wrong shape, is not finite, not normalised or not positive definite.
        """
        if covariance_type not in STRUCTURES:
            raise ValueError(
                f"covariance_type must be one of {', '.join(map(repr, STRUCTURES))}; got {covariance_type!r}"
            )
        gaussian = check_parameters(weights, means, scales, covariance_type)
        K = gaussian.n_components
        dof = check_dof(np.full(K, dof) if np.ndim(dof) == 0 else dof, K, "dof")
        model = cls(covariance_type=covariance_type, **{"n_components": K, **settings})
        model._validate_params()
        if model.n_components != K:
            raise ValueError(
                f"n_components={model.n_components} does not agree with means of shape {gaussian.means.shape}"
            )
        model.n_features_in_ = gaussian.n_features
        model._adopt(learning.StudentParameters(gaussian, dof))
        model._record(converged=False, log_likelihoods=np.empty(0), history=None)
        return model

    def save(self, path):
        """Write the fitted mixture and its settings to `path`; as `GaussianMixture.save`, whose errors it raises."""
        check_is_fitted(self)
        more = _persistence.prior_arrays(self.covariance_prior)
        if not isinstance(self.dof, (str, Real)):
            more[GIVEN] = np.asarray(self.dof, dtype=np.float64)
        _persistence.write(self, path, LAYOUT, **more)

    @classmethod
    def load(cls, path):
        """Read a mixture that `save` wrote; as `GaussianMixture.load`, whose errors it raises."""
        about, arrays = _persistence.read(path, LAYOUT)
        settings = about["settings"] | {name: arrays[name] for name in LAYOUT.settings if name in arrays}
        if GIVEN in arrays:
            settings["dof"] = arrays[GIVEN]
        if all(name in arrays for name in _persistence.PRIOR):
            settings["covariance_prior"] = (arrays[_persistence.PRIOR[0]], float(arrays[_persistence.PRIOR[1]]))
        model = cls(**settings)
        try:
            model._validate_params()
            model._start_dof()
            gaussian = check_parameters(arrays["weights_"], arrays["means_"], arrays["scales_"], model.covariance_type)
            factors, dof = arrays["precisions_cholesky_"], check_dof(arrays["dof_"], model.n_components, "dof_")
            _persistence.check_factors(gaussian, factors)
            if gaussian.n_components != model.n_components:
                raise ValueError(f"n_components is {model.n_components}, weights_ has shape {gaussian.weights.shape}")
            names = about["feature_names_in_"]
            if names and len(names) != gaussian.n_features:
                raise ValueError(f"{len(names)} feature names for {gaussian.n_features} features")
            check_initial_values(model, gaussian.n_features)
        except ValueError as error:
            raise ValueError(f"{str(path)!r} does not hold a valid mixture: {error}") from None
        model.n_features_in_ = gaussian.n_features
        if names:
            model.feature_names_in_ = np.array(names, dtype=object)
        # The stored factors, so that scores are the same to the last digit.
        model._adopt(learning.StudentParameters(gaussian._replace(precisions_cholesky=factors), dof))
        model._record(about["converged_"], arrays["lower_bounds_"], None, about["restarts_"])
        if _persistence.RIDGE in arrays:
            ridge = arrays[_persistence.RIDGE]
            model.reg_covar_ = ridge if ridge.ndim else float(ridge)
        model.lower_bound_ = float(arrays["lower_bound_"])
        return model

    # ---- fitting

    def fit(self, X, y=None, sample_weight=None):
        """Estimate the parameters with the EM algorithm.

        Parameters, errors and warnings are those of `GaussianMixture.fit`.

        Returns
        -------
        StudentMixture
            This object. After an error it is what it was before the call.
        """
        self._fit(X, sample_weight)
        return self

    def _fit(self, X, sample_weight):
        """Fit and return the checked X. Attributes change only when all is done."""
        self._validate_params()
        dof = self._start_dof()
        with self._unchanged_on_failure():
            X = check_samples(self, X, reset=True, min_samples=2)
            resp = check_resp_init(self.resp_init, X.shape[0], self.n_components)
            present, scaled_weight, rows = check_sample_weight(sample_weight, X, self.n_components)
            resp = resp if resp is None or rows is None else resp[rows]
            check_no_component_empty(resp, self.n_components)
            initial = check_initial_values(self, X.shape[1])
            resume = self._resume(X.shape[1])
            if resume is not None and self._mode == "fixed":
                resume = resume[0]._replace(dof=dof), resume[1]
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                source = learning.ArraySource(present, scaled_weight, self.n_threads)
                prior = self._prior(source, sample_weight, scaled_weight, rows)
                ridge = in_numbers(self.reg_covar, source)
                search = StudentSearch(
                    self, present, scaled_weight, rows, initial, resume, ridge, prior, None, resp, mode=self._mode,
                    dof=dof,
                )  # fmt: skip
                best = search.best()
            self._adopt(best.parameters)
            self.reg_covar_ = ridge
            self._record(best.converged, best.log_likelihoods, best.history, search.rows)
            warn_unless_converged(best, self.max_iter)
        return X

    def _adopt(self, parameters):
        """Make these the parameters of this mixture."""
        self.weights_ = parameters.weights
        self.means_ = parameters.means
        self.scales_ = parameters.covariances
        self.precisions_cholesky_ = parameters.precisions_cholesky
        self.dof_ = parameters.dof

    def _parameters(self):
        """The fitted parameters; read from the attributes, which users may have set."""
        check_is_fitted(self)
        weights, means, factors, dof = (
            np.ascontiguousarray(getattr(self, name), dtype=np.float64)
            for name in ("weights_", "means_", "precisions_cholesky_", "dof_")
        )
        gaussian = learning.Parameters(self.covariance_type, weights, means, self.scales_, factors)
        return learning.StudentParameters(gaussian, dof)

    def _density(self):
        return self._parameters().density()

    def _n_parameters(self):
        more = {"each": self.n_components, "shared": 1, "fixed": 0}[self._mode]
        return self._parameters().gaussian.n_parameters + more

    # ---- what a fit tells

    @property
    def covariances_(self):
        parameters = self._parameters()
        dof = parameters.dof[:, None, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            found = dof / (dof - 2.0) * parameters.matrices
        none = np.where(np.eye(parameters.n_features, dtype=bool), np.inf, np.nan)
        return np.where(dof > 2.0, found, none)

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
            Sorted by component.
        y : ndarray of shape (n_samples,)
            The component of each sample.
        """
        check_is_fitted(self)
        rng = random_generator(self.random_state if random_state is None else random_state)
        centred = GaussianMixture.from_parameters(
            self.weights_, np.zeros_like(self.means_), self.scales_, self.covariance_type
        )
        X, y = centred.sample(n_samples, rng)
        dof = self.dof_[y]
        X *= np.sqrt(dof / rng.chisquare(dof))[:, None]  # x = μ + z / √u
        X += self.means_[y]
        return X, y

    def marginal(self, features):
        """Return the distribution of some of the features: a mixture of t distributions with the same dof.

        Parameters
        ----------
        features : int, str or sequence of these
            Indices or names, in the order in which the marginal is to have them.

        Returns
        -------
        StudentMixture
        """
        parameters = self._parameters()
        chosen = self._features(features)
        weights, means, scales, kind = _conditional.marginal(parameters.gaussian, chosen)
        model = type(self).from_parameters(
            weights, means, scales, parameters.dof, kind, random_state=self.random_state, n_threads=self.n_threads
        )
        if hasattr(self, "feature_names_in_"):
            model.feature_names_in_ = self.feature_names_in_[list(chosen)]
        return model


def check_dof(dof, n_components, name):
    """Check degrees of freedom: (n_components,), positive and finite."""
    try:
        dof = np.array(unmasked(dof, name), dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold real numbers; got {dof!r}") from None
    if dof.shape != (n_components,):
        raise ValueError(f"{name} must be one number or have shape ({n_components},); got shape {dof.shape}")
    wrong = ~((dof > 0.0) & (dof <= MOST))
    if wrong.any():
        k = int(np.argmax(wrong))
        raise ValueError(f"{name} must be positive and at most {MOST:g}; {name}[{k}] is {dof[k]}")
    return dof


def _documentation():
    """Of the constructor's parameters: the shared ones from the table of settings."""
    own = {
        "covariance_type": "{'full', 'tied', 'diag', 'spherical'}, default='full'\n        Of the scale matrices.",
        "dof": """{'each', 'shared'}, float or array-like of shape (n_components,), default='each'
        Degrees of freedom: estimated, of each component or one for all; or held at these numbers.""",
        "dof_init": """float, default=2
        Where estimated degrees of freedom begin. With few, a start that holds outliers lets go of them; with many, it
        may keep a component for them as a Gaussian mixture does.""",
    }
    texts = {"n_components": SETTINGS["n_components"].text, **own}
    texts |= {name: SETTINGS[name].text for name in _SHARED if name != "n_components"}
    return "\n".join(f"    {name} : {text}" for name, text in texts.items()).lstrip()


StudentMixture.__doc__ = StudentMixture.__doc__.replace("{settings}", _documentation())
