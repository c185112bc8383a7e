"""Compile everything beforehand, for the image of a container or the computers of a class."""

from __future__ import annotations

import inspect
import warnings

import numpy as np


def compile_all() -> None:
    """Compile every kernel of the formulas and of the engine, and keep the machine code on disk.

    After it nothing is compiled any more, in no process that finds this code (see `show_versions` for the place; where
    there is none, it helps this process alone). It takes about a minute, or a second where all has been compiled.
    ``python -m gmm`` does the same.

    Returns
    -------
    None
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits that need not end anywhere
        _formulas()
        _engine()


def _formulas():
    """Call each formula with an example of what it asks for, by the names of its arguments."""
    from gmm import formulas

    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 2))
    weights, means, covariances = formulas.em.random_start(X, 2, rng=0)
    resp = formulas.responsibilities.responsibilities(X, weights, means, covariances)
    state = weights, means, covariances
    examples = {
        "X": X, "x": X[:, 0], "a": X, "b": X[0], "q": resp, "resp": resp, "log_p": np.log(resp), "old": state,
        "new": state, "weights": weights, "means": means, "centres": means, "mean": means[0], "centre": 0.0,
        "covariances": covariances, "covariance": covariances[0], "curvature": covariances[0], "scale": covariances[0],
        "cholesky_factor": covariances[0], "labels": np.array([0, 1] * 10), "n_samples": 20, "n_features": 2,
        "n_components": 2, "n_parameters": 11, "dof": 4.0, "variance": 1.0, "sigma": 1.0, "radius": 1.0, "amount": 1.0,
        "tol": 1.0, "log_likelihood": -1.0, "new_log_likelihood": -1.0, "log_peak": -1.0, "counts": np.full(2, 10.0),
        "scatters": covariances, "volume": np.ones(2), "shape": np.ones((2, 2)), "model": "VVV",
        "axes": np.array([[1.0, 2.0], [2.0, 1.0]]),
        "orientation": np.eye(2),
        "concentration": 1.0, "mean_precision": 1.0, "scales": covariances, "precision": covariances[0],
        "location": means[0], "prior_concentration": 1.0, "shares": weights, "first": weights,
        "rest": weights, "prior": (means[0], 1.0, covariances[0], 4.0),
        "values": X[:3, 0], "reference": resp, "replicates": X, "information": covariances[0],
        "scores": X[:, 0], "calibration": X[:, 1], "folds": np.array([0, 1] * 10), "false_alarm": 0.1, "rate": 0.1,
        "n_calibration": 19, "rank": 1, "n_folds": 2, "usual": X[:, 0], "odd": X[:, 1], "prevalence": 0.1,
        "detection": 0.5, "larger_log_likelihood": 0.0, "log_volume": 1.0, "statistic": 1.0,
        "error_covariances": np.tile(covariances[0], (20, 1, 1)), "error_covariance": covariances[0], "count": 3.0,
        "probability": 0.5, "conditional_variance": 0.5, "missing_share": 0.1, "n_right": 6, "n_real": 10,
        "n_generated": 10, "operations": 1.0, "n_bytes": 1.0, "peak": 1.0, "bandwidth": 1.0, "n_threads": 2,
        "serial_share": 0.1, "degree": 3, "chunk_length": 2, "threshold": 0.1, "second": covariances[0],
        "shift": means[0], "n_steps": 3, "steps": np.full(3, 0.5), "step": 0.5, "n_rows": 30,
    }  # fmt: skip
    both = np.full(2, 4.0)
    posterior = {"concentration": both, "mean_precision": both, "dof": both}
    one_known = {"x": np.array([0.5, np.nan])}
    with_noise, tails = {"weights": np.array([0.4, 0.4, 0.2])}, {"dof": both, "u": resp + 1.0}
    special = {
        "univariate_log_density": {"mean": 0.0}, "bootstrap_p_value": {"replicates": X[:, 0]},
        "digamma": {"x": 1.0}, "variational_log_joint": posterior,
        "variational_predictive_log_density": posterior,
        "variational_bound": {
            "posterior": (both, means, both, covariances, both), "prior": (1.0, means[0], 1.0, covariances[0], 4.0)
        },
        "cross_conformal_p_values": {"scores": X}, "noise_log_density": with_noise,
        "noise_responsibilities": with_noise,
        "scale_mixture_log_density": {"u": X[:, 0] ** 2 + 1.0}, "student_responsibilities": tails,
        "student_m_step": tails, "update_dof": tails,
        "lifted_moments": {"first": np.zeros(1), "second": np.ones((1, 1)), "observed": np.array([True, False])},
        "mixture_quantile": {"means": means[:, 0], "variances": np.ones(2)},
        "pooled_variance": {"estimates": X[:, 0], "variances": X[:, 0] ** 2},
        "deconvolution_posterior": {"x": X[0]},
        **dict.fromkeys(["observed_log_density", "conditional_gaussian", "conditional_mixture"], one_known),
        **dict.fromkeys(["conditional_mean", "conditional_covariance"], one_known),
        **dict.fromkeys(["dirichlet_log_density", "dirichlet_divergence", "expected_log_weights"], posterior),
    }  # fmt: skip
    for function in formulas.EQUATIONS.values():
        own = special.get(function.__name__, {})
        parameters = inspect.signature(function).parameters.values()
        function(**{p.name: (examples | own)[p.name] for p in parameters if p.default is p.empty})


def _engine():
    """Fit each structure as users do: by maximum likelihood and a posteriori; and what is asked of a fit."""
    from gmm import engine
    from gmm.estimators import BayesianGaussianMixture, GaussianMixture, StudentMixture, hierarchical_clustering
    from gmm.learning import ONE_FEATURE, STRUCTURES, structure_of

    rng = np.random.default_rng(0)
    several = [name for name in STRUCTURES if name not in ONE_FEATURE]
    for n_features in (2, 6):  # few features have full covariances of their own
        X = rng.normal(size=(60, n_features))
        for covariance_type in several if n_features == 2 else ("full", "VEV"):
            for prior in (None, "default"):
                model = GaussianMixture(2, covariance_type=covariance_type, covariance_prior=prior, random_state=0)
                model.fit(X).predict_proba(X)
        for covariance_type in ("full", "tied", "diag", "spherical") if n_features == 2 else ("full",):
            for kind in (BayesianGaussianMixture, StudentMixture):
                kind(n_components=2, covariance_type=covariance_type, random_state=0).fit(X).predict_proba(X)
        X[0, 0] = np.nan
        for covariance_type in ("full", "diag"):  # of which the others are cases here
            model = GaussianMixture(2, covariance_type=covariance_type, missing="marginalise", random_state=0)
            model.fit(X).predict(X)
            model.fit(X, error_covariances=np.ones(n_features)).predict(X, error_covariances=np.ones(n_features))
            model = StudentMixture(2, covariance_type=covariance_type, missing="marginalise", random_state=0)
            model.fit(X).predict(X)
    X[0, 0] = 0.0
    engine.kmeans_labels(X, X[:2])
    for model in ("VVV", "EEE"):  # the code of VVV is that of EII and VII too
        hierarchical_clustering(X, model)
    for name in ("VEI", "VEV"):  # the M-steps by themselves, which larger data ask for
        structure_of(name).common(np.eye(2), 2)
    # Data that are read slab by slab, of which tied covariances make more than others.
    strange = np.asfortranarray(rng.normal(size=(20_000, 2)))
    GaussianMixture(2, covariance_type="tied", max_iter=1, random_state=0).fit(strange)
