"""Mixtures in files: a plain .npz archive of arrays, written and read without pickle."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import secrets
import stat
import zipfile
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from gmm._types import AnyArray, Path
from gmm.engine import Diagonal, Spherical
from gmm.estimators._settings import kept
from gmm.learning import Box, Noise

VERSION = 1
TEXT_SETTINGS = kept("text") + kept("prior")  # a prior by name; one of numbers is kept as arrays
ARRAY_SETTINGS = kept("array")
PRIOR = ("covariance_prior_scale", "covariance_prior_dof")
# Columns of restarts_ and their types; recorded parameters are not kept.
RESTART = {
    "initialisation": int, "attempt": int, "lower_bound": float, "n_iter": int, "converged": bool, "status": str,
    "best": bool, "reason": str,
}  # fmt: skip
STATUSES = ("ok", "collapsed")
FITTED = ("weights_", "means_", "covariances_", "precisions_cholesky_")
COURSE = {"lower_bounds_": 1, "lower_bound_": 0}  # name -> number of axes
RIDGE = "reg_covar_"  # of a mixture that was fitted


class Layout(NamedTuple):
    """What the files of one kind of estimator hold beside the course of the fit."""

    name: str
    text: tuple  # settings in the description
    settings: tuple  # settings that are arrays
    fitted: tuple  # arrays that every fitted estimator has
    others: tuple = ()  # arrays that may be there

    @property
    def format(self):
        return f"gmm.{self.name}"

    @property
    def arrays(self):
        return {*self.fitted, *COURSE, *self.settings, *self.others, RIDGE}


NOISE = ("noise_weight_", "noise_centre_", "noise_axes_", "noise_widths_")
# What `partial_fit` goes on from.
ONLINE = (
    "online_centres", "online_counts", "online_first", "online_second", "online_numbers", "online_scale",
)  # fmt: skip
GAUSSIAN = Layout("GaussianMixture", TEXT_SETTINGS, ARRAY_SETTINGS, FITTED, (*PRIOR, *NOISE, *ONLINE))
MOST_THREADS = 4096  # in a file; who needs more can set it afterwards


def _plain(value):
    """Return a setting as JSON knows it: NumPy's numbers as Python's, masks as lists, all else as None."""
    if isinstance(value, dict):
        return {str(name): np.asarray(mask).tolist() for name, mask in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (bool, int, float, str)) else None


def described(model, layout=GAUSSIAN, **more):
    """Return (about, arrays) of a fitted mixture; `more` are further arrays."""
    about = {
        "format": layout.format,
        "version": VERSION,
        "settings": {name: _plain(getattr(model, name)) for name in layout.text},
        "converged_": bool(model.converged_),
        "n_iter_": int(model.n_iter_),
        "restarts_": [{name: row[name] for name in RESTART} for row in model.restarts_],
        "feature_names_in_": [str(name) for name in getattr(model, "feature_names_in_", ())],
    }
    arrays = {name: np.asarray(getattr(model, name), dtype=np.float64) for name in layout.fitted} | more
    arrays["lower_bounds_"] = np.asarray(model.lower_bounds_, dtype=np.float64)
    arrays["lower_bound_"] = np.asarray(model.lower_bound_, dtype=np.float64)
    for name in layout.settings:
        if getattr(model, name) is not None:
            arrays[name] = np.asarray(getattr(model, name), dtype=np.float64)
    if hasattr(model, RIDGE):
        arrays[RIDGE] = np.asarray(model.reg_covar_, dtype=np.float64)
    check_factors(model._parameters(), arrays["precisions_cholesky_"])
    return about, arrays


def write(path, about, arrays):
    """Write what `described` returned to `path`, whole or not at all."""
    write_whole(path, lambda file: np.savez(file, about=np.array(json.dumps(about)), **arrays))


def write_whole(path, fill):
    """Write a file whole or not at all: where symbolic links lead, with the mode of the file that it replaces."""
    path = os.fspath(path)
    try:
        target = os.path.realpath(path)
        try:
            there = os.stat(target).st_mode
        except FileNotFoundError:
            there = None
        if there is not None and not stat.S_ISREG(there):
            number = errno.EISDIR if stat.S_ISDIR(there) else errno.EINVAL
            raise OSError(number, os.strerror(number), path)
        mode = 0o666 if there is None else stat.S_IMODE(there)
        # Beside the target, so that the last step is a rename within one file system.
        temporary = os.path.join(os.path.dirname(target), f".{secrets.token_hex(8)}.tmp")
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            try:
                fill(file)
                file.close()
                if there is not None:  # the umask has no say in it
                    os.chmod(temporary, mode)
                os.replace(temporary, target)
            except BaseException:
                with suppress(OSError):  # what is left in its buffer has no room on a full disk either
                    file.close()
                os.unlink(temporary)
                raise
    except OSError as error:
        if error.errno is None:
            raise
        raise type(error)(error.errno, error.strerror, path) from None


def check_factors(parameters, factors):
    """Refuse factors that are not those of the covariances, whose Cholesky factors they are to invert: Pᵀ Σ P = I.

    The rounding of L and of the product is some eps |P|ᵀ s sᵀ |P|, with s the standard deviations.
    """
    wrong = ValueError("precisions_cholesky_ contradicts covariances_; from_parameters computes the one from the other")
    structure = parameters.structure
    covariances, shape = structure.expand(parameters.covariances, parameters.n_components), parameters.means.shape
    expected = structure.factor_shape(*shape)
    if factors.shape != expected:
        raise ValueError(f"precisions_cholesky_ has shape {factors.shape}, covariances_ needs {expected}")
    packed = structure.pack(factors)
    if not np.array_equal(structure.unpack(packed, *shape), factors):
        raise wrong
    factors = packed
    with np.errstate(all="ignore"):
        if structure.model in (Diagonal, Spherical):
            if not (np.abs(factors * np.sqrt(covariances) - 1.0) < 1e-9).all():
                raise wrong
            return
        diagonals = np.einsum("...jj->...j", covariances)
        sizes = np.einsum("...ij,...i->...j", np.abs(factors), np.sqrt(diagonals))
        tolerance = 1e-9 + 1e-14 * covariances.shape[-1] * sizes[..., :, None] * sizes[..., None, :]
        product = np.swapaxes(factors, -1, -2) @ covariances @ factors
        close = np.abs(product - np.eye(covariances.shape[-1])) < tolerance
        if not close.all() or np.tril(factors, -1).any() or (np.einsum("...jj->...j", factors) <= 0.0).any():
            raise wrong


def prior_arrays(value):
    """Return the arrays of `covariance_prior`, where it is a pair (scale, dof)."""
    if not isinstance(value, (tuple, list)):
        return {}
    return {name: np.asarray(part, dtype=np.float64) for name, part in zip(PRIOR, value, strict=True)}


def box_arrays(box):
    """The arrays of a `gmm.learning.Box`."""
    return dict(zip(NOISE[1:], box, strict=True))


def noise_of(arrays, model):
    """(weights that sum to one, noise, box) of a file; noise and box are None where it has none."""
    weights = arrays["weights_"]
    if not any(name in arrays for name in NOISE):
        return weights, None, None
    missing = [name for name in NOISE if name not in arrays]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing")
    d = arrays["means_"].shape[-1]
    for name, shape in zip(NOISE, ((), (d,), (d, d), (d,)), strict=True):
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has shape {arrays[name].shape}, not {shape}")
    weight, box = float(arrays[NOISE[0]]), Box(*(arrays[name] for name in NOISE[1:]))
    if not (0.0 <= weight <= 1.0 and (box.widths > 0.0).all()):
        raise ValueError("noise_weight_ must be in [0, 1], and noise_widths_ positive")
    if not np.allclose(box.axes.T @ box.axes, np.eye(d), atol=1e-9):
        raise ValueError("noise_axes_ is not orthogonal")
    if (weights < 0.0).any() or abs(weights.sum() + weight - 1.0) > 1e-8:
        raise ValueError("weights_ and noise_weight_ must not be negative and sum to 1")
    noise = Noise(weight, -box.log_volume, 2 if model.noise_volume is None else 1)
    total = weights.sum()
    return (weights / total if total > 0.0 else np.full(len(weights), 1.0 / len(weights))), noise, box


def read(path: Path, layout: Layout = GAUSSIAN) -> tuple[dict[str, Any], dict[str, AnyArray]]:
    """Read what `write` wrote: (about, arrays). No more memory is taken than the file is long, some times over.

    Raises
    ------
    ValueError
        If the file is not a mixture written by this package, or damaged.
    """
    refusal = f"{os.fspath(path)!r} is not a mixture saved by {layout.name}.save"
    about, arrays = contents(path, layout, refusal)
    try:
        _check(about, arrays, layout)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{refusal}: {type(error).__name__}: {error}") from None
    return about, arrays


def contents(path, layout, refusal):
    """(about, arrays) of a file of this layout; what they hold is not checked. Errors begin with `refusal`."""
    path = os.fspath(path)
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError(f"{refusal}: it is not an .npz archive.")
        try:
            arrays = _members(file, layout)
            about = json.loads(str(arrays.pop("about")))
            kind, version = about["format"], about["version"]
        except RecursionError:
            raise ValueError(f"{refusal}: its description is nested too deeply.") from None
        # What zipfile raises of damaged archives: RuntimeError for encrypted ones, the next for features it lacks.
        except (LookupError, TypeError, ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
            raise ValueError(f"{refusal}: {error}") from None
    if kind != layout.format:
        raise ValueError(f"{refusal}: it holds {kind!r}.")
    if version != VERSION:
        raise ValueError(f"{path!r} has format version {version!r}; this version of gmm reads version {VERSION}.")
    return about, arrays


def _members(file, layout):
    """The arrays of an archive by name, after a look at what it claims to hold: no member is unpacked before."""
    size = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = [member.filename.removesuffix(".npy") for member in members]
        unknown = set(names) - layout.arrays - {"about"}
        if unknown:
            raise ValueError(f"unknown arrays {sorted(unknown)}")
        if len(set(names)) < len(names):
            raise ValueError("an array occurs twice")
        if any(m.compress_type != zipfile.ZIP_STORED or m.file_size != m.compress_size for m in members):
            raise ValueError("it is compressed, as no saved mixture is")
        if sum(member.file_size for member in members) > size:
            raise ValueError(f"it claims to hold more than its own {size} bytes")
        return {name: _array(name, archive.read(member)) for name, member in zip(names, members, strict=True)}


def _array(name, content):
    """An array from the content of an .npy file, whose header is to agree with its length."""
    stream = io.BytesIO(content)
    headers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(stream)
    if version not in headers:
        raise ValueError(f"{name} has .npy version {version}")
    try:
        shape, fortran_order, dtype = headers[version](stream)
    except Exception as error:  # NumPy parses it as Python, which fails in many ways
        raise ValueError(f"{name} has a damaged header ({type(error).__name__})") from None
    start = stream.tell()
    fits = min(shape, default=0) >= 0 and math.prod(shape) * dtype.itemsize == len(content) - start
    if dtype.kind != ("U" if name == "about" else "f") or not fits:
        raise ValueError(f"{name} claims shape {shape} and dtype {dtype}, and has {len(content) - start} bytes")
    return np.frombuffer(content, dtype, offset=start).reshape(shape, order="F" if fortran_order else "C").copy()


def _check(about, arrays, layout):
    """Refuse contents that a fitted mixture cannot have."""
    missing = [name for name in (*layout.fitted, *COURSE) if name not in arrays]
    missing += [name for name in ("settings", "converged_", "n_iter_", "feature_names_in_") if name not in about]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing")
    for name, kind in (("settings", dict), ("converged_", bool), ("n_iter_", int), ("feature_names_in_", list)):
        if type(about[name]) is not kind:
            raise ValueError(f"{name} is {about[name]!r}")
    _check_settings(about["settings"], layout.text)
    if not all(type(name) is str for name in about["feature_names_in_"]):
        raise ValueError(f"feature_names_in_ is {about['feature_names_in_']!r}")
    means, n_components = arrays["means_"], about["settings"].get("n_components")
    if type(n_components) is int and means.shape[:1] != (n_components,):
        raise ValueError(f"n_components is {n_components}, means_ has shape {means.shape}")
    for row in about.setdefault("restarts_", []):  # older files have none
        if not isinstance(row, dict) or {name: type(value) for name, value in row.items()} != RESTART:
            raise ValueError(f"restarts_ has a row {row}")
        if row["status"] not in STATUSES:
            raise ValueError(f"restarts_ has a row with the status {row['status']!r}")
    for name, array in arrays.items():
        if array.dtype != np.float64:
            raise ValueError(f"{name} has dtype {array.dtype}")
        if name not in COURSE and not np.isfinite(array).all():
            raise ValueError(f"{name} is not finite")
    for name, n_axes in COURSE.items():
        if arrays[name].ndim != n_axes:
            raise ValueError(f"{name} has shape {arrays[name].shape}")
    if about["n_iter_"] != len(arrays["lower_bounds_"]):
        raise ValueError(f"n_iter_ is {about['n_iter_']}, and lower_bounds_ has {len(arrays['lower_bounds_'])} entries")
    ridge = arrays.get(RIDGE, np.zeros(()))
    if ridge.shape not in ((), arrays["means_"].shape[1:]) or (ridge < 0.0).any():
        raise ValueError(f"reg_covar_ is {ridge}")
    given = [name for name in PRIOR if name in arrays]
    if len(given) == 1 or (given and arrays["covariance_prior_dof"].ndim):
        raise ValueError("covariance_prior must be a matrix and a number")


def _check_settings(settings, known):
    unknown = set(settings) - set(known)
    if unknown:
        raise ValueError(f"unknown settings {sorted(unknown)}")
    for name, value in settings.items():
        if name == "fixed" and type(value) is dict:
            for part, mask in value.items():
                if part not in ("weights", "means", "covariances") or np.asarray(mask).dtype != bool:
                    raise ValueError(f"fixed[{part!r}] is {mask!r}")
        elif type(value) not in (bool, int, float, str, type(None)):
            raise ValueError(f"{name} is {value!r}")
    n_threads = settings.get("n_threads")
    if type(n_threads) is int and n_threads > MOST_THREADS:
        raise ValueError(f"n_threads is {n_threads}, more than {MOST_THREADS}")
