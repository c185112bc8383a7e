"""Bad input of every public function: the error names the argument, says what came and what was expected.

Good input: it is never changed, and its type and memory layout do not matter.
"""

from __future__ import annotations

import inspect

import numba
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import gmm
from gmm.formulas import CHAPTERS
from gmm.formulas._registry import EQUATIONS, equation

# A valid call of every public function: 4 samples, 2 features, 3 components.
X = np.array([[0.0, 1.0], [2.0, 0.5], [-1.0, 3.0], [0.5, 0.25]])
WEIGHTS = np.array([0.25, 0.5, 0.25])
MEANS = np.array([[0.0, 0.0], [1.0, 1.0], [-1.0, 2.0]])
COVARIANCES = np.array([np.eye(2), [[2.0, 0.5], [0.5, 1.0]], 0.5 * np.eye(2)])
RESP = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5], [1.0, 0.0, 0.0]])
MIXTURE = {"weights": WEIGHTS, "means": MEANS, "covariances": COVARIANCES}
GAUSSIAN = {"X": X, "mean": MEANS[1], "covariance": COVARIANCES[1]}
STATE = (WEIGHTS, MEANS, COVARIANCES)
PRIOR = {"scale": COVARIANCES[1], "dof": 4.0}
FITTED = {"log_likelihood": -10.0, "n_parameters": 5}
SCATTERS = {"scatters": 4.0 * COVARIANCES, "counts": np.array([3.0, 5.0, 4.0])}
TURNS = {"tol": 1e-9, "max_iter": 50}
GROUPS = {"counts": np.array([3.0, 5.0]), "means": MEANS[:2], "scatters": 4.0 * COVARIANCES[:2]}
CALLS = {
    "univariate_log_density": {"x": X[:, 0], "mean": 1.0, "variance": 2.0},
    "cholesky": {"covariance": COVARIANCES[1]},
    "log_determinant": {"cholesky_factor": np.array([[2.0, 0.0], [1.0, 3.0]])},
    "forward_substitution": {"cholesky_factor": np.array([[2.0, 0.0], [1.0, 3.0]]), "b": X[0]},
    "mahalanobis_squared": GAUSSIAN,
    "gaussian_log_density": GAUSSIAN,
    "principal_axes": {"covariance": COVARIANCES[1]},
    "ellipse_mass": {"radius": 2.0},
    "sample_mean": {"X": X},
    "sample_covariance": {"X": X},
    "gaussian_log_likelihood": GAUSSIAN,
    "max_gaussian_log_likelihood": {"X": X},
    "joint_log_density": {"X": X, **MIXTURE},
    "mixture_log_density": {"X": X, **MIXTURE},
    "mixture_mean": {"weights": WEIGHTS, "means": MEANS},
    "mixture_covariance": MIXTURE,
    "sample_gaussian": {"n_samples": 3, "mean": MEANS[1], "covariance": COVARIANCES[1], "rng": 0},
    "sample_labels": {"n_samples": 3, "weights": WEIGHTS, "rng": 0},
    "sample_mixture": {"n_samples": 3, **MIXTURE, "rng": 0},
    "log_sum_exp": {"a": np.log(RESP + 1)},
    "softmax": {"a": np.log(RESP + 1)},
    "log_responsibilities": {"X": X, **MIXTURE},
    "responsibilities": {"X": X, **MIXTURE},
    "hard_labels": {"resp": RESP},
    "responsibility_entropy": {"resp": RESP},
    "log_likelihood": {"X": X, **MIXTURE},
    "mean_log_likelihood": {"X": X, **MIXTURE},
    "score_weights": {"X": X, **MIXTURE},
    "score_means": {"X": X, **MIXTURE},
    "score_covariances": {"X": X, **MIXTURE},
    "effective_counts": {"resp": RESP},
    "update_weights": {"resp": RESP},
    "update_means": {"X": X, "resp": RESP},
    "update_covariances": {"X": X, "resp": RESP, "means": MEANS},
    "expected_complete_log_likelihood": {"X": X, "resp": RESP, **MIXTURE},
    "elbo": {"X": X, "resp": RESP, **MIXTURE},
    "kl_divergence": {"q": RESP, "log_p": np.log(np.full((4, 3), 1 / 3))},
    "e_step": {"X": X, **MIXTURE},
    "m_step": {"X": X, "resp": RESP, "reg_covar": 0.1},
    "parameter_change": {"old": STATE, "new": STATE},
    "has_converged": {"log_likelihood": -10.0, "new_log_likelihood": -9.0, "n_samples": 4, "tol": 1e-3},
    "em_cost": {"n_samples": 4, "n_features": 2, "n_components": 3},
    "random_start": {"X": X, "n_components": 3, "rng": 0},
    "em": {"X": X, **MIXTURE, "tol": 1e-3, "max_iter": 2, "reg_covar": 0.1},
    "em_steps": {"X": X, **MIXTURE, "reg_covar": 0.1},
    "update_tied_covariance": {"X": X, "resp": RESP, "means": MEANS},
    "update_diagonal_covariances": {"X": X, "resp": RESP, "means": MEANS},
    "update_spherical_covariances": {"X": X, "resp": RESP, "means": MEANS},
    "n_parameters": {"n_components": 3, "n_features": 2, "covariance_type": "tied"},
    "volume_shape_orientation": {"covariance": COVARIANCES[1]},
    "random_responsibilities": {"n_samples": 4, "n_components": 3, "rng": 0},
    "one_hot": {"labels": np.array([0, 2, 1, 1]), "n_components": 3},
    "kmeans_plusplus_probabilities": {"X": X, "centres": X[:2] + 0.25},
    "kmeans_plusplus": {"X": X, "n_components": 3, "rng": 0},
    "nearest_centre": {"X": X, "centres": MEANS},
    "kmeans_objective": {"X": X, "labels": np.array([0, 2, 1, 1]), "centres": MEANS},
    "update_centres": {"X": X, "labels": np.array([0, 2, 1, 1]), "centres": MEANS},
    "lloyd": {"X": X, "centres": MEANS, "max_iter": 5},
    "spherical_responsibilities": {"X": X, "weights": WEIGHTS, "means": MEANS, "variance": 0.5},
    "standardise": {"X": X},
    "whiten": {"X": X},
    "collapse_log_likelihood": {
        "x": X[:, 0],
        "centre": 0.5,
        "sigma": 0.25,
        "weight": 0.5,
        "mean": 1.0,
        "variance": 2.0,
    },
    "ridge": {"covariance": COVARIANCES[1], "amount": 0.5},
    "condition_number": {"covariance": COVARIANCES[1]},
    "inverse_wishart_log_density": {"covariance": COVARIANCES[1], **PRIOR},
    "map_covariances": {"X": X, "resp": RESP, "means": MEANS, **PRIOR},
    "penalised_log_likelihood": {"X": X, **MIXTURE, **PRIOR},
    "aic": FITTED,
    "bic": {**FITTED, "n_samples": 4},
    "bic_maximised": {**FITTED, "n_samples": 4},
    "icl": {**FITTED, "resp": RESP},
    "scatter_matrices": {"X": X, "resp": RESP, "means": MEANS},
    "compose_covariances": {
        "volume": WEIGHTS,
        "shape": np.array([[2.0, 0.5], [1.0, 1.0], [4.0, 0.25]]),
        "orientation": np.array([np.eye(2)] * 3),
    },
    "n_covariance_parameters": {"n_components": 3, "n_features": 2, "model": "VEV"},
    "update_eii": SCATTERS,
    "update_eei": SCATTERS,
    "update_vei": {**SCATTERS, **TURNS},
    "update_evi": SCATTERS,
    "update_vee": {**SCATTERS, **TURNS},
    "update_eve": {**SCATTERS, "orientation": np.eye(2), **TURNS},
    "update_vve": {**SCATTERS, "orientation": np.eye(2), **TURNS},
    "update_eev": SCATTERS,
    "update_vev": {**SCATTERS, **TURNS},
    "update_evv": SCATTERS,
    "rotate_axes": {"scatters": 4.0 * COVARIANCES, "axes": MEANS + 2.0, "orientation": np.eye(2)},
    "classification_log_likelihood": {
        "X": X,
        "labels": np.array([0, 2, 1, 1]),
        "means": MEANS,
        "covariances": COVARIANCES,
    },
    "merged_scatter": GROUPS,
    "merge_costs_eii": {"counts": GROUPS["counts"], "means": MEANS[:2]},
    "merge_costs_vii": {**GROUPS, "alpha": 0.5},
    "merge_costs_eee": GROUPS,
    "merge_costs_vvv": {**GROUPS, "alpha": 0.5, "beta": 0.25},
    "laplace_log_integral": {"log_peak": -10.0, "curvature": COVARIANCES[1]},
}


