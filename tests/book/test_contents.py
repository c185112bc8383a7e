"""Short titles in the contents of a page, chapters read, the way back, and solved exercises."""

import sys

import chapters
import check_site
import pytest
from bs4 import BeautifulSoup

sys.path.append(str(chapters.ROOT / "_ext"))
import contents

LONGEST = 26
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
