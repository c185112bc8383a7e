"""Samples in the blocks of a cluster (Dask): the same passes as over batches, each block where it is.

A pass ships the mixture to the blocks, and K(1 + d + d²) numbers of each back up a tree, which is that of `tree_sum`:
the result has the same bits as that of `BatchSource` on the same blocks, whatever works on them, and however many.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gmm._types import FloatArray
from gmm.learning.batches import BatchSource, merged, source_of

if TYPE_CHECKING:
    pass


def _of_block(batch, of, missing, n_threads, total):
    part = source_of(batch, missing, n_threads, total)
    return None if part is None else of(part)


def tree_of_tasks(parts, add, delayed):
    """The sum of `tree_sum` as a task: neighbours on each level, one without a neighbour goes up as it is.

    Parameters
    ----------
    parts : list of dask.delayed.Delayed
    add : callable
    delayed : callable
        `dask.delayed`.
    """
    add, join = delayed(add, pure=False), delayed(merged, pure=False)
    while len(parts) > 1:
        pairs = [join(a, b, add) for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[2 * len(pairs) :]
    return parts[0]


class BlockSource(BatchSource):
    """Samples in blocks that tasks of Dask make.

    Parameters
    ----------
    blocks : list of dask.delayed.Delayed
        Each makes a pair (X, sample_weight) as `BatchSource` takes it, or None.
    n_threads : int, optional
        Within a block; None stands for 1, for the blocks are worked on side by side.
    missing, sample, sample_weight, origin : as in `BatchSource`
    """

    def __init__(
        self,
        blocks: list[Any],
        n_threads: int | None = None,
        missing: bool = False,
        sample: Any = None,
        sample_weight: FloatArray | None = None,
        origin: FloatArray | None = None,
    ) -> None:
        super().__init__(None, n_threads, missing, sample, sample_weight, origin)
        self.tasks, self.within = blocks, 1 if n_threads is None else n_threads

    def gather(self, of: Callable[[Any], Any], add: Callable[[Any, Any], Any] = operator.add, total: Any = None) -> Any:
        """Make a pass, as `BatchSource.gather`."""
        import dask

        if self.watch is not None:
            self.watch(0, len(self.tasks))
        # What a pass needs is one task of its own: it goes to each worker once.
        of, total = dask.delayed(of, pure=False), dask.delayed(total, pure=False)
        one = dask.delayed(_of_block, pure=False)
        parts = [one(block, of, self.missing, self.within, total) for block in self.tasks]
        return dask.compute(tree_of_tasks(parts, add, dask.delayed))[0]
