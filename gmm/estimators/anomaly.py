"""`AnomalyDetector`: samples of low density, at a rate of false alarms that holds for fresh samples."""

from __future__ import annotations

import math
from fractions import Fraction
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils.validation import check_is_fitted

from gmm._types import AnyArray, ArrayLike, FloatArray, IntArray, Seed
from gmm.estimators import _surprises
from gmm.estimators._scored import unchanged_on_failure
from gmm.estimators._settings import SETTINGS
from gmm.estimators._sklearn_compat import HasMethods, Interval, StrOptions
from gmm.estimators._templates import seeded
from gmm.estimators._validation import check_parameters, check_samples, random_generator
from gmm.estimators._warn import warn
from gmm.estimators.gaussian_mixture import GaussianMixture

if TYPE_CHECKING:
    from gmm.estimators._surprises import Explanation

BLOCK = 2**18  # numbers held at one time for many rows
CONSTRAINTS = {
    "mixture": [None, HasMethods(["fit", "score_samples"])],
    "false_alarm": [Interval(Real, 0.0, 1.0, closed="neither")],
    "calibration": [StrOptions({"split", "cross"})],
    "calibration_size": [Interval(Real, 0.0, 1.0, closed="neither")],
    "n_folds": [Interval(Integral, 2, None, closed="left")],
    "random_state": SETTINGS["random_state"].constraints,
}


