"""Mixtures as plain dicts for JSON, and to and from scikit-learn and mclust."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn import mixture as theirs
from sklearn.utils.validation import check_is_fitted

from gmm import learning
from gmm._types import OrdinaryCovarianceType
from gmm.estimators import _persistence
from gmm.estimators._history import History
from gmm.estimators._sklearn_compat import Mixin
from gmm.estimators._table import Table
from gmm.estimators._validation import check_parameters
from gmm.learning.fourteen import SAME_AS
from gmm.learning.variational import BayesianPrior, Variational

NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}  # JSON has no such numbers
ABOUT = ("format", "version", "settings", "converged_", "n_iter_", "restarts_", "feature_names_in_", "arrays")
MOST_AXES = 3
LONGEST = 500  # characters of an error about foreign contents

# Attributes that a fitted mixture of either package has, beside its parameters.
FITTED = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")
BAYESIAN = (
    "weight_concentration_prior_", "weight_concentration_", "mean_precision_prior_", "mean_precision_", "mean_prior_",
    "degrees_of_freedom_prior_", "degrees_of_freedom_", "covariance_prior_",
)  # fmt: skip

# mclust's names: of scikit-learn's four, and of one component alone, by the name that they have here.
MCLUST = {"full": "VVV", "tied": "EEE", "diag": "VVI", "spherical": "VII"}
ONE_COMPONENT = {"XXX": "VVV", "XXI": "VVI", "XII": "VII", "X": "V"}
PARAMETERS = ("pro", "mean", "variance", "Vinv")
MATRICES = ("sigma", "cholsigma", "Sigma", "cholSigma", "sigmasq")
VARIANCE = ("modelName", "d", "G", *MATRICES, "scale", "shape", "orientation")
SAME = 1e-6  # how far the parts of a list may be from each other, relative
LARGEST = 2**27  # numbers that the covariances of such a list may have: one gigabyte


class Dictionaries(Mixin):
    """Mixtures as dicts that JSON can hold."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fitted mixture and its settings as a dict of plain Python objects, for JSON.

        What `save` keeps is kept, with every bit: Python writes a float with as many digits as bring it back. Numbers
        that are not finite, which JSON does not know, are the strings 'nan', 'inf' and '-inf'.

        Returns
        -------
        dict
            ``format`` and ``version`` say what it is; ``settings`` are the constructor's, ``arrays`` nested lists under
            the names of the attributes; the rest tells of the fit.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If there is nothing to write yet.
        ValueError
            If `precisions_cholesky_` and `covariances_` were set to contradict each other.

        Examples
        --------
        >>> import json
        >>> from gmm import GaussianMixture
        >>> mixture = GaussianMixture.from_parameters([0.3, 0.7], [[0.0], [5.0]], [1.0, 4.0], "spherical")
        >>> text = json.dumps(mixture.to_dict())
        >>> GaussianMixture.from_dict(json.loads(text)).means_
        array([[0.],
               [5.]])
        """
        about, arrays = self._filed()
        return _plain(about) | {"arrays": {name: _plain(array.tolist()) for name, array in arrays.items()}}

    @classmethod
    def from_dict(cls, description: dict[str, Any]) -> Self:
        """Make a mixture of what `to_dict` returned; the inverse of it, bit for bit.

        What the dict holds is checked before it is used, as `load` does with a file.

        Parameters
        ----------
        description : dict

        Returns
        -------
        GaussianMixture
            Or whatever it is that was written: the class is that of the call.

        Raises
        ------
        TypeError
            If `description` is no dict.
        ValueError
            If it is not one that this class wrote, has unknown or missing parts, is of a later version, or does not
            hold a valid mixture.
        """
        layout = cls._layout
        if not isinstance(description, dict):
            hint = "; json.loads makes one of a text" if isinstance(description, (str, bytes)) else ""
            raise TypeError(f"description must be a dict; got {type(description).__name__}{hint}")
        refusal = f"description is not a mixture made by {layout.name}.to_dict"
        try:
            kind, version = (description.get(name) for name in ("format", "version"))
            if kind != layout.format:
                raise ValueError(f"its format is {kind!r}, not {layout.format!r}")
            if type(version) is not int or version != _persistence.VERSION:
                raise ValueError(f"it has version {version!r}; this version of gmm reads {_persistence.VERSION}")
            _check_names(description, ABOUT, "keys")
            if missing := [name for name in ABOUT if name not in description]:
                raise ValueError(f"{', '.join(missing)} missing")
            about = {name: value for name, value in description.items() if name != "arrays"}
            if not isinstance(description["arrays"], dict):
                raise ValueError(f"arrays is {type(description['arrays']).__name__}, not a dict")
            _check_names(description["arrays"], layout.arrays, "arrays")
            arrays = {name: _array(value, name) for name, value in description["arrays"].items()}
            if not isinstance(about["restarts_"], list):
                raise ValueError(f"restarts_ is {type(about['restarts_']).__name__}, not a list")
            about["restarts_"] = [_restart(row) for row in about["restarts_"]]
            _persistence._check(about, arrays, layout)
        except RecursionError:
            raise ValueError(f"{refusal}: it is nested too deeply") from None
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{refusal}: {str(error)[:LONGEST]}") from None
        return cls._restored(about, arrays, "description")


def _check_names(mapping, known, what):
    unknown = [name for name in mapping if name not in known]
    if unknown:
        raise ValueError(f"unknown {what} {unknown[:10]!r}")


def _plain(value):
    """The same with strings for floats that are not finite."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def _restart(row):
    if isinstance(row, dict) and row.get("lower_bound") in (*NOT_FINITE,):
        return row | {"lower_bound": NOT_FINITE[row["lower_bound"]]}
    return row


