"""Input checks of the estimators, in scikit-learn's words."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from gmm import learning
from gmm._types import AnyArray, ArrayLike, FloatArray, Seed
from gmm.estimators._sklearn_compat import _check_sample_weight

# How far a given matrix may be from its transpose, as a correlation.
SYMMETRY_TOLERANCE = 1e-8
# How far rows of responsibilities may be from 1, which leaves room for those that were float32.
ROUNDED = 1e-6
NAMED = 3  # missing values named in a message
# Generators that are no longer in use. To seed one again takes a microsecond, to make one a tenth of a millisecond,
# which is a quarter of a small fit.
_idle: list[Any] = []


def give_back(generator, random_state):
    """Keep the generator that an integer stood for, to be seeded again. The caller must not use it any more."""
    if isinstance(random_state, (int, np.integer)) and isinstance(generator, np.random.RandomState):
        _idle.append(generator)


def random_generator(random_state: Seed) -> Any:
    """Return the generator that `random_state` stands for.

    An integer seeds a `RandomState`, so that random starts are those of scikit-learn. None takes fresh entropy: NumPy's
    global generator is neither read nor advanced.
    """
    if random_state is None:
        return np.random.default_rng()
    if isinstance(random_state, (np.random.RandomState, np.random.Generator)):
        return random_state
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        try:
            generator = _idle.pop()
        except IndexError:
            return np.random.RandomState(random_state)
        generator.seed(random_state)
        return generator
    raise ValueError(f"{random_state!r} cannot be used to seed a numpy.random.RandomState instance")


def unmasked(value, name):
    """Return `value`, a masked array without masked entries as its data; refuse one that has some."""
    if not isinstance(value, np.ma.MaskedArray):
        return value
    n_masked = int(np.count_nonzero(np.ma.getmaskarray(value)))
    if n_masked:
        raise ValueError(
            f"{name} is a masked array with {n_masked} of {value.size} entries masked; missing values are not "
            "supported. Leave those samples out (numpy.ma.compress_rows), or fill them (.filled)"
        )
    return np.ma.getdata(value)


def _is_plain(estimator, X, reset, min_samples):
    """Whether X needs nothing of scikit-learn's check: a numeric array of a fitting shape, without NaN or infinity."""
    if type(X) is not np.ndarray or X.ndim != 2 or X.dtype.kind not in "fiu" or not X.dtype.isnative:
        return False
    if X.shape[0] < min_samples or X.shape[1] < 1 or hasattr(estimator, "feature_names_in_"):
        return False
    if not reset and X.shape[1] != getattr(estimator, "n_features_in_", None):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return X.dtype.kind != "f" or math.isfinite(X.sum(dtype=np.float64))


def check_samples(estimator: Any, X: Any, *, reset: bool, min_samples: int = 1, missing: str = "raise") -> AnyArray:
    """Check X for `estimator` without a conversion: the engine reads float32 and integers as they are.

    With missing='marginalise' NaN may stand where a value is missing.
    """
    # scikit-learn's check, with all that it says, takes longer than a small fit.
    if _is_plain(estimator, X, reset, min_samples):
        if reset:
            estimator.n_features_in_ = X.shape[1]
        return X
    allowed, given = missing == "marginalise", X
    X = _with_nan(X, allowed)
    options = {"dtype": "numeric", "reset": reset, "ensure_min_samples": min_samples}
    try:
        X = validate_data(estimator, X, ensure_all_finite="allow-nan" if allowed else True, **options)
    except ValueError as error:
        if about := _about_text(given):
            raise ValueError(f"{error} {about}") from None
        if allowed or not str(error).startswith("Input X contains NaN"):
            raise
        raise ValueError(_about_missing(estimator, X)) from None
    if X.dtype.kind not in "fiub":
        raise TypeError(f"X must hold real numbers; got dtype {X.dtype}. {_about_text(given)}".rstrip(" ."))
    return X


