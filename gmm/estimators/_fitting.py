"""The search for a fit: draw starts, run EM from each, keep the best."""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from gmm import learning
from gmm.estimators._collapse import (
    SHOWN,
    Collapse,
    Collapsed,
    CollapsedComponentError,
    CollapsedComponentWarning,
    RegularisationWarning,
    collapse_error,
    regularisation_message,
    samples_of,
)
from gmm.estimators._initialise import CLUSTERED, initial_parameters
from gmm.estimators._noise import dense_samples, labelled_start, robust_start, with_noise
from gmm.estimators._progress import progress
from gmm.estimators._ridge import called, flat_components, flat_directions_of_data, large_beside
from gmm.estimators._validation import give_back, random_generator
from gmm.estimators._warn import warn
from gmm.estimators.hierarchical import Trees

# Between two fits' values per sample, relative to their size, a difference of this is rounding.
ROUNDING = 1e-12
MAX_RESTARTS = 10  # further starts for one initialisation with on_collapse='restart'


class Run(NamedTuple):
    """EM from one start to its end."""

    parameters: learning.Parameters
    log_likelihoods: np.ndarray
    converged: bool
    stopped: bool
    history: list | None
    flat: list  # components whose covariance is reg_covar alone
    row: int  # its number in Search.rows

    @property
    def lower_bound(self):
        return float(self.log_likelihoods[-1]) if self.log_likelihoods.size else -np.inf


def warn_unless_converged(best, max_iter):
    """Say, in scikit-learn's words, that the best fit was cut short.

    max_iter=0 asks for the start alone, and a callback that stops has its reasons.
    """
    if not (best.converged or best.stopped) and max_iter > 0:
        warn(
            "Best performing initialization did not converge. Try different init parameters, or increase max_iter, "
            "tol, or check for degenerate data.",
            ConvergenceWarning,
        )


def make_step(ridge, prior=None, fixed=None, noise=None):
    """The M-step of a Gaussian mixture with all that its settings ask for."""
    step = learning.MaximumLikelihood(ridge) if prior is None else learning.MaximumAPosteriori(prior)
    step = step if fixed is None else learning.Fixed(step, *fixed)
    return step if noise is None else learning.Noisy(step)


