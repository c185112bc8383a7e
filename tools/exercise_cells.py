"""How the exercises of a notebook stand in it: what answers them is folded, and under a stub stands no verdict.

The structure is the authors': a stub between ``exercise-start`` and ``exercise-end``, hints as admonitions, and the
solution between ``solution-start`` and ``solution-end``. `fold` adds what keeps it out of sight until it is asked for:

* Its cells, of code and of words, are collapsed by their metadata: ``jupyter`` and ``collapsed`` for JupyterLab and
  Visual Studio Code, ``cellView`` for Colab. Words get a cell of their own.
* Colab does not collapse words. They begin with a ``<details>`` element, which ends with the cell: were it closed,
  jupyterlab-myst would leave the mathematics in it as TeX. `_ext/exercise_pages.py` takes it out for the pages.
* A solution written as one directive, which notebooks would show as it is, gets a start and an end.
"""

import re

from nbformat import from_dict
from nbformat.v4 import new_markdown_cell

HIDDEN_WORDS = {"jupyter": {"source_hidden": True}}
HIDDEN_CODE = {"cellView": "form", "collapsed": True, "jupyter": {"outputs_hidden": True, "source_hidden": True}}
#: The line that opens what is folded; and what an earlier form closed, and had in hints.
MARK = re.compile(
    r"^<details><summary>(?:Solution(?:, continued)?|Hint \d+)</summary>$\n*|\n\n</details>$(?=\n:::)|^</details>$\n*",
    re.M,
)
#: How a verdict of a check begins (gmm/exercises/_show.py).
VERDICT = '<div style="border-left: 0.3em solid'

_FENCE = re.compile(
    r"^(?P<ticks>`{3,})\{(?P<kind>exercise|solution)(?P<part>-start|-end)?\}(?P<argument>[^\n]*)\n"
    r"(?P<options>(?::[\w-]+:[^\n]*\n)*)(?P<body>.*?)^(?P=ticks)[ \t]*$\n?",
    re.M | re.S,
)


def unfolded(text):
    """Return Markdown without the line that folds it."""
    return MARK.sub("", text)


def _with_an_end(match):
    """Return a solution that is one directive as one with a start and an end."""
    if match["kind"] != "solution" or match["part"]:
        return match[0]
    start = f"```{{solution-start}}{match['argument']}\n{match['options']}```"
    return f"{start}\n\n{match['body'].strip()}\n\n```{{solution-end}}\n```\n"


def fold(nb):
    """Fold, in place, what answers the exercises of a notebook; doing it twice changes nothing."""
    place, pieces, cells = None, 0, []
    for cell in nb.cells:
        if cell.cell_type != "markdown":
            if place == "solution-start":
                cell.metadata.update(from_dict(HIDDEN_CODE))
            elif place == "exercise-start":
                cell.outputs = [o for o in cell.outputs if VERDICT not in str(o.get("data", {}).get("text/html", ""))]
            cells.append(cell)
            continue
        text, at, seen = _FENCE.sub(_with_an_end, unfolded(cell.source) + "\n"), 0, ""
        for match in [*_FENCE.finditer(text), None]:
            between = text[at : match.start() if match else None]
            if place == "solution-start" and between.strip():
                if seen.strip():
                    cells.append(new_markdown_cell(seen.strip("\n"), metadata=cell.metadata))
                pieces, seen = pieces + 1, ""
                mark = f"<details><summary>Solution{', continued' if pieces > 1 else ''}</summary>"
                cells.append(new_markdown_cell(f"{mark}\n\n{between.strip()}", metadata=HIDDEN_WORDS))
            else:
                seen += between
            if match:
                seen, at = seen + match[0], match.end()
                if match["part"]:
                    place, pieces = match["kind"] + match["part"], 0
        if seen.strip():
            cells.append(new_markdown_cell(re.sub(r"\n{3,}", "\n\n", seen).strip("\n"), metadata=cell.metadata))
    nb.cells = cells
