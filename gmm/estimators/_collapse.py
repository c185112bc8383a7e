"""Components that collapse: to find out which, on which samples, and to say what can be done.

The likelihood of a mixture has no upper bound. A component that keeps a single point (or points in a plane) can shrink
onto it, and its covariance becomes singular. `reg_covar` keeps the covariance invertible, but the component is then
still one that describes a point and not a group.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from gmm import engine
from gmm._types import ArrayLike
from gmm.estimators._ridge import called, flat_directions, in_directions, on_one_location

ADVICE = (
    "Fitting the mixture model failed because some components have ill-defined empirical covariance (for instance "
    "caused by singleton or collapsed samples). Try to decrease the number of components, increase reg_covar, or scale "
    "the input data."
)
SHOWN = 10  # indices named in a message; the exception holds all of them
BLOCK = 4096  # samples whose responsibilities are held at one time
EXAMINED = 10_000  # samples whose rank is determined


class CollapsedComponentError(ValueError):
    """A component's covariance became singular.

    Attributes
    ----------
    component : int or None
        Index of the component; None if the covariance is shared ('tied').
    iteration : int
        Iteration whose M-step failed; 0 if it was the start.
    initialisation : int
        Which of the `n_init` starts, counted from 0.
    samples : ndarray of int
        Indices of the samples that the component is mainly responsible for.
    """

    def __init__(
        self,
        message: str,
        component: int | None = None,
        iteration: int = 0,
        initialisation: int = 0,
        samples: ArrayLike = (),
    ) -> None:
        super().__init__(message)
        self.component = component
        self.iteration = iteration
        self.initialisation = initialisation
        self.samples = np.asarray(samples, dtype=np.intp)

    def __reduce__(self) -> tuple[Any, ...]:  # whole across process boundaries
        return type(self), (self.args[0], self.component, self.iteration, self.initialisation, self.samples)


class CollapsedComponentWarning(ConvergenceWarning):
    """A component describes a single location only, or a start was given up because a component collapsed."""


class RegularisationWarning(UserWarning):
    """`reg_covar` is not small beside the variances of the data, so that it and the units decide what is found."""


class Collapse(NamedTuple):
    """Where a run failed: component (-1: the tied covariance), iteration (0: the start), its samples."""

    component: int
    iteration: int
    samples: np.ndarray


class Collapsed(Exception):
    """Passed up from where a collapse is seen to where it is decided what to do; `collapse` says where it was."""

    def __init__(self, collapse):
        super().__init__(collapse)
        self.collapse = collapse


def samples_of(X, parameters, component, n_threads=None):
    """Indices of the samples that belong to `component` by more than half (if there are none: its closest ones)."""
    resp, density = np.empty(X.shape[0]), parameters.density()
    for low in range(0, X.shape[0], BLOCK):
        rows = X[low : low + BLOCK]
        resp[low : low + BLOCK] = engine.predict_proba(rows, density, n_threads=n_threads)[:, component]
    largest = resp.max()
    if not largest > 0.0:
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(resp > (0.5 if largest > 0.5 else 0.5 * largest))


def flat_name(n_features, directions=1):
    """Name what is left of `n_features` dimensions when `directions` of them are lost."""
    left = n_features - directions
    if left <= 2:
        return ("a single location", "a line", "a plane")[max(left, 0)]
    return "a hyperplane" if directions == 1 else f"a flat of dimension {left}"


def describe(X, samples, row_numbers=None, beside=" for float64"):
    """Say what is special about these samples: how many, identical, constant or collinear features.

    `row_numbers` are the numbers to name them by, if X holds only some of the rows.
    """
    if len(samples) == 0:
        return "no sample has any responsibility in it"
    named = samples[:SHOWN] if row_numbers is None else row_numbers[samples[:SHOWN]]
    listed = ", ".join(map(str, named)) + (", …" if len(samples) > SHOWN else "")
    if len(samples) == 1:
        return f"it sits on one sample, [{listed}]"
    first = np.asarray(X[samples[0]], dtype=np.float64)
    spread = np.zeros(X.shape[1])
    for low in range(0, len(samples), BLOCK):
        block = np.asarray(X[samples[low : low + BLOCK]], dtype=np.float64)
        spread = np.maximum(spread, np.abs(block - first).max(axis=0))
    where = f"its {len(samples)} samples [{listed}]"
    if not spread.any():
        return f"{where} are identical"
    constant = np.flatnonzero(spread == 0.0)
    if constant.size:
        return f"on {where} the features [{', '.join(map(str, constant[:SHOWN]))}] are constant"
    scaled = (np.asarray(X[samples[:EXAMINED]], dtype=np.float64) - first) / spread
    rank = np.linalg.matrix_rank(scaled - scaled.mean(axis=0))
    if rank < X.shape[1]:
        return f"{where} span {rank} of {X.shape[1]} dimensions (too few of them, or features that depend on others)"
    return f"{where} are too close to each other or to {flat_name(X.shape[1])}{beside}"


def remedy(X, reg_covar):
    """Suggest a value of reg_covar: a millionth of the mean variance of the features."""
    rows = np.asarray(X[:EXAMINED], dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        suggestion = 1e-6 * float(np.mean(np.var(rows - rows[0], axis=0)))
    if isinstance(reg_covar, str):
        return "reg_covar='auto' gives a constant feature nothing, and a number would."
    if not np.isfinite(suggestion) or suggestion <= reg_covar:
        return f"reg_covar is {reg_covar:g} now."
    return f"reg_covar is {reg_covar:g} now; {suggestion:.1g} would be a millionth of the features' variance."


def collapse_error(X, collapse, initialisation, reg_covar, restartable, row_numbers=None):
    """Build the error that names the component, the iteration and the samples, and says what to do."""
    when = "at the start" if collapse.iteration == 0 else f"at iteration {collapse.iteration}"
    who = "The tied covariance" if collapse.component < 0 else f"Component {collapse.component}"
    message = (
        f"{ADVICE} {who} collapsed {when} of initialisation {initialisation}: "
        f"{describe(X, collapse.samples, row_numbers)}. {remedy(X, reg_covar)}"
    )
    if restartable:
        message += " on_collapse='restart' draws another start."
    return CollapsedComponentError(
        message,
        None if collapse.component < 0 else collapse.component,
        collapse.iteration,
        initialisation,
        collapse.samples if row_numbers is None else row_numbers[collapse.samples],
    )


def regularisation_message(X, parameters, components, reg_covar, ridge, row_numbers=None, n_threads=None):
    """Describe components that the ridge alone keeps regular, for a warning."""
    ridge_is = called(reg_covar)
    directions = flat_directions(parameters, ridge, components)
    one_location = on_one_location(parameters, ridge, components)
    where = "a single location" if one_location else flat_name(X.shape[1], directions)
    tail = f"is {ridge_is} {'alone' if one_location else 'and little else'}"
    if directions < X.shape[1]:
        tail += f" {in_directions(directions, X.shape[1])}"
    if components == [-1]:
        return f"Every component sits on {where}: the tied covariance {tail}. Try fewer components."
    component = components[0]
    samples = samples_of(X, parameters, component, n_threads)
    others = "" if len(components) == 1 else f" (so do components {components[1 : SHOWN + 1]})"
    described = describe(X, samples, row_numbers, beside="")
    # Samples that span all dimensions may be flat in their unit only.
    may_be_unit = "too close" in described and not isinstance(reg_covar, str)
    unit = ", reg_covar='auto' (a small part of each variance)" if may_be_unit else ""
    return (
        f"Component {component} has collapsed onto {where}{others}: {described}, and its "
        f"covariance {tail}, so that the likelihood depends on reg_covar. Try fewer components, more data{unit} or "
        "on_collapse='restart'."
    )
