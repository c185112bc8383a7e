"""On the built pages the interactive figures share one script and one style, and work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import screenshot
from sphinx.application import Sphinx
from widget_examples import PLANE, START_2

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
    """Two small pages: one with two figures of a kind, one without any."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "conf.py").write_text(CONF.format(ext=str(ROOT / "_ext")), encoding="utf-8")
    figures = "\n\n".join(raw(widgets.em_plane(PLANE, *START_2, name=name)) for name in ("one", "two"))
    (folder / "index.rst").write_text(f"Figures\n=======\n\n{figures}\n\n:doc:`other`\n", encoding="utf-8")
    (folder / "other.rst").write_text(":orphan:\n\nOther\n=====\n\nNothing moves.\n", encoding="utf-8")
    Sphinx(folder, folder, folder / "out", folder / "trees", "html", status=None, warning=None).build()
    return folder / "out"


def test_a_page_without_figures_loads_neither(site):
    html = (site / "other.html").read_text(encoding="utf-8")
    assert "gmm-live" not in html


def test_script_and_style_stand_in_files_and_not_in_the_page(site):
    html = (site / "index.html").read_text(encoding="utf-8")
    assert html.count('class="gmm-live"') == 2
    assert html.count('<script type="application/json">') == 2
    assert _page.BEGIN not in html
    assert "gmm-kernels.js" not in html  # loaded when the figure is looked at
    assert len(re.findall(r"<script[^>]*gmm-live\.js", html)) == 1
    assert len(re.findall(r"<link[^>]*gmm-live\.css", html)) == 1
    assert re.findall(r"gmm-live-[a-z-]+\.js", html) == ["gmm-live-em-plane.js"]
    assert (site / "_static" / "gmm-live.js").read_text(encoding="utf-8") == _live.script()
    for kind in _live.kinds():
        assert (site / "_static" / f"gmm-live-{kind}.js").read_text(encoding="utf-8") == _live.script(kind)
    assert (site / "_static" / "gmm-kernels.js").read_text(encoding="utf-8") == _live.kernels()


@pytest.mark.slow
def test_the_built_page_works_from_a_file(site, running):
    page = running.new_context().new_page()
    page.set_default_timeout(screenshot.PATIENCE)
    wrong, asked = [], []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2].partition("?")[0]))
    page.goto((site / "index.html").as_uri())
    page.get_by_role("button", name="E-step", exact=True).nth(1).click()
    texts = page.locator("output").all_inner_texts()
    tells = page.context.browser.browser_type.name == "chromium"  # Firefox is silent on what it reads from files
    page.context.close()
    assert [text.startswith("E-step 1") for text in texts] == [False, True]
    assert not tells or asked.count("gmm-kernels.js") == 1
    assert wrong == []
