"""Let the interactive figures of the book share one script and one style.

A notebook's output carries both, so that it works alone. On the built pages they are taken out of each output and
loaded from two files, on those pages only that hold such a figure.
"""

import re
from pathlib import Path

from docutils import nodes

from gmm.widgets._page import BEGIN, END, script, style

FILES = {"script": "gmm-widgets.js", "style": "gmm-widgets.css"}
OWN = {tag: re.compile(f"<{tag}>{re.escape(BEGIN)}.*?{re.escape(END)}</{tag}>\n?", re.S) for tag in FILES}
MARK = 'class="gmm-widget"'


def share(app, doctree, docname):
    """Take the shared parts out of the outputs of a page."""
    for node in doctree.findall(nodes.raw):
        text = node.astext()
        if MARK in text:
            for own in OWN.values():
                text = own.sub("", text)
            node.children = [nodes.Text(text)]
            node.rawsource = text


def load(app, pagename, templatename, context, doctree):
    """Load the shared files on a page with such a figure."""
    if MARK in context.get("body", ""):
        app.add_js_file(FILES["script"], loading_method="defer")
        app.add_css_file(FILES["style"])


def write(app, exception):
    """Write the shared files once the pages are written."""
    if exception is None and app.builder.format == "html":
        static = Path(app.outdir) / "_static"
        static.mkdir(exist_ok=True)
        (static / FILES["script"]).write_text(script(), encoding="utf-8")
        (static / FILES["style"]).write_text(style(), encoding="utf-8")


def setup(app):
    app.connect("doctree-resolved", share)
    app.connect("html-page-context", load)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
