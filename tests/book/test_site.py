"""The built book: no warning, no broken link, search, exercises and buttons that work."""

import re

import chapters
import check_site
import colab
import exercise_texts
import nbformat
import plain
import pytest
import screenshot

pytestmark = pytest.mark.slow

PHONE = 390
# Kilobytes of a page without what all pages share.
# Formulas come set: half of a page. The reference of the package is the heaviest.
WEIGHT, HEAVIEST = 600, 1450
PAGES = chapters.pages()
# The playground last: tests below take chapters by their place.
NAMES = sorted(PAGES[1:-1], key="book/playground".__eq__)


def test_builds_without_a_warning(build):
    status, log, _ = build
    assert [line for line in log.splitlines() if "WARNING" in line or "ERROR" in line] == []
    assert status == 0, log[-2000:]


def test_every_page_is_built(site):
    missing = [name for name in PAGES if not (site / f"{name}.html").exists()]
    assert missing == []
    assert 'url=book/index.html"' in (site / "index.html").read_text(encoding="utf-8")


def test_links_anchors_and_assets(site):
    assert check_site.problems(site) == []


def test_every_notebook_can_be_downloaded(site, repository):
    for path in chapters.notebooks():
        given = nbformat.read(site / "_sources" / "book" / path.name, as_version=4)
        assert given == colab.with_install_cell(
            plain.plain(chapters.read(path)), f"https://github.com/{repository}", "main"
        )


def test_equations_are_numbered_by_chapter(site):
    for path in chapters.notebooks():
        html = (site / "book" / f"{path.stem}.html").read_text(encoding="utf-8")
        for equation in chapters.equations_of(chapters.markdown(path)):
            assert f'id="equation-{equation.label}"' in html, equation.label
        number = int(path.name[:2])
        assert f'<span class="section-number">{number}. </span>' in html


@pytest.mark.parametrize("name", ["book/index", *NAMES[2:4]])
def test_page_opened_from_the_file_system(name, site, running):
    visit = screenshot.Visit(running, (site / f"{name}.html").as_uri())
    try:
        assert visit.problems() == []
    finally:
        visit.close()


def test_weight_of_the_pages(site):
    weights = {name: check_site.weight(site / f"{name}.html") / 1000 for name in ["book/index", *NAMES]}
    assert sum(weights.values()) / len(weights) < WEIGHT, weights
    assert max(weights.values()) < HEAVIEST, weights


def test_images_keep_their_room_and_wait_for_the_reader(site):
    for path in check_site.pages(site):
        images = check_site.soup(path).select("article img")
        for number, image in enumerate(images):
            assert min(int(image["width"]), int(image["height"])) > 0, (path.name, image)
            assert image["decoding"] == "async", (path.name, image)
            assert image.get("loading") == ("lazy" if number else None), (path.name, image)
            assert image["alt"].rstrip().endswith("."), (path.name, image["alt"])
            assert len(image["alt"].split()) > 4, (path.name, image["alt"])


@pytest.mark.parametrize("path", chapters.notebooks(), ids=lambda path: path.stem[:2])
def test_hints_and_solutions_open_below_a_strip_that_stays(path, visit):
    page = visit(f"book/{path.stem}.html").page
    strip = page.locator("main .helps").first
    buttons, texts = strip.locator("> details > summary"), strip.locator("> details > .admonition")
    assert buttons.all_inner_texts()[-1].strip().endswith("Solution")
    assert not any(text.is_visible() for text in texts.all())
    places = "buttons => buttons.map(button => [button.offsetTop, button.offsetLeft, button.offsetWidth])"
    before = buttons.evaluate_all(places)  # in the strip
    assert {place[0] for place in before} == {0}
    buttons.last.focus()
    page.keyboard.press("Enter")
    assert texts.last.is_visible()
    buttons.first.click(position={"x": 4, "y": 4})
    assert texts.first.is_visible()
    assert buttons.evaluate_all(places) == before
    buttons.last.click()
    assert not texts.last.is_visible()
    page.evaluate(screenshot.OPEN)
    shut = page.locator("main .helps .admonition").evaluate_all("all => all.filter(e => !e.offsetHeight).length")
    assert shut == 0


