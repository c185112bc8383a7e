"""Say whether everything names one version: ``python tools/release.py [vX.Y.Z]``, with the tag of a release.

The version stands in pyproject.toml, gmm/__init__.py and CITATION.cff, and at the head of CHANGELOG.md. The change
log may have a section "Unreleased" above it, which has to be gone when a tag is set.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACES = {
    "pyproject.toml": r'^version = "(.+)"$',
    "gmm/__init__.py": r'^__version__ = "(.+)"$',
    "CITATION.cff": r"^version: (.+)$",
    "CHANGELOG.md": r"^## \[?(\d[^\]\s]*)",
}


def versions():
    """Return {file: the version that it names first, or None}."""
    found = {}
    for name, pattern in PLACES.items():
        match = re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), re.M)
        found[name] = match and match[1]
    return found


def faults(tag=None):
    """List what speaks against a release with this tag; without a tag, what disagrees."""
    found = versions()
    wanted = tag.removeprefix("v") if tag else found["pyproject.toml"]
    wrong = [f"{name} says {version}, not {wanted}" for name, version in found.items() if version != wanted]
    if tag and re.search(r"^## \[?unreleased", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.I | re.M):
        wrong.append('CHANGELOG.md has changes that are "Unreleased"')
    return wrong


if __name__ == "__main__":
    sys.exit("\n".join(faults(*sys.argv[1:2])))
