"""The recipes of the API reference run as they stand, one after the other."""

import re
from pathlib import Path

import numpy as np
import pytest

import gmm

PAGE = Path(__file__).parents[1] / "book" / "api.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture(scope="module")
def names():
    found = {}
    for block in BLOCKS:
        exec(block, found)
    return found


def test_pandas(names):
    means = names["groups"]
    assert means.columns.tolist() == ["eruptions", "waiting"]
    assert means.eruptions.tolist() == pytest.approx([2.04, 4.29], abs=0.01)


def test_regression(names):
    # Short eruptions before short waits; between the kinds of eruption the wait is uncertain.
    assert np.diff(names["waiting"]).min() > 5
    assert names["deviation"].argmax() == 1


def test_pipeline(names):
    labels, mixture = names["labels"], names["mixture"]
    frame = names["frame"]
    agreement = np.mean(labels == mixture.predict(frame))
    assert max(agreement, 1 - agreement) > 0.99  # EM is affine equivariant, but for its start and reg_covar


def test_grid_search(names):
    frame = names["frame"]
    assert names["search"].best_params_ == {"n_components": 3, "covariance_type": "tied"}
    found = gmm.select(frame, [1, 2, 3], ["full", "tied"], random_state=0)
    assert -names["search"].best_score_ == pytest.approx(
        found.best_row_["bic"], abs=0.01
    )  # other starts, the same maximum
