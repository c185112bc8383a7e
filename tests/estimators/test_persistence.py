"""save and load: no pickle, no half-written file, and no other file taken for a mixture."""

import contextlib
import io
import json
import os
import pickle
import stat
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from estimator_helpers import random_mixture
from hypothesis import given
from hypothesis import strategies as st

from gmm import GaussianMixture
from gmm.estimators import _persistence
from gmm.estimators._table import Table

posix = pytest.mark.skipif(os.name != "posix", reason="modes and symbolic links of POSIX")


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


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@posix
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_mode_of_any_new_file(tmp_path, umask):
    before = os.umask(umask)
    try:
        random_mixture(0, "full").save(tmp_path / "m")
        (tmp_path / "other").touch()
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "m") == mode_of(tmp_path / "other") == 0o666 & ~umask


@posix
@pytest.mark.parametrize("mode", [0o644, 0o600, 0o666])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path, mode, monkeypatch):
    path = tmp_path / "m"
    path.touch()
    path.chmod(mode)
    seen, savez = [], np.savez

    def spy(file, **arrays):
        seen.append(mode_of(next(tmp_path.glob(".*.tmp"))))
        savez(file, **arrays)

    monkeypatch.setattr(np, "savez", spy)
    random_mixture(0, "full").save(path)
    assert mode_of(path) == mode
    assert seen[0] & ~mode == 0  # what is private is so from the first byte
    GaussianMixture.load(path)


@posix
def test_symbolic_links_are_followed(tmp_path):
    (tmp_path / "models").mkdir()
    link, target = tmp_path / "link", tmp_path / "models" / "m"
    link.symlink_to(target)
    for seed in (0, 1):  # a link to nothing, then one to a file
        model = random_mixture(seed, "full")
        model.save(link)
        assert link.is_symlink()
        np.testing.assert_array_equal(GaussianMixture.load(target).means_, model.means_)
    assert [file.name for file in target.parent.iterdir()] == ["m"]


@pytest.mark.parametrize("place", ["missing/m", "folder", "file/m"])
def test_errors_name_the_path_that_was_given(tmp_path, place, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OSError) as error:
        random_mixture(0, "full").save(place)
    assert error.value.filename == place
    assert error.value.filename2 is None
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["file", "folder"]


@posix
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError) as error:
        random_mixture(0, "full").save(tmp_path / "m")
    assert error.value.filename == str(tmp_path / "m")