def _array(value, name):
    """A float64 array of nested lists of numbers, all of the same length and with three axes at most."""
    shape, flat = [], [value]
    while isinstance(flat[0], list):
        if len(shape) == MOST_AXES:
            raise ValueError(f"{name} has more than {MOST_AXES} axes")
        length = len(flat[0])
        if not all(isinstance(part, list) and len(part) == length for part in flat):
            raise ValueError(f"{name} is ragged: lists of different lengths")
        shape.append(length)
        flat = [number for part in flat for number in part]
        if not flat:
            break
    return np.array([_number(number, name) for number in flat], dtype=np.float64).reshape(shape)


def _number(value, name):
    if type(value) is float:
        return value
    if type(value) is int and abs(value) <= 2**53:
        return float(value)
    if type(value) is str and value in NOT_FINITE:
        return NOT_FINITE[value]
    shown = f"an integer of {value.bit_length()} bits" if type(value) is int else repr(value)[:80]
    raise ValueError(f"{name} holds {shown}, where numbers belong")


# ---- scikit-learn


def _fitted_one(model, kind):
    """Check that `model` is a fitted mixture of scikit-learn's."""
    expected = getattr(theirs, kind)
    if not isinstance(model, expected):
        raise TypeError(f"model must be a fitted sklearn.mixture.{kind}; got {type(model).__name__}")
    check_is_fitted(model, FITTED)


def _read(model):
    """(parameters, settings) of a mixture of scikit-learn's."""
    covariance_type, factors = model.covariance_type, np.asarray(model.precisions_cholesky_)
    weights = np.asarray(model.weights_)
    covariances = np.asarray(model.covariances_)
    single = factors.dtype != np.float64
    if single:  # a fit of float32 samples, whose weights sum to 1 and whose matrices are symmetric to its few digits
        weights = weights.astype(np.float64) / weights.sum(dtype=np.float64)
        if covariance_type in ("full", "tied"):
            covariances = covariances.astype(np.float64)
            covariances = 0.5 * (covariances + np.swapaxes(covariances, -1, -2))
    parameters = check_parameters(weights, model.means_, covariances, covariance_type)
    if not single:  # the same factors, so that scores are the same
        _persistence.check_factors(parameters, factors)
        parameters = parameters._replace(precisions_cholesky=np.array(factors, order="C"))
    return parameters, model.get_params(deep=False)


