"""The variational step against closed forms, finite differences of its bound, and itself in compiled code."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln, digamma, gammaln, multigammaln

from gmm import learning
from gmm.engine import Units
from gmm.engine.variational import gamma_logs_of
from gmm.learning import ArraySource, climb
from gmm.learning import variational as vb

STRUCTURES = ("full", "tied", "diag", "spherical")


def prior_for(X, covariance_type, n_components, process=False):
    d = X.shape[1]
    scale = np.cov(X.T).reshape(d, d) + 0.3 * np.eye(d)
    if covariance_type in ("diag", "spherical"):
        scale = np.diagonal(scale).copy()
    scale = np.asarray(scale.mean()) if covariance_type == "spherical" else scale
    return vb.BayesianPrior(0.7 / n_components, process, X.mean(axis=0) + 0.2, 0.6, d + 1.5, scale)


def start(X, step, covariance_type, n_components, seed=0):
    labels = np.random.default_rng(seed).integers(n_components, size=len(X))
    ridge = X.var(axis=0)
    drawn = learning.parameters_from_labels(X, labels, n_components, covariance_type, reg_covar=ridge)
    return step.start(drawn, np.bincount(labels, minlength=n_components), ridge)


def blobs(n, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + 3.0 * rng.integers(2, size=(n, 1)) * np.arange(1, d + 1)


def bound(step, posterior, X):
    """F with the best q(z), and the posterior as it is."""
    units = Units(np.zeros(X.shape[1]))
    return ArraySource(X).statistics(step.density(posterior, units)).log_likelihood + step.penalty(posterior)


def by_hand(step):
    """The same step without compiled iterations."""
    step.bouts = lambda source, state, units: None
    return step


def log_evidence(n, x, prior, size, dof, scale):
    """log p(X) of one Gaussian with a normal-Wishart prior; x (n, size), or numbers that share one precision."""
    b = prior.mean_precision
    mean = x.mean(axis=0)
    offset = mean - prior_mean(prior, size)
    scatter = scale + (x - mean).T @ (x - mean) + b * n / (b + n) * np.outer(offset, offset)
    return (
        -0.5 * n * size * np.log(np.pi)
        + multigammaln(0.5 * (dof + n), size)
        - multigammaln(0.5 * dof, size)
        + 0.5 * dof * np.linalg.slogdet(scale)[1]
        - 0.5 * (dof + n) * np.linalg.slogdet(scatter)[1]
        + 0.5 * size * np.log(b / (b + n))
    )


def prior_mean(prior, size):
    return prior.mean[:size]


@pytest.mark.parametrize("process", [False, True])
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_with_one_component_the_bound_is_the_evidence(covariance_type, process):
    X = blobs(30, 3)
    n, d = X.shape
    prior = prior_for(X, covariance_type, 1, process)
    b = prior.mean_precision
    if covariance_type in ("full", "tied"):
        exact = log_evidence(n, X, prior, d, prior.dof, prior.scale)
    elif covariance_type == "diag":
        exact = sum(
            log_evidence(n, X[:, [j]], prior._replace(mean=prior.mean[[j]]), 1, prior.dof, prior.scale[[j]][:, None])
            for j in range(d)
        )
    else:
        mean = X.mean(axis=0)
        scale, dof = d * float(prior.scale), d * prior.dof
        after = scale + ((X - mean) ** 2).sum() + b * n / (b + n) * ((mean - prior.mean) ** 2).sum()
        exact = -0.5 * n * d * np.log(np.pi) + gammaln(0.5 * (dof + n * d)) - gammaln(0.5 * dof)
        exact += 0.5 * dof * np.log(scale) - 0.5 * (dof + n * d) * np.log(after) + 0.5 * d * np.log(b / (b + n))
    if process:  # all samples take the first stick
        exact += betaln(1.0 + n, prior.concentration) - betaln(1.0, prior.concentration)
    step = vb.Variational(prior)
    result = climb(ArraySource(X), step, start(X, step, covariance_type, 1), tol=0.0, max_iter=3)
    assert result.log_likelihoods * n == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("process", [False, True])
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_compiled_and_by_hand_agree(covariance_type, process):
    X = blobs(80, 3) + 5.0
    step = vb.Variational(prior_for(X, covariance_type, 4, process), 1e-3)
    begin = start(X, step, covariance_type, 4)
    fast = climb(ArraySource(X), step, begin, tol=0.0, max_iter=40)
    slow = climb(ArraySource(X), by_hand(vb.Variational(step.prior, 1e-3)), begin, tol=0.0, max_iter=40)
    np.testing.assert_allclose(fast.log_likelihoods, slow.log_likelihoods, rtol=1e-11)
    for mine, other in zip(fast.state[1:], slow.state[1:], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-8)
    for mine, other in zip(fast.state.centre[1:5], slow.state.centre[1:5], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-8, atol=1e-10)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10_000), st.sampled_from(STRUCTURES), st.booleans(), st.integers(1, 6),
    st.sampled_from([0.0, 1e-6, 0.5]), st.booleans(),
)  # fmt: skip
def test_the_bound_never_falls(seed, covariance_type, process, n_components, ridge, compiled):
    X = blobs(40, 2, seed)
    step = vb.Variational(prior_for(X, covariance_type, n_components, process), ridge)
    step = step if compiled else by_hand(step)
    values = climb(
        ArraySource(X), step, start(X, step, covariance_type, n_components, seed), tol=0.0, max_iter=25
    ).log_likelihoods
    assert np.diff(values).min(initial=0.0) >= -1e-12 * np.abs(values).max()


@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("process", [False, True])
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_at_the_end_the_bound_is_level_in_every_parameter_of_the_posterior(covariance_type, process, ridge):
    # With the best q(z) put in, F depends on the other factors alone; at a fixed point all its derivatives vanish.
    X = blobs(60, 2) * [1.0, 0.4]
    step = vb.Variational(prior_for(X, covariance_type, 3, process), ridge)
    end = climb(ArraySource(X), step, start(X, step, covariance_type, 3), tol=0.0, max_iter=3000).state
    best = bound(step, end, X)
    structure, rng = end.structure, np.random.default_rng(0)

    def changed(name, direction, size):
        centre = end.centre
        if name == "means":
            centre = centre._replace(means=centre.means + size * direction)
        elif name == "covariances":
            covariances = centre.covariances * (1.0 + size * direction)
            factors = structure.transposed(structure.factors(covariances, 3))
            centre = centre._replace(covariances=covariances, precisions_cholesky=factors)
        else:
            return end._replace(**{name: getattr(end, name) * (1.0 + size * direction)})
        return end._replace(centre=centre)

    for name in ("means", "covariances", "concentration", "mean_precision", "dof"):
        value = getattr(end.centre, name) if name in ("means", "covariances") else getattr(end, name)
        for _ in range(3):
            direction = rng.normal(size=np.shape(value))
            if np.ndim(value) > 1 and name == "covariances" and covariance_type in ("full", "tied"):
                direction = direction + np.swapaxes(direction, -1, -2)
            up, down = (bound(step, changed(name, direction, size), X) for size in (1e-4, -1e-4))
            assert abs(up - down) / 2e-4 < 2e-4 * max(1.0, abs(best) / 100), name
            assert up + down - 2.0 * best < 1e-9 * abs(best), name  # and it is no minimum


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_far_data_and_other_units_give_the_same(covariance_type):
    X = blobs(60, 2)
    prior = prior_for(X, covariance_type, 3)
    step = vb.Variational(prior, 1e-3)
    plain = climb(ArraySource(X), step, start(X, step, covariance_type, 3), tol=0.0, max_iter=20)
    away = vb.Variational(prior._replace(mean=8.0 * prior.mean + 2.0**30, scale=64.0 * prior.scale), 64.0 * 1e-3)
    far = 8.0 * X + 2.0**30
    other = climb(ArraySource(far), away, start(far, away, covariance_type, 3), tol=0.0, max_iter=20)
    np.testing.assert_allclose(other.log_likelihoods, plain.log_likelihoods - 2.0 * np.log(8.0), rtol=1e-6)
    np.testing.assert_allclose(other.state.counts, plain.state.counts, rtol=1e-5)
    np.testing.assert_allclose(other.state.centre.covariances, 64.0 * plain.state.centre.covariances, rtol=1e-5)


def test_logarithms_of_the_gamma_function():
    x = np.concatenate([np.geomspace(1e-6, 1e8, 400), np.linspace(0.5, 12.0, 200)])
    digammas, log_gammas = np.empty_like(x), np.empty_like(x)
    gamma_logs_of(x, digammas, log_gammas)
    np.testing.assert_allclose(digammas, digamma(x), rtol=5e-15, atol=5e-15)
    np.testing.assert_allclose(log_gammas, gammaln(x), rtol=2e-15, atol=1e-14)


def test_expected_log_weights_by_simulation():
    rng = np.random.default_rng(0)
    concentration = np.array([0.8, 3.0, 1.5])
    draws = np.log(rng.dirichlet(concentration, size=200_000))
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - vb.expected_log_weights(concentration)) < 5 * error).all()
    sticks = np.array([[1.5, 2.0, 1.2], [3.0, 0.7, 1.1]])
    taken = rng.beta(*sticks, size=(200_000, 3))
    passed = np.concatenate([np.ones((len(taken), 1)), np.cumprod(1.0 - taken, axis=1)[:, :-1]], axis=1)
    draws = np.log(taken * passed)
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - vb.expected_log_weights(sticks)) < 5 * error).all()
    draws = taken * passed
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - vb.expected_weights(sticks)) < 5 * error).all()
