from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules

import numpy as np

#: Exercise label -> exercise. Filled by the modules `chapter_NN` of this package.
EXERCISES: dict[str, Exercise] = {}


@dataclass(frozen=True)
class Mistake:
    """A usual mistake: a function or value that makes it, and what to say to somebody who made it."""

    wrong: object
    message: str


@dataclass(frozen=True)
class Exercise:
    """What an answer is checked against.

    Attributes
    ----------
    label : str
        As in the book, ``ex-…``.
    reference : object
        A function, or the value of the answer.
    cases : sequence of tuple
        Arguments that the function is called with, simplest first. Empty if the answer is a value.
    mistakes : sequence of Mistake
    rtol : float
        Relative tolerance of the comparison.
    """

    label: str
    reference: object
    cases: Sequence[tuple] = ()
    mistakes: Sequence[Mistake] = ()
    rtol: float = 1e-7


def exercise(label, reference, *, cases=(), mistakes=(), rtol=1e-7):
    """Register an exercise. `mistakes` is a sequence of pairs (wrong answer, message)."""
    if label in EXERCISES:
        raise ValueError(f"exercise {label!r} exists already")
    wrong = tuple(Mistake(answer, message) for answer, message in mistakes)
    EXERCISES[label] = Exercise(label, reference, tuple(cases), wrong, rtol)


def _load():
    for module in iter_modules(import_module("gmm.exercises").__path__):
        if module.name.startswith("chapter_"):
            import_module(f"gmm.exercises.{module.name}")


def check(label: str, answer) -> None:
    """Check an answer to an exercise of the book and print what is right or wrong with it.

    Parameters
    ----------
    label : str
        The exercise's label, ``ex-…``.
    answer : callable, number or array
        Your function where the exercise asks for one, otherwise your value.

    Raises
    ------
    ValueError
        If there is no exercise of that label.
    """
    _load()
    if label not in EXERCISES:
        known = ", ".join(sorted(EXERCISES))
        raise ValueError(f"there is no exercise {label!r}; there are: {known}")
    print(verdict(EXERCISES[label], answer))


def verdict(task: Exercise, answer) -> str:
    """What :func:`check` prints."""
    if not task.cases:
        return _verdict_value(task, answer)
    if not callable(answer):
        return f"Not yet: pass your function itself; this is {_show(answer)}."
    for case in task.cases:
        problem = _problem(task, answer, case)
        if problem:
            return problem
    return f"Right, on all {len(task.cases)} cases."


def _verdict_value(task, answer):
    if answer is None or answer is ...:
        return "Not yet: there is no answer here so far."
    if callable(answer):
        return "Not yet: a value is asked for, and this is a function."
    if _same(answer, task.reference, task.rtol):
        return "Right."
    for mistake in task.mistakes:
        if _same(answer, mistake.wrong, task.rtol):
            return f"Not yet: {mistake.message}"
    return f"Not yet: {_show(answer)} is not the answer."


def _problem(task, answer, case):
    """What is wrong on one case, or None."""
    arguments = copy.deepcopy(case)
    try:
        with np.errstate(all="ignore"):
            got = answer(*arguments)
    except Exception as error:  # the reader's code may raise anything
        return f"Not yet: your function raised {type(error).__name__}: {error}\n  called with {_show(case)}"
    if got is None or got is ...:
        return "Not yet: your function returned nothing. Does it end with a return?"
    if any(not _same(before, after, 0.0) for before, after in zip(case, arguments, strict=True)):
        return "Not yet: your function changed its input in place. Work on a copy."
    expected = task.reference(*copy.deepcopy(case))
    if _same(got, expected, task.rtol):
        return None
    for mistake in task.mistakes:
        if _makes(mistake, answer, task):
            return f"Not yet: {mistake.message}"
    if not isinstance(expected, tuple) and np.shape(got) != np.shape(expected):
        return f"Not yet: the shape should be {np.shape(expected)}, and is {np.shape(got)}."
    return f"Not yet: for {_show(case)}\n  expected {_show(expected)}\n  got      {_show(got)}"


def _makes(mistake, answer, task):
    """Whether the answer agrees with a wrong function on every case: then that is the mistake made."""
    for case in task.cases:
        try:
            with np.errstate(all="ignore"):
                got = answer(*copy.deepcopy(case))
                wrong = mistake.wrong(*copy.deepcopy(case))
        except Exception:
            return False
        if not _same(got, wrong, task.rtol):
            return False
    return True


def _same(a, b, rtol):
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(_same(x, y, rtol) for x, y in zip(a, b, strict=True))
    try:
        a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    except (TypeError, ValueError):
        return a is b
    return a.shape == b.shape and np.allclose(a, b, rtol=rtol, atol=rtol, equal_nan=True)


def _show(value):
    """A short text for any value, rounded."""
    if isinstance(value, tuple):
        return ", ".join(_show(part) for part in value)
    if isinstance(value, (np.ndarray, list, float, np.floating)):
        return np.array2string(np.asarray(value), precision=4, threshold=20, separator=", ").replace("\n", " ")
    return repr(value)
