"""One pass over the data: log-likelihood and moments, whatever they are wanted for.

Maximum likelihood, MAP, variational Bayes, sample weights, mini-batches and out-of-core fitting differ in what they
do with `Statistics`; none of them touches a kernel.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np

from gmm.engine import threads
from gmm.engine.blocks import workspace
from gmm.engine.samples import NO_TABLE, NO_WEIGHTS, SLAB_VALUES, Samples, as_sample_weight
from gmm.engine.structures import KERNELS, check_structure, factors_from, no_loop, pass_cost

# Below this many operations a second thread costs more than it brings (about half a millisecond of work).
WORTH_A_THREAD = 1e7
NO_VALUES = np.empty(0)
# Doubles that the slots of a wave of chunks may take: half a MB, or one slot a thread where that is more.
SLOT_VALUES = 65536


class Statistics(NamedTuple):
    """What one pass returns; everything is weighted by `sample_weight`.

    log_likelihood : float, Σ_i w_i log Σ_k exp(log joint), natural logarithm, total
    total_weight : float, Σ_i w_i (n without weights)
    counts : (K,), N_k = Σ_i w_i r_ik
    first : (K, d), Σ_i w_i r_ik (x_i - c_k)
    second : full (K, d, d) Σ_i w_i r_ik (x_i - c_k)(x_i - c_k)ᵀ; tied (d, d), the same summed over k;
        diag (K, d) Σ_i w_i r_ik (x_ij - c_kj)²; spherical (K,) Σ_i w_i r_ik |x_i - c_k|²

    Statistics of several parts of the data, taken with the same parameters, add: ``a + b``.
    """

    log_likelihood: float
    total_weight: float
    counts: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def __add__(self, other):
        return Statistics(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def run_chunks(
    samples,
    kernel,
    work_rows,
    arguments,
    shapes,
    cost,
    *,
    sample_weight=NO_WEIGHTS,
    given=None,
    n_columns=0,
    n_threads=1,
    tail=(),
):
    """Run a structure's `run` (or k-means' `run_pass`) over all chunks and add their slots in order.

    `arguments` stand between the workspace and the slots in the kernel's signature; `shapes` are those of one slot's
    arrays;
    ``given(low, high)`` makes responsibilities (high - low, n_columns) where they are not to be computed. `tail` ends
    the kernel's arguments. Chunks run in waves, as many at a time as there are slots. Returns the list of sums.
    """
    n_chunks = -(-samples.n_samples // samples.chunk)
    if n_chunks == 1 and samples.native and samples.n_samples * n_columns <= SLAB_VALUES:
        # The same without waves and threads: with small data, these are most of the time.
        table = NO_TABLE if given is None else given(0, samples.n_samples)
        room = workspace(work_rows, samples.length)
        slots = (*(np.zeros((1, *shape)) for shape in shapes), NO_VALUES)
        layout = samples.layout
        kernel(samples.X, sample_weight, table, 0, samples.n_samples, layout, room, *arguments, slots, *tail)
        return [slot[0] for slot in slots[:-1]]
    n_threads = min(n_threads, n_chunks) if cost > WORTH_A_THREAD else 1
    slot_size = sum(map(math.prod, shapes))
    wave = min(n_chunks, max(n_threads, SLOT_VALUES // slot_size, 1))
    sums = [np.zeros(shape) for shape in shapes]
    slots = [np.empty((wave, *shape)) for shape in shapes]

    def work(first_slot, last_slot, offset):
        """Slots first_slot … last_slot - 1, whose samples begin at number `offset`."""
        room = workspace(work_rows, samples.length)
        # Where the slabs cut through chunks, take the chunks one by one.
        in_place = samples.native and given is None
        for low_slot in [first_slot] if in_place else range(first_slot, last_slot):
            high_slot = last_slot if in_place else low_slot + 1
            start = offset + (low_slot - first_slot) * samples.chunk
            stop = min(offset + (high_slot - first_slot) * samples.chunk, samples.n_samples)
            mine = (*(slot[low_slot:high_slot] for slot in slots), NO_VALUES)
            for rows, row, low, high in samples.slabs(start, stop, given, n_columns):
                table = NO_TABLE if given is None else given(low, high)
                weights = sample_weight if rows is samples.X else sample_weight[low:high]
                kernel(rows, weights, table, row, row + high - low, samples.layout, room, *arguments, mine, *tail)

    for first_chunk in range(0, n_chunks, wave):
        n_slots = min(wave, n_chunks - first_chunk)
        for slot in slots:
            slot[:n_slots] = 0.0
        # Several tasks a thread even out disturbances, where the work outweighs the handing out (15 µs a task).
        per_thread = 1 if n_threads == 1 or cost < 10 * WORTH_A_THREAD else 4
        n_tasks = min(n_slots, per_thread * n_threads)
        bounds = [n_slots * task // n_tasks for task in range(n_tasks + 1)]
        tasks = [(low, high, (first_chunk + low) * samples.chunk) for low, high in itertools.pairwise(bounds)]
        threads.run(work, tasks, n_threads)
        for total, slot in zip(sums, slots, strict=True):
            for h in range(n_slots):
                total += slot[h]
    return sums


def as_given(labels, n_components):
    """One-hot responsibilities as the kernels take them: a column of component numbers, or of ones for a single one."""
    return (np.asarray(labels, dtype=np.float64) if n_components > 1 else np.ones(len(labels)))[:, None]


def symmetric(lower):
    """Fill the upper triangle from the lower one (last two axes)."""
    diagonal = np.einsum("...ii->...i", lower)
    result = lower + np.swapaxes(lower, -1, -2)
    np.einsum("...ii->...i", result)[...] = diagonal
    return result


def raw_pass(
    samples,
    covariance_type,
    coefficients,
    centres,
    factors,
    *,
    sample_weight=NO_WEIGHTS,
    given=None,
    n_threads=1,
):
    """(log_likelihood, counts, first, second) for full, diag, spherical; the lower triangle of full's `second` only."""
    n_components, d = centres.shape
    second = {
        "full": (n_components, d, d),
        "diag": (n_components, d),
        "spherical": (n_components,),
    }[covariance_type]
    cost = pass_cost(covariance_type, samples.n_samples, d, n_components)
    log_likelihood, counts, first, second = run_chunks(
        samples,
        KERNELS[covariance_type].run,
        KERNELS[covariance_type].work_rows(d, n_components),
        (coefficients, centres, factors),
        [(1,), (n_components,), (n_components, d), second],
        cost,
        sample_weight=sample_weight,
        given=given,
        n_columns=n_components,
        n_threads=n_threads,
        tail=(no_loop(covariance_type),),
    )
    return log_likelihood[0], counts, first, second


