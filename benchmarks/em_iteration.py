"""Time one EM iteration of the engine against scikit-learn's GaussianMixture, one thread each.

    python benchmarks/em_iteration.py            the whole table (some minutes)
    python benchmarks/em_iteration.py --shapes 300,2,3 100000,10,10 --structures full diag
    python benchmarks/em_iteration.py --threads  two threads of the engine against one

Both sides run in this process, in turn, from the same parameters. An iteration's time is that of a long fit less that
of a one-iteration fit, divided by the iterations between them; the median of the repetitions is printed. Compilation
is done before. Times of one thread are CPU times, so that another process on the same core does not count; two threads
are timed by the clock on the wall, in repetitions during which other processes used at most 0.08 of the CPUs. After as
many iterations as were timed both sides' parameters are compared: the last column is the largest relative difference.

Beside the gain of a second thread stands what the machine has to give: how much more two fits of one thread each do at
once than one alone. They wait for each other nowhere; what is missing to 2 are shared caches, memory and clock.
"""

import argparse
import os
import platform
import statistics
import threading
import time
import warnings
from importlib.metadata import version

import numpy as np
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from gmm import learning
from gmm.engine import passes
from gmm.engine.compilation import entry
from gmm.engine.simd import NARROW, WIDE, add, fma, total, wide

SHAPES = [(300, 2, 3), (100_000, 2, 8), (100_000, 10, 10), (100_000, 32, 16), (100_000, 64, 8), (20_000, 128, 8)]


def processor():
    try:
        with open("/proc/cpuinfo") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        return f"{names[0]}, {len(names)} logical CPUs"
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def describe():
    """One line: processor, vector width, versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "scikit-learn", "numba"))
    return f"{processor()}; {NARROW} float64 a register; Python {platform.python_version()}, {versions}"


@entry
def _multiply_adds(n, start):
    a, b, c, d = wide(start), wide(start + 1.0), wide(start + 2.0), wide(start + 3.0)
    m = wide(0.999999)
    for _ in range(n):
        a = fma(a, m, m)
        b = fma(b, m, m)
        c = fma(c, m, m)
        d = fma(d, m, m)
    return total(add(add(a, b), add(c, d)))


def peak_flops():
    """Operations per second of independent fused multiply-adds in registers on one core: the best of several runs."""
    n = 1_000_000
    _multiply_adds(1, 1.0)
    best = float("inf")
    for _ in range(10):
        start = time.process_time()
        _multiply_adds(n, 1.0)
        best = min(best, time.process_time() - start)
    return 4 * WIDE * 2 * n / best


def problem(n, d, n_components, covariance_type):
    """Gaussian groups that overlap a little, and starting parameters beside the true ones."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(n_components, d)) * (6 / np.sqrt(d))
    labels = rng.integers(n_components, size=n)
    X = np.empty((n, d))
    for k in range(n_components):
        shape = rng.normal(size=(d, d)) * 0.4 / np.sqrt(d) + np.eye(d)
        X[labels == k] = centres[k] + rng.normal(size=(np.sum(labels == k), d)) @ shape.T
    means = centres + 0.5 * rng.normal(size=centres.shape) / np.sqrt(d)
    covariances = {
        "full": np.tile(np.eye(d), (n_components, 1, 1)),
        "tied": np.eye(d),
        "diag": np.ones((n_components, d)),
        "spherical": np.ones(n_components),
    }[covariance_type]
    weights = np.full(n_components, 1 / n_components)
    return X, learning.make_parameters(weights, means, covariances, covariance_type)


def fit_peer(X, p, iterations):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tol=0 does not converge
        return GaussianMixture(
            p.n_components, covariance_type=p.covariance_type, tol=0, max_iter=iterations, weights_init=p.weights,
            means_init=p.means, precisions_init=learning.precisions(p), init_params="random_from_data", random_state=0,
        ).fit(X)  # fmt: skip


def fit_ours(X, p, iterations, n_threads=1):
    source = learning.ArraySource(X, n_threads=n_threads)
    return learning.climb(source, learning.MaximumLikelihood(), p, tol=0, max_iter=iterations)


def fit_twice(X, p, iterations):
    """Two fits of one thread each, side by side."""
    other = threading.Thread(target=fit_ours, args=(X, p, iterations))
    other.start()
    fit_ours(X, p, iterations)
    other.join()


def seconds(function, *arguments, clock):
    start = clock()
    function(*arguments)
    return clock() - start


