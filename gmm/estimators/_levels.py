"""Regions of highest density: the level of the density above which a given probability lies."""

from __future__ import annotations

import math
from numbers import Integral
from typing import NamedTuple

import numpy as np

from gmm import engine
from gmm._types import FloatArray
from gmm.estimators._validation import random_generator

FEWEST = 10  # draws that must lie on either side of a level


class DensityLevel(NamedTuple):
    """A level of the log-density and how well it is known; numbers, or arrays of the coverages' shape.

    Attributes
    ----------
    level : float or ndarray
        The region of highest density is where the log-density (natural logarithm) is at least this.
    standard_error : float or ndarray
        Of the level, in nats; 0 where it is exact.
    coverage_error : float or ndarray
        Standard error of the probability that the region holds; 0 where the level is exact.
    """

    level: float | FloatArray
    standard_error: float | FloatArray
    coverage_error: float | FloatArray


def density_level(mixture, coverage, n_samples, random_state):
    """Levels of a fitted mixture: exact for one component, otherwise a quantile of draws."""
    parameters = mixture._parameters()
    coverage = check_coverage(coverage)
    if isinstance(n_samples, bool) or not isinstance(n_samples, Integral):
        raise TypeError(f"n_samples must be an integer; got {n_samples!r}")
    if n_samples < 1:
        raise ValueError(f"n_samples must be >= 1; got {n_samples}")
    if parameters.n_components == 1 and parameters.noise is None:
        top = engine.score_samples(parameters.means, parameters.density())[0]
        level = top - mixture._fall_to(coverage)
        error = coverage_error = np.zeros_like(level)
    else:
        rarer = float(np.minimum(coverage, 1.0 - coverage).min())
        if n_samples * rarer < FEWEST:
            raise ValueError(
                f"of n_samples={n_samples} draws fewer than {FEWEST} lie on one side of the level; a coverage that is "
                f"{rarer:g} from 0 or 1 needs n_samples >= {math.ceil(FEWEST / rarer)}"
            )
        X, _ = mixture.sample(n_samples, random_state=random_generator(random_state))
        scores = np.sort(engine.score_samples(X, parameters.density(), n_threads=mixture.n_threads))
        # A fresh draw falls below the h-th smallest of n with probability h / (n + 1).
        place = (n_samples + 1) * (1.0 - coverage) - 1.0
        spread = np.sqrt(n_samples * coverage * (1.0 - coverage))
        level, low, high = (np.interp(h, np.arange(n_samples), scores) for h in (place, place - spread, place + spread))
        error, coverage_error = 0.5 * (high - low), spread / n_samples
    found = (level, error, coverage_error)
    return DensityLevel(*(map(float, found) if coverage.ndim == 0 else found))


def check_coverage(coverage):
    """Return probabilities, each strictly between 0 and 1, as an array."""
    try:
        found = np.asarray(coverage)
    except ValueError:
        found = np.asarray(None)
    if found.dtype.kind not in "fiu" or found.size == 0:
        raise TypeError(f"coverage must be a number between 0 and 1, or an array of these; got {coverage!r}")
    found = found.astype(np.float64)
    if not ((found > 0.0) & (found < 1.0)).all():
        raise ValueError(f"coverage must lie strictly between 0 and 1; got {coverage!r}")
    return found
