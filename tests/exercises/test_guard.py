"""Answers that never end, print without end, take all memory, ask, leave or raise: the checker comes back, and points
at the reader's line."""

import builtins
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numba
import numpy as np
import pytest
from numba.core.compiler_lock import global_compiler_lock

from gmm import exercises
from gmm.exercises import _guard, _repair
from gmm.exercises._core import Exercise, examined, judge

TASK = Exercise("ex-test", lambda x: x.sum(), cases=((np.ones(3),), (np.arange(5.0),)))


@pytest.fixture
def little_time(monkeypatch):
    monkeypatch.setattr(_guard, "SECONDS", 0.2)


@pytest.fixture(params=["setitimer", "interrupt_main"])
def each_timer(request, monkeypatch):
    """Both ways to interrupt: where the system has no timer, a thread asks."""
    if request.param == "interrupt_main":
        monkeypatch.setattr(_guard, "_setitimer", None)
    elif _guard._setitimer is None:
        pytest.skip("this system has no timer")


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    """Whatever an answer did, signals, names, streams and threads are those of before."""
    names = {name: getattr(builtins, name) for name in ("input", "quit", "exit") if hasattr(builtins, name)}

    def state():
        timer = signal.getitimer(signal.ITIMER_REAL) if hasattr(signal, "getitimer") else None
        own = {name: getattr(builtins, name) for name in names}
        return signal.getsignal(_guard._SIGNAL), timer, own, sys.stdout, sys.stderr, sys.gettrace(), np.geterr()

    before = state()
    yield
    assert state() == before
    for thread in threading.enumerate():
        if "ring" in thread.name:
            thread.join(60)
            assert not thread.is_alive()


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


def calls_itself_in_circles(x):
    try:
        return calls_itself_in_circles(x)
    except RecursionError:
        return loops(x)


def sleeps(x):
    time.sleep(3600)


def waits(x):
    threading.Event().wait()


@numba.njit
def compiled_loop(value):
    while value > 0.0:
        value += 1.0
    return value


ENDLESS = [loops, loops_in_numpy, catches_exceptions, catches_everything, calls_itself_in_circles]


@pytest.mark.usefixtures("little_time", "each_timer")
@pytest.mark.parametrize("answer", ENDLESS, ids=lambda f: f.__name__)
def test_an_endless_loop_is_stopped(answer, capfd):
    found = judge(TASK, answer, answer)
    assert found.message == "your function did not end within 0.2 seconds. Is there a loop that never stops?"
    assert re.fullmatch(r"test_guard\.py, line \d+:  .+", found.details[0])
    assert found.details[1] == "called with  x = [1., 1., 1.]"
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("little_time")
@pytest.mark.skipif(_guard._setitimer is None, reason="a thread that asks wakes nobody")
@pytest.mark.parametrize("answer", [sleeps, waits])
def test_who_waits_is_woken(answer):
    assert judge(TASK, answer, answer).message.startswith("your function did not end within")


def test_it_ends_within_the_time_that_the_message_names(monkeypatch):
    monkeypatch.setattr(_guard, "SECONDS", 1.0)
    begun = time.monotonic()
    judge(TASK, loops, loops)
    assert time.monotonic() - begun < 1.0 + 0.5
    assert _guard.SECONDS == 1.0


def test_the_line_of_the_loop_is_named(little_time):
    found = judge(TASK, loops, loops)
    first = loops.__code__.co_firstlineno
    assert found.details[0].split(":")[0] in {f"test_guard.py, line {first + 1}", f"test_guard.py, line {first + 2}"}


def test_a_compiled_function_is_stopped_as_plain_python(little_time):
    task = Exercise("ex-test", lambda value: value, cases=((1.0,),))
    assert examined(task, compiled_loop).message.startswith("your function did not end within")
    assert compiled_loop.signatures == []


def test_an_answer_that_ended_is_not_stopped_afterwards(monkeypatch):
    """The timer looks in all the time; it raises in an answer alone."""
    monkeypatch.setattr(_guard, "TICK", 1e-4)
    monkeypatch.setattr(_guard, "SECONDS", 1e-3)
    for _ in range(300):
        value, failure = _guard.guarded(lambda: sum(range(20_000)))
        assert value == sum(range(20_000)) or failure.kind == "time"


def test_a_slow_look_is_not_looked_at_in_its_turn(monkeypatch):
    """Else looks would stand in looks until Python's stack is full."""
    monkeypatch.setattr(_guard, "TICK", 1e-4)
    monkeypatch.setattr(_guard, "SECONDS", 0.5)
    monkeypatch.setattr(_guard, "_memory", lambda: time.sleep(4e-4) or 0)
    value, failure = _guard.guarded(lambda: loops(0))
    assert (value, failure.kind) == (None, "time")


def test_in_another_thread_there_is_no_timer(little_time):
    found = []
    thread = threading.Thread(target=lambda: found.append(judge(TASK, np.sum, np.sum)))
    thread.start()
    thread.join(60)
    assert found[0].right


