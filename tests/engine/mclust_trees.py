"""Samples whose trees mclust made too; `tests/engine/mclust_trees.json` holds its partitions.

They are `hclass(hc(X, modelName, use), 1:9)` of mclust 6.0.0, and 'svd', 'standardise', None its "SVD", "STD", "VARS".
A partition of nine clusters is a string with a character for each sample; those of one to eight have one for each of
the nine. Left out is what depends on the last bit of the scaled features (measurements on a grid tie), and VVV without
scaling, where mclust keeps the first row of a factor for all its rows.
"""

import json
from pathlib import Path

import numpy as np

from gmm import datasets

TREES = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="ascii"))


def groups(n, d, seed):
    """Four Gaussian groups."""
    rng = np.random.RandomState(seed)  # whose numbers are the same in every version of NumPy
    labels, means = rng.randint(4, size=n), 4.0 * rng.normal(size=(4, d))
    roots = 0.7 * rng.normal(size=(4, d, d)) + np.eye(d)
    return np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(n, d))) + means[labels]


SAMPLES = {
    "faithful": datasets.load_old_faithful().X,
    "iris": datasets.load_iris().X,
    "two": groups(150, 2, 1),
    "three": groups(150, 3, 2),
    "five": groups(120, 5, 3),
}


def partitions(name):
    """mclust's labels for one to nine clusters, from 0."""
    finest, *coarser = TREES[name]
    finest = np.array(list(finest), dtype=int)
    return [np.array(list(labels), dtype=int)[finest] for labels in coarser] + [finest]
