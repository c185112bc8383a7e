"""Columns of a table of numbers, and what makes each of them a feature of a mixture."""

from __future__ import annotations

import math
import sys
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np

from gmm.estimators._validation import _with_nan, unmasked

EXACT = 2**53  # integers beyond are not exact in float64


class TableData(NamedTuple):
    """A table that was read.

    values : float64 (n, d), NaN where a value is missing
    names : the labels of its columns, or None
    dtypes : list of d dtypes, NumPy's or pandas'
    integers : list of d bools
    frame : its pandas columns index, or None for an array
    """

    values: np.ndarray
    names: list | None
    dtypes: list
    integers: list
    frame: object


def read_table(table, name):
    """Return the `TableData` of a data frame or an array of real numbers; an error names what is none."""
    pandas = sys.modules.get("pandas")  # who has a data frame has loaded it
    if pandas is not None and isinstance(table, pandas.DataFrame):
        return _read_frame(table, name, pandas)
    table = np.asarray(unmasked(table, name))
    if table.ndim != 2:
        raise ValueError(f"{name} must have two dimensions, rows and columns; got shape {table.shape}")
    if table.dtype.kind == "O":
        try:
            table = _with_nan(table, True).astype(np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"{name} must hold real numbers; got objects that are none") from None
    if table.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers; got dtype {table.dtype}{_hint(table.dtype)}")
    n_columns = table.shape[1]
    integers = [table.dtype.kind in "iu"] * n_columns
    data = TableData(table.astype(np.float64), None, [table.dtype] * n_columns, integers, None)
    return _checked(data, name)


def _read_frame(table, name, pandas):
    is_numeric, is_bool = pandas.api.types.is_numeric_dtype, pandas.api.types.is_bool_dtype
    is_complex, is_integer = pandas.api.types.is_complex_dtype, pandas.api.types.is_integer_dtype
    wrong = [
        f"{label!r} ({dtype})"
        for label, dtype in zip(table.columns, table.dtypes, strict=True)
        if not is_numeric(dtype) or is_bool(dtype) or is_complex(dtype)
    ]
    if wrong:
        raise TypeError(
            f"{name} must hold real numbers, and these columns hold something else: {', '.join(wrong)}. Leave them "
            "out, or treat each of their values by itself, for a category has no distance from another; numbers that "
            "are stored as objects become numbers by convert_dtypes()"
        )
    columns = [table.iloc[:, j] for j in range(table.shape[1])]
    values = np.empty(table.shape)
    for j, column in enumerate(columns):
        values[:, j] = column.to_numpy(dtype=np.float64, na_value=np.nan)
    dtypes = [column.dtype for column in columns]
    return _checked(TableData(values, list(table.columns), dtypes, list(map(is_integer, dtypes)), table.columns), name)


def _checked(data, name):
    n_rows, n_columns = data.values.shape
    if not n_rows or not n_columns:
        raise ValueError(f"{name} must have at least one row and one column; got shape {data.values.shape}")
    infinite = np.isinf(data.values)
    if infinite.any():
        i, j = map(int, np.argwhere(infinite)[0])
        raise ValueError(f"{name} must be finite; row {i} of column {label_of(data, j)!r} is {data.values[i, j]}")
    for j in np.flatnonzero(data.integers):
        if np.nanmax(np.abs(data.values[:, j]), initial=0.0) > EXACT:
            raise ValueError(
                f"column {label_of(data, j)!r} of {name} holds integers beyond 2**53, as identifiers do; leave it out"
            )
    return data


def _hint(dtype):
    return ", categories: leave them out, or code them as numbers if their order means something" * (dtype.kind == "b")


def label_of(data, j):
    """What column j is called in messages."""
    return int(j) if data.names is None else data.names[j]


def position_of(key, names, n_columns, name):
    """The column that a key of `name` stands for: a label, or an index where labels are no integers."""
    if names is not None:
        found = [j for j, label in enumerate(names) if label == key and not isinstance(key, bool)]
        if len(found) == 1:
            return found[0]
        if found:
            raise ValueError(f"{name} names {key!r}, and {len(found)} columns are called so")
    labelled = names is not None and not all(isinstance(label, str) for label in names)
    if isinstance(key, Integral) and not isinstance(key, bool) and not labelled:
        if not -n_columns <= key < n_columns:
            raise ValueError(f"{name} has index {key}, but the table has {n_columns} columns")
        return int(key) % n_columns
    known = f"the {n_columns} columns, which have no names" if names is None else str(list(names))
    raise ValueError(f"{name} names {key!r}, which is none of {known}")


def positions(given, names, n_columns, name):
    """{position: value} of a dict whose keys are columns."""
    found = {}
    for key, value in given.items():
        position = position_of(key, names, n_columns, name)
        if position in found:
            raise ValueError(f"{name} must not repeat a column; got {list(given)}")
        found[position] = value
    return found


