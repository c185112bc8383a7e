"""`bootstrap`: how much the parameters of a mixture would differ from one sample to the next."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from gmm import engine
from gmm._types import ArrayLike, FloatArray, Seed
from gmm.estimators._jobs import Counter, check_n_jobs, run, seed_of
from gmm.estimators._refitting import refit, step_of
from gmm.estimators._table import Table
from gmm.estimators._validation import check_samples, check_weights_of
from gmm.estimators._warn import warn
from gmm.estimators.gaussian_mixture import GaussianMixture

KINDS = ("plain", "weighted", "parametric")
BATCH = 16  # replicates for one turn of a thread
MOST = {"plain": 2**31, "weighted": 2**31, "parametric": 10**7}  # samples of a replicate by weights
MOST_REPLICATES = 10**7  # more would not end
GAIN = 1.0  # nats that EM may still gain on X before it is said


class ParameterValues(NamedTuple):
    """One number, or two, for each parameter of a mixture.

    Attributes
    ----------
    weights : ndarray of shape (n_components,)
    means : ndarray of shape (n_components, n_features)
    covariances : ndarray
        In the shape of `covariances_`. For intervals each array has one more axis, of length 2, at the end.
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray


class BootstrapWarning(UserWarning):
    """Replicates of a bootstrap were degenerate, did not converge, or did not start at a maximum."""


class Bootstrap:
    """What `bootstrap` found.

    Attributes
    ----------
    kind : str
    n : int
        Replicates asked for.
    random_state : int
        The seed: the same one gives the same replicates.
    estimate : ParameterValues
        The mixture's own parameters, after EM has converged on X.
    replicates : ParameterValues
        Those of all replicates that are not degenerate, components in the order of the mixture: one more axis at the
        front.
    degenerate : dict of int to str
        Number of each replicate that is left out, and why.
    n_degenerate : int
        How many these are.
    n_not_converged : int
        Replicates, kept ones, that did not reach `tol`.
    n_reordered : int
        Replicates, kept ones, whose labels had to be exchanged.
    """

    def __init__(
        self,
        kind: str,
        n: int,
        random_state: int,
        estimate: ParameterValues,
        replicates: ParameterValues,
        degenerate: dict[int, str],
        n_not_converged: int,
        n_reordered: int,
    ) -> None:
        self.kind, self.n, self.random_state = kind, n, random_state
        self.estimate, self.replicates, self.degenerate = estimate, replicates, degenerate
        self.n_degenerate = len(degenerate)
        self.n_not_converged, self.n_reordered = n_not_converged, n_reordered

    @property
    def standard_errors(self) -> ParameterValues:
        """Standard deviation of the replicates, in the units of the parameters: a ParameterValues."""
        return ParameterValues(*(part.std(axis=0, ddof=1) for part in self.replicates))

    @property
    def bias(self) -> ParameterValues:
        """Mean of the replicates less the estimate: a ParameterValues."""
        pairs = zip(self.replicates, self.estimate, strict=True)
        return ParameterValues(*(np.mean(part - value, axis=0) for part, value in pairs))

    def intervals(self, level: float = 0.95) -> ParameterValues:
        """Return the percentile intervals.

        Parameters
        ----------
        level : float, default=0.95
            Between 0 and 1.

        Returns
        -------
        ParameterValues
            Each with a last axis of length 2: from, to.

        Raises
        ------
        TypeError, ValueError
            If `level` is no number between 0 and 1.
        """
        if isinstance(level, bool) or not isinstance(level, Real):
            raise TypeError(f"level must be a real number; got {level!r}")
        if not 0.0 < level < 1.0:
            raise ValueError(f"level must be between 0 and 1; got {level}")
        ends = [0.5 - 0.5 * level, 0.5 + 0.5 * level]
        return ParameterValues(*(np.moveaxis(np.quantile(part, ends, axis=0), 0, -1) for part in self.replicates))

    def table(self, level: float = 0.95) -> Table:
        """Return weights and means with their standard errors and intervals, one row a parameter: a Table."""
        errors, intervals = self.standard_errors, self.intervals(level)
        K, d = self.estimate.means.shape
        places: list[tuple[str, tuple[int, ...], str]] = [("weights", (k,), f"weight {k}") for k in range(K)]
        places += [("means", (k, j), f"mean {k}, feature {j}") for k in range(K) for j in range(d)]
        rows = []
        for part, place, name in places:
            low, high = getattr(intervals, part)[place]
            row = {"parameter": name, "estimate": float(getattr(self.estimate, part)[place])}
            row |= {"standard error": float(getattr(errors, part)[place]), "from": float(low), "to": float(high)}
            rows.append(row)
        return Table(rows)

    def __repr__(self) -> str:
        return (
            f"Bootstrap({self.kind!r}, {self.n} replicates; {self.n_degenerate} degenerate, "
            f"{self.n_not_converged} not converged, {self.n_reordered} reordered)"
        )