def _with_nan(X, masked):
    """X with NaN where a value is missing: pandas' NA among objects and, if they are allowed, None and masked ones."""
    if isinstance(X, np.ma.MaskedArray):
        if not masked:
            return unmasked(X, "X")
        mask = np.ma.getmaskarray(X)
        return np.where(mask, np.nan, np.ma.getdata(X)) if mask.any() else np.ma.getdata(X)
    if masked and isinstance(X, (list, tuple)):
        with contextlib.suppress(ValueError):  # scikit-learn's check says what is wrong
            X = np.asarray(X)
    pandas = sys.modules.get("pandas")  # who has an NA has loaded it
    if pandas is None:
        return X
    if isinstance(X, np.ndarray) and X.dtype.kind == "O":
        return np.where(pandas.isna(X), np.nan, X)
    if isinstance(X, pandas.DataFrame) and any(kind.kind == "O" for kind in X.dtypes):
        return X.where(X.notna(), np.nan)
    return X


def _is_number(value):
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _about_text(X):
    """Name the first texts in X that are no numbers; '' if there is no text, or it cannot be told."""
    with contextlib.suppress(Exception):  # what X is was refused, what it holds is only to be named
        names = list(map(str, X.columns)) if hasattr(X, "columns") else None
        values = np.asarray(X)
        if values.ndim != 2 or values.dtype.kind not in "OSU":
            return ""
        texts = [place for place in np.ndindex(values.shape) if isinstance(values[place], (str, bytes))]
        if not texts:
            return ""
        text = [place for place in texts if not _is_number(values[place])][:NAMED]
        column = ["" if names is None else f" ({name})" for name in names or range(values.shape[1])]
        cells = [f"X[{i}, {j}]{column[j]} is '{values[i, j]!s:.40}'" for i, j in text]
        return f"No number: {', '.join(cells)}." if cells else "X holds numbers as text: X.astype(float) reads them."
    return ""


def _about_missing(estimator, X):
    """The message for missing values that are not allowed, in scikit-learn's words and with the first of them."""
    with contextlib.suppress(Exception):  # what X is was checked, what it holds is only to be named
        names = list(map(str, X.columns)) if hasattr(X, "columns") else None
        values = np.asarray(X) if names is None else X.to_numpy(dtype=np.float64, na_value=np.nan)
        values = values.astype(np.float64)
        n_missing = int(np.count_nonzero(np.isnan(values)))
        cells = [
            f"X[{i}, {j}]" + ("" if names is None else f" ({names[j]})")
            for i, j in np.argwhere(np.isnan(values))[:NAMED]
        ]
        where = f" {n_missing} of {values.size} values are missing: {', '.join(cells)}"
        where += ", …." if n_missing > NAMED else "."
        if getattr(estimator, "missing", None) == "marginalise":
            return f"Input X contains NaN.{where} This method needs complete samples; impute(X) completes them."
        if hasattr(estimator, "missing"):
            return f"Input X contains NaN.{where} missing='marginalise' fits and scores what was observed."
        return f"Input X contains NaN.{where}"
    return "Input X contains NaN."


def has_missing(X):
    """Whether a value of the checked X is missing."""
    if X.dtype.kind != "f":
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isnan(X.sum(dtype=np.float64)) and bool(np.isnan(X).any())


def check_observed(X: AnyArray, names: Sequence[str] | None = None) -> Any:
    """Return which rows have an observed value, (n,), or None if no value is missing; refuse a feature without any."""
    if not has_missing(X):
        return None
    missing = np.isnan(X)
    empty = np.flatnonzero(missing.all(axis=0))
    if empty.size:
        name = "" if names is None else f" ({names[empty[0]]})"
        raise ValueError(f"X[:, {empty[0]}]{name} has no observed value: nothing can be learnt of it. Leave it out")
    return ~missing.all(axis=1)


