"""What the download button gives: the notebook in plain Markdown, with a first cell that looks for the package.

Sphinx copies the source of each page; MyST in it would be shown as it is typed on Colab, in Visual Studio Code and in
plain Jupyter. tools/plain.py rewrites the copy, and tools/colab.py gives it the first cell.
"""

import sys
from pathlib import Path

import nbformat
from launch import repository

sys.path.append(str(Path(__file__).parents[1] / "tools"))
import colab
from plain import plain


def rewrite(app, error):
    """Rewrite the copies of the notebooks in the built pages."""
    if error is not None or app.builder.format != "html":
        return
    found = repository(app.srcdir)
    address = f"https://github.com/{found}" if found else ""
    for path in Path(app.outdir, "_sources").rglob("*.ipynb"):
        source = Path(app.srcdir, path.relative_to(Path(app.outdir, "_sources")))
        notebook = plain(nbformat.read(source, as_version=4))
        nbformat.write(colab.with_install_cell(notebook, address, "main"), path)


def setup(app):
    app.connect("build-finished", rewrite)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
