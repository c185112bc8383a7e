"""Samples with measurement errors of known covariance: extreme deconvolution, row by row.

A sample is x = v + e with the true value v from the mixture and an error e of mean 0 and covariance S, its own or one
for all. With T = Σ + S = L Lᵀ, W = L⁻¹ and the gain A = Σ T⁻¹,

    log joint = log π - d/2 log 2π + log det W - |W (x - μ)|² / 2        (eq-deconvolution-density)
    E[v | x] = b = μ + A (x - μ),   Cov[v | x] = B = A S                 (eq-deconvolution-posterior)

and the moments of an M-step are those of v: S1 = Σ r (b - c), S2 = Σ r ((b - c)(b - c)ᵀ + B). B = Σ - A Σ without the
difference. Where values are missing, o are the observed features: A = Σ_·o T_oo⁻¹, T_mm = Σ_mm and T_mo = Σ_mo, B has
the columns A S_oo of the observed features and L_mm L_mmᵀ in the corner of the missing ones. Rows of `lower` have that
order, and what `gmm.engine.missing.regress` leaves there is W and the gain of the missing features.

A row with a matrix of its own costs d³ per component, one whose error has the same covariance as all d².
"""

import math

import numpy as np

from gmm.engine import threads
from gmm.engine.compilation import block, entry
from gmm.engine.diag import Diagonal
from gmm.engine.flat import flat_views, rows_of, shaped, statistics_shapes, statistics_views
from gmm.engine.full import Full
from gmm.engine.missing import mixture_of, ordered_cholesky, regress
from gmm.engine.passes import WORTH_A_THREAD
from gmm.engine.samples import NO_WEIGHTS
from gmm.engine.small_algebra import LOG_2PI
from gmm.engine.tied import Tied

MAX_CHUNKS = 32
CHUNK_COST = 2e6  # operations that are worth a chunk of their own
NO_SCORES, NO_TABLE = np.empty(0), np.empty((0, 0))


@block
def split(X, row, features):
    """Put the observed features of a row first; returns how many they are."""
    observed = 0
    for j in range(features.size):
        if not math.isnan(X[row, j]):
            features[observed] = j
            observed += 1
    place = observed
    for j in range(features.size):
        if math.isnan(X[row, j]):
            features[place] = j
            place += 1
    return observed


@block
def soften(log_joint):
    """Turn a row of log joints into responsibilities, in place; returns log p(x), NaN where all are -inf."""
    top = -math.inf
    for k in range(log_joint.size):
        top = max(top, log_joint[k])
    if top == -math.inf:
        return math.nan
    total = 0.0
    for k in range(log_joint.size):
        log_joint[k] = math.exp(log_joint[k] - top)
        total += log_joint[k]
    for k in range(log_joint.size):
        log_joint[k] /= total
    return top + math.log(total)


@block
def write(log_joint, row, scores, table):
    """Put log p(x) into `scores` and the log responsibilities into `table`."""
    for k in range(log_joint.size):
        table[row, k] = log_joint[k]
    scores[row] = soften(log_joint)
    for k in range(log_joint.size):
        table[row, k] -= scores[row]


@block
def find_gain(covariance, features, observed, lower, t, gain):
    """Fill `gain` (d, observed), rows and columns in the order of `features`, with A = Σ_·o Wᵀ W."""
    d = features.size
    for i in range(observed):
        for m in range(observed):
            s = 0.0
            for j in range(m + 1):
                s += covariance[features[i], features[j]] * lower[m, j]
            t[m] = s
        for j in range(observed):
            s = 0.0
            for m in range(j, observed):
                s += t[m] * lower[m, j]
            gain[i, j] = s
    for i in range(observed, d):
        for j in range(observed):
            gain[i, j] = lower[i, j]


@block
def find_spread(error, features, observed, lower, gain, spread):
    """Fill the lower triangle (in the features' own order) of `spread` with B: A S, and L_mm L_mmᵀ in the corner."""
    d = features.size
    diagonal = error.size == d
    for i in range(d):
        p = features[i]
        for j in range(i + 1):
            q = features[j]
            s = 0.0
            if j >= observed:
                for m in range(observed, j + 1):
                    s += lower[i, m] * lower[j, m]
            elif diagonal:
                s = gain[i, j] * error[q]
            else:
                for m in range(observed):
                    s += gain[i, m] * error[features[m] * d + q]
            spread[max(p, q), min(p, q)] = s


