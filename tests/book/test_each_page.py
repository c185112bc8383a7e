"""Each built page: still while it comes, nothing from outside, readable in both themes on a phone and on a screen."""

import chapters
import pytest
import screenshot

pytestmark = pytest.mark.slow

PHONE, SCREEN = 390, 1280
# In CSS pixels: the width at which no page may scroll sideways (WCAG 2.1, 1.4.10).
NARROWEST = 320
# A shift of this size is a line of text that moves by a few pixels; a paragraph that moves by a line scores more.
STILL = 0.01
# Pages take the fonts that the reader's computer has. In per cent of DejaVu, the letters of a condensed font, and of
# what is wider than any; each with the width of a page.
SCALES = [(75, PHONE), (112, NARROWEST)]
PAGES = chapters.pages()
# The TeX of the displayed formulas that scroll.
WIDE_FORMULAS = """[...document.querySelectorAll("div.math > .katex-display")]
  .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.querySelector("annotation").textContent)"""

# What stands before a full stop, a comma or a closing bracket that begins a line: of a formula its last part.
LOOSE_SIGNS = r"""[...document.querySelectorAll(".bd-article .math")].filter(math => {
  const sign = document.createTreeWalker(math.parentNode, NodeFilter.SHOW_TEXT);
  sign.currentNode = math;
  let next = sign.nextNode();
  while (next && math.contains(next)) next = sign.nextNode();
  if (!next || !/^[.,;:!?)\]’”]/.test(next.data)) return false;
  const range = document.createRange(), last = [...math.querySelectorAll(".katex-base")].at(-1);
  range.setStart(next, 0);
  range.setEnd(next, 1);
  const at = range.getBoundingClientRect(), before = last.getBoundingClientRect();
  return at.width && before.width && at.left < before.right - 8 && at.bottom > before.bottom + 3;
}).map(math => math.querySelector("annotation").textContent)"""


# A page comes on a phone in the dark, and is then made wide: of axe's rules hardly one depends on the width. Contrast
# is that of the style that all pages share: each third page comes on a screen, too, and is looked at in both themes.


@pytest.mark.parametrize("name", PAGES)
def test_page(name, visit):
    page = visit(f"{name}.html", width=PHONE, dark=True)
    assert_still(page)
    assert page.problems() == []
    page.open_boxes()
    assert name.startswith("book/api") or page.page.evaluate(WIDE_FORMULAS) == []  # docstrings are plain text, too
    assert page.page.evaluate(LOOSE_SIGNS) == []
    page.theme("light")
    assert page.problems() == []
    for scale, width in SCALES:
        page.fonts(scale)
        page.page.set_viewport_size({"width": width, "height": 900})
        assert page.overflow() == [], f"letters of {scale} %, {width} pixels"
        assert page.page.evaluate(LOOSE_SIGNS) == [], f"letters of {scale} %, {width} pixels"
    page.page.set_viewport_size({"width": SCREEN, "height": 900})
    page.theme("dark")
    assert page.problems() == []
    assert page.axe(without=["color-contrast"]) == []


@pytest.mark.parametrize("name", PAGES[::3])
def test_page_comes_on_a_screen(name, visit):
    page = visit(f"{name}.html", width=SCREEN)
    assert_still(page)
    assert page.problems() == []
    assert page.contrast(["light", "dark"]) == []


def assert_still(page):
    still = page.vitals()
    assert still["cls"] < STILL, still


def test_a_shift_is_seen(tmp_path, running):
    body = '<div id="a"></div><p style="height: 400px">x</p>'
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><html><body><main>{body}</main></body></html>", encoding="utf-8")
    visit = screenshot.Visit(running, page.as_uri())
    try:
        assert visit.vitals()["cls"] == 0  # and it is drawn
        visit.page.evaluate("document.getElementById('a').style.height = '300px'")
        assert visit.vitals()["cls"] > STILL
    finally:
        visit.close()
