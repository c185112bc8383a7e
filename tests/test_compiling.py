"""Who waits for a compilation is told so, and everything can be compiled beforehand."""

from __future__ import annotations

import ast
import gc
import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from numba import njit
from numba.core.errors import TypingError
from numba.core.registry import cpu_target

from gmm import _notice
from gmm.engine.compilation import block

OURS = SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=_notice.somebody_reads)})
THEIRS = SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=ast.parse)})
EMPTY = SimpleNamespace(data=None)


class TestNotice:
    @pytest.fixture(autouse=True)
    def _somebody(self, monkeypatch):
        monkeypatch.setattr(_notice, "somebody_reads", lambda: True)

    @pytest.fixture
    def said(self, monkeypatch):
        """Set when something is said."""
        said = threading.Event()
        monkeypatch.setattr(_notice, "print", lambda *_, **__: said.set(), raising=False)
        return said

    def test_a_long_compilation_is_announced_while_it_lasts_and_never_again(self, said, monkeypatch):
        monkeypatch.setattr(_notice, "DELAY", 0.0)
        notice = _notice.Notice()
        notice.on_start(OURS)
        assert said.wait(60.0)
        notice.on_end(OURS)
        said.clear()
        notice.on_start(OURS)
        assert not said.wait(0.1)
        notice.on_end(OURS)

    def test_short_ones_count_together_and_a_function_within_another_once(self, said, monkeypatch):
        monkeypatch.setattr(_notice, "DELAY", 0.3)
        notice = _notice.Notice()
        for _ in range(4):
            for event in (notice.on_start, notice.on_start, notice.on_end, notice.on_end):
                event(OURS)
        assert not said.is_set()
        notice.on_start(OURS)
        time.sleep(0.2)
        notice.on_end(OURS)
        time.sleep(0.4)  # nothing is compiled meanwhile
        assert not said.is_set()
        notice.on_start(OURS)
        assert said.wait(60.0)
        notice.on_end(OURS)
        assert 0.3 <= notice._spent < 60.0

    @pytest.mark.parametrize(("event", "reader"), [(OURS, False), (THEIRS, True), (EMPTY, True)])
    def test_nothing_is_said_to_nobody_nor_of_other_packages(self, said, monkeypatch, event, reader):
        monkeypatch.setattr(_notice, "DELAY", 0.0)
        monkeypatch.setattr(_notice, "somebody_reads", lambda: reader)
        notice = _notice.Notice()
        notice.on_start(event)
        assert not said.wait(0.1)
        notice.on_end(event)
        assert notice._timer is None


@pytest.mark.parametrize(
    ("terminal", "notebook", "quiet", "expected"),
    [
        (True, False, "", True),
        (False, True, "", True),
        (False, False, "", False),
        (True, False, "0", True),
        (True, True, "1", False),
        (None, False, "", False),  # a program without a terminal, such as pythonw
    ],
)
def test_who_reads(monkeypatch, terminal, notebook, quiet, expected):
    stream = None if terminal is None else SimpleNamespace(isatty=lambda: terminal)
    monkeypatch.setattr(_notice.sys, "stderr", stream)
    monkeypatch.setattr(_notice, "in_notebook", lambda: notebook)
    monkeypatch.setenv("GMM_QUIET", quiet)
    assert _notice.somebody_reads() == expected


COLD = "import gmm; gmm.softmax([[0.0, 1.0]])"


@pytest.mark.slow
@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_is_told_and_a_pipe_is_not(tmp_path, terminal):
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    mine, theirs = pty.openpty() if terminal else os.pipe()
    code = f"from gmm import _notice; _notice.DELAY = 0.02; {COLD}"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "GMM_QUIET": ""}
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print('.', file=sys.stderr)"],
        stderr=theirs,
        env=environment,
        timeout=600,
    )
    said = os.read(mine, 10_000).decode().splitlines()
    for end in (mine, theirs):
        os.close(end)
    assert done.returncode == 0
    assert said == ([_notice.TEXT] if terminal else []) + ["."]


