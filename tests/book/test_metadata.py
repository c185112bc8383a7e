"""The head of each page, the files that go with the pages, paper, and what a finger meets."""

import re
import sys
from functools import cache
from html import unescape
from io import StringIO
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import chapters
import numpy as np
import pypdf
import pytest
import screenshot
import yaml
from bs4 import BeautifulSoup
from docutils import nodes
from PIL import Image

from gmm import datasets

sys.path.append(str(chapters.ROOT / "_ext"))
import metadata

PAGES = [name for name in chapters.pages() if name != "search"]
BASE = "https://somebody.github.io/gaussian-mixtures/"


def read(name):
    return (chapters.ROOT / name).read_text(encoding="utf-8")


class TestOfTheParts:
    @pytest.mark.parametrize(
        ("tex", "said"),
        [
            (r"54 \pm 6", "54 ± 6"),
            (r"\boldsymbol\Sigma_k", "Σ_k"),
            (r"r_{ik}", "r_ik"),
            ("-3", "−3"),
            (r"10^{-6}", None),
            (r"\frac12", None),
            (r"N_k = \sum_i r_{ik}", None),
            ("a + b + c + d + e + f + g", None),
        ],
    )
    def test_formulas_in_plain_letters_or_not_at_all(self, tex, said):
        text = metadata.in_letters(tex)
        assert "\0" in text if said is None else text == said

    def page(self, *paragraphs):
        document = SimpleNamespace(findall=nodes.section("", *paragraphs).findall)
        return document

    def text(self, *parts):
        made = [nodes.math(part[1:], part[1:]) if part[0] == "$" else nodes.Text(part) for part in parts]
        return nodes.paragraph("", "", *made)

    def test_question_then_answer_in_whole_sentences(self):
        question = self.text("Why ", r"$\pi_k$", "?")
        answer = self.text("Because it is a share. ", r"$\frac12$", " is one. This hangs in the air.")
        assert metadata.description(self.page(question, answer)) == "Why π_k? Because it is a share."
        hopeless = self.text(r"$\frac12$", " is one. This hangs in the air.")
        assert metadata.description(self.page(question, hopeless), "what it is") == "Why π_k? What it is."
        assert metadata.description(self.page(self.text("No sentence")), "what it is") == "What it is."

    def test_a_long_question_keeps_its_end_and_a_long_answer_is_left_out(self):
        long = "A sentence that goes on and on, and does not end before it has said all of it. "
        said = metadata.description(self.page(self.text(long * 6 + "What is it?"), self.text(long * 5)))
        assert len(said) <= metadata.LONGEST
        assert said.endswith("What is it?")

    @pytest.mark.parametrize(
        ("repository", "found"),
        [
            ("Some/book", "https://some.github.io/book/"),
            ("some/Some.github.io", "https://some.github.io/"),
            (None, ""),
        ],
    )
    def test_address_of_the_site(self, repository, found, monkeypatch):
        monkeypatch.delenv("BOOK_URL", raising=False)
        assert metadata.address(repository) == found
        monkeypatch.setenv("BOOK_URL", "https://example.org/book")
        assert metadata.address(repository) == "https://example.org/book/"

    def test_a_clear_picture_stands_whole_on_a_white_card(self):
        picture = Image.new("RGBA", (300, 100), (0, 0, 0, 0))
        picture.paste((0, 0, 0, 255), (0, 0, 10, 100))
        picture.paste((0, 0, 0, 255), (290, 0, 300, 100))
        card = np.asarray(metadata.card(picture).convert("L"))
        assert card.shape[::-1] == metadata.CARD
        assert card[0, 0] == card[315, 600] == 255
        dark = np.flatnonzero((card < 128).any(axis=0))
        assert dark[0] + dark[-1] == pytest.approx(1199, abs=2)
        assert dark[-1] - dark[0] == pytest.approx(1140, abs=3)

    def test_bibtex_is_the_citation_file(self):
        entry = metadata.bibtex(metadata.citation())
        assert entry.startswith("@book{gaussian-mixtures,\n")
        assert "author  = {{The Gaussian mixtures book contributors}}" in entry
        assert f"Version {metadata.citation()['version']}" in entry
        assert entry.count("{") == entry.count("}")

    @pytest.mark.parametrize("name", list(metadata.TABLES))
    def test_csv_holds_the_data(self, name):
        data = getattr(datasets, f"load_{name}")()
        head, *rows = metadata.csv(data).splitlines()
        assert head.split(",")[: data.n_features] == list(data.labels())
        assert not re.search(r"\.(,|$)", "".join(rows[:9]))
        X = np.loadtxt(StringIO("\n".join(rows)), delimiter=",", usecols=range(data.n_features), ndmin=2)
        np.testing.assert_array_equal(X, data.X)
        if data.target is not None:
            groups = [row.rpartition(",")[2] for row in rows]
            assert groups == [data.target_names[group] for group in data.target]


