"""The book as a PDF: what is put together, and what comes out of the printer."""

import itertools
import re
import shutil
import subprocess
import sys
import unicodedata

import chapters
import pdf
import pikepdf
import pypdf
import pytest
import screenshot
from bs4 import BeautifulSoup

sys.path.append(str(chapters.ROOT / "_ext"))

import printed

# A part of the book that has everything: wide tables and equations, code, figures, one that moves, exercises.
TOC = [("Before you start", ["book/notation"]), ("The model", ["book/04_responsibilities"])]
MARGIN = 20 / 25.4 * 72


def article(body):
    return BeautifulSoup(f"<article>{body}</article>", "html.parser").article


class TestOfTheParts:
    def test_ids_get_the_page_and_links_follow(self):
        page = article(
            '<p id="a"></p><a href="#a">1</a><a href="02_b.html#c">2</a><a href="../x.html">3</a>'
            '<a href="https://example.org">4</a><a href="../other.html#z">5</a>'
        )
        pdf.relabel(page, "book/01_a", ["book/01_a", "book/02_b", "x"])
        assert page.p["id"] == "01-a--a"
        assert [a["href"] for a in page.select("a")] == ["#01-a--a", "#02-b--c", "#x", "https://example.org"]
        assert page.span.text == "5"

    def test_solutions_leave_a_link_and_hints_stay(self):
        page = article(
            '<div class="exercise">E</div><div class="hint">1</div><div class="solution" id="sol-a">S</div><p>text</p>'
            '<div class="solution" id="sol-b">T</div>'
        )
        assert [node.get_text() for node in pdf.take_solutions(page)] == ["S", "T"]
        assert page.get_text() == "E1SolutiontextSolution"
        assert [a["href"] for a in page.select(".to-solution a")] == ["#sol-a", "#sol-b"]

    def test_headings_become_deeper(self):
        page = article("<h1>a</h1><h2>b</h2><h6>c</h6>")
        pdf.deepen(page)
        assert [node.name for node in page.find_all(True)] == ["h2", "h3", "h6"]

    def test_home_page_is_given_one_link(self, tmp_path):
        (tmp_path / "book").mkdir()
        home = tmp_path / "book" / "index.html"
        home.write_text(f"<p>a</p>{pdf.MARKER}<p>b</p>", encoding="utf-8")
        for size in (2_000_000, 3_000_000):
            (tmp_path / pdf.NAME).write_bytes(b"x" * size)
            assert pdf.link_from_home(tmp_path)
        text = home.read_text(encoding="utf-8")
        assert text.count(f'href="../{pdf.NAME}"') == 1
        assert "3.0 MB" in text
        assert text.endswith("</p><p>b</p>")

    def test_next_build_removes_the_pdf_of_the_last(self, tmp_path):
        class App:
            class builder:
                name = "html"

            outdir = tmp_path

        (tmp_path / pdf.NAME).write_bytes(b"%PDF")
        printed.remove_old_pdf(App)
        printed.remove_old_pdf(App)
        assert not (tmp_path / pdf.NAME).exists()
        assert printed.NAME == pdf.NAME

    @pytest.mark.skipif(shutil.which("git") is None, reason="no git on this computer")
    def test_day_of_the_last_commit(self, tmp_path, monkeypatch):
        assert pdf.committed(tmp_path) is None
        for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
            monkeypatch.setenv(f"{name}_DATE", "2031-03-05T12:00:00Z")
            monkeypatch.setenv(f"{name}_NAME", "a")
            monkeypatch.setenv(f"{name}_EMAIL", "a@b.c")
        for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "a"]):
            subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
        assert pdf.committed(tmp_path) == "5 March 2031"

    def test_says_what_is_missing(self, tmp_path, monkeypatch):
        with pytest.raises(SystemExit, match="run make book first"):
            pdf.main([str(tmp_path)])
        (tmp_path / "index.html").write_text("", encoding="utf-8")
        monkeypatch.setattr(pdf, "chromium", lambda: None)
        with pytest.raises(SystemExit, match="CHROMIUM=") as error:
            pdf.main([str(tmp_path)])
        assert "none was found" in str(error.value)


