"""What fitted mixtures do with samples, whatever they were fitted by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from scipy.special import chdtri
from sklearn.utils.validation import check_is_fitted

from gmm import engine, learning
from gmm._types import AnyArray, ArrayLike, FloatArray, IntArray, Seed
from gmm.engine import missing
from gmm.estimators import _blocks, _summary
from gmm.estimators._batches import Batches
from gmm.estimators._conditional import feature_indices
from gmm.estimators._errors import Measured, check_errors
from gmm.estimators._sklearn_compat import Mixin
from gmm.estimators._validation import check_observed, check_samples, check_weights_of, has_missing, random_generator

if TYPE_CHECKING:
    from gmm.estimators._history import History
    from gmm.estimators._table import Table

MOST = 2**48  # samples at one time, which no memory holds


@contextmanager
def unchanged_on_failure(estimator):
    """Take back what a failing fit has set (`n_features_in_` is set by the check of X)."""
    before = dict(estimator.__dict__)
    try:
        yield
    except BaseException:
        estimator.__dict__.clear()
        estimator.__dict__.update(before)
        raise


class Scored(Mixin):
    """Methods of an estimator that has `weights_`, `means_`, `covariances_`, ``_fit`` and ``_density``."""

    n_features_in_: int
    feature_names_in_: AnyArray
    weights_: FloatArray
    means_: FloatArray
    precisions_cholesky_: FloatArray
    reg_covar_: float | FloatArray
    converged_: bool
    n_iter_: int
    lower_bound_: float
    lower_bounds_: list[float]
    history_: History
    restarts_: Table

    _scaled_weights = True

    def fit_batches(self, batches: Any, *, sample_weight: ArrayLike | None = None) -> Self:
        """Fit data that do not fit into memory, batch by batch: the same fit as `fit` of all of them together.

        Each iteration of EM is a pass over the batches. It keeps the sums of `statistics`, K(1 + d + d²) numbers, and
        one batch at a time; as statistics add, the result is that of `fit` from the same start, to rounding.

        Parameters
        ----------
        batches : iterable, callable, str, os.PathLike or array
            What can be read again and again:

            - a list or another collection of batches; each is an array or a data frame of shape (n_samples,
              n_features), the path of such an array in a file (.npy), or a pair (X, sample_weight), a tuple;
            - a function without arguments, which returns an iterator of batches each time it is called, as a generator
              function does;
            - one array that is larger than memory: the path of an .npy file, a `numpy.memmap`, an array of Zarr or
              HDF5. It is read in slabs of 8 MB, or the chunks that it is stored in;
            - a data set, table or Parquet file of Arrow.

            Each pass must give the same rows in the same order. Batches without rows are allowed.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of all batches, one after the other; or pairs carry them.

        Returns
        -------
        GaussianMixture
            This object, or whatever it is; attributes are those of `fit`. After an error it is what it was before.

        Raises
        ------
        TypeError
            If `batches` can be iterated only once, or not at all.
        ValueError
            For batches that cannot be fitted, naming batch and row, before any work; for ones that change between two
            passes; with `resp_init`, which belongs to samples that are all at hand.
        OSError
            If a file cannot be read.

        Notes
        -----
        The first pass checks all batches and draws 20 000 samples, or 50 for each component if that is more, by a
        random number for each row from a stream of its own that `random_state` seeds. Starts are drawn from these
        samples and all EM sees all data. If there are no more samples than that, starts are those of `fit` itself. A
        collapse names those of these samples that it concerns.

        Sums over batches are made in a fixed binary tree (`gmm.learning.tree_sum`), so that the result has the same
        bits for any number of threads. It depends on how rows are cut into batches by rounding alone.

        With ``missing='marginalise'`` missing values are integrated out in each batch.

        Examples
        --------
        >>> import numpy as np
        >>> from gmm import GaussianMixture
        >>> def batches():
        ...     for seed in range(10):
        ...         rng = np.random.default_rng(seed)
        ...         yield rng.normal(size=(1000, 2)) + 5 * rng.integers(2, size=(1000, 1))
        >>> mixture = GaussianMixture(2, random_state=0).fit_batches(batches).sorted(0)
        >>> mixture.means_.round(1) + 0.0
        array([[0., 0.],
               [5., 5.]])
        """
        self._validate_params()
        if getattr(self, "resp_init", None) is not None:
            raise ValueError("resp_init gives the start of samples that are all at hand: fit_batches needs None")
        with self._unchanged_on_failure():
            self._fit_parts(Batches(self, batches, sample_weight, self._scaled_weights))
        return self

    def _fit_parts(self, found):
        """Fit what a first pass over parts of the data has found."""
        self.n_features_in_ = found.n_features
        self.__dict__.pop("feature_names_in_", None)
        if found.names is not None:
            self.feature_names_in_ = found.names
        self._fit_batches(found)

    def _fit_lazy(self, X, sample_weight, error_covariances=None):
        """Fit an array or data frame of Dask."""
        if error_covariances is not None:
            raise ValueError("error_covariances need samples in memory; X is one of Dask's")
        if getattr(self, "resp_init", None) is not None:
            raise ValueError("resp_init gives the start of samples in memory; X is one of Dask's")
        with self._unchanged_on_failure():
            self._fit_parts(_blocks.Blocks(self, X, sample_weight, self._scaled_weights))
        return X

    def fit_predict(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> IntArray:
        """Fit, then label the samples: the same as ``fit(X).predict(X)``.

        Parameters and errors are those of `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Index of the most probable component of each sample.
        """
        X = self._fit(X, sample_weight)
        if _blocks.is_lazy(X):
            return self.predict(X)
        return self._scoring(X).predict(X, self._density(), n_threads=self.n_threads)

    def _samples(self, X, error_covariances=None):
        """Return (the checked X, what scores it): values may be missing if `missing` says so, and have errors."""
        how = getattr(self, "missing", "raise")
        X = check_samples(self, X, reset=False, missing=how)
        if error_covariances is not None:
            return X, Measured(check_errors(error_covariances, X))
        return X, engine if how == "raise" else self._scoring(X)

    def _observed(self, X):
        """Which samples of a fit have a value, or None if no value is missing."""
        if self.missing == "raise":
            return None
        return check_observed(X, getattr(self, "feature_names_in_", None))

    def _scoring(self, X):
        return missing if getattr(self, "missing", "raise") == "marginalise" and has_missing(X) else engine

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = getattr(self, "missing", "raise") == "marginalise"
        return tags

    _unchanged_on_failure = unchanged_on_failure

    def score_samples(self, X: ArrayLike) -> FloatArray:
        """Log-density of each sample, log p(x_i) = log Σ_k π_k N(x_i | μ_k, Σ_k), natural logarithm.

        With ``missing='marginalise'`` that of the observed values of a sample, and 0 where there are none.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Of an array or data frame of Dask the result is an array of Dask, which nothing has computed yet; so it is
            with `predict` and `predict_proba`.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._scored("score_samples", X)

    def _scored(self, what, X, error_covariances=None):
        density = self._density()
        if _blocks.is_lazy(X) and error_covariances is None:
            return _blocks.scores(self, what, X)
        X, scoring = self._samples(X, error_covariances)
        return getattr(scoring, what)(X, density, n_threads=self.n_threads)

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Mean log-density per sample of X; weighted if `sample_weight` is given.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        return self._mean_score(X, sample_weight)

    def _mean_score(self, X, sample_weight, error_covariances=None):
        found = self._totals(X, sample_weight, error_covariances)
        return found.log_likelihood / found.weight

    def _totals(self, X, sample_weight, error_covariances=None, entropy=False):
        """The `gmm.estimators._summary.Totals` of samples."""
        density = self._density()
        if _blocks.is_lazy(X):
            if error_covariances is not None:
                raise ValueError("error_covariances need samples in memory; X is one of Dask's")
            found = _blocks.totals(self, X, sample_weight, entropy)
            if not found.weight > 0.0:
                raise ValueError(_blocks.NOTHING)
            return found
        X, scoring = self._samples(X, error_covariances)
        return _summary.totals(X, density, check_weights_of(sample_weight, X), self.n_threads, scoring, entropy)

    def predict(self, X: ArrayLike) -> IntArray:
        """Index of the most probable component of each sample, shape (n_samples,)."""
        return self._scored("predict", X)

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Responsibilities r_ik = p(component k | x_i), shape (n_samples, n_components); rows sum to 1."""
        return self._scored("predict_proba", X)

    def impute(self, X: ArrayLike, *, how: Literal["mean", "sample"] = "mean", random_state: Seed = None) -> FloatArray:
        r"""Fill missing values by what the mixture says of them, given what was observed of the sample.

        With o the observed and m the missing features of a row, and r_k its responsibilities given x_o,

        .. math::

            \operatorname E[x_m \mid x_o] = \sum_k r_k \bigl(\mu_{k,m}
            + \Sigma_{k,mo} \Sigma_{k,oo}^{-1} (x_o - \mu_{k,o})\bigr),

        of t distributions with their locations and scale matrices. (Where nothing is observed and ν ≤ 1 there is no
        expectation, and it is the location.)

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN (pandas' NA, masked entries) where a value is missing, whatever `missing` says.
        how : {'mean', 'sample'}, default='mean'
            'mean' fills in that expectation, the best guess in squared error. Data filled with it vary less than
            complete ones would. 'sample' draws from p(x_m | x_o): one of many possible completions, with the variances
            and correlations of the mixture; what does not change from draw to draw is known.
        random_state : int, RandomState, Generator or None, default=None
            Of the draws; None: the constructor's `random_state`. As many numbers are drawn whatever is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            float64, a copy; observed values are as they were.

        Raises
        ------
        ValueError
            If `how` is something else, X does not fit or holds infinite values, or the mixture has noise.

        Notes
        -----
        Cost O(K d³) for each pattern of missing values and O(K d²) for each row. For a `BayesianGaussianMixture` the
        mixture is that of the expected parameters, as in `predict_proba`.

        Examples
        --------
        >>> import numpy as np
        >>> from gmm import GaussianMixture
        >>> mixture = GaussianMixture.from_parameters([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.5, 1.0]]])
        >>> mixture.impute([[2.0, np.nan], [np.nan, np.nan]])
        array([[2., 1.],
               [0., 0.]])
        """
        density = self._density()
        if how not in ("mean", "sample"):
            raise ValueError(f"how must be 'mean' or 'sample'; got {how!r}")
        if getattr(self, "noise", False):
            raise ValueError("impute needs a mixture without noise: what lies in its box has no expected value there")
        X = check_samples(self, X, reset=False, missing="marginalise")
        rng = None
        if how == "sample":
            rng = random_generator(self.random_state if random_state is None else random_state)
        return missing.impute(X, density, rng, n_threads=self.n_threads, quantile=chdtri)

    def sample(
        self,
        n_samples: int = 1,
        random_state: Seed = None,
        *,
        shuffle: bool = False,
        given: Mapping[Any, float] | None = None,
    ) -> tuple[FloatArray, IntArray]:
        r"""Draw samples from the mixture: how many of each component, then those of each component.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState, Generator or None, default=None
            None: the constructor's `random_state`, which, if an integer, gives the same samples at each call.
        shuffle : bool, default=False
            True puts the same samples in random order, as a table of data would have them.
        given : dict, default=None
            Values of some features, by their indices or names: ``{"age": 40}``. The others are drawn from their
            distribution :math:`p(x_a \mid x_b)` given these, that of `conditional`.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Sorted by component unless they are shuffled; noise, drawn from `noise_box_`, is last. All features, those
            of `given` at their values.
        y : ndarray of shape (n_samples,)
            The component of each sample; -1 for noise.

        Raises
        ------
        TypeError, ValueError
            If an argument is something else, `given` leaves no feature free, or has values so far from every component
            that their log-density leaves the range of float64; and for `given` with noise.

        Examples
        --------
        >>> from gmm import GaussianMixture
        >>> mixture = GaussianMixture.from_parameters([1.0], [[0.0, 0.0]], [[[1.0, 0.8], [0.8, 1.0]]])
        >>> X, _ = mixture.sample(2000, random_state=0, given={0: 2.0})
        >>> X.mean(axis=0).round(1), X.std(axis=0).round(1)
        (array([2. , 1.6]), array([0. , 0.6]))
        """
        check_is_fitted(self)
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least one sample.")
        if n_samples > MOST:
            raise ValueError(f"n_samples must be at most 2**48; got {n_samples}")
        if not isinstance(shuffle, (bool, np.bool_)):
            raise TypeError(f"shuffle must be True or False; got {shuffle!r}")
        rng = random_generator(self.random_state if random_state is None else random_state)
        if given is None:
            X, y = self._draw(int(n_samples), rng)
        else:
            X, y = self._draw_given(int(n_samples), rng, given)
        if shuffle:
            order = rng.permutation(len(X))
            X, y = X[order], y[order]
        return X, y

    def _draw_given(self, n_samples, rng, given):
        """`_draw` of the mixture given {feature: value}."""
        if not isinstance(given, Mapping):
            raise TypeError(f"given must be a dict of features and their values; got {given!r}")
        n_features = self.means_.shape[1]
        names = getattr(self, "feature_names_in_", None)
        features = feature_indices(given, n_features, names, "given")
        if len(features) == n_features:
            raise ValueError(f"given must leave at least one feature free; got all {n_features}")
        for feature, value in given.items():
            if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real) or not math.isfinite(value):
                raise ValueError(f"given[{feature!r}] must be a finite number; got {value!r}")
        values = np.array(list(given.values()), dtype=np.float64)
        drawn, y = self._explicit().conditional(features, values)._draw(n_samples, rng)
        X = np.empty((n_samples, n_features))
        X[:, features] = values
        X[:, [feature for feature in range(n_features) if feature not in features]] = drawn
        return X, y

    def _explicit(self):
        """The mixture that `sample` draws from, with all that `GaussianMixture` can do."""
        return self

    def _draw(self, n_samples, rng):
        """Samples and their components, sorted by these."""
        n_components, n_features = self.means_.shape
        counts = rng.multinomial(n_samples, self.weights_ / self.weights_.sum())
        y = np.repeat(np.arange(n_components), counts)
        X = rng.standard_normal(size=(n_samples, n_features))
        structure = learning.structure_of(self.covariance_type)
        covariances = structure.expand(self._parameters().covariances, n_components)
        # x = μ + L z with L Lᵀ = Σ
        if structure.model is engine.Tied:
            X = X @ np.linalg.cholesky(covariances).T
        elif structure.model is engine.Full:
            for factor, rows in zip(np.linalg.cholesky(covariances), np.split(X, np.cumsum(counts)[:-1])):
                rows[...] = rows @ factor.T
        else:
            X *= np.sqrt(covariances).reshape(n_components, -1)[y]
        X = self._stretched(X, y, rng)
        X += self.means_[y]
        return X, y

    def _stretched(self, X, y, rng):
        """Centred Gaussian draws of the components y, as those of other components are made of them."""
        return X
