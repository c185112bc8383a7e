"""Live figures and numbers on pages that are no notebooks."""

from __future__ import annotations

import sys
from pathlib import Path

import chapters
import pytest
from docutils.core import publish_doctree
from docutils.parsers.rst import directives, roles

import gmm

sys.path.insert(0, str(chapters.ROOT / "_ext"))
import live


@pytest.fixture
def page():
    directives.register_directive("live-figure", live.LiveFigure)
    roles.register_local_role("count", live.count)
    return lambda text: publish_doctree(text, settings_overrides={"report_level": 5})


def test_a_figure_stands_where_the_directive_was(page):
    (raw,) = [node for node in page(".. live-figure:: landing").findall() if node.tagname == "raw"]
    assert 'class="gmm-live" data-kind="em-landing"' in raw.astext()


def test_no_figure_has_the_name_of_its_page():
    assert [make().name for make in live.FIGURES.values()] == ["em-landing", "play"]


def test_numbers_are_those_of_the_project(page):
    assert page(":count:`equations` and :count:`chapters`").astext() == (
        f"{len(gmm.formulas.EQUATIONS)} and {len(chapters.notebooks())}"
    )
    assert all(count() > 5 for name, count in live.COUNTS.items() if name not in ("version", "year"))


@pytest.mark.parametrize("text", [".. live-figure:: nothing", ":count:`readers`"])
def test_what_is_not_there_is_named(page, text):
    (message,) = [node for node in page(text).findall() if node.tagname == "system_message"]
    assert "must be one of" in message.astext()
    assert message["level"] == 3


@pytest.mark.slow
def test_the_first_page_begins_with_a_sentence_buttons_and_a_figure(site):
    html = (Path(site) / "book" / "index.html").read_text(encoding="utf-8")
    places = [html.index(part) for part in ("landing-buttons", 'data-kind="em-landing"', 'class="book-map"')]
    assert places == sorted(places)
    for words in ("Start reading", "Play", "Run it yourself", "Cite"):
        assert words in html[places[0] : places[1]]
    assert 'data-kind="playground"' in (Path(site) / "book" / "playground.html").read_text(encoding="utf-8")
