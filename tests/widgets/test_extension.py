"""On the built pages the interactive figures share one script and one style, and work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import screenshot
from sphinx.application import Sphinx
from widget_examples import EXAMPLES

from gmm.widgets import _page

ROOT = Path(__file__).resolve().parents[2]
CONF = """import sys
sys.path.insert(0, {ext!r})
extensions = ["widgets"]
html_theme = "basic"
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Two small pages: one with two figures of different kinds, one without any."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "conf.py").write_text(CONF.format(ext=str(ROOT / "_ext")), encoding="utf-8")
    figures = "\n\n".join(
        ".. raw:: html\n\n" + "\n".join(f"   {line}" for line in EXAMPLES[kind]().data.splitlines())
        for kind in ("stepper", "line")
    )
    (folder / "index.rst").write_text(f"Figures\n=======\n\n{figures}\n\n:doc:`other`\n", encoding="utf-8")
    (folder / "other.rst").write_text(":orphan:\n\nOther\n=====\n\nNothing moves.\n", encoding="utf-8")
    Sphinx(folder, folder, folder / "out", folder / "trees", "html", status=None, warning=None).build()
    return folder / "out"


def test_script_and_style_stand_in_files_and_not_in_the_page(site):
    html = (site / "index.html").read_text(encoding="utf-8")
    assert html.count('class="gmm-widget"') == 2
    assert _page.BEGIN not in html
    assert len(re.findall(r"<script[^>]*gmm-widgets\.js", html)) == 1
    assert len(re.findall(r"<link[^>]*gmm-widgets\.css", html)) == 1
    assert len(re.findall('<script type="application/json">', html)) == 2
    assert (site / "_static" / "gmm-widgets.js").read_text(encoding="utf-8") == _page.script()
    assert (site / "_static" / "gmm-widgets.css").read_text(encoding="utf-8") == _page.style()


def test_a_page_without_figures_loads_neither(site):
    html = (site / "other.html").read_text(encoding="utf-8")
    assert "gmm-widgets" not in html


@pytest.mark.slow
def test_the_built_page_works(site, running):
    page = running.new_context().new_page()
    page.set_default_timeout(screenshot.PATIENCE)
    wrong = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto((site / "index.html").as_uri())
    page.get_by_role("button", name="On one step").click()
    page.get_by_role("slider", name="point on the line").press("Home")
    texts = page.locator("output").all_inner_texts()
    page.context.close()
    assert texts[0].startswith("E-step 1")
    assert texts[1].startswith("x = −8.0")
    assert wrong == []
