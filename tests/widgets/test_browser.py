"""The interactive figures in a real browser: mouse, keyboard, numbers, and what stays without JavaScript."""

from __future__ import annotations

import numpy as np
import pytest
import screenshot
from axe_playwright_python.sync_playwright import Axe
from widget_examples import EXAMPLES, LINE, WIDTHS
from widget_helpers import numbers, stored

import gmm

pytestmark = pytest.mark.slow
every_widget = pytest.mark.parametrize("kind", EXAMPLES)
PHONE = 390
# Everything that the script may draw or write.
DRAWN = """() => [...document.querySelectorAll("svg *")].map(e => [e.tagName, e.getAttribute("d") ||
  ["cx", "cy", "r", "x", "width", "transform"].map(n => e.getAttribute(n) || "").join(" ")])"""
WRITTEN = """() => [...document.querySelectorAll("output, td, text")].map(e => e.textContent)"""
CONTRAST = """() => {
  const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const page = light(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll("output, td, th, button, label span, text")].map(e => {
    const style = getComputedStyle(e), ink = light(e.tagName === "text" ? style.fill : style.color);
    return (Math.max(ink, page) + 0.05) / (Math.min(ink, page) + 0.05); });
}"""
BACKGROUNDS = """() => { const found = new Set();
  for (let e = document.querySelector(".gmm-widget svg"); e !== document.body; e = e.parentElement)
    found.add(getComputedStyle(e).backgroundColor);
  return [...found]; }"""


def said(page):
    return page.locator("output").inner_text()


def set_slider(page, number, value):
    page.locator("input").nth(number).evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )


class TestSurface:
    def test_click_and_keyboard(self, visit):
        page = visit(EXAMPLES["surface"]())
        data = stored(EXAMPLES["surface"]().data)
        svg = page.locator(".gw-svg")
        svg.scroll_into_view_if_needed()
        box = svg.bounding_box()
        pixel = box["width"] / 400
        page.mouse.click(box["x"] + (data["x"][6] + 5) * pixel, box["y"] + (data["y"][1] - 5) * pixel)
        self.check(page, 6, 1)
        page.get_by_role("slider", name="start: second mean").press("ArrowRight")
        self.check(page, 6, 2)
        page.get_by_role("slider", name="start: first mean").press("Home")
        self.check(page, 0, 2)

    def check(self, page, i, j):
        places = np.linspace(LINE.min(), LINE.max(), 9)
        weights, means = np.array([0.6, 0.4]), np.array([[places[i]], [places[j]]])
        first, second, start, n_iter, *end = numbers(said(page))
        assert (first, second) == pytest.approx((places[i], places[j]), abs=0.006)
        assert start == pytest.approx(gmm.log_likelihood(LINE, weights, means, WIDTHS), abs=0.006)
        for _ in range(int(n_iter)):
            means = gmm.update_means(LINE, gmm.responsibilities(LINE, weights, means, WIDTHS))
        top = gmm.log_likelihood(LINE, weights, means, WIDTHS)
        assert end == pytest.approx([*means[:, 0], top], abs=0.02)


@every_widget
def test_script_draws_and_writes_what_python_did(kind, visit):
    """The picture of the first state, drawn by Python, does not change when the script takes over."""
    still = visit(EXAMPLES[kind](), java_script_enabled=False)
    moving = visit(EXAMPLES[kind]())
    assert moving.evaluate(WRITTEN) == still.evaluate(WRITTEN)
    before, after = still.evaluate(DRAWN), moving.evaluate(DRAWN)
    assert [tag for tag, _ in before] == [tag for tag, _ in after]
    for (_, old), (_, new) in zip(before, after, strict=True):
        assert numbers(new) == pytest.approx(numbers(old), abs=0.25)


@every_widget
def test_without_javascript_a_figure_with_its_numbers_stays(kind, visit):
    page = visit(EXAMPLES[kind](), java_script_enabled=False)
    assert page.locator(".gw-svg").first.is_visible()
    assert numbers(said(page))
    assert not page.locator(".gw-controls").is_visible()
    assert page.locator("button:visible, input:visible").count() == 0
    assert page.locator("noscript").inner_text().startswith("With JavaScript")


@every_widget
def test_in_print_the_controls_are_gone(kind, visit):
    page = visit(EXAMPLES[kind]())
    assert page.locator(".gw-controls").is_visible()
    page.emulate_media(media="print")
    assert not page.locator(".gw-controls").is_visible()
    assert page.locator(".gw-svg").first.is_visible()
    assert page.locator("output").is_visible()


@every_widget
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_on_a_phone(kind, scheme, visit):
    page = visit(EXAMPLES[kind](), width=PHONE, color_scheme=scheme)
    assert page.evaluate(BACKGROUNDS) == ["rgba(0, 0, 0, 0)"]
    assert min(page.evaluate(CONTRAST)) >= 4.5
    for scale in (75, 112):  # fonts of other computers, narrow and wide; the test goes on with the wide one
        page.evaluate(screenshot.FONTS, [screenshot.dejavu(), {"sizeAdjust": f"{scale}%"}])
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
        for control in page.locator("button, input").all():
            box = control.bounding_box()
            assert min(box["width"], box["height"]) >= 24
    for handle in page.locator(".gw-handle").all():
        box = handle.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for dx, dy in ((0, 0), (-12, 0), (12, 0), (0, -12), (0, 12)):  # a finger does not hit the dot itself
            assert (
                page.evaluate("([x, y]) => document.elementFromPoint(x, y).classList[0]", [x + dx, y + dy])
                == "gw-handle"
            )
    found = Axe().run(page).response["violations"]
    assert [
        (rule["id"], [node["html"][:80] for node in rule["nodes"]])
        for rule in found
        if rule["id"] != "page-has-heading-one"
    ] == []
