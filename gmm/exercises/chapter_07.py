"""Exercises of chapter 7: expectation-maximisation."""

from __future__ import annotations

import numpy as np

from gmm.exercises._core import exercise
from gmm.exercises.chapter_06 import _m_step
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


def _infinity_left_out(q, log_joint):
    return _elbo(q, np.where(np.isinf(log_joint), np.log(np.where(q > 0, q, 1.0)), log_joint))


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
        (np.array([[0.5, 0.5]]), np.array([[-np.inf, -2.0]])),  # and a share in it: minus infinity
    ],
    mistakes=[
        (_zero_times_infinity, "right for positive q, but 0 · log 0 gives NaN. Its limit is 0: treat q = 0 apart."),
        (
            _infinity_left_out,
            "right for q = 0, but where q > 0 meets a log joint density of −∞ the bound is −∞: leave that term in.",
        ),
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

# ------------------------------------------------------------------------- compute: an E-step with labels


def _lse(log_joint):
    top = log_joint.max(axis=1, keepdims=True)
    return top + np.log(np.exp(log_joint - top).sum(axis=1, keepdims=True))


def _e_step(X, weights, means, covariances, labels):
    log_joint = joint_log_density(X, weights, means, covariances)
    resp = np.exp(log_joint - _lse(log_joint))
    log_density = _lse(log_joint)[:, 0]
    for i in np.flatnonzero(labels >= 0):
        resp[i] = np.arange(len(weights)) == labels[i]
        log_density[i] = log_joint[i, labels[i]]
    return resp, log_density.sum()


def _labels_ignored(X, weights, means, covariances, labels):
    return _e_step(X, weights, means, covariances, np.full(len(X), -1))


def _marginal_of_labelled(*a):
    return _e_step(*a)[0], _labels_ignored(*a)[1]


def _shares_kept(*a):
    return _labels_ignored(*a)[0], _e_step(*a)[1]


def _labelled_left_out(X, weights, means, covariances, labels):
    log_density = _lse(joint_log_density(X, weights, means, covariances))[:, 0]
    return _e_step(X, weights, means, covariances, labels)[0], log_density[labels < 0].sum()


def _label_without_weight(X, weights, means, covariances, labels):
    resp, total = _e_step(X, weights, means, covariances, labels)
    return resp, total - np.log(weights[labels[labels >= 0]]).sum()


def _naive_e_step(X, weights, means, covariances, labels):
    joint = np.exp(joint_log_density(X, weights, means, covariances))
    joint[(labels[:, None] >= 0) & (np.arange(len(weights)) != labels[:, None])] = 0.0
    return joint / joint.sum(axis=1, keepdims=True), np.log(joint.sum(axis=1)).sum()


def _from_one(X, weights, means, covariances, labels):
    return _e_step(X, weights, means, covariances, np.where(labels >= 0, labels - 1, -1))


def _zero_is_unknown(X, weights, means, covariances, labels):
    return _e_step(X, weights, means, covariances, np.where(labels > 0, labels, -1))


def _minus_one_is_last(X, weights, means, covariances, labels):
    return _e_step(X, weights, means, covariances, labels % len(weights))


def _per_sample(X, *rest):
    resp, total = _e_step(X, *rest)
    return resp, total / len(X)


def _logarithms(*a):
    resp, total = _e_step(*a)
    return np.log(resp), total


def _labelled_case(shape, K, labels):
    return _rng.normal(scale=3.0, size=shape), *_mixture(shape[1], K), np.array(labels)


_far = np.array([[0.0, 0.0], [60.0, 60.0], [-900.0, 3.0], [-900.0, 3.0]])

exercise(
    "ex-em-e-step",
    _e_step,
    cases=[
        (
            np.array([[1.0], [2.0], [3.0]]),
            np.array([0.5, 0.5]),
            np.array([[1.0], [3.0]]),
            np.ones((2, 1, 1)),
            np.array([0, -1, -1]),
        ),
        _labelled_case((6, 2), 3, [-1, 2, -1, 0, 1, -1]),
        _labelled_case((4, 1), 1, [-1, 0, -1, 0]),  # one component
        _labelled_case((5, 3), 2, [-1] * 5),  # no labels
        _labelled_case((3, 2), 2, [1, 0, 1]),  # all labels
        (
            _far,
            np.array([0.3, 0.7]),
            np.array([[0.0, 0.0], [1.0, 0.0]]),
            np.stack([np.eye(2)] * 2),
            np.array([-1, 0, -1, 1]),
        ),
    ],
    returns=("resp", "log_likelihood"),
    mistakes=[
        (_naive_e_step, "right near the components, but far samples underflow. Stay with logarithms till the end."),
        (_labels_ignored, "the labels are not used: a labelled sample belongs to its component wholly."),
        (
            _marginal_of_labelled,
            "the responsibilities are right; a labelled sample contributes its log joint density, not log p(x).",
        ),
        (_shares_kept, "the log-likelihood is right; the responsibilities of a labelled sample are 1 and 0."),
        (
            _labelled_left_out,
            "the responsibilities are right; the labelled samples are missing from the log-likelihood.",
        ),
        (
            _label_without_weight,
            "the responsibilities are right; the joint density of a labelled sample has its component's weight.",
        ),
        (_from_one, "labels count from 0, and −1 stands for unknown."),
        (_zero_is_unknown, "label 0 is the first component; only −1 stands for unknown."),
        (_minus_one_is_last, "−1 is not the last component: it says that the label is unknown."),
        (_per_sample, "the log-likelihood should be the total; this is the average per sample."),
        (_logarithms, "return the responsibilities, not their logarithms."),
        (lambda *a: _e_step(*a)[::-1], "the order is (resp, log_likelihood)."),
        (lambda *a: _e_step(*a)[0], "return the pair (resp, log_likelihood); the log-likelihood is missing."),
    ],
)

# ------------------------------------------------------------------------- compute: an M-step with one mean known


def _resp(n, K):
    return _rng.dirichlet(np.ones(K), size=n)


def _scatters_about(X, resp, centres):
    return np.stack(
        [(r[:, None] * (X - c)).T @ (X - c) / r.sum() for r, c in zip(resp.T, centres, strict=True)],
    )


def _m_step_known(X, resp, known):
    weights, means, _ = _m_step(X, resp)
    means[0] = known
    return weights, means, _scatters_about(X, resp, means)


def _known_ignored(X, resp, known):
    return _m_step(X, resp)


def _scatter_about_average(X, resp, known):
    weights, means, _ = _m_step_known(X, resp, known)
    return weights, means, _m_step(X, resp)[2]


def _mean_kept(X, resp, known):
    return *_m_step(X, resp)[:2], _m_step_known(X, resp, known)[2]


def _all_about_known(X, resp, known):
    weights, means, _ = _m_step_known(X, resp, known)
    return weights, means, _scatters_about(X, resp, np.broadcast_to(known, means.shape))


def _all_means_known(X, resp, known):
    weights, means, _ = _m_step(X, resp)
    means[:] = known
    return weights, means, _scatters_about(X, resp, means)


def _known_divided_by_n(X, resp, known):
    weights, means, covariances = _m_step_known(X, resp, known)
    return weights, means, covariances * weights[:, None, None]


def _known_expanded(X, resp, known):
    weights, means, _ = _m_step_known(X, resp, known)
    counts, averages = resp.sum(axis=0), resp.T @ X / resp.sum(axis=0)[:, None]
    second = np.einsum("ik,ia,ib->kab", resp, X, X) / counts[:, None, None]
    cross = averages[:, :, None] * means[:, None, :]
    return weights, means, second - cross - cross.swapaxes(1, 2) + means[:, :, None] * means[:, None, :]


def _last_known(X, resp, known):
    weights, means, _ = _m_step(X, resp)
    means[-1] = known
    return weights, means, _scatters_about(X, resp, means)


def _known_case(n, d, K, offset=0.0):
    return offset + _rng.normal(scale=2.0, size=(n, d)), _resp(n, K), offset + _rng.normal(size=d)


exercise(
    "ex-em-m-step",
    _m_step_known,
    cases=[
        (np.array([[1.0], [2.0], [3.0]]), np.array([[0.8, 0.2], [0.5, 0.5], [0.2, 0.8]]), np.array([1.0])),
        _known_case(8, 2, 3),
        _known_case(7, 3, 1),  # one component
        _known_case(9, 2, 2, 1e6),  # far from the origin
    ],
    returns=("weights", "means", "covariances"),
    mistakes=[
        (_known_ignored, "the known mean is not used: this is the ordinary M-step."),
        (_scatter_about_average, "weights and means are right; the first scatter is taken about the known mean."),
        (_mean_kept, "weights and covariances are right; the first mean returned should be the known one."),
        (_all_about_known, "weights and means are right; only the first covariance is taken about the known mean."),
        (_all_means_known, "only the first mean is known; the others are estimated."),
        (_last_known, "the first component is the known one, not the last."),
        (_known_divided_by_n, "weights and means are right; divide each scatter by its effective count, not by n."),
        (
            _known_expanded,
            "right near the origin, but expanded squares lose their digits far from it. Differences first.",
        ),
        (
            lambda X, resp, known: (resp.sum(axis=0), *_m_step_known(X, resp, known)[1:]),
            "the first result holds the effective counts; divide them by n.",
        ),
    ],
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
