"""Write gmm/exercises/texts.json: title, question, hints and solution of every exercise, from the notebooks.

``python tools/exercise_texts.py`` writes the file, ``--check`` only says whether it is up to date. The texts are
Markdown as a notebook shows it: cross-references have become words, code stands in fences.
"""

import json
import re
import sys
from dataclasses import dataclass, field

import generated
from chapters import BOOK, ROOT, equations_of, notebooks, read, title
from exercise_cells import unfolded
from pybtex.database import parse_file
from pybtex.richtext import Text

FILE = ROOT / "gmm" / "exercises" / "texts.json"
LEVELS = ("easy", "medium", "hard")
KINDS = ("Predict", "Compute", "Break", "Prove")

_LABEL = re.compile(r"^:label:[ \t]*(\S+)[ \t]*$", re.M)
_EXERCISE = re.compile(
    r"^(?P<fence>`{3,})\{(?P<kind>exercise|solution)(?P<part>-start|-end)?\}[ \t]*(?P<argument>[^\n]*)\n", re.M
)
_HINT = re.compile(r"^:::\{admonition\} Hint \d+\n(?P<body>.*?)^:::[ \t]*$", re.M | re.S)
_OPTIONS = re.compile(r"\A(?::[\w-]+:[^\n]*\n)*")
_CHECK = re.compile(r"^exercises\.check\(\"(?P<label>[\w-]+)\"", re.M)


@dataclass
class Found:
    """An exercise as its notebook has it. Code cells are kept as they stand, with the number of the cell."""

    label: str
    title: str
    chapter: int
    fence: str = ""
    question: list = field(default_factory=list)
    hints: list = field(default_factory=list)
    solution: list = field(default_factory=list)
    stubs: list = field(default_factory=list)
    solution_cells: list = field(default_factory=list)

    @property
    def kind(self):
        """The first word of the title: predict, compute, break or prove."""
        return self.title.split(":")[0].split(",")[0].split(" ")[0]

    @property
    def level(self):
        """What the title says of the difficulty, or an empty text."""
        last = self.title.rsplit("·", 1)[-1].strip()
        return last if last in LEVELS else ""


def _close(text, fence):
    """Split after the line that closes a fence."""
    match = re.search(rf"^{fence}[ \t]*$\n?", text, re.M)
    return (text[: match.start()], text[match.end() :]) if match else (text, "")


def of_notebook(path):
    """List the exercises of a notebook, in order."""
    found, current, place = {}, None, None
    for cell in read(path).cells:
        if cell.cell_type == "code":
            if place == "question":
                current.stubs.append(cell)
            elif place == "solution":
                current.solution_cells.append(cell)
                current.solution.append(f"```python\n{cell.source}\n```")
            continue
        rest = unfolded(cell.source) + "\n"
        while rest:
            match = _EXERCISE.search(rest)
            before = rest[: match.start()] if match else rest
            if place and before.strip():
                getattr(current, place).append(before.strip())
            elif current is not None:
                current.hints += [re.sub(r"^:class:.*\n", "", m["body"]).strip() for m in _HINT.finditer(before)]
            if match is None:
                break
            rest = rest[match.end() :]
            if match["part"] == "-end":
                rest = _close(rest, match["fence"])[1]
                place = None
                continue
            options = _OPTIONS.match(rest)[0]
            body, after = _close(rest[len(options) :], match["fence"])
            if match["kind"] == "exercise":
                label = _LABEL.search(options)[1]
                current = found[label] = Found(label, match["argument"].strip(), int(path.name[:2]))
            else:
                current = found[match["argument"].strip()]
            part = "question" if match["kind"] == "exercise" else "solution"
            if body.strip():
                getattr(current, part).append(body.strip())
            place = part if match["part"] == "-start" else None
            rest = after
    return list(found.values())


def exercises():
    """List the exercises of the book in reading order."""
    return [exercise for path in notebooks() for exercise in of_notebook(path)]


# ------------------------------------------------------------------------- cross-references


