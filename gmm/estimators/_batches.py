"""What `fit_batches` may be given, read pass by pass: checked each time, for the data lie where they may change."""

from __future__ import annotations

import functools
import mmap
import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from sklearn.base import BaseEstimator

from gmm import learning
from gmm.estimators._progress import first_pass
from gmm.estimators._validation import check_samples, has_missing

SLAB = 2**20  # values of a slab into which a large array is cut: 8 MB of float64
RESERVOIR = 20_000  # samples that starts are drawn from, or
EACH = 50  # so many for each component
KINDS = (
    "a list of arrays, files (.npy) or pairs (X, sample_weight); a function that makes an iterator of them each time "
    "it is called; one array on disk; a data set of Arrow"
)


class FileRows:
    """Rows of an array in a file, which are read when they are asked for and not mapped.

    A mapped file counts as resident memory as far as it was touched, and a read beyond the end of one that was cut
    short would kill the process.
    """

    def __init__(self, path, dtype, shape, offset):
        self.path, self.dtype, self.shape, self.offset = path, dtype, shape, offset

    def __getitem__(self, rows):
        low, high, _ = rows.indices(self.shape[0])
        width = self.shape[1]
        found = np.fromfile(
            self.path, self.dtype, (high - low) * width, offset=self.offset + low * width * self.dtype.itemsize
        )
        if found.size < (high - low) * width:
            raise ValueError(f"{self.path!r} ends within row {low + found.size // width} of {self.shape[0]}")
        return found.reshape(high - low, width)


def _array_file(path):
    """The array (n_samples, n_features) of an .npy file, as something that can be sliced."""
    path = os.fspath(path)
    if not str(path).endswith(".npy"):
        raise ValueError(f"{path!r} is no .npy file; give a function that reads it and yields arrays")
    with open(path, "rb") as file:
        try:
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran_order, dtype = read(file)
        except ValueError as error:
            raise ValueError(f"{path!r} is no array: {error}") from None
        offset, size = file.tell(), os.fstat(file.fileno()).st_size
    expected = offset + int(np.prod(shape, dtype=object)) * dtype.itemsize
    if size < expected:
        raise ValueError(f"{path!r} is cut short: an array of shape {shape} needs {expected} bytes, it has {size}")
    if len(shape) != 2 or dtype.hasobject or (fortran_order and min(shape) > 1):
        return np.load(path, mmap_mode=None if dtype.hasobject else "r", allow_pickle=False)
    return FileRows(path, dtype, shape, offset)


def _file_of(X):
    """A memory map of a whole file as `FileRows`; anything else as it is."""
    whole = isinstance(X, np.memmap) and isinstance(X.base, mmap.mmap) and X.filename is not None
    if whole and X.ndim == 2 and X.flags.c_contiguous and X.mode in ("r", "r+"):
        return FileRows(os.fspath(X.filename), X.dtype, X.shape, X.offset)
    return X


def _is_table(X):
    """Whether X is a data frame or a batch of Arrow: one batch, although it can be iterated."""
    return hasattr(X, "columns") and (hasattr(X, "iloc") or hasattr(X, "schema"))


def _is_array(X):
    return all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__"))


class Given(NamedTuple):
    """How the passes over `batches` are begun.

    open : callable that returns an iterable of batches
    once : whether there is one array, to be cut into slabs
    known : whether they can be counted without being read
    """

    open: Callable[[], Iterable[Any]]
    once: bool = False
    known: bool = False


def opened(batches):
    """Return the `Given` of what was given; raises TypeError for what cannot be read, or only once."""
    if isinstance(batches, (str, os.PathLike)) or (_is_table(batches) and not hasattr(batches, "to_batches")):
        return Given(lambda: [batches], isinstance(batches, (str, os.PathLike)), True)
    if hasattr(batches, "__dask_graph__"):
        raise TypeError("batches is an array or data frame of Dask, which fit(X) takes as it is")
    for name in ("to_batches", "iter_batches"):  # of pyarrow's tables and data sets, and of its Parquet files
        if hasattr(batches, name):
            return Given(getattr(batches, name))
    if _is_array(batches) and len(batches.shape) == 2 and not hasattr(batches, "columns"):
        return Given(lambda: [batches], True, True)
    if callable(batches):
        return Given(_called(batches))
    try:
        iterator = iter(batches)
    except TypeError:
        raise TypeError(f"batches must be {KINDS}; got {type(batches).__name__}") from None
    if iterator is batches:
        raise TypeError(
            f"batches can be iterated only once ({type(batches).__name__}), and each iteration of EM is a pass over "
            "them: give a list, or a function that makes the iterator anew (the generator function itself, not what it "
            "returns)"
        )
    return Given(lambda: batches, known=type(batches) in (list, tuple))