def _tell_of_fit(model, source):
    """Copy to `model` what `source` says of its fit; older versions of scikit-learn keep the last bound alone."""
    n_iter = int(source.n_iter_)
    # Raveled, since scikit-learn's bounds of a Bayesian 'tied' mixture are arrays of one number.
    bounds = np.asarray(getattr(source, "lower_bounds_", np.full(n_iter, np.nan)), dtype=np.float64).ravel()
    model.converged_, model.n_iter_ = bool(source.converged_), n_iter
    model.lower_bound_, model.lower_bounds_ = float(np.ravel(source.lower_bound_)[0]), bounds.tolist()
    if hasattr(source, "feature_names_in_"):
        model.feature_names_in_ = np.array(source.feature_names_in_, dtype=object)


def _adopt_fit(model, source):
    """The same for a mixture of this package."""
    _tell_of_fit(model, source)
    model.history_, model.restarts_ = History(np.array(model.lower_bounds_), None), Table([])
    model.reg_covar_ = float(source.reg_covar)


def _settings_for(model, kind):
    """The settings of `model` that scikit-learn's class has too and takes."""
    settings = {name: value for name, value in model.get_params(deep=False).items() if name in kind().get_params()}
    if isinstance(settings["reg_covar"], str):
        number = getattr(model, "reg_covar_", None)
        settings["reg_covar"] = float(number) if number is not None and np.ndim(number) == 0 else 1e-6
    if settings["init_params"] not in ("kmeans", "k-means++", "random", "random_from_data"):
        settings["init_params"] = "kmeans"
    if isinstance(settings["random_state"], np.random.Generator):
        settings["random_state"] = None
    return settings


