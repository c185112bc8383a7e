"""Figures that compute in the page: the HTML around them, and what of script and style each output carries."""

from __future__ import annotations

import json
import re
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from gmm.plot import COLOURS, GREY
from gmm.widgets._page import BEGIN, DASHES, END, Widget, check_name, without_comments

_HERE = Path(__file__).parent
FIGURES = _HERE / "figures"
#: The figure whose output carries what all share: the first that this session has made.
_carrier = None


def kinds() -> list[str]:
    """Names of all figures there are."""
    return sorted(path.stem for path in FIGURES.glob("*.js"))


@cache
def style() -> str:
    """Return the style of live figures; the colours are those of :mod:`gmm.plot`."""
    palette = "".join(f"--c{k}:{value};" for k, value in enumerate(COLOURS))
    rules = "".join(
        f".gmm-live .k{k}{{stroke:var(--c{k});stroke-dasharray:{dash or 'none'}}}"
        f".gmm-live .p{k}{{stroke:var(--c{k})}}.gmm-live .f{k}{{fill:var(--c{k})}}"
        f".gmm-live .h{k} .gl-mark,.gmm-live .d{k}{{fill:var(--c{k})}}"
        f".gmm-live .d{k}.ring{{fill:none;stroke:var(--c{k})}}"
        for k, dash in enumerate(DASHES)
    )
    text = (_HERE / "live.css").read_text(encoding="utf-8")
    text = re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", text, flags=re.S)).strip()
    return f".gmm-live{{{palette}--grey:{GREY}}}{rules}{text}"


@cache
def script(kind: str | None = None) -> str:
    """Return the script of one figure, or what all figures share.

    A figure that says ``// needs: fitting`` in its script gets ``fitting.js`` along.
    """
    path = _HERE / "live.js" if kind is None else FIGURES / f"{kind}.js"
    text = path.read_text(encoding="utf-8")
    needs = [
        (_HERE / f"{name}.js").read_text(encoding="utf-8") for name in re.findall(r"^// needs: (\w+)$", text, re.M)
    ]
    return without_comments("\n".join([*needs, text]))


@cache
def kernels() -> str:
    """Return a script with the compiled kernels."""
    known = json.loads((_HERE / "kernels.json").read_text(encoding="utf-8"))
    for of_the_file in ("made_with", "sources"):
        known.pop(of_the_file)
    return f"globalThis.gmmKernels ??= {json.dumps(known, separators=(',', ':'))};"


def live(
    kind: str,
    data: dict[str, Any] | None = None,
    *,
    picture: str,
    summary: str,
    suggest: str,
    notice: str,
    name: str | None = None,
) -> Widget:
    """Make a figure that computes in the page with the book's own kernels.

    Its script is ``gmm/widgets/figures/KIND.js``; the section *Add a live figure* of the file CONTRIBUTING.md says how
    one is written. Where no script or no WebAssembly runs, and on paper until the page has been looked at, `picture`
    stands in its place. The first live figure that a session makes carries what all share; in a notebook, leave it.

    Parameters
    ----------
    kind : str
        Which figure: the name of its script.
    data : dict, optional
        What the script needs: numbers, strings, lists and NumPy arrays.
    picture : str
        SVG or an ``<img>`` with an alt text: the figure's first state.
    summary : str
        What a screen reader calls the figure.
    suggest : str
        What to try: a sentence, said above the figure.
    notice : str
        What to notice then, also a sentence.
    name : str, optional
        The HTML id, unique on the page: a letter, then letters, digits, hyphens. By default `kind`.

    Returns
    -------
    Widget
        What a notebook shows as the figure; its attribute ``data`` is the HTML.

    Raises
    ------
    ValueError
        If there is no such figure, or `name` is no HTML id.
    """
    global _carrier
    if kind not in kinds():
        raise ValueError(f"kind must be one of {', '.join(kinds())}; got {kind!r}")
    name = check_name(kind if name is None else name)
    if _carrier is None:
        _carrier = name
    content = json.dumps(_plain(data or {}), separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    scripts = [kernels(), script()] if name == _carrier else []
    scripts.append(script(kind))
    html = "\n".join(
        [
            # JupyterLab would take the arrow keys for its own commands.
            f'<div id="{name}" class="gmm-live" data-kind="{kind}" role="group" aria-label="{escape(summary)}" '
            'data-lm-suppress-shortcuts="true">',
            f"<style>{BEGIN}{style()}{END}</style>",
            f'<p class="gl-try"><b>Try:</b> {suggest} <b>Notice:</b> {notice}</p>',
            f'<div class="gl-stored">{picture}</div>',
            '<p class="gl-note" hidden></p>',
            "<noscript>With JavaScript, this figure computes. Its first state is shown.</noscript>",
            f'<script type="application/json">{content}</script>',
            *(f"<script>{BEGIN}{text}{END}</script>" for text in scripts),
            "</div>",
        ]
    )
    return Widget(name, html)


def _plain(value):
    """Turn data into what JSON knows; numbers get twelve digits: the last bits differ from computer to computer."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if value is None or isinstance(value, (str, int)):
        return value
    raise TypeError(f"data must hold numbers, strings, lists and arrays; got {type(value).__name__}")
