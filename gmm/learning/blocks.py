"""Samples in the blocks of a cluster (Dask): the same passes as over batches, each block where it is.

A pass ships the mixture to the blocks, and K(1 + d + d²) numbers of each back up a tree, which is that of `tree_sum`:
the result has the same bits as that of `BatchSource` on the same blocks, whatever works on them, and however many.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

from gmm._types import FloatArray
from gmm.learning.batches import BatchSource, source_of, tree_sum

FAN_IN = 8  # sums that one task adds up, a power of two: the binary tree is then the same, with fewer tasks


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
        return dask.compute(tree_of_tasks([task(one, *block) for block in self.blocks], add, dask.delayed))[0]
