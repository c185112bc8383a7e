"""One change in the source that would make every case right: the slip that it undoes is named, with its line."""

import numpy as np
import pytest
from numpy import log10

from gmm.exercises import EXERCISES, _diagnosis, _guard, _repair, examine
from gmm.exercises._core import Exercise, judge

RNG = np.random.default_rng(0)
DATA = tuple((RNG.normal(size=(n, 3)), RNG.uniform(0.5, 2.0, size=3)) for n in (4, 7))


def reference(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 / (2 * variances)
    return np.log(1 + squared).sum(axis=1) / np.sqrt(variances).sum()


TASK = Exercise("ex-test", reference, cases=DATA)


def wrong_axis(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 / (2 * variances)
    return np.log(1 + squared).sum(axis=0) / np.sqrt(variances).sum()


def wrong_position(X, variances):
    squared = (X - X.mean(0)) ** 2 / (2 * variances)
    return np.sum(np.log(1 + squared), 0) / np.sqrt(variances).sum()


def missing_axis(X, variances):
    squared = (X - X.mean()) ** 2 / (2 * variances)
    return np.log(1 + squared).sum(axis=1) / np.sqrt(variances).sum()


def integer_division(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 // (2 * variances)
    return np.log(1 + squared).sum(axis=1) / np.sqrt(variances).sum()


def other_base(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 / (2 * variances)
    return log10(1 + squared).sum(axis=1) / np.sqrt(variances).sum()


def no_root(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 / (2 * variances)
    return np.log(1 + squared).sum(axis=1) / variances.sum()


def root_too_many(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 / (2 * np.sqrt(variances))
    return np.log(1 + squared).sum(axis=1) / np.sqrt(variances).sum()


def mean_for_sum(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 / (2 * variances)
    return np.log(1 + squared).mean(axis=1) / np.sqrt(variances).sum()


def wrong_sign(X, variances):
    squared = (X + X.mean(axis=0)) ** 2 / (2 * variances)
    return np.log(1 + squared).sum(axis=1) / np.sqrt(variances).sum()


def missing_half(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 / variances
    return np.log(1 + squared).sum(axis=1) / np.sqrt(variances).sum()


def brackets(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 / 2 * variances
    return np.log(1 + squared).sum(axis=1) / np.sqrt(variances).sum()


def not_squared(X, variances):
    squared = abs(X - X.mean(axis=0)) / (2 * variances)
    return np.log(1 + squared).sum(axis=1) / np.sqrt(variances).sum()


def other_divisor(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 / (2 * variances)
    width = np.sqrt(variances).sum()
    return np.log(1 + squared).sum(axis=1) / (len(X) + 0 * width)


def missing_division(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 / (2 * variances)
    width = np.sqrt(variances).sum()
    assert width > 0
    return np.log(1 + squared).sum(axis=1)


def one_too_many(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 / (2 * variances) + 1e-3
    return np.log(1 + squared).sum(axis=1) / np.sqrt(variances).sum()


def other_variable(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 / (2 * variances)
    assert squared.shape == X.shape
    return np.log(1 + X).sum(axis=1) / np.sqrt(variances).sum()


def whole_numbers(X, variances):
    logs = np.zeros(len(X), dtype=int)
    for i, x in enumerate(X):
        logs[i] = np.log(1 + (x - X.mean(axis=0)) ** 2 / (2 * variances)).sum()
    return logs / np.sqrt(variances).sum()


def returns_early(X, variances):
    logs = np.zeros(len(X))
    for i, x in enumerate(X):
        logs[i] = np.log(1 + (x - X.mean(axis=0)) ** 2 / (2 * variances)).sum()
        return logs / np.sqrt(variances).sum()


def overwrites(X, variances):
    logs = np.zeros(len(X))
    for j in range(X.shape[1]):
        logs = np.log(1 + (X[:, j] - X[:, j].mean()) ** 2 / (2 * variances[j]))
    return logs / np.sqrt(variances).sum()


def fixed_index(X, variances):
    logs = np.zeros(len(X))
    for j in range(X.shape[1]):
        logs += np.log(1 + (X[:, j] - X[:, j].mean()) ** 2 / (2 * variances[0]))
    return logs / np.sqrt(variances).sum()


def not_centred(X, variances):
    middle = X.mean(axis=0)
    assert middle.shape == (X.shape[1],)
    squared = X**2 / (2 * variances)
    return np.log(1 + squared).sum(axis=1) / np.sqrt(variances).sum()


def wrong_index(X, variances):
    logs = np.zeros(len(X))
    first = variances[-1]
    for j in range(X.shape[1]):
        logs += np.log(1 + (X[:, j] - X[:, j].mean()) ** 2 / (2 * (first if j == 0 else variances[j])))
    return logs / np.sqrt(variances).sum()


def missing_minus_half(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 / variances
    return np.log(1 - squared).sum(axis=1) / np.sqrt(variances).sum()


def surplus_factor(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 / (2 * variances)
    return 2 * np.log(1 + squared).sum(axis=1) / np.sqrt(variances).sum()


SLIPS = [
    (surplus_factor, "`2 * np.log(1 + squared).sum(axis=1)`: a factor too many. Without the 2 every case is right.", 3),
    (wrong_index, "`variances[-1]`: is this the right index?", 3),
    (not_centred, "`X`: something is missing here. With − middle every case is right.", 4),
    (missing_minus_half, "`squared`: a factor −½ is missing here.", 3),
    (wrong_axis, "is this the right axis?", 3),
    (wrong_position, "`np.sum(np.log(1 + squared), 0)`: is this the right axis?", 3),
    (missing_axis, "`X.mean()` takes all entries together.", 2),
    (integer_division, "an integer division, //, cuts off the fraction.", 2),
    (other_base, "the logarithm has another base than e", 3),
    (no_root, "`variances`: variance or standard deviation? With a square root", 3),
    (root_too_many, "`np.sqrt(variances)`: variance or standard deviation? Without the square root", 2),
    (mean_for_sum, "`np.log(1 + squared).mean(axis=1)`: a sum or a mean?", 3),
    (wrong_sign, "`X + X.mean(axis=0)`: check the sign.", 2),
    (missing_half, "a factor 2 is missing in the divisor, or a ½ before it.", 2),
    (brackets, "brackets are missing in `(X - X.mean(axis=0)) ** 2 / 2 * variances`", 2),
    (not_squared, "`abs(X - X.mean(axis=0))`: a square is missing here.", 2),
    (other_divisor, "is this the right divisor?", 4),
    (missing_division, "a division is missing here.", 5),
    (one_too_many, "`0.001` does not belong here.", 2),
    (other_variable, "`X`: is this the right variable?", 4),
    (whole_numbers, "holds whole numbers and cuts off fractions.", 2),
    (returns_early, "the `return` stands inside the loop", 5),
    (overwrites, "`logs` is overwritten on every pass of the loop.", 4),
    (fixed_index, "`variances[0]` is the same on every pass of the loop. With `j`", 4),
]


@pytest.mark.parametrize(("answer", "message", "line"), SLIPS, ids=[slip[0].__name__ for slip in SLIPS])
def test_a_slip_is_named_with_its_line(answer, message, line):
    found = judge(TASK, answer, answer)
    assert found.status == "wrong"
    number = answer.__code__.co_firstlineno + line - 1
    assert found.details[0].startswith(f"test_repair.py, line {number}:  ")
    assert found.details[1].startswith("called with")
    said, _ = _repair.slip(TASK, answer)
    assert message in said
    assert found.message.endswith((said, *_diagnosis._NAMED))


def test_the_tree_is_as_it_was_after_each_change():
    assert judge(TASK, wrong_axis, wrong_axis) == judge(TASK, wrong_axis, wrong_axis)


def two_slips(X, variances):
    squared = (X + X.mean(axis=0)) ** 2 / variances
    return np.log(1 + squared).sum(axis=0) / variances.sum()


def test_two_slips_are_not_guessed_at():
    assert _repair.slip(TASK, two_slips) is None


def test_a_factor_is_said_to_be_too_many_or_missing():
    found = judge(TASK, surplus_factor, surplus_factor)
    assert found.message == (
        "exactly twice the answer. `2 * np.log(1 + squared).sum(axis=1)`: a factor too many. Without the 2 every case "
        "is right."
    )


of_lambda = (lambda X, v: v.sum(), lambda X, v: np.log(1 + (X - X.mean(axis=0)) ** 2 / (2 * v)).sum(axis=0) / np.sqrt(v).sum())  # fmt: skip # noqa: E501


@pytest.mark.parametrize("argument", [0])
def test_a_lambda_gets_a_line_too(argument):
    found = judge(TASK, of_lambda[1], of_lambda[1])
    assert "is this the right axis? With another one every case is right." in found.message
    assert found.details[0].startswith("test_repair.py, line ")
    within = lambda X, v: reference(X, v) + 1.0 + argument  # noqa: E731
    assert judge(TASK, within, within).message == "`1.0` does not belong here. Without it every case is right."


@pytest.mark.parametrize("answer", [np.mean, eval("lambda X, variances: X"), "text"])
def test_without_a_source_there_is_no_slip(answer):
    assert _repair.slip(TASK, answer) is None


def does_not_broadcast(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 / (2 * variances)
    return (np.log(1 + squared) / squared.sum(axis=1)).sum(axis=1)


def test_an_exception_comes_with_the_change_that_would_help():
    task = Exercise("ex-test", lambda X, v: _shares(X, v), cases=DATA)
    found = judge(task, does_not_broadcast, does_not_broadcast)
    assert found.message.startswith("your function raised ValueError: operands could not be broadcast")
    assert found.details[-1].startswith("look at  `squared.sum(axis=1)`")


def _shares(X, variances):
    squared = (X - X.mean(axis=0)) ** 2 / (2 * variances)
    return (np.log(1 + squared) / squared.sum(axis=1, keepdims=True)).sum(axis=1)


def would_loop_for_ever(X, variances):
    count, total = 0, np.zeros(len(X))
    while count < 3:
        total += np.log(1 + X[:, 0] ** 2)
        count += 1  # with a minus there is no end
    return total


def test_changes_that_never_end_are_stopped(monkeypatch):
    ends = []

    def watched(search, **limits):
        ends.append(guarded(search, **limits))
        return ends[-1]

    guarded = _guard.guarded
    monkeypatch.setattr(_repair, "SECONDS", 0.2)
    monkeypatch.setattr(_guard, "guarded", watched)
    assert judge(TASK, would_loop_for_ever, would_loop_for_ever).message.startswith("wrong in all 2 cases")
    value, failure = ends[-1]
    assert value is None
    assert failure.kind == "time"


def prints(X, variances):
    print("here")
    return X.sum(axis=1)


def test_a_reader_does_not_see_the_trials(capsys):
    _repair.slip(TASK, prints)
    assert capsys.readouterr().out == ""


def noisy(X, variances):
    return reference(X, variances) + np.random.default_rng().normal()


def test_random_results_are_called_so():
    message = "your function gives another result each time, for the same input. Does it draw random numbers?"
    assert judge(TASK, noisy, noisy).message == message


# ------------------------------------------------------------------------- in the exercises


def sum_over_samples(x, weights, means, variances):
    a = np.log(weights) - 0.5 * np.log(variances) - 0.5 * (x[:, None] - means) ** 2 / variances
    a = a - a.max(axis=0)
    shares = np.exp(a)
    return shares / shares.sum(axis=1, keepdims=True)


def constant_of_samples(X, mean, covariance):
    L = np.linalg.cholesky(covariance)
    y = np.linalg.solve(L, (X - mean).T)
    return -0.5 * (len(X) * np.log(2 * np.pi) + 2 * np.log(np.diag(L)).sum() + (y**2).sum(axis=0))


def brackets_of_penalty(log_likelihood, n, K, d, structure):
    triangle = d * (d + 1) // 2
    p = K - 1 + K * d + {"full": K * triangle, "tied": triangle, "diag": K * d}.get(structure, K)
    return (-2 * log_likelihood + p) * np.log(n)


def forgets_the_mean(x, weights, means, variances):
    squared = x[:, None] ** 2 / variances
    a = np.log(weights) - 0.5 * np.log(variances) - 0.5 * squared
    shares = np.exp(a - a.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def brackets_of_midpoint(mean_1, mean_2, variance, weight_1):
    return mean_1 + mean_2 / 2 + variance / (mean_2 - mean_1) * np.log(weight_1 / (1 - weight_1))


@pytest.mark.parametrize(
    ("label", "answer", "message"),
    [
        ("ex-resp-line", sum_over_samples, "`a.max(axis=0)`: is this the right axis? With another one every case is "
            "right."),
        ("ex-gaussian-log-density", constant_of_samples, "`len(X)` is the length of the first axis. With that of the "
            "second every case is right."),
        ("ex-select-bic", brackets_of_penalty, "the brackets in `(-2 * log_likelihood + p) * np.log(n)` take in too "
            "much."),
        ("ex-resp-line", forgets_the_mean, "`x[:, None]`: something is missing here. With − means every case is "
            "right."),
        ("ex-resp-boundary", brackets_of_midpoint, "brackets are missing in `mean_1 + mean_2 / 2`: multiplication and "
            "division go first."),
    ],
)  # fmt: skip
def test_slips_in_the_exercises(label, answer, message):
    assert label in EXERCISES
    assert examine(label, answer).message == message
