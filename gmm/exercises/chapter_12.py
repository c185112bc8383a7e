"""Exercises of chapter 12: fourteen models."""

from __future__ import annotations

import numpy as np

from gmm.exercises._core import exercise

_rng = np.random.default_rng(1212)

# ------------------------------------------------------------------------- predict: what one letter costs

exercise(
    "ex-fourteen-letter",
    180,
    mistakes=[
        (225, "EEE has an orientation as well: only four of the five are additional."),
        (220, "an orientation has d(d-1)/2 parameters, 45; 55 is a whole symmetric matrix."),
        (400, "the columns of an orientation are orthonormal: d(d-1)/2 are free, not d squared."),
        (45, "that is one orientation; how many more of them has EEV?"),
        (216, "volume and shape are shared in both models; only orientations differ."),
    ],
)

# ------------------------------------------------------------------------- predict: who is merged first

exercise(
    "ex-fourteen-ward",
    4.5,
    mistakes=[
        (9.0, "two candidates: for the groups it is 12 · 6 / 18 · 1.5², for the single samples less."),
        (6.0, "the distance is squared."),
        (1.5, "the distance is squared, and the counts make a factor n_a n_b / (n_a + n_b)."),
        (2.25, "that is a squared distance; the counts make a factor n_a n_b / (n_a + n_b)."),
    ],
)

# ------------------------------------------------------------------------- predict: an agreed volume

exercise(
    "ex-fourteen-volume",
    3.5,
    mistakes=[
        (4.5, "the volume of a component is the geometric mean of its eigenvalues, not the arithmetic one."),
        (35.0, "that is the mean of |W|^(1/d); it is to be divided by the number of samples, 20, not of components."),
        (70.0, "that is the sum of the geometric means; divide it by n."),
        (7.0, "divide by all samples, 20, not by those of one component."),
        (1.75, "the determinant takes the root 1/d already: do not divide by d again."),
        (12.25, "that is a squared volume: the root 1/d is missing."),
    ],
)

# ------------------------------------------------------------------------- compute: from full to EVV


def _volumes(covariances):
    return np.exp(np.linalg.slogdet(covariances)[1] / covariances.shape[1])


def _evv(covariances, counts):
    volumes = _volumes(covariances)
    return (np.average(volumes, weights=counts) / volumes)[:, None, None] * covariances


def _evv_unweighted(covariances, counts):
    volumes = _volumes(covariances)
    return (volumes.mean() / volumes)[:, None, None] * covariances


def _evv_geometric(covariances, counts):
    volumes = _volumes(covariances)
    mean = np.exp(np.average(np.log(volumes), weights=counts))
    return (mean / volumes)[:, None, None] * covariances


def _evv_total(covariances, counts):
    volumes = _volumes(covariances)
    return ((counts * volumes).sum() / volumes)[:, None, None] * covariances


def _evv_eee_volume(covariances, counts):
    pooled = np.average(covariances, axis=0, weights=counts)
    return (_volumes(pooled[None]) / _volumes(covariances))[:, None, None] * covariances


def _evv_scatters(covariances, counts):
    # as if the covariances had been divided by their counts already once more
    volumes = _volumes(covariances)
    return (volumes.sum() / counts.sum() / volumes)[:, None, None] * covariances


def _evv_traces(covariances, counts):
    size = np.trace(covariances, axis1=1, axis2=2)
    return (np.average(size, weights=counts) / size)[:, None, None] * covariances


def _evv_determinants(covariances, counts):
    size = np.exp(np.linalg.slogdet(covariances)[1])
    return (np.average(size, weights=counts) / size)[:, None, None] * covariances


def _evv_shapes(covariances, counts):
    return covariances / _volumes(covariances)[:, None, None]


def _evv_underflow(covariances, counts):
    with np.errstate(all="ignore"):
        volumes = np.linalg.det(covariances) ** (1 / covariances.shape[1])
        return (np.average(volumes, weights=counts) / volumes)[:, None, None] * covariances


def _pooled(covariances, counts):
    return np.repeat(np.average(covariances, axis=0, weights=counts)[None], len(counts), axis=0)