class TestOfTheOutline:
    """Chromium draws its titles together from what it painted; the book names them."""

    @pytest.fixture
    def document(self):
        with pikepdf.new() as document:
            document.add_blank_page()
            document.add_blank_page()
            with document.open_outline() as outline:
                outline.root.append(pikepdf.OutlineItem("TitleTitle", 0))
                outline.root[0].children.append(pikepdf.OutlineItem("4.4. A sum offloat64", 1))
                outline.root.append(pikepdf.OutlineItem("Ende", 0))
            yield document

    def test_entries_get_the_words_of_the_headings_and_keep_their_places(self, document):
        html = "<body><h1>Title</h1><h2>4. A sum\n of <code>float64</code></h2><h1>End</h1></body>"
        headings = pdf.headings(BeautifulSoup(html, "html.parser"))
        with document.open_outline() as outline:
            places = [outline.root[0].destination, outline.root[0].children[0].destination]
        assert pdf.name_outline(document, headings) == []
        with document.open_outline() as outline:
            title, end = outline.root
            (sum_,) = title.children
            assert [item.title for item in (title, sum_, end)] == ["Title", "4. A sum of float64", "End"]
            assert [title.destination, sum_.destination] == places

    @pytest.mark.parametrize("levels", [[1, 2], [1, 1, 1], [1, 2, 2], []])
    def test_another_outline_than_that_of_the_headings_is_a_problem(self, document, levels):
        (problem,) = pdf.name_outline(document, [(level, "x") for level in levels])
        assert problem.startswith(f"the outline has 3 entries for {len(levels)} headings")
        with document.open_outline() as outline:
            assert outline.root[0].title == "TitleTitle"


@pytest.mark.slow
def test_high_letters_at_the_top_of_a_page_stay_on_it(running, tmp_path):
    """Those of Noto Sans ask for a line of 1.36; what reaches into the page before is printed on both."""
    style = (chapters.ROOT / "tools" / "print.css").read_text(encoding="utf-8")
    style += ":is(h2, h3) { font-family: text !important }"
    part = "<div class='page'><section><h2>Heading {}</h2><h3>Below</h3><p>x</p></section></div>"
    page = running.new_page()
    page.set_default_timeout(screenshot.PATIENCE)
    page.set_content(f"<html lang='en'><style>{style}</style>{part.format('a')}{part.format('b')}")
    page.evaluate(screenshot.FONTS, [screenshot.dejavu(), {"ascentOverride": "107%", "descentOverride": "29%"}])
    page.pdf(path=tmp_path / "a.pdf", prefer_css_page_size=True, tagged=True, outline=True)
    page.close()
    outline = pypdf.PdfReader(tmp_path / "a.pdf").outline
    assert [title for _, title in _flat(outline)] == ["Heading a", "Below", "Heading b", "Below"]


@pytest.mark.slow
def test_what_is_too_wide_is_made_smaller(running):
    page = running.new_page(viewport={"width": pdf.WIDTH, "height": 800})
    page.set_default_timeout(screenshot.PATIENCE)
    style = "display: inline-block; height: 1em"
    display = "<style>.katex-display { display: block; overflow: hidden; white-space: nowrap }</style>"
    page.set_content(
        f"<body style='margin: 0; width: {pdf.WIDTH}px'>{display}"
        f"<span class='katex-display'><span class='katex'><b style='{style}; width: 60em'></b></span></span>"
        f"<span class='katex-display'><span class='katex'><b style='{style}; width: 6em'></b></span></span>"
        f"<table><tr><td style='white-space: nowrap'>{'word ' * 200}</td></tr></table></body>"
    )
    assert page.evaluate(pdf.FIT) == []
    wide, narrow = page.evaluate("[...document.querySelectorAll('b')].map(e => e.getBoundingClientRect().width)")
    assert pdf.WIDTH * 0.97 < wide <= pdf.WIDTH
    assert narrow == 96
    assert page.evaluate("document.querySelector('table').getBoundingClientRect().width") <= pdf.WIDTH
    page.set_content(f"<body style='margin: 0; width: {pdf.WIDTH}px'><p style='width: 900px'>stubborn</p></body>")
    assert page.evaluate(pdf.FIT) == ["p.: stubborn"]
    page.close()


@pytest.fixture(scope="module")
def book(site):
    """Return the whole book, put together."""
    return pdf.assemble(site)


@pytest.fixture(scope="module")
def part(site):
    """Return a part of the book, put together."""
    return pdf.assemble(site, TOC)


@pytest.fixture(scope="module")
def reader(site, running, tmp_path_factory):
    """Print the part, and open the PDF."""
    target = tmp_path_factory.mktemp("pdf") / "pdf" / "book.pdf"
    assert pdf.print_pdf(site, target, TOC, running) == []
    assert target.stat().st_size < 2e6
    return pypdf.PdfReader(target)


