"""Density and anomalies (chapter 17): regions, conformal p-values, surprises, and how detectors are judged."""

from __future__ import annotations

import math

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray
from gmm.formulas import _checks as check
from gmm.formulas._primitives import cholesky_kernel, log_sum_exp_kernel
from gmm.formulas._registry import equation
from gmm.formulas.gaussian import LOG_2PI, forward_substitution_kernel

# A count of samples that is a whole number but for the rounding of a decimal fraction.
ROUNDING = 1e-9

# ------------------------------------------------------------------------------------- kernels


@kernel
def gaussian_region_mass_kernel(radius, d):
    half = 0.5 * radius * radius
    if half == 0.0:
        return 0.0
    mass = math.erf(math.sqrt(half)) if d % 2 else -math.expm1(-half)  # of one feature, or of two
    for j in range(2 - d % 2, d, 2):  # from j features to j + 2
        mass -= math.exp(0.5 * j * math.log(half) - half - math.lgamma(0.5 * j + 1.0))
    return max(mass, 0.0)


@kernel
def fresh_distance_kernel(n, d):
    return d * (n + 1) / (n - d - 2)


@kernel
def conformal_p_values_kernel(scores, calibration):
    m = calibration.shape[0]
    p = np.empty(scores.shape[0])
    for i in range(scores.shape[0]):
        count = 1  # the sample itself
        for l in range(m):
            if calibration[l] <= scores[i]:
                count += 1
        p[i] = count / (m + 1)
    return p


@kernel
def conformal_threshold_kernel(calibration, false_alarm):
    rank = math.floor(false_alarm * (calibration.shape[0] + 1) + ROUNDING)
    return np.sort(calibration)[rank - 1] if rank > 0 else -np.inf


@kernel
def false_alarm_log_density_kernel(rate, m, rank):
    log_constant = math.lgamma(m + 1.0) - math.lgamma(rank) - math.lgamma(m + 1.0 - rank)
    return log_constant + (rank - 1) * math.log(rate) + (m - rank) * math.log1p(-rate)


@kernel
def cross_conformal_p_values_kernel(scores, calibration, folds):
    n = calibration.shape[0]
    p = np.empty(scores.shape[0])
    for i in range(scores.shape[0]):
        count = 1
        for l in range(n):
            if calibration[l] <= scores[i, folds[l]]:  # both by the mixture that has not seen l
                count += 1
        p[i] = count / (n + 1)
    return p


@kernel
def cross_conformal_bound_kernel(false_alarm, n, K):
    return min(1.0, 2.0 * false_alarm + 2.0 * (1.0 - false_alarm) * (K - 1) / (n + K))


@kernel
def with_last_kernel(covariance, j):
    """The Cholesky factor of a covariance whose features j and d - 1 have changed places."""
    d = covariance.shape[0]
    swapped = np.empty((d, d))
    for a in range(d):
        for b in range(d):
            row = d - 1 if a == j else j if a == d - 1 else a
            column = d - 1 if b == j else j if b == d - 1 else b
            swapped[a, b] = covariance[row, column]
    return cholesky_kernel(swapped)


@kernel
def whitened_with_last_kernel(x, mean, L, j):
    """y of L y = x - μ, where the features j and d - 1 have changed places."""
    d = x.shape[0]
    difference = np.empty(d)
    for a in range(d):
        row = d - 1 if a == j else j if a == d - 1 else a
        difference[a] = x[row] - mean[row]
    return forward_substitution_kernel(L, difference)


@kernel
def conditional_surprise_kernel(X, weights, means, covariances):
    n, d = X.shape
    K = weights.shape[0]
    surprise, rest, whole = np.empty((n, d)), np.empty((n, K)), np.empty((n, K))
    for j in range(d):
        for k in range(K):
            L = with_last_kernel(covariances[k], j)
            for i in range(n):
                y = whitened_with_last_kernel(X[i], means[k], L, j)
                rest[i, k] = np.log(weights[k])
                for l in range(d - 1):
                    rest[i, k] -= 0.5 * (LOG_2PI + y[l] * y[l]) + math.log(L[l, l])
                whole[i, k] = rest[i, k] - 0.5 * (LOG_2PI + y[d - 1] * y[d - 1]) - math.log(L[d - 1, d - 1])
        log_rest, log_whole = log_sum_exp_kernel(rest), log_sum_exp_kernel(whole)
        for i in range(n):
            surprise[i, j] = log_rest[i] - log_whole[i]
    return surprise


