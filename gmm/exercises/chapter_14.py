"""Exercises of chapter 14: how many components?"""

from __future__ import annotations

import math

import numpy as np

from gmm.datasets import load_old_faithful
from gmm.exercises._core import exercise
from gmm.exercises._page import Choices

# ------------------------------------------------------------------------- predict: which criterion is stricter

exercise(
    "ex-select-sample-size",
    8,
    mistakes=[
        (7, "log 7 is 1.95, still below 2: there AIC is the stricter one."),
        (3, "log n exceeds 1 from here on; AIC's price of a parameter is 2."),
        (100, "that solves log10 n = 2; the logarithm is natural."),
        (9, "from this n on it is true as well, but a smaller one will do."),
    ],
)

# ------------------------------------------------------------------------- predict: BIC after a change of units

exercise(
    "ex-select-units",
    442.22,
    rtol=1e-4,
    mistakes=[
        (1575.09, "the densities change with the unit: divided by 1000, each is 1000 times as large."),
        (2707.96, "the sign: in the larger unit the densities are larger, so -2 times the log-likelihood is smaller."),
        (1008.65, "the log-likelihood enters BIC twice: 2 n log 1000."),
        (1.57509, "BIC is not measured in km/s; it moves by a constant, not by a factor."),
    ],
)

# ------------------------------------------------------------------------- compute: BIC from the log-likelihood


