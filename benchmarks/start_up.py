"""How long it takes from starting Python to the first small fit, imports included.

Each line is the median over fresh processes; ours and scikit-learn's take turns. "Warm" means that Python's bytecode
and Numba's machine code are cached, as they are from the second run of a script on; "cold" compiles one structure anew.

    python benchmarks/start_up.py [--repeats 7]
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version

DATA = "import numpy as np; X = np.random.default_rng(0).normal(size=(300, 2)); X[:150] += 6.0; "
FIT = "GaussianMixture(3, covariance_type={structure!r}, random_state=0).fit(X)"
STRUCTURES = ("full", "tied", "diag", "spherical")


def run(code, environment):
    """Seconds that a fresh Python takes for `code`, from its start to its end."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    return time.perf_counter() - began


def medians(cases, environment, repeats):
    """Median seconds of each case; the cases take turns. A first round fills the caches and is not counted."""
    times = {name: [] for name in cases}
    for turn in range(repeats + 1):
        for name, code in cases.items():
            seconds = run(code, environment)
            if turn:
                times[name].append(seconds)
    return {name: statistics.median(values) for name, values in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "scikit-learn"))
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, {versions}")
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": os.path.join(folder, "bytecode")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        ours, theirs = "from gmm import GaussianMixture; ", "from sklearn.mixture import GaussianMixture; "
        cases = {
            "import numpy": "import numpy",
            "import numba": "import numba",
            "import sklearn.base": "import sklearn.base",
            "import gmm": "import gmm",
            "from gmm import GaussianMixture": ours,
            "scikit-learn, first fit (full)": theirs + DATA + FIT.format(structure="full"),
        }
        cases |= {f"gmm, first fit ({s}), warm": ours + DATA + FIT.format(structure=s) for s in STRUCTURES}
        print(f"\nSeconds from starting Python, median of {repeats}")
        for name, seconds in medians(cases, environment, repeats).items():
            print(f"{name:40s} {seconds:6.2f}")

        print("\nSeconds from starting Python with nothing compiled yet, one run each")
        for structure in STRUCTURES:
            cold = {**environment, "NUMBA_CACHE_DIR": os.path.join(folder, structure)}
            seconds = run(ours + DATA + FIT.format(structure=structure), cold)
            again = run(ours + DATA + FIT.format(structure=structure), cold)
            name = f"gmm, first fit ({structure}), cold"
            print(f"{name:40s} {seconds:6.2f}   of which compiling {seconds - again:5.2f}")


if __name__ == "__main__":
    main()
