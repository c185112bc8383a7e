"""`mclust`: what mclust does, with its defaults, in one call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from gmm import learning
from gmm._types import ArrayLike, CovarianceType, Criterion, StartMethod
from gmm.estimators._validation import check_samples
from gmm.estimators.gaussian_mixture import GaussianMixture
from gmm.estimators.selection import ALL_MODELS, select

if TYPE_CHECKING:
    from gmm.estimators.selection import Selection

MOST = 9  # components
# Those that n <= d samples can tell of.
DIAGONAL: tuple[Any, ...] = tuple(name for name in learning.FOURTEEN if name[2] == "I")


def mclust(
    X: ArrayLike,
    n_components: int | Iterable[int] | None = None,
    covariance_types: CovarianceType | Literal["fourteen"] | Iterable[CovarianceType] | None = None,
    criterion: Criterion = "bic",
    *,
    sample_weight: ArrayLike | None = None,
    tol: float = 1e-5,
    max_iter: int = 10_000,
    reg_covar: float | Literal["auto"] = 0.0,
    init_params: StartMethod = "hierarchical",
    n_init: int = 1,
    on_collapse: Literal["raise", "restart"] = "raise",
    **settings: Any,
) -> Selection:
    """Choose among mclust's models by BIC, from a hierarchical start: `select` with mclust's defaults.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    n_components : int or iterable of int, default=None
        mclust's G. None: 1 to 9, or to the number of samples.
    covariance_types : str or iterable of str, default=None
        mclust's modelNames. None: all fourteen; 'E' and 'V' for one feature; EII, VII, EEI, VEI, EVI and VVI if there
        are no more samples than features.
    criterion : {'bic', 'aic', 'icl', 'cv'}, default='bic'
    sample_weight : array-like of shape (n_samples,), default=None
    tol : float, default=1e-5
        Of the mean log-likelihood per sample; mclust's, of the same size, is relative to the log-likelihood.
    max_iter, reg_covar, init_params, n_init, on_collapse
        As in `GaussianMixture`. mclust has no limit of iterations, nothing is added to the covariances, and nothing is
        started anew.
    **settings
        Further parameters of `select` and `GaussianMixture`, such as `random_state`, `n_jobs` or `verbose`.

    Returns
    -------
    Selection
        ``print(found.summary())`` reads like mclust's; ``found.best_`` is the model, ``found.grid()`` the table of BIC
        (models in rows, sizes in columns), ``found.plot()`` its figure.

    Raises
    ------
    ValueError, TypeError
        As `select`.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the best model did not reach `tol` within `max_iter` iterations.

    Notes
    -----
    The sign of the criteria is `GaussianMixture.bic`'s, -2 ℓ + p log n, of which the smallest is the best; mclust's is
    the opposite, 2 ℓ - p log n. Its ICL counts the responsibility of the most probable component alone, ours the whole
    entropy.

    Where mclust has NA because a covariance became singular, the row of ``found.table`` has the status 'collapsed' and
    says why. So it has where a component is left with fewer samples than its covariance needs, d + 1 for a full one;
    there mclust may have a value, which is that of a singularity on its way.

    Of more than 2000 samples mclust clusters 2000 that R draws; those that are drawn here, with `random_state`, are
    others. For what else differs in the start see `hierarchical_clustering`.

    The cost is that of 126 fits from one tree.

    References
    ----------
    Fraley, C. and Raftery, A. E. (2002), Model-based clustering, discriminant analysis, and density estimation, J. Am.
    Stat. Assoc. 97, 611-631.
    Scrucca, L., Fop, M., Murphy, T. B. and Raftery, A. E. (2016), mclust 5, The R Journal 8, 289-317.

    Examples
    --------
    >>> import gmm
    >>> found = gmm.mclust(gmm.datasets.load_old_faithful().X)
    >>> found.best_row_["covariance_type"], found.best_row_["n_components"], round(found.best_row_["bic"], 1)
    ('EEE', 3, 2314.3)
    """
    n_samples, n_features = check_samples(
        GaussianMixture(), X, reset=True, min_samples=2, missing=settings.get("missing", "raise")
    ).shape
    if n_components is None:
        n_components = range(1, min(MOST, n_samples) + 1)
    if covariance_types is None:
        covariance_types = DIAGONAL if 1 < n_features >= n_samples else ALL_MODELS
    settings |= {"tol": tol, "max_iter": max_iter, "reg_covar": reg_covar, "init_params": init_params}
    return select(
        X, n_components, covariance_types, criterion, sample_weight=sample_weight, n_init=n_init,
        on_collapse=on_collapse, **settings,
    )  # fmt: skip
