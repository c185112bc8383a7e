"""k-means (Lloyd's algorithm) and k-means++ seeding, in the same blocks as EM.

Large data are clustered in two stages: seeding and Lloyd's iterations on a random subsample that fits the cache, then
Lloyd's iterations on everything, which start near their end.
"""

import math
from typing import NamedTuple

import numpy as np

from gmm.engine import passes, threads
from gmm.engine.blocks import load_block, workspace
from gmm.engine.compilation import block, entry
from gmm.engine.samples import Samples, as_sample_weight
from gmm.engine.simd import WIDE, load_wide, store, where_less, wide
from gmm.engine.spherical import distances_block

# Values of the subsample: 1 MB.
SUBSAMPLE_VALUES = 131072
LARGEST_EXPONENT = 256


class KMeansResult(NamedTuple):
    """Centres (K, d); inertia Σ_i w_i min_k |x_i - c_k|² at these centres' predecessors; iterations over all of X."""

    centres: np.ndarray
    inertia: float
    n_iter: int
    converged: bool


@block
def nearest_block(distances, padded, nearest):
    """nearest[0, b] = min_k distances[k, b] and nearest[1, b] = its k, the first of equals, as float64."""
    for b in range(0, padded, WIDE):
        best = load_wide(distances, 0, b)
        label = wide(0.0)
        for k in range(1, distances.shape[0]):
            candidate = load_wide(distances, k, b)
            label = where_less(candidate, best, wide(float(k)), label)
            best = where_less(candidate, best, candidate, best)
        store(nearest, 0, b, best)
        store(nearest, 1, b, label)


def work_rows(n_features, n_components):
    """Rows of the workspace of the two functions below."""
    return n_features + 2 + n_components


