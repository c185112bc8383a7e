"""Chapter 22: the faulty class of the page, its repairs, and each of its bugs alone against each check."""
# ruff: noqa: NPY002 - the global random numbers are a bug of the chapter

import contextlib
import functools
import linecache
from types import SimpleNamespace

import chapters
import exercise_texts
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn import mixture

import gmm
from gmm import datasets
from gmm.exercises import EXERCISES, _guard, chapter_22, examine
from gmm.exercises.chapter_22 import (
    BUGS,
    EXPERIMENTS,
    OTHER_BUGS,
    PROGRAMS,
    Complete,
    Right,
    edit,
    program,
    with_ridge,
)

NOTEBOOK = chapters.BOOK / "22_debug_this_gmm.ipynb"
PAGE = {exercise.label: exercise for exercise in exercise_texts.of_notebook(NOTEBOOK)}
METHODS = list(chapter_22.REPAIRS)
HUNTS = ["ex-debug-hunt-m", "ex-debug-hunt-n"]
CLASSES = [*METHODS, *HUNTS, "ex-debug-whole"]
X = datasets.load_old_faithful().X

#: Bug -> the checks that have to notice it when everything else is right.
NOTICED = {
    "missing import": {"ex-debug-import", "ex-debug-log"},
    "one array unpacked": {"ex-debug-unpack", "ex-debug-stop"},
    "returns nothing": {"ex-debug-none", "ex-debug-weights", "ex-debug-mean", "ex-debug-ridge"},
    "compared with itself": {"ex-debug-stop"},
    "means overwritten": {"ex-debug-stop"},
    "wrong axis": {"ex-debug-rows", "ex-debug-log"},
    "misspelt weights": {"ex-debug-weights"},
    "old mean": {"ex-debug-mean", "ex-debug-ridge"},
    "std for variance": {"ex-debug-units", "ex-debug-ridge"},
    "global seed": {"ex-debug-seed"},
    "outside the logs": {"ex-debug-log"},
    "no ridge": {"ex-debug-ridge"},
}


@pytest.fixture(scope="module")
def page():
    """What the names of the page stand for after all its cells were run, and the answers handed in by label."""
    handed = {}
    names = {"exercises": SimpleNamespace(check=lambda label, answer: handed.setdefault(label, []).append(answer))}
    cells = [cell for cell in chapters.read(NOTEBOOK).cells if cell.cell_type == "code"]
    state = np.random.get_state()
    with np.errstate(all="ignore"), plt.rc_context():
        for number, cell in enumerate(cells):
            name = f"<cell {number}>"
            fails = "raises-exception" in cell.metadata.get("tags", ())
            source = cell.source.replace("from gmm import datasets, exercises, plot", "from gmm import datasets, plot")
            source = source.replace("plt.show()", "plt.close('all')")
            with contextlib.redirect_stdout(None), pytest.raises(Exception) if fails else contextlib.nullcontext():
                linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
                exec(compile(source, name, "exec"), names)
    np.random.set_state(state)
    return SimpleNamespace(names=names, handed=handed)


# ------------------------------------------------------------------------- the page


def repaired(page, label):
    """The class of the page with the book's repairs up to that of an exercise."""
    return functools.reduce(chapter_22.repaired, METHODS[: METHODS.index(label) + 1], page.names["ScratchGMM"])


def test_the_page_has_these_exercises():
    assert [label for label in PAGE if label in EXERCISES] == [
        *METHODS,
        "ex-debug-blind",
        *HUNTS,
        "ex-debug-whole",
        "ex-debug-experiment",
    ]


@pytest.mark.parametrize("label", METHODS)
def test_the_bug_of_the_class_is_recognised_and_named_by_its_check_alone(page, label):
    before = METHODS.index(label)
    faulty = repaired(page, METHODS[before - 1]) if before else page.names["ScratchGMM"]
    assert examine(label, faulty).message == EXERCISES[label].mistakes[0].message


@pytest.mark.parametrize("label", [*CLASSES, "ex-debug-blind"])
def test_no_verdict_under_a_stub_gives_a_bug_away(page, label):
    assert page.handed[label][0] is ...


@pytest.mark.parametrize("label", [*CLASSES, "ex-debug-blind", "ex-debug-experiment"])
def test_the_solution_on_the_page_is_right(page, label):
    assert examine(label, page.handed[label][-1]).right


