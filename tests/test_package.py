"""The package as a whole: light imports, a complete face, and imports that run one way only."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import gmm

ROOT = Path(gmm.__file__).parent
HEAVY = ("matplotlib", "sklearn", "pandas", "numba", "scipy", "IPython")
LOADED = "import sys; print([name for name in {heavy!r} if name in sys.modules])"


def loaded_after(run_python, code, heavy=HEAVY):
    return ast.literal_eval(run_python(f"{code}\n{LOADED.format(heavy=heavy)}"))


def test_importing_the_package_loads_nothing_heavy(run_python):
    assert loaded_after(run_python, "import gmm") == []
    assert loaded_after(run_python, "import gmm; dir(gmm); gmm.__version__") == []


def test_importing_the_formulas_loads_numba_and_no_more(run_python):
    code = "import gmm.formulas, gmm; gmm.em; gmm.log_likelihood; gmm.show_source"
    assert set(loaded_after(run_python, code)) <= {"numba", "scipy"}
    assert loaded_after(run_python, code, ("matplotlib", "sklearn", "pandas", "IPython")) == []


def test_importing_the_engine_loads_numba_and_no_more(run_python):
    assert loaded_after(run_python, "import gmm.engine", ("matplotlib", "sklearn", "pandas", "IPython")) == []


def test_importing_the_data_sets_loads_nothing_heavy(run_python):
    code = "import gmm; gmm.datasets.load_old_faithful(); gmm.datasets.load_galaxies()"
    assert loaded_after(run_python, code) == []


@pytest.mark.parametrize("name", gmm.__all__)
def test_every_public_name_resolves_and_is_documented(name):
    value = getattr(gmm, name)
    assert value is getattr(gmm, name)
    assert (value.__doc__ or "").strip()
    assert name in dir(gmm)


def test_public_names_are_unique_and_an_unknown_one_is_refused():
    assert len(set(gmm.__all__)) == len(gmm.__all__)
    with pytest.raises(AttributeError, match="module 'gmm' has no attribute 'nothing'"):
        _ = gmm.nothing


def test_every_equation_of_the_formulas_is_exported():
    assert {function.__name__ for function in gmm.formulas.EQUATIONS.values()} <= set(gmm.__all__)


# What a room may import, beside the standard library and itself. A room that is not listed may import anything.
MAY_IMPORT = {
    "__init__.py": set(),
    "_compile.py": {"numba"},
    "source.py": {"IPython"},
    "formulas": {"numpy", "numba", "gmm._compile"},
    "engine": {"numpy", "numba", "llvmlite", "gmm._compile"},  # llvmlite is the part of Numba that emits code
    "datasets": {"numpy", "PIL"},
    "plot.py": {"numpy", "matplotlib", "gmm.formulas"},
    "widgets": {"numpy", "matplotlib", "IPython", "gmm.formulas", "gmm.plot"},
}
LEAVES = ("gmm.plot", "gmm.widgets", "gmm.exercises", "gmm.datasets")
# A mixture and a selection plot themselves: the method imports the figures when it is called, never before.
ON_DEMAND = {("estimators/gaussian_mixture.py", "gmm.plot"), ("estimators/selection.py", "gmm.plot")}


def imports(path):
    """Names of the modules that a file imports, anywhere in it, relative ones made absolute."""
    package = ["gmm", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield from ([f"{module}.{alias.name}" for alias in node.names] if module == "gmm" else [module])


def files_of(room):
    found = [ROOT / room] if room.endswith(".py") else sorted((ROOT / room).rglob("*.py"))
    assert found, f"no room {room}"
    return found


def allowed(module, room):
    own = "gmm." + room.removesuffix(".py")
    beginnings = {*MAY_IMPORT[room], own, *sys.stdlib_module_names}
    return any(module == beginning or module.startswith(f"{beginning}.") for beginning in beginnings)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_its_place_allows(room):
    found = {(path.name, module) for path in files_of(room) for module in imports(path)}
    assert [pair for pair in sorted(found) if not allowed(pair[1], room)] == []


def test_nothing_imports_a_leaf_but_the_leaf_itself():
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        room = ".".join(["gmm", *path.relative_to(ROOT).with_suffix("").parts[:1]])
        for module in imports(path):
            for leaf in LEAVES:
                is_leaf = module == leaf or module.startswith(f"{leaf}.")
                # One leaf may use another: an exercise draws a figure and loads data.
                if is_leaf and room not in LEAVES:
                    wrong.append((path.relative_to(ROOT).as_posix(), module))
    assert set(wrong) <= ON_DEMAND


def test_the_estimators_load_no_figures(run_python):
    assert loaded_after(run_python, "import gmm; gmm.select, gmm.GaussianMixture", ("matplotlib",)) == []


def test_formulas_and_engine_do_not_know_each_other():
    for room, other in (("formulas", "gmm.engine"), ("engine", "gmm.formulas")):
        assert [module for path in files_of(room) for module in imports(path) if module.startswith(other)] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import os, numpy.linalg", ["os", "numpy.linalg"]),
        ("from gmm import plot, formulas", ["gmm.plot", "gmm.formulas"]),
        ("def f():\n    from gmm.plot import scatter", ["gmm.plot"]),
    ],
)
def test_the_reader_of_imports_sees_them(tmp_path, monkeypatch, text, expected):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "module.py").write_text(text)
    assert list(imports(tmp_path / "module.py")) == expected