@pytest.mark.parametrize("path", chapters.notebooks(), ids=lambda path: path.stem[:2])
def test_each_exercise_has_one_strip_and_no_verdict(path, site):
    page = check_site.soup(site / "book" / f"{path.stem}.html")
    exercises = page.select("div.exercise")
    assert len(exercises) == len(page.select("div.helps")) == len(page.select("div.helps .solution")) > 0
    assert not [box for exercise in exercises for box in exercise.select('[style^="border-left: 0.3em solid"]')]
    assert not page.select("details details[style*='--help'], .helps .solution > section > details:not(.hide)")


def test_the_list_has_every_exercise(site):
    page = check_site.soup(site / "book" / "exercise_list.html")
    links = [link["href"] for link in page.select("table.exercise-list td a")]
    known = exercise_texts.exercises()
    assert [link.partition("#")[2] for link in links] == [exercise.label for exercise in known]
    rows = [[cell.get_text() for cell in row.select("td")] for row in page.select("table.exercise-list tr:has(td)")]
    assert [row[1] for row in rows] == [exercise.kind for exercise in known]
    assert [row[2] for row in rows] == [exercise.level or "–" for exercise in known]
    assert all(3 <= int(row[3]) <= 25 for row in rows)


def test_notebook_download(visit):
    path = chapters.notebooks()[0]
    page = visit(f"book/{path.stem}.html").page
    page.get_by_label("Download this page").click()
    with page.expect_download() as download:
        page.locator(".btn-download-source-button").click()
    assert download.value.suggested_filename == path.name
    with open(download.value.path(), "rb") as file:
        assert nbformat.reads(file.read(), as_version=4).cells[0].id == colab.ID


def test_skip_link(visit):
    page = visit(f"{NAMES[2]}.html").page
    page.keyboard.press("Tab")
    link = page.locator("#pst-skip-link a")
    assert link.evaluate("e => e === document.activeElement")
    page.wait_for_function("document.querySelector('#pst-skip-link').getBoundingClientRect().top >= 0")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_formulas_are_no_tab_stops_unless_they_scroll(visit):
    stops = """() => [...document.querySelectorAll("main .math :not(a)")]
        .filter(e => e.tabIndex === 0).map(e => e.scrollWidth > e.clientWidth)"""
    chapter = f"{NAMES[3]}.html"
    wide = visit(chapter).page
    wide.wait_for_function("document.readyState === 'complete'")
    assert all(wide.evaluate(stops))
    # On a phone no formula of the book scrolls.
    phone = visit("book/formula_index.html", width=240).page
    phone.wait_for_function(f"({stops})().length > 0")
    assert all(phone.evaluate(stops))


def test_what_scrolls_fades_towards_what_is_hidden(visit):
    page = visit(f"{NAMES[2]}.html", width=PHONE).page
    page.wait_for_function("document.querySelectorAll('main pre.more-right').length > 3")
    box = page.locator("main pre.more-right").first
    seen = "e => [e.classList.contains('more-left'), e.classList.contains('more-right')]"
    handle = box.element_handle()
    assert handle.evaluate(seen) == [False, True]
    assert "gradient" in handle.evaluate("e => getComputedStyle(e).maskImage")
    for left, expected in (("20", [True, True]), ("e.scrollWidth", [True, False]), ("0", [False, True])):
        handle.evaluate(f"e => {{ e.scrollLeft = {left} }}")
        page.wait_for_function(
            f"e => String(({seen})(e)) === '{str(expected).lower().strip('[]').replace(' ', '')}'", arg=handle
        )
    still = (
        "() => [...document.querySelectorAll('main pre:not([tabindex])')].filter(e => /more/.test(e.className)).length"
    )
    assert page.evaluate(still) == 0


def test_links_to_the_next_pages_are_whole_on_a_phone(visit):
    for name in (NAMES[4], NAMES[6]):
        page = visit(f"{name}.html", width=PHONE)
        for scale in (75, 112):
            page.fonts(scale)
            links = page.page.locator(".prev-next-area a")
            widths = links.evaluate_all("all => all.map(e => [e.scrollWidth, e.clientWidth])")
            assert len(widths) == 2
            assert all(inside <= outside for inside, outside in widths), (name, scale, widths)


def test_theme_button(visit):
    page = visit("book/index.html").page
    seen = set()
    for _ in range(3):
        page.locator(".theme-switch-button").first.click()
        seen.add(
            page.evaluate("[document.documentElement.dataset.mode, document.documentElement.dataset.theme].join()")
        )
    assert seen == {"auto,light", "light,light", "dark,dark"}


