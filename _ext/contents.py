"""Contents that fit their column, and what a reader's own browser remembers: chapters read, and where the reader was.

* The contents of a page leave the number of the chapter away, set deeper sections apart by style rather than by a word,
  and name a long heading by its short title (book/short_titles.yml).
* Each chapter ends with a button that marks it as read. A reader who scrolls through it need not press it.
* The contents of the book show the chapters that were read and how many exercises of each were solved; the first page
  leads back to where the reader was. All of that stays in the browser (book/_static/marks.js). The labels of the
  exercises are loaded only by a reader who has solved some.
"""

import json
import re
from pathlib import Path

import yaml
from chapter_numbers import CHAPTER
from docutils import nodes
from exercise_pages import exercises_of

SHORT = "book/short_titles.yml"
_NUMBER = re.compile(r"\d+\.(?=\d)")
_BUTTON = (
    '<p class="reading-mark pst-js-only">'
    '<button type="button" aria-pressed="false">I have read this chapter</button></p>'
)


def short_titles(source):
    """Read the short titles: {heading: short title}."""
    return yaml.safe_load((Path(source) / SHORT).read_text(encoding="utf-8"))


def shorten(contents, short):
    """Shorten the entries of a page's contents, a parsed list of links, in place."""
    for link in contents.select("li.toc-h2 > a"):
        number, _, title = link.get_text().partition(" ")
        if not _NUMBER.match(number):
            number, title = "", link.get_text()
        whole = title
        deeper = title.startswith("Deeper: ")
        if deeper:
            title = title.removeprefix("Deeper: ")
            title = title[0].upper() + title[1:]
        number = _NUMBER.sub("", number, count=1).rstrip(".")
        link.string = f"{number} {short.get(title, title)}".lstrip()
        if title in short:
            link["title"] = whole
        if deeper:
            link["class"] = [*link.get("class", []), "deeper"]


def shorten_contents(app, pagename, templatename, context, doctree):
    """Let the theme list a chapter's sections by their short titles."""
    generate = context.get("generate_toc_html")
    if generate is None or not CHAPTER.match(pagename):
        return
    short = short_titles(app.srcdir)

    def generate_short(kind="html"):
        contents = generate(kind)
        if hasattr(contents, "select"):
            shorten(contents, short)
        return contents

    context["generate_toc_html"] = generate_short


def put_marks(app, doctree, docname):
    """End a chapter with the button that marks it as read; begin the first page with the way back."""
    if app.builder.name != "html":
        return
    if CHAPTER.match(docname):
        next(doctree.findall(nodes.section)).append(nodes.raw("", _BUTTON, format="html"))
    for box in list(doctree.findall(nodes.container)):
        if "landing-buttons" in box["classes"]:
            text = Path(__file__).with_name("resume.html").read_text(encoding="utf-8")
            box.parent.insert(box.parent.index(box) + 1, nodes.raw("", text, format="html"))


def write_exercises(app, exception):
    """Write the labels of each chapter's exercises, for the counts in the contents."""
    if exception is not None or app.builder.name != "html":
        return
    labels = {}
    for docname, label, *_ in exercises_of(app.env):
        labels.setdefault(docname.rpartition("/")[2], []).append(label)
    text = json.dumps({name: " ".join(own) for name, own in labels.items()}, separators=(",", ":"))
    (Path(app.outdir) / "_static" / "exercises.js").write_text(f"gmmExerciseLabels({text})\n", encoding="utf-8")


def setup(app):
    app.connect("html-page-context", shorten_contents, priority=900)  # after the theme's
    app.connect("doctree-resolved", put_marks, priority=900)  # below the links at the end of a chapter
    app.connect("build-finished", write_exercises)
    app.add_js_file("marks.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
