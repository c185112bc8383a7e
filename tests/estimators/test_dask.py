"""Arrays and data frames of Dask: the bits of `fit_batches` on the same blocks, whatever works on them."""

import os
import signal
import threading
import time

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

import gmm
from gmm import BayesianGaussianMixture, GaussianMixture, StudentMixture
from gmm.estimators import _batches, _blocks
from gmm.learning import blocks
from gmm.learning.batches import tree_sum
from gmm.learning.blocks import tree_of_tasks

CUTS = [700, 701, 1500, 1500]
LABELS = np.random.default_rng(1).integers(3, size=2000)
X = np.random.default_rng(0).normal(size=(2000, 3)) + 2.5 * LABELS[:, None] * [1.0, 0.5, 0.0]
WEIGHTS = np.random.default_rng(2).uniform(0.1, 2.0, size=2000) * (np.arange(2000) % 5 > 0)
GAPS = np.where(np.random.default_rng(4).random(X.shape) < 0.2, np.nan, X)
PARTS = np.split(X, CUTS)
CHUNKS = tuple(map(len, PARTS))
FITTED = ("weights_", "means_", "covariances_", "lower_bounds_", "reg_covar_")
SETTINGS = {"random_state": 0, "tol": 0.0, "max_iter": 5}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def in_turn():
    """Tasks one after the other, but where a test has a cluster."""
    with dask.config.set(scheduler="synchronous"):
        yield


def lazy(rows=X, columns=(2, 1)):
    return da.from_array(rows, chunks=(CHUNKS, columns))


def same_bits(mine, theirs):
    return all(np.array_equal(getattr(mine, name), getattr(theirs, name)) for name in FITTED)


