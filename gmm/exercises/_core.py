"""From an answer to a verdict: the catalogue of the exercises, and how an answer is compared with the right one."""

from __future__ import annotations

import copy
import functools
import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy as np

from gmm.exercises import _diagnosis, _guard, _repair, _session
from gmm.exercises._show import Verdict, show

#: Exercise label -> exercise. Filled by the modules `chapter_NN` of this package.
EXERCISES: dict[str, Exercise] = {}


class Refusal(Exception):
    """What `via` raises for an answer that cannot be judged; its text is the verdict."""


#: Stands for a case in which a function gave no value.
_FAILED = object()


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
    returns : tuple of str
        What the parts of a returned tuple are called.
    via : callable, optional
        Turns the reader's answer into what is compared with the reference, for answers of which many are right.
    judge : callable, optional
        From the answer to None if it is right, and to what is wrong with it otherwise; instead of cases.
    asks : str
        What is handed in where there are cases: ``"function"`` or ``"class"``.
    page : object, optional
        How the book's page asks, where the reference does not tell: one of the classes of `_page`.
    """

    label: str
    reference: object
    cases: Sequence[tuple] = ()
    mistakes: Sequence[Mistake] = ()
    rtol: float = 1e-7
    returns: tuple[str, ...] = ()
    via: Callable | None = None
    judge: Callable | None = None
    asks: str = "function"
    page: object = None
    memory: dict = field(default_factory=dict, compare=False, repr=False)

    def results(self, function):
        """What one of the exercise's own functions returns in each case; computed once."""
        if function not in self.memory:
            self.memory[function] = [_result(function, case) for case in self.cases]
        return self.memory[function]

    def names(self):
        """The names of the arguments."""
        if isinstance(self.reference, np.ufunc):
            return ("x",)
        return tuple(inspect.signature(self.reference).parameters)


def _result(function, case):
    with _guard.quiet():
        try:
            return function(*copy.deepcopy(case))
        except Exception:  # a wrong function may fail where the right one does not
            return _FAILED


def exercise(
    label: str,
    reference: Any,
    *,
    cases: Sequence[Any] = (),
    mistakes: Sequence[tuple[Any, str]] = (),
    rtol: float = 1e-7,
    returns: Sequence[str] = (),
    via: Callable[..., Any] | None = None,
    judge: Callable[..., Any] | None = None,
    asks: str = "function",
    page: Any = None,
) -> None:
    """Register an exercise.

    Parameters
    ----------
    label : str
        ``ex-…``, as in the chapter.
    reference : callable or value
        The right answer.
    cases : sequence of tuple
        For a function: the arguments of each case, simplest first. Arguments carry the names that the reference
        gives them.
    mistakes : sequence of (wrong answer, message)
        The usual mistakes. A function is recognised if it agrees with the wrong one in every case.
    rtol : float
        Relative tolerance.
    returns : sequence of str
        Names of the parts, if a tuple is returned.
    via : callable, optional
        Makes of the reader's function the one that is compared, where many answers are right.
    judge : callable, optional
        Decides alone: from the answer to None (right) or to a message. Runs under the same guard as an answer;
        what it raises at the reader's line is shown there. `reference` is then an answer that is right.
    asks : str
        ``"class"`` if the reader hands in a class.
    page : Choices, Pieces, Numbers or Rare, optional
        How the book's page asks for a value that is chosen from a few or judged by a program.

    Raises
    ------
    ValueError
        If the label is taken.
    """
    if label in EXERCISES:
        raise ValueError(f"exercise {label!r} exists already")
    wrong = tuple(Mistake(answer, message) for answer, message in mistakes)
    EXERCISES[label] = Exercise(label, reference, tuple(cases), wrong, rtol, tuple(returns), via, judge, asks, page)


@functools.cache
def _load():
    for module in iter_modules(import_module("gmm.exercises").__path__):
        if module.name.startswith("chapter_"):
            import_module(f"gmm.exercises.{module.name}")


