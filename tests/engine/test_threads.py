"""Teams of threads: the order of the sums, and that nothing ever waits for a thread that does not come."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from engine_references import fit_em, problem
from numba import njit

from gmm.engine import passes, team, threads
from gmm.engine.diag import Diagonal
from gmm.engine.samples import Samples

STRUCTURES = ("full", "tied", "diag", "spherical")
pytestmark = pytest.mark.usefixtures("every_pass_is_worth_a_thread")


GO_ON = threads.new_flag()


@njit(nogil=True)
def _draw(state, role, flag=GO_ON):
    return team.draw_ticket((state, np.empty((0, 0)), flag, role))


@njit
def _hand_in(state, places, ticket, values, sums):
    team.hand_in((state, places, np.zeros(1, dtype=np.int64), team.FOLLOW), ticket, values, sums)


@njit
def _open(state, n_chunks, sums):
    team.open_pass((state, np.empty((0, 0)), np.zeros(1, dtype=np.int64), team.LEAD), n_chunks, sums)


# Sums of these depend on their order: a float64 near 2**53 drops a 1, but not a 2.
VALUES = np.array([1.0, 2.0**53, 1.0, -(2.0**53), 1.0, 3.0])


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [1, 0, 3, 5, 2, 4], [2, 0, 1, 5, 4, 3]])
def test_chunks_are_added_in_their_order_whenever_they_are_ready(order):
    state, places = team.new_team(2, 6, 2)
    sums = np.full(2, np.nan)
    for turn in range(2):  # the second pass goes on with the tickets of the first
        _open(state, 6, sums)
        tickets = [_draw(state, team.FOLLOW) for _ in order]
        assert tickets == [6 * turn + chunk for chunk in range(6)]
        for chunk in order:
            _hand_in(state, places, tickets[chunk], VALUES[chunk] * np.array([1.0, -1.0]), sums)
        expected = 0.0
        for value in VALUES:
            expected += value
        np.testing.assert_array_equal(sums, [expected, -expected])
        assert state[team.ADDED] == 6 * (turn + 1)
        assert not state[team.READY :].any()
        assert _draw(state, team.LEAD) == -1  # the pass is complete


@njit
def _shares(state, role, start, stop, chunk, slot):
    """All the shares of a caller with nobody beside it, and the slot's first number as each finds it."""
    shares = []
    caller = (state, np.empty((0, 0)), np.zeros(1, dtype=np.int64), role)
    sums = np.zeros(1)
    team.open_pass(caller, -(-(stop - start) // chunk), sums)
    ticket = team.NO_TICKET
    while True:
        ticket, low, high = team.next_chunk(caller, ticket, start, stop, chunk, slot)
        if low == high:
            return shares, sums[0]
        shares.append((low, high, slot[0]))
        slot[0] += high - low
        team.hand_in(caller, ticket, slot, sums)


def test_the_shares_of_a_pass_are_its_samples():
    state, _ = team.new_team(1, 1, 1)
    for _ in range(2):  # tickets count on from pass to pass
        shares, total = _shares(state, team.LEAD, 5, 31, 10, np.full(1, 7.0))
        assert shares == [(5, 15, 0.0), (15, 25, 0.0), (25, 31, 0.0)]
        assert total == 26.0
    assert _shares(state, team.LEAD, 0, 0, 10, np.ones(1)) == ([], 0.0)  # nothing to do is a pass, too


def test_whoever_adds_alone_gets_all_samples_and_keeps_what_is_in_the_slot():
    slot = np.full(1, 7.0)
    assert _shares(team.ALONE[0], team.ADD, 5, 31, 10, slot) == ([(5, 31, 7.0)], 0.0)
    assert slot[0] == 33.0


def test_a_thread_that_was_held_up_does_not_take_a_later_chunk_for_its_own():
    """Held up after its own chunk, 0, until the others have come round to the next chunk's place."""
    state, places = team.new_team(2, 2, 1)
    sums = np.zeros(1)
    _open(state, 9, sums)
    state[team.NEXT], places[1] = 4, 100.0
    state[team.READY + 1] = 3 + 1  # chunk 3 waits in the place that chunk 1 had
    _hand_in(state, places, 0, np.ones(1), sums)
    np.testing.assert_array_equal(sums, [1.0])
    assert state[team.ADDED] == 1
    assert state[team.READY + 1] == 4


def test_an_error_in_one_thread_does_not_leave_the_others_waiting(monkeypatch):
    monkeypatch.setattr(passes, "PLACES_VALUES", 1)  # three places for three threads: no one gets far ahead
    X = np.random.default_rng(0).normal(size=(100_000, 8))
    samples = Samples(X, np.zeros(8), 1.0)
    later, no_place_left = set(), threading.Event()
    outcome = []

    def given(low, high):
        if low <= 20_000 < high:
            assert no_place_left.wait(300)
            raise RuntimeError("no responsibilities")
        if low // samples.chunk > 20_000 // samples.chunk:
            later.add(low // samples.chunk)
            if len(later) >= 2:
                no_place_left.set()
        return np.ones((high - low, 4))

    def work():
        with pytest.raises(RuntimeError, match="no responsibilities"):
            passes.raw_pass(samples, Diagonal(np.zeros(4), X[:4], np.ones((4, 8))), given=given, n_threads=3)
        outcome.append("ended")

    at_work = threading.Thread(target=work, daemon=True)
    at_work.start()
    at_work.join(300)
    assert outcome == ["ended"]


@pytest.mark.parametrize("late", [0, 2])
def test_slabs_are_added_in_their_order_whenever_they_are_ready(late):
    """One chunk is held up until another thread has gone through all that come after it."""
    chunk = Samples(np.zeros((40_000, 8), dtype=np.float32), model=Diagonal).chunk
    X = np.zeros((len(VALUES) * chunk, 8), dtype=np.float32)
    samples = Samples(X, np.zeros(8), 1.0, Diagonal)
    assert (samples.chunk, samples.native) == (chunk, False)
    last_begun = threading.Event()

    def given(low, high):
        number = low // chunk
        if number == len(VALUES) - 1:
            last_begun.set()
        if number == late and threaded:
            assert last_begun.wait(300)
        table = np.zeros((high - low, 2))
        if low % chunk == 0:
            table[0] = VALUES[number]
        return table

    found = {}
    for threaded in (False, True):
        model = Diagonal(np.zeros(2), np.zeros((2, 8)), np.ones((2, 8)))
        last_begun.clear()
        found[threaded] = passes.raw_pass(samples, model, given=given, n_threads=1 + threaded)[1]
    expected = 0.0
    for value in VALUES:
        expected += value
    np.testing.assert_array_equal(found[False], [expected, expected])
    np.testing.assert_array_equal(found[True], [expected, expected])


def _waits(state, flag=GO_ON):
    """A thread that wants a ticket and does not get one yet, and the list in which it will put it."""
    _draw(team.new_team(2, 2, 1)[0], team.LEAD, flag)  # compiled before anyone waits
    drawn = []
    thread = threading.Thread(target=lambda: drawn.append(_draw(state, team.LEAD, flag)))
    thread.start()
    thread.join(0.1)
    assert not drawn
    return thread, drawn


def test_nobody_draws_a_ticket_without_a_place_to_wait_in():
    state, places = team.new_team(2, 2, 1)
    sums = np.zeros(1)
    _open(state, 5, sums)
    assert [_draw(state, team.FOLLOW) for _ in range(2)] == [0, 1]
    waiting, third = _waits(state)
    _hand_in(state, places, 1, np.ones(1), sums)  # not its turn: the places are still taken
    waiting.join(0.1)
    assert not third
    _hand_in(state, places, 0, np.ones(1), sums)
    waiting.join(300)
    assert third == [2]
    np.testing.assert_array_equal(sums, [2.0])


def test_the_leader_does_not_leave_before_the_last_chunk_is_added():
    state, places = team.new_team(2, 2, 1)
    sums = np.zeros(1)
    _open(state, 1, sums)
    assert _draw(state, team.FOLLOW) == 0
    leader, left = _waits(state)
    _hand_in(state, places, 0, np.ones(1), sums)
    leader.join(300)
    assert left == [-1]


def test_the_leader_waits_for_nobody_when_the_work_is_given_up():
    state, _ = team.new_team(2, 2, 1)
    flag = threads.new_flag()
    _open(state, 1, np.zeros(1))
    assert _draw(state, team.FOLLOW) == 0  # and this chunk is never handed in
    leader, left = _waits(state, flag)
    flag.fill(1)
    leader.join(300)
    assert left == [-1]


def test_a_follower_leaves_when_there_is_nothing_to_do():
    state, _ = team.new_team(2, 2, 1)
    assert _draw(state, team.FOLLOW) == -1  # no pass is ever opened: patience ends
    state[team.LIMIT] = team.CLOSED
    assert _draw(state, team.FOLLOW) == -1


def fits(covariance_type, **options):
    X, *parameters = problem(np.random.default_rng(1), 40_000, 4, 3, covariance_type)
    return fit_em(X, *parameters, covariance_type, tol=0, max_iter=20, **options)


def assert_same_bits(a, b):
    np.testing.assert_array_equal(a.log_likelihoods, b.log_likelihoods)
    for u, v in zip(a.parameters[1:5], b.parameters[1:5], strict=True):
        np.testing.assert_array_equal(u, v)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_any_number_of_threads_gives_the_same_bits(covariance_type, monkeypatch):
    helpers = []

    def counted(function, help_with, n_helpers):
        helpers.append(n_helpers)
        return run_with_helpers(function, help_with, n_helpers)

    run_with_helpers = threads.run_with_helpers
    monkeypatch.setattr(threads, "run_with_helpers", counted)
    alone = fits(covariance_type, n_threads=1)
    assert not helpers
    for n_threads in (2, 5, 40):
        assert_same_bits(fits(covariance_type, n_threads=n_threads), alone)
        assert helpers[-1] == min(n_threads, 20) - 1  # there are twenty chunks
    watched = fits(covariance_type, n_threads=2, callback=lambda *_: False)  # bouts of one iteration
    assert_same_bits(watched, alone)


def test_fits_at_the_same_time_share_the_helpers():
    alone = fits("diag", n_threads=1)
    results = [None] * 6

    def work(i):
        results[i] = fits("diag", n_threads=3)

    at_once = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in at_once:
        thread.start()
    for thread in at_once:
        thread.join(600)
    for result in results:
        assert_same_bits(result, alone)


def test_work_is_done_without_helpers_if_they_are_busy():
    release, begun = threading.Event(), threading.Semaphore(0)
    released = []

    def block():
        begun.release()
        released.append(release.wait(120))

    def occupy():
        threads.run_with_helpers(release.wait, block, len(threads._helpers))

    threads.run(lambda i: None, [(i,) for i in range(4)], 3)  # there are helpers now
    occupier = threading.Thread(target=occupy)
    occupier.start()
    for _ in threads._helpers:
        assert begun.acquire(timeout=300)
    done = []
    threads.run(done.append, [(i,) for i in range(10)], 3)
    assert done == list(range(10))  # by this thread, one after the other
    release.set()
    occupier.join(300)
    assert not occupier.is_alive()
    assert released
    assert all(released)  # nobody had to wait for them


def test_an_error_in_a_helper_reaches_the_caller():
    def fail():
        raise RuntimeError("helper")

    begun = threading.Event()

    def work():
        begun.set()
        fail()

    with pytest.raises(RuntimeError, match="helper"):
        threads.run_with_helpers(lambda: begun.wait(300), work, 1)
    assert threads.run_with_helpers(lambda: 5, lambda: None, 1) == 5  # and the helper lives on


PROGRAM = """
import os, sys
import numpy as np
from gmm import engine, learning
from gmm.engine import passes, threads
passes.WORTH_A_THREAD = 0.0
X = np.random.default_rng(0).normal(size=(30_000, 3))
p = learning.make_parameters([0.5, 0.5], X[:2], np.ones((2, 3)), "diag")
def fit(n_threads):
    source = learning.ArraySource(X, n_threads=n_threads)
    return learning.climb(source, learning.MaximumLikelihood(), p, tol=0, max_iter=10).log_likelihoods.tobytes()
"""


def run_program(code):
    return subprocess.run([sys.executable, "-c", PROGRAM + code], timeout=600, check=True, capture_output=True)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs the choice of CPUs")
def test_eight_threads_on_one_processor_come_to_an_end():
    run_program(
        "alone = fit(1)\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "for _ in range(20): assert fit(8) == alone\nassert len(threads._helpers) == 7"
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_makes_its_own_helpers():
    run_program(
        "alone = fit(3)\nchild = os.fork()\n"
        "if child == 0:\n"
        "    same = fit(3) == alone and fit(1) == alone\n"
        "    os._exit(0 if same and threads._helpers and all(t.is_alive() for t in threads._helpers) else 1)\n"
        "assert fit(3) == alone\nassert os.waitpid(child, 0)[1] == 0"
    )
