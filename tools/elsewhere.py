"""Run the package where the environment of the book does not reach: ``python tools/elsewhere.py PLACE``, PLACE one of

lowest   the package's tests with the lowest versions of its dependencies that pyproject.toml declares
newest   the same with the newest versions that there are, pinned or not
wheel    the sdist and the wheel made of it, installed by itself and away from the checkout: is all in it, and does
         it work? (wheel --keep FOLDER puts both files there)
nojit    the tests of the formulas as plain Python: all their lines must be run
coverage the other tests of the package (all but those of the pages): COVERED percent of the lines that are Python's
         must be run

The first three make an environment of their own, in a folder that is removed at the end, with the Python that they are
run by. `make lowest`, `make newest`, `make wheel`, `make nojit` and `make coverage` do the same.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NO_TESTS_OF_THE_BOOK = ("tests", "--ignore", "tests/book")
COVERED = 97  # 97.6 when this was set


def run(*command, **options):
    print("$", *command, flush=True)
    subprocess.run([str(word) for word in command], check=True, **options)


def environment(folder, *requirements):
    """Make a virtual environment with these requirements and return its Python."""
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile", *requirements)
    return python


def lowest_versions():
    """Return the requirements of the package with the lowest series of each: numpy>=2.0 becomes numpy==2.0.*."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = [re.match(r"([\w-]+)>=([\d.]+)", requirement) for requirement in project["dependencies"]]
    return [f"{match[1]}=={match[2]}.*" for match in found]


def lowest(folder):
    tests_with(folder, *lowest_versions())


def newest(folder):
    tests_with(folder)


def tests_with(folder, *versions):
    # The last two are the book's: tests of docstrings and exercises read its pages.
    python = environment(folder, *versions, "-e", f"{ROOT}[test]", "numpydoc", "jupyter-book<2")
    run(python, "-m", "pip", "list", "--disable-pip-version-check")
    machine_code = {"NUMBA_CACHE_DIR": str(folder / "cache")}  # that beside the sources is of other versions
    # What a checker of types says hangs on the versions whose types it reads.
    tests = (*NO_TESTS_OF_THE_BOOK, "--ignore", "tests/annotations/test_checker.py", *sys.argv[2:])
    run(python, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *tests, cwd=ROOT, env=os.environ | machine_code)


def wheel(folder):
    # From a copy: what an earlier build left in the checkout would be packed too.
    source = folder / "source"
    shutil.copytree(ROOT / "gmm", source / "gmm", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-PROSE"):
        shutil.copy(ROOT / name, source)
    wanted = {path.relative_to(source).as_posix() for path in (source / "gmm").rglob("*") if path.is_file()}
    run(environment(folder, "build"), "-m", "build", "--outdir", folder, source)  # the wheel from the sdist
    (built,) = folder.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(built).namelist() if name.startswith("gmm/")}
    if packed != wanted:
        sys.exit(f"{built.name} lacks {sorted(wanted - packed)} and holds {sorted(packed - wanted)} beside")
    print(f"{built.name} holds all {len(wanted)} files of the package, {built.stat().st_size / 1e6:.1f} MB")
    away = folder / "away"
    away.mkdir()
    python = environment(away, built, "mypy")
    run(python, "-I", __file__, "smoke", cwd=away)  # -I: neither this folder nor the checkout is looked into
    run(python, "-I", "-OO", __file__, "smoke", cwd=away)  # without docstrings; what it asserts is not looked at
    shutil.copy(ROOT / "tests" / "annotations" / "user_program.py", away)
    run(python, "-I", "-m", "mypy", "--warn-unused-ignores", "user_program.py", cwd=away)
    if "--keep" in sys.argv:
        kept = Path(sys.argv[-1])
        kept.mkdir(parents=True, exist_ok=True)
        for file in (built, *folder.glob("*.tar.gz")):
            shutil.copy(file, kept)


def smoke(folder):
    """What a reader does who has installed the package and nothing else; run by the Python that has the wheel."""
    from importlib import metadata

    import matplotlib

    matplotlib.use("agg")
    import numpy as np

    import gmm

    here = Path(gmm.__file__).parent
    assert Path(sys.prefix) in here.parents, here
    assert metadata.version("gmm-book") == gmm.__version__
    assert not (Path.cwd() / "gmm").exists()
    for name in gmm.__all__:
        getattr(gmm, name)
    for name in (
        "__init__.pyi",
        "py.typed",
        "book.mplstyle",
        "widgets/live.css",
        "widgets/live.js",
        "widgets/kernels.json",
    ):
        assert (here / name).is_file(), name
    for name in dir(gmm.datasets):
        if name.startswith("load_"):
            assert np.isfinite(getattr(gmm.datasets, name)().X).all(), name
    X = gmm.datasets.load_old_faithful().X
    model = gmm.GaussianMixture(2, random_state=0).fit(X)
    assert np.round(np.sort(model.means_[:, 1])).tolist() == [54.0, 80.0], model.means_
    model.save(folder / "model.npz")
    loaded = gmm.GaussianMixture.load(folder / "model.npz")
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
    found = gmm.select(X, range(1, 4), random_state=0)
    assert found.best_.n_components == 3, found
    for number, ax in enumerate((found.plot(), found.plot("heatmap"), model.plot(X))):
        ax.figure.savefig(folder / f"{number}.png")
    assert "def em_kernel(" in str(gmm.show_source(gmm.em))
    gmm.em(X, *gmm.random_start(X, n_components=2, rng=0))
    gmm.exercises.check("ex-resp-midpoint", 0.5)
    gmm.exercises.hint("ex-resp-midpoint")
    assert "<svg" in gmm.widgets.ellipse_explorer(X)._repr_html_()
    gmm.show_versions()


def nojit(folder):
    environ = os.environ | {"NUMBA_DISABLE_JIT": "1", "COVERAGE_FILE": str(folder / "coverage")}
    # Two files are about what is compiled, and tell functions from kernels.
    others = [f"--ignore=tests/formulas/test_{name}.py" for name in ("compilation", "docstrings")]
    tests = ("-q", "-p", "no:cacheprovider", "tests/formulas", *others, *sys.argv[2:])
    coverage = (sys.executable, "-m", "coverage")
    # Python warns where compiled code returns nan or inf.
    quiet = ("-W", "ignore::RuntimeWarning")
    run(*coverage, "run", "--source", "gmm.formulas", "-m", "pytest", *quiet, *tests, cwd=ROOT, env=environ)
    run(*coverage, "report", "--show-missing", "--skip-covered", "--fail-under", "100", cwd=ROOT, env=environ)


def coverage(folder):
    environ = os.environ | {"COVERAGE_FILE": str(folder / "coverage")}
    # Compiled code has no lines; the guard breaks off whatever runs, which may be the counter; the machines are others.
    others = [
        f"--ignore=tests/{name}" for name in ("engine", "formulas", "exercises/test_guard.py", "test_machines.py")
    ]
    tests = ("-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile", *NO_TESTS_OF_THE_BOOK, *others)
    count = ("--cov", "--cov-config=tools/coverage.toml", "--cov-report=term:skip-covered")
    count += (f"--cov-fail-under={COVERED}",)
    run(sys.executable, "-m", "pytest", *tests, *count, *sys.argv[2:], cwd=ROOT, env=environ)


if __name__ == "__main__":
    places = {place.__name__: place for place in (lowest, newest, wheel, nojit, coverage, smoke)}
    if not sys.argv[1:] or sys.argv[1] not in places:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as name:
        try:
            places[sys.argv[1]](Path(name).resolve())
        except subprocess.CalledProcessError as error:
            sys.exit(error.returncode)