def check(label: str, answer: Any) -> None:
    """Check an answer to an exercise of the book, and say what is right or wrong with it.

    Your function is run on small cases, some of them nasty, and compared with a reference. Usual mistakes are
    recognised by what they do to the numbers; for any other the smallest case that fails is shown. Where one small
    change in the source of your function would make every case right, such as another axis, the line is named. In a
    notebook the verdict is a small box, elsewhere plain text.

    Nothing is sent anywhere; what you did is kept for :func:`progress`. A stub that is as the book has it is no answer,
    and the book's own solution earns nothing.

    Your function runs for a few seconds at most and may use half a gigabyte, its printed output is cut after a
    screenful, and input() and quit() are refused. A function compiled by Numba is run as plain Python first, because
    compiled code cannot be interrupted. Nor can a single call into C that never returns, such as
    ``sum(itertools.count())``; then restart the kernel.

    Parameters
    ----------
    label : str
        The exercise's label, ``ex-…``.
    answer : callable, number or array
        Your function where the exercise asks for one, not called; otherwise your value.

    Raises
    ------
    TypeError
        If `label` is no text.
    ValueError
        If there is no exercise of that label; close matches are named.
    """
    _guard.refuse_inside(_INSIDE)
    _load()
    place = _session.place_in_book(label) if isinstance(label, str) else None
    found = _NOTHING if place == "question" else examine(label, answer)
    if found == _NOTHING and _on_a_page():
        return
    if found.status in ("right", "wrong") and place != "solution":
        with _session.record(label) as entry:
            first = found.right and not entry.right
            entry.attempts += 1
            entry.right |= found.right
        further = _session.next_text() if first and not _on_a_page() else _help(label, entry)
        found = Verdict(found.status, found.message, (*found.details, *filter(None, [further])))
    show(found)


def _on_a_page():
    """Whether what is shown goes to the book's pages, as when its notebooks are run or tested."""
    return os.environ.get("GMM_QUIET", "") not in ("", "0")


def _help(label, entry):
    """What helps somebody whose second answer is wrong, or None."""
    if entry.attempts < 2 or entry.right or label not in _session.texts():
        return None
    if entry.hints < len(_session.texts()[label]["hints"]):
        return f'A hint: exercises.hint("{label}")'
    return f'The solution: exercises.solution("{label}")'


def examine(label: str, answer: Any) -> Verdict:
    """Return what :func:`check` shows, without showing or counting it.

    Parameters
    ----------
    label : str
    answer : callable, number or array

    Returns
    -------
    Verdict
        With the attributes ``right``, ``status``, ``message``, ``details`` and ``text``.

    Raises
    ------
    TypeError, ValueError
        As :func:`check`.
    """
    _guard.refuse_inside(_INSIDE)
    _load()
    if isinstance(label, str) and label not in EXERCISES and label in _session.texts():
        message = "no program checks this exercise. Write your answer down, then compare it with the solution: "
        return Verdict("note", f'{label}: {message}exercises.solution("{label}", anyway=True)')
    _session.checked_label(label, {**_session.texts(), **EXERCISES})
    task = EXERCISES[label]
    if task.asks == "class" and answer is not None and answer is not ... and not isinstance(answer, type):
        text = f"a class is asked for: pass the class itself, without parentheses. This is: {_diagnosis.show(answer)}."
        return Verdict("wrong", text)
    return examined(task, answer)


def examined(task, answer):
    """The verdict on an answer to an exercise."""
    plain = getattr(answer, "py_func", None)
    if plain is not None:  # compiled by Numba: what ends as plain Python ends, and tells its lines
        found = examined(task, plain)
        if not found.right:
            return found
    if task.via and callable(answer):
        judged = task.via(answer)
        with_names = judged if isinstance(answer, type) else answer  # a class is not called with the case
    else:
        judged = with_names = answer
    return judge(task, judged, with_names)


def verdict(task: Exercise, answer: Any) -> str:
    """The text of the verdict on an answer, which `via` has not to be applied to."""
    return judge(task, answer, answer).text


_INSIDE = (
    "your function checks itself: the line with exercises.check is indented into it. Move it to the left margin, below "
    "the function."
)
_NOTHING = Verdict("empty", "there is no answer here so far. Write yours into the cell, and run it again.")
_NONE = Verdict(
    "empty", "there is no answer here so far: this is None. Is it assigned, and does the function end with a return?"
)
_NOT_IMPLEMENTED = Verdict(
    "empty", "there is no answer here so far. Write yours where NotImplementedError is raised, and run the cell again."
)


def judge(task, answer, written):
    """The verdict on an answer; `written` is the function as the reader wrote it."""
    if answer is None or answer is ...:
        return _NONE if answer is None else _NOTHING
    if task.judge:
        return _by_judge(task, answer)
    if not task.cases:
        return _value(task, answer)
    if not callable(answer):
        called = "It looks as if it had been called" if isinstance(answer, (np.ndarray, float, tuple)) else "This is"
        return Verdict("wrong", f"pass your function itself, without parentheses. {called}: {_diagnosis.show(answer)}.")
    problem = _wrong_parameters(task, written)
    return problem or _function(task, answer)


def _by_judge(task, answer):
    found, failure = _guard.guarded(lambda: task.judge(answer))
    if failure:
        return _failed(failure, ())
    if isinstance(found, Verdict):
        return found
    return Verdict("right", ".") if found is None else Verdict("wrong", found)


