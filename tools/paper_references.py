"""Write paper/paper.bib: the entries of the book's bibliography that paper/paper.md cites.

``python tools/paper_references.py`` writes the file, ``--check`` only says whether it is up to date. The Journal of
Open Source Education wants the references of a paper beside it.
"""

import re
import sys

import generated
from chapters import BOOK, ROOT

PAPER = ROOT / "paper" / "paper.md"
FILE = ROOT / "paper" / "paper.bib"


def bibliography(paper=None, book=None):
    """Return the text of the file; a key that the book does not have is an error."""
    paper = PAPER.read_text(encoding="utf-8") if paper is None else paper
    book = (BOOK / "references.bib").read_text(encoding="utf-8") if book is None else book
    entries = {
        re.match(r"@\w+\{(\w+),", entry)[1]: entry.strip() for entry in re.split(r"^(?=@)", book, flags=re.M)[1:]
    }
    cited = re.findall(r"@(\w+)", paper)
    return "\n".join(entries[key] for key in sorted(set(cited))) + "\n"


def is_current():
    """Whether the stored file is what would be written now."""
    return generated.is_current(FILE, bibliography())


if __name__ == "__main__":
    sys.exit(generated.main(FILE, bibliography(), sys.argv[1:]))