USE = """
import numpy as np

import gmm
from gmm import engine

X = gmm.datasets.load_old_faithful().X
rng = np.random.default_rng(0)
large = rng.normal(size=(50_000, 3))
centres = np.array([[0.0], [1e3], [2e3]])
apart = (centres[:, None] + rng.normal(size=(3, 60, 1))).reshape(-1, 1) * [1.0, -1.0, 2.0]
weights = rng.random(len(X))
gaps = np.where(rng.random(X.shape) < 0.2, np.nan, X)
for kind in ("full", "tied", "diag", "spherical"):
    for options in ({}, {"covariance_prior": "default"}, {"init_params": "random"}, {"init_params": "k-means++"}):
        gmm.GaussianMixture(2, covariance_type=kind, random_state=0, **options).fit(X, sample_weight=weights)
    model = gmm.GaussianMixture(3, covariance_type=kind, random_state=0, reg_covar=1e-2).fit(apart)
    model.predict_proba(apart), model.predict(X[:, [0, 1, 1]]), model.score(apart), model.bic(apart)
    model = gmm.GaussianMixture(4, covariance_type=kind, random_state=0, max_iter=3).fit(large.astype("f"))
    model.score_samples(large[:, ::-1]), model.sample(5)
    model = gmm.GaussianMixture(2, covariance_type=kind, random_state=0, missing="marginalise").fit(gaps)
    model.predict_proba(gaps), model.impute(gaps), model.impute(gaps, how="sample"), model.icl(gaps)
gmm.select(X, range(1, 4), random_state=0, criterion="cv")
gmm.GaussianMixture(2, random_state=0).fit(np.c_[large, large**2]).predict(rng.normal(size=(9, 6)))
start = gmm.random_start(X, 2, rng=0)
result = gmm.em(X, *start)
gmm.em(large, *gmm.random_start(large, 2, rng=0), max_iter=2)
next(gmm.em_steps(X, *start))
gmm.lloyd(X, X[:3])
gmm.kmeans_plusplus(X, 3, rng=0)
for n_parameters in ("full", "tied", "diag", "spherical"):
    gmm.n_parameters(2, 3, n_parameters)
gmm.icl(result.log_likelihood, 11, gmm.responsibilities(X, result.weights, result.means, result.covariances))
engine.kmeans_labels(large, large[:4])
for model in ("EII", "VII", "EEE", "VVV"):
    gmm.hierarchical_clustering(X, model)
gmm.GaussianMixture(2, covariance_type="VEV", init_params="hierarchical").fit(X)
for kind in ("full", "tied", "diag", "spherical"):
    gmm.StudentMixture(2, covariance_type=kind, random_state=0).fit(X).predict_proba(X)
"""


MACHINE_CODE = """
import gc
from numba.core.dispatcher import Dispatcher
kernels = [k for k in gc.get_objects() if isinstance(k, Dispatcher) and k.py_func.__module__.startswith("gmm.")]
print(sorted({f"{k.py_func.__module__}.{k.py_func.__qualname__}{s}" for k in kernels for s in k.signatures}))
"""


@pytest.mark.slow
def test_what_is_used_has_been_compiled_by_compile_all(run_python):
    """What a program has in memory is what it called, where it finds machine code on disk, and what it compiled.

    So the one after `compile_all` may have nothing else, whoever compiled it before.
    """
    command = "import runpy; runpy.run_module('gmm', run_name='__main__')"
    said, made = run_python(command + MACHINE_CODE).strip().rsplit("\n", 1)
    assert "Kept in" in said
    used = ast.literal_eval(run_python(USE + MACHINE_CODE))
    assert len(used) > 20
    assert set(used) - set(ast.literal_eval(made)) == set()


@block
def successor(x):
    return x + 1


def test_after_a_compilation_numba_is_as_it_was():
    call = njit(lambda x: successor(x))
    assert call(1.5) == 2.5
    with pytest.raises(TypingError):
        call("text")
    assert gc.isenabled()
    assert cpu_target.typing_context.resolve_function_type.__self__ is cpu_target.typing_context


FIRST_FIT = """
import sys, numpy as np
from numba.core import event
compiled = set()
class Listener(event.Listener):
    def on_start(self, event):
        function = event.data["dispatcher"].py_func
        compiled.add(f"{function.__module__}.{function.__name__}")
    def on_end(self, event):
        pass
event.register("numba:compile", Listener())
import gmm
X = np.random.default_rng(0).normal(size=(200, DIMENSIONS))
X[:100] += 6
gmm.GaussianMixture(2, random_state=0).fit(X)
print(*sorted(name.removeprefix("gmm.engine.") for name in compiled if name.startswith("gmm")))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dimensions", "runs", "others"), [(2, "full.small_", "full."), (8, "full.", "full.small_")], ids=["small", "tiles"]
)
def test_a_first_fit_compiles_only_what_it_runs(run_python, tmp_path, dimensions, runs, others):
    """Neither the code of other dimensions, nor that of other structures, nor a prior's; k-means' is spherical."""
    code = FIRST_FIT.replace("DIMENSIONS", str(dimensions))
    names = run_python(code, NUMBA_CACHE_DIR=str(tmp_path), GMM_QUIET="1").split()
    for operation in ("log_joint", "add_moments"):
        assert runs + operation in names
        assert others + operation not in names
    assert {name.split(".")[0] for name in names} <= {
        *("blocks", "full", "kmeans", "loop", "regularisation", "small_algebra", "softmax", "spherical", "team")
    }
    assert [name for name in names if name.startswith(("spherical.", "regularisation."))] == [
        "regularisation.no_penalty",
        "spherical.distances_block",
    ]
    assert "gmm" not in " ".join(names)  # none of the book's kernels
