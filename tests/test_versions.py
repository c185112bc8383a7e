"""What a reader sends with a report: the facts of the computer, and that a failed run prints them."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import llvmlite.binding
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import gmm
from gmm import versions

ROOT = Path(__file__).resolve().parent.parent


def shown(capsys):
    """Return what `show_versions` prints, as {name: text}."""
    assert gmm.show_versions() is None
    return dict(re.fullmatch(r"(\S+) +(\S.*)", line).groups() for line in capsys.readouterr().out.splitlines())


def test_versions_are_those_that_run(capsys):
    found = shown(capsys)
    assert found["gmm"] == gmm.__version__
    assert found["python"].startswith(platform.python_version())
    assert found["platform"] == platform.platform()
    assert found["numpy"] == np.__version__
    assert {name: found[name] for name in versions.PACKAGES} == {
        name: importlib.metadata.version(name) for name in versions.PACKAGES
    }


def test_processor_is_the_one_that_kernels_are_compiled_for(capsys, run_python):
    name, _, features = shown(capsys)["processor"].partition(": ")
    if "NUMBA_CPU_NAME" not in os.environ:
        assert name == llvmlite.binding.get_host_cpu_name()
        host = llvmlite.binding.get_host_cpu_features()
        assert all(host[feature] for feature in features.split())
    other = run_python("import gmm; gmm.show_versions()", NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert re.search(r"^processor +generic:$", other, re.M)
    assert "NUMBA_CPU_NAME=generic" in other


def test_threads_are_those_of_the_engine_and_of_blas(capsys, monkeypatch):
    monkeypatch.setenv("GMM_NUM_THREADS", "3")
    with threadpool_limits(1, "blas"):
        found = shown(capsys)
    assert found["threads"] == "3"
    assert "GMM_NUM_THREADS=3" in found["environment"].split()
    assert Path(found["kernels"]).is_dir() or "NUMBA_CACHE_DIR" in found["kernels"]
    assert found["cores"].split(",")[0] == str(os.cpu_count())
    if "threads)" in found["BLAS"]:
        assert set(re.findall(r"(\d+) threads", found["BLAS"])) == {"1"}


def test_what_is_broken_or_missing_is_said(capsys, monkeypatch):
    def version(name):
        if name == "scipy":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(versions.metadata, "version", version)
    monkeypatch.setenv("GMM_NUM_THREADS", "many")
    found = shown(capsys)
    assert found["scipy"] == "not installed"
    assert found["threads"].startswith("unknown (ValueError: GMM_NUM_THREADS must be")
    assert found["numpy"] == "1"


@pytest.mark.parametrize("right", [True, False])
def test_a_failed_run_says_how_to_report_it(right, tmp_path):
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "test_one.py").write_text(f"def test_one():\n    assert {right}\n")
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", tmp_path, "-p", "no:nbval", tmp_path]
    paths = {"PYTHONPATH": os.pathsep.join(map(str, (ROOT / "tools", ROOT)))}
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **paths}, cwd=tmp_path)
    assert run.returncode == (0 if right else 1), run.stdout + run.stderr
    for fact in ("how to report this", f"gmm            {gmm.__version__}", "numba ", "browser ", "place "):
        assert (fact in run.stdout) == (not right)
