"""Subclasses: what scikit-learn's private methods would have done is not ignored in silence."""

import inspect
import pickle

import numpy as np
import pytest
import sklearn.mixture
from sklearn.base import clone

from gmm import GaussianMixture
from gmm.estimators._hooks import HOOKS


class Named(GaussianMixture):
    """A subclass as it should be: public methods, helpers and settings of its own."""

    def predict(self, X):
        return np.array(["small", "large"])[self._order()[super().predict(X)]]

    def _order(self):
        return self.means_[:, 0].argsort().argsort()


@pytest.mark.parametrize("hook", HOOKS)
def test_an_override_that_would_be_ignored_is_refused(hook):
    with pytest.raises(TypeError, match=rf"^Mine overrides {hook} \(in Mine\), .* never does\. Instead: \w+"):
        type("Mine", (GaussianMixture,), {hook: lambda self, *arguments: None})


def test_an_override_from_a_mixin_or_further_down_is_refused():
    class Mixin:
        def _m_step(self, X, log_resp):
            pass

    with pytest.raises(TypeError, match=r"Both overrides _m_step \(in .*Mixin\).*gmm\.m_step"):

        class Both(Mixin, GaussianMixture):
            pass

    with pytest.raises(TypeError, match="Deeper overrides _e_step"):

        class Deeper(Named):
            def _e_step(self, X):
                pass


def test_the_list_holds_every_private_method_of_scikit_learn_that_is_not_ours():
    theirs = {
        name
        for ancestor in sklearn.mixture.GaussianMixture.__mro__
        if ancestor.__module__.startswith("sklearn.mixture")
        for name, value in vars(ancestor).items()
        if inspect.isfunction(value) and name.startswith("_") and not name.startswith("__")
    }
    assert "_m_step" in theirs
    assert {name for name in theirs if not hasattr(GaussianMixture, name)} <= set(HOOKS)
    assert not [name for name in HOOKS if hasattr(GaussianMixture, name)]


def test_other_subclasses_work():
    X = np.array([[0.0], [1.0], [10.0], [11.0]])
    model = clone(Named(2, random_state=0)).fit(X)
    assert pickle.loads(pickle.dumps(model)).predict(X).tolist() == ["small", "small", "large", "large"]