def _case(K, d, scale=1.0):
    """Covariances of different volumes, shapes and tilts, with unequal counts."""
    D = np.linalg.qr(_rng.normal(size=(K, d, d)))[0]
    values = scale * np.exp(_rng.normal(size=(K, 1)) + 0.7 * _rng.normal(size=(K, d)))
    covariances = (D * values[:, None, :]) @ D.transpose(0, 2, 1)
    return (covariances + covariances.transpose(0, 2, 1)) / 2, np.round(_rng.uniform(2, 40, size=K), 1)


_HAND = (np.array([[[2.5, 2.0], [2.0, 2.5]], [[1.0, 0.0], [0.0, 4.0]]]), np.array([2.0, 4.0]))

exercise(
    "ex-fourteen-evv",
    _evv,
    cases=[_HAND, _case(3, 3), _case(2, 5), _case(1, 2), _case(2, 100, scale=1e-5)],
    mistakes=[
        (_evv_unweighted, "components do not count equally: each volume with the share N_k/n."),
        (_evv_geometric, "over the components the mean is arithmetic; the geometric one is within a component."),
        (_evv_total, "that is the sum of N_k times the volumes; divide it by n."),
        (_evv_eee_volume, "that is the volume of the pooled matrix: here shapes are not pooled, only volumes."),
        (_evv_scatters, "these are covariances, divided by N_k already: the volumes are weighted by N_k."),
        (_evv_traces, "the volume is a determinant to the power 1/d, not a trace."),
        (_evv_determinants, "the root 1/d is missing in the volumes."),
        (_evv_shapes, "these have volume one; give them the common volume."),
        (_evv_underflow, "the determinant leaves the range of float64 here: work with its logarithm."),
        (_pooled, "that is EEE; only volumes are to be equal."),
        (lambda covariances, counts: covariances.copy(), "these still have their own volumes."),
    ],
)

# ------------------------------------------------------------------------- compute: from full to EEV


def _axes(covariances):
    values, D = np.linalg.eigh(covariances)
    return values, D


def _eev(covariances, counts):
    values, D = _axes(covariances)
    return (D * np.average(values, axis=0, weights=counts)) @ D.transpose(0, 2, 1)


def _eev_unweighted(covariances, counts):
    values, D = _axes(covariances)
    return (D * values.mean(axis=0)) @ D.transpose(0, 2, 1)


def _eev_geometric(covariances, counts):
    values, D = _axes(covariances)
    return (D * np.exp(np.average(np.log(values), axis=0, weights=counts))) @ D.transpose(0, 2, 1)


def _eev_crossed(covariances, counts):
    values, D = _axes(covariances)
    return (D * np.average(values, axis=0, weights=counts)[::-1]) @ D.transpose(0, 2, 1)


def _eev_rows(covariances, counts):
    values, D = _axes(covariances)
    return (D.transpose(0, 2, 1) * np.average(values, axis=0, weights=counts)) @ D


def _eev_sum(covariances, counts):
    values, D = _axes(covariances)
    return (D * (counts @ values)) @ D.transpose(0, 2, 1)


def _eev_eigenvalues_of_pooled(covariances, counts):
    common = np.linalg.eigvalsh(np.average(covariances, axis=0, weights=counts))
    D = _axes(covariances)[1]
    return (D * common) @ D.transpose(0, 2, 1)


def _eev_vev(covariances, counts):
    values, D = _axes(covariances)
    common = np.average(values, axis=0, weights=counts)
    common = common / np.exp(np.log(common).mean())
    volumes = np.exp(np.log(values).mean(axis=1, keepdims=True))
    return (D * (volumes * common)[:, None, :]) @ D.transpose(0, 2, 1)


def _eev_diagonals(covariances, counts):
    common = np.average(_axes(covariances)[0], axis=0, weights=counts)
    return np.repeat(np.diag(common)[None], len(counts), axis=0)