def test_dark_from_the_first_paint(visit):
    """The theme is settled by the script in the head, before the theme's own script is there."""
    page = visit("book/index.html", dark=True).page
    page.route("**/pydata-sphinx-theme.js*", lambda route: route.abort())
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def contrast(one, other):
    """Return the contrast ratio of two colours (WCAG 2.1), given as (red, green, blue) of 255."""

    def luminance(colour):
        parts = [value / 255 for value in colour]
        parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_in_figures_can_be_read(theme, visit):
    """The grey of the figures, as the page shows it, against the page."""
    from gmm import plot

    page = visit(f"{NAMES[2]}.html", dark=theme == "dark").page
    image = page.locator("img.dark-light").first
    assert image.evaluate("e => getComputedStyle(e).backgroundColor") == "rgba(0, 0, 0, 0)"
    factor = float(image.evaluate("e => getComputedStyle(e).filter").removeprefix("brightness(").removesuffix(")"))
    behind = page.evaluate("getComputedStyle(document.body).backgroundColor")
    behind = [int(value) for value in behind.removeprefix("rgb(").removesuffix(")").split(",")]
    grey = [min(255, factor * int(plot.GREY[i : i + 2], 16)) for i in (1, 3, 5)]
    assert contrast(grey, behind) >= 4.5


def test_colours_come_from_one_place():
    """Figures, widgets, verdicts and the icon take those of gmm.plot, the pages those at the head of the style."""
    from gmm import plot

    palette = {colour.lower() for colour in (*plot.COLOURS, plot.GREY)}
    root = chapters.ROOT
    named = re.compile(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b|\brgba?\(\s*\d[^)]*\)")
    style = (root / "book/_static/custom.css").read_text(encoding="utf-8")
    head, rest = style.split('html[data-theme="light"],', 1)
    assert named.findall(head)
    assert named.findall(rest) == []
    files = [
        path
        for folder, endings in (("gmm", "py css js"), ("_ext", "py css js"), ("book/_static", "svg js"))
        for ending in endings.split()
        for path in (root / folder).rglob(f"*.{ending}")
        if path != root / "gmm/plot.py" and path.parent != root / "_ext/katex"
    ]
    assert len(files) > 30
    for path in files:
        found = {colour.lower() for colour in named.findall(path.read_text(encoding="utf-8"))}
        assert found <= palette, (path.name, found - palette)
    drawn = (root / "gmm/book.mplstyle").read_text(encoding="utf-8")
    assert {f"#{colour.lower()}" for colour in re.findall(r"\b[0-9A-Fa-f]{6}\b", drawn)} == palette


