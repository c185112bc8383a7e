"""Chapter 12: each M-step is the maximum of its model; parts and counts; merge costs are losses of log-likelihood."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.linalg import expm
from sklearn.datasets import load_iris

import gmm
from gmm.formulas.parsimony import MODELS

UPDATES = {name: getattr(gmm, f"update_{name.lower()}", None) for name in MODELS}
OURS = [name for name, update in UPDATES.items() if update is not None]
COUPLED = ["VEI", "VEE", "EVE", "VVE", "VEV"]


def vvi(scatters, counts):
    return np.diagonal(scatters, axis1=1, axis2=2)[:, :, None] / counts[:, None, None] * np.eye(scatters.shape[1])


def vii(scatters, counts):
    d = scatters.shape[1]
    return (np.trace(scatters, axis1=1, axis2=2) / (d * counts))[:, None, None] * np.eye(d)


UPDATES["VVI"], UPDATES["VII"] = vvi, vii
UPDATES["EEE"] = lambda scatters, counts: np.repeat(scatters.sum(axis=0)[None] / counts.sum(), len(counts), axis=0)
UPDATES["VVV"] = lambda scatters, counts: scatters / counts[:, None, None]


def problem(K, d, seed=0, spread=1.0):
    """Scatter matrices and counts of components of very different volumes, shapes and orientations."""
    rng = np.random.default_rng([K, d, seed])
    counts = rng.uniform(2, 30, size=K)
    roots = rng.normal(size=(K, d, d)) * np.exp(spread * rng.normal(size=(K, 1, d)))
    scatters = counts[:, None, None] * (roots @ roots.transpose(0, 2, 1) / d + 0.05 * np.eye(d))
    return (scatters + scatters.transpose(0, 2, 1)) / 2, counts


def loss(covariances, scatters, counts):
    """Minus twice what Q says about the covariances, as the text states it."""
    log_determinants = np.linalg.slogdet(covariances)[1]
    traces = np.trace(np.linalg.solve(covariances, scatters), axis1=1, axis2=2)
    return float(counts @ log_determinants + traces.sum())


# ------------------------------------------------------------------------------------- M-steps are maxima


class Coordinates:
    """A model's own free numbers around one of its members: logarithms of volumes and shapes, and small rotations."""

    def __init__(self, name, covariances):
        self.name, self.K, self.d = name, *covariances.shape[:2]
        d = self.d
        self.volume = np.exp(np.linalg.slogdet(covariances)[1] / d)
        if name[2] == "I":
            self.axes = np.broadcast_to(np.eye(d), covariances.shape)
        elif name[2] == "E":
            # One of the matrices shows the axes if no two of its eigenvalues are equal; all must have them.
            self.axes = np.broadcast_to(np.linalg.eigh(covariances[0])[1], covariances.shape)
        else:
            self.axes = np.linalg.eigh(covariances)[1]
        inside = self.axes.transpose(0, 2, 1) @ covariances @ self.axes
        self.shape = np.diagonal(inside, axis1=1, axis2=2) / self.volume[:, None]
        self.pairs = [(j, l) for j in range(d) for l in range(j)]
        copies = [{"I": 0, "E": 1, "V": self.K}[letter] for letter in name]
        self.blocks = [(copies[0], 1), (copies[1], d - 1), (copies[2], len(self.pairs))]
        self.n_free = sum(times * size for times, size in self.blocks)
        # The member that was given must be in the model.
        size = np.abs(covariances).max()
        assert_allclose(self(np.zeros(self.n_free)), covariances, rtol=0, atol=1e-8 * size)
        if name[0] == "E":
            assert_allclose(self.volume, self.volume[0], rtol=1e-8)
        if name[1] == "E":
            assert_allclose(self.shape, np.broadcast_to(self.shape[0], self.shape.shape), rtol=1e-7)
        if name[1] == "I":
            assert_allclose(self.shape, 1.0, rtol=1e-10)

    def __call__(self, free):
        parts, at = [], 0
        for times, size in self.blocks:
            block = free[at : at + times * size].reshape(times, size)
            parts.append(np.broadcast_to(block if times else np.zeros((1, size)), (self.K, size)))
            at += times * size
        made = []
        for k in range(self.K):
            stretch = np.append(parts[1][k], -parts[1][k].sum())
            skew = np.zeros((self.d, self.d))
            for (j, l), angle in zip(self.pairs, parts[2][k], strict=True):
                skew[j, l], skew[l, j] = angle, -angle
            D = self.axes[k] @ expm(skew)
            made.append(self.volume[k] * np.exp(parts[0][k]) * (D * (self.shape[k] * np.exp(stretch))) @ D.T)
        return np.array(made)


