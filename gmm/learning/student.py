"""Mixtures of Student's t distributions by EM: states, and the step around those of a Gaussian mixture.

Given its scale u, a sample of a t component is Gaussian with covariance Σ / u; the E-step takes the expectations of u
and log u, the M-step is a weighted Gaussian one and an equation for the degrees of freedom (see `gmm.engine.student`).
As it maximises the expected complete log-likelihood over all parameters, the likelihood never falls.

References
----------
Peel, D. and McLachlan, G. J. (2000), Robust mixture modelling using the t distribution, Statistics and Computing 10.
Liu, C. and Rubin, D. B. (1995), ML estimation of the t distribution using EM and its extensions, ECM and ECME,
Statistica Sinica 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from gmm._types import FloatArray
from gmm.engine import StudentBouts, StudentDensity
from gmm.engine.student import EACH, HELD, SHARED, new_dof, tail_constants
from gmm.learning.parameters import Parameters
from gmm.learning.sources import ArraySource, Source
from gmm.learning.steps import MaximumLikelihood

if TYPE_CHECKING:
    from gmm.engine import Bouts, Units
    from gmm.learning.structures import Structure

#: How the degrees of freedom are learnt.
MODES = {"fixed": HELD, "shared": SHARED, "each": EACH}


class StudentParameters(NamedTuple):
    """Weights, locations and scale matrices (those of `gaussian`), and degrees of freedom (K,)."""

    gaussian: Parameters
    dof: FloatArray

    @property
    def covariance_type(self) -> str:
        return self.gaussian.covariance_type

    @property
    def weights(self) -> FloatArray:
        return self.gaussian.weights

    @property
    def means(self) -> FloatArray:
        return self.gaussian.means

    @property
    def covariances(self) -> FloatArray:
        return self.gaussian.covariances

    @property
    def precisions_cholesky(self) -> FloatArray:
        return self.gaussian.precisions_cholesky

    @property
    def structure(self) -> Structure:
        return self.gaussian.structure

    @property
    def n_components(self) -> int:
        return self.gaussian.n_components

    @property
    def n_features(self) -> int:
        return self.gaussian.n_features

    @property
    def matrices(self) -> FloatArray:
        return self.gaussian.matrices

    @property
    def noise(self) -> None:  # t distributions have tails of their own
        return None

    def density(self, units: Units | None = None) -> StudentDensity:
        """Return the mixture as the engine takes it."""
        density, constants = self.gaussian.density(units), np.empty(self.n_components)
        tail_constants(np.ascontiguousarray(self.dof), self.n_features, constants)
        return StudentDensity(*density._replace(coefficients=density.coefficients + constants)[:5], self.dof)

    def components(self, chosen: Any) -> StudentParameters:
        """Return the parameters of these components, in this order; the weights as they are."""
        return StudentParameters(self.gaussian.components(chosen), self.dof[chosen])

    def units(self) -> Units:
        return self.gaussian.units()

    def in_units(self, units: Units) -> StudentParameters:
        return self if units.plain else self._replace(gaussian=self.gaussian.in_units(units))

    def from_units(self, units: Units) -> StudentParameters:
        return self if units.plain else self._replace(gaussian=self.gaussian.from_units(units))


class StudentStep(MaximumLikelihood):
    """A Gaussian step for t distributions (eq-student-m-step, eq-student-dof). States are `StudentParameters`.

    Parameters
    ----------
    step : MaximumLikelihood or MaximumAPosteriori
        With a prior it is one on the scale matrices.
    mode : {'fixed', 'shared', 'each'}
        Degrees of freedom held as they are, one for all components, or one for each.
    """

    def __init__(self, step: Any, mode: Literal["fixed", "shared", "each"]) -> None:
        super().__init__(step.reg_covar)
        self.step, self.mode = step, mode

    def in_units(self, units: Units) -> StudentStep:
        return self if units.plain else StudentStep(self.step.in_units(units), self.mode)

    def penalty(self, state: Any) -> float:
        return self.step.penalty(state.gaussian)

    def means(self, state: Any, statistics: Any) -> FloatArray:
        return self.step.means(state.gaussian, statistics.gaussian())

    def update(self, state: Any, statistics: Any) -> Any:
        dof, counts = np.empty(state.n_components), np.ascontiguousarray(statistics.counts)
        gaussian = self.step.update(state.gaussian, statistics.gaussian())
        new_dof(
            counts, np.ascontiguousarray(statistics.moments.counts), np.ascontiguousarray(statistics.tails),
            np.ascontiguousarray(state.dof), state.n_features, MODES[self.mode], dof,
        )  # fmt: skip
        return StudentParameters(gaussian, dof)

    def bouts(self, source: Source, state: Any, units: Units) -> Bouts | None:
        if not isinstance(source, ArraySource):
            return None
        gaussian, structure = state.gaussian, state.structure
        self.running = StudentBouts(
            source.samples(units, structure.model), self.density(state, units), gaussian.weights,
            structure.expand(gaussian.covariances, state.n_components),
            self.step.regularisation(structure, state.n_components, state.n_features), MODES[self.mode],
            sample_weight=source.sample_weight, n_threads=source.n_threads, total=source.total,
        )  # fmt: skip
        return self.running

    def state(self, parameters: Parameters) -> Any:
        """Return the state of compiled iterations, whose parameters know nothing of degrees of freedom."""
        return StudentParameters(parameters, self.running.model.dof.copy())
