"""The EM loop.

It runs in compiled bouts of many iterations. Where X has to be converted slab by slab, Python runs one iteration at a
time. Both do the same arithmetic in the same order: the bits agree.
"""

import math
from typing import NamedTuple

import numpy as np

from gmm.engine import loop, passes, scoring, starts, threads, tied
from gmm.engine.flat import flat_views
from gmm.engine.parameters import CovarianceError, Parameters, coefficients_from, make_parameters
from gmm.engine.samples import NO_TABLE, Samples, as_sample_weight, shift_of_far_data
from gmm.engine.small_algebra import DEAD
from gmm.engine.statuses import BAD_COVARIANCE, BAD_LIKELIHOOD, CONVERGED, FAR_APART, RUNNING
from gmm.engine.structures import (
    MODELS,
    factors_from,
    parameter_shapes,
    pass_cost,
    precisions_cholesky_from,
    statistics_shapes,
)

# Operations of one compiled bout, about a tenth of a second: after each, Python can hear Ctrl-C.
BOUT = 2e9
# Squares of values beyond 2**±256 come near the ends of float64's range.
LARGEST_EXPONENT = 256


class Failure(NamedTuple):
    """Why a fit stopped. `kind` is 'covariance' (of `component`; -1 where it is shared) or 'log_likelihood'."""

    kind: str
    component: int
    iteration: int
    message: str


class EMResult(NamedTuple):
    """`log_likelihoods[t]` is the weighted mean per sample in the E-step of iteration t + 1, before its M-step.

    `parameters` are those of the last M-step that succeeded; `history` those after every M-step, if recorded.
    """

    parameters: Parameters
    log_likelihoods: np.ndarray
    n_iter: int
    converged: bool
    failure: Failure | None
    history: list | None
    stopped: bool


class _State:
    """The parameters in the kernels' units, x' = (x - shift) * scale."""

    def __init__(self, parameters):
        p = parameters
        self.covariance_type = p.covariance_type
        covariances = p.covariances if p.covariance_type != "spherical" else p.covariances[:, None]
        variances = covariances.diagonal(0, -2, -1) if p.covariance_type in ("full", "tied") else covariances
        with np.errstate(over="ignore"):
            centre = p.weights @ p.means
            spread = np.abs(p.means - centre).max(axis=0) + np.sqrt(
                variances if variances.ndim == 1 else variances.max(axis=0)
            )
        self.shift = shift_of_far_data(centre, spread)
        exponent = math.frexp(float(spread.max()))[1]
        # A power of two: scaling rounds nothing.
        self.scale = math.ldexp(1.0, -exponent) if abs(exponent) > LARGEST_EXPONENT else 1.0
        shapes = parameter_shapes(p.covariance_type, p.n_components, p.n_features)
        self.values, self.arrays = flat_views(shapes)
        self.weights, self.means, self.covariances, self.factors, self.coefficients = self.arrays
        means, covariances, factors = p.means, p.covariances, factors_from(p.precisions_cholesky, p.covariance_type)
        if self.scale != 1.0 or self.shift.any():
            means = (means - self.shift) * self.scale
            covariances, factors = covariances * self.scale * self.scale, factors / self.scale
        self.set(p.weights, means, covariances, factors)
        if p.covariance_type == "tied":
            self.reference = np.ascontiguousarray((centre - self.shift) * self.scale)
            self.scatter = NO_TABLE  # T, once it is known
            self.far_apart = False

    def model(self):
        """The model of these parameters, whose arrays are these very ones."""
        if self.covariance_type == "tied":
            whitened = np.empty_like(self.means)
            return tied.Tied(self.coefficients, whitened, self.factors, self.reference, self.scatter)
        return MODELS[self.covariance_type](self.coefficients, self.means, self.factors)

    def set(self, weights, means, covariances, factors):
        """Take these parameters, which are in the kernels' units."""
        self.weights[...], self.means[...], self.covariances[...], self.factors[...] = (
            weights,
            means,
            covariances,
            factors,
        )
        self.coefficients[...] = coefficients_from(weights, factors, self.covariance_type, means.shape[1])

    def parameters(self):
        """The parameters in the units of X."""
        return Parameters(
            self.covariance_type,
            self.weights.copy(),
            self.means / self.scale + self.shift,
            self.covariances / self.scale / self.scale,
            precisions_cholesky_from(self.factors, self.covariance_type) * self.scale,
        )

    def log_unit(self):
        """What to add to the log-likelihood of a scaled sample."""
        return self.means.shape[1] * math.log(self.scale)


