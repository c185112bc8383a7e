"""Short titles in the contents of a page, chapters read, the way back, and solved exercises."""

import sys

import chapters
import check_site
import pytest
import screenshot
from bs4 import BeautifulSoup

sys.path.append(str(chapters.ROOT / "_ext"))
import contents

LONGEST = 26
HERE = "JSON.parse(localStorage.getItem('gmm-reading')).last.id === 'when-to-stop-the-parameters'"
WRITE = "text => ['gmm-reading', 'gmm-exercises'].forEach(key => localStorage.setItem(key, text))"
# Scrolls through a chapter, a step for each of its sections.
THROUGH = """async () => {
  const step = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  for (const e of document.querySelectorAll("article section > h2, .reading-mark")) {
    e.scrollIntoView();
    await step();
    await step();
  }
}"""
SHORT = contents.short_titles(chapters.ROOT)


def listed(*titles):
    items = "".join(f'<li class="toc-h2"><a href="#x">{title}</a></li>' for title in titles)
    page = BeautifulSoup(f"<ul>{items}</ul>", "html.parser")
    contents.shorten(page, {"A long way to say it": "Briefly"})
    return page.select("a")


class TestOfTheParts:
    def test_number_within_the_chapter_and_short_titles(self):
        links = listed("7.3. A title", "7.12. A long way to say it", "7.4. Deeper: why 1.5. holds", "No number 7.1.")
        assert [link.text for link in links] == ["3 A title", "12 Briefly", "4 Why 1.5. holds", "No number 7.1."]
        assert [link.get("title") for link in links] == [None, "A long way to say it", None, None]
        assert [link.get("class") for link in links] == [None, None, ["deeper"], None]

    def test_a_deeper_section_has_its_short_title(self):
        (link,) = listed("2.1. Deeper: a long way to say it")
        assert (link.text, link["title"], link["class"]) == ("1 Briefly", "Deeper: a long way to say it", ["deeper"])

    def test_short_titles_are_shorter(self):
        assert all(len(short) <= LONGEST < len(title) for title, short in SHORT.items())


@pytest.mark.slow
class TestOfTheBook:
    def test_each_long_heading_has_a_short_title_and_each_short_title_a_heading(self, site):
        headings = set()
        for path in chapters.notebooks():
            page = check_site.soup(site / "book" / f"{path.stem}.html")
            own = []
            for heading in page.select("article section > h2"):
                number, link = heading.find(class_="section-number"), heading.find(class_="headerlink")
                title = heading.get_text().removeprefix(number.text).removesuffix(link.text)
                deeper = title.removeprefix("Deeper: ")
                own.append(title if deeper == title else deeper[0].upper() + deeper[1:])
            links = page.select("#pst-page-toc-nav li.toc-h2 > a")
            assert [link.text for link in links] == [f"{i} {SHORT.get(t, t)}" for i, t in enumerate(own, 1)]
            headings |= set(own)
        assert sorted(title for title in headings if len(title) > LONGEST and title not in SHORT) == []
        assert sorted(set(SHORT) - headings) == []

    def test_what_a_browser_remembers(self, running, address):
        """Read one chapter, mark another by hand, come back to the first page, go on from there, and forget it all."""
        context = running.new_context()
        opened = []

        def visit(name, **settings):
            opened.append(screenshot.Visit(context, f"{address}/book/{name}.html", **settings))
            return opened[-1]

        def read(page):
            return page.locator(".bd-links li.read > a").evaluate_all("all => all.map(a => a.pathname.slice(6, 8))")

        def kept(page):
            return page.evaluate("JSON.parse(localStorage.getItem('gmm-reading'))")

        try:
            first = visit("08_convergence")
            page = first.page
            assert kept(page) is None or "last" not in kept(page)
            button = page.locator(".reading-mark button")
            button.scroll_into_view_if_needed()  # a look at the end
            page.wait_for_function("JSON.parse(localStorage.getItem('gmm-reading'))?.last")
            assert button.get_attribute("aria-pressed") == "false"
            assert read(page) == []
            page.evaluate(THROUGH)
            page.wait_for_selector(".bd-links li.read")
            assert read(page) == ["08"]
            assert button.get_attribute("aria-pressed") == "true"
            page.locator("#when-to-stop-the-parameters").evaluate("e => e.scrollIntoView()")
            page.wait_for_function(HERE)
            button.click()  # takes the mark away, for good
            page.evaluate(THROUGH)
            assert read(page) == []
            button.click()
            page.locator("#when-to-stop-the-parameters").evaluate("e => e.scrollIntoView()")
            page.wait_for_function(HERE)
            labels = page.locator("div.exercise").evaluate_all("all => all.map(e => e.id)")
            solved = {labels[0]: "solved", labels[1]: "tried", labels[2]: "solved", "ex-of-no-chapter": "solved"}
            page.evaluate("solved => localStorage.setItem('gmm-exercises', JSON.stringify(solved))", solved)

            landing = visit("index", width=390)
            page = landing.page
            line = page.locator(".resume")
            assert "When to stop: the parameters" in line.inner_text()
            assert "1 chapter read" in line.inner_text()
            assert read(page) == ["08"]
            assert page.locator(".book-map li.read").count() == 1
            page.wait_for_selector("[data-solved]", state="attached")
            counts = page.locator(".bd-links [data-solved]").evaluate_all("all => all.map(a => a.dataset.solved)")
            assert counts == [f"2/{len(labels)}"]
            assert landing.vitals()["cls"] < 0.01
            assert landing.problems() == []
            line.locator("a").click()
            page.wait_for_url("**/08_convergence.html#when-to-stop-the-parameters")
            page.go_back()
            page.locator(".resume button").click()
            assert kept(page) is None
            assert read(page) == []
            assert not line.is_visible()
            # What no script of the book wrote does no harm.
            page.evaluate(WRITE, '{"done": 5, "seen": null, "last": {"name": "x:y"}}')
            page.reload()
            assert line.locator("a").count() == 0
            page.goto(f"{address}/book/licence.html")
            for text in ("{", "null", "[]"):
                page.evaluate(WRITE, text)
                page.reload()
            assert [line for one in opened for line in one.messages] == []
        finally:
            context.close()
