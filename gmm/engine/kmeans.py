"""k-means (Lloyd's algorithm) and k-means++ seeding, in the same blocks as EM.

Large data are clustered in two stages: seeding and Lloyd's iterations on a random subsample that fits the cache, then
Lloyd's iterations on everything, which start near their end.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gmm._types import AnyArray, FloatArray, IntArray
from gmm.engine import operations, passes, threads
from gmm.engine.blocks import load_block, workspace
from gmm.engine.compilation import block, entry, method
from gmm.engine.flat import flat_views, rows_of, shaped, statistics_views
from gmm.engine.samples import NO_TABLE, NO_WEIGHTS, Samples, as_sample_weight
from gmm.engine.simd import WIDE, load_wide, smaller, store, where_less, wide
from gmm.engine.spherical import distances_block
from gmm.engine.statuses import BAD_LIKELIHOOD, CONVERGED, EMPTY, RUNNING
from gmm.engine.team import ALONE, LEAD, make_pass, stopped

# Values of the subsample: 1 MB, of at least LEAST and at most MOST samples.
SUBSAMPLE_VALUES = 131072
LEAST, MOST = 1024, 16384
LARGEST_EXPONENT = 256
# Operations of one compiled bout, about a tenth of a second: after each, Python can hear Ctrl-C.
BOUT = 2e9


class Clusters(NamedTuple):
    """Centres (K, d), and where labels are wanted, an array whose first element is for sample `first_label`.

    Without `summing` there are no statistics.
    """

    centres: np.ndarray
    labels: np.ndarray
    first_label: int
    summing: bool


class Assignment(NamedTuple):
    """Which centre each sample is nearest to, in the units x - shift: what the M-step of small data begins with.

    labels (n,) as float64; counts N_k (K,) and first moments Σ w (x - c_k) (K, d) of the clusters.
    """

    shift: np.ndarray
    centres: np.ndarray
    labels: np.ndarray
    counts: np.ndarray
    first: np.ndarray


class KMeansResult(NamedTuple):
    """Centres (K, d); inertia Σ_i w_i min_k |x_i - c_k|² at these centres' predecessors; iterations over all of X.

    `assignment` is that to these centres (and the inertia then too) where it was asked for and the data are small.
    """

    centres: FloatArray
    inertia: float
    n_iter: int
    converged: bool
    assignment: Assignment | None = None


@block
def nearest_block(distances, padded, nearest):
    """nearest[0, b] = min_k distances[k, b] and nearest[1, b] = its k, the first of equals, as float64.

    eq-nearest-centre, and the sample's share of eq-kmeans-objective.
    """
    for b in range(0, padded, WIDE):
        best = load_wide(distances, 0, b)
        label = wide(0.0)
        for k in range(1, distances.shape[0]):
            candidate = load_wide(distances, k, b)
            label = where_less(candidate, best, wide(float(k)), label)
            best = where_less(candidate, best, candidate, best)
        store(nearest, 0, b, best)
        store(nearest, 1, b, label)


@block
def draw(masses, total, u):
    """The first index at which the running sum of the masses exceeds u * total; u is uniform on [0, 1)."""
    target = u * total
    running = 0.0
    last = 0
    for i in range(masses.size):
        if masses[i] > 0.0:
            running += masses[i]
            last = i
            if running > target:
                return i
    return last


@block
def kmeans_plusplus_kernel(X, sample_weight, layout, work, uniforms, memory, chosen, centres, team):
    """eq-kmeans-plusplus: fill `chosen` (K,) with row numbers of X and `centres` with these rows.

    Each next centre is drawn with probability proportional to w_i D_i², D_i the distance to the nearest centre so
    far; of uniforms.shape[1] such candidates the one that lowers Σ w D² most is taken (Arthur & Vassilvitskii 2007,
    with greedy trials). `memory` is that of `seeding_memory`.
    """
    length, _, shift, scale = layout
    n, d = X.shape
    most = uniforms.shape[1]
    masses, potentials = shaped(memory, 0, (n,)), shaped(memory, n, (most,))  # w D²; what Σ w D² would become
    trials, candidates = shaped(memory, n + most, (most,)), shaped(memory, n + 2 * most, (most, d))
    x = rows_of(work, 0, d)
    for i in range(n):
        masses[i] = sample_weight[i] if sample_weight.size else 1.0  # the first is drawn by weight alone
    for k in range(chosen.size):
        if stopped(team):
            return
        total = 0.0
        for i in range(n):
            total += masses[i]
        n_trials = most if k else 1
        for trial in range(n_trials):
            u = uniforms[k, trial]
            # With fewer distinct points than centres the mass runs out, and any point will do.
            trials[trial] = draw(masses, total, u) if total > 0.0 else math.floor(u * n)
            for j in range(d):
                candidates[trial, j] = (X[np.int64(trials[trial]), j] - shift[j]) * scale
            potentials[trial] = 0.0
        # One round finds the potentials, where there is a choice; the next takes the best candidate.
        for taking in range(0 if n_trials > 1 else 1, 2):
            first, count = 0, n_trials
            if taking:
                count = 1
                for trial in range(1, n_trials):
                    if potentials[trial] < potentials[first]:
                        first = trial
                chosen[k] = np.int64(trials[first])
                for j in range(d):
                    centres[k, j] = candidates[first, j]
            distances = rows_of(work, d + 2, count)
            for low in range(0, n, length):
                size = smaller(length, n - low)
                padded = -(-size // WIDE) * WIDE
                load_block(X, low, size, padded, shift, scale, x)
                distances_block(x, padded, rows_of(candidates, first, count), distances)
                for trial in range(count):
                    for b in range(size):
                        w = sample_weight[low + b] if sample_weight.size else 1.0
                        nearer = w * distances[trial, b]
                        if k and masses[low + b] < nearer:
                            nearer = masses[low + b]
                        if taking:
                            masses[low + b] = nearer
                        else:
                            potentials[trial] += nearer


@block
def update(sum_values, centres):
    """Move the centres to the means of their clusters (eq-update-centres).

    Returns Σ_k |move|² and the number of empty clusters.
    """
    n_components, d = centres.shape
    _, counts, first, _ = statistics_views(sum_values, n_components, d)
    n_empty = 0
    moved = 0.0
    for k in range(n_components):
        if counts[k] == 0.0:
            n_empty += 1
            continue
        for j in range(d):
            move = first[k, j] / counts[k]
            centres[k, j] += move
            moved += move * move
    return moved, n_empty


def work_rows(n_features, n_components):
    """Rows of `run`'s workspace; the candidates of a seed are no more than the centres, or two."""
    return n_features + 2 + max(n_components, 2)


