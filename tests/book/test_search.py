"""The search: readers' questions lead to the sections that answer them; typing, keys, links, disk, no JavaScript."""

import json
import re
from collections import Counter
from pathlib import Path

import chapters
import check_site
import pytest
import screenshot
import yaml

pytestmark = pytest.mark.slow

#: Questions of readers, and how many of them must be answered first, and among the first three.
QUESTIONS = {"search_questions": (27, 30), "search_questions_further": (48, 57)}
ASKED = chapters.ROOT / "book" / "asked.yml"
#: What each chapter has, and nobody asks for.
COMMON = {"exercises", "summary", "further-reading", "in-practice"}
CHAPTER = "book/07_expectation_maximisation.html"
#: Bytes of the index: of what a reader loads on opening the search.
LIMIT = 640_000
FIRST = "#search-results [role=option]"


def questions(name):
    """List the questions with the addresses of the sections that answer them."""
    text = Path(__file__).with_name(f"{name}.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and line[0] != "#"]
    asked = dict(line.rsplit(": ", 1) for line in lines)
    assert len(asked) == len(lines) >= 30
    return {
        question: ["book/" + place.replace("#", ".html#") if "#" in place else f"book/{place}.html" for place in right]
        for question, right in ((question, places.split(", ")) for question, places in asked.items())
    }


@pytest.fixture(scope="module")
def searching(reader, address):
    """Return the page of the search, opened once, and a function that lists what is found for a question."""
    visit = screenshot.Visit(reader, f"{address}/search.html?q=singularities")
    visit.page.wait_for_function("window.bookSearch")
    yield (
        visit.page,
        lambda *asked: visit.page.evaluate(
            "all => all.map(q => bookSearch.find(q).slice(0, 8).map(f => f.section.href))", list(asked)
        ),
    )
    visit.close()


@pytest.mark.parametrize("name", QUESTIONS)
def test_questions_of_readers_lead_to_their_answers(name, searching):
    page, find = searching
    asked = questions(name)
    pages = page.evaluate("Object.entries(bookIndex.pages).map(([name, all]) => [name, all.map(entry => entry[0])])")
    known = {f"{name}.html" + (f"#{anchor}" if anchor else "") for name, anchors in pages for anchor in anchors}
    assert not {place for right in asked.values() for place in right} - known
    found = dict(zip(asked, find(*asked), strict=True))
    for among, required in zip((1, 3), QUESTIONS[name], strict=True):
        wrong = {
            question: found[question][:3]
            for question, right in asked.items()
            if not {*found[question][:among]} & {*right}
        }
        assert len(wrong) <= len(asked) - required, (among, wrong)


def test_each_section_says_how_readers_ask_for_it(site):
    """A chapter that the list has not yet is looked for by its own words alone."""
    asked = yaml.safe_load(ASKED.read_text(encoding="utf-8"))
    index = (site / "_static" / "search" / "index.js").read_text(encoding="utf-8").removeprefix("window.bookIndex=")
    pages = json.loads(index)["pages"]
    for page, sections in asked.items():
        headings = {
            entry[0] or "top": entry[1] for entry in pages[f"book/{page}"] if not entry[0].startswith(("ex-", "gmm."))
        }
        assert set(sections) <= set(headings), page
        if page[0].isdigit():
            assert {*headings} - {*sections} <= COMMON, page
        written = {entry[0] or "top": entry[7] for entry in pages[f"book/{page}"] if len(entry) > 7}
        assert written == sections
        phrases = Counter(phrase for text in sections.values() for phrase in text.split("; "))
        assert {often for often in phrases.values()} == {1}, page
        assert all(phrase and phrase == phrase.strip(" ;.?") for phrase in phrases), page


@pytest.mark.parametrize(
    "forms",
    [
        ("initialisation", "initialization", "initialize", "Initialisations", "initalisation"),
        ("regularisation", "regularization", "regularising"),
        ("responsibilities", "responsibility", "responsibilites", "RESPONSIBILITY"),
        ("k-means++", "kmeans++", "K-Means++"),
        ("log-sum-exp", "logsumexp", "log sum exp", "log_sum_exp"),
        ("Cramér–Rao", "cramer rao"),
        ("slow convergence", "slowly convergence"),
    ],
    ids=lambda forms: forms[0],
)
def test_spellings_of_a_word_find_the_same(forms, searching):
    _, find = searching
    first = [found[:1] for found in find(*forms)]
    assert first == first[:1] * len(forms)


def test_words_that_only_look_alike_are_kept_apart(searching):
    _, find = searching
    normal, normalise, initial = find("normal ", "normalise ", "initial ")
    assert normal[0] != normalise[0]
    assert initial  # the book has it as a beginning only: initialise


def test_references_come_last_and_names_are_found(searching):
    _, find = searching
    for found in find("covariance", "sampling", "log-likelihood", "EM"):
        assert found[0].startswith(("book/0", "book/1"))
    assert find("two_sample_test")[0][0] == find("gmm.two_sample_test")[0][0]
    assert any("api" in place for place in find("MixtureRegressor")[0])
    assert find("", "?!", "the", "zzzzqqqq") == [[], [], [], []]


def test_the_index_is_small_and_has_each_section(site):
    text = (site / "_static" / "search" / "index.js").read_text(encoding="utf-8")
    assert len(text.encode()) < LIMIT
    index = json.loads(text.removeprefix("window.bookIndex="))
    assert set(index["pages"]) == {*chapters.pages()} - {"search", "genindex"}
    for name, entries in index["pages"].items():
        page = (site / f"{name}.html").read_text(encoding="utf-8")
        listed = {entry[0] for entry in entries} - {""}
        assert {*re.findall(r'<section id="([^"]+)">\s*(?:<span[^>]*></span>)*<h[23]', page)} <= listed
        assert listed <= {*re.findall(r'\bid="([^"]+)"', page)}
        assert not re.search(r"searchtools|language_data|searchindex|sphinx_highlight", page)
    assert not [*site.glob("searchindex.js"), *(site / "_static").glob("searchtools.js")]
    shown = " ".join(entry[5] for entries in index["pages"].values() for entry in entries)
    assert not re.search(r"\\[a-z]|\.pdf|Click to show", shown)


def test_solutions_are_not_in_the_index(site):
    text = (site / "_static" / "search" / "index.js").read_text(encoding="utf-8")
    page = check_site.soup(site / "book" / "04_responsibilities.html")
    solutions = [" ".join(paragraph.get_text().split()) for paragraph in page.select(".solution p")]
    told = [solution[:40] for solution in solutions if len(solution) > 60 and "\\" not in solution[:40]]
    assert len(told) > 3
    assert not [solution for solution in told if solution in text]


def test_a_link_to_the_search_shows_what_it_asks_for(searching):
    page, _ = searching
    page.wait_for_selector(FIRST)
    assert "13_singularities" in page.locator(FIRST).first.get_attribute("href")
    page.locator("main form.bd-search input").fill("overlapp")
    page.wait_for_function("location.search === '?q=overlapp'")
    assert "overlap" in page.locator(FIRST).first.locator("mark").first.inner_text().lower()


def test_the_dialog_answers_while_typing_and_obeys_keys(visit):
    page = visit(CHAPTER).page
    page.set_default_timeout(30_000)
    assert page.evaluate("!window.bookIndex")
    page.keyboard.press("Control+k")
    page.keyboard.type("slow convergence")
    options, field = page.locator("#pst-search-dialog [role=option]"), page.locator("#pst-search-dialog input")
    options.nth(8).wait_for()  # eight, and all
    assert [field.get_attribute(name) for name in ("role", "aria-expanded")] == ["combobox", "true"]
    assert field.get_attribute("aria-activedescendant") is None
    chosen = "document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))"
    for key, expected in (("ArrowDown", 0), ("ArrowDown", 1), ("ArrowUp", 0), ("ArrowUp", -1), ("ArrowUp", 8)):
        page.keyboard.press(key)
        at = page.evaluate(f"[...document.querySelectorAll('#pst-search-dialog [role=option]')].indexOf({chosen})")
        assert at == expected
        assert page.locator("#pst-search-dialog [aria-selected=true]").count() == (expected >= 0)
    page.keyboard.press("Escape")
    assert not page.evaluate("document.getElementById('pst-search-dialog').open")
    page.keyboard.press("Control+k")
    page.keyboard.type("overlap")
    page.keyboard.press("ArrowDown")
    target = options.first.get_attribute("href").removeprefix("../")
    with page.expect_navigation(url=f"**/{target}"):
        page.keyboard.press("Enter")
    page.keyboard.press("Control+k")
    page.keyboard.type("collapse")
    with page.expect_navigation(url="**/search.html?q=collapse*"):
        page.keyboard.press("Enter")


def test_the_search_works_from_disk(reader, site):
    page = reader.new_page()
    page.set_default_timeout(30_000)
    page.goto((site / CHAPTER).as_uri(), wait_until="domcontentloaded")
    page.get_by_role("button", name="Search").first.click()
    page.keyboard.type("missing values")
    first = page.locator("#pst-search-dialog [role=option]").first
    first.wait_for()
    assert "19_generating" in first.get_attribute("href")
    first.click()
    page.wait_for_url("**/19_generating.html*", wait_until="commit")
    page.close()


def test_without_javascript_the_search_says_where_else_to_look(running, site):
    context = running.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "search.html").as_uri())
    for name in ("genindex", "glossary", "index.html#a-map"):
        assert page.locator(f'main p a[href*="{name}"]').is_visible()
    assert not page.locator("main form.bd-search").is_visible()
    context.close()