@overload
def check_weights_of(sample_weight: None, X: AnyArray) -> None: ...
@overload
def check_weights_of(sample_weight: ArrayLike, X: AnyArray) -> FloatArray: ...
def check_weights_of(sample_weight: Any, X: AnyArray) -> Any:
    """Check the weights of samples that are not fitted; None stays None."""
    if sample_weight is None:
        return None
    sample_weight = unmasked(sample_weight, "sample_weight")
    sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not sample_weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return sample_weight


def check_given_values(values: Any, n_given: int, names: Sequence[str] | None) -> FloatArray:
    """Check rows of values of some features, whose names are `names` if they have any: (n_samples, n_given), finite."""
    columns = getattr(values, "columns", None)
    if names is not None and columns is not None and list(columns) != list(names):
        raise ValueError(f"values must have the columns {list(map(str, names))}, as features; got {list(columns)}")
    values = check_array(unmasked(values, "values"), dtype=np.float64, input_name="values", estimator="values")
    if values.shape[1] != n_given:
        raise ValueError(f"values must have shape (n_samples, {n_given}), one column a feature; got {values.shape}")
    return values


def check_sample_weight(sample_weight, X, n_components, observed=None):
    """Check sample weights and return (X, sample_weight, row_numbers) of the samples that take part.

    Samples of weight zero are left out (a copy, made only then): a far one would otherwise set the scale of k-means.
    So are those that are not `observed`, a mask. `row_numbers` are those of the others, None where all take part.
    Weights are scaled by a power of two, which changes no digit of any result.
    """
    if sample_weight is None:
        if observed is None or observed.all():
            _check_enough_samples(X.shape[0], n_components)
            return X, None, None
        row_numbers = np.flatnonzero(observed)
        if row_numbers.size < 2:
            raise ValueError(f"X has {row_numbers.size} sample with an observed value, and a fit needs 2")
        _check_enough_samples(row_numbers.size, n_components)
        return X[row_numbers], None, row_numbers
    sample_weight = check_weights_of(sample_weight, X)
    row_numbers = np.flatnonzero(sample_weight if observed is None else sample_weight * observed)
    if row_numbers.size < 2:
        raise ValueError(
            f"Found {row_numbers.size} sample(s) with non-zero sample_weight while a minimum of 2 is required by "
            "GaussianMixture."
        )
    _check_enough_samples(row_numbers.size, n_components)
    if row_numbers.size < X.shape[0]:
        X, sample_weight = X[row_numbers], sample_weight[row_numbers]
    else:
        row_numbers = None
    # Weights near the limits of float64 would overflow or vanish in the sums.
    return X, np.ldexp(sample_weight, -int(np.frexp(sample_weight.max())[1])), row_numbers


def _check_enough_samples(n_samples, n_components):
    if n_samples < n_components:
        raise ValueError(
            f"Expected n_samples >= n_components but got n_components = {n_components}, n_samples = {n_samples}"
        )


def _array(value, name):
    """Return `value` as a finite array; how many axes it must have is for the check of its shape to say."""
    value = unmasked(value, name)
    return check_array(value, dtype=[np.float64, np.float32], ensure_2d=False, allow_nd=True, input_name=name)


def _check_shape(array, shape, name):
    if array.shape != shape:
        raise ValueError(f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}")


def check_weights(weights, n_components, name):
    """Check mixing weights: shape (n_components,), in [0, 1], summing to one."""
    weights = _array(weights, name)
    _check_shape(weights, (n_components,), "weights")
    outside = (weights < 0.0) | (weights > 1.0)
    if outside.any():
        k = int(np.argmax(outside))
        # The first sentence is scikit-learn's, which has the two values the wrong way round; the second sets it right.
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got "
            f"max value {weights.min():.5f}, min value {weights.max():.5f}. {name}[{k}] is {weights[k]:g}."
        )
    if abs(weights.sum(dtype=np.float64) - 1.0) > (1e-6 if weights.dtype == np.float32 else 1e-8):
        raise ValueError(
            f"The parameter 'weights' should be normalized, but got sum(weights) = {weights.sum():.5f}. "
            f"{name} must sum to 1."
        )
    return weights.astype(np.float64)


