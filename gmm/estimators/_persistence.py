"""Mixtures in files: a plain .npz archive of arrays, written and read without pickle."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile

import numpy as np

from gmm.estimators._settings import kept

FORMAT = "gmm.GaussianMixture"
VERSION = 1
TEXT_SETTINGS = kept("text") + kept("prior")  # a prior by name; one of numbers is kept as arrays
ARRAY_SETTINGS = kept("array")
PRIOR = ("covariance_prior_scale", "covariance_prior_dof")
# Columns of restarts_ and their types; recorded parameters are not kept.
RESTART = {
    "initialisation": int, "attempt": int, "lower_bound": float, "n_iter": int, "converged": bool, "status": str,
    "best": bool, "reason": str,
}  # fmt: skip
FITTED = ("weights_", "means_", "covariances_", "precisions_cholesky_")


def _plain(value):
    """Return a setting as JSON knows it: NumPy's numbers as Python's, masks as lists, all else as None."""
    if isinstance(value, dict):
        return {str(name): np.asarray(mask).tolist() for name, mask in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (bool, int, float, str)) else None


def write(model, path):
    """Write a fitted mixture to `path`, whole or not at all."""
    about = {
        "format": FORMAT,
        "version": VERSION,
        "settings": {name: _plain(getattr(model, name)) for name in TEXT_SETTINGS},
        "converged_": bool(model.converged_),
        "n_iter_": int(model.n_iter_),
        "restarts_": [{name: row[name] for name in RESTART} for row in model.restarts_],
        "feature_names_in_": [str(name) for name in getattr(model, "feature_names_in_", ())],
    }
    arrays = {name: np.asarray(getattr(model, name), dtype=np.float64) for name in FITTED}
    arrays["lower_bounds_"] = np.asarray(model.lower_bounds_, dtype=np.float64)
    arrays["lower_bound_"] = np.asarray(model.lower_bound_, dtype=np.float64)
    for name in ARRAY_SETTINGS:
        if getattr(model, name) is not None:
            arrays[name] = np.asarray(getattr(model, name), dtype=np.float64)
    if isinstance(model.covariance_prior, (tuple, list)):  # (scale, dof)
        for name, part in zip(PRIOR, model.covariance_prior, strict=True):
            arrays[name] = np.asarray(part, dtype=np.float64)
    path = os.fspath(path)
    # Beside the target, so that the last step is a rename within one file system.
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path) or ".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, about=np.array(json.dumps(about)), **arrays)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def read(path):
    """Read what `write` wrote: (about, arrays).

    Raises
    ------
    ValueError
        If the file is not a mixture written by this package, or damaged.
    """
    path = os.fspath(path)
    refusal = f"{path!r} is not a mixture saved by GaussianMixture.save"
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError(f"{refusal}: it is not an .npz archive.")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            about = json.loads(str(arrays.pop("about")))
            kind, version = about["format"], about["version"]
        except (KeyError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{refusal}: {error}") from None
    if kind != FORMAT:
        raise ValueError(f"{refusal}: it holds {kind!r}.")
    if version != VERSION:
        raise ValueError(f"{path!r} has format version {version!r}; this version of gmm reads version {VERSION}.")
    try:
        _check(about, arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{refusal}: {type(error).__name__}: {error}") from None
    return about, arrays


def _check(about, arrays):
    """Refuse contents that a fitted mixture cannot have."""
    missing = [name for name in (*FITTED, "lower_bounds_", "lower_bound_") if name not in arrays]
    missing += [name for name in ("settings", "converged_", "n_iter_", "feature_names_in_") if name not in about]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing")
    unknown = set(about["settings"]) - set(TEXT_SETTINGS)
    if unknown:
        raise ValueError(f"unknown settings {sorted(unknown)}")
    for row in about.setdefault("restarts_", []):  # older files have none
        if not isinstance(row, dict) or {name: type(value) for name, value in row.items()} != RESTART:
            raise ValueError(f"restarts_ has a row {row}")
    for name, array in arrays.items():
        if array.dtype != np.float64:
            raise ValueError(f"{name} has dtype {array.dtype}")
        if name not in ("lower_bounds_", "lower_bound_") and not np.isfinite(array).all():
            raise ValueError(f"{name} is not finite")
