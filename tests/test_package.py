"""The package as a whole: light imports, a complete face, and imports that run one way only."""

from __future__ import annotations

import ast
import graphlib
import inspect
import sys
import tomllib
from pathlib import Path

import jedi
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


WITHOUT_IPYTHON = """
import sys
sys.modules["IPython"] = None  # as if it were not installed
import gmm
from gmm import exercises, widgets
print(gmm.show_source(gmm.em))
print([gmm.show_source(gmm.em)])  # what a terminal shows of a value
print([widgets.ellipse_explorer([[2.0, 0.5], [0.5, 1.0], [3.0, 3.0]])])
exercises.check("ex-resp-midpoint", 0.5)
exercises.hint("ex-resp-midpoint")
"""


def test_without_ipython_sources_and_exercises_are_text_and_widgets_are_made(run_python):
    shown = run_python(WITHOUT_IPYTHON)
    assert shown.startswith("@kernel\ndef em_kernel(X, weights, means, covariances, tol, max_iter, reg_covar):\n")
    assert "\n[@kernel\ndef em_kernel(" in shown
    assert "[<interactive figure ellipse-explorer: a notebook shows it>]" in shown
    assert "\nNot yet: halfway between the means" in shown
    assert "\nHint 1 of " in shown


@pytest.mark.parametrize("name", gmm.__all__)
def test_every_public_name_resolves_and_is_documented(name):
    value = getattr(gmm, name)
    assert value is getattr(gmm, name)
    assert (value.__doc__ or "").strip()
    assert name in dir(gmm)


def test_public_names_are_unique_and_an_unknown_one_is_refused():
    assert len(set(gmm.__all__)) == len(gmm.__all__)
    with pytest.raises(AttributeError, match=r"gmm.*nothing"):
        _ = gmm.nothing


class TestStub:
    """`__init__.pyi` is what `import gmm` and editors know the public names from."""

    LINES = ast.parse((ROOT / "__init__.pyi").read_text(encoding="ascii")).body  # read in the encoding of the locale
    IMPORTS = tuple((node.module, alias) for node in LINES if isinstance(node, ast.ImportFrom) for alias in node.names)

    def test_each_name_is_exported_once(self):
        assert all(alias.asname == alias.name for _, alias in self.IMPORTS)  # `X as X`: X is public
        assert sorted(alias.name for _, alias in self.IMPORTS) == sorted(gmm.__all__)
        others = [ast.unparse(node) for node in self.LINES if not isinstance(node, ast.ImportFrom)]
        assert others == ["__version__: str"]

    @pytest.mark.parametrize(("module", "alias"), IMPORTS, ids=[alias.name for _, alias in IMPORTS])
    def test_each_name_stands_where_the_stub_says(self, module, alias):
        value = getattr(gmm, alias.name)
        if module is None:
            assert value is sys.modules[f"gmm.{alias.name}"]
        else:
            assert value.__module__.partition("._")[0].startswith(f"gmm.{module}")

    @pytest.mark.parametrize(
        ("code", "found"),
        [
            ("gmm.GaussianMixture", ("class", "gmm.estimators.gaussian_mixture.GaussianMixture")),
            ("gmm.em", ("function", "gmm.formulas.em.em")),
            ("gmm.show_source", ("function", "gmm.source.show_source")),
            ("gmm.plot", ("module", "gmm.plot")),
        ],
    )
    def test_an_editor_knows_what_a_name_is(self, code, found):
        names = jedi.Script(f"import gmm\n{code}", project=jedi.Project(ROOT.parent)).infer(2, len(code))
        assert [(name.type, name.full_name) for name in names] == [found]

    def test_an_editor_completes_the_names(self):
        project = jedi.Project(ROOT.parent)
        offered = {name.name for name in jedi.Script("import gmm\ngmm.", project=project).complete(2, 4)}
        assert set(gmm.__all__) <= offered
        (signature,) = jedi.Script("import gmm\ngmm.em(", project=project).get_signatures(2, 7)
        assert [parameter.name for parameter in signature.params] == list(inspect.signature(gmm.em).parameters)

    def test_the_stub_is_installed(self):
        project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text(encoding="utf-8"))
        assert {"__init__.pyi", "py.typed"} <= set(project["tool"]["setuptools"]["package-data"]["gmm"])
        assert (ROOT / "py.typed").is_file()


