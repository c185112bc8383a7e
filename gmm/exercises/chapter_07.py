"""Exercises of chapter 7: expectation-maximisation."""

from __future__ import annotations

import numpy as np

from gmm.exercises._core import exercise
from gmm.exercises.chapter_06 import M_STEP_MISTAKES, _m_step
from gmm.formulas.mixture import joint_log_density

_rng = np.random.default_rng(707)


def _mixture(d, K):
    """Random parameters of a mixture: weights far from equal, covariances far from round."""
    A = _rng.normal(size=(K, d, d))
    return _rng.dirichlet(np.ones(K)), _rng.normal(scale=3.0, size=(K, d)), A @ A.transpose(0, 2, 1) + 0.2 * np.eye(d)


# ------------------------------------------------------------------------- predict: every sample twice

exercise(
    "ex-em-duplicate",
    np.array([2.0, 1.0, 1.0, 1.0]),
    returns=("log-likelihood", "weights", "means", "covariances"),
    mistakes=[
        (np.array([1.0, 1.0, 1.0, 1.0]), "the log-likelihood is a sum over samples, not an average."),
        (np.array([4.0, 1.0, 1.0, 1.0]), "the likelihood is squared; its logarithm is doubled."),
        (np.array([2.0, 2.0, 1.0, 1.0]), "the counts double, and so does n: what becomes of their ratio?"),
        (np.array([2.0, 1.0, 2.0, 1.0]), "a weighted mean does not move when every sample appears twice."),
        (np.array([2.0, 1.0, 1.0, 0.5]), "the covariance is divided by the count, but its sum doubles as well."),
        (np.array([2.0, 1.0, 1.0, 2.0]), "the sum of the covariance doubles, and the count it is divided by does too."),
    ],
)

# ------------------------------------------------------------------------- compute: the bound


def _elbo(q, log_joint):
    safe = np.where(q > 0, q, 1.0)
    terms = np.where(q > 0, q * (np.where(q > 0, log_joint, 0.0) - np.log(safe)), 0.0)
    return terms.sum()


def _without_entropy(q, log_joint):
    return np.where(q > 0, q * np.where(q > 0, log_joint, 0.0), 0.0).sum()


def _wrong_sign(q, log_joint):
    return 2 * _without_entropy(q, log_joint) - _elbo(q, log_joint)


def _zero_times_infinity(q, log_joint):
    return (q * (log_joint - np.log(q))).sum()


def _softened(q, log_joint):
    return (q * (log_joint - np.log(q + 1e-3))).sum()


_joints = [_rng.normal(-4.0, 2.0, size=shape) for shape in ((2, 2), (5, 3), (4, 1), (6, 4))]
_bounds = [(_rng.dirichlet(np.ones(a.shape[1]), size=len(a)), a) for a in _joints]

exercise(
    "ex-em-bound",
    _elbo,
    cases=[
        *_bounds,
        (np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[-1.0, -2.0], [-3.0, -1.0]])),  # 0 log 0
        (np.array([[0.0, 1.0]]), np.array([[-np.inf, -2.0]])),  # a component of weight zero
    ],
    mistakes=[
        (_zero_times_infinity, "right for positive q, but 0 · log 0 gives NaN. Its limit is 0: treat q = 0 apart."),
        (_without_entropy, "this is Q, the expected complete log-likelihood; the entropy of q is missing."),
        (_wrong_sign, "the entropy has the wrong sign: subtract log q inside the bracket."),
        (_softened, "a small number inside the logarithm changes the value. Leave q alone, and treat q = 0 apart."),
        (lambda q, a: _elbo(q, a) / len(q), "the bound is a total over the samples, not an average."),
        (lambda q, a: np.logaddexp.reduce(a, axis=1).sum(), "this is the log-likelihood, the bound's upper limit."),
        (
            lambda q, a: np.where(q > 0, np.where(q > 0, a, 0.0) - np.log(np.where(q > 0, q, 1.0)), 0.0).sum(),
            "each bracket is weighted by its q; here every one counts fully.",
        ),
    ],
)

# ------------------------------------------------------------------------- compute: E-step


def _e_step(X, weights, means, covariances):
    log_joint = joint_log_density(X, weights, means, covariances)
    top = log_joint.max(axis=1, keepdims=True)
    log_density = top + np.log(np.exp(log_joint - top).sum(axis=1, keepdims=True))
    return log_joint - log_density, log_density.sum()


def _from_log_joint(log_joint):
    log_density = np.logaddexp.reduce(log_joint, axis=1, keepdims=True)
    return log_joint - log_density, log_density.sum()


def _shares_of_logarithms(log_joint):
    return log_joint / log_joint.sum(axis=1, keepdims=True)


def _naive_e_step(X, weights, means, covariances):
    joint = np.exp(joint_log_density(X, weights, means, covariances))
    return np.log(joint / joint.sum(axis=1, keepdims=True)), np.log(joint.sum(axis=1)).sum()


def _no_weights(X, weights, means, covariances):
    return _e_step(X, np.full(len(weights), 1 / len(weights)), means, covariances)


def _down_the_columns(X, weights, means, covariances):
    log_joint = joint_log_density(X, weights, means, covariances)
    return log_joint - np.logaddexp.reduce(log_joint, axis=0), _e_step(X, weights, means, covariances)[1]


def _per_sample(X, *parameters):
    log_resp, total = _e_step(X, *parameters)
    return log_resp, total / len(X)


def _no_logarithm(X, *parameters):
    log_resp, total = _e_step(X, *parameters)
    return np.exp(log_resp), total


