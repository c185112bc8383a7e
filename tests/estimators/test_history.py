"""What can be seen of a fit: history_, callback, verbose."""

import sys
import types
import warnings
from itertools import pairwise

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from gmm import GaussianMixture, learning


def test_history_holds_the_log_likelihoods(overlapping, covariance_type):
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0, tol=1e-6, max_iter=300).fit(
        overlapping[0]
    )
    assert model.history_.log_likelihoods.tolist() == model.lower_bounds_
    assert len(model.lower_bounds_) == model.n_iter_ > 5
    assert model.history_.parameters is None


def test_recorded_parameters_lead_from_the_start_to_the_fit(overlapping, covariance_type):
    settings = {"covariance_type": covariance_type, "random_state": 0, "tol": 1e-6, "max_iter": 300}
    model = GaussianMixture(3, record_parameters=True, **settings).fit(overlapping[0])
    recorded = model.history_.parameters
    assert len(recorded) == model.n_iter_ + 1
    start = GaussianMixture(3, **{**settings, "max_iter": 0}).fit(overlapping[0])
    np.testing.assert_array_equal(recorded[0].means, start.means_)
    np.testing.assert_array_equal(recorded[-1].means, model.means_)
    np.testing.assert_array_equal(recorded[-1].covariances, model.covariances_)
    # Recording changes no bit of the fit.
    plain = GaussianMixture(3, **settings).fit(overlapping[0])
    np.testing.assert_array_equal(plain.means_, model.means_)
    assert plain.lower_bounds_ == model.lower_bounds_
    # Each step is one EM step.
    for before, after in pairwise(recorded):
        statistics = learning.ArraySource(overlapping[0]).statistics(before.density())
        step = learning.MaximumLikelihood()
        weights, means = step.weights(before, statistics), step.means(before, statistics)
        np.testing.assert_allclose(after.weights, weights, rtol=1e-10)
        np.testing.assert_allclose(after.means, means, rtol=1e-9, atol=1e-10)


def test_history_is_that_of_the_best_initialisation(overlapping):
    model = GaussianMixture(3, n_init=5, init_params="random", random_state=1, max_iter=30, record_parameters=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(overlapping[0])
        rng = np.random.RandomState(1)
        singles = [
            GaussianMixture(3, init_params="random", random_state=rng, max_iter=30).fit(overlapping[0])
            for _ in range(5)
        ]
    best = max(singles, key=lambda single: single.lower_bound_)
    assert len({single.lower_bound_ for single in singles}) > 1
    assert model.lower_bounds_ == best.lower_bounds_
    np.testing.assert_array_equal(model.means_, best.means_)
    np.testing.assert_array_equal(model.history_.parameters[-1].means, best.means_)


def test_the_callback_hears_of_every_iteration(overlapping):
    heard = []

    def listen(iteration, log_likelihood, parameters):
        heard.append((iteration, log_likelihood, parameters.means.copy()))

    model = GaussianMixture(3, random_state=0, callback=listen, record_parameters=True).fit(overlapping[0])
    assert [iteration for iteration, _, _ in heard] == list(range(1, model.n_iter_ + 1))
    assert [value for _, value, _ in heard] == model.lower_bounds_
    for (_, _, means), recorded in zip(heard, model.history_.parameters[1:]):
        np.testing.assert_array_equal(means, recorded.means)


def test_the_callback_can_stop_a_fit(overlapping):
    model = GaussianMixture(3, random_state=0, tol=0.0, callback=lambda iteration, *_: iteration == 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # to stop was a wish, no failure
        model.fit(overlapping[0])
    assert model.n_iter_ == 4
    assert not model.converged_


def test_the_callback_does_not_change_a_fit(overlapping, covariance_type):
    settings = {"covariance_type": covariance_type, "random_state": 0, "tol": 1e-7, "max_iter": 500}
    plain = GaussianMixture(3, **settings).fit(overlapping[0])
    watched = GaussianMixture(3, callback=lambda *_: None, verbose=2, **settings).fit(overlapping[0])
    np.testing.assert_array_equal(plain.means_, watched.means_)
    np.testing.assert_array_equal(plain.covariances_, watched.covariances_)
    assert plain.lower_bounds_ == watched.lower_bounds_


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
def test_max_iter_zero_returns_the_start(blobs, init_params):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = GaussianMixture(3, max_iter=0, random_state=0, init_params=init_params).fit(blobs[0])
    assert (model.n_iter_, model.converged_, model.lower_bound_, model.lower_bounds_) == (0, False, -np.inf, [])
    assert model.weights_.sum() == pytest.approx(1.0, abs=1e-14)  # scikit-learn's sum to K/n for starts from points
    assert np.isfinite(model.score(blobs[0]))


def test_a_fit_that_does_not_converge_warns(overlapping):
    with pytest.warns(ConvergenceWarning, match="Best performing initialization did not converge") as caught:
        GaussianMixture(3, max_iter=2, random_state=0).fit(overlapping[0])
    assert caught[0].filename == __file__  # the line of the user's call


@pytest.fixture
def without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)


@pytest.mark.parametrize("verbose", [1, 2])
def test_verbose_prints_scikit_learns_lines(overlapping, verbose, capsys, without_tqdm):
    model = GaussianMixture(3, n_init=2, random_state=0, tol=1e-9, max_iter=12, verbose=verbose, verbose_interval=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(overlapping[0])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0].split(".")[0] for line in lines] == [
        "Initialization 0", "  Iteration 5", "  Iteration 10", "Initialization did not converge",
        "Initialization 1", "  Iteration 5", "  Iteration 10", "Initialization did not converge",
    ]  # fmt: skip
    assert all(("ll change" in line) == (verbose == 2) for line in lines if "Iteration" in line)
    if verbose == 2:
        change = float(lines[1].rsplit(" ", 1)[1])
        single = GaussianMixture(3, random_state=0, tol=1e-9, max_iter=12)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            bounds = single.fit(overlapping[0]).lower_bounds_
        assert change == pytest.approx(bounds[4] - bounds[3], abs=1e-5)


def test_a_silent_fit_prints_nothing(blobs, capsys):
    GaussianMixture(3, random_state=0).fit(blobs[0])
    assert capsys.readouterr() == ("", "")


def test_verbose_drives_a_tqdm_bar_where_there_is_one(overlapping, monkeypatch, capsys):
    events = []

    class Bar:
        def __init__(self, **options):
            events.append(("open", options["total"]))

        def set_postfix(self, **shown):
            events.append(("text", set(shown)))

        def update(self):
            events.append(("done", 1))

        def close(self):
            events.append(("close", 1))

    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", types.SimpleNamespace(tqdm=Bar))
    model = GaussianMixture(3, n_init=3, random_state=0, tol=1e-6, max_iter=300, verbose=1, verbose_interval=2)
    model.fit(overlapping[0])
    assert events[0] == ("open", 3)
    assert events.count(("done", 1)) == 3
    assert events[-1] == ("close", 1)
    assert events.count(("text", {"iteration", "change"})) >= 3
    assert capsys.readouterr().out == ""
    with pytest.raises(ValueError, match="collapsed"):  # the bar is closed after an error, too
        GaussianMixture(2, reg_covar=0.0, verbose=1, random_state=0).fit(np.zeros((9, 2)))
    assert events[-1] == ("close", 1)
