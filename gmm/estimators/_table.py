"""A small table: what a search or a selection found, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

import numpy as np

from gmm._types import AnyArray
from gmm.table import Grid, text_of

PARAMETERS = ("start", "parameters")
LONG = ("reason", *PARAMETERS)  # not shown: a reader finds them in the row


class Table(Sequence[dict[str, Any]]):
    """Rows of equal columns: a sequence of dicts that pandas takes as it is.

    ``table[0]`` is a row (a dict), ``table["bic"]`` a column (an array); ``table.to_frame()``, or
    ``pandas.DataFrame(table)``, is a data frame.

    Parameters
    ----------
    rows : iterable of dict
        All with the same keys, in the same order.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows = [dict(row) for row in rows]
        self.columns = tuple(self._rows[0]) if self._rows else ()

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, key: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, key: str) -> AnyArray: ...
    @overload
    def __getitem__(self, key: slice) -> Table: ...
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            if key not in self.columns:
                raise KeyError(f"there is no column {key!r}; there are: {', '.join(self.columns)}")
            values = [row[key] for row in self._rows]
            if key in PARAMETERS:  # parameters are sequences themselves
                column = np.empty(len(values), dtype=object)
                column[:] = values
                return column
            return np.array(values)
        if isinstance(key, slice):
            return Table(self._rows[key])
        return dict(self._rows[key])

    def sort_values(self, by: str, ascending: bool = True) -> Table:
        """Return the table sorted by a column; rows without a value come last.

        Parameters
        ----------
        by : str
            A column.
        ascending : bool

        Returns
        -------
        Table

        Raises
        ------
        KeyError
            If there is no such column.
        """
        values = self[by]
        missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)
        present = np.flatnonzero(~missing)
        order = present[np.argsort(values[present], kind="stable")]
        order = order if ascending else order[::-1]
        return Table([self._rows[i] for i in [*order, *np.flatnonzero(missing)]])

    def to_frame(self) -> Any:
        """Return the table as a pandas DataFrame.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError("to_frame needs pandas; without it, table['bic'] is a column as an array") from None
        return pandas.DataFrame(self._rows, columns=list(self.columns))

    def _grid(self):
        columns = [name for name in self.columns if name not in LONG]
        return Grid(columns, [[text_of(row[name]) for name in columns] for row in self._rows])

    def __repr__(self) -> str:
        return repr(self._grid())

    def _repr_html_(self) -> str:
        return self._grid()._repr_html_()
