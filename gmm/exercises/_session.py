"""What the reader did: attempts, hints, solutions. Kept in a small file of the reader's own; nothing is sent.

The file is ``exercises.json`` in the folder ``gmm-book`` among the user's data (``~/.local/share`` on Linux,
``~/Library/Application Support`` on macOS, ``%LOCALAPPDATA%`` on Windows), or the one that the variable GMM_PROGRESS
of the environment names; if that is empty, or nothing can be written, all of it is forgotten at the end.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import sys
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from gmm.exercises._show import Passage, Table, Verdict, show


@dataclass
class Record:
    """Attempts at one exercise.

    Attributes
    ----------
    attempts : int
        Answers that were checked; a stub that was left as it is does not count, nor does the book's own solution.
    right : bool
        Whether one of them was right.
    hints : int
        Hints that were shown.
    solution : bool
        Whether the solution was shown.
    """

    attempts: int = 0
    right: bool = False
    hints: int = 0
    solution: bool = False


#: Label -> record; what was touched last stands last.
RECORDS: dict[str, Record] = {}


def _file():
    """Where the records are kept, or None."""
    named = os.environ.get("GMM_PROGRESS")
    if named is not None:
        return Path(named) if named else None
    try:
        if sys.platform == "win32":
            folder = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            folder = Path.home() / "Library" / "Application Support"
        else:
            folder = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    except RuntimeError:  # a user without a home
        return None
    return folder / "gmm-book" / "exercises.json"


def _stored():
    """The records of the file; none if it can't be read."""
    file = _file()
    try:
        entries = json.loads(file.read_text(encoding="utf-8")) if file else {}
        return {label: Record(**entry) for label, entry in entries.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def records():
    """All records: those of the file, which another notebook may have written, and those of this session."""
    for label, entry in _stored().items():
        RECORDS.setdefault(label, entry)
    return RECORDS


@contextlib.contextmanager
def record(label):
    """Give the record of one exercise to be changed, and keep it afterwards."""
    entry = records().pop(label, None) or Record()
    RECORDS[label] = entry
    yield entry
    file = _file()
    if file is None:
        return
    text = json.dumps({name: asdict(kept) for name, kept in RECORDS.items()}, indent=1)
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f"{file.name}.{os.getpid()}")
        fresh.write_text(text + "\n", encoding="utf-8")
        fresh.replace(file)


def reset() -> None:
    """Forget what was tried, in this session and before."""
    RECORDS.clear()
    file = _file()
    if file is not None:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
    show(Verdict("note", "All exercises are open again."))


@cache
def texts():
    """The exercises' texts by label, in the order of the book."""
    return json.loads(files("gmm.exercises").joinpath("texts.json").read_text(encoding="utf-8"))


