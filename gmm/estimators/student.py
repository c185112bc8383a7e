"""`StudentMixture`: a mixture of Student's t distributions, for clusters with tails that a Gaussian has not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from scipy.special import betaincinv, stdtr
from sklearn.utils.validation import check_is_fitted

from gmm import learning
from gmm._types import ArrayLike, FloatArray, OrdinaryCovarianceType, Seed, StartMethod
from gmm.estimators import _conditional, _persistence
from gmm.estimators._fitting import Search
from gmm.estimators._mixture import Mixture
from gmm.estimators._settings import SETTINGS, kept
from gmm.estimators._sklearn_compat import Interval, StrOptions
from gmm.estimators._validation import check_parameters, unmasked

STRUCTURES = ("full", "tied", "diag", "spherical")
MODES = ("each", "shared")
LEAST = 1e-300  # of a chi-squared draw: with few degrees of freedom it may vanish
MOST = 1e12  # degrees of freedom: beyond, what is left of their difference to a Gaussian is rounding

# These, or settings that it has not.
_OWN = ("covariance_type", "fixed", "noise", "noise_volume", "learning_decay", "learning_offset", "forgetting")
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

    def __init__(self, model, *arguments, mode, dof, **options):
        super().__init__(model, *arguments, **options)
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


class StudentMixture(Mixture):
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

    With ``missing='marginalise'`` the weight of a sample in which p values are observed, at the squared distance q of
    these, is (ν + p) / (ν + q): the fewer it has, the less it tells of the tails.

    Far from all components responsibilities do not tend to 0 or 1: with equal ν they tend to constants.

    References
    ----------
    Peel, D. and McLachlan, G. J. (2000), Robust mixture modelling using the t distribution, Statistics and Computing
    10.

    Wang, H., Zhang, Q., Luo, B. and Wei, S. (2004), Robust mixture modelling using multivariate t-distribution with
    missing information, Pattern Recognition Letters 25.

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

    scales_: FloatArray
    dof_: FloatArray

    _parameter_constraints: dict = CONSTRAINTS
    _layout = LAYOUT
    noise = False  # a setting that it has not

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: OrdinaryCovarianceType = "full",
        dof: float | ArrayLike | Literal["each", "shared"] = "each",
        dof_init: float = 2.0,
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
        missing: Literal["raise", "marginalise"] = "raise",
        callback: Callable[[int, float, Any], object] | None = None,
        record_parameters: bool | Literal["restarts"] = False,
        n_threads: int | None = None,
    ) -> None:
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
        self.missing = missing
        self.callback = callback
        self.record_parameters = record_parameters
        self.n_threads = n_threads

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
    def from_parameters(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        scales: ArrayLike,
        dof: ArrayLike,
        covariance_type: OrdinaryCovarianceType = "full",
        **settings: Any,
    ) -> Self:
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
        parameters = learning.StudentParameters(gaussian, dof)
        return cls._with(parameters, {"covariance_type": covariance_type, **settings})

    def _more_arrays(self):
        return {} if isinstance(self.dof, (str, Real)) else {GIVEN: np.asarray(self.dof, dtype=np.float64)}

    @classmethod
    def _stored_settings(cls, arrays):
        given = {"dof": arrays[GIVEN]} if GIVEN in arrays else {}
        return super()._stored_settings(arrays) | given

    def _stored(self, arrays, factors):
        gaussian = check_parameters(arrays["weights_"], arrays["means_"], arrays["scales_"], self.covariance_type)
        dof = check_dof(arrays["dof_"], self.n_components, "dof_")
        return (learning.StudentParameters(gaussian._replace(precisions_cholesky=factors), dof),)

    # ---- fitting

    def _validate_params(self):
        super()._validate_params()
        self._start_dof()

    def _search(self, *arguments, **options):
        return StudentSearch(self, *arguments, **options, mode=self._mode, dof=self._start_dof())

    def _resume(self, n_features):
        found = super()._resume(n_features)
        if found is None or self._mode != "fixed":
            return found
        return found[0]._replace(dof=self._start_dof()), found[1]

    def _adopt(self, parameters, box=None):
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

    def _n_parameters(self):
        more = {"each": self.n_components, "shared": 1, "fixed": 0}[self._mode]
        return self._parameters().gaussian.n_parameters + more

    # ---- what a fit tells

    @property
    def covariances_(self) -> FloatArray:
        parameters = self._parameters()
        dof = parameters.dof[:, None, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            found = dof / (dof - 2.0) * parameters.matrices
        none = np.where(np.eye(parameters.n_features, dtype=bool), np.inf, np.nan)
        return np.where(dof > 2.0, found, none)

    def _standard_cdf(self, z):
        return stdtr(self.dof_, z)

    def _fall_to(self, coverage):
        """How far the log-density of one component falls below its maximum on the edge of a region of highest density.

        With q the squared Mahalanobis distance q / (ν + q) has the distribution Beta(d/2, ν/2), and log(1 + q/ν) is
        -log of what it leaves: the one of the two is taken that has its digits.
        """
        a, b = 0.5 * self.n_features_in_, 0.5 * self.dof_[0]
        near, far = betaincinv(a, b, coverage), betaincinv(b, a, 1.0 - coverage)
        with np.errstate(divide="ignore"):
            return (a + b) * np.where(near < 0.5, -np.log1p(-near), -np.log(far))

    def _stretched(self, X, y, rng):
        dof = self.dof_[y]
        return X * np.sqrt(dof / np.maximum(rng.chisquare(dof), LEAST))[:, None]  # x = μ + z / √u

    def marginal(self, features: int | str | Sequence[int | str]) -> StudentMixture:
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
        *gaussian, kind = _conditional.marginal(parameters.gaussian, chosen)
        return self._derived(*gaussian, parameters.dof, kind, features=chosen)

    def conditional(self, features: int | str | Sequence[int | str], values: ArrayLike) -> StudentMixture:
        r"""Return the distribution of the other features, given the values of these.

        With b the given features, d_b of them, and a the others,

        .. math::

            p(x_a \mid x_b) = \sum_k \pi'_k \, t_{\nu_k + d_b}(x_a \mid \mu'_k, \Sigma'_k), \qquad
            \pi'_k \propto \pi_k \, t_{\nu_k}(x_b \mid \mu_{k,b}, \Sigma_{k,bb}), \qquad
            \Sigma'_k = \frac{\nu_k + q_k}{\nu_k + d_b} \, \Sigma_{k,a \mid b} ,

        where :math:`\mu'_k` and :math:`\Sigma_{k,a \mid b}` are what `GaussianMixture.conditional` has for means and
        covariances, and :math:`q_k` is the squared Mahalanobis distance of :math:`x_b`. The further the given values
        lie out, the less is known of the others: of a Gaussian they would be known as well as ever.

        Parameters
        ----------
        features : int, str or sequence of these
            Indices or names of the given features.
        values : float or array-like of shape (len(features),)
            Their values.

        Returns
        -------
        StudentMixture
            A mixture over the other features, in their original order; 'full' where this one is 'tied', for the scale
            matrices are then multiples of each other.

        References
        ----------
        Ding, P. (2016), On the conditional distribution of the multivariate t distribution, The American Statistician
        70, 293-295.
        """
        conditional, free, weights, means, squares = self._conditional_on(features, values)
        scales, kind = conditional.covariances, conditional.covariance_type
        if kind == "tied":
            scales, kind = np.broadcast_to(scales, (len(weights), *scales.shape)), "full"
        stretch = np.where(weights > 0.0, conditional.stretch(squares), 1.0)  # it may overflow where nothing is left
        with np.errstate(over="ignore"):
            scales = stretch.reshape(-1, *(1,) * (scales.ndim - 1)) * scales
        if not np.isfinite(scales).all():
            raise ValueError(
                f"values are so far out that the scales given them leave the range of float64; got {values}"  # type: ignore[str-bytes-safe]
            )
        return self._derived(weights, means, scales, np.minimum(conditional.dof, MOST), kind, features=free)


def check_dof(dof: ArrayLike, n_components: int, name: str) -> FloatArray:
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


if StudentMixture.__doc__:  # python -OO drops it
    StudentMixture.__doc__ = StudentMixture.__doc__.replace("{settings}", _documentation())
