"""Densities and responsibilities of new samples."""

import numpy as np

from gmm.engine import loop, passes, threads
from gmm.engine.blocks import workspace
from gmm.engine.parameters import log_coefficients
from gmm.engine.samples import Samples, as_sample_weight
from gmm.engine.softmax import JOINT, LABELS, LOG_PROB, LOG_RESPONSIBILITIES, RESPONSIBILITIES
from gmm.engine.structures import MODELS, factors_from, pass_cost
from gmm.engine.tied import TOO_FAR, Tied

_NO_SCORES = np.empty(0)
_NO_TABLE = np.empty((0, 0))
_NO_LABELS = np.empty(0, dtype=np.int64)


def _score(X, parameters, what, n_threads, scores=False):
    samples = Samples(X, covariance_type=parameters.covariance_type)
    p = parameters
    if samples.n_features != p.n_features:
        raise ValueError(f"X has {samples.n_features} features, but the parameters have {p.n_features}.")
    n, d, n_components = samples.n_samples, samples.n_features, p.n_components
    n_threads = threads.resolve_n_threads(n_threads)
    coefficients = np.ascontiguousarray(log_coefficients(p))
    factors = factors_from(p.precisions_cholesky, p.covariance_type)
    means = np.ascontiguousarray(p.means)
    if p.covariance_type == "tied":
        reference = p.weights @ means
        with np.errstate(over="ignore", invalid="ignore"):
            whitened = np.ascontiguousarray((means - reference) @ factors.T)
            close = np.max(np.einsum("kj,kj->k", whitened, whitened)) <= TOO_FAR
        if close:
            model = Tied(coefficients, whitened, factors, reference, _NO_TABLE)
        else:  # y - ν would cancel: differences from each mean instead
            model = passes.with_shared_factor(coefficients, means, factors)
    else:
        model = MODELS[p.covariance_type](coefficients, means, factors)
    out_scores = np.empty(n) if scores else _NO_SCORES
    table = _NO_TABLE if what in (LOG_PROB, LABELS) else np.empty((n, n_components))
    labels = np.empty(n, dtype=np.int64) if what == LABELS else _NO_LABELS

    def work(start, stop):
        room = workspace(loop.work_rows(model), samples.length)
        for rows, row, low, high in samples.slabs(start, stop):
            # Outputs are indexed like the rows: give the kernel views that begin where the slab does.
            first = low - row
            outputs = (out_scores[first:], table[first:], labels[first:])
            loop.run_scores(rows, row, row + high - low, samples.layout, room, model, what, outputs)

    cost = pass_cost(p.covariance_type, n, d, n_components) / 2
    if cost <= passes.WORTH_A_THREAD:
        n_threads = 1
    starts = range(0, n, samples.chunk)
    threads.run(work, [(start, min(start + samples.chunk, n)) for start in starts], n_threads)
    return out_scores, table, labels


def _far_rows(X, rows, parameters):
    """log responsibilities of samples so far away that every log joint is -inf: the squared distances overflow.

    At such a distance the nearest component with any weight has everything, ties share. Distances are compared as
    logarithms, their factors scaled one by one, so that they neither overflow nor vanish.
    """
    p = parameters
    x = 0.5 * np.asarray(X[rows], dtype=np.float64)  # the difference of two halves cannot overflow
    log_distances = np.full((len(rows), p.n_components), np.inf)
    with np.errstate(divide="ignore"):
        for k in np.flatnonzero(p.weights > 0.0):
            factor = p.precisions_cholesky if p.covariance_type == "tied" else p.precisions_cholesky[k]
            z, z_size = _scaled(x - 0.5 * p.means[k])
            factor_size = np.abs(factor).max()
            factor = factor / factor_size
            y, y_size = _scaled(z @ factor if p.covariance_type in ("full", "tied") else z * factor)
            sizes = np.log(z_size) + np.log(y_size) + np.log(factor_size)
            log_distances[:, k] = sizes + 0.5 * np.log(np.einsum("ij,ij->i", y, y))
        nearest = log_distances <= log_distances.min(axis=1)[:, None] + 1e-11
        return np.log(nearest / nearest.sum(axis=1)[:, None])


def _scaled(rows):
    """Each row divided by its largest absolute value (1 where that is 0), and these values."""
    sizes = np.abs(rows).max(axis=1)
    return rows / np.where(sizes > 0.0, sizes, 1.0)[:, None], sizes


def _mended(X, rows, parameters):
    """(log p(x_i), log r_ik) of the samples whose log-density is not finite: (rows,) and (rows, K).

    Where x - μ itself overflows, a product with the factor may be inf - inf: that component has a density of 0 there.
    """
    joint = weighted_log_prob(np.asarray(X[rows], dtype=np.float64), parameters, n_threads=1)
    top = joint.max(axis=1)
    far = np.isneginf(top)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = top + np.log(np.exp(joint - top[:, None]).sum(axis=1))
        scores[far] = -np.inf
        log_resp = joint - scores[:, None]
    if far.any():
        log_resp[far] = _far_rows(X, rows[far], parameters)
    return scores, log_resp


def score_samples(X, parameters, n_threads=None):
    """log p(x_i) = log Σ_k π_k N(x_i | μ_k, Σ_k), natural logarithm, per sample: (n,)."""
    scores = _score(X, parameters, LOG_PROB, n_threads, scores=True)[0]
    lost = np.flatnonzero(np.isnan(scores))
    if lost.size:
        scores[lost] = _mended(X, lost, parameters)[0]
    return scores


def log_likelihood(X, parameters, sample_weight=None, n_threads=None):
    """Σ_i w_i log p(x_i), natural logarithm, total."""
    scores = score_samples(X, parameters, n_threads)
    weights = as_sample_weight(sample_weight, len(scores))
    return float(scores @ weights) if weights.size else float(scores.sum())


def weighted_log_prob(X, parameters, n_threads=None):
    """log π_k + log N(x_i | μ_k, Σ_k): (n, K)."""
    joint = _score(X, parameters, JOINT, n_threads)[1]
    with np.errstate(over="ignore"):
        if np.isnan(joint.sum()):  # there is no +inf that could meet a -inf
            joint[np.isnan(joint)] = -np.inf
    return joint


def log_responsibilities(X, parameters, n_threads=None):
    """(log p(x_i), log r_ik): (n,) and (n, K)."""
    scores, table, _ = _score(X, parameters, LOG_RESPONSIBILITIES, n_threads, scores=True)
    lost = np.flatnonzero(~np.isfinite(scores))
    if lost.size:
        scores[lost], table[lost] = _mended(X, lost, parameters)
    return scores, table


def predict_proba(X, parameters, n_threads=None):
    """r_ik: (n, K), rows sum to 1."""
    scores, table, _ = _score(X, parameters, RESPONSIBILITIES, n_threads, scores=True)
    lost = np.flatnonzero(~np.isfinite(scores))
    if lost.size:
        table[lost] = np.exp(_mended(X, lost, parameters)[1])
    return table


def predict(X, parameters, n_threads=None):
    """The component with the largest responsibility, the first of equals: (n,) int64."""
    labels = _score(X, parameters, LABELS, n_threads)[2]
    lost = np.flatnonzero(labels < 0)
    if lost.size:
        labels[lost] = np.argmax(_mended(X, lost, parameters)[1], axis=1)
    return labels
