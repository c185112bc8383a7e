"""`two_sample_test`: can two tables be told apart, and by what."""

from __future__ import annotations

import contextlib
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import hypergeom, ks_2samp
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from gmm._types import ArrayLike, FloatArray, Seed
from gmm.estimators._columns import label_of, read_table
from gmm.estimators._summary import Summary
from gmm.estimators._table import Table
from gmm.estimators._templates import seeded
from gmm.estimators._validation import random_generator

SHOWN = 12  # columns in the summary


class CorrelationDifference(NamedTuple):
    """Correlations of Y less those of X.

    Attributes
    ----------
    largest : float
        The difference that is largest in absolute value; nan where no correlation is defined.
    columns : tuple
        The two columns that it belongs to.
    matrix : ndarray of shape (n_columns, n_columns)
        All of them; nan where a column is constant. Each pair by the rows in which both are observed.
    """

    largest: float
    columns: tuple[Any, Any]
    matrix: FloatArray


class TwoSampleTest:
    """What `two_sample_test` found.

    Attributes
    ----------
    accuracy : float
        Share of rows whose origin a classifier names that has not seen them, the mean of the shares in X and in Y: 1/2
        by chance, 1 if the tables can be told apart.
    p_value : float
        Probability of as many right answers, or more, if both tables come from the same distribution. Exact, of other
        classifiers than `accuracy`: see the notes of `two_sample_test`.
    marginals : Table
        For each ``column`` the Kolmogorov–Smirnov ``statistic``, the largest difference of the two cumulative
        distributions, and its ``p_value``.
    correlations : CorrelationDifference
        ``largest``, its ``columns``, and the ``matrix`` of all differences.
    n : tuple of int
        Rows of X and of Y.
    """

    def __init__(
        self, n: tuple[int, int], marginals: Table, correlations: CorrelationDifference, accuracy: float, p_value: float
    ) -> None:
        self.n = n
        self.marginals = marginals
        self.correlations = correlations
        self.accuracy = accuracy
        self.p_value = p_value

    def summary(self) -> Summary:
        """Return an account to print or to show.

        Returns
        -------
        Summary
            The columns by their statistic, the largest first.
        """
        first, second = self.correlations.columns
        order = np.argsort(-self.marginals["statistic"], kind="stable")
        rows = [
            {"column": str(row["column"]), "KS statistic": f"{row['statistic']:.3f}", "p": f"{row['p_value']:.2g}"}
            for row in (self.marginals[int(j)] for j in order[:SHOWN])
        ]
        heading = [
            f"{self.n[0]} rows against {self.n[1]}: a classifier names the origin of {self.accuracy:.1%} (by chance "
            f"50%), p = {self.p_value:.2g}",
        ]
        if np.isfinite(self.correlations.largest):
            heading.append(f"largest difference of correlations {self.correlations.largest:+.3f}: {first} and {second}")
        d = len(self.marginals)
        notes = [] if d == 1 else [f"Of {d} columns alike one has p < {1.0 / d:.2g} by chance, on average."]
        if d > SHOWN:
            notes.append(f"{d - SHOWN} more columns have smaller statistics.")
        return Summary(heading, Table(rows), notes)

    def __repr__(self) -> str:
        return (
            f"TwoSampleTest(n={self.n}, accuracy={self.accuracy:.3f}, p_value={self.p_value:.3g}, largest KS statistic "
            f"{self.marginals['statistic'].max():.3f}, largest difference of correlations "
            f"{self.correlations.largest:.3f})"
        )

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


