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
        whitened = np.ascontiguousarray((means - reference) @ factors.T)
        if np.max(np.einsum("kj,kj->k", whitened, whitened)) <= TOO_FAR:
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

    Distances are compared after scaling; at such a distance the nearest component has everything, ties share.
    """
    p = parameters
    x = np.asarray(X[rows], dtype=np.float64)
    largest = np.max(np.abs(x), axis=1)[:, None]
    distances = np.empty((len(rows), p.n_components))
    for k in range(p.n_components):
        z = x / largest - p.means[k] / largest
        factor = p.precisions_cholesky if p.covariance_type == "tied" else p.precisions_cholesky[k]
        factor = factor / np.max(np.abs(p.precisions_cholesky))
        y = z @ factor if p.covariance_type in ("full", "tied") else z * factor
        distances[:, k] = np.einsum("ij,ij->i", y, y)
    distances[:, p.weights == 0.0] = np.inf
    nearest = distances <= distances.min(axis=1)[:, None] * (1.0 + 1e-12)
    with np.errstate(divide="ignore"):
        return np.log(nearest / nearest.sum(axis=1)[:, None])


def score_samples(X, parameters, n_threads=None):
    """log p(x_i) = log Σ_k π_k N(x_i | μ_k, Σ_k), natural logarithm, per sample: (n,)."""
    return _score(X, parameters, LOG_PROB, n_threads, scores=True)[0]


def log_likelihood(X, parameters, sample_weight=None, n_threads=None):
    """Σ_i w_i log p(x_i), natural logarithm, total."""
    scores = score_samples(X, parameters, n_threads)
    weights = as_sample_weight(sample_weight, len(scores))
    return float(scores @ weights) if weights.size else float(scores.sum())


def weighted_log_prob(X, parameters, n_threads=None):
    """log π_k + log N(x_i | μ_k, Σ_k): (n, K)."""
    return _score(X, parameters, JOINT, n_threads)[1]


def log_responsibilities(X, parameters, n_threads=None):
    """(log p(x_i), log r_ik): (n,) and (n, K)."""
    scores, table, _ = _score(X, parameters, LOG_RESPONSIBILITIES, n_threads, scores=True)
    far = np.flatnonzero(np.isneginf(scores))
    if far.size:
        table[far] = _far_rows(X, far, parameters)
    return scores, table


def predict_proba(X, parameters, n_threads=None):
    """r_ik: (n, K), rows sum to 1."""
    scores, table, _ = _score(X, parameters, RESPONSIBILITIES, n_threads, scores=True)
    far = np.flatnonzero(np.isneginf(scores))
    if far.size:
        table[far] = np.exp(_far_rows(X, far, parameters))
    return table


def predict(X, parameters, n_threads=None):
    """The component with the largest responsibility, the first of equals: (n,) int64."""
    labels = _score(X, parameters, LABELS, n_threads)[2]
    far = np.flatnonzero(labels < 0)
    if far.size:
        labels[far] = np.argmax(_far_rows(X, far, parameters), axis=1)
    return labels
