"""Statistics that are kept, merged and learnt from: `statistics`, `fit_statistics` and `partial_fit`."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from gmm import learning
from gmm._types import ArrayLike, FloatArray, Path
from gmm.engine import Diagonal, Full, Tied
from gmm.estimators import _blocks, _persistence
from gmm.estimators._collapse import CollapsedComponentError
from gmm.estimators._fitting import make_step
from gmm.estimators._ridge import in_numbers
from gmm.estimators._sklearn_compat import Mixin
from gmm.estimators._validation import (
    check_fixed,
    check_initial_values,
    check_samples,
    check_weights_of,
    has_missing,
)
from gmm.table import Grid

LAYOUT = _persistence.Layout(
    "SufficientStatistics", (), (), ("centres", "counts", "first", "second", "log_likelihood", "total_weight")
)
SHOWN = 4  # features in the table


@dataclass(frozen=True, eq=False, repr=False)
class SufficientStatistics:
    """What EM has to know of samples: log-likelihood, counts and moments under one mixture. It cannot be changed.

    Those of parts of the data add, ``a + b``, also with `sum`; ``0.5 * a`` counts each sample half. They make the same
    M-step as the samples: `GaussianMixture.fit_statistics`. `GaussianMixture.statistics` makes them.

    Attributes
    ----------
    covariance_type : str
    centres : ndarray of shape (n_components, n_features)
        What the moments are about: c_k, the means of the mixture.
    counts : ndarray of shape (n_components,)
        N_k = Σ_i w_i r_ik.
    first : ndarray of shape (n_components, n_features)
        Σ_i w_i r_ik (x_i - c_k).
    second : ndarray
        Σ_i w_i r_ik (x_i - c_k)(x_i - c_k)ᵀ, of shape (n_components, n_features, n_features); summed over the
        components where they share one matrix ('tied', 'EEE'), its diagonals (n_components, n_features) or their sums
        (n_components,) where a structure needs no more.
    log_likelihood : float
        Σ_i w_i log p(x_i), natural logarithm.
    total_weight : float
        Σ_i w_i, the number of samples where they have no weights.
    feature_names : tuple of str, or None
    mixture : str
        A digest of the mixture's parameters: statistics under different mixtures do not add.

    Notes
    -----
    Of a mixture with noise they have one component more, the last; its moments are of no use.

    Their size does not depend on the number of samples: K(1 + d + d²) numbers at most.

    Examples
    --------
    >>> import numpy as np
    >>> from gmm import GaussianMixture
    >>> X = np.array([[0.0], [1.0], [4.0], [5.0]])
    >>> mixture = GaussianMixture.from_parameters([0.5, 0.5], [[0.5], [4.5]], [[[0.25]], [[0.25]]])
    >>> mixture.statistics(X[:2]) + mixture.statistics(X[2:])
    4 samples, mean log-likelihood -1.419
    component  count  mean 0
            0      2     0.5
            1      2     4.5
    """

    covariance_type: str
    centres: FloatArray
    counts: FloatArray
    first: FloatArray
    second: FloatArray
    log_likelihood: float
    total_weight: float
    feature_names: tuple[str, ...] | None
    mixture: str

    def __post_init__(self):
        for name in ("centres", "counts", "first", "second"):
            array = np.array(getattr(self, name), dtype=np.float64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        for name in ("log_likelihood", "total_weight"):
            object.__setattr__(self, name, float(getattr(self, name)))

    def __setstate__(self, state):  # of a pickle or a copy, whose arrays could be written to
        for name, value in state.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    @classmethod
    def _of(cls, statistics, covariance_type, names, mixture):
        _, centres, log_likelihood, total_weight, counts, first, second = statistics
        return cls(covariance_type, centres, counts, first, second, log_likelihood, total_weight, names, mixture)

    def _raw(self, model):
        """The same for `gmm.learning`."""
        return learning.Statistics(
            model, self.centres, self.log_likelihood, self.total_weight, self.counts, self.first, self.second
        )

    @property
    def n_features(self) -> int:
        """Number of features."""
        return self.centres.shape[1]

    def __add__(self, other: SufficientStatistics) -> SufficientStatistics:
        if not isinstance(other, SufficientStatistics):
            return NotImplemented
        if self.mixture != other.mixture:
            raise ValueError(
                "statistics under different mixtures do not add: their responsibilities are not the same, nor what "
                "their moments are about. Take those of all parts of the data with one mixture"
            )
        if self.feature_names and other.feature_names and self.feature_names != other.feature_names:
            raise ValueError(f"the features are {self.feature_names} here and {other.feature_names} there")
        return replace(
            self, feature_names=self.feature_names or other.feature_names,
            **{name: getattr(self, name) + getattr(other, name) for name in _SUMS},
        )  # fmt: skip

    def __radd__(self, other: int) -> SufficientStatistics:  # sum() begins with 0
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def __mul__(self, factor: float) -> SufficientStatistics:
        if isinstance(factor, bool) or not isinstance(factor, Real):
            return NotImplemented
        if not (math.isfinite(factor) and factor > 0.0):
            raise ValueError(f"statistics are multiplied by finite numbers > 0; got {factor}")
        return replace(self, **{name: float(factor) * getattr(self, name) for name in _SUMS})

    __rmul__ = __mul__

    def __repr__(self) -> str:
        size = f"{self.total_weight:.6g}"
        title = f"{size} sample{'s' * (size != '1')}, mean log-likelihood {self.log_likelihood / self.total_weight:.4g}"
        with np.errstate(divide="ignore", invalid="ignore"):
            means = self.centres + self.first / self.counts[:, None]
        shown = range(min(self.n_features, SHOWN))
        names = [f"mean {j if self.feature_names is None else self.feature_names[j]}" for j in shown]
        rows = [
            [str(k), f"{count:.6g}", *(f"{means[k, j]:.4g}" if count > 0.0 else "–" for j in shown)]
            for k, count in enumerate(self.counts)
        ]
        more = "\n…" if self.n_features > SHOWN else ""
        return f"{title}\n{Grid(['component', 'count', *names], rows)}{more}"

    def save(self, path: Path) -> None:
        """Write them to `path`, a .npz archive of plain arrays without pickle; whole or not at all.

        Parameters
        ----------
        path : str or os.PathLike
            Used as it is: no ending is added.

        Raises
        ------
        OSError
            If the file cannot be written: a disk that is full, say. A file that was there before is then as it was.
        """
        about = {
            "format": LAYOUT.format, "version": _persistence.VERSION, "covariance_type": self.covariance_type,
            "feature_names": self.feature_names, "mixture": self.mixture,
        }  # fmt: skip
        arrays: dict[str, Any] = {name: np.asarray(getattr(self, name)) for name in LAYOUT.fitted}
        _persistence.write_whole(path, lambda file: np.savez(file, about=np.array(json.dumps(about)), **arrays))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read statistics that `save` wrote. Nothing in the file is run.

        Raises
        ------
        ValueError
            If the file is something else, or damaged.
        """
        refusal = f"{str(path)!r} does not hold statistics saved by SufficientStatistics.save"
        about, arrays = _persistence.contents(path, LAYOUT, refusal)
        try:
            names = about["feature_names"]
            found = cls(
                covariance_type=about["covariance_type"],
                **{name: arrays[name] for name in LAYOUT.fitted},
                feature_names=None if names is None else tuple(map(str, names)),
                mixture=str(about["mixture"]),
            )
            found._check()
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{refusal}: {error}") from None
        return found

    def _check(self):
        K, d = self.first.shape
        structure = learning.structure_of(self.covariance_type)
        shapes = {structure.model.shape(K, d), (K, d, d)}  # the latter with noise, whatever is shared
        if self.centres.shape != (K, d) or self.counts.shape != (K,) or self.second.shape not in shapes:
            raise ValueError(f"shapes {self.centres.shape}, {self.counts.shape}, {self.second.shape} do not agree")
        if not all(np.isfinite(getattr(self, name)).all() for name in ("centres", *_SUMS)):
            raise ValueError("it holds values that are not finite")
        if (self.counts < 0.0).any() or not self.total_weight > 0.0:
            raise ValueError("counts must not be negative")
        if self.feature_names is not None and len(self.feature_names) != d:
            raise ValueError(f"{len(self.feature_names)} names for {d} features")


