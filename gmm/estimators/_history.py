"""What a fit remembers of its way."""

from __future__ import annotations

from typing import Any, NamedTuple

from gmm._types import FloatArray


class History(NamedTuple):
    """The course of the best initialisation, iteration by iteration.

    Attributes
    ----------
    log_likelihoods : ndarray of shape (n_iter,)
        Mean log-likelihood per sample (natural logarithm) found by the E-step of each iteration. Entry t belongs to
        the parameters after t iterations: entry 0 is that of the start.
    parameters : list of gmm.engine.Parameters, or None
        The start and the parameters after each iteration, n_iter + 1 in all, so that ``parameters[t]`` is what
        ``log_likelihoods[t]`` was computed with. None unless the estimator has ``record_parameters=True``.
    """

    log_likelihoods: FloatArray
    parameters: list[Any] | None
