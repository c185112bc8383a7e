"""What a wrong result has to do with the right one: mistakes that can be made in any exercise."""

from __future__ import annotations

import itertools
import math
import numbers

import numpy as np

from gmm.exercises._show import Verdict


def same(a, b, rtol):
    """Whether two answers agree, part by part if they are tuples."""
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(same(x, y, rtol) for x, y in zip(a, b, strict=True))
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str) and a == b
    x, y = _numbers(a), _numbers(b)
    if x is None or y is None:
        return a is b
    return x.shape == y.shape and np.allclose(x, y, rtol=rtol, atol=rtol, equal_nan=True)


def nearer(value, wrong, rtol, right):
    """Whether a value is a known wrong one with fewer digits than are asked for."""
    a, b, e = _numbers(value), _numbers(wrong), _numbers(right)
    if a is None or a.shape != b.shape or b.shape != e.shape or np.issubdtype(np.asarray(right).dtype, np.integer):
        return False
    off = np.abs(a - b)
    return bool((off <= max(rtol, 2e-3) * np.abs(b)).all() and off.sum() < np.abs(a - e).sum())


def makes(got, wrong, right, cases, rtol):
    """Whether results are those of a wrong function.

    A function that loses digits is not wrong by the same digits each time it is written: far from the origin, where
    it is only inaccurate, another inaccurate result will do. In some other case it has to be right.
    """
    inaccurate = 0
    for a, b, e, case in zip(got, wrong, right, cases, strict=True):
        if a is b or same(a, b, rtol):
            continue
        if same(a, e, rtol) or same(b, e, rtol) or not (_far(case) and _near(a, e) and _near(b, e)):
            return False
        inaccurate += 1
    return not inaccurate or any(same(b, e, rtol) for b, e in zip(wrong, right, strict=True))


def _near(a, b):
    """Whether two answers agree to a tenth of the largest number of each part."""
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(_near, a, b))
    a, b = _numbers(a), _numbers(b)
    if a is None or b is None or a.shape != b.shape or not np.isfinite(a).all():
        return False
    return bool(np.abs(a - b).max(initial=0.0) <= 0.1 * np.abs(b).max(initial=0.0))


# ------------------------------------------------------------------------- show

#: How numbers are printed, whatever the reader has chosen for the notebook.
_PRINTED = {
    "threshold": 20, "edgeitems": 2, "linewidth": 10_000, "suppress": False, "nanstr": "nan", "infstr": "inf",
    "formatter": None, "sign": "-", "floatmode": "maxprec", "legacy": False,
}  # fmt: skip


def show(value, precision=4):
    """A short text for any value, rounded."""
    with np.printoptions(precision=precision, **_PRINTED):
        return _shown(value, precision)


def _shown(value, precision):
    if isinstance(value, tuple):
        return "(" + ", ".join(show(part, precision) for part in value) + ")"
    if isinstance(value, (bool, np.bool_, int)):
        return str(value)
    if isinstance(value, (np.ndarray, list, float, np.floating, np.integer)):
        try:
            array = np.asarray(value)
        except ValueError:
            return repr(value)
        text = " ".join(np.array2string(array, separator=", ").split())
        return text + "0" if array.ndim == 0 and text.endswith(".") else text
    text = repr(value)
    if " at 0x" in text:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 200 else text[:200] + " …"


def _both(expected, got):
    """Two values as texts, with so many digits that they differ where they can."""
    for precision in (4, 8, 12, 17):
        texts = show(expected, precision), show(got, precision)
        if texts[0] != texts[1]:
            return texts
    a, b = _numbers(expected), _numbers(got)
    if a is None or b is None or a.shape != b.shape or a.ndim == 0:
        return texts
    # the numbers that differ are among those left out
    places = np.argwhere(~np.isclose(a, b, rtol=1e-12, atol=0.0))[:3]
    names = ["[" + ", ".join(map(str, place)) + "]" for place in places]
    whole = [np.asarray(value) for value in (expected, got)]
    return tuple(
        ", ".join(f"{show(x[tuple(place)], 8)} at {name}" for place, name in zip(places, names)) for x in whole
    )


def arguments(task, number):
    """One line that says what the function was called with."""
    named = zip(task.names(), task.cases[number])
    return ("called with  " + ", ".join(f"{name} = {show(value)}" for name, value in named),)


# ------------------------------------------------------------------------- values


