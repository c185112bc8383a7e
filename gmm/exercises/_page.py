"""Exercises that can be answered on the book's pages: what a page needs to give the verdicts of :func:`check`.

A page has no Python. For each exercise that asks for values it gets a *sheet*: the right answer, the usual mistakes,
the tolerance, and what the values are called; book/_static/answers.js does with them what `_core` and `_diagnosis` do
here, and tests/book/test_answers.py holds the two together. Where a program decides (`judge`), or the answer is chosen
from a few, the exercise says by one of the classes below what the page asks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmm.exercises import _core, _diagnosis


@dataclass(frozen=True)
class Choices:
    """A few words to choose from.

    Attributes
    ----------
    words : sequence of str
    several : bool
        Whether any number of them may be chosen, and not exactly one.
    counts : bool
        Whether the answer is 1 for each that is chosen and 0 for each other, and not the numbers of those chosen,
        counted from 1.
    """

    words: Sequence[str]
    several: bool = False
    counts: bool = False

    def answers(self):
        """All that can be chosen: tuples of truth values, in the order of binary numbers (first word, lowest bit)."""
        count = len(self.words)
        if not self.several:
            return [tuple(k == chosen for k in range(count)) for chosen in range(count)]
        return [marks[::-1] for marks in itertools.product((False, True), repeat=count)]

    def handed_in(self, marks):
        """The answer of a reader who marked these."""
        if self.counts:
            return np.array(marks, dtype=int)
        numbers = [k for k, mark in enumerate(marks, 1) if mark]
        return numbers if self.several else numbers[0]

    def sheet(self, task):
        """What the page needs; each verdict is that of the check."""
        found = _numbered([_problem(task, self.handed_in(marks)) for marks in self.answers()])
        return {"kind": "choices", "several": int(self.several), **found}


@dataclass(frozen=True)
class Pieces:
    """One number, of which the judge says the same up to each limit; `odd` is for what is no such number."""

    odd: str
    limits: Sequence[tuple]

    def sheet(self, task):
        """What the page needs."""
        limits, messages = zip(*self.limits, strict=True)
        return {"kind": "pieces", "odd": self.odd, "limits": limits, **_numbered(messages)}


@dataclass(frozen=True)
class Numbers:
    """Numbers on which the script itself decides as the judge does.

    Attributes
    ----------
    kind : str
        The rule in answers.js.
    say : sequence of str
        What can be wrong, in the rule's order.
    names : sequence of str
        Of the numbers; none for a single one.
    """

    kind: str
    say: Sequence[str]
    names: Sequence[str] = ()

    def sheet(self, task):
        """What the page needs."""
        return {"kind": self.kind, "say": self.say} | ({"names": self.names} if self.names else {})


@dataclass(frozen=True)
class Rare:
    """Two numbers, each usual by itself, which together have a log-density below `level` under a mixture."""

    names: Sequence[str]
    say: Sequence[str]  # no two numbers, one of them unusual, together usual
    low: Sequence[float]
    high: Sequence[float]
    level: float
    weights: Sequence[float]
    means: Sequence
    covariances: Sequence

    def sheet(self, task):
        """What the page needs: of each component the constant, the mean and the Cholesky factor."""
        parts = []
        for weight, mean, covariance in zip(self.weights, self.means, self.covariances, strict=True):
            (a, _), (b, c) = np.linalg.cholesky(covariance)
            parts.append([round(x, 6) for x in (math.log(weight / (2 * math.pi * a * c)), *mean, a, b, c)])
        return {
            "kind": "rare", "names": self.names, "say": self.say, "low": self.low, "high": self.high,
            "level": self.level, "parts": parts,
        }  # fmt: skip


def sheet(label):
    """Return what a page needs to check answers to an exercise, as a dictionary for JSON; None if it asks for code.

    Parameters
    ----------
    label : str
        ``ex-…``.

    Returns
    -------
    dict or None
    """
    _core._load()
    task = _core.EXERCISES.get(label)
    return None if task is None else sheet_of(task)


def sheet_of(task):
    """The sheet of an exercise, or None."""
    if task.page is not None:
        return task.page.sheet(task)
    if task.cases or task.judge:
        return None
    right = np.asarray(task.reference)
    found = {
        "kind": "value",
        "right": right.ravel().tolist(),
        "rtol": task.rtol,
        "wanted": _diagnosis._wanted(task),
        "mistakes": [[np.ravel(mistake.wrong).astype(float).tolist(), mistake.message] for mistake in task.mistakes],
    }
    if right.size > 1:
        found["names"] = task.returns or [f"number {k + 1}" for k in range(right.size)]
    if right.dtype.kind in "iu":
        found["whole"] = 1
    return found


def _problem(task, answer):
    """What is wrong with an answer; None if it is right."""
    found = _core.examined(task, answer)
    return None if found.right else found.message


def _numbered(messages):
    """Each message once, and for each case the number of its message; -1 where the answer is right."""
    said = list(dict.fromkeys(message for message in messages if message is not None))
    return {"say": said, "which": [-1 if message is None else said.index(message) for message in messages]}
