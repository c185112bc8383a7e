"""`select_bayesian`: compare concentrations and covariance structures by the bound on the evidence."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from numbers import Real
from typing import Any, Literal

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from gmm._types import ArrayLike, OrdinaryCovarianceType, Seed, StartMethod
from gmm.estimators._table import Table
from gmm.estimators._warn import warn
from gmm.estimators.bayesian import STRUCTURES, BayesianGaussianMixture


class BayesianSelection:
    """What `select_bayesian` found.

    Attributes
    ----------
    table : Table
        One row for each model: ``concentration``, ``covariance_type``, ``lower_bound`` (of log p(X), total),
        ``n_components`` (in use), ``converged``, ``n_iter``.
    models_ : list of BayesianGaussianMixture
        In the order of the rows.
    """

    def __init__(self, table: Table, models: list[BayesianGaussianMixture]) -> None:
        self.table, self.models_ = table, models

    @property
    def best_index_(self) -> int:
        """Row of the model with the largest bound; the first of equals."""
        return int(np.argmax(self.table["lower_bound"]))

    @property
    def best_(self) -> BayesianGaussianMixture:
        """The model with the largest bound: a BayesianGaussianMixture."""
        return self.models_[self.best_index_]

    @property
    def best_row_(self) -> dict[str, Any]:
        """Its row of the table."""
        return self.table[self.best_index_]

    def __repr__(self) -> str:
        row = self.best_row_
        return (
            f"BayesianSelection({len(self.models_)} models; best: concentration={row['concentration']:g}, "
            f"covariance_type={row['covariance_type']!r}, lower_bound={row['lower_bound']:.6g}, "
            f"{row['n_components']} components in use)"
        )


def select_bayesian(
    X: ArrayLike,
    concentrations: float | Iterable[float] = (0.001, 0.01, 0.1, 1.0, 10.0),
    covariance_types: OrdinaryCovarianceType | Iterable[OrdinaryCovarianceType] = ("full",),
    *,
    n_components: int = 10,
    sample_weight: ArrayLike | None = None,
    n_init: int = 5,
    random_state: Seed = 0,
    tol: float = 1e-4,
    max_iter: int = 2000,
    reg_covar: float | Literal["auto"] = "auto",
    init_params: StartMethod = "kmeans_standardised",
    **settings: Any,
) -> BayesianSelection:
    """Fit Bayesian mixtures over concentrations and covariance structures, and choose by the bound.

    The bound contains all constants, so that it compares priors and structures as the evidence would: each is at most
    log p(X), and by how much it is smaller differs from model to model.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    concentrations : float or iterable of float, default=(0.001, 0.01, 0.1, 1, 10)
        Values of `weight_concentration_prior`: positive.
    covariance_types : str or iterable of str, default=('full',)
        Of 'full', 'tied', 'diag', 'spherical'.
    n_components : int, default=10
        At most so many.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each sample stands there.
    n_init, random_state, tol, max_iter, reg_covar, init_params
        As in `BayesianGaussianMixture`; the defaults suit a comparison.
    **settings
        Further parameters of `BayesianGaussianMixture`.

    Returns
    -------
    BayesianSelection

    Raises
    ------
    ValueError, TypeError
        For arguments that do not fit, before any work.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the best model did not converge.

    Examples
    --------
    >>> import gmm
    >>> X = gmm.datasets.load_old_faithful().X
    >>> gmm.select_bayesian(X, n_components=6, n_init=2).best_row_["n_components"]
    2
    """
    values = _listed(concentrations, Real, "concentrations", "positive numbers")
    kinds = _listed(covariance_types, str, "covariance_types", f"among {', '.join(map(repr, STRUCTURES))}")
    settings |= {"n_components": n_components, "n_init": n_init, "random_state": random_state, "tol": tol}
    settings |= {"max_iter": max_iter, "reg_covar": reg_covar, "init_params": init_params}
    for name in ("weight_concentration_prior", "covariance_type", "warm_start"):
        if name in settings:
            raise TypeError(f"select_bayesian() got an unexpected setting {name!r}")
    models = [
        BayesianGaussianMixture(weight_concentration_prior=value, covariance_type=kind, **settings)
        for kind in kinds
        for value in values
    ]
    for model in models:
        model._validate_params()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for model in models:
            model.fit(X, sample_weight=sample_weight)
    rows = [
        {
            "concentration": float(model.weight_concentration_prior),  # type: ignore[arg-type]
            "covariance_type": model.covariance_type,
            "lower_bound": model.lower_bound_, "n_components": model.n_components_, "converged": model.converged_,
            "n_iter": model.n_iter_,
        }
        for model in models
    ]  # fmt: skip
    found = BayesianSelection(Table(rows), models)
    if not found.best_.converged_:
        warn(
            f"The best model did not converge within max_iter={max_iter} iterations; the order of the models may "
            "change with more.",
            ConvergenceWarning,
        )
    return found


def _listed(values, kind, name, expected):
    values = (values,) if isinstance(values, kind) else values
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be {expected}; got {values!r}")
    values = tuple(values)
    if not values or len(set(values)) < len(values):
        raise ValueError(f"{name} must be distinct, and at least one; got {values}")
    return values