def compiles_for_a_while(x):
    with global_compiler_lock:
        begun = time.monotonic()
        while len(x) == 3 and time.monotonic() - begun < 1.0:
            pass
    return x.sum()


def test_the_time_of_compiling_is_not_counted(monkeypatch):
    monkeypatch.setattr(_guard, "SECONDS", 0.5)
    assert judge(TASK, compiles_for_a_while, compiles_for_a_while).right


# ------------------------------------------------------------------------- memory


def asks_for_terabytes(x):
    return np.zeros((10**6, 10**6)).sum()


def test_too_much_memory_is_refused():
    found = judge(TASK, asks_for_terabytes, asks_for_terabytes)
    assert found.message.startswith("your function asks for more memory than such a small case can need.")
    assert "Unable to allocate 7.28 TiB" in found.message
    assert found.details[0].startswith("test_guard.py, line ")


@pytest.mark.skipif(_guard.resource is None, reason="this system does not say how much memory is used")
def test_memory_is_watched():
    script = """
    import numpy as np
    from gmm.exercises import _guard
    _guard.SECONDS, _guard.MEMORY = 600.0, 100 * 2**20
    def appends():
        kept = []
        while True:
            kept.append(np.ones(100_000))
    print(_guard.guarded(appends)[1].kind, _guard.guarded(lambda: 1))
    """
    run = [sys.executable, "-c", textwrap.dedent(script)]
    out = subprocess.run(run, capture_output=True, text=True, timeout=600, check=True).stdout
    assert out == "memory (1, None)\n"


# ------------------------------------------------------------------------- printing, asking, leaving


def prints_for_ever(x):
    while True:
        print("here we are again")


@pytest.mark.parametrize("size", [1, 7, 20, 21])
def test_the_cut_is_told_wherever_it_falls(size, capsys, monkeypatch):
    monkeypatch.setattr(_guard, "PRINTED", 20)
    _guard.guarded(lambda: [sys.stdout.write("x" * size) for _ in range(21)])
    assert capsys.readouterr().out == 20 * "x" + _guard._CUT
    _guard.guarded(lambda: print("x"), printed=0)
    assert capsys.readouterr().out == ""


def prints_a_little(x):
    print("x", len(x))
    print("warning", file=sys.stderr)
    return x.sum()


def test_endless_printing_is_cut(little_time, capsys):
    assert judge(TASK, prints_for_ever, prints_for_ever).message.startswith("your function did not end within")
    out = capsys.readouterr().out
    assert len(out) == _guard.PRINTED + len(_guard._CUT)
    assert out.endswith("what your function prints is left out)\n")


def test_what_is_printed_for_oneself_is_seen(capsys):
    assert judge(TASK, prints_a_little, prints_a_little).right
    out, err = capsys.readouterr()
    assert out == "x 3\nx 5\n"
    assert err == "warning\nwarning\n"


def asks(x):
    return float(input("x? "))


def quits(x):
    quit()


def leaves_by_exit(x):
    try:
        exit()
    except Exception:
        return 0.0


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (asks, "your function asks for input(), and nobody answers: it is given all it needs as arguments."),
        (quits, "your function calls quit(), which would end the session with all that is in it. Leave a function by "
            "return."),
        (leaves_by_exit, "your function calls quit(), which would end the session"),
    ],
)  # fmt: skip
def test_what_no_answer_may_do_is_refused_in_words(answer, message):
    found = judge(TASK, answer, answer)
    assert found.message.startswith(message)
    assert found.details[0].startswith("test_guard.py, line ")
    assert not sys.stdin.closed


def checks_itself(a):
    exercises.check("ex-log-sum-exp", checks_itself)
    exercises.check("ex-log-sum-exp", ...)


def test_a_check_inside_an_answer_is_answered_once(capsys):
    exercises.check("ex-log-sum-exp", checks_itself)
    out = capsys.readouterr().out
    assert out.startswith("Not yet: your function checks itself: the line with exercises.check is indented into it.")
    assert out.count("Not yet") == 1
    exercises.check("ex-log-sum-exp", lambda a: a[:, 0] - np.logaddexp.reduce(a[:, 1:], axis=1))
    assert capsys.readouterr().out.startswith("Right")


def test_a_notebook_outlives_quit():
    script = """
    from IPython.core.interactiveshell import InteractiveShell
    shell = InteractiveShell.instance()
    shell.user_ns["quit"] = quitter = lambda: print("the kernel has ended")
    shell.run_cell("from gmm import exercises")
    shell.run_cell("def f(a):\\n    quit()\\n\\nexercises.check('ex-log-sum-exp', f)")
    print(shell.user_ns["quit"] is quitter)
    """
    run = [sys.executable, "-c", textwrap.dedent(script)]
    out = subprocess.run(run, capture_output=True, text=True, timeout=600, check=True).stdout
    assert "Not yet: your function calls quit()" in out
    assert "ended" not in out
    assert out.endswith("True\n")


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

    found = examined(TASK, confused)
    assert found.message.startswith("your function raised ")
    assert any("test_guard.py, line" in line for line in found.details)


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
