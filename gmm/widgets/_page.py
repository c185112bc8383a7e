"""What all widgets share: the block of HTML around the pictures, its style and script, and the limit of its size."""

from __future__ import annotations

import inspect
import json
import re
from functools import cache
from html import escape
from pathlib import Path

import numpy as np
from matplotlib.colors import to_hex, to_rgb

from gmm.formulas._checks import real_array
from gmm.plot import COLOURS, GREY, colour

#: Largest size of a widget, in bytes: a page holds several, and each is stored in its notebook.
MAX_SIZE = 40_000
MAX_COMPONENTS = len(COLOURS)
#: Dash pattern of each component's lines, those of `gmm.plot.LINESTYLES` in the units of the pictures.
DASHES = ("", "7 3", "9 3 2 3", "2 3", "12 3", "7 3 2 3 2 3")
# One character for a whole number from 0 to 63.
CODE = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
CONTROLS = "<!--controls-->"
_COMMON = """\
name : str
    The HTML id, unique on the page: a letter, then letters, digits, hyphens.

Returns
-------
Widget
    What a notebook shows as the figure; its attribute ``data`` is the HTML. The same for the same arguments, at most
    40 000 bytes.

Raises
------
TypeError, ValueError
    If an argument has the wrong type, shape or range, or the figure were too large."""
BEGIN, END = "/*gmm-widgets*/", "/*end*/"
_HERE = Path(__file__).parent


class Widget:
    """A block of HTML that a notebook shows as a figure.

    Attributes
    ----------
    name : str
        Its HTML id.
    data : str
        The HTML.
    """

    def __init__(self, name, data):
        self.name = name
        self.data = data

    def __repr__(self):
        return f"<interactive figure {self.name}: a notebook shows it>"

    def _repr_html_(self):
        return self.data


def widget(function):
    """Complete a docstring: in the place of ``{common}``, the last parameter of every widget and what it returns."""
    if function.__doc__:  # python -OO drops it
        function.__doc__ = inspect.cleandoc(function.__doc__).replace("{common}", _COMMON)
    return function


@cache
def script(kind: str | None = None) -> str:
    """Return the script without comments and indentation: all of it, or what widgets of one kind need."""
    text = (_HERE / "widgets.js").read_text(encoding="utf-8")
    if kind is not None:
        text = re.sub(
            r"^ *// begin (.*)\n((?:.*\n)*?) *// end\n",
            lambda part: part[2] if kind in part[1].split() else "",
            text,
            flags=re.M,
        )
    return without_comments(text)


def without_comments(text) -> str:
    """Drop the lines of a script that are comments, and all indentation."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


@cache
def style() -> str:
    """Return the style that all widgets share; the colours are those of :mod:`gmm.plot`."""
    palette = "".join(f"--c{k}:{value};" for k, value in enumerate(COLOURS))
    rules = "".join(
        f".gmm-widget .k{k}{{stroke:var(--c{k});stroke-dasharray:{dash or 'none'}}}"
        f".gmm-widget .p{k}{{stroke:var(--c{k})}}.gmm-widget .f{k}{{fill:var(--c{k});stroke:none;opacity:.45}}"
        for k, dash in enumerate(DASHES)
    )
    text = (_HERE / "widgets.css").read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" ?([{};:,>]) ?", r"\1", text.replace(" :", "\0")).replace("\0", " :").strip()
    return f".gmm-widget{{{palette}--grey:{GREY}}}{rules}{text}"


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


def encode_pixels(values, size) -> str:
    """Encode pixel coordinates from 0 to `size`, two characters each, in steps of size/4095."""
    steps = whole(np.clip(np.asarray(values, dtype=float) / size, 0.0, 1.0) * 4095)
    return "".join(CODE[step >> 6] + CODE[step & 63] for step in steps.ravel())


def slider(name, n_stops, now, value_text, *, label="") -> str:
    """Range input over whole numbers, with an optional visible label."""
    inner = (
        f'<input type="range" min="0" max="{n_stops - 1}" step="1" value="{now}" autocomplete="off" '
        f'aria-label="{escape(name)}" aria-valuetext="{escape(value_text)}">'
    )
    return f"<label><span>{label}</span>{inner}</label>" if label else inner


def page(*, kind, name, summary, body, controls, data, hint) -> Widget:
    """Put a widget together and refuse it if it is too large.

    Parameters
    ----------
    kind : str
        Which part of the script drives it.
    name : str
        The HTML id.
    summary : str
        What a screen reader calls the whole.
    body : str
        Pictures and texts of the first state.
    controls : str
        Hidden until the script runs, and in print; they take the place of `CONTROLS` in the body.
    data : dict
        What the script needs.
    hint : str
        Said where there is no JavaScript.
    """
    content = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    html = "\n".join(
        [
            # JupyterLab would take the arrow keys for its own commands.
            f'<div id="{name}" class="gmm-widget" data-kind="{kind}" role="group" aria-label="{escape(summary)}" '
            'data-lm-suppress-shortcuts="true">',
            f"<style>{BEGIN}{style()}{END}</style>",
            body.replace(CONTROLS, f'<div class="gw-controls" hidden>{controls}</div>'),
            f"<noscript>{escape(hint)}</noscript>",
            f'<script type="application/json">{content}</script>',
            f"<script>{BEGIN}{script(kind)}{END}</script>",
            "</div>",
        ]
    )
    size = len(html.encode())
    if size > MAX_SIZE:
        own = len(content.encode())
        raise ValueError(
            f"the widget has {size} bytes, more than {MAX_SIZE}, {own} of them for its states: "
            "give fewer samples (a random subset shows the same) or fewer steps"
        )
    return Widget(name, html)
