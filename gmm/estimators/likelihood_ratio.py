"""`likelihood_ratio_test`: does one component more describe more than chance, by the parametric bootstrap."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gmm import engine, learning
from gmm._types import ArrayLike, CovarianceType, Seed
from gmm.estimators._collapse import Collapsed, CollapsedComponentError
from gmm.estimators._initialise import initial_parameters
from gmm.estimators._jobs import Counter, check_n_jobs, run, seed_of
from gmm.estimators._refitting import Refit, refit
from gmm.estimators._ridge import in_numbers
from gmm.estimators._validation import check_samples
from gmm.estimators._warn import warn
from gmm.estimators.bootstrap import MOST_REPLICATES, BootstrapWarning, _check_count, check_tol
from gmm.estimators.gaussian_mixture import GaussianMixture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHORT = 30  # iterations that each start gets before the best goes on
FINALISTS = 2  # starts that go on


class LikelihoodRatioTest:
    """What `likelihood_ratio_test` found.

    Attributes
    ----------
    n_components : int
        The null hypothesis: so many components.
    covariance_type : str
    statistic : float
        T = 2 (ℓ with one more component - ℓ), natural logarithm, total.
    p_value : float
        (1 + number of replicates with T or more) / (1 + n). Degenerate replicates count as such: a singular covariance
        has a likelihood without bound.
    n : int
        Replicates.
    replicates : ndarray of shape (n - n_degenerate,)
        Their statistics.
    degenerate : dict of int to str
        Number of each replicate that has no statistic, and why.
    n_degenerate : int
        How many these are.
    null, alternative : GaussianMixture
        Both fits of X.
    random_state : int
        The seed: the same one gives the same replicates.
    """

    def __init__(
        self,
        null: GaussianMixture,
        alternative: GaussianMixture,
        statistic: float,
        outcomes: Sequence[float | str],
        random_state: int,
    ) -> None:
        self.null, self.alternative = null, alternative
        self.n_components, self.covariance_type = null.n_components, null.covariance_type
        self.statistic, self.n, self.random_state = statistic, len(outcomes), random_state
        self.degenerate = {number: one for number, one in enumerate(outcomes) if isinstance(one, str)}
        self.n_degenerate = len(self.degenerate)
        self.replicates = np.array([one for one in outcomes if not isinstance(one, str)], dtype=np.float64)
        as_large = int(np.count_nonzero(self.replicates >= statistic)) + self.n_degenerate
        self.p_value = (1.0 + as_large) / (1.0 + self.n)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the statistic of X over a histogram of those under the null hypothesis.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Default: the current one, or that of a new figure if something is drawn there.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from gmm import plot  # here, because it loads matplotlib

        return plot.null_distribution(self.replicates, self.statistic, ax=ax)

    def __repr__(self) -> str:
        degenerate = f", {self.n_degenerate} degenerate" if self.n_degenerate else ""
        return (
            f"LikelihoodRatioTest({self.n_components} against {self.n_components + 1} components, "
            f"{self.covariance_type!r}: statistic={self.statistic:.4g}, p_value={self.p_value:.3g} from {self.n} "
            f"replicates{degenerate})"
        )


def likelihood_ratio_test(
    X: ArrayLike,
    n_components: int,
    *,
    covariance_type: CovarianceType = "full",
    n: int = 99,
    n_init: int = 3,
    random_state: Seed = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    tol: float = 1e-6,
    max_iter: int = 1000,
    reg_covar: float | Literal["auto"] = "auto",
) -> LikelihoodRatioTest:
    r"""Test a number of components against one more, by the parametric bootstrap.

    The statistic is :math:`T = 2(\ell_{K+1} - \ell_K)`. Under the null hypothesis one component of the larger model is
    superfluous: its weight lies on the edge, its mean and covariance nowhere, and T has no chi-squared distribution.
    So the null distribution is made: samples are drawn from the fit with K components, both models are fitted to each
    in the same way as to X, and

    .. math:: p = \frac{1 + \#\{b : T^{\ast b} \ge T\}}{1 + n} .

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    n_components : int
        K, the number under the null hypothesis.
    covariance_type : str, default='full'
        As in `GaussianMixture`, the same for both models.
    n : int, default=99
        Replicates. The smallest p-value is 1 / (n + 1).
    n_init : int, default=3
        Starts by k-means for each fit. The larger model starts from each component cut in two as well, across its
        longest axis and into an inner and an outer half.
    random_state : int, RandomState, Generator or None, default=None
        The replicates do not depend on `n_jobs`.
    n_jobs : int, default=None
        Replicates fitted at the same time, in threads. None or -1: as many as the engine has threads.
    verbose : int, default=0
        1 shows the progress: a tqdm bar if tqdm is installed, else a counter.
    tol, max_iter, reg_covar
        As in `GaussianMixture`; ``'auto'`` follows the units of each feature. `reg_covar` takes the same value in all
        replicates.

    Returns
    -------
    LikelihoodRatioTest
        With ``statistic``, ``p_value``, ``replicates`` and ``plot()``.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, is out of range, or X does not fit.
    CollapsedComponentError
        If all starts of a model collapse on X.

    Warns
    -----
    BootstrapWarning
        How many replicates are degenerate: they count against the larger number.

    Notes
    -----
    Costs (n + 1) times the fits of both models, some tens of milliseconds for a few hundred samples. To find a number
    of components, test 1, 2, … until the first p-value above the level; the level is then that of each test.

    References
    ----------
    McLachlan, G. J. (1987), On bootstrapping the likelihood ratio test statistic for the number of components in a
    normal mixture, Journal of the Royal Statistical Society C 36, 318-324.

    Examples
    --------
    >>> import gmm
    >>> waits = gmm.datasets.load_old_faithful().X[:, [1]]
    >>> gmm.likelihood_ratio_test(waits, 1, n=19, random_state=0).p_value
    0.05
    """
    _check_count(n_components, "n_components", 1)
    _check_count(n, "n", 1, MOST_REPLICATES)
    _check_count(n_init, "n_init", 1)
    _check_count(max_iter, "max_iter", 1)
    check_tol(tol)
    n_jobs = check_n_jobs(n_jobs)
    seed = seed_of(random_state)
    settings: dict[str, Any] = {
        "covariance_type": covariance_type,
        "tol": tol,
        "max_iter": int(max_iter),
        "reg_covar": reg_covar,
    }
    models = [GaussianMixture(int(n_components) + more, **settings) for more in (0, 1)]
    for model in models:
        model._validate_params()
    data = check_samples(models[0], X, reset=True, min_samples=2)
    learning.structure_of(covariance_type).check_features(data.shape[1])
    if n_components + 1 > data.shape[0]:
        raise ValueError(
            f"n_components must be less than the number of samples, {data.shape[0]}, so that one more can be fitted; "
            f"got {n_components}"
        )
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ridge = in_numbers(reg_covar, learning.ArraySource(data))
    options = covariance_type, ridge, n_init, float(tol), int(max_iter)
    fits = _both(data, n_components, None, np.random.default_rng([seed]), options)
    for model, fit in zip(models, fits, strict=True):
        if fit.reason:
            raise CollapsedComponentError(
                f"no start of {model.n_components} components has a likelihood that tells of X: {fit.reason} Try fewer "
                "components, a simpler covariance_type or a larger reg_covar."
            )
        model.n_features_in_ = data.shape[1]
        if hasattr(models[0], "feature_names_in_"):
            model.feature_names_in_ = models[0].feature_names_in_
        model._adopt(fit.parameters)
        model._record(fit.converged, np.array([fit.lower_bound]), None)
        model.reg_covar_ = ridge

    def task(number):
        rng = np.random.default_rng([seed, number + 1])
        pair = _both(models[0].sample(len(data), random_state=rng)[0], n_components, fits[0].parameters, rng, options)
        reasons = [fit.reason for fit in pair if fit.reason]
        return reasons[0] if reasons else _statistic(pair, len(data))

    outcomes = run(
        task, [(number,) for number in range(n)], n_jobs, Counter(verbose, n, "likelihood ratio", "replicate")
    )
    found = LikelihoodRatioTest(models[0], models[1], _statistic(fits, len(data)), outcomes, seed)
    if found.n_degenerate:
        warn(
            f"{found.n_degenerate} of {n} replicates are degenerate and count as if they exceeded the statistic. The "
            f"first: {next(iter(found.degenerate.values()))}",
            BootstrapWarning,
        )
    return found


def _statistic(fits, n_samples):
    """T; the larger model contains the smaller one, so that its maximum is not below."""
    return max(0.0, 2.0 * n_samples * (fits[1].lower_bound - fits[0].lower_bound))


def _both(X, n_components, known, rng, options):
    """Fit both models to X: the best of several starts each. `known` is what the smaller one starts from besides."""
    starts = [] if known is None else [known]
    small = _best(X, n_components, starts, rng, options)
    if small.reason:
        return small, small
    return small, _best(X, n_components + 1, _cuts(X, small.parameters, options), rng, options)


def _best(X, n_components, starts, rng, options):
    """Run EM a little from all starts, and to its end from the best of them."""
    ridge, n_init, tol, max_iter = options[1:]
    step = learning.MaximumLikelihood(ridge)
    starts = list(starts)
    reason = ""
    for _ in range(n_init if n_components > 1 else 1):
        try:
            starts.append(_start(X, n_components, rng, options))
        except Collapsed:
            reason = "a start has a component whose samples do not span a covariance."
    fits = [refit(X, None, step, ridge, start, 10.0 * tol, min(SHORT, max_iter), 1) for start in starts]
    fits.sort(key=lambda fit: (fit.reason != "", -fit.lower_bound))
    sound, failed = [], Refit(None, -np.inf, False, reason)
    for fit in fits:
        if not fit.reason:
            fit = refit(X, None, step, ridge, fit.parameters, tol, max_iter, 1)
        if fit.reason:
            failed = fit
        else:
            sound.append(fit)
        if len(sound) == FINALISTS:
            break
    return max(sound, key=lambda fit: fit.lower_bound) if sound else failed


def _start(X, n_components, rng, options, resp=None):
    """One start: by k-means of standardised features, or by the M-step of responsibilities."""
    return initial_parameters(
        X, (None, None, None), method="kmeans_standardised", n_components=n_components, covariance_type=options[0],
        reg_covar=options[1], rng=rng, sample_weight=None, n_threads=1, total_scatter=engine.TotalScatter(),
        resp=resp, trees=None,
    )  # fmt: skip


def _cuts(X, parameters, options):
    """Starts with one component more: each one cut across its longest axis, and into an inner and an outer half."""
    K, density = parameters.n_components, parameters.density()
    resp = engine.predict_proba(X, density, n_threads=1)
    starts = []
    for k, matrix in enumerate(parameters.matrices):
        offsets = X - parameters.means[k]
        values, vectors = np.linalg.eigh(matrix)
        projections = offsets @ vectors / np.sqrt(np.maximum(values, np.finfo(float).tiny))
        squares = np.sum(projections**2, axis=1)
        for second in (projections[:, -1] > 0.0, squares > np.median(squares[resp.argmax(axis=1) == k])):
            cut = np.column_stack([resp, np.where(second, resp[:, k], 0.0)])
            cut[:, k] -= cut[:, K]
            if (cut.sum(axis=0) > 0.0).all():
                with contextlib.suppress(Collapsed):
                    starts.append(_start(X, K + 1, None, options, cut))
    return starts