def _value(task, answer):
    if callable(answer):
        return Verdict("wrong", "a value is asked for, and this is a function. Call it, and pass what it returns.")
    answer = _diagnosis.in_form(answer, task.reference)
    if _diagnosis.same(answer, task.reference, task.rtol):
        return Verdict("right", ".")
    for recognised in (_diagnosis.same, functools.partial(_diagnosis.nearer, right=task.reference)):
        for mistake in task.mistakes:
            if recognised(answer, mistake.wrong, rtol=task.rtol):
                return Verdict("wrong", mistake.message)
    clue = _diagnosis.of_value(task, answer)
    return Verdict("wrong", clue or f"{_diagnosis.show(answer)} is not the answer.")


def _wrong_parameters(task, answer):
    """What is wrong with the parameters of a function, or None."""
    answer = getattr(answer, "py_func", answer)
    try:
        signature = inspect.signature(answer)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*task.cases[0])
    except TypeError:
        names = ", ".join(task.names())
        count = len(task.cases[0])
        mine = ", ".join(signature.parameters) or "none"
        return Verdict(
            "wrong", f"your function is called with {count} argument{'s' * (count > 1)}, ({names}); it takes ({mine})."
        )
    return None


def _function(task, answer):
    results, changed = [], [""] * len(task.cases)

    def run():
        for number, case in enumerate(task.cases):
            arguments = copy.deepcopy(case)
            try:
                results.append(answer(*arguments))
            except Exception as error:
                results.append(error)
                if isinstance(error, Refusal):
                    return
                if number == 0 or isinstance(error, (MemoryError, RecursionError)):
                    raise
            changed[number] = " and ".join(
                name
                for name, before, after in zip(task.names(), case, arguments)
                if not _diagnosis.same(before, after, 0.0)
            )

    _, failure = _guard.guarded(run)
    if failure:
        number = min(len(results), len(task.cases)) - (failure.kind == "error" or bool(failure.error))
        called = _diagnosis.arguments(task, max(number, 0))
        # A change to a function that calls itself without end leaves it at that, and its arrays may grow on the way.
        searched = failure.kind == "error" and not failure.error.startswith("RecursionError") and not task.via
        slip = _repair.slip(task, answer) if searched else None
        return _failed(failure, (*called, f"look at  {slip[0]}") if slip else called)
    expected = task.results(task.reference)
    first = _first_problem(task, results, changed, expected)
    if first is None:
        return Verdict("right", f", on all {len(results)} cases." if len(results) > 1 else ".")
    number, what = first
    if what is not None:
        return what
    shown = [_FAILED if isinstance(result, Exception) else result for result in results]
    for mistake in task.mistakes:
        if _diagnosis.makes(shown, task.results(mistake.wrong), expected, task.cases, task.rtol):
            return Verdict("wrong", mistake.message)
    if _is_random(task, answer, results):
        text = "your function gives another result each time, for the same input. Does it draw random numbers?"
        return Verdict("wrong", text)
    slip = None if task.via else _repair.slip(task, answer, number)
    return _diagnosis.of_function(task, results, expected, slip)


def _is_random(task, answer, results):
    """Whether a function that is wrong gives another result when it is called again."""

    if isinstance(results[0], Exception):
        return False
    second, failure = _guard.guarded(lambda: answer(*copy.deepcopy(task.cases[0])), printed=0)
    return failure is None and not _diagnosis.same(results[0], second, 1e-12) and _diagnosis.is_numeric(second)


def _first_problem(task, results, changed, expected):
    """The first case that is not right, with a verdict if that does not depend on the values; or None."""
    for number, (result, right) in enumerate(zip(results, expected)):  # results end at a refusal
        if result is ...:
            return number, _NOTHING
        if isinstance(result, Refusal):
            return number, Verdict("wrong", str(result))
        if isinstance(result, Exception):
            where = _guard.reader_line(result.__traceback__)
            failure = _guard.Failure("error", _guard.describe(result), where)
            return number, _failed(failure, _diagnosis.arguments(task, number))
        if result is None:
            text = "your function returned None. Does every way through it end with a return?"
            return number, Verdict("wrong", text, _diagnosis.arguments(task, number) if number else ())
        if changed[number]:
            text = f"your function changed its input {changed[number]} in place. Work on a copy."
            return number, Verdict("wrong", text)
        if not _diagnosis.same(result, right, task.rtol):
            return number, None
    return None


def _failed(failure, called):
    where = (failure.where,) if failure.where else ()
    if failure.kind == "error":
        if failure.error.startswith("NotImplementedError"):
            return _NOT_IMPLEMENTED
        return Verdict("wrong", f"your function raised {failure.error}", (*where, *called))
    if failure.kind == "refused":
        return Verdict("wrong", failure.error, where)
    if failure.kind == "memory":
        said = f" {failure.error.split(': ', 1)[-1]}." if failure.error else ""
        text = f"your function asks for more memory than such a small case can need.{said}"
    else:
        text = f"your function did not end within {_guard.SECONDS:g} seconds. Is there a loop that never stops?"
    return Verdict("wrong", text, (*where, *called))
