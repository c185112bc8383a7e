"""What Dask holds: fits of its arrays and data frames, and scores of them that are computed when they are wanted."""

from __future__ import annotations

import copy
import operator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from gmm.estimators import _summary
from gmm.estimators._batches import (
    Surveyed,
    check_same_columns,
    checked,
    checked_weights,
    record,
    reservoir_generator,
    reservoir_size,
    taking_part,
)
from gmm.estimators._progress import first_pass
from gmm.learning.blocks import BlockSource, compute, tree_of_tasks

NOTHING = "blocks of X hold no samples that take part"


def is_lazy(X):
    """Whether X is an array or a data frame of Dask, which is not in memory."""
    return hasattr(X, "__dask_graph__") and hasattr(X, "to_delayed") and hasattr(X, "ndim")


def _tasks(X):
    """A task for each block of rows."""
    if X.ndim != 2:
        raise ValueError(f"X must have the shape (n_samples, n_features); got {X.ndim} dimension(s)")
    if hasattr(X, "chunks") and len(X.chunks[1]) > 1:
        X = X.rechunk({1: -1})
    return list(np.ravel(X.to_delayed()))


def _named(number):
    return f"block {number} of X"


class _Checks(NamedTuple):
    """How a block is checked, in each pass: it may have been made again."""

    kind: str
    missing: bool

    def __call__(self, number, X, weights):
        """(X, weights, names of its columns) of a checked block, or None where it has no rows."""
        if np.ndim(X) == 2 and len(X) == 0:
            return None
        name = _named(number)
        X, names = checked(self.kind, self.missing, name, 0, X)
        return X, None if weights is None else checked_weights(name, np.asarray(weights), X), names


def _note(checks, *block):
    """(record, names, number of features) of a block, or None."""
    block = checks(*block)
    if block is None:
        return None
    X, weights, names = block
    n_present = len(taking_part(X, weights, checks.missing)[0])
    return record(X, weights, n_present, checks.missing), names, X.shape[1]


class _Present(NamedTuple):
    """(X, weights) of what takes part in a pass, or None."""

    checks: _Checks
    weighted: bool
    unit: float

    def __call__(self, *block):
        block = self.checks(*block)
        if block is None:
            return None
        X, weights, _ = taking_part(*block[:2], self.checks.missing)
        if not len(X):
            return None
        if not self.weighted:
            return X, None
        return X, np.full(len(X), self.unit) if weights is None else weights * self.unit


def _candidates(checks, start, before, generator, size, *block):
    """The rows of a block that may be kept: (X, weights, numbers, keys). `before` rows that take part came earlier."""
    block = checks(*block)
    if block is None:
        return None
    X, weights, numbers = taking_part(*block[:2], checks.missing)
    numbers = start + (np.arange(len(X)) if numbers is None else numbers)
    weights = np.ones(len(X)) if weights is None else weights
    if generator is None:
        return X, weights, numbers, np.zeros(len(X))
    generator = copy.deepcopy(generator)  # which other blocks share
    generator.bit_generator.advance(before)
    return _largest((X, weights, numbers, generator.random(len(X))), size)


def _largest(rows, size):
    keys = rows[3]
    if len(keys) <= size:
        return rows
    kept = keys >= np.partition(keys, -size)[-size]
    return tuple(values[kept] for values in rows)


class _Kept:
    """How candidates of two blocks are joined."""

    def __init__(self, size):
        self.size = size

    def __call__(self, a, b):
        return _largest(tuple(np.concatenate(pair) for pair in zip(a, b, strict=True)), self.size)