def spoiled(array, index, value):
    array = np.array(array, dtype=float)
    array[index] = value
    return array


def bad_matrix(name, good):
    """What no real matrix argument accepts."""
    last = tuple(size - 1 for size in good.shape)
    place = r"\[" + ", ".join(map(str, last)) + r"\]"
    return [
        ("a string", "three", TypeError, f"{name} must hold real numbers; got dtype <U"),
        ("None", None, TypeError, f"{name} must hold real numbers; got dtype object"),
        ("complex", good + 1j, TypeError, f"{name} must hold real numbers; got dtype complex"),
        ("one axis more", good[None], ValueError, rf"{name} must have shape \(.*; got shape \(1, "),
        ("one axis less", good[0], ValueError, rf"{name} must have shape \(.*; got shape"),
        ("empty", good[:0], ValueError, rf"{name} must not be empty; got shape \(0"),
        ("NaN", spoiled(good, last, np.nan), ValueError, rf"{name} must be finite; {name}{place} is nan"),
        ("infinite", spoiled(good, last, np.inf), ValueError, rf"{name} must be finite; {name}{place} is inf"),
    ]


def ragged(name):
    return [("ragged", [[1.0, 2.0], [3.0]], ValueError, rf"{name} must have shape \(.*; got rows of different lengths")]


