"""Covariance structures: what tells them apart, each fact once.

A structure says which pass of the engine gathers its moments, how its covariances are kept, how many numbers are free,
and how covariances come from scatter matrices and counts. All else (fitting, scoring, sampling, saving, selection) is
written in terms of these. To add one, write a class and `register` it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gmm._types import FloatArray
from gmm.engine import Diagonal, Full, Spherical, Tied
from gmm.engine.regularisation import Conjugate, Ridge
from gmm.engine.small_algebra import EPS, NOISE


class CovarianceError(ValueError):
    """A covariance (or precision) matrix is not positive definite; `component` says which (-1: the shared one)."""

    def __init__(self, message: str, component: int) -> None:
        super().__init__(message)
        self.component = component


class Structure:
    """What the covariances of a mixture have in common.

    Attributes
    ----------
    name : str
        Its `covariance_type`.
    model : type
        The engine's model: Full, Diagonal, Spherical or Tied. The model's pass gathers its moments, and its factors
        describe the density.
    compiled : bool
        Whether its M-step is the model's own, in compiled code.
    """

    name: str
    model: type[Any]
    compiled = False

    @property
    def shared(self) -> bool:
        """Whether all components have one covariance."""
        return self.model is Tied

    @property
    def coupled(self) -> bool:
        """Whether the covariances of the components have anything in common."""
        return self.shared

    @property
    def separate(self) -> bool:
        """Whether `covariances_` has a row for each component."""
        return not self.shared

    @property
    def holds_matrices(self) -> bool:
        """Whether precisions and their factors are matrices."""
        return self.model in (Full, Tied)

    def prior_share(self, n_components: int) -> float:
        """Return what part of a prior's pseudo-observations each scatter of the model gets."""
        return 1.0

    def check_features(self, n_features: int) -> None:
        """Raise ValueError where there is no such structure for so many features."""

    def check(self, matrices: FloatArray, name: str) -> None:
        """Raise ValueError, naming them, where these covariances (or precisions) are none of this structure."""

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Shape of `covariances_`."""
        return self.model.shape(n_components, n_features)

    def factor_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Shape of `precisions_` and `precisions_cholesky_`."""
        return self.model.shape(n_components, n_features)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Count the free parameters of the covariances (eq-parameter-count)."""
        raise NotImplementedError

    def samples_needed(self, n_features: int) -> int:
        """Return how many samples a component must have for its covariance to be regular."""
        return n_features + 1 if self.model is Full else 1 if self.shared else 2

    def m_step(self, scatter: FloatArray, counts: FloatArray, n_features: int, pseudo_count: float = 0.0) -> FloatArray:
        """Covariances that maximise Q (eq-m-step), of `shape`.

        Parameters
        ----------
        scatter : ndarray
            Second moments about the new means, shaped as those of `model`; with a prior Ψ is added already.
        counts : ndarray of shape (n_components,)
        n_features : int
        pseudo_count : float
            What a prior adds to the number of samples behind each covariance.
        """
        raise NotImplementedError

    def maximised(
        self,
        scatter: FloatArray,
        raw: FloatArray,
        counts: FloatArray,
        n_features: int,
        pseudo_count: float,
        ridge: FloatArray,
        old: FloatArray | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Covariances that maximise Q, with a ridge (d,), and the sizes by which their rounding is measured.

        Parameters
        ----------
        scatter, counts, n_features, pseudo_count : as in `m_step`
        raw : ndarray
            The same as `scatter`, about the means before.
        ridge : ndarray of shape (n_features,)
        old : ndarray of `shape`, optional
            Covariances to begin with, for an M-step that has to search.

        Raises
        ------
        CovarianceError
            If the search ends in a singular covariance.
        """
        covariances = self.with_ridge(self.m_step(scatter, counts, n_features, pseudo_count), ridge)
        return covariances, self.sizes(raw, counts, n_features, pseudo_count, ridge)

    def regularisation(self, ridge: FloatArray, scatter: FloatArray, count: float, constant: float = 0.0) -> Any:
        """Return what the compiled M-step adds to the data: of `gmm.engine.regularisation`.

        Parameters
        ----------
        ridge : ndarray of shape (n_features,)
        scatter, count, constant : ndarray (of one scatter of the model, flat), float, float
            The pseudo-observations of a prior; without one the count is 0.
        """
        return Conjugate(ridge, scatter, count, constant) if count else Ridge(ridge, scatter, count)

    def expand(self, covariances: FloatArray, n_components: int) -> FloatArray:
        """Return the covariances in the shape of the model's factors: often what they have already."""
        return covariances

    def contract(self, expanded: FloatArray, n_components: int, n_features: int) -> FloatArray:
        """Return covariances in the shape of the model's factors in that of `covariances_`, where it can be done."""
        return expanded

    def pack(self, factors: FloatArray) -> FloatArray:
        """Return `precisions_cholesky_` in the shape of the model's factors."""
        return factors

    def unpack(self, factors: FloatArray, n_components: int, n_features: int) -> FloatArray:
        """Return factors of the model in the shape of `precisions_cholesky_`."""
        return factors

    def matrices(self, covariances: FloatArray, n_components: int, n_features: int) -> FloatArray:
        """Return each component's matrix, (n_components, n_features, n_features), as a view if it can be."""
        expanded = np.asarray(self.expand(covariances, n_components))
        shape = (n_components, n_features, n_features)
        if self.model in (Full, Tied):
            return np.broadcast_to(expanded, shape)
        return np.broadcast_to(expanded.reshape(n_components, -1)[:, :, None] * np.eye(n_features), shape)

    def variances(self, covariances: FloatArray, n_components: int) -> FloatArray:
        """Return the variances of each component: (K, d), or shapes that broadcast to it, (d,) and (K, 1)."""
        expanded = np.asarray(self.expand(covariances, n_components))
        if self.model in (Full, Tied):
            return expanded.diagonal(0, -2, -1)
        return expanded if self.model is Diagonal else expanded[:, None]

    def marginal(self, covariances: FloatArray, n_components: int, features: Any) -> tuple[str, FloatArray]:
        """Return (name of a structure, covariances) of some of the features: that of the model, which is closed."""
        expanded = self.expand(covariances, n_components)
        if self.model in (Full, Tied):
            expanded = expanded[..., features, :][..., features]
        elif self.model is Diagonal:
            expanded = expanded[:, features]
        return {Full: "full", Tied: "tied", Diagonal: "diag", Spherical: "spherical"}[self.model], expanded

    def with_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """Add the ridge (d,) to the diagonals (eq-ridge)."""
        np.einsum("...ii->...i", covariances)[...] += ridge
        return covariances

    def common(self, matrix: FloatArray, n_components: int) -> FloatArray:
        """Return the covariances of components that all have this scatter matrix a sample."""
        scatter = scatter_of(self.model, matrix)
        scatter = n_components * scatter if self.model is Tied else np.repeat(scatter[None], n_components, axis=0)
        return self.m_step(scatter, np.ones(n_components), len(matrix))

    def factors(self, covariances: FloatArray, n_components: int, sizes: FloatArray | None = None) -> FloatArray:
        """Return the kernels' factors: W (lower triangular, W Σ Wᵀ = I) or 1 / σ, shaped as those of `model`.

        Parameters
        ----------
        covariances : ndarray of `shape`
        n_components : int
        sizes : ndarray, optional
            The s of `gmm.engine.small_algebra`, shaped as the factors' diagonals; none for covariances that do not
            come from data.

        Raises
        ------
        CovarianceError
            If a covariance is singular.
        """
        expanded = np.ascontiguousarray(self.expand(covariances, n_components), dtype=np.float64)
        if self.model in (Full, Tied):
            matrices = expanded if self.model is Full else expanded[None]
            factors, failed = _factorise(matrices, sizes if sizes is None else sizes.reshape(len(matrices), -1))
            factors = factors if self.model is Full else factors[0]
        else:
            bad: Any = ~((expanded > (0.0 if sizes is None else NOISE * sizes**2)) & np.isfinite(expanded))
            bad = bad.any(axis=1) if bad.ndim == 2 else bad
            failed = int(np.argmax(bad)) if bad.any() else -1
            with np.errstate(divide="ignore", invalid="ignore"):
                factors = 1.0 / np.sqrt(expanded)
        if failed >= 0:
            shared = self.model is Tied
            which = f"The {self.name} covariance" if shared else f"The covariance of component {failed}"
            raise CovarianceError(f"{which} is not positive definite.", -1 if shared else failed)
        return factors

    def transposed(self, factors: FloatArray) -> FloatArray:
        """Turn the kernels' W into scikit-learn's P, and back: y = W (x - μ) = (x - μ) P."""
        if self.model in (Full, Tied):
            return np.ascontiguousarray(np.swapaxes(factors, -1, -2), dtype=np.float64)
        return np.ascontiguousarray(factors, dtype=np.float64)

    def log_det(self, factors: FloatArray, n_features: int) -> Any:
        """log det W per component; a number where it is shared."""
        if self.model in (Full, Tied):
            return np.log(np.einsum("...ii->...i", factors)).sum(axis=-1)
        return np.log(factors).sum(axis=1) if factors.ndim == 2 else n_features * np.log(factors)

    def sizes(
        self, scatter: FloatArray, counts: FloatArray, n_features: int, pseudo_count: float, ridge: FloatArray
    ) -> FloatArray:
        """Return the s of `gmm.engine.small_algebra`, by which the rounding of a covariance is measured."""
        if self.model is Tied:
            return np.sqrt(np.diagonal(scatter) / (counts.sum() + pseudo_count) + ridge)
        counts = counts + pseudo_count
        if self.model is Spherical:
            return np.sqrt(scatter / (n_features * counts) + np.mean(ridge))
        squares = np.einsum("kjj->kj", scatter) if self.model is Full else scatter
        return np.sqrt(squares / counts[:, None] + ridge)