class GaussianInterchange(Mixin):
    """A mixture of Gaussian distributions to and from other packages."""

    @classmethod
    def from_sklearn(cls, model: Any) -> Self:
        """Make a mixture of a fitted ``sklearn.mixture.GaussianMixture``.

        Parameters
        ----------
        model : sklearn.mixture.GaussianMixture
            It is not changed, and shares no array with the result.

        Returns
        -------
        GaussianMixture
            With the same settings, parameters, factors of the precisions, and account of the fit. Of a model that was
            fitted to float32 samples the weights are scaled to sum to 1, and the factors computed anew, in float64.

        Raises
        ------
        TypeError
            If it is something else.
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If its attributes are no parameters of a mixture, or were set to contradict each other.

        Examples
        --------
        >>> from sklearn.mixture import GaussianMixture as Theirs
        >>> import gmm
        >>> X = gmm.datasets.load_old_faithful().X
        >>> model = Theirs(2, random_state=0).fit(X)
        >>> mixture = gmm.GaussianMixture.from_sklearn(model)
        >>> bool(abs(mixture.score_samples(X) - model.score_samples(X)).max() < 1e-12)
        True
        """
        _fitted_one(model, "GaussianMixture")
        parameters, settings = _read(model)
        mixture = cls._with(parameters, settings)
        _adopt_fit(mixture, model)
        return mixture

    def to_sklearn(self, covariance_type: OrdinaryCovarianceType | None = None) -> Any:
        """Return this mixture as a fitted ``sklearn.mixture.GaussianMixture``, for all that takes one.

        Its `predict`, `score_samples`, `sample`, `bic` and the rest work as after a fit. Settings that scikit-learn has
        not stay behind (priors, fixed parameters, missing values, starts of other names): they say how a fit is made,
        and a further fit there is its own.

        Parameters
        ----------
        covariance_type : {None, 'full', 'tied', 'diag', 'spherical'}, default=None
            None: the structure of this mixture, of which mclust's VVV, EEE, VVI and VII have one there. Other models of
            mclust go by a structure that holds their matrices, such as 'full': the density is the same, and `bic` and
            `aic` of the result count the parameters of that structure.

        Returns
        -------
        sklearn.mixture.GaussianMixture

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If this mixture is not fitted.
        ValueError
            If it has noise, or a structure that scikit-learn has not and no other is asked for, or the one that is
            asked for cannot hold its covariances.
        """
        parameters = self._without_noise("what scikit-learn knows of a mixture")
        structure = parameters.structure
        own = structure.name if structure.name in MCLUST else SAME_AS.get(structure.name)
        wanted = own if covariance_type is None else covariance_type
        if wanted is None:
            raise ValueError(
                f"scikit-learn has no covariance_type like {structure.name!r}: to_sklearn('full') gives the same "
                "density, whose bic and aic count the parameters of 'full'"
            )
        if wanted not in MCLUST:
            raise ValueError(f"covariance_type must be None or one of {', '.join(map(repr, MCLUST))}; got {wanted!r}")
        if wanted == own:
            covariances = structure.expand(parameters.covariances, parameters.n_components)
            factors = structure.pack(parameters.precisions_cholesky)
            found = learning.Parameters(wanted, parameters.weights, parameters.means, covariances, factors)
        else:
            found = check_parameters(
                parameters.weights, parameters.means, _held_by(wanted, structure, parameters), wanted
            )
        settings = _settings_for(self, theirs.GaussianMixture) | {"covariance_type": wanted}
        if wanted != structure.name:
            settings["precisions_init"] = None  # its shape is that of the structure
        model = theirs.GaussianMixture(**settings)
        model.weights_, model.means_ = found.weights.copy(), found.means.copy()
        model.covariances_, model.precisions_cholesky_ = found.covariances.copy(), found.precisions_cholesky.copy()
        model.precisions_ = learning.precisions(found)
        model.n_features_in_ = found.n_features
        _tell_of_fit(model, self)
        return model

    # ---- mclust

    def to_mclust(self) -> dict[str, Any]:
        """Return the parameters as the list that mclust, the R package, calls ``parameters``.

        Its functions ``em``, ``estep``, ``sim`` and ``dens`` take such a list. NumPy's arrays stand for R's, with R's
        axes: components come last. ``json.dumps(parameters, default=numpy.ndarray.tolist)`` writes what jsonlite's
        ``fromJSON`` reads.

        Returns
        -------
        dict
            ``pro`` (K,), the weights, with that of noise last; ``mean`` (d, K), or (K,) for one feature; ``variance``,
            a dict with ``modelName``, ``d``, ``G`` and what mclust keeps of that model among ``sigma`` (d, d, K),
            ``Sigma`` (d, d), ``cholsigma`` and ``cholSigma``, upper triangular R with Σ = RᵀR, ``sigmasq``, ``scale``
            λ_k, ``shape`` (d,) or (d, K) and ``orientation`` (d, d) or (d, d, K); ``Vinv``, 1/V, with noise only.

        References
        ----------
        The pages mclustVariance and mclustModel of mclust's manual.

        Examples
        --------
        >>> from gmm import GaussianMixture
        >>> covariances = [[[4.0, 2.0], [2.0, 5.0]]]
        >>> GaussianMixture.from_parameters([1.0], [[0.0, 1.0]], covariances).to_mclust()["variance"]["cholSigma"]
        array([[2., 1.],
               [0., 2.]])
        """
        parameters = self._parameters()
        K, d = parameters.means.shape
        name: Any = MCLUST.get(self.covariance_type, self.covariance_type)
        if d == 1:
            name = "E" if name in ("EEE", "E") else "V"
        volume, form, orientation = tuple(name) if len(name) == 3 else (name, "I", "I")
        if K == 1:  # X for E and V alike
            name = "".join("I" if letter == "I" else "X" for letter in name)
            volume, form, orientation = ("I" if letter == "I" else "E" for letter in (volume, form, orientation))
        variance = {"modelName": name, "d": d, "G": K}
        volumes, shapes, axes = self.volume_, self.shape_, self.orientation_
        scale = volumes[0] if volume == "E" else volumes
        matrices = parameters.matrices
        if d == 1:
            variance["sigmasq"] = matrices[0, 0, 0] if volume == "E" else matrices[:, 0, 0].copy()
        else:
            variance["sigma"] = np.moveaxis(matrices, 0, -1).copy()
            equal = "V" not in (volume, form, orientation)
            if equal:
                variance["Sigma"] = matrices[0].copy()
            if form == "I":
                variance["sigmasq"] = scale
            if orientation != "I" and (equal or name == "VVV"):
                roots = np.moveaxis(np.swapaxes(np.linalg.cholesky(matrices), 1, 2), 0, -1)
                if equal:
                    variance["cholSigma"] = roots[..., 0].copy()
                if name in ("VVV", "XXX"):
                    variance["cholsigma"] = roots.copy() if name == "VVV" else roots[..., 0].copy()
            else:
                variance["scale"] = scale
                if form != "I":
                    variance["shape"] = shapes[0].copy() if form == "E" else shapes.T.copy()
                if orientation != "I":
                    variance["orientation"] = axes[0].copy() if orientation == "E" else np.moveaxis(axes, 0, -1).copy()
        found = {"pro": parameters.weights.copy(), "mean": parameters.means.T.copy(), "variance": variance}
        if d == 1:
            found["mean"] = found["mean"][0]
        if parameters.noise is not None:
            found["pro"] = np.append(found["pro"], parameters.noise.weight)
            found["Vinv"] = math.exp(parameters.noise.log_density)
        return found

    @classmethod
    def from_mclust(cls, parameters: Mapping[str, Any], **settings: Any) -> Self:
        """Make a mixture of the list of parameters that mclust, the R package, gives.

        In R, ``jsonlite::toJSON(model$parameters, digits = NA)`` writes the list of a fitted ``model`` with fifteen
        digits; jsonlite's default keeps four decimals.

        Parameters
        ----------
        parameters : dict
            As `to_mclust` returns it, with arrays or nested lists (numbers may be lists of one); or a dict that has it
            under 'parameters'. The covariances come from whatever ``variance`` has: ``sigma``, a Cholesky factor,
            ``sigmasq``, or ``scale``, ``shape`` and ``orientation``.
        **settings
            Further constructor parameters, such as `random_state`.

        Returns
        -------
        GaussianMixture
            Its `covariance_type` is the model's name; 'VVV', 'VVI', 'VII' or 'V' for XXX, XXI, XII and X, which are of
            one component. As after `from_parameters`.

        Raises
        ------
        TypeError
            If it is no dict.
        ValueError
            If a part is missing, unknown, of another shape, contradicts another part, or is not what the model says;
            or if it has noise: the list knows the volume of its box alone, not where it lies.
        """
        if not isinstance(parameters, dict):
            raise TypeError(f"parameters must be a dict; got {type(parameters).__name__}")
        parameters = parameters.get("parameters", parameters)
        for part, value, known in (("parameters", parameters, PARAMETERS), ("variance", None, VARIANCE)):
            value = parameters.get("variance") if part == "variance" else value
            if not isinstance(value, dict):
                raise ValueError(f"{part} must be a dict; got {type(value).__name__}")
            if unknown := [name for name in value if name not in known]:
                raise ValueError(f"{part} has unknown parts {unknown[:10]!r}")
        if _given(parameters, "Vinv"):
            raise ValueError(
                "parameters have noise (Vinv), and not the box that it lies in: leave Vinv and the last of pro away, "
                "or fit with noise=True and noise_volume=1/Vinv"
            )
        name, variance = parameters["variance"].get("modelName"), parameters["variance"]
        name = name[0] if isinstance(name, (list, tuple, np.ndarray)) and len(name) == 1 else name
        ours = ONE_COMPONENT.get(name, name) if isinstance(name, str) else None
        if ours not in learning.STRUCTURES or ours in MCLUST:
            raise ValueError(f"variance['modelName'] must be the name of a model of mclust; got {name!r}")
        mean = _numbers(parameters, "mean")
        mean = mean.reshape(1, -1) if len(ours) == 1 and mean.ndim < 2 else mean
        mean = mean[:, None] if mean.ndim == 1 else mean
        if mean.ndim != 2 or mean.size == 0:
            raise ValueError(f"mean must have shape (d, K), or (K,) for one feature; got {mean.shape}")
        d, K = mean.shape
        if name in ONE_COMPONENT and K > 1:
            raise ValueError(f"modelName {name!r} is of one component, and mean has {K}")
        for key, size in (("d", d), ("G", K)):
            if _given(variance, key) and _numbers(variance, key).ravel().tolist() != [size]:
                raise ValueError(f"variance[{key!r}] is {variance[key]!r}, and mean says {size}")
        if K * d * d > LARGEST:
            raise ValueError(f"mean of shape {mean.shape} asks for covariances of {K * d * d} numbers, too many")
        pro = _numbers(parameters, "pro").ravel() if _given(parameters, "pro") else np.full(K, 1.0 / K)
        return cls.from_parameters(pro, mean.T, _matrices(variance, d, K), ours, **settings)


