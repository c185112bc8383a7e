"""Densities and responsibilities of new samples."""

import numpy as np

from gmm.engine import loop, passes, threads
from gmm.engine.blocks import workspace
from gmm.engine.samples import Samples, as_sample_weight
from gmm.engine.softmax import JOINT, LABELS, LOG_PROB, LOG_RESPONSIBILITIES, RESPONSIBILITIES
from gmm.engine.tied import Tied

_NO_SCORES = np.empty(0)
_NO_TABLE = np.empty((0, 0))
_NO_LABELS = np.empty(0, dtype=np.int64)


def _score(X, density, what, n_threads, scores=False):
    n_components, d = density.centres.shape
    samples = Samples(X, density.units.shift, density.units.scale, density.model)
    if samples.n_features != d:
        raise ValueError(f"X has {samples.n_features} features, but the parameters have {d}.")
    n = samples.n_samples
    n_threads = threads.resolve_n_threads(n_threads)
    model = density.compiled()
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

    cost = passes.pass_cost(density.model, n, d, n_components) / 2
    if cost <= passes.WORTH_A_THREAD:
        n_threads = 1
    threads.run(work, passes.stretches(samples, cost), n_threads)
    return out_scores, table, labels


def _far_rows(X, rows, density):
    """log responsibilities of samples so far away that every log joint is -inf: the squared distances overflow.

    Distances are compared after scaling; at such a distance the nearest component has everything, ties share.
    """
    shift, scale, _ = density.units
    x = (np.asarray(X[rows], dtype=np.float64) - shift) * scale
    largest = np.max(np.abs(x), axis=1)[:, None]
    distances = np.empty((len(rows), len(density.centres)))
    for k, centre in enumerate(density.centres):
        z = x / largest - centre / largest
        factor = density.factors if density.model is Tied else density.factors[k]
        factor = factor / np.max(np.abs(density.factors))
        y = z @ factor.T if np.ndim(factor) == 2 else z * factor
        distances[:, k] = np.einsum("ij,ij->i", y, y)
    distances[:, np.isneginf(density.coefficients)] = np.inf
    nearest = distances <= distances.min(axis=1)[:, None] * (1.0 + 1e-12)
    with np.errstate(divide="ignore"):
        return np.log(nearest / nearest.sum(axis=1)[:, None])


def score_samples(X, density, n_threads=None):
    """log p(x_i) = log Σ_k π_k N(x_i | μ_k, Σ_k), natural logarithm, per sample: (n,)."""
    return _score(X, density, LOG_PROB, n_threads, scores=True)[0]


def log_likelihood(X, density, sample_weight=None, n_threads=None):
    """Σ_i w_i log p(x_i), natural logarithm, total."""
    scores = score_samples(X, density, n_threads)
    weights = as_sample_weight(sample_weight, len(scores))
    return float(scores @ weights) if weights.size else float(scores.sum())


def weighted_log_prob(X, density, n_threads=None):
    """log π_k + log N(x_i | μ_k, Σ_k): (n, K)."""
    return _score(X, density, JOINT, n_threads)[1]


def log_responsibilities(X, density, n_threads=None):
    """(log p(x_i), log r_ik): (n,) and (n, K)."""
    scores, table, _ = _score(X, density, LOG_RESPONSIBILITIES, n_threads, scores=True)
    far = np.flatnonzero(np.isneginf(scores))
    if far.size:
        table[far] = _far_rows(X, far, density)
    return scores, table


def predict_proba(X, density, n_threads=None):
    """r_ik: (n, K), rows sum to 1."""
    scores, table, _ = _score(X, density, RESPONSIBILITIES, n_threads, scores=True)
    far = np.flatnonzero(np.isneginf(scores))
    if far.size:
        table[far] = np.exp(_far_rows(X, far, density))
    return table


def predict(X, density, n_threads=None):
    """The component with the largest responsibility, the first of equals: (n,) int64."""
    labels = _score(X, density, LABELS, n_threads)[2]
    far = np.flatnonzero(labels < 0)
    if far.size:
        labels[far] = np.argmax(_far_rows(X, far, density), axis=1)
    return labels