def two_sample_test(
    X: ArrayLike, Y: ArrayLike, *, classifier: Any = None, n_splits: int = 5, random_state: Seed = None
) -> TwoSampleTest:
    r"""Compare two tables: column by column, pair by pair, and by a classifier that is to tell them apart.

    Parameters
    ----------
    X, Y : pandas.DataFrame or array-like of shape (n_rows, n_columns)
        With the same columns; at least `n_splits` rows each. Their rows must be independent.
    classifier : estimator, default=None
        With ``predict_proba``, ``decision_function`` or ``predict``; it is cloned. None: 50 boosted trees,
        ``HistGradientBoostingClassifier``, which take missing values.
    n_splits : int, default=5
        Parts that the rows of each table are divided into, 2 or more.
    random_state : int, RandomState, Generator or None, default=None
        Of the parts, and of the classifier if its own is None.

    Returns
    -------
    TwoSampleTest
        With ``accuracy``, ``p_value``, ``marginals``, ``correlations`` and ``summary()``.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, the tables have other columns, or hold something else than numbers.

    Notes
    -----
    `accuracy` is that of each part under a classifier that was fitted to all others. In every part as many rows are
    called Y's as there are, those with the highest scores.

    These answers depend on each other, for parts that are tested here are learnt from there, so that no binomial
    distribution holds for their number. The p-value comes from answers of which one does: part j is judged by a
    classifier that was fitted to the parts before it alone. If both tables have the same distribution, then, whatever
    was learnt, each arrangement of the labels in part j is as likely as any other, and the number of Y's among those
    called so is hypergeometric,

    .. math:: \Pr(T_j = t) = \binom{m_j}{t} \binom{n_j}{m_j - t} \Big/ \binom{n_j + m_j}{m_j}

    with n_j rows of X and m_j of Y. Past and future being independent, the distribution of their sum is the
    convolution, and :math:`p = \Pr(\sum_j T_j \ge t)` is exact for any classifier and any number of rows.

    A large p-value does not say that the tables are alike: only that this classifier, on so many rows, found nothing.

    References
    ----------
    Lopez-Paz, D. and Oquab, M. (2017), Revisiting classifier two-sample tests, International Conference on Learning
    Representations.

    Examples
    --------
    >>> import gmm
    >>> X = gmm.datasets.load_old_faithful().X
    >>> one = gmm.GaussianMixture(1).fit(X).sample(272, random_state=0)[0]
    >>> gmm.two_sample_test(X, one, random_state=0).p_value < 1e-6
    True
    """
    if isinstance(n_splits, bool) or not isinstance(n_splits, Integral) or n_splits < 2:
        raise ValueError(f"n_splits must be an integer, 2 or more; got {n_splits!r}")
    own = classifier is None
    if own:
        from sklearn.ensemble import HistGradientBoostingClassifier  # here: it takes a while to load

        classifier = HistGradientBoostingClassifier(max_iter=50, min_samples_leaf=10)
    if isinstance(classifier, type) or not all(hasattr(classifier, name) for name in ("fit", "predict", "get_params")):
        raise TypeError(f"classifier must be an estimator with fit and predict; got {classifier!r}")
    rng = random_generator(random_state)
    data, other = read_table(X, "X"), read_table(Y, "Y")
    if len(data.dtypes) != len(other.dtypes):
        raise ValueError(f"X and Y must have the same columns; X has {len(data.dtypes)} and Y {len(other.dtypes)}")
    if None not in (data.names, other.names) and data.names != other.names:
        raise ValueError(f"X and Y must have the same columns in the same order; got {data.names} and {other.names}")
    if data.names is None:
        data = data._replace(names=other.names)
    for name, table in (("X", data), ("Y", other)):
        if len(table.values) < n_splits:
            raise ValueError(f"n_splits={n_splits} is more than the {len(table.values)} rows of {name}")
        empty = np.flatnonzero(np.isnan(table.values).all(axis=0))
        if empty.size:
            raise ValueError(f"column {label_of(data, empty[0])!r} of {name} has no observed value; leave it out")
    marginals = Table(_marginal(data, other, j) for j in range(len(data.dtypes)))
    correlations = _correlations(data, other)
    # The threads of the default wait for each other more than they work on small tables, and for minutes where others
    # work too.
    with threadpool_limits(1, user_api="openmp") if own else contextlib.nullcontext():
        accuracy, p_value = _classified(data.values, other.values, seeded(classifier, rng), int(n_splits), rng)
    return TwoSampleTest((len(data.values), len(other.values)), marginals, correlations, accuracy, p_value)


