"""Mistakes that can be made in any exercise, each with its message, compared letter by letter."""

import fractions
import functools

import numba
import numpy as np
import pytest

from gmm.exercises import Verdict, _show, check, examine
from gmm.exercises._core import Exercise, judge


def task(reference, *cases, **options):
    return Exercise("ex-test", reference, cases=cases, **options)


def by_numbers(exercise, answer):
    """The verdict on an answer whose source is unknown, so that its results alone tell."""
    return judge(exercise, functools.partial(answer), answer)


def mean_of_squares(x):
    return np.mean(np.square(x, dtype=float), axis=0)


DATA = (np.array([1.0, 2.0, 4.0]),), (np.array([0.5, -2.5, 1.5, 3.0, 7.0]),)
MEAN = task(mean_of_squares, *DATA)


def log_values(x):
    return np.log(2.0 + x**2)


LOGS = task(log_values, *DATA)


def table(x):
    return np.outer(x, [1.0, 10.0]) + 0.1


TABLE = task(table, *DATA)


def moments(x):
    return x.mean(), x.var(), x.max()


MOMENTS = task(moments, *DATA, returns=("mean", "variance", "maximum"))


def in_place(x):
    x -= 1.0
    return mean_of_squares(x + 1.0)


@pytest.mark.parametrize(
    ("exercise", "answer", "message"),
    [
        (MEAN, in_place, "your function changed its input x in place. Work on a copy."),
        (MEAN, lambda x: None if len(x) > 3 else mean_of_squares(x), "your function returned None. Does every way "
            "through it end with a return?"),
        (MEAN, lambda x: (x**2).sum(), "this is the answer times the number of samples: a total in place of a mean?"),
        (task(lambda x: (x**2).sum(), *DATA), mean_of_squares, "this is the answer divided by the number of samples: "
            "a mean in place of a total?"),
        (MEAN, lambda x: (x**2).sum() / (len(x) - 1), "you divide by n − 1; maximum likelihood divides by n."),
        (MEAN, lambda x: -mean_of_squares(x), "the sign is wrong: this is minus the answer."),
        (MEAN, lambda x: 2 * mean_of_squares(x), "exactly twice the answer. Is a factor 2 too many, or a ½ missing?"),
        (MEAN, lambda x: mean_of_squares(x) / 2, "exactly half the answer. Is a factor ½ too many, or a 2 missing?"),
        (MEAN, lambda x: np.sqrt(mean_of_squares(x)), "this is the square root of the answer. Variance or standard "
            "deviation?"),
        (MEAN, lambda x: mean_of_squares(x) ** 2, "this is the square of the answer. Variance or standard deviation?"),
        (MEAN, lambda x: np.log(mean_of_squares(x)), "this is the logarithm of the answer. Take the exponential."),
        (LOGS, lambda x: np.log2(2.0 + x**2), "too large by 1/ln 2: the logarithm has base 2. The book's is natural, "
            "np.log."),
        (LOGS, lambda x: np.log10(2.0 + x**2), "too small by 1/ln 10: the logarithm has base 10. The book's is "
            "natural, np.log."),
        (LOGS, lambda x: 2.0 + x**2, "this is the exponential of the answer. Its logarithm is asked for."),
        (LOGS, lambda x: log_values(x) + 0.5 * np.log(2 * np.pi), "a constant is forgotten: the −½ log 2π of the "
            "normaliser, for each feature of each sample."),
        (LOGS, lambda x: log_values(x) - 0.75, "every number is off by the same constant, -0.75. Is a constant "
            "forgotten?"),
        (LOGS, lambda x: np.log(x - 3.0), "nan, not a number, where there should be one. It comes of 0/0, inf - inf, "
            "0 · inf or the logarithm of a negative number; did something underflow to zero on the way?"),
        (LOGS, lambda x: np.log(np.exp(-1e3 * x**2)), "-inf, the logarithm of zero. Did a density underflow before "
            "its logarithm was taken?"),
        (LOGS, lambda x: 1.0 / (x - x), "inf: something overflowed, or was divided by zero."),
        (LOGS, lambda x: log_values(x).astype(int), "the fractions are cut off: is there an integer division, //, or "
            "an array of integers?"),
        (LOGS, lambda x: log_values(x).round(3), "nearly right, but some digits are lost. Do you round, or subtract "
            "two large numbers that are almost equal?"),
        (LOGS, lambda x: (log_values(x) + 1e-6 * x).astype(np.float32), "the result has single precision, float32, "
            "and too few digits. Stay with float64."),
        (LOGS, lambda x: map(float, x), "your function returns a map, which only promises values. Make it an array."),
        (LOGS, lambda x: "text", "numbers are expected, and this is a str."),
        (LOGS, lambda x: np.log, "your function returns a function. Is a pair of parentheses missing?"),
        (LOGS, lambda x: log_values(x)[None], "the shape should be (3,), and is (1, 3). The values are right: drop or "
            "add the axes of length one."),
        (TABLE, lambda x: table(x).T, "the shape should be (3, 2), and is (2, 3). The values are right: transpose "
            "them."),
        (TABLE, lambda x: table(x)[:, :1], "the shape should be (3, 2), and is (3, 1)."),
        (MEAN, lambda x: x**2, "a single number is expected, and this is an array of shape (3,). Its mean is what is "
            "asked for."),
        (task(lambda x: x.sum(), *DATA), lambda x: x, "a single number is expected, and this is an array of shape "
            "(3,). Its sum is what is asked for."),
        (LOGS, lambda x: log_values(x).mean(), "an array of shape (3,) is expected, and this is a single number."),
        (MOMENTS, lambda x: x.mean(), "return 3 values (mean, variance, maximum), separated by commas; this is one "
            "number."),
        (MOMENTS, lambda x: moments(x)[:2], "return 3 values (mean, variance, maximum); these are 2."),
        (MOMENTS, lambda x: moments(x)[::-1], "the values are right, their order is not: return (mean, variance, "
            "maximum)."),
        (MOMENTS, lambda x: (x.mean(), x.std(), x.max()), "variance: this is the square root of the answer. Variance "
            "or standard deviation?"),
    ],
)  # fmt: skip
def test_a_mistake_that_can_be_made_anywhere(exercise, answer, message):
    found = by_numbers(exercise, answer)
    assert found.status == "wrong"
    assert found.message == message