def _sum_of_joint(X, *parameters):
    return _e_step(X, *parameters)[0], joint_log_density(X, *parameters).sum()


_far = np.array([[0.0, 0.0], [60.0, 60.0], [-900.0, 3.0]])

exercise(
    "ex-em-e-step",
    _e_step,
    cases=[
        (np.array([[1.0], [2.0], [3.0]]), np.array([0.5, 0.5]), np.array([[1.0], [3.0]]), np.ones((2, 1, 1))),
        (_rng.normal(scale=3.0, size=(6, 2)), *_mixture(2, 3)),
        (_rng.normal(size=(4, 1)), *_mixture(1, 1)),  # one component
        (_rng.normal(scale=2.0, size=(5, 3)), *_mixture(3, 2)),
        (_far, np.array([0.3, 0.7]), np.array([[0.0, 0.0], [1.0, 0.0]]), np.stack([np.eye(2)] * 2)),
    ],
    returns=("log_resp", "log_likelihood"),
    mistakes=[
        (_naive_e_step, "right near the components, but far samples underflow to log 0. Stay with logarithms."),
        (_no_weights, "the weights are missing from the responsibilities: use the joint density."),
        (_down_the_columns, "normalise over the components of each sample (axis 1), not over the samples."),
        (_per_sample, "the log-likelihood should be the total; this is the average per sample."),
        (_no_logarithm, "return the logarithms of the responsibilities, not the responsibilities."),
        (_sum_of_joint, "the log-likelihood sums log p(x), a log-sum-exp over the components, not the log joints."),
        (lambda *a: _e_step(*a)[::-1], "the order is (log_resp, log_likelihood)."),
        (lambda *a: _e_step(*a)[0], "return the pair (log_resp, log_likelihood); the log-likelihood is missing."),
        (
            lambda *a: (_e_step(*a)[0], np.logaddexp.reduce(joint_log_density(*a), axis=None)),
            "that is one log-sum-exp over everything; take it for each sample, axis 1, and sum these.",
        ),
        (
            lambda *a: _from_log_joint(joint_log_density(*a) + np.log(a[1])),
            "gmm.joint_log_density holds the weights already; here they count twice.",
        ),
        (
            lambda *a: (_e_step(*a)[0], (np.exp(_e_step(*a)[0]) * joint_log_density(*a)).sum()),
            "that is Q, the expected log joint; the log-likelihood is the sum of the log-sum-exps.",
        ),
        (
            lambda *a: (_shares_of_logarithms(joint_log_density(*a)), _e_step(*a)[1]),
            "logarithms are not shares: subtract the log-sum-exp of each row, do not divide.",
        ),
    ],
)

# ------------------------------------------------------------------------- compute: M-step


def _resp(n, K):
    return _rng.dirichlet(np.ones(K), size=n)


exercise(
    "ex-em-m-step",
    _m_step,
    cases=[
        (np.array([[1.0], [2.0], [3.0]]), np.array([[0.8, 0.2], [0.5, 0.5], [0.2, 0.8]])),
        (_rng.normal(scale=3.0, size=(8, 2)), _resp(8, 3)),
        (_rng.normal(size=(7, 3)), np.ones((7, 1))),  # one component
        (1e6 + _rng.normal(size=(9, 2)), _resp(9, 2)),  # far from the origin
    ],
    returns=("weights", "means", "covariances"),
    mistakes=M_STEP_MISTAKES,
)

# ------------------------------------------------------------------------- break: the variance and its square root


def _iteration(x, weights, means, variances, scale=np.sqrt):
    z = (x[:, None] - means) / scale(variances)
    log_joint = np.log(weights) - 0.5 * np.log(2 * np.pi) - np.log(scale(variances)) - 0.5 * z**2
    log_density = np.logaddexp.reduce(log_joint, axis=1, keepdims=True)
    resp = np.exp(log_joint - log_density)
    counts = resp.sum(axis=0)
    means = (resp * x[:, None]).sum(axis=0) / counts
    variances = (resp * (x[:, None] - means) ** 2).sum(axis=0) / counts
    return log_density.sum(), counts / len(x), means, variances


def _returns_deviations(x, weights, means, variances):
    log_likelihood, weights, means, variances = _iteration(x, weights, means, variances)
    return log_likelihood, weights, means, np.sqrt(variances)


def _old_mean(x, weights, means, variances):
    log_likelihood, weights, new, around_new = _iteration(x, weights, means, variances)
    return log_likelihood, weights, new, around_new + (new - means) ** 2


exercise(
    "ex-em-variance-bug",
    _iteration,
    cases=[
        (np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.5]), np.array([1.0, 3.0]), np.array([1.0, 1.0])),
        (np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.5]), np.array([1.5, 2.5]), np.array([0.4, 0.4])),
        (_rng.normal(size=7), np.array([0.2, 0.3, 0.5]), np.array([-1.0, 0.0, 2.0]), np.array([0.3, 4.0, 1.0])),
        (_rng.normal(50.0, 9.0, size=5), np.array([1.0]), np.array([40.0]), np.array([60.0])),
    ],
    returns=("log_likelihood", "weights", "means", "variances"),
    mistakes=[
        (
            lambda *a: _iteration(*a, scale=lambda variances: variances),
            "the bug is still there; with variances of 1 it cannot show. What is `scale`?",
        ),
        (
            lambda *a: _iteration(*a, scale=np.square),
            "you squared the variance; the standard deviation is its square root.",
        ),
        (_returns_deviations, "the density is right now, but the last value returned should be the variance."),
        (_old_mean, "the variance is taken about the old mean; use the new one."),
    ],
)
