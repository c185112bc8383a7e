"""Small real data sets, with their units and sources. They are part of the package: nothing is downloaded.

Old Faithful and the galaxies are CSV files beside this module; iris, wine, breast cancer, digits and the sample images
come with scikit-learn and are offered through the same interface.
"""

from gmm.datasets._loaders import (
    Dataset,
    load_breast_cancer,
    load_digits,
    load_galaxies,
    load_iris,
    load_old_faithful,
    load_sample_image,
    load_wine,
)

__all__ = [
    "Dataset",
    "load_breast_cancer",
    "load_digits",
    "load_galaxies",
    "load_iris",
    "load_old_faithful",
    "load_sample_image",
    "load_wine",
]