@entry
def run(X, errors, sample_weight, start, stop, units, mixture, target, rooms, totals, scores, table):
    """Rows start … stop - 1: their statistics are added to `totals`, or log p and log responsibilities written.

    errors : (n, d) variances or (n, d²) matrices, one for each row or a single one for all
    mixture : (log π, centres (K, d), covariances (K or 1, d, d))
    rooms : scratch of `_rooms`
    totals : of `gmm.engine.flat`, for full covariances
    scores, table : (n,) and (n, K); none where statistics are asked for
    """
    shift, scale = units
    log_weights, centres, covariances = mixture
    features, before, error, total, log_joint, log_dets, t, y, lowers, gains, spreads = rooms
    n_components, d = centres.shape
    square = scale * scale
    lifting = scores.size == 0
    log_likelihood, counts, first, flat = statistics_views(totals, n_components, d)
    second = shaped(flat, 0, (n_components, d, d))
    for row in range(start, stop):
        observed = split(X, row, features)
        changed = row == start or errors.shape[0] > 1
        for j in range(d):
            changed |= features[j] != before[j]
            before[j] = features[j]
        changed |= before[d] != observed
        before[d] = observed
        if changed:
            own = row if errors.shape[0] > 1 else 0
            for j in range(error.size):
                error[j] = errors[own, j] * square
        for k in range(n_components):
            lower = lowers[k]
            if changed:
                covariance = covariances[k if k < covariances.shape[0] else 0]
                for i in range(d):
                    for j in range(i + 1):
                        total[i, j] = covariance[i, j]
                        total[j, i] = covariance[i, j]
                for i in range(observed):
                    p = features[i]
                    if error.size == d:
                        total[p, p] += error[p]
                    else:
                        for j in range(observed):
                            total[p, features[j]] += error[p * d + features[j]]
                log_dets[k] = ordered_cholesky(total, features, observed, d if lifting else observed, lower)
                regress(rows_of(lower, 0, d if lifting else observed), observed)
                if lifting:
                    find_gain(covariance, features, observed, lower, t, gains[k])
                    find_spread(error, features, observed, lower, gains[k], spreads[k])
            squares = 0.0
            for i in range(observed):
                p = features[i]
                y[i] = (X[row, p] - shift[p]) * scale - centres[k, p]
            for i in range(observed):
                s = 0.0
                for j in range(i + 1):
                    s += lower[i, j] * y[j]
                squares += s * s
            log_joint[k] = log_weights[k] - 0.5 * observed * LOG_2PI - log_dets[k] - 0.5 * squares
        if not lifting:
            write(log_joint, row, scores, table)
            continue
        log_density = soften(log_joint)
        weight = sample_weight[row] if sample_weight.size else 1.0
        log_likelihood[0] += weight * log_density
        for k in range(n_components):
            r = weight * log_joint[k]
            if not r > 0.0:
                continue
            counts[k] += r
            for i in range(observed):
                p = features[i]
                y[i] = (X[row, p] - shift[p]) * scale - centres[k, p]
            for i in range(d):
                p = features[i]
                s = centres[k, p] - target[k, p]
                for j in range(observed):
                    s += gains[k, i, j] * y[j]
                t[p] = s
                first[k, p] += r * s
            for i in range(d):
                for j in range(i + 1):
                    second[k, i, j] += r * (t[i] * t[j] + spreads[k, i, j])


@entry
def run_diagonal(X, errors, sample_weight, start, stop, units, mixture, target, rooms, totals, scores, table):
    """`run` where covariances, (K, d), and errors have variances alone: each feature by itself."""
    shift, scale = units
    log_weights, centres, variances = mixture
    log_joint = rooms[4]
    n_components, d = centres.shape
    square = scale * scale
    lifting = scores.size == 0
    log_likelihood, counts, first, flat = statistics_views(totals, n_components, d)
    second = shaped(flat, 0, (n_components, d))
    for row in range(start, stop):
        own = row if errors.shape[0] > 1 else 0
        for k in range(n_components):
            s = log_weights[k]
            for j in range(d):
                if not math.isnan(X[row, j]):
                    u = (X[row, j] - shift[j]) * scale - centres[k, j]
                    total = variances[k, j] + errors[own, j] * square
                    s -= 0.5 * (LOG_2PI + math.log(total) + u / total * u)
            log_joint[k] = s
        if not lifting:
            write(log_joint, row, scores, table)
            continue
        log_density = soften(log_joint)
        weight = sample_weight[row] if sample_weight.size else 1.0
        log_likelihood[0] += weight * log_density
        for k in range(n_components):
            r = weight * log_joint[k]
            if not r > 0.0:
                continue
            counts[k] += r
            for j in range(d):
                e, spread = centres[k, j] - target[k, j], variances[k, j]
                if not math.isnan(X[row, j]):
                    error = errors[own, j] * square
                    gain = variances[k, j] / (variances[k, j] + error)
                    e += gain * ((X[row, j] - shift[j]) * scale - centres[k, j])
                    spread = gain * error
                first[k, j] += r * e
                second[k, j] += r * (e * e + spread)


