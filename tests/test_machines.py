"""The tool that plays other machines: what it sets arrives where numbers are computed, and a fragile cell is found."""

import json
import os

import machines
import nbformat
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    not {"NUMBA_CPU_NAME", "NPY_DISABLE_CPU_FEATURES", "GLIBC_TUNABLES", "PERTURBATION"}.isdisjoint(os.environ),
    reason="who plays another machine plays no third",
)
MACHINES = machines.machines()
SEEN = """
import json, math, os
import numpy as np
from numba.core import config
from threadpoolctl import threadpool_info
import gmm
from gmm.engine import simd, threads
from numpy._core._multiarray_umath import __cpu_features__
X = gmm.datasets.load_old_faithful().X
drawn = np.random.default_rng(3).normal(size=1000)
print(json.dumps({
    "processor": [config.CPU_NAME, config.CPU_FEATURES, simd.NARROW],
    "blas": [b["architecture"] for b in threadpool_info() if b["internal_api"] == "openblas"],
    "numpy": sorted(f for f, has in __cpu_features__.items() if has),
    "exp": [math.exp(x / 7).hex() for x in range(2000)],
    "threads": [threads.default_n_threads(), os.environ.get("OMP_NUM_THREADS")],
    "X": X.tolist(), "drawn": drawn.tolist(), "kernels": config.CACHE_DIR,
}))
"""


@pytest.fixture(scope="module")
def seen(run_python):
    """What a fresh Python process on a machine computes with."""
    answers = {}

    def on(name):
        if name not in answers:
            answers[name] = json.loads(run_python(SEEN, **machines.environment(name, MACHINES[name])))
        return answers[name]

    return on


def need(name):
    if name not in MACHINES:
        pytest.skip(f"this computer cannot play {name}")


def test_each_machine_is_another():
    settings = [json.dumps(environment, sort_keys=True) for environment in MACHINES.values()]
    assert len(set(settings)) == len(MACHINES) >= 5
    assert MACHINES["here"] == {}


@pytest.mark.parametrize(
    ("name", "lanes", "blas", "n_threads"),
    [("sse2", 2, "(Prescott|Katmai|Core2)", 1), ("no-fma", 4, "Sandybridge", 2), ("haswell", 4, "Haswell", 2)],
)
def test_another_processor(name, lanes, blas, n_threads, seen):
    need(name)
    there = seen(name)
    assert there["processor"] == [MACHINES[name]["NUMBA_CPU_NAME"], MACHINES[name]["NUMBA_CPU_FEATURES"], lanes]
    assert np.all([machines.re.fullmatch(blas, found) for found in there["blas"]])
    assert there["threads"] == [n_threads, str(n_threads)]
    assert there["kernels"].endswith(name)
    assert there["X"] == seen("here")["X"]


def test_numpy_and_the_mathematical_library_do_without_what_the_machine_has_not(seen):
    need("no-fma")
    assert set(seen("sse2")["numpy"]) < set(seen("here")["numpy"])
    assert not [f for f in seen("no-fma")["numpy"] if f in machines.__cpu_dispatch__]
    libm = machines.platform.libc_ver()
    if libm[0] == "glibc":
        there, here = ([float.fromhex(x) for x in seen(name)["exp"]] for name in ("no-fma", "here"))
        assert there != here
        np.testing.assert_allclose(there, here, rtol=1e-15)


@pytest.mark.parametrize("what", ["X", "drawn"])
def test_noise_is_in_the_last_bits_and_keeps_equal_numbers_equal(what, seen):
    exact, first, second = (np.array(seen(name)[what]) for name in ("here", "noise-1", "noise-2"))
    for noisy in (first, second):
        change = (noisy - exact) / exact
        assert np.abs(change).max() <= 1.1e-14
        assert 4e-15 < change.std() < 8e-15  # 1e-14 / sqrt(3) where u is uniform
        assert len(np.unique(noisy)) == len(np.unique(exact))
        assert (np.argsort(noisy, axis=0, kind="stable") == np.argsort(exact, axis=0, kind="stable")).all()
    assert (first != second).mean() > 0.9
    assert seen("noise-1")["kernels"] == seen("here")["kernels"]


def test_a_cell_that_prints_last_bits_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(machines, "FOLDER", tmp_path)
    cells = [nbformat.v4.new_code_cell("import gmm\n\nx = gmm.datasets.load_old_faithful().X[0, 0]")]
    for source, printed in (("print(x.hex())", (3.6).hex()), ('print(f"{x:.3f}")', "3.600")):
        output = nbformat.v4.new_output("stream", name="stdout", text=f"{printed}\n")
        cells.append(nbformat.v4.new_code_cell(source, outputs=[output], execution_count=len(cells) + 1))
    path = tmp_path / "fragile.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    failed, summary = machines.differences("noise-1", MACHINES["noise-1"], [path])
    assert [item.split("::")[-1] for item in failed] == ["Cell 1"]
    assert summary.startswith("1 failed, 2 passed")


def test_cells_that_ask_for_exact_data_are_known(tmp_path, monkeypatch):
    cells = [nbformat.v4.new_code_cell("1"), nbformat.v4.new_markdown_cell("two"), nbformat.v4.new_code_cell("3")]
    cells[2].metadata.tags = ["hide-input", "exact-data"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "a.ipynb")
    monkeypatch.setattr(machines.chapters, "ROOT", tmp_path)
    items = ["a.ipynb::Cell 0", "a.ipynb::Cell 1", "tests/test_a.py::test_b"]
    assert [machines.asks_for_exact_data(item) for item in items] == [False, True, False]


def test_no_result_is_no_pass(tmp_path, monkeypatch):
    monkeypatch.setattr(machines, "FOLDER", tmp_path)
    with pytest.raises(SystemExit, match="here: pytest came to no result"):
        machines.differences("here", {}, [tmp_path / "missing.ipynb"])


def test_the_table_says_what_differs_where():
    table = machines.table({"here": set(), "sse2": {"a.ipynb::Cell 3"}, "noise-1": {"a.ipynb::Cell 3", "b"}})
    head, first, second = (line.split() for line in table.splitlines())
    assert head == ["here", "sse2", "noise-1"]
    assert first == ["a.ipynb::Cell", "3", "·", "×", "×"]
    assert second == ["b", "·", "·", "×"]
    assert machines.table({"here": set()}) == "The same on all of them."
