"""Plain Python threads over kernels that release the GIL.

No threading layer of Numba's is loaded: that keeps the start short, lets several fits run side by side in threads or in
forked processes (Numba's default layer aborts the process there), and needs no second compilation of the kernels.
"""

from __future__ import annotations

import os
import queue
import threading

import numpy as np

_jobs = queue.SimpleQueue()
_helpers = []


def _forget_helpers():
    """A forked child inherits the names but not the threads."""
    global _jobs
    _jobs = queue.SimpleQueue()
    _helpers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_helpers)


# What a thread works for may be given up: Ctrl-C in the main thread sets a flag that its work looks at.
_local = threading.local()


def new_flag():
    """A flag that no work looks at so far."""
    return np.zeros(1, dtype=np.int64)


def obey(flag):
    """Let all that this thread begins from now on look at `flag`, and end with KeyboardInterrupt where it is set."""
    _local.flag = flag


def stop_flag():
    """The flag that this thread obeys, else a new one."""
    try:
        return _local.flag
    except AttributeError:
        return new_flag()


def check_flag(flag):
    if flag[0]:
        raise KeyboardInterrupt


def default_n_threads() -> int:
    """GMM_NUM_THREADS if set, else the number of CPUs this process may run on."""
    setting = os.environ.get("GMM_NUM_THREADS", "")
    if setting:
        if not setting.isdigit() or int(setting) < 1:
            raise ValueError(f"GMM_NUM_THREADS must be a positive integer, got {setting!r}.")
        return int(setting)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def resolve_n_threads(n_threads: int | None) -> int:
    if n_threads is None:
        return default_n_threads()
    if isinstance(n_threads, bool) or int(n_threads) != n_threads or n_threads < 1:
        raise ValueError(f"n_threads must be a positive integer or None, got {n_threads!r}.")
    return int(n_threads)


class _Job:
    """A call that some helper may make. Two locks, because they are the fastest way from one thread to another."""

    def __init__(self, function):
        self.function = function
        self.free = threading.Lock()  # whoever acquires it decides: a helper that begins, or the caller that gives up
        self.ended = threading.Lock()
        self.ended.acquire()
        self.error = None

    def run(self):
        if not self.free.acquire(blocking=False):
            return
        try:
            self.function()
        except BaseException as error:
            self.error = error
        finally:
            self.function = None
            self.ended.release()

    def finish(self):
        """Take the job back if no helper has begun it, else wait for its end."""
        if self.free.acquire(blocking=False):
            self.function = None
            return
        self.ended.acquire()
        if self.error is not None:
            raise self.error


def _help(jobs):
    while True:
        jobs.get().run()


def run_with_helpers(function, help_with, n_helpers):
    """Return function(), while up to n_helpers other threads call help_with().

    The helpers are threads that stay for the life of the process. `function` must not depend on them: where they are
    busy elsewhere, it has to do the work by itself. Both must come to an end when the work is done.
    """
    while len(_helpers) < n_helpers:  # two threads at once may start a few too many, which does no harm
        helper = threading.Thread(target=_help, args=(_jobs,), name="gmm", daemon=True)
        _helpers.append(helper)
        helper.start()
    jobs = [_Job(help_with) for _ in range(n_helpers)]
    for job in jobs:
        _jobs.put(job)
    try:
        return function()
    finally:
        for job in jobs:
            job.finish()


def run(function, tasks, n_threads):
    """Call function(*task) for each task, on up to n_threads threads, this one included.

    A task should take less than half a second: Ctrl-C is heard after it. After an error no further one is begun.
    """
    waiting = iter(tasks)  # next() on a list iterator is atomic: the threads draw from one queue
    flag, failed = stop_flag(), False

    def work():
        nonlocal failed
        try:
            for task in waiting:
                if failed:
                    return
                check_flag(flag)
                function(*task)
        except BaseException:
            failed = True
            raise

    n_helpers = min(n_threads, len(tasks)) - 1
    if n_helpers > 0:
        run_with_helpers(work, work, n_helpers)
    else:
        work()