def place_in_book(label):
    """Whether the notebook cell that runs is, word for word, the book's ``"question"`` or ``"solution"``; or None."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    asked = shell.get_parent() if hasattr(shell, "get_parent") else {}  # the message by which a cell is run
    words = asked.get("content", {}).get("code", "").split()
    for part in ("question", "solution"):
        for code in re.findall(r"^```python\n(.*?)\n```$", texts().get(label, {}).get(part, ""), re.M | re.S):
            if code.split() == words:
                return part
    return None


def checked_label(label, known):
    """Return a label if there is such an exercise, otherwise raise an error that suggests some."""
    if not isinstance(label, str):
        raise TypeError(f"label comes first and is the exercise's name, such as 'ex-log-sum-exp'; got {_kind(label)}")
    if label in known:
        return label
    known = list(known)
    wanted = label.strip().lower().removeprefix("ex-")
    short = {name.removeprefix("ex-"): name for name in known}
    close = [short[name] for name in difflib.get_close_matches(wanted, short, n=3, cutoff=0.5)]
    close += [name for key, name in short.items() if wanted and wanted in key and name not in close][:3]
    if close:
        raise ValueError(f"there is no exercise {label!r}; did you mean {' or '.join(map(repr, close))}?")
    raise ValueError(f"there is no exercise {label!r}; exercises.progress(4) lists those of chapter 4")


def _kind(value):
    return "a function" if callable(value) else f"{value!r}"


def hint(label: str) -> None:
    """Show the next hint of an exercise; each call shows one more.

    Parameters
    ----------
    label : str
        The exercise's label, ``ex-…``, as in the book.

    Raises
    ------
    ValueError
        If there is no exercise of that label; close matches are named.
    """
    text = texts()[checked_label(label, texts())]
    entry, hints = records().get(label, Record()), text["hints"]
    if entry.hints >= len(hints):
        message = f"These were all {len(hints)} hints for {label}. "
        if entry.attempts or not _has_check(label):
            message += f'The solution: exercises.solution("{label}"{"" if entry.attempts else ", anyway=True"})'
        else:
            message += f'Check what you have, exercises.check("{label}", …); after that there is the solution.'
        show(Verdict("note", message))
        return
    with record(label) as entry:
        entry.hints += 1
    show(Passage(f"Hint {entry.hints} of {len(hints)}: {text['title']}", hints[entry.hints - 1]))


def solution(label: str, anyway: bool = False) -> None:
    """Show the solution of an exercise, once you have tried it.

    Parameters
    ----------
    label : str
        The exercise's label, ``ex-…``, as in the book.
    anyway : bool
        Show it without an attempt. A proof, which no program checks, is shown in this way.

    Raises
    ------
    ValueError
        If there is no exercise of that label; close matches are named.
    """
    text = texts()[checked_label(label, texts())]
    if not (records().get(label, Record()).attempts or anyway):
        if _has_check(label):
            message = f'Try it first: exercises.check("{label}", your_answer). '
        else:
            message = "Write down an answer of your own first; no program checks this exercise. "
        show(Verdict("note", message + f'Or see it anyway: exercises.solution("{label}", anyway=True)'))
        return
    with record(label) as entry:
        entry.solution = True
    show(Passage(f"Solution: {text['title']}", text["solution"]))


def progress(chapter: int | None = None) -> None:
    """Show how far you are: exercises done and open, hints and solutions seen, and which exercise is next.

    An exercise is done when an answer was right; a proof, which no program checks, when you have seen its solution.

    Parameters
    ----------
    chapter : int, optional
        List the exercises of this chapter one by one, instead of the sums of all chapters.

    Raises
    ------
    ValueError
        If the chapter has no exercises.
    """
    book, known = texts(), records()
    chapters = sorted({text["chapter"] for text in book.values()})
    if chapter is None:
        rows = [_sums(number, book) for number in chapters]
        totals = tuple(str(sum(int(row[k]) for row in rows)) for k in range(1, 5))
        head = ("chapter", "done", "open", "hints", "solutions")
        show(Table("Exercises", head, (*rows, ("all", *totals)), next_text()))
        return
    if chapter not in chapters:
        raise ValueError(f"chapter must be one of {', '.join(map(str, chapters))}, got {chapter!r}")
    rows = []
    for label, text in book.items():
        if text["chapter"] == chapter:
            entry = known.get(label, Record())
            hints = f"{entry.hints} of {len(text['hints'])}"
            done = "yes" if _is_done(label) else "no"
            rows.append((label, text["level"], done, str(entry.attempts), hints, "yes" if entry.solution else "no"))
    head = ("exercise", "level", "done", "attempts", "hints", "solution")
    title = next(text["chapter_title"] for text in book.values() if text["chapter"] == chapter)
    show(Table(f"{chapter}. {title}", head, tuple(rows), next_text()))


def next_one():
    """The label of the first open exercise after the last that was touched, or of the first in the book; or None."""
    order = list(texts())
    last = next((label for label in reversed(records()) if label in texts()), None)
    start = order.index(last) + 1 if last else 0
    return next((label for label in order[start:] + order[:start] if not _is_done(label)), None)


def next_text():
    """Which exercise is next, in a line."""
    label = next_one()
    if label is None:
        return "All exercises are done."
    return f"Next: {label} (chapter {texts()[label]['chapter']}), {texts()[label]['title']}"


def _is_done(label):
    entry = records().get(label, Record())
    return entry.right or (entry.solution and not _has_check(label))


def _sums(chapter, book):
    labels = [label for label, text in book.items() if text["chapter"] == chapter]
    entries = [records().get(label, Record()) for label in labels]
    done = sum(map(_is_done, labels))
    counts = (done, len(labels) - done, sum(entry.hints for entry in entries), sum(e.solution for e in entries))
    return (f"{chapter}. {book[labels[0]]['chapter_title']}", *map(str, counts))


def _has_check(label):
    """Whether a program checks the exercise: any but a proof."""
    return not texts()[label]["title"].startswith("Prove:")
