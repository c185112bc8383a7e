"""Hints in stages, solutions after an attempt, and the overview of a session."""

import builtins

import pytest

from gmm import exercises
from gmm.exercises import _core, _session

LABEL, PROOF = "ex-resp-midpoint", "ex-em-lagrange"
pytestmark = pytest.mark.usefixtures("fresh_session")


def said(capsys):
    return capsys.readouterr().out


@pytest.mark.parametrize("label", sorted(_session.texts()))
def test_every_exercise_has_staged_hints_and_a_solution(label, capsys):
    hints = _session.texts()[label]["hints"]
    assert len(hints) >= 2
    for number in range(1, len(hints) + 1):
        exercises.hint(label)
        out = said(capsys)
        assert out.startswith(f"Hint {number} of {len(hints)}: ")
        assert len(out.splitlines()) > 1
    exercises.hint(label)
    assert said(capsys).startswith(f"These were all {len(hints)} hints for {label}. ")
    exercises.solution(label, anyway=True)
    assert said(capsys).startswith("Solution: ")


def test_a_solution_is_shown_after_an_attempt(capsys):
    exercises.solution(LABEL)
    assert said(capsys) == (
        'Try it first: exercises.check("ex-resp-midpoint", your_answer). '
        'Or see it anyway: exercises.solution("ex-resp-midpoint", anyway=True)\n'
    )
    exercises.check(LABEL, ...)  # no attempt
    said(capsys)
    exercises.solution(LABEL)
    assert said(capsys).startswith("Try it first")
    exercises.check(LABEL, 0.3)
    said(capsys)
    exercises.solution(LABEL)
    assert said(capsys).startswith("Solution: Predict: halfway between two means\nBoth Gaussians have the same height")


def test_a_proof_is_compared_without_an_attempt(capsys):
    exercises.solution(PROOF)
    assert said(capsys) == (
        "Write down an answer of your own first; no program checks this exercise. "
        'Or see it anyway: exercises.solution("ex-em-lagrange", anyway=True)\n'
    )
    exercises.solution(PROOF, anyway=True)
    assert "the stationary point is its only maximum" in said(capsys)


def test_help_is_offered_from_the_second_wrong_answer_on(capsys):
    exercises.check(LABEL, 0.3)
    assert "hint" not in said(capsys)
    exercises.check(LABEL, 0.4)
    assert said(capsys).endswith('\n  A hint: exercises.hint("ex-resp-midpoint")\n')
    exercises.hint(LABEL)
    exercises.hint(LABEL)
    said(capsys)
    exercises.check(LABEL, 0.45)
    assert said(capsys).endswith('\n  The solution: exercises.solution("ex-resp-midpoint")\n')


def test_progress_counts_what_was_done(capsys):
    exercises.check(LABEL, 0.3)
    exercises.check(LABEL, 0.8)
    exercises.hint(LABEL)
    exercises.solution(PROOF, anyway=True)
    said(capsys)
    exercises.progress()
    lines = said(capsys).splitlines()
    assert lines[0] == "Exercises in this session"
    rows = {line.split("  ")[0]: line.split()[-4:] for line in lines[2:]}
    assert rows["4. Responsibilities"] == ["1", "1", "1", "0"]
    assert rows["7. Expectation–maximisation"] == ["0", "0", "0", "1"]
    assert rows["all"] == ["1", "1", "1", "1"]
    exercises.progress(4)
    line = next(line for line in said(capsys).splitlines() if line.startswith(LABEL))
    assert line.split() == [LABEL, "easy", "2", "yes", "1", "of", "2", "no"]
    with pytest.raises(ValueError, match="chapter must be one of 1, 2,"):
        exercises.progress(99)


def test_a_right_answer_stays_right(capsys):
    exercises.check(LABEL, 0.8)
    exercises.check(LABEL, 0.3)
    assert _session.RECORDS[LABEL].right
    assert "hint" not in said(capsys)


@pytest.mark.parametrize("function", [exercises.hint, exercises.solution])
def test_an_unknown_label_suggests_known_ones(function):
    with pytest.raises(ValueError, match=r"did you mean 'ex-em-lagrange'"):
        function("ex-em-lagrnge")


def test_nothing_is_written(monkeypatch, capsys):
    opened = []
    original = builtins.open

    def watched(file, mode="r", *arguments, **options):
        opened.append(mode)
        return original(file, mode, *arguments, **options)

    monkeypatch.setattr(builtins, "open", watched)
    exercises.check(LABEL, 0.3)
    exercises.hint(LABEL)
    exercises.progress()
    assert not any(letter in mode for mode in opened for letter in "wax+")


def test_a_program_checks_every_exercise_but_the_proofs():
    assert {label for label in _session.texts() if _session._has_check(label)} == set(_core.EXERCISES)
