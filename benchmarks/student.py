"""Time one EM iteration of a mixture of t distributions against that of a Gaussian mixture, one thread each.

    python benchmarks/student.py [--shapes 300,2,3 100000,10,10] [--modes each shared fixed]

An iteration's time is that of a long fit less that of a short one, over the iterations between them; the sides take
turns, and the table holds the median of the rounds. CPU time, as in em_iteration.py. The samples have the tails of t
distributions with five degrees of freedom.
"""

import argparse
import statistics
import time

import numpy as np
from em_iteration import describe, problem
from threadpoolctl import threadpool_limits

from gmm import learning

SHAPES = [(300, 2, 3), (10_000, 2, 5), (100_000, 2, 8), (100_000, 10, 10)]
STRUCTURES = ("full", "tied", "diag", "spherical")
ROUNDS = 9


def seconds(X, start, step, n_iter):
    source = learning.ArraySource(X, n_threads=1)
    began = time.process_time()
    learning.climb(source, step, start, tol=0.0, max_iter=n_iter)
    return time.process_time() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", default=[",".join(map(str, shape)) for shape in SHAPES])
    parser.add_argument("--modes", nargs="+", default=["each"], help="of the degrees of freedom: each, shared, fixed")
    options = parser.parse_args()
    print(describe(), "\n")
    heads = " | ".join(f"t, dof {mode}, ms | of it" for mode in options.modes)
    print(f"| n, d, K | structure | Gaussian, ms | {heads} |")
    print("|---|---|---|" + "---|---|" * len(options.modes))
    for n, d, K in [tuple(map(int, text.split(","))) for text in options.shapes]:
        more = max(5, 300_000 // n)
        for structure in STRUCTURES:
            X, gaussian = problem(n, d, K, structure)
            rng = np.random.default_rng(1)
            X = X + rng.standard_t(5, size=X.shape)
            step = learning.MaximumLikelihood(1e-6)
            start = learning.StudentParameters(gaussian, np.full(K, 5.0))
            sides = [(gaussian, step)] + [(start, learning.StudentStep(step, mode)) for mode in options.modes]
            times = [[] for _ in sides]
            with threadpool_limits(1):
                for turn in range(ROUNDS + 1):
                    for found, side in zip(times, sides, strict=True):
                        one = seconds(X, *side, 1)
                        if turn:  # compiled by then
                            found.append((seconds(X, *side, 1 + more) - one) / more * 1e3)
            base, *ours = map(statistics.median, times)
            columns = " | ".join(f"{value:9.4f} | {value / base:5.2f}" for value in ours)
            print(f"| {n:6d}, {d:2d}, {K:2d} | {structure:9s} | {base:9.4f} | {columns} |", flush=True)


if __name__ == "__main__":
    main()
