"""Let the interactive figures of the book share one script and one style.

A notebook's output carries both, so that it works alone. On the built pages they are taken out of each output and
loaded from two files, on those pages only that hold such a figure. Each kind has a script of its own, and the compiled
kernels are loaded when the reader comes near one.
"""

import re
from pathlib import Path

from docutils import nodes

from gmm.widgets import _live
from gmm.widgets._page import BEGIN, END

OWN = re.compile(f"<(script|style)>{re.escape(BEGIN)}.*?{re.escape(END)}</\\1>\n?", re.S)
KIND = re.compile('class="gmm-live" data-kind="([^"]+)"')


def files():
    """Name and text of each shared file."""
    return {
        "gmm-live.js": _live.script(),
        "gmm-live.css": _live.style(),
        "gmm-kernels.js": _live.kernels(),
    } | {f"gmm-live-{kind}.js": _live.script(kind) for kind in _live.kinds()}


def share(app, doctree, docname):
    """Take the shared parts out of the outputs of a page."""
    for node in doctree.findall(nodes.raw):
        text = node.astext()
        if KIND.search(text):
            text = OWN.sub("", text)
            node.children = [nodes.Text(text)]
            node.rawsource = text


def load(app, pagename, templatename, context, doctree):
    """Load the shared files on a page with such a figure."""
    kinds = sorted(set(KIND.findall(context.get("body", ""))))
    if kinds:
        app.add_css_file("gmm-live.css")
    for script in ["gmm-live.js", *(f"gmm-live-{kind}.js" for kind in kinds)] if kinds else []:
        app.add_js_file(script, loading_method="defer")


def write(app, exception):
    """Write the shared files once the pages are written."""
    if exception is None and app.builder.format == "html":
        static = Path(app.outdir) / "_static"
        static.mkdir(exist_ok=True)
        for name, text in files().items():
            (static / name).write_text(text, encoding="utf-8")


def setup(app):
    app.connect("doctree-resolved", share)
    app.connect("html-page-context", load)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