def raw_tied_pass(samples, coefficients, centres, factor, reference, *, sample_weight=NO_WEIGHTS, n_threads=1):
    """(log_likelihood, counts, first); centres and first are whitened, and relative to `reference`."""
    n_components, d = centres.shape
    log_likelihood, counts, first = run_chunks(
        samples,
        KERNELS["tied"].run,
        KERNELS["tied"].work_rows(d, n_components),
        (coefficients, centres, factor, reference),
        [(1,), (n_components,), (n_components, d)],
        pass_cost("tied", samples.n_samples, d, n_components),
        sample_weight=sample_weight,
        n_threads=n_threads,
        tail=(no_loop("tied"),),
    )
    return log_likelihood[0], counts, first


def total_scatter(samples, reference, sample_weight=NO_WEIGHTS, given=None, n_columns=0):
    """T = Σ_i w_i (x_i - x₀)(x_i - x₀)ᵀ (d, d), x in the samples' units.

    w_i is multiplied by the sum of the `given` responsibilities, if any. A fit needs it once, so this is NumPy, slab by
    slab, rather than one more kernel to compile.
    """
    d = samples.n_features
    scatter = np.zeros((d, d))
    step = samples.slab_samples(d)
    for low in range(0, samples.n_samples, step):
        high = min(low + step, samples.n_samples)
        z = samples.X[low:high].astype(np.float64)
        z -= samples.shift
        z *= samples.scale
        z -= reference
        weights = sample_weight[low:high] if sample_weight.size else None
        if given is not None:
            table = given(low, high)
            if table.shape[1] == n_columns:  # else component numbers, of mass 1
                mass = table.sum(axis=1)
                weights = mass if weights is None else mass * weights
        with np.errstate(over="ignore", invalid="ignore"):  # the log-likelihood reports what is not finite
            scatter += z.T @ (z if weights is None else z * weights[:, None])
    return scatter


def shared_factor(factor, n_components):
    """The tied factor once per component, for the kernels of full covariances."""
    return np.ascontiguousarray(np.broadcast_to(factor, (n_components, *factor.shape)))


def check_centres(samples, centres):
    centres = np.ascontiguousarray(centres, dtype=np.float64)
    if centres.ndim != 2 or centres.shape[1] != samples.n_features:
        raise ValueError(f"The centres must have shape (K, {samples.n_features}), got {centres.shape}.")
    return centres


