"""How the exercises of a notebook stand in it: what answers them is folded, and under a stub stands no verdict.

The structure is the authors': a stub between ``exercise-start`` and ``exercise-end``, hints as admonitions, and the
solution between ``solution-start`` and ``solution-end``. `fold` adds what keeps it out of sight until it is asked for:

* The cells of code in a solution are collapsed by their metadata, for JupyterLab and Visual Studio Code
  (``jupyter``, ``collapsed``) and for Colab (``cellView``).
* The words of a solution, and hints, stand in a ``<details>`` element, which all of them know, and in which
  mathematics is set. On the pages of the book `_ext/exercise_pages.py` takes it out again.
* A solution written as one directive, which notebooks would show as it is, gets a start and an end.
"""

import re

from nbformat import from_dict

HIDDEN = {"cellView": "form", "collapsed": True, "jupyter": {"outputs_hidden": True, "source_hidden": True}}
#: The lines that open and close what is folded.
MARKS = re.compile(r"^(?:<details><summary>(?:Hint \d+|Solution(?:, continued)?)</summary>|</details>)$\n*", re.M)
#: How a verdict of a check begins (gmm/exercises/_show.py).
VERDICT = '<div style="border-left: 0.3em solid'

_FENCE = re.compile(
    r"^(?P<ticks>`{3,})\{(?P<kind>exercise|solution)(?P<part>-start|-end)?\}(?P<argument>[^\n]*)\n"
    r"(?P<options>(?::[\w-]+:[^\n]*\n)*)(?P<body>.*?)^(?P=ticks)[ \t]*$\n?",
    re.M | re.S,
)
_HINT = re.compile(r"^(:::\{admonition\} (Hint \d+)\n(?::class:[^\n]*\n)?)(.*?)^:::[ \t]*$", re.M | re.S)


def unfolded(text):
    """Return Markdown without the lines that fold it."""
    return MARKS.sub("", text)


def _folded(text, summary):
    return f"<details><summary>{summary}</summary>\n\n{text.strip()}\n\n</details>\n"


def _with_an_end(match):
    """Return a solution that is one directive as one with a start and an end."""
    if match["kind"] != "solution" or match["part"]:
        return match[0]
    start = f"```{{solution-start}}{match['argument']}\n{match['options']}```"
    return f"{start}\n\n{match['body'].strip()}\n\n```{{solution-end}}\n```\n"


def fold(nb):
    """Fold, in place, what answers the exercises of a notebook; doing it twice changes nothing."""
    place, pieces = None, 0
    for cell in nb.cells:
        if cell.cell_type == "code":
            if place == "solution-start":
                cell.metadata.update(from_dict(HIDDEN))
            elif place == "exercise-start":
                cell.outputs = [o for o in cell.outputs if VERDICT not in str(o.get("data", {}).get("text/html", ""))]
            continue
        if cell.cell_type != "markdown":
            continue
        text = _FENCE.sub(_with_an_end, unfolded(cell.source) + "\n")
        text = _HINT.sub(lambda m: f"{m[1]}\n{_folded(m[3], m[2])}:::", text)
        done, at = [], 0
        for match in [*_FENCE.finditer(text), None]:
            between = text[at : match.start() if match else None]
            if place == "solution-start" and between.strip():
                pieces += 1
                between = f"\n{_folded(between, 'Solution, continued' if pieces > 1 else 'Solution')}\n"
            done.append(between)
            if match:
                done.append(match[0])
                at = match.end()
                if match["part"]:
                    place, pieces = match["kind"] + match["part"], 0
        cell.source = re.sub(r"\n{3,}", "\n\n", "".join(done)).strip("\n")
