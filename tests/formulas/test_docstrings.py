"""What a reader of the API sees: NumPy docstrings with the equation, and examples that run."""

from __future__ import annotations

import doctest
import inspect
import re

import pytest
from IPython.core.formatters import DisplayFormatter
from numpydoc.docscrape import NumpyDocString

import gmm
from gmm.formulas import CHAPTERS, EQUATIONS

PUBLIC = [
    value
    for module in CHAPTERS
    for name, value in vars(module).items()
    if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
]


@pytest.mark.parametrize("function", PUBLIC, ids=lambda function: function.__name__)
def test_docstring_has_the_sections_and_names_every_argument(function):
    docstring = NumpyDocString(inspect.getdoc(function))
    documented = [name for entry in docstring["Parameters"] for name in entry.name.split(", ")]
    assert documented == list(inspect.signature(function).parameters)
    for entry in docstring["Parameters"]:
        assert entry.type or entry.desc, f"{entry.name} has neither type nor description"
    assert docstring["Returns"] or docstring["Yields"]
    raised = {entry.type for entry in docstring["Raises"]}
    assert raised <= {"ValueError", "TypeError", "SingularCovarianceError"}
    assert "ValueError" in raised
    assert all(entry.desc for entry in docstring["Raises"])
    assert docstring["Summary"], "a first line"


@pytest.mark.parametrize("function", PUBLIC, ids=lambda function: function.__name__)
def test_docstring_cites_each_of_its_equations(function):
    cited = re.findall(r":eq:`([\w-]+)`", function.__doc__)
    assert set(cited) <= set(EQUATIONS)
    labels = [label for label, owner in EQUATIONS.items() if owner is function]
    assert labels == list(getattr(function, "equations", ()))
    assert set(labels) <= set(cited)


@pytest.mark.parametrize("module", CHAPTERS, ids=lambda module: module.__name__)
def test_examples_in_docstrings_run(module):
    failed, _ = doctest.testmod(module)
    assert failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    assert sum(len(test.examples) for module in CHAPTERS for test in finder.find(module)) > 0


@pytest.mark.parametrize("function", EQUATIONS.values(), ids=EQUATIONS)
def test_show_source_shows_the_kernel_that_runs(function):
    shown = gmm.show_source(function)
    assert shown.startswith("@kernel\ndef ")
    assert f"def {function.kernel.__name__}(" in shown
    assert shown._repr_markdown_() == f"```python\n{shown}\n```"
    assert repr(shown) == shown


def test_a_notebook_shows_a_source_as_a_highlighted_block_and_a_terminal_its_lines():
    shown, _ = DisplayFormatter().format(gmm.show_source(gmm.em))
    lines = gmm.show_source(gmm.em).splitlines()
    assert shown["text/markdown"].splitlines() == ["```python", *lines, "```"]
    assert shown["text/plain"].splitlines() == lines
    assert set(shown) == {"text/markdown", "text/plain"}


def test_show_source_takes_kernels_and_plain_functions_and_refuses_the_rest():
    assert gmm.show_source(gmm.em.kernel) == gmm.show_source(gmm.em)
    assert "def em_steps(" in gmm.show_source(gmm.em_steps)
    for thing in (3, len, "em"):
        with pytest.raises(TypeError, match="function must be a Python function or a kernel; got"):
            gmm.show_source(thing)
