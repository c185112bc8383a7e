"""Data and mixtures that several tests of the estimators use."""

import sys
from pathlib import Path

import numpy as np
import pytest

# For estimator_helpers.
sys.path.insert(0, str(Path(__file__).parent))

STRUCTURES = ("full", "tied", "diag", "spherical")


@pytest.fixture(params=STRUCTURES)
def covariance_type(request):
    return request.param


@pytest.fixture
def blobs():
    """Three groups in two dimensions, well apart: (X, labels)."""
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1, 2], [120, 80, 100])
    centres = np.array([[0.0, 0.0], [8.0, 1.0], [-2.0, 9.0]])
    X = centres[labels] + rng.normal(size=(300, 2)) * [1.0, 0.7]
    return X, labels


@pytest.fixture
def overlapping():
    """Three groups in two dimensions that overlap, so that EM takes a while: (X, labels)."""
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1, 2], [120, 80, 100])
    centres = np.array([[0.0, 0.0], [3.0, 1.0], [-1.0, 3.0]])
    X = centres[labels] + rng.normal(size=(300, 2)) * [1.0, 0.7]
    return X, labels
