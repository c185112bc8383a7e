"""The built book: no warning, no broken link, nothing from outside, readable in both themes on a phone."""

import os
import subprocess
import sys

import chapters
import check_site
import pytest
import screenshot
import serve

pytestmark = pytest.mark.slow

PHONE = 390
NAMES = [file for _, files in chapters.parts() for file in files]
PAGES = ["book/index", *NAMES, "search", "genindex"]


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """Build the book as `make book` does; return the finished process and the folder of the pages."""
    out = tmp_path_factory.mktemp("book")
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build"]
    command += ["--all", "-W", "--keep-going", "-n"]
    process = subprocess.run(
        [*command, "--path-output", str(out), "."],
        cwd=chapters.ROOT,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1", "NO_COLOR": "1"},
    )
    return process, out / "_build" / "html"


@pytest.fixture(scope="session")
def site(build):
    """Return the folder of the built pages."""
    process, folder = build
    assert folder.is_dir(), process.stderr[-2000:]
    return folder


@pytest.fixture(scope="session")
def running():
    """Start a headless browser."""
    if screenshot.chromium() is None:
        pytest.skip("no Chromium or Chrome on this computer")
    with screenshot.browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def address(site):
    """Serve the built book as `make serve` does."""
    import threading

    with serve.make_server(site, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_builds_without_a_warning(build):
    process, _ = build
    lines = [line for line in process.stderr.splitlines() if "WARNING" in line or "ERROR" in line]
    assert lines == []
    assert process.returncode == 0, process.stderr[-2000:]


def test_every_page_is_built(site):
    missing = [name for name in PAGES if not (site / f"{name}.html").exists()]
    assert missing == []
    assert 'url=book/index.html"' in (site / "index.html").read_text(encoding="utf-8")


def test_links_anchors_and_assets(site):
    assert check_site.problems(site) == []


def test_every_notebook_can_be_downloaded(site):
    for path in chapters.notebooks():
        assert (site / "_sources" / "book" / path.name).read_bytes() == path.read_bytes()


def test_equations_are_numbered_by_chapter(site):
    for path in chapters.notebooks():
        html = (site / "book" / f"{path.stem}.html").read_text(encoding="utf-8")
        for equation in chapters.equations_of(chapters.markdown(path)):
            assert f'id="equation-{equation.label}"' in html, equation.label
        number = int(path.name[:2])
        assert f'<span class="section-number">{number}. </span>' in html


@pytest.mark.parametrize("name", PAGES)
def test_page_on_a_phone_in_both_themes(name, address, running):
    visit = screenshot.Visit(running, f"{address}/{name}.html", width=PHONE)
    try:
        for theme in ("light", "dark"):
            visit.page.emulate_media(color_scheme=theme)
            visit.page.wait_for_function(f"document.documentElement.dataset.theme === '{theme}'")
            assert visit.problems() == [], theme
    finally:
        visit.close()


@pytest.mark.parametrize("name", ["book/index", *NAMES[2:4]])
def test_page_opened_from_the_file_system(name, site, running):
    visit = screenshot.Visit(running, (site / f"{name}.html").as_uri())
    try:
        assert visit.problems() == []
    finally:
        visit.close()


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

    def test_browser_accepts_what_is_right(self, tmp_path, running):
        body = '<div style="overflow-x: auto"><div style="width: 900px">x</div></div>'
        visit = screenshot.Visit(running, self.write(tmp_path, body).as_uri(), width=PHONE)
        try:
            assert visit.problems() == []
        finally:
            visit.close()
