"""What holds for every exercise with a check: the answer, the usual mistakes, other wrong answers, no answer."""

import numpy as np
import pytest

from gmm.exercises import _core, _diagnosis, examine
from gmm.exercises._core import verdict

_core._load()
EXERCISES = _core.EXERCISES
ALL = sorted(EXERCISES)
FUNCTIONS = [label for label in ALL if EXERCISES[label].cases]
VALUES = [label for label in ALL if not EXERCISES[label].cases and not EXERCISES[label].judge]
MISTAKES = [(label, number) for label in ALL for number in range(len(EXERCISES[label].mistakes))]


def numeric(value):
    """Whether an answer consists of numbers alone."""
    return all(map(numeric, value)) if isinstance(value, tuple) else np.asarray(value).dtype.kind in "biuf"


def first(label):
    return EXERCISES[label].results(EXERCISES[label].reference)[0]


NUMERIC = [label for label in FUNCTIONS if numeric(first(label))]


def altered(answer):
    """A wrong answer of the same kind that follows no rule."""
    if isinstance(answer, tuple):
        return (*answer[:-1], altered(answer[-1]))
    answer = np.asarray(answer, dtype=float)
    return answer * (1.37 + 0.11 * np.cos(np.arange(answer.size)).reshape(answer.shape)) + 0.0317


@pytest.mark.parametrize("label", ALL)
def test_the_reference_is_right(label):
    text = verdict(EXERCISES[label], EXERCISES[label].reference)
    count = len(EXERCISES[label].cases)
    assert text == ("Right." if count < 2 else f"Right, on all {count} cases.")


@pytest.mark.parametrize(("label", "number"), MISTAKES)
def test_each_usual_mistake_is_named(label, number):
    mistake = EXERCISES[label].mistakes[number]
    assert verdict(EXERCISES[label], mistake.wrong) == f"Not yet: {mistake.message}"


@pytest.mark.parametrize("label", ALL)
def test_at_least_three_mistakes_have_messages_of_their_own(label):
    messages = [mistake.message for mistake in EXERCISES[label].mistakes]
    assert len(set(messages)) >= 3
    assert all(message.rstrip().endswith((".", "?", "!")) for message in messages)


@pytest.mark.parametrize("label", NUMERIC)
def test_any_other_wrong_function_is_shown_the_smallest_case(label):
    task = EXERCISES[label]
    found = _core.judge(task, lambda *a: altered(task.reference(*a)), task.reference)
    smallest = min(range(len(task.cases)), key=lambda k: sum(np.size(argument) for argument in task.cases[k]))
    called, expected, got = found.details
    assert called.split() == _diagnosis.arguments(task, smallest)[0].split()
    assert expected.startswith("expected")
    assert got.startswith("got")
    assert expected.split("  ", 1)[1] != got.split("  ", 1)[1]


@pytest.mark.parametrize("label", VALUES)
def test_any_other_wrong_value_is_refused(label):
    reference = EXERCISES[label].reference
    wrong = altered(reference)
    text = verdict(EXERCISES[label], wrong)
    assert text.startswith("Not yet: ")
    assert text.removeprefix("Not yet: ") not in [mistake.message for mistake in EXERCISES[label].mistakes]


@pytest.mark.parametrize("label", ALL)
def test_nothing_is_not_yet_an_answer(label):
    empty = (
        "Not yet: there is no answer here so far. Write yours into the cell, and run it again.",
        "Not yet: there is no answer here so far: this is None. Is it assigned, and does the function end with a "
        "return?",
        "Not yet: there is no answer here so far. Write yours where NotImplementedError is raised, and run the cell "
        "again.",
    )

    def unwritten(*arguments):
        raise NotImplementedError

    assert verdict(EXERCISES[label], ...) == empty[0]
    assert verdict(EXERCISES[label], None) == empty[1]
    if label in FUNCTIONS:
        assert verdict(EXERCISES[label], lambda *a: ...) == empty[0]
        assert verdict(EXERCISES[label], unwritten) == empty[2]
        assert verdict(EXERCISES[label], lambda *a: None).startswith("Not yet: your function returned None.")


@pytest.mark.parametrize("label", ALL)
def test_values_and_functions_are_told_apart(label):
    if EXERCISES[label].asks == "class":
        for answer in (3.5, lambda X: X, type("Mine", (), {})()):
            assert examine(label, answer).message.startswith(
                "a class is asked for: pass the class itself, without parentheses. This is: "
            )
    elif label in FUNCTIONS:
        assert verdict(EXERCISES[label], 3.5).startswith("Not yet: pass your function itself, without parentheses.")
    elif label in VALUES:
        assert verdict(EXERCISES[label], abs).startswith("Not yet: a value is asked for, and this is a function.")


@pytest.mark.parametrize("label", FUNCTIONS)
def test_the_number_of_parameters_is_told(label):
    count = len(EXERCISES[label].cases[0])
    text = verdict(EXERCISES[label], lambda: 1.0)
    assert text.startswith(f"Not yet: your function is called with {count} argument")
    assert text.endswith("it takes (none).")


STRANGE = {
    "integers": lambda right: np.asarray(np.floor(np.asarray(right, dtype=float) * 3.3), dtype=int),
    "truth": lambda right: np.asarray(right, dtype=float) > 1.0,
    "complex": lambda right: np.asarray(right) + 1j,
    "nothing": lambda right: np.array([]),
    "ragged": lambda right: [[1.0], [2.0, 3.0]],
    "text": lambda right: "a text",
    "dictionary": lambda right: {"weights": right},
    "objects": lambda right: np.array([object()]),
    "infinite": lambda right: np.full(np.shape(right), np.inf),
    "zero": lambda right: np.zeros(np.shape(right)),
    "huge": lambda right: np.full(np.shape(right), 1e300),
    "more axes": lambda right: np.stack([np.asarray(right, dtype=float)] * 2),
}


# A third of all pairs: what is asked does not decide how a strange answer is taken.
@pytest.mark.parametrize(
    ("label", "kind"),
    [(label, kind) for i, label in enumerate(NUMERIC) for j, kind in enumerate(STRANGE) if (i + j) % 3 == 0],
)
def test_strange_results_are_answered_too(label, kind):
    task = EXERCISES[label]

    def answer(*arguments):
        right = task.reference(*arguments)
        return tuple(map(STRANGE[kind], right)) if isinstance(right, tuple) else STRANGE[kind](right)

    found = _core.judge(task, answer, task.reference)
    # Of some answers, numbers of another size or kind make the right one again.
    no_numbers = kind in ("complex", "nothing", "ragged", "text", "dictionary", "objects")
    assert found.status in (("wrong",) if no_numbers else ("right", "wrong"))
    assert found.text
    assert _core.judge(task, lambda *a: STRANGE[kind](1.0), task.reference).text


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("label", VALUES)
def test_strange_values_are_answered_too(label, kind):
    assert verdict(EXERCISES[label], STRANGE[kind](1.5)).startswith("Not yet: ")


@pytest.mark.parametrize(
    ("label", "answer", "message"),
    [
        ("ex-loglik-spike", 2.3, "right for one sample. How many waits are exactly 79?"),
        ("ex-loglik-saddle", 184.0, "that is the variance; the width is its square root."),
        ("ex-gaussian-outside", -0.0111, "the sign is wrong: this is minus the answer."),
        ("ex-gaussian-outside", 1.111, "this is in per cent; give the fraction."),
    ],
)
def test_known_wrong_values_with_fewer_digits_are_named(label, answer, message):
    assert verdict(EXERCISES[label], answer) == f"Not yet: {message}"
