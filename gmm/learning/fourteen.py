"""The fourteen covariance models of mclust, and its two of one feature.

Σ_k = λ_k D_k A_k D_kᵀ with volume λ_k = |Σ_k|^(1/d), shape A_k and orientation D_k (Banfield & Raftery 1993). A name
has a letter for each: E, equal for all components; V, variable; I, the identity. `covariances_` are matrices (K, d, d)
for all of them. Each runs on the engine's pass that suits it: what tells them apart is the M-step, which needs K
scatter matrices and counts (`gmm.engine.constrained`).

A ridge ε goes into the scatter matrices before the M-step, W_k + N_k diag ε, so that the covariances stay within the
model; for VVV, VVI, VII, EEE, EEI and EII that is the same as adding it to the diagonals. A prior's pseudo-observations
do so too: under an inverse-Wishart density of every covariance the M-step maximises the penalised Q within the model.
Where all components have one covariance (EII, EEI, EEE, E), it has one prior.

References
----------
Banfield, J. D. and Raftery, A. E. (1993), Model-based Gaussian and non-Gaussian clustering, Biometrics 49.
Celeux, G. and Govaert, G. (1995), Gaussian parsimonious clustering models, Pattern Recognition 28.
Scrucca, L., Fop, M., Murphy, T. B. and Raftery, A. E. (2016), mclust 5, The R Journal 8.
"""

from __future__ import annotations

import numpy as np

from gmm._types import FloatArray
from gmm.engine import Diagonal, Full, Spherical, Tied
from gmm.engine.constrained import CODES, FINE, NOTHING, Constraint, m_step_of_diagonals, m_step_of_matrices
from gmm.learning.structures import STRUCTURES, CovarianceError, Structure, register

FOURTEEN = (
    "EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV",
)  # fmt: skip
ONE_FEATURE = ("E", "V")
# Those that are one of scikit-learn's four.
SAME_AS = {"VII": "spherical", "VVI": "diag", "EEE": "tied", "VVV": "full", "E": "tied", "V": "full"}
# How far given covariances may be from what they have to have in common, relative.
SAME = 1e-6