def _count(K, d, structure):
    covariance = {"full": K * d * (d + 1) // 2, "tied": d * (d + 1) // 2, "diag": K * d, "spherical": K}[structure]
    return K - 1 + K * d + covariance


def _bic(log_likelihood, n, K, d, structure):
    return -2 * log_likelihood + _count(K, d, structure) * math.log(n)


def _free_weights(log_likelihood, n, K, d, structure):
    return _bic(log_likelihood, n, K, d, structure) + math.log(n)


def _whole_matrices(log_likelihood, n, K, d, structure):
    extra = {"full": K, "tied": 1}.get(structure, 0) * (d * d - d * (d + 1) // 2)
    return _bic(log_likelihood, n, K, d, structure) + extra * math.log(n)


def _always_full(log_likelihood, n, K, d, structure):
    return _bic(log_likelihood, n, K, d, "full")


def _not_doubled(log_likelihood, n, K, d, structure):
    return _bic(log_likelihood, n, K, d, structure) + log_likelihood


def _maximised(log_likelihood, n, K, d, structure):
    return -_bic(log_likelihood, n, K, d, structure)


def _aic(log_likelihood, n, K, d, structure):
    return -2 * log_likelihood + 2 * _count(K, d, structure)


def _common_logarithm(log_likelihood, n, K, d, structure):
    return -2 * log_likelihood + _count(K, d, structure) * math.log10(n)


def _miscounted(more, message):
    """A mistake in the count alone: so many parameters more than there are."""

    def wrong(log_likelihood, n, K, d, structure):
        return _bic(log_likelihood, n, K, d, structure) + more(K, d, structure) * math.log(n)

    return wrong, message


exercise(
    "ex-select-bic",
    _bic,
    cases=[
        (-1126.326, 272, 3, 2, "tied"),
        (-180.186, 150, 2, 4, "full"),
        (-203.179, 82, 3, 1, "spherical"),
        (12.5, 20, 4, 3, "diag"),  # densities may exceed one
        (-500.0, 100, 1, 2, "full"),
        (-300.0, 60, 2, 3, "full"),
        (-250.0, 40, 2, 5, "tied"),
    ],
    mistakes=[
        (_free_weights, "the K weights sum to one, so that only K - 1 of them are free."),
        (_whole_matrices, "a symmetric matrix has d(d+1)/2 free entries, not d²."),
        (_always_full, "the number of covariance parameters depends on the structure."),
        (_not_doubled, "the log-likelihood enters with the factor -2."),
        (_maximised, "that is the criterion with mclust's sign; here the smaller is the better."),
        (
            lambda l, n, K, d, structure: -_bic(l, n, K, d, structure) / 2,
            "that is log-likelihood minus half the penalty, the form of Schwarz. Multiply by -2.",
        ),
        (_aic, "that is AIC: a parameter costs log n here, not 2."),
        (_common_logarithm, "the logarithm is natural: np.log, not np.log10."),
        (
            lambda l, n, K, d, structure: _bic(-l, n, K, d, structure),
            "the log-likelihood enters with a minus: a better fit has a lower BIC.",
        ),
        (
            lambda l, n, K, d, structure: -2 * l - _count(K, d, structure) * math.log(n),
            "the penalty has the wrong sign: every parameter makes BIC larger.",
        ),
        (
            lambda l, n, K, d, structure: _bic(l, n, K, d, structure) / n,
            "that is BIC per sample; the total is asked for.",
        ),
        (
            lambda l, n, K, d, structure: _bic(n * l, n, K, d, structure),
            "the log-likelihood is the total already: do not multiply it by n.",
        ),
        _miscounted(lambda K, d, s: 1 - K, "the weights are missing: K - 1 of them are free."),
        _miscounted(lambda K, d, s: d - K * d, "every component has a mean of its own: K times d numbers."),
        _miscounted(lambda K, d, s: -K * d, "the means are missing: K times d numbers."),
        _miscounted(
            lambda K, d, s: (1 - K) * (s == "spherical"),
            "a spherical model has a variance for each component: K numbers.",
        ),
        _miscounted(
            lambda K, d, s: (d - K * d) * (s == "diag"),
            "a diagonal model has d variances for each component: K times d numbers.",
        ),
        _miscounted(
            lambda K, d, s: -{"full": K, "tied": 1}.get(s, 0) * d,
            "the variances on the diagonal of a symmetric matrix are free as well: d(d+1)/2 entries.",
        ),
        _miscounted(
            lambda K, d, s: {"full": K, "tied": 1}.get(s, 0) * (d // 2 * (d + 1) - d * (d + 1) // 2),
            "for odd d, d // 2 loses a half: multiply d by d + 1 first, and halve after that.",
        ),
    ],
)

# ------------------------------------------------------------------------- compute: ICL from the log joint


def _parts(log_joint):
    top = log_joint.max(axis=1, keepdims=True)
    log_density = top + np.log(np.exp(log_joint - top).sum(axis=1, keepdims=True))
    return log_density[:, 0], log_joint - log_density


def _entropy(log_resp):
    resp = np.exp(log_resp)
    return -(resp * np.where(resp > 0, log_resp, 0.0)).sum()


def _icl(log_joint, p):
    log_density, log_resp = _parts(log_joint)
    return -2 * log_density.sum() + p * math.log(len(log_joint)) + 2 * _entropy(log_resp)


def _icl_without_entropy(log_joint, p):
    return -2 * _parts(log_joint)[0].sum() + p * math.log(len(log_joint))


def _icl_single_entropy(log_joint, p):
    return _icl(log_joint, p) - _entropy(_parts(log_joint)[1])


def _icl_wrong_sign(log_joint, p):
    return _icl(log_joint, p) - 4 * _entropy(_parts(log_joint)[1])


def _icl_hard(log_joint, p):
    return _icl_without_entropy(log_joint, p) - 2 * _parts(log_joint)[1].max(axis=1).sum()


def _icl_zero_times_log(log_joint, p):
    log_resp = _parts(log_joint)[1]
    resp = np.exp(log_resp)
    return _icl_without_entropy(log_joint, p) - 2 * (resp * np.log(resp)).sum()


def _icl_zero_times_minus_infinity(log_joint, p):
    return -2 * (np.exp(_parts(log_joint)[1]) * log_joint).sum() + p * math.log(len(log_joint))


_rng = np.random.default_rng(1212)

exercise(
    "ex-select-icl",
    _icl,
    cases=[
        (np.log([[0.3, 0.1], [0.2, 0.2], [0.05, 0.4]]), 5),
        (_rng.normal(scale=2.0, size=(8, 3)), 17),
        (_rng.normal(size=(6, 1)), 2),  # one component: no entropy
        (-2000.0 + _rng.normal(scale=30.0, size=(7, 2)), 11),  # far points
        (np.array([[0.0, -900.0], [-900.0, 0.0], [-1.0, -1.0]]), 3),  # certain ones
        (np.array([[0.0, -np.inf, -1.0], [-2.0, -np.inf, -3.0]]), 8),  # a component of weight zero
    ],
    mistakes=[
        (_icl_without_entropy, "that is BIC; the entropy of the responsibilities is missing."),
        (_icl_single_entropy, "the entropy enters twice, as the log-likelihood does."),
        (_icl_wrong_sign, "the sign of the entropy: doubt is a penalty here, and makes ICL larger than BIC."),
        (_icl_hard, "that is the version with hard labels (mclust's); here the whole entropy is asked for."),
        (
            _icl_zero_times_log,
            "right for positive responsibilities, but 0 · log 0 gives NaN. Its limit is 0.",
        ),
        (
            _icl_zero_times_minus_infinity,
            "right where all entries are finite; a component of weight zero gives 0 · (−∞), which is NaN. Leave such "
            "terms out.",
        ),
        (
            lambda a, p: _icl(a, p) + (2 - math.log(len(a))) * p,
            "that is built on AIC: a parameter costs log n here, not 2.",
        ),
        (
            lambda a, p: _icl(a, p) + (math.log(a.size) - math.log(len(a))) * p,
            "n is the number of samples, the rows of log_joint; a.size counts all its entries.",
        ),
        (lambda a, p: _icl(a, p) - p * math.log(len(a)), "the penalty p log n is missing."),
    ],
)

# ------------------------------------------------------------------------- compute: K-fold cross-validation


def _folds(X, k):
    return np.array_split(np.arange(len(X)), k)


def _gaussian(X, mean, variance):
    return -0.5 * (np.log(2 * np.pi * variance) + (X - mean) ** 2 / variance)


def _cv(x, k):
    total = 0.0
    for left_out in _folds(x, k):
        rest = np.delete(x, left_out)
        total += _gaussian(x[left_out], rest.mean(), rest.var()).sum()
    return total / len(x)


def _cv_training(x, k):
    return _gaussian(x, x.mean(), x.var()).mean()


def _cv_scores_the_rest(x, k):
    total = 0.0
    for left_out in _folds(x, k):
        rest = np.delete(x, left_out)
        total += _gaussian(rest, rest.mean(), rest.var()).sum()
    return total / (len(x) * (k - 1))


def _cv_fits_the_part(x, k):
    return sum(_gaussian(np.delete(x, f), x[f].mean(), x[f].var()).sum() for f in _folds(x, k)) / (len(x) * (k - 1))


def _cv_mean_of_means(x, k):
    scores = [(x[f], np.delete(x, f)) for f in _folds(x, k)]
    return np.mean([_gaussian(part, rest.mean(), rest.var()).mean() for part, rest in scores])


def _cv_unbiased(x, k):
    parts = [(x[f], np.delete(x, f)) for f in _folds(x, k)]
    return sum(_gaussian(part, rest.mean(), rest.var(ddof=1)).sum() for part, rest in parts) / len(x)


def _cv_total(x, k):
    return _cv(x, k) * len(x)


def _cv_spread_of_the_part(x, k):
    parts = [(x[f], np.delete(x, f)) for f in _folds(x, k)]
    return sum(_gaussian(part, rest.mean(), part.var()).sum() for part, rest in parts) / len(x)


def _cv_deviation(x, k):
    parts = [(x[f], np.delete(x, f)) for f in _folds(x, k)]
    return sum(_gaussian(part, rest.mean(), rest.var() ** 2).sum() for part, rest in parts) / len(x)


def _cv_density(x, k):
    parts = [(x[f], np.delete(x, f)) for f in _folds(x, k)]
    return sum(np.exp(_gaussian(part, rest.mean(), rest.var())).sum() for part, rest in parts) / len(x)


exercise(
    "ex-select-cv",
    _cv,
    cases=[
        (np.array([0.0, 1.0, 3.0, 4.0, 7.0, 9.0]), 3),
        (_rng.normal(size=20), 5),
        (50.0 + _rng.normal(size=11), 4),  # parts of unequal size
        (_rng.exponential(size=9), 9),  # one sample at a time
    ],
    mistakes=[
        (_cv_training, "these samples were seen by the fit: leave each part out before you fit."),
        (_cv_scores_the_rest, "score the part that was left out, not the samples that were fitted."),
        (_cv_fits_the_part, "the roles are exchanged: fit all but one part, score that part."),
        (_cv_mean_of_means, "right for folds of equal size; sum over all samples, and divide by their number once."),
        (_cv_unbiased, "the fit is by maximum likelihood: its variance divides by n, np.var without ddof."),
        (_cv_total, "divide by the number of samples: the mean is asked for."),
        (_cv_deviation, "this takes the variance for a standard deviation: scale is its square root."),
        (_cv_spread_of_the_part, "the variance, too, comes from the fit to the rest, not from the part left out."),
        (_cv_density, "the mean log-density is asked for; this is the mean density."),
    ],
    rtol=1e-8,
)

# ------------------------------------------------------------------------- compute by hand: BIC


def _by_hand(p, log_likelihood=-1130.264, n=272):
    return -2 * log_likelihood + p * np.log(n)


exercise(
    "ex-select-by-hand",
    _by_hand(11),
    mistakes=[
        (-_by_hand(11), "that is the sign of mclust, where larger is better; in this book smaller is."),
        (_by_hand(12), "12 parameters are one too many: the second weight follows from the first."),
        (_by_hand(10), "10 parameters are one too few: one of the two weights is free."),
        (_by_hand(13), "13 parameters are two too many: a covariance is symmetric, three of its entries are free."),
        (-2 * -1130.264 + 2 * 11, "that is AIC: BIC charges log n for a parameter, not 2."),
        (-_by_hand(11) / 2, "that is log-likelihood minus half the penalty, the form of Schwarz. Multiply by -2."),
        (-2 * -1130.264 + 11 * np.log10(272), "the logarithm of n is natural, not to the base 10."),
        (
            2 * -1130.264 + 11 * np.log(272),
            "the log-likelihood enters with a minus: a better fit has a lower BIC.",
        ),
        (1130.264 + 11 * np.log(272), "the log-likelihood counts twice."),
    ],
    rtol=4e-6,
)

# ------------------------------------------------------------------------- predict: the one-standard-error rule

exercise(
    "ex-select-one-error",
    2,
    mistakes=[
        (3, "that has the largest CV; the rule takes the smallest model that is hardly worse."),
        (4, "within one standard error, too, but there is a smaller one."),
        (1, "that is behind by many standard errors."),
        (5, "that is behind by more than one standard error, and there are smaller ones."),
    ],
    page=Choices(("one", "two", "three", "four", "five")),
)

# ------------------------------------------------------------------------- break: rounded durations


def _rounded():
    X = load_old_faithful().X.copy()
    X[:, 0] = np.round(2 * X[:, 0]) / 2
    return X


def _two_parts(X, centre, variance):
    """The samples with one duration, of which the variance is given, and the others."""
    on = X[:, 0] == 4.5
    means = np.array([[centre, X[on, 1].mean()], X[~on].mean(axis=0)])
    return np.array([on.mean(), 1 - on.mean()]), means, np.array([[variance, X[on, 1].var()], X[~on].var(axis=0)])


def _spike(X):
    return _two_parts(X, 4.5, 1e-100)


def _bic_of(X, weights, means, variances):
    squares = (X[:, None] - means) ** 2 / variances
    log_joint = np.log(weights) - 0.5 * (np.log(2 * np.pi * variances) + squares).sum(axis=2)
    return -2 * np.logaddexp.reduce(log_joint, axis=1).sum() + 9 * math.log(len(X))


_SHAPES = "hand in (weights, means, variances), of shapes (2,), (2, 2) and (2, 2)."
_WEIGHTS = "the weights are positive and sum to one."
_FLAT = "a variance of zero or less gives no density; a very small one does."
_BROAD = "the BIC is not below -1000. What can a component do that sits on one of the eight durations?"
_BESIDE = "a component is narrow, but its mean is none of the rounded durations, and it has no samples."


def _low_enough(answer):
    try:
        weights, means, variances = map(np.asarray, answer)
    except (TypeError, ValueError):
        return _SHAPES
    if any(part.dtype.kind not in "iuf" for part in (weights, means, variances)):
        return _SHAPES
    if weights.shape != (2,) or means.shape != (2, 2) or variances.shape != (2, 2):
        return _SHAPES
    if not (np.isfinite(means).all() and np.isfinite(variances).all()):
        return "means and variances are to be finite."
    if not (weights > 0).all() or abs(weights.sum() - 1) > 1e-8:
        return _WEIGHTS
    if not (variances > 0).all():
        return _FLAT
    X = _rounded()
    if _bic_of(X, weights, means, variances) < -1000:
        return None
    narrow = variances[:, 0] < 1e-4
    return _BESIDE if narrow.any() and not np.isin(means[narrow, 0], X[:, 0]).any() else _BROAD


exercise(
    "ex-select-rounding",
    _spike(_rounded()),
    judge=_low_enough,
    mistakes=[
        (_two_parts(_rounded(), 4.5, 0.1), _BROAD),
        (_two_parts(_rounded(), 4.5, 0.0), _FLAT),
        (_two_parts(_rounded(), 4.4, 1e-100), _BESIDE),
        (_two_parts(_rounded(), 4.5, 1e-100)[1:], _SHAPES),
        ((np.ones(2), *_two_parts(_rounded(), 4.5, 1e-100)[1:]), _WEIGHTS),
    ],
)
