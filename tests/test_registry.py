"""Equation, function, kernel and test belong together: nothing may be missing on any side."""

import inspect
import re
from collections import Counter

import chapters
import formula_index
import pytest

import gmm
from gmm.formulas import EQUATIONS

EQUATIONS_OF_BOOK = chapters.equations()
LABELS = [equation.label for equation in EQUATIONS_OF_BOOK]
COMPUTED = [equation.label for equation in EQUATIONS_OF_BOOK if not equation.is_step]
TESTS = formula_index.tests_of_equations()


def documented_objects():
    """Yield every public object of the package that has a docstring."""
    for name in gmm.__all__:
        thing = getattr(gmm, name)
        if inspect.ismodule(thing):
            for inner in getattr(thing, "__all__", None) or vars(thing):
                candidate = getattr(thing, inner)
                if getattr(candidate, "__module__", "").startswith("gmm"):
                    yield f"gmm.{name}.{inner}", candidate
        yield f"gmm.{name}", thing


def test_labels_are_unique_and_well_named():
    assert [label for label, count in Counter(LABELS).items() if count > 1] == []
    assert [label for label in LABELS if not re.fullmatch(r"eq-[a-z0-9]+(-[a-z0-9]+)*", label)] == []


def test_every_equation_has_a_function():
    assert sorted(set(COMPUTED) - set(EQUATIONS)) == []


def test_every_function_has_an_equation():
    assert sorted(set(EQUATIONS) - set(COMPUTED)) == []


def test_every_equation_has_a_test():
    assert sorted(set(EQUATIONS) - set(TESTS)) == []


def test_every_marked_test_names_an_equation():
    assert sorted(set(TESTS) - set(EQUATIONS)) == []


@pytest.mark.parametrize("label", sorted(EQUATIONS))
def test_function_is_public_documented_and_compiled(label):
    function = EQUATIONS[label]
    assert getattr(gmm, function.__name__) is function, "the package must export it under its name"
    assert hasattr(function.kernel, "py_func"), "kernel must be a compiled Numba function"
    assert f":eq:`{label}`" in function.__doc__, "its docstring must cite the equation"
    for section in ("Parameters", "Returns"):
        assert re.search(rf"^\s*{section}\n\s*-+$", function.__doc__, re.M), f"no section {section}"


def test_references_lead_to_equations():
    pages = [*chapters.notebooks(), *sorted(chapters.BOOK.glob("*.md"))]
    dangling = {
        (page.name, label)
        for page in pages
        for label in chapters.equation_references(chapters.markdown(page))
        if label not in LABELS
    }
    for name, thing in documented_objects():
        cited = re.findall(r":eq:`([^`]+)`", inspect.getdoc(thing) or "")
        dangling |= {(name, label) for label in cited if label not in LABELS}
    assert sorted(dangling) == []


def test_formula_index_is_current():
    assert formula_index.is_current(), "run make index"


class TestReaders:
    """The readers of labels and marks see what they should."""

    TEXT = """
Prose with {eq}`eq-a` and {eq}`see <eq-b>`.

```{math}
:label: eq-a
x^2
```

$$ unnumbered $$

$$ y = z $$ (eq-b)

$$ unnumbered $$

````
```{math}
:label: eq-shown-not-set
```
````
"""

    def test_labels(self):
        found = chapters.equations_of(self.TEXT, "c")
        assert [(e.label, e.tex, e.chapter) for e in found] == [
            ("eq-a", "x^2", "c"),
            ("eq-b", "y = z", "c"),
        ]

    def test_references(self):
        assert chapters.equation_references(self.TEXT) == ["eq-a", "eq-b"]

    def test_marks(self, tmp_path):
        folder = tmp_path / "tests"
        folder.mkdir()
        (folder / "test_x.py").write_text(
            "import pytest\n"
            "@pytest.mark.equation('eq-a', 'eq-b')\ndef test_one(): ...\n"
            "@pytest.mark.equation('eq-a')\nclass TestTwo: ...\n"
        )
        assert formula_index.tests_of_equations(folder) == {
            "eq-a": [("tests/test_x.py", "test_one"), ("tests/test_x.py", "TestTwo")],
            "eq-b": [("tests/test_x.py", "test_one")],
        }

    def test_page_repeats_the_mathematics_and_names_the_tests(self):
        known = [
            chapters.Equation("eq-log-likelihood", r"\ell = 1", "05_log_likelihood"),
            chapters.Equation("eq-step-one", "a", "05_log_likelihood"),
        ]
        text = formula_index.page(known, tests={"eq-log-likelihood": [("tests/test_x.py", "test_one")]})
        for piece in (
            r"\ell = 1",
            "{eq}`eq-log-likelihood`",
            "{func}`gmm.log_likelihood`",
            "`log_likelihood_kernel`",
            "`tests/test_x.py`: `test_one`",
            "Steps: {eq}`eq-step-one`",
        ):
            assert piece in text
