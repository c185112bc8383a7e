"""Tables of results: aligned text in a terminal, an HTML table in a notebook and on a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import numpy as np


class Grid:
    """Columns of texts under their names; some entries are marked as the best.

    Parameters
    ----------
    names : sequence of str
    rows : sequence of sequence of str
    marked : set of (int, int)
        Row and column of the marked entries.
    """

    def __init__(
        self, names: Iterable[str], rows: Iterable[Iterable[str]], marked: Iterable[tuple[int, int]] = frozenset()
    ) -> None:
        self.names, self.rows, self.marked = list(names), [list(row) for row in rows], set(marked)

    def __repr__(self) -> str:
        star = {j for _, j in self.marked}
        lines = [[name + " " * (j in star) for j, name in enumerate(self.names)]]
        for i, row in enumerate(self.rows):
            lines.append([text + (" *"[(i, j) in self.marked] if j in star else "") for j, text in enumerate(row)])
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(text.rjust(w) for text, w in zip(line, widths, strict=True)).rstrip() for line in lines
        )

    def _repr_html_(self) -> str:
        def entry(i, j, text):
            return f"<td><strong>{escape(text)}</strong></td>" if (i, j) in self.marked else f"<td>{escape(text)}</td>"

        head = "".join(f"<th>{escape(name)}</th>" if name.strip() else "<td></td>" for name in self.names)
        body = (
            "<tr>" + "".join(entry(i, j, text) for j, text in enumerate(row)) + "</tr>"
            for i, row in enumerate(self.rows)
        )
        return f'<table class="results"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'


def text_of(value, digits=3):
    """Return a table's entry: a float with so many decimals, a dash where there is no number."""
    if isinstance(value, float | np.floating):
        rounded = f"{value:.{digits}f}"
        if rounded.startswith("-") and float(rounded) == 0.0:  # no -0.00
            rounded = rounded[1:]
        return "—" if np.isnan(value) else rounded.replace("inf", "∞")
    return "—" if value is None else str(value)


def show_table(
    columns: Mapping[str, Any], *, digits: int | Mapping[str, int] = 3, best: Mapping[str, str] | None = None
) -> Grid:
    """Return a table of results, for display in a notebook or a terminal.

    Parameters
    ----------
    columns : dict
        The entries of each column under its name: equally long lists or arrays of numbers or texts. NaN and None are
        shown as a dash.
    digits : int or dict, default=3
        Decimals of the floats, for all columns or by name (3 for those not named).
    best : dict, optional
        Which entry of a column to mark: "min" or "max" under the column's name. All that are printed alike are marked.

    Returns
    -------
    Grid
        The table. A notebook shows it as an HTML table with the best in bold, a terminal as text with a star. A script
        has to ``print`` it.

    Raises
    ------
    ValueError
        If the columns are not equally long, or `digits` or `best` name a column that there is not.

    Examples
    --------
    >>> import gmm
    >>> gmm.show_table({"K": [1, 2, 3], "BIC": [2607.6, 2322.2, 2333.8]}, digits=1, best={"BIC": "min"})
    K     BIC
    1  2607.6
    2  2322.2*
    3  2333.8
    """
    columns = {str(name): list(np.asarray(c, dtype=object).ravel()) for name, c in columns.items()}
    lengths = {name: len(column) for name, column in columns.items()}
    if not columns or len(set(lengths.values())) > 1:
        raise ValueError(f"columns must be equally long, at least one; got {lengths}")
    best = dict(best or {})
    by_name = digits if isinstance(digits, dict) else dict.fromkeys(columns, digits)
    for argument, named in (("digits", by_name), ("best", best)):
        if unknown := sorted(set(named) - set(columns)):
            raise ValueError(f"{argument} names columns that there are not: {unknown}; there are {list(columns)}")
    if wrong := {name: which for name, which in best.items() if which not in ("min", "max")}:
        raise ValueError(f"best must say 'min' or 'max' of each column; got {wrong}")
    texts = {name: [text_of(value, by_name.get(name, 3)) for value in column] for name, column in columns.items()}
    marked = set()
    for j, name in enumerate(columns):
        if name in best:
            values = np.array([np.nan if value is None else value for value in columns[name]], dtype=float)
            if not np.isnan(values).all():
                winner = texts[name][int((np.nanargmin if best[name] == "min" else np.nanargmax)(values))]
                marked |= {(i, j) for i, text in enumerate(texts[name]) if text == winner}
    return Grid(texts, zip(*texts.values(), strict=True), marked)
