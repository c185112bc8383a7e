"""Densities and responsibilities of new samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gmm._types import AnyArray, FloatArray, IntArray
from gmm.engine import loop, passes, threads
from gmm.engine.blocks import workspace
from gmm.engine.samples import Samples, as_sample_weight
from gmm.engine.softmax import JOINT, LABELS, LOG_PROB, LOG_RESPONSIBILITIES, RESPONSIBILITIES
from gmm.engine.tied import Tied

if TYPE_CHECKING:
    from gmm.engine.density import Density
    from gmm.engine.student import StudentDensity

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
        work = workspace(loop.work_rows(model), samples.length)
        for rows, row, low, high in samples.slabs(start, stop):
            # Outputs are indexed like the rows: give the kernel views that begin where the slab does.
            first = low - row
            outputs = (out_scores[first:], table[first:], labels[first:])
            loop.run_scores(rows, row, row + high - low, samples.layout, work, model, what, outputs)

    cost = passes.pass_cost(density.model, n, d, n_components) / 2
    if cost <= passes.WORTH_A_THREAD:
        n_threads = 1
    threads.run(work, passes.stretches(samples, cost), n_threads)
    return out_scores, table, labels


def _far_rows(X, rows, density):
    """log responsibilities of samples so far away that every log joint is -inf: the squared distances overflow.

    At such a distance the nearest component with any weight has everything, ties share. Distances are compared as
    logarithms, their factors scaled one by one, so that they neither overflow nor vanish.
    """
    shift, scale, _ = density.units
    x = (0.5 * np.asarray(X[rows], dtype=np.float64) - 0.5 * shift) * scale  # halves: their difference cannot overflow
    log_distances = np.full((len(rows), len(density.centres)), np.inf)
    with np.errstate(divide="ignore"):
        for k in np.flatnonzero(~np.isneginf(density.coefficients)):
            factor = density.factors if density.model is Tied else density.factors[k]
            z, z_size = _scaled(x - 0.5 * density.centres[k])
            factor_size = np.abs(factor).max()
            if factor_size == 0.0:  # a constant density, beside which all others vanish
                log_distances[:, k] = -np.inf
                continue
            factor = factor / factor_size
            y, y_size = _scaled(z @ factor.T if np.ndim(factor) == 2 else z * factor)
            sizes = np.log(z_size) + np.log(y_size) + np.log(factor_size)
            log_distances[:, k] = sizes + 0.5 * np.log(np.einsum("ij,ij->i", y, y))
        nearest = log_distances <= log_distances.min(axis=1)[:, None] + 1e-11
        return np.log(nearest / nearest.sum(axis=1)[:, None])


def _scaled(rows):
    """Each row divided by its largest absolute value (1 where that is 0), and these values."""
    sizes = np.abs(rows).max(axis=1)
    return rows / np.where(sizes > 0.0, sizes, 1.0)[:, None], sizes


def _mended(X, rows, density):
    """(log p(x_i), log r_ik) of the samples whose log-density is not finite: (rows,) and (rows, K).

    Where x - μ itself overflows, a product with the factor may be inf - inf: that component has a density of 0 there.
    """
    joint = weighted_log_prob(np.asarray(X[rows], dtype=np.float64), density, n_threads=1)
    top = joint.max(axis=1)
    far = np.isneginf(top)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = top + np.log(np.exp(joint - top[:, None]).sum(axis=1))
        scores[far] = -np.inf
        log_resp = joint - scores[:, None]
    if far.any():
        log_resp[far] = _far_rows(X, rows[far], density)
    return scores, log_resp


def score_samples(X: AnyArray, density: Density | StudentDensity, n_threads: int | None = None) -> FloatArray:
    """log p(x_i) = log Σ_k π_k N(x_i | μ_k, Σ_k), natural logarithm, per sample: (n,)."""
    scores = _score(X, density, LOG_PROB, n_threads, scores=True)[0]
    lost = np.flatnonzero(np.isnan(scores))
    if lost.size:
        scores[lost] = _mended(X, lost, density)[0]
    return scores


def log_likelihood(
    X: AnyArray,
    density: Density | StudentDensity,
    sample_weight: FloatArray | None = None,
    n_threads: int | None = None,
) -> float:
    """Σ_i w_i log p(x_i), natural logarithm, total."""
    scores = score_samples(X, density, n_threads)
    weights = as_sample_weight(sample_weight, len(scores))
    return float(scores @ weights) if weights.size else float(scores.sum())


def weighted_log_prob(X: AnyArray, density: Density | StudentDensity, n_threads: int | None = None) -> FloatArray:
    """log π_k + log N(x_i | μ_k, Σ_k): (n, K)."""
    joint = _score(X, density, JOINT, n_threads)[1]
    with np.errstate(over="ignore"):
        if np.isnan(joint.sum()):  # there is no +inf that could meet a -inf
            joint[np.isnan(joint)] = -np.inf
    return joint


def log_responsibilities(
    X: AnyArray, density: Density | StudentDensity, n_threads: int | None = None
) -> tuple[FloatArray, FloatArray]:
    """(log p(x_i), log r_ik): (n,) and (n, K)."""
    scores, table, _ = _score(X, density, LOG_RESPONSIBILITIES, n_threads, scores=True)
    lost = np.flatnonzero(~np.isfinite(scores))
    if lost.size:
        scores[lost], table[lost] = _mended(X, lost, density)
    return scores, table


def predict_proba(X: AnyArray, density: Density | StudentDensity, n_threads: int | None = None) -> FloatArray:
    """r_ik: (n, K), rows sum to 1."""
    scores, table, _ = _score(X, density, RESPONSIBILITIES, n_threads, scores=True)
    lost = np.flatnonzero(~np.isfinite(scores))
    if lost.size:
        table[lost] = np.exp(_mended(X, lost, density)[1])
    return table


def predict(X: AnyArray, density: Density | StudentDensity, n_threads: int | None = None) -> IntArray:
    """The component with the largest responsibility, the first of equals: (n,) int64."""
    labels = _score(X, density, LABELS, n_threads)[2]
    lost = np.flatnonzero(labels < 0)
    if lost.size:
        labels[lost] = np.argmax(_mended(X, lost, density)[1], axis=1)
    return labels