@kernel
def excess_surprise_kernel(X, mean, covariance):
    n, d = X.shape
    excess = np.empty((n, d))
    for j in range(d):
        L = with_last_kernel(covariance, j)
        for i in range(n):
            z = whitened_with_last_kernel(X[i], mean, L, j)[d - 1]
            excess[i, j] = 0.5 * (z * z - 1.0)
    return excess


@kernel
def roc_area_kernel(usual, odd):
    wins = 0.0
    for low in odd:
        for high in usual:
            wins += 1.0 if low < high else 0.5 if low == high else 0.0
    return wins / (usual.shape[0] * odd.shape[0])


@kernel
def alarm_precision_kernel(prevalence, detection, false_alarm):
    right, wrong = prevalence * detection, (1.0 - prevalence) * false_alarm
    return right / (right + wrong)


# ------------------------------------------------------------------------------------- public


def _share(value: float, name: str, whole: bool = False) -> float:
    """Check a probability strictly between 0 and 1; `whole` allows both ends."""
    value = check.number(value, name)
    if not (0.0 <= value <= 1.0 if whole else 0.0 < value < 1.0):
        raise ValueError(f"{name} must lie {'' if whole else 'strictly '}between 0 and 1; got {value}")
    return value


def _scores(value: ArrayLike, name: str) -> FloatArray:
    return check.real_array(value, name, 1, "(n_samples,)")


@equation("eq-anomaly-region-mass", kernel=gaussian_region_mass_kernel)
def gaussian_region_mass(radius: float, n_features: int) -> float:
    r"""Mass of a Gaussian of d features inside its ellipsoid of Mahalanobis radius r, :eq:`eq-anomaly-region-mass`.

    .. math:: F_{j+2}(r) = F_j(r) - \frac{(r^2/2)^{j/2}}{\Gamma(j/2+1)}\,e^{-r^2/2}

    from :math:`F_1(r) = \operatorname{erf}(r/\sqrt2)` and :math:`F_2(r) = 1 - e^{-r^2/2}`.

    Parameters
    ----------
    radius : float
        Mahalanobis radius, not negative.
    n_features : int

    Returns
    -------
    float
        To some 15 decimals; a mass far below that has no correct digit. Costs O(d).

    Raises
    ------
    ValueError
        If `radius` is negative or not finite, or `n_features` is less than one.
    """
    radius = check.number(radius, "radius", minimum=0.0)
    return gaussian_region_mass_kernel(radius, check.count(n_features, "n_features"))


@equation("eq-anomaly-fresh", kernel=fresh_distance_kernel)
def fresh_distance(n_samples: int, n_features: int) -> float:
    r"""Expected squared distance of a fresh sample from a Gaussian fitted to n others, :eq:`eq-anomaly-fresh`.

    .. math:: \mathbb E\,\Delta^2 = d\,\frac{n+1}{n-d-2}

    in the metric of the estimate. The n samples themselves have the mean d, exactly.

    Parameters
    ----------
    n_samples : int
        n, more than d + 2: the expectation is infinite otherwise.
    n_features : int

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `n_samples` is too small or `n_features` is less than one.
    """
    d = check.count(n_features, "n_features")
    return float(fresh_distance_kernel(check.count(n_samples, "n_samples", minimum=d + 3), d))


@equation("eq-anomaly-p", kernel=conformal_p_values_kernel)
def conformal_p_values(scores: ArrayLike, calibration: ArrayLike) -> FloatArray:
    r"""Conformal p-values: the rank of each score among calibration scores, :eq:`eq-anomaly-p`.

    .. math:: p = \frac{1 + \#\{i : s_i \le s\}}{m+1}

    Parameters
    ----------
    scores : array_like, shape (n_samples,)
        Log-densities of fresh samples; low is odd.
    calibration : array_like, shape (n_calibration,)
        Log-densities of samples that the mixture has not seen.

    Returns
    -------
    ndarray, shape (n_samples,)
        If a sample is exchangeable with those of the calibration, p ≤ α has at most the probability α.

    Raises
    ------
    ValueError
        If an argument is not a finite vector.

    References
    ----------
    Vovk, V., Gammerman, A. and Shafer, G. (2005), Algorithmic learning in a random world.
    """
    return conformal_p_values_kernel(_scores(scores, "scores"), _scores(calibration, "calibration"))