def scatter_of(model, matrix):
    """Return what a scatter matrix (d, d) is among the second moments of one component of `model`."""
    if model is Diagonal:
        return np.diagonal(matrix)
    return np.trace(matrix) if model is Spherical else matrix


def _factorise(matrices, sizes):
    """(factors, number of the first matrix that is singular, or -1): `small_algebra.factorise` with NumPy.

    Without `sizes` the matrices are taken as exact, and only the rounding of the factorisation itself counts.
    """
    try:
        lower = np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return matrices, 0
        one_by_one = (
            _factorise(matrices[k : k + 1], sizes if sizes is None else sizes[k : k + 1])[1]
            for k in range(len(matrices))
        )
        return matrices, next(k for k, failed in enumerate(one_by_one) if failed == 0)
    with np.errstate(all="ignore"):
        if sizes is None:
            good = np.einsum("kii->ki", lower) ** 2 > 2.0 * EPS * np.einsum("kii->ki", matrices)
            good &= np.isfinite(np.einsum("kii->ki", lower))
            factors = np.tril(np.linalg.inv(lower)) if good.all() else lower
        else:
            factors = np.tril(np.linalg.inv(lower))
            good = NOISE * np.sum((factors * sizes[:, None, :]) ** 2, axis=2) < 1.0
    return factors, -1 if good.all() else int(np.argmin(good.all(axis=1)))