def test_the_smallest_case_that_fails_is_shown_with_names_and_values():
    wide = (np.arange(6.0).reshape(2, 3), 2.0), (np.array([[1.0, 2.0]]), 3.0), (np.arange(4.0).reshape(2, 2), 1.0)
    exercise = task(lambda X, power: (X**power).sum(axis=1), *wide)
    found = by_numbers(exercise, lambda X, power: (X**power).sum(axis=1) if power < 2 else X[:, 0])
    assert found.text == (
        "Not yet: right in 1 of 3 cases. The smallest that fails:\n"
        "  called with  X = [[1., 2.]], power = 3.0\n"
        "  expected     [9.]\n"
        "  got          [1.]"
    )


def test_only_the_wrong_part_of_a_tuple_is_shown():
    found = by_numbers(MOMENTS, lambda x: (x.mean(), 0.1234 + x[0] * x[1], x.max()))
    assert found.text == (
        "Not yet: wrong in all 2 cases. The smallest that fails:\n"
        "  called with        x = [1., 2., 4.]\n"
        "  expected variance  1.5556\n"
        "  got variance       2.1234"
    )


def test_numbers_that_differ_late_are_shown_with_enough_digits():
    found = by_numbers(MEAN, lambda x: mean_of_squares(x) + 1e-6 * x[0] ** 3)
    assert found.details[1:] == ("expected     7.0", "got          7.000001")


