"""Write book/formula_index.md: every equation with its function, its kernel and its tests.

``python tools/formula_index.py`` writes the page, ``--check`` only says whether it is up to date.
Three sources meet here: the labels in the chapters, the registry ``gmm.formulas.EQUATIONS``, and the
marks ``@pytest.mark.equation("eq-…")`` in ``tests/``, which are read without importing the tests.
"""

import ast
import sys
from itertools import groupby

import generated
from chapters import BOOK, ROOT, equations, title

PAGE = BOOK / "formula_index.md"
HEAD = """\
<!-- Written by tools/formula_index.py; edit the chapters, gmm/formulas and the tests instead. -->

# Formula index

Each numbered equation of the book that can be computed has one function in the package {mod}`gmm`, and at
least one test that verifies its mathematics. This page lists them in reading order. The number leads to
the equation in its chapter, the function's name to its reference page. A kernel is the compiled loop behind
a function; `gmm.show_source` shows it.

The steps of a derivation are numbered too, and have no function of their own.
"""


def _marks(node):
    """List the labels that the decorators of a function or class give it."""
    labels = []
    for decorator in node.decorator_list:
        for call in ast.walk(decorator):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.equation":
                labels += [ast.literal_eval(argument) for argument in call.args]
    return labels


def tests_of_equations(folder=ROOT / "tests"):
    """Map each label to the tests that carry it, as (file, name) pairs in the order of the files."""
    found = {}
    for path in sorted(folder.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                for label in _marks(node):
                    where = path.relative_to(folder.parent).as_posix()
                    found.setdefault(label, []).append((where, node.name))
    return found


def _entry(equation, registry, tests):
    """Return the lines of the page for one equation with a function."""
    function = registry.get(equation.label)
    lines = ["", ":::{div} formula", "```{math}", equation.tex, "```", ""]
    if function is None:
        lines += [f"{{eq}}`{equation.label}` has no function.", ":::"]
        return lines
    lines += [
        f"{{eq}}`{equation.label}` · function {{func}}`gmm.{function.__name__}` "
        f"· kernel `{function.kernel.py_func.__name__}`",
        "",
    ]
    own = tests.get(equation.label, ())
    if own:
        number = f"{len(own)} tests" if len(own) > 1 else "1 test"
        lines += _html(f'<details class="tests"><summary>{number}</summary>')
        for file, of_file in groupby(own, key=lambda test: test[0]):
            names = ", ".join(f"`{name}`" for _, name in of_file)
            lines += [f"Tests in `{file}`: {names}", ""]
        lines += _html("</details>")
    lines[-1] = ":::"
    return lines


def _html(text):
    return ["```{raw} html", text, "```", ""]


def page(known=None, registry=None, tests=None):
    """Return the text of the page."""
    if registry is None:
        from gmm.formulas import EQUATIONS as registry
    tests = tests_of_equations() if tests is None else tests
    lines = HEAD.splitlines()
    for chapter, group in groupby(equations() if known is None else known, key=lambda equation: equation.chapter):
        group = list(group)
        number, heading = int(chapter[:2]), title(BOOK / f"{chapter}.ipynb")
        lines += ["", f"## {number}. {heading}", "", f"Derived in {{doc}}`{chapter}`."]
        for equation in group:
            if not equation.is_step:
                lines += _entry(equation, registry, tests)
        steps = [f"{{eq}}`{equation.label}`" for equation in group if equation.is_step]
        if steps:
            lines += ["", "Steps: " + ", ".join(steps)]
    return "\n".join(lines) + "\n"


def is_current():
    """Whether the stored page is what would be written now."""
    return generated.is_current(PAGE, page())


if __name__ == "__main__":
    sys.exit(generated.main(PAGE, page(), sys.argv[1:]))