class Search:
    """The initialisations of one fit.

    Parameters
    ----------
    model : GaussianMixture
        Its constructor parameters are the settings; nothing is written to it.
    X : ndarray of shape (n_samples, n_features)
    sample_weight : ndarray of shape (n_samples,) or None
        Positive.
    row_numbers : ndarray of shape (n_samples,) or None
        The numbers of these samples among those that were given to `fit`, if they are not the same.
    initial : tuple
        Checked weights_init, means_init and precisions_init; None for those not given.
    resume : tuple (gmm.learning.Parameters, float) or None
        Parameters and lower bound of the last fit, to go on from (warm start).
    ridge : float or ndarray of shape (n_features,)
        `reg_covar` in numbers.
    prior : gmm.learning.Prior or None
    fixed : tuple of ndarray of bool, or None
        Which weights, means and covariances stay as they are (see gmm.learning.Fixed).
    resp : ndarray or None
        Checked `resp_init` of these samples.
    trees : gmm.estimators.hierarchical.Trees or None
        Those of these samples, where other fits need them too.
    source : gmm.learning.Source or None
        That of these samples.
    noise : gmm.learning.Noise or None
        With the weight that a start gives it.

    Attributes
    ----------
    box : gmm.learning.Box or None
        That of the noise, for `GaussianMixture` to adopt.
    robust : bool
        Whether starts are drawn from the densest samples alone, with noise or without.
    """

    robust = False

    def __init__(
        self,
        model,
        X,
        sample_weight,
        row_numbers,
        initial,
        resume,
        ridge,
        prior=None,
        fixed=None,
        resp=None,
        trees=None,
        source=None,
        noise=None,
    ):
        self.model = model
        self.sample_weight = sample_weight
        self.row_numbers = row_numbers
        self.initial = initial
        self.resume = resume
        self.prior = prior
        self.ridge = ridge
        self.source = learning.ArraySource(X, sample_weight, model.n_threads) if source is None else source
        self.step = make_step(ridge, prior, fixed, noise)
        self.noise, self.dense, self.box = noise, None, None
        self.tol = model.tol
        self.rng = random_generator(model.random_state)
        # What starts are drawn from, and what is said of a collapse: complete samples.
        self.X = self.source.completed(self.rng) if hasattr(self.source, "completed") else X
        self.every_iteration = bool(model.record_parameters) and model.record_parameters != "restarts"
        self.flat_data = False
        self.rows = []  # what became of each start, as a dict
        self.resp = resp
        self.trees = Trees() if trees is None else trees
        whole = any(value is None for value in initial) and (
            resp is not None
            or (model.init_params == "hierarchical" and X.shape[0] <= max(CLUSTERED, model.n_components))
        )
        self.n_init = model.n_init if resume is None and not whole else 1
        # The same start would collapse again.
        drawn = resume is None and any(value is None for value in initial) and not whole
        self.n_attempts = 1 + MAX_RESTARTS * (model.on_collapse == "restart" and drawn)
        self.restartable = drawn and model.on_collapse == "raise"

    def best(self):
        """Run all initialisations and return the best Run.

        Raises
        ------
        CollapsedComponentError
            If an initialisation collapsed (with on_collapse='restart': if all did, whatever was drawn).
        """
        model = self.model
        self.rows.clear()
        self.display = progress(model.verbose, model.verbose_interval, self.n_init)
        if hasattr(self.source, "watch"):
            self.source.watch = self.display.batch
        best, failure = None, None
        try:
            for initialisation in range(self.n_init):
                self.display.begin(initialisation)
                try:
                    run = self.one_initialisation(initialisation)
                except CollapsedComponentError as error:
                    if model.on_collapse == "raise":
                        raise
                    failure = error
                    continue
                self.display.end(run.lower_bound, run.converged)
                if best is None or self.better(run, best):
                    best = run
        finally:
            self.display.close()
            give_back(self.rng, model.random_state)
        if best is None:
            raise failure
        self.rows[best.row]["best"] = True
        if best.flat:
            warn(
                regularisation_message(
                    self.X,
                    best.parameters,
                    best.flat,
                    model.reg_covar,
                    self.ridge,
                    self.row_numbers,
                    self.source.n_threads,
                ),
                CollapsedComponentWarning,
            )
        elif self.prior is None and best.log_likelihoods.size:
            self.judge_ridge(best.parameters)
        return best

    def judge_ridge(self, parameters):
        """Say so where the ridge is not small beside the data: then it decides what is found, and the units with it."""
        parameters = parameters.without_noise()
        features, variances = large_beside(parameters, self.ridge)
        if not (features or self.flat_data):
            return
        reg_covar = called(self.model.reg_covar)
        if not features:
            said = (
                f"In some direction X varies by no more than {reg_covar} (features that depend on others, or fewer "
                "samples than features): the likelihood depends on reg_covar there. Leave such features out, or take "
                "covariance_type='diag'."
            )
            warn(said, RegularisationWarning)
            return
        named = "the features together" if features == [-1] else f"features {features[:SHOWN]}"
        if not any(variances):
            said = f"In {named} X is constant: the likelihood there is that of {reg_covar} alone. Leave them out."
        else:
            said = (
                f"{reg_covar} is not small beside the variances of {named}, of which the smallest is "
                f"{variances[0]:.2g}: it decides what is found, and with it the units. reg_covar='auto' follows the "
                "units of each feature; or scale the data."
            )
        warn(said, RegularisationWarning)

    def better(self, run, other):
        """Whether a later run is better by more than rounding, on which the choice between equals would hang."""
        # Collapsed components buy a likelihood that means nothing; with "raise", scikit-learn's choice stands.
        if self.model.on_collapse != "raise" and bool(run.flat) != bool(other.flat):
            return not run.flat
        known = other.lower_bound
        return run.lower_bound > (known + ROUNDING * max(1.0, abs(known)) if np.isfinite(known) else known)

    def one_initialisation(self, initialisation):
        """Run EM from one start, or from up to MAX_RESTARTS more if components collapse and restarts are allowed."""
        best, given_up = None, []
        for attempt in range(self.n_attempts):
            last = attempt + 1 == self.n_attempts
            start = None
            try:
                start = self.start()
                run = self.run(start)
            except Collapsed as failure:
                error = collapse_error(
                    self.X, failure.collapse, initialisation, self.model.reg_covar, self.restartable, self.row_numbers
                )
                self.note(initialisation, attempt, start, n_iter=failure.collapse.iteration, reason=str(error))
                if last and best is None:
                    raise error from None
                given_up.append(str(error))
                continue
            reason = ""
            if run.flat:
                who = "The tied covariance was" if run.flat == [-1] else f"Components {run.flat} were"
                reason = f"{who} left with reg_covar alone."
            self.note(
                initialisation, attempt, start, run.lower_bound, len(run.log_likelihoods), run.converged, reason, run
            )
            if best is None or self.better(run, best):
                best = run
            if not run.flat:
                break
            given_up.append(reason)
        if given_up and not best.flat:
            warn(
                f"Initialisation {initialisation}: {len(given_up)} start(s) given up because a component collapsed. "
                f"The last one: {given_up[-1]}",
                CollapsedComponentWarning,
            )
        return best

    def note(
        self, initialisation, attempt, start, lower_bound=math.nan, n_iter=0, converged=False, reason="", run=None
    ):
        """Write the row of a start that is done with."""
        row = {
            "initialisation": initialisation,
            "attempt": attempt,
            "lower_bound": lower_bound,
            "n_iter": n_iter,
            "converged": bool(converged),
            "status": "collapsed" if reason else "ok",
            "best": False,
            "reason": reason,
        }
        if self.model.record_parameters:
            row |= {"start": start, "parameters": None if run is None else run.parameters}
        self.rows.append(row)

    def start(self):
        if self.resume is not None:
            return self.resume[0]
        ridge = self.ridge
        if self.prior is not None and not np.any(ridge):
            ridge = self.prior.typical_variance  # a start must not collapse where the fit could not
        return self.drawn(ridge)

    def drawn(self, ridge):
        """Draw the parameters of a start, with this ridge on its covariances."""
        model = self.model
        draw = initial_parameters
        if self.resp is None and (self.robust or self.noise is not None):
            if self.dense is None:
                self.dense = dense_samples(self.X, self.sample_weight, model.n_components, self.rng)
            draw = partial(robust_start, dense=self.dense)
        elif self.noise is not None:
            draw = partial(labelled_start, noise=self.noise)
        drawn = draw(
            self.X,
            self.initial,
            method=model.init_params,
            n_components=model.n_components,
            covariance_type=model.covariance_type,
            reg_covar=ridge,
            rng=self.rng,
            sample_weight=self.sample_weight,
            n_threads=self.source.n_threads,
            total_scatter=self.source.total,
            resp=self.resp,
            trees=self.trees,
        )
        return drawn if self.noise is None or drawn.noise is not None else with_noise(drawn, self.noise)

    def run(self, start):
        """EM from `start`."""
        model = self.model
        if model.max_iter == 0:
            history = [start] if self.every_iteration else None
            return Run(start, np.empty(0), False, False, history, [], len(self.rows))
        previous = -np.inf if self.resume is None else self.resume[1]
        result = learning.climb(
            self.source,
            self.step,
            start,
            tol=self.tol,
            max_iter=model.max_iter,
            callback=self.callback(previous),
            record_states=self.every_iteration,
            previous=previous,
        )
        self.check(result)
        return Run(
            result.state,
            result.log_likelihoods,
            result.converged,
            result.stopped,
            [start, *result.history] if self.every_iteration else None,
            self.on_ridge(result.state),
            len(self.rows),
        )

    def on_ridge(self, parameters):
        """Components that the ridge alone keeps regular; none where the data themselves have such a direction."""
        flat = [] if self.prior is not None else flat_components(parameters, self.ridge)
        if flat and flat_directions_of_data(parameters.without_noise(), self.ridge):
            self.flat_data = True
            return []
        return flat

    def callback(self, previous):
        """Join the display and the user's callback. None if neither wants to hear of iterations: EM stays compiled."""
        user, display = self.model.callback, self.display
        if not display.wants_iterations:
            return user

        def show(iteration, log_likelihood, parameters):
            nonlocal previous
            display.iteration(iteration, log_likelihood - previous)
            previous = log_likelihood
            return user is not None and user(iteration, log_likelihood, parameters)

        return show

    def check(self, result):
        """Turn the engine's account of a failure into an exception."""
        failure = result.failure
        if failure is None:
            if not all(math.isfinite(array.sum()) or np.isfinite(array).all() for array in result.state[1:5]):
                raise self.range_error("The parameters are no longer finite", result.n_iter)
            return
        if failure.kind == "log_likelihood":
            raise self.range_error("The log-likelihood is not finite", failure.iteration)
        # The last good parameters gave the responsibilities from which the bad covariance was computed.
        if failure.component < 0:
            samples = np.arange(self.X.shape[0])
        else:
            samples = samples_of(self.X, result.state, failure.component, self.source.n_threads)
        raise Collapsed(Collapse(failure.component, failure.iteration, samples))

    def range_error(self, what, iteration):
        low, high = (float(edge) for edge in (self.X.min(), self.X.max()))
        return ValueError(
            f"{what} at iteration {iteration}: the values of X, from {low:g} to {high:g}, or their squares leave the "
            "range of float64. Scale the input data."
        )