@pytest.mark.parametrize(
    ("exercise", "answer", "message"),
    [
        (MEAN, np.mean, None),
        (MEAN, 7.0, "pass your function itself, without parentheses. It looks as if it had been called: 7.0."),
        (MEAN, "7", "pass your function itself, without parentheses. This is: '7'."),
        (
            task(lambda X, resp: X, (np.ones(2), np.ones(2))),
            lambda X: X,
            "your function is called with 2 arguments, (X, resp); it takes (X).",
        ),
        (
            task(lambda X: X, (np.ones(2),)),
            lambda a, b, c: a,
            "your function is called with 1 argument, (X); it takes (a, b, c).",
        ),
    ],
)
def test_how_check_is_called(exercise, answer, message):
    found = judge(exercise, answer, answer)
    if message is None:
        assert found.status == "wrong"
    else:
        assert found.message == message


@pytest.mark.parametrize(
    ("reference", "answer", "message"),
    [
        (3.0, -3.0, "the sign is wrong: this is minus the answer."),
        (3.0, 3.0 / np.log(2), "too large by 1/ln 2: the logarithm has base 2. The book's is natural, np.log."),
        (3.0, [3.0, 3.0], "expected is a single number; this is an array of shape (2,)."),
        (3.0, "three", "'three' is a text; expected is a single number, without quotation marks."),
        (3.0, {}, "{} is no number; expected is a single number."),
        ((1.0, 2.0), [[1.0, 2.0]], "the values are right, only their form is not: expected is 2 numbers; this is an "
            "array of shape (1, 2)."),
        (np.array([1.0, 2.0]), [[1.0], [2.0]], "the values are right, only their form is not: expected is an array of "
            "shape (2,); this is an array of shape (2, 1)."),
        (3.0, np.nan, "nan is not finite. nan, not a number, where there should be one. It comes of 0/0, inf - inf, "
            "0 · inf or the logarithm of a negative number; did something underflow to zero on the way?"),
        (3.0, 3.01, "3.01 is near, but not exact enough. Give more digits, and round only at the end."),
        (3.0, 8.0, "8.0 is not the answer."),
        ((1.0, 2.0), (1.0, 7.0), "not all of it is right: look at number 2 again."),
        ((1.0, 2.0), 1.0, "expected is 2 numbers; this is a single number."),
    ],
)  # fmt: skip
def test_a_wrong_value(reference, answer, message):
    found = judge(Exercise("ex-test", reference), answer, answer)
    assert found.message == message


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        (2 / 3, [2 / 3]),
        (10, (10,)),
        (0.292, np.array([0.292])),
        (0.292, np.array([[0.292]])),
        (2 / 3, fractions.Fraction(2, 3)),
        ((1.0, 2.0), np.array([1.0, 2.0])),
    ],
)
def test_a_right_value_is_right_in_its_box_too(reference, answer):
    assert judge(Exercise("ex-test", reference), answer, answer).right


@pytest.mark.parametrize("kind", [str, complex, object])
def test_results_of_another_type_are_not_right(kind):
    found = by_numbers(LOGS, lambda x: log_values(x).astype(kind))
    assert found.message.startswith("numbers are expected, and this is one array of shape (3,) of ")


@pytest.mark.parametrize("box", [list, tuple, np.array, lambda texts: np.array(texts, dtype=object)])
@pytest.mark.parametrize("texts", [["0.5", "2.0"], [0.5, "2.0"]])
def test_numbers_written_as_texts_are_no_numbers(box, texts):
    for right in ((0.5, 2.0), np.array([0.5, 2.0])):
        found = judge(Exercise("ex-test", right), box(texts), box(texts))
        assert not found.right
        assert "is no number; expected is " in found.message
    found = by_numbers(LOGS, lambda x: box([*log_values(x)[:-1], str(log_values(x)[-1])]))
    assert found.message.startswith(("numbers are expected, and this is ", "return one result, not a tuple"))


def test_messages_do_not_depend_on_how_the_reader_prints():
    exercise = task(lambda x: x * 1e-6, (np.array([1e-3, 2e-3]),), rtol=1e-12)

    def messages():
        small = by_numbers(exercise, lambda x: x * 1e-6 + 3e-7 * x**2).text
        return small, judge(Exercise("ex-test", 1.0), 1.23456e-9, 1.23456e-9).text

    plain = messages()
    assert "1.e-09" in plain[0]
    with np.printoptions(precision=1, suppress=True, sign="+", formatter={"float": lambda x: "odd"}, legacy="1.13"):
        assert messages() == plain