def test_changelog_tells_of_the_present_version():
    text = read("CHANGELOG.md")
    version = yaml.safe_load(read("CITATION.cff"))
    assert f"## {version['version']} - {version['date-released']}\n" in text
    heads = re.findall(r"^## (.+)$", text, re.M)
    assert "Unreleased" not in heads[1:]
    assert set(re.findall(r"^### (.+)$", text, re.M)) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed"}
    public = set(re.findall(r"import \w+ as (\w+)", read("gmm/__init__.pyi")))
    assert set(re.findall(r"`gmm\.(\w+)", text)) <= public


@cache
def head(site, name):
    """Return the head of a page, parsed: the rest would take longer."""
    text = (site / f"{name}.html").read_text(encoding="utf-8")
    return BeautifulSoup(text[: text.index("</head>")], "lxml")


def content(page, name):
    return [tag["content"] for tag in page.select(f'meta[name="{name}"], meta[property="{name}"]')]


@pytest.mark.slow
class TestOfTheHeads:
    def test_each_page_says_what_it_is_about(self, site):
        said = {}
        for name in PAGES:
            page = head(site, name)
            (text,) = content(page, "description")
            assert content(page, "og:description") == [text]
            assert 40 <= len(text) <= metadata.LONGEST, (name, text)
            assert re.fullmatch(r"[^\\$\0]+[.?!]", text), (name, text)
            if re.match(r"book/\d\d_", name):
                assert re.search(r"\? .+\.$", text) or len(text) > 200, (name, text)
            said[text] = name
        assert len(said) == len(PAGES)

    def test_title_picture_and_address(self, site):
        for name in PAGES:
            page = head(site, name)
            (title,), (image,) = content(page, "og:title"), content(page, "og:image")
            assert title.endswith("Gaussian mixtures from first principles")
            assert not title[0].isdigit()
            with Image.open(site / image.removeprefix(BASE)) as picture:
                assert picture.size == metadata.CARD
            assert [link["href"] for link in page.select('link[rel="canonical"]')] == [f"{BASE}{name}.html"]
            assert content(page, "og:url") == [f"{BASE}{name}.html"]
        images = {content(head(site, name), "og:image")[0] for name in PAGES if re.match(r"book/\d\d_", name)}
        assert len(images) == len(chapters.notebooks())

    def test_a_chapter_can_be_cited(self, site):
        for path in chapters.notebooks():
            page = head(site, f"book/{path.stem}")
            assert content(page, "citation_title") == [chapters.title(path)]
            assert content(page, "citation_author") == ["The Gaussian mixtures book contributors"]
            assert content(page, "citation_inbook_title") == ["Gaussian mixtures from first principles"]

    def test_sitemap_names_each_page(self, site):
        tree = ElementTree.parse(site / "sitemap.xml")
        assert sorted(node.text for node in tree.iter() if node.tag.endswith("loc")) == sorted(
            f"{BASE}{name}.html" for name in PAGES
        )

    def test_search_and_the_missing_page_are_not_for_search_engines(self, site):
        for name in ("search", "404"):
            assert content(head(site, name), "robots") == ["noindex"]
            assert not head(site, name).select('link[rel="canonical"][href*="404"]')

    def test_errors_are_reported_with_their_page(self, site, repository):
        for name in PAGES:
            text = (site / f"{name}.html").read_text(encoding="utf-8")
            (link,) = set(re.findall(r'<p class="report"><a href="([^"]+)"', text))
            url = urlsplit(unescape(link))
            assert (url.netloc, url.path) == ("github.com", f"/{repository}/issues/new")
            assert f"Page: {name}\nSection: \n" in parse_qs(url.query)["body"][0]


@pytest.mark.slow
def test_data_are_linked_in_the_card_and_where_a_chapter_first_loads_them(site):
    for path in chapters.notebooks():
        code = "\n".join(cell.source for cell in chapters.read(path).cells if cell.cell_type == "code")
        loaded = {name for name in re.findall(r"\bload_(\w+)\(", code) if name in metadata.TABLES}
        text = (site / "book" / f"{path.stem}.html").read_text(encoding="utf-8")
        card = re.search(r'class="[^"]*at-a-glance.*?</dl>', text, re.S)[0]
        assert set(re.findall(r'<a href="\.\./data/(\w+)\.csv" download', card)) == loaded
        # and below the first cell that loads each
        seen = set()
        for before, links in re.findall(r'(.*?)(?:<p class="data-links">(.*?)</p>|\Z)', text, re.S):
            calls = re.findall(r'<span class="n">load_(\w+)</span><span class="p">\(', before)
            new = [name for name in dict.fromkeys(calls) if name in loaded - seen]
            assert re.findall(r"data/(\w+)\.csv", links) == new
            seen.update(new)


