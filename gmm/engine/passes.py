"""One pass over the data: log-likelihood and moments, whatever they are wanted for (see `gmm.learning`)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from gmm._interrupt import listening
from gmm._types import FloatArray
from gmm.engine import loop, team, threads
from gmm.engine.blocks import workspace
from gmm.engine.flat import flat_views, statistics_shapes
from gmm.engine.regularisation import Ridge
from gmm.engine.samples import NO_TABLE, NO_WEIGHTS, SLAB_VALUES

if TYPE_CHECKING:
    from gmm.engine.samples import Samples

# Below this many operations a second thread costs more than it brings (about half a millisecond of work).
WORTH_A_THREAD = 1e7
# Samples times numbers in a slot: below this a bout takes less than half a second, and Ctrl-C can wait for its end.
SHORT = 1e7
# Operations of a stretch of samples whose results do not depend on each other.
STRETCH = 2e8
# Doubles that finished chunks may take while they wait for their turn: half a MB, or one slot a thread.
PLACES_VALUES = 65536


def run_team(
    samples, kernel, work_rows, model, slot_size, arguments, *, sample_weight=NO_WEIGHTS, table=NO_TABLE, stop=None,
    n_threads=1,
):  # fmt: skip
    """Lead `kernel`, the `run` of EM or of k-means, and follow it in other threads. Returns its answer.

    `arguments` stand between the slot and the team in the kernel's signature; `table` holds the responsibilities of
    all samples where they are not to be computed. With stop = 0 there is no pass. X must be native otherwise.
    """
    stop = samples.n_samples if stop is None else stop
    n_threads = max(1, min(n_threads, -(-stop // samples.chunk)))
    flag = threads.stop_flag()
    state, places = team.new_team(n_threads, max(n_threads, min(4 * n_threads, PLACES_VALUES // slot_size)), slot_size)
    X = samples.X if samples.native else NO_TABLE  # which is not looked at: stop is 0 then

    def take_part(role):
        work = workspace(work_rows, samples.length)
        return kernel(
            X, sample_weight, table, 0, stop, samples.layout, work, model, np.empty(slot_size), *arguments,
            (state, places, flag, role),
        )  # fmt: skip

    def lead():
        try:
            return take_part(team.LEAD)
        finally:
            state[team.LIMIT] = team.CLOSED

    def work():
        if n_threads == 1:
            return take_part(team.LEAD)
        return threads.run_with_helpers(lead, lambda: take_part(team.FOLLOW), n_threads - 1)

    short = samples.n_samples * slot_size <= SHORT
    answer = work() if short else listening(work, lambda: flag.fill(1))
    threads.check_flag(flag)
    return answer


def run_slabs(
    samples, kernel, work_rows, model, arguments, sum_values, *, sample_weight=NO_WEIGHTS, given=None, n_columns=0,
    n_threads=1,
):  # fmt: skip
    """The same for one pass with something for Python to prepare: slabs of X, or ``given(low, high)``.

    That makes responsibilities (high - low, n_columns) where they are not to be computed. Each thread takes one chunk
    after the other. Adds to `sum_values`, in the order of the chunks.
    """
    n_chunks = -(-samples.n_samples // samples.chunk)
    chunks = iter(range(n_chunks))  # next() on it is atomic
    slot_size = sum_values.size
    # No thread gets farther ahead of the sums than this.
    places = threading.Semaphore(max(n_threads, PLACES_VALUES // slot_size))
    waiting, turn, adding = {}, 0, threading.Lock()
    failed, flag = False, threads.stop_flag()

    def add(chunk, values):
        nonlocal turn, sum_values
        with adding:
            waiting[chunk] = values
            while turn in waiting:
                sum_values += waiting.pop(turn)
                turn += 1
                places.release()

    def work():
        nonlocal failed
        try:
            take_chunks(workspace(work_rows, samples.length))
        except BaseException:
            failed = True  # its chunk will never be added: the others must not wait for it
            places.release(n_threads)
            raise

    def take_chunks(work):
        while places.acquire():
            chunk = None if failed else next(chunks, None)
            if chunk is None:
                places.release()
                return
            slot = np.zeros(slot_size)
            start = chunk * samples.chunk
            stop = min(start + samples.chunk, samples.n_samples)
            for rows, row, low, high in samples.slabs(start, stop, given, n_columns):
                table = NO_TABLE if given is None else given(low, high)
                weights = sample_weight if rows is samples.X else sample_weight[low:high]
                if failed:
                    return
                threads.check_flag(flag)
                kernel(
                    rows, weights, table, row, row + high - low, samples.layout, work, model, slot, *arguments,
                    team.ALONE,
                )  # fmt: skip
            add(chunk, slot)

    n_helpers = min(n_threads, n_chunks) - 1
    if n_helpers > 0:
        threads.run_with_helpers(work, work, n_helpers)
    else:
        work()


def fits_a_slab(samples, n_columns):
    """Whether a table of all samples is as small as the tables that are made slab by slab."""
    return samples.n_samples * n_columns <= SLAB_VALUES


def as_given(labels, n_components):
    """One-hot responsibilities as the kernels take them: a column of component numbers, or of ones for a single one."""
    return (np.asarray(labels, dtype=np.float64) if n_components > 1 else np.ones(len(labels)))[:, None]


def symmetric(lower):
    """Fill the upper triangle from the lower one (last two axes)."""
    diagonal = np.einsum("...ii->...i", lower)
    result = lower + np.swapaxes(lower, -1, -2)
    np.einsum("...ii->...i", result)[...] = diagonal
    return result


NO_RIDGE = Ridge(NO_WEIGHTS, NO_WEIGHTS, 0.0)


def loop_arguments(
    sum_values, history=NO_WEIGHTS, old_values=NO_WEIGHTS, regularisation=NO_RIDGE, total_weight=1.0, tol=0.0,
    previous=0.0,
):  # fmt: skip
    """The `loop` of `gmm.engine.loop.run`: what it needs beside a slot; for the layouts see `gmm.engine.flat`.

    The sums and the old parameters are updated in place. Without a history there is no M-step, and the sums are all.
    """
    return (history, sum_values, old_values, old_values.copy(), regularisation, total_weight, tol, previous)


def pass_cost(model, n_samples, n_features, n_components):
    """Floating point operations of one pass, roughly: to choose between one thread and several."""
    return n_samples * model.operations(n_components, n_features)


def stretches(samples, cost):
    """(start, stop) of stretches of whole blocks that take a tenth of a second, or less, where all samples `cost`."""
    blocks = max(1, int(STRETCH / cost * samples.n_samples / samples.length))
    step = min(samples.chunk, blocks * samples.length)
    return [(start, min(start + step, samples.n_samples)) for start in range(0, samples.n_samples, step)]


def raw_pass(
    samples, model, *, sample_weight=NO_WEIGHTS, given=None, n_threads=1, regularisation=NO_RIDGE, shapes=None
):
    """(log_likelihood, counts, first, second): of full's `second` the lower triangle only; tied ones have none.

    The moments of a tied model are whitened, as its centres are. There is no M-step, but `regularisation` says for
    which one the loop is compiled: that of a fit is there already, or will be needed. `shapes` are those of a slot
    where the model gathers more.
    """
    n_components, d = model.centres.shape
    sum_values, sums = flat_views(shapes or statistics_shapes(type(model), n_components, d))
    if pass_cost(model, samples.n_samples, d, n_components) <= WORTH_A_THREAD:
        n_threads = 1
    kernel = (samples, loop.run, loop.work_rows(model), model)
    arguments = (loop_arguments(sum_values, regularisation=regularisation),)
    options = {"sample_weight": sample_weight, "n_threads": n_threads}
    if samples.native and (given is None or fits_a_slab(samples, n_components)):
        table = NO_TABLE if given is None else given(0, samples.n_samples)
        run_team(*kernel, sum_values.size, arguments, table=table, **options)
    else:
        run_slabs(*kernel, arguments, sum_values, given=given, n_columns=n_components, **options)
    return sums[0][0], *sums[1:]


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
        z = samples.X[low:high] - samples.shift  # float64, as the shift is
        if samples.scale != 1.0:
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


def mean_of(samples, sample_weight=NO_WEIGHTS):
    """Σ_i w_i x_i / Σ_i w_i (d,), x in the samples' units; slab by slab, as differences from the first sample."""
    origin = np.asarray(samples.X[0], dtype=np.float64)
    total, step = np.zeros(samples.n_features), samples.slab_samples(samples.n_features)
    for low in range(0, samples.n_samples, step):
        z = samples.X[low : low + step] - origin
        total += sample_weight[low : low + step] @ z if sample_weight.size else z.sum(axis=0)
    weight = sample_weight.sum() if sample_weight.size else samples.n_samples
    return (origin - samples.shift) * samples.scale + total / weight * samples.scale


class TotalScatter:
    """T of some weighted samples, for all the M-steps of tied covariances that need it: it is taken once.

    It does not depend on the mixture, only on the point x₀ that it is about, and any will do; the mean of the data
    loses the fewest digits.
    """

    def __init__(self) -> None:
        self._known = None

    def of(self, samples: Samples, sample_weight: FloatArray = NO_WEIGHTS) -> tuple[FloatArray, FloatArray]:
        """(x₀, T) in the units of `samples`."""
        units = samples.scale, samples.shift.tobytes()
        if self._known is None or self._known[0] != units:
            with np.errstate(over="ignore", invalid="ignore"):  # the log-likelihood reports what is not finite
                mean = mean_of(samples, sample_weight)
                self._known = units, mean, total_scatter(samples, mean, sample_weight)
        return self._known[1:]


def check_centres(samples, centres):
    centres = np.ascontiguousarray(centres, dtype=np.float64)
    if centres.ndim != 2 or centres.shape[1] != samples.n_features:
        raise ValueError(f"The centres must have shape (K, {samples.n_features}), got {centres.shape}.")
    return centres
