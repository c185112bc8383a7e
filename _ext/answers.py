"""Exercises answered on the page: fields below each, checked by book/_static/answers.js, and how to run the others.

An exercise that asks for values or a choice gets a form with what a page needs to check it (gmm/exercises/_page.py),
packed, so that nobody reads the answer in the source by chance. With JavaScript the form takes the place of the cell
that checks in a notebook; without, that cell is what is shown. An exercise that asks for code says where its notebook
is. Proofs and code can be marked as solved by hand.

The sheets on the page, the marks in the list of exercises (`exercise_pages`) and what is kept in the browser are tied
by the exercise's label. Script and style come with the pages that have exercises, and with no other.
"""

import base64
import json
import re
import sys
import zlib
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx_exercise.nodes import is_exercise_node

sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))

from gmm.exercises import EXERCISES, _page

HOW = "As you would write it: 0.8, 4/5, 80 %, 2.5e-3, sqrt(2), ln 2. A decimal comma is read as well."


def packed(sheet):
    """Return a sheet as the script unpacks it: JSON, deflated, in base64."""
    text = json.dumps(sheet, ensure_ascii=False, separators=(",", ":")).replace("Infinity", "1e999")
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def fields(label, sheet, choices):
    """Return the fields of an answer as HTML."""
    if sheet["kind"] == "choices":
        kind = "checkbox" if choices.several else "radio"
        boxes = "".join(f'<label><input type="{kind}" name="{label}"> {escape(word)}</label>' for word in choices.words)
        legend = "Your answer: mark all that apply" if choices.several else "Your answer"
        return f'<fieldset class="answer-fields"><legend>{legend}</legend>{boxes}</fieldset>'
    names = [name[:1].upper() + name[1:] for name in sheet.get("names", ["Your answer"])]
    inputs = "".join(
        f"<label>{escape(name)} "
        f'<input type="text" size="12" autocomplete="off" autocapitalize="off" spellcheck="false" '
        f'aria-describedby="how-{label}"></label>'
        for name in names
    )
    table = " answer-table" if sheet["kind"] in ("costs", "times") else ""
    return f'<div class="answer-fields{table}">{inputs}</div>'


def mark(label):
    """Return the place where the script says what was done."""
    return f'<span class="answer-mark" data-mark="{label}"></span>'


def form(label, inner, button, **data):
    """Return a form of one exercise as HTML."""
    given = "".join(f' data-{name}="{escape(value)}"' for name, value in {"exercise": label, **data}.items())
    buttons = f'<div class="answer-row"><button type="submit">{button}</button>{mark(label)}</div>'
    return f'<form class="answer" novalidate{given}>{inner}{buttons}</form>'


def notebooks(config, docname):
    """List (name, address) of where the notebook of a page is."""
    options = config.html_theme_options
    places = [("download", f"{'../' * docname.count('/')}_sources/{docname}.ipynb")]
    where = options.get("repository_url", "").removeprefix("https://github.com/")
    buttons = options.get("launch_buttons") or {}
    if where:  # as the theme's own buttons have them
        branch = options["repository_branch"]
        if "binderhub_url" in buttons:
            address = f"{buttons['binderhub_url']}/v2/gh/{where}/{branch}?urlpath=lab/tree/{docname}.ipynb"
            places.append(("Binder", address))
        if "colab_url" in buttons:
            places.append(("Colab", f"{buttons['colab_url']}/github/{where}/blob/{branch}/{docname}.ipynb"))
    return places


def elsewhere(config, docname):
    """Return the line that says how code is run, as HTML."""
    links = " · ".join(
        f'<a href="{escape(address)}"{" download" if name == "download" else ""}>{name}</a>'
        for name, address in notebooks(config, docname)
    )
    return f'<p class="answer-notebook">Write it in the chapter’s notebook ({links}), and run the cell to check it.</p>'


def _cell_of_check(exercise, label):
    """The cell in which the notebook checks an answer, or None."""
    for cell in exercise.findall(nodes.container):
        if "cell" in cell["classes"] and f'exercises.check("{label}"' in cell.astext():
            return cell
    return None


class Answers(SphinxTransform):
    """Put a form below each exercise."""

    default_priority = 21  # after the strips

    def apply(self, **kwargs):
        for exercise in list(self.document.findall(is_exercise_node)):
            label = exercise["label"]
            sheet = _page.sheet(label)
            if sheet is not None:
                page = EXERCISES[label].page
                _cell_of_check(exercise, label)["classes"].append("answered-here")
                how = "" if sheet["kind"] == "choices" else f'<p class="answer-how" id="how-{label}">{HOW}</p>'
                html = form(
                    label,
                    fields(label, sheet, page),
                    "Check",
                    answer=packed(sheet),
                    list=f"{'../' * self.env.docname.count('/')}book/exercise_list.html",
                )
                html = html.removesuffix("</form>") + f'{how}<div class="answer-verdict" role="status"></div></form>'
            elif label in EXERCISES:
                html = elsewhere(self.config, self.env.docname) + form(label, "", "Mark as solved")
            else:
                html = form(label, "", "Mark as proved")
            exercise.append(nodes.raw("", html, format="html"))


def add_files(app, pagename, templatename, context, doctree):
    """Load script and style where there are exercises or their list."""
    if re.search(r'class="(?:answer|answer-progress)"', context.get("body", "")):
        app.add_js_file("answers.js", loading_method="defer")
        app.add_css_file("answers.css")


def lean(app, exception):
    """Leave the comments of the script, and the blanks that begin its lines, to the source."""
    path = Path(app.outdir) / "_static" / "answers.js"
    if exception is None and app.builder.name in ("html", "dirhtml") and path.exists():
        lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
        path.write_text("\n".join(line for line in lines if line and not line.startswith("//")), encoding="utf-8")


def setup(app):
    app.add_transform(Answers)
    app.connect("html-page-context", add_files)
    app.connect("build-finished", lean)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