def of_value(task, answer):
    """A clue about a wrong value, or None."""
    numbers, right = _numbers(answer), _numbers(task.reference)
    if isinstance(answer, str):
        return f"{show(answer)} is a text; expected is {_wanted(task)}, without quotation marks."
    if numbers is None:
        return f"{show(answer)} is no number; expected is {_wanted(task)}."
    if numbers.shape != right.shape:
        form = f"expected is {_wanted(task)}; this is {_shape(numbers)}."
        if numbers.size == right.size and np.allclose(numbers.ravel(), right.ravel(), rtol=task.rtol, atol=task.rtol):
            return f"the values are right, only their form is not: {form}"
        return form
    if not np.isfinite(numbers).all():
        return f"{show(answer)} is not finite. " + _not_finite(numbers)
    if numbers.size > 1:
        return _of_values(task, numbers.ravel(), right.ravel())
    whole = np.asarray(task.reference).dtype.kind in "iu"
    if whole and numbers != np.round(numbers):
        return f"{show(answer)} is no whole number, and one is asked for."
    clue = _relation([numbers], [right], [set()], max(task.rtol, 1e-3)) if not whole or numbers == -right else None
    if clue:
        return clue
    if not whole and _rounded(numbers, right):
        return f"{show(answer)} is near, but not exact enough. Give more digits, and round only at the end."
    return None


def _rounded(number, right):
    """Whether a number is the right one with too few digits, or near it."""
    if np.isclose(number, right, rtol=5e-3, atol=0.0):
        return True
    digits = len(repr(float(number)).partition(".")[2].rstrip("0"))
    return bool(abs(number - right) <= 0.1 * abs(right) and np.isclose(number, np.round(right, digits), rtol=1e-9))


def _of_values(task, numbers, right):
    """A clue about several values that are not all right, or None."""
    names = task.returns or [f"number {k + 1}" for k in range(numbers.size)]
    if len(names) != numbers.size:
        return None
    for order in itertools.permutations(range(numbers.size)) if numbers.size <= 4 else ():
        if len(set(right)) > 1 and np.allclose(numbers[list(order)], right, rtol=task.rtol, atol=task.rtol):
            return f"the values are right, their order is not: ({', '.join(names)})."
    clue = _relation([numbers], [right], [set()], max(task.rtol, 1e-3))
    wrong = np.flatnonzero(~np.isclose(numbers, right, rtol=task.rtol, atol=task.rtol))
    if clue or len(wrong) == numbers.size:
        return clue
    if len(wrong) == 1:
        (k,) = wrong
        if _rounded(numbers[k], right[k]):
            return f"{names[k]}: near, but not exact enough. Give more digits, and round only at the end."
        part = _relation([numbers[k]], [right[k]], [set()], max(task.rtol, 1e-3))
        if part:
            return f"{names[k]}: {part}"
    listed = [names[k] for k in wrong]
    again = listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"
    return f"not all of it is right: look at {again} again."


def _wanted(task):
    right = task.reference
    if isinstance(right, tuple):
        names = f", ({', '.join(task.returns)})" if task.returns else ""
        return f"{len(right)} numbers{names}"
    if task.returns:
        return f"an array of {len(right)} numbers, ({', '.join(task.returns)})"
    return "a single number" if np.ndim(right) == 0 else f"an array of shape {np.shape(right)}"


def _shape(array):
    return "a single number" if array.shape == () else f"an array of shape {array.shape}"


def _numbers(value):
    """A value as an array of floats; None if it does not consist of real numbers alone."""
    try:
        array = np.asarray(float(value) if isinstance(value, numbers.Real) else value)
        return array.astype(float) if array.dtype.kind in "biuf" else None
    except (TypeError, ValueError, OverflowError):
        return None


def in_form(answer, right):
    """A value as it is asked for, where one number is asked for and came in an array, list or tuple."""
    single = _numbers(answer)
    return single.reshape(()) if single is not None and single.size == 1 and np.ndim(right) == 0 else answer


# ------------------------------------------------------------------------- functions