def bad_responsibilities(name):
    good = RESP
    return [
        *bad_matrix(name, good),
        *ragged(name),
        ("negative", spoiled(good, 0, [-0.25, 1.0, 0.25]), ValueError, rf"{name} must not be negative; {name}\[0, 0\]"),
        ("sum", spoiled(good, (2, 0), 0.5), ValueError, f"each row of {name} must sum to 1; row 2 sums to 1.25"),
    ]


def bad_number(name, *, minimum=None, strict=False):
    rows = [
        ("a string", "0.1", TypeError, f"{name} must be a real number; got '0.1'"),
        ("None", None, TypeError, f"{name} must be a real number; got None"),
        ("a bool", True, TypeError, f"{name} must be a real number; got True"),
        ("an array", np.ones(2), TypeError, f"{name} must be a real number; got array"),
        ("complex", 1j, TypeError, f"{name} must be a real number; got 1j"),
        ("NaN", np.nan, ValueError, f"{name} must be finite; got nan"),
        ("infinite", np.inf, ValueError, f"{name} must be finite; got inf"),
    ]
    if minimum is not None:
        rows.append(("negative", -0.5, ValueError, f"{name} must be >=? 0; got -0.5"))
    if strict:
        rows.append(("zero", 0.0, ValueError, f"{name} must be > 0; got 0.0"))
    return rows


def bad_count(name, minimum=1):
    return [
        ("a float", 2.0, TypeError, f"{name} must be an integer; got 2.0"),
        ("a bool", True, TypeError, f"{name} must be an integer; got True"),
        ("a string", "2", TypeError, f"{name} must be an integer; got '2'"),
        ("too small", minimum - 1, ValueError, f"{name} must be >= {minimum}; got {minimum - 1}"),
    ]


def bad_covariance(name, good, place=""):
    """`place` is the component in brackets, where the argument holds several matrices."""
    k = (1,) if place else ()
    full = name + place.replace("[", r"\[").replace("]", r"\]")
    asymmetric = spoiled(good, (*k, 0, 1), 0.4)
    indefinite = spoiled(spoiled(good, (*k, 0, 1), 2.0), (*k, 1, 0), 2.0)  # [[2, 2], [2, 1]]
    singular = spoiled(good, k, [[1.0, 1.0], [1.0, 1.0]]) if k else np.ones((2, 2))
    # Correlations of 0.1 below and 0 above the diagonal, hidden by the scale of the first feature.
    hidden = spoiled(good, k, [[1e16, 0.0], [1e7, 1.0]]) if k else np.array([[1e16, 0.0], [1e7, 1.0]])
    return [
        ("asymmetric", asymmetric, ValueError, f"{full} must be symmetric; it differs from its transpose by 0.1"),
        ("asymmetric, ill-scaled", hidden, ValueError, f"{full} must be symmetric"),
        ("indefinite", indefinite, ValueError, f"{full} must be positive definite; its smallest eigenvalue is -0.56"),
        ("singular", singular, ValueError, f"{full} must be positive definite; its smallest eigenvalue is"),
        ("negative", -good, ValueError, rf"{name}(\[0\])? must be positive definite"),
    ]


