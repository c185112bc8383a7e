"""save and load: no pickle, no half-written file, and no other file taken for a mixture."""

import json
import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest
from estimator_helpers import random_mixture

from gmm import GaussianMixture
from gmm.estimators import _persistence


@pytest.fixture
def model(blobs, covariance_type):
    frame = pd.DataFrame(blobs[0], columns=["größe", "b"])
    settings = {"random_state": 3, "tol": 1e-5, "means_init": np.arange(6.0).reshape(3, 2), "n_threads": 1}
    return GaussianMixture(3, covariance_type=covariance_type, **settings).fit(frame)


def test_a_mixture_comes_back_as_it_was(model, tmp_path):
    path = tmp_path / "mixture.gmm"
    model.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["mixture.gmm"]
    again = GaussianMixture.load(str(path))
    assert set(vars(again)) == set(vars(model))
    for name, value in vars(model).items():
        if name != "history_":
            np.testing.assert_array_equal(getattr(again, name), value, err_msg=name)
            assert type(getattr(again, name)) is type(value), name
    np.testing.assert_array_equal(again.history_.log_likelihoods, model.history_.log_likelihoods)
    X = pd.DataFrame(model.sample(50)[0], columns=model.feature_names_in_)
    np.testing.assert_array_equal(again.score_samples(X), model.score_samples(X))
    np.testing.assert_array_equal(again.sample(4)[0], model.sample(4)[0])
    again.set_params(warm_start=True).fit(X)


def test_an_unfitted_history_and_settings_that_files_do_not_hold(tmp_path):
    model = random_mixture(0, "tied", random_state=np.random.default_rng(0), callback=print, tol=np.float32(0.5))
    model.save(tmp_path / "m")
    again = GaussianMixture.load(tmp_path / "m")
    assert (again.random_state, again.callback, again.tol) == (None, None, 0.5)
    assert (again.n_iter_, again.lower_bound_, again.lower_bounds_) == (0, -np.inf, [])


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "m"
    first = random_mixture(0, "full")
    first.save(path)
    before = path.read_bytes()

    def fail(*arguments, **options):
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="no space left"):
        random_mixture(1, "full").save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["m"]


def test_a_pickle_is_not_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("code from the file was run",))

    path = tmp_path / "m"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(
        ValueError, match=r"is not a mixture saved by GaussianMixture\.save: it is not an \.npz archive"
    ):
        GaussianMixture.load(path)
    np.savez(path.with_suffix(".npz"), about=np.array([Bomb()], dtype=object), weights_=np.ones(1))
    with pytest.raises(ValueError, match=r"is not a mixture saved by GaussianMixture\.save"):
        GaussianMixture.load(path.with_suffix(".npz"))


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "m.npz"
    with pytest.raises(FileNotFoundError):
        GaussianMixture.load(path)
    for content in (b"", b"weights: 0.5", np.arange(100.0).tobytes()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"is not a mixture saved by GaussianMixture\.save"):
            GaussianMixture.load(path)
    np.savez(path, X=np.eye(3))
    with pytest.raises(ValueError, match=r"is not a mixture saved by GaussianMixture\.save"):
        GaussianMixture.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("about.npy", "no array")
    with pytest.raises(ValueError, match=r"is not a mixture saved by GaussianMixture\.save"):
        GaussianMixture.load(path)


def saved(tmp_path):
    """The parts of a sound file: (path, about, arrays)."""
    path = tmp_path / "m.npz"
    random_mixture(0, "full", n_components=2, n_features=2).save(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    return path, json.loads(str(arrays.pop("about"))), arrays


def rewrite(path, about, arrays):
    np.savez(path, about=np.array(json.dumps(about)), **arrays)


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(tmp_path, cut):
    path, _, _ = saved(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(cut * len(content))])
    with pytest.raises(ValueError, match="is not a mixture saved by"):
        GaussianMixture.load(path)


def test_a_flipped_byte_is_seen(tmp_path):
    path, _, arrays = saved(tmp_path)
    content = bytearray(path.read_bytes())
    content[content.find(arrays["means_"].tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a mixture saved by"):
        GaussianMixture.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda about, arrays: about.update(format="something else"), "it holds 'something else'"),
        (lambda about, arrays: about.update(version=99), "format version 99; this version of gmm reads version 1"),
        (lambda about, arrays: about.pop("settings"), "settings missing"),
        (lambda about, arrays: about.pop("version"), "version"),
        (lambda about, arrays: about["settings"].update(colour="red"), r"unknown settings \['colour'\]"),
        (lambda about, arrays: about["settings"].update(tol=-1.0), "'tol' parameter"),
        (lambda about, arrays: about["settings"].update(n_components=3), "n_components is 3"),
        (
            lambda about, arrays: about["settings"].update(covariance_type="diag"),
            "'diag covariance' should have the shape",
        ),
        (lambda about, arrays: about.update(feature_names_in_=["a"]), "1 feature names for 2 features"),
        (lambda about, arrays: arrays.pop("means_"), "means_ missing"),
        (lambda about, arrays: arrays["means_"].fill(np.nan), "means_ is not finite"),
        (lambda about, arrays: arrays["weights_"].fill(0.7), "'weights' should be normalized"),
        (lambda about, arrays: arrays["covariances_"].fill(1.0), "positive definite|positive-definite"),
        (lambda about, arrays: arrays.update(precisions_cholesky_=np.eye(2)), "precisions_cholesky_ has shape"),
        (lambda about, arrays: arrays.update(means_=arrays["means_"].astype(np.float32)), "means_ has dtype float32"),
    ],
)
def test_contents_that_do_not_fit_are_refused(tmp_path, change, message):
    path, about, arrays = saved(tmp_path)
    change(about, arrays)
    rewrite(path, about, arrays)
    with pytest.raises(ValueError, match=message):
        GaussianMixture.load(path)


def test_every_setting_is_saved():
    kept = {*_persistence.TEXT_SETTINGS, *_persistence.ARRAY_SETTINGS}
    assert kept | {"callback"} == set(GaussianMixture().get_params())