def of_function(task, results, expected, slip=None):
    """The verdict on a function that is wrong in some case and makes none of the exercise's own mistakes.

    `slip` is what one change would put right, and the line of it, if that was found.
    """
    right = [not isinstance(a, Exception) and same(a, b, task.rtol) for a, b in zip(results, expected, strict=True)]
    wrong = [k for k, good in enumerate(right) if not good and not isinstance(results[k], Exception)]
    # a wrong number tells more than nan, and a wrong shape more where it is not one of axes of length one
    number = min(
        wrong,
        key=lambda k: (
            not _all_finite(results[k]),
            _is_reshaped(results[k], expected[k], task.rtol),
            sum(np.size(argument) for argument in task.cases[k]),
        ),
    )
    clue, part = _clue(task, results, expected, wrong, number)
    got, want = results[number], expected[number]
    label = ""
    if part is not None:
        got, want, label = got[part], want[part], f" {_part_name(task, part, len(want))}"
    want, got = _both(want, got)
    width = max(len("called with"), len("expected") + len(label))
    details = (
        arguments(task, number)[0].replace("called with", "called with".ljust(width), 1),
        f"{'expected' + label:{width}}  {want}",
        f"{'got' + label:{width}}  {got}",
    )
    if slip is not None:
        if clue and clue.endswith(_FACTOR):
            clue = f"{clue[: clue.rindex('. ')]}. {slip[0]}"
        else:
            clue = clue if clue and clue.endswith(_NAMED) else slip[0]
        details = (slip[1], *details)
    if clue is None:
        good = sum(right)
        count = f"right in {good} of {len(right)}" if good else f"wrong in all {len(right)}"
        clue = f"{count} cases. The smallest that fails:" if len(right) > 1 else "wrong in the one case there is:"
    return Verdict("wrong", clue, details)


def _all_finite(result):
    parts = result if isinstance(result, (tuple, list)) else (result,)
    numbers = [_numbers(part) for part in parts]
    return all(array is None or np.isfinite(array).all() for array in numbers)


def _is_reshaped(result, right, rtol):
    """Whether a result holds the right numbers in another shape."""
    if isinstance(right, tuple):
        pairs = zip(result, right) if isinstance(result, (tuple, list)) and len(result) == len(right) else ()
        return any(_is_reshaped(a, b, rtol) for a, b in pairs)
    a, b = _numbers(result), _numbers(right)
    if a is None or a.shape == b.shape or a.size != b.size:
        return False
    return any(np.allclose(x.reshape(b.shape), b, rtol=rtol, atol=rtol) for x in (a, a.T))


def is_numeric(result):
    """Whether a result consists of numbers alone."""
    parts = result if isinstance(result, tuple) else (result,)
    return all(_numbers(part) is not None for part in parts)


def _part_name(task, part, count):
    return task.returns[part] if task.returns else f"value {part + 1} of {count}"


def _clue(task, results, expected, wrong, number):
    """What is wrong, and with which part of a tuple; either may be None."""
    got, want = results[number], expected[number]
    if not isinstance(want, tuple):
        return _clue_about([_plain(r) for r in results], expected, wrong, number, task, results), None
    names = f" ({', '.join(task.returns)})" if task.returns else ""
    if not isinstance(got, (tuple, list)):
        return f"return {len(want)} values{names}, separated by commas; this is {_kind(got)}.", None
    if len(got) != len(want):
        return f"return {len(want)} values{names}; these are {len(got)}.", None
    for order in itertools.permutations(range(len(want))):
        if order != tuple(range(len(want))) and all(
            not isinstance(results[k], Exception) and same(tuple(results[k][p] for p in order), expected[k], task.rtol)
            for k in wrong
        ):
            return f"the values are right, their order is not: return{names or ' them in the order asked for'}.", None
    part = next(p for p in range(len(want)) if not same(got[p], want[p], task.rtol))
    parts = [_plain(r[part]) if isinstance(r, (tuple, list)) and len(r) == len(want) else None for r in results]
    clue = _clue_about(parts, [e[part] for e in expected], wrong, number, task, parts)
    name = _part_name(task, part, len(want))
    return (f"{name}: {clue}" if clue else f"{name}: not right yet." if name.endswith("s") else None), part


def _plain(value):
    return None if isinstance(value, Exception) else value


def _kind(value):
    if isinstance(value, np.ndarray):
        kind = {"c": " of complex numbers", "O": " of Python objects", "U": " of texts"}.get(value.dtype.kind, "")
        return f"one array of shape {value.shape}{kind}"
    if isinstance(value, (int, float, np.number)):
        return "one number"
    return f"a {type(value).__name__}"


