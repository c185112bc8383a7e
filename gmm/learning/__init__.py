"""Learning: statistics of a pass, structures, sources, steps, and the one loop that joins them.

Everything that the book fits is one pass over the data that returns `Statistics`, then a small step. What differs lies
on axes that know nothing of each other:

==============  ===================================================================================================
`Structure`     what the covariances have in common: shapes, free parameters, M-step (`gmm.learning.structures`)
`Source`        where the samples are: an array, parts of one, elsewhere (`gmm.learning.sources`)
`Step`          what is learnt: maximum likelihood, maximum a posteriori, some parameters fixed (`gmm.learning.steps`)
==============  ===================================================================================================

`climb` repeats the two. The M-step that ``GaussianMixture.fit`` runs is `MaximumLikelihood.update`, arranged for the
processor in the `update` of `gmm.engine.full` and its neighbours.
"""

from gmm.engine import TotalScatter
from gmm.learning.batches import BatchSource, tree_sum
from gmm.learning.blocks import BlockSource
from gmm.learning.climb import Failure, Result, climb
from gmm.learning.deconvolution import DeconvolutionSource
from gmm.learning.fourteen import FOURTEEN, ONE_FEATURE, decomposition
from gmm.learning.missing import PatternSource, filled, first_observed
from gmm.learning.noise import Box, Noisy, bounding_boxes, box_along_features
from gmm.learning.parameters import Noise, Parameters, make_parameters, parameters_from_precisions, precisions
from gmm.learning.sources import ArraySource, Source
from gmm.learning.starts import (
    parameters_from_centres,
    parameters_from_kmeans,
    parameters_from_labels,
    parameters_from_responsibilities,
)
from gmm.learning.statistics import Statistics, StudentStatistics
from gmm.learning.steps import Fixed, MaximumAPosteriori, MaximumLikelihood, Prior, Step
from gmm.learning.structures import STRUCTURES, CovarianceError, Structure, register, structure_of
from gmm.learning.student import StudentParameters, StudentStep

__all__ = [
    "FOURTEEN",
    "ONE_FEATURE",
    "STRUCTURES",
    "ArraySource",
    "BatchSource",
    "BlockSource",
    "Box",
    "CovarianceError",
    "DeconvolutionSource",
    "Failure",
    "Fixed",
    "MaximumAPosteriori",
    "MaximumLikelihood",
    "Noise",
    "Noisy",
    "Parameters",
    "PatternSource",
    "Prior",
    "Result",
    "Source",
    "Statistics",
    "Step",
    "Structure",
    "StudentParameters",
    "StudentStatistics",
    "StudentStep",
    "TotalScatter",
    "bounding_boxes",
    "box_along_features",
    "climb",
    "decomposition",
    "filled",
    "first_observed",
    "make_parameters",
    "parameters_from_centres",
    "parameters_from_kmeans",
    "parameters_from_labels",
    "parameters_from_precisions",
    "parameters_from_responsibilities",
    "precisions",
    "register",
    "structure_of",
    "tree_sum",
]
