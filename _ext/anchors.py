"""Take away ids that several elements of a page share.

sphinx-exercise and sphinx-proof give the body of every box of a kind the same id, which no link can
mean and which is not valid HTML.
"""

from docutils import nodes

SHARED = {"exercise-content", "solution-content", "proof-content"}


def drop_shared_ids(app, doctree, docname):
    """Remove the shared ids from a page before it is written."""
    for section in doctree.findall(nodes.section):
        section["ids"] = [name for name in section["ids"] if name not in SHARED]


def setup(app):
    app.connect("doctree-resolved", drop_shared_ids)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
