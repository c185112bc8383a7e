"""The types of arguments and results, by the names under which the annotations speak of them.

What goes in is `ArrayLike`: arrays, data frames, nested lists. What comes out is an array of one kind of number. Shapes
are said in the docstrings: NumPy's types of arrays do not carry them yet.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "AnyArray",
    "ArrayLike",
    "BoolArray",
    "CovarianceType",
    "Criterion",
    "FittedMixture",
    "FloatArray",
    "Function",
    "IntArray",
    "OrdinaryCovarianceType",
    "Path",
    "Rng",
    "Seed",
    "StartMethod",
]

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
AnyArray: TypeAlias = NDArray[Any]

#: What a decorator gives back as it came, as far as a caller can tell.
Function = TypeVar("Function", bound=Callable[..., Any])

#: Where the random numbers of a formula come from.
Rng: TypeAlias = np.random.Generator | int | None
#: The same for an estimator, which takes scikit-learn's and NumPy's older generator too.
Seed: TypeAlias = np.random.Generator | np.random.RandomState | int | None

#: A file.
Path: TypeAlias = str | os.PathLike[str]

#: scikit-learn's four covariance structures.
OrdinaryCovarianceType: TypeAlias = Literal["full", "tied", "diag", "spherical"]
#: These, mclust's fourteen, and its two of one feature.
CovarianceType: TypeAlias = Literal[
    "full", "tied", "diag", "spherical",
    "EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV",
    "E", "V",
]  # fmt: skip
Criterion: TypeAlias = Literal["bic", "aic", "icl", "cv"]
StartMethod: TypeAlias = Literal[
    "kmeans", "kmeans_standardised", "kmeans_whitened", "k-means++", "random_from_data", "random_points", "random",
    "hierarchical",
]  # fmt: skip


class FittedMixture(Protocol):
    """A fitted mixture of this package, or of scikit-learn."""

    @property
    def covariance_type(self) -> Any: ...
    @property
    def weights_(self) -> Any: ...
    @property
    def means_(self) -> Any: ...
    def fit(self, X: Any) -> Any: ...
    def predict(self, X: Any) -> Any: ...
    def score_samples(self, X: Any) -> Any: ...
