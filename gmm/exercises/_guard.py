"""Run a reader's function so that it can neither hang nor exhaust the machine, and say where it failed.

The function runs in a thread of its own while the caller watches. When the time or the memory is used up, the caller
raises `SystemExit` and :class:`Stopped` in that thread, in turn, until the function has ended. Where a reader's
``except:`` swallows them, a line tracer takes over that raises anew on every line, so that no nest of handlers is a
refuge. A thread that does not end even so is left behind as a daemon: the caller has its answer all the same.

This works for Python and NumPy on every platform, because both return to the interpreter again and again. Compiled
Numba code does not, and holds the interpreter's lock. So functions that the reader compiled with ``@njit`` are run
as plain Python first, and compiled only after the plain run has ended. Memory is watched the same way; on Linux
a limit on the address space also refuses a single huge array before it is touched.

Not covered: one call into C that never returns and holds the lock (``sum(itertools.count())``), a Numba function
that loops for ever compiled and not interpreted, a kernel of ``@vectorize``, a function that calls itself without end
and catches everything on the way, and on macOS and Windows one single array larger than the memory that the system
is willing to promise.
"""

from __future__ import annotations

import collections
import contextlib
import contextvars
import ctypes
import itertools
import linecache
import os
import re
import sys
import sysconfig
import threading
import time
import traceback
import warnings
from dataclasses import dataclass

import numpy as np

#: Seconds of processor time that an answer may use; compiling is not counted.
CPU_SECONDS = 4.0
#: Seconds on the clock, for an answer that sleeps or waits.
WALL_SECONDS = 20.0
#: Bytes by which the process may grow.
MEMORY = 512 * 2**20
#: Bytes of address space beyond the present use, on Linux: what is refused at once.
ADDRESS_SPACE = 3 * 2**29
#: How long a function that was stopped may take to end before its thread is left behind.
_GRACE = 3.0
_TICK = 0.01

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


class Stopped(SystemExit):
    """Raised inside a reader's function whose time or memory is used up.

    A subclass of `SystemExit`, as a thread that it ends stays silent. Python makes the instance in the thread in
    which it is raised, and drops it there when a handler is done with it: both times it starts the tracer.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        _insist()

    def __del__(self):
        _insist()


_current = threading.local()


def _insist():
    run = getattr(_current, "run", None)
    if run is not None and run.stopping and not run.over:
        run.insist()


def _raise_in(ident, kind):
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(kind) if kind else None)


@dataclass(frozen=True)
class Failure:
    """What went wrong while a reader's function ran.

    Attributes
    ----------
    kind : str
        ``"error"``, ``"time"`` or ``"memory"``.
    error : str
        Type and message of an exception, in one text.
    where : str
        The reader's line: where it stands and what it says; empty if unknown.
    running : bool
        Whether the function still runs in the background.
    """

    kind: str
    error: str = ""
    where: str = ""
    running: bool = False


class _Run:
    """One function in a thread of its own."""

    def __init__(self, function):
        self.function, self.value, self.error, self.where = function, None, None, ""
        self.over = self.stopping = False
        self.done = threading.Event()
        self.context = contextvars.copy_context()
        self.thread = threading.Thread(target=self._work, name="exercise", daemon=True)

    def _work(self):
        try:
            _current.run = self
            try:
                self.value = self.context.run(self.function)
            finally:
                self.over = True
                sys.settrace(None)
        except BaseException as error:  # the reader's code may raise anything
            self.over = True
            self.where = reader_line(error.__traceback__)
            self.error = error.with_traceback(None)
            traceback.clear_frames(error.__traceback__)
        self.done.set()

    def insist(self):
        """Raise anew on every line from here on; called in the reader's thread."""

        def trace(frame, event, argument):
            if self.over or not _is_readers(frame.f_code.co_filename):
                return None
            raise Stopped  # Python removes a tracer that raises; the exception starts it anew

        frame = sys._getframe()
        while frame is not None:
            if frame.f_code.co_filename != __file__:
                frame.f_trace = trace
            frame = frame.f_back
        sys.settrace(trace)

    def stop(self):
        """Make the function end; return whether it did."""
        self.stopping = True
        deadline = time.monotonic() + _GRACE
        # `SystemExit` needs no Python code to come up, so it ends a function that stands at the limit of recursion too.
        kinds = itertools.cycle((SystemExit, Stopped))
        with _clean_up_unheard():
            while not (ended := self.done.is_set() or not self.thread.is_alive()) and time.monotonic() < deadline:
                if not self.over:
                    _raise_in(self.thread.ident, next(kinds))
                self.done.wait(0.02)
            self.over = True
        return ended


@contextlib.contextmanager
def _clean_up_unheard():
    """Say nothing of what a ``__del__`` raises: in a function that is made to end, it may be :class:`Stopped` there."""
    hook = sys.unraisablehook
    sys.unraisablehook = collections.deque(maxlen=0).append  # compiled: called where no more recursion is left
    try:
        yield
    finally:
        sys.unraisablehook = hook


