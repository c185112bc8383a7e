"""Make the notebooks fit to be opened outside the book's environment.

    python tools/colab.py owner/name --ref COMMIT

rewrites the notebooks of `book/` in place: their words in plain Markdown (tools/plain.py), and before them a cell that
installs the package on Colab, and anywhere else says so if it is missing, or if the `gmm` that is there is another
project's. The workflow that publishes the pages does so in a checkout of its own and pushes the result to the branch
`notebooks`, from which the buttons of the pages open Binder and Colab (_ext/launch.py). What is downloaded from the
pages is the same (_ext/downloads.py).
"""

import argparse

import nbformat
from chapters import notebooks
from plain import plain

INSTALL = """\
import sys

if "google.colab" in sys.modules:
    %pip install -q "git+{address}@{ref}"
"""
LOOK = """\
try:
    from gmm import exercises
except ImportError as error:
    raise ImportError({missing!r}) from error\
"""
MISSING = "This notebook needs the package of its book, gmm-book (plain gmm is another project): pip install {what}"
ID = "install-on-colab"


def install_cell(address, ref):
    """Return the cell that installs the package from a repository at a commit, tag or branch, or says what is missing.

    Without an address there is nothing to install it from, and the cell only says so.
    """
    what = f'"git+{address}@{ref}"' if address else ". in a copy of the book's repository"
    source = INSTALL.format(address=address, ref=ref) if address else ""
    cell = nbformat.v4.new_code_cell(source + LOOK.format(missing=MISSING.format(what=what)), id=ID)
    cell.metadata.update(tags=["remove-cell"], cellView="form", jupyter={"source_hidden": True})
    return cell


def with_install_cell(notebook, address, ref):
    """Put the cell at the head of a notebook, in the place of an earlier one."""
    notebook.cells = [install_cell(address, ref), *(cell for cell in notebook.cells if cell.get("id") != ID)]
    return notebook


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("repository", help="owner/name on GitHub, or the address of a git repository")
    parser.add_argument("--ref", default="main", help="commit, tag or branch to install (main)")
    options = parser.parse_args(arguments)
    address = options.repository
    if "://" not in address:
        address = f"https://github.com/{address}"
    rewritten = [(path, plain(nbformat.read(path, as_version=4))) for path in notebooks()]  # numbers come from them all
    for path, notebook in rewritten:
        nbformat.write(with_install_cell(notebook, address, options.ref), path)
        print(f"{path.name}: installs {address}@{options.ref} on Colab")


if __name__ == "__main__":
    main()
