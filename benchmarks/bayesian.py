"""Time one iteration of variational Bayes against scikit-learn's and against maximum likelihood, one thread each.

    python benchmarks/bayesian.py [--shapes 300,2,3 100000,10,10]

An iteration's time is that of a long fit less that of a short one, over the iterations between them; the three sides
take turns, and the table holds the median of five rounds. CPU time, as in em_iteration.py.
"""

import argparse
import statistics
import time
import warnings

import numpy as np
from em_iteration import describe
from sklearn.mixture import BayesianGaussianMixture as Theirs
from threadpoolctl import threadpool_limits

from gmm import BayesianGaussianMixture, GaussianMixture

SHAPES = [(300, 2, 3), (100_000, 2, 8), (100_000, 10, 10), (100_000, 32, 16)]
STRUCTURES = ("full", "tied", "diag", "spherical")
ROUNDS = 5


def seconds(estimator, X, n_iter, **settings):
    model = estimator(
        tol=0.0, max_iter=n_iter, init_params="random_from_data", random_state=0, reg_covar=1e-6, **settings
    )
    began = time.process_time()
    model.fit(X)
    return time.process_time() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", default=[",".join(map(str, shape)) for shape in SHAPES])
    shapes = [tuple(map(int, text.split(","))) for text in parser.parse_args().shapes]
    warnings.simplefilter("ignore")
    print(describe(), "\n")
    print("| n, d, K | structure | gmm, ms | scikit-learn, ms | ratio | maximum likelihood, ms | of it |")
    print("|---|---|---|---|---|---|---|")
    for n, d, K in shapes:
        rng = np.random.default_rng(0)
        X = (rng.normal(size=(K, d)) * (4 / np.sqrt(d)))[rng.integers(K, size=n)] + rng.normal(size=(n, d))
        for structure in STRUCTURES:
            own = {"n_components": K, "covariance_type": structure, "n_threads": 1}
            sides = [
                (BayesianGaussianMixture, own, 1000 if n < 1000 else 21),
                (Theirs, {"n_components": K, "covariance_type": structure}, 50 if n < 1000 else 3),
                (GaussianMixture, own, 1000 if n < 1000 else 21),
            ]
            times = [[], [], []]
            with threadpool_limits(1):
                for turn in range(ROUNDS + 1):
                    for side, (estimator, settings, more) in enumerate(sides):
                        one = seconds(estimator, X, 1, **settings)
                        many = seconds(estimator, X, 1 + more, **settings)
                        if turn:
                            times[side].append((many - one) / more * 1e3)
            ours, theirs, ml = map(statistics.median, times)
            print(
                f"| {n:6d}, {d:2d}, {K:2d} | {structure:9s} | {ours:9.4f} | {theirs:9.3f} | {theirs / ours:6.1f}× | "
                f"{ml:9.4f} | {ours / ml:5.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
