"""EM: the one loop outside compiled code, for every source of samples and every way to learn from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gmm._types import FloatArray
from gmm.engine.statuses import BAD_COVARIANCE, BAD_LIKELIHOOD, CONVERGED, FAR_APART, RUNNING
from gmm.learning.parameters import Parameters
from gmm.learning.structures import CovarianceError

if TYPE_CHECKING:
    from gmm.learning.sources import Source
    from gmm.learning.steps import Step


class Failure(NamedTuple):
    """Why a fit stopped. `kind` is 'covariance' (of `component`; -1 where it is shared) or 'log_likelihood'."""

    kind: str
    component: int
    iteration: int
    message: str


class Result(NamedTuple):
    """What `climb` found.

    ``log_likelihoods[t]`` is the weighted mean per sample in the E-step of iteration t + 1, before its M-step, with the
    step's penalty. `state` is that of the last M-step that succeeded; `history` holds those after every M-step, if they
    were recorded.
    """

    state: Any
    log_likelihoods: FloatArray
    n_iter: int
    converged: bool
    failure: Failure | None
    history: list[Any] | None
    stopped: bool

    @property
    def parameters(self) -> Any:
        return self.state


class _Iterations:
    """Iterations in Python, one at a time, with what any source and step can do."""

    def __init__(self, source, step, state, units):
        self.source, self.step, self.state, self.units = source, step, state, units

    def advance(self, history, tol, previous):
        """As `gmm.engine.bouts.Bouts.advance`."""
        density = self.step.density(self.state, self.units)
        statistics = self.source.statistics(density)
        value = (statistics.log_likelihood + self.step.penalty(self.state)) / statistics.total_weight
        history[0] = value
        if not math.isfinite(value):
            return 1, BAD_LIKELIHOOD, -1
        try:
            try:
                self.state = self.step.update(self.state, statistics)
            except CovarianceError:
                self.look_again(density, statistics)
        except CovarianceError as error:
            return 1, BAD_COVARIANCE, error.component
        return 1, CONVERGED if abs(value - previous) < tol else RUNNING, -1

    def look_again(self, density, statistics):
        """The M-step that found a singular covariance, once more, with the moments about the new means.

        Moments about old means far away end in a difference of large numbers: what is left of a variance may then be
        rounding. Whether a fit collapses is decided here, where nothing cancels. Raises CovarianceError if it does.
        """
        means = self.step.means(self.state, statistics)
        self.state = self.step.update(self.state, self.source.statistics(density, means))


class _CompiledIterations:
    """Iterations in compiled bouts; what these leave open is done by the ones in Python."""

    def __init__(self, bouts, by_hand):
        self.bouts, self.by_hand = bouts, by_hand

    @property
    def state(self):
        weights, means, covariances, factors = (array.copy() for array in self.bouts.arrays[:4])
        structure, shape = self.by_hand.state.structure, means.shape
        covariances = structure.contract(covariances, *shape)
        factors = structure.unpack(structure.transposed(factors), *shape)
        return self.by_hand.step.state(Parameters(structure.name, weights, means, covariances, factors))

    def advance(self, history, tol, previous):
        n_done, status, component = self.bouts.advance(history, tol, previous)
        if status not in (FAR_APART, BAD_COVARIANCE):
            return n_done, status, component
        by_hand = self.by_hand
        by_hand.state = self.state
        before, now = (previous, previous, *history[:n_done])[-2:]
        if status == FAR_APART:  # this iteration has not been done
            n_more, status, component = by_hand.advance(history[n_done:], tol, now)
            n_done += n_more
        else:
            density = by_hand.step.density(by_hand.state, by_hand.units)
            try:
                by_hand.look_again(density, by_hand.source.statistics(density))
            except CovarianceError as error:
                return n_done, BAD_COVARIANCE, error.component
            status = CONVERGED if abs(now - before) < tol else RUNNING
        by_hand.step.put(by_hand.state, self.bouts, by_hand.units)
        return n_done, status, component


def climb(
    source: Source,
    step: Step,
    state: Any,
    *,
    tol: float = 1e-3,
    max_iter: int = 100,
    callback: Callable[[int, float, Any], object] | None = None,
    record_states: bool = False,
    previous: float = -math.inf,
) -> Result:
    """Repeat E-step and M-step until the value that they climb stands still.

    Each iteration takes the log-likelihood of the current state (E-step), plus the step's penalty, divided by the total
    weight; then the next state (M-step, eq-em). The loop ends when that value has changed by less than `tol` since the
    iteration before (eq-log-likelihood-change), or after `max_iter` iterations: scikit-learn's rule.

    Parameters
    ----------
    source : gmm.learning.Source
    step : gmm.learning.Step
    state : what the step works on, such as Parameters
    tol, max_iter : see above; tol=0 runs all of max_iter
    callback : callable, optional
        ``callback(iteration, value, state)`` after each M-step; a true result stops the loop.
    record_states : bool
        Keep the state of every iteration in ``result.history``.
    previous : float
        What the first value is compared with, when a fit goes on from an earlier one.

    Returns
    -------
    Result
        A covariance that collapses or a value that is not finite is no exception: see ``result.failure``.
    """
    tol, max_iter = float(tol), int(max_iter)
    units = state.units()
    step, state = step.in_units(units), state.in_units(units)
    iterations: Any = _Iterations(source, step, state, units)
    bouts = step.bouts(source, state, units)
    if bouts is not None:
        iterations = _CompiledIterations(bouts, iterations)
    watched = callback is not None or record_states
    values = np.empty(max_iter)
    history: list[Any] | None = [] if record_states else None
    previous = float(previous) - units.log_unit
    done, status, component, stopped = 0, RUNNING, -1, False
    while done < max_iter and status == RUNNING and not stopped:
        ahead = values[done : done + 1] if watched else values[done:]
        n_done, status, component = iterations.advance(ahead, tol, previous)
        done += n_done
        previous = float(values[done - 1])
        if watched and status in (RUNNING, CONVERGED):
            now = iterations.state.from_units(units)
            if history is not None:
                history.append(now)
            if callback is not None:
                stopped = bool(callback(done, previous + units.log_unit, now))
    values = values[:done] + units.log_unit
    failure = None
    if status in (BAD_LIKELIHOOD, BAD_COVARIANCE):
        failure = _failure(status, component, done, values[-1])
    state = iterations.state.from_units(units)
    return Result(state, values, done, status == CONVERGED, failure, history, stopped)


def _failure(status, component, iteration, value):
    if status == BAD_LIKELIHOOD:
        message = (
            f"The log-likelihood is {value} in iteration {iteration}: X holds values that are not finite, or samples "
            "lie so far from every component that their density underflows."
        )
        return Failure("log_likelihood", -1, iteration, message)
    name = "The tied covariance" if component < 0 else f"The covariance of component {component}"
    return Failure("covariance", component, iteration, f"{name} is singular after the M-step of iteration {iteration}.")
