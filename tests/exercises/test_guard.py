"""Answers that never end, take all memory or raise: the checker comes back, and points at the reader's line."""

import re
import subprocess
import sys
import textwrap
import threading
import time

import numba
import numpy as np
import pytest
from numba.core import event

from gmm.exercises import _guard, _repair
from gmm.exercises._core import Exercise, judge

if sys.platform == "linux":
    import resource

    AT_FIRST = resource.getrlimit(resource.RLIMIT_AS)

TASK = Exercise("ex-test", lambda x: x.sum(), cases=((np.ones(3),), (np.arange(5.0),)))


@pytest.fixture
def little_time(monkeypatch):
    monkeypatch.setattr(_guard, "CPU_SECONDS", 0.2)
    monkeypatch.setattr(_guard, "_GRACE", 60.0)  # on a busy machine


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(_guard, "MEMORY", 100 * 2**20)


def loops(x):
    while True:
        pass


def loops_in_numpy(x):
    while True:
        x = np.sqrt(x)


def catches_exceptions(x):
    while True:
        try:
            sum(range(100))
        except Exception:
            continue


def catches_everything(x):
    while True:
        try:
            for k in range(10**9):
                abs(k)
        except:  # noqa: E722
            pass


def catches_everything_twice(x):
    while True:
        try:
            while True:
                try:
                    for k in range(10**9):
                        abs(k)
                except:  # noqa: E722
                    pass
        except BaseException:
            continue


def calls_itself_in_circles(x):
    try:
        return calls_itself_in_circles(x)
    except RecursionError:
        return loops(x)


def calls_itself_for_ever(x):
    while True:
        try:
            calls_itself_for_ever(x)
        except RecursionError:
            continue


class Cleaned:
    def __del__(self):
        for k in range(10):
            abs(k)


def cleans_up_for_ever(x):
    while True:
        try:
            Cleaned()
        except:  # noqa: E722
            continue


@numba.njit
def compiled_loop(value):
    while value > 0.0:
        value += 1.0
    return value


def calls_compiled_loop(x):
    return compiled_loop(x[0])


ENDLESS = [
    loops,
    loops_in_numpy,
    catches_exceptions,
    catches_everything,
    catches_everything_twice,
    calls_itself_in_circles,
    calls_itself_for_ever,
    cleans_up_for_ever,
    calls_compiled_loop,
]


@pytest.mark.parametrize("answer", ENDLESS, ids=lambda f: f.__name__)
def test_an_endless_loop_is_stopped(answer, little_time, monkeypatch, capfd):
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    found = judge(TASK, answer, answer)
    assert found.message == "your function did not end within 0.2 seconds. Is there a loop that never stops?"
    assert re.fullmatch(r"test_guard\.py, line \d+:  .+", found.details[0])
    assert found.details[1] == "called with  x = [1., 1., 1.]"
    for thread in threading.enumerate():
        if thread.name == "exercise":
            thread.join(60)
            assert not thread.is_alive()
    assert not unraisable
    assert sys.unraisablehook == unraisable.append
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("answer", [catches_everything, catches_everything_twice])
def test_to_be_asked_once_to_stop_is_enough(answer, little_time, monkeypatch):
    asked = []

    def once(ident, kind):
        if kind is _guard.Stopped:
            if not asked:
                raise_in(ident, kind)
            asked.append(ident)

    raise_in = _guard._raise_in
    monkeypatch.setattr(_guard, "_raise_in", once)
    assert judge(TASK, answer, answer).message.endswith("Is there a loop that never stops?")


def test_the_line_of_the_loop_is_named(little_time):
    found = judge(TASK, loops, loops)
    first = loops.__code__.co_firstlineno
    assert found.details[0].split(":")[0] in {f"test_guard.py, line {first + 1}", f"test_guard.py, line {first + 2}"}


def test_a_compiled_function_itself_is_stopped(little_time):
    task = Exercise("ex-test", lambda value: value, cases=((1.0,),))
    assert judge(task, compiled_loop, compiled_loop).message.startswith("your function did not end within")


def test_what_cannot_be_stopped_does_not_hold_up_the_checker(monkeypatch):
    monkeypatch.setattr(_guard, "WALL_SECONDS", 0.3)
    monkeypatch.setattr(_guard, "_GRACE", 0.2)
    gate = threading.Event()
    found = judge(TASK, lambda x: gate.wait(), lambda x: None)
    assert found.message.endswith("still runs in the background: restart the kernel to be rid of it.")
    gate.set()


def asks_for_terabytes(x):
    return np.zeros((10**6, 10**6)).sum()


def asks_for_gigabytes(x):
    return np.ones((60_000, 10_000)).sum()


def appends_for_ever(x):
    kept = []
    while True:
        kept.append(np.ones(10_000))


def doubles_for_ever(x):
    while True:
        x = np.append(x, x)


def asks_again_and_again(x):
    while True:
        try:
            return np.zeros((10**6, 10**6)).sum()
        except MemoryError:
            continue


@pytest.mark.parametrize("answer", [asks_for_terabytes, appends_for_ever])
def test_too_much_memory_is_refused(answer, little_memory):
    found = judge(TASK, answer, answer)
    assert found.message.startswith("your function asks for more memory than such a small case can need.")
    assert found.details[0].startswith("test_guard.py, line ")


def keeps_much_and_never_ends(x):
    kept = [np.ones(10_000) for _ in range(4_000)]
    while True:
        len(kept)


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS tells the largest use so far, not the present one")
def test_memory_is_watched_too(little_memory):
    found = judge(TASK, keeps_much_and_never_ends, keeps_much_and_never_ends)
    assert found.message.startswith("your function asks for more memory")