CASES = {
    "full": (GaussianMixture, {}),
    "tied": (GaussianMixture, {"covariance_type": "tied"}),
    "VEE": (GaussianMixture, {"covariance_type": "VEE"}),
    "prior": (GaussianMixture, {"covariance_prior": "default"}),
    "auto": (GaussianMixture, {"reg_covar": "auto", "covariance_type": "diag"}),
    "noise": (GaussianMixture, {"noise": True}),
    "Student": (StudentMixture, {"dof": 5.0}),
    "Bayes": (BayesianGaussianMixture, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_fit_has_the_bits_of_a_fit_of_the_same_batches(case):
    kind, settings = CASES[case]
    settings = {"n_components": 3, **SETTINGS, **settings}
    mine = kind(**settings).fit(lazy(), sample_weight=da.from_array(WEIGHTS, chunks=900))
    assert same_bits(mine, kind(**settings).fit_batches(PARTS, sample_weight=WEIGHTS))
    assert mine.n_iter_ > 2


@pytest.mark.parametrize("kind", [GaussianMixture, BayesianGaussianMixture, StudentMixture])
def test_far_from_zero_nothing_is_lost(kind):
    far = X + 1e8
    mine = kind(n_components=3, **SETTINGS).fit(lazy(far))
    assert same_bits(mine, kind(n_components=3, **SETTINGS).fit_batches(np.split(far, CUTS)))


def test_missing_values():
    settings = SETTINGS | {"missing": "marginalise"}
    mine = GaussianMixture(3, **settings).fit(lazy(GAPS), sample_weight=WEIGHTS)
    assert same_bits(mine, GaussianMixture(3, **settings).fit_batches(np.split(GAPS, CUTS), sample_weight=WEIGHTS))
    assert np.isnan(GAPS).any()
    np.testing.assert_array_equal(mine.score_samples(lazy(GAPS)).compute(), mine.score_samples(GAPS))


def test_the_tree_of_tasks_is_that_of_the_batches():
    def add(a, b):
        return f"({a}+{b})"

    for n in (1, 2, 3, 7, 8, 9, 15, 63, 64, 65, 71, 130):
        parts = [None if i % 11 == 5 else str(i) for i in range(n)]
        tasks = tree_of_tasks([dask.delayed(part) for part in parts], add, dask.delayed)
        assert tasks.compute() == tree_sum(parts, add)
        assert len(dict(tasks.__dask_graph__())) < 1.2 * n + 12


def test_more_blocks_than_one_task_sums():
    rows, settings = da.from_array(X, chunks=(90, -1)), SETTINGS | {"max_iter": 2}
    assert rows.numblocks[0] == 23
    expected = GaussianMixture(3, **settings).fit_batches([part.compute() for part in rows.blocks])
    assert same_bits(GaussianMixture(3, **settings).fit(rows), expected)


@pytest.mark.parametrize("size", [50, 1500])
def test_starts_are_drawn_from_the_same_samples(size, monkeypatch):
    monkeypatch.setattr(_batches, "RESERVOIR", size)
    monkeypatch.setattr(_batches, "EACH", 1)
    for seed in (0, 1):
        settings = SETTINGS | {"random_state": seed, "record_parameters": "restarts"}
        mine = GaussianMixture(3, **settings).fit(lazy(), sample_weight=WEIGHTS)
        theirs = GaussianMixture(3, **settings).fit_batches(PARTS, sample_weight=WEIGHTS)
        np.testing.assert_array_equal(mine.restarts_["start"][0].means, theirs.restarts_["start"][0].means)
        assert same_bits(mine, theirs)


def test_data_frames_and_sizes_that_are_not_known():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    mine = GaussianMixture(3, **SETTINGS).fit(dd.from_pandas(frame, npartitions=4))
    assert mine.feature_names_in_.tolist() == ["a", "b", "c"]
    assert same_bits(mine, GaussianMixture(3, **SETTINGS).fit_batches(np.split(frame, [500, 1000, 1500])))
    labels = mine.predict(dd.from_pandas(frame, npartitions=2))
    np.testing.assert_array_equal(labels.compute(), mine.predict(frame))
    with pytest.raises(ValueError, match=r"X must have the columns \['a', 'b', 'c'\]; got \['a', 'b', 'd'\]"):
        mine.predict(dd.from_pandas(frame.rename(columns={"c": "d"}), npartitions=2))
    unknown = lazy()[lazy()[:, 0] > 0.0]
    assert np.isnan(unknown.chunks[0]).all()
    positive = [part[part[:, 0] > 0.0] for part in PARTS]
    found = GaussianMixture(3, **SETTINGS).fit(unknown)
    assert same_bits(found, GaussianMixture(3, **SETTINGS).fit_batches(positive))
    assert found.predict_proba(unknown).compute().shape == (sum(map(len, positive)), 3)


def test_scores_are_computed_when_they_are_wanted():
    mixture = GaussianMixture(3, **SETTINGS).fit(X)
    computed = []
    watched = da.map_blocks(lambda block: computed.append(1) or block, lazy(), dtype=float, meta=X[:0])
    found = {name: getattr(mixture, name)(watched) for name in ("predict", "predict_proba", "score_samples")}
    assert computed == []
    for name, scores in found.items():
        expected = getattr(mixture, name)(X)
        assert scores.shape == expected.shape
        assert scores.dtype == expected.dtype
        np.testing.assert_array_equal(scores.compute(), expected)
    weights = da.from_array(WEIGHTS, chunks=300)
    assert mixture.score(lazy()) == pytest.approx(mixture.score(X), rel=1e-13)
    assert mixture.score(lazy(), sample_weight=weights) == pytest.approx(mixture.score(X, None, WEIGHTS), rel=1e-13)
    assert mixture.bic(lazy(), sample_weight=WEIGHTS) == pytest.approx(mixture.bic(X, WEIGHTS), rel=1e-13)
    assert mixture.aic(lazy()) == pytest.approx(mixture.aic(X), rel=1e-13)
    assert mixture.icl(lazy(), sample_weight=weights) == pytest.approx(mixture.icl(X, WEIGHTS), rel=1e-13)
    fresh = GaussianMixture(3, **SETTINGS)
    np.testing.assert_array_equal(fresh.fit_predict(lazy()).compute(), fresh.predict(X))


def test_bayesian_mixtures_score_block_by_block():
    mixture = BayesianGaussianMixture(n_components=3, **SETTINGS).fit(X)
    for name in ("predict", "score_samples", "predictive_log_density"):
        found = getattr(mixture, name)(lazy())
        assert isinstance(found, da.Array)
        np.testing.assert_array_equal(found.compute(), getattr(mixture, name)(X))
    assert mixture.score(lazy(), None, WEIGHTS) == pytest.approx(mixture.score(X, None, WEIGHTS), rel=1e-13)


@pytest.mark.parametrize("missing", [False, True])
def test_statistics_of_blocks(missing):
    mixture = GaussianMixture(3, missing="marginalise" if missing else "raise", random_state=0).fit(X)
    rows = np.where(np.arange(2000)[:, None] == CUTS[0], np.nan, GAPS) if missing else X  # a block without any value
    weights = WEIGHTS + (np.arange(2000) == CUTS[0])
    found = mixture.statistics(lazy(rows), da.from_array(weights, chunks=900))
    expected = mixture.statistics(rows, weights)
    for name in ("counts", "first", "second", "log_likelihood", "total_weight"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-12, atol=1e-10)
    assert found.mixture == expected.mixture


GRID = {"n_components": [2, 3], "covariance_types": ("full", "diag"), "n_init": 1, "random_state": 0}


@pytest.mark.parametrize("form", ["array", "frame", "unknown sizes"])
def test_select(form):
    if form == "frame":
        rows = dd.from_pandas(pd.DataFrame(X, columns=["a", "b", "c"]), npartitions=3)
    else:
        rows = lazy() if form == "array" else lazy()[lazy()[:, 0] > -np.inf]
    weights = None if form == "unknown sizes" else WEIGHTS
    found, expected = (gmm.select(data, sample_weight=weights, **GRID) for data in (rows, X))
    for name in ("log_likelihood", "aic", "bic", "icl"):
        np.testing.assert_allclose(found.table[name], expected.table[name], rtol=1e-9)
    for sizes, model in zip(found.sizes_, expected.models_, strict=True):
        np.testing.assert_allclose(sizes, np.bincount(model.predict(X), weights, len(sizes)), rtol=1e-12)
    assert found.n_samples == pytest.approx(expected.n_samples)
    np.testing.assert_array_equal(found.predict(rows).compute(), expected.predict(X))


def test_select_holds_out_rows_of_every_block(monkeypatch):
    calls, plain = [], GaussianMixture.fit

    def fit(self, X, sample_weight, **options):
        calls.append(sample_weight)
        return plain(self, X, sample_weight=sample_weight, **options)

    monkeypatch.setattr(GaussianMixture, "fit", fit)
    found = gmm.select(lazy(), [2], "diag", "cv", cv=3, sample_weight=WEIGHTS, random_state=0, n_init=1, tol=1e-9)
    kept = [weights.compute() for weights in calls[1:]]  # the first fit is that of all samples
    assert len(kept) == 3
    np.testing.assert_allclose(sum(kept), 2.0 * WEIGHTS, rtol=1e-15)  # each row is left out once
    left_out = [(weights == 0.0) & (WEIGHTS > 0.0) for weights in kept]
    for rows in left_out:
        assert all(
            0.15 < part.mean() < 0.4 for part, size in zip(np.split(rows, CUTS), CHUNKS, strict=True) if size > 99
        )
    total = 0.0
    for rows in left_out:
        mixture = plain(GaussianMixture(**found.best_.get_params()), X, sample_weight=WEIGHTS * ~rows)
        total += WEIGHTS[rows] @ mixture.score_samples(X[rows])
    assert found.table["cv"][0] == pytest.approx(total / WEIGHTS.sum(), rel=1e-6)


WITH_NAN = X.copy()
WITH_NAN[705, 1] = np.nan

REFUSED = {
    "NaN": (lambda: (lazy(WITH_NAN), None), r"^block 2 of X, row 4 \(feature 1\): Input X contains NaN"),
    "one axis": (lambda: (lazy()[:, 0], None), r"^X must have the shape \(n_samples, n_features\); got 1 dimension"),
    "no rows": (lambda: (lazy()[:0], None), "^blocks of X hold no samples"),
    "few rows": (lambda: (lazy()[:2], None), r"n_samples >= 3 \(n_components = 3\) but blocks of X have 2 samples"),
    "fewer weights": (lambda: (lazy(), np.ones(5)), r"^sample_weight must have shape \(2000,\); got \(5,\)"),
    "fewer weights of Dask": (
        lambda: (lazy(), da.ones(1999)),
        r"^sample_weight must have shape \(2000,\); got \(1999",
    ),
    "negative weights": (lambda: (lazy(), -da.ones(2000)), r"^block \d of X: weights must be finite and not negative"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_changes_nothing(case):
    arguments, message = REFUSED[case]
    rows, weights = arguments()
    mixture = GaussianMixture(3, random_state=0).fit(X)
    before = dict(vars(mixture))
    with pytest.raises(ValueError, match=message):
        mixture.fit(rows, sample_weight=weights)
    assert vars(mixture).keys() == before.keys()
    assert all(vars(mixture)[name] is value for name, value in before.items())


def test_what_needs_samples_in_memory_says_so():
    mixture = GaussianMixture(3, random_state=0).fit(X)
    with pytest.raises(ValueError, match="error_covariances need samples in memory"):
        GaussianMixture(3).fit(lazy(), error_covariances=np.ones(3))
    with pytest.raises(ValueError, match="resp_init gives the start of samples in memory"):
        GaussianMixture(3, resp_init=LABELS).fit(lazy())
    with pytest.raises(ValueError, match="error_covariances need samples in memory"):
        mixture.bic(lazy(), error_covariances=np.ones(3))
    with pytest.raises(ValueError, match="error_covariances need samples in memory"):
        gmm.select(lazy(), error_covariances=np.ones(3))
    with pytest.raises(TypeError, match=r"of Dask, which fit\(X\) takes as it is"):
        mixture.fit_batches(lazy())
    with pytest.raises(ValueError, match="X has 2 features, but GaussianMixture is expecting 3"):
        mixture.predict(lazy()[:, :2])


@pytest.mark.parametrize("what", ["score", "bic", "icl", "statistics"])
def test_bad_blocks_are_named_by_whatever_sums_over_them(what):
    method = getattr(GaussianMixture(3, random_state=0).fit(X), what)
    with pytest.raises(ValueError, match=r"^block 2 of X, row 4 \(feature 1\): Input X contains NaN"):
        method(lazy(WITH_NAN))
    with pytest.raises(ValueError, match=r"^block \d of X: weights must be finite and not negative; row 0 has -1"):
        method(lazy(), sample_weight=-da.ones(2000))
    with pytest.raises(ValueError, match=r"^blocks of X hold no samples that take part"):
        method(lazy()[:0])
    with pytest.raises(ValueError, match=r"^blocks of X hold no samples that take part"):
        method(lazy(), sample_weight=np.zeros(2000))


def test_blocks_have_the_columns_of_the_first():
    parts = [dask.delayed(np.ones)((50, 3)), dask.delayed(np.ones)((50, 4))]
    rows = da.concatenate([da.from_delayed(part, (50, 3), float) for part in parts])
    with pytest.raises(ValueError, match=r"^block 1 of X has 4 features, and the first one has 3"):
        GaussianMixture(2).fit(rows)
    frames = [pd.DataFrame(X[:50], columns=list("abc")), pd.DataFrame(X[:50], columns=list("acb"))]
    rows = dd.from_delayed([dask.delayed(frame) for frame in frames], meta=frames[0], verify_meta=False)
    with pytest.raises(ValueError, match=r"^block 1 of X has the columns .*, and the first one has "):
        GaussianMixture(2).fit(rows)


def test_blocks_are_dealt_to_folds_in_their_own_ways():
    rows = da.from_array(X, chunks=(500, 3))
    kept = np.array([weights.compute() for weights, _ in _blocks.folds(rows, None, 3, seed=0)])
    for part in np.split(kept, 4, axis=1)[1:]:
        assert (part != kept[:, :500]).mean() > 0.2  # by chance 4/9


def test_rows_are_counted_over_all_blocks():
    found = _blocks.Blocks(GaussianMixture(3, random_state=0), lazy(), sample_weight=WEIGHTS)
    np.testing.assert_array_equal(found.row_numbers, np.flatnonzero(WEIGHTS))
    np.testing.assert_array_equal(found.X, X[found.row_numbers])


def test_select_refuses_before_any_fit(monkeypatch):
    monkeypatch.setattr(GaussianMixture, "fit", None)
    with pytest.raises(ValueError, match=r"^block 2 of X, row 4 \(feature 1\): Input X contains NaN"):
        gmm.select(lazy(WITH_NAN))
    with pytest.raises(ValueError, match="not exceed the number of samples; 6 was asked for, X has 5"):
        gmm.select(lazy()[:5])


# ------------------------------------------------------------------------------------------- a cluster of processes


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes; one that dies is started again."""
    distributed = pytest.importorskip("distributed")
    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "memory_limit": 0}
    with (
        dask.config.set({"distributed.worker.daemon": False, "distributed.admin.tick.limit": "1 min"}),
        distributed.LocalCluster(**settings) as running,
        distributed.Client(running) as client,
        dask.config.set(scheduler=client),
    ):
        yield client


@pytest.mark.slow
class TestCluster:
    @pytest.fixture(autouse=True)
    def on_the_cluster(self, cluster, in_turn):
        with dask.config.set(scheduler=cluster):
            yield

    def test_processes_find_the_same_bits(self):
        expected = GaussianMixture(3, **SETTINGS).fit_batches(PARTS)
        assert same_bits(GaussianMixture(3, **SETTINGS).fit(lazy()), expected)

    def test_a_client_that_is_not_the_default_one(self, cluster, monkeypatch):
        distributed = pytest.importorskip("distributed")
        expected = GaussianMixture(3, **SETTINGS).fit_batches(PARTS)
        with distributed.Client(cluster.cluster, set_as_default=False) as client, dask.config.set(scheduler=client):
            monkeypatch.setattr(distributed.client, "_get_global_client", distributed.client._current_client.get)
            token = distributed.client._current_client.set(None)
            try:
                assert same_bits(GaussianMixture(3, **SETTINGS).fit(lazy()), expected)
            finally:
                distributed.client._current_client.reset(token)

    def test_workers_that_all_stand_still(self, cluster, monkeypatch):
        def turn(status):
            cluster.run(lambda dask_worker, to=status: setattr(dask_worker, "status", type(dask_worker.status)[to]))

        monkeypatch.setattr(blocks, "LOOK", 0.1)
        monkeypatch.setattr(blocks, "STUCK", 1.0)
        turn("paused")
        try:
            with pytest.raises(MemoryError, match="all 2 workers of Dask are paused: their memory is full"):
                GaussianMixture(3).fit(lazy())
        finally:
            turn("running")
        assert GaussianMixture(3, **SETTINGS).fit(lazy()).n_iter_ == 5

    def test_a_worker_that_dies(self, cluster):
        expected = GaussianMixture(3, **SETTINGS).fit_batches(PARTS, sample_weight=WEIGHTS)
        victims, killed = list(cluster.run(os.getpid).values()), []

        def kill(iteration, *_):
            if iteration == 2:
                killed.append(victims[0])
                os.kill(victims[0], signal.SIGKILL)

        found = GaussianMixture(3, callback=kill, **SETTINGS).fit(lazy(), sample_weight=WEIGHTS)
        assert killed
        assert found.n_iter_ > 3
        assert same_bits(found, expected)

    def test_a_worker_that_is_slow(self):
        def late(block, block_info=None):
            if block_info and block_info[0]["chunk-location"][0] == 0:
                time.sleep(0.05)
            return block

        rows = da.map_blocks(late, lazy(columns=3), dtype=float, meta=X[:0])
        assert same_bits(GaussianMixture(3, **SETTINGS).fit(rows), GaussianMixture(3, **SETTINGS).fit_batches(PARTS))

    def test_the_error_of_a_block_is_heard_from_afar(self):
        with pytest.raises(ValueError, match=r"^block 2 of X, row 4 \(feature 1\): Input X contains NaN"):
            GaussianMixture(3).fit(lazy(WITH_NAN))

    def test_an_interrupt_is_heard_and_changes_nothing(self):
        rows = da.map_blocks(lambda block: time.sleep(0.2) or block, lazy(columns=3), dtype=float, meta=X[:0])
        mixture = GaussianMixture(3, random_state=0).fit(X)
        before, sent = dict(vars(mixture)), []
        mixture.set_params(tol=0.0, max_iter=10_000)

        def interrupt():
            sent.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)

        # What a shell has started in the background begins with SIGINT ignored.
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        timer = threading.Timer(1.5, interrupt)
        try:
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                mixture.fit(rows)
            timer.join()
        finally:
            signal.signal(signal.SIGINT, handler)
        assert time.perf_counter() - sent[0] < 8.0  # a tenth of a second on a quiet computer
        assert all(vars(mixture)[name] is value for name, value in before.items() if name.endswith("_"))


@pytest.mark.slow
def test_more_data_than_the_memory_of_the_workers(tmp_path):
    """Blocks that are kept and do not fit are on the worker's disk: read in each pass, and not lost."""
    distributed = pytest.importorskip("distributed")
    limit, n_blocks, rows = 600 * 2**20, 20, 400_000  # 640 MB; imports alone take 350 MB of the memory
    few = np.random.default_rng(0).normal(size=(1000, 10)) + np.repeat([0.0, 3.0], 500)[:, None]

    def block(number):
        return np.tile(few, (rows // len(few), 1)) * (1.0 + 0.01 * number)

    settings = SETTINGS | {"max_iter": 2, "init_params": "random_from_data"}
    expected = GaussianMixture(2, **settings).fit_batches(lambda: map(block, range(n_blocks)))
    one = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None, "memory_limit": limit}
    memory = {"target": 0.2, "spill": 0.9, "pause": 0.95, "terminate": 0.98, "max-spill": False}
    config = {f"distributed.worker.memory.{name}": value for name, value in memory.items()}
    with (
        dask.config.set(config | {"distributed.admin.tick.limit": "1 min"}),
        distributed.LocalCluster(**one, local_directory=str(tmp_path)) as running,
        distributed.Client(running) as client,
        dask.config.set(scheduler=client),
    ):
        worker = client.run(os.getpid)
        parts = [da.from_delayed(dask.delayed(block)(i), (rows, 10), float) for i in range(n_blocks)]
        kept = da.concatenate(parts).persist()
        distributed.wait(kept)
        assert kept.nbytes > limit
        found = GaussianMixture(2, **settings).fit(kept)
        spilled = client.run(lambda dask_worker: dask_worker.data.spilled_total.memory)
        assert sum(spilled.values()) > 0.75 * kept.nbytes
        assert client.run(os.getpid) == worker  # which has not been killed for its memory and started again
    assert same_bits(found, expected)
