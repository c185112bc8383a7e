"""Say what is folded: each folded cell is called by what it does, and a kernel's source is shown as what it is.

* The cell that imports is the *set-up*, one with a figure says how that is drawn, another how its result is computed.
* ``gmm.show_source(gmm.em)`` is there to show the kernel: the call goes, the source gets a title.
* A section whose title begins with "Deeper:" gets the class ``deeper``.
"""

import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))
import reading

SHOW_SOURCE = re.compile(r"gmm\.show_source\(([\w.]+)\)")
SET_UP = "Set-up: imports and data"
DRAWN = "How this figure is drawn"
COMPUTED = "How this is computed"


def prompt(source, has_figure):
    """Return what stands on the bar of a folded cell."""
    if re.search(r"^(?:import|from) ", source, re.M):
        return SET_UP
    return DRAWN if has_figure else COMPUTED


class NameFoldedCells(SphinxPostTransform):
    """Give folded cells their titles before they are wrapped."""

    default_priority = 198
    formats = ("html",)

    def run(self, **kwargs):
        for cell in list(self.document.findall(nodes.container)):
            if cell.get("nb_element") != "cell_code" or cell.get("hide_mode") != "input":
                continue
            code = cell.children[0].astext().strip()
            kernel = SHOW_SOURCE.fullmatch(code)
            if kernel:
                title = nodes.paragraph("", "Kernel ", nodes.literal("", kernel[1]), classes=["kernel-title"])
                title += nodes.Text(": its source")
                cell.children[0].replace_self(title)
                del cell["hide_mode"]
            else:
                cell["prompt_show"] = cell["prompt_hide"] = prompt(code, any(cell.findall(nodes.figure)))


class MarkDeeperSections(SphinxTransform):
    """Let the style sheet know which sections can be skipped."""

    default_priority = 400

    def apply(self, **kwargs):
        for section in self.document.findall(nodes.section):
            if section[0].astext().startswith(reading.DEEPER):
                section["classes"].append("deeper")


def setup(app):
    app.add_post_transform(NameFoldedCells)
    app.add_transform(MarkDeeperSections)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