def _held_by(wanted, structure, parameters):
    """The covariances in the shape of another structure that can hold them all."""
    matrices = parameters.matrices
    along = structure.model in (learning.structure_of("diag").model, learning.structure_of("spherical").model)
    if wanted == "full":
        return matrices
    if wanted == "tied" and structure.shared:
        return matrices[0]
    if wanted == "diag" and along:
        return np.einsum("kjj->kj", matrices)
    if wanted == "spherical" and structure.name == "EII":
        return matrices[:, 0, 0]
    raise ValueError(f"covariance_type={wanted!r} cannot hold the covariances of {structure.name!r}; take 'full'")


def _given(mapping, name):
    """Whether a part is there; R's NULL comes as None or empty."""
    value = mapping.get(name)
    return value is not None and not (isinstance(value, (list, dict)) and not value)


def _numbers(mapping, name):
    """A part as a finite float64 array."""
    if not _given(mapping, name):
        raise ValueError(f"{name} missing")
    value = mapping[name]
    try:
        array = np.asarray(value) if isinstance(value, (np.ndarray, np.generic)) else _array(value, name)
        if array.dtype.kind not in "fiu":
            raise ValueError(f"{name} must hold numbers; got dtype {array.dtype}")
    except RecursionError:
        raise ValueError(f"{name} is nested too deeply") from None
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    return array