class Blocks(Surveyed):
    """The blocks of one fit. They are checked in every pass, where they are; a block that was lost is made again.

    Parameters
    ----------
    model : estimator
    X : dask.array.Array or dask.dataframe.DataFrame
    sample_weight : dask.array.Array, array-like of shape (n_samples,) or None
    scaled : bool
        Whether weights are scaled by a power of two.
    """

    def __init__(self, model, X, sample_weight=None, scaled=True):
        import dask

        super().__init__(model)
        tasks, delayed = _tasks(X), partial(dask.delayed, pure=False)
        weights = _weights_of(sample_weight, X, tasks)
        self.blocks = list(zip(range(len(tasks)), tasks, weights, strict=True))
        self.checks = _Checks(type(model).__name__, self.missing)
        checks, note = delayed(self.checks, traverse=False), delayed(_note)
        display = first_pass(model.verbose, len(tasks))
        try:
            notes = compute(*[note(checks, *block) for block in self.blocks])
        finally:
            display.close()
        found, starts, befores = [], [], []
        self.n_features = self.names = None
        for i, entry in enumerate(notes):
            starts.append(found[-1].end if found else 0)
            befores.append(sum(r.n_present for r in found))
            if entry is None:
                continue
            noted, names, n_features = entry
            if self.n_features is None:
                self.n_features, self.names = n_features, names
            check_same_columns(_named(i), np.empty((0, n_features)), names, self.n_features, self.names)
            found.append(noted._replace(end=starts[-1] + noted.end))
        self._conclude(found, len(notes), scaled, "blocks of X")
        size = reservoir_size(model)
        generator = reservoir_generator(model.random_state) if self.n_present > size else None
        take, generator = delayed(_candidates), delayed(generator)
        rows = [
            take(checks, start, before, generator, size, *block)
            for block, start, before in zip(self.blocks, starts, befores, strict=True)
        ]
        self._keep(*compute(tree_of_tasks(rows, _Kept(size), dask.delayed))[0][:3])

    def source(self):
        """The source of these samples."""
        present = _Present(self.checks, self.weighted, self.unit)
        return BlockSource(
            self.blocks, present, self.model.n_threads, self.any_missing, self.X, self.sample_weight, self.origin
        )


def _weights_of(sample_weight, X, tasks):
    """The weights of each block, tasks or arrays; None where there are none."""
    if sample_weight is None:
        return [None] * len(tasks)
    if hasattr(sample_weight, "__dask_graph__"):
        if hasattr(sample_weight, "chunks") and hasattr(X, "chunks"):
            chunks = X.chunks[0]
            if not np.isnan([*chunks, *sample_weight.chunks[0]]).any():  # nan where a size is not known
                if sample_weight.shape != (sum(chunks),):
                    raise ValueError(f"sample_weight must have shape ({sum(chunks)},); got {sample_weight.shape}")
                sample_weight = sample_weight.rechunk((chunks,))
        weights = list(np.ravel(sample_weight.to_delayed()))
        if len(weights) != len(tasks):
            raise ValueError(f"sample_weight has {len(weights)} blocks, and X has {len(tasks)}; they must lie alike")
        return weights
    import dask

    sample_weight = np.asarray(sample_weight)
    sizes = X.chunks[0] if hasattr(X, "chunks") else (np.nan,)
    if np.isnan(sizes).any():
        sizes = compute(*[dask.delayed(len)(block) for block in tasks])
    ends = np.cumsum(sizes)
    if sample_weight.shape != (ends[-1],):
        raise ValueError(f"sample_weight must have shape ({ends[-1]},); got {sample_weight.shape}")
    # They go to the blocks once, not with every pass.
    return list(dask.persist(*map(partial(dask.delayed, pure=False), np.split(sample_weight, ends[:-1]))))


class _Score:
    """A method of a fitted mixture for one block after another, also for those without rows."""

    def __init__(self, model, what):
        self.model, self.what = model, what
        self.nothing = getattr(model, what)(np.zeros((1, model.n_features_in_)))[:0]

    def __call__(self, X):
        return getattr(self.model, self.what)(X) if len(X) else self.nothing


def _rows(model, X):
    """X as an array of Dask whose blocks hold all features of their rows; raises ValueError where it does not fit."""
    if X.ndim != 2:
        raise ValueError(f"X must have the shape (n_samples, n_features); got {X.ndim} dimension(s)")
    if not hasattr(X, "chunks"):
        names = getattr(model, "feature_names_in_", None)
        if names is not None and list(X.columns) != list(names):
            raise ValueError(f"X must have the columns {list(map(str, names))}; got {list(map(str, X.columns))}")
        X = X.to_dask_array()
    if X.shape[1] != model.n_features_in_:
        raise ValueError(
            f"X has {X.shape[1]} features, but {type(model).__name__} is expecting {model.n_features_in_} features as "
            "input"
        )
    return X.rechunk({1: -1}) if len(X.chunks[1]) > 1 else X