@pytest.mark.slow
def test_citation_can_be_copied(visit, repository, monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY", repository)
    page = visit("book/licence.html").page
    block = page.locator("main .highlight-bibtex")
    assert block.locator("pre").inner_text().strip() == metadata.bibtex(metadata.citation())
    assert block.locator("button.copybtn").count() == 1


@pytest.mark.slow
def test_missing_page_works_at_any_depth(site, running):
    page = running.new_page()
    page.set_default_timeout(screenshot.PATIENCE)
    lost = []

    def answer(route):
        path = site / urlsplit(route.request.url).path.removeprefix("/gaussian-mixtures/")
        if path.is_file():
            route.fulfill(path=path)
        else:
            lost.append(route.request.url)
            route.fulfill(path=site / "404.html", status=404)

    page.route("**/*", answer)
    wrong = "https://somebody.github.io/gaussian-mixtures/a/b/old.html"
    page.goto(wrong)
    assert lost == [wrong]
    assert page.locator("article h1").inner_text().startswith("This page is not here")
    page.locator("main").get_by_text("map of the").click()
    page.wait_for_url(f"{BASE}book/index.html")
    page.close()


@pytest.mark.slow
def test_report_names_the_section_that_is_read(visit):
    page = visit("book/14_how_many_components.html").page
    page.locator("#bic-the-evidence-for-a-model > h2").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#bic-the-evidence-for-a-model > h2').scrollIntoView()")
    page.evaluate("addEventListener('click', event => event.preventDefault())")
    link = page.locator(".bd-sidebar-secondary .report a")
    link.click()
    body = parse_qs(urlsplit(link.get_attribute("href")).query)["body"][0]
    assert "Section: 14.4. BIC: the evidence for a model (#bic-the-evidence-for-a-model)\n" in body


@pytest.mark.slow
def test_a_finger_meets_large_buttons(running, site):
    context = running.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.set_default_timeout(screenshot.PATIENCE)
    page.goto((site / "book" / "14_how_many_components.html").as_uri())
    small = page.locator("main button:visible, main summary:visible, .report a:visible").evaluate_all(
        """all => all.filter(e => !e.matches(".copybtn")).map(e => [e.className, e.getBoundingClientRect()])
            .filter(([name, box]) => box.width && (box.height < 43.5 || box.width < 43.5)).map(([name]) => name)"""
    )
    assert small == []
    copy = page.locator("main button.copybtn").first
    assert float(copy.evaluate("e => getComputedStyle(e).opacity")) > 0.5
    assert copy.evaluate("e => e.offsetHeight + 16") >= 40
    page.goto((site / "book" / "notation.html").as_uri())
    rows = page.locator("main td:nth-child(2)").evaluate_all("all => all.map(e => e.getBoundingClientRect().width)")
    assert min(rows) > 200  # the meaning has the room of a line of text
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()


@pytest.fixture(scope="module")
def printed(site, running, tmp_path_factory):
    """Print a page from the dark theme; return the pages' texts."""
    folder = tmp_path_factory.mktemp("print")

    def go(name):
        context = running.new_context(color_scheme="dark", viewport={"width": 673, "height": 1000})  # as wide as paper
        page = context.new_page()
        page.set_default_timeout(screenshot.PATIENCE)
        page.goto((site / f"{name}.html").as_uri())
        page.evaluate(screenshot.SETTLED)
        page.evaluate("document.querySelector('.helps > details')?.setAttribute('open', '')")
        page.emulate_media(media="print")
        shown = page.evaluate(
            """() => [...document.querySelectorAll("button, summary, input, .report, .landing-buttons")]
                .filter(e => e.checkVisibility()).map(e => e.outerHTML.slice(0, 80))"""
        )
        colour = page.locator("main p").first.evaluate("e => getComputedStyle(e).color")
        wide = page.locator("main pre").evaluate_all("all => all.filter(e => e.scrollWidth > e.clientWidth).length")
        target = folder / "page.pdf"
        page.pdf(path=target, prefer_css_page_size=True, print_background=True)
        context.close()
        assert shown == []
        assert colour == "rgb(0, 0, 0)"
        assert wide == 0
        return [found.extract_text() for found in pypdf.PdfReader(target).pages]

    return go


@pytest.mark.slow
class TestOfPaper:
    def test_cheat_sheet_is_one_page(self, printed):
        (text,) = printed("book/cheat_sheet")
        assert text.index("Which call") < text.index("Variational Bayes")

    def test_chapter_begins_at_once_and_no_page_is_empty(self, printed):
        texts = printed("book/04_responsibilities")
        assert "The geyser Old Faithful" in texts[0]
        assert "At a glance" in texts[0]
        assert min(len(text) for text in texts) > 150
        assert len(texts) < 24
