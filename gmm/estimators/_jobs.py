"""Many fits at a time: how many, from which seed, in threads, with their progress shown."""

from __future__ import annotations

import sys
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from numbers import Integral

import numpy as np

from gmm import engine
from gmm._interrupt import LISTEN
from gmm.engine import threads
from gmm.estimators._validation import random_generator


def check_n_jobs(n_jobs):
    """Check `n_jobs` and return how many fits run at the same time."""
    if n_jobs is None or (n_jobs == -1 and isinstance(n_jobs, Integral)):
        return engine.default_n_threads()
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral):
        raise TypeError(f"n_jobs must be an integer or None; got {n_jobs!r}")
    if n_jobs < 1:
        raise ValueError(f"n_jobs must be >= 1, -1 or None; got {n_jobs}")
    return int(n_jobs)


def seed_of(random_state):
    """Return the integer that `random_state` stands for: itself, or one that is drawn."""
    if isinstance(random_state, Integral) and not isinstance(random_state, bool):
        random_generator(random_state)  # refuses what is no seed
        return int(random_state)
    rng = random_generator(random_state)
    draw = rng.randint if isinstance(rng, np.random.RandomState) else rng.integers
    return int(draw(2**31 - 1))


def run(function, tasks, n_jobs, progress):
    """Return ``function(*task)`` of each task, in their order, computed by so many threads at the same time."""
    outcomes = [None] * len(tasks)
    try:
        if n_jobs == 1 or len(tasks) == 1:
            for number, task in enumerate(tasks):
                outcomes[number] = function(*task)
                progress.step()
            return outcomes
        flag = threads.new_flag()
        pool = ThreadPoolExecutor(min(n_jobs, len(tasks)), initializer=threads.obey, initargs=(flag,))
        try:
            pending = {pool.submit(function, *task): number for number, task in enumerate(tasks)}
            while pending:
                for future in wait(pending, timeout=LISTEN, return_when=FIRST_COMPLETED).done:
                    outcomes[pending.pop(future)] = future.result()
                    progress.step()
        except BaseException:
            flag.fill(1)  # the fits that run come to an end by themselves
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()
        return outcomes
    finally:
        progress.close()


class Counter:
    """A tqdm bar, a counter on standard error, or nothing."""

    def __init__(self, verbose, total, what, unit):
        self.done, self.total, self.bar = 0, total, None
        self.what, self.unit = what, unit
        self.counter = bool(verbose)
        if verbose:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                return
            self.bar = tqdm(total=total, desc=what, unit=unit)

    def step(self, number=1):
        self.done += number
        if self.bar is not None:
            self.bar.update(number)
        elif self.counter:
            print(f"\r{self.what}: {self.done} of {self.total} {self.unit}s", end="", file=sys.stderr, flush=True)

    def close(self):
        if self.bar is not None:
            self.bar.close()
        elif self.counter:
            print(file=sys.stderr)
