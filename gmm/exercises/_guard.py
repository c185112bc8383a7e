"""Run a reader's answer for a few seconds at most, and say where it failed.

A timer of the system looks in some twenty times a second. When the seconds are used up, or half a gigabyte is, it
raises :class:`Stopped` where the answer is: what Ctrl-C does, done by a clock. Printed output is cut after a screenful;
what would ask or end the notebook, ``input()`` and ``quit()``, is refused in words. All of it holds while the answer
runs, and is put back when it has ended.

Python hears the timer between two of its own instructions. So nothing here ends a single call into C that does not
come back (``sum(itertools.count())``), an endless loop that Numba has compiled, or one that catches every exception
in two places, one around the other. One single array larger than the memory of the machine is the system's affair. In
another thread than the main one there are no limits.
"""

from __future__ import annotations

import _thread
import builtins
import contextlib
import contextvars
import io
import linecache
import os
import re
import signal
import sys
import sysconfig
import threading
import time
import traceback
import warnings
from dataclasses import dataclass

import numpy as np

try:
    import resource
except ImportError:  # Windows
    resource = None

#: Seconds that an answer may take; compiling is not counted.
SECONDS = 4.0
#: Bytes by which the process may grow.
MEMORY = 512 * 2**20
#: Characters that an answer may print.
PRINTED = 2_000
#: Seconds between two looks.
TICK = 0.05
_CUT = "\n… (the rest of what your function prints is left out)\n"
_ASKS = "your function asks for input(), and nobody answers: it is given all it needs as arguments."
_ENDS = "your function calls quit(), which would end the session with all that is in it. Leave a function by return."

_setitimer = getattr(signal, "setitimer", None)
_SIGNAL = getattr(signal, "SIGALRM", None) or signal.SIGBREAK
_inside = contextvars.ContextVar("inside", default=False)


class Stopped(BaseException):
    """Raised in an answer whose time or memory is used up; ``except Exception`` lets it pass."""


class Refused(BaseException):
    """Raised in an answer for what no answer may do; its text is the verdict."""


@dataclass(frozen=True)
class Failure:
    """Why an answer did not come to its end.

    Attributes
    ----------
    kind : str
        ``"error"``, ``"time"``, ``"memory"`` or ``"refused"``.
    error : str
        Type and message of an exception, in one text; what to say, if something was refused.
    where : str
        The reader's line: where it stands and what it says; empty if unknown.
    """

    kind: str
    error: str = ""
    where: str = ""


def guarded(function, seconds=None, printed=None):
    """Call a function without arguments under watch.

    Parameters
    ----------
    function : callable
    seconds : float, optional
        Limit of time; `SECONDS` if missing.
    printed : int, optional
        Characters that are printed at most; `PRINTED` if missing.

    Returns
    -------
    value : object
        What the function returned; None if it failed.
    failure : Failure or None
    """
    seconds, printed = SECONDS if seconds is None else seconds, PRINTED if printed is None else printed
    try:
        with _watched(seconds), _within(printed), quiet():
            return _call(function), None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the reader's code may raise anything
        while isinstance(error.__context__, Stopped):  # raised anew on the way out
            error = error.__context__
        where = reader_line(error.__traceback__)
        traceback.clear_frames(error.__traceback__)  # and lets go of its arrays
        if isinstance(error, (Stopped, Refused)):
            kind, text = error.args
            return None, Failure(kind, text, where)
        return None, Failure("memory" if isinstance(error, MemoryError) else "error", describe(error), where)


def _call(function):
    return function()


def _unheard(_):
    """Say nothing of what is raised in a destructor: Python asks here, and goes on; so does the next look."""


def _is_answers(frame):
    """Whether a frame belongs to an answer that is running."""
    while frame is not None and frame.f_code is not _call.__code__:
        frame = None if frame.f_code is _unheard.__code__ else frame.f_back
    return frame is not None


