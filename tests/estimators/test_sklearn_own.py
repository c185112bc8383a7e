"""scikit-learn's own tests of GaussianMixture, run against ours.

The installed wheel carries them. Their module is loaded a second time under another name, with our class in the place
of theirs; the original module is not touched.
"""

import importlib.util
import inspect

import numpy as np
import pytest
import sklearn.mixture.tests.test_gaussian_mixture as theirs
import sklearn.mixture.tests.test_mixture as theirs_common
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as TheirGaussianMixture

from gmm import GaussianMixture
from gmm.estimators import CollapsedComponentError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

PRIVATE = "tests a private function of scikit-learn's module, not the estimator"
ARRAY_API = "other array libraries through array-API dispatch are not offered"
EXCLUDED = {
    "test_suffstat_sk_full": PRIVATE,
    "test_suffstat_sk_tied": PRIVATE,
    "test_suffstat_sk_diag": PRIVATE,
    "test_gaussian_suffstat_sk_spherical": PRIVATE,
    "test_compute_log_det_cholesky": PRIVATE,
    "test_gaussian_mixture_log_probabilities": PRIVATE,
    "test_gaussian_mixture_precisions_init": "calls the private methods _initialize and _set_parameters",
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters": "counts calls of a private function",
    "test_gaussian_mixture_setting_best_params": (
        "with reg_covar=0 and a component on one sample, it asks for a fit that is there only because E[x²] - μ² "
        "rounds to something positive; test_a_start_on_single_samples keeps its point"
    ),
}
if "xp" in inspect.signature(TheirGaussianMixture._m_step).parameters:  # from scikit-learn 1.8 on
    EXCLUDED |= {
        "test_gaussian_mixture_array_api_compliance": ARRAY_API,
        "test_gaussian_mixture_raises_where_array_api_not_implemented": ARRAY_API,
    }
if "scale the input data" not in inspect.getsource(theirs.test_regularisation):
    EXCLUDED |= {"test_regularisation": "asks for the wording of an earlier scikit-learn"}


def load_with_ours():
    spec = importlib.util.spec_from_file_location("sklearn_mixture_tests_on_gmm", theirs.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.GaussianMixture is TheirGaussianMixture
    module.GaussianMixture = GaussianMixture
    return module


def own_tests(module):
    functions = inspect.getmembers(module, inspect.isfunction)
    return {name: function for name, function in functions if name.startswith("test_")}


on_ours = load_with_ours()
globals().update({name: test for name, test in own_tests(on_ours).items() if name not in EXCLUDED})


# The two fixtures of scikit-learn's conftest. By default it, too, leaves out float32, for which these tests ask for
# parameters in float32: ours are float64 by contract.
@pytest.fixture
def global_dtype():
    return np.float64


@pytest.fixture
def global_random_seed():
    return 42


def test_our_class_is_the_one_tested():
    assert on_ours.GaussianMixture is GaussianMixture
    assert theirs.GaussianMixture is TheirGaussianMixture


def test_the_list_of_exclusions_is_current():
    names = set(own_tests(theirs))
    assert set(EXCLUDED) <= names
    assert len(names - set(EXCLUDED)) >= 27


@pytest.mark.parametrize(
    "name", ["test_gaussian_mixture_n_iter", "test_mixture_n_components_greater_than_n_samples_error"]
)
def test_common_tests_of_mixtures(name):
    with pytest.warns() if name.endswith("n_iter") else pytest.MonkeyPatch.context():
        getattr(theirs_common, name)(GaussianMixture())


def test_a_start_on_single_samples():
    # The data of test_gaussian_mixture_setting_best_params: attributes are set although EM did not converge, and
    # without regularisation the component is named that sits on a single sample.
    X = np.random.RandomState(0).uniform(size=(30, 3))
    means = np.vstack([X[[15, 20]], X[:4]])
    start = {"weights_init": np.full(6, 1 / 6), "means_init": means, "precisions_init": [1e6, 1e6, 500, 200, 15, 85]}
    settings = {"n_components": 6, "covariance_type": "spherical", "max_iter": 1, **start}
    with pytest.warns(ConvergenceWarning):
        model = GaussianMixture(reg_covar=1e-9, **settings).fit(X)
    assert not model.converged_
    assert model.n_iter_ == 1
    assert np.isfinite([model.lower_bound_, *model.covariances_]).all()
    with pytest.raises(CollapsedComponentError) as error:
        GaussianMixture(reg_covar=0.0, **settings).fit(X)
    assert error.value.component == 0
    assert error.value.samples.tolist() == [15]
