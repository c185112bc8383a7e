"""What tells the four covariance structures apart, for the code that treats them alike."""

import functools
import itertools
import math

import numpy as np

from gmm.engine import diag, full, spherical, tied

STRUCTURES = ("full", "tied", "diag", "spherical")
NO_VALUES, NO_TABLE = np.empty(0), np.empty((0, 0))
KERNELS = {"full": full, "tied": tied, "diag": diag, "spherical": spherical}


def check_structure(covariance_type):
    if covariance_type not in STRUCTURES:
        raise ValueError(f"covariance_type must be one of {', '.join(STRUCTURES)}, got {covariance_type!r}.")


def covariance_shape(covariance_type, n_components, n_features):
    return {
        "full": (n_components, n_features, n_features),
        "tied": (n_features, n_features),
        "diag": (n_components, n_features),
        "spherical": (n_components,),
    }[covariance_type]


def factors_from(precisions_cholesky, covariance_type):
    """The kernels' W: lower triangular, y = W (x - μ). scikit-learn's factor P is its transpose: y = (x - μ) P."""
    if covariance_type in ("full", "tied"):
        return np.ascontiguousarray(np.swapaxes(precisions_cholesky, -1, -2), dtype=np.float64)
    return np.ascontiguousarray(precisions_cholesky, dtype=np.float64)


precisions_cholesky_from = factors_from  # the transpose of the transpose


def pass_cost(covariance_type, n_samples, n_features, n_components):
    """Floating point operations of one pass, roughly: to choose between one thread and several."""
    d, k = n_features, n_components
    per_sample = {
        "full": k * (2 * d * (d + 1) + 40),
        "tied": d * (d + 1) + k * (4 * d + 40),
        "diag": k * (7 * d + 40),
        "spherical": k * (4 * d + 40),
    }[covariance_type]
    return n_samples * per_sample


@functools.cache
def _places(shapes):
    """(size of the 1-D array, the slice and shape of each view)."""
    ends = list(itertools.accumulate(map(math.prod, shapes), initial=0))
    return ends[-1], [(slice(start, end), shape) for shape, start, end in zip(shapes, ends[:-1], ends[1:], strict=True)]


def flat_views(shapes):
    """A zeroed 1-D array and views of it with the given shapes: one loop in a kernel then copies or adds them all."""
    size, places = _places(tuple(shapes))
    values = np.zeros(size)
    return values, tuple([values[place].reshape(shape) for place, shape in places])


def statistics_shapes(covariance_type, n_components, n_features):
    """Shapes of a slot's log-likelihood, counts, first and (but for tied) second moments."""
    shapes = [(1,), (n_components,), (n_components, n_features)]
    return (
        shapes if covariance_type == "tied" else [*shapes, covariance_shape(covariance_type, n_components, n_features)]
    )


def parameter_shapes(covariance_type, n_components, n_features):
    """Shapes of weights, means, covariances, factors and log coefficients."""
    covariances = covariance_shape(covariance_type, n_components, n_features)
    return [(n_components,), (n_components, n_features), covariances, covariances, (n_components,)]


@functools.cache
def _no_parameters(covariance_type):
    return flat_views(parameter_shapes(covariance_type, 0, 0))


def loop_arguments(covariance_type, sums, history=NO_VALUES, old=None, numbers=(1.0, 0.0, 0.0, 0.0), scatter=None):
    """The `loop` of a kernel's `run`: what it needs beside a slot.

    `sums` and `old` are (values, views) of the statistics' sums and of the parameters, which are updated in place.
    `numbers` are total_weight, reg_covar, tol and previous. Without a history there is no M-step, and the sums are all.
    """
    if old is None:
        old = new = _no_parameters(covariance_type)
    else:
        new = flat_views([array.shape for array in old[1]])
    loop = (history, sums[1], sums[0], old[1], old[0], new[1], new[0], *numbers)
    return (*loop, NO_TABLE if scatter is None else scatter) if covariance_type == "tied" else loop