class TestTheChecksCanFail:
    """Each check reports the fault that it is there for."""

    PAGE = """<!doctype html><html><body><main><article class="bd-article">{}</article></main></body></html>"""

    def write(self, folder, body, name="page.html"):
        (folder / name).write_text(self.PAGE.format(body), encoding="utf-8")
        return folder / name

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            ('<a href="nowhere.html">x</a>', "nowhere.html: no such file"),
            ('<a href="#nowhere">x</a>', "#nowhere: no such anchor"),
            ('<script src="https://example.org/a.js"></script>', "loads https://example.org/a.js"),
            ('<link rel="stylesheet" href="//example.org/a.css">', "loads //example.org/a.css"),
            ('<img src="data:," alt="">', "image without alt text: data:,"),
            ('<p id="a"></p><p id="a"></p>', "id used twice: a"),
            ("<style>@import url(https://example.org/f.css)</style>", "style loads https://example.org/f.css"),
        ],
    )
    def test_static(self, body, problem, tmp_path):
        self.write(tmp_path, body)
        assert check_site.problems(tmp_path) == [f"page.html: {problem}"]

    def test_static_accepts_what_is_right(self, tmp_path):
        self.write(tmp_path, '<p id="a"></p><a href="#a">x</a><a href="https://example.org">y</a>')
        assert check_site.problems(tmp_path) == []

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            ('<div style="width: 900px; height: 9px">x</div>', "too wide: div"),
            ("<p>\\frac{1}{2}</p>", "TeX not set"),
            ('<span class="math">x</span>', "TeX not set"),
            ('<img src="https://example.org/a.png">', "outside request: https://example.org/a.png"),
            ("<script>throw new Error('no')</script>", "console: exception"),
            ("<script>console.error('no')</script>", "console: error: no"),
        ],
    )
    def test_browser(self, body, problem, tmp_path, running):
        visit = screenshot.Visit(running, self.write(tmp_path, body).as_uri(), width=PHONE)
        try:
            assert any(line.startswith(problem) for line in visit.problems()), visit.problems()
        finally:
            visit.close()

    @pytest.mark.parametrize(
        ("body", "rule"),
        [
            ('<p style="color: #aaa; background: #fff">Too pale</p>', "color-contrast"),
            ("<h1>x</h1><h4>y</h4>", "heading-order"),
            ("<button></button>", "button-name"),
        ],
    )
    def test_axe(self, body, rule, tmp_path, running):
        visit = screenshot.Visit(running, self.write(tmp_path, body).as_uri())
        try:
            assert any(line.startswith(f"{rule}:") for line in visit.axe()), visit.axe()
            assert all(line.startswith(f"{rule}:") for line in visit.axe(only=rule))
            assert not any(line.startswith(f"{rule}:") for line in visit.axe(without=[rule]))
        finally:
            visit.close()

    def test_axe_sees_each_formula_that_scrolls(self, visit):
        """Most formulas have lost their insides by then."""
        page = visit(f"{NAMES[4]}.html", width=240)
        page.open_boxes()
        page.page.evaluate(screenshot.SETTLED)
        formulas = page.page.locator("main .math :not(a)[tabindex='0']")
        # What is wider than its box by less than 13 pixels, axe takes for whole.
        number = formulas.evaluate_all("all => all.filter(e => e.scrollWidth > e.clientWidth + 13).length")
        formulas.evaluate_all("all => all.forEach(e => e.removeAttribute('tabindex'))")
        found = page.axe(only="scrollable-region-focusable")
        assert 0 < number == len(found)

    PALE = """<style>
        code, .tint {{ background: #fff }} .pale {{ color: #aaa }} .dark {{ background: #000; color: #ddd }}
        @media (prefers-color-scheme: dark) {{ .night {{ color: #333; background: #000 }} }}
        </style><script>
        const query = matchMedia("(prefers-color-scheme: dark)"), root = document.documentElement;
        const turn = () => root.dataset.theme = query.matches ? "dark" : "light";
        turn(); query.addEventListener("change", turn);
        </script>{}"""

    @pytest.mark.parametrize(
        ("body", "number"),
        [
            ('<p class="tint">Right</p><p class="tint">Right</p>', 0),
            ('<p class="tint">Right</p><p class="tint pale">Wrong</p><p class="tint pale">Wrong again</p>', 2),
            ('<p class="dark">Right <b class="tint">Wrong</b></p>', 2),
            ('<p class="tint">Right</p><div><div><p class="tint"><i class="night">Wrong</i></p></div></div>', 1),
            ('<button class="pale tint">Wrong</button><p class="dark"><i>Right</i></p>', 2),
        ],
    )
    def test_contrast_of_each_kind_of_text(self, body, number, tmp_path, running):
        """One of each kind of text is judged in each of the two themes."""
        visit = screenshot.Visit(running, self.write(tmp_path, self.PALE.format(body)).as_uri())
        try:
            assert len(visit.contrast(["light", "dark"])) == number, visit.contrast(["light", "dark"])
        finally:
            visit.close()

    def test_letters_of_formulas_are_not_read(self):
        formula = '<p>a<span class="katex"><math>x</math>{}</span>.</p>'
        letters = '<span class="katex-html" aria-hidden="true"><span class="k"><span></span>x</span><svg></svg></span>'
        assert check_site.without_letters(2 * formula.format(letters)) == 2 * formula.format("")

    def test_weight(self, tmp_path):
        page = self.write(tmp_path, '<img src="a.png" alt="x"><img src="a.png" alt="x"><img src="data:," alt="x">')
        (tmp_path / "a.png").write_bytes(b"1" * 100)
        assert check_site.weight(page) == page.stat().st_size + 100

    def test_browser_accepts_what_is_right(self, tmp_path, running):
        body = '<div style="overflow-x: auto"><div style="width: 900px">x</div></div>'
        visit = screenshot.Visit(running, self.write(tmp_path, body).as_uri(), width=PHONE)
        try:
            assert visit.problems() == []
        finally:
            visit.close()