@method(operations.add_samples, Clusters)
def add_samples(model, X, sample_weight, given, start, stop, layout, work, slot):
    """Inertia, N_k and Σ w (x - c_k): each sample with its nearest centre.

    The numbers of these centres go to the labels, if there are any. Without `summing` they are all that is wanted.
    """
    length, _, shift, scale = layout
    centres, labels, first_label, summing = model
    n_components, d = centres.shape
    inertia, counts, first, _ = statistics_views(slot, n_components, d)
    x, nearest, distances = rows_of(work, 0, d), rows_of(work, d, 2), rows_of(work, d + 2, n_components)
    for low in range(start, stop, length):
        size = smaller(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        distances_block(x, padded, centres, distances)
        nearest_block(distances, padded, nearest)
        if labels.size:
            for b in range(size):
                labels[low - first_label + b] = nearest[1, b]
        for b in range(size if summing else 0):
            k = np.int64(nearest[1, b])
            w = sample_weight[low + b] if sample_weight.size else 1.0
            inertia[0] += w * nearest[0, b]
            counts[k] += w
            # A sample belongs to one centre: d additions along its row, whatever K is.
            for j in range(d):
                first[k, j] += w * ((X[low + b, j] - shift[j]) * scale - centres[k, j])


@entry
def run(X, sample_weight, given, start, stop, layout, work, model, slot, loop, team):
    """Seeding, one pass, or Lloyd's iterations over samples start … stop - 1.

    The roles in the `team` are those of `gmm.engine.loop.run`: LEAD and FOLLOW make a pass, or up to `max_iter`
    iterations that move the centres in place (where start = stop the sums are given and an update is all that is left
    to do). Seeding, if there are `uniforms`, comes first. Where labels are wanted, one more pass after the iterations
    finds those of the final centres, and the sums are theirs too. Returns (iterations, status, squared moves).
    One function does all, because each function that Python can call costs a second of compilation.
    """
    uniforms, memory, chosen, sum_values, max_iter, tolerance = loop
    leading = team[-1] == LEAD
    if uniforms.size and leading:
        kmeans_plusplus_kernel(X, sample_weight, layout, work, uniforms, memory, chosen, model.centres, team)
    iteration, status, moved = 0, RUNNING, 0.0
    while True:
        make_pass(model, X, sample_weight, given, start, stop, layout, work, slot, sum_values, team)
        if not leading or iteration == max_iter or status == CONVERGED or stopped(team):
            return iteration, status, moved
        iteration += 1
        if not math.isfinite(sum_values[0]):
            return iteration, BAD_LIKELIHOOD, moved
        moved, n_empty = update(sum_values, model.centres)
        if n_empty > 0:
            return iteration, EMPTY, moved
        if moved <= tolerance:
            status = CONVERGED
        if model.labels.size == 0 and (iteration == max_iter or status == CONVERGED):
            return iteration, status, moved


# ---------------------------------------------------------------------------------------------------------------------
# What Python does around it

NO_NUMBERS = np.empty(0, dtype=np.int64)
NO_LOOP = (NO_TABLE, NO_WEIGHTS, NO_NUMBERS, NO_WEIGHTS, 0, 0.0)


def seeding_memory(n_samples, n_features, uniforms):
    """What `kmeans_plusplus_kernel` keeps: of samples their mass, of candidates row, number and potential."""
    return np.empty(n_samples + uniforms.shape[1] * (n_features + 2) if uniforms.size else 0)


def _shapes(n_components, d):
    """Shapes of a slot's inertia, counts and first moments."""
    return (1,), (n_components,), (n_components, d)


def _slabs(samples, centres, sample_weight, n_threads):
    """(inertia, counts, first) of one assignment of samples that have to be converted."""
    n_components, d = centres.shape
    sum_values, sums = flat_views(_shapes(n_components, d))
    if _cost(samples, n_components) <= passes.WORTH_A_THREAD:
        n_threads = 1
    passes.run_slabs(
        samples, run, work_rows(d, n_components), Clusters(centres, NO_WEIGHTS, 0, True), (NO_LOOP,), sum_values,
        sample_weight=sample_weight, n_threads=n_threads,
    )  # fmt: skip
    return sums


def _cost(samples, n_components):
    return samples.n_samples * n_components * (3.0 * samples.n_features + 8.0)


def assignments(samples, centres, sample_weight, n_threads, labels=NO_WEIGHTS):
    """(N_k, Σ w (x - c_k)) of the nearest-centre clusters, in the samples' units.

    If X is native, the numbers of the nearest centres go to `labels` (n,), unless that is empty.
    """
    if samples.native:
        return _compiled(samples, sample_weight, centres, 0, 0.0, n_threads, labels=labels)[2][1:]
    return _slabs(samples, centres, sample_weight, n_threads)[1:]


def labels_of(samples, start, stop, centres):
    """The numbers of the centres nearest to samples start … stop - 1, the first of equals, as float64."""
    labels = np.empty(stop - start)
    slot = np.empty(1 + centres.shape[0] + centres.size)  # not written to
    work = workspace(work_rows(*centres.shape[::-1]), samples.length)
    for rows, row, low, high in samples.slabs(start, stop):
        model = Clusters(centres, labels[low - start : high - start], row, False)
        stop_row = row + high - low
        run(rows, NO_WEIGHTS, NO_TABLE, row, stop_row, samples.layout, work, model, slot, NO_LOOP, ALONE)
    return labels


def _compiled(
    samples, sample_weight, centres, max_iter, tolerance, n_threads=1, uniforms=NO_TABLE, known=None, passing=True,
    labels=NO_WEIGHTS,
):  # fmt: skip
    """`run` on samples that it can read in place. Returns (iterations, status, sums, squared moves, chosen).

    Where the sums are `known`, an update of the centres is all; without `passing`, seeding is.
    """
    n_components, d = centres.shape
    sum_values, sums = flat_views(_shapes(n_components, d))
    if known is not None:
        passing = False
        for total, value in zip(sums, known, strict=True):
            total[...] = value
    chosen, memory = np.empty(len(uniforms), dtype=np.int64), seeding_memory(*samples.X.shape, uniforms)
    loop = (uniforms, memory, chosen, sum_values, max_iter, tolerance)
    if _cost(samples, n_components) <= passes.WORTH_A_THREAD:
        n_threads = 1
    done, status, moved = passes.run_team(
        samples, run, work_rows(d, n_components), Clusters(centres, labels, 0, True), sum_values.size, (loop,),
        sample_weight=sample_weight, stop=samples.n_samples if passing else 0, n_threads=n_threads,
    )  # fmt: skip
    return done, status, sums, moved, chosen


def _lloyd(
    samples, sample_weight, centres, max_iter, tolerance, n_threads, uniforms=NO_TABLE, labels=NO_WEIGHTS
):  # fmt: skip
    """Lloyd's iterations on `centres`, in place, after their seeding if there are uniforms (X must be native then).

    Returns (sums, iterations, whether they converged, whether the labels and the sums are those of the final centres).
    """
    bout = max(1, int(BOUT / _cost(samples, len(centres)))) if samples.native else 1
    done, status, sums, refilled = 0, RUNNING, None, None
    while done < max_iter and status in (RUNNING, EMPTY):
        known = None if samples.native else _slabs(samples, centres, sample_weight, n_threads)
        n_done, status, sums, moved, _ = _compiled(
            samples, sample_weight, centres, min(bout, max_iter - done), tolerance, n_threads, uniforms, known,
            labels=labels,
        )  # fmt: skip
        uniforms, refilled = NO_TABLE, None
        done += n_done
        if status == BAD_LIKELIHOOD:
            raise ValueError("X holds values that are not finite.")
        if status == EMPTY:
            refilled = _refill(samples, sample_weight, centres, np.flatnonzero(sums[1] == 0.0))
            if not refilled and moved <= tolerance:
                status = CONVERGED
    return sums, done, status == CONVERGED, labels.size > 0 and refilled is None


def _refill(samples, weights, centres, empty):
    """Put the centres of empty clusters on the samples that are farthest from any centre. Whether that moved them."""
    n_components = len(centres)
    if len(empty) == n_components:
        return False
    best = []
    others = np.delete(centres, empty, axis=0)
    for _, _, low, high in samples.slabs(0, samples.n_samples, given=True, n_columns=n_components):
        x = (np.asarray(samples.X[low:high], dtype=np.float64) - samples.shift) * samples.scale
        d2 = np.min([np.einsum("ij,ij->i", x - c, x - c) for c in others], axis=0)
        if weights.size:
            d2 = np.where(weights[low:high] > 0.0, d2, -1.0)
        top = np.argsort(-d2, kind="stable")[: len(empty)]
        best += [(-d2[i], low + i, x[i]) for i in top]
    best.sort(key=lambda entry: entry[:2])
    before = centres[empty]
    for k, (_, _, x) in zip(empty, best, strict=False):
        centres[k] = x
    return not np.array_equal(before, centres[empty])


def _part(samples, weights, n_clusters, rng):
    """(part, its row numbers, its weights): samples that fit the cache, in the units of `samples`.

    All of X, or of equal stretches of X one random sample each: distinct, and no permutation of n numbers is needed.
    Sets the shift and the scale of `samples`.
    """
    n, d = samples.n_samples, samples.n_features
    m = min(n, max(min(max(LEAST, SUBSAMPLE_VALUES // d), MOST), n_clusters))
    if m < n:
        row_numbers = np.minimum(((np.arange(m) + rng.random(m)) * (n / m)).astype(np.int64), n - 1)
        rows = np.ascontiguousarray(samples.X[row_numbers], dtype=np.float64)  # a copy already
        weights = weights[row_numbers] if weights.size else weights
    else:
        row_numbers = np.arange(n)
        rows = np.array(samples.X, dtype=np.float64, order="C")
    if weights.size and not weights.any():
        weights = NO_WEIGHTS
    samples.shift = samples.shift_near_the_data()
    rows -= samples.shift
    samples.scale = _scale_of(rows)
    rows *= samples.scale
    return Samples(rows), row_numbers, weights


def _scale_of(rows):
    """A power of two that keeps squares away from the ends of float64's range; 1 for ordinary data."""
    largest = max(float(rows.max()), -float(rows.min()))
    exponent = math.frexp(largest)[1] if math.isfinite(largest) else 0
    return math.ldexp(1.0, -exponent) if abs(exponent) > LARGEST_EXPONENT else 1.0


def _check_n_clusters(n_clusters, n_samples):
    if not 1 <= n_clusters <= n_samples:
        raise ValueError(f"n_clusters must be between 1 and the number of samples, {n_samples}, got {n_clusters}.")


def _uniforms(n_clusters, rng):
    """What chance has to say about the seeds: a number for each candidate."""
    return rng.random((n_clusters, 2 + int(math.log(n_clusters))))


def kmeans_plusplus(
    X: AnyArray,
    n_clusters: int,
    rng: np.random.Generator | np.random.RandomState,
    *,
    sample_weight: FloatArray | None = None,
    n_threads: int | None = None,
) -> tuple[FloatArray, IntArray]:
    """Seeds for k-means.

    Parameters
    ----------
    X : (n, d)
    n_clusters : int
    rng : numpy Generator or RandomState; the only source of chance
    sample_weight : (n,) or None

    Returns
    -------
    centres (K, d) and their row numbers in X (K,). Large data are seeded from a random part of about 1 MB.
    Cost O(m d K log K), m the size of that part.
    """
    samples = Samples(X)
    _check_n_clusters(n_clusters, samples.n_samples)
    weights = as_sample_weight(sample_weight, samples.n_samples)
    part, row_numbers, weights = _part(samples, weights, n_clusters, rng)
    centres = np.empty((n_clusters, samples.n_features))
    chosen = _compiled(part, weights, centres, 0, 0.0, 1, _uniforms(n_clusters, rng), passing=False)[-1]
    row_numbers = row_numbers[chosen]
    return np.array(samples.X[row_numbers], dtype=np.float64), row_numbers


def kmeans(
    X: AnyArray,
    n_clusters: int,
    rng: np.random.Generator | np.random.RandomState,
    *,
    n_init: int = 1,
    max_iter: int = 300,
    tol: float = 1e-4,
    init: str | FloatArray = "k-means++",
    sample_weight: FloatArray | None = None,
    n_threads: int | None = None,
    assign: bool = False,
) -> KMeansResult:
    """Lloyd's algorithm (eq-lloyd), the best of `n_init` starts.

    Parameters
    ----------
    X : (n, d)
    n_clusters : int
    rng : numpy Generator or RandomState; the only source of chance
    max_iter : iterations over all of X (and as many on a part of it before, where X is large)
    tol : stop when the centres' squared moves sum to at most tol times the mean variance of a feature
    init : 'k-means++', 'random' (samples drawn without replacement) or centres (K, d)
    sample_weight : (n,) or None
    n_threads : int or None; the same bits for any
    assign : whether to find the assignment to these centres too, of small data and after a single start only

    Returns
    -------
    KMeansResult. An empty cluster moves to the sample farthest from every centre.

    Cost n K d an iteration; memory independent of n.
    """
    samples = Samples(X)
    _check_n_clusters(n_clusters, samples.n_samples)
    weights = as_sample_weight(sample_weight, samples.n_samples)
    n_threads = threads.resolve_n_threads(n_threads)
    initial = None
    if not isinstance(init, str):
        initial = passes.check_centres(samples, init)
        if initial.shape[0] != n_clusters:
            raise ValueError(f"init must have shape ({n_clusters}, {samples.n_features}), got {initial.shape}.")
        n_init = 1
    elif init not in ("k-means++", "random"):
        raise ValueError(f"init must be 'k-means++', 'random' or an array of centres, got {init!r}.")
    best = None
    assign = assign and n_init == 1 and samples.native and passes.fits_a_slab(samples, n_clusters)
    labels = np.empty(samples.n_samples if assign else 0)
    for _ in range(n_init):
        part, _, part_weights = _part(samples, weights, n_clusters, rng)
        mean = np.einsum("ij->j", part.X) / part.n_samples
        tolerance = tol * max(0.0, float(np.vdot(part.X, part.X) / part.X.size - mean @ mean / mean.size))
        uniforms = NO_TABLE
        if initial is not None:
            centres = (initial - samples.shift) * samples.scale
        elif init == "random":
            centres = part.X[np.argsort(rng.random(part.n_samples), kind="stable")[:n_clusters]]
        else:
            centres, uniforms = np.empty((n_clusters, samples.n_features)), _uniforms(n_clusters, rng)
        if part.n_samples < samples.n_samples:
            _lloyd(part, part_weights, centres, max_iter, tolerance, 1, uniforms)
            part = part_weights = None  # its memory is wanted for the slabs
            found = _lloyd(samples, weights, centres, max_iter, tolerance, n_threads, labels=labels)
        else:
            found = _lloyd(part, part_weights, centres, max_iter, tolerance, 1, uniforms, labels)
        (inertia, counts, first), n_iter, converged, assigned = found
        inertia = float(inertia[0]) / samples.scale / samples.scale
        if best is None or inertia < best.inertia:
            best = KMeansResult(centres / samples.scale + samples.shift, inertia, n_iter, converged)
    if assign and assigned and samples.scale == 1.0:
        best = best._replace(assignment=Assignment(samples.shift, centres, labels, counts, first))
    return best


def kmeans_labels(X: AnyArray, centres: FloatArray, n_threads: int | None = None) -> AnyArray:
    """The nearest centre of each sample, the first of equals: (n,) int32."""
    samples = Samples(X)
    centres = passes.check_centres(samples, centres)
    samples.shift = centres[0].copy()
    centres = centres - samples.shift
    samples.scale = _scale_of(centres)
    centres *= samples.scale
    labels = np.empty(samples.n_samples, dtype=np.int32)

    def work(start, stop):
        labels[start:stop] = labels_of(samples, start, stop, centres)

    cost = _cost(samples, len(centres))
    n_threads = 1 if cost < passes.WORTH_A_THREAD else threads.resolve_n_threads(n_threads)
    threads.run(work, passes.stretches(samples, cost), n_threads)
    return labels
