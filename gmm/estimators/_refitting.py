"""EM once more from where it ended, on other samples or weights: what bootstrap and tests repeat a thousand times."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gmm import learning
from gmm.estimators._prior import make_prior
from gmm.estimators._ridge import UNUSED, flat_components, flat_directions, in_directions, in_numbers
from gmm.estimators._summary import assignment
from gmm.estimators._validation import check_fixed, check_initial_values

MANY = 10  # times the samples that a covariance needs: beyond, a component is not looked at


class Refit(NamedTuple):
    """Where EM ended. `reason` says why it is degenerate, '' if it is not."""

    parameters: learning.Parameters
    lower_bound: float  # in its last E-step, per unit of weight
    converged: bool
    reason: str


def step_of(mixture, X, parameters, sample_weight=None):
    """Return (the M-step that fitted `mixture`, or would, to X; its ridge in numbers)."""
    if parameters.noise is not None:
        raise ValueError("mixture must have no noise component to be fitted again; got one with noise=True")
    source = learning.ArraySource(X, sample_weight, mixture.n_threads)
    ridge = getattr(mixture, "reg_covar_", None)
    if ridge is None:
        ridge = in_numbers(mixture.reg_covar, source)
    if mixture.covariance_prior is None:
        step = learning.MaximumLikelihood(ridge)
    else:
        prior = make_prior(mixture.covariance_prior, source, parameters.n_features, parameters.n_components)
        step, ridge = learning.MaximumAPosteriori(prior), 0.0
    values = check_initial_values(mixture, parameters.n_features)
    fixed = check_fixed(mixture, values, (parameters, 0.0), parameters.n_features)
    return (step if fixed is None else learning.Fixed(step, *fixed)), ridge


def refit(X, weights, step, ridge, start, tol, max_iter, n_threads):
    """Run EM from `start`; a fit that goes wrong is no exception but has a reason."""
    source = learning.ArraySource(X, weights, n_threads)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        result = learning.climb(source, step, start, tol=tol, max_iter=max_iter)
        value = float(result.log_likelihoods[-1]) if result.n_iter else -np.inf
        reason = result.failure.message if result.failure is not None else degenerate(result.state, ridge, source)
    return Refit(result.state, value, result.converged, reason)


def degenerate(parameters, ridge, source):
    """Say why the likelihood of a fit tells of the ridge, or of too few samples for a covariance; '' if it does not."""
    if not all(np.isfinite(array).all() for array in parameters[1:5]):
        return "The parameters are not finite."
    flat = flat_components(parameters, ridge) if np.any(ridge) else []
    if flat:
        who = "The shared covariance" if flat == [-1] else f"The covariance of component {flat[0]}"
        where = in_directions(flat_directions(parameters, ridge, flat), parameters.n_features)
        return f"{who} is reg_covar and little else {where}."
    needed = parameters.structure.samples_needed(parameters.n_features)
    if (parameters.weights * source.total_weight > MANY * needed).all():
        return ""
    # Rows, whatever they weigh: a row that stands there three times holds up no covariance, a light one helps to.
    counts = assignment(source.X, parameters.density(), n_threads=source.n_threads).counts
    few = np.flatnonzero((counts < needed) & (parameters.weights > UNUSED))
    if few.size:
        return f"Component {few[0]} has {counts[few[0]]:.1f} samples, a covariance of this structure needs {needed}."
    return ""
