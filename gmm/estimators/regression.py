"""`MixtureRegressor`: regression by conditioning a mixture that is fitted to inputs and targets together."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any, Literal, Self, overload

import numpy as np
from scipy.special import gammaln
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted

from gmm._types import AnyArray, ArrayLike, FloatArray, Seed
from gmm.estimators import _conditional
from gmm.estimators._quantiles import HALF_LOG_2PI, Gaussian, Student, quantiles
from gmm.estimators._scored import unchanged_on_failure
from gmm.estimators._settings import SETTINGS
from gmm.estimators._surprises import log_sum_exp
from gmm.estimators._templates import seeded
from gmm.estimators._validation import _with_nan, check_samples, check_weights_of, random_generator
from gmm.estimators.bayesian import BayesianGaussianMixture
from gmm.estimators.gaussian_mixture import GaussianMixture
from gmm.estimators.student import LEAST, StudentMixture
from gmm.learning import structure_of

BLOCK = 2**18  # numbers held at one time for many rows
MOST = 2**48  # draws at one time, which no memory holds
CONSTRAINTS = {
    "mixture": [None, GaussianMixture, StudentMixture, BayesianGaussianMixture],
    "random_state": SETTINGS["random_state"].constraints,
}


class MixtureRegressor(RegressorMixin, BaseEstimator):
    r"""Regression by a mixture of inputs and targets: what it says of y, given x.

    A mixture is fitted to the rows (x, y) of the joint table, and conditioned:

    .. math:: p(y \mid x) = \sum_k w_k(x) \, \mathcal N\bigl(y \mid m_k(x), C_k\bigr),

    a mixture again, whose weights and means change with x. Its mean is a smooth curve that goes from one component's
    regression line to the next; its variance differs from place to place; and where x leaves two answers possible it
    has two peaks, which no single number says. One component is least squares.

    Parameters
    ----------
    mixture : GaussianMixture, StudentMixture or BayesianGaussianMixture, default=None
        A template, which is cloned and fitted to the joint table. With ``missing='marginalise'`` NaN may stand in X and
        y, where a value is missing. None: a `GaussianMixture` of one component with ``reg_covar='auto'``.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the fit of a template whose own `random_state` is None.

    Attributes
    ----------
    mixture_ : estimator
        The fitted mixture of the joint table; its features are those of X, then the targets.
    n_targets_ : int
        Number of targets.
    n_features_in_, feature_names_in_
        As usual.

    Notes
    -----
    The fit maximises the likelihood of x and y together, not that of y given x: components go where the rows are, and a
    feature that tells nothing of y but has groups of its own takes some of them. What it gains is that any value may be
    missing, and that nothing has to be fitted again for another question.

    Of a `BayesianGaussianMixture` the expected parameters are taken. Noise (``noise=True``) has no conditional
    distribution; `StudentMixture` serves where there are outliers.

    References
    ----------
    Ghahramani, Z. and Jordan, M. I. (1994), Supervised learning from incomplete data via an EM approach, Advances in
    Neural Information Processing Systems 6, 120-127.

    Examples
    --------
    >>> import gmm
    >>> eruption, waiting = gmm.datasets.load_old_faithful().X.T
    >>> regressor = gmm.MixtureRegressor(gmm.GaussianMixture(2, random_state=0)).fit(eruption[:, None], waiting)
    >>> regressor.predict([[2.0], [4.5]]).round()
    array([54., 81.])
    >>> regressor.predict_interval([[2.0], [4.5]], coverage=0.9).round()
    array([[45., 63.],
           [72., 90.]])
    """

    mixture_: Any
    n_targets_: int
    n_features_in_: int
    feature_names_in_: AnyArray

    _parameter_constraints: dict = CONSTRAINTS

    def __init__(self, mixture: Any = None, *, random_state: Seed = None) -> None:
        self.mixture = mixture
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixture to the joint table.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            NaN may stand in X and y if the template has ``missing='marginalise'``.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `GaussianMixture.fit`.

        Returns
        -------
        MixtureRegressor
            This object. After an error it is what it was before the call.

        Raises
        ------
        ValueError
            For input that cannot be fitted, naming the argument.
        """
        self._validate_params()
        if getattr(self.mixture, "noise", False):
            raise ValueError(
                "mixture has noise=True, and noise has no distribution given x; StudentMixture is robust and has one"
            )
        with unchanged_on_failure(self):
            names = _target_names(y)
            X = self._check(X, reset=True)
            y = self._check_targets(y, X)
            sample_weight = check_weights_of(sample_weight, X)
            self._flat = y.ndim == 1
            self.n_targets_ = 1 if y.ndim == 1 else y.shape[1]
            joint = np.column_stack([X, y])
            template = GaussianMixture(reg_covar="auto") if self.mixture is None else self.mixture
            self.mixture_ = seeded(template, random_generator(self.random_state))
            self.mixture_.fit(joint, sample_weight=sample_weight)
            if hasattr(self, "feature_names_in_"):
                names = [f"y{j}" for j in range(self.n_targets_)] if names is None else names
                names = [*self.feature_names_in_, *names]
                if len(set(names)) == len(names) == joint.shape[1]:
                    self.mixture_.feature_names_in_ = np.array(names, dtype=object)
        return self

    # ---- what comes in

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.allow_nan = self._missing() == "marginalise"
        return tags

    def _missing(self):
        return getattr(self.mixture, "missing", "raise")

    def _check(self, X: Any, reset: bool = False) -> AnyArray:
        return check_samples(self, X, reset=reset, min_samples=2 if reset else 1, missing=self._missing())

    def _check_targets(self, y: Any, X: AnyArray, n_targets: int | None = None) -> FloatArray:
        """y as float64, (n,) or (n, n_targets)."""
        if y is None:
            raise ValueError("MixtureRegressor requires y to be passed, but the target y is None")
        allowed = self._missing() == "marginalise"
        y = check_array(
            _with_nan(y, allowed), dtype=np.float64, ensure_2d=False, input_name="y", estimator=self,
            ensure_all_finite="allow-nan" if allowed else True,
        )  # fmt: skip
        check_consistent_length(X, y)
        columns = y[:, None] if y.ndim == 1 else y
        if n_targets is None:
            empty = np.flatnonzero(np.isnan(columns).all(axis=0))
            if empty.size or not columns.shape[1]:
                raise ValueError(
                    f"y[:, {empty[0]}] has no observed value" if empty.size else "y must have a target; got none"
                )
            return y
        if columns.shape[1] != n_targets:
            raise ValueError(f"y must have {n_targets} targets, as in fit; got shape {y.shape}")
        return columns

    def _seen(self, X: Any) -> AnyArray:
        """(X, float64), which has passed the checks of a fitted regressor."""
        check_is_fitted(self)
        return np.asarray(self._check(X), dtype=np.float64)

    # ---- p(y | x), in blocks of rows

    def _conditionals(self, X, targets=None):
        """Yield (rows, conditional, values): rows of X in which the same features are known.

        `targets` (n, n_targets) says which targets are wanted of each row, if not all.
        """
        n_features, parameters = self.n_features_in_, self.mixture_._parameters()
        known = ~np.isnan(X)
        wanted = np.ones((len(X), self.n_targets_), dtype=bool) if targets is None else targets
        if known.all() and wanted.all():
            patterns, owner = np.ones((1, n_features + self.n_targets_), dtype=bool), np.zeros(len(X), dtype=int)
        else:
            patterns, owner = np.unique(np.column_stack([known, wanted]), axis=0, return_inverse=True)
        order = np.argsort(owner.ravel(), kind="stable")
        edges = np.searchsorted(owner.ravel()[order], np.arange(len(patterns) + 1))
        for number, pattern in enumerate(patterns):
            given = np.flatnonzero(pattern[:n_features])
            free = n_features + np.flatnonzero(pattern[n_features:])
            conditional = _conditional.of(parameters, given.tolist(), free.tolist())
            members = order[edges[number] : edges[number + 1]]
            block = max(64, BLOCK // (parameters.means.shape[0] * max(1, len(free))))
            for low in range(0, len(members), block):
                rows = members[low : low + block]
                yield rows, conditional, X[np.ix_(rows, given)]

    def _answers(self, X, targets=None):
        """Yield (rows, conditional, log-weights (b, K), means (b, K, m), stretch (b, K)) of p(y | x).

        Scale matrices are `stretch` times those of the conditional.
        """
        for rows, conditional, values in self._conditionals(X, targets):
            log_weights, means, squares = conditional.log_at(values)
            with np.errstate(invalid="ignore"):
                log_weights -= log_sum_exp(log_weights)[:, None]
            stretch = np.ones_like(squares)
            if hasattr(conditional, "stretch"):
                with np.errstate(over="ignore"):
                    stretch = np.where(log_weights > -np.inf, conditional.stretch(squares), 1.0)
            lost = ~(np.isfinite(stretch) & ~np.isnan(log_weights)).all(axis=1)
            if lost.any():
                i = rows[np.argmax(lost)]
                raise ValueError(
                    f"X[{i}] is so far from every component that its log-density leaves the range of float64; got "
                    f"{X[i]}"
                )
            yield rows, conditional, log_weights, means, stretch

    def _shaped(self, result):
        """A result with an axis of targets (the second), without it if y had none."""
        return result[:, 0] if self._flat else result

    # ---- what comes out

    @overload
    def predict(self, X: ArrayLike, return_std: Literal[False] = False) -> FloatArray: ...
    @overload
    def predict(self, X: ArrayLike, return_std: Literal[True]) -> tuple[FloatArray, FloatArray]: ...
    def predict(self, X: ArrayLike, return_std: bool = False) -> FloatArray | tuple[FloatArray, FloatArray]:
        r"""Mean of y given x, and its standard deviation.

        With the weights, means and covariances of :math:`p(y \mid x)`

        .. math::

            \operatorname E[y \mid x] = \sum_k w_k m_k, \qquad
            \operatorname{Var}[y_j \mid x] = \sum_k w_k \bigl(C_{k,jj} + (m_{kj} - \operatorname E_j)^2\bigr).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            With ``missing='marginalise'`` NaN where a value is missing: y is predicted from the others.
        return_std : bool, default=False

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_targets)
        std : ndarray of the same shape
            Only with ``return_std=True``: that of a new y, not that of the curve.

        Raises
        ------
        ValueError
            If X does not fit, or has a row so far away that its log-density leaves the range of float64 under every
            component; with `return_std` also where a t distribution has no variance.
        """
        X = self._seen(X)
        mean = np.empty((len(X), self.n_targets_))
        variance = np.empty_like(mean)
        for rows, conditional, log_weights, means, stretch in self._answers(X):
            weights = np.exp(log_weights)
            mean[rows] = middle = np.einsum("ik,ikj->ij", weights, means)
            if return_std:
                conditional.check_covariances("return_std=False gives the mean, predict_interval what is likely")
                # Of a t distribution the variance is ν / (ν - 2) times the squared scale.
                dof = getattr(conditional, "dof", None)
                shares = weights * stretch * (1.0 if dof is None else dof / (dof - 2.0))
                # The root goes in first: where a weight is 0 the square of a difference may be infinite.
                offsets = np.sqrt(weights)[:, :, None] * (means - middle[:, None])
                variance[rows] = shares @ _variances(conditional) + np.einsum("ikj,ikj->ij", offsets, offsets)
        if return_std:
            return self._shaped(mean), self._shaped(np.sqrt(variance))
        return self._shaped(mean)

    def predict_interval(self, X: ArrayLike, coverage: float = 0.9) -> FloatArray:
        r"""Central interval of y given x: below and above it lies the same probability, half of what it leaves out.

        Both ends are quantiles of :math:`p(y_j \mid x)`, found by Newton's method on the logarithm of the cumulative
        probability, to the last digits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN as in `predict`.
        coverage : float, default=0.9
            Probability of the interval, strictly between 0 and 1: that under the fitted mixture, which is the true one
            as far as the mixture is.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_targets, 2)
            Lower and upper end; each target by itself.

        Raises
        ------
        ValueError
            If `coverage` is no such number, or X does not fit.
        """
        try:
            coverage = float(coverage)
        except (TypeError, ValueError):
            raise TypeError(f"coverage must be a number; got {coverage!r}") from None
        if not 0.0 < coverage < 1.0:
            raise ValueError(f"coverage must be strictly between 0 and 1; got {coverage}")
        X = self._seen(X)
        tail = 0.5 * (1.0 - coverage)
        result = np.empty((len(X), self.n_targets_, 2))
        for rows, conditional, log_weights, means, stretch in self._answers(X):
            standard = Student(conditional.dof) if hasattr(conditional, "dof") else Gaussian()
            deviations = np.sqrt(_variances(conditional))
            for j in range(self.n_targets_):
                of_target = (log_weights, means[:, :, j], np.sqrt(stretch) * deviations[:, j], tail, standard)
                result[rows, j, 0] = quantiles(*of_target)
                result[rows, j, 1] = quantiles(*of_target, upper=True)
        return self._shaped(result)

    def sample_y(self, X: ArrayLike, n_samples: int = 1, random_state: Seed = 0) -> FloatArray:
        """Draw targets from p(y | x) for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples_X, n_features)
            NaN as in `predict`.
        n_samples : int, default=1
            Draws for each row.
        random_state : int, RandomState, Generator or None, default=0
            The same draws at each call.

        Returns
        -------
        ndarray of shape (n_samples_X, n_samples) or (n_samples_X, n_targets, n_samples)
            Several targets of one draw belong together.

        Raises
        ------
        ValueError
            If n_samples is not a positive integer, or X does not fit.
        """
        if isinstance(n_samples, bool) or not isinstance(n_samples, Integral) or not 1 <= n_samples <= MOST:
            raise ValueError(f"n_samples must be a positive integer; got {n_samples!r}")
        X = self._seen(X)
        rng = random_generator(random_state)
        size = (len(X), int(n_samples))
        uniform = rng.uniform(size=size)
        result = rng.standard_normal(size=(*size, self.n_targets_))
        for rows, conditional, log_weights, means, stretch in self._answers(X):
            passed = np.cumsum(np.exp(log_weights), axis=1)
            label = (passed[:, None] <= uniform[rows, :, None] * passed[:, None, -1:]).sum(axis=2)
            place = np.arange(len(rows))[:, None], label
            scale = stretch[place]
            if hasattr(conditional, "dof"):
                dof = conditional.dof[label]
                scale = scale * dof / np.maximum(rng.chisquare(dof), LEAST)
            roots = np.linalg.cholesky(_matrices(conditional))[label]
            drawn = np.einsum("isab,isb->isa", roots, result[rows])
            result[rows] = means[place] + np.sqrt(scale)[:, :, None] * drawn
        return self._shaped(np.swapaxes(result, 1, 2))

    def conditional(self, x: ArrayLike) -> GaussianMixture | StudentMixture:
        """The distribution of the targets given one x: a mixture, with all that mixtures can do.

        Parameters
        ----------
        x : array-like of shape (n_features,)
            NaN as in `predict`.

        Returns
        -------
        GaussianMixture or StudentMixture
            Over the targets.
        """
        check_is_fitted(self)
        x = np.asarray(x)
        if x.shape not in ((self.n_features_in_,), (1, self.n_features_in_)):
            raise ValueError(f"x must have shape ({self.n_features_in_},), one row; got {x.shape}")
        allowed = self._missing() == "marginalise"
        row = check_array(
            _with_nan(x.reshape(1, -1), allowed), dtype=np.float64, input_name="x",
            ensure_all_finite="allow-nan" if allowed else True,
        )[0]  # fmt: skip
        given = np.flatnonzero(~np.isnan(row)).tolist()
        targets = range(self.n_features_in_, self.n_features_in_ + self.n_targets_)
        joint = self.mixture_._explicit().marginal([*given, *targets])
        return joint.conditional(list(range(len(given))), row[given]) if given else joint

    def log_density(self, X: ArrayLike, y: ArrayLike) -> FloatArray:
        """Log-density of each y given its x, log p(y_i | x_i), natural logarithm.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            With ``missing='marginalise'`` NaN where a value is missing, in either: the density is that of the observed
            targets, 0 where there are none.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If X or y do not fit.
        """
        X = self._seen(X)
        y = self._check_targets(y, X, self.n_targets_)
        result = np.zeros(len(X))
        observed = ~np.isnan(y)
        for rows, conditional, log_weights, means, stretch in self._answers(X, observed):
            m = means.shape[2]
            if m == 0:
                continue
            offsets = y[rows][:, observed[rows[0]]][:, None] - means
            squares = np.empty_like(stretch)
            roots = np.linalg.cholesky(_matrices(conditional))
            with np.errstate(over="ignore", invalid="ignore"):
                for k, root in enumerate(roots):
                    z = offsets[:, k].T / np.sqrt(stretch[:, k])
                    for j in range(m):  # forward substitution, for all rows at once
                        z[j] = (z[j] - root[j, :j] @ z[:j]) / root[j, j]
                    squares[:, k] = np.einsum("ji,ji->i", z, z)
                log_scales = np.log(np.einsum("kjj->kj", roots)).sum(axis=1) + 0.5 * m * np.log(stretch)
                log_densities = _log_kernel(squares, m, getattr(conditional, "dof", None)) - log_scales
                result[rows] = log_sum_exp(np.where(log_weights > -np.inf, log_weights + log_densities, -np.inf))
        return result


def _matrices(conditional):
    """Covariances (or scale matrices) of the components of p(y | x), (K, m, m)."""
    kind, (n_components, n_free) = conditional.covariance_type, conditional.free_means.shape
    return structure_of(kind).matrices(conditional.covariances, n_components, n_free)


def _variances(conditional):
    """Their diagonals, (K, m)."""
    return np.einsum("kjj->kj", _matrices(conditional))


def _log_kernel(squares, m, dof):
    """Log-density of a standard Gaussian, or of standard t distributions, in m dimensions at squared distances."""
    if dof is None:
        return -0.5 * squares - m * HALF_LOG_2PI
    constants = gammaln(0.5 * (dof + m)) - gammaln(0.5 * dof) - 0.5 * m * (np.log(dof) + math.log(math.pi))
    return constants - 0.5 * (dof + m) * np.log1p(squares / dof)


def _target_names(y):
    """Names of the targets, or None."""
    names = list(y.columns) if hasattr(y, "columns") else [getattr(y, "name", None)]
    return names if all(isinstance(name, str) for name in names) else None