def scores(model, what, X):
    """An array of Dask with what a method gives for the rows of X; nothing is computed yet."""
    import dask.array as da

    X, score = _rows(model, X), _Score(nameless(model), what)
    shape = {"drop_axis": 1} if score.nothing.ndim == 1 else {"chunks": (X.chunks[0], (score.nothing.shape[1],))}
    return da.map_blocks(score, X, dtype=score.nothing.dtype, meta=score.nothing, **shape)


def nameless(model):
    """A copy that takes arrays without a word about the names of their columns, and works on one thread."""
    model = copy.copy(model)
    model.__dict__.pop("feature_names_in_", None)
    model.n_threads = 1 if model.n_threads is None else model.n_threads
    model.callback = None
    return model


def _of_rows(X, weights, number, model, of):
    """of(model, X, weights) of a checked block, or None where it has no rows."""
    block = _Checks(type(model).__name__, _marginalises(model))(number, X, weights)
    return None if block is None else of(model, *block[:2])


def _marginalises(model):
    return getattr(model, "missing", "raise") == "marginalise"


def _totals(model, X, weights, entropy):
    X, weights, _ = taking_part(X, weights, missing=False)
    if not len(X):
        return None
    return _summary.totals(X, model._density(), weights, model.n_threads, model._scoring(X), entropy)


def _statistics(model, X, weights):
    X, weights, _ = taking_part(X, weights, _marginalises(model))
    return model.statistics(X, weights) if len(X) else None


def _summed(model, X, sample_weight, of, add):
    """The sum of of(model, X, weights) over the blocks, in the tree of the fits; None where no row takes part."""
    import dask

    X = _rows(model, X)
    tasks = _tasks(X)
    weights = _weights_of(sample_weight, X, tasks)
    one, model = dask.delayed(_of_rows, pure=False), dask.delayed(nameless(model), pure=False)
    parts = [one(block, w, i, model, of) for i, (block, w) in enumerate(zip(tasks, weights, strict=True))]
    return compute(tree_of_tasks(parts, add, dask.delayed))[0]


def totals(model, X, sample_weight=None, entropy=False):
    """The `gmm.estimators._summary.Totals` of the rows of X; responsibilities stay in their blocks."""
    found = _summed(model, X, sample_weight, partial(_totals, entropy=entropy), _summary.Totals.plus)
    return _summary.Totals(0.0, 0.0) if found is None else found


def statistics(model, X, sample_weight=None):
    """What `model.statistics` gives for all rows of X."""
    found = _summed(model, X, sample_weight, _statistics, operator.add)
    if found is None:
        raise ValueError(NOTHING)
    names = getattr(model, "feature_names_in_", None)
    return found if names is None else replace(found, feature_names=tuple(map(str, names)))


# ---- folds of a cross-validation


def folds(X, sample_weight, n_folds, seed):
    """For each fold two arrays of Dask: the weights of X with this fold's set to zero, and with all others' so.

    The rows of each block are dealt to the folds at random, as evenly as their number allows: which rows a fold has
    depends on the seed and on how X is cut into blocks.
    """
    import dask
    import dask.array as da

    tasks = _tasks(X)
    given = _weights_of(sample_weight, X, tasks)
    deal = dask.delayed(_dealt, pure=False)

    def weights(fold, inside):
        blocks = (
            deal(X, w, [seed, i], n_folds, fold, inside) for i, (X, w) in enumerate(zip(tasks, given, strict=True))
        )
        return da.concatenate([da.from_delayed(block, (np.nan,), np.float64) for block in blocks])

    return [(weights(fold, False), weights(fold, True)) for fold in range(n_folds)]


def _dealt(X, weights, seed, n_folds, fold, inside):
    rng, n = np.random.default_rng(seed), len(X)
    numbers = (rng.permutation(n) + rng.integers(n_folds)) % n_folds
    weights = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    return np.where((numbers == fold) == inside, weights, 0.0)


def sum_of(sample_weight):
    """The sum of weights, of Dask's or in memory."""
    total = sample_weight.sum() if hasattr(sample_weight, "__dask_graph__") else np.sum(sample_weight)
    return float(total.compute() if hasattr(total, "compute") else total)
