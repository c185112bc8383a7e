"""Reading times, prerequisites, the map of the book, and the links between chapters and reference."""

import re
import sys
from types import SimpleNamespace

import chapters
import check_site
import pytest
from bs4 import BeautifulSoup

sys.path.append(str(chapters.ROOT / "_ext"))
import orientation
import reading


def soup(site, name):
    return check_site.soup(site / f"{name}.html")


def card(page, term):
    """Return the text of an entry of a chapter's card."""
    entry = next(dt for dt in page.select(".at-a-glance dt") if dt.text.strip() == term)
    return entry.find_next_sibling("dd").get_text().strip()


class TestOfTheParts:
    def test_needs_that_follow_from_others_are_left_out(self):
        after = {"a": [], "b": ["a"], "c": ["a", "b"], "d": ["a"], "e": ["d", "b", "a"]}
        assert orientation.direct(after) == {"a": [], "b": ["a"], "c": ["b"], "d": ["a"], "e": ["d", "b"]}

    def test_map_draws_one_line_for_each_need(self):
        row = {"href": "#", "about": "", "minutes": (5, 0), "part": ""}
        rows = [{**row, "docname": name, "number": i, "title": f"<{name}>"} for i, name in enumerate("abc", 1)]
        page = BeautifulSoup(orientation.map_html(rows, {"a": [], "b": ["a"], "c": ["a", "b"]}), "html.parser")
        assert [path["class"] for path in page.select("path")] == [
            ["to-2", "from-1"],
            ["to-3", "from-1"],
            ["to-3", "from-2"],
        ]
        assert [li.select_one(".map-facts").text for li in page.select("li")] == [
            "5 min · needs no other chapter",
            "5 min · after 1",
            "5 min · after 1 and 2",
        ]
        assert page.select_one("li a").get_text() == "1 <a>"

    def test_chapters_to_come_stand_in_their_place_and_part_without_a_link(self):
        written = {
            "docname": "b",
            "number": "2",
            "title": "B",
            "href": "#",
            "about": "",
            "minutes": (5, 5),
            "part": "I",
        }
        planned = {"number": "10", "title": "C", "about": "more", "part": "II"}
        rows = orientation.in_order([written, planned, {**planned, "number": "9", "title": "<A>", "part": None}])
        page = BeautifulSoup(orientation.map_html(rows, {"b": []}), "html.parser")
        assert [" ".join(li.stripped_strings) for li in page.select("li")] == [
            "I 2 B 5 + 5 min · needs no other chapter",
            "9 <A> more to come",
            "II 10 C more to come",
        ]
        assert len(page.select("li a")) == 1

    def test_reading_time_counts_what_is_read_and_keeps_the_deeper_sections_apart(self):
        from nbformat.v4 import new_code_cell, new_markdown_cell

        words = "word " * 200
        card = ":::{admonition} At a glance\n" + words + "\n:::\n\n"
        cells = [
            new_markdown_cell("# Title\n\n" + card + words + "$x+y$"),
            new_code_cell("import x\n" * 30, metadata={"tags": ["hide-input"]}),
            new_code_cell("x = 1\n\n" * 30, metadata={"mystnb": {"figure": {"name": "fig-x"}}}),
            new_markdown_cell("$$ x $$ (eq-x)\n\n```{math}\n:label: y\ny\n```\n\n## Deeper: why\n\n" + words),
            new_markdown_cell("### A part of it\n\n" + words),
            new_markdown_cell(
                "## In practice\n\n{doc}`03_mixture_density` and {eq}`a <b>`\n\n## Exercises\n\n" + words
            ),
            new_code_cell("x = 1"),
        ]
        cells[-1:] = [
            new_markdown_cell("## More\n\n```{exercise-start}\n```\n\none two three"),
            new_code_cell("x = 1"),
            new_markdown_cell("four\n\n```{solution-end}\n```\n\nfive"),
        ]
        essential, deeper = reading.readings(cells)
        assert vars(essential) == {"words": 1 + 200 + 1 + 2 + 4 + 1 + 1, "equations": 2, "figures": 1, "lines": 30}
        assert vars(deeper) == {"words": 2 + 400 + 4, "equations": 0, "figures": 0, "lines": 0}
        assert essential.minutes == pytest.approx(210 / 200 + 2 / 4 + 1 / 3 + 30 / 30)

    def test_names_in_code_and_prose(self):
        from docutils import nodes
        from sphinx import addnodes

        code = nodes.literal_block("", "gmm.em(X)\nplot.scatter(X); gmm.datasets.load_iris()\nother.plot(1)")
        cell = nodes.container("", code, classes=["cell_input"])
        link = addnodes.pending_xref("", refdomain="py", reftype="func", reftarget="gmm.bic")
        found = orientation.names_used(nodes.section("", cell, link))
        assert found == {"gmm.em", "gmm.plot.scatter", "gmm.datasets.load_iris", "gmm.bic"}

    def test_a_card_without_prerequisites_is_reported(self, caplog):
        from docutils import nodes

        page = nodes.section("", nodes.paragraph("", "text"))
        transform = object.__new__(orientation.ReadTheChapter)
        transform.document = page
        notebook = str(chapters.notebooks()[0])
        page.settings = SimpleNamespace(env=SimpleNamespace(docname="book/01_test", doc2path=lambda name: notebook))
        with caplog.at_level("WARNING", logger="sphinx.orientation"):
            transform.apply()
        assert "Prerequisites" in caplog.text