@pytest.fixture(scope="module")
def texts(reader):
    """Read the text of each page, and where its pieces begin from the left: a list of pairs."""
    found = []
    for page in reader.pages:
        places = []

        def note(text, cm, tm, font, size, places=places):
            if text.strip():
                places.append(tm[4] * cm[0] + tm[5] * cm[2] + cm[4])

        # Some fonts write fi with one letter.
        found.append((unicodedata.normalize("NFKC", page.extract_text(visitor_text=note)), places))
    return found


@pytest.fixture(scope="module")
def tags(reader):
    """List (kind, alternative text, whether there is content below) of all tags in order."""
    found = []

    def walk(node):
        node = node.get_object()
        if isinstance(node, list):
            return any([walk(child) for child in node])
        if not hasattr(node, "get"):
            return True
        place = len(found)
        found.append(None)
        filled = "/MCID" in node or ("/K" in node and walk(node["/K"]))
        found[place] = (node.get("/S"), node.get("/Alt", ""), filled)
        return filled

    walk(reader.root_object["/StructTreeRoot"])
    return [tag for tag in found if tag[0]]


@pytest.mark.slow
class TestOfTheWholeBook:
    def test_home_page_has_a_place_for_the_link_and_no_broken_one(self, site):
        text = (site / "book" / "index.html").read_text(encoding="utf-8")
        assert text.count(pdf.MARKER) == 1
        assert pdf.NAME not in text
        assert not (site / pdf.NAME).exists()

    def test_pages_stand_in_order_and_links_lead_somewhere(self, book, site):
        named = [pdf.slug(file) for _, files in chapters.parts() for file in files]
        assert [node["id"] for node in book.select(".page")] == ["index", *named, "solutions"]
        ids = [node["id"] for node in book.select("[id]")]
        assert len(ids) == len(set(ids))
        assert pdf.dangling(book) == []
        assert all((site / image["src"]).exists() and image["alt"] for image in book.select("img"))
        assert [node for node in book.select("details, .tab-label, script[src]") if not node.get("src")] == []
        assert all(section.h2.get_text()[0].isdigit() for section in book.select("#solutions > section"))

    def test_solutions_stand_at_the_end_and_are_linked_both_ways(self, book):
        text = " ".join(chapters.markdown(path) for path in chapters.notebooks())
        labels = re.findall(r"\{solution(?:-start)?\} +(\S+)", text)
        solutions = book.select("#solutions .solution")
        assert len(solutions) == len(book.select(".solution")) == len(labels) > 90
        chapter_of = {node["id"]: node.find_parent(class_="page") for node in book.select(".exercise")}
        links = {(a.find_parent(class_="page")["id"], a["href"]) for a in book.select(".to-solution a")}
        for solution, label in zip(solutions, labels, strict=True):
            exercise = solution.select_one("h3 a.to-exercise")["href"].removeprefix("#")
            assert exercise.endswith(f"--{label}")
            chapter = chapter_of[exercise]["id"]
            assert chapter == exercise.partition("--")[0]
            assert (chapter, f"#{solution['id']}") in links

    def test_no_heading_skips_a_level(self, book):
        levels = [int(node.name[1]) for node in book.find_all(re.compile("^h[1-6]$"))]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))

    def test_contents_name_parts_chapters_and_sections(self, book):
        entries = [(link.parent["class"][0], link.get_text()) for link in book.select(".contents a")]
        for caption, _ in chapters.parts():
            assert ("of-part", caption) in entries
        for path in chapters.notebooks():
            number = f"{int(path.name[:2])}. "
            title = next(text for level, text in entries if level == "of-2" and text.startswith(number))
            assert title.removeprefix(number) == chapters.title(path)
        assert sum(level == "of-3" for level, _ in entries) > 150


def _flat(outline, depth=0):
    for item in outline:
        if isinstance(item, list):
            yield from _flat(item, depth + 1)
        else:
            yield depth, item.title