def _matrices(variance, d, K):
    """Covariances (K, d, d) of a variance list: of the first part that says them, which the others must agree with."""
    found = {}
    eye = np.eye(d)
    for name in MATRICES:
        if not _given(variance, name):
            continue
        value = _numbers(variance, name)
        if name == "sigmasq":
            matrices = _each(value, name, K)[:, None, None] * eye
            if _given(variance, "shape"):  # R's VVI: the volumes λ_k once more
                matrices = _composed({**variance, "scale": value}, d, K)
        else:
            if value.shape == (d, d):
                value = np.repeat(value[:, :, None], K, axis=2)
            if value.shape != (d, d, K):
                raise ValueError(f"{name} must have shape ({d}, {d}) or ({d}, {d}, {K}); got {value.shape}")
            matrices = np.moveaxis(value, -1, 0)
            if name.startswith("chol"):
                if np.tril(matrices, -1).any():
                    raise ValueError(f"{name} must be upper triangular, as R's Cholesky factors are")
                matrices = np.swapaxes(matrices, 1, 2) @ matrices
        found[name] = matrices
    if _given(variance, "shape"):
        found["scale, shape and orientation"] = _composed(variance, d, K)
    if not found:
        raise ValueError("variance has neither sigma, nor a Cholesky factor, nor sigmasq, nor scale and shape")
    (first, matrices), *others = found.items()
    sizes = np.sqrt(np.abs(np.einsum("kjj->kj", matrices)))
    for name, other in others:
        if (np.abs(other - matrices) > SAME * sizes[:, :, None] * sizes[:, None, :]).any():
            raise ValueError(f"variance contradicts itself: {name} gives other covariances than {first}")
    return matrices


def _each(value, name, K):
    if value.size not in (1, K) or value.ndim > 1:
        raise ValueError(f"{name} must be a number or {K} of them; got shape {value.shape}")
    return np.broadcast_to(value.ravel(), K)


def _composed(variance, d, K):
    """λ_k D_k diag(A_k) D_kᵀ."""
    scale, shape = _each(_numbers(variance, "scale"), "scale", K), _numbers(variance, "shape")
    if shape.shape not in ((d,), (d, 1), (d, K)):
        raise ValueError(f"shape must have shape ({d},) or ({d}, {K}); got {shape.shape}")
    shape = np.broadcast_to(shape.reshape(d, -1), (d, K))
    axes = _numbers(variance, "orientation") if _given(variance, "orientation") else np.eye(d)
    if axes.shape not in ((d, d), (d, d, K)):
        raise ValueError(f"orientation must have shape ({d}, {d}) or ({d}, {d}, {K}); got {axes.shape}")
    axes = np.broadcast_to(axes.reshape(d, d, -1), (d, d, K))
    return np.einsum("ijk,k,jk,ljk->kil", axes, scale, shape, axes)