def guarded(function, cpu_seconds=None, wall_seconds=None, memory=None):
    """Call a function without arguments under watch.

    Parameters
    ----------
    function : callable
    cpu_seconds, wall_seconds : float, optional
        Limits of time; the module's constants if missing.
    memory : int, optional
        Bytes by which the process may grow.

    Returns
    -------
    value : object
        What the function returned; None if it failed.
    failure : Failure or None
    """
    cpu_seconds = CPU_SECONDS if cpu_seconds is None else cpu_seconds
    wall_seconds = WALL_SECONDS if wall_seconds is None else wall_seconds
    memory = MEMORY if memory is None else memory
    run = _Run(function)
    with _address_space_limited(), _compile_clock() as compiling:
        before, wall, cpu = _resident(), 0.0, 0.0
        last = time.monotonic(), time.process_time()
        run.thread.start()
        kind, where = None, ""
        try:
            while kind is None and not run.done.wait(_TICK) and run.thread.is_alive():
                now = time.monotonic(), time.process_time()
                if not compiling():
                    wall, cpu = wall + now[0] - last[0], cpu + now[1] - last[1]
                last = now
                if cpu > cpu_seconds or wall > wall_seconds:
                    kind = "time"
                elif before and _resident() - before > memory:
                    kind = "memory"
            if kind:
                where = reader_line_of_thread(run.thread.ident)
                if not run.stop():
                    return None, Failure(kind, where=where, running=True)
        except KeyboardInterrupt:
            run.stop()
            raise
    if kind:
        return None, Failure(kind, where=where or run.where)
    if isinstance(run.error, MemoryError):
        return None, Failure("memory", describe(run.error), run.where)
    if run.error is not None:
        return None, Failure("error", describe(run.error), run.where)
    return run.value, None


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


def reader_line_of_thread(ident):
    """The line of the reader's own code at which a thread is."""
    frame = sys._current_frames().get(ident)
    while frame is not None:
        if _is_readers(frame.f_code.co_filename):
            return place(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return ""


# ------------------------------------------------------------------------- memory


def _statm(column):
    """A column of Linux's account of the memory of this process, in bytes: 0 address space, 1 resident."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[column]) * os.sysconf("SC_PAGE_SIZE")


def _resident():
    """Bytes of memory in use by this process, or 0 if the system does not say."""
    try:
        if sys.platform == "linux":
            return _statm(1)
        if sys.platform == "win32":
            return _resident_windows()
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    except (OSError, ImportError, AttributeError, ValueError):
        return 0


def _resident_windows():
    names = ("PeakWorkingSetSize", "WorkingSetSize", "A", "B", "C", "D", "PagefileUsage", "PeakPagefileUsage")
    fields = [("cb", ctypes.c_uint32), ("faults", ctypes.c_uint32), *((name, ctypes.c_size_t) for name in names)]
    Counters = type("Counters", (ctypes.Structure,), {"_fields_": fields})
    kernel, counters = ctypes.windll.kernel32, Counters()
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    kernel.K32GetProcessMemoryInfo.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32]
    counters.cb = ctypes.sizeof(counters)
    kernel.K32GetProcessMemoryInfo(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb)
    return counters.PagefileUsage


@contextlib.contextmanager
def _address_space_limited():
    """On Linux, let the process ask for so much more memory and no more."""
    if sys.platform != "linux":
        yield
        return
    import resource

    try:
        before = resource.getrlimit(resource.RLIMIT_AS)
        bounds = [bound for bound in (_statm(0) + ADDRESS_SPACE, *before) if bound != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_AS, (min(bounds), before[1]))
    except (OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


# ------------------------------------------------------------------------- Numba


@contextlib.contextmanager
def _compile_clock():
    """Give a function that says whether Numba compiles at present."""
    event = sys.modules.get("numba.core.event")
    if event is None:
        yield lambda: False
        return
    depth = [0]

    class Listener(event.Listener):
        def on_start(self, _):
            depth[0] += 1

        def on_end(self, _):
            depth[0] -= 1

    with event.install_listener("numba:compile", Listener()):
        yield lambda: depth[0] > 0


def compiled_by_reader(function):
    """Whether a function is, or reaches by its names, a Numba function that does not belong to a library."""
    if "numba" not in sys.modules:
        return False
    from numba.core.dispatcher import Dispatcher

    seen, waiting = set(), [function]
    while waiting:
        candidate = waiting.pop()
        if id(candidate) in seen:
            continue
        seen.add(id(candidate))
        candidate = getattr(candidate, "func", candidate)  # functools.partial
        wrapped = getattr(candidate, "__wrapped__", None)
        if isinstance(candidate, Dispatcher):
            if _is_readers(candidate.py_func.__code__.co_filename):
                return True
            continue
        if wrapped is not None:
            waiting.append(wrapped)
        candidate = getattr(candidate, "__func__", candidate)  # a method
        code = getattr(candidate, "__code__", None)
        if code is None or not (_is_readers(code.co_filename) or candidate is function):
            continue
        names, module = _names(code), candidate.__globals__
        waiting += [module[name] for name in names if name in module]
        for cell in candidate.__closure__ or ():
            with contextlib.suppress(ValueError):
                waiting.append(cell.cell_contents)
    return False


def _names(code):
    """All names that a code object and those inside it use."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            names |= _names(constant)
    return names


@contextlib.contextmanager
def interpreted():
    """Let Numba functions of the reader run as the plain Python that they were written in."""
    from numba.core.registry import CPUDispatcher

    compiled = CPUDispatcher.__call__

    def call(self, *arguments, **named):
        if _is_readers(self.py_func.__code__.co_filename):
            return self.py_func(*arguments, **named)
        return compiled(self, *arguments, **named)

    CPUDispatcher.__call__ = call
    try:
        yield
    finally:
        del CPUDispatcher.__call__