class AnomalyDetector(OutlierMixin, BaseEstimator):
    r"""Flag samples whose density is low, at a rate of false alarms that holds for fresh samples.

    A mixture is fitted, and samples that it has not seen say which densities are usual: if a fresh sample comes from
    the same distribution as those, its density is as likely to have any rank among theirs. That needs no trust in the
    mixture. A poor one costs detections, not false alarms.

    Parameters
    ----------
    mixture : estimator, default=None
        A template, which is cloned and fitted: a `GaussianMixture`, a `BayesianGaussianMixture` (whose predictive
        density is taken), or any other with ``fit`` and ``score_samples``. None: a `GaussianMixture` of one component.
    false_alarm : float, default=0.01
        The share of usual samples, between 0 and 1, that may be flagged.
    calibration : {'split', 'cross'}, default='split'
        'split': a part of the samples fits the mixture, the others calibrate. 'cross': each of `n_folds` parts
        calibrates a mixture that is fitted to the others; all samples serve both ends, and the guarantee is weaker.
    calibration_size : float, default=0.5
        Share of the samples that calibrate, for 'split'. To flag anything, 1 / `false_alarm` - 1 of them are needed.
    n_folds : int, default=10
        Number of parts, for 'cross'.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the division of the samples, and the fits of a template whose own `random_state` is None.

    Attributes
    ----------
    mixture_ : estimator
        The mixture to look at: for 'split' the one that gives the scores, for 'cross' one that is fitted to all.
    mixtures_ : list of estimators
        Those that give the scores: one, or one for each fold.
    calibration_scores_ : list of ndarray
        For each of them the log-densities of the samples that it was not fitted to, ascending.
    n_calibration_ : int
        Number of these scores, m.
    rank_ : int
        :math:`\lfloor\alpha(m+1)\rfloor`, with α the allowed rate: a sample is flagged if fewer calibration scores
        than this are as low as its own. 0: nothing is ever flagged.
    offset_ : float
        The calibration score of this rank, the threshold; ``-inf`` where nothing is flagged.
    false_alarm_bound_ : float
        What the expected rate of false alarms cannot exceed, whatever the distribution; see Notes.
    n_features_in_, feature_names_in_
        As usual.

    Notes
    -----
    The guarantee is for a fresh sample that is exchangeable with those of the fit, averaged over both.

    * 'split': at most rank / (m + 1) ≤ `false_alarm`; equal to it where scores do not tie. In one's own fit the rate
      has the distribution Beta(rank, m + 1 - rank).
    * 'cross': at most :math:`2a + 2(1-a)(K-1)/(n+K)` with a = rank / (n + 1) and K folds; as a rule it is near a.

    The samples of the fit themselves are no fresh samples: `fit_predict` flags fewer of them. Samples that come in
    runs, from one machine or day, are not exchangeable: give one of each run.

    For 'cross' `score_samples` is a log-density on the scale of the mixtures, such that a sample is flagged exactly if
    its p-value is at most `false_alarm`.

    References
    ----------
    Vovk, V., Gammerman, A. and Shafer, G. (2005), Algorithmic learning in a random world. Vovk, V. (2015),
    Cross-conformal predictors. Bates, S., Candès, E., Lei, L., Romano, Y. and Sesia, M. (2023), Testing for outliers
    with conformal p-values.

    Examples
    --------
    >>> import gmm
    >>> X = gmm.datasets.load_old_faithful().X
    >>> detector = gmm.AnomalyDetector(gmm.GaussianMixture(2), false_alarm=0.02, random_state=0).fit(X)
    >>> detector.predict([[4.4, 80.0], [2.0, 90.0]])
    array([ 1, -1])
    >>> detector.explain([[2.0, 90.0]]).mean.round(1)  # what the one would have led to expect of the other
    array([[ 4.5, 54.2]])
    """

    mixture_: Any
    mixtures_: list[Any]
    calibration_scores_: list[FloatArray]
    n_calibration_: int
    rank_: int
    offset_: float
    false_alarm_bound_: float
    n_features_in_: int
    feature_names_in_: AnyArray

    _parameter_constraints: dict = CONSTRAINTS

    def __init__(
        self,
        mixture: Any = None,
        *,
        false_alarm: float = 0.01,
        calibration: Literal["split", "cross"] = "split",
        calibration_size: float | int = 0.5,
        n_folds: int = 10,
        random_state: Seed = None,
    ) -> None:
        self.mixture = mixture
        self.false_alarm = false_alarm
        self.calibration = calibration
        self.calibration_size = calibration_size
        self.n_folds = n_folds
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Fit the mixture and calibrate the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Usual samples. Anomalies among them make the threshold lower.
        y : Ignored
            Present by convention.

        Returns
        -------
        AnomalyDetector
            This object. After an error it is what it was before the call.

        Raises
        ------
        ValueError
            For input that cannot be fitted, naming the argument.

        Warns
        -----
        UserWarning
            If the calibration samples are too few for anything to be flagged.
        """
        self._validate_params()
        with unchanged_on_failure(self):
            X = check_samples(self, X, reset=True, min_samples=3)
            rng = random_generator(self.random_state)
            template = seeded(GaussianMixture() if self.mixture is None else self.mixture, rng)
            parts = self._parts(len(X), rng)
            fits = [clone(template).fit(np.delete(X, part, axis=0), None) for part in parts]
            scores = [np.sort(log_density(fit, X[part])) for fit, part in zip(fits, parts, strict=True)]
            self.mixture_ = fits[0] if self.calibration == "split" else clone(template).fit(X, None)
            self.mixtures_, self.calibration_scores_ = fits, scores
            self._set_threshold()
        return self

    def _parts(self, n_samples, rng):
        """The numbers of the samples that calibrate, for each mixture."""
        order = rng.permutation(n_samples)
        if self.calibration == "split":
            # Both parts have one sample or more; whether they suffice is for the mixture to say.
            return [order[-min(max(1, round(self.calibration_size * n_samples)), n_samples - 1) :]]
        if n_samples < self.n_folds:
            raise ValueError(f"n_folds={self.n_folds} is more than the {n_samples} samples of X")
        return np.array_split(order, self.n_folds)

    def _set_threshold(self):
        every = np.sort(np.concatenate(self.calibration_scores_))
        m = self.n_calibration_ = len(every)
        # In decimals, as it was written: 0.29 * 100 is less than 29 in binary.
        alpha = Fraction(repr(float(self.false_alarm)))
        self.rank_ = math.floor(alpha * (m + 1))
        self.offset_ = float(every[self.rank_ - 1]) if self.rank_ else -math.inf
        share, n_folds = self.rank_ / (m + 1), len(self.mixtures_)
        if n_folds > 1 and self.rank_:
            share = min(1.0, 2.0 * share + 2.0 * (1.0 - share) * (n_folds - 1) / (m + n_folds))
        self.false_alarm_bound_ = share
        if not self.rank_:
            warn(
                f"{m} calibration samples cannot show a p-value of {self.false_alarm:g} or less, and nothing will be "
                f"flagged: {math.ceil(1 / alpha) - 1} are needed, or a larger false_alarm",
                UserWarning,
            )

    # ---- scores

    def _scores(self, X):
        check_is_fitted(self)
        X = check_samples(self, X, reset=False)
        return np.stack([log_density(fit, X) for fit in self.mixtures_], axis=1)

    def p_values(self, X: ArrayLike) -> FloatArray:
        r"""How small the density of each sample is among those of the calibration samples.

        .. math:: p(x) = \frac{1 + \#\{i : s_i \le s(x)\}}{m + 1}

        with the log-density s of a mixture that has seen neither. If x is exchangeable with the calibration samples,
        :math:`\Pr(p \le \alpha) \le \alpha` for 'split'; see Notes of the class for 'cross'.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            From 1 / (m + 1) to 1.
        """
        counts = np.ones(1, dtype=np.int64)
        for usual, scores in zip(self.calibration_scores_, self._scores(X).T, strict=True):
            counts = counts + np.searchsorted(usual, scores, side="right")
        return counts / (self.n_calibration_ + 1)

    def score_samples(self, X: ArrayLike) -> FloatArray:
        """Log-density of each sample, natural logarithm; for 'cross' on the scale of the folds' mixtures.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        scores = self._scores(X)
        if len(self.mixtures_) == 1:
            return scores[:, 0]
        usual = np.concatenate(self.calibration_scores_)
        rank = max(self.rank_, 1)
        return self._margins(scores, rank) + np.partition(usual, rank - 1)[rank - 1]

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """`score_samples` less `offset_`: negative for what is flagged.

        Parameters and shape are those of `score_samples`. Where nothing can be flagged it is ``inf``.
        """
        scores = self._scores(X)
        return self._margins(scores, self.rank_) if self.rank_ else np.full(len(scores), math.inf)

    def _margins(self, scores, rank):
        """The rank-th largest of s_k(x) - s_i over all calibration scores: negative if fewer are as low as x."""
        lowest = [usual[:rank] for usual in self.calibration_scores_]
        owner = np.repeat(np.arange(len(lowest)), list(map(len, lowest)))
        lowest = np.concatenate(lowest)
        result = np.empty(len(scores))
        block = max(1, BLOCK // len(lowest))
        for low in range(0, len(scores), block):
            own = scores[low : low + block, owner]
            with np.errstate(invalid="ignore"):
                gaps = np.where(own == lowest, 0.0, own - lowest)  # two of -inf are equal
            result[low : low + block] = np.partition(gaps, -rank, axis=1)[:, -rank]
        return result

    def predict(self, X: ArrayLike) -> IntArray:
        """1 for usual samples, -1 for those that are flagged: whose p-value is at most `false_alarm`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of int, shape (n_samples,)
        """
        return np.where(self.decision_function(X) < 0.0, -1, 1)

    def explain(self, X: ArrayLike) -> Explanation:
        r"""Say why samples are odd: how surprising each feature is, given the others.

        .. math:: -\log p(x_j \mid x_{-j}) - \operatorname E\bigl[-\log p(X_j \mid x_{-j})\bigr]

        under `mixture_`, in nats: what the feature adds over what it would usually add in the same company. Negative
        values say that it is closer to what was expected than most.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        Explanation
            A named tuple of arrays (n_samples, n_features): ``surprise`` in nats, ``mean`` and ``deviation`` of each
            feature given the others in its unit.

        Raises
        ------
        TypeError
            If `mixture_` does not consist of Gaussian components.
        ValueError
            If X does not fit, or a row is so far away that its log-density leaves the range of float64.

        Notes
        -----
        p(x_j | x_rest) is a mixture in one dimension, by blocks of a Cholesky factor; the expectation is computed by
        Gauss–Hermite quadrature. Surprises do not add up to the score: where two features contradict each other, both
        are surprising. Costs O(K d⁴) once and O(n d K (d² + 40 K)) for n rows. Of a Bayesian mixture the expected
        parameters are taken.
        """
        check_is_fitted(self)
        fit = self.mixture_
        parts = ("weights_", "means_", "covariances_", "covariance_type")
        if not all(hasattr(fit, part) for part in parts) or hasattr(fit, "dof_"):
            raise TypeError(f"explain takes a mixture of Gaussian components; this is a {type(fit).__name__}")
        parameters = check_parameters(*(getattr(fit, part) for part in parts))
        return _surprises.explain(parameters, check_samples(self, X, reset=False))


def log_density(fit, X):
    """Log-density of each sample; of a Bayesian mixture the predictive one, since its `score_samples` is no density."""
    score = getattr(fit, "predictive_log_density", fit.score_samples)
    return np.asarray(score(X), dtype=np.float64)