def test_every_equation_of_the_formulas_is_exported():
    assert {function.__name__ for function in gmm.formulas.EQUATIONS.values()} <= set(gmm.__all__)


# ------------------------------------------------------------------------------------- who imports whom

# What a room may import, beside the standard library and itself. A room that is not listed may import anything.
MAY_IMPORT = {
    "__init__.py": {"lazy_loader"},
    "_types.py": {"numpy"},
    "_interrupt.py": set(),
    "_notebook.py": set(),
    "_notice.py": {"numba", "gmm._notebook"},
    "_compile.py": {"numba", "numpy", "gmm._interrupt", "gmm._notice"},
    "source.py": set(),
    "table.py": {"numpy"},
    "formulas": {"numpy", "numba", "gmm._compile"},
    "engine": {
        "numpy",
        "numba",
        "llvmlite",
        "gmm._compile",
        "gmm._interrupt",
    },  # llvmlite is the part of Numba that emits code
    "learning": {"numpy", "scipy", "gmm.engine"},
    "estimators": {
        "numpy",
        "scipy",
        "sklearn",
        "pandas",
        "tqdm",
        "threadpoolctl",  # of scikit-learn
        "gmm.engine",
        "gmm.learning",
        "gmm.formulas",
        "gmm.table",
        "gmm._interrupt",
    },
    "datasets": {"numpy", "PIL"},
    "plot.py": {"numpy", "matplotlib", "gmm.formulas", "gmm.learning"},
    "widgets": {"numpy", "matplotlib", "gmm.datasets", "gmm.formulas", "gmm.plot"},
}
LEAVES = ("gmm.plot", "gmm.widgets", "gmm.exercises", "gmm.datasets")
# A mixture and a selection plot themselves: the method imports the figures when it is called, never before.
# Dask, which need not be there, is asked by those who hold one of its arrays.
ON_DEMAND = {
    ("estimators", "gmm.plot"), ("plot.py", "scipy.cluster.hierarchy"),
    ("learning", "dask"), ("learning", "distributed"), ("estimators", "dask"), ("estimators", "dask.array"),
}  # fmt: skip


def module_name(path, root=None):
    """The dotted name of a file of the package."""
    parts = path.relative_to(root or ROOT).with_suffix("").parts
    return ".".join(["gmm", *(parts[:-1] if parts[-1] == "__init__" else parts)])