@pytest.mark.equation(
    "eq-update-eii",
    "eq-update-eei",
    "eq-update-vei",
    "eq-update-evi",
    "eq-update-vee",
    "eq-update-eve",
    "eq-update-vve",
    "eq-update-eev",
    "eq-update-vev",
    "eq-update-evv",
)
@pytest.mark.parametrize(("K", "d"), [(1, 3), (2, 2), (3, 3)])
@pytest.mark.parametrize("name", OURS)
def test_each_update_is_a_maximum_along_the_models_own_parameters(name, K, d):
    scatters, counts = problem(K, d, seed=1)
    to_the_end = {"tol": 0.0, "max_iter": 5000} if name in COUPLED else {}
    best = UPDATES[name](scatters, counts, **to_the_end)
    model = Coordinates(name, best)
    assert model.n_free == gmm.n_covariance_parameters(K, d, name)
    n, h = counts.sum(), 1e-4
    steps = h * np.eye(model.n_free)

    def F(free):
        return loss(model(free), scatters, counts) / n

    middle = F(np.zeros(model.n_free))
    for step in steps:
        up, down = F(step), F(-step)
        assert abs(up - down) / (2 * h) < 2e-6
        assert up + down - 2 * middle > 0
    # Not only along the axes: in every direction of a small neighbourhood.
    rng = np.random.default_rng(3)
    for reach in (1e-3, 0.03):
        for _ in range(10):
            assert F(reach * rng.normal(size=model.n_free)) > middle


@pytest.mark.equation(
    "eq-update-eii",
    "eq-update-eei",
    "eq-update-vei",
    "eq-update-evi",
    "eq-update-vee",
    "eq-update-eve",
    "eq-update-vve",
    "eq-update-eev",
    "eq-update-vev",
    "eq-update-evv",
)
@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 10**6))
def test_far_members_of_the_model_are_worse(K, d, seed):
    scatters, counts = problem(K, d, seed)
    rng = np.random.default_rng(seed)
    volume = np.exp(rng.normal(size=K)) * (np.trace(scatters.sum(axis=0)) / counts.sum() / d)
    shape = np.exp(rng.normal(size=(K, d)))
    shape /= np.exp(np.log(shape).mean(axis=1, keepdims=True))
    D = np.linalg.qr(rng.normal(size=(K, d, d)))[0]
    for name in OURS:
        v = volume if name[0] == "V" else volume[:1]
        a = {"I": np.ones((1, d)), "E": shape[:1], "V": shape}[name[1]]
        o = {"I": np.eye(d)[None], "E": D[:1], "V": D}[name[2]]
        other = np.broadcast_to(gmm.compose_covariances(v, a, o), scatters.shape)
        best = UPDATES[name](scatters, counts)
        if name in ("EVE", "VVE"):  # a search for axes may end at a local maximum; from these axes it must climb
            best = UPDATES[name](scatters, counts, orientation=o[0])
        assert loss(best, scatters, counts) <= loss(other, scatters, counts) * (1 + 1e-12) + 1e-9


