"""Threads that stay in compiled code from one pass over the data to the next.

A pass of a millisecond is too short to be handed out from Python: waking a thread and giving it the GIL takes a tenth
of that. So the threads of a fit enter `run` once for many iterations. One *leads*: it opens each pass, takes the M-step
after it and returns the result. The others *follow*: they take part in the passes and leave when there are none left.

They share a few integers, the team's `state`, which are read and written atomically:

=========  ===========================================================================================
``NEXT``   the ticket of the next chunk. Tickets count on from pass to pass, so no thread can mistake one.
``LIMIT``  where the tickets of the open pass end; ``CLOSED`` when there will be no further pass
``ADDED``  how many chunks have been added to the sums
``READY``  from here on one number a place: the ticket of the chunk that waits there, plus one; 0: nothing to add
=========  ===========================================================================================

Beside it stands one number more, ``stop``: where it is not 0 all leave at the next few blocks of samples, whatever is
left to do (Ctrl-C; see `gmm.engine.threads`). Several teams may share it.

Each thread sums a chunk up in its own slot. Chunks are added to the sums in their order, which makes the result the
same to the last bit for any number of threads; one that is finished before its turn waits in a *place*, and whoever
adds the chunk before it adds it too, so that no thread stands still while another is late.

The leader depends on nobody who has not yet drawn a ticket: followers may come late or not at all, which costs time
only. Whoever has to wait gives its processor to others.
"""

import ctypes
import os

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from gmm.engine import operations
from gmm.engine.compilation import block, inlined
from gmm.engine.simd import smaller

# A cache line each, so that threads that watch one number do not slow down those that write another.
NEXT, LIMIT, ADDED, READY = 0, 8, 16, 24
CLOSED = -1
# Roles of a caller of `run`: take part in the passes; lead them; add samples to the slot, alone and without sums.
FOLLOW, LEAD, ADD = range(3)
# Tickets count from 0. -1: there are none left; ALL: that of a caller which adds samples alone; NO_TICKET: none yet.
ALL, NO_TICKET = -2, -3
# Blocks of samples between two looks at `stop`.
PIECE = 4
# How often a thread looks before it gives way (a tenth of a microsecond), and how often a follower without work gives
# way before it leaves the team (some milliseconds).
LOOKS = 64
PATIENCE = 10_000

# The operating system's call that lets another thread have the processor, under a name that compiled code can find.
_give_way = ctypes.windll.kernel32.SwitchToThread if os.name == "nt" else ctypes.CDLL(None).sched_yield
llvm.add_symbol("gmm_give_way", ctypes.cast(_give_way, ctypes.c_void_p).value)


@intrinsic
def give_way(typing_context):
    def codegen(context, builder, signature, args):
        function_type = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, function_type, "gmm_give_way"), [])
        return context.get_dummy_value()

    return types.void(), codegen


def _address(context, builder, signature, args):
    return builder.gep(context.make_array(signature.args[0])(context, builder, args[0]).data, [args[1]])


@intrinsic
def load(typing_context, state, number):
    def codegen(context, builder, signature, args):
        return builder.load_atomic(_address(context, builder, signature, args), "seq_cst", 8)

    return types.int64(state, types.intp), codegen


