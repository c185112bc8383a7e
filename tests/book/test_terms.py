"""The glossary, the links to it from the chapters, and the index."""

import re
import sys

import chapters
import check_site
import pytest
from bs4 import BeautifulSoup, NavigableString

sys.path.append(str(chapters.ROOT / "_ext"))
import terms
from terms import Finder, Term

GLOSSARY = terms.read_glossary((chapters.BOOK / "glossary.md").read_text(encoding="utf-8"))
NOTEBOOKS = [path.stem for path in chapters.notebooks()]


def find(text, *known):
    return [(text[a:b], name) for a, b, name in Finder(list(known)).find(text)]


class TestReadingTheGlossary:
    def test_terms_with_their_forms(self):
        text = "```{glossary}\n:sorted:\n\n.. also: b, c d\n.. not: e\na\n  Text.\n  More.\n\nf g\n  Text.\n```\n"
        assert terms.read_glossary(text) == [Term("a", ("b", "c d"), ("e",)), Term("f g")]

    def test_each_term_is_defined_once(self):
        forms = [form.lower() for term in GLOSSARY for form in {*terms.forms(term)}]
        assert sorted({form for form in forms if forms.count(form) > 1}) == []
        assert len(GLOSSARY) > 50

    def test_terms_stand_in_alphabetical_order(self):
        names = [re.sub(r"[^a-z+]", "", term.name.lower()) for term in GLOSSARY]
        assert names == sorted(names)


class TestFindingTerms:
    def test_forms_and_the_start_of_a_sentence(self):
        weight = Term("weight", ("mixing weight",))
        assert find("Weights and a mixing weight.", weight) == [("Weights", "weight"), ("mixing weight", "weight")]

    def test_the_longest_term_wins(self):
        known = Term("likelihood"), Term("maximum likelihood"), Term("log-likelihood")
        assert find("maximum likelihood, log-likelihood, likelihood", *known) == [
            ("maximum likelihood", "maximum likelihood"),
            ("log-likelihood", "log-likelihood"),
            ("likelihood", "likelihood"),
        ]

    def test_no_part_of_a_word_or_compound(self):
        known = Term("singular"), Term("k-means"), Term("k-means++"), Term("mode")
        assert find("non-singular singularly modest k-means-like", *known) == []
        assert find("k-means++ and k-means.", *known) == [("k-means++", "k-means++"), ("k-means", "k-means")]

    def test_acronyms_keep_their_case_and_apostrophes_may_curl(self):
        assert find("a map by MAP", Term("MAP")) == [("MAP", "MAP")]
        assert find("Bayes’ rule, Bayes' rule", Term("Bayes' rule")) == [
            ("Bayes’ rule", "Bayes' rule"),
            ("Bayes' rule", "Bayes' rule"),
        ]

    def test_words_that_mean_something_else(self):
        assert find(
            "scatter plot, scatter, ridges", Term("scatter", (), ("scatter plot",)), Term("ridge", (), ("ridges",))
        ) == [("scatter", "scatter")]


class TestLinking:
    def page(self, *parts):
        from docutils import nodes

        return nodes.section("", *parts)

    def test_links_the_first_use_only_and_leaves_what_is_no_prose(self):
        from docutils import nodes
        from sphinx import addnodes

        page = self.page(
            nodes.title("", "The weight"),
            nodes.paragraph("", "", nodes.literal("", "weight"), nodes.math("", "weight")),
            nodes.admonition("", nodes.title("", "weight"), nodes.paragraph("", "weight"), classes=["at-a-glance"]),
            nodes.paragraph("", "", nodes.Text("a "), nodes.emphasis("", "weight"), nodes.Text(" and a weight")),
        )
        assert terms.link_first_uses(page, Finder([Term("weight")])) == ["weight"]
        links = list(page.findall(addnodes.pending_xref))
        assert [(link["reftype"], link["reftarget"], link.astext()) for link in links] == [("term", "weight", "weight")]
        assert isinstance(links[0].parent.parent, nodes.emphasis)
        assert page[-1].astext() == "a weight and a weight"
        (index,) = page.findall(addnodes.index)
        assert index["entries"] == [("single", "weight", "use-weight", "", None)]
        assert links[0].parent["ids"] == ["use-weight"]

    def test_finds_a_term_over_the_end_of_a_line(self):
        from docutils import nodes

        lines = nodes.Text("free"), nodes.Text("\n"), nodes.Text("parameters and free"), nodes.Text("\n")
        page = self.page(nodes.paragraph("", "", *lines, nodes.emphasis("", "parameters")))
        assert terms.link_first_uses(page, Finder([Term("free parameter")])) == ["free parameter"]
        assert page.astext() == "free\nparameters and free\nparameters"

    def test_data_sets_stand_in_the_index(self):
        from docutils import nodes
        from sphinx import addnodes

        def cell(code):
            return nodes.container("", nodes.literal_block("", code), classes=["cell"])

        page = self.page(cell("load_old_faithful()"), cell("load_wine(); load_old_faithful()"))
        assert terms.index_the_data(page) == ["Old Faithful", "wines"]
        assert [type(node).__name__ for node in page] == [
            "index",
            "target",
            "container",
            "index",
            "target",
            "container",
        ]
        assert [i["entries"][0][1] for i in page.findall(addnodes.index)] == ["Old Faithful", "wines"]


# ------------------------------------------------------------------------------------- the built pages