def _compiled_bout(state, samples, weights, numbers, history, n_threads=1, moments=None):
    """Up to history.size iterations in compiled code; just one M-step where its `moments` are given."""
    sum_values, sums = flat_views(statistics_shapes(state.covariance_type, *state.means.shape))
    if moments is not None:
        for total, moment in zip(sums, moments, strict=True):
            total[...] = moment
    model = state.model()
    return passes.run_team(
        samples,
        loop.run,
        loop.work_rows(model),
        model,
        sum_values.size,
        (passes.loop_arguments(sum_values, history, state.values, numbers),),
        sample_weight=weights,
        stop=samples.n_samples if moments is None else 0,
        n_threads=n_threads,
    )


def _one_iteration(state, samples, weights, numbers, history, n_threads):
    """The same as a compiled bout of one iteration, with the pass over the data slab by slab."""
    options = {"sample_weight": weights, "n_threads": n_threads}
    model = state.model()
    if state.covariance_type == "tied":
        if state.far_apart:
            return _far_apart_iteration(state, samples, numbers, history, options)
        if tied.prepare_model(model, state.values) == FAR_APART:
            return 0, FAR_APART, -1
    moments = passes.raw_pass(samples, model, **options)
    return _compiled_bout(state, samples, weights, numbers, history[:1], moments=moments)


def _far_apart_iteration(state, samples, numbers, history, options):
    """A tied iteration with every component's moments about its own mean: nothing cancels, at K times the cost."""
    total_weight, reg_covar, tol, previous = numbers
    model = passes.with_shared_factor(state.coefficients, state.means, state.factors)
    total, *moments = passes.raw_pass(samples, model, **options)
    mean = total / total_weight
    history[0] = mean
    if not math.isfinite(mean):
        return 1, BAD_LIKELIHOOD, -1
    new_values, new = flat_views(parameter_shapes("tied", *state.means.shape))
    new_values[:] = state.values
    if tied.step_pooled(*moments, reg_covar, state.arrays, new) >= 0:
        return 1, BAD_COVARIANCE, -1
    state.values[:] = new_values
    return 1, CONVERGED if abs(mean - previous) < tol else RUNNING, -1


def _second_look(state, samples, weights, reg_covar, n_threads):
    """The M-step that found a singular covariance, once more, with the moments about the new means.

    Moments about old means far away end in a difference of large numbers: what is left of a variance may then be
    rounding. Whether a fit collapses is decided here, where nothing cancels. Raises CovarianceError if it does.
    """
    current = state.parameters()

    def given(low, high):
        return scoring.predict_proba(samples.X[low:high], current, 1)

    options = {"sample_weight": weights, "n_threads": n_threads}
    structure = "spherical" if state.covariance_type == "tied" else state.covariance_type
    counts, first, _ = starts.moments_of_given(samples, structure, given, state.means, options)
    counts[counts < DEAD] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(counts[:, None] > 0.0, state.means + first / counts[:, None], state.means)
    found = starts.m_step_about_new_means(
        samples, given, counts, means, state.covariance_type, reg_covar, options, state.covariances
    )
    state.set(*found)


def _failure(status, component, iteration, covariance_type, value):
    if status == BAD_LIKELIHOOD:
        message = (
            f"The log-likelihood is {value} in iteration {iteration}: X holds values that are not finite, or samples "
            "lie so far from every component that their density underflows."
        )
        return Failure("log_likelihood", -1, iteration, message)
    name = "The tied covariance" if covariance_type == "tied" else f"The covariance of component {component}"
    message = f"{name} is singular after the M-step of iteration {iteration}."
    return Failure("covariance", component, iteration, message)