class BayesianInterchange(Mixin):
    """A mixture with a posterior to and from scikit-learn."""

    @classmethod
    def from_sklearn(cls, model: Any) -> Self:
        """Make a mixture of a fitted ``sklearn.mixture.BayesianGaussianMixture``.

        The posterior is the same, and for 'full' so are scores, labels and responsibilities. For the other structures
        scikit-learn takes the expected log-determinant from another distribution (see the notes of this class): for
        'tied' its log-densities differ by one number, and responsibilities are the same; for 'diag' and 'spherical' by
        a number for each component, the smaller the more samples it has.

        Parameters
        ----------
        model : sklearn.mixture.BayesianGaussianMixture
            It is not changed, and shares no array with the result.

        Returns
        -------
        BayesianGaussianMixture
            With the same settings, prior and posterior. `reg_covar_` is 0, since scikit-learn's responsibilities know
            nothing of it. `lower_bound_` and `lower_bounds_` are scikit-learn's, which lack terms that are constant in
            a fit.

        Raises
        ------
        TypeError
            If it is something else.
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If its attributes are no posterior, or were set to contradict each other.
        """
        _fitted_one(model, "BayesianGaussianMixture")
        check_is_fitted(model, BAYESIAN)
        centre, settings = _read(model)
        mixture = cls(**settings)
        mixture._validate_params()
        if mixture.n_components != centre.n_components:
            raise ValueError(f"n_components is {mixture.n_components}, weights_ has shape {centre.weights.shape}")
        prior = BayesianPrior(
            float(model.weight_concentration_prior_),
            model.weight_concentration_prior_type == "dirichlet_process",
            np.array(model.mean_prior_, dtype=np.float64).ravel(),
            float(model.mean_precision_prior_),
            float(model.degrees_of_freedom_prior_),
            np.array(model.covariance_prior_, dtype=np.float64),
        )
        counts = np.asarray(model.mean_precision_, dtype=np.float64) - prior.mean_precision
        if counts.shape != centre.weights.shape or (counts < 0.0).any():
            raise ValueError("mean_precision_ must be at least mean_precision_prior_, in each component")
        mixture.n_features_in_ = centre.n_features
        mixture._adopt_prior(prior)
        mixture._adopt(Variational(prior, 0.0).completed(centre._replace(weights=counts)))
        for name in ("weight_concentration_", "degrees_of_freedom_", "weights_"):
            if not np.allclose(getattr(mixture, name), getattr(model, name), rtol=1e-6, atol=1e-9):
                raise ValueError(f"{name} contradicts mean_precision_, from which the number of samples is taken")
        _adopt_fit(mixture, model)
        mixture.reg_covar_ = 0.0
        return mixture

    def to_sklearn(self) -> Any:
        """Return this mixture as a fitted ``sklearn.mixture.BayesianGaussianMixture``.

        The posterior is the same, number by number; settings that scikit-learn has not stay behind. Its log-joint of
        component k is larger by ½ ε tr E Λ_k, with the ε of `reg_covar_`, which its responsibilities know nothing of;
        and it differs as `from_sklearn` says, but for 'full'. Where scores have to be the same,
        ``mean_mixture().to_sklearn()`` is a mixture whose are.

        Returns
        -------
        sklearn.mixture.BayesianGaussianMixture
            `lower_bound_` and `lower_bounds_` are this package's, with all constants.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If this mixture is not fitted.
        """
        check_is_fitted(self)
        model = theirs.BayesianGaussianMixture(**_settings_for(self, theirs.BayesianGaussianMixture))
        for name in (*FITTED, *BAYESIAN):
            value = getattr(self, name)
            if isinstance(value, tuple):
                value = tuple(part.copy() for part in value)
            setattr(model, name, value.copy() if isinstance(value, np.ndarray) else value)
        model.n_features_in_ = self.n_features_in_
        _tell_of_fit(model, self)
        return model
