"""The interactive figures: valid, small, self-contained, and showing the package's own numbers."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import gmm
from gmm import plot
from gmm.widgets import MAX_SIZE, sigma_slider

VOID = {"input"}
RNG = np.random.default_rng(9)
X = RNG.normal(size=(60, 2)) * [2.0, 30.0]
MEANS = np.array([[-2.0, 10.0], [0.0, -20.0], [2.0, 0.0]])
WEIGHTS = np.array([0.2, 0.3, 0.5])
VARIANCES = [400.0, 25.0, 1.0, 1e-4]


class Elements(HTMLParser):
    """Reads the elements and checks that each is closed in turn."""

    def __init__(self, html):
        super().__init__()
        self.open, self.found, self.content = [], [], {}
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(set(names)) == len(names), f"{tag} has an attribute twice"
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.content.setdefault(self.open[-1], []).append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def widget(**changes):
    arguments = {"X": X, "means": MEANS, "weights": WEIGHTS, "variances": VARIANCES} | changes
    return sigma_slider(**arguments).data


def stored(html):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.S)[1])


def responsibilities(state, n_components):
    levels = [int(state["resp"][p : p + 2], 16) for p in range(0, len(state["resp"]), 2)]
    levels = np.array(levels).reshape(-1, n_components - 1)
    return np.column_stack([levels, 255 - levels.sum(axis=1)]) / 255


def test_every_element_is_closed_and_the_svg_has_a_mark_for_each_sample():
    page = Elements(widget())
    (picture,) = page.all("svg")
    assert picture["role"] == "img"
    assert "60 samples" in picture["aria-label"]
    marks = [a for tag, a in page.found if tag in ("circle", "path") and "fill" in a]
    assert len(marks) == 60
    assert len(page.all("ellipse")) == 3
    for a in page.all("circle"):
        assert 0 <= float(a["cx"]) <= 640
        assert 0 <= float(a["cy"]) <= 420


def test_the_slider_is_labelled_and_waits_for_the_script():
    page = Elements(widget())
    (slider,) = page.all("input")
    assert (slider["type"], slider["min"], slider["max"], slider["step"]) == ("range", "0", "3", "1")
    assert slider["aria-label"] == "Shared variance, from 400 to 0.0001"
    assert slider["aria-valuetext"] == "σ² = 400"
    assert "hidden" in page.all("label")[0]  # a slider that cannot do anything is not shown
    assert page.all("output")[0]["aria-live"] == "polite"


def test_responsibilities_are_those_of_the_package():
    states = stored(widget())["states"]
    assert len(states) == len(VARIANCES)
    for state, variance in zip(states, VARIANCES, strict=True):
        resp = gmm.spherical_responsibilities(X, WEIGHTS, MEANS, variance)
        assert np.abs(responsibilities(state, 3) - resp).max() <= 1 / 255
        undecided = (resp.max(axis=1) < 0.99).sum()
        entropy = gmm.responsibility_entropy(resp).mean()
        assert f"{undecided} of 60 samples" in state["text"]
        assert f"entropy {entropy:.3f} nats" in state["text"]
        assert ", ".join(f"{count:.1f}" for count in gmm.effective_counts(resp)) in state["text"]


def test_without_script_the_first_state_is_shown_with_its_numbers():
    html = widget()
    page = Elements(html)
    assert page.content["output"] == [stored(html)["states"][0]["text"]]
    assert "JavaScript" in page.content["noscript"][0]
    colours = np.array([to_rgb(a["fill"]) for tag, a in page.found if tag in ("circle", "path") and "fill" in a])
    expected = plot.mix_colours(gmm.spherical_responsibilities(X, WEIGHTS, MEANS, VARIANCES[0]))
    assert np.abs(colours - expected).max() < 0.01


def test_the_shape_of_a_mark_tells_the_nearest_mean():
    page = Elements(widget())
    circles = sum(tag == "circle" for tag, _ in page.found)
    assert circles == (gmm.nearest_centre(X, MEANS) == 0).sum()


def test_rings_have_the_radius_of_one_standard_deviation_in_the_units_of_each_axis():
    states = stored(widget())["states"]
    ratio = float(states[0]["ry"]) / float(states[1]["ry"])
    assert ratio == pytest.approx(np.sqrt(400 / 25), rel=0.02)
    span = np.ptp(np.vstack([X, MEANS]), axis=0) * 1.12
    assert float(states[1]["rx"]) == pytest.approx(5.0 * (640 - 56 - 12) / span[0], abs=0.06)
    assert float(states[1]["ry"]) == pytest.approx(5.0 * (420 - 12 - 50) / span[1], abs=0.06)


def test_output_is_deterministic_small_and_asks_for_nothing_outside():
    html = widget()
    assert html == widget()
    assert len(html) <= MAX_SIZE == 40_000
    assert not re.search(r"https?:|//[a-z]|src=|href=|@import|url\(", html)


def test_labels_are_escaped_and_the_name_is_the_id():
    html = widget(axis_labels=("a < b & c", "</script>"), name="other-1")
    page = Elements(html)
    assert page.all("div")[0]["id"] == "other-1"
    assert 'getElementById("other-1")' in html
    assert "a < b & c" in page.content["text"]
    assert html.count("</script>") == 2


@pytest.mark.parametrize("n_components", [1, 2, 4])
def test_other_numbers_of_components(n_components):
    means = RNG.normal(size=(n_components, 2))
    html = widget(means=means, weights=np.full(n_components, 1 / n_components))
    resp = gmm.spherical_responsibilities(X, np.full(n_components, 1 / n_components), means, 25.0)
    assert len(Elements(html).all("ellipse")) == n_components
    if n_components > 1:
        assert np.abs(responsibilities(stored(html)["states"][1], n_components) - resp).max() <= 1 / 255


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"X": X[:, :1]}, ValueError, "X must have 2 features to be drawn; got 1"),
        ({"X": X * np.nan}, ValueError, "X must be finite"),
        ({"means": MEANS[:, :1]}, ValueError, "means must have 2 features"),
        ({"weights": [0.5, 0.5]}, ValueError, "means"),
        ({"means": np.zeros((5, 2)), "weights": np.full(5, 0.2)}, ValueError, "at most 4 components"),
        ({"variances": [1.0, 0.0]}, ValueError, "variances must be positive; got 0.0"),
        ({"variances": []}, ValueError, "variances must not be empty"),
        ({"variances": 1.0}, ValueError, "variances must have shape"),
        ({"name": "two words"}, ValueError, "name must be a letter followed by"),
        ({"name": '"><script>'}, ValueError, "name must be a letter followed by"),
        ({"axis_labels": ("x",)}, ValueError, "axis_labels must be two strings"),
        ({"X": np.tile(X, (20, 1))}, ValueError, "more than 40000: give fewer samples or stops"),
    ],
)
def test_bad_input_is_named(changes, error, message):
    with pytest.raises(error, match=message):
        widget(**changes)