def test_digits_lost_far_from_the_origin_are_named():
    near, far = np.array([1.0, 2.0, 4.0]), 1e8 + np.array([0.5, -2.5, 1.5, 3.0, 7.0])
    exercise = task(lambda x: x.var(), (near,), (far,))
    found = judge(exercise, expanded, expanded)
    assert found.message.startswith("right near the origin, and wrong for data far from it")
    far_alone = task(lambda x: x.var(), (far,))  # then nobody knows that it is right elsewhere
    assert "origin" not in judge(far_alone, expanded, expanded).message


def expanded(x):
    return (x**2).mean() - x.mean() ** 2


def test_a_judge_decides_alone():
    exercise = Exercise("ex-test", 4, judge=lambda answer: None if answer % 2 == 0 else "an even number, please.")
    assert judge(exercise, 8, 8).text == "Right."
    assert judge(exercise, 7, 7).text == "Not yet: an even number, please."
    assert judge(exercise, "a", "a").text.startswith("Not yet: your function raised TypeError")


@pytest.mark.parametrize("decorate", [lambda f: f, numba.njit])
def test_python_and_numba_functions_are_checked_alike(decorate):
    @decorate
    def right(x):
        total = 0.0
        for value in x:
            total += value**2
        return total / len(x)

    @decorate
    def wrong(x):
        total = 0.0
        for value in x:
            total += value**2
        return total

    assert judge(MEAN, right, right).text == "Right, on all 2 cases."
    assert judge(MEAN, wrong, wrong).message.startswith("this is the answer times the number of samples")


# ------------------------------------------------------------------------- labels


def test_an_unknown_label_suggests_known_ones():
    with pytest.raises(ValueError, match=r"^there is no exercise 'ex-logsumexp'; did you mean 'ex-log-sum-exp'"):
        check("ex-logsumexp", 1)
    with pytest.raises(ValueError, match=r"did you mean 'ex-resp-midpoint'"):
        check("resp-midpoint", 1)
    with pytest.raises(ValueError, match=r"there is no exercise 'qqq'; exercises.progress\(4\) lists those"):
        check("qqq", 1)
    with pytest.raises(TypeError, match=r"^label comes first .* got a function$"):
        check(np.mean, "ex-resp-midpoint")


def test_a_proof_is_not_checked():
    found = examine("ex-em-lagrange", "my proof")
    assert found.text == (
        "ex-em-lagrange: no program checks this exercise. Write your answer down, then compare it with the solution: "
        'exercises.solution("ex-em-lagrange", anyway=True)'
    )


# ------------------------------------------------------------------------- how it is shown


def test_html_is_escaped_and_says_in_words_and_by_a_mark_what_the_colour_says():
    found = Verdict("wrong", "a < b & <script>", ("x = '<b>'",))
    html = found._repr_html_()
    assert "<strong>✗ Not yet</strong>: a &lt; b &amp; &lt;script&gt;" in html
    assert "x = '&lt;b&gt;'</pre>" in html
    code = Verdict("wrong", "see `a < b`.", ("look at  `c`.", "line 1:  d = '`'"))._repr_html_()
    assert ": see <code>a &lt; b</code>." in code
    assert "look at  <code>c</code>.\nline 1:  d = '`'</pre>" in code
    assert "<script>" not in html
    assert Verdict("right", ".")._repr_html_().count("✓ Right</strong>.") == 1
    assert repr(found) == "Not yet: a < b & <script>\n  x = '<b>'"


def test_a_terminal_gets_text_and_a_notebook_an_object(capsys, monkeypatch):
    assert check("ex-resp-midpoint", 0.5) is None
    text = "Not yet: halfway between the means the Gaussians are equal, but the weights are not.\n"
    assert capsys.readouterr().out == text
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: type("Shell", (), {"kernel": object()})())
    monkeypatch.setattr(IPython.display, "display", shown.append)
    assert _show.in_notebook()
    assert check("ex-resp-midpoint", 0.5) is None
    assert [type(message) for message in shown] == [Verdict]
    assert capsys.readouterr().out == ""