@pytest.mark.parametrize("label", [label for label in METHODS if isinstance(chapter_22.REPAIRS[label], str)])
def test_the_solution_on_the_page_is_the_repair_that_goes_on(label):
    assert chapter_22.REPAIRS[label] in "\n".join(cell.source for cell in chapters.read(NOTEBOOK).cells)


@pytest.mark.parametrize("label", METHODS)
def test_the_faulty_class_fails_every_check(page, label):
    assert examine(label, page.names["ScratchGMM"]).status == "wrong"


def test_the_last_program_passes_every_check(page):
    for label in (*METHODS, "ex-debug-whole"):
        assert examine(label, page.names["Program"]).right, label


def test_each_repair_leaves_the_later_bugs_in(page):
    """A check looks at its own bug: it passes from the repair on, and the repairs before fail it."""
    for place, last in enumerate(METHODS):
        for number, label in enumerate(METHODS):
            assert examine(label, repaired(page, last)).right == (number <= place), (last, label)


def test_the_repaired_class_is_gmm_to_eight_digits(page):
    for name in ("Program", "Mixture"):
        model = page.names[name](3, seed=4, tol=1e-12, max_iter=60)
        model.initialise(X)
        start = model.weights.copy(), model.means.copy(), model.covs.copy()
        model = page.names[name](3, seed=4, tol=1e-12, max_iter=60).fit(X)
        found = gmm.em(X, *start, tol=0.0, max_iter=len(model.history), reg_covar=1e-6)
        np.testing.assert_allclose(model.history, found.log_likelihoods[:-1], rtol=1e-8)
        np.testing.assert_allclose(model.weights, found.weights, rtol=1e-8)
        np.testing.assert_allclose(model.means, found.means, rtol=1e-8)
        np.testing.assert_allclose(model.covs, found.covariances, rtol=1e-8, atol=1e-8)


def test_the_table_of_experiments_has_no_idle_bug_and_no_idle_column(page):
    noticed = page.names["noticed"]
    assert noticed.shape == (len(BUGS) + len(OTHER_BUGS), len(EXPERIMENTS))
    assert noticed.any(axis=1).all()
    assert noticed[3:].any(axis=0).all()
    assert not any(chapter_22.alarm(run, Complete) for run in EXPERIMENTS.values())


def test_what_the_page_says_of_its_table(page):
    rows = dict(zip([*PROGRAMS, "M", "N"], page.names["noticed"]))
    columns = list(EXPERIMENTS)
    quiet = np.array([rows[letter] for letter in "DEFGHIJKL"])
    assert quiet[:, columns.index("never falls")].sum() == 1
    assert rows["F"][columns.index("never falls")]
    assert quiet[:, columns.index("three values")].sum() == 4
    assert not rows["G"][columns.index("three values")]
    assert (quiet.sum(axis=1) == 1).sum() == 5
    assert [c for c, seen in zip(columns, rows["M"]) if seen] == ["origin"]
    assert rows["N"][columns.index("order")]
    assert not quiet[:, [columns.index("origin"), columns.index("order")]].any()
    assert quiet.sum(axis=1).max() == 5  # the alternative text of the figure
    assert [letter for letter, row in rows.items() if row[columns.index("never falls")]] == [*"ABCFN"]
    assert not any(len(set("DEFGHIJKL") & {letter for letter in rows if rows[letter][j]}) >= 6 for j in range(12))


# ------------------------------------------------------------------------- programs and diffs


@pytest.mark.parametrize(("letter", "bug"), list(zip(PROGRAMS, BUGS, strict=True)))
def test_a_program_of_the_first_figure_has_the_bug_of_its_place(letter, bug):
    def end(Class):
        with np.errstate(all="ignore"):
            try:
                return np.array(Class(2, seed=1).fit(X).history)
            except Exception as error:
                return type(error).__name__

    found, expected = end(program(letter)), end(with_ridge(BUGS[bug]))
    if isinstance(expected, str):
        assert found == expected
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    if letter in "HIJKL":
        assert found[-1] == pytest.approx(-1130.264, abs=5e-3)


class Small:
    def add(self, a, b):
        for _ in range(1):
            total = a + b
        return total

    def other(self):
        return 1