@pytest.mark.equation(
    "eq-update-eii",
    "eq-update-eei",
    "eq-update-vei",
    "eq-update-evi",
    "eq-update-vee",
    "eq-update-eve",
    "eq-update-vve",
    "eq-update-eev",
    "eq-update-vev",
    "eq-update-evv",
)
@pytest.mark.parametrize(("K", "d"), [(2, 2), (3, 4), (5, 1)])
def test_larger_models_reach_higher(K, d):
    for seed in range(5):
        scatters, counts = problem(K, d, seed, spread=0.3)
        F = {name: loss(UPDATES[name](scatters, counts), scatters, counts) for name in MODELS}
        order = "IEV"
        for small in MODELS:
            for large in MODELS:
                inside = all(order.index(s) <= order.index(b) for s, b in zip(small, large, strict=True))
                # The shared axes of EVE and VVE are searched for, so that a local maximum may lie lower.
                if inside and large not in ("EVE", "VVE"):
                    assert F[large] <= F[small] + 1e-8 * abs(F[small]) + 1e-8, (small, large)
        assert min(F.values()) >= F["VVV"] - 1e-9 * abs(F["VVV"])


@pytest.mark.equation("eq-update-eve", "eq-update-vve")
@settings(max_examples=25, deadline=None)
@given(st.integers(2, 4), st.integers(2, 4), st.integers(0, 10**6))
def test_shared_axes_are_no_worse_than_where_the_search_began(K, d, seed):
    scatters, counts = problem(K, d, seed)
    begin = np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]
    turned = begin.T @ scatters @ begin
    turned = (turned + turned.transpose(0, 2, 1)) / 2
    for name, upright in (("EVE", "EVI"), ("VVE", "VVI")):
        fixed = loss(UPDATES[upright](turned, counts), turned, counts)
        assert loss(UPDATES[name](scatters, counts, orientation=begin), scatters, counts) <= fixed + 1e-9 * abs(fixed)


# ------------------------------------------------------------------------------------- closed forms and limits


@pytest.mark.equation(
    "eq-update-eii",
    "eq-update-eei",
    "eq-update-vei",
    "eq-update-evi",
    "eq-update-vee",
    "eq-update-eve",
    "eq-update-vve",
    "eq-update-eev",
    "eq-update-vev",
    "eq-update-evv",
)
def test_one_component_has_no_choice_but_round_upright_and_full():
    scatters, counts = problem(1, 3)
    S = scatters / counts[0]
    for name in OURS:
        expected = {"I": S * np.eye(3) if name[1] != "I" else np.trace(S[0]) / 3 * np.eye(3)[None]}.get(name[2], S)
        assert_allclose(UPDATES[name](scatters, counts), expected, rtol=1e-7, atol=1e-7 * S.max(), err_msg=name)


@pytest.mark.equation(
    "eq-update-eii",
    "eq-update-eei",
    "eq-update-vei",
    "eq-update-evi",
    "eq-update-vee",
    "eq-update-eve",
    "eq-update-vve",
    "eq-update-eev",
    "eq-update-vev",
    "eq-update-evv",
)
def test_equal_scatters_per_sample_give_that_covariance_to_all():
    S = problem(1, 4)[0][0]
    counts = np.array([3.0, 11.0, 0.5])
    scatters = counts[:, None, None] * S
    for name in OURS:
        expected = {"I": np.diag(np.diag(S)) if name[1] != "I" else np.trace(S) / 4 * np.eye(4)}.get(name[2], S)
        found = UPDATES[name](scatters, counts)
        assert_allclose(found, np.broadcast_to(expected, (3, 4, 4)), rtol=1e-7, atol=1e-7 * S.max(), err_msg=name)


