"""Answers on the page: the script's verdicts are those of the check, and the forms work as a reader works."""

import html
import itertools
import re
import sys

import chapters
import numpy as np
import pytest
import screenshot

from gmm.exercises import _core, _page, _session
from gmm.exercises._core import EXERCISES, Exercise, Mistake

sys.path.append(str(chapters.ROOT / "_ext"))
import answers

_core._load()
SCRIPT = chapters.ROOT / "book" / "_static" / "answers.js"
#: What no exercise of the book has so far.
OTHERS = {
    "whole": Exercise("whole", 5000, mistakes=[Mistake(4000, "too few.")]),
    "alike": Exercise("alike", (2.0, 2.0), mistakes=[Mistake((1.0, 2.0), "the first.")], returns=("one", "two")),
    "many": Exercise("many", np.array([1.5, -2.0, 0.25, 4.0, 1e-3]), rtol=1e-3),
    "zero": Exercise("zero", 0.0, rtol=1e-3),
}
TASKS = {**EXERCISES, **OTHERS}
SHEETS = {label: sheet for label, task in TASKS.items() if (sheet := _page.sheet_of(task)) is not None}
RNG = np.random.default_rng(0)
JUDGE = """async batch => {
  const found = [];
  for (const [packed, all] of batch) {
    const sheet = await gmmExercises.unpack(packed);
    found.push(all.map(fields => { const v = gmmExercises.verdict(sheet, fields); return [v.status, v.text]; }));
  }
  return found;
}"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def script(running):
    """A page with the script and nothing else."""
    page = running.new_page()
    page.add_script_tag(path=SCRIPT)
    yield page
    page.close()


# ------------------------------------------------------------------------- the same verdicts


def near_edges(x, rtol):
    """Numbers on both sides of the tolerance about a number."""
    return (
        [x]
        if np.isinf(x)
        else [x + sign * share * rtol * (1 + abs(x)) for sign in (-1, 1) for share in (0.0, 0.98, 1.02)]
    )


def turned(x):
    """What a number becomes by the mistakes that can be made anywhere, and by no rule."""
    half = 0.5 * np.log(2 * np.pi)
    x = np.float64(x)
    with np.errstate(all="ignore"):
        known = [
            -x, 2 * x, x / 2, x**2, np.sqrt(x), np.exp(x), np.log(x), 1 - x, 1 / x, 100 * x, x / np.log(2),
            x / np.log(10), -1.0008 * x, 2.003 * x, x + half, x - 2 * half, 1.004 * x, 1.006 * x,
            *(round(x, k) for k in range(4)),
        ]  # fmt: skip
    return [
        *known,
        0.0,
        np.inf,
        -np.inf,
        np.nan,
        1e9,
        -3e-6,
        123.0,
        *RNG.normal(size=4),
        *RNG.normal(x, 0.1 * abs(x), 4),
    ]


def values(label):
    """Answers to an exercise that asks for values: tuples of numbers."""
    task = TASKS[label]
    right = np.ravel(task.reference).astype(float)
    wrong = [np.ravel(mistake.wrong).astype(float) for mistake in task.mistakes]
    if right.size == 1:
        numbers = near_edges(right[0], task.rtol) + turned(right[0])
        for (x,) in wrong:
            numbers += near_edges(x, task.rtol) + [x * (1 + e) for e in (-1.9e-3, -1e-3, 1e-3, 2.1e-3)]
        return [(x,) for x in numbers] + [(right[0], 1.0), (1.0, 2.0, 3.0)]
    found = [right, *wrong, right[:-1], np.append(right, 1.0), *RNG.normal(size=(5, right.size)), right + 0.75]
    found += [right * (1 + e) for e in (1e-6, 1e-3, 4e-3)] + [np.array(turned(x)[: right.size]) for x in right]
    found += [-right * (1 + e) for e in (5e-4, 2e-3)]
    found += [x * (1 + e) for x in wrong for e in (1e-3, 2.1e-3)] + list(np.transpose([turned(x) for x in right]))
    found += [np.array(order) for order in itertools.permutations(right)] + [np.full(right.size, 2.5e4) + right]
    for k, x in enumerate(right):
        for y in near_edges(x, task.rtol) + turned(x)[k % 2 :: 2]:
            found.append(right.copy())
            found[-1][k] = y
    return [tuple(map(float, x)) for x in found]


def pieces(label):
    """Numbers beside each limit; each costs a fit."""
    limits = [limit for limit, _ in TASKS[label].page.limits if np.isfinite(limit)]
    return [(x,) for limit in limits for x in (limit - 1e-3 * max(limit, 1.0), limit + 1e-3 * max(limit, 1.0))] + [
        (np.nan,), (np.inf,), (3.0, 4.0), (2.0 * limits[-1],),
    ]  # fmt: skip


COSTS = [
    *itertools.product((0.0, 1.0, 2.5), repeat=4), *RNG.integers(0, 9, size=(40, 4)), *RNG.normal(size=(10, 4)),
    (1.0, 2.0, 3.0), (1.0, 2.0, np.inf, 3.0), (np.nan, 1.0, 2.0, 3.0),
]  # fmt: skip
RARE = [
    (2.0, 80.0), (2.0, 95.0), (4.4, 80.0), (2.0,), (np.nan, 80.0), (4.6, 52.0), (3.2, 70.0), (1.9, 60.0), (1.87, 60.0),
    (4.71, 60.0), (4.69, 60.0), (3.0, 51.0), (3.0, 86.2), (2.6, 66.0), (2.8, 74.0),
]  # fmt: skip

# About 1e7 and 1e8, where the digits go, and on both sides of what is allowed.
SHIFTS = [(float(x),) for x in (0, 10, -3.5, 1e6, 1e9, -1e9, 1e12, -1e12, 1.1e12, 1e13, np.inf, np.nan)] + [
    *((float(x),) for x in np.r_[RNG.uniform(1e7, 3e8, 60), -RNG.uniform(1e7, 3e8, 20), RNG.uniform(2e7, 8e7, 200)]),
    (1e9, 2.0),
]  # fmt: skip
ORDERS = [
    (1e16, -1e16, 1.0), (1e16, 1.0, -1e16), (1.0, 2.0, 3.0), (0.1, 0.2, 0.3), (0.5, 0.25, -8.0), (1.0, 2.0), (2.0,),
    (1.0, np.inf, 2.0), (1e308, 1e308, 1.0), (0.1, 0.1, 0.1), (1.0, 1e-17, 1e-17), (3.0, -3.0, 1e-300),
    (1.8139856136e16, 8.1182159e16, -2.03411336e-17),
    *RNG.normal(size=(40, 3)), *(RNG.normal(size=(400, 3)) * 10.0 ** RNG.integers(-18, 18, size=(400, 3))),
]  # fmt: skip
TIMES = [
    (*(1.0,) * 4, 9.0, *(1.5,) * 5), (*(1.0,) * 5, *(2.0,) * 5), (*(2.0,) * 5, *(1.0,) * 5), (*(1.0,) * 10,),
    (*(-1.0,) * 5, *(1.0,) * 5), (*(0.0,) * 5, *(1.0,) * 5), (*(1.0,) * 4, 6.0, *(2.0,) * 5),
    (1.0, 2.0), (*(1.0,) * 9, np.inf), (*(1.0,) * 9, np.nan),
    *RNG.uniform(0.1, 2.0, size=(60, 10)),
]  # fmt: skip
RULES = {
    "costs": (COSTS, (2, 2)),
    "rare": (RARE, 2),
    "shift": (SHIFTS, ()),
    "order": (ORDERS, 3),
    "times": (TIMES, (2, 5)),
}
MADE_BY_CODE = {"ex-select-rounding", "ex-given-cross"}  # their answers are arrays


def asked(label):
    """Pairs of what stands in the fields and what is handed in, for an exercise."""
    sheet, page = SHEETS[label], TASKS[label].page
    if sheet["kind"] == "choices":
        return [([int(mark) for mark in marks], page.handed_in(marks)) for marks in page.answers()]
    kind = sheet["kind"]
    numbers, shape = RULES[kind] if kind in RULES else ({"value": values, "pieces": pieces}[kind](label), None)
    count = len(sheet.get("names", "1"))
    found = []
    for answer in numbers:
        texts = [repr(float(x)) for x in answer]
        fields = texts if len(texts) == count else ["; ".join(texts), *[""] * (count - 1)]
        single = answer[0] if len(answer) == 1 else tuple(answer)
        handed_in = np.reshape(answer, shape) if shape and len(answer) == np.prod(shape) else single
        found.append((fields, handed_in))
    # One value where several are asked for is not yet an answer on the page: a field is empty.
    return [(fields, x) for fields, x in found if count == 1 or sum(map(bool, fields)) == count or ";" in fields[0]]


def of_check(label, answer):
    """Status and message of the check."""
    found = _core.examined(TASKS[label], answer)
    return [found.status, "" if found.right else found.message]


@pytest.fixture(scope="module")
def of_page(script):
    """For each exercise the verdicts of the script, in the order of `asked`."""
    every = {label: asked(label) for label in SHEETS}
    batch = [[answers.packed(SHEETS[label]), [fields for fields, _ in pairs]] for label, pairs in every.items()]
    return {
        label: [(answer, found) for (_, answer), found in zip(pairs, verdicts, strict=True)]
        for (label, pairs), verdicts in zip(every.items(), script.evaluate(JUDGE, batch), strict=True)
    }


@pytest.mark.parametrize("label", SHEETS)
def test_the_verdicts_are_those_of_the_check(label, of_page):
    assert len(of_page[label]) >= 5
    for answer, found in of_page[label]:
        assert found == of_check(label, answer), answer


def test_exercises_that_ask_for_values_have_a_sheet_and_others_have_none():
    for label, task in TASKS.items():
        assert (label in SHEETS) == (not task.cases and label not in MADE_BY_CODE)


# ------------------------------------------------------------------------- what a reader types


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0.8", [0.8]), (" .8 ", [0.8]), ("3.", [3.0]), ("-2.5e-3", [-2.5e-3]), ("+7E2", [700.0]), ("1_000", [1000.0]),
        ("4/5", [0.8]), ("1/3", [1 / 3]), ("2*3 + 4/8 - 1", [5.5]), ("-(1 - 3)/4", [0.5]), ("8/2/2", [2.0]),
        ("-2**2", [-4.0]), ("2**-1", [0.5]), ("2^3^2", [512.0]), ("2**0.5", [2**0.5]), ("(1+1)^2", [4.0]),
        ("80 %", [0.8]), ("99.25%", [0.9925]), ("-50%", [-0.5]), ("50% + 1/4", [0.75]),
        ("ln 2", [np.log(2)]), ("log(10)/2", [np.log(10) / 2]), ("np.log(2)", [np.log(2)]), ("exp(-1)", [np.exp(-1)]),
        ("math.sqrt(2)", [2**0.5]), ("√2", [2**0.5]), ("2π", None), ("2*pi", [2 * np.pi]), ("log2 8", [3.0]),
        ("log10(1000)", [3.0]), ("10 * ln 10", [10 * np.log(10)]), ("½", [0.5]), ("3²", [9.0]), ("3·10^2", [300.0]),
        ("−3", [-3.0]), ("inf", [np.inf]), ("-∞", [-np.inf]), ("e", [np.e]),
        ("0,8", [0.8]), ("-3357,6", [-3357.6]), ("0,993", [0.993]),
        ("-3,357.6", [-3357.6]), ("1,234,567.5", [1234567.5]),
        ("0,5; 2,25", [0.5, 2.25]), ("0.5, 2, 1/4", [0.5, 2.0, 0.25]), ("(0.5, 2.0)", [0.5, 2.0]), ("1,2,3", [1, 2, 3]),
        ("[1,2]", [1.0, 2.0]), ("np.array([1.5, 2])", [1.5, 2.0]), ("[[1, 2], [3, 10]]", [1.0, 2.0, 3.0, 10.0]),
        ("(1/2, 2)", [0.5, 2.0]), ("0.5,2", [0.5, 2.0]),
        ("eight", None), ("1 2", None), ("3 s", None), ("50,000", None), ("1..2", None), ("(1", None), ("1)", None),
        ("2 +", None), ("1e", None), ("0x1f", None), ("alert(1)", None), ("constructor", None), ("sqrt", None),
        ("%", None), ("1;DROP", None), ("constructor(1)", None), ("ln -1", None),
        ("exp(1)^2", [np.exp(2)]), ("ln 2^2", [np.log(4)]), ("LN 2", [np.log(2)]), ("5-2+1", [4.0]),
        ("__proto__", None),
    ],
)  # fmt: skip
def test_what_is_typed_is_read(text, numbers, script):
    found = script.evaluate("text => { try { return gmmExercises.read(text); } catch (error) { return error; } }", text)
    if numbers is None:
        assert isinstance(found, str)
        assert found.endswith(".")
    else:
        np.testing.assert_allclose(found, numbers, rtol=1e-15)


UNREADABLE = (
    "is no number that this page can read. Write one without its unit, as in 0.8, 4/5, 80 %, 2.5e-3 or sqrt(2)."
)


@pytest.mark.parametrize(
    ("label", "fields", "message"),
    [
        ("ex-why-share", [" "], "there is no answer here so far."),
        ("ex-why-share", ["about one"], f"“about one” {UNREADABLE}"),
        ("ex-em-tolerance", ["50,000"], "is “50,000” 50.000 or 50000? Write it without the comma."),
        ("ex-mstep-equal", ["0.5", "", "1"], "the mean is missing."),
        ("ex-mstep-equal", ["0.5", "two", "1"], f"the mean: “two” {UNREADABLE}"),
        ("ex-mstep-equal", ["0.5", "2; 3", "1"], "the mean: one number in each field, please."),
        ("ex-select-one-error", [0] * 5, "choose one first."),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_told(label, fields, message, script):
    (found,) = script.evaluate(JUDGE, [[answers.packed(SHEETS[label]), [fields]]])
    assert found == [["empty", message]]


def test_a_whole_list_may_stand_in_the_first_field(script):
    packed = answers.packed(SHEETS["ex-mstep-equal"])
    (found,) = script.evaluate(JUDGE, [[packed, [["(1/2, 2, 2/3)", "", ""], ["0.5; 2", "", ""]]]])
    assert found == [
        ["right", ""],
        ["wrong", "expected is 3 numbers, (the weight, the mean, the variance); this is an array of shape (2,)."],
    ]


# ------------------------------------------------------------------------- on the pages


def form(page, label):
    return page.locator(f'form[data-exercise="{label}"]')


def answer(page, label, *texts):
    """Type texts into the fields of an exercise, press Enter, and return what is said."""
    fields = form(page, label).locator("input")
    for k, text in enumerate(texts):
        fields.nth(k).fill(text)
    before = form(page, label).locator(".answer-verdict").inner_text()
    fields.nth(len(texts) - 1).press("Enter")
    said = form(page, label).locator(".answer-verdict")
    page.wait_for_function("([e, before]) => e.innerText !== before", arg=[said.element_handle(), before])
    return said.inner_text()


def problems(visit):
    """What went wrong on a page, but for the formulas that were left out."""
    return [message for message in visit.messages if "ERR_FAILED" not in message]


def marks(page):
    return page.evaluate("JSON.parse(localStorage.getItem('gmm-exercises') || '{}')")


def test_answers_are_checked_kept_counted_and_forgotten(running, address):
    context = running.new_context()
    visit = screenshot.Visit(context, f"{address}/book/06_m_step.html", width=390, dark=True)
    page, label = visit.page, "ex-mstep-by-hand"
    place = "label => document.querySelector(`form[data-exercise=${label}] input`).getBoundingClientRect().top"
    try:
        fields = form(page, label).locator("input")
        fields.first.focus()
        top = page.evaluate(place, label)
        assert answer(page, label, "0,5", "", "").endswith("Not yet: the mean is missing.")
        assert marks(page) == {}
        assert answer(page, label, "1/2", "3", "7").endswith(
            "Not yet: not all of it is right: look at the variance again."
        )
        assert form(page, label).locator(".answer-mark").inner_text() == "◦ tried"
        named = TASKS[label].mistakes[-1]
        said = answer(page, label, *map(str, named.wrong))
        assert said.endswith(f"Not yet: {named.message} There are hints below.")
        assert page.evaluate(place, label) == top
        assert visit.overflow() == []
        assert answer(page, label, "0.5", "3", "2") == "✓ Right. Next: exercise 6.3"
        assert form(page, label).locator("[role=status] a").get_attribute("href").startswith("#ex-mstep-")
        assert answer(page, label, "0.5", "3", "1").startswith("✗")  # solved once is solved
        assert marks(page) == {label: "solved"}
        assert visit.contrast(["dark", "light"]) == []
        page.reload()
        assert form(page, label).locator(".answer-mark").inner_text() == "✓ solved"
        proof = form(page, "ex-mstep-moments").locator("button")
        proof.press("Space")
        assert proof.get_attribute("aria-pressed") == "true"
        answer(page, "ex-mstep-points", "5")
        page.goto(f"{address}/book/exercise_list.html")
        line = page.locator(".answer-progress")
        count = page.locator("[data-mark]").count()
        assert line.locator("span").inner_text() == f"Solved 2 of {count}, tried 1 more. Next unsolved: 1.1"
        assert page.locator(".answer-count").evaluate_all("all => all.map(e => e.textContent).filter(t => t)") == [
            ", 2 solved"
        ]
        page.once("dialog", lambda dialog: dialog.dismiss())
        line.locator("button").click()
        assert len(marks(page)) == 3
        page.once("dialog", lambda dialog: dialog.accept())
        line.locator("button").press("Enter")
        assert marks(page) == {}
        assert line.locator("span").inner_text() == f"Solved 0 of {count}. Next unsolved: 1.1"
        assert problems(visit) == []
    finally:
        context.close()


def test_choices_are_made_by_keyboard_and_pages_from_disk_check_too(site, running):
    # Storage that is refused or holds something else takes nothing from the verdict.
    context = running.new_context()
    context.add_init_script("""
      const { setItem, getItem } = Storage.prototype;
      Storage.prototype.setItem = function (name, text) {
        if (name === "gmm-exercises") throw new Error("full");
        setItem.call(this, name, text);
      };
      Storage.prototype.getItem = function (name) {
        return name === "gmm-exercises" ? "[oops" : getItem.call(this, name);
      };
    """)
    visit = screenshot.Visit(context, (site / "book" / "14_how_many_components.html").as_uri())
    label = "ex-select-one-error"
    try:
        choices = form(visit.page, label)
        choices.locator("input").first.focus()
        visit.page.keyboard.press("Enter")  # nothing is chosen so far
        visit.page.keyboard.press("ArrowDown")
        visit.page.keyboard.press("Enter")
        choices.locator(".answer-right").wait_for()
        assert choices.locator(".answer-mark").inner_text() == "✓ solved"
        assert visit.axe(without=["color-contrast"]) == []
        cell = visit.page.locator(f"#{label} .answered-here")
        assert not cell.is_visible()
        visit.page.emulate_media(media="print")
        assert cell.is_visible()
        assert not choices.is_visible()
        assert problems(visit) == []
    finally:
        context.close()


def test_without_javascript_the_cell_is_shown(site, running):
    context = running.new_context(java_script_enabled=False)
    page = context.new_page()
    try:
        page.goto((site / "book" / "06_m_step.html").as_uri())
        assert not page.locator("form.answer").first.is_visible()
        assert page.locator("#ex-mstep-equal pre").is_visible()
        assert page.locator("#ex-mstep-code .answer-notebook").is_visible()
    finally:
        context.close()


@pytest.fixture(scope="module")
def pages(site):
    """The text of each chapter's page."""
    return {
        path.stem: (site / "book" / f"{path.stem}.html").read_text(encoding="utf-8") for path in chapters.notebooks()
    }