_SUMS = ("counts", "first", "second", "log_likelihood", "total_weight")


class Online(NamedTuple):
    """What `partial_fit` goes on from.

    Attributes
    ----------
    statistics : gmm.learning.Statistics
        Averages over all calls, as sums of ``total_weight`` samples, the effective number.
    n_updates : int
        Calls after the first.
    n_samples : float
        Weight of all samples seen, the number of samples where they have no weights.
    prior : gmm.learning.Prior or None
    """

    statistics: learning.Statistics
    n_updates: int
    n_samples: float
    prior: learning.Prior | None

    def components(self, order):
        """Return it with its components in another order; noise stays last."""
        more = np.arange(len(order), len(self.statistics.counts))
        return self._replace(statistics=self.statistics.components(np.concatenate([order, more])))

    def arrays(self):
        """For a file."""
        s, prior = self.statistics, self.prior
        numbers = [
            s.log_likelihood,
            s.total_weight,
            self.n_updates,
            self.n_samples,
            -1.0 if prior is None else prior.dof,
        ]
        scale = np.empty((0, 0)) if prior is None else prior.scale
        parts = (s.centres, s.counts, s.first, s.second, np.array(numbers, dtype=np.float64), scale)
        return dict(zip(_persistence.ONLINE, parts, strict=True))

    @classmethod
    def of(cls, arrays, parameters):
        """Of a file, or None; raises ValueError where it does not fit the parameters."""
        if not any(name in arrays for name in _persistence.ONLINE):
            return None
        missing = [name for name in _persistence.ONLINE if name not in arrays]
        if missing:
            raise ValueError(f"{', '.join(missing)} missing")
        centres, counts, first, second, numbers, scale = (arrays[name] for name in _persistence.ONLINE)
        density = parameters.density()
        K, d = density.centres.shape
        shapes = {
            "online_centres": (K, d), "online_counts": (K,), "online_first": (K, d), "online_numbers": (5,),
            "online_second": density.model.shape(K, d),
        }  # fmt: skip
        for name, shape in shapes.items():
            if arrays[name].shape != shape:
                raise ValueError(f"{name} has shape {arrays[name].shape}, not {shape}")
        log_likelihood, total, n_updates, n_samples, dof = numbers
        if (counts < 0.0).any() or not (total > 0.0 and n_samples > 0.0 and n_updates >= 0.0):
            raise ValueError("online_counts and online_numbers must not be negative")
        prior = None
        if scale.size:
            if scale.shape != (d, d) or not dof > d - 1.0:
                raise ValueError(f"online_scale has shape {scale.shape}, and {dof:g} degrees of freedom")
            learning.make_parameters(np.ones(1), np.zeros((1, d)), scale[None], "full")  # which must be positive
            prior = learning.Prior(scale, float(dof))
        statistics = learning.Statistics(
            density.model, centres, float(log_likelihood), float(total), counts, first, second
        )
        return cls(statistics, int(n_updates), float(n_samples), prior)