def fit_em(
    X,
    parameters,
    means=None,
    covariances=None,
    covariance_type=None,
    *,
    reg_covar=1e-6,
    tol=1e-3,
    max_iter=100,
    sample_weight=None,
    n_threads=None,
    callback=None,
    record_parameters=False,
    previous_log_likelihood=-math.inf,
    total_scatter=None,
):
    """Fit a mixture by EM from given parameters.

    Each iteration takes the mean log-likelihood of the current parameters (E-step), then the M-step (eq-em); the loop
    ends when that mean has changed by less than `tol` since the iteration before (eq-log-likelihood-change), or after
    `max_iter` iterations: scikit-learn's rule.

    Parameters
    ----------
    X : (n, d) numeric array of any layout
    parameters : Parameters; or weights, followed by means, covariances, covariance_type
    reg_covar : added to the diagonal of every covariance
    tol, max_iter : see above; tol=0 runs all of max_iter
    sample_weight : (n,) non-negative, or None
    n_threads : int or None (`default_n_threads`); the result is the same to the last bit
    callback : ``callback(iteration, log_likelihood, parameters)`` after each M-step; a true result stops the loop
    record_parameters : keep the parameters of every iteration in ``result.history``
    previous_log_likelihood : what the first iteration is compared with, when a fit goes on from an earlier one
    total_scatter : the `TotalScatter` of the same weighted samples, or None; saves work where there are several fits

    Returns
    -------
    EMResult. A covariance that collapses or a log-likelihood that is not finite is no exception: see
    ``result.failure``.

    Raises
    ------
    ValueError, TypeError for arguments that do not fit; CovarianceError for starting covariances.
    """
    if not isinstance(parameters, Parameters):
        parameters = make_parameters(parameters, means, covariances, covariance_type)
    state = _State(parameters)
    samples = Samples(X, state.shift, state.scale, state.covariance_type)
    if samples.n_features != parameters.n_features:
        raise ValueError(f"X has {samples.n_features} features, but the parameters have {parameters.n_features}.")
    weights = as_sample_weight(sample_weight, samples.n_samples)
    total_weight = float(weights.sum()) if weights.size else float(samples.n_samples)
    n_threads = threads.resolve_n_threads(n_threads)
    reg_covar = float(reg_covar) * state.scale * state.scale
    tol, max_iter = float(tol), int(max_iter)

    cost = pass_cost(state.covariance_type, samples.n_samples, samples.n_features, parameters.n_components)
    watched = callback is not None or record_parameters
    bout = 1 if watched else max(1, int(BOUT / cost))
    if cost <= passes.WORTH_A_THREAD:
        n_threads = 1
    log_likelihoods = np.empty(max_iter)
    history = [] if record_parameters else None
    previous = float(previous_log_likelihood) - state.log_unit()
    done, status, component, stopped = 0, RUNNING, -1, False
    if state.covariance_type == "tied":
        total_scatter = total_scatter or passes.TotalScatter()
        state.reference, state.scatter = total_scatter.about(samples, state.reference, weights)
    while done < max_iter and status in (RUNNING, FAR_APART) and not stopped:
        ahead = log_likelihoods[done : min(done + bout, max_iter)]
        arguments = (state, samples, weights, (total_weight, reg_covar, tol, previous), ahead)
        if samples.native and not getattr(state, "far_apart", False):
            n_done, status, component = _compiled_bout(*arguments, n_threads)
        else:
            n_done, status, component = _one_iteration(*arguments, n_threads)
        if status == FAR_APART:
            state.far_apart = True  # and it stays so: the choice depends on the data alone
        if status == BAD_COVARIANCE:
            try:
                _second_look(state, samples, weights, reg_covar, n_threads)
            except CovarianceError as error:
                component = error.component
            else:
                before, now = (previous, *log_likelihoods[done : done + n_done])[-2:]
                status = CONVERGED if abs(now - before) < tol else RUNNING
        if n_done == 0:
            continue
        done += n_done
        previous = float(log_likelihoods[done - 1])
        if watched and status in (RUNNING, CONVERGED):
            now = state.parameters()
            if record_parameters:
                history.append(now)
            if callback is not None:
                stopped = bool(callback(done, previous + state.log_unit(), now))
    failure = None
    values = log_likelihoods[:done] + state.log_unit()
    if status in (BAD_LIKELIHOOD, BAD_COVARIANCE):
        failure = _failure(status, component, done, state.covariance_type, values[-1])
    return EMResult(state.parameters(), values, done, status == CONVERGED, failure, history, stopped)
