"""scikit-learn's own tests of BayesianGaussianMixture, run against ours; see test_sklearn_own."""

import importlib.util
import inspect

import pytest
import sklearn.mixture.tests.test_bayesian_mixture as theirs
from sklearn.mixture import BayesianGaussianMixture as TheirBayesianGaussianMixture

from gmm import BayesianGaussianMixture

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

EXCLUDED = {
    "test_log_dirichlet_norm": "tests a private function of scikit-learn's module, not the estimator",
    "test_log_wishart_norm": "tests a private function of scikit-learn's module, not the estimator",
    "test_compare_covar_type": "calls the private methods _check_parameters and _initialize_parameters",
}


def load_with_ours():
    spec = importlib.util.spec_from_file_location("sklearn_bayesian_tests_on_gmm", theirs.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.BayesianGaussianMixture = BayesianGaussianMixture
    return module


def own_tests(module):
    functions = inspect.getmembers(module, inspect.isfunction)
    return {name: function for name, function in functions if name.startswith("test_")}


on_ours = load_with_ours()
globals().update({name: test for name, test in own_tests(on_ours).items() if name not in EXCLUDED})


def test_the_list_of_exclusions_is_current():
    assert theirs.BayesianGaussianMixture is TheirBayesianGaussianMixture
    names = set(own_tests(theirs))
    assert set(EXCLUDED) <= names
    assert len(names - set(EXCLUDED)) >= 11