@equation("eq-anomaly-threshold", kernel=conformal_threshold_kernel)
def conformal_threshold(calibration: ArrayLike, false_alarm: float) -> float:
    r"""Threshold below which the conformal p-value is at most α, :eq:`eq-anomaly-threshold`.

    .. math:: s_{(j)},\qquad j = \lfloor\alpha(m+1)\rfloor

    the j-th smallest calibration score; minus infinity if j is zero.

    Parameters
    ----------
    calibration : array_like, shape (n_calibration,)
    false_alarm : float
        α, between 0 and 1.

    Returns
    -------
    float
        A sample whose score is below it is flagged.

    Raises
    ------
    ValueError
        If `calibration` is not a finite vector or `false_alarm` not between 0 and 1.
    """
    return conformal_threshold_kernel(_scores(calibration, "calibration"), _share(false_alarm, "false_alarm"))


@equation("eq-anomaly-beta", kernel=false_alarm_log_density_kernel)
def false_alarm_log_density(rate: float, n_calibration: int, rank: int) -> float:
    r"""Log-density of the rate of false alarms from one calibration to the next, :eq:`eq-anomaly-beta`.

    .. math:: \log\frac{m!}{(j-1)!\,(m-j)!} + (j-1)\log a + (m-j)\log(1-a)

    Parameters
    ----------
    rate : float
        a, between 0 and 1.
    n_calibration : int
        m, the number of calibration scores.
    rank : int
        j, that of the threshold among them.

    Returns
    -------
    float
        Natural logarithm; scores are taken not to tie.

    Raises
    ------
    ValueError
        If `rate` is not between 0 and 1, or `rank` not from 1 to `n_calibration`.
    """
    rank = check.count(rank, "rank")
    n_calibration = check.count(n_calibration, "n_calibration")
    if rank > n_calibration:
        raise ValueError(f"rank must be at most n_calibration = {n_calibration}; got {rank}")
    return false_alarm_log_density_kernel(_share(rate, "rate"), n_calibration, rank)


@equation("eq-anomaly-cross", kernel=cross_conformal_p_values_kernel)
def cross_conformal_p_values(scores: ArrayLike, calibration: ArrayLike, folds: ArrayLike) -> FloatArray:
    r"""Cross-conformal p-values: each calibration score is compared under its own mixture, :eq:`eq-anomaly-cross`.

    .. math:: p = \frac{1 + \#\{i : s_{f(i)}(x_i) \le s_{f(i)}(x)\}}{n+1}

    Parameters
    ----------
    scores : array_like, shape (n_samples, n_folds)
        Log-densities of fresh samples under the mixture of each fold.
    calibration : array_like, shape (n_calibration,)
        That of each sample of the fit, under the mixture of its own fold, which has not seen it.
    folds : array_like of int, shape (n_calibration,)
        f(i), the fold of each sample.

    Returns
    -------
    ndarray, shape (n_samples,)

    Raises
    ------
    ValueError
        If shapes do not fit, scores are not finite or a fold is out of range.

    References
    ----------
    Vovk, V. (2015), Cross-conformal predictors.
    """
    scores = check.real_array(scores, "scores", 2, "(n_samples, n_folds)")
    calibration = _scores(calibration, "calibration")
    folds = np.asarray(folds)
    n_folds = scores.shape[1]
    if folds.shape != calibration.shape or folds.dtype.kind not in "iu":
        raise ValueError(
            f"folds must be {len(calibration)} integers, one for each calibration score; got dtype {folds.dtype} with "
            f"shape {folds.shape}"
        )
    if folds.min() < 0 or folds.max() >= n_folds:
        raise ValueError(f"folds must lie between 0 and {n_folds - 1}, as scores has {n_folds} columns")
    return cross_conformal_p_values_kernel(scores, calibration, np.require(folds, np.int64, ["C", "A", "W"]))


@equation("eq-anomaly-cross-bound", kernel=cross_conformal_bound_kernel)
def cross_conformal_bound(false_alarm: float, n_samples: int, n_folds: int) -> float:
    r"""What the rate of false alarms by cross-conformal p-values cannot exceed, :eq:`eq-anomaly-cross-bound`.

    .. math:: \Pr(p \le \alpha) \le 2\alpha + 2(1-\alpha)\,\frac{K-1}{n+K}

    Parameters
    ----------
    false_alarm : float
        α, between 0 and 1.
    n_samples : int
        n, that of all folds together.
    n_folds : int
        K.

    Returns
    -------
    float
        At most 1.

    Raises
    ------
    ValueError
        If `false_alarm` is not between 0 and 1, or a count is less than one.

    References
    ----------
    Vovk, V. and Wang, R. (2020), Combining p-values via averaging. Barber, R. F., Candès, E. J., Ramdas, A. and
    Tibshirani, R. J. (2021), Predictive inference with the jackknife+.
    """
    arguments = _share(false_alarm, "false_alarm"), check.count(n_samples, "n_samples")
    return cross_conformal_bound_kernel(*arguments, check.count(n_folds, "n_folds"))


