"""A page around a widget, open in a headless browser; skipped where there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import screenshot

# Helpers beside the tests, which are imported by file name (--import-mode=importlib).
sys.path.insert(0, str(Path(__file__).parent))

from widget_helpers import PAGE

from gmm.widgets import _live

UNTOLD = {"has_touch", "java_script_enabled", "reduced_motion"}


@pytest.fixture
def visit(running, tmp_path):
    """Open widgets in a page of their own; an error or a request to the outside fails the test."""
    contexts, wrong = [], []

    def open_page(*widgets, width=800, clock=False, **options):
        path = tmp_path / f"widget-{len(contexts)}.html"
        path.write_text(PAGE.format("\n".join(widget.data for widget in widgets)), encoding="utf-8")
        if running.browser_type.name == "firefox" and UNTOLD & options.keys():
            pytest.skip("Playwright tells a Firefox as it is published nothing of these: " + ", ".join(sorted(UNTOLD)))
        context = running.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(screenshot.PATIENCE)
        if clock:  # time stands still until the test lets it run
            page.clock.install()
        page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: wrong.append(str(e)))
        # A worker's text comes from the page itself.
        page.on("request", lambda r: None if r.url == path.as_uri() or r.url[:5] == "blob:" else wrong.append(r.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(autouse=True)
def first_of_a_session(monkeypatch):
    """Each test begins like a new session: its first live figure carries the kernels."""
    monkeypatch.setattr(_live, "_carrier", None)


@pytest.fixture
def show(visit):
    """Open live figures, or what makes them, and wait until they compute."""

    def open_page(*figures, wait=True, **options):
        page = visit(*[figure() if callable(figure) else figure for figure in figures], **options)
        if wait:
            live = "document.querySelectorAll('[data-state=live]').length"
            page.wait_for_function(f"{live} === {len(figures)}")
        return page

    return open_page
