"""Give each chapter the number of its file: ``22_debug_this_gmm`` is chapter 22, also while some before it are planned.

Sphinx counts the chapters of the table of contents. Figures, equations and exercises take their first number from the
chapter, so it is changed right after the sections have been counted, before the figures are.
"""

import functools
import re

from docutils import nodes
from sphinx.environment.collectors.toctree import TocTreeCollector

#: The name of a chapter's document, and its number.
CHAPTER = re.compile(r"(?:.*/)?(\d\d)_[^/]*$")


def renumber(env):
    """Set the first number of every section of the chapters in an environment that has counted them."""
    for docname, numbers in env.toc_secnumbers.items():
        file = CHAPTER.match(docname)
        if file is None:
            continue
        chapter = int(file[1])
        for anchor, number in numbers.items():
            numbers[anchor] = (chapter, *number[1:]) if number else number
        titled = [env.titles[docname], *env.tocs[docname].findall(nodes.reference)]
        for node in titled:
            if node.get("secnumber"):
                node["secnumber"] = [chapter, *node["secnumber"][1:]]


def wrap(app):
    """Renumber before the collector counts figures, which is after everybody has counted the sections."""
    count = TocTreeCollector.assign_figure_numbers
    if hasattr(count, "__wrapped__"):
        return

    @functools.wraps(count)
    def assign_figure_numbers(self, env):
        renumber(env)
        return count(self, env)

    TocTreeCollector.assign_figure_numbers = assign_figure_numbers


def setup(app):
    app.connect("builder-inited", wrap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
