"""Gaussian mixture models from first principles: the companion package of the book.

The names below are all that a chapter imports. Each is loaded when it is first asked for, so that ``import gmm`` costs
nothing and brings in neither matplotlib nor scikit-learn.
"""

from importlib import import_module

__version__ = "0.1.0"

# Public name -> the module that defines it.
_HOME = {
    # chapter 2
    "univariate_log_density": "gmm.formulas.gaussian",
    "cholesky": "gmm.formulas.gaussian",
    "log_determinant": "gmm.formulas.gaussian",
    "forward_substitution": "gmm.formulas.gaussian",
    "mahalanobis_squared": "gmm.formulas.gaussian",
    "gaussian_log_density": "gmm.formulas.gaussian",
    "principal_axes": "gmm.formulas.gaussian",
    "ellipse_mass": "gmm.formulas.gaussian",
    "sample_mean": "gmm.formulas.gaussian",
    "sample_covariance": "gmm.formulas.gaussian",
    "gaussian_log_likelihood": "gmm.formulas.gaussian",
    "max_gaussian_log_likelihood": "gmm.formulas.gaussian",
    # chapter 3
    "joint_log_density": "gmm.formulas.mixture",
    "mixture_log_density": "gmm.formulas.mixture",
    "mixture_mean": "gmm.formulas.mixture",
    "mixture_covariance": "gmm.formulas.mixture",
    "sample_gaussian": "gmm.formulas.mixture",
    "sample_labels": "gmm.formulas.mixture",
    "sample_mixture": "gmm.formulas.mixture",
    # chapter 4
    "log_sum_exp": "gmm.formulas.responsibilities",
    "softmax": "gmm.formulas.responsibilities",
    "log_responsibilities": "gmm.formulas.responsibilities",
    "responsibilities": "gmm.formulas.responsibilities",
    "hard_labels": "gmm.formulas.responsibilities",
    "responsibility_entropy": "gmm.formulas.responsibilities",
    # chapter 5
    "log_likelihood": "gmm.formulas.likelihood",
    "mean_log_likelihood": "gmm.formulas.likelihood",
    "score_weights": "gmm.formulas.likelihood",
    "score_means": "gmm.formulas.likelihood",
    "score_covariances": "gmm.formulas.likelihood",
    # chapter 6
    "effective_counts": "gmm.formulas.updates",
    "update_weights": "gmm.formulas.updates",
    "update_means": "gmm.formulas.updates",
    "update_covariances": "gmm.formulas.updates",
    "expected_complete_log_likelihood": "gmm.formulas.updates",
    # chapter 7
    "elbo": "gmm.formulas.em",
    "kl_divergence": "gmm.formulas.em",
    "e_step": "gmm.formulas.em",
    "m_step": "gmm.formulas.em",
    "parameter_change": "gmm.formulas.em",
    "has_converged": "gmm.formulas.em",
    "em_cost": "gmm.formulas.em",
    "random_start": "gmm.formulas.em",
    "em": "gmm.formulas.em",
    "em_steps": "gmm.formulas.em",
    "EMResult": "gmm.formulas.em",
    "EMStep": "gmm.formulas.em",
    "SingularCovarianceError": "gmm.formulas.em",
    # chapter 8
    "random_responsibilities": "gmm.formulas.starts",
    "one_hot": "gmm.formulas.starts",
    "kmeans_plusplus_probabilities": "gmm.formulas.starts",
    "kmeans_plusplus": "gmm.formulas.starts",
    "standardise": "gmm.formulas.starts",
    "whiten": "gmm.formulas.starts",
    # chapter 9
    "nearest_centre": "gmm.formulas.kmeans",
    "kmeans_objective": "gmm.formulas.kmeans",
    "update_centres": "gmm.formulas.kmeans",
    "lloyd": "gmm.formulas.kmeans",
    "LloydResult": "gmm.formulas.kmeans",
    "spherical_responsibilities": "gmm.formulas.kmeans",
    # chapter 10
    "update_tied_covariance": "gmm.formulas.structures",
    "update_diagonal_covariances": "gmm.formulas.structures",
    "update_spherical_covariances": "gmm.formulas.structures",
    "n_parameters": "gmm.formulas.structures",
    "volume_shape_orientation": "gmm.formulas.structures",
    # chapter 11
    "collapse_log_likelihood": "gmm.formulas.regularisation",
    "ridge": "gmm.formulas.regularisation",
    "condition_number": "gmm.formulas.regularisation",
    "inverse_wishart_log_density": "gmm.formulas.regularisation",
    "map_covariances": "gmm.formulas.regularisation",
    "penalised_log_likelihood": "gmm.formulas.regularisation",
    # chapter 12
    "aic": "gmm.formulas.criteria",
    "bic": "gmm.formulas.criteria",
    "bic_maximised": "gmm.formulas.criteria",
    "icl": "gmm.formulas.criteria",
    "laplace_log_integral": "gmm.formulas.criteria",
    # the estimator
    "GaussianMixture": "gmm.estimators",
    "CollapsedComponentError": "gmm.estimators",
    "CollapsedComponentWarning": "gmm.estimators",
    "ConditionalMoments": "gmm.estimators",
    "Summary": "gmm.estimators",
    "mixture_kl_divergence": "gmm.estimators",
    "MixtureDivergence": "gmm.estimators",
    "select": "gmm.estimators",
    "Selection": "gmm.estimators",
    # everywhere
    "show_source": "gmm.source",
}
_ROOMS = ("datasets", "engine", "exercises", "formulas", "plot", "widgets")

__all__ = [*_HOME, *_ROOMS]


def __getattr__(name):
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    elif name in _ROOMS:
        value = import_module(f"gmm.{name}")
    else:
        raise AttributeError(f"module 'gmm' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
