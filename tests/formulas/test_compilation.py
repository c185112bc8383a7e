"""The on-disk cache of the kernels: it hits in a second process, and nothing stale survives a change."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import gmm
from gmm._compile import STAMP, drop_stale_caches

# Call a formula, then say which kernels came from the cache and which were compiled.
USE = """
import numpy as np
import gmm
import gmm.formulas as formulas

X = np.array([[0.0, 1.0], [2.0, 0.5], [-1.0, 3.0]])
value = {call}
hits, misses = {{}}, {{}}
for module in formulas.CHAPTERS:
    for name, kernel in vars(module).items():
        if hasattr(kernel, "stats"):
            if kernel.stats.cache_hits: hits[name] = sum(kernel.stats.cache_hits.values())
            if kernel.stats.cache_misses: misses[name] = sum(kernel.stats.cache_misses.values())
print([gmm.__file__, float(value), hits, misses])
"""


def copy_package(folder):
    """A copy of the package, without machine code, in `folder`."""
    source = Path(gmm.__file__).parent
    shutil.copytree(source, folder / "gmm", ignore=shutil.ignore_patterns("__pycache__"))


@pytest.mark.slow
@pytest.mark.parametrize("place", ["__pycache__", "NUMBA_CACHE_DIR"])
def test_second_process_finds_the_machine_code_unless_a_kernel_of_any_file_changed(run_python, tmp_path, place):
    # A kernel of likelihood.py that calls one of gaussian.py.
    copy_package(tmp_path)
    elsewhere = str(tmp_path / "cache") if place == "NUMBA_CACHE_DIR" else ""
    code = USE.format(call="formulas.likelihood.cholesky_solve_kernel(2 * np.eye(2), np.ones(2))[0]")

    def run():
        return ast.literal_eval(run_python(code, cwd=tmp_path, NUMBA_CACHE_DIR=elsewhere))

    where, value, hits, misses = run()
    assert where.startswith(str(tmp_path))
    assert value == 0.25
    assert not hits
    assert {"cholesky_solve_kernel", "forward_substitution_kernel"} <= set(misses)
    kept = {path.parent for path in tmp_path.rglob("*.nbi")}
    assert kept == (
        {path.parent for path in (tmp_path / "cache").glob("*/*.nbi")}
        if elsewhere
        else {tmp_path / "gmm" / "formulas" / "__pycache__"}
    )
    _, value, hits, misses = run()
    assert value == 0.25
    assert "cholesky_solve_kernel" in hits  # what runs inside came along with it
    assert not misses
    # likelihood.py stays as it is, but what its kernel calls does not.
    file = tmp_path / "gmm" / "formulas" / "gaussian.py"
    text = file.read_text(encoding="utf-8")
    assert text.count("y[j] = rest / L[j, j]") == 1
    file.write_text(text.replace("y[j] = rest / L[j, j]", "y[j] = 8.0 * rest / L[j, j]"), encoding="utf-8")
    _, value, hits, misses = run()
    assert value == 2.0
    assert "cholesky_solve_kernel" in misses


@pytest.fixture(autouse=True)
def _machine_code_beside_the_sources(monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")


@pytest.fixture
def room(tmp_path):
    """A folder with two modules and their machine code, as a first import leaves it."""
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text("x = 1\n")
    drop_stale_caches(tmp_path)
    for name in ("one.f-1.py311.nbi", "one.f-1.py311.1.nbc", "one.cpython-311.pyc"):
        (tmp_path / "__pycache__" / name).write_text("code")
    return tmp_path


def names(room):
    return sorted(path.name for path in (room / "__pycache__").iterdir())


def test_unchanged_sources_keep_their_machine_code(room):
    before = names(room)
    drop_stale_caches(room)
    assert names(room) == before


@pytest.mark.parametrize("change", ["content", "date", "new", "removed"])
def test_any_change_of_the_sources_drops_the_machine_code_and_nothing_else(room, change):
    if change == "content":
        (room / "two.py").write_text("x = 22\n")
    elif change == "date":
        os.utime(room / "two.py", (1e9, 1e9))
    elif change == "new":
        (room / "three.py").write_text("")
    else:
        (room / "one.py").unlink()
    drop_stale_caches(room)
    assert names(room) == ["one.cpython-311.pyc", STAMP]
    drop_stale_caches(room)  # and the new state is remembered
    (room / "__pycache__" / "two.g-1.py311.nbi").write_text("code")
    drop_stale_caches(room)
    assert "two.g-1.py311.nbi" in names(room)


def test_a_folder_that_cannot_be_written_is_left_alone(tmp_path):
    (tmp_path / "one.py").write_text("")
    (tmp_path / "__pycache__").write_text("a file where the folder should be")
    drop_stale_caches(tmp_path)
    assert (tmp_path / "__pycache__").is_file()


@pytest.fixture
def read_only_package(tmp_path):
    """A copy of the package in a folder in which this user can write nothing, and a command to run as such a user.

    Who may do anything gives that up for the command.
    """
    folder = tmp_path / "installed"
    folder.mkdir()
    copy_package(folder)
    may_write = [path for path in [folder, *folder.rglob("*")] if path.is_dir()]
    for path in may_write:
        path.chmod(0o555)
    prefix = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    touch = subprocess.run([*prefix, sys.executable, "-c", "open('file', 'w')"], cwd=folder, capture_output=True)
    yield folder, prefix if b"PermissionError" in touch.stderr else None
    for path in may_write:
        path.chmod(0o755)


IN_A_CONTAINER = """
import numpy as np
import gmm, gmm.engine
from gmm.engine.exp import WIDE, exp_rows
exp_rows(a := np.zeros((1, WIDE)))
print([gmm.__file__, gmm.sample_mean([[1.0], [2.0]]).tolist(), float(a.max())])
"""


@pytest.mark.slow
@pytest.mark.parametrize("cache", ["", "cache"])
def test_a_package_that_cannot_be_written_to_compiles_without_a_cache_or_in_the_one_named(
    read_only_package, tmp_path, cache
):
    folder, prefix = read_only_package
    if prefix is None:
        pytest.skip("this user may write anywhere, and setpriv is not there to change that")
    if cache:
        (tmp_path / cache).mkdir()
    environment = {"HOME": str(folder), "XDG_CACHE_HOME": "", "NUMBA_CACHE_DIR": str(tmp_path / cache) if cache else ""}
    found = subprocess.run(
        [*prefix, sys.executable, "-c", IN_A_CONTAINER],
        cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    where, *values = ast.literal_eval(found.stdout)
    assert where.startswith(str(folder))
    assert values == [[1.5], 1.0]
    assert not list(folder.rglob("*.nbi"))
    assert bool(list(tmp_path.rglob("*.nbi"))) == bool(cache)


def test_without_a_folder_for_machine_code_kernels_are_compiled_in_each_process(run_python):
    """As for a user without a home, of a package that somebody else installed."""
    out = run_python(
        "import gmm, gmm.engine\nprint(gmm.cholesky([[4.0]]))\ngmm.show_versions()",
        NUMBA_CACHE_LOCATOR_CLASSES="IPythonCacheLocator",  # which knows a place for notebooks only
    )
    assert out.startswith("[[2.]]")
    assert "compiled in every process" in out