def _numbers():
    """Map each label to what a reader calls it: equations, figures, exercises by number, sections by heading."""
    names = {}
    for path in notebooks():
        chapter, cells = int(path.name[:2]), read(path).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        for number, equation in enumerate(equations_of(text), 1):
            names[equation.label] = f"({chapter}.{number})"
        figures = [cell.metadata.get("mystnb", {}).get("figure") for cell in cells]
        for number, figure in enumerate([figure for figure in figures if figure], 1):
            names[figure["name"]] = f"figure {chapter}.{number}"
        tables = re.finditer(r"^[`:]{3,}\{(?:table|list-table)\}[ \t]*(\S[^\n]*)\n((?::\w[\w-]*:.*\n)*)", text, re.M)
        for number, match in enumerate(tables, 1):
            name = re.search(r"^:name:[ \t]*(\S+)", match[2], re.M)
            if name:
                names[name[1]] = f"table {chapter}.{number}"
        for label, heading in re.findall(r"^\(([\w-]+)\)=\s*\n+#+ (.+)$", text, re.M):
            names[label] = f"the section “{heading.strip()}” of chapter {chapter}"
        for name, label in re.findall(r"\{prf:(\w+)\}[^\n]*\n:label:[ \t]*(\S+)", text):
            names[label] = f"the {name} of chapter {chapter}"
        for number, exercise in enumerate(of_notebook(path), 1):
            names[exercise.label] = f"exercise {chapter}.{number}"
        names[path.stem] = f"chapter {chapter}, {title(path)}"
    return names


def _sources():
    """Map the keys of the bibliography to “Names (year)”."""
    names = {}
    for key, entry in parse_file(BOOK / "references.bib").entries.items():
        people = entry.persons.get("author") or entry.persons["editor"]
        people = [" ".join([*person.prelast_names, *person.last_names]) for person in people]
        who = " and ".join(people) if len(people) < 3 else f"{people[0]} and others"
        names[key] = f"{Text.from_latex(who)} ({entry.fields['year']})"
    return names


def _begins(before):
    """Whether a sentence begins after this text."""
    return not before or before[-1] in ".?!"


def words(text, names, sources):
    """Return MyST text without roles and directives that only the book understands."""

    def role(match):
        kind, content = match["kind"], match["content"]
        explicit = re.fullmatch(r"(?P<text>.+?)\s*<(?P<label>[^>]+)>", content, re.S)
        if explicit:
            return explicit["text"]
        before = text[: match.start()].rstrip()
        if kind == "eq":
            if before.lower().endswith(("equation", "equations")):
                return names[content]
            return f"{'E' if _begins(before) else 'e'}quation {names[content]}"
        if kind in ("doc", "ref", "numref", "prf:ref"):
            name = names[content]
            return name[:1].upper() + name[1:] if _begins(before) else name
        if kind.startswith("cite"):
            return sources[content]
        return f"`{content}`"

    text = re.sub(r"\{(?P<kind>[\w:]+)\}`(?P<content>[^`]+)`", role, text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def texts():
    """Return what the file holds, as a dictionary by label."""
    names, sources = _numbers(), _sources()
    titles = {int(path.name[:2]): title(path) for path in notebooks()}
    found = {}
    for exercise in exercises():
        stubs = [f"```python\n{cell.source}\n```" for cell in exercise.stubs]
        heading = exercise.title.rsplit("·", 1)[0].strip() if exercise.level else exercise.title
        found[exercise.label] = {
            "chapter": exercise.chapter,
            "chapter_title": titles[exercise.chapter],
            "title": heading,
            "level": exercise.level,
            "question": words("\n\n".join([*exercise.question, *stubs]), names, sources),
            "hints": [words(hint, names, sources) for hint in exercise.hints],
            "solution": words("\n\n".join(exercise.solution), names, sources),
        }
    return found


def content():
    """Return the text of the file."""
    return json.dumps(texts(), ensure_ascii=False, indent=1) + "\n"


def is_current():
    """Whether the stored file is what would be written now."""
    return generated.is_current(FILE, content())


if __name__ == "__main__":
    sys.exit(generated.main(FILE, content(), sys.argv[1:]))
