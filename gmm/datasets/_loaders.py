"""Readers of the data sets: arrays with their names, units and sources."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np

from gmm._types import AnyArray, FloatArray


@dataclass(frozen=True)
class Dataset:
    """A data matrix and what one has to know about it.

    Attributes
    ----------
    name : str
    X : ndarray, shape (n_samples, n_features)
        The data, float64, one row a sample.
    feature_names : tuple of str
    units : tuple of str
        One unit for each feature.
    citation : str
        Where the data come from.
    description : str
    target : ndarray of int, shape (n_samples,), or None
        Known groups, where the set has them. No fit in the book uses them; they only judge one.
    target_names : tuple of str
    """

    name: str
    X: FloatArray
    feature_names: tuple[str, ...]
    units: tuple[str, ...]
    citation: str
    description: str
    target: AnyArray | None = None
    target_names: tuple[str, ...] = ()

    @property
    def n_samples(self) -> int:
        return self.X.shape[0]

    @property
    def n_features(self) -> int:
        return self.X.shape[1]

    def labels(self) -> tuple[str, ...]:
        """Axis labels: each feature's name with its unit."""
        return tuple(
            f"{name} ({unit})" if unit else name for name, unit in zip(self.feature_names, self.units, strict=True)
        )

    def __repr__(self) -> str:
        return f"Dataset({self.name}: {self.n_samples} samples, {self.n_features} features)"


def _read_csv(filename):
    text = files("gmm.datasets").joinpath("data", filename).read_text(encoding="utf-8")
    header, *rows = text.strip().splitlines()
    values = np.array([[float(entry) for entry in row.split(",")] for row in rows])
    return tuple(header.split(",")), values


def load_old_faithful() -> Dataset:
    """Eruptions of the Old Faithful geyser: duration and waiting time to the next eruption, both in minutes.

    Returns
    -------
    Dataset
        272 samples, 2 features.

    References
    ----------
    Härdle, W. (1991), *Smoothing Techniques with Implementation in S*, Springer; the 272 rows are those of the R data
    set ``faithful``. A longer series is described by Azzalini, A. and Bowman, A. W. (1990), *Applied Statistics* 39,
    357-365.
    """
    names, X = _read_csv("old_faithful.csv")
    return Dataset(
        name="Old Faithful",
        X=X,
        feature_names=names,
        units=("min", "min"),
        citation="Härdle, W. (1991). Smoothing Techniques with Implementation in S. Springer. "
        "(The rows of the R data set `faithful`.)",
        description="Duration of an eruption and waiting time to the next one, Old Faithful geyser, "
        "Yellowstone National Park, Wyoming, USA.",
    )


def load_galaxies(corrected: bool = True) -> Dataset:
    """Velocities of 82 galaxies of the Corona Borealis region, in km/s.

    Parameters
    ----------
    corrected : bool
        In the widely used table the 78th value is 26690, a misprint of 26960. The default is the right value; False
        gives the misprinted one, with which most published fits of these galaxies were made.

    Returns
    -------
    Dataset
        82 samples, 1 feature.

    References
    ----------
    Roeder, K. (1990), *Journal of the American Statistical Association* 85, 617-624; the measurements are from Postman,
    M., Huchra, J. P. and Geller, M. J. (1986), *Astronomical Journal* 92, 1238-1247. The rows are those of the R data
    set ``galaxies`` of the package MASS, but for the 78th: MASS keeps 26690, and its help page (``?galaxies``) notes
    that it should be 26960.
    """
    if not isinstance(corrected, (bool, np.bool_)):
        raise TypeError(f"corrected must be True or False; got {corrected!r}")
    names, X = _read_csv("galaxies.csv")
    if not corrected:
        X[77, 0] = 26690.0
    return Dataset(
        name="Galaxies",
        X=X,
        feature_names=names,
        units=("km/s",),
        citation="Roeder, K. (1990). Density estimation with confidence sets exemplified by superclusters and voids "
        "in galaxies. Journal of the American Statistical Association 85, 617-624.",
        description="Velocities of 82 galaxies from six well-separated conic sections of the Corona Borealis region.",
    )


def _shipped_with_sklearn(*path):
    """A file of scikit-learn's, found without importing the package: its own loaders need 2 s for that."""
    spec = find_spec("sklearn")
    if spec is None:
        raise ModuleNotFoundError("this data set is shipped with scikit-learn, which is not installed", name="sklearn")
    return Path(spec.origin).parent.joinpath("datasets", *path)


def _from_sklearn(filename, name, feature_names, units, citation, description):
    """Read a table whose first line holds two counts and the groups' names, and whose last column is the group."""
    text = _shipped_with_sklearn("data", filename).read_text(encoding="utf-8")
    header, *rows = text.strip().splitlines()
    values = np.array([[float(entry) for entry in row.split(",")] for row in rows])
    return Dataset(
        name=name,
        X=values[:, :-1].copy(),
        feature_names=feature_names,
        units=units,
        citation=citation,
        description=description,
        target=values[:, -1].astype(np.int64),
        target_names=tuple(header.split(",")[2:]),
    )