def bootstrap(
    mixture: GaussianMixture,
    X: ArrayLike,
    kind: Literal["plain", "weighted", "parametric"] = "plain",
    n: int = 999,
    *,
    sample_weight: ArrayLike | None = None,
    random_state: Seed = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    tol: float = 1e-6,
    max_iter: int = 1000,
) -> Bootstrap:
    r"""Refit a mixture to samples like the given ones: standard errors and intervals of its parameters.

    Each replicate runs EM from the fitted mixture to its own maximum. Its components are then put into the order of the
    mixture's: the permutation :math:`\sigma` for which the responsibilities of X differ least,

    .. math:: \sum_{i,k} \bigl(r_{ik} - r^\ast_{i\sigma(k)}\bigr)^2 ,

    an assignment problem, solved exactly.

    Parameters
    ----------
    mixture : GaussianMixture
        Fitted.
    X : array-like of shape (n_samples, n_features)
        The samples that it was fitted to.
    kind : {'plain', 'weighted', 'parametric'}, default='plain'
        'plain': rows of X drawn with replacement. 'weighted': all rows, with random weights of mean one (a Dirichlet
        distribution), so that no group can lose all its samples. 'parametric': as many samples drawn from the mixture.
    n : int, default=999
        Replicates: some hundreds for standard errors, a thousand for intervals.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each sample stands there, as in the fit: a weight of 2 is the same as a row that is given twice. Their
        sum, rounded, is the number of samples of a replicate. Weights that are no counts have to be scaled to the sum
        that their information is worth.
    random_state : int, RandomState, Generator or None, default=None
        The replicates do not depend on `n_jobs`.
    n_jobs : int, default=None
        Replicates fitted at the same time, in threads. None or -1: as many as the engine has threads.
    verbose : int, default=0
        1 shows the progress: a tqdm bar if tqdm is installed, else a counter.
    tol, max_iter
        When EM ends, as in `GaussianMixture`.

    Returns
    -------
    Bootstrap
        With ``standard_errors``, ``intervals(level)``, ``bias``, ``replicates`` and ``table()``.

    Raises
    ------
    TypeError
        If `mixture` is no GaussianMixture, or an argument has a wrong type.
    ValueError
        If an argument is out of range, X does not fit, EM from the mixture collapses on X, or fewer than two replicates
        are sound.

    Warns
    -----
    BootstrapWarning
        How many replicates are degenerate (a covariance is singular, made of `reg_covar` alone, or of too few samples)
        and therefore left out, how many did not converge; and where EM still gains on X, so that `mixture` is not at a
        maximum there.

    See Also
    --------
    standard_errors : from the information matrix, without simulation.

    Notes
    -----
    Since EM starts at the fitted mixture, the numbers tell of *this* maximum, not of which maximum another search would
    find. Settings that shape the fit (`reg_covar`, `covariance_prior`, `fixed`) are those of the mixture.

    Each replicate costs one warm start of EM: about a millisecond for a few hundred samples.

    References
    ----------
    Efron, B. (1979), Bootstrap methods: another look at the jackknife, Annals of Statistics 7, 1-26.
    O'Hagan, A., Murphy, T. B., Scrucca, L. and Gormley, I. C. (2019), Investigation of parameter uncertainty in
    clustering using a Gaussian mixture model via jackknife, bootstrap and weighted likelihood bootstrap,
    Computational Statistics 34, 1779-1813.

    Examples
    --------
    >>> import gmm
    >>> X = gmm.datasets.load_old_faithful().X
    >>> mixture = gmm.GaussianMixture(2, tol=1e-8, max_iter=1000, random_state=0).fit(X).sorted(by=0)
    >>> found = gmm.bootstrap(mixture, X, n=200, random_state=0)
    >>> found.standard_errors.weights.round(2)
    array([0.03, 0.03])
    """
    if not isinstance(mixture, GaussianMixture):
        raise TypeError(f"mixture must be a fitted GaussianMixture; got {type(mixture).__name__}")
    parameters = mixture._parameters()
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}; got {kind!r}")
    _check_count(n, "n", 2, MOST_REPLICATES)
    check_tol(tol)
    _check_count(max_iter, "max_iter", 1)
    n_jobs = check_n_jobs(n_jobs)
    seed = seed_of(random_state)
    X = check_samples(mixture, X, reset=False, min_samples=2)
    if sample_weight is not None:
        sample_weight = check_weights_of(sample_weight, X)
        rows = np.flatnonzero(sample_weight)
        X, sample_weight = X[rows], sample_weight[rows]
        if len(X) < 2 or not 1.5 < sample_weight.sum() <= MOST[kind]:
            raise ValueError(
                f"sample_weight must be positive for two samples or more and sum to a number of samples, for "
                f"kind={kind!r} from 2 to {MOST[kind]:g}; {len(X)} are positive, and their sum is "
                f"{sample_weight.sum():g}"
            )

    task = _Task(mixture, X, sample_weight, parameters, kind, float(tol), int(max_iter))
    batches = [(range(low, min(low + BATCH, n)), seed) for low in range(0, n, BATCH)]
    outcomes = run(task, batches, n_jobs, _Batches(verbose, n))
    outcomes = [outcome for batch in outcomes for outcome in batch]
    degenerate = {number: outcome for number, outcome in enumerate(outcomes) if isinstance(outcome, str)}
    good = [outcome for outcome in outcomes if not isinstance(outcome, str)]
    if len(good) < 2:
        raise ValueError(
            f"{len(degenerate)} of {n} replicates are degenerate: there is nothing to take standard errors of. The "
            f"first: {next(iter(degenerate.values()))} Try fewer components or kind='weighted'."
        )
    replicates = ParameterValues(*(np.stack(part) for part in zip(*(one.values for one in good), strict=True)))
    n_not_converged = sum(not one.converged for one in good)
    if degenerate:
        warn(
            f"{len(degenerate)} of {n} replicates are degenerate and left out; standard errors and intervals are those "
            f"of the others. The first: {next(iter(degenerate.values()))}",
            BootstrapWarning,
        )
    if n_not_converged:
        warn(f"{n_not_converged} of {n} replicates did not converge within max_iter={max_iter}.", BootstrapWarning)
    return Bootstrap(
        kind, int(n), seed, _values(task.parameters), replicates, degenerate, n_not_converged,
        sum(one.reordered for one in good),
    )  # fmt: skip