@pytest.mark.skipif(sys.platform != "linux", reason="the address space can be limited on Linux only")
def test_one_huge_array_is_refused_before_it_is_filled():
    found = judge(TASK, asks_for_gigabytes, asks_for_gigabytes)
    assert found.message.startswith("your function asks for more memory")
    assert "Unable to allocate 4.47 GiB" in found.message
    assert found.details[0].endswith("return np.ones((60_000, 10_000)).sum()")


@pytest.mark.parametrize("answer", [asks_again_and_again, doubles_for_ever])
def test_by_time_or_by_memory_it_is_stopped(answer, little_time, little_memory):
    found = judge(TASK, answer, answer)
    assert found.message.startswith(("your function did not end within", "your function asks for more memory"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")
def test_the_limit_on_memory_is_lifted_afterwards():
    judge(TASK, asks_for_terabytes, asks_for_terabytes)
    assert resource.getrlimit(resource.RLIMIT_AS) == AT_FIRST


def compiles_for_a_while(x):
    with event.trigger_event("numba:compile"):
        begun = time.process_time()
        while len(x) == 3 and time.process_time() - begun < 1.0:
            pass
    return x.sum()


def test_the_time_of_compiling_is_not_counted(monkeypatch):
    monkeypatch.setattr(_guard, "CPU_SECONDS", 0.5)
    assert judge(TASK, compiles_for_a_while, compiles_for_a_while).right


# ------------------------------------------------------------------------- exceptions


def raises_below(x):
    scale = np.zeros((2, 2))
    return np.linalg.inv(scale)


def raises_late(x):
    if len(x) > 3:
        return helper(x)
    return x.sum()


def helper(x):
    return x["a"]


def test_an_exception_is_shown_at_the_readers_line():
    found = judge(TASK, raises_below, raises_below)
    line = raises_below.__code__.co_firstlineno + 2
    assert found.text == (
        "Not yet: your function raised LinAlgError: Singular matrix\n"
        f"  test_guard.py, line {line}:  return np.linalg.inv(scale)\n"
        "  called with  x = [1., 1., 1.]"
    )


def test_the_case_and_the_innermost_line_of_the_reader_are_shown():
    found = judge(TASK, raises_late, raises_late)
    assert found.message.startswith("your function raised IndexError: only integers, slices")
    assert found.details == (
        f'test_guard.py, line {helper.__code__.co_firstlineno + 1}:  return x["a"]',
        "called with  x = [0., 1., 2., 3., 4.]",
    )


def calls_itself(x):
    return calls_itself(x)


def leaves(x):
    sys.exit(3)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (calls_itself, "your function raised RecursionError: it calls itself without end"),
        (leaves, "your function raised SystemExit: 3"),
    ],
)
def test_other_ways_to_fail(answer, message):
    assert judge(TASK, answer, answer).message == message


def test_no_slip_is_looked_for_in_endless_recursion(monkeypatch):
    """No change would end it, and the search would run such a function many times."""
    searched = []
    monkeypatch.setattr(_repair, "slip", lambda task, answer: searched.append(answer))
    judge(TASK, raises_below, raises_below)
    judge(TASK, calls_itself, calls_itself)
    assert searched == [raises_below]


def not_written(x):
    raise NotImplementedError


def half_written(x):
    if len(x) > 3:
        raise NotImplementedError
    return x.sum()


@pytest.mark.parametrize("answer", [not_written, half_written])
def test_not_implemented_is_no_answer_so_far(answer):
    assert judge(TASK, answer, answer).text.startswith("Not yet: there is no answer here so far. Write yours where")


def test_what_numba_cannot_compile_is_said():
    @numba.njit
    def confused(x):
        return x.sum() + "text"

    found = judge(TASK, confused, confused)
    assert found.message.startswith("your function raised ")
    assert any("test_guard.py, line" in line for line in found.details)


def test_numba_functions_are_found_behind_names_and_closures():
    inner = compiled_loop

    def by_closure(x):
        return inner(x[0])

    assert _guard.compiled_by_reader(compiled_loop)
    assert _guard.compiled_by_reader(calls_compiled_loop)
    assert _guard.compiled_by_reader(by_closure)
    assert not _guard.compiled_by_reader(loops)


def test_the_kernels_of_the_package_stay_compiled():
    import gmm

    assert not _guard.compiled_by_reader(gmm.log_sum_exp)
    assert not _guard.compiled_by_reader(lambda x: gmm.log_sum_exp.kernel(x))
    with _guard.interpreted():
        assert compiled_loop(-1.0) == -1.0
    assert "__call__" not in vars(type(compiled_loop))


def test_a_line_of_a_notebook_cell_is_named_by_its_cell():
    script = """
    import numpy as np
    from IPython.core.interactiveshell import InteractiveShell
    shell = InteractiveShell.instance()
    shell.run_cell("import gmm.exercises as exercises", store_history=True)
    cell = "def f(a):\\n    b = a[0]\\n    return b['x']\\nexercises.check('ex-log-sum-exp', f)"
    shell.run_cell(cell, store_history=True)
    """
    run = [sys.executable, "-c", textwrap.dedent(script)]
    out = subprocess.run(run, capture_output=True, text=True, timeout=600, check=True).stdout
    assert "Not yet: your function raised IndexError" in out
    assert "Cell In[2], line 3:  return b['x']" in out


def test_a_script_may_end_while_an_answer_still_runs():
    script = """
    import threading
    import numpy as np
    from gmm.exercises import _guard, _repair
    _guard.WALL_SECONDS, _guard._GRACE = 0.2, 0.1
    print(_guard.guarded(threading.Event().wait)[1])
    """
    run = [sys.executable, "-c", textwrap.dedent(script)]
    out = subprocess.run(run, capture_output=True, text=True, timeout=600, check=True)
    assert "running=True" in out.stdout
    assert out.stderr == ""