def check_means(means, n_components, n_features, name):
    """Check means: shape (n_components, n_features), finite."""
    means = _array(means, name)
    _check_shape(means, (n_components, n_features), "means")
    return means.astype(np.float64)


def check_matrices(matrices, covariance_type, n_components, n_features, name, noun):
    """Check covariances or precisions (`noun` says which): shape of the structure, symmetric, positive definite."""
    matrices = _array(matrices, name).astype(np.float64)
    label = f"{covariance_type} {noun}"
    structure = learning.structure_of(covariance_type)
    shape_of = structure.factor_shape if noun == "precision" else structure.shape
    _check_shape(matrices, shape_of(n_components, n_features), label)
    if not structure.holds_matrices or matrices.shape[-2:] != (n_features, n_features):
        if (matrices <= 0.0).any():
            where = [int(axis) for axis in np.argwhere(matrices <= 0.0)[0]]
            at = ", ".join(map(str, where))
            raise ValueError(f"'{label}' should be positive, but {name}[{at}] is {matrices[tuple(where)]:g}")
        return matrices
    for k, matrix in enumerate(matrices if matrices.ndim == 3 else matrices[None]):
        place = f"{name}[{k}]" if matrices.ndim == 3 else name
        # As correlations, so that features of very different scales are judged alike.
        scale = np.sqrt(np.abs(np.diag(matrix)))
        if (np.abs(matrix - matrix.T) > SYMMETRY_TOLERANCE * scale[:, None] * scale).any():
            raise ValueError(f"'{label}' should be symmetric, positive-definite, but {place} is not symmetric")
        try:
            np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            smallest = np.linalg.eigvalsh(matrix)[0]
            raise ValueError(
                f"'{label}' should be symmetric, positive-definite, but {place} has an eigenvalue of {smallest:g}"
            ) from None
    structure.check(matrices, name)
    return matrices


def check_initial_values(estimator, n_features):
    """Check weights_init, means_init and precisions_init: each an array, or None where it was not given."""
    n_components, covariance_type = estimator.n_components, estimator.covariance_type
    weights, means, precisions = estimator.weights_init, estimator.means_init, estimator.precisions_init
    if weights is not None:
        weights = check_weights(weights, n_components, "weights_init")
    if means is not None:
        means = check_means(means, n_components, n_features, "means_init")
    if precisions is not None:
        precisions = check_matrices(
            precisions, covariance_type, n_components, n_features, "precisions_init", "precision"
        )
    return weights, means, precisions


def check_resp_init(resp_init, n_samples, n_components, noise=False):
    """Check `resp_init` and return integer labels (n_samples,) or responsibilities (n_samples, n_components), or None.

    With noise there may be labels of -1, and responsibilities have a column more.
    Whether each component has a sample is for `check_no_component_empty` to say, when the weights are known.
    """
    if resp_init is None:
        return None
    given = check_array(
        unmasked(resp_init, "resp_init"), dtype=None, ensure_2d=False, allow_nd=True, input_name="resp_init"
    )
    least = -1 if noise else 0
    shape = (n_samples, n_components + noise)
    if given.shape == (n_samples,) and (n_components > 1 or given.dtype.kind in "iub"):
        if given.dtype.kind not in "iu":
            raise ValueError(
                f"resp_init of shape ({n_samples},) must hold integers, the labels {least} to {n_components - 1}; got "
                f"dtype {given.dtype}. Responsibilities have the shape {shape}"
            )
        outside = (given < least) | (given >= n_components)
        if outside.any():
            i = int(np.argmax(outside))
            raise ValueError(
                f"resp_init must hold labels from {least} to {n_components - 1}; resp_init[{i}] is {given[i]}"
            )
        return given.astype(np.int64)
    if given.shape != shape:
        raise ValueError(
            f"resp_init must have the shape ({n_samples},), labels, or {shape}, responsibilities; got {given.shape}"
        )
    if given.dtype.kind not in "fiub":
        raise ValueError(f"resp_init must hold real numbers; got dtype {given.dtype}")
    given = given.astype(np.float64)
    if (given < 0.0).any():
        i, k = (int(place) for place in np.argwhere(given < 0.0)[0])
        raise ValueError(f"resp_init must hold responsibilities from 0 to 1; resp_init[{i}, {k}] is {given[i, k]:g}")
    sums = given.sum(axis=1)
    wrong = np.abs(sums - 1.0) > ROUNDED
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ValueError(f"the rows of resp_init must sum to 1; row {i} sums to {sums[i]:.9g}")
    return given


