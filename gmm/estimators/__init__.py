"""Estimators with scikit-learn's conventions on top of `gmm.engine`.

Importing this package imports scikit-learn; `import gmm` alone does not.
"""

from gmm.estimators._collapse import CollapsedComponentError, CollapsedComponentWarning, RegularisationWarning
from gmm.estimators._conditional import ConditionalMoments
from gmm.estimators._history import History
from gmm.estimators._levels import DensityLevel
from gmm.estimators._online import SufficientStatistics
from gmm.estimators._summary import SelectionSummary, Summary
from gmm.estimators._surprises import Explanation
from gmm.estimators.anomaly import AnomalyDetector
from gmm.estimators.bayesian import BayesianGaussianMixture
from gmm.estimators.bayesian_selection import BayesianSelection, select_bayesian
from gmm.estimators.bootstrap import Bootstrap, BootstrapWarning, ParameterValues, bootstrap
from gmm.estimators.divergence import MixtureDivergence, mixture_kl_divergence
from gmm.estimators.gaussian_mixture import GaussianMixture
from gmm.estimators.generating import TableSynthesizer
from gmm.estimators.hierarchical import HierarchicalClustering, hierarchical_clustering
from gmm.estimators.information import standard_errors
from gmm.estimators.likelihood_ratio import LikelihoodRatioTest, likelihood_ratio_test
from gmm.estimators.mclust import mclust
from gmm.estimators.merging import ComponentHierarchy, merge_components
from gmm.estimators.regression import MixtureRegressor
from gmm.estimators.selection import Selection, select
from gmm.estimators.student import StudentMixture
from gmm.estimators.two_sample import CorrelationDifference, TwoSampleTest, two_sample_test

__all__ = [
    "AnomalyDetector",
    "BayesianGaussianMixture",
    "BayesianSelection",
    "Bootstrap",
    "BootstrapWarning",
    "CollapsedComponentError",
    "CollapsedComponentWarning",
    "ComponentHierarchy",
    "ConditionalMoments",
    "CorrelationDifference",
    "DensityLevel",
    "Explanation",
    "GaussianMixture",
    "HierarchicalClustering",
    "History",
    "LikelihoodRatioTest",
    "MixtureDivergence",
    "MixtureRegressor",
    "ParameterValues",
    "RegularisationWarning",
    "Selection",
    "SelectionSummary",
    "StudentMixture",
    "SufficientStatistics",
    "Summary",
    "TableSynthesizer",
    "TwoSampleTest",
    "bootstrap",
    "hierarchical_clustering",
    "likelihood_ratio_test",
    "mclust",
    "merge_components",
    "mixture_kl_divergence",
    "select",
    "select_bayesian",
    "standard_errors",
    "two_sample_test",
]
