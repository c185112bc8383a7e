"""Fits from a file as the data grow: time of an iteration, resident memory, time of the start.

    python benchmarks/scale.py                       n to 1e7, then K to 500 and d to 512 (half an hour, 2 GB of disk)
    python benchmarks/scale.py --largest 1e8         8 GB of disk
    python benchmarks/scale.py --largest 1e5 --only n

Data are groups that overlap, written to an .npy file block by block. Each figure is that of a fresh process, which
compiles first, on a few rows. *Start* is the time of ``fit_batches(path)`` with ``max_iter=0``: the pass that checks
and draws samples, and k-means on these. An iteration's time, by the clock on the wall, is that between the first M-step
and the last, from a given start: passes that read the file are in it (from the page cache, where it fits there).
*Growth* is how much more memory the process had at its largest than before the fit; a mapped file counts as far as it
was touched. Everything runs on one thread unless --threads says otherwise. scikit-learn reads the same file, mapped, up
to --their-largest rows: it needs n K numbers, and two copies of X. Its time is that of a long fit less that of a short
one.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from em_iteration import describe

BLOCK = 100_000  # rows that are made at a time
GROWING = [10_000, 100_000, 1_000_000, 10_000_000, 100_000_000]
SHAPES = {"K": [(200_000, 10, 50), (200_000, 10, 100), (200_000, 10, 500)],
          "d": [(200_000, 2, 10), (200_000, 64, 10), (20_000, 512, 10)]}  # fmt: skip
KINDS = {"batches": "fit_batches", "whole": "fit, mapped", "theirs": "scikit-learn"}


def write(path, n, d, n_components):
    """Write n rows to `path`, holding one block of them at a time."""
    centres = 3.0 * np.random.default_rng(0).normal(size=(n_components, d)) / np.sqrt(d / 10)
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float64, shape=(n, d))
    for low in range(0, n, BLOCK):
        rng, size = np.random.default_rng([1, low]), min(BLOCK, n - low)
        X[low : low + size] = centres[rng.integers(n_components, size=size)] + rng.normal(size=(size, d))
        X.flush()


def start(path, n_components):
    """A start that costs nothing: rows as means, the identity as covariances."""
    X = np.load(path, mmap_mode="r")
    means = np.array(X[:n_components])
    d = X.shape[1]
    return {
        "weights_init": np.full(n_components, 1 / n_components), "means_init": means,
        "precisions_init": np.tile(np.eye(d), (n_components, 1, 1)),
    }  # fmt: skip


def peak():
    """The largest resident memory so far, MB.

    Linux keeps it for each program; `getrusage` begins with that of the process which has started this one.
    """
    try:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024.0
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024.0 if sys.platform != "darwin" else 1024.0**2)


def measure(kind, path, n_components, n_iter, n_threads):
    """Print what one fit takes, as JSON. In a process of its own."""
    from threadpoolctl import threadpool_limits

    warnings.simplefilter("ignore")
    given = start(path, n_components)
    few = np.array(np.load(path, mmap_mode="r")[: 20 * n_components])
    with threadpool_limits(n_threads):
        if kind == "theirs":
            found = measure_theirs(path, n_components, n_iter, given, few)
        else:
            found = measure_ours(kind, path, n_components, n_iter, n_threads, given, few)
    print(json.dumps(found))


def measure_ours(kind, path, n_components, n_iter, n_threads, given, few):
    from gmm import GaussianMixture

    def fit(X, times, **settings):
        model = GaussianMixture(
            n_components, tol=0.0, random_state=0, n_threads=n_threads,
            callback=lambda *_: times.append(time.perf_counter()), **settings,
        )  # fmt: skip
        return model.fit_batches(X) if kind == "batches" else model.fit(X)

    X = path if kind == "batches" else np.load(path, mmap_mode="r")
    fit([few] if kind == "batches" else few, [], max_iter=2)
    fit([few] if kind == "batches" else few, [], max_iter=2, **given)
    before, times = peak(), []
    fit(X, times, max_iter=n_iter + 1, **given)
    found = {"iteration": (times[-1] - times[0]) / n_iter, "growth": peak() - before}
    began = time.perf_counter()
    fit(X, [], max_iter=0)
    return found | {"start": time.perf_counter() - began}


def measure_theirs(path, n_components, n_iter, given, few):
    from sklearn.mixture import GaussianMixture

    def fit(X, max_iter):
        began = time.perf_counter()
        GaussianMixture(n_components, tol=0.0, max_iter=max_iter, **given).fit(X)
        return time.perf_counter() - began

    fit(few, 2)
    X, before = np.load(path, mmap_mode="r"), peak()
    short = fit(X, 1)
    return {"iteration": (fit(X, 1 + n_iter) - short) / n_iter, "growth": peak() - before, "start": None}


def row(folder, n, d, n_components, kinds, n_threads):
    """Measure one shape, each kind in a process of its own, and print its line of the table."""
    path = Path(folder) / "X.npy"
    write(path, n, d, n_components)
    n_iter = max(2, min(20, int(2e10 / (n * n_components * d * d))))
    found = {}
    for kind in kinds:
        command = [
            sys.executable,
            __file__,
            "--measure",
            kind,
            str(path),
            str(n_components),
            str(n_iter),
            str(n_threads),
        ]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | {"GMM_QUIET": "1"})
        found[kind] = json.loads(done.stdout.splitlines()[-1])
    path.unlink()
    cells = [f"{n:9.0e}", f"{d:4d}", f"{n_components:4d}", f"{n * d * 8 / 2**20:8.0f}"]
    for kind in KINDS:
        if kind not in found:
            cells += ["–", "–"]
            continue
        cells += [f"{1000 * found[kind]['iteration']:9.1f}", f"{found[kind]['growth']:7.0f}"]
    cells.append(f"{found['batches']['start']:7.2f}")
    print("| " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=float, default=1e7, help="largest n")
    parser.add_argument("--their-largest", type=float, default=1e6, help="largest n for scikit-learn")
    parser.add_argument("--only", choices=["n", "K", "d"], help="one part of the table")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", help="where the file is written; default: that of temporary files")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        kind, path, *numbers = arguments.measure
        measure(kind, path, *map(int, numbers))
        return
    print(describe(), f"\n{arguments.threads} thread(s); full covariances; times of an iteration in ms, memory in MB\n")
    heads = [f"{name}, {what}" for name in KINDS.values() for what in ("ms", "growth")]
    print("| n | d | K | X | " + " | ".join(heads) + " | start, s |")
    print("|" + "---|" * (5 + len(heads)))
    shapes = [(n, 10, 10) for n in GROWING if n <= arguments.largest] if arguments.only in (None, "n") else []
    for part, more in SHAPES.items():
        shapes += [shape for shape in more if shape[0] <= arguments.largest and arguments.only in (None, part)]
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for n, d, n_components in shapes:
            theirs = n <= arguments.their_largest and n_components <= 100
            kinds = list(KINDS) if theirs else ["batches", "whole"]
            row(folder, n, d, n_components, kinds, arguments.threads)


if __name__ == "__main__":
    main()