@pytest.mark.slow
class TestOfAPrintedPart:
    def test_is_tagged_in_a_language_and_titled(self, reader):
        root = reader.root_object
        assert bool(root["/MarkInfo"]["/Marked"])
        assert root["/Lang"] == "en-GB"
        assert reader.metadata.title == "Gaussian mixtures from first principles"
        assert bool(root["/ViewerPreferences"]["/DisplayDocTitle"])

    def test_opens_on_a_title_page_and_then_the_contents(self, reader, texts):
        words = " ".join(texts[0][0].split())
        for part in ("Gaussian mixtures from first principles", "Every formula derived", "By the", "CC BY 4.0"):
            assert part in words
        assert f"Version {pdf.citation()['version']}" in words
        assert (pdf.committed() or "Version") in words
        assert len(reader.pages[0].images) == 1
        assert "Contents" in texts[1][0]

    def test_outline_is_the_headings(self, reader, part):
        entries = list(_flat(reader.outline))
        headings = [h.get_text().strip() for h in part.find_all(re.compile("^h[1-6]$"))]
        assert [" ".join(title.split()) for _, title in entries] == [" ".join(text.split()) for text in headings]
        assert {(0, "The model"), (1, "4. Responsibilities"), (0, "Solutions")} <= set(entries)

    def test_figures_have_the_texts_of_the_book(self, tags, part):
        texts = {text for kind, text, _ in tags if kind == "/Figure"}
        for image in part.select(".page img"):
            assert " ".join(image["alt"].split()) in {" ".join(text.split()) for text in texts}
        assert "" not in texts

    def test_formulas_are_text_with_words(self, tags, texts, part):
        formulas = [(words, filled) for kind, words, filled in tags if kind == "/Formula"]
        assert len(formulas) == len(part.select(".math")) > 200
        assert all(words and filled for words, filled in formulas)
        said = [words for words, _ in formulas]
        assert "r sub i k" in said
        assert "bold Sigma sub k" in said
        assert not [words for words in said if re.search(r"\\|tack|merror|\u2061", words)]
        text = "".join("".join(text for text, _ in texts).split())
        assert "logN(x" in text
        assert "Fig.4.1" in text

    def test_tags_lead_to_content_and_back(self, reader):
        """Each piece of marked content belongs to the tag that lists it."""
        numbers = reader.root_object["/StructTreeRoot"]["/ParentTree"]
        table, stack = {}, [numbers]
        while stack:
            node = stack.pop().get_object()
            stack += node.get("/Kids", [])
            entries = node.get("/Nums", [])
            table.update(zip(entries[::2], [entry.get_object() for entry in entries[1::2]], strict=True))
        checked = 0
        for page in reader.pages:
            here = page.indirect_reference.idnum
            for number, tag in enumerate(table[page["/StructParents"]]):
                if not (tag := tag.get_object()):
                    continue
                assert tag["/S"] != "/NonStruct"
                own = []
                for kid in (kid.get_object() for kid in tag["/K"]):
                    if isinstance(kid, int):
                        own += [kid] if tag.raw_get("/Pg").idnum == here else []
                    elif kid.get("/Type") == "/MCR" and kid.raw_get("/Pg").idnum == here:
                        own.append(kid["/MCID"])
                assert number in own
                checked += 1
        assert checked > 2000

    def test_nothing_stands_beyond_the_margins(self, reader, texts):
        """Where text begins; what KaTeX sets in one run is a letter or two."""
        width = float(reader.pages[0].mediabox.width)
        for _, places in texts:
            assert places
            assert min(places) > MARGIN - 12
            assert max(places) < width - MARGIN

    def test_pages_are_numbered_and_the_contents_say_where(self, texts):
        texts = [text for text, _ in texts]
        assert 15 < len(texts) < 60
        contents = next(text for text in texts if "Contents" in text)
        number = int(re.search(r"4\. Responsibilities\s*(\d+)", contents)[1])
        assert "The geyser Old Faithful has two habits" in texts[number - 1]
        assert re.search(rf"^{number}\b", texts[number - 1])
        assert texts[number].split()[0] == str(number + 1)

    def test_links_lead_to_the_solution_and_back(self, reader, texts):
        places = {name: reader.get_destination_page_number(to) for name, to in reader.named_destinations.items()}
        first = places["/solutions"]
        links = [
            (number, annotation.get_object()["/Dest"])
            for number, page in enumerate(reader.pages)
            for annotation in page.get("/Annots", [])
            if "/Dest" in annotation.get_object()
        ]
        assert {to for _, to in links} <= set(places)
        to_solutions = {to for page, to in links if page < first and "--sol-" in to}
        to_exercises = {to for page, to in links if page >= first and "--ex-" in to}
        assert len(to_solutions) == len(to_exercises) == 8
        assert all(places[to] >= first for to in to_solutions)
        assert all(places[to] < first for to in to_exercises)
        text = "".join(text for text, _ in texts[:first])
        assert f"Solution, page {first + 1}" in text
