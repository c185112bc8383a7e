"""Exercises on the pages: hints and solution in one strip, no verdict under a stub, and the list of all exercises.

* Hints and the solution of an exercise become one row of buttons below it; each opens its text under the row, and
  no button moves. It is HTML alone (``<details>``), as is what folds them in a notebook, which is taken out here
  (tools/exercise_cells.py).
* Where nothing runs, the verdict on a stub that nobody changed says nothing: it is left out.
* The directive ``exercise-list`` writes a table of all exercises in reading order. Minutes follow from kind and
  difficulty, by `MINUTES`. What was solved on the pages (`answers`) is marked there by the script.
"""

import re
from html import escape

from answers import mark
from chapter_numbers import CHAPTER
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.transforms import SphinxTransform
from sphinx_exercise.nodes import exercise_subtitle, is_exercise_node, solution_node

#: Minutes for an easy, a medium and a hard exercise; one without a level is taken for medium.
LEVELS = ("easy", "medium", "hard")
MINUTES = {"Predict": (3, 5, 8), "Compute": (8, 12, 20), "Break": (8, 12, 20), "Prove": (8, 15, 25)}

_FOLDS = re.compile(r"<details><summary>(?:Solution(?:, continued)?|Hint \d+)</summary>|</details>")
_VERDICT = '<div style="border-left: 0.3em solid'


def _is_hint(node):
    return isinstance(node, nodes.admonition) and "hint" in node["classes"]


def _helps(document):
    """List the hints and the solution of each exercise, in groups of siblings."""
    groups, last = [], None
    for node in document.findall(lambda n: _is_hint(n) or isinstance(n, solution_node)):
        if last is None or isinstance(last, solution_node) or node.parent.index(node) != last.parent.index(last) + 1:
            groups.append([])
        groups[-1].append(node)
        last = node
    return groups


class Strips(SphinxTransform):
    """Put hints and solution into strips; drop verdicts on stubs, and what folds in notebooks."""

    default_priority = 20  # after the parts of solutions are put together

    def apply(self, **kwargs):
        for node in list(self.document.findall(nodes.raw)):
            if _FOLDS.fullmatch(node.astext().strip()):
                node.parent.remove(node)
        for exercise in list(self.document.findall(is_exercise_node)):
            for node in list(exercise.findall(nodes.raw)):
                if node.astext().startswith(_VERDICT):
                    while "cell_output" not in node.parent["classes"]:
                        node = node.parent
                    node.parent.remove(node)
            for box in list(exercise.findall(nodes.container)):
                if "cell_output" in box["classes"] and not box.children:
                    box.parent.remove(box)
        for group in _helps(self.document):
            head = f'<div class="helps" style="--helps: {len(group)}">'
            for place, node in enumerate(group):
                name = "Solution" if isinstance(node, solution_node) else node[0].astext()
                node["classes"] = [name for name in node["classes"] if name != "dropdown"]
                holder, at = node.parent, node.parent.index(node)
                opening = f'{head}<details style="--help: {place}"><summary>{escape(name)}</summary>'
                closing = "</details>" + ("</div>" if node is group[-1] else "")
                holder.insert(at + 1, nodes.raw("", closing, format="html"))
                holder.insert(at, nodes.raw("", opening, format="html"))
                head = ""


class exercise_list(nodes.General, nodes.Element):
    """Stands for the list until all chapters were read."""


class ExerciseList(Directive):
    """Write the table of all exercises."""

    def run(self):
        return [exercise_list()]


def exercises_of(env):
    """List (chapter, label, number, title, kind, level, minutes) for the exercises of the book, in reading order."""
    found = []
    for label, entry in env.sphinx_exercise_registry.items():
        docname = entry["docname"]
        number = env.toc_fignumbers.get(docname, {}).get("exercise", {}).get(label)
        if not (entry["type"].startswith("exercise") and number and CHAPTER.match(docname)):
            continue
        text = next(entry["node"].findall(exercise_subtitle)).astext().strip().strip("()")
        title, _, last = text.rpartition(" · ")
        title, level = (title, last) if last in LEVELS else (text, "")
        kind, colon, about = title.partition(": ")
        kind, about = (kind, about) if colon and kind in MINUTES else (re.match(r"\w+", title)[0], title)
        minutes = MINUTES.get(kind, MINUTES["Break"])[LEVELS.index(level or "medium")]
        found.append((docname, label, number, about[:1].upper() + about[1:], kind, level, minutes))
    return sorted(found, key=lambda item: item[2])


def table_of(app, here, env):
    """Return the list as an HTML table, with a row of its own at the head of each chapter."""
    rows, chapter = [], None
    everything = exercises_of(env)
    for docname, label, number, about, kind, level, minutes in everything:
        address = app.builder.get_relative_uri(here, docname)
        if docname != chapter:
            chapter = docname
            own = [item for item in everything if item[0] == docname]
            title = f"{number[0]}. {escape(env.titles[docname].astext())}"
            minutes_of_all = sum(item[-1] for item in own)
            sums = f'{len(own)} exercises, {minutes_of_all} minutes<span class="answer-count"></span>'
            rows.append(
                f'</tbody><tbody><tr><th colspan="5" scope="rowgroup"><a href="{escape(address)}">{title}</a> '
                f"<small>{sums}</small></th></tr>"
            )
        link = f'<a href="{escape(address)}#{label}">{".".join(map(str, number))}</a>'
        rows.append(
            f'<tr><td>{link} {mark(label)}</td><th scope="row">{escape(about)}</th><td>{kind}</td>'
            f"<td>{level or '–'}</td><td>{minutes}</td></tr>"
        )
    _, label, number, *_ = everything[0]
    address = f"{app.builder.get_relative_uri(here, everything[0][0])}#{label}"
    first = f'<a href="{escape(address)}">Next unsolved: {".".join(map(str, number))}</a>'
    nothing = f"Solved 0 of {len(everything)}. {first}"  # as the script writes it, so that the page stands still
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Number", "Exercise", "Kind", "Difficulty", "Minutes"))
    body = "".join(rows).removeprefix("</tbody>")
    return (
        f'<div class="answer-progress"><span>{nothing}</span>'
        '<button type="button">Forget what was solved</button></div>'
        '<div class="pst-scrollable-table-container"><table class="table exercise-list">'
        f"<thead><tr>{head}</tr></thead>{body}</tbody></table></div>"
    )


def write_list(app, doctree, docname):
    for node in list(doctree.findall(exercise_list)):
        node.replace_self(nodes.raw("", table_of(app, docname, app.env), format="html"))


def setup(app):
    app.add_node(exercise_list)
    app.add_directive("exercise-list", ExerciseList)
    app.add_transform(Strips)
    app.connect("doctree-resolved", write_list)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