def _rooms(n_components, d, width):
    """Scratch of `run` for one thread; `width` numbers are the covariance of one error."""
    return (
        np.empty(d, dtype=np.int64), np.full(d + 1, -1, dtype=np.int64), np.empty(width), np.empty((d, d)),
        np.empty(n_components), np.empty(n_components), np.empty(d), np.empty(d), np.zeros((n_components, d, d)),
        np.empty((n_components, d, d)), np.empty((n_components, d, d)),
    )  # fmt: skip


def _pass(X, errors, density, n_threads, sample_weight=NO_WEIGHTS, target=None, lifting=False):
    """(statistics, log p, responsibilities) of one pass; those that are not asked for are empty."""
    whole, covariances = mixture_of(density)
    n, (n_components, d) = X.shape[0], whole.centres.shape
    if X.shape[1] != d:
        raise ValueError(f"X has {X.shape[1]} features, but the parameters have {d}.")
    by_feature = isinstance(whole, Diagonal) and errors.ndim == 2
    kernel, kind = (run_diagonal, Diagonal) if by_feature else (run, Full)
    if isinstance(whole, Diagonal):
        variances = 1.0 / whole.factors**2
        covariances = variances if by_feature else variances[:, :, None] * np.eye(d)
    errors = errors.reshape(len(errors), -1)
    mixture = whole.coefficients, whole.centres, np.ascontiguousarray(covariances)
    target = whole.centres if target is None else target
    scores, table = (NO_SCORES, NO_TABLE) if lifting else (np.empty(n), np.empty((n, n_components)))
    cost = 30.0 * n * n_components * (d if by_feature else d**3 if len(errors) > 1 else d**2)
    n_chunks = int(np.clip(cost // CHUNK_COST, 1, min(MAX_CHUNKS, n)))
    edges = np.linspace(0, n, n_chunks + 1).astype(np.int64)
    shapes = statistics_shapes(kind, n_components, d)
    totals, views = flat_views(shapes)
    slots = np.zeros((n_chunks, totals.size))
    units = density.units.shift, density.units.scale

    def work(chunk):
        kernel(
            X, errors, sample_weight, edges[chunk], edges[chunk + 1], units, mixture, target,
            _rooms(n_components, d, errors.shape[1]), slots[chunk], scores, table,
        )  # fmt: skip

    threads.run(work, [(chunk,) for chunk in range(n_chunks)], n_threads if cost > WORTH_A_THREAD else 1)
    for slot in slots:  # in order, whoever made them
        totals += slot
    return views, scores, table


def statistics(X, errors, density, sample_weight=NO_WEIGHTS, centres=None, n_threads=1):
    """Log-likelihood, counts, first and second moments of the true values, these about `centres`.

    X : (n, d), C-ordered float64; NaN where a value is missing
    errors : variances (n or 1, d) or matrices (n or 1, d, d), in squared units of X; not looked at where X is missing
    The second moments have the shape of the density's model.
    """
    (value, counts, first, second), _, _ = _pass(X, errors, density, n_threads, sample_weight, centres, lifting=True)
    model = density.model
    if second.ndim == 3 and model in (Full, Tied):
        rows, columns = np.tril_indices(second.shape[1], -1)
        second[:, columns, rows] = second[:, rows, columns]
        second = second if model is Full else second.sum(axis=0)
    else:
        second = np.einsum("kjj->kj", second) if second.ndim == 3 else second
        second = second if model is Diagonal else second.sum(axis=1)
    return float(value[0]), counts, first, second


def log_responsibilities(X, errors, density, n_threads=1):
    """(log p(x_i), log r_ik) of the measured values: (n,) and (n, K); arguments are those of `statistics`.

    NaN where a sample is so far away that its log-density leaves the range of float64 under every component.
    """
    return _pass(X, errors, density, n_threads)[1:]