def _called(function):
    last = None

    def begin():
        nonlocal last
        found = function()
        try:
            iterator = iter(found)
        except TypeError:
            raise TypeError(f"batches() must return an iterable of batches; got {type(found).__name__}") from None
        if iterator is last:
            raise TypeError("batches() must make a new iterator at each call; it returned the same one again")
        last = iterator
        return iterator

    return begin


class _Seen(NamedTuple):
    """What a batch was in the first pass, to compare with."""

    shape: tuple
    dtype: str
    rows: bytes  # the first, the middle and the last one

    def difference(self, other):
        """Say what is different in another pass, or ''."""
        if self.shape != other.shape:
            return f"has shape {other.shape} where it had {self.shape}"
        if self.dtype != other.dtype:
            return f"has dtype {other.dtype} where it had {self.dtype}"
        return "" if self.rows == other.rows else "holds other values"


class Record(NamedTuple):
    """What the first pass notes of a batch.

    end : number of the row after its last one
    n_present : how many rows take part
    largest : its largest weight; 1 without weights
    weighted, any_missing : bool
    origin : the first value of each feature that is not missing among the rows that take part, NaN where all are
    """

    end: int
    n_present: int
    largest: float
    weighted: bool
    any_missing: bool
    origin: np.ndarray


def record(X, weights, n_present, missing, start=0):
    """The `Record` of a checked batch."""
    gaps = missing and has_missing(X)
    rows = X if weights is None or weights.all() else X[weights > 0.0]
    origin = learning.first_observed(rows) if len(rows) else np.full(X.shape[1], np.nan)
    largest = 1.0 if weights is None else float(weights.max())
    return Record(start + X.shape[0], n_present, largest, weights is not None, gaps, origin)


def taking_part(X, weights, missing):
    """(X, weights, row numbers or None) of the rows with weight and an observed value."""
    mask = None if weights is None else weights > 0.0
    if missing and has_missing(X):
        observed = ~np.isnan(X).all(axis=1)
        mask = observed if mask is None else mask & observed
    if mask is None or mask.all():
        return X, weights, None
    rows = np.flatnonzero(mask)
    return X[rows], None if weights is None else weights[rows], rows


def checked(kind, missing, name, first, X, names=None):
    """(X, names of its columns) of a batch; errors begin with its name and count rows from `first`."""
    if np.ndim(X) != 2:
        raise ValueError(
            f"{name} must have the shape (n_samples, n_features); got an array of {np.ndim(X)} dimensions. Weights "
            "stand beside samples in a pair: [(X, sample_weight), …]"
        )
    stand_in = type(kind, (BaseEstimator,), {})()
    stand_in.missing = how = "marginalise" if missing else "raise"
    try:
        X = check_samples(stand_in, X, reset=True, missing=how)
    except (TypeError, ValueError) as error:
        row = _bad_row(X, missing)
        where = "" if row is None else f", row {first + row[0]} (feature {row[1]})"
        raise type(error)(f"{name}{where}: {str(error).splitlines()[0]}") from None
    return X, getattr(stand_in, "feature_names_in_", names)


def check_same_columns(name, X, names, n_features, expected):
    """Refuse a batch whose columns are not those of the first."""
    if X.shape[1] != n_features:
        raise ValueError(f"{name} has {X.shape[1]} features, and the first one has {n_features}")
    if names is not None and expected is not None and list(names) != list(expected):
        raise ValueError(f"{name} has the columns {list(names)}, and the first one has {list(expected)}")


