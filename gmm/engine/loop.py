"""The pass over the data and the EM loop, for every covariance structure.

These functions are written once, in terms of the operations that tell the structures apart (`gmm.engine.operations`),
and compiled once for each type of model. A function that is compiled by itself can't be handed others as arguments
here, for it would lose its place in the cache on disk; types it can.
"""

import math

from gmm.engine import operations
from gmm.engine.blocks import load_block, load_responsibilities
from gmm.engine.compilation import entry, inlined, method
from gmm.engine.diag import Diagonal
from gmm.engine.flat import rows_of, statistics_views
from gmm.engine.full import Full, SmallFull
from gmm.engine.simd import WIDE, smaller
from gmm.engine.softmax import emit, responsibilities, row_total
from gmm.engine.spherical import Spherical
from gmm.engine.statuses import BAD_LIKELIHOOD, CONVERGED, FAR_APART, RUNNING
from gmm.engine.team import LEAD, make_pass, stopped
from gmm.engine.tied import Tied

SCRATCH = 2  # rows for the softmax
# Where a block's samples are all near, responsibilities below this share of a component's mean one in the block are
# left out of its moments. Near: their evidences, taken together, are at most e^NEAR below the highest that there can
# be. That loses at most 2**-58 of the component's old covariance (eq-left-out-moments).
NEGLIGIBLE = 2.0**-80
NEAR = 2.0**20


def work_rows(model):
    """Rows of the workspace of `run` and `run_scores`: x, the responsibilities, scratch, and what the model needs."""
    n_components, d = model.centres.shape
    return d + n_components + SCRATCH + model.room_rows(d, n_components)


@method(operations.prepare, Full, SmallFull, Diagonal, Spherical)
def prepare(model, values):
    """Nothing is kept beside the parameters."""
    return RUNNING


@method(operations.measure, Full, SmallFull, Diagonal)
def measure(model, x, padded, room):
    """E-step and moments have nothing in common."""


@method(operations.add_counts, Full, SmallFull, Tied, Diagonal, Spherical)
def add_counts(model, padded, room, r, counts, second):
    """The sums of the responsibilities (eq-effective-counts)."""
    for k in range(counts.size):
        counts[k] += row_total(r, k, padded)


@inlined
def rooms(work, n_components, d):
    """x (d, padded), responsibilities (K, padded), scratch and the model's own room."""
    scratch = d + n_components
    own = scratch + SCRATCH
    x, r = rows_of(work, 0, d), rows_of(work, d, n_components)
    return x, r, rows_of(work, scratch, SCRATCH), rows_of(work, own, work.shape[0] - own)


@method(operations.add_samples, Full, SmallFull, Tied, Diagonal, Spherical)
def add_samples(model, X, sample_weight, given, start, stop, layout, work, slot):
    """E-step and moments, block by block.

    The rows of r are the responsibilities, and their sums the effective counts (eq-e-step, eq-effective-counts).
    """
    length, _, shift, scale = layout
    n_components, d = model.centres.shape
    log_likelihood, counts, first, second = statistics_views(slot, n_components, d)
    x, r, scratch, room = rooms(work, n_components, d)
    weighted = sample_weight.size > 0
    highest = model.coefficients[0]
    for k in range(1, n_components):
        highest = max(highest, model.coefficients[k])
    highest += math.log(n_components)
    for low in range(start, stop, length):
        size = smaller(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        operations.measure(model, x, padded, room)
        negligible = 0.0
        if given.size:
            load_responsibilities(given, sample_weight, low, size, padded, r)
        else:
            operations.log_joint(model, x, padded, room, r)
            log_evidence = responsibilities(r, size, padded, sample_weight, low, scratch)
            log_likelihood[0] += log_evidence
            # Of weighted samples nothing is known here but the weighted sum.
            if not weighted and size * highest - log_evidence <= NEAR:
                negligible = NEGLIGIBLE
        operations.add_counts(model, padded, room, r, counts, second)
        operations.add_moments(model, x, padded, room, r, negligible, first, second)


@entry
def run(X, sample_weight, given, start, stop, layout, work, model, slot, loop, team):
    """One pass over all samples from `start` to `stop`, or EM iterations; see `gmm.engine.passes` and `bouts`.

    What to do depends on the caller's role in the `team` (see `gmm.engine.team`). ADD: add the samples' statistics to
    the slot, no more. LEAD: make a pass, whose statistics are then the loop's sums; or, where there is a ``history`` to
    fill, up to history.size iterations, in place (where start = stop, the sums are given and an M-step is all that is
    left to do). FOLLOW: take part in the leader's passes. Returns (iterations, status, component); FAR_APART leaves the
    parameters as they were before the iteration that it stopped.
    One function does it all, because each function that Python can call costs a second of compilation.
    """
    history, sum_values, old_values, new_values, regularisation, total_weight, tol, previous = loop
    iterating = team[-1] == LEAD and history.size > 0
    if iterating and operations.prepare(model, old_values) == FAR_APART:
        return 0, FAR_APART, -1
    iteration = 0
    while True:
        make_pass(model, X, sample_weight, given, start, stop, layout, work, slot, sum_values, team)
        if not iterating or stopped(team):
            return iteration, RUNNING, -1
        mean = (sum_values[0] + operations.penalty(regularisation, model)) / total_weight
        history[iteration] = mean
        if not math.isfinite(mean):
            return iteration + 1, BAD_LIKELIHOOD, -1
        for p in range(new_values.size):
            new_values[p] = old_values[p]
        status, component = operations.update(model, sum_values, regularisation, old_values, new_values, slot)
        if status == RUNNING:
            status = operations.prepare(model, new_values)
        if status == FAR_APART:
            return iteration, FAR_APART, -1
        iteration += 1
        if status != RUNNING:
            return iteration, status, component
        for p in range(new_values.size):
            old_values[p] = new_values[p]
        if abs(mean - previous) < tol:
            return iteration, CONVERGED, -1
        if iteration == history.size:
            return iteration, RUNNING, -1
        previous = mean


@entry
def run_scores(X, start, stop, layout, work, model, what, outputs):
    """Write what `gmm.engine.softmax.emit` makes of the log joints of samples start … stop - 1."""
    length, _, shift, scale = layout
    n_components, d = model.centres.shape
    x, log_joint, scratch, room = rooms(work, n_components, d)
    for low in range(start, stop, length):
        size = smaller(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        operations.measure(model, x, padded, room)
        operations.log_joint(model, x, padded, room, log_joint)
        emit(log_joint, size, padded, low, what, scratch, outputs)
