"""Hints in stages, solutions after an attempt, what earns credit, and the progress that is kept."""

import builtins
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

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


def test_progress_says_what_is_done_and_what_is_next(capsys):
    exercises.check(LABEL, 0.3)
    exercises.check(LABEL, 0.8)
    assert said(capsys).endswith("Right.\n  Next: ex-log-sum-exp (chapter 4), Compute: log-sum-exp of your own\n")
    exercises.hint(LABEL)
    exercises.solution(PROOF, anyway=True)
    said(capsys)
    exercises.progress()
    lines = said(capsys).splitlines()
    assert lines[0] == "Exercises"
    assert lines[1].split() == ["chapter", "done", "open", "hints", "solutions"]
    rows = {line.split("  ")[0]: line.split()[-4:] for line in lines[2:-1]}
    count = [sum(text["chapter"] == chapter for text in _session.texts().values()) for chapter in (4, 7)]
    assert rows["4. Responsibilities"] == ["1", str(count[0] - 1), "1", "0"]
    assert rows["7. Expectation–maximisation"] == ["1", str(count[1] - 1), "0", "1"]
    assert rows["all"] == ["2", str(len(_session.texts()) - 2), "1", "1"]
    after_proof = list(_session.texts())[list(_session.texts()).index(PROOF) + 1]
    assert lines[-1].startswith(f"Next: {after_proof} (chapter ")
    exercises.progress(4)
    line = next(line for line in said(capsys).splitlines() if line.startswith(LABEL))
    assert line.split() == [LABEL, "easy", "yes", "2", "1", "of", "2", "no"]
    with pytest.raises(ValueError, match="chapter must be one of 1, 2,"):
        exercises.progress(99)


def test_after_the_last_exercise_comes_the_first_that_is_open(fresh_session):
    order = list(_session.texts())
    assert _session.next_one() == order[0]
    for label in (*order[5:], order[0]):
        fresh_session[label] = _session.Record(1, right=True, solution=True)
    assert _session.next_one() == order[1]
    fresh_session[order[-1]] = fresh_session.pop(order[-1])
    assert _session.next_one() == order[1]
    for label in order:
        fresh_session[label] = _session.Record(1, right=True, solution=True)
    assert _session.next_text() == "All exercises are done."


def test_a_right_answer_stays_right(capsys):
    exercises.check(LABEL, 0.8)
    exercises.check(LABEL, 0.3)
    assert _session.RECORDS[LABEL].right
    assert "hint" not in said(capsys)


@pytest.mark.parametrize("function", [exercises.hint, exercises.solution])
def test_an_unknown_label_suggests_known_ones(function):
    with pytest.raises(ValueError, match=r"did you mean 'ex-em-lagrange'"):
        function("ex-em-lagrnge")


def test_no_test_writes_a_readers_progress(monkeypatch, capsys):
    assert _session._file() is None
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


# ------------------------------------------------------------------------- what is kept


READER = """
from gmm import exercises
from gmm.exercises import _session
exercises.check("ex-resp-midpoint", 0.8)
exercises.hint("ex-log-sum-exp")
"""


def kept_in(**settings):
    """Run a reader's session and then another that shows the progress; return what the second prints."""
    for script in (READER, "from gmm import exercises; exercises.progress()"):
        command = [sys.executable, "-c", textwrap.dedent(script)]
        out = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True, env=settings)
        assert out.stderr == ""
    return next(line for line in out.stdout.splitlines() if line.startswith("all")).split()


