"""Whole fits with default settings, initialisation included, against scikit-learn.

Both run on one thread, take turns in one process (small fits ten at a time) and fit the same data with the same seeds;
the time is the median over the seeds. The groups of the data are far enough apart for k-means to find them, mostly, and
each pair of fits is compared: the last column says how many reached the same parameters, and how the mean
log-likelihoods of the others differ (the two draw different seeds for k-means, so either may find the better optimum).

    python benchmarks/whole_fit.py [--repeats 5] [--structures full,diag] [--largest 64]
"""

import argparse
import os
import platform
import statistics
import time
import warnings
from importlib.metadata import version

import numpy as np
from sklearn.mixture import GaussianMixture as TheirGaussianMixture
from threadpoolctl import threadpool_limits

from gmm import GaussianMixture

SHAPES = [(300, 2, 3), (100_000, 2, 8), (100_000, 10, 10), (100_000, 32, 16), (100_000, 64, 8)]


def draw(n, d, n_components, seed=0):
    """n samples of a mixture with full covariances, whose groups hardly touch."""
    rng = np.random.default_rng(seed)
    # Corners of a lattice, all different; 3**2 = 9 are enough for two features.
    corners = set()
    while len(corners) < n_components:
        corners.add(tuple(rng.integers(-1, 2, size=d)))
    means = 10.0 * np.array(sorted(corners))
    roots = 0.7 * rng.normal(size=(n_components, d, d)) / np.sqrt(d) + np.eye(d)
    X = rng.normal(size=(n, d))
    labels = rng.integers(n_components, size=n)
    for k in range(n_components):
        X[labels == k] = X[labels == k] @ roots[k].T + means[k]
    return X


def timed(model, X):
    began = time.perf_counter()
    model.fit(X)
    return time.perf_counter() - began, model


def same_parameters(ours, theirs, rtol=1e-3):
    """Whether every component of one is close to one of the other."""
    distances = np.linalg.norm(ours.means_[:, None] - theirs.means_, axis=2)
    order = distances.argmin(axis=1)
    scale = np.linalg.norm(theirs.means_ - theirs.means_.mean(axis=0), axis=1).mean()
    return (
        len(set(order)) == len(order)
        and distances.min(axis=1).max() < rtol * scale
        and np.abs(ours.weights_ - theirs.weights_[order]).max() < rtol
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--structures", default="full,tied,diag,spherical")
    parser.add_argument("--largest", type=int, default=64, help="largest number of features")
    options = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "scikit-learn"))
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, {versions}")
    print(f"Milliseconds, median of {options.repeats}; one thread each, and two threads\n")
    print(
        f"{'n':>7} {'d':>3} {'K':>3} {'structure':10} {'gmm':>8} {'sklearn':>8} {'ratio':>6}   "
        f"{'2 threads':>9} {'gain':>5}   iterations   fits"
    )
    for n, d, n_components in SHAPES:
        if d > options.largest:
            continue
        X = draw(n, d, n_components)
        for structure in options.structures.split(","):
            settings = {"n_components": n_components, "covariance_type": structure}
            GaussianMixture(n_threads=1, random_state=0, **settings).fit(X[:1000])  # compiled from here on
            times, iterations, gaps = [], [], []
            # One interruption spoils a few small fits, and the first fit of a turn finds the processor's caches full of
            # the other side's code: small fits take turns ten at a time, as many times as large ones do singly.
            per_turn = 1 if n > 1000 else 10
            n_seeds = options.repeats * per_turn
            sides = (
                (GaussianMixture, {"n_threads": 1}),
                (TheirGaussianMixture, {}),
                (GaussianMixture, {"n_threads": 2}),
            )
            for first in range(0, n_seeds, per_turn):
                seeds = range(first, first + per_turn)
                with warnings.catch_warnings(), threadpool_limits(1):
                    warnings.simplefilter("ignore")
                    turns = [
                        [timed(model(random_state=seed, **own, **settings), X) for seed in seeds]
                        for model, own in sides
                    ]
                for (a, ours), (b, theirs), (c, _) in zip(*turns):
                    times.append((a, b, c))
                    iterations.append((ours.n_iter_, theirs.n_iter_))
                    if not same_parameters(ours, theirs):
                        gaps.append(ours.score(X) - theirs.score(X))
            one, other, two = (statistics.median(column) for column in zip(*times))
            counts = "/".join(f"{statistics.median(column):.0f}" for column in zip(*iterations))
            fits = f"{n_seeds - len(gaps)} of {n_seeds} the same"
            fits += f", others {min(gaps):+.1e} to {max(gaps):+.1e}" if gaps else ""
            print(
                f"{n:7d} {d:3d} {n_components:3d} {structure:10} "
                f"{1e3 * one:8.2f} {1e3 * other:8.2f} {other / one:6.1f}   "
                f"{1e3 * two:9.2f} {one / two:5.2f}   {counts:>10}   {fits}",
                flush=True,
            )


if __name__ == "__main__":
    main()