def _clue_about(results, expected, wrong, number, task, originals):
    """What wrong results have in common, or None."""
    got, want = results[number], expected[number]
    numbers, right = _numbers(got), np.asarray(want, dtype=float)
    if callable(got):
        return "your function returns a function. Is a pair of parentheses missing?"
    if hasattr(got, "__next__") or isinstance(got, (map, zip, filter, range)):
        return f"your function returns a {type(got).__name__}, which only promises values. Make it an array."
    if isinstance(got, tuple):
        for part in range(len(got)):
            if all(
                isinstance(results[k], tuple)
                and len(results[k]) > part
                and same(results[k][part], expected[k], task.rtol)
                for k in wrong
            ):
                return f"return one result, not a tuple of {len(got)}: number {part + 1} of yours is what is asked for."
    if numbers is None:
        return f"numbers are expected, and this is {_kind(got)}."
    if numbers.shape != right.shape:
        return _clue_about_shape(numbers, right, task.rtol)
    if np.isnan(numbers).any() and not np.isnan(right).any():
        return _not_finite(numbers)
    if np.isinf(numbers).any() and np.isfinite(right[np.isinf(numbers)]).any():
        return _not_finite(numbers)
    pairs = [
        (_numbers(results[k]), np.asarray(expected[k], dtype=float), _counts(task, k)) for k in range(len(results))
    ]
    pairs = [pair for k, pair in enumerate(pairs) if pair[0] is not None or k in wrong]
    if any(a is None or a.shape != b.shape for a, b, _ in pairs):
        return None
    clue = _relation(*map(list, zip(*pairs)), task.rtol)
    if clue:
        return clue
    for rounded in (np.trunc, np.floor, np.round):
        if all(np.array_equal(a, rounded(b)) for a, b, _ in pairs):
            if rounded is np.round:
                return "every number is rounded to a whole one: is that meant?"
            return "the fractions are cut off: is there an integer division, //, or an array of integers?"
    if np.asarray(originals[number]).dtype.kind in "iu" and not np.array_equal(right, np.round(right)):
        return "the result is an array of integers and has lost its fractions: make it one of floats."
    if np.asarray(originals[number]).dtype == np.float32:
        return "the result has single precision, float32, and too few digits. Stay with float64."
    if all(_far(task.cases[k]) for k in wrong) and len(wrong) < len(results):
        return (
            "right near the origin, and wrong for data far from it, where squares are huge and almost equal. Take "
            "differences before you square."
        )
    if all(np.allclose(a, b, rtol=1e-3, atol=1e-6 * np.abs(b[np.isfinite(b)]).max(initial=0.0)) for a, b, _ in pairs):
        return (
            "nearly right, but some digits are lost. Do you round, or subtract two large numbers that are almost equal?"
        )
    return None


def _far(case):
    """Whether a case has data that lie far from the origin for their spread."""
    arrays = [a for a in case if isinstance(a, np.ndarray) and a.dtype.kind == "f" and a.size > 1]
    return any(np.ptp(a) < 1e-3 * np.abs(a).max() and np.abs(a).max() > 1e3 for a in arrays)


def _clue_about_shape(numbers, right, rtol):
    what = f"the shape should be {right.shape}, and is {numbers.shape}"
    if right.shape == ():
        what = f"a single number is expected, and this is an array of shape {numbers.shape}"
    elif numbers.shape == ():
        what = f"an array of shape {right.shape} is expected, and this is a single number"
    if numbers.ndim > 1 and numbers.T.shape == right.shape and np.allclose(numbers.T, right, rtol=rtol):
        return f"{what}. The values are right: transpose them."
    if numbers.size == right.size and np.allclose(numbers.reshape(right.shape), right, rtol=rtol, atol=rtol):
        return f"{what}. The values are right: drop or add the axes of length one."
    if right.ndim and numbers.ndim and numbers.T.shape == right.shape:
        return f"{what}: transposed."
    if right.shape == () and np.allclose(numbers.sum(), right, rtol=rtol):
        return f"{what}. Its sum is what is asked for."
    if right.shape == () and numbers.size and np.allclose(numbers.mean(), right, rtol=rtol):
        return f"{what}. Its mean is what is asked for."
    return f"{what}."


def _not_finite(numbers):
    if np.isnan(numbers).any():
        return (
            "nan, not a number, where there should be one. It comes of 0/0, inf - inf, 0 · inf or the logarithm of a "
            "negative number; did something underflow to zero on the way?"
        )
    if np.isneginf(numbers).any():
        return "-inf, the logarithm of zero. Did a density underflow before its logarithm was taken?"
    return "inf: something overflowed, or was divided by zero."


