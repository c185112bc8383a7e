"""What all interactive figures share: their type, checks of arguments, colours and digits."""

from __future__ import annotations

import inspect
import re

import numpy as np
from matplotlib.colors import to_hex, to_rgb

from gmm._types import Function
from gmm.formulas._checks import real_array
from gmm.plot import COLOURS, colour

MAX_COMPONENTS = len(COLOURS)
#: Dash pattern of each component's lines, those of `gmm.plot.LINESTYLES` in the units of the pictures.
DASHES = ("", "7 3", "9 3 2 3", "2 3", "12 3", "7 3 2 3 2 3")
_COMMON = """\
name : str
    The HTML id, unique on the page: a letter, then letters, digits, hyphens.

Returns
-------
Widget
    What a notebook shows as the figure; its attribute ``data`` is the HTML. The same for the same arguments.

Raises
------
TypeError, ValueError
    If an argument has the wrong type, shape or range."""
BEGIN, END = "/*gmm-widgets*/", "/*end*/"


class Widget:
    """A block of HTML that a notebook shows as a figure.

    Attributes
    ----------
    name : str
        Its HTML id.
    data : str
        The HTML.
    """

    def __init__(self, name: str, data: str) -> None:
        self.name = name
        self.data = data

    def __repr__(self) -> str:
        return f"<interactive figure {self.name}: a notebook shows it>"

    def _repr_html_(self) -> str:
        return self.data


def widget(function: Function) -> Function:
    """Complete a docstring: in the place of ``{common}``, the last parameter of every widget and what it returns."""
    if function.__doc__:  # python -OO drops it
        function.__doc__ = inspect.cleandoc(function.__doc__).replace("{common}", _COMMON)
    return function


def without_comments(text) -> str:
    """Drop the lines of a script that are comments, and all indentation."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def check_name(name):
    """Refuse what is no HTML id."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
        raise ValueError(f"name must be a letter followed by letters, digits and hyphens; got {name!r}")
    return name


def check_labels(axis_labels, n):
    """Refuse anything but `n` strings."""
    labels = (axis_labels,) if isinstance(axis_labels, str) or not np.iterable(axis_labels) else tuple(axis_labels)
    if len(labels) != n or not all(isinstance(label, str) for label in labels):
        wanted = "a string" if n == 1 else f"{('two', 'three')[n - 2]} strings"
        raise ValueError(f"axis_labels must be {wanted}; got {axis_labels!r}")
    return labels


def check_limits(limits, low, high):
    """Return two numbers in order, by default `low` and `high`."""
    if limits is None:
        margin = 0.0 if high > low else 1.0
        return float(low - margin), float(high + margin)
    limits = real_array(limits, "limits", 1, "(2,)")
    if limits.shape != (2,) or limits[0] >= limits[1]:
        raise ValueError(f"limits must be (low, high) with low < high; got {limits.tolist()}")
    return float(limits[0]), float(limits[1])


def check_n_components(n_components):
    """Refuse more components than there are colours to tell them apart."""
    if n_components > MAX_COMPONENTS:
        raise ValueError(f"a widget shows at most {MAX_COMPONENTS} components; got {n_components}")


def number(value, digits=None) -> str:
    """Write a number as a reader expects it: a true minus, and about six digits unless told otherwise."""
    if digits is None:
        digits = 3 if abs(value) < 100 else 2
    return f"{value:z.{digits}f}".replace("-", "−")


def whole(values) -> np.ndarray:
    """Round to whole numbers; what its last bits put on either side of a half, up: the same on every machine."""
    return np.floor(np.asarray(values) + (0.5 + 1e-6)).astype(int)


def digits_for(X) -> list[int]:
    """Digits after the point that show each feature to about three thousandths of its range."""
    ranges = np.ptp(np.asarray(X), axis=0)
    return [int(np.clip(2 - np.floor(np.log10(span)), 0, 9)) if span > 0 else 3 for span in ranges]


def levels(resp) -> np.ndarray:
    """Responsibilities in whole steps of 1/63; the steps of a row sum to 63 exactly."""
    return np.diff(whole(63 * np.cumsum(resp, axis=1)), axis=1, prepend=0)


def mixed(resp) -> list[str]:
    """Colour of each sample: the components' colours in the proportions of the encoded responsibilities."""
    shares = levels(resp) / 63
    palette = np.array([to_rgb(colour(k)) for k in range(shares.shape[1])])
    return [to_hex(row) for row in np.clip(shares @ palette, 0.0, 1.0)]