def test_a_diff_makes_a_subclass():
    Mine = edit(
        Small,
        """
- total = a + b
+ total = a - b
+ if total < 0:
+     total = -total

- return 1
+ return 2
""",
    )
    assert issubclass(Mine, Small)
    assert (Mine().add(1, 4), Mine().other()) == (3, 2)
    assert (Small().add(1, 4), Small().other()) == (5, 1)
    again = edit(Mine, "- total = a - b\n+ total = a * b")
    assert (again().add(-1, 4), again().other()) == (4, 2)


def test_a_line_can_be_put_outside_of_a_loop_and_names_are_those_of_the_place():
    Mine = edit(Small, "      total = a + b\n+ total = linecache\n")
    assert Mine().add(1, 4) is linecache


@pytest.mark.parametrize(
    ("diff", "message"),
    [
        ("- total = a - b\n+ total = 0", "do not stand together in any method of Small: total = a - b"),
        ("+ total = 0", "a change needs a line of the class"),
        ("- for _ in range(1):\n- return total", "do not stand together"),
    ],
)
def test_a_diff_that_does_not_fit_is_refused_in_words(diff, message):
    with pytest.raises(ValueError, match=message):
        edit(Small, diff)


def test_an_error_in_an_edited_line_shows_the_line(page):
    Mine = edit(page.names["ScratchGMM"], "- joint = self.joint(X)\n+ joint = self.no_such_attribute")
    found = examine("ex-debug-rows", Mine)
    assert any("no_such_attribute" in line for line in (found.message, *found.details))


def test_the_readers_own_repair_goes_on(page, capsys):
    Scratch = page.names["ScratchGMM"]
    own = edit(
        Scratch,
        """
- power = -0.5 * np.sum(diff @ inv(cov) * diff, axis=1)
- norm = np.sqrt((2 * np.pi) ** len(mean) * det(cov))
+ power = -0.5 * np.sum(diff * np.linalg.solve(cov, diff.T).T, axis=1)
+ norm = np.sqrt(np.linalg.det(2 * np.pi * cov))
""",
    )
    assert chapter_22.carry_on("ex-debug-import", own, Scratch) is own
    assert "Your own" in capsys.readouterr().out
    for answer in (..., None, Scratch):
        goes_on = chapter_22.carry_on("ex-debug-import", answer, Scratch)
        assert "of the book" in capsys.readouterr().out
        assert examine("ex-debug-import", goes_on).right


@pytest.mark.parametrize("label", list(chapter_22._MENDED))
def test_the_book_goes_on_from_lines_of_the_readers_own(label, capsys):
    class Own(Right):
        pass

    assert examine(label, chapter_22.carry_on(label, ..., Own)).right


# ------------------------------------------------------------------------- each bug against each check


@pytest.mark.parametrize("bug", BUGS)
def test_one_bug_is_noticed_by_its_checks_and_by_no_other(bug):
    assert {label for label in METHODS if not examine(label, BUGS[bug]).right} == NOTICED[bug]


@pytest.mark.parametrize("bug", [bug for bug in BUGS if bug != "means overwritten"])
def test_one_bug_left_in_the_whole_class_is_named(bug):
    found = examine("ex-debug-whole", with_ridge(BUGS[bug]))
    assert found.message == chapter_22._WHOLE_MESSAGES[bug]


def test_the_two_bugs_of_the_stop_look_alike_in_the_whole_class_only():
    stops = [BUGS["compared with itself"], BUGS["means overwritten"]]
    assert len({examine("ex-debug-whole", with_ridge(bug)).message for bug in stops}) == 1
    assert len({examine("ex-debug-stop", bug).message for bug in stops}) == 2


@pytest.mark.parametrize("label", ["ex-debug-weights", "ex-debug-mean", "ex-debug-ridge"])
def test_a_repair_that_loses_the_return_is_told_so(label):
    found = examine(label, BUGS["returns nothing"])
    assert found.message == "`m_step` returns nothing now, and `fit` needs the new means from it."


@pytest.mark.parametrize("bug", OTHER_BUGS)
def test_the_other_bugs_are_noticed_in_the_covariances(bug):
    assert not examine("ex-debug-mean", OTHER_BUGS[bug]).right


def test_bugs_by_name_cover_the_exercises():
    assert set().union(*NOTICED.values()) == set(METHODS)
    assert set(NOTICED) == set(BUGS)


# ------------------------------------------------------------------------- repairs of another kind are right too