@equation("eq-anomaly-surprise", kernel=conditional_surprise_kernel)
def conditional_surprise(X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> FloatArray:
    r"""Surprise of each feature of each sample, given its other features, :eq:`eq-anomaly-surprise`.

    .. math:: -\log p(x_j\mid\mathbf x_{-j}) = \log p(\mathbf x_{-j}) - \log p(\mathbf x)

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    weights : array_like, shape (n_components,)
    means : array_like, shape (n_components, n_features)
    covariances : array_like, shape (n_components, n_features, n_features)

    Returns
    -------
    ndarray, shape (n_samples, n_features)
        In nats. Costs O(K d⁴ + n K d³).

    Raises
    ------
    ValueError
        If the shapes do not fit or the parameters are not those of a mixture.
    """
    return conditional_surprise_kernel(*check.data_and_parameters(X, weights, means, covariances))


@equation("eq-anomaly-excess", kernel=excess_surprise_kernel)
def excess_surprise(X: ArrayLike, mean: ArrayLike, covariance: ArrayLike) -> FloatArray:
    r"""Surprise of each feature under one Gaussian, less what is expected of it, :eq:`eq-anomaly-excess`.

    .. math:: \tfrac12(z_j^2 - 1),\qquad z_j = \frac{x_j - \mathbb E[x_j\mid\mathbf x_{-j}]}{\sigma_{j\mid-j}}

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    mean : array_like, shape (n_features,)
    covariance : array_like, shape (n_features, n_features)

    Returns
    -------
    ndarray, shape (n_samples, n_features)
        In nats; -1/2 or more. Costs O(d⁴ + n d³).

    Raises
    ------
    ValueError
        If the shapes do not fit or `covariance` is not symmetric positive definite.
    """
    X = check.data(X)
    covariance = check.covariance_matrix(covariance, X.shape[1])
    return excess_surprise_kernel(X, check.mean_vector(mean, X.shape[1]), covariance)


@equation("eq-anomaly-roc", kernel=roc_area_kernel)
def roc_area(usual: ArrayLike, odd: ArrayLike) -> float:
    r"""Area under the ROC curve: how often an odd sample scores below a usual one, :eq:`eq-anomaly-roc`.

    .. math:: \frac1{n_0 n_1}\sum_{i,l}\bigl(\mathbf 1[s_l^{\text{odd}} < s_i^{\text{usual}}]
        + \tfrac12\,\mathbf 1[s_l^{\text{odd}} = s_i^{\text{usual}}]\bigr)

    Parameters
    ----------
    usual : array_like, shape (n_usual,)
        Scores of usual samples; high is usual.
    odd : array_like, shape (n_odd,)
        Scores of anomalies.

    Returns
    -------
    float
        From 0 to 1; 1/2 by guessing. Costs one comparison a pair.

    Raises
    ------
    ValueError
        If an argument is not a finite vector.

    References
    ----------
    Hanley, J. A. and McNeil, B. J. (1982), The meaning and use of the area under a receiver operating characteristic
    (ROC) curve.
    """
    return roc_area_kernel(_scores(usual, "usual"), _scores(odd, "odd"))


@equation("eq-anomaly-precision", kernel=alarm_precision_kernel)
def alarm_precision(prevalence: float, detection: float, false_alarm: float) -> float:
    r"""Share of the alarms that are right, :eq:`eq-anomaly-precision`.

    .. math:: \frac{\rho\tau}{\rho\tau + (1-\rho)\alpha}

    Parameters
    ----------
    prevalence : float
        ρ, the share of anomalies among the samples, strictly between 0 and 1.
    detection : float
        τ, the share of the anomalies that is flagged, from 0 to 1.
    false_alarm : float
        α, the share of the usual samples that is flagged, strictly between 0 and 1.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """
    arguments = _share(prevalence, "prevalence"), _share(detection, "detection", whole=True)
    return alarm_precision_kernel(*arguments, _share(false_alarm, "false_alarm"))
