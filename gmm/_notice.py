"""One line for whoever waits while functions are compiled."""

import os
import sys
import threading
import time

from numba.core import event

from gmm._notebook import in_notebook

DELAY = 2.0  # seconds of compilation before anything is said
TEXT = (
    "gmm is compiling: the first call of a function takes some seconds, once on this computer. "
    "python -m gmm compiles everything. (GMM_QUIET=1 leaves this line out.)"
)


def somebody_reads():
    """Whether a person sees what goes to stderr, and has not asked for silence."""
    quiet = os.environ.get("GMM_QUIET", "") not in ("", "0")
    return not quiet and (in_notebook() or (sys.stderr is not None and sys.stderr.isatty()))


class Notice(event.Listener):
    """Hears when functions of this package are compiled, and says so once in the life of a process."""

    def __init__(self):
        self._lock = threading.RLock()  # a signal may come while it is held
        self._depth, self._spent, self._began = 0, 0.0, 0.0
        self._timer = None
        self._said = False

    def on_start(self, event):
        if not _ours(event):
            return
        with self._lock:
            self._depth += 1
            if self._depth == 1 and not self._said and somebody_reads():
                self._began = time.perf_counter()
                self._timer = threading.Timer(max(0.0, DELAY - self._spent), self._say)
                self._timer.daemon = True
                self._timer.start()

    def on_end(self, event):
        if not _ours(event):
            return
        with self._lock:
            self._depth -= 1
            if self._depth == 0 and self._timer is not None:
                self._timer.cancel()
                self._timer = None
                self._spent += time.perf_counter() - self._began

    def _say(self):
        with self._lock:
            if not self._said:
                self._said = True
                print(TEXT, file=sys.stderr, flush=True)


def _ours(event):
    dispatcher = (event.data or {}).get("dispatcher")  # others may send such events, with nothing in them
    return dispatcher is not None and dispatcher.py_func.__module__.split(".")[0] == "gmm"


def install():
    """Listen from now on."""
    event.register("numba:compile", Notice())
