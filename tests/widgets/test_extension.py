"""On the built pages the interactive figures share one script and one style, and work; so do live ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import screenshot
from sphinx.application import Sphinx
from widget_examples import EXAMPLES, PLANE, START_2

from gmm import widgets
from gmm.widgets import _live, _page

ROOT = Path(__file__).resolve().parents[2]
CONF = """import sys
sys.path.insert(0, {ext!r})
extensions = ["widgets"]
html_theme = "basic"
"""


def raw(widget):
    return ".. raw:: html\n\n" + "\n".join(f"   {line}" for line in widget.data.splitlines())


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Three small pages: one with two figures of stored states, one without any, one with a live figure."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "conf.py").write_text(CONF.format(ext=str(ROOT / "_ext")), encoding="utf-8")
    figures = "\n\n".join(raw(EXAMPLES["surface"](name=name)) for name in ("one", "two"))
    live = raw(widgets.em_plane(PLANE, *START_2))
    (folder / "live.rst").write_text(f":orphan:\n\nLive\n====\n\n{live}\n", encoding="utf-8")
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
    assert "gmm-live" not in html


def test_a_live_figure_has_files_of_its_own(site):
    html = (site / "live.html").read_text(encoding="utf-8")
    assert _page.BEGIN not in html
    assert "gmm-widgets" not in html
    assert "gmm-kernels.js" not in html  # loaded when the figure is looked at
    assert len(re.findall(r"<script[^>]*gmm-live\.js", html)) == 1
    assert len(re.findall(r"<link[^>]*gmm-live\.css", html)) == 1
    assert re.findall(r"gmm-live-[a-z-]+\.js", html) == ["gmm-live-em-plane.js"]
    assert (site / "_static" / "gmm-live.js").read_text(encoding="utf-8") == _live.script()
    for kind in _live.kinds():
        assert (site / "_static" / f"gmm-live-{kind}.js").read_text(encoding="utf-8") == _live.script(kind)
    assert (site / "_static" / "gmm-kernels.js").read_text(encoding="utf-8") == _live.kernels()


@pytest.mark.slow
def test_a_live_figure_computes_from_a_file(site, running):
    page = running.new_context().new_page()
    page.set_default_timeout(screenshot.PATIENCE)
    asked = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2].partition("?")[0]))
    page.goto((site / "live.html").as_uri())
    page.get_by_role("button", name="E-step", exact=True).click()
    assert page.locator("output").inner_text().startswith("E-step 1")
    page.context.close()
    assert asked.count("gmm-kernels.js") == 1


@pytest.mark.slow
def test_the_built_page_works(site, running):
    page = running.new_context().new_page()
    page.set_default_timeout(screenshot.PATIENCE)
    wrong = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto((site / "index.html").as_uri())
    page.get_by_role("slider", name="start: first mean").nth(1).press("End")
    texts = page.locator("output").all_inner_texts()
    page.context.close()
    assert [text.split()[0] for text in texts] == ["From", "From"]
    assert texts[0] != texts[1]
    assert wrong == []
