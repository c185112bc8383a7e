"""Take away ids that several elements of a page share.

sphinx-exercise and sphinx-proof give the body of every box of a kind, and every proof, the same id, which
no link can mean and which is not valid HTML.
"""

from docutils import nodes

SHARED = {
    nodes.section: {"exercise-content", "solution-content", "proof-content"},
    nodes.admonition: {"proof"},
}


def drop_shared_ids(app, doctree, docname):
    """Remove the shared ids from a page before it is written."""
    for kind, shared in SHARED.items():
        for node in doctree.findall(kind):
            node["ids"] = [name for name in node["ids"] if name not in shared]


def setup(app):
    app.connect("doctree-resolved", drop_shared_ids)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