NOT_PROSE = """script, h1, h2, h3, h4, pre, code, .math, table, figcaption, .at-a-glance, .admonition-title, .cell,
.chapter-links"""


def prose(article):
    """Yield (text, whether it is a link to the glossary, its target) for the running text of a page."""
    skipped = {id(node) for block in article.select(NOT_PROSE) for node in block.descendants}
    for node in article.descendants:
        if not isinstance(node, NavigableString) or id(node) in skipped:
            continue
        link = node.find_parent("a")
        if link is None:
            yield str(node), None
        elif "glossary.html#" in link.get("href", ""):
            yield str(node), link["href"].partition("#")[2]


def unlinked_first_uses(article, finder, anchors):
    """List the terms whose first use in the running text is not a link to their definition."""
    seen, faults = set(), []
    for text, target in prose(article):
        if target is not None:
            seen.add(target)
            continue
        for _, _, name in finder.find(text):
            if anchors[name] not in seen:
                seen.add(anchors[name])
                faults.append(name)
    return faults


@pytest.fixture(scope="module")
def soup(site):
    def read(name):
        return check_site.soup(site / f"{name}.html")

    return read


@pytest.fixture(scope="module")
def anchors(soup):
    return {dt.get_text().rstrip("#").strip(): dt["id"] for dt in soup("book/glossary").select("dl.glossary dt")}


@pytest.mark.slow
class TestOfTheBook:
    def test_glossary_page_holds_each_term_with_a_link(self, soup, anchors):
        assert set(anchors) == {term.name.replace("'", "’") for term in GLOSSARY}
        for dt in soup("book/glossary").select("dl.glossary dt"):
            definition = dt.find_next_sibling("dd")
            assert len(definition.get_text().split()) >= 6, dt.text
            assert definition.select('a[href*=".html"]'), dt.text

    def test_each_chapter_links_the_first_use_of_each_term(self, soup, anchors):
        finder = Finder(GLOSSARY)
        by_name = {term.name: anchors[term.name.replace("'", "’")] for term in GLOSSARY}
        for name in NOTEBOOKS:
            article = soup(f"book/{name}").select_one("article")
            assert unlinked_first_uses(article, finder, by_name) == [], name
            links = [a["href"] for a in article.select('a[href*="glossary.html#"]')]
            assert len(links) >= 10, name
            assert sorted({link for link in links if links.count(link) > 1}) == [], name

    def test_an_unlinked_first_use_is_found(self):
        page = BeautifulSoup(
            '<article><h2>weight</h2><p>a weight, <a href="glossary.html#w">weight</a></p></article>', "html.parser"
        )
        assert unlinked_first_uses(page, Finder([Term("weight")]), {"weight": "w"}) == ["weight"]
        page = BeautifulSoup(
            '<article><h2>weight</h2><p>a <a href="glossary.html#w">weight</a>, weight</p></article>', "html.parser"
        )
        assert unlinked_first_uses(page, Finder([Term("weight")]), {"weight": "w"}) == []

    def test_each_term_is_used_by_some_chapter(self, soup, anchors):
        used = set()
        for name in NOTEBOOKS:
            links = soup(f"book/{name}").select('article a[href*="glossary.html#"]')
            used |= {link["href"].partition("#")[2] for link in links}
        assert sorted(name for name, anchor in anchors.items() if anchor not in used) == []

    def test_index_lists_terms_names_and_data_with_their_chapters(self, soup, anchors):
        page = soup("genindex")
        entries = {li.get_text().partition("·")[0].strip(): li for li in page.select(".index-entries > li")}
        uses = {}
        for name in NOTEBOOKS:
            number = int(name[:2])
            for use in soup(f"book/{name}").select('span[id^="use-"]:has(> a)'):
                uses.setdefault(use.a["href"].partition("#")[2], []).append(str(number))
        for name, anchor in anchors.items():
            links = entries[name].select("a")
            assert links[0]["href"] == f"book/glossary.html#{anchor}", name
            assert [link.text for link in links[1:]] == uses[anchor], name
        assert entries["em() (in module gmm)"].a["href"] == "book/api_formulas.html#gmm.em"
        assert len(entries["Old Faithful"].select("a")) >= 5

    def test_index_names_modules_and_functions_as_users_import_them(self, soup):
        entries = [li.get_text().strip() for li in soup("genindex").select(".index-entries li")]
        assert len(set(entries)) == len(entries)
        assert [entry for entry in entries if re.search(r"\._[a-z]|^\(|^module", entry)] == []
        assert {"gmm.estimators (module)", "aic() (in module gmm)", "CollapsedComponentError"} <= set(entries)
        assert soup("book/api").find(id="gmm.CollapsedComponentError")
        assert not soup("book/api").find(id=re.compile(r"\._[a-z]"))

    def test_bibliography_is_labelled_as_the_text_cites(self, soup):
        labels = {label.get_text()[1:-1] for label in soup("book/references").select(".citation > .label")}
        cited = {
            link.get_text()
            for name in NOTEBOOKS
            for link in soup(f"book/{name}").select('a[href*="references.html#"]')
            if "," in link.get_text()
        }
        assert "Dempster et al., 1977" in labels
        assert cited
        assert cited <= labels

    def test_index_is_in_the_contents_of_every_page(self, soup):
        for name in ("book/index", f"book/{NOTEBOOKS[0]}"):
            assert soup(name).select('nav a[href$="genindex.html"]'), name
            assert soup(name).select('nav a[href$="glossary.html"]'), name