RNG = [
    ("a string", "seed", TypeError, "rng must be a numpy.random.Generator, a seed or None; got 'seed'"),
    ("RandomState", np.random.RandomState(0), TypeError, "rng must be a numpy.random.Generator, a seed or None"),
    ("a float", 0.5, TypeError, r"rng must be a numpy.random.Generator, a seed \(an integer >= 0\) or None; got 0.5"),
    ("negative", -3, ValueError, "rng must be a numpy.random.Generator, a seed .*; got -3"),
]
# What every function that has the argument must refuse.
BAD = {
    "X": [
        *bad_matrix("X", X),
        *ragged("X"),
        ("a vector", X[:, 0], ValueError, r"X must have shape \(n_samples, n_features\); got shape \(4,\)\. For one "),
    ],
    "x": [row for row in bad_matrix("x", X[:, 0]) if row[0] != "one axis less"],
    "b": [
        *(row for row in bad_matrix("b", X[0]) if row[0] != "one axis less"),
        ("longer", np.ones(3), ValueError, "b must have 2 entries; got 3"),
    ],
    "variance": bad_number("variance", minimum=0, strict=True),
    "centre": bad_number("centre"),
    "sigma": bad_number("sigma", minimum=0, strict=True),
    "weight": [
        *bad_number("weight", minimum=0, strict=True),
        ("one", 1.0, ValueError, "weight must be < 1; got 1.0"),
    ],
    "amount": bad_number("amount", minimum=0),
    "dof": [*bad_number("dof"), ("too small", 1.0, ValueError, "dof must be > 1; got 1.0")],
    "log_peak": bad_number("log_peak"),
    "n_parameters": bad_count("n_parameters"),
    "scale": [*bad_matrix("scale", COVARIANCES[1]), *bad_covariance("scale", COVARIANCES[1])],
    "curvature": [*bad_matrix("curvature", COVARIANCES[1]), *bad_covariance("curvature", COVARIANCES[1])],
    "radius": bad_number("radius", minimum=0),
    "covariance": [
        *bad_matrix("covariance", COVARIANCES[1]),
        *ragged("covariance"),
        ("not square", np.ones((2, 3)), ValueError, r"covariance must be square; got shape \(2, 3\)"),
        *bad_covariance("covariance", COVARIANCES[1]),
    ],
    "cholesky_factor": [
        *bad_matrix("cholesky_factor", np.eye(2)),
        ("not square", np.ones((2, 3)), ValueError, r"cholesky_factor must be square; got shape \(2, 3\)"),
        ("upper", [[1.0, 2.0], [0.0, 1.0]], ValueError, "cholesky_factor must be lower triangular; it has entries abo"),
        ("diagonal", [[1.0, 0.0], [2.0, 0.0]], ValueError, r"cholesky_factor must have a positive diagonal; got \["),
    ],
    "weights": [
        *(row for row in bad_matrix("weights", WEIGHTS) if row[0] != "one axis less"),
        ("a number", 1.0, ValueError, r"weights must have shape \(n_components,\); got shape \(\)"),
        ("sum", [0.25, 0.5, 0.5], ValueError, r"weights must sum to 1; they sum to 1\.25"),
        ("negative", [0.75, 0.5, -0.25], ValueError, r"weights must not be negative; weights\[2\] is -0\.25"),
    ],
    "means": [
        *bad_matrix("means", MEANS),
        *ragged("means"),
    ],
    "covariances": [
        *bad_matrix("covariances", COVARIANCES),
        ("too few", COVARIANCES[:2], ValueError, r"covariances must have shape \(3, 2, 2\); got \(2, 2, 2\)"),
        (
            "too wide",
            np.array([np.eye(3)] * 3),
            ValueError,
            r"covariances must have shape \(3, 2, 2\); got \(3, 3, 3\)",
        ),
        *bad_covariance("covariances", COVARIANCES, "[1]"),
    ],
    "resp": bad_responsibilities("resp"),
    "q": bad_responsibilities("q"),
    "a": bad_matrix("a", RESP) + ragged("a"),
    "log_p": [
        *bad_matrix("log_p", RESP),
        *ragged("log_p"),
        ("not normalised", np.zeros((4, 3)), ValueError, r"each row of exp\(log_p\) must sum to 1; row 0 sums to 3"),
        ("overflow", np.full((4, 3), 1e4), ValueError, r"exp\(log_p\) must be finite"),
        ("other shape", np.log(np.full((4, 2), 0.5)), ValueError, r"exp\(log_p\) must have 3 columns"),
    ],
    "scatters": [
        *bad_matrix("scatters", 4.0 * COVARIANCES),
        ("too many", np.array([np.eye(2)] * 4), ValueError, r"scatters must have shape \(., 2, 2\).*; got \(4, 2, 2\)"),
        ("not square", np.ones((3, 2, 3)), ValueError, r"scatters must have shape \(., ., .\).*; got \(3, 2, 3\)"),
    ],
    "counts": [
        *(row for row in bad_matrix("counts", np.ones(3)) if row[0] != "one axis less"),
        ("zero", np.array([3.0, 0.0]), ValueError, r"counts must be positive; counts\[1\] is 0"),
    ],
    "model": [
        ("unknown", "VXV", ValueError, "model must be one of EII, VII, .*; got 'VXV'"),
        ("a number", 3, ValueError, "model must be one of EII, VII, .*; got 3"),
    ],
    "volume": [
        ("a string", "three", TypeError, "volume must hold real numbers; got dtype <U"),
        ("NaN", np.array([1.0, np.nan, 1.0]), ValueError, r"volume must be finite; volume\[1\] is nan"),
        ("negative", -WEIGHTS, ValueError, "volume must be positive; got -0.5"),
        ("too few", WEIGHTS[:2], ValueError, "must have one entry for each component or one for all"),
    ],
    "shape": [
        ("None", None, TypeError, "shape must hold real numbers; got dtype object"),
        ("product", np.ones((3, 2)) * 2, ValueError, "each shape must consist of positive numbers with product one"),
    ],
    "orientation": [
        ("stretched", 2.0 * np.eye(2), ValueError, "orientation must be an orthogonal matrix"),
        ("infinite", np.full((2, 2), np.inf), ValueError, "orientation must be finite"),
    ],
    "axes": [
        *bad_matrix("axes", MEANS + 2.0),
        ("zero", MEANS, ValueError, r"axes must be positive and have shape \(3, 2\)"),
    ],
    "alpha": bad_number("alpha", minimum=0),
    "beta": bad_number("beta", minimum=0),
    "labels": [
        ("floats", np.array([0.0, 1.0]), TypeError, "labels must be integers"),
        ("a matrix", np.array([[0, 1]]), ValueError, "labels must have shape"),
        ("too large", np.array([0, 3]), ValueError, "labels must"),
        ("negative", np.array([0, -1]), ValueError, "labels must"),
    ],
    "centres": [
        *bad_matrix("centres", X[:2]),
        *ragged("centres"),
        ("too wide", np.ones((2, 3)), ValueError, "centres must have 2 features"),
    ],
    "n_samples": bad_count("n_samples"),
    "n_features": bad_count("n_features"),
    "n_components": bad_count("n_components"),
    "max_iter": bad_count("max_iter", minimum=0),
    "tol": bad_number("tol", minimum=0),
    "reg_covar": bad_number("reg_covar", minimum=0),
    "log_likelihood": bad_number("log_likelihood"),
    "new_log_likelihood": bad_number("new_log_likelihood"),
    "rng": RNG,
    "covariance_type": [
        ("unknown", "round", ValueError, r"covariance_type must be one of \(.*; got 'round'"),
        ("None", None, ValueError, r"covariance_type must be one of \(.*; got None"),
    ],
    "old": [
        ("no tuple", WEIGHTS, ValueError, r"old must be a tuple \(weights, means, covariances\); got array"),
        ("a pair", STATE[:2], ValueError, r"old must be a tuple \(weights, means, covariances\)"),
        ("bad weights", (WEIGHTS * 2, *STATE[1:]), ValueError, "old: weights must sum to 1; they sum to 2"),
        ("strings", ("a", *STATE[1:]), TypeError, "old: weights must hold real numbers"),
        ("fewer", tuple(v[:1] for v in ([1.0], MEANS, COVARIANCES)), ValueError, "old and new must have equal shapes"),
    ],
    "new": [
        ("four", (*STATE, 2), ValueError, r"new must be a tuple \(weights, means, covariances\)"),
        ("NaN", (WEIGHTS, MEANS * np.nan, COVARIANCES), ValueError, r"new: means must be finite; means\[0, 0\] is nan"),
        ("indefinite", (WEIGHTS, MEANS, -COVARIANCES), ValueError, r"new: covariances\[0\] must be positive definite"),
    ],
}
# The mean is a number for one function and a vector for the others.
BAD_MEAN = {
    "number": bad_number("mean"),
    "vector": [
        *(row for row in bad_matrix("mean", MEANS[1]) if row[0] != "one axis less"),
        ("longer", np.zeros(3), ValueError, "mean must have 2 features, as (X|covariance) has; got 3"),
    ],
}
# Arguments that do not fit each other.
MISFITS = [
    (
        "gaussian_log_density",
        {"covariance": np.eye(3)},
        r"covariance must have shape \(2, 2\), as X has 2 features; got",
    ),
    ("mahalanobis_squared", {"X": np.ones((4, 3))}, "mean must have 3 features, as X has; got 2"),
    ("mixture_log_density", {"X": np.ones((4, 3))}, "means must have 3 features, as X has; got 2"),
    ("mixture_mean", {"means": MEANS[:2]}, r"means must have one row for each of the 3 weights; got shape \(2, 2\)"),
    ("em", {"means": MEANS[:2]}, r"means must have one row for each of the 3 weights; got shape \(2, 2\)"),
    ("update_means", {"resp": RESP[:3]}, "resp must have 4 rows, one for each sample; got 3"),
    ("m_step", {"resp": RESP[:3]}, "resp must have 4 rows, one for each sample; got 3"),
    ("elbo", {"resp": np.full((4, 2), 0.5)}, "resp must have 3 columns, one for each component; got 2"),
    ("update_covariances", {"means": MEANS[:, :1]}, r"means must have shape \(3, 2\); got \(3, 1\)"),
    ("update_means", {"resp": np.eye(3)[[0, 1, 1, 0]]}, "component 2 has effective count 0"),
    ("update_covariances", {"resp": np.eye(3)[[2, 1, 1, 2]]}, "component 0 has effective count 0"),
    ("m_step", {"resp": np.eye(3)[[2, 0, 0, 2]]}, "component 1 has effective count 0"),
    ("kmeans_plusplus", {"n_components": 5}, "n_components must be <= 4, the number of distinct samples; got 5"),
    ("kmeans_plusplus_probabilities", {"centres": X}, "every sample of X coincides with a centre"),
    ("standardise", {"X": np.ones((3, 2))}, "feature 0 of X is constant"),
    ("whiten", {"X": np.ones((3, 2))}, "the sample covariance of X must be positive definite"),
    ("update_tied_covariance", {"means": MEANS[:2]}, r"means must have shape \(3, 2\); got \(2, 2\)"),
    ("update_diagonal_covariances", {"resp": np.eye(3)[[2, 1, 1, 2]]}, "component 0 has effective count 0"),
    ("update_spherical_covariances", {"resp": RESP[:3]}, "resp must have 4 rows, one for each sample; got 3"),
    ("map_covariances", {"scale": np.eye(3)}, r"scale must have shape \(2, 2\); got \(3, 3\)"),
    ("inverse_wishart_log_density", {"scale": np.eye(3)}, r"scale must have shape \(2, 2\); got \(3, 3\)"),
    ("map_covariances", {"resp": np.eye(3)[[2, 1, 1, 2]]}, "component 0 has effective count 0"),
    ("update_evv", {"scatters": spoiled(4.0 * COVARIANCES, (0, 0, 1), 0.4)}, r"scatters\[0\] must be symm"),
    (
        "update_vee",
        {"scatters": spoiled(4.0 * COVARIANCES, 1, np.ones((2, 2)))},
        r"scatters\[1\] must be positive definite",
    ),
    (
        "update_vei",
        {"scatters": spoiled(4.0 * COVARIANCES, (1, 1, 1), 0.0)},
        r"scatters\[1\] has a diagonal entry that is",
    ),
    (
        "update_vev",
        {"scatters": spoiled(4.0 * COVARIANCES, 1, np.ones((2, 2)))},
        r"scatters\[1\] has an eigenvalue that",
    ),
    ("merged_scatter", {"means": MEANS}, r"means must have shape \(2, 2\), as counts and scatters say; got \(3, 2\)"),
    ("merge_costs_eii", {"counts": np.ones(3)}, "counts must have 2 entries, one for each mean; got 3"),
    ("random_start", {"n_components": 5}, "n_components must be <= n_samples = 4; got 5"),
]


