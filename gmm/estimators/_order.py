"""The order of the components: which one is wanted, and a mixture in it."""

from __future__ import annotations

import copy

import numpy as np

from gmm.estimators._conditional import feature_indices
from gmm.estimators._history import History
from gmm.estimators._table import PARAMETERS, Table


def component_order(mixture, by):
    """Numbers of the components in the order that `by` stands for."""
    names = getattr(mixture, "feature_names_in_", None)
    if isinstance(by, str) and by == "weight":
        if names is not None and by in names:
            raise ValueError("by='weight' could be the mixing weights or the feature of that name: give its index")
        return np.argsort(-mixture.weights_, kind="stable")
    if isinstance(by, (str, int, np.integer)) and not isinstance(by, bool):
        (feature,) = feature_indices(by, mixture.n_features_in_, names, "by")
        return np.argsort(mixture.means_[:, feature], kind="stable")
    order = np.asarray(by)
    numbers = np.arange(len(mixture.weights_))
    if order.shape != numbers.shape or order.dtype.kind not in "iu" or not np.array_equal(np.sort(order), numbers):
        raise ValueError(
            f"by must be 'weight', one feature, or the numbers 0 to {len(numbers) - 1} of the components in the order "
            f"wanted; got {by!r}"
        )
    return order


def reordered(mixture, order):
    """A copy of the mixture whose component i is component order[i] of this one."""
    new = copy.copy(mixture)
    new._adopt(mixture._parameters().components(order))
    if hasattr(mixture, "online_"):
        new.online_ = mixture.online_.components(order)
    new.lower_bounds_ = list(mixture.lower_bounds_)
    log_likelihoods, course = mixture.history_
    new.history_ = History(log_likelihoods, None if course is None else [state.components(order) for state in course])
    new.restarts_ = Table(_permuted_row(row, order) if row["best"] else row for row in mixture.restarts_)
    return new


def _permuted_row(row, order):
    return row | {name: row[name].components(order) for name in PARAMETERS if row.get(name) is not None}