def _marginal(data, other, j):
    found = ks_2samp(*(_observed(table.values[:, j]) for table in (data, other)))
    return {"column": label_of(data, j), "statistic": float(found.statistic), "p_value": float(found.pvalue)}


def _observed(x):
    return x[~np.isnan(x)]


def _correlations(data, other):
    matrix = correlation_matrix(other.values) - correlation_matrix(data.values)
    np.fill_diagonal(matrix, np.where(np.isnan(np.diag(matrix)), np.nan, 0.0))
    sizes = np.triu(np.abs(matrix), 1) + np.tril(np.full_like(matrix, -1.0))  # each pair once
    sizes[np.isnan(sizes)] = -1.0
    a, b = np.unravel_index(np.argmax(sizes), sizes.shape)
    largest = float(matrix[a, b]) if sizes[a, b] >= 0.0 else np.nan
    return CorrelationDifference(largest, (label_of(data, a), label_of(data, b)), matrix)


def correlation_matrix(X):
    """Correlations of columns, each pair by the rows in which both are observed; nan where one is constant there."""
    seen = ~np.isnan(X)
    d = X.shape[1]
    found = np.full((d, d), np.nan)
    for a in range(d):
        for b in range(a + 1):
            both = seen[:, a] & seen[:, b]
            if not both.any():
                continue
            pair = X[both][:, [a, b]]
            if (pair == pair[0]).all(axis=0).any():
                continue
            pair = pair - pair.mean(axis=0)
            pair /= np.sqrt((pair**2).sum(axis=0))
            found[a, b] = found[b, a] = np.clip(pair[:, 0] @ pair[:, 1], -1.0, 1.0)
    return found


def _classified(X, Y, classifier, n_splits, rng):
    """(accuracy out of fold, p-value of the forward answers)."""
    pooled, is_y = np.concatenate([X, Y]), np.repeat([0, 1], [len(X), len(Y)])
    folds = [
        np.concatenate(pair)
        for pair in zip(
            np.array_split(rng.permutation(len(X)), n_splits),
            np.array_split(len(X) + rng.permutation(len(Y)), n_splits),
            strict=True,
        )
    ]
    right = np.zeros(2)
    total, null = 0, np.ones(1)
    for j, fold in enumerate(folds):
        before, after = folds[:j], folds[j + 1 :]
        found = _called_y(classifier, pooled, is_y, np.concatenate(before + after), fold, rng)
        right += np.count_nonzero(found & (is_y[fold] == 1)), np.count_nonzero(~found & (is_y[fold] == 0))
        if before:
            if after:
                found = _called_y(classifier, pooled, is_y, np.concatenate(before), fold, rng)
            n_y = int(is_y[fold].sum())
            total += np.count_nonzero(found & (is_y[fold] == 1))
            null = np.convolve(null, hypergeom.pmf(np.arange(n_y + 1), len(fold), n_y, n_y))
    accuracy = 0.5 * (right[0] / len(Y) + right[1] / len(X))
    return float(accuracy), float(np.clip(null[total:][::-1].sum(), np.finfo(float).tiny, 1.0))


def _called_y(classifier, pooled, is_y, train, fold, rng):
    """Which rows of a fold are called Y's: those with the highest scores, as many as there are; ties by lot."""
    fitted = clone(classifier).fit(pooled[train], is_y[train])
    if hasattr(fitted, "predict_proba"):
        scores = fitted.predict_proba(pooled[fold])[:, 1]
    elif hasattr(fitted, "decision_function"):
        scores = fitted.decision_function(pooled[fold])
    else:
        scores = fitted.predict(pooled[fold])
    order = np.lexsort((rng.uniform(size=len(fold)), scores))
    found = np.zeros(len(fold), dtype=bool)
    found[order[len(fold) - int(is_y[fold].sum()) :]] = True
    return found
