"""Make the built book self-contained: it asks for nothing from outside the folder it lies in.

* Thebe, which loads a live kernel from the web, is taken off the pages. Its script is put on every
  page whether or not it is asked for, and throws when it meets itself twice.
* The ``singlehtml`` builder gets the visitors of the ``html`` one. An extension that registers a
  visitor for ``singlehtml`` by name otherwise hides all the visitors registered for ``html``.
"""

import shutil
from pathlib import Path


def drop_thebe(app, pagename, templatename, context, doctree):
    """Take Thebe's scripts and styles off a page."""

    def is_thebe(asset):
        body = str(getattr(asset, "attributes", {}).get("body", ""))
        return "thebe" in (str(getattr(asset, "filename", asset)) + body).lower()

    for kind in ("script_files", "css_files"):
        context[kind] = [asset for asset in context[kind] if not is_thebe(asset)]


def drop_thebe_files(app, exception):
    """Take Thebe's files off the written site."""
    if exception is not None or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    shutil.rmtree(static / "sphinx-thebe", ignore_errors=True)
    for name in ("sphinx-thebe.js", "sphinx-thebe.css"):
        (static / name).unlink(missing_ok=True)


def share_visitors(app):
    """Let ``singlehtml`` use every visitor that was registered for ``html``."""
    handlers = app.registry.translation_handlers
    if "singlehtml" in handlers:
        handlers["singlehtml"] = {**handlers.get("html", {}), **handlers["singlehtml"]}


def setup(app):
    app.connect("builder-inited", share_visitors)
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("build-finished", drop_thebe_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
