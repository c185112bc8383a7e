"""Files of the repository that a tool writes from others: write one, or say whether it is up to date."""

import sys

from chapters import ROOT


def is_current(path, text):
    """Whether a stored file is what would be written now."""
    return path.exists() and path.read_text(encoding="utf-8") == text


def main(path, text, arguments):
    """Write the file, or with ``--check`` only look at it; return the exit status."""
    name = path.relative_to(ROOT)
    if "--check" not in arguments:
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"wrote {name}")
    elif not is_current(path, text):
        print(f"{name} is out of date: run make index", file=sys.stderr)
        return 1
    return 0
