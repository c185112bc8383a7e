"""Samples in the blocks of a cluster (Dask): the same passes as over batches, each block where it is.

A pass ships the mixture to the blocks, and K(1 + d + d²) numbers of each back up a tree, which is that of `tree_sum`:
the result has the same bits as that of `BatchSource` on the same blocks, whatever works on them, and however many.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from gmm._types import FloatArray
from gmm.learning.batches import BatchSource, source_of, tree_sum

FAN_IN = 8  # sums that one task adds up, a power of two: the binary tree is then the same, with fewer tasks

LOOK, STUCK = 5.0, 60.0  # seconds between looks at a cluster that is computing, and of standstill until it is an error


class _Pass(NamedTuple):
    """What a pass makes of each block; a task of its own, so that it goes to each worker once."""

    prepare: Callable[..., Any]
    of: Callable[[Any], Any]
    missing: bool
    n_threads: int
    total: Any


def _of_block(one, *block):
    part = source_of(one.prepare(*block), one.missing, one.n_threads, one.total)
    return None if part is None else one.of(part)


def tree_of_tasks(parts: list[Any], add: Callable[[Any, Any], Any], delayed: Any) -> Any:
    """The sum of `tree_sum` as a task, by tasks that each add up `FAN_IN` neighbours.

    Parameters
    ----------
    parts : list of dask.delayed.Delayed
    add : callable
    delayed : callable
        `dask.delayed`.
    """
    add, join = delayed(add, pure=False), delayed(tree_sum, pure=False)
    while len(parts) > 1:
        parts = [join(parts[low : low + FAN_IN], add) for low in range(0, len(parts), FAN_IN)]
    return parts[0]


def compute(*tasks: Any) -> tuple[Any, ...]:
    """What `dask.compute` returns, with an error where a cluster has come to a standstill.

    A worker that is short of memory and can write no more of it to disk pauses, and Dask waits for it: without end, if
    all of them do.

    Raises
    ------
    MemoryError
        If all workers have been paused for `STUCK` seconds, in which they wrote nothing to disk.
    """
    import dask

    client: Any = getattr(dask.base.get_scheduler(), "__self__", None)
    if not hasattr(client, "scheduler_info"):
        return dask.compute(*tasks)
    from distributed import wait

    futures, known, since = client.compute(list(tasks)), None, time.monotonic()
    while True:
        try:
            with client.as_current():  # it need not be the one that Dask would ask by itself
                wait(futures, timeout=LOOK)
        except TimeoutError:
            workers = client.scheduler_info(n_workers=-1)["workers"].values()
            now = [worker["metrics"].get("spilled_bytes") for worker in workers if worker["status"] == "paused"]
            if not now or len(now) < len(workers) or now != known:
                known, since = now, time.monotonic()
            elif time.monotonic() - since >= STUCK:
                raise MemoryError(
                    f"all {len(now)} workers of Dask are paused: their memory is full, and they write no more of it to "
                    "disk. Give them more memory or room on the disk of their local_directory, or do not keep X there "
                    "(persist): what is not kept is read anew in each pass"
                ) from None
        else:
            return tuple(client.gather(futures))


class BlockSource(BatchSource):
    """Samples in blocks that tasks of Dask make.

    Parameters
    ----------
    blocks : list of tuple
        What `prepare` takes for each block, among it tasks (`dask.delayed.Delayed`).
    prepare : callable
        ``prepare(*block)`` returns a pair (X, sample_weight) as `BatchSource` takes it, or None. It is called where the
        block is, within the task that sums over it: a task costs a fraction of a millisecond, whatever it does.
    n_threads : int, optional
        Within a block; None stands for 1, for the blocks are worked on side by side.
    missing, sample, sample_weight, origin : as in `BatchSource`
    """

    def __init__(
        self,
        blocks: list[tuple[Any, ...]],
        prepare: Callable[..., Any],
        n_threads: int | None = None,
        missing: bool = False,
        sample: Any = None,
        sample_weight: FloatArray | None = None,
        origin: FloatArray | None = None,
    ) -> None:
        super().__init__(None, n_threads, missing, sample, sample_weight, origin)
        self.blocks, self.prepare, self.within = blocks, prepare, 1 if n_threads is None else n_threads

    def gather(self, of: Callable[[Any], Any], add: Callable[[Any, Any], Any] = operator.add, total: Any = None) -> Any:
        """Make a pass, as `BatchSource.gather`."""
        import dask

        if self.watch is not None:
            self.watch(0, len(self.blocks))
        one = dask.delayed(_Pass(self.prepare, of, self.missing, self.within, total), pure=False, traverse=False)
        task = dask.delayed(_of_block, pure=False)
        return compute(tree_of_tasks([task(one, *block) for block in self.blocks], add, dask.delayed))[0]