# ------------------------------------------------------------------------------------- the four of scikit-learn


class _Full(Structure):
    """Each component has its own matrix."""

    name, model, compiled = "full", Full, True

    def n_parameters(self, n_components, n_features):
        return n_components * n_features * (n_features + 1) // 2

    def m_step(self, scatter, counts, n_features, pseudo_count=0.0):
        """Σ_k = S_k / N_k (eq-update-covariances)."""
        return scatter / (counts + pseudo_count)[:, None, None]


class _Tied(Structure):
    """One matrix for all components."""

    name, model, compiled = "tied", Tied, True

    def n_parameters(self, n_components, n_features):
        return n_features * (n_features + 1) // 2

    def m_step(self, scatter, counts, n_features, pseudo_count=0.0):
        """Σ = Σ_k S_k / N (eq-update-tied)."""
        return scatter / (counts.sum() + pseudo_count)


class _Diagonal(Structure):
    """A variance for each component and feature."""

    name, model, compiled = "diag", Diagonal, True

    def n_parameters(self, n_components, n_features):
        return n_components * n_features

    def m_step(self, scatter, counts, n_features, pseudo_count=0.0):
        """σ²_kj = S_kj / N_k (eq-update-diagonal)."""
        return scatter / (counts + pseudo_count)[:, None]

    def with_ridge(self, covariances, ridge):
        return covariances + ridge


class _Spherical(Structure):
    """One variance for each component."""

    name, model, compiled = "spherical", Spherical, True

    def n_parameters(self, n_components, n_features):
        return n_components

    def m_step(self, scatter, counts, n_features, pseudo_count=0.0):
        """σ²_k = S_k / (d N_k) (eq-update-spherical)."""
        return scatter / (n_features * (counts + pseudo_count))

    def with_ridge(self, covariances, ridge):
        return covariances + np.mean(ridge)


STRUCTURES: dict[str, Structure] = {}
NAMES: set[str] = set()  # the same names, for those who check settings


def register(structure: Structure) -> None:
    """Make a structure known by its name."""
    STRUCTURES[structure.name] = structure
    NAMES.add(structure.name)


for _structure in (_Full(), _Tied(), _Diagonal(), _Spherical()):
    register(_structure)


def structure_of(name: str) -> Structure:
    """Return the structure of this name.

    Raises
    ------
    ValueError
        If there is none.
    """
    try:
        return STRUCTURES[name]
    except (KeyError, TypeError):
        raise ValueError(f"covariance_type must be one of {', '.join(STRUCTURES)}, got {name!r}.") from None