@pytest.fixture
def home(tmp_path):
    settings = {name: value for name, value in os.environ.items() if name not in ("GMM_PROGRESS", "XDG_DATA_HOME")}
    numba = os.environ.get("NUMBA_CACHE_DIR") or str(Path.home())
    return {**settings, "HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path), "NUMBA_CACHE_DIR": numba}


def test_progress_is_kept_across_sessions(home, tmp_path):
    assert kept_in(**home)[1::2] == ["1", "1"]
    (file,) = tmp_path.rglob("exercises.json")
    assert file.parent.name == "gmm-book"
    assert json.loads(file.read_text())["ex-resp-midpoint"]["right"] is True
    assert [path.name for path in file.parent.iterdir()] == ["exercises.json"]


def test_where_nothing_can_be_written_progress_is_kept_in_memory(home, tmp_path):
    (tmp_path / "file").write_text("")
    assert kept_in(**home, GMM_PROGRESS=str(tmp_path / "file" / "below.json"))[1] == "0"
    assert kept_in(**home, GMM_PROGRESS="")[1] == "0"


@pytest.mark.parametrize("content", ["", "[1]", '{"ex-resp-midpoint": 3}', '{"ex-resp-midpoint": {"x": 1}}', "\udcff"])
def test_a_file_that_cannot_be_read_is_no_progress(content, tmp_path, monkeypatch, capsys):
    file = tmp_path / "progress.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    monkeypatch.setenv("GMM_PROGRESS", str(file))
    exercises.check(LABEL, 0.8)
    assert json.loads(file.read_text())[LABEL] == {"attempts": 1, "right": True, "hints": 0, "solution": False}


def test_two_notebooks_share_the_file(tmp_path, monkeypatch, capsys):
    file = tmp_path / "progress.json"
    monkeypatch.setenv("GMM_PROGRESS", str(file))
    exercises.check(LABEL, 0.8)
    other = {**json.loads(file.read_text()), PROOF: {"attempts": 0, "right": False, "hints": 0, "solution": True}}
    file.write_text(json.dumps(other))
    exercises.hint("ex-log-sum-exp")
    assert set(json.loads(file.read_text())) == {LABEL, PROOF, "ex-log-sum-exp"}
    exercises.reset()
    assert not file.exists()
    assert _session.records() == {}
    assert said(capsys).endswith("All exercises are open again.\n")


# ------------------------------------------------------------------------- cells of the book


def cells_of(label, part):
    text = _session.texts()[label][part]
    return [piece.removeprefix("python\n").rstrip() for piece in text.split("```")[1::2]]


@pytest.fixture
def cell(monkeypatch):
    """Let a text be the cell that runs."""
    import IPython

    def runs(source):
        shell = type("Shell", (), {"user_ns": {}, "get_parent": lambda self: {"content": {"code": source}}})
        monkeypatch.setattr(IPython, "get_ipython", shell)

    return runs


@pytest.mark.parametrize("label", ["ex-log-sum-exp", "ex-debug-rows"])
def test_an_untouched_stub_is_no_answer_and_gives_no_bug_away(label, cell, fresh_session, capsys, monkeypatch):
    answer = (lambda a: None) if label == "ex-log-sum-exp" else type("Mine", (), {})
    (stub,) = cells_of(label, "question")
    cell(stub.replace("\n\n\n", "\n\n"))
    exercises.check(label, answer)
    neutral = "Not yet: there is no answer here so far. Write yours into the cell, and run it again.\n"
    assert said(capsys) == neutral
    assert not fresh_session
    monkeypatch.setenv("GMM_QUIET", "1")  # on pages nothing stands under a stub
    exercises.check(label, answer)
    exercises.check(label, ...)
    assert said(capsys) == ""
    cell(stub + " + 1")
    exercises.check(label, answer)
    assert said(capsys).startswith("Not yet: ")
    assert fresh_session[label].attempts == 1


def test_odd_labels_are_told_as_ever(cell, monkeypatch):
    cell("anything")
    with pytest.raises(TypeError, match="label comes first"):
        exercises.check([1.0], 1.0)
    with pytest.raises(ValueError, match="there is no exercise"):
        exercises.check("ex-nothing-of-the-kind", 1.0)


def test_the_books_own_solution_earns_nothing(cell, fresh_session, capsys):
    import numpy as np

    def answer(a):
        return a[:, 0] - np.logaddexp.reduce(a[:, 1:], axis=1)

    (solution,) = cells_of("ex-log-sum-exp", "solution")
    cell(solution)
    exercises.check("ex-log-sum-exp", answer)
    assert said(capsys) == "Right, on all 6 cases.\n"
    assert not fresh_session
    cell("exercises.check('ex-log-sum-exp', answer)")
    exercises.check("ex-log-sum-exp", answer)
    assert fresh_session["ex-log-sum-exp"].right
