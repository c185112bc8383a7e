"""Give each chapter a first cell that installs the package on Colab, and only there.

    python tools/colab.py owner/name --ref COMMIT

rewrites the notebooks of `book/` in place. The workflow that publishes the pages does so in a checkout of its own and
pushes the result to the branch `notebooks`, from which the buttons of the pages open Binder and Colab (_ext/launch.py).
"""

import argparse

import nbformat
from chapters import notebooks

CELL = """\
# Colab does not know the package of this book: this installs it there. Anywhere else it does nothing.
import sys

if "google.colab" in sys.modules:
    %pip install -q "git+{address}@{ref}"\
"""
ID = "install-on-colab"


def install_cell(address, ref):
    """Return the cell that installs the package from a repository at a commit, tag or branch."""
    cell = nbformat.v4.new_code_cell(CELL.format(address=address, ref=ref), id=ID)
    cell.metadata["tags"] = ["remove-cell"]
    return cell


def add_install_cell(path, address, ref):
    """Put the cell at the head of a notebook, in the place of an earlier one."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [install_cell(address, ref), *(cell for cell in notebook.cells if cell.get("id") != ID)]
    nbformat.write(notebook, path)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("repository", help="owner/name on GitHub, or the address of a git repository")
    parser.add_argument("--ref", default="main", help="commit, tag or branch to install (main)")
    options = parser.parse_args(arguments)
    address = options.repository
    if "://" not in address:
        address = f"https://github.com/{address}"
    for path in notebooks():
        add_install_cell(path, address, options.ref)
        print(f"{path.name}: installs {address}@{options.ref} on Colab")


if __name__ == "__main__":
    main()