def load_iris() -> Dataset:
    """Four lengths, in cm, of 150 iris flowers of three species.

    Returns
    -------
    Dataset
        150 samples, 4 features, 3 known groups.

    References
    ----------
    Fisher, R. A. (1936), *Annals of Eugenics* 7, 179-188. The rows are scikit-learn's.
    """
    return _from_sklearn(
        "iris.csv",
        "Iris",
        ("sepal length", "sepal width", "petal length", "petal width"),
        ("cm",) * 4,
        "Fisher, R. A. (1936). The use of multiple measurements in taxonomic problems. Annals of Eugenics 7, 179-188.",
        "Length and width of sepal and petal of 150 flowers, 50 of each of three species.",
    )


def load_wine() -> Dataset:
    """Thirteen chemical measurements of 178 wines of three cultivars.

    Returns
    -------
    Dataset
        178 samples, 13 features, 3 known groups. The features have different units, which the source does not state.

    References
    ----------
    Forina, M. et al. (1988), PARVUS; UCI Machine Learning Repository, *Wine*. The rows are scikit-learn's.
    """
    return _from_sklearn(
        "wine_data.csv",
        "Wine",
        (
            *("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids"),
            *("nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue", "od280/od315_of_diluted_wines"),
            "proline",
        ),
        ("",) * 13,
        "Forina, M. et al. (1988). PARVUS: An extendable package for data exploration, classification and "
        "correlation. UCI Machine Learning Repository: Wine.",
        "Chemical analysis of wines grown in the same region of Italy from three cultivars.",
    )


def load_breast_cancer() -> Dataset:
    """Thirty measurements of cell nuclei of 569 breast tumours, malignant or benign.

    Returns
    -------
    Dataset
        569 samples, 30 features, 2 known groups.

    References
    ----------
    Street, W. N., Wolberg, W. H. and Mangasarian, O. L. (1993), *Proc. SPIE* 1905, 861-870. The rows are
    scikit-learn's.
    """
    measures: tuple[str, ...] = ("radius", "texture", "perimeter", "area", "smoothness", "compactness")
    measures += ("concavity", "concave points", "symmetry", "fractal dimension")
    return _from_sklearn(
        "breast_cancer.csv",
        "Breast cancer",
        tuple([f"mean {m}" for m in measures] + [f"{m} error" for m in measures] + [f"worst {m}" for m in measures]),
        ("",) * 30,
        "Street, W. N., Wolberg, W. H. and Mangasarian, O. L. (1993). Nuclear feature extraction for breast tumor "
        "diagnosis. Proc. SPIE 1905, 861-870.",
        "Features of cell nuclei in digitised images of fine needle aspirates of breast masses.",
    )


def load_digits() -> Dataset:
    """Handwritten digits as 8 by 8 images, intensities from 0 to 16.

    Returns
    -------
    Dataset
        1797 samples, 64 features, 10 known groups.

    References
    ----------
    Alpaydin, E. and Kaynak, C. (1998), UCI Machine Learning Repository, *Optical Recognition of Handwritten Digits*.
    The rows are scikit-learn's.
    """
    with gzip.open(_shipped_with_sklearn("data", "digits.csv.gz")) as table:
        values = np.array([line.split(b",") for line in table], dtype=np.float64)
    return Dataset(
        name="Digits",
        X=values[:, :-1].copy(),
        feature_names=tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8)),
        units=("",) * 64,
        citation="Alpaydin, E. and Kaynak, C. (1998). Optical Recognition of Handwritten Digits. "
        "UCI Machine Learning Repository.",
        description="Images of handwritten digits, 8 by 8 pixels, one intensity from 0 to 16 a pixel.",
        target=values[:, -1].astype(np.int64),
        target_names=tuple("0123456789"),
    )


def load_sample_image(name: Literal["china", "flower"] = "china") -> Dataset:
    """The pixels of a photograph as samples: red, green and blue from 0 to 255.

    Parameters
    ----------
    name : {"china", "flower"}

    Returns
    -------
    Dataset
        427 x 640 = 273 280 samples in row order, 3 features.

    Raises
    ------
    ValueError
        If there is no image of that name.

    References
    ----------
    Photographs by danielbuechele (china) and vultilion (flower) on Flickr, distributed with scikit-learn, CC BY 2.0.
    """
    photographers = {"china": "danielbuechele", "flower": "vultilion"}
    if name not in photographers:
        raise ValueError(f"name must be 'china' or 'flower'; got {name!r}")
    from PIL import Image

    with Image.open(_shipped_with_sklearn("images", f"{name}.jpg")) as photograph:
        image = np.asarray(photograph)
    return Dataset(
        name=f"Sample image: {name}",
        X=image.reshape(-1, 3).astype(np.float64),
        feature_names=("red", "green", "blue"),
        units=("0-255",) * 3,
        citation=f"Photograph by {photographers[name]} on Flickr, CC BY 2.0, distributed with scikit-learn.",
        description=f"The pixels of a photograph of {image.shape[0]} by {image.shape[1]} pixels, row by row.",
    )