class WithSlogdet(Right):
    def log_joint(self, X):
        columns = []
        for weight, mean, cov in zip(self.weights, self.means, self.covs):
            D = X - mean
            squares = np.sum(D * np.linalg.solve(cov, D.T).T, axis=1)
            columns.append(np.log(weight) - 0.5 * (np.linalg.slogdet(2 * np.pi * cov)[1] + squares))
        return np.column_stack(columns)


class WithRandomState(Right):
    def __init__(self, k, max_iter=100, tol=1e-4, seed=42):
        super().__init__(k, max_iter, tol, seed)
        self.rng = np.random.RandomState(seed)


class DrawsWhenItStarts(Right):
    def __init__(self, k, max_iter=100, tol=1e-4, seed=42):
        self.k, self.max_iter, self.tol, self.seed = k, max_iter, tol, seed

    def initialise(self, X):
        self.rng = np.random.default_rng(self.seed)
        super().initialise(X)


class HelperOfItsOwn(Right):
    def m_step(self, X, resp):
        counts = resp.sum(axis=0)
        self.weights, self.means = counts / len(X), resp.T @ X / counts[:, None]
        self.covs = np.stack([self._scatter(X, r, mean) for r, mean in zip(resp.T, self.means)])
        return self.means

    def _scatter(self, X, r, mean):
        return np.cov(X.T, aweights=r, bias=True).reshape(2 * mean.shape)


@pytest.mark.parametrize(
    ("label", "repair"),
    [
        ("ex-debug-log", WithSlogdet),
        ("ex-debug-seed", WithRandomState),
        ("ex-debug-seed", DrawsWhenItStarts),
        ("ex-debug-weights", HelperOfItsOwn),
        ("ex-debug-mean", HelperOfItsOwn),
    ],
)
def test_other_repairs_are_right(label, repair):
    assert examine(label, repair).right


def identity(self, X):
    Right.initialise(self, X)
    self.covs = np.stack([np.eye(X.shape[1])] * self.k)


def test_a_repair_of_the_seed_that_loses_the_covariances_is_told_so():
    found = examine("ex-debug-seed", type("Mine", (Right,), {"initialise": identity}))
    assert found.message.startswith("the covariances of the start have changed")


def test_the_whole_class_has_to_be_right_far_from_the_origin():
    found = examine("ex-debug-whole", with_ridge(OTHER_BUGS["second moment"]))
    assert found.message == EXERCISES["ex-debug-mean"].mistakes[-1].message


def _stops(rule):
    def fit(self, X):
        self.initialise(X)
        self.history = []
        for _ in range(self.max_iter):
            before, resp = self.means.copy(), self.e_step(X)
            self.history.append(self.log_likelihood(X))
            self.m_step(X, resp)
            if rule(self.history, np.abs(self.means - before).max(), self.tol):
                break
        return self

    return type("Mine", (Complete,), {"fit": fit})


def _gain(history):
    return abs(history[-1] - history[-2]) if len(history) > 1 else np.inf


@pytest.mark.parametrize(
    "rule",
    [
        lambda history, shift, tol: _gain(history) < tol or shift < tol,
        lambda history, shift, tol: _gain(history) <= tol or shift <= tol,
        lambda history, shift, tol: _gain(history) < tol,
        lambda history, shift, tol: _gain(history) < tol * abs(history[-1]),
        lambda history, shift, tol: _gain(history) < 1e4 * tol,
    ],
)
def test_any_rule_that_stops_by_a_small_change_is_right_in_the_whole_class(rule):
    assert examine("ex-debug-whole", _stops(rule)).right


@pytest.mark.parametrize("letter", ["m", "n"])
def test_the_two_hunts_end_at_a_right_class_only(letter):
    label, faulty = f"ex-debug-hunt-{letter}", getattr(chapter_22, letter.upper())
    assert examine(label, faulty).message.startswith("one of the experiments of the table")
    assert examine(label, type("Mine", (faulty,), {"m_step": HelperWithRidge.m_step, "_s": HelperWithRidge._s})).right
    assert not examine(label, type("Mine", (faulty,), {"m_step": Right.m_step, "reg": 0.0})).right


class HelperWithRidge(Complete):
    def m_step(self, X, resp):
        counts = resp.sum(axis=0)
        self.weights, self.means = counts / len(X), resp.T @ X / counts[:, None]
        self.covs = np.stack([self._s(X - mean, r) for r, mean in zip(resp.T, self.means)])
        return self.means

    def _s(self, D, r):
        return np.einsum("i,ij,il->jl", r, D, D) / r.sum() + self.reg * np.eye(D.shape[1])


