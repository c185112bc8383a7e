"""What an M-step adds to the data: a ridge, pseudo-observations, and the penalty that goes with these.

With scatter Ψ and count c of the pseudo-observations and a ridge ε (one number a feature), every structure's M-step is

    Σ = (S2 - N δ δᵀ + Ψ) / (N + c) + diag ε

in its own shape (eq-ridge, eq-map-covariance). Maximum likelihood has Ψ = 0 and c = 0; then the bits are those of the
M-step without them.
"""

import math
from typing import NamedTuple

import numpy as np

from gmm.engine import operations
from gmm.engine.compilation import method
from gmm.engine.diag import Diagonal
from gmm.engine.full import Full, SmallFull
from gmm.engine.spherical import Spherical
from gmm.engine.tied import Tied


class Ridge(NamedTuple):
    """Maximum likelihood: ε (d,), no pseudo-observations (zeros in the shape of one scatter, flat)."""

    ridge: np.ndarray
    scatter: np.ndarray
    count: float


class Conjugate(NamedTuple):
    """Maximum a posteriori under an inverse-Wishart density of every covariance (eq-inverse-wishart).

    `scatter` is Ψ in the structure's shape, flat; `count` is ν + d + 1; `constant` what the log-density of one
    covariance has beside -count/2 log det Σ - tr(Ψ Σ⁻¹)/2. All are multiplied by what one sample counts.
    """

    ridge: np.ndarray
    scatter: np.ndarray
    count: float
    constant: float


@method(operations.penalty, Ridge)
def no_penalty(regularisation, model):
    """A ridge has no density of which it would be the maximum."""
    return 0.0


@method(operations.penalty, Conjugate)
def log_prior(regularisation, model):
    """Σ_k log p(Σ_k), one term where the covariance is shared."""
    return operations.log_prior(model, regularisation)


@method(operations.log_prior, Full, SmallFull)
def log_prior_of_full(model, prior):
    """tr(Ψ Σ⁻¹) = Σ_i w_i Ψ w_iᵀ with w_i the rows of W, and log det Σ = -2 Σ_i log W_ii."""
    total = 0.0
    n_components, d = model.centres.shape
    for k in range(n_components):
        total += prior.constant
        for i in range(d):
            total += prior.count * math.log(model.factors[k, i, i])
            for j in range(i + 1):
                product = 0.0
                for m in range(i + 1):
                    product += prior.scatter[j * d + m] * model.factors[k, i, m]
                total -= 0.5 * model.factors[k, i, j] * product
    return total


@method(operations.log_prior, Tied)
def log_prior_of_tied(model, prior):
    """The same of the one covariance."""
    total = prior.constant
    d = model.factor.shape[0]
    for i in range(d):
        total += prior.count * math.log(model.factor[i, i])
        for j in range(i + 1):
            product = 0.0
            for m in range(i + 1):
                product += prior.scatter[j * d + m] * model.factor[i, m]
            total -= 0.5 * model.factor[i, j] * product
    return total


@method(operations.log_prior, Diagonal)
def log_prior_of_diagonal(model, prior):
    """The same where W is diagonal."""
    total = 0.0
    n_components, d = model.centres.shape
    for k in range(n_components):
        total += prior.constant
        for j in range(d):
            factor = model.factors[k, j]
            total += prior.count * math.log(factor) - 0.5 * prior.scatter[j] * factor * factor
    return total


@method(operations.log_prior, Spherical)
def log_prior_of_spherical(model, prior):
    """The same where W is a multiple of I; the scatter is tr Ψ."""
    total = 0.0
    n_components, d = model.centres.shape
    for k in range(n_components):
        factor = model.factors[k]
        total += prior.constant + d * prior.count * math.log(factor) - 0.5 * prior.scatter[0] * factor * factor
    return total