class Parsimonious(Structure):
    """One of mclust's models.

    Parameters
    ----------
    name : str
        Three letters, or E or V for one feature.
    """

    def __init__(self, name):
        self.name = name
        self.volume, self.form, self.orientation = name if len(name) == 3 else (name, "I", "I")
        self.code = CODES.get(name)
        self.same = STRUCTURES[SAME_AS[name]] if name in SAME_AS else None
        if self.same is not None:
            self.model = self.same.model
        else:
            self.model = Diagonal if self.orientation == "I" else Full

    @property
    def shared(self):
        return "V" not in self.name

    @property
    def coupled(self):
        return "E" in self.name

    compiled = separate = True
    holds_matrices = True

    def prior_share(self, n_components):
        return 1.0 / n_components if self.shared and self.model is not Tied else 1.0

    def check_features(self, n_features):
        if n_features == 1 and len(self.name) > 1:
            raise ValueError(
                f"covariance_type={self.name!r} is for two features or more, and there is one, which has neither shape "
                "nor orientation: take 'E' (equal variances) or 'V' (variable ones)"
            )
        if n_features > 1 and len(self.name) == 1:
            raise ValueError(
                f"covariance_type={self.name!r} is for one feature, and there are {n_features}: take one of "
                f"{', '.join(FOURTEEN)}"
            )

    def check(self, matrices, name):
        """Refuse matrices that do not have in common what the structure says."""
        _, d, _ = matrices.shape
        roots = np.sqrt(np.abs(np.einsum("kjj->kj", matrices)))
        correlations = matrices / (roots[:, :, None] * roots[:, None, :])
        signs, log_dets = np.linalg.slogdet(correlations)
        if not (signs > 0.0).all():
            return  # not positive definite: that is for others to say
        volumes = np.exp((log_dets + 2.0 * np.log(roots).sum(axis=1)) / d)
        forms = matrices / volumes[:, None, None]
        wrong = ""
        if self.volume == "E" and np.ptp(volumes) > SAME * volumes.max():
            wrong = "their volumes differ"
        elif self.orientation == "I" and np.abs(correlations - np.eye(d)).max() > SAME:
            wrong = "they have entries beside the diagonal"
        elif self.form != "V":
            if self.orientation == "V":
                values = np.linalg.eigvalsh(forms)
                differ = np.abs(values - values[0]).max() > SAME * values.max()
            else:
                target = np.broadcast_to(np.eye(d), forms.shape) if self.form == "I" else forms[:1]
                differ = np.abs(forms - target).max() > SAME * np.abs(target).max()
            wrong = "their shapes differ" if differ else ""
        elif self.orientation == "E":
            products = np.tensordot(_weights(len(forms)), forms, axes=1) @ forms
            sizes = np.abs(products).max(axis=(1, 2))
            if (np.abs(products - np.swapaxes(products, 1, 2)).max(axis=(1, 2)) > SAME * sizes).any():
                wrong = "their axes differ"
        if wrong:
            raise ValueError(f"{name} are not those of a mixture with covariance_type={self.name!r}: {wrong}")

    def shape(self, n_components, n_features):
        return n_components, n_features, n_features

    factor_shape = shape

    def n_parameters(self, n_components, n_features):
        """Those of the volumes, of the shapes and of the orientations."""
        each, d = {"I": 0, "E": 1, "V": n_components}, n_features
        return each[self.volume] + each[self.form] * (d - 1) + each[self.orientation] * (d * (d - 1) // 2)

    def samples_needed(self, n_features):
        """A component has a regular covariance with one sample where volume and shape come from all components.

        It needs two for a volume of its own, or for variances along the features, and d + 1 for a shape along axes that
        follow the data: with fewer they turn to a direction in which it has no variance.
        """
        if self.form == "V" and self.orientation != "I":
            return n_features + 1
        return 2 if "V" in (self.volume, self.form) else 1

    # ---- shapes: `covariances_` and the model's

    def expand(self, covariances, n_components):
        if self.model is Full:
            return covariances
        if self.model is Tied:
            return covariances[0]
        diagonals = np.einsum("kjj->kj", covariances)
        return diagonals[:, 0] if self.model is Spherical else diagonals

    def contract(self, expanded, n_components, n_features):
        if self.model is Full:
            return expanded
        if self.model is Tied:
            return np.repeat(expanded[None], n_components, axis=0)
        return expanded.reshape(n_components, -1)[:, :, None] * np.eye(n_features)

    def pack(self, factors):
        return self.expand(factors, len(factors))

    unpack = contract

    def matrices(self, covariances, n_components, n_features):
        return np.asarray(covariances)

    def variances(self, covariances, n_components):
        return np.asarray(covariances).diagonal(0, 1, 2)

    # ---- the M-step

    def m_step(self, scatter, counts, n_features, pseudo_count=0.0):
        counts = np.asarray(counts, dtype=np.float64)
        if self.same is not None:
            found = self.same.m_step(scatter, counts, n_features, pseudo_count)
            return self.contract(found, len(counts), n_features)
        return self.constrained(scatter, counts + pseudo_count, n_features)

    def maximised(self, scatter, raw, counts, n_features, pseudo_count, ridge, old=None):
        if self.same is not None:
            found, sizes = self.same.maximised(scatter, raw, counts, n_features, pseudo_count, ridge)
            return self.contract(found, len(counts), n_features), sizes
        squares = np.einsum("k...jj->k...j", raw - scatter) if self.model is Full else raw - scatter
        counts = counts + pseudo_count
        scatter = np.array(scatter)
        diagonals = np.einsum("kjj->kj", scatter) if self.model is Full else scatter
        diagonals += counts[:, None] * ridge
        empty = np.flatnonzero(counts == 0.0)
        if empty.size and old is not None:
            counts[empty] = NOTHING
            scatter[empty] = NOTHING * self.expand(old, len(counts))[empty]
        covariances = self.constrained(scatter, counts, n_features, old)
        # How far the means moved, squared, in the share of the covariances that came of it.
        squares = np.maximum(squares, 0.0)
        variances = self.variances(covariances, len(counts))
        traces, own = variances.sum(axis=1), diagonals.sum(axis=1) / counts
        stretched = np.maximum(1.0, traces / own) if self.form == "V" else np.ones(len(counts))
        moved = squares / counts[:, None]
        common = (squares / traces[:, None]).sum(axis=0) / counts.sum()
        return covariances, np.sqrt(variances + stretched[:, None] * moved + traces[:, None] * common)

    def regularisation(self, ridge, scatter, count, constant=0.0):
        if self.same is not None:
            return super().regularisation(ridge, scatter, count, constant)
        return Constraint(ridge, scatter, count, constant, self.code, np.zeros((len(ridge), len(ridge))))

    def constrained(self, scatter, counts, n_features, old=None):
        """Covariances (K, d, d) from scatter in the model's shape; raises CovarianceError."""
        n_components, d = len(counts), n_features
        volumes = np.zeros(n_components)
        if old is not None:
            _, log_dets = np.linalg.slogdet(old)
            volumes = np.exp(log_dets / d)
        scatter = np.array(scatter, dtype=np.float64, order="C")
        if self.model is Diagonal:
            component = m_step_of_diagonals(self.code, scatter, counts, volumes, np.empty(d))
            covariances = self.contract(scatter, n_components, d)
        else:
            covariances = np.zeros((n_components, d, d)) if old is None else np.array(old, order="C")
            component = m_step_of_matrices(
                self.code, scatter, counts, volumes, np.empty((n_components, d)), np.zeros((d, d)), covariances,
                np.empty((n_components, d, d)),
            )  # fmt: skip
        if component != FINE:
            component = -1 if self.shared else component
            who = f"The {self.name} covariance" if component < 0 else f"The covariance of component {component}"
            raise CovarianceError(f"{who} is not positive definite.", component)
        return covariances

    def with_ridge(self, covariances, ridge):
        raise NotImplementedError  # `maximised` adds it to the scatter


for _name in (*FOURTEEN, *ONE_FEATURE):
    register(Parsimonious(_name))


def _weights(n_components):
    """Weights without a pattern: eigenvalues of a weighted sum coincide only where they do in all its terms."""
    return 1.0 + np.modf(np.sqrt(np.arange(2.0, n_components + 2.0)) * 137.0)[0]


def decomposition(
    matrices: FloatArray, structure: Structure | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return volumes (K,), shapes (K, d) and orientations (K, d, d) of covariances: Σ_k = λ_k D_k A_k D_kᵀ.

    A shape is in decreasing order, but for structures whose components have their axes in common: there the orientation
    is the same for all, the coordinates' own where it is I, and the order of the axes that of the mean log variance.
    The largest entry of each axis is positive.

    Parameters
    ----------
    matrices : ndarray of shape (n_components, n_features, n_features)
    structure : Structure, optional
        That of the mixture.
    """
    n_components, d, _ = matrices.shape
    model, letter = getattr(structure, "model", Full), getattr(structure, "orientation", "V")
    if model in (Diagonal, Spherical) or letter == "I":
        values = np.einsum("kjj->kj", matrices)
        axes = np.broadcast_to(np.eye(d), matrices.shape).copy()
    elif letter == "E":
        forms = matrices / np.trace(matrices, axis1=1, axis2=2)[:, None, None]
        axes = np.linalg.eigh(np.tensordot(_weights(n_components), forms, axes=1))[1]
        values = np.einsum("ji,kjl,li->ki", axes, matrices, axes)
        order = np.argsort(-np.log(values).mean(axis=0), kind="stable")
        values, axes = values[:, order], np.repeat(axes[None][:, :, order], n_components, axis=0)
    else:
        values, axes = np.linalg.eigh(matrices)
        values, axes = values[:, ::-1], axes[:, :, ::-1]
    largest = np.abs(axes).argmax(axis=1, keepdims=True)
    axes = axes * np.where(np.take_along_axis(axes, largest, axis=1) < 0.0, -1.0, 1.0)
    volumes = np.exp(np.log(values).mean(axis=1))
    return volumes, values / volumes[:, None], axes
