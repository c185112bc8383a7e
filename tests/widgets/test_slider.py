"""The slider over a shared variance."""

from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from widget_helpers import Elements, responsibilities, stored

import gmm
from gmm import plot
from gmm.widgets import MAX_SIZE, sigma_slider

RNG = np.random.default_rng(9)
X = RNG.normal(size=(60, 2)) * [2.0, 30.0]
MEANS = np.array([[-2.0, 10.0], [0.0, -20.0], [2.0, 0.0]])
WEIGHTS = np.array([0.2, 0.3, 0.5])
VARIANCES = [400.0, 25.0, 1.0, 1e-4]


def widget(**changes):
    arguments = {"X": X, "means": MEANS, "weights": WEIGHTS, "variances": VARIANCES} | changes
    return sigma_slider(**arguments).data


def marks(page):
    return [a for tag, a in page.found if tag == "path" and re.fullmatch("#[0-9a-f]{6}", a.get("fill", ""))]


def test_every_element_is_closed_and_the_svg_has_a_mark_for_each_sample():
    page = Elements(widget())
    picture = page.all("svg", role="img")[0]
    assert "60 samples" in picture["aria-label"]
    assert len(marks(page)) == 60
    assert len(page.all("circle")) == 3


def test_the_slider_is_labelled_and_waits_for_the_script():
    page = Elements(widget())
    (slider,) = page.all("input")
    assert (slider["type"], slider["min"], slider["max"], slider["step"]) == ("range", "0", "3", "1")
    assert slider["aria-label"] == "variance σ², shared, from 400 to 0.0001"
    assert slider["aria-valuetext"] == "σ² = 400"
    (controls,) = page.all("div", **{"class": "gw-controls"})
    assert "hidden" in controls  # a slider that cannot do anything is not shown


def test_responsibilities_are_those_of_the_package():
    data = stored(widget())
    assert len(data["resp"]) == len(data["texts"]) == len(VARIANCES)
    for code, text, variance in zip(data["resp"], data["texts"], VARIANCES, strict=True):
        resp = gmm.spherical_responsibilities(X, WEIGHTS, MEANS, variance)
        assert np.abs(responsibilities(code, 3) - resp).max() <= 1 / 63
        undecided = (resp.max(axis=1) < 0.99).sum()
        entropy = gmm.responsibility_entropy(resp).mean()
        assert f"{undecided} of 60 samples" in text
        assert f"entropy {entropy:.3f} nats" in text
        assert ", ".join(f"{count:.1f}" for count in gmm.effective_counts(resp)) in text


def test_without_script_the_first_state_is_shown_with_its_numbers():
    html = widget()
    page = Elements(html)
    assert page.content["output"] == [stored(html)["texts"][0]]
    assert "JavaScript" in page.content["noscript"][0]
    colours = np.array([to_rgb(a["fill"]) for a in marks(page)])
    expected = plot.mix_colours(gmm.spherical_responsibilities(X, WEIGHTS, MEANS, VARIANCES[0]))
    assert np.abs(colours - expected).max() < 0.02


def test_the_shape_of_a_mark_tells_the_nearest_mean():
    page = Elements(widget())
    round_ones = sum("a4 4" in a["d"] for a in marks(page))
    assert round_ones == (gmm.nearest_centre(X, MEANS) == 0).sum()


def test_a_ring_is_a_circle_of_one_standard_deviation_on_both_axes():
    html = widget()
    centres = np.array([[float(a["cx"]), -float(a["cy"])] for a in Elements(html).all("circle")])
    pixels_per_unit = (centres[1:] - centres[0]) / (MEANS[1:] - MEANS[0])
    assert np.ptp(pixels_per_unit) < 0.02 * pixels_per_unit.mean()
    radii = np.array(stored(html)["radii"])
    assert np.allclose(radii, np.sqrt(VARIANCES) * pixels_per_unit.mean(), rtol=0.02, atol=0.06)


def test_output_is_deterministic_small_and_asks_for_nothing_outside():
    html = widget()
    assert html == widget()
    assert len(html) <= MAX_SIZE == 40_000
    assert not re.search(r"https?:|//[a-z]|src=|href=|@import|url\(", html)


def test_labels_are_escaped_and_the_name_is_the_id():
    html = widget(axis_labels=("a < b & c", "</script>"), name="other-1")
    page = Elements(html)
    assert page.all("div")[0]["id"] == "other-1"
    assert "a < b & c" in page.content["text"]
    assert html.count("</script>") == 2
    assert html.count('id="') == 1


@pytest.mark.parametrize("n_components", [1, 2, 6])
def test_other_numbers_of_components(n_components):
    means = RNG.normal(size=(n_components, 2))
    html = widget(means=means, weights=np.full(n_components, 1 / n_components))
    resp = gmm.spherical_responsibilities(X, np.full(n_components, 1 / n_components), means, 25.0)
    assert len(Elements(html).all("circle")) == n_components
    if n_components > 1:
        assert np.abs(responsibilities(stored(html)["resp"][1], n_components) - resp).max() <= 1 / 63


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"X": X[:, :1]}, ValueError, "X must have 2 features to be drawn; got 1"),
        ({"X": X * np.nan}, ValueError, "X must be finite"),
        ({"means": MEANS[:, :1]}, ValueError, "means must have 2 features"),
        ({"weights": [0.5, 0.5]}, ValueError, "means"),
        ({"means": np.zeros((7, 2)), "weights": np.full(7, 1 / 7)}, ValueError, "at most 6 components; got 7"),
        ({"variances": [1.0, 0.0]}, ValueError, "variances must be positive; got 0.0"),
        ({"variances": []}, ValueError, "variances must not be empty"),
        ({"variances": 1.0}, ValueError, "variances must have shape"),
        ({"name": "two words"}, ValueError, "name must be a letter followed by"),
        ({"name": '"><script>'}, ValueError, "name must be a letter followed by"),
        ({"axis_labels": ("x",)}, ValueError, "axis_labels must be two strings"),
        ({"X": np.tile(X, (20, 1))}, ValueError, "more than 40000.*fewer samples"),
    ],
)
def test_bad_input_is_named(changes, error, message):
    with pytest.raises(error, match=message):
        widget(**changes)