def table():
    for function, arguments in CALLS.items():
        for name in arguments:
            rows = BAD_MEAN["number" if "x" in arguments else "vector"] if name == "mean" else BAD[name]
            if function == "ridge":  # made for matrices that are singular
                rows = [row for row in rows if "positive definite" not in row[3]]
            if function == "collapse_log_likelihood" and name in ("mean", "variance"):
                rows = [row for row in rows if row[0] != "None"]  # None stands for that of the data
            for what, value, error, message in rows:
                yield pytest.param(function, {name: value}, error, message, id=f"{function}-{name}-{what}")
    for function, change, message in MISFITS:
        name = "-".join(change)
        yield pytest.param(function, change, ValueError, message, id=f"{function}-{name}-{message[:24]}")


def call(function, arguments):
    return getattr(gmm, function)(**arguments)


def copied(value):
    if isinstance(value, tuple):
        return tuple(copied(part) for part in value)
    return value.copy() if isinstance(value, np.ndarray) else value


def flattened(result):
    """The numbers in a result, whatever it is made of."""
    if inspect.isgenerator(result):
        result = next(result)
    if hasattr(result, "__dataclass_fields__"):
        result = tuple(getattr(result, field) for field in result.__dataclass_fields__)
    if isinstance(result, tuple):
        return np.concatenate([flattened(part) for part in result])
    return np.ravel(np.asarray(result, dtype=float))


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="without compilation kernels are functions, too")
def test_the_table_holds_every_public_function():
    # Some chapters, whose arguments are of other kinds, have a table of their own in their test module.
    own = (
        *(gmm.formulas.variational, gmm.formulas.reading, gmm.formulas.anomalies, gmm.formulas.heavy_tails),
        *(gmm.formulas.missing, gmm.formulas.deconvolution, gmm.formulas.cost, gmm.formulas.online),
    )
    public = {
        name
        for module in CHAPTERS
        if module not in own
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    assert public == set(CALLS)
    for name, arguments in CALLS.items():
        assert list(inspect.signature(getattr(gmm, name)).parameters) == list(arguments)


@pytest.mark.parametrize(("function", "change", "error", "message"), list(table()))
def test_bad_input_is_refused_by_name(function, change, error, message):
    arguments = {name: copied(value) for name, value in CALLS[function].items()} | change
    with pytest.raises(error, match=message):
        call(function, arguments)


@pytest.mark.parametrize("function", CALLS)
def test_input_is_never_changed(function):
    arguments = {name: copied(value) for name, value in CALLS[function].items()}
    result = call(function, arguments)
    if function == "em_steps":
        next(result)
        next(result)
    for name, before in CALLS[function].items():
        for kept, given_ in zip(
            before if isinstance(before, tuple) else (before,),
            arguments[name] if isinstance(before, tuple) else (arguments[name],),
            strict=True,
        ):
            assert_array_equal(given_, kept)


@pytest.mark.parametrize("function", CALLS)
def test_results_share_no_memory_with_the_input(function):
    arguments = {name: copied(value) for name, value in CALLS[function].items()}
    result = call(function, arguments)
    if inspect.isgenerator(result):
        result = next(result)
    if hasattr(result, "__dataclass_fields__"):
        result = tuple(getattr(result, field) for field in result.__dataclass_fields__)
    for part in result if isinstance(result, tuple) else (result,):
        for value in arguments.values():
            for array in value if isinstance(value, tuple) else (value,):
                if isinstance(part, np.ndarray) and isinstance(array, np.ndarray):
                    assert not np.shares_memory(part, array)


def strided(array):
    wide = np.full(tuple(2 * size for size in array.shape), 99.0)
    view = wide[tuple(slice(None, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def unaligned(array):
    buffer = np.zeros(array.nbytes + 1, dtype=np.uint8)[1:]
    view = buffer.view(np.float64).reshape(array.shape)
    view[...] = array
    return view


LAYOUTS = {
    "list": lambda array: array.tolist(),
    "Fortran": np.asfortranarray,
    "strided": strided,
    "reversed twice": lambda array: array[::-1].copy()[::-1],
    "read-only": read_only,
    "unaligned": unaligned,
    "big-endian": lambda array: array.astype(">f8"),
    "float32": lambda array: array.astype(np.float32),  # the numbers of these calls are exact in float32
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("function", [name for name in CALLS if name not in ("em_cost", "has_converged")])
def test_type_and_layout_of_the_input_do_not_matter(function, layout):
    def convert(value):
        if isinstance(value, tuple):
            return tuple(convert(part) for part in value)
        if not isinstance(value, np.ndarray) or (layout == "float32" and (value != value.astype(np.float32)).any()):
            return value
        if value.dtype.kind == "i" and layout in ("strided", "unaligned", "big-endian", "float32"):
            return value  # labels stay integers
        return LAYOUTS[layout](value)

    kernel = getattr(getattr(gmm, function), "kernel", None)
    expected = flattened(call(function, CALLS[function]))
    compiled = len(getattr(kernel, "signatures", ()))
    result = flattened(call(function, {name: convert(value) for name, value in CALLS[function].items()}))
    assert_array_equal(result, expected)
    if kernel and not numba.config.DISABLE_JIT:  # one machine code for all of them
        assert len(kernel.signatures) == compiled


@pytest.mark.parametrize("function", [name for name in CALLS if "X" in CALLS[name]])
def test_integers_are_numbers(function):
    whole = np.array([[0, 1], [2, 5], [-1, 3], [5, 2]])
    as_float = flattened(call(function, CALLS[function] | {"X": whole.astype(float)}))
    assert_array_equal(flattened(call(function, CALLS[function] | {"X": whole})), as_float)


@pytest.mark.parametrize(("n", "d", "K"), [(1, 1, 1), (1, 3, 2), (5, 1, 4), (3, 12, 2), (2, 2, 9)])
def test_every_function_takes_any_size(random_mixture, n, d, K):
    rng = np.random.default_rng([n, d, K])
    weights, means, covariances = random_mixture(rng, K, d)
    sized = {
        "X": rng.normal(size=(n, d)),
        "weights": weights,
        "means": means,
        "covariances": covariances,
        "mean": means[0],
        "covariance": covariances[0],
        "resp": rng.dirichlet(np.ones(K), size=n),
        "a": rng.normal(size=(n, K)),
        "q": rng.dirichlet(np.ones(K), size=n),
        "log_p": np.log(rng.dirichlet(np.ones(K), size=n)),
        "cholesky_factor": np.linalg.cholesky(covariances[0]),
        "b": rng.normal(size=d),
        "old": (weights, means, covariances),
        "new": (weights, means, covariances),
        "n_components": 1,
        "labels": np.zeros(n, dtype=int),
        "centres": rng.normal(size=(K, d)),
        "scale": np.eye(d),
        "dof": d + 1.0,
        "scatters": 4.0 * covariances,
        "counts": rng.uniform(1.0, 9.0, size=K),
        "axes": rng.uniform(1.0, 2.0, size=(K, d)),
        "volume": rng.uniform(1.0, 2.0, size=K),
        "shape": np.ones((K, d)),
        "orientation": np.eye(d),
    }
    pair = rng.dirichlet(np.ones(d), size=2), 4.0 * covariances[[0, -1]]
    for function, arguments in CALLS.items():
        if function in ("max_gaussian_log_likelihood", "standardise", "whiten") and n <= d:
            continue  # the covariance of the samples is singular
        mine = {name: sized.get(name, value) for name, value in arguments.items()}
        if "x" in arguments:
            mine["mean"] = 0.5
        if function == "merged_scatter":
            mine = {"counts": np.array([2.0, 3.0]), "means": pair[0], "scatters": pair[1]}
        result = flattened(call(function, mine))
        # A group is not merged with itself: that costs infinity.
        assert (~np.isnan(result) if "merge_costs" in function else np.isfinite(result)).all(), function


def test_missing_values_are_no_numbers():
    X = np.ma.masked_array([[1.0], [2.0]], mask=[[False], [True]])
    with pytest.raises(ValueError, match="X is a masked array with masked entries"):
        gmm.sample_mean(X)


def test_an_equation_has_one_function():
    label = next(iter(EQUATIONS))
    with pytest.raises(ValueError, match=f"'{label}' belongs to"):
        equation(label, kernel=None)(lambda: None)


def test_the_divergence_of_two_mixtures_is_another_function():
    mixture = gmm.GaussianMixture(1)
    with pytest.raises(TypeError, match="mixture_kl_divergence"):
        gmm.kl_divergence(mixture, mixture)
