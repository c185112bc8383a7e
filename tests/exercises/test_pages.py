"""The exercises of the chapters: their order, grades, hints and solutions, and what their cells print."""

import re
from types import SimpleNamespace

import exercise_table
import exercise_texts
import nbformat
import numpy as np
import pytest
import scipy.linalg
import scipy.special
import scipy.stats

import gmm
from gmm.exercises import _session, examine
from gmm.exercises._core import EXERCISES
from gmm.exercises._plain import plain

PAGES = {exercise.label: exercise for exercise in exercise_texts.exercises()}
CHAPTERS = sorted({exercise.chapter for exercise in PAGES.values()})
CHECKED = [label for label in PAGES if label in EXERCISES]
#: What the first cells of the chapters import.
NAMES = {
    "np": np,
    "gmm": gmm,
    "linalg": scipy.linalg,
    "stats": scipy.stats,
    "norm": scipy.stats.norm,
    "logsumexp": scipy.special.logsumexp,
}


def answers(cell, **names):
    """Run a cell up to its first check; return the label and the answer that it hands in."""
    handed = []

    def check(label, answer):
        handed.append((label, answer))
        raise StopIteration

    namespace = {**NAMES, **names, "exercises": SimpleNamespace(check=check)}
    with pytest.raises(StopIteration):
        exec(compile(cell.source, "cell", "exec"), namespace)
    return handed[0]


def shown(cell):
    """The verdicts among the stored outputs of a cell, as plain text."""
    outputs = [output for output in cell.outputs if output.output_type == "display_data"]
    assert all("text/html" in output.data for output in outputs if "gmm" not in output.data["text/plain"])
    return [output.data["text/plain"] for output in outputs]


def test_the_stored_texts_are_current():
    assert exercise_texts.is_current()


def test_an_exercise_may_refer_to_another_that_comes_later(tmp_path, monkeypatch):
    start, end = "```{exercise-start} Predict: one · easy\n:label: ex-one\n```", "```{exercise-end}\n```"
    first = f"{start}\n\nSee {{ref}}`ex-two`.\n\n{end}"
    second = "```{exercise} Prove: two · hard\n:label: ex-two\n\nBy {ref}`ex-one`.\n```"
    cells = [nbformat.v4.new_markdown_cell(text) for text in ("# A title", first, second)]
    path = tmp_path / "31_title.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    monkeypatch.setattr(exercise_texts, "notebooks", lambda: [path])
    texts = exercise_texts.texts()
    assert [texts[label]["question"] for label in ("ex-one", "ex-two")] == ["See exercise 31.2.", "By exercise 31.1."]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_chapter_has_five_or_more_in_order(chapter):
    kinds = [exercise.kind for exercise in PAGES.values() if exercise.chapter == chapter]
    assert len(kinds) >= 5
    if chapter <= 12:
        assert set(kinds) == set(exercise_texts.KINDS)
        assert kinds == sorted(kinds, key=exercise_texts.KINDS.index)


@pytest.mark.parametrize("label", [label for label in PAGES if PAGES[label].chapter <= 12])
def test_each_exercise_is_graded_with_two_hints_and_an_explained_solution(label):
    exercise = PAGES[label]
    assert exercise.level in exercise_texts.LEVELS
    assert len(exercise.hints) >= 2
    assert len(set(exercise.hints)) == len(exercise.hints)
    assert exercise.question
    prose = re.sub(r"^```python\n.*?^```$", "", "\n".join(exercise.solution), flags=re.M | re.S)
    assert len(prose.split()) >= 8


@pytest.mark.parametrize("chapter", [number for number in CHAPTERS if number <= 12])
def test_a_chapter_has_exercises_of_different_difficulty(chapter):
    assert len({exercise.level for exercise in PAGES.values() if exercise.chapter == chapter}) >= 2


def test_every_check_belongs_to_an_exercise_of_a_page():
    assert set(EXERCISES) <= set(PAGES)


@pytest.mark.parametrize("label", [label for label in PAGES if PAGES[label].stubs])
def test_code_is_asked_for_where_it_is_checked(label):
    assert label in EXERCISES


NAMED = {
    "ex-em-variance-bug": "variance passed for standard deviation on the three points",
    "ex-mstep-mean": "derive the weighted mean update",
    "ex-gaussian-no-collapse": "one Gaussian cannot collapse",
    "ex-em-stuck": "a start from which EM gets stuck",
    "ex-select-by-hand": "a BIC by hand",
    "ex-mixture-split": "two sets of parameters with the same density",
}


@pytest.mark.parametrize("label", NAMED)
def test_the_classics_are_there(label):
    assert label in PAGES


# ------------------------------------------------------------------------- the cells


@pytest.mark.parametrize("label", [label for label in CHECKED if PAGES[label].chapter <= 12])
def test_the_stub_gets_a_helpful_message(label):
    stubs = [cell for cell in PAGES[label].stubs if "exercises.check(" in cell.source]
    assert len(stubs) == 1
    handed, answer = answers(stubs[0])
    assert handed == label
    found = examine(label, answer)
    assert found.status in ("empty", "wrong")
    assert "raised" not in found.message


