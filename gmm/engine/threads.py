"""Plain Python threads over kernels that release the GIL.

No threading layer of Numba's is loaded: that keeps the start short, lets several fits run side by side in threads or in
forked processes (Numba's default layer aborts the process there), and needs no second compilation of the kernels.
"""

import os
from concurrent.futures import ThreadPoolExecutor

_pools = {}
# A forked child inherits the table but not the threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)


def default_n_threads():
    """GMM_NUM_THREADS if set, else the number of CPUs this process may run on."""
    setting = os.environ.get("GMM_NUM_THREADS", "")
    if setting:
        if not setting.isdigit() or int(setting) < 1:
            raise ValueError(f"GMM_NUM_THREADS must be a positive integer, got {setting!r}.")
        return int(setting)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def resolve_n_threads(n_threads):
    if n_threads is None:
        return default_n_threads()
    if isinstance(n_threads, bool) or int(n_threads) != n_threads or n_threads < 1:
        raise ValueError(f"n_threads must be a positive integer or None, got {n_threads!r}.")
    return int(n_threads)


def run(function, tasks, n_threads):
    """Call function(*task) for each task, on up to n_threads threads, this one included."""
    if n_threads == 1 or len(tasks) == 1:
        for task in tasks:
            function(*task)
        return
    waiting = iter(tasks)  # next() on a list iterator is atomic: the threads draw from one queue

    def work():
        for task in waiting:
            function(*task)

    helpers = min(n_threads, len(tasks)) - 1
    pool = _pools.get(helpers)
    if pool is None:
        pool = _pools.setdefault(helpers, ThreadPoolExecutor(helpers, thread_name_prefix="gmm"))
    futures = [pool.submit(work) for _ in range(helpers)]
    try:
        work()
    finally:
        for future in futures:
            future.result()
