"""Time one EM iteration of each of the fourteen covariance models, and a whole fit of Old Faithful.

    python benchmarks/fourteen.py                 10 000 samples, 5 features, 5 components, one thread
    python benchmarks/fourteen.py --shape 2000,10,3 --threads 2 --models VEV EVE

An iteration's time is that of a long fit less that of a one-iteration fit, divided by the iterations between them; the
median of the repetitions is printed. Times of one thread are CPU times, so that another process on the same core does
not count. The data come from five groups with covariances of their own, as written by ``--data``, so that another
program can be timed on the same: the first column is the group in which each sample begins.
"""

import argparse
import statistics
import time

import numpy as np
from em_iteration import describe, seconds

import gmm
from gmm import learning


def problem(n, d, n_components):
    """Samples of groups that overlap, and the group of each with one in five of them wrong."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(n_components, d)) * (3 / np.sqrt(d))
    labels = rng.integers(n_components, size=n)
    X = np.empty((n, d))
    for k in range(n_components):
        shape = rng.normal(size=(d, d)) * 0.4 / np.sqrt(d) + np.eye(d)
        X[labels == k] = centres[k] + rng.normal(size=(np.sum(labels == k), d)) @ shape.T
    wrong = rng.random(n) < 0.2
    return X, np.where(wrong, rng.integers(n_components, size=n), labels)


def fit(X, start, iterations, n_threads):
    source = learning.ArraySource(X, n_threads=n_threads)
    return learning.climb(source, learning.MaximumLikelihood(0.0), start, tol=0, max_iter=iterations)


def whole_fit(X, n_components, name):
    return gmm.GaussianMixture(n_components, covariance_type=name, random_state=0, tol=1e-8, max_iter=1000).fit(X)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", default="10000,5,5", help="n,d,K")
    parser.add_argument("--models", nargs="*", default=learning.FOURTEEN)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", help="write the samples and their first groups to this file and stop")
    options = parser.parse_args()
    n, d, n_components = map(int, options.shape.split(","))
    X, labels = problem(n, d, n_components)
    if options.data:
        np.savetxt(options.data, np.c_[labels + 1, X], delimiter=",")
        return
    faithful = gmm.datasets.load_old_faithful().X
    clock = time.process_time if options.threads == 1 else time.perf_counter
    print(describe())
    print(f"\n{n} samples, {d} features, {n_components} components, {options.threads} thread(s)\n")
    print("| model | an iteration, ms | fit of Old Faithful (K = 3), ms | iterations |")
    print("|---|---|---|---|")
    for name in options.models:
        start = learning.parameters_from_labels(X, labels, n_components, name, 0.0)
        fit(X, start, 1, options.threads)
        measured = []
        for _ in range(options.repetitions):
            long = seconds(fit, X, start, options.iterations + 1, options.threads, clock=clock)
            short = seconds(fit, X, start, 1, options.threads, clock=clock)
            measured.append((long - short) / options.iterations)
        n_iter = whole_fit(faithful, 3, name).n_iter_
        fits = [seconds(whole_fit, faithful, 3, name, clock=clock) for _ in range(20)]
        print(
            f"| {name} | {statistics.median(measured) * 1e3:.3f} | {statistics.median(fits) * 1e3:.2f} | {n_iter} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