class Incremental(Mixin):
    """Methods of a Gaussian mixture that learns from statistics, or from samples as they come."""

    online_: Online
    reg_covar_: float | FloatArray

    def statistics(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> SufficientStatistics:
        r"""Return what EM has to know of these samples: the E-step, and sums of what it gives.

        With the responsibilities :math:`r_{ik}` of this mixture, whose means are :math:`c_k`,

        .. math::

            N_k = \sum_i r_{ik}, \qquad S_{1,k} = \sum_i r_{ik} (x_i - c_k), \qquad
            S_{2,k} = \sum_i r_{ik} (x_i - c_k)(x_i - c_k)^\mathsf{T}.

        Those of parts of the data add, wherever the parts are, and `fit_statistics` makes the M-step (eq-m-step) of
        their sum. A few such rounds are EM on all of them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Of arrays and data frames of Dask they are taken where the blocks are, and only they come back.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative.

        Returns
        -------
        SufficientStatistics
            With missing values, the expected ones given what was observed.

        Raises
        ------
        ValueError
            If X does not fit.

        Notes
        -----
        Cost that of an iteration of EM: O(n K d²) for matrices, O(n K d) for variances.

        Examples
        --------
        >>> import numpy as np
        >>> from gmm import GaussianMixture
        >>> X = np.random.default_rng(0).normal(size=(1000, 2)) + [[0, 0], [6, 0]] * 500
        >>> mixture = GaussianMixture.from_parameters([0.5, 0.5], [[-1.0, 1.0], [5.0, 1.0]], [np.eye(2)] * 2)
        >>> while not mixture.converged_:
        ...     parts = [mixture.statistics(part) for part in np.split(X, 4)]
        ...     mixture = mixture.fit_statistics(sum(parts))
        >>> mixture.weights_.round(2)
        array([0.5, 0.5])
        """
        parameters = self._parameters()
        if _blocks.is_lazy(X):
            return _blocks.statistics(self, X, sample_weight)
        X, sample_weight = self._scored_samples(X, sample_weight)
        found = self._pass(parameters, X, sample_weight)
        names = getattr(self, "feature_names_in_", None)
        names = None if names is None else tuple(map(str, names))
        return SufficientStatistics._of(found, self.covariance_type, names, _digest(parameters))

    def _scored_samples(self, X, sample_weight):
        """Checked samples and weights; rows without any value are left out."""
        X = check_samples(self, X, reset=False, missing=self.missing)
        sample_weight = check_weights_of(sample_weight, X)
        self._scoring(X)
        if self.missing == "marginalise" and has_missing(X):
            seen = ~np.isnan(X).all(axis=1)
            if not seen.any() or (sample_weight is not None and not sample_weight[seen].any()):
                raise ValueError("X has no observed value in a row with weight")
            X, sample_weight = X[seen], None if sample_weight is None else sample_weight[seen]
        return X, sample_weight

    def _pass(self, parameters, X, sample_weight):
        """Statistics in the units of X."""
        units = parameters.units()
        kind = learning.PatternSource if self.missing == "marginalise" and has_missing(X) else learning.ArraySource
        found = kind(X, sample_weight, self.n_threads).statistics(parameters.in_units(units).density(units))
        if not math.isfinite(found.log_likelihood):
            raise ValueError("X has samples so far from every component that their log-density leaves float64's range")
        return found.from_units(units)

    def _maximised(self, parameters, statistics, ridge, prior):
        """(new parameters, the value that they were made at): the log-likelihood and the penalty, a sample."""
        fixed = None
        if self.fixed is not None:
            initial = check_initial_values(self, parameters.n_features)
            fixed = check_fixed(self, initial, (parameters, self.lower_bound_), parameters.n_features)
        units = parameters.units()
        step = make_step(ridge, prior, fixed, parameters.noise).in_units(units)
        state, inside = parameters.in_units(units), statistics.in_units(units)
        try:
            new = step.update(state, inside)
        except learning.CovarianceError as error:
            k = error.component
            who = "The tied covariance" if k < 0 else f"Component {k}"
            raise CollapsedComponentError(
                f"{who} collapsed: what is left of its samples lies on a point or in a plane. Try a larger reg_covar, "
                "a covariance_prior, or fewer components",
                None if k < 0 else k,
            ) from None
        value = (inside.log_likelihood + step.penalty(state)) / inside.total_weight + units.log_unit
        return new.from_units(units), value

    def fit_statistics(self, statistics: SufficientStatistics) -> Self:
        """Make one M-step (eq-m-step) of statistics that this mixture has taken: one iteration of EM.

        Parameters
        ----------
        statistics : SufficientStatistics
            Of this mixture as it is, of all samples: the sum of those of their parts.

        Returns
        -------
        GaussianMixture
            This object, with the next parameters; statistics taken before are then those of another mixture. It goes
            on with ``lower_bounds_``, whose entry is what the parameters before were worth, and ``converged_`` says
            whether that has changed by less than `tol` since the call before. After an error it is what it was.

        Raises
        ------
        TypeError
            If `statistics` are something else.
        ValueError
            If they are those of another mixture, or a setting would have to look at the samples
            (``covariance_prior='default'``, and ``reg_covar='auto'`` if there was no fit).
        CollapsedComponentError
            A ValueError that names a component whose covariance became singular.
        """
        parameters = self._parameters()
        self._validate_params()
        if not isinstance(statistics, SufficientStatistics):
            raise TypeError(f"statistics must be SufficientStatistics; got {type(statistics).__name__}")
        if statistics.mixture != _digest(parameters):
            raise ValueError(
                "statistics are those of another mixture, or of this one before it changed: take them anew with "
                "statistics(X), of all parts of the data"
            )
        if isinstance(self.covariance_prior, str):
            raise ValueError("covariance_prior='default' is taken from samples: give it as (scale, dof)")
        if isinstance(self.reg_covar, str) and not hasattr(self, "reg_covar_"):
            raise ValueError("reg_covar='auto' is taken from samples: give it as a number")
        ridge = self.reg_covar_ if isinstance(self.reg_covar, str) else self.reg_covar
        prior = self._prior(None, 1.0)
        raw = statistics._raw(parameters.density().model)
        new, value = self._maximised(parameters, raw, ridge, prior)
        values = np.append(self.lower_bounds_, value)
        self._adopt(new)
        self.reg_covar_ = ridge
        self._record(len(values) > 1 and abs(values[-1] - values[-2]) < self.tol, values, None)
        return self

    def partial_fit(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        r"""Learn from some samples as they come, which are then forgotten: online EM.

        The first call is `fit`. Each later one, t = 1, 2, …, takes one E-step on the new samples with the parameters
        as they are, moves the averages s of the statistics towards those of the new samples, and makes an M-step of
        them:

        .. math::

            s_t = (1 - \gamma_t) \, s_{t-1} + \gamma_t \, \bar s(X_t), \qquad \gamma_t = (t + t_0)^{-\kappa},

        with κ `learning_decay` and t₀ `learning_offset`, or a constant step, `forgetting`. On data that stay the same
        it tends, under conditions, to a stationary point of the expected log-likelihood (κ > 1/2 is sufficient).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first time as many as a fit needs: the start is drawn and EM run as by `fit`, with all its settings
            (``max_iter=1`` is one iteration). Later any number; each call counts alike, whatever its size.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative.

        Returns
        -------
        GaussianMixture
            This object. ``lower_bound_`` is the mean log-likelihood of the new samples under the parameters before
            them, ``n_iter_`` is 1 and ``converged_`` False; ``online_`` holds the averages. After an error it is what
            it was before.

        Raises
        ------
        ValueError
            For input that cannot be learnt from, naming the argument; with ``noise=True`` unless `noise_volume` is
            given, for the box of samples to come is not known.
        CollapsedComponentError
            A ValueError that names a component whose covariance became singular.

        Notes
        -----
        A mixture that was fitted otherwise goes on from its parameters: they count as the statistics of a first call
        of as many samples as this one has. `fit`, `fit_batches` and `fit_statistics` begin anew.

        Where a prior is to be weighed against the averages, these count as the effective number of samples,
        ``online_.statistics.total_weight``. What 'auto' and 'default' take from samples is taken from the first ones.

        References
        ----------
        Cappé, O. and Moulines, E. (2009), On-line expectation-maximization algorithm for latent data models, Journal of
        the Royal Statistical Society B 71.

        Examples
        --------
        >>> import numpy as np
        >>> from gmm import GaussianMixture
        >>> rng = np.random.default_rng(0)
        >>> mixture = GaussianMixture(2, random_state=0)
        >>> for _ in range(50):
        ...     mixture = mixture.partial_fit(rng.normal(size=(100, 1)) + 6 * rng.integers(2, size=(100, 1)))
        >>> mixture.sorted(0).means_.round(1) + 0.0
        array([[0.],
               [6.]])
        """
        self._validate_params()
        if self.noise and self.noise_volume is None:
            raise ValueError(
                "partial_fit with noise=True needs noise_volume: a box around all samples is not known yet"
            )
        with self._unchanged_on_failure():
            if hasattr(self, "converged_"):
                self._update_online(X, sample_weight)
            else:
                self._begin_online(X, sample_weight)
        return self

    def _begin_online(self, X, sample_weight):
        self._fit(X, sample_weight)
        X, sample_weight = self._scored_samples(X, sample_weight)
        found = self._pass(self._parameters(), X, sample_weight)
        self.online_ = Online(found, 0, found.total_weight, self._online_prior(X, sample_weight))

    def _online_prior(self, X, sample_weight):
        observed = self._observed(X)
        return self._prior(self._source(X, sample_weight, observed, None), 1.0)

    def _update_online(self, X, sample_weight):
        check_is_fitted(self)
        parameters, online = self._parameters(), getattr(self, "online_", None)
        if len(parameters.weights) != self.n_components:
            raise ValueError(f"n_components={self.n_components}, and the mixture so far has {len(parameters.weights)}")
        X, sample_weight = self._scored_samples(X, sample_weight)
        found = self._pass(parameters, X, sample_weight)
        if online is None:
            prior = None if self.covariance_prior is None else self._online_prior(X, sample_weight)
            online = Online(_expected(parameters, found), 0, found.total_weight, prior)
        ridge = self.reg_covar
        if isinstance(ridge, str):
            ridge = getattr(self, "reg_covar_", None)
            if ridge is None:
                ridge = in_numbers(self.reg_covar, self._source(X, sample_weight, self._observed(X), None))
        t = online.n_updates + 1
        step = (t + self.learning_offset) ** -self.learning_decay if self.forgetting is None else self.forgetting
        together = online.statistics.averaged(found, float(step))
        new, _ = self._maximised(parameters, together, ridge, online.prior)
        if not all(np.isfinite(array).all() for array in new[1:5]):
            raise ValueError("X has values whose squares leave the range of float64. Scale the input data")
        self._adopt(new)
        self.reg_covar_ = ridge
        self._record(False, np.array([found.log_likelihood / found.total_weight]), None)
        self.online_ = Online(together, t, online.n_samples + found.total_weight, online.prior)


def _digest(parameters):
    """A short text that tells mixtures apart: equal parameters, to the last bit, have equal ones."""
    content = hashlib.sha256(parameters.covariance_type.encode())
    for array in (parameters.weights, parameters.means, parameters.precisions_cholesky):
        content.update(np.ascontiguousarray(array, dtype=np.float64).tobytes())
    if parameters.noise is not None:
        content.update(np.array(parameters.noise[:2], dtype=np.float64).tobytes())
    return content.hexdigest()[:32]


def _expected(parameters, found):
    """The statistics that samples of this mixture have in expectation; shapes and number of samples are `found`'s."""
    n, matrices = found.total_weight, parameters.matrices
    counts = n * parameters.weights
    if found.model is Full:
        second = counts[:, None, None] * matrices
    elif found.model is Tied:
        second = np.einsum("k,kij->ij", counts, matrices)
    elif found.model is Diagonal:
        second = counts[:, None] * np.einsum("kjj->kj", matrices)
    else:
        second = counts * np.einsum("kjj->k", matrices)
    if parameters.noise is not None:  # the last component, whose moments mean nothing
        counts = np.append(counts, n * parameters.noise.weight)
        second = np.concatenate([second, np.zeros((1, *second.shape[1:]))])
    return found._replace(counts=counts, first=np.zeros_like(found.first), second=second)