@pytest.mark.equation(
    "eq-update-eii",
    "eq-update-eei",
    "eq-update-vei",
    "eq-update-evi",
    "eq-update-vee",
    "eq-update-eve",
    "eq-update-vve",
    "eq-update-eev",
    "eq-update-vev",
    "eq-update-evv",
)
def test_parts_that_were_put_in_come_out():
    # Scatters that a member of the model has exactly: every update must return it.
    rng = np.random.default_rng(5)
    K, d = 3, 3
    counts = np.array([4.0, 9.0, 2.0])
    shape = np.array([[4.0, 1.0, 0.25], [2.5, 1.0, 0.4], [8.0, 0.5, 0.25]])
    D = np.linalg.qr(rng.normal(size=(K, d, d)))[0]
    for name in OURS:
        volume = np.array([2.0, 0.5, 7.0]) if name[0] == "V" else np.full(K, 2.0)
        a = {"I": np.ones((K, d)), "E": shape[[0, 0, 0]], "V": shape}[name[1]]
        o = {"I": np.repeat(np.eye(d)[None], K, axis=0), "E": D[[0, 0, 0]], "V": D}[name[2]]
        true = gmm.compose_covariances(volume, a, o)
        found = UPDATES[name](counts[:, None, None] * true, counts)
        assert_allclose(found, true, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.equation("eq-update-eii", "eq-update-eei", "eq-update-evi")
def test_by_hand():
    # Two components of two upright scatters, as in the chapter.
    scatters, counts = np.array([np.diag([8.0, 2.0]), np.diag([3.0, 12.0])]), np.array([2.0, 3.0])
    assert_allclose(gmm.update_eii(scatters, counts)[0], 2.5 * np.eye(2), rtol=1e-14)
    assert_allclose(gmm.update_eei(scatters, counts)[0], np.diag([11 / 5, 14 / 5]), rtol=1e-14)
    geometric = np.sqrt([16.0, 36.0])
    expected = geometric.sum() / 5 * np.array([np.diag([2, 0.5]), np.diag([0.5, 2])])
    assert_allclose(gmm.update_evi(scatters, counts), expected, rtol=1e-14)


# mclust 6.0.0, R 4.2.2: mstep(iris[, 1:3], z = …) with tolerances of 1e-15 and 10000 inner iterations; F.
MCLUST = {
    "EII": 526.211512146,
    "EEI": 277.486492381,
    "VEI": 271.595910231,
    "EVI": 275.73451019,
    "VEE": -13.6593566563,
    "EVE": -17.2571129548,
    "VVE": -18.0879878532,
    "EEV": -18.2660707303,
    "VEV": -19.1652569993,
    "EVV": -22.5486169081,
}


@pytest.mark.equation(
    "eq-update-eii",
    "eq-update-eei",
    "eq-update-vei",
    "eq-update-evi",
    "eq-update-vee",
    "eq-update-eve",
    "eq-update-vve",
    "eq-update-eev",
    "eq-update-vev",
    "eq-update-evv",
)
@pytest.mark.parametrize("name", OURS)
def test_the_maxima_are_those_of_mclust(name):
    X, i = load_iris().data[:, :3], np.arange(150)
    resp = np.column_stack([1 + (i * 7) % 11, 1 + (i * 5) % 7, 1 + (i // 50) * 4]).astype(float)
    resp /= resp.sum(axis=1, keepdims=True)
    scatters = gmm.scatter_matrices(X, resp, gmm.update_means(X, resp))
    counts = gmm.effective_counts(resp)
    found = loss(UPDATES[name](scatters, counts), scatters, counts)
    if name == "VVE":  # its search for shared axes ends at a lower maximum of Q than ours
        assert found < MCLUST[name]
    else:
        assert found == pytest.approx(MCLUST[name], rel=2e-9, abs=1e-9)


@pytest.mark.equation("eq-update-vei", "eq-update-vee", "eq-update-eve", "eq-update-vve", "eq-update-vev")
@pytest.mark.parametrize("name", COUPLED)
def test_no_inner_iteration_lowers_Q_and_the_last_ones_gain_nothing(name):
    for seed in range(3):
        scatters, counts = problem(3, 3, seed, spread=0.6)
        F = [loss(UPDATES[name](scatters, counts, tol=0, max_iter=m), scatters, counts) for m in range(60)]
        F.append(loss(UPDATES[name](scatters, counts), scatters, counts))
        assert max(np.diff(F)) <= 1e-10 * abs(F[0])
        assert F[0] - F[1] > 1e-6  # there was something to gain
        assert F[1] - F[-1] > 1e-9  # and one iteration did not get it all
        rough = loss(UPDATES[name](scatters, counts, tol=1e-3), scatters, counts)
        assert F[-1] <= rough <= F[-1] + 0.2 * counts.sum()


@pytest.mark.equation(
    "eq-update-eii",
    "eq-update-eei",
    "eq-update-vei",
    "eq-update-evi",
    "eq-update-vee",
    "eq-update-eve",
    "eq-update-vve",
    "eq-update-eev",
    "eq-update-vev",
    "eq-update-evv",
)
@given(st.sampled_from(OURS), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_a_common_scale_and_a_rotation_carry_over(name, seed):
    scatters, counts = problem(2, 3, seed, spread=0.3)
    best = UPDATES[name](scatters, counts)
    assert_allclose(UPDATES[name](1e6 * scatters, counts), 1e6 * best, rtol=1e-6, atol=1e-6 * best.max() * 1e6)
    if name[2] != "I" or name == "EII":
        turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
        turned = turn @ scatters @ turn.T
        found = UPDATES[name]((turned + turned.transpose(0, 2, 1)) / 2, counts)
        assert loss(found, turned, counts) == pytest.approx(loss(best, scatters, counts), rel=1e-8, abs=1e-7)
    else:
        scale = np.array([1e-2, 1.0, 30.0])
        scaled = UPDATES[name](scatters * np.outer(scale, scale), counts)
        assert_allclose(scaled, best * np.outer(scale, scale), rtol=1e-5, atol=1e-9)


# ------------------------------------------------------------------------------------- rotation of shared axes


@pytest.mark.equation("eq-plane-rotation")
@pytest.mark.parametrize("K", [1, 3])
def test_a_turn_in_the_plane_is_the_best_of_all_angles(K):
    scatters, _ = problem(K, 2, 4)
    axes, start = np.exp(np.random.default_rng(K).normal(size=(K, 2))), np.linalg.qr([[1.0, 2.0], [0.3, -1.0]])[0]

    def total(D):
        return sum((np.diag(D.T @ W @ D) / a).sum() for W, a in zip(scatters, axes, strict=True))

    D = gmm.rotate_axes(scatters, axes, start)
    assert_allclose(D.T @ D, np.eye(2), atol=1e-14)
    angles = np.linspace(0, 2 * np.pi, 721)
    turns = [np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) for t in angles]
    assert total(D) <= min(total(start @ turn) for turn in turns) + 1e-12
    assert_allclose(np.abs(D.T @ gmm.rotate_axes(scatters, axes, D)), np.eye(2), atol=1e-7)  # it is the best already


@pytest.mark.equation("eq-plane-rotation")
@pytest.mark.parametrize("d", [3, 5])
def test_sweeps_never_increase_what_they_minimise_and_find_the_eigenvectors_of_one_matrix(d):
    scatters, _ = problem(1, d, 8)
    D, S = np.eye(d), scatters[0]
    for _ in range(8):
        axes = np.diag(D.T @ S @ D)[None]
        before = np.log(axes).sum()
        D = gmm.rotate_axes(scatters, axes, D)
        assert np.log(np.diag(D.T @ S @ D)).sum() <= before + 1e-12
    inside = D.T @ S @ D  # Jacobi's method of 1846
    assert np.abs(inside - np.diag(np.diag(inside))).max() < 1e-10 * S.max()
    scatters, _ = problem(3, d, 9)
    axes = np.exp(np.random.default_rng(0).normal(size=(3, d)))
    values = []
    for _ in range(6):
        values.append(sum((np.diag(D.T @ W @ D) / a).sum() for W, a in zip(scatters, axes, strict=True)))
        D = gmm.rotate_axes(scatters, axes, D)
    assert max(np.diff(values)) <= 1e-10 * values[0]
    assert values[0] - values[-1] > 1e-3


@pytest.mark.equation("eq-plane-rotation")
def test_axes_of_equal_lengths_stay():
    scatters, _ = problem(2, 3)
    start = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    assert_allclose(gmm.rotate_axes(scatters, np.ones((2, 3)), start), start, rtol=1e-15)


# ------------------------------------------------------------------------------------- parts, scatters, counts


@pytest.mark.equation("eq-scatter-matrices")
def test_scatters_are_the_full_update_times_the_counts_and_empty_components_have_none():
    rng = np.random.default_rng(0)
    X, resp = 1e6 + rng.normal(size=(20, 3)), rng.dirichlet(np.ones(2), size=20)
    means = gmm.update_means(X, resp)
    D = X[:, None] - means
    expected = np.einsum("ik,ikj,ikl->kjl", resp, D, D)
    assert_allclose(gmm.scatter_matrices(X, resp, means), expected, rtol=1e-11, atol=1e-10)
    full = gmm.update_covariances(X, resp, means) * resp.sum(axis=0)[:, None, None]
    assert_allclose(gmm.scatter_matrices(X, resp, means), full, rtol=1e-12)
    empty = np.column_stack([resp, np.zeros(20)])
    assert (gmm.scatter_matrices(X, empty, np.vstack([means, [[0, 0, 0]]]))[2] == 0).all()


@pytest.mark.equation("eq-compose-covariances")
@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 10**6))
def test_parts_and_covariances_are_each_others_inverse(K, d, seed):
    rng = np.random.default_rng(seed)
    volume, D = np.exp(rng.normal(size=K)), np.linalg.qr(rng.normal(size=(K, d, d)))[0]
    shape = -np.sort(-np.exp(rng.normal(size=(K, d))), axis=1)
    shape /= np.exp(np.log(shape).mean(axis=1, keepdims=True))
    covariances = gmm.compose_covariances(volume, shape, D)
    for k in range(K):
        assert_allclose(covariances[k], volume[k] * D[k] @ np.diag(shape[k]) @ D[k].T, rtol=1e-12, atol=1e-13)
        back = gmm.volume_shape_orientation((covariances[k] + covariances[k].T) / 2)
        assert back[0] == pytest.approx(volume[k], rel=1e-10)
        assert_allclose(back[1], shape[k], rtol=1e-9)
    shared = gmm.compose_covariances(volume[0], shape[0], D[0])
    assert_allclose(shared, covariances[:1], rtol=1e-12)
    assert_allclose(gmm.compose_covariances(volume, shape[0])[-1], volume[-1] * np.diag(shape[0]), rtol=1e-12)


@pytest.mark.equation("eq-covariance-parameter-count")
def test_counts_are_those_of_the_four_structures_and_of_table_1_of_celeux_and_govaert():
    names = {"VII": "spherical", "VVI": "diag", "EEE": "tied", "VVV": "full"}
    for K, d in [(1, 1), (2, 1), (3, 2), (4, 5)]:
        for model, structure in names.items():
            rest = K - 1 + K * d
            assert gmm.n_covariance_parameters(K, d, model) == gmm.n_parameters(K, d, structure) - rest
    found = [gmm.n_covariance_parameters(3, 4, name) for name in MODELS]
    assert found == [1, 3, 4, 6, 10, 12, 10, 12, 16, 18, 19 + 3, 24, 28, 30]


# ------------------------------------------------------------------------------------- merges


def groups(seed, d=3, sizes=(6, 9, 5, 12)):
    rng = np.random.default_rng([seed, d])
    X = [rng.normal(size=d) * 3 + rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) for n in sizes]
    return X, np.repeat(np.arange(len(sizes)), sizes)


def statistics(X, labels):
    """Counts, means and scatters of groups, by NumPy."""
    parts = [X[labels == k] for k in range(labels.max() + 1)]
    scatters = [(part - part.mean(axis=0)).T @ (part - part.mean(axis=0)) for part in parts]
    return np.array([float(len(p)) for p in parts]), np.array([p.mean(axis=0) for p in parts]), np.array(scatters)


def maximised(X, labels, model):
    """The classification log-likelihood at the M-step of the model for these labels."""
    counts, means, scatters = statistics(X, labels)
    covariances = UPDATES[model](scatters, counts)
    return gmm.classification_log_likelihood(X, labels, means, np.ascontiguousarray(covariances))


@pytest.mark.equation("eq-classification-log-likelihood")
def test_classification_log_likelihood_is_a_sum_of_densities():
    from scipy.stats import multivariate_normal

    parts, labels = groups(0)
    X = np.vstack(parts)
    _, means, scatters = statistics(X, labels)
    covariances = scatters / 7
    expected = sum(multivariate_normal.logpdf(parts[k], means[k], covariances[k]).sum() for k in range(4))
    assert gmm.classification_log_likelihood(X, labels, means, covariances) == pytest.approx(expected, rel=1e-12)


@pytest.mark.equation("eq-merged-scatter")
@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.integers(0, 10**6))
def test_the_scatter_of_two_groups_is_that_of_their_samples(d, n, m, seed):
    rng = np.random.default_rng(seed)
    X, labels = 100 + rng.normal(size=(n + m, d)), np.repeat([0, 1], [n, m])
    expected = (X - X.mean(axis=0)).T @ (X - X.mean(axis=0))
    assert_allclose(gmm.merged_scatter(*statistics(X, labels)), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.equation("eq-merge-eii", "eq-merge-vii", "eq-merge-eee", "eq-merge-vvv")
@pytest.mark.parametrize("model", ["EII", "VII", "EEE", "VVV"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_merge_costs_what_the_maximised_classification_log_likelihood_loses(model, seed):
    parts, labels = groups(seed)
    X = np.vstack(parts)
    counts, means, scatters = statistics(X, labels)
    if model == "EII":
        ward = gmm.merge_costs_eii(counts, means)
        costs = len(X) * 3 / 2 * np.log1p(ward / np.trace(scatters.sum(axis=0)))
    else:
        costs = getattr(gmm, f"merge_costs_{model.lower()}")(counts, means, scatters)
    before = maximised(X, labels, model)
    assert (costs[np.diag_indices(4)] == np.inf).all()
    assert_allclose(costs, costs.T, rtol=1e-12)
    for a in range(4):
        for b in range(a):
            merged = np.where(labels == a, b, labels)
            merged = np.unique(merged, return_inverse=True)[1]
            assert costs[a, b] == pytest.approx(before - maximised(X, merged, model), rel=1e-9)


@pytest.mark.equation("eq-merge-vii", "eq-merge-vvv")
def test_single_samples_have_a_cost_with_alpha_and_are_refused_without():
    X = np.random.default_rng(0).normal(size=(6, 2))
    counts, means, scatters = statistics(X, np.arange(6))
    for costs, more in ((gmm.merge_costs_vii, {}), (gmm.merge_costs_vvv, {"beta": 1.0})):
        found = costs(counts, means, scatters, alpha=0.5, **more)
        assert np.isfinite(found[~np.eye(6, dtype=bool)]).all()
        # Of pairs of single samples the nearest is the cheapest.
        distances = gmm.merge_costs_eii(counts, means)
        assert found.argmin() == distances.argmin()
        with pytest.raises(ValueError, match=r"scatters\[0\]"):
            costs(counts, means, scatters)
    # By hand: two samples at distance 2 on a line, in the plane.
    pair = statistics(np.array([[0.0, 0.0], [2.0, 0.0]]), np.arange(2))
    vii = 0.5 * (2 * 2 * math.log((2 + 0.5) / 4) - 2 * 2 * math.log(0.5 / 2))
    assert gmm.merge_costs_vii(*pair, alpha=0.5)[0, 1] == pytest.approx(vii, rel=1e-12)
    vvv = 0.5 * (2 * math.log((2 + 0.5) / 2) - 2 * math.log(0.5))
    assert gmm.merge_costs_vvv(*pair, alpha=0.5, beta=1.0)[0, 1] == pytest.approx(vvv, rel=1e-12)
    # Where no group is flat the determinant and the spread are added.
    parts, labels = groups(3, d=2, sizes=(5, 7))
    counts, means, scatters = statistics(np.vstack(parts), labels)

    def cost(n, W):
        return 0.5 * n * math.log(np.linalg.det(W / n) + 0.7 * (np.trace(W) + 0.2) / n)

    both = cost(12, gmm.merged_scatter(counts, means, scatters)) - cost(5, scatters[0]) - cost(7, scatters[1])
    assert gmm.merge_costs_vvv(counts, means, scatters, alpha=0.2, beta=0.7)[0, 1] == pytest.approx(both, rel=1e-10)


# ------------------------------------------------------------------------------------- bad input

W = np.array([[[2.0, 0.5], [0.5, 1.0]], [[1.0, 0.0], [0.0, 3.0]]])
N = np.array([3.0, 4.0])
FLAT = np.array([[[1.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 3.0]]])
ZERO = np.array([[[1.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]])


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize(
    ("scatters", "counts", "message"),
    [
        (W[0], N, "scatters must have shape"),
        (W, N[:1], r"scatters must have shape \(1, 2, 2\), one matrix for each count; got \(2, 2, 2\)"),
        (W, [3.0, 0.0], r"counts must be positive; counts\[1\] is 0"),
        (W * np.nan, N, "scatters must be finite"),
        (np.array([[[1.0, 0.5], [0.0, 1.0]], W[0]]), N, r"scatters\[0\] must be symmetric"),
    ],
)
def test_updates_refuse_what_does_not_fit(name, scatters, counts, message):
    with pytest.raises(ValueError, match=message):
        UPDATES[name](scatters, counts)


@pytest.mark.parametrize("name", OURS)
def test_updates_refuse_scatters_without_a_maximum(name):
    if name not in ("EII", "EEI", "VEI", "EVI", "EEV"):
        with pytest.raises(ValueError, match=r"scatters\[0\]"):
            UPDATES[name](FLAT, N)
    else:
        assert np.isfinite(UPDATES[name](FLAT, N)).all()
    if name != "EII":
        with pytest.raises(ValueError, match="scatters"):
            UPDATES[name](ZERO, N)


@pytest.mark.parametrize("name", COUPLED)
@pytest.mark.parametrize(
    ("change", "message"),
    [({"tol": -1.0}, "tol must be"), ({"max_iter": -1}, "max_iter must be")],
)
def test_stopping_rules_are_checked(name, change, message):
    with pytest.raises(ValueError, match=message):
        UPDATES[name](W, N, **change)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gmm.update_vve(W, N, orientation=np.ones((2, 2))), "orientation must be an orthogonal matrix"),
        (lambda: gmm.update_eve(W, N, orientation=np.eye(3)), "orientation must be an orthogonal matrix"),
        (lambda: gmm.rotate_axes(W, np.zeros((2, 2)), np.eye(2)), "axes must be positive"),
        (lambda: gmm.compose_covariances(-1.0, [1.0, 1.0]), "volume must be positive"),
        (lambda: gmm.compose_covariances(1.0, [2.0, 1.0]), "product one"),
        (lambda: gmm.compose_covariances(1.0, [1.0, 1.0], np.ones((2, 2))), "orthogonal"),
        (lambda: gmm.compose_covariances(1.0, [1.0, 1.0], np.eye(3)), r"shape \(2, 2\)"),
        (lambda: gmm.compose_covariances([1.0, 2.0, 3.0], np.ones((2, 2))), "one entry for each component"),
        (lambda: gmm.n_covariance_parameters(2, 2, "EIV"), "model must be one of EII"),
        (lambda: gmm.n_covariance_parameters(0, 2, "EII"), "n_components must be"),
        (lambda: gmm.merged_scatter(N[:1], [[0.0, 0.0]], W[:1]), "two groups; got 1"),
        (lambda: gmm.merge_costs_eii(N, [[0.0, 0.0]]), "counts must have 1 entries, one for each mean; got 2"),
        (lambda: gmm.merge_costs_vii(N, [[0.0, 0.0]], W), r"means must have shape \(2, 2\), as counts and scatters"),
        (lambda: gmm.merge_costs_eee(N, np.eye(2), ZERO), "the sum of scatters must be positive definite"),
        (lambda: gmm.merge_costs_vvv(N, np.eye(2), W, alpha=-1.0), "alpha must be"),
        (
            lambda: gmm.merge_costs_vvv(N, np.eye(2), 0.0 * W, beta=1.0),
            r"scatters\[0\] has a trace that is not positive",
        ),
        (lambda: gmm.classification_log_likelihood(np.eye(2), [0, 2], np.eye(2), W), "labels must lie between"),
    ],
)
def test_the_others_refuse_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()
