"""EM in compiled bouts of many iterations.

Where X has to be converted slab by slab, Python makes the pass of each iteration, and the bout is its M-step. Both do
the same arithmetic in the same order: the bits agree.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gmm._types import AnyArray, FloatArray
from gmm.engine import loop, passes, tied
from gmm.engine.flat import flat_views, parameter_shapes, statistics_shapes
from gmm.engine.statuses import FAR_APART

if TYPE_CHECKING:
    from gmm.engine.passes import TotalScatter
    from gmm.engine.samples import Samples

# Operations of one compiled bout, about a tenth of a second: after each, Python can hear Ctrl-C.
BOUT = 2e9


class Bouts:
    """A mixture's parameters in flat arrays, and the iterations that move them.

    samples : Samples, in the units of the density
    density : Density with the factors of `covariances`
    weights, covariances : (K,) and model.shape
    regularisation : one of `gmm.engine.regularisation`, in the same units
    total : TotalScatter of these samples; tied models need it
    """

    def __init__(
        self,
        samples: Samples,
        density: Any,
        weights: FloatArray,
        covariances: FloatArray,
        regularisation: Any,
        *,
        sample_weight: FloatArray,
        n_threads: int,
        total: TotalScatter,
    ) -> None:
        self.samples, self.kind, self.regularisation = samples, density.model, regularisation
        self.sample_weight = sample_weight
        self.total_weight = float(sample_weight.sum()) if sample_weight.size else float(samples.n_samples)
        self.cost = passes.pass_cost(self.kind, samples.n_samples, samples.n_features, len(weights))
        self.shapes = statistics_shapes(self.kind, *density.centres.shape)
        self.n_threads = n_threads if self.cost > passes.WORTH_A_THREAD else 1
        self.values, self.arrays = flat_views(parameter_shapes(self.kind, *density.centres.shape))
        self.set(weights, density, covariances)
        _, means, _, factors, coefficients = self.arrays
        self.model: Any = None
        if self.kind is tied.Tied:
            reference, scatter = total.of(samples, sample_weight)
            self.model = tied.Tied(coefficients, np.empty_like(means), factors, reference, scatter)
        else:  # the model's arrays are the parameters themselves
            self.model = self.kind.of(coefficients, means, factors)

    def set(self, weights: FloatArray, density: Any, covariances: FloatArray) -> None:
        """Take these parameters."""
        for array, value in zip(
            self.arrays, (weights, density.centres, covariances, density.factors, density.coefficients), strict=True
        ):
            array[...] = value

    def advance(self, history: FloatArray, tol: float, previous: float) -> tuple[int, int, int]:
        """Run up to history.size iterations; returns (iterations, status, component).

        `history` receives the values that EM climbs: (log-likelihood + penalty) / total weight in the E-step of each.
        """
        ahead = history[: max(1, int(BOUT / self.cost))]
        if self.samples.native:
            return self._run(ahead, tol, previous)
        if self.kind is tied.Tied and tied.prepare_model(self.model, self.values) == FAR_APART:
            return 0, FAR_APART, -1
        moments = passes.raw_pass(
            self.samples, self.model, sample_weight=self.sample_weight, n_threads=self.n_threads,
            regularisation=self.regularisation, shapes=self.shapes,
        )  # fmt: skip
        return self._run(ahead[:1], tol, previous, moments)

    def _run(self, history, tol, previous, moments=None):
        """One bout; just one M-step where its `moments` are given."""
        sum_values, sums = flat_views(self.shapes)
        if moments is not None:
            for total, moment in zip(sums, moments, strict=True):
                total[...] = moment
        arguments = passes.loop_arguments(
            sum_values, history, self.values, self.regularisation, self.total_weight, tol, previous
        )
        return passes.run_team(
            self.samples, loop.run, loop.work_rows(self.model), self.model, sum_values.size, (arguments,),
            sample_weight=self.sample_weight, stop=self.samples.n_samples if moments is None else 0,
            n_threads=self.n_threads,
        )  # fmt: skip


def single_m_step(
    samples: Samples, model: Any, values: FloatArray, regularisation: Any, sample_weight: FloatArray, table: AnyArray
) -> int:
    """The M-step of given responsibilities from one pass over small data; returns a status."""
    sum_values = flat_views(statistics_shapes(type(model), *model.centres.shape))[0]
    arguments = passes.loop_arguments(sum_values, np.empty(1), values, regularisation, tol=0.0, previous=-math.inf)
    return passes.run_team(
        samples, loop.run, loop.work_rows(model), model, sum_values.size, (arguments,), sample_weight=sample_weight,
        table=table,
    )[1]  # fmt: skip