@entry
def run_pass(X, sample_weight, given, start, stop, layout, work, centres, slots):
    """Assign samples start … stop - 1 to their nearest centres; add inertia, N_k and Σ w (x - c_k) to the slots."""
    length, chunk, shift, scale = layout
    inertia, counts, first, _ = slots
    n_components, d = centres.shape
    weighted = sample_weight.size > 0
    x, nearest, distances = work[:d], work[d : d + 2], work[d + 2 : d + 2 + n_components]
    for low in range(start, stop, length):
        slot = (low - start) // chunk
        size = min(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        distances_block(x, padded, centres, distances)
        nearest_block(distances, padded, nearest)
        for b in range(size):
            k = int(nearest[1, b])
            w = sample_weight[low + b] if weighted else 1.0
            inertia[slot, 0] += w * nearest[0, b]
            counts[slot, k] += w
            # A sample belongs to one centre: d additions along its row, whatever K is.
            for j in range(d):
                first[slot, k, j] += w * ((X[low + b, j] - shift[j]) * scale - centres[k, j])


@entry
def run_labels(X, start, stop, layout, work, centres, labels):
    """labels[i] = the nearest centre of sample i."""
    length, _, shift, scale = layout
    n_components, d = centres.shape
    x, nearest, distances = work[:d], work[d : d + 2], work[d + 2 : d + 2 + n_components]
    for low in range(start, stop, length):
        size = min(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        distances_block(x, padded, centres, distances)
        nearest_block(distances, padded, nearest)
        for b in range(size):
            labels[low + b] = int(nearest[1, b])


@block
def draw(mass, total, u):
    """The first index at which the running sum of `mass` exceeds u * total; u is uniform on [0, 1)."""
    target = u * total
    running = 0.0
    last = 0
    for i in range(mass.size):
        if mass[i] > 0.0:
            running += mass[i]
            last = i
            if running > target:
                return i
    return last


@entry
def seed(X, weight, uniforms, chosen):
    """k-means++: fill `chosen` (K,) with row numbers of X. uniforms (K, trials) are drawn by the caller.

    Each next centre is drawn with probability proportional to w_i D_i², D_i the distance to the nearest centre so
    far; of `trials` such candidates the one that lowers Σ w D² most is taken (Arthur & Vassilvitskii 2007, with
    greedy trials).
    """
    n, d = X.shape
    total = 0.0
    for i in range(n):
        total += weight[i]
    chosen[0] = draw(weight, total, uniforms[0, 0])
    closest = np.empty(n)
    mass = np.empty(n)
    candidate_distances = np.empty(n)
    best_distances = np.empty(n)
    for i in range(n):
        s = 0.0
        for j in range(d):
            z = X[i, j] - X[chosen[0], j]
            s += z * z
        closest[i] = s
    for k in range(1, chosen.size):
        total = 0.0
        for i in range(n):
            mass[i] = weight[i] * closest[i]
            total += mass[i]
        best = math.inf
        for trial in range(uniforms.shape[1]):
            # With fewer distinct points than centres the mass runs out, and any point will do.
            candidate = draw(mass, total, uniforms[k, trial]) if total > 0.0 else int(uniforms[k, trial] * n)
            potential = 0.0
            for i in range(n):
                s = 0.0
                for j in range(d):
                    z = X[i, j] - X[candidate, j]
                    s += z * z
                s = min(s, closest[i])
                candidate_distances[i] = s
                potential += weight[i] * s
            if potential < best:
                best = potential
                chosen[k] = candidate
                best_distances, candidate_distances = candidate_distances, best_distances
        closest, best_distances = best_distances, closest


def _subsample(samples, weights, rng):
    """(rows, row numbers, weights) of about SUBSAMPLE_VALUES values.

    One random sample from each of m equal stretches of X: distinct, and no permutation of n numbers is needed.
    """
    n, d = samples.n_samples, samples.n_features
    m = min(n, max(1024, SUBSAMPLE_VALUES // d))
    offsets = 0.0 if m == n else rng.random(m)
    numbers = np.minimum(((np.arange(m) + offsets) * (n / m)).astype(np.int64), n - 1)
    rows = np.ascontiguousarray(samples.X[numbers], dtype=np.float64)
    return rows, numbers, (weights[numbers] if weights.size else np.ones(m))


def _scale_of(rows):
    """A power of two that keeps squares away from the ends of float64's range; 1 for ordinary data."""
    largest = float(np.max(np.abs(rows - rows[0])))
    exponent = math.frexp(largest)[1] if math.isfinite(largest) else 0
    return math.ldexp(1.0, -exponent) if abs(exponent) > LARGEST_EXPONENT else 1.0


def _check_n_clusters(n_clusters, n_samples):
    if not 1 <= n_clusters <= n_samples:
        raise ValueError(f"n_clusters must be between 1 and the number of samples, {n_samples}, got {n_clusters}.")


def _seed_rows(rows, weight, n_clusters, rng):
    if not np.any(weight > 0.0):
        weight = np.ones(len(rows))
    uniforms = rng.random((n_clusters, 2 + int(math.log(n_clusters))))
    chosen = np.empty(n_clusters, dtype=np.int64)
    scale = _scale_of(rows)
    seed((rows - rows[0]) * scale, weight, uniforms, chosen)
    return chosen


def kmeans_plusplus(X, n_clusters, rng, *, sample_weight=None, n_threads=None):
    """Seeds for k-means.

    Parameters
    ----------
    X : (n, d)
    n_clusters : int
    rng : numpy Generator or RandomState; the only source of chance
    sample_weight : (n,) or None

    Returns
    -------
    centres (K, d) and their row numbers in X (K,). Large data are seeded from a random subsample of about 1 MB.
    Cost O(m d K log K), m the size of the subsample.
    """
    samples = Samples(X)
    _check_n_clusters(n_clusters, samples.n_samples)
    weights = as_sample_weight(sample_weight, samples.n_samples)
    rows, numbers, weight = _subsample(samples, weights, rng)
    if len(rows) < n_clusters:
        numbers = np.arange(samples.n_samples)
        rows, weight = (
            samples.X.astype(np.float64),
            weights if weights.size else np.ones(len(numbers)),
        )
    chosen = _seed_rows(rows, weight, n_clusters, rng)
    return rows[chosen], numbers[chosen]


def _refill(samples, weights, centres, empty):
    """Put the centres of empty clusters on the samples that are farthest from any centre."""
    best = []
    others = np.delete(centres, empty, axis=0)
    for _, _, low, high in samples.slabs(0, samples.n_samples, given=True, n_columns=len(centres)):
        x = (np.asarray(samples.X[low:high], dtype=np.float64) - samples.shift) * samples.scale
        d2 = np.min([np.einsum("ij,ij->i", x - c, x - c) for c in others], axis=0)
        if weights.size:
            d2 = np.where(weights[low:high] > 0.0, d2, -1.0)
        top = np.argsort(-d2, kind="stable")[: len(empty)]
        best += [(-d2[i], low + i, x[i]) for i in top]
    best.sort(key=lambda entry: entry[:2])
    for k, (_, _, x) in zip(empty, best, strict=False):
        centres[k] = x


def _lloyd(samples, weights, centres, max_iter, tolerance, n_threads):
    n_components, d = centres.shape
    cost = samples.n_samples * n_components * (3.0 * d + 8.0)
    inertia = math.inf
    for iteration in range(1, max_iter + 1):
        value, counts, first = passes.run_chunks(
            samples, run_pass, work_rows(d, n_components), (centres,), [(1,), (n_components,), (n_components, d)], cost,
            sample_weight=weights, n_threads=n_threads,
        )  # fmt: skip
        inertia = float(value[0])
        if not math.isfinite(inertia):
            raise ValueError("X holds values that are not finite.")
        empty = np.flatnonzero(counts == 0.0)
        moves = first / np.where(counts == 0.0, 1.0, counts)[:, None]
        centres = centres + moves
        if empty.size and empty.size < n_components:
            before = centres[empty]
            _refill(samples, weights, centres, empty)
            if not np.array_equal(before, centres[empty]):
                continue
        if np.sum(moves * moves) <= tolerance:
            return centres, inertia, iteration, True
    return centres, inertia, max_iter, False


def kmeans(
    X,
    n_clusters,
    rng,
    *,
    n_init=1,
    max_iter=300,
    tol=1e-4,
    init="k-means++",
    sample_weight=None,
    n_threads=None,
):
    """Lloyd's algorithm, the best of `n_init` starts.

    Parameters
    ----------
    X : (n, d)
    n_clusters : int
    rng : numpy Generator or RandomState; the only source of chance
    max_iter : iterations over all of X (and as many on the subsample before)
    tol : stop when the centres' squared moves sum to at most tol times the mean variance of a feature
    init : 'k-means++', 'random' (samples drawn without replacement) or centres (K, d)
    sample_weight : (n,) or None
    n_threads : int or None; the same bits for any

    Returns
    -------
    KMeansResult. An empty cluster moves to the sample farthest from every centre.

    Cost n K d an iteration; memory independent of n.
    """
    samples = Samples(X)
    _check_n_clusters(n_clusters, samples.n_samples)
    weights = as_sample_weight(sample_weight, samples.n_samples)
    n_threads = threads.resolve_n_threads(n_threads)
    given = None
    if not isinstance(init, str):
        given = passes.check_centres(samples, init)
        if given.shape[0] != n_clusters:
            raise ValueError(f"init must have shape ({n_clusters}, {samples.n_features}), got {given.shape}.")
        n_init = 1
    elif init not in ("k-means++", "random"):
        raise ValueError(f"init must be 'k-means++', 'random' or an array of centres, got {init!r}.")
    best = None
    for _ in range(n_init):
        rows, numbers, weight = _subsample(samples, weights, rng)
        if len(rows) < n_clusters:
            numbers = np.arange(samples.n_samples)
            rows, weight = (
                samples.X.astype(np.float64),
                weights if weights.size else np.ones(len(numbers)),
            )
        scale = _scale_of(rows)
        origin = rows[0].copy()
        samples.shift, samples.scale = origin, scale
        rows = (rows - origin) * scale
        tolerance = tol * float(np.mean(np.var(rows, axis=0)))
        if given is not None:
            centres = (given - origin) * scale
        elif init == "random":
            centres = rows[np.argsort(rng.random(len(rows)), kind="stable")[:n_clusters]]
        else:
            centres = rows[_seed_rows(rows, weight, n_clusters, rng)]
        if len(rows) < samples.n_samples and np.any(weight > 0.0):
            part_weights = weight if weights.size else weights
            centres = _lloyd(Samples(rows), part_weights, centres, max_iter, tolerance, 1)[0]
        centres, inertia, n_iter, converged = _lloyd(samples, weights, centres, max_iter, tolerance, n_threads)
        if best is None or inertia < best[1]:
            best = (centres / scale + origin, inertia / scale / scale, n_iter, converged)
    return KMeansResult(*best)


def kmeans_labels(X, centres, n_threads=None):
    """The nearest centre of each sample, the first of equals: (n,) int32."""
    samples = Samples(X)
    centres = passes.check_centres(samples, centres)
    samples.shift = centres[0].copy()
    samples.scale = _scale_of(centres)
    centres = (centres - samples.shift) * samples.scale
    labels = np.empty(samples.n_samples, dtype=np.int32)

    def work(start, stop):
        room = workspace(work_rows(samples.n_features, len(centres)), samples.length)
        for rows, row, low, high in samples.slabs(start, stop):
            run_labels(rows, row, row + high - low, samples.layout, room, centres, labels[low - row :])

    starts = range(0, samples.n_samples, samples.chunk)
    tasks = [(start, min(start + samples.chunk, samples.n_samples)) for start in starts]
    small = samples.n_samples * centres.size * 3.0 < passes.WORTH_A_THREAD
    threads.run(work, tasks, 1 if small else threads.resolve_n_threads(n_threads))
    return labels