def checked_weights(name, weights, X):
    """The weights of a batch, float64."""
    if np.shape(weights) != (X.shape[0],):
        raise ValueError(f"{name}: its weights must have shape ({X.shape[0]},); got {np.shape(weights)}")
    weights = np.asarray(weights, dtype=np.float64)
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0.0)))
    if bad.size:
        raise ValueError(f"{name}: weights must be finite and not negative; row {bad[0]} has {weights[bad[0]]}")
    return weights


def reservoir_size(model):
    """How many samples starts are drawn from."""
    return max(RESERVOIR, EACH * model.n_components)


class Surveyed:
    """What a first pass has found of samples that lie in parts.

    Attributes
    ----------
    n_samples, n_present : int
        How many there are, and how many take part: those with weight and an observed value.
    unit : float
        What the weights are multiplied by.
    weighted, any_missing : bool
    origin : ndarray of shape (n_features,)
    X, sample_weight, row_numbers : ndarray (or None)
        Samples to draw starts from.
    """

    def __init__(self, model):
        self.model, self.missing = model, model.missing == "marginalise"

    def _conclude(self, records, n_parts, scaled, what):
        """Put together the records of the parts, in their order; raise ValueError where nothing can be fitted."""
        self.n_samples = records[-1].end if records else 0
        self.n_present = sum(r.n_present for r in records)
        self.weighted, self.any_missing = (any(r[i] for r in records) for i in (3, 4))
        if self.n_samples == 0:
            raise ValueError(f"{what} hold no samples ({n_parts} of them were read)")
        needed = max(2, self.model.n_components)
        if self.n_present < needed:
            raise ValueError(
                f"Expected n_samples >= {needed} (n_components = {self.model.n_components}) but {what} have "
                f"{self.n_present} samples that take part, of {self.n_samples}"
            )
        self.origin = functools.reduce(learning.filled, (r.origin for r in records))
        empty = np.flatnonzero(np.isnan(self.origin))
        if empty.size:
            raise ValueError(f"feature {empty[0]} has no observed value in {what}: leave it out")
        largest = max(r.largest for r in records)
        self.unit = float(np.ldexp(1.0, -int(np.frexp(largest)[1]))) if self.weighted and scaled else 1.0

    def _keep(self, X, weights, row_numbers):
        self.X, self.row_numbers = X, row_numbers
        self.sample_weight = weights * self.unit if self.weighted else None

    def _scaled(self, X, weights):
        """The weights of a part as the fit counts them, or None."""
        if not self.weighted:
            return None
        return np.full(len(X), self.unit) if weights is None else weights * self.unit


