"""Chapter 22: the faulty class of the page, its repairs, and each of its bugs alone against each check."""
# ruff: noqa: NPY002 - the global random numbers are a bug of the chapter

import contextlib
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
from gmm.exercises.chapter_22 import BUGS, OTHER_BUGS, Complete, Right, with_ridge

NOTEBOOK = chapters.BOOK / "22_debug_this_gmm.ipynb"
PAGE = {exercise.label: exercise for exercise in exercise_texts.of_notebook(NOTEBOOK)}
CLASSES = [label for label in PAGE if label in EXERCISES and label not in ("ex-debug-blind", "ex-debug-experiment")]
METHODS = [label for label in CLASSES if label != "ex-debug-whole"]
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
            fails = "raises-exception" in cell.metadata.get("tags", ())
            source = cell.source.replace("from gmm import datasets, exercises, plot", "from gmm import datasets, plot")
            source = source.replace("plt.show()", "plt.close('all')")
            with contextlib.redirect_stdout(None), pytest.raises(Exception) if fails else contextlib.nullcontext():
                exec(compile(source, f"cell {number}", "exec"), names)
    np.random.set_state(state)
    return SimpleNamespace(names=names, handed=handed)


# ------------------------------------------------------------------------- the page


@pytest.mark.parametrize("label", CLASSES)
def test_the_bug_on_the_page_is_recognised_and_named(page, label):
    assert examine(label, page.handed[label][0]).message == EXERCISES[label].mistakes[0].message


@pytest.mark.parametrize("label", [*CLASSES, "ex-debug-blind", "ex-debug-experiment"])
def test_the_solution_on_the_page_is_right(page, label):
    assert examine(label, page.handed[label][-1]).right


@pytest.mark.parametrize("label", METHODS)
def test_the_faulty_class_fails_every_check(page, label):
    assert examine(label, page.names["ScratchGMM"]).status == "wrong"


def test_the_last_repair_passes_every_check(page):
    for label in CLASSES:
        assert examine(label, page.names["Repair12"]).right, label


def test_each_repair_leaves_the_later_bugs_in(page):
    """A check looks at its own bug: it passes from the repair on, and the repairs before fail it."""
    order = ["import", "unpack", "none", "stop", "rows", "weights", "mean", "units", "seed", "log", "ridge"]
    repairs = [page.names[f"Repair{n}"] for n in (1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12)]
    for place, repair in enumerate(repairs):
        for number, name in enumerate(order):
            assert examine(f"ex-debug-{name}", repair).right == (number <= place), (repair.__name__, name)


def test_the_repaired_class_is_gmm_to_eight_digits(page):
    for name in ("Repair12", "Mixture"):
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
    assert noticed.shape == (len(BUGS) + len(OTHER_BUGS), len(page.names["experiments"]))
    assert noticed.any(axis=1).all()
    assert noticed[3:].any(axis=0).all()
    assert not any(page.names["outcome"](run, Complete) for run in page.names["experiments"].values())


def test_what_the_page_says_of_its_table(page):
    rows = dict(zip([*BUGS, *OTHER_BUGS], page.names["noticed"]))
    columns = list(page.names["experiments"])
    quiet = np.array([rows[name] for name in list(BUGS)[3:]])
    assert quiet[:, columns.index("never falls")].sum() == 1
    assert rows["wrong axis"][columns.index("never falls")]
    assert quiet[:, columns.index("three values")].sum() == 4
    assert not rows["misspelt weights"][columns.index("three values")]
    assert (quiet.sum(axis=1) == 1).sum() == 5
    assert [c for c, seen in zip(columns, rows["second moment"]) if seen] == ["origin"]
    assert rows["index slip"][columns.index("order")]
    assert not quiet[:, [columns.index("origin"), columns.index("order")]].any()
    assert quiet.sum(axis=1).max() == 6  # the alternative text of the figure
    column = {name: bool(row[columns.index("never falls")]) for name, row in rows.items()}
    assert [name for name, seen in column.items() if seen] == [*list(BUGS)[:3], "wrong axis", "index slip"]


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
