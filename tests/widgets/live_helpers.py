"""Driving live figures in a browser."""

from __future__ import annotations

import base64
import json
import re

import pytest
import screenshot
from axe_playwright_python.sync_playwright import Axe

PHONE = 390


def said(page):
    return page.locator("output").first.inner_text()


def state(page):
    """The state of the first figure, read from the address that its button makes."""
    page.get_by_role("button", name="Link").first.click()
    code = page.evaluate("location.hash").partition(":")[2]
    return json.loads(base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)))


def press(page, *names):
    for name in names:
        page.get_by_role("button", name=name, exact=True).click()


def choose(page, group, words):
    """Choose one of several, by a click on its words."""
    box = page.locator("fieldset", has=page.locator("legend", has_text=group))
    box.locator("label", has=page.get_by_text(words, exact=True)).click()


def take(page, name):
    """Take one of several."""
    page.locator(".gl-choice label").filter(has_text=re.compile(f"^{re.escape(name)}$")).click()


def centre(page, label):
    box = page.get_by_role("slider", name=label).locator(".gl-mark").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, label, dx, dy):
    x, y = centre(page, label)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx / 2, y + dy / 2)
    page.mouse.move(x + dx, y + dy)
    page.mouse.up()


def ask_of_chromium(page, what):
    """Skip the rest of a test in another browser."""
    if page.context.browser.browser_type.name != "chromium":
        pytest.skip(f"{what}: Playwright can do that with Chromium only")


def swipe(page, *places):
    """One finger, from place to place."""
    ask_of_chromium(page, "a finger that moves")
    session = page.context.new_cdp_session(page)
    kinds = ["touchStart"] + ["touchMove"] * (len(places) - 1)
    for kind, (x, y) in zip(kinds, places, strict=True):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def touch(page, label, dx, dy):
    """Drag a handle with a finger that is a little beside it."""
    x, y = centre(page, label)
    swipe(page, (x + 3, y + 3), (x + 3 + dx / 2, y + 3), (x + 3 + dx, y + 3 + dy))


def check_both_themes(page):
    """Nothing is wider than a phone, axe finds nothing in either theme, and each control is 44 pixels large."""
    for scheme, width in (("light", PHONE), ("dark", 900)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(screenshot.SETTLED)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page).response["violations"]
        wrong = [(rule["id"], [node["html"][:90] for node in rule["nodes"]]) for rule in found]
        assert [one for one in wrong if one[0] != "page-has-heading-one"] == []
    for control in page.locator(
        "button, summary, select, textarea, .gl-choice label, .gl-slider input, .gl-reach, input[type=file]"
    ).all():
        box = control.bounding_box()
        assert min(box["width"], box["height"]) >= 43.9, control.evaluate("e => e.outerHTML")
