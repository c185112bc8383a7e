"""What the reader did since the package was imported. Kept in memory alone: nothing is written or sent."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from gmm.exercises._show import Passage, Table, Verdict, show


@dataclass
class Record:
    """Attempts at one exercise.

    Attributes
    ----------
    attempts : int
        Answers that were checked; a stub that was left as it is does not count.
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


RECORDS: dict[str, Record] = {}


@cache
def texts():
    """The exercises' texts by label, in the order of the book."""
    return json.loads(files("gmm.exercises").joinpath("texts.json").read_text(encoding="utf-8"))


def record(label):
    """The record of one exercise."""
    return RECORDS.setdefault(label, Record())


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
    entry, hints = record(label), text["hints"]
    if entry.hints >= len(hints):
        message = f"These were all {len(hints)} hints for {label}. "
        if entry.attempts or not _has_check(label):
            message += f'The solution: exercises.solution("{label}"{"" if entry.attempts else ", anyway=True"})'
        else:
            message += f'Check what you have, exercises.check("{label}", …); after that there is the solution.'
        show(Verdict("note", message))
        return
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
    entry = record(label)
    if not (entry.attempts or anyway):
        if _has_check(label):
            message = f'Try it first: exercises.check("{label}", your_answer). '
        else:
            message = "Write down an answer of your own first; no program checks this exercise. "
        show(Verdict("note", message + f'Or see it anyway: exercises.solution("{label}", anyway=True)'))
        return
    entry.solution = True
    show(Passage(f"Solution: {text['title']}", text["solution"]))


def progress(chapter: int | None = None) -> None:
    """Show how far you are: exercises tried, right, hints and solutions seen since the package was imported.

    Parameters
    ----------
    chapter : int, optional
        List the exercises of this chapter one by one, instead of the sums of all chapters.

    Raises
    ------
    ValueError
        If the chapter has no exercises.
    """
    book = texts()
    chapters = sorted({text["chapter"] for text in book.values()})
    if chapter is None:
        rows = [_sums(number, book) for number in chapters]
        totals = tuple(str(sum(int(row[k]) for row in rows)) for k in range(1, 6))
        head = ("chapter", "exercises", "tried", "right", "hints", "solutions")
        show(Table("Exercises in this session", head, (*rows, ("all", *totals))))
        return
    if chapter not in chapters:
        raise ValueError(f"chapter must be one of {', '.join(map(str, chapters))}, got {chapter!r}")
    rows = []
    for label, text in book.items():
        if text["chapter"] == chapter:
            entry = RECORDS.get(label, Record())
            right = "yes" if entry.right else "no" if _has_check(label) else "–"
            hints = f"{entry.hints} of {len(text['hints'])}"
            rows.append((label, text["level"], str(entry.attempts), right, hints, "yes" if entry.solution else "no"))
    head = ("exercise", "level", "attempts", "right", "hints", "solution")
    show(Table(f"Chapter {chapter} in this session", head, tuple(rows)))


def _sums(chapter, book):
    labels = [label for label, text in book.items() if text["chapter"] == chapter]
    entries = [RECORDS.get(label, Record()) for label in labels]
    title = book[labels[0]]["chapter_title"]
    counts = (
        len(labels),
        sum(entry.attempts > 0 for entry in entries),
        sum(entry.right for entry in entries),
        sum(entry.hints for entry in entries),
        sum(entry.solution for entry in entries),
    )
    return (f"{chapter}. {title}", *map(str, counts))


def _has_check(label):
    """Whether a program checks the exercise: any but a proof."""
    return not texts()[label]["title"].startswith("Prove:")
