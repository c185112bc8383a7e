"""Fits from a file as the data grow: time of an iteration, memory, time of the start; and how soon Ctrl-C is heard.

    python benchmarks/scale.py                       n to 1e7, then K to 500 and d to 512 (ten minutes, 1 GB of disk)
    python benchmarks/scale.py --largest 1e8         8 GB of disk
    python benchmarks/scale.py --largest 1e5 --only n
    python benchmarks/scale.py --interrupt           from SIGINT to KeyboardInterrupt

Data are groups that overlap, written to an .npy file block by block. Each figure is that of a fresh process, which
compiles first, on a few rows, and runs on one thread. Times are CPU time, the system's share in reading included, which
other work on the machine disturbs less than the clock. An iteration's is that between the first M-step and the last,
from a given start: passes that read the file are in it. *Start* is the time of ``fit_batches(path)`` with
``max_iter=0``: the pass that checks and draws samples, and k-means on these; beside it, how many iterations of EM that
is. *Growth* is how much more memory the process had at its largest than before the fit; a mapped file counts as far as
it was touched. scikit-learn reads the same file, mapped, up to --their-largest rows: it needs n K numbers, and two
copies of X. Its time is that of a long fit less that of a short one. *Exponents* are slopes of log time and log memory
against log n (K, d) between the smallest and the largest of them.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
from em_iteration import describe

BLOCK = 100_000  # rows that are made at a time
SHAPES = {"n": [(10_000, 10, 10), (100_000, 10, 10), (1_000_000, 10, 10), (10_000_000, 10, 10), (100_000_000, 10, 10)],
          "K": [(200_000, 10, 5), (200_000, 10, 50), (200_000, 10, 500)],
          "d": [(20_000, 2, 10), (20_000, 32, 10), (20_000, 512, 10)]}  # fmt: skip
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
            callback=lambda *_: times.append(time.process_time()), **settings,
        )  # fmt: skip
        return model.fit_batches(X) if kind == "batches" else model.fit(X)

    X = path if kind == "batches" else np.load(path, mmap_mode="r")
    fit([few] if kind == "batches" else few, [], max_iter=2)
    fit([few] if kind == "batches" else few, [], max_iter=2, **given)
    before, times = peak(), []
    fit(X, times, max_iter=n_iter + 1, **given)
    found = {"iteration": (times[-1] - times[0]) / n_iter, "growth": peak() - before}
    began = time.process_time()
    fit(X, [], max_iter=0)
    return found | {"start": time.process_time() - began}


def measure_theirs(path, n_components, n_iter, given, few):
    from sklearn.mixture import GaussianMixture

    def fit(X, max_iter):
        began = time.process_time()
        GaussianMixture(n_components, tol=0.0, max_iter=max_iter, **given).fit(X)
        return time.process_time() - began

    fit(few, 2)
    X, before = np.load(path, mmap_mode="r"), peak()
    short, n_iter = fit(X, 1), min(n_iter, 3)
    return {"iteration": (fit(X, 1 + n_iter) - short) / n_iter, "growth": peak() - before, "start": None}


def alone(kind, path, n_components, n_iter, n_threads):
    """`measure` in a process of its own."""
    command = [sys.executable, __file__, "--measure", kind, *map(str, (path, n_components, n_iter, n_threads))]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | {"GMM_QUIET": "1"})
    return json.loads(done.stdout.splitlines()[-1])


def row(folder, n, d, n_components, kinds, n_threads):
    """Measure one shape, print its line of the table, and return what `fit_batches` took."""
    path = Path(folder) / "X.npy"
    write(path, n, d, n_components)
    n_iter = max(2, min(20, int(2e10 / (n * n_components * d * d))))
    found = {kind: alone(kind, path, n_components, n_iter, n_threads) for kind in kinds}
    path.unlink()
    cells = [f"{n:9.0e}", f"{d:4d}", f"{n_components:4d}", f"{n * d * 8 / 2**20:8.0f}"]
    for kind in KINDS:
        if kind not in found:
            cells += ["–", "–"]
            continue
        cells += [f"{1000 * found[kind]['iteration']:9.1f}", f"{found[kind]['growth']:7.0f}"]
    ours = found["batches"]
    cells += [f"{ours['start']:7.2f}", f"{ours['start'] / ours['iteration']:6.1f}"]
    print("| " + " | ".join(cells) + " |", flush=True)
    return ours


def exponents(name, sizes, found):
    """Print how time and memory have grown with n, K or d."""
    slopes = [
        np.log(found[-1][what] / max(found[0][what], 1e-9)) / np.log(sizes[-1] / sizes[0])
        for what in ("iteration", "growth", "start")
    ]
    texts = ", ".join(f"{what} {slope:.2f}" for what, slope in zip(("iteration", "memory", "start"), slopes))
    print(f"Exponents with {name} from {sizes[0]:.0e} to {sizes[-1]:.0e}: {texts}\n", flush=True)


def interrupted(fit, model, after):
    """Seconds from SIGINT, sent `after` so many, to KeyboardInterrupt; None if the fit was over before."""
    sent = []

    def send():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    before, timer = dict(vars(model)), threading.Timer(after, send)
    timer.start()
    try:
        fit()
        timer.cancel()
        timer.join()
    except KeyboardInterrupt:
        heard = time.perf_counter()
        if vars(model).keys() != before.keys() or any(vars(model)[name] is not value for name, value in before.items()):
            raise RuntimeError("an interrupt has changed the mixture") from None
        return heard - sent[0]
    return None


def interrupts(path, n_times, longest):
    """Print how soon Ctrl-C is heard, at times drawn at random, in each kind of fit of the same file."""
    import dask
    import dask.array as da
    import distributed

    from gmm import GaussianMixture

    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background a shell has it ignored
    X = np.load(path, mmap_mode="r")
    few = np.array(X[:1000])
    size = f"{X.nbytes / 2**20:.0f} MB"
    print(f"| {size}, K = 10, d = {X.shape[1]} | heard | median, ms | largest, ms |\n|---|---|---|---|")
    blocks = da.from_array(X, chunks=(100_000, -1))
    # A worker reads the file itself: an array of this process would be sent to it.
    far = da.concatenate([
        da.from_delayed(dask.delayed(read)(str(path), low), (min(BLOCK, len(X) - low), X.shape[1]), X.dtype)
        for low in range(0, len(X), BLOCK)
    ])  # fmt: skip
    processes = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "memory_limit": 0}
    with distributed.LocalCluster(**processes) as cluster, distributed.Client(cluster, set_as_default=False) as client:
        cases = {
            "fit, mapped": (X, "fit", "threads"), "fit_batches": (path, "fit_batches", "threads"),
            "fit of Dask, threads": (blocks, "fit", "threads"), "fit of Dask, two processes": (far, "fit", client),
        }  # fmt: skip
        rng = np.random.default_rng(0)
        for name, (data, method, scheduler) in cases.items():
            model = GaussianMixture(10, random_state=0).fit(few)
            model.set_params(tol=0.0, max_iter=10_000)
            with dask.config.set(scheduler=scheduler):
                times = [
                    interrupted(lambda m=model, d=data, f=method: getattr(m, f)(d), model, after)
                    for after in rng.uniform(0.05, longest, size=n_times)
                ]
            heard = [1000 * t for t in times if t is not None]
            print(f"| {name} | {len(heard)} of {n_times} | {np.median(heard):.0f} | {max(heard):.0f} |", flush=True)


def read(path, low):
    return np.array(np.load(path, mmap_mode="r")[low : low + BLOCK])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=float, default=1e7, help="largest n")
    parser.add_argument("--their-largest", type=float, default=1e6, help="largest n for scikit-learn")
    parser.add_argument("--mapped-largest", type=float, default=1e7, help="largest n for fit of the mapped file")
    parser.add_argument("--only", choices=["n", "K", "d"], help="one part of the table")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", help="where the file is written; default: that of temporary files")
    parser.add_argument("--interrupt", action="store_true", help="how soon Ctrl-C is heard instead")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        kind, path, *numbers = arguments.measure
        measure(kind, path, *map(int, numbers))
        return
    print(describe(), flush=True)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        if arguments.interrupt:
            path = Path(folder) / "X.npy"
            write(path, 5_000_000, 10, 10)
            interrupts(path, n_times=20, longest=6.0)
            return
        print(f"{arguments.threads} thread(s); full covariances; times of an iteration in ms, memory in MB\n")
        heads = [f"{name}, {what}" for name in KINDS.values() for what in ("ms", "growth")]
        print("| n | d | K | X | " + " | ".join(heads) + " | start, s | in iterations |")
        print("|" + "---|" * (6 + len(heads)))
        for name, shapes in SHAPES.items():
            if arguments.only not in (None, name):
                continue
            shapes = [shape for shape in shapes if shape[0] <= arguments.largest]
            found = []
            for n, d, n_components in shapes:
                kinds = ["batches"] + ["whole"] * (n <= arguments.mapped_largest)
                kinds += ["theirs"] * (n <= arguments.their_largest and n_components <= 100)
                found.append(row(folder, n, d, n_components, kinds, arguments.threads))
            sizes = [shape[("n", "d", "K").index(name)] for shape in shapes]
            if len(sizes) > 1:
                exponents(name, sizes, found)


if __name__ == "__main__":
    main()
