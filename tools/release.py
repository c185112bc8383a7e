"""Set the version of a release, or say whether a tag agrees with it.

``python tools/release.py 0.2.0`` writes the version and today's date where they stand: in ``gmm/__init__.py``, from
which the wheel has it, in CITATION.cff, and in CHANGELOG.md, where the section "Unreleased" gets them as its title.
``python tools/release.py v0.2.0`` is for the tag: it changes nothing and lists what speaks against it.
"""

import datetime
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACES = {
    "gmm/__init__.py": r'^__version__ = "(.+)"$',
    "CITATION.cff": r"^version: (.+)$",
    "CHANGELOG.md": r"^## (\d\S*)",
}


def versions(root=ROOT):
    """Return {file: the version that it names first, or None}."""
    found = {name: re.search(at, (root / name).read_text(encoding="utf-8"), re.M) for name, at in PLACES.items()}
    return {name: match and match[1] for name, match in found.items()}


def faults(tag=None, root=ROOT):
    """List what speaks against a release with this tag; without a tag, what disagrees."""
    found = versions(root)
    wanted = tag.removeprefix("v") if tag else found["gmm/__init__.py"]
    wrong = [f"{name} says {version}, not {wanted}" for name, version in found.items() if version != wanted]
    if tag and "## Unreleased" in (root / "CHANGELOG.md").read_text(encoding="utf-8"):
        wrong.append('CHANGELOG.md has changes that are "Unreleased"')
    return wrong


def set_version(version, date, root=ROOT):
    """Write a version and its date (YYYY-MM-DD) into the three files; refuse before any is changed."""
    old = versions(root)["gmm/__init__.py"]
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise SystemExit(f"a version is MAJOR.MINOR.PATCH, not {version!r}")
    if [*map(int, version.split("."))] <= [*map(int, old.split("."))]:
        raise SystemExit(f"{version} does not come after {old}")
    lines = {
        "gmm/__init__.py": [(r"^__version__ = .+$", f'__version__ = "{version}"')],
        "CITATION.cff": [
            (r"^version: .+$", f"version: {version}"),
            (r"^date-released: .+$", f'date-released: "{date}"'),
        ],
        "CHANGELOG.md": [(r"^## Unreleased$", f"## {version} - {date}")],
    }
    written = {}
    for name, pairs in lines.items():
        text = (root / name).read_text(encoding="utf-8")
        for line, new in pairs:
            text, times = re.subn(line, new, text, flags=re.M)
            if times != 1:
                raise SystemExit(f"{name} has a line {line} {times} times, not once")
        written[name] = text
    for name, text in written.items():
        (root / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    if sys.argv[1:2] and not sys.argv[1].startswith("v"):
        set_version(sys.argv[1], datetime.date.today().isoformat())
    sys.exit("\n".join(faults(*[tag for tag in sys.argv[1:2] if tag.startswith("v")])))