class Column(NamedTuple):
    """How a column of a table is modelled.

    Attributes
    ----------
    name : object
        Its label, or its number.
    kind : str
        'float', 'integer' or 'constant'.
    dtype : object
        Of the column, NumPy's or pandas'.
    low, high : float
        The bounds of its values, -inf or inf where there are none; of integers inclusive.
    least, largest : float
        The least and the largest value that were observed.
    centre, scale : float
        Mean and standard deviation of the transformed values: the mixture sees (t - centre) / scale.
    """

    name: object
    kind: str
    dtype: object
    low: float
    high: float
    least: float
    largest: float
    centre: float = 0.0
    scale: float = 1.0

    @property
    def edges(self):
        """The interval in which the continuous values lie: an integer has its cell, half a unit to both sides."""
        half = 0.5 if self.kind == "integer" else 0.0
        return self.low - half, self.high + half

    def transformed(self, x):
        """(t, log dt/dx) of continuous values x: t = x, log (x - a), -log (b - x) or log (x - a) / (b - x), scaled.

        Beyond the edges t is nan and the logarithm -inf.
        """
        a, b = self.edges
        with np.errstate(divide="ignore", invalid="ignore"):
            above, below = np.log(x - a), np.log(b - x)
            if math.isfinite(a) and math.isfinite(b):
                t, slope = above - below, math.log(b - a) - above - below
            elif math.isfinite(a):
                t, slope = above, -above
            elif math.isfinite(b):
                t, slope = -below, -below
            else:
                t, slope = x, np.zeros_like(x)
            outside = (x <= a) | (x >= b)
        t, slope = np.where(outside, np.nan, t), np.where(outside, -np.inf, slope)
        return (t - self.centre) / self.scale, slope - math.log(self.scale)

    def standardised(self, x):
        """(this column with its centre and scale, its values transformed) for continuous values, nan where missing."""
        a, b = self.edges
        t, _ = self.transformed(np.clip(x, np.nextafter(a, np.inf), np.nextafter(b, -np.inf)))
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            seen = t[~np.isnan(t)]
            centre = seen.mean()
            reach = np.abs(seen - centre).max()
            scale = reach * np.sqrt((((seen - centre) / reach) ** 2).mean())
        if not 0.0 < scale < np.inf:
            raise ValueError(f"column {self.name!r} varies by less, or by more, than float64 can tell; leave it out")
        return self._replace(centre=float(centre), scale=float(scale)), (t - centre) / scale

    def values(self, t):
        """The values of the column, float64, that transformed ones stand for: within the bounds, integers rounded."""
        t = self.centre + self.scale * t
        a, b = self.edges
        with np.errstate(over="ignore"):
            if math.isfinite(a) and math.isfinite(b):
                # From the nearer end, which keeps the digits of small distances.
                share = 1.0 / (1.0 + np.exp(np.abs(t)))
                x = np.where(t < 0.0, a + (b - a) * share, b - (b - a) * share)
            elif math.isfinite(a):
                x = a + np.exp(t)
            elif math.isfinite(b):
                x = b - np.exp(-t)
            else:
                x = t
        if self.kind == "integer":
            low = self.low if math.isfinite(self.low) else self.least
            high = self.high if math.isfinite(self.high) else self.largest
            return np.clip(np.rint(x), low, high)
        return x

    def cast(self, x):
        """Values in the dtype of the column; none lies on a bound, which has no density, for all rounding."""
        kind = np.dtype(getattr(self.dtype, "numpy_dtype", self.dtype)).type
        if self.kind == "float":
            x = x.astype(kind)
            largest = np.finfo(kind).max
            low = np.nextafter(kind(self.low), kind(np.inf)) if math.isfinite(self.low) else -largest
            high = np.nextafter(kind(self.high), kind(-np.inf)) if math.isfinite(self.high) else largest
            x = np.clip(x, low, high)
        return x


def check_bounds(bounds, data, name="bounds"):
    """{position: (low, high)} of the argument `bounds`, infinite where there is none."""
    if bounds is None:
        return {}
    if not hasattr(bounds, "items"):
        raise TypeError(f"{name} must be a dict of columns and their (low, high); got {bounds!r}")
    found = {}
    for position, pair in positions(bounds, data.names, data.values.shape[1], name).items():
        label = label_of(data, position)
        try:
            low, high = pair
        except (TypeError, ValueError):
            raise ValueError(f"{name}[{label!r}] must be (low, high), None where there is none; got {pair!r}") from None
        low, high = (
            end if end is None or (isinstance(end, Real) and not isinstance(end, bool)) else math.nan for end in pair
        )
        low, high = -math.inf if low is None else float(low), math.inf if high is None else float(high)
        if not low < high or (data.integers[position] and not high - low >= 1.0):
            raise ValueError(f"{name}[{label!r}] must be two numbers or None, the first less; got {pair!r}")
        if data.integers[position]:
            low, high = np.ceil(low), np.floor(high)
        found[position] = (float(low), float(high))
    return found


def make_columns(data, bounds):
    """The `Column` of each column, not yet standardised; an error names what cannot be modelled."""
    columns = []
    for j, (dtype, integer) in enumerate(zip(data.dtypes, data.integers, strict=True)):
        x, label = data.values[:, j], label_of(data, j)
        seen = x[~np.isnan(x)]
        if not seen.size:
            raise ValueError(f"column {label!r} has no observed value; leave it out")
        least, largest = float(seen.min()), float(seen.max())
        low, high = bounds.get(j, (-math.inf, math.inf))
        outside = (seen < low) | (seen > high) if integer else (seen <= low) | (seen >= high)
        if outside.any():
            raise ValueError(
                f"column {label!r} must lie {'from' if integer else 'strictly between'} {low:g} "
                f"{'to' if integer else 'and'} {high:g}, its bounds; got {seen[outside][0]:g}"
                + ("" if integer else ". A value on a bound has no density: move the bound, or leave it out")
            )
        kind = "constant" if least == largest else "integer" if integer else "float"
        columns.append(Column(label, kind, dtype, low, high, least, largest))
    return columns
