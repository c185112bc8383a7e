"""Live figures on pages that are no notebooks, and numbers that the prose takes from the project itself.

* The directive ``live-figure`` puts one of `FIGURES` on a page; the script and style that figures share become files
  (`widgets`).
* The role ``count`` writes how many of a thing there are, one of `COUNTS`, so that no page has an old number.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive

sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))

from chapters import notebooks
from metadata import citation

from gmm import datasets, widgets
from gmm.exercises import _session
from gmm.formulas import EQUATIONS
from gmm.widgets import _live


def landing():
    """Old Faithful, and a start that EM has to mend."""
    faithful = datasets.load_old_faithful()
    covariance = [[0.3, 0.0], [0.0, 60.0]]
    start = ([0.5, 0.5], [[2.6, 88.0], [4.4, 54.0]], [covariance, covariance])
    return widgets.em_landing(faithful.X, *start, axis_labels=faithful.labels())


def playground():
    """The playground; its page's heading has the name itself."""
    return widgets.playground(name="play")


FIGURES = {"landing": landing, "playground": playground}
COUNTS = {
    "chapters": lambda: len(notebooks()),
    "equations": lambda: len(EQUATIONS),
    "exercises": lambda: len(_session.texts()),
    "version": lambda: citation()["version"],
    "year": lambda: str(citation()["date-released"])[:4],
    "kernels": lambda: len(json.loads(_live.kernels().partition("=")[2].rstrip(";"))["kernels"]),
}


class LiveFigure(Directive):
    """Put a live figure on the page; its argument is one of `FIGURES`."""

    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        if name not in FIGURES:
            raise self.error(f"live-figure must be one of {', '.join(FIGURES)}; got {name!r}")
        return [nodes.raw("", FIGURES[name]().data, format="html")]


def count(name, rawtext, text, lineno, inliner, options=None, content=()):
    """Write how many of a thing there are."""
    if text not in COUNTS:
        message = inliner.reporter.error(f"count must be one of {', '.join(COUNTS)}; got {text!r}", line=lineno)
        return [inliner.problematic(rawtext, rawtext, message)], [message]
    return [nodes.Text(str(COUNTS[text]()))], []


def setup(app):
    app.add_directive("live-figure", LiveFigure)
    app.add_role("count", count)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
