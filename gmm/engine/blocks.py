"""Blocks of samples: how data reach the kernels.

A kernel never sees the whole of X. It works on a *block* of some hundred samples, held transposed (one row per feature)
so that a vector register holds one feature of several samples and no kernel needs a horizontal sum in its inner loop.

Blocks are grouped into *chunks*. A chunk has its own statistics, and the statistics of the chunks are added in order.
The chunks depend on n, d and K only, so any number of threads gives the same bits; and adding chunk by chunk keeps the
rounding error of a sum over n samples near that of a sum over one chunk.
"""

import numpy as np

from gmm.engine.compilation import block
from gmm.engine.simd import NARROW, WIDE, smaller
from gmm.engine.tiles import transpose_rows_1, transpose_rows_2, transpose_rows_3, transpose_rows_4, transpose_square

ALIGNMENT = 64  # bytes: a cache line, and the widest register
SPARE = 8  # doubles added to each row: rows a power of two apart would compete for the same lines of the L1 cache
FIRST_LEVEL_CACHE = 44_000  # bytes: 48 kB less what else passes through
MAX_CHUNKS = 32
MIN_CHUNK_SAMPLES = 2048
# Doubles of X that are copied at a time when X is not C-ordered float64: a quarter of a MB.
SLAB_VALUES = 32768


def block_length(n_samples, longest):
    """Samples in a block, a multiple of WIDE: long enough to amortise its overhead, short enough for the cache."""
    return min(longest, -(-max(n_samples, 1) // WIDE) * WIDE)


def chunk_length(n_samples, length):
    """Samples in a chunk: whole blocks, at most MAX_CHUNKS chunks of at least MIN_CHUNK_SAMPLES samples."""
    samples = max(MIN_CHUNK_SAMPLES, -(-n_samples // MAX_CHUNKS))
    return -(-samples // length) * length


def workspace(rows, length):
    """A (rows, length + SPARE) array that starts on a cache line: aligned vectors load up to twice as fast."""
    row = length + SPARE
    memory = np.empty(rows * row + ALIGNMENT // 8)
    start = -(memory.__array_interface__["data"][0] // 8) % (ALIGNMENT // 8)
    return memory[start : start + rows * row].reshape(rows, row)


@block
def load_block(X, start, size, padded, shift, scale, x):
    """Copy samples start … start + size - 1 to x, transposed: x[j, b] = (X[start + b, j] - shift[j]) * scale.

    The block is filled up to `padded` samples (a multiple of WIDE) with copies of its first sample; whoever sums over
    a block gives them weight zero.
    """
    d = X.shape[1]
    if d >= NARROW and size >= NARROW:
        # Squares are transposed in registers. The last square of a row or column overlaps the one before.
        for b in range(0, size, NARROW):
            b = smaller(b, size - NARROW)
            for j in range(0, d, NARROW):
                j = smaller(j, d - NARROW)
                transpose_square(X, start + b, j, x, b, shift, scale)
    elif d <= 4 and size >= NARROW:
        # So few features are dealt out from whole vectors, which takes a fifth of the time of loads one by one.
        for b in range(0, size, NARROW):
            b = smaller(b, size - NARROW)
            if d == 1:
                transpose_rows_1(X, start + b, x, b, shift, scale)
            elif d == 2:
                transpose_rows_2(X, start + b, x, b, shift, scale)
            elif d == 3:
                transpose_rows_3(X, start + b, x, b, shift, scale)
            else:
                transpose_rows_4(X, start + b, x, b, shift, scale)
    else:
        for j in range(d):
            for b in range(size):
                x[j, b] = (X[start + b, j] - shift[j]) * scale
    for j in range(d):
        for b in range(size, padded):
            x[j, b] = x[j, 0]


@block
def load_responsibilities(given, sample_weight, start, size, padded, r):
    """r[k, b] = w_b given[start + b, k]; zero in the padding.

    A `given` of fewer than K columns holds the number of each sample's component in its first.
    """
    numbered = given.shape[1] < r.shape[0]
    for k in range(r.shape[0]):
        for b in range(padded):
            r[k, b] = 0.0
    for b in range(size):
        w = sample_weight[start + b] if sample_weight.size else 1.0
        if numbered:
            r[int(given[start + b, 0]), b] = w
        else:
            for k in range(r.shape[0]):
                r[k, b] = w * given[start + b, k]