# ------------------------------------------------------------------------- answers that are none


@pytest.mark.parametrize("label", CLASSES)
def test_objects_and_functions_are_told_from_classes(label):
    assert "a class is asked for" in examine(label, Right(2)).text
    assert "a class is asked for" in examine(label, lambda *case: 1.0).text


@pytest.mark.parametrize(
    ("label", "method", "message"),
    [
        ("ex-debug-none", lambda self, X, resp: list(Right.m_step(self, X, resp)), "."),
        (
            "ex-debug-none",
            lambda self, X, resp: [Right.m_step(self, X, resp)],
            "`fit` subtracts the old means from the result: return the means alone, not a tuple.",
        ),
    ],
)
def test_a_list_of_means_can_be_subtracted(label, method, message):
    assert examine(label, type("Mine", (Right,), {"m_step": method})).message.startswith(message[:-1] or ",")


def test_one_row_of_the_responsibilities_is_recognised():
    class Mine(Right):
        def fit(self, X):
            self.initialise(X)
            resp = self.e_step(X)[0]
            self.history = [self.log_likelihood(X)]
            self.m_step(X, resp)
            return self

    assert examine("ex-debug-unpack", Mine).message.startswith("the M-step got one row in place of the whole array")


def test_an_error_is_shown_at_the_line_of_the_reader():
    class Mine(Right):
        def e_step(self, X):
            return self.joint(X) / self.no_such_attribute

    found = examine("ex-debug-rows", Mine)
    assert "AttributeError" in found.message
    assert any("no_such_attribute" in line for line in found.details)


def test_an_unrelated_value_error_is_no_unpacking():
    class Mine(Right):
        def fit(self, X):
            raise ValueError("something else")

    assert "something else" in examine("ex-debug-unpack", Mine).message


def test_a_loop_that_never_stops_is_stopped(monkeypatch):
    monkeypatch.setattr(_guard, "SECONDS", 0.2)

    class Mine(Right):
        def fit(self, X):
            while True:
                pass

    assert "did not end" in examine("ex-debug-stop", Mine).message


def test_the_random_numbers_of_the_session_are_left_alone():
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    examine("ex-debug-seed", BUGS["global seed"])
    assert np.array_equal(before, np.random.get_state()[1])


# ------------------------------------------------------------------------- the references


def test_the_right_class_takes_the_path_of_gmm():
    start = (np.array([0.3, 0.7]), X[:2], np.stack([np.cov(X.T)] * 2))
    model = chapter_22._planted(Right, initialise=chapter_22.starts_at(*start))(2, max_iter=15, tol=1e-12)
    model.fit(X)
    found = gmm.em(X, *start, tol=0.0, max_iter=15)
    np.testing.assert_allclose(model.history, found.log_likelihoods[:-1], rtol=1e-12)
    np.testing.assert_allclose(model.covs, found.covariances, rtol=1e-9)


def test_the_right_class_ends_where_scikit_learn_does():
    theirs = mixture.GaussianMixture(2, random_state=0, tol=1e-10).fit(X)
    model = Complete(2, seed=1, tol=1e-10, max_iter=500).fit(X)
    assert model.history[-1] == pytest.approx(theirs.score(X) * len(X), abs=1e-4)


def test_the_bet_is_settled_by_running_the_five():
    falls = []
    for bug in chapter_22._SILENT:
        lowest = 0.0
        for seed in range(6):
            with np.errstate(all="ignore"), contextlib.suppress(np.linalg.LinAlgError):
                model = with_ridge(BUGS[bug])(2, seed=seed, max_iter=9)
                model.fit(X)
            lowest = min(lowest, np.diff(model.history).min())
        falls.append(int(lowest < -1e-8))
    assert falls == EXERCISES["ex-debug-blind"].reference.tolist()


def test_a_test_that_finds_nothing_or_refuses_everything_is_told():
    assert "none of the nine" in examine("ex-debug-experiment", lambda Class: True).message
    assert "refuses the right class" in examine("ex-debug-experiment", lambda Class: False).message
    one = examine("ex-debug-experiment", lambda Class: Class is not None and Class.__name__ != "OldMean")
    assert one.message.startswith("1 of the nine")