@pytest.mark.parametrize("label", CHECKED)
def test_no_verdict_stands_under_a_stub(label):
    assert [text for cell in PAGES[label].stubs for text in shown(cell)] == []


@pytest.mark.parametrize("label", CHECKED)
def test_the_solution_of_the_page_was_found_right(label):
    cells = [cell for cell in PAGES[label].solution_cells if "exercises.check(" in cell.source]
    if PAGES[label].chapter <= 12 and not cells:
        # The solution is an argument that ends in a number: that of the catalogue.
        assert not EXERCISES[label].cases
    for cell in cells:
        assert f'exercises.check("{label}"' in cell.source
        assert any(text.startswith("Right") for text in shown(cell))


@pytest.mark.parametrize("label", [label for label in CHECKED if EXERCISES[label].cases and PAGES[label].chapter <= 12])
def test_the_function_of_the_solution_is_right_by_itself(label):
    cell = next(cell for cell in PAGES[label].solution_cells if "exercises.check(" in cell.source)
    handed, answer = answers(cell)
    assert handed == label
    assert examine(label, answer).right


# ------------------------------------------------------------------------- the texts


@pytest.mark.parametrize("label", sorted(_session.texts()))
def test_texts_hold_no_roles_and_can_be_read_in_a_terminal(label):
    text = _session.texts()[label]
    for passage in (text["question"], text["solution"], *text["hints"]):
        prose = re.sub(r"```python\n.*?\n```", "", passage, flags=re.S)
        assert not re.search(r"\{[\w:]+\}`|:::|^```\{|:label:", prose, re.M)
        simple = plain(prose)
        assert not re.search(r"\\[A-Za-z]|\$|\0", simple)


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        (r"$\pi_k \mathcal N(\mathbf x \mid \boldsymbol\mu_k)$", "π_k N(x | μ_k)"),
        (r"$\frac12\log2\pi$ and $\tfrac{a+b}{c}$", "½ log 2π and (a+b)/c"),
        (r"$\mathbf A^{-1}\mathbf B^\top$", "A⁻¹Bᵀ"),
        (r"$x^{2}$, $r_{ik}$, $e^{-a/2}$, $\theta^{(t+1)}$", "x², r_ik, e^(-a/2), θ^(t+1)"),
        (r"a **bold**, an *other* word and `code_with_*`", "a bold, an other word and code_with_*"),
        ("before\n\n$$ a = b \\\\ c = d $$\n\nafter", "before\n\n    a = b\n    c = d\n\nafter"),
        ("```python\nx = 1\nif x:\n    y = 2\n```", "    x = 1\n    if x:\n        y = 2"),
        (r"$\frac n2(d-\rho)$, $\frac1{2m}\sum_i a_i$, $\tfrac12\log(x)$", "(n/2)(d-ρ), 1/(2m)∑_i a_i, ½ log(x)"),
        (r"$\tfrac1d\operatorname{tr}\mathbf S$, $\operatorname{tr}(\mathbf S)$", "1/d tr S, tr(S)"),
        (r"$\sqrt{2}$ $\lVert\mathbf x\rVert$ $\hat\sigma$", "√2 ‖x‖ σ̂"),
    ],
)
def test_markdown_as_plain_text(markdown, text):
    assert plain(markdown) == text


def test_references_become_words():
    names, sources = {"eq-a": "(4.1)", "04_x": "chapter 4, Responsibilities"}, {"x2000": "Ey and Bee (2000)"}
    text = (
        "Use {eq}`eq-a` as in {doc}`04_x`, {func}`gmm.em` and {cite:t}`x2000`. {eq}`eq-a` helps. Equation {eq}`eq-a`."
    )
    expected = (
        "Use equation (4.1) as in chapter 4, Responsibilities, `gmm.em` and Ey and Bee (2000). Equation (4.1) helps. "
        "Equation (4.1)."
    )
    assert exercise_texts.words(text, names, sources) == expected
    assert exercise_texts.words("{eq}`eq-a` says it.", names, sources) == "Equation (4.1) says it."
    assert exercise_texts.words("{doc}`text <04_x>`", names, sources) == "text"


# ------------------------------------------------------------------------- the table


def test_the_table_lists_every_exercise_with_its_mistakes():
    lines = list(exercise_table.lines())
    rows = {re.match(r"- `([\w-]+)`", line)[1]: line for line in lines if line.startswith("- ")}
    assert list(rows) == list(PAGES)
    for label, row in rows.items():
        if label in EXERCISES:
            names = row.split("): ", 1)[1]
            assert all(exercise_table.name(mistake.message) in names for mistake in EXERCISES[label].mistakes)
        else:
            assert row.endswith(f"compared with the solution; {len(PAGES[label].hints)} hints")


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("the weights are missing: they stand before each density.", "the weights are missing"),
        ("that is the midpoint, right for equal weights only.", "the midpoint, right for equal weights only"),
        ("weights and means are right; the divisor is N_k.", "the divisor is N_k"),
        ("right near the means, but far away 0/0 is NaN. Use logarithms.", "far away 0/0 is NaN"),
        ("K ** (2 / d) is 1.5 here; no.", "K ** (2 / d) is 1.5 here"),
    ],
)
def test_a_mistake_is_named_by_its_first_clause(message, name):
    assert exercise_table.name(message) == name