def one_pass(
    X,
    log_coefficients,
    centres,
    precisions_cholesky,
    covariance_type,
    *,
    sample_weight=None,
    n_threads=None,
):
    """Log-likelihood and weighted moments of one pass over the data.

    The log joint of sample i and component k is log_coefficients[k] - |(x_i - c_k) P_k|² / 2: nothing else is added, so
    that a variational or penalised model puts what it needs into the coefficients and the factors.

    Parameters
    ----------
    X : (n, d)
    log_coefficients : (K,), natural logarithm; -inf switches a component off
    centres : (K, d)
    precisions_cholesky : P in scikit-learn's convention, shaped by `covariance_type`
    sample_weight : (n,) or None

    Returns
    -------
    Statistics, with moments about `centres`.

    Cost: n K d² (full), n d (d + K) (tied), n K d (diag, spherical); memory independent of n.
    Tied components that lie far apart cost as much as full ones, and so do all tied ones here when their scatter about
    their own centres would cancel.
    """
    check_structure(covariance_type)
    samples = Samples(X, tiled=covariance_type == "full")
    weights = as_sample_weight(sample_weight, samples.n_samples)
    n_threads = threads.resolve_n_threads(n_threads)
    centres = check_centres(samples, centres)
    coefficients = np.array(log_coefficients, dtype=np.float64)
    factors = factors_from(precisions_cholesky, covariance_type)
    total_weight = float(weights.sum()) if weights.size else float(samples.n_samples)
    options = {"sample_weight": weights, "n_threads": n_threads}
    if covariance_type == "tied":
        return _tied_statistics(samples, coefficients, centres, factors, total_weight, options)
    value, counts, first, second = raw_pass(samples, covariance_type, coefficients, centres, factors, **options)
    if covariance_type == "full":
        second = symmetric(second)
    return Statistics(float(value), total_weight, counts, first, second)


def _tied_statistics(samples, coefficients, centres, factor, total_weight, options):
    reference = centres.mean(axis=0)
    whitened = (centres - reference) @ factor.T
    # Between over within scatter, as `tied.far_apart`: the largest component rather than the average, the counts
    # being unknown.
    if np.max(np.einsum("kj,kj->k", whitened, whitened)) <= KERNELS["tied"].TOO_FAR:
        whitened = np.ascontiguousarray(whitened)
        value, counts, first = raw_tied_pass(samples, coefficients, whitened, factor, reference, **options)
        scatter = total_scatter(samples, reference, options["sample_weight"])
        first = np.linalg.solve(factor, first.T).T
        # About the centres instead of the reference: x - c = (x - x0) - (c - x0).
        offsets = centres - reference
        cross = first.T @ offsets
        second = scatter - cross - cross.T - (offsets.T * counts) @ offsets
        return Statistics(float(value), total_weight, counts, first, second)
    value, counts, first, second = raw_pass(
        samples, "full", coefficients, centres, shared_factor(factor, len(centres)), **options
    )
    return Statistics(float(value), total_weight, counts, first, symmetric(second.sum(axis=0)))


def m_step(statistics, centres, covariance_type, reg_covar=0.0):
    """Maximum likelihood parameters from `Statistics` about `centres`: (weights, means, covariances).

    δ_k = S1_k / N_k, μ_k = c_k + δ_k, Σ_k = S2_k / N_k - δ_k δ_kᵀ + reg_covar I, π_k = N_k / Σ N. A component without
    data keeps its centre and gets weight 0 and a covariance of NaN: the caller decides. Cost O(K d²).
    """
    check_structure(covariance_type)
    counts, first, second = statistics.counts, statistics.first, statistics.second
    with np.errstate(divide="ignore", invalid="ignore"):
        deltas = np.where(counts[:, None] > 0.0, first / counts[:, None], 0.0)
        if covariance_type == "full":
            covariances = second / counts[:, None, None] - deltas[:, :, None] * deltas[:, None, :]
        elif covariance_type == "tied":
            covariances = (second - (deltas.T * counts) @ deltas) / counts.sum()
        elif covariance_type == "diag":
            covariances = second / counts[:, None] - deltas**2
        else:
            covariances = (second / counts - np.sum(deltas**2, axis=1)) / first.shape[1]
    if covariance_type in ("full", "tied"):
        np.einsum("...ii->...i", covariances)[...] += reg_covar
    else:
        covariances = covariances + reg_covar
    return counts / counts.sum(), centres + deltas, covariances
