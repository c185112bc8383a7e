"""A mixture moved to new data: its means are drawn to them as far as the data carry weight."""

from __future__ import annotations

import math
from numbers import Integral, Real

import numpy as np

from gmm import learning


def check_adaptation(relevance, n_iter):
    """Check the two numbers of an adaptation."""
    if isinstance(relevance, bool) or not isinstance(relevance, Real):
        raise TypeError(f"relevance must be a real number; got {relevance!r}")
    if not (math.isfinite(relevance) and relevance > 0.0):
        raise ValueError(f"relevance must be finite and > 0; got {relevance}")
    if isinstance(n_iter, bool) or not isinstance(n_iter, Integral):
        raise TypeError(f"n_iter must be an integer; got {n_iter!r}")
    if n_iter < 1:
        raise ValueError(f"n_iter must be >= 1; got {n_iter}")


def adapted_means(X, parameters, relevance, n_iter, sample_weight, n_threads):
    """Means of the MAP M-step under the priors N(μ_k, Σ_k / relevance), μ_k the means that are adapted.

    Setting to zero the gradient of Σ_i r_ik log N(x_i | m, Σ) + log N(m | μ, Σ / τ) gives N (x̄ - m) = τ (m - μ), or

        m = μ + Σ_i r_i (x_i - μ) / (N + τ),

    whatever Σ. Moments S1 are gathered about the current means m_t, so that Σ_i r_i (x_i - μ) = S1 + N (m_t - μ).
    """
    p = parameters
    source, density, means = learning.ArraySource(X, sample_weight, n_threads), p.density(), p.means
    for _ in range(n_iter):
        moments = source.statistics(density._replace(centres=means))
        counts = moments.counts[:, None]
        means = p.means + (moments.first + counts * (means - p.means)) / (counts + relevance)
        if not np.isfinite(means).all():
            raise ValueError("X has samples so far from every component that their log-density leaves float64's range")
    return means