@intrinsic
def store(typing_context, state, number, value):
    def codegen(context, builder, signature, args):
        builder.store_atomic(args[2], _address(context, builder, signature, args), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(state, types.intp, types.int64), codegen


@intrinsic
def exchange(typing_context, state, number, expected, value):
    """Put `value` where `expected` is; False, and nothing done, where something else is."""

    def codegen(context, builder, signature, args):
        pointer = _address(context, builder, signature, args)
        return builder.extract_value(builder.cmpxchg(pointer, args[2], args[3], "seq_cst"), 1)

    return types.boolean(state, types.intp, types.int64, types.int64), codegen


@intrinsic
def stopped(typing_context, team):
    """Whether the work is to be given up."""

    def codegen(context, builder, signature, args):
        stop = context.make_array(signature.args[0][2])(context, builder, builder.extract_value(args[0], 2))
        return builder.icmp_signed("!=", builder.load_atomic(stop.data, "seq_cst", 8), ir.Constant(ir.IntType(64), 0))

    return types.boolean(team), codegen


@block
def open_pass(team, n_chunks, sum_values):
    """If the caller leads: offer the chunks of one more pass, if there are any.

    Everything that the leader has written before is then there for the others to see.
    """
    state, _, _, role = team
    if role != LEAD or n_chunks == 0:
        return
    for p in range(sum_values.size):
        sum_values[p] = 0.0
    store(state, LIMIT, load(state, LIMIT) + n_chunks)


@block
def draw_ticket(team):
    """The number of a chunk to sum up, or -1: for the leader when the pass is complete, for others when all is over."""
    state, _, _, role = team
    looks = 0
    while not stopped(team):
        # The ticket first: both only grow, so a ticket below the limit is one of the open pass or of a later one.
        ticket = load(state, NEXT)
        limit = load(state, LIMIT)
        if ticket < limit:
            # Not too far ahead of the sums: there are only so many places to wait in.
            if ticket < load(state, ADDED) + state.size - READY and exchange(state, NEXT, ticket, ticket + 1):
                return ticket
        elif role == LEAD:
            if load(state, ADDED) == limit:
                return -1
        elif limit == CLOSED or looks > PATIENCE * LOOKS:
            return -1
        looks += 1
        if looks % LOOKS == 0:
            give_way()
    return -1


@block
def hand_in(team, ticket, slot, sum_values):
    """Add a chunk's statistics to the sums, and those that have waited for it; or let them wait for their turn.

    Whoever has added ALL samples leaves them in the slot.
    """
    state, places, _, _ = team
    if ticket == ALL:
        return
    n_places = state.size - READY
    if load(state, ADDED) != ticket:
        place = ticket % n_places
        for p in range(slot.size):
            places[place, p] = slot[p]
        store(state, READY + place, ticket + 1)
        # The turn may have come meanwhile. Whoever takes the number down adds.
        if load(state, ADDED) != ticket or not exchange(state, READY + place, ticket + 1, 0):
            return
    values = slot
    while True:
        for p in range(sum_values.size):
            sum_values[p] += values[p]
        ticket += 1
        store(state, ADDED, ticket)
        place = ticket % n_places
        # By its number, not by a mere flag: a thread that was held up here must not take a later chunk for its own.
        if not exchange(state, READY + place, ticket + 1, 0):
            return
        values = places[place]


@inlined
def next_chunk(team, before, start, stop, chunk, slot):
    """(ticket, low, high): the caller's next share, samples low … high - 1, of a pass over start … stop - 1.

    low = high where none is left: for a leader when the sums are complete, for a follower when there are no more
    passes. The slot is cleared for it. Only whoever is to ADD gets all samples at once, for the slot as it is.
    `before` is the ticket of the last share, or NO_TICKET.
    """
    if team[-1] == ADD:
        return ALL, start, stop if before == NO_TICKET else start
    ticket = draw_ticket(team)
    if ticket < 0:
        return ticket, start, start
    for p in range(slot.size):
        slot[p] = 0.0
    low = start + ticket % -(-(stop - start) // chunk) * chunk
    return ticket, low, smaller(low + chunk, stop)


@block
def make_pass(model, X, sample_weight, given, start, stop, layout, work, slot, sum_values, team):
    """Take the caller's part in a pass over samples start … stop - 1; the sums are of no use if it is `stopped`."""
    length, chunk, _, _ = layout
    open_pass(team, -(-(stop - start) // chunk), sum_values)
    ticket = NO_TICKET
    while True:
        ticket, low, high = next_chunk(team, ticket, start, stop, chunk, slot)
        if low == high:
            break
        while low < high and not stopped(team):
            end = smaller(low + PIECE * length, high)
            operations.add_samples(model, X, sample_weight, given, low, end, layout, work, slot)
            low = end
        if low < high:
            break
        hand_in(team, ticket, slot, sum_values)


def new_team(n_threads, n_places, slot_size):
    """(state, places) for `n_threads` threads: what they share."""
    n_places = n_places if n_threads > 1 else 1
    return np.zeros(READY + n_places, dtype=np.int64), np.empty((n_places if n_threads > 1 else 0, slot_size))


ALONE = (np.zeros(0, dtype=np.int64), np.empty((0, 0)), np.zeros(1, dtype=np.int64), ADD)  # never asked to stop