def _check_count(value, name, smallest, largest=None):
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer; got {value!r}")
    if value < smallest:
        raise ValueError(f"{name} must be >= {smallest}; got {value}")
    if largest is not None and value > largest:
        raise ValueError(f"{name} must be <= {largest}; got {value}")


def check_tol(tol):
    """Check the tolerance of fits that are compared."""
    if isinstance(tol, bool) or not isinstance(tol, Real):
        raise TypeError(f"tol must be a real number; got {tol!r}")
    if not 0.0 < tol < math.inf:
        raise ValueError(f"tol must be positive and finite; got {tol}")


def _values(parameters):
    return ParameterValues(parameters.weights, parameters.means, parameters.covariances)


class _Replicate(NamedTuple):
    values: ParameterValues
    converged: bool
    reordered: bool


class _Task:
    """What all replicates have in common; called with some numbers it returns a _Replicate, or a reason, of each."""

    def __init__(self, mixture, X, weights, parameters, kind, tol, max_iter):
        self.X, self.weights, self.kind = X, weights, kind
        self.total = len(X) if weights is None else float(weights.sum())
        self.options = tol, max_iter, 1
        self.step, self.ridge = step_of(mixture, X, parameters, weights)
        before = engine.log_likelihood(X, parameters.density(), weights, mixture.n_threads)
        before += self.step.penalty(parameters)
        fit = refit(X, weights, self.step, self.ridge, parameters, tol, max_iter, mixture.n_threads)
        if fit.reason:
            raise ValueError(f"mixture is degenerate on X, after EM from its parameters: {fit.reason}")
        gain = fit.lower_bound * self.total - before
        if gain > GAIN:
            warn(
                f"EM from the mixture gains {gain:.3g} nats on X: it was fitted to other samples, or not to its end. "
                "Replicates start at the maximum that EM reached.",
                BootstrapWarning,
            )
        self.parameters = fit.parameters
        # Squares of differences count as often as the sample stands there.
        self.roots = np.ones((len(X), 1)) if weights is None else np.sqrt(weights)[:, None]
        self.resp = self.roots * engine.predict_proba(X, fit.parameters.density(), n_threads=mixture.n_threads)
        self.drawn_from = None
        if kind == "parametric":
            self.drawn_from = GaussianMixture.from_parameters(
                *_values(fit.parameters), covariance_type=mixture.covariance_type
            )

    def __call__(self, numbers, seed):
        from gmm.formulas.reading import alignment_costs_kernel  # here: `import gmm.estimators` needs no formulas

        outcomes = []
        for number in numbers:
            X, weights = self.samples(np.random.default_rng([seed, number]))
            fit = refit(X, weights, self.step, self.ridge, self.parameters, *self.options)
            if fit.reason:
                outcomes.append(fit.reason)
                continue
            resp = self.roots * engine.predict_proba(self.X, fit.parameters.density(), n_threads=1)
            order = linear_sum_assignment(alignment_costs_kernel(resp, self.resp))[1]
            reordered = bool((order != np.arange(len(order))).any())
            parameters = fit.parameters.components(order) if reordered else fit.parameters
            outcomes.append(_Replicate(_values(parameters), fit.converged, reordered))
        return outcomes

    def samples(self, rng):
        """Samples and weights of one replicate."""
        n = round(self.total)
        if self.kind == "plain":  # rows that are drawn twice count twice: fewer rows, the same fit
            if self.weights is None:
                counts = np.bincount(rng.integers(n, size=n), minlength=n)
            else:
                counts = rng.multinomial(n, self.weights / self.total)
            drawn = np.flatnonzero(counts)
            return self.X[drawn], counts[drawn].astype(np.float64)
        if self.kind == "weighted":  # a row that stands there w times has the sum of w exponential weights
            size = len(self.X)
            weights = rng.standard_exponential(size) if self.weights is None else rng.standard_gamma(self.weights)
            return self.X, weights * (self.total / weights.sum())
        return self.drawn_from.sample(n, random_state=rng)[0], None


class _Batches(Counter):
    """A Counter of replicates that are done so many at a time."""

    def __init__(self, verbose, n):
        super().__init__(verbose, n, "bootstrap", "replicate")

    def step(self):
        super().step(min(BATCH, self.total - self.done))
