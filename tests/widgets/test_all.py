"""What holds for every interactive figure, without a browser."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest
import widget_examples
from widget_examples import EXAMPLES
from widget_helpers import Elements, stored

import gmm
from gmm import plot, widgets
from gmm.widgets import MAX_SIZE, _page

#: Figures that compute in the page have tests of their own.
LIVE = (
    "border_band",
    "covariance_structures",
    "elbo_curve",
    "ellipse_explorer",
    "em_plane",
    "live",
    "paint_shares",
    "responsibility_line",
    "sigma_slider",
    "two_modes",
    "vb_concentration",
)
every_widget = pytest.mark.parametrize("kind", EXAMPLES)


@every_widget
def test_valid_small_self_contained_and_the_same_again(kind):
    html = EXAMPLES[kind]().data
    Elements(html)
    assert html == EXAMPLES[kind]().data
    assert len(html.encode()) <= MAX_SIZE == 40_000
    assert not re.search(r"https?:|//[a-z]|src=|href=|@import|url\(", html)


@every_widget
def test_last_bits_of_the_data_are_not_shown(kind, monkeypatch):
    # Grid lines on half a pixel in the surface: 348 pixels for 40 steps.
    options = {"limits": (-4.0, 6.0)} if kind == "surface" else {}
    html = EXAMPLES[kind](**options).data
    noise = np.random.default_rng(0)
    for name in ("PLANE", "LINE"):
        data = getattr(widget_examples, name)
        monkeypatch.setattr(widget_examples, name, data * (1 + 1e-14 * noise.uniform(-1, 1, data.shape)))
    assert EXAMPLES[kind](**options).data == html


@every_widget
def test_named_for_a_screen_reader_and_waiting_for_the_script(kind):
    page = Elements(EXAMPLES[kind]().data)
    (root,) = page.all("div", **{"class": "gmm-widget"})
    assert root["role"] == "group"
    assert root["data-lm-suppress-shortcuts"] == "true"  # else JupyterLab takes the arrow keys
    assert len(root["aria-label"]) > 20
    for picture in page.all("svg"):
        named = picture.get("role") == "img" and picture.get("aria-label")
        inner = "gw-svg" not in picture.get("class", "")
        assert named or picture.get("aria-hidden") == "true" or inner
    assert all(control["aria-label"] and control["aria-valuetext"] for control in page.all("input"))
    assert "hidden" in page.all("div", **{"class": "gw-controls"})[0]
    assert "JavaScript" in page.content["noscript"][0]
    assert len(page.content["output"]) == 1


@every_widget
def test_name_is_the_only_id_and_is_checked(kind):
    html = EXAMPLES[kind](name="another-1").data
    assert re.findall(r'\bid="([^"]*)"', html) == ["another-1"]
    for bad in ("two words", '"><script>', "", 3):
        with pytest.raises(ValueError, match="name must be a letter followed by"):
            EXAMPLES[kind](name=bad)


@every_widget
def test_labels_cannot_break_out_of_the_html(kind):
    bad = "a < b & </script>"
    html = EXAMPLES[kind](axis_labels=[bad] * 2).data
    assert bad in Elements(html).content["text"]
    assert html.count("</script>") == 2
    with pytest.raises(ValueError, match="axis_label"):
        EXAMPLES[kind](axis_labels=(1, 2, 3))


@every_widget
def test_each_output_carries_the_part_of_the_script_for_its_kind(kind):
    html = EXAMPLES[kind]().data
    own = re.search('data-kind="([a-z]+)"', html)[1]
    script = re.search(r"<script>/\*gmm-widgets\*/(.*?)/\*end\*/</script>", html, re.S)[1]
    assert re.findall(r"^([a-z]+)\(\) \{$", script, re.M) == [own]
    assert "//" not in script
    assert "begin" not in script
    assert script.count("{") == script.count("}")


def test_the_shared_script_holds_every_kind():
    kinds = {re.search('data-kind="([a-z]+)"', make().data)[1] for make in EXAMPLES.values()}
    assert set(re.findall(r"^([a-z]+)\(\) \{$", _page.script(), re.M)) == kinds
    for kind in kinds:
        assert set(_page.script(kind).splitlines()) <= set(_page.script().splitlines())


def test_colours_come_from_the_palette_of_the_figures():
    style = _page.style()
    for k, colour in enumerate(plot.COLOURS):
        assert f"--c{k}:{colour}" in style
    rules = re.sub(r"^\.gmm-widget\{.*?\}", "", style)
    assert not re.search(r"#[0-9a-fA-F]{3,8}|rgb", rules)
    assert style.count("{") == style.count("}")


def test_every_public_function_has_an_example_here():
    made = {make().data.split('data-kind="')[1].split('"')[0] for make in EXAMPLES.values()}
    stored_ones = [name for name in widgets.__all__ if callable(getattr(widgets, name)) and name not in LIVE]
    assert len(made) == len(stored_ones)
    assert gmm.widgets.sigma_slider is widgets.sigma_slider


@pytest.mark.parametrize("name", [name for name in widgets.__all__ if name != "MAX_SIZE"])
def test_every_argument_is_described(name):
    """The end of the docstrings is the same text for all, put in when they are imported."""
    function = getattr(widgets, name)
    text = inspect.getdoc(function)
    described = re.findall(r"^(\w+) : ", text.partition("Parameters\n---")[2].partition("\n\n")[0], re.M)
    assert described == list(inspect.signature(function).parameters)
    for head in ("Returns", "Raises"):
        assert f"\n\n{head}\n{'-' * len(head)}\n" in text
    assert "common" not in text


def test_too_much_data_is_refused_with_advice():
    with pytest.raises(ValueError, match=r"widget has \d+ bytes, more than 40000.*fewer samples.*fewer steps"):
        EXAMPLES["surface"](n_starts=60)


def test_data_cannot_break_out_of_their_script():
    data = {"text": "</script><b>"}
    html = _page.page(kind="surface", name="a", summary="s", body="", controls="", data=data, hint="h").data
    assert "<b>" not in html
    assert stored(html) == data


def test_pixels_and_responsibilities_survive_their_encoding():
    code = _page.encode_pixels([0.0, 12.34, 400.0, -5.0, 500.0], 400)
    steps = [_page.CODE.index(a) * 64 + _page.CODE.index(b) for a, b in zip(code[::2], code[1::2], strict=True)]
    values = [step / 4095 * 400 for step in steps]
    assert values == pytest.approx([0.0, 12.34, 400.0, 0.0, 400.0], abs=0.05)
    levels = _page.levels([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    assert levels.sum(axis=1).tolist() == [63, 63]
    assert levels[1].tolist() == [63, 0, 0]
