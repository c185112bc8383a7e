"""Count what a chapter takes to read: ``python tools/reading.py [chapter …]`` prints words and minutes.

A section whose title begins with "Deeper:" can be skipped; it reaches to the next heading of its level. All other text
is essential. Exercises, tables, the card and folded code take no part: they take as long as they take.
"""

import re
import sys
from dataclasses import dataclass

import chapters

# What a careful reader takes, in minutes: a word of prose with symbols in it, a displayed equation, a figure, a line of
# code that the page shows.
WORD, EQUATION, FIGURE, LINE = 1 / 200, 1 / 4, 1 / 3, 1 / 30
DEEPER = "Deeper:"
_ASIDE = {"Exercises", "Further reading"}
_HEADING = re.compile(r"^(#+) (.+)$", re.M)
_EQUATION = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{math\}.*?^(?P=fence)[ \t]*$|\$\$.+?\$\$(?:[ \t]*\([\w-]+\))?", re.M | re.S
)
_TABLE = re.compile(r"^(?P<fence>`{3,}|:{3,})\{list-table\}.*?^(?P=fence)[ \t]*$", re.M | re.S)
_CARD = re.compile(r"^(?P<fence>:{3,})\{admonition\} At a glance.*?^(?P=fence)[ \t]*$", re.M | re.S)
# An exercise with its hints and its solution, which may go on over several cells: from the first mark to the second.
_TASK = re.compile(r"^`{3,}\{exercise-start\}")
_DONE = re.compile(r"^`{3,}\{solution-end\}")
_NO_WORDS = re.compile(r"^\s*(?:\||:[\w-]+:|[`:]{3,}|\([\w-]+\)=$).*$", re.M)


@dataclass
class Effort:
    """What a reading has: words, displayed equations, figures, lines of open code."""

    words: int = 0
    equations: int = 0
    figures: int = 0
    lines: int = 0

    @property
    def minutes(self):
        """The minutes that it takes."""
        return self.words * WORD + self.equations * EQUATION + self.figures * FIGURE + self.lines * LINE

    def read(self, text):
        """Add a piece of MyST text without headings."""
        text = _TABLE.sub("", _CARD.sub("", text))
        self.equations += len(_EQUATION.findall(text))
        text = re.sub(r"\$[^$]+\$", " formula ", _EQUATION.sub("", text))
        text = re.sub(r"\{[\w:]+\}`(?:([^`<]*)<)?[^`]*`", r" reference \1 ", text)
        self.words += len(re.findall(r"\w+(?:[-'’.]\w+)*", _NO_WORDS.sub("", text)))


def readings(cells):
    """Measure the cells of a notebook.

    Returns
    -------
    tuple of Effort
        Of the essential part, and of the deeper sections.
    """
    essential, deeper, aside = Effort(), Effort(), Effort()
    now, level, task = essential, 0, False
    for cell in cells:
        if cell.cell_type == "markdown":
            source, task = _without_tasks(cell.source, task)
            now.read(_before(source))
            for marks, title, text in _sections(source):
                if len(marks) <= level or now is essential:
                    now = deeper if title.startswith(DEEPER) else aside if title in _ASIDE else essential
                    level = len(marks) if now is not essential else 0
                now.words += 0 if now is aside else len(title.split())
                now.read(text)
        elif not task:
            now.figures += "figure" in cell.metadata.get("mystnb", {})
            if "hide-input" not in cell.metadata.get("tags", ()):
                now.lines += sum(bool(line.strip()) for line in cell.source.splitlines())
    return essential, deeper


def _without_tasks(source, task):
    """Leave the exercises out of a cell; `task` says whether it begins within one. Also whether it ends in one."""
    kept = []
    for block in re.split(r"\n{2,}", source):
        if _TASK.match(block):
            task = True
        if not task:
            kept.append(block)
        if _DONE.match(block):
            task = False
    return "\n\n".join(kept), task


def _marks(source):
    # Headings within directives are none, nor are comments within code.
    shown = set(_HEADING.findall(chapters.visible(source)))
    return [match for match in _HEADING.finditer(source) if match.groups() in shown]


def _before(source):
    marks = _marks(source)
    return source[: marks[0].start()] if marks else source


def _sections(source):
    marks = _marks(source)
    ends = [*(match.start() for match in marks[1:]), *([len(source)] if marks else [])]
    return [(match[1], match[2].strip(), source[match.end() : end]) for match, end in zip(marks, ends, strict=True)]


def of_chapter(path):
    """Measure a notebook; see `readings`."""
    return readings(chapters.read(path).cells)


def main():
    total = [Effort(), Effort()]
    print(f"{'':34}{'essential':>22}{'deeper':>22}")
    for path in chapters.find(sys.argv[1:]):
        parts = of_chapter(path)
        told = "".join(f"{part.words:8} words{part.minutes:5.0f} min" for part in parts)
        first = parts[0]
        print(f"{path.stem:34}{told}  {first.equations} equations, {first.figures} figures, {first.lines} lines")
        for whole, part in zip(total, parts, strict=True):
            for name in vars(part):
                setattr(whole, name, getattr(whole, name) + getattr(part, name))
    print(f"{'all':34}" + "".join(f"{part.words:8} words{part.minutes:5.0f} min" for part in total))


if __name__ == "__main__":
    main()