exercise(
    "ex-fourteen-eev",
    _eev,
    cases=[_HAND, _case(3, 3), _case(2, 5), _case(1, 3), _case(4, 2)],
    mistakes=[
        (_eev_unweighted, "components do not count equally: each eigenvalue with the share N_k/n."),
        (_eev_geometric, "over the components the mean is arithmetic."),
        (_eev_crossed, "long meets short: the common lengths must stand in the order of each component's axes."),
        (_eev_rows, "the eigenvectors are the columns of what eigh returns: D diag D', not D' diag D."),
        (_eev_sum, "that is the sum of N_k times the eigenvalues; divide it by n."),
        (_eev_eigenvalues_of_pooled, "average the eigenvalues, not the matrices: the axes differ."),
        (_eev_vev, "each has kept its own volume here; EEV shares it."),
        (_eev_diagonals, "turn the common lengths back to each component's own axes."),
        (_pooled, "that is EEE; each component has its own axes here."),
    ],
)

# ------------------------------------------------------------------------- compute: a merge cost that is missing


def _factor(counts):
    return counts[0] * counts[1] / counts.sum()


def _merge(counts, means, squares, n):
    return n / 2 * np.log1p(_factor(counts) * (means[0] - means[1]) ** 2 / squares).sum()


def _merge_twice(counts, means, squares, n):
    return 2 * _merge(counts, means, squares, n)


def _merge_two_groups(counts, means, squares, n):
    return _merge(counts, means, squares, counts.sum())


def _merge_no_factor(counts, means, squares, n):
    return n / 2 * np.log1p((means[0] - means[1]) ** 2 / squares).sum()


def _merge_eee(counts, means, squares, n):
    return n / 2 * np.log1p((_factor(counts) * (means[0] - means[1]) ** 2 / squares).sum())


def _merge_eii(counts, means, squares, n):
    d = len(squares)
    return n * d / 2 * np.log1p(_factor(counts) * ((means[0] - means[1]) ** 2).sum() / squares.sum())


def _merge_linear(counts, means, squares, n):
    return n / 2 * (_factor(counts) * (means[0] - means[1]) ** 2 / squares).sum()


def _merge_not_squared(counts, means, squares, n):
    return n / 2 * np.log1p(_factor(counts) * np.abs(means[0] - means[1]) / squares).sum()


def _merge_no_n(counts, means, squares, n):
    return _merge(counts, means, squares, 1)


def _merge_harmonic(counts, means, squares, n):
    factor = counts.sum() / (counts[0] * counts[1])
    return n / 2 * np.log1p(factor * (means[0] - means[1]) ** 2 / squares).sum()


def _merge_case(d, scale=1.0):
    counts = _rng.integers(1, 20, size=2).astype(float)
    return counts, scale * _rng.normal(size=(2, d)), np.exp(_rng.normal(size=d)) * 10, int(counts.sum()) + 17


exercise(
    "ex-fourteen-merge",
    _merge,
    cases=[
        (np.array([1.0, 1.0]), np.array([[0.0, 0.0], [2.0, 1.0]]), np.array([2.0, 4.0]), 10),
        _merge_case(3),
        _merge_case(1),
        _merge_case(5, scale=4.0),
    ],
    mistakes=[
        (_merge_twice, "that is twice the loss: the log-likelihood has a factor 1/2."),
        (_merge_two_groups, "the covariance is shared by all groups, so all n samples feel the merge."),
        (_merge_no_factor, "the counts are missing: n_a n_b / (n_a + n_b) in front of the squared difference."),
        (_merge_eee, "a sum of logarithms over the features, not the logarithm of a sum: the matrix stays diagonal."),
        (_merge_eii, "that is EII, one variance for all features."),
        (_merge_linear, "for small merges nearly right; the logarithm is missing."),
        (_merge_not_squared, "the differences of the means are to be squared."),
        (_merge_no_n, "that is per sample; the total is asked for."),
        (_merge_harmonic, "the factor is upside down: heavy groups cost more."),
        (lambda *given: -_merge(*given), "a cost is what is lost: positive."),
    ],
)

# ------------------------------------------------------------------------- break: axes that stand still

exercise(
    "ex-fourteen-stuck",
    45,
    mistakes=[
        (0, "there the axes are right already, and the components are no balls."),
        (90, "there the axes have only changed places, and the components are no balls."),
        (np.pi / 4, "degrees are asked for, not radians."),
        (30, "the squares of the two axes differ there, and so the sweep turns."),
    ],
)