class Batches(Surveyed):
    """The batches of one fit, checked in each pass.

    Parameters
    ----------
    model : estimator
        For its settings `missing`, `n_components`, `random_state` and `verbose`, and its name in messages.
    batches : as in `fit_batches`
    sample_weight : array-like of shape (n_samples,) or None
        Of all batches together.
    scaled : bool
        Whether weights are scaled by a power of two, as those of a fit are.

    Attributes
    ----------
    n_features, names : int, ndarray or None
    """

    def __init__(self, model, batches, sample_weight=None, scaled=True):
        super().__init__(model)
        self.given = opened(batches)
        self.all_weights = None
        if sample_weight is not None:
            self.all_weights = np.asarray(sample_weight)
            if self.all_weights.ndim != 1:
                raise ValueError(
                    "sample_weight must have shape (n_samples,), the weights of all batches one after the other; got "
                    f"shape {self.all_weights.shape}"
                )
        self.seen = None
        self._survey(scaled)

    # ---- passes

    def _pieces(self):
        """Yield (name, first row, X, weights): batches, or slabs of those that lie in one array on disk."""
        for number, item in enumerate(self.given.open()):
            name, X, weights, step = self._item(number, item)
            if step is None:
                yield name, 0, X, weights
                continue
            for low in range(0, max(1, X.shape[0]), step):
                rows = slice(low, min(low + step, X.shape[0]))
                part = None if weights is None else np.asarray(weights[rows])
                yield name, low, self._read(name, lambda X=X, rows=rows: X[rows]), part

    def _item(self, number, item):
        """(name, X, weights, rows of a slab or None where it is not cut): files are opened, and not read."""
        X, weights = item if type(item) is tuple and len(item) == 2 else (item, None)
        name = "batches" if self.given.once else f"batch {number} of batches"
        if isinstance(X, (str, os.PathLike)):
            name = name if self.given.once else f"{name}, {os.fspath(X)!r}"
            X = self._read(name, lambda X=X: _array_file(X))
        else:
            X = _file_of(X)
        cut = self.given.once or not isinstance(X, np.ndarray)
        if not (cut and _is_array(X) and len(X.shape) == 2) or hasattr(X, "columns"):
            return name, X, weights, None
        step = max(1, SLAB // max(1, X.shape[1]))
        chunks = getattr(X, "chunks", None)
        if chunks:  # whole chunks of Zarr and HDF5, which are read as wholes
            step = max(1, step // chunks[0]) * chunks[0]
        if weights is not None and np.shape(weights) != (X.shape[0],):
            raise ValueError(f"{name}: its weights must have shape ({X.shape[0]},); got {np.shape(weights)}")
        return name, X, weights, step

    def _count(self):
        """How many pieces there are, where that can be known before they are read, or None.

        All files of a list are opened: that the last one is missing is not to be found out after hours.
        """
        if not self.given.known:
            return None
        items = (self._item(number, item) for number, item in enumerate(self.given.open()))
        return sum(1 if step is None else -(-max(1, X.shape[0]) // step) for _, X, _, step in items)

    @staticmethod
    def _read(name, read):
        try:
            return read()
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    def _checked(self):
        """Yield (name, X, weights) of each piece; X is None where it has no rows. Weights are as they were given."""
        start = 0
        for name, first, X, weights in self._pieces():
            X, names = _as_array(X)
            if X is not None and len(np.shape(X)) == 2 and np.shape(X)[0] == 0:
                yield name, None, None
                continue
            X = self._samples(name, first, X, names)
            n_rows = X.shape[0]
            if self.all_weights is not None:
                if weights is not None:
                    raise ValueError(f"{name} is a pair (X, sample_weight), and sample_weight is given for all batches")
                weights = self.all_weights[start : start + n_rows]
            start += n_rows
            if weights is not None:
                weights = self._weights(name, weights, X, start)
            yield name, X, weights
        if self.all_weights is not None and start != len(self.all_weights):
            raise ValueError(f"sample_weight has {len(self.all_weights)} weights, and batches have {start} rows")

    def _samples(self, name, first, X, names):
        """The checked X of a piece, whose columns are those of the first one."""
        X, names = checked(type(self.model).__name__, self.missing, name, first, X, names)
        if self.seen is None:
            self.n_features, self.names, self.seen = X.shape[1], names, []
        check_same_columns(name, X, names, self.n_features, self.names)
        return X

    def _weights(self, name, weights, X, end):
        if np.shape(weights) != (X.shape[0],) and self.all_weights is not None:
            raise ValueError(f"sample_weight has {len(self.all_weights)} weights, and batches have {end} rows or more")
        return checked_weights(name, weights, X)

    def _survey(self, scaled):
        """The first pass: check, count, and keep some samples."""
        kept = Reservoir(reservoir_size(self.model), self.model.random_state)
        seen, records = [], []
        n_pieces = self._count()
        display = first_pass(self.model.verbose, n_pieces)
        try:
            for _, X, weights in self._checked():
                seen.append(_fingerprint(X, weights))
                display.batch(len(seen), "?" if n_pieces is None else n_pieces)
                if X is None:
                    continue
                present, w, numbers = taking_part(X, weights, self.missing)
                start = records[-1].end if records else 0
                kept.add(present, w, start + (np.arange(len(X)) if numbers is None else numbers))
                records.append(record(X, weights, len(present), self.missing, start))
        finally:
            display.close()
        self.seen = seen
        self._conclude(records, len(seen), scaled, "batches")
        self._keep(*kept.rows())

    def __len__(self):
        return len(self.seen)

    def __call__(self):
        """Begin a pass: yield (X, sample_weight) of what takes part, or None; the weights are scaled.

        Raises
        ------
        ValueError
            If anything is not what it was in the first pass.
        """
        number = -1
        for number, (name, X, weights) in enumerate(self._checked()):
            if number == len(self.seen):
                raise ValueError(f"batches changed between two passes: there were {len(self.seen)}, now there are more")
            different = self.seen[number].difference(_fingerprint(X, weights))
            if different:
                raise ValueError(
                    f"batches changed between two passes: {name} {different}. Each pass must give the same rows in the "
                    "same order"
                )
            if X is None:
                yield None
                continue
            X, weights, _ = taking_part(X, weights, self.missing)
            yield (X, self._scaled(X, weights)) if len(X) else None
        if number + 1 < len(self.seen):
            raise ValueError(
                f"batches changed between two passes: there were {len(self.seen)}, now there are {number + 1}"
            )

    def source(self):
        """The source of these samples."""
        n_threads, missing = self.model.n_threads, self.any_missing
        return learning.BatchSource(self, n_threads, missing, self.X, self.sample_weight, self.origin)


def _as_array(X):
    """(X, names of its columns): batches of Arrow as arrays; anything else as it is, with no names."""
    if not (hasattr(X, "schema") and hasattr(X, "column")):
        return X, None
    columns = [np.asarray(X.column(j).to_numpy(zero_copy_only=False)) for j in range(len(X.schema.names))]
    names = np.array(list(X.schema.names), dtype=object)
    return (np.stack(columns, axis=1) if columns else np.empty((X.num_rows, 0))), names


def _bad_row(X, missing):
    """(row, feature) of the first value that is not finite, or None."""
    try:
        values = np.asarray(X)
        values = np.zeros(0) if values.dtype.kind == "c" else values.astype(np.float64)
    except (TypeError, ValueError):
        return None
    bad = np.argwhere(np.isinf(values) if missing else ~np.isfinite(values))
    return (int(bad[0][0]), int(bad[0][1])) if values.ndim == 2 and len(bad) else None


def _fingerprint(X, weights):
    if X is None:
        return _Seen((0,), "", b"")
    rows = [0, X.shape[0] // 2, X.shape[0] - 1]
    values = X[rows].tobytes() + (b"" if weights is None else weights[rows].tobytes())
    return _Seen(X.shape, X.dtype.str, values)


class Reservoir:
    """So many rows drawn at random, without replacement, from a stream of unknown length.

    Each row gets a random number, and those with the largest are kept: which these are depends on the seed and on the
    order of the rows, not on how they are cut into batches. As long as all can be kept, all are, and nothing is drawn.
    """

    def __init__(self, size, random_state):
        self.size, self.random_state = size, random_state
        self.parts, self.n_seen, self.generator = [], 0, None

    def add(self, X, weights, numbers):
        """Take the next rows; what is kept of them is a copy."""
        weights = np.ones(len(X)) if weights is None else weights
        if self.generator is None and self.n_seen + len(X) > self.size:
            self.generator = reservoir_generator(self.random_state)
            self.parts = [(*part[:3], self.generator.random(len(part[0]))) for part in self.parts]
        self.n_seen += len(X)
        if self.generator is None:
            self.parts.append((np.array(X), weights, numbers, None))
            return
        keys = self.generator.random(len(X))
        known = np.concatenate([*(part[3] for part in self.parts), keys])
        least = np.partition(known, -self.size)[-self.size]
        self.parts.append((X, weights, numbers, keys))
        self.parts = [tuple(values[part[3] >= least] for values in part) for part in self.parts]
        self.parts = [tuple(np.concatenate(values) for values in zip(*self.parts, strict=True))]

    def rows(self):
        """(X, weights, numbers) of what was kept, in the order of the rows."""
        return tuple(np.concatenate(values) for values in list(zip(*self.parts, strict=True))[:3])


def reservoir_generator(random_state):
    """A stream of its own, so that starts are drawn as they are of a whole array."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31, size=4))
    if isinstance(random_state, np.random.Generator):
        return np.random.default_rng(random_state.integers(2**31, size=4))
    return np.random.default_rng(random_state)