def _counts(task, number):
    """What a reader may take for the number of samples in a case."""
    case, names = task.cases[number], task.names()
    counts = {int(value) for name, value in zip(names, case) if name in ("n", "n_samples") and np.ndim(value) == 0}
    first = next((value for value in case if np.ndim(value) > 0), None)
    if first is not None:
        counts.add(len(first))
    return counts - {0, 1} or {1}


#: What turns the right answer into a usual wrong one, and what to say. `n` is the number of samples.
_RELATIONS = (
    (lambda e, n: -e, "the sign is wrong: this is minus the answer."),
    (lambda e, n: e * n, "this is the answer times the number of samples: a total in place of a mean?"),
    (lambda e, n: e / n, "this is the answer divided by the number of samples: a mean in place of a total?"),
    (lambda e, n: e * n / (n - 1) if n > 1 else np.nan, "you divide by n − 1; maximum likelihood divides by n."),
    (lambda e, n: e / math.log(2), "too large by 1/ln 2: the logarithm has base 2. The book's is natural, np.log."),
    (lambda e, n: e / math.log(10), "too small by 1/ln 10: the logarithm has base 10. The book's is natural, np.log."),
    (lambda e, n: 2 * e, "exactly twice the answer. Is a factor 2 too many, or a ½ missing?"),
    (lambda e, n: e / 2, "exactly half the answer. Is a factor ½ too many, or a 2 missing?"),
    (lambda e, n: e**2, "this is the square of the answer. Variance or standard deviation?"),
    (lambda e, n: np.sqrt(e), "this is the square root of the answer. Variance or standard deviation?"),
    (lambda e, n: np.exp(e), "this is the exponential of the answer. Its logarithm is asked for."),
    (lambda e, n: np.log(e), "this is the logarithm of the answer. Take the exponential."),
    (lambda e, n: 1 - e, "this is one minus the answer."),
    (lambda e, n: 1 / e, "this is one divided by the answer."),
    (lambda e, n: 100 * e, "this is in per cent; give the fraction."),
)
#: Clues that name a mistake, also where its line is known.
_NAMED = tuple(text for _, text in _RELATIONS)
#: Those that have two causes, of which the line tells one.
_FACTOR = tuple(text for text in _NAMED if text.startswith("exactly"))
_HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


def _relation(got, expected, counts, rtol):
    """How all wrong results follow from the right ones, in words; None if no way is known."""
    if not any(e.size for e in expected):
        return None
    with np.errstate(all="ignore"):
        for turn, text in _RELATIONS:
            made = [[turn(e, n) for n in (c or {np.nan})] for e, c in zip(expected, counts)]
            # Where one overflows or underflows, nothing can be told.
            told = [(g, options) for g, options in zip(got, made) if all(map(_moderate, (g, *options)))]
            if 2 * len(told) > len(got) and all(any(_close(g, m, rtol) for m in o) for g, o in told):
                return text
        apart = [np.ravel(g - e) for g, e in zip(got, expected)]
    for d, e in zip(apart, expected):
        if not d.size or not np.isfinite(d).all():
            return None
        if np.ptp(d) > 1e-6 * np.abs(d).max() + 1e-12 * np.abs(e).max():
            return None
    steps = np.array([d[0] for d in apart])
    unit = np.abs(steps) / _HALF_LOG_2_PI
    if (np.abs(unit - np.round(unit)) < 1e-6).all() and (np.round(unit) > 0).all():
        if (steps > 0).all():
            return "a constant is forgotten: the −½ log 2π of the normaliser, for each feature of each sample."
        return "the constant −½ log 2π of the normaliser is counted too often."
    if np.ptp(steps) < 1e-6 * (1 + np.abs(steps).max()) and sum(e.size for e in expected) > 2:
        return f"every number is off by the same constant, {steps[0]:.4g}. Is a constant forgotten?"
    return None


def _moderate(array):
    return np.isfinite(array).all() and (np.abs(array) < 1e200).all() and not (np.abs(array) < 1e-200).all()


def _close(got, made, rtol):
    return np.shape(got) == np.shape(made) and np.allclose(got, made, rtol=rtol, atol=0.0) and np.isfinite(made).all()
