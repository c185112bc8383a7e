"""List what comes out differently on other machines: ``python tools/machines.py [chapter …]``.

No printed number, figure or test may depend on which processor, BLAS kernel, mathematical library or number of threads
computed it. A *machine* is a set of environment variables that lets the libraries believe in another processor, as far
as this one can play it, or that changes the last bits of all data (``perturbation/sitecustomize.py``). pytest and nbval
do the comparing. ``--tests`` runs the package's quick tests, too; ``--only NAME …`` chooses machines, ``--list`` names
them.

Everything a machine printed is in ``_build/machines/NAME.log``, its compiled kernels are kept beside it.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import time

import chapters
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

FOLDER = chapters.ROOT / "_build" / "machines"
PERTURBATION = chapters.ROOT / "tools" / "perturbation"
FAILURE = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.M)
SUMMARY = re.compile(r"^=*\s*(\d+ \w+(?:, \d+ \w+)* in .*?)\s*=*$", re.M)


def threads(number):
    """Let everything that has threads use as many."""
    return dict.fromkeys(("GMM_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(number))


def processor(name, features, blas, number_of_threads, numpy_without="", libm_without=""):
    """Let Numba, OpenBLAS, NumPy and the C library believe in another x86 processor."""
    settings = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features, "OPENBLAS_CORETYPE": blas}
    absent = [f for f in __cpu_dispatch__ if __cpu_features__.get(f) and re.match(numpy_without or "(?!)", f)]
    settings |= {"NPY_DISABLE_CPU_FEATURES": " ".join(absent)} if absent else {}
    settings |= {"GLIBC_TUNABLES": f"glibc.cpu.hwcaps={libm_without}"} if libm_without else {}
    return settings | threads(number_of_threads)


def noise(seed):
    """Change the last bits of all data."""
    return {"PYTHONPATH": str(PERTURBATION), "PERTURBATION": str(seed)}


def machines():
    """Return the machines that this one can play: names and environments."""
    known = {"here": {}}
    if platform.machine() in ("x86_64", "AMD64"):
        old = {"numpy_without": ".", "libm_without": "-AVX2,-FMA,-FMA4"}
        new = {"numpy_without": "AVX512|X86_V4"}
        known["sse2"] = processor("generic", "", "Prescott", 1, **old)
        if __cpu_features__.get("AVX2") and __cpu_features__.get("FMA3"):
            known["no-fma"] = processor("haswell", "+avx,+avx2,-fma", "Sandybridge", 2, **old)
            known["haswell"] = processor("haswell", "+avx,+avx2,+fma", "Haswell", 2, **new)
            known["zen"] = processor("znver2", "+avx,+avx2,+fma", "Zen", 1, **new)
        if __cpu_features__.get("AVX512_SKX") or __cpu_features__.get("X86_V4"):
            known["skylake-x"] = processor("skylake-avx512", "+avx,+avx2,+fma,+avx512f", "SkylakeX", 2)
    else:
        known |= {"one-thread": threads(1), "two-threads": threads(2)}
    return known | {f"noise-{seed}": noise(seed) for seed in (1, 2, 3)}


def environment(name, settings):
    """Return all variables of a machine. Kernels for one processor are compiled once and kept."""
    kernels = FOLDER / (name if "NUMBA_CPU_NAME" in settings else "here")
    known = set().union(*machines().values())
    own = {key: value for key, value in os.environ.items() if key not in known}
    return {**own, "NUMBA_CACHE_DIR": str(kernels), **settings}


def asks_for_exact_data(item):
    """Whether what failed is a cell with the tag exact-data: it counts equal values, or values at a bound."""
    path, _, number = item.partition(".ipynb::Cell ")
    if not number:
        return False
    cells = chapters.read(chapters.ROOT / f"{path}.ipynb").cells
    return "exact-data" in [cell for cell in cells if cell.cell_type == "code"][int(number)].metadata.get("tags", ())


def differences(name, settings, targets, jobs=0):
    """Run ``targets`` with pytest on a machine; return what failed there, and pytest's summary."""
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-q", "-rfE", "--tb=short", "--color=no"]
    command += ["-p", "no:cacheprovider", "-n", str(jobs), "--dist", "loadfile", *map(str, targets)]
    command += ["-m", "not slow and not exact_data"] if "PERTURBATION" in settings else []
    FOLDER.mkdir(parents=True, exist_ok=True)
    log = FOLDER / f"{name}.log"
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.run(
            command, cwd=chapters.ROOT, env=environment(name, settings), stdout=file, stderr=subprocess.STDOUT
        )
    text = log.read_text(encoding="utf-8", errors="replace")
    failed, summary = FAILURE.findall(text), SUMMARY.findall(text)
    if process.returncode not in (0, 1) or not summary or bool(failed) != bool(process.returncode):
        raise SystemExit(f"{name}: pytest came to no result; see {log}\n{text[-2000:]}")
    if "PERTURBATION" in settings:
        failed = [item for item in failed if not asks_for_exact_data(item)]
    return failed, summary[-1]


def table(found):
    """Return the table of what differs (rows) and where (columns)."""
    rows = sorted(set().union(*found.values()))
    if not rows:
        return "The same on all of them."
    width = max(map(len, rows))
    lines = ["  ".join([" " * width, *found])]
    for row in rows:
        marks = [("×" if row in failed else "·").ljust(len(name)) for name, failed in found.items()]
        lines.append("  ".join([row.ljust(width), *marks]))
    return "\n".join(line.rstrip() for line in lines)


def main():
    known = machines()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0].split(":")[0] + ".")
    parser.add_argument("chapters", nargs="*", help="04, 04_responsibilities or a path; all, if none is named")
    parser.add_argument("--only", nargs="+", choices=known, default=list(known), metavar="NAME", help="these machines")
    parser.add_argument("--tests", action="store_true", help="run the package's quick tests, too")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (2)")
    parser.add_argument("--list", action="store_true", help="print the machines and their environments")
    options = parser.parse_args()
    if options.list:
        for name, settings in known.items():
            print(f"{name:10}", *(f"{key}={value!r}" for key, value in settings.items()))
        return
    targets = chapters.find(options.chapters) + [chapters.ROOT / "tests"] * options.tests
    found = {}
    for name in options.only:
        begin = time.perf_counter()
        failed, summary = differences(name, known[name], targets, options.jobs)
        print(f"{name:10} {summary} ({time.perf_counter() - begin:.0f} s)", flush=True)
        found[name] = set(failed)
    print(table(found))
    raise SystemExit(any(found.values()))


if __name__ == "__main__":
    main()
