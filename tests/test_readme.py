"""The Python blocks of the README run as they stand, on a CSV file of a reader's own."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import gmm

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture
def csv_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X = gmm.datasets.load_old_faithful().X
    np.savetxt("measurements.csv", X, delimiter=",", header="eruptions,waiting", comments="")
    plt.switch_backend("agg")
    plt.close("all")
    yield
    plt.close("all")


def test_there_are_the_two_examples():
    assert len(BLOCKS) == 2
    assert all(len(block.strip().splitlines()) <= 11 for block in BLOCKS)


def test_from_a_csv_file_to_a_chosen_mixture(csv_file, capsys):
    names = {}
    exec(BLOCKS[0], names)
    assert names["mixture"].n_components == 3
    assert names["mixture"].covariance_type == "tied"
    assert "2314.3" in capsys.readouterr().out  # mclust prints -2314.3 for this model and these data
    curves, samples = (plt.figure(number).gca() for number in plt.get_fignums())
    assert len(curves.get_lines()) >= 4
    assert sum(len(group.get_offsets()) for group in samples.collections) == 272


def test_the_formulas_fit_old_faithful(capsys):
    names = {}
    exec(BLOCKS[1], names)
    means = names["result"].means
    # the two kinds of eruption: short before short waits, long before long ones
    assert means[means[:, 0].argsort()].round(1).tolist() == [[2.0, 54.5], [4.3, 80.0]]
    assert "-1130.26" in capsys.readouterr().out
