"""X in the form the kernels read: C-ordered float64, with no copy where it already is, slab by slab otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gmm._types import AnyArray, FloatArray
from gmm.engine.blocks import SLAB_VALUES, block_length, chunk_length

NO_WEIGHTS = np.empty(0)
NO_TABLE = np.empty((0, 0))
# Data this many times their spread from the origin are read relative to a shift.
FAR_FROM_ORIGIN = 16.0


def shift_of_far_data(middle, spread):
    """The features of `middle` that are far from the origin beside their `spread`, zero for the others."""
    far = np.abs(middle) > FAR_FROM_ORIGIN * spread
    return np.where(far, middle, 0.0) if far.any() else np.zeros(middle.size)


class _Borrowed:
    """Presents read-only memory as writeable: Numba would compile every kernel again for read-only arrays.

    The kernels never write to X.
    """

    def __init__(self, array):
        self.owner = array
        self.__array_interface__ = dict(array.__array_interface__, data=(array.__array_interface__["data"][0], False))


class Samples:
    """X (n, d) as the kernels see it, with the shift and scale they apply: (x - shift) * scale."""

    def __init__(self, X: AnyArray, shift: FloatArray | None = None, scale: float = 1.0, model: Any = None) -> None:
        """`model` is that of the mixture (see `gmm.engine.density.Density`); None stands for k-means."""
        X = np.asarray(X)
        if X.ndim != 2:
            raise ValueError(f"X must have two dimensions, got shape {X.shape}.")
        if X.dtype.kind not in "fiub":
            raise TypeError(f"X must be numeric, got dtype {X.dtype}.")
        if X.shape[0] == 0 or X.shape[1] == 0:
            raise ValueError(f"X must have at least one sample and one feature, got shape {X.shape}.")
        native = X.dtype == np.float64 and X.dtype.isnative and X.flags.c_contiguous and X.flags.aligned
        if not native and X.size <= SLAB_VALUES:
            X, native = np.ascontiguousarray(X, dtype=np.float64), True
        if native and not X.flags.writeable:
            X = np.asarray(_Borrowed(X))
        self.X = X
        self.native = native
        self.n_samples, self.n_features = X.shape
        self.shift = np.zeros(self.n_features) if shift is None else shift
        self.scale = scale
        longest = (512 if self.n_features <= 4 else 256) if model is None else model.longest_block(self.n_features)
        self.length = block_length(self.n_samples, longest)
        self.chunk = chunk_length(self.n_samples, self.length)

    @property
    def layout(self) -> Any:
        return self.length, self.chunk, self.shift, self.scale

    def shift_near_the_data(self) -> Any:
        """A shift for data far from the origin, zero otherwise: means near 1e8 would round to 1e-8.

        Judged by nine samples. A wrong guess costs digits (as no shift does), never more.
        """
        rows = np.asarray(self.X[:: max(1, self.n_samples // 9)][:9], dtype=np.float64)
        middle = rows[len(rows) // 2]
        with np.errstate(over="ignore"):
            spread = np.abs(rows - middle).max(axis=0)
        return shift_of_far_data(middle, spread)

    def slab_samples(self, n_columns: int) -> int:
        """Samples (whole blocks) of a slab with n_columns values each."""
        return max(1, SLAB_VALUES // (n_columns * self.length)) * self.length

    def slabs(self, start: int, stop: int, given: Any = None, n_columns: int = 0) -> Iterator[Any]:
        """Yield (rows, first, low, high): samples low … high - 1 are rows[first : first + high - low].

        One slab if X can be read in place and no table of responsibilities goes along with it.
        """
        if self.native and given is None:
            yield self.X, start, start, stop
            return
        step = self.slab_samples(max(self.n_features, n_columns))
        for low in range(start, stop, step):
            high = min(low + step, stop)
            # Without a copy where X is native. A slab holds whole blocks, so the bits of the result do not depend on
            # it.
            yield np.ascontiguousarray(self.X[low:high], dtype=np.float64), 0, low, high


def as_sample_weight(sample_weight, n_samples):
    if sample_weight is None:
        return NO_WEIGHTS
    weights = np.ascontiguousarray(sample_weight, dtype=np.float64)
    if weights.shape != (n_samples,):
        raise ValueError(f"sample_weight must have shape ({n_samples},), got {weights.shape}.")
    if not (np.all(np.isfinite(weights)) and np.all(weights >= 0.0) and weights.sum() > 0.0):
        raise ValueError("sample_weight must be finite and non-negative, and not all zero.")
    return weights if weights.flags.writeable else np.asarray(_Borrowed(weights))