@posix
def test_a_pipe_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="Invalid argument"):
        random_mixture(0, "full").save(tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_contradicting_attributes_are_not_saved(tmp_path, covariance_type):
    model = random_mixture(0, covariance_type)
    model.covariances_ = 2.0 * model.covariances_
    with pytest.raises(ValueError, match="precisions_cholesky_ contradicts covariances_"):
        model.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_small_contradiction_is_one(covariance_type):
    """Factors of well-conditioned covariances have more than seven right digits."""
    model = random_mixture(0, covariance_type)
    for factor in (1.0 + 1e-7, 1.0 - 1e-7):
        with pytest.raises(ValueError, match="contradicts"):
            _persistence.check_factors(model._parameters(), model.precisions_cholesky_ * factor)


@given(
    seed=st.integers(0, 10_000),
    covariance_type=st.sampled_from(["full", "tied", "diag", "spherical"]),
    digits=st.integers(0, 12),
    scale=st.integers(-8, 8),
)
def test_factors_of_ill_conditioned_covariances_are_no_contradiction(seed, covariance_type, digits, scale):
    model = random_mixture(seed, covariance_type, n_components=2, n_features=4)
    units = 10.0 ** (scale * np.array([0.0, 1.0, -1.0, 0.5]))
    covariances = model.covariances_
    if covariance_type in ("full", "tied"):
        u = np.random.default_rng(seed).normal(size=4)
        covariances = 10.0**-digits * covariances + np.outer(u, u)  # nearly of rank one
        covariances = covariances * np.outer(units, units)
    elif covariance_type == "diag":
        covariances = covariances * units**2
    model = GaussianMixture.from_parameters(model.weights_, model.means_, covariances, covariance_type)
    _persistence.check_factors(model._parameters(), model.precisions_cholesky_)
    with pytest.raises(ValueError, match="contradicts"):
        _persistence.check_factors(model._parameters(), model.precisions_cholesky_ * 1.01)


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


def restart(**changes):
    row = {"initialisation": 0, "attempt": 0, "lower_bound": 0.5, "n_iter": 1, "converged": True, "status": "ok"}
    return {**row, "best": True, "reason": "", **changes}


def test_the_row_of_these_tests_is_sound(tmp_path):
    path, about, arrays = saved(tmp_path)
    about["restarts_"] = [restart()]
    rewrite(path, about, arrays)
    assert GaussianMixture.load(path).restarts_[0] == restart()


def archive_of(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(f"{name}.npy", content)


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_a_file_that_unpacks_to_more_than_itself_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        pytest.fail("a member was unpacked")

    path = tmp_path / "bomb"
    monkeypatch.setattr(zipfile.ZipFile, "read", refuse)
    archive_of(path, [("weights_", npy(np.zeros(10**6)))], zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="it is compressed, as no saved mixture is"):
        GaussianMixture.load(path)
    archive_of(path, [("weights_", npy(np.zeros(4))), ("means_", npy(np.zeros(4)))])
    content = path.read_bytes()
    size = len(npy(np.zeros(4))).to_bytes(4, "little")
    path.write_bytes(content.replace(size + size, (10**9).to_bytes(4, "little") * 2))
    with pytest.raises(ValueError, match="it claims to hold more than its own"):
        GaussianMixture.load(path)
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive_of(path, [("weights_", npy(np.zeros(4)))] * 2)
    with pytest.raises(ValueError, match="an array occurs twice"):
        GaussianMixture.load(path)


@pytest.mark.parametrize("shape", ["(10000000000,)", "(3,)", "(-2, -1)", "(2**99,)", "((((1,)))", "('a',)"])
def test_a_header_that_lies_about_the_size_is_refused(tmp_path, shape):
    path, about, _ = saved(tmp_path)
    content = npy(np.zeros(2)).replace(b"(2,), }" + b" " * (len(shape) - 4), f"{shape}, }}".encode())
    assert shape.encode() in content
    archive_of(path, [("about", npy(np.array(json.dumps(about)))), ("weights_", content)])
    with pytest.raises(ValueError, match=r"weights_ (claims shape|has a damaged header)"):
        GaussianMixture.load(path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "nonsense", "[]", "{}", "9" * 10_000, '"text"'])
def test_a_description_that_is_none_is_refused(tmp_path, text):
    path, _, arrays = saved(tmp_path)
    np.savez(path, about=np.array(text), **arrays)
    with pytest.raises(ValueError, match="is not a mixture saved by"):
        GaussianMixture.load(path)


def test_objects_in_an_array_are_refused(tmp_path):
    path, about, arrays = saved(tmp_path)
    rewrite(path, about, {**arrays, "means_": np.array([[None, 1.0], [2.0, 3.0]], dtype=object)})
    with pytest.raises(ValueError, match="means_ claims shape"):
        GaussianMixture.load(path)


@given(place=st.floats(0.0, 1.0), byte=st.integers(0, 255), cut=st.integers(0, 20))
def test_damage_is_refused_or_harmless(tmp_path_factory, place, byte, cut):
    path = tmp_path_factory.mktemp("damaged") / "m"
    model = random_mixture(0, "full", n_components=2, n_features=2)
    model.save(path)
    content = bytearray(path.read_bytes())
    where = int(place * (len(content) - 1))
    content[where : where + cut] = bytes([byte])
    path.write_bytes(content)
    with contextlib.suppress(ValueError):
        again = GaussianMixture.load(path)
        np.testing.assert_array_equal(again.means_, model.means_)
        np.testing.assert_array_equal(again.covariances_, model.covariances_)


def test_markup_in_a_table_is_text():
    table = Table([{"<i>": 1, "status": "<img src=x onerror=alert(1)>"}])
    html = table._repr_html_()
    assert "<i>" not in html
    assert "<img" not in html
    assert "<td>&lt;img src=x onerror=alert(1)&gt;</td>" in html


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
        (
            lambda about, arrays: arrays["precisions_cholesky_"].__imul__(2.0),
            "precisions_cholesky_ contradicts covarian",
        ),
        (lambda about, arrays: arrays["precisions_cholesky_"].__imul__(-1.0), "precisions_cholesky_ contradicts"),
        (lambda about, arrays: arrays["precisions_cholesky_"][0].__setitem__((1, 0), 9.0), "contradicts covariances_"),
        (lambda about, arrays: arrays.update(lower_bounds_=np.zeros((2, 2))), r"lower_bounds_ has shape \(2, 2\)"),
        (lambda about, arrays: arrays.update(lower_bound_=np.zeros(2)), r"lower_bound_ has shape \(2,\)"),
        (lambda about, arrays: arrays.update(lower_bounds_=np.zeros(3)), "n_iter_ is 0, and lower_bounds_ has 3"),
        (lambda about, arrays: arrays.update(extra=np.zeros(2)), r"unknown arrays \['extra'\]"),
        (
            lambda about, arrays: arrays.update(means_init=np.zeros((2, 5))),
            r"'means' should have the shape of \(2, 2\)",
        ),
        (lambda about, arrays: arrays.update(covariance_prior_dof=np.array(4.0)), "covariance_prior must be a matrix"),
        (
            lambda about, arrays: arrays.update(covariance_prior_scale=np.eye(2), covariance_prior_dof=np.ones(2)),
            "covariance_prior must be a matrix and a number",
        ),
        (lambda about, arrays: about["settings"].update(n_threads=1_000_000), "n_threads is 1000000, more than 4096"),
        (lambda about, arrays: about["settings"].update(covariance_type=["full"]), r"covariance_type is \['full'\]"),
        (lambda about, arrays: about.update(settings=["tol"]), r"settings is \['tol'\]"),
        (lambda about, arrays: about.update(n_iter_="<b>0"), "n_iter_ is '<b>0'"),
        (lambda about, arrays: about.update(converged_=[]), r"converged_ is \[\]"),
        (lambda about, arrays: about.update(feature_names_in_=[1, 2]), r"feature_names_in_ is \[1, 2\]"),
        (
            lambda about, arrays: about.update(restarts_=[restart(status="<img src=x onerror=…>")]),
            "a row with the status",
        ),
        (lambda about, arrays: about.update(restarts_=[restart(n_iter="1")]), "restarts_ has a row"),
        (lambda about, arrays: about.update(restarts_=7), "not a mixture saved by"),
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
    assert kept | {"callback", "resp_init"} == set(GaussianMixture().get_params())
