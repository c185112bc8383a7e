"""`TableSynthesizer`: tables of numbers that look like a given one, drawn from a mixture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from gmm._types import ArrayLike, FloatArray, Seed
from gmm.estimators._columns import check_bounds, label_of, make_columns, positions, read_table
from gmm.estimators._scored import MOST, unchanged_on_failure
from gmm.estimators._settings import SETTINGS
from gmm.estimators._templates import seeded
from gmm.estimators._validation import random_generator
from gmm.estimators.bayesian import BayesianGaussianMixture
from gmm.estimators.gaussian_mixture import GaussianMixture
from gmm.estimators.student import StudentMixture

if TYPE_CHECKING:
    from gmm.estimators._columns import Column

CONSTRAINTS = {
    "mixture": [None, GaussianMixture, StudentMixture, BayesianGaussianMixture],
    "bounds": [None, dict],
    "random_state": SETTINGS["random_state"].constraints,
}


class TableSynthesizer(BaseEstimator):
    r"""Generate tables that look like a given one: its columns, names and dtypes, other rows.

    A mixture is fitted to the columns, each made continuous and free of bounds, and standardised:

    * an integer v becomes a draw from its cell, uniform between v - ½ and v + ½; what is generated is rounded, and
      clipped to the range of the column (its bounds or, where there are none, what was observed);
    * values above a bound a become log(x - a), below a bound b -log(b - x), between two log((x - a)/(b - x)); the
      bounds of an integer column are inclusive, and its cells lie between a - ½ and b + ½;
    * a constant column stays what it is, and is no part of the mixture.

    Parameters
    ----------
    mixture : GaussianMixture, StudentMixture or BayesianGaussianMixture, default=None
        A template, which is cloned and fitted. With ``missing='marginalise'`` the table may have missing values; what
        is generated has none. None: a `GaussianMixture` of one component with ``missing='marginalise'``, which keeps
        means and correlations and little else.
    bounds : dict, default=None
        ``{"age": (0, None)}``: lower and upper bound of some columns, by their names or numbers; None where there is
        none.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the places of integers in their cells, the fit of a template whose own `random_state` is None, and
        `sample`.

    Attributes
    ----------
    mixture_ : estimator
        The fitted mixture of the transformed, standardised columns that are not constant.
    columns_ : list of Column
        How each column is modelled: its ``name``, ``kind`` ('float', 'integer' or 'constant'), ``dtype`` and bounds
        ``low`` and ``high``.
    n_features_in_ : int
        Number of columns.

    Notes
    -----
    A mixture describes what rows have in common, and a component that describes a handful of them describes these: a
    narrow one about a single row generates that row again. Nothing here protects privacy in the sense of a guarantee.
    Few components, `reg_covar` and `covariance_prior` keep components wide; the distances of generated rows to the
    nearest row of the table, beside those of rows that the fit has not seen, show what was kept. `two_sample_test`
    says how well the tables can be told apart.

    The place in its cell adds 1/12 to the variance of an integer column and rounding what is drawn as much again: 1/6
    in all, where the column is wide beside its unit.

    Columns of text and categories are refused: a mixture of continuous distributions has no place for them.

    Examples
    --------
    >>> import gmm, pandas
    >>> table = pandas.DataFrame(gmm.datasets.load_old_faithful().X, columns=["eruption", "waiting"])
    >>> table["waiting"] = table["waiting"].astype("int64")
    >>> mixture = gmm.GaussianMixture(2, random_state=0)
    >>> synthesizer = gmm.TableSynthesizer(mixture, bounds={"eruption": (0, None)}, random_state=0).fit(table)
    >>> synthesizer.sample(1000).groupby("waiting").size().idxmax() in range(70, 90)
    True
    >>> synthesizer.sample(3, given={"waiting": 80}).dtypes.tolist()
    [dtype('float64'), dtype('int64')]
    """

    mixture_: Any
    columns_: list[Column]
    n_features_in_: int

    _parameter_constraints: dict = CONSTRAINTS

    def __init__(self, mixture: Any = None, *, bounds: Any = None, random_state: Seed = None) -> None:
        self.mixture = mixture
        self.bounds = bounds
        self.random_state = random_state

    def fit(self, table: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixture to a table.

        Parameters
        ----------
        table : pandas.DataFrame or array-like of shape (n_rows, n_columns)
            Real numbers. An array of integers has integer columns.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_rows,), default=None
            As in `GaussianMixture.fit`.

        Returns
        -------
        TableSynthesizer
            This object. After an error it is what it was before the call.

        Raises
        ------
        TypeError
            If columns hold no real numbers: it names them.
        ValueError
            If the table or `bounds` cannot be used, naming the column.
        """
        self._validate_params()
        template = self.mixture
        if template is None:
            template = GaussianMixture(missing="marginalise")
        data = read_table(table, "table")
        columns = make_columns(data, check_bounds(self.bounds, data))
        _check_gaps(data, template)
        kept = [j for j, column in enumerate(columns) if column.kind != "constant"]
        if not kept:
            raise ValueError("table has constant columns alone: there is nothing to fit")
        with unchanged_on_failure(self):
            rng = random_generator(self.random_state)
            transformed = np.empty((len(data.values), len(kept)))
            for place, j in enumerate(kept):
                x = data.values[:, j]
                if columns[j].kind == "integer":
                    x = x + rng.uniform(-0.5, 0.5, size=len(x))
                columns[j], transformed[:, place] = columns[j].standardised(x)
            self.mixture_ = seeded(template, rng)
            self.mixture_.fit(transformed, sample_weight=sample_weight)
            self.columns_, self._kept = columns, kept
            self._names, self._frame, self.n_features_in_ = data.names, data.frame, len(columns)
        return self

    def sample(
        self,
        n_samples: int = 1,
        random_state: Seed = None,
        *,
        shuffle: bool = True,
        given: Mapping[Any, float] | None = None,
    ) -> Any:
        """Generate a table.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState, Generator or None, default=None
            None: the constructor's `random_state`, which, if an integer, gives the same rows at each call.
        shuffle : bool, default=True
            False leaves the rows sorted by component.
        given : dict, default=None
            Values of some columns, ``{"age": 40}``: the others are drawn from their distribution given these. For an
            integer the middle of its cell is given.

        Returns
        -------
        pandas.DataFrame or ndarray
            As the table was, with its columns and dtypes.

        Raises
        ------
        TypeError, ValueError
            If an argument is something else, or `given` does not fit the table.
        """
        check_is_fitted(self)
        if isinstance(n_samples, bool) or not isinstance(n_samples, Integral) or not 1 <= n_samples <= MOST:
            raise ValueError(f"n_samples must be a positive integer; got {n_samples!r}")
        fixed = self._fixed(given)
        rng = random_generator(self.random_state if random_state is None else random_state)
        places = {j: place for place, j in enumerate(self._kept)}
        inner = {places[j]: t for j, (_, t) in fixed.items() if j in places}
        drawn, _ = self.mixture_.sample(n_samples, rng, shuffle=shuffle, given=inner or None)
        values = []
        for j, column in enumerate(self.columns_):
            if j in fixed or column.kind == "constant":
                x = np.full(n_samples, fixed[j][0] if j in fixed else column.least)
            else:
                x = column.cast(column.values(drawn[:, places[j]]))
            values.append(x)
        if self._frame is None:
            return np.column_stack(values).astype(self.columns_[0].dtype)
        import pandas  # a data frame was fitted

        frame = pandas.DataFrame({
            j: pandas.Series(x).astype(column.dtype)
            for j, (x, column) in enumerate(zip(values, self.columns_, strict=True))
        })  # fmt: skip
        frame.columns = self._frame
        return frame

    def _fixed(self, given):
        """{column: (value, transformed value)} of the argument `given`."""
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            raise TypeError(f"given must be a dict of columns and their values; got {given!r}")
        fixed = {}
        for j, value in positions(given, self._names, self.n_features_in_, "given").items():
            column = self.columns_[j]
            if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real) or not math.isfinite(value):
                raise ValueError(f"given[{column.name!r}] must be a finite number; got {value!r}")
            if column.kind == "constant" and value != column.least:
                raise ValueError(f"given[{column.name!r}] must be {column.least:g}, as in all rows; got {value!r}")
            if column.kind == "constant":
                fixed[j] = (value, 0.0)
                continue
            whole = column.kind != "integer" or float(value).is_integer()
            t, _ = column.transformed(np.array([float(value)]))
            if not whole or np.isnan(t[0]):
                kind = "an integer " if column.kind == "integer" else ""
                raise ValueError(
                    f"given[{column.name!r}] must be {kind}within the bounds {column.low:g} and {column.high:g}; got "
                    f"{value!r}"
                )
            fixed[j] = (value, float(t[0]))
        if all(j in fixed for j in self._kept):
            raise ValueError("given must leave at least one column free that is not constant")
        return fixed

    def score_samples(self, table: ArrayLike) -> FloatArray:
        r"""Log-density of each row, natural logarithm, per unit of the columns.

        .. math:: \log p(x) = \log p_t(t(x)) + \sum_j \log \frac{dt_j}{dx_j}

        with the density :math:`p_t` of the mixture and the transformation t of each column.

        Parameters
        ----------
        table : pandas.DataFrame or array-like of shape (n_rows, n_columns)
            With the columns of the one that was fitted.

        Returns
        -------
        ndarray of shape (n_rows,)
            ``-inf`` for rows beyond the bounds, or with another value in a constant column. An integer column counts
            by its density at the integer, which is the probability of its cell as far as the density is flat there.
            Missing values are integrated out if the template says so.

        Raises
        ------
        TypeError, ValueError
            If the table has other columns or holds something else than numbers.
        """
        check_is_fitted(self)
        data = read_table(table, "table")
        if len(data.dtypes) != self.n_features_in_:
            raise ValueError(f"table must have {self.n_features_in_} columns, as in fit; got {len(data.dtypes)}")
        if None not in (data.names, self._names) and data.names != self._names:
            raise ValueError(f"table must have the columns {self._names}, as in fit; got {data.names}")
        _check_gaps(data, self.mixture_)
        log_slopes = np.zeros(len(data.values))
        transformed = np.empty((len(data.values), len(self._kept)))
        for j, column in enumerate(self.columns_):
            x = data.values[:, j]
            if column.kind == "constant":
                log_slopes[(x != column.least) & ~np.isnan(x)] = -np.inf
                continue
            t, slope = column.transformed(x)
            log_slopes += np.where(np.isnan(x), 0.0, slope)
            transformed[:, self._kept.index(j)] = np.where(np.isnan(t) & ~np.isnan(x), 0.0, t)
        mixture = self.mixture_
        if isinstance(mixture, BayesianGaussianMixture):  # what `sample` draws from
            mixture = mixture.mean_mixture().set_params(missing=mixture.missing)
        return mixture.score_samples(transformed) + log_slopes


def _check_gaps(data, mixture):
    """Refuse missing values that the mixture does not take."""
    gaps = np.flatnonzero(np.isnan(data.values).any(axis=0))
    if gaps.size and getattr(mixture, "missing", "raise") != "marginalise":
        raise ValueError(
            f"table has missing values in {[label_of(data, j) for j in gaps]}; a mixture with missing='marginalise' "
            "fits and scores what was observed"
        )