@contextlib.contextmanager
def _watched(seconds):
    """Raise `Stopped` in what is called here once it has taken these seconds, or too much memory."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    deadline, memory = time.monotonic() + seconds, _memory() + MEMORY

    def look(_, frame):
        nonlocal deadline
        kind = None
        if _compiles():
            deadline += TICK
        else:
            kind = "time" if time.monotonic() > deadline else "memory" if _memory() > memory else None

        def stop(frame, event, _):
            if event == "line" and _is_answers(frame):
                raise Stopped(kind, "")
            return stop

        answers = kind and _is_answers(frame)
        if answers:
            frame.f_trace = stop  # where this line stands in a `try`, the line that catches it raises too
        if not over.is_set():
            wake()
        if answers:
            sys.settrace(stop)
            raise Stopped(kind, "")

    def wake():
        """Ask for the next look. One that is slow is not looked at in its turn; one that fails is made up for later."""
        if _setitimer:
            _setitimer(signal.ITIMER_REAL, TICK, 10 * TICK)

    def ring():
        while not over.wait(TICK):
            _thread.interrupt_main(_SIGNAL)

    over, tracer, handler = threading.Event(), sys.gettrace(), signal.signal(_SIGNAL, look)
    hook, sys.unraisablehook = sys.unraisablehook, _unheard
    timer = _setitimer and signal.getitimer(signal.ITIMER_REAL)
    try:
        wake()
        if not _setitimer:
            threading.Thread(target=ring, daemon=True).start()
        yield
    finally:
        sys.settrace(tracer)
        over.set()
        if _setitimer:
            _setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(_SIGNAL, handler)
        sys.unraisablehook = hook


def _memory():
    """The most memory that this process has used, in bytes; 0 where the system does not say."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if resource else 0
    return used if sys.platform == "darwin" else used * 1024


def _compiles():
    """Whether Numba compiles at present."""
    module = sys.modules.get("numba.core.compiler_lock")
    return module is not None and module.global_compiler_lock.is_locked()


@contextlib.contextmanager
def _within(printed):
    """Cut what is printed, and refuse what would ask or end the session."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    ends = {"quit": _refusing(_ENDS), "exit": _refusing(_ENDS)}
    with (
        contextlib.redirect_stdout(_Cut(sys.stdout, printed)),
        contextlib.redirect_stderr(_Cut(sys.stderr, printed)),
        _replaced(vars(builtins), input=_refusing(_ASKS), **ends),
        _replaced(getattr(shell, "user_ns", {}), **ends),
    ):
        token = _inside.set(True)
        try:
            yield
        finally:
            _inside.reset(token)


class _Cut(io.TextIOBase):
    """A stream that passes on so many characters and no more."""

    def __init__(self, stream, room):
        self.stream, self.room = stream, room if stream and room else -1

    def write(self, text):
        if self.room >= 0:
            self.stream.write(text if len(text) <= self.room else text[: self.room] + _CUT)
            self.room = self.room - len(text)
        return len(text)


@contextlib.contextmanager
def _replaced(names, **others):
    """Let these names mean something else, where they mean anything."""
    before = {name: names[name] for name in others if name in names}
    names.update({name: others[name] for name in before})
    try:
        yield
    finally:
        names.update(before)


def _refusing(text):
    def refuse(*_, **__):
        raise Refused("refused", text)

    return refuse


def refuse_inside(text):
    """Refuse something if an answer is running."""
    if _inside.get():
        _refusing(text)()


@contextlib.contextmanager
def quiet():
    """Run something without warnings of Python and NumPy: the verdict says what is wrong."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def describe(error):
    """Type and message of an exception; of Numba's long messages the first lines that say something."""
    if isinstance(error, RecursionError):
        return "RecursionError: it calls itself without end"
    message = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
    lines = [line.rstrip() for line in message.splitlines() if line.strip()]
    lines = [re.sub(r"\S*[/\\]([^/\\\s]+\.py)", r"\1", line) for line in lines]
    if len(lines) > 4:
        lines = [*lines[:4], "…"]
    return f"{type(error).__name__}: " + "\n    ".join(lines) if lines else type(error).__name__


# ------------------------------------------------------------------------- the reader's line

_LIBRARIES = tuple(
    {
        os.path.realpath(path) + os.sep
        for path in (
            *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
            os.path.dirname(os.path.dirname(__file__)),  # the package itself
            os.path.dirname(os.path.dirname(np.__file__)),
        )
        if path
    }
)


def _is_readers(filename):
    if filename.startswith(("<frozen", "<__array_function__")):
        return False
    return not os.path.realpath(filename).startswith(_LIBRARIES)


def place(filename, number):
    """Where a line stands and what it says."""
    line = linecache.getline(filename, number).strip()
    name = os.path.basename(filename)
    cell = _cell_number(filename)
    place = f"Cell In[{cell}], line {number}" if cell else f"line {number}" if "<" in name else f"{name}, line {number}"
    return f"{place}:  {line}" if line else place


def _cell_number(filename):
    """The number of the notebook cell that a file name of IPython stands for, or None."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(getattr(shell, "compile", None), "_filename_map", {}).get(filename)


def reader_line(trace):
    """The last line of the reader's own code in a traceback, as text; empty if there is none."""
    found = [(f.f_code.co_filename, number) for f, number in traceback.walk_tb(trace)]
    found = [(filename, number) for filename, number in found if _is_readers(filename)]
    return place(*found[-1]) if found else ""
