"""Estimators with scikit-learn's conventions on top of `gmm.engine`.

Importing this package imports scikit-learn; `import gmm` alone does not.
"""

from gmm.estimators._collapse import CollapsedComponentError, CollapsedComponentWarning, RegularisationWarning
from gmm.estimators._conditional import ConditionalMoments
from gmm.estimators._history import History
from gmm.estimators._summary import SelectionSummary, Summary
from gmm.estimators.bayesian import BayesianGaussianMixture
from gmm.estimators.bayesian_selection import BayesianSelection, select_bayesian
from gmm.estimators.divergence import MixtureDivergence, mixture_kl_divergence
from gmm.estimators.gaussian_mixture import GaussianMixture
from gmm.estimators.hierarchical import HierarchicalClustering, hierarchical_clustering
from gmm.estimators.mclust import mclust
from gmm.estimators.selection import Selection, select
from gmm.estimators.student import StudentMixture

__all__ = [
    "BayesianGaussianMixture",
    "BayesianSelection",
    "CollapsedComponentError",
    "CollapsedComponentWarning",
    "ConditionalMoments",
    "GaussianMixture",
    "HierarchicalClustering",
    "History",
    "MixtureDivergence",
    "RegularisationWarning",
    "Selection",
    "SelectionSummary",
    "StudentMixture",
    "Summary",
    "hierarchical_clustering",
    "mclust",
    "mixture_kl_divergence",
    "select",
    "select_bayesian",
]