def check_no_component_empty(resp_init, n_components, noise=False):
    """Refuse a `resp_init` (checked, of the samples that take part) in which a component has no sample."""
    if resp_init is None:
        return
    labelled = resp_init.ndim == 1
    if noise and not (np.any(resp_init == -1) if labelled else resp_init[:, -1].any()):
        raise ValueError("resp_init gives the noise no sample (of positive weight): a weight of 0 cannot grow")
    counts = np.bincount(resp_init[resp_init >= 0], minlength=n_components) if labelled else resp_init.sum(axis=0)
    empty = np.flatnonzero(counts == 0.0)
    if empty.size:
        raise ValueError(
            f"resp_init gives component {empty[0]} no sample (of positive weight); each of the {n_components} must "
            "have one"
        )


def check_parameters(weights: Any, means: Any, covariances: Any, covariance_type: str) -> learning.Parameters:
    """Check the parameters of a whole mixture and return them factorised, as `learning.Parameters`."""
    if covariance_type not in learning.STRUCTURES:
        kinds = ", ".join(map(repr, learning.STRUCTURES))
        raise ValueError(f"covariance_type must be one of {kinds}; got {covariance_type!r}")
    means = _array(means, "means")
    if means.ndim != 2:
        raise ValueError(f"means must have shape (n_components, n_features); got shape {means.shape}")
    n_components, n_features = means.shape
    learning.structure_of(covariance_type).check_features(n_features)
    weights = check_weights(weights, n_components, "weights")
    covariances = check_matrices(covariances, covariance_type, n_components, n_features, "covariances", "covariance")
    try:
        return learning.make_parameters(weights, means.astype(np.float64), covariances, covariance_type)
    except learning.CovarianceError as error:
        raise ValueError(f"covariances must be positive definite to working precision. {error}") from None


def check_fixed(estimator, values, resume, n_features):
    """Check `fixed` and return the masks of weights, means and covariances that it stands for, or None.

    `values` are the checked initial values, `resume` is what a warm start goes on from.
    """
    fixed = estimator.fixed
    if fixed is None:
        return None
    n_components = estimator.n_components
    shapes = {"weights": (n_components,), "means": (n_components, n_features), "covariances": (n_components,)}
    unknown = [name for name in fixed if name not in shapes]
    if unknown:
        raise ValueError(f"fixed may hold {', '.join(map(repr, shapes))}; got {unknown[0]!r}")
    masks = []
    for (name, shape), value in zip(shapes.items(), values, strict=True):
        mask = np.asarray(fixed.get(name, False))
        if mask.dtype != bool or mask.shape not in ((), (n_components,), shape):
            raise ValueError(
                f"fixed[{name!r}] must be True, False or a boolean array of shape {shape}; got {fixed[name]!r}"
            )
        if mask.ndim == 1 and len(shape) == 2:
            mask = mask[:, None]
        mask = np.broadcast_to(mask, shape)
        initial = {"weights": "weights_init", "means": "means_init", "covariances": "precisions_init"}[name]
        if mask.any() and value is None and resume is None:
            raise ValueError(f"fixed[{name!r}] keeps the values of {initial}, which is not given")
        masks.append(mask)
    structure = learning.structure_of(estimator.covariance_type)
    if structure.coupled and masks[2].any() and not masks[2].all():
        part = "their covariance" if structure.shared else f"a part of it ({structure.name!r})"
        raise ValueError(f"fixed['covariances'] must be all or none where the components share {part}")
    return tuple(masks)
