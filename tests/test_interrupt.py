"""Ctrl-C is heard while compiled code runs, and nothing has changed after it."""

from __future__ import annotations

import ast
import threading
import time

import numpy as np
import pytest

import gmm
from gmm import _interrupt
from gmm._compile import SHORT
from gmm.engine import threads

# Each of these takes a minute or more if it is let. The last goes on, unheard, to its end.
CALLS = {
    "em": "gmm.em(X, *start(X, 5), tol=0.0, max_iter=100_000)",
    "em of small data": "gmm.em(X[:100], *start(X[:100], 2), tol=0.0, max_iter=10**8)",
    "lloyd": "gmm.lloyd(X, X[:300], max_iter=10**6)",
    "kmeans": "engine.kmeans(X, 500, rng, tol=0.0, max_iter=10**6, n_threads=2)",
    "seeds of kmeans": "engine.kmeans_plusplus(X, 16_000, rng)",
    "kmeans_labels": "engine.kmeans_labels(X, rng.normal(size=(30_000, 5)), n_threads=2)",
    "fit": "model.set_params(n_components=300, max_iter=10**6).fit(X)",
    "fit of data that are converted": "model.set_params(n_components=300, max_iter=10**6).fit(X.astype('f'))",
    "fit of batches": "model.set_params(n_components=300, max_iter=10**6).fit_batches(np.split(X, 8))",
    "fit of small data": "model.set_params(max_iter=10**6, n_init=10**6).fit(X[:100])",
    "predict_proba": "wide.predict_proba(np.resize(X, (40_000, 100)))",
    "select": "gmm.select(X, 200, ['full', 'tied'], n_jobs=2, max_iter=10**6, tol=0.0, random_state=0)",
    "a single step": "gmm.log_likelihood(np.resize(X, (200_000, 100)), *start(rng.normal(size=(200, 100)), 100))",
}
CODE = f"""
import _thread, os, signal, threading, time, warnings
import numpy as np
import gmm
from gmm import engine

warnings.simplefilter("ignore")
signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background of a shell is deaf to it
rng = np.random.default_rng(0)
X = rng.normal(size=(200_000, 5))
start = lambda X, n_components: gmm.random_start(X, n_components, rng=0)
wide = gmm.GaussianMixture.from_parameters(
    np.full(1000, 0.001), rng.normal(size=(1000, 100)), np.tile(np.eye(100), (1000, 1, 1))
).set_params(n_threads=2)

def fitted():
    return model.set_params(n_components=2, max_iter=20, n_init=1).fit(X[:300])

def interrupt():
    global sent
    sent = time.perf_counter()
    if os.name == "nt":
        _thread.interrupt_main()
    else:
        os.kill(os.getpid(), signal.SIGINT)

model = gmm.GaussianMixture(tol=0.0, init_params="random_from_data", random_state=0, n_threads=2)
for name, call in [{", ".join(f"({name!r}, lambda: {call})" for name, call in CALLS.items())}]:
    before = dict(vars(fitted()))
    timer = threading.Timer(1.0, interrupt)
    try:
        timer.start()
        call()
        timer.join()
        time.sleep(10.0)  # where it would be heard otherwise
    except KeyboardInterrupt:
        pass
    latency = time.perf_counter() - sent
    same = all(vars(model)[name] is value for name, value in before.items() if name.endswith("_"))
    again = fitted()
    equal = all(np.array_equal(vars(again)[name], before[name]) for name in ("weights_", "means_", "covariances_"))
    print([name, latency, same, equal], flush=True)
"""


@pytest.mark.slow
def test_ctrl_c_ends_a_long_call_and_leaves_everything_as_it_was(run_python):
    lines = [ast.literal_eval(line) for line in run_python(CODE).splitlines()]
    assert [line[0] for line in lines] == list(CALLS)
    assert [line for line in lines if line[1] > 8.0] == []  # a tenth of a second on a quiet computer
    assert [line for line in lines if not line[2]] == []  # the fitted model is what it was
    assert [line for line in lines if not line[3]] == []  # a fit after it gives the same as one before


