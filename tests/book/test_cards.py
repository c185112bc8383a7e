"""Cards beside links to terms, equations, sources, exercises and functions."""

import json
import re
import sys

import chapters
import check_site
import pytest
import screenshot
from bs4 import BeautifulSoup

sys.path.append(str(chapters.ROOT / "_ext"))
import cards

PAGE = """<h1>2. Fits<a class="headerlink" href="#f">#</a></h1>
<dl><dt id="term-a-b">a b<a class="headerlink" href="#term-a-b">#</a></dt><dd><p>An <em>a</em>,
see <a class="reference internal" href="#term-c">c</a>.</p></dd><dt id="term-c">c</dt><dd><p>Other.</p></dd></dl>
<h2>2.1. <code>K</code> &amp; more<a class="headerlink" href="#k">#</a></h2>
<div class="x"><div class="math nohighlight" id="equation-eq-x"><span class="eqno">(2.1)<a class="headerlink"
href="#equation-eq-x">#</a></span>\\[<div>x</div>\\]</div></div>
<h2>2.2. Later<a class="headerlink" href="#l">#</a></h2>
<div class="citation" id="id7"><span class="label">[<span>Ann, 1999</span>]</span><p>Ann. <em>A book</em>.</p></div>
<dt class="sig" id="gmm.em">gmm.em(<em>X</em>, <em>k=1</em>)<a class="headerlink" href="#gmm.em">#</a></dt>
<dd><p>Fit it.</p><p>More.</p></dd>
<div class="exercise admonition" id="ex-y"><p class="admonition-title"><span class="caption-number">Exercise 2.1 </span>
(Predict: it · easy)</p><section><p>What is <code id="z" title="t">it</code>?</p><p>More.</p></section></div>
"""


EQUATIONS = {"05_log_likelihood.html#equation-eq-log-likelihood": "(5.2)", "#equation-eq-elbo": "(7.1)"}
# Leaves the sections that hold the open card: axe need not read the others.
ALONE = """document.querySelectorAll("article section").forEach(e => e.querySelector(".link-card") || e.remove())"""
LINKED = re.compile(r"#equation-|#ex-|glossary\.html#term-|references\.html#id|api(?:_formulas)?\.html#gmm")
LOADED = "performance.getEntriesByType('resource').map(e => e.name).filter(name => name.includes('/cards/')).length"


class TestOfTheParts:
    @pytest.mark.parametrize(
        ("identifier", "name", "where", "text"),
        [
            ("term-a-b", "a b", "", '<p>An <em>a</em>,\nsee <a href="a.html#term-c">c</a>.</p>'),
            ("term-c", "c", "", "<p>Other.</p>"),
            (
                "equation-eq-x",
                "Equation (2.1)",
                "2.1. K & more",
                '<div class="math nohighlight">\\[<div>x</div>\\]</div>',
            ),
            ("id7", "Ann, 1999", "", "<p>Ann. <em>A book</em>.</p>"),
            ("gmm.em", "gmm.em", "", "<p><code>gmm.em(X, k=1)</code></p><p>Fit it.</p>"),
            ("ex-y", "Exercise 2.1", "Predict: it · easy", "<p>What is <code>it</code>?</p>"),
        ],
    )
    def test_what_a_card_shows(self, identifier, name, where, text):
        assert cards.card(cards.Page(PAGE), f"a.html#{identifier}") == [name, where, text]

    def test_no_target_no_card(self):
        assert cards.card(cards.Page(PAGE), "a.html#term-x") is None

    def test_cards_are_what_links_lead_to(self):
        link = '<a class="reference internal" href="{}">x</a>'
        hrefs = ["glossary.html#term-c", "#equation-eq-x", "lost.html#equation-eq-x", "b.html#section", "#ex-none"]
        pages = {"b.html": cards.Page(PAGE + "".join(map(link.format, [*hrefs, "#ex-y"])))}
        pages["glossary.html"] = cards.Page(PAGE)
        found = cards.cards_of(pages)
        # An equation of the page itself is copied from there.
        assert {file: list(own) for file, own in found.items()} == {"b.html": ["ex-y"], "glossary.html": ["term-c"]}
        assert found["glossary.html"]["term-c"] == ["c", "", "<p>Other.</p>"]