def test_each_exercise_has_a_form_and_code_its_notebook(pages, site):
    found = {}
    for name, text in pages.items():
        head, *parts = re.split(r'(?=<div class="exercise admonition" id=")', text)
        launched = re.findall(r'<a href="([^"]*(?:mybinder|colab)[^"]*)"', head)
        assert len(launched) == 2
        for part in parts:
            (label,) = re.findall(r'<form class="answer"[^>]* data-exercise="([\w-]+)"', part)
            assert f'id="{label}"' in part
            found[label] = (re.findall(r' data-answer="([^"]*)"', part) or [None])[0]
            lines = re.findall(r'<p class="answer-notebook">.*?</p>', part)
            assert bool(lines) == (label in EXERCISES and label not in SHEETS)
            for line in lines:
                address, *others = re.findall(r'<a href="([^"]*)"', line)
                assert address == f"../_sources/book/{name}.ipynb"
                assert (site / "book" / address).exists()
                assert others == launched
            assert ("answered-here" in part) == (label in SHEETS)
    assert set(found) == set(_session.texts())
    assert {label: packed for label, packed in found.items() if packed} == {
        label: answers.packed(sheet) for label, sheet in SHEETS.items() if label in EXERCISES
    }


def test_what_a_page_knows_cannot_be_read_in_its_source(pages):
    for label in SHEETS.keys() & EXERCISES.keys():
        text = next(text for text in pages.values() if f'id="{label}"' in text)
        for mistake in EXERCISES[label].mistakes:
            assert html.escape(mistake.message, quote=False) not in text
        (attributes,) = re.findall(rf'<form class="answer"[^>]* data-exercise="{label}"[^>]*>', text)
        assert len(attributes) < 1200


def test_the_script_comes_with_exercises_alone(site):
    with_script = {
        path.stem
        for path in sorted((site / "book").glob("*.html"))
        if "_static/answers.js" in path.read_text(encoding="utf-8")
    }
    assert with_script == {path.stem for path in chapters.notebooks()} | {"exercise_list"}
