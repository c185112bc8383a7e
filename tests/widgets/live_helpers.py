"""Driving the first live figure of a page: what it says, its state, buttons, mouse and touch."""

from __future__ import annotations

import base64
import json
import re


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


def choose(page, name):
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


def touch(page, *places):
    """A finger comes down at the first place, moves to the others and leaves."""
    session = page.context.new_cdp_session(page)
    for kind, (x, y) in zip(["touchStart"] + ["touchMove"] * (len(places) - 1), places, strict=True):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
