"""What the other tools and the tests know about the book's pages: where they are, what they define.

Everything is read from the sources (``_toc.yml`` and the notebooks), never from a built book.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"

# MyST ways to number an equation: the directive, and the dollar form with the label behind it.
_DIRECTIVE = re.compile(r"^(?P<fence>`{3,}|:{3,})\{math\}[ \t]*\n(?P<body>.*?)^(?P=fence)[ \t]*$", re.M | re.S)
_DIRECTIVE_LABEL = re.compile(r"^:label:[ \t]*(?P<label>\S+)[ \t]*$", re.M)
_DOLLARS = re.compile(r"\$\$(?P<body>.+?)\$\$(?:[ \t]*\((?P<label>[^()\s]+)\))?", re.S)
_EQ_ROLE = re.compile(r"\{eq\}`(?:[^`<]*<)?(?P<label>[^`>]+)>?`")
_FENCE = re.compile(r"^\s*(?P<fence>`{3,}|:{3,})(?P<name>\{[\w:-]+\})?(?P<rest>.*)$")
# Directives whose content is shown, not set.
_VERBATIM = {"{code}", "{code-block}", "{code-cell}", "{literalinclude}", "{eval-rst}"}


def visible(text):
    """Return MyST text without the content of code blocks."""
    kept, fences = [], []  # of (fence, whether its content is hidden), innermost last
    for line in text.splitlines():
        match = _FENCE.match(line)
        hidden = bool(fences) and fences[-1][1]
        if match:
            fence, name, rest = match["fence"], match["name"], match["rest"].strip()
            closes = fences and not name and not rest and fence.startswith(fences[-1][0])
            if closes:
                fences.pop()
            elif not hidden and (name or fence[0] == "`"):
                fences.append((fence, name is None or name in _VERBATIM))
                hidden = fences[-1][1]
            if not hidden:
                kept.append(line)
        elif not hidden:
            kept.append(line)
    return "\n".join(kept)


@dataclass(frozen=True)
class Equation:
    """A numbered equation of a chapter: its label, its TeX, and the chapter's file name."""

    label: str
    tex: str
    chapter: str

    @property
    def is_step(self):
        """Whether it is a step of a derivation, which has no kernel."""
        return self.label.startswith("eq-step-")


def parts():
    """Read _toc.yml: a list of (caption, [files]) pairs."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [(part["caption"], [entry["file"] for entry in part["chapters"]]) for part in toc["parts"]]


def pages():
    """Names of all pages, without .html, in the order of the contents."""
    return ["book/index", *(file for _, files in parts() for file in files), "search"]


def notebooks():
    """Return the paths of the book's notebooks in reading order."""
    files = [ROOT / f"{name}.ipynb" for _, names in parts() for name in names]
    return [path for path in files if path.exists()]


def find(words):
    """Return the notebooks that ``words`` name: a path, a file name or its first characters."""
    if not words:
        return notebooks()
    chosen = []
    for word in words:
        known = [path for path in notebooks() if path.name.startswith(Path(word).name)]
        if not known:
            raise SystemExit(f"no notebook of _toc.yml is called {word}")
        chosen += known
    return chosen


def read(path):
    """Read a notebook as nbformat 4."""
    return nbformat.read(path, as_version=4)


def markdown(path):
    """Return the prose of a page: a Markdown file, or the Markdown cells of a notebook."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    return "\n\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")


def title(path):
    """Return the first heading of a page."""
    return re.search(r"^# (.+)$", markdown(path), re.M).group(1).strip()


def equations_of(text, chapter=""):
    """List the numbered equations in MyST text, in order."""
    text = visible(text)
    found = []
    for match in _DIRECTIVE.finditer(text):
        label = _DIRECTIVE_LABEL.search(match["body"])
        if label:
            tex = re.sub(r"^:[a-z-]+:.*$", "", match["body"], flags=re.M)
            found.append((match.start(), label["label"], tex))
    for match in _DOLLARS.finditer(_DIRECTIVE.sub(lambda m: " " * len(m[0]), text)):
        if match["label"]:
            found.append((match.start(), match["label"], match["body"]))
    return [Equation(label, tex.strip(), chapter) for _, label, tex in sorted(found)]


def equations():
    """List every numbered equation of the book in reading order."""
    return [eq for path in notebooks() for eq in equations_of(markdown(path), path.stem)]


def equation_references(text):
    """List the labels that ``{eq}`` roles in MyST text point at."""
    return [match["label"].strip() for match in _EQ_ROLE.finditer(visible(text))]