@pytest.mark.slow
class TestOfTheBook:
    NOTEBOOKS = [path.stem for path in chapters.notebooks()]  # noqa: RUF012

    def test_each_chapter_says_how_long_it_takes(self, site):
        """The card, the map and a rough count of the words of the notebook agree."""
        rows = {a["href"]: a.find_parent("li") for a in soup(site, "book/index").select(".book-map a")}
        assert list(rows) == [f"{name}.html" for name in self.NOTEBOOKS]
        for name in self.NOTEBOOKS:
            minutes = orientation.minutes_of(chapters.BOOK / f"{name}.ipynb")
            told = card(soup(site, f"book/{name}"), "Reading time")
            assert told == orientation.in_words(minutes) + "; exercises apart"
            on_map = rows[f"{name}.html"].select_one(".map-facts").text
            assert re.match(r"[\d +]+", on_map)[0].strip() == " + ".join(str(m) for m in minutes if m), name

    def test_chapters_need_only_what_comes_before(self, site):
        for name in self.NOTEBOOKS:
            page = soup(site, f"book/{name}")
            terms = [dt.text.strip() for dt in page.select(".at-a-glance dt")]
            assert terms.index("Reading time") == terms.index("Prerequisites") + 1, name
            entry = next(dt for dt in page.select(".at-a-glance dt") if dt.text.strip() == "Prerequisites")
            needs = [a["href"].split(".")[0] for a in entry.find_next_sibling("dd").select("a.internal")]
            assert all(need < name for need in needs if need in self.NOTEBOOKS), name

    def test_map_lists_every_page_of_the_contents(self, site):
        hrefs = {a["href"] for a in soup(site, "book/index").select("article a.internal, article .book-map a")}
        for _, files in chapters.parts():
            for file in files:
                assert any(href.endswith(f"{file.rpartition('/')[2]}.html") for href in hrefs), file

    def test_each_chapter_ends_with_its_functions(self, site):
        from gmm.formulas import EQUATIONS

        for path in chapters.notebooks():
            box = soup(site, f"book/{path.stem}").select("article section .chapter-links")
            assert len(box) == 1, path.stem
            targets = {a["href"].partition("#")[2] for a in box[0].select('a[href^="api"]')}
            labels = {equation.label for equation in chapters.equations_of(chapters.markdown(path))}
            own = {f"gmm.{function.__name__}" for label, function in EQUATIONS.items() if label in labels}
            assert own <= targets, (path.stem, own - targets)

    def test_each_entry_of_the_reference_names_its_chapters(self, site):
        from gmm.formulas import EQUATIONS

        entry_of = "dl.py:is(.function, .class, .exception)"
        entries = [e for name in orientation.REFERENCE for e in soup(site, name).select(entry_of)]
        text = "".join(path.read_text(encoding="utf-8") for path in chapters.notebooks())
        labels = {}
        for label, function in EQUATIONS.items():
            labels.setdefault(f"gmm.{function.__name__}", set()).add(f"equation-{label}")
        seen = set()
        for entry in entries:
            name = entry.dt["id"]
            seen.add(name)
            links = [a["href"] for a in entry.select(":scope > dd > .api-chapters a")]
            named = any(re.match(r"\d\d_\w+\.html", href) for href in links)
            # What stands in the package alone, such as a plot of a whole mixture, has no chapter to name.
            assert named or not re.search(rf"\b{re.escape(name)}\b", text), name
            assert labels.get(name, set()) <= {href.partition("#")[2] for href in links}, name
        assert set(labels) <= seen