def per_iteration(fit, X, p, iterations, *rest, clock=time.process_time):
    long = seconds(fit, X, p, iterations + 1, *rest, clock=clock)
    return (long - seconds(fit, X, p, 1, *rest, clock=clock)) / iterations


def difference(a, b):
    return max(float(np.max(np.abs(u - v)) / np.max(np.abs(v))) for u, v in zip(a, b))


def compare(shape, covariance_type, repetitions, peak):
    n, d, n_components = shape
    X, p = problem(*shape, covariance_type)
    iterations_ours, iterations_peer = (2000, 100) if n < 10_000 else (5, 3)
    fit_ours(X, p, 1)
    ours, peer = [], []
    for _ in range(repetitions):
        ours.append(per_iteration(fit_ours, X, p, iterations_ours))
        peer.append(per_iteration(fit_peer, X, p, iterations_peer))
    ours, peer = statistics.median(ours), statistics.median(peer)
    a, b = fit_ours(X, p, 4).parameters, fit_peer(X, p, 4)
    gap = difference((a.weights, a.means, a.covariances), (b.weights_, b.means_, b.covariances_))
    # Multiply-adds of the two triangular products: d (d + 1) per sample and component, two operations each.
    share = f"{2 * n * n_components * d * (d + 1) / ours / peak:6.0%}" if covariance_type == "full" else "     –"
    print(
        f"| {n:7d}, {d:3d}, {n_components:2d} | {covariance_type:9} | {ours * 1e3:9.4f} | {peer * 1e3:9.3f} "
        f"| {peer / ours:6.1f}× | {share} | {gap:.0e} |",
        flush=True,
    )


def busy_seconds():
    """CPU seconds that the whole machine has worked so far, this process included; 0 where the system does not say."""
    try:
        with open("/proc/stat") as lines:
            user, nice, system = map(int, next(lines).split()[1:4])
    except (OSError, ValueError):
        return 0.0
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def compare_threads(shape, covariance_type, repetitions):
    X, p = problem(*shape, covariance_type)
    fit_ours(X, p, 1, 2)
    iterations = max(5, min(200, int(2e10 / passes.pass_cost(p.structure.model, *shape))))
    measured, tries = [], 0
    while len(measured) < repetitions:
        tries += 1
        clock, others = time.perf_counter(), busy_seconds() - time.process_time()
        times = [
            per_iteration(*how, clock=time.perf_counter)
            for how in ((fit_ours, X, p, iterations, 1), (fit_ours, X, p, iterations, 2), (fit_twice, X, p, iterations))
        ]
        others = (busy_seconds() - time.process_time() - others) / (time.perf_counter() - clock)
        # What others took from us is not the threads' fault; with no quiet moment in sight, take what there is.
        if others < 0.08 or tries > 10 * repetitions:
            measured.append(times)
    one, two, twice = map(statistics.median, zip(*measured))
    n, d, n_components = shape
    print(
        f"| {n:7d}, {d:3d}, {n_components:2d} | {covariance_type:9} | {one * 1e3:9.3f} | {two * 1e3:9.3f} "
        f"| {one / two:5.2f}× | {2 * one / twice:5.2f}× |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="*", default=None, help="n,d,K")
    parser.add_argument("--structures", nargs="*", default=("full", "tied", "diag", "spherical"))
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--threads", action="store_true", help="two threads against one, by the clock on the wall")
    options = parser.parse_args()
    shapes = SHAPES if options.shapes is None else [tuple(map(int, shape.split(","))) for shape in options.shapes]
    print(describe())
    if options.threads:
        print("\n| n, d, K | structure | 1 thread, ms | 2 threads, ms | ratio | two fits at once |")
        print("|---|---|---|---|---|---|")
        for shape in shapes:
            for covariance_type in options.structures:
                compare_threads(shape, covariance_type, options.repetitions)
        return
    peak = peak_flops()
    print(f"Peak of one core, measured: {peak / 1e9:.0f} GFLOP/s (fused multiply-adds, float64)\n")
    print("| n, d, K | structure | engine, ms | scikit-learn, ms | ratio | of peak | difference |")
    print("|---|---|---|---|---|---|---|")
    for shape in shapes:
        for covariance_type in options.structures:
            compare(shape, covariance_type, options.repetitions, peak)


if __name__ == "__main__":
    with threadpool_limits(1):  # scikit-learn's BLAS and OpenMP
        main()