class TestListening:
    def test_the_main_thread_gets_the_result_or_the_error_of_another(self):
        where = []
        assert _interrupt.listening(lambda: where.append(threading.current_thread()) or 3) == 3
        assert where[0] is not threading.main_thread()
        with pytest.raises(ZeroDivisionError):
            _interrupt.listening(lambda: 1 / 0)

    def test_another_thread_works_by_itself(self):
        where = []
        thread = threading.Thread(target=lambda: where.append(_interrupt.listening(threading.current_thread)))
        thread.start()
        thread.join()
        assert where == [thread]

    def test_the_settings_of_numpy_come_along(self):
        with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
            _interrupt.listening(lambda: np.ones(1) / 0.0)

    def test_work_is_asked_to_stop_and_its_end_is_awaited(self, monkeypatch):
        asked, ended = threading.Event(), []

        def work():
            asked.wait(60.0)
            time.sleep(0.05)
            ended.append(True)

        def interrupted(self):  # while the thread is about to start, which is as early as it can be
            start(self)
            raise KeyboardInterrupt

        start = threading.Thread.start
        monkeypatch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _interrupt.listening(work, asked.set)
        assert ended


class TestFlag:
    def test_work_that_begins_under_a_flag_that_is_set_does_not_end(self):
        def fit(X):
            threads.obey(flag)
            for call in (
                lambda: gmm.GaussianMixture(2, random_state=0).fit(X),
                lambda: model.score_samples(X),
                lambda: gmm.engine.kmeans(X, 2, np.random.default_rng(0)),
            ):
                try:
                    call()
                    outcomes.append("done")
                except KeyboardInterrupt:
                    outcomes.append("interrupted")

        X = np.random.default_rng(0).normal(size=(200, 2))
        model = gmm.GaussianMixture(2, random_state=0).fit(X)
        for dtype in (np.float64, np.float32):
            for value, expected in ((0, "done"), (1, "interrupted")):
                flag, outcomes = threads.new_flag(), []
                flag.fill(value)
                worker = threading.Thread(target=fit, args=(X.astype(dtype),))
                worker.start()
                worker.join()
                assert outcomes == [expected] * 3

    def test_after_an_error_no_further_task_is_begun(self):
        begun = []

        def task(number):
            begun.append(number)
            raise ValueError("one is enough")

        with pytest.raises(ValueError, match="one is enough"):
            threads.run(task, [(number,) for number in range(100)], 2)
        assert len(begun) <= 2


class TestKernels:
    def test_a_kernel_takes_names_and_refuses_what_it_cannot_take(self):
        kernel = gmm.forward_substitution.kernel
        assert kernel(L=np.eye(2), b=np.ones(2)).tolist() == [1.0, 1.0]
        with pytest.raises(TypeError):
            kernel(np.eye(2))

    def test_a_large_call_gives_what_a_small_one_does(self):
        a = np.random.default_rng(0).normal(size=(SHORT, 2))
        assert np.array_equal(gmm.log_sum_exp.kernel(a)[:100], gmm.log_sum_exp.kernel(a[:100].copy()))

    def test_other_system_errors_stay_what_they_are(self, monkeypatch):
        def fail(self, *arguments):
            raise SystemError("something else")

        monkeypatch.setattr("gmm._compile._call", fail)
        with pytest.raises(SystemError, match="something else"):
            gmm.softmax.kernel(np.ones((1, 2)))

    def test_the_loops_are_those_of_the_kernels(self):
        X = gmm.datasets.load_old_faithful().X
        start = gmm.random_start(X, 2, rng=0)
        result = gmm.em(X, *start)
        *found, n_iter, converged, _ = gmm.em.kernel(X, *start, 1e-6, 1000, 0.0)
        assert (result.n_iter, result.converged) == (n_iter, converged)
        for mine, compiled in zip((result.weights, result.means, result.covariances, result.log_likelihoods), found):
            np.testing.assert_allclose(mine, compiled, rtol=1e-12)
        result = gmm.lloyd(X, X[:3])
        centres, labels, objectives, n_iter, converged = gmm.lloyd.kernel(X, X[:3].copy(), 300)
        assert np.array_equal(result.centres, centres)
        assert np.array_equal(result.labels, labels)
        assert np.array_equal(result.objectives, objectives)
        assert (result.n_iter, result.converged) == (n_iter, converged)