def imports(path, root=None):
    """Names of the modules that a file imports, anywhere in it, relative ones made absolute.

    ``from gmm.engine import loop`` imports ``gmm.engine`` and, if that is a module, ``gmm.engine.loop``. What only a
    type checker reads is not imported.
    """
    root = root or ROOT
    package = ["gmm", *path.relative_to(root).parts[:-1]]
    for node in _run(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            folder = root.joinpath(*module.split(".")[1:])
            within = [alias.name for alias in node.names if module.split(".")[0] == "gmm" and _is_module(folder, alias)]
            yield from (f"{module}.{name}" for name in within)
            if len(within) < len(node.names):
                yield module


def _run(tree):
    """The nodes of a tree but those that stand under ``if TYPE_CHECKING``."""
    yield tree
    of_checkers = isinstance(tree, ast.If) and getattr(tree.test, "id", "") == "TYPE_CHECKING"
    for node in tree.orelse if of_checkers else ast.iter_child_nodes(tree):
        yield from _run(node)


def _is_module(folder, alias):
    return (folder / f"{alias.name}.py").is_file() or (folder / alias.name).is_dir()


def import_graph(root):
    """Each module of the package with those of its modules that it imports, in functions too.

    To import ``gmm.engine.loop`` is to import ``gmm.engine`` first; but a module may of course import its siblings
    while their package is at it.
    """
    files = {module_name(path, root): path for path in sorted(root.rglob("*.py"))}
    return {
        name: {module for module in imports(path, root) if module in files} - {name} for name, path in files.items()
    }


def circle_in(graph):
    """The modules of a circle of imports, if there is any."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def files_of(room):
    found = [ROOT / room] if room.endswith(".py") else sorted((ROOT / room).rglob("*.py"))
    assert found, f"no room {room}"
    return found


def allowed(module, room):
    own = "gmm." + room.removesuffix(".py")
    beginnings = {*MAY_IMPORT[room], own, "gmm._types", *sys.stdlib_module_names}
    return any(module == beginning or module.startswith(f"{beginning}.") for beginning in beginnings)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_its_place_allows(room):
    found = {(path.relative_to(ROOT).as_posix(), module) for path in files_of(room) for module in imports(path)}
    wrong = {pair for pair in found if not allowed(pair[1], room) and (room, pair[1]) not in ON_DEMAND}
    assert sorted(wrong) == []


def test_nothing_imports_a_leaf_but_the_leaves():
    wrong = set()
    for path in sorted(ROOT.rglob("*.py")):
        room = path.relative_to(ROOT).with_suffix("").parts[0]
        if f"gmm.{room}" not in LEAVES:  # one leaf may use another: an exercise draws a figure and loads data
            wrong |= {(room, module) for module in imports(path) if ".".join(module.split(".")[:2]) in LEAVES}
    assert wrong <= ON_DEMAND


def test_no_imports_go_round_in_a_circle():
    assert circle_in(import_graph(ROOT)) == []


@pytest.mark.parametrize("module", ["bayesian", "gaussian_mixture", "student"])
def test_a_module_that_completes_a_docstring_loads_where_python_drops_them(module):
    path = ROOT / "estimators" / f"{module}.py"
    names = {"__name__": f"gmm.estimators.{module}", "__file__": str(path)}
    exec(compile(path.read_text(encoding="utf-8"), path, "exec", optimize=2), names)  # as python -OO does
    assert "__doc__" not in names


@pytest.mark.parametrize(
    ("one", "two", "circle"),
    [
        ("from gmm.room.two import x", "", False),
        ("from gmm.room.two import x", "from gmm.room.one import y", True),
        ("from gmm.room import two", "def f():\n    from . import one", True),
        ("from gmm.room import x", "", True),  # of the package that imports it
    ],
)
def test_a_circle_is_seen_even_if_a_function_hides_it(tmp_path, one, two, circle):
    room = tmp_path / "room"
    room.mkdir()
    (tmp_path / "__init__.py").write_text("")
    (room / "__init__.py").write_text("from gmm.room.one import y")
    (room / "one.py").write_text(one)
    (room / "two.py").write_text(two)
    assert bool(circle_in(import_graph(tmp_path))) == circle


def test_the_estimators_load_no_figures(run_python):
    assert loaded_after(run_python, "import gmm; gmm.select, gmm.GaussianMixture", ("matplotlib",)) == []


# The public parts of Numba and scikit-learn. What else a file needs of them may change with any version of theirs.
NUMBA = {"numba", "numba.extending", "numba.core", "numba.core.cgutils", "numba.core.event"}
NUMBA_INSIDE = {
    "_compile.py": {"numba.core.registry"},
    "engine/linking.py": {
        "numba.core.codegen",
        "numba.core.compiler",
        "numba.core.typed_passes",
        "numba.core.untyped_passes",
    },
}


def test_what_is_private_elsewhere_is_used_in_few_places():
    numba, sklearn = {}, set()
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        found = {module for module in imports(path) if module.split(".")[0] == "numba"}
        if found - NUMBA:
            numba[name] = found - NUMBA
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sklearn":
                parts = [*node.module.split("."), *(alias.name for alias in node.names)]
                sklearn |= {name for part in parts if part.startswith("_")}
    assert numba == NUMBA_INSIDE
    assert sklearn == {"estimators/_sklearn_compat.py"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import os, numpy.linalg", ["os", "numpy.linalg"]),
        ("from gmm import plot, formulas", ["gmm.plot", "gmm.formulas"]),
        ("def f():\n    from gmm.plot import scatter", ["gmm.plot"]),
        ("if TYPE_CHECKING:\n    import os\nelse:\n    import re\nif True:\n    import ast", ["re", "ast"]),
    ],
)
def test_the_reader_of_imports_sees_them(tmp_path, text, expected):
    (tmp_path / "plot.py").write_text(text)
    (tmp_path / "formulas").mkdir()
    assert list(imports(tmp_path / "plot.py", tmp_path)) == expected