@pytest.mark.slow
class TestOfTheBook:
    def test_each_link_has_its_card_and_there_are_no_others(self, site):
        stored, wanted, anchors = {}, {}, {}
        for path in (site / "_static" / "cards").iterdir():
            text = path.read_text(encoding="utf-8").removeprefix(f'gmmCards("{path.stem}",').removesuffix(")\n")
            stored[path.stem] = json.loads(text)
        for path in check_site.pages(site):
            page = check_site.soup(path)
            links = {a["href"] for a in page.select("article a.reference.internal") if LINKED.search(a["href"])}
            links = links if path.parent.name == "book" else set()  # the index lists them all
            assert bool(links) == bool(page.select('script[src*="cards.js"]')), path.stem
            for file, _, identifier in (link.partition("#") for link in links):
                if file or not identifier.startswith("equation-"):
                    wanted.setdefault(file.removesuffix(".html") or path.stem, set()).add(identifier)
        assert {name: set(own) for name, own in stored.items()} == wanted
        for name, own in stored.items():
            for identifier, (title, _, text) in own.items():
                part = BeautifulSoup(text, "lxml")
                assert title, identifier
                assert len(part.get_text().split()) > 1 or part.select(".math"), identifier
                anchors |= {link["href"]: name for link in part.select("a")}
        for address in anchors:
            assert "://" in address or check_site._target(site / "book" / "index.html", address) is None, address

    def test_pointer_and_keys(self, visit):
        """One page, with a screen and a light theme, then in the dark, with a card open for axe."""
        visited = visit("book/07_expectation_maximisation.html")
        page, card = visited.page, visited.page.locator("#link-card:popover-open")

        def rest_on(href):
            link = page.locator(f"article p a.internal[href='{href}']:visible").first
            link.scroll_into_view_if_needed()
            link.hover()
            card.wait_for()
            return link

        def shut():
            page.mouse.move(1, 1)
            card.wait_for(state="detached")

        assert (
            page.evaluate("performance.getEntriesByType('resource').filter(e => /cards\\/07/.test(e.name)).length") == 0
        )
        link = rest_on("glossary.html#term-log-likelihood")
        assert "sum of the log-densities" in card.inner_text()
        assert link.get_attribute("aria-describedby") == "link-card"
        card.hover()  # stays while the pointer is on it
        page.wait_for_timeout(500)
        assert card.is_visible()
        assert card.locator("a").first.get_attribute("href") == "glossary.html#term-log-likelihood"
        shut()
        still = visited.vitals()
        assert still["cls"] < 0.01, still
        # An equation of another page is set, one of this page copied as it is set here.
        for href, name in EQUATIONS.items():
            rest_on(href)
            assert name in card.inner_text()
            page.wait_for_function("!document.querySelector('#link-card .math:not(:has(mjx-container, math, svg))')")
            assert visited.raw_tex() == []
            assert page.evaluate("document.querySelectorAll('#equation-eq-elbo').length") == 1
            assert card.locator(".eqno").count() == 0
            shut()
        # Inside the window, whichever part of it the link is in.
        for edge in ("start", "end"):
            link.evaluate("(e, block) => { e.scrollIntoView({ block }); block === 'start' && scrollBy(0, -80); }", edge)
            link.hover()
            card.wait_for()
            box = card.bounding_box()
            assert 0 <= box["y"] <= box["y"] + box["height"] <= 900
            assert 0 <= box["x"] <= box["x"] + box["width"] <= 1280
            shut()
        # Keys: the card follows its link; Esc closes and gives the focus back, and nothing opens by itself.
        page.evaluate("document.activeElement.blur()")
        citation = page.locator("article p a.internal[href='references.html#id6']:visible").first
        page.keyboard.press("Tab")  # keys are used
        citation.focus()
        card.wait_for()
        assert "J" in card.inner_text()
        assert not citation.get_attribute("title")
        page.keyboard.press("Tab")
        assert card.locator("a").first.evaluate("e => e === document.activeElement")
        visited.theme("dark")
        found = visited.page.evaluate("document.querySelector('#link-card').matches(':popover-open')")
        assert found
        page.keyboard.press("Escape")
        assert card.count() == 0
        assert citation.evaluate("e => e === document.activeElement && !e.hasAttribute('aria-describedby')")
        page.wait_for_timeout(500)
        assert card.count() == 0
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        card.wait_for()
        # Away with the focus, the card goes.
        page.locator(".reading-mark button").focus()
        card.wait_for(state="detached")
        rest_on("api_formulas.html#gmm.elbo")
        assert "gmm.elbo(" in card.inner_text()
        assert visited.problems() == []
        page.evaluate(ALONE)
        assert visited.axe() == []
        visited.theme("light")
        assert visited.axe(only="color-contrast") == []

    def test_touch_from_disk_on_a_phone_in_the_dark(self, running, site):
        context = running.new_context(has_touch=True)
        visited = screenshot.Visit(context, (site / "book" / "06_m_step.html").as_uri(), width=390, dark=True)
        try:
            page, card = visited.page, visited.page.locator("#link-card:popover-open")
            address = page.url
            for link in page.locator("article p a.internal:is([href*='#equation-'], [href*='#term-'])").all()[:3]:
                link.scroll_into_view_if_needed()
                link.tap()
                card.wait_for()
                assert page.url == address
                box = card.bounding_box()
                assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
                assert visited.overflow() == []
                page.touchscreen.tap(385, 60)
                card.wait_for(state="detached")
            link.tap()
            card.wait_for()
            with page.expect_navigation():
                card.locator("a").first.tap()
            assert page.url != address
            assert visited.messages == []
        finally:
            visited.close()
            context.close()

    def test_links_are_links_without_scripts(self, running, site):
        context = running.new_context(java_script_enabled=False)
        page = context.new_page()
        try:
            page.goto((site / "book" / "06_m_step.html").as_uri())
            assert not page.locator(".reading-mark").is_visible()
            page.locator("article p a.internal[href*='glossary.html#term-']").first.click()
            page.wait_for_url("**/glossary.html#term-*")
        finally:
            context.close()
