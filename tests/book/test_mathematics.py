"""The formulas of the pages (_ext/mathematics.py): set when the book is built, and right."""

import io
import re
import sys

import chapters
import pytest
import screenshot
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

sys.path.append(str(chapters.ROOT / "_ext"))
import mathematics

LONG = r"\frac{a+b}{c} \exp\bigl(-\lVert x - m \rVert^2\bigr)"
# One of a kind: scripts of all sorts, accents, fences, large operators, tables, alphabets.
KINDS = [
    "x_i",
    "x^2",
    r"N_k^{(t+1)}",
    r"e^{-x_i^2/2}",
    r"\mathbf x_{i_1}",
    r"\hat{\boldsymbol\mu}_k + \bar x + \tilde\Sigma",
    r"\mathcal N(\mathbf x \mid \boldsymbol\mu_k, \boldsymbol\Sigma_k)",
    r"\operatorname{tr}\bigl(\mathbf W \mathbf A^{-1}\bigr)",
    r"\operatorname*{argmax}_k \log \pi_k",
    r"\sum_{i=1}^n r_{ik}",
    r"\frac{\pi_k}{\sum_l \pi_l}",
    r"\sqrt{2\pi\sigma^2}",
    r"\left\lVert \frac xy \right\rVert^2",
    r"\begin{pmatrix} 1 & \rho \\ \rho & 1 \end{pmatrix}",
    r"f = \begin{cases} 1 & \text{if } x > 0, \\ 0 & \text{otherwise} \end{cases}",
    r"\begin{cases} a \\ b \\ c \\ \frac{d}{2} \\ e \end{cases}",
    r"\left[\begin{matrix} a \\ b \\ c \\ d \\ e \end{matrix}\right)",
    r"\begin{aligned} a &= b \\ &= c \end{aligned}",
    r"\underbrace{\mathbb E[x]}_{\text{mean}}",
    LONG,
]


@pytest.fixture(scope="module")
def formulas(tmp_path_factory):
    formulas = mathematics.Formulas(tmp_path_factory.mktemp("formulas") / "formulas.json")
    yield formulas
    formulas.close()


def parts(markup):
    return BeautifulSoup(markup, "html.parser").select(".katex-base")


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        ("a = b", ["a=", "b"]),
        (r"x \le y + 1", ["x≤", "y+", "1"]),
        # Nothing within brackets of TeX's, nor after the sign of a number.
        (r"\left( a = b \right)", ["(a=b)"]),
        ("{a = b}", ["a=b"]),
        ("-y", ["−y"]),
        (r"\frac{a = b}{c} = d", ["ca=b\u200b=", "d"]),
    ],
)
def test_lines_are_broken_where_tex_breaks_them(tex, expected, formulas):
    assert [part.get_text() for part in parts(formulas.set(tex, False)[0])] == expected


def test_on_display_sums_are_not_broken_but_wide_spaces_are(formulas):
    markup = formulas.set(r"a + b \ge c + d, \qquad \text{with equality if } a = c", True)[0]
    assert [part.get_text() for part in parts(markup)] == ["a+b≥", "c+d,", "with\xa0equality\xa0if\xa0a=", "c"]
    assert "allowbreak" not in markup


def test_what_fits_a_phone_stays_whole_and_what_does_not_scrolls(formulas):
    short, long = (
        rf'<span class="math notranslate nohighlight">\({tex}\)</span>'
        for tex in ("a &lt; b", rf"\left({LONG} + y\right)")
    )
    page = BeautifulSoup(formulas.put(f"<p>{short}{long}</p>"), "html.parser")
    assert ["whole" in node["class"] for node in page.select("span.math")] == [True, False]
    assert [len(node.select(".wide")) for node in page.select("span.math")] == [0, 1]


@pytest.mark.parametrize(
    ("tex", "after", "marked"),
    [
        (rf"x = {LONG}", ").</span>", ")."),
        (rf"x = {LONG}", "</span>", None),
        (rf"x = {LONG}", ". Next", None),
        ("x", ".</span>", None),
    ],
)
def test_the_full_stop_after_a_long_formula_is_marked(tex, after, marked, formulas):
    page = formulas.put(rf'<span class="together"><span class="math notranslate nohighlight">\({tex}\)</span>{after}')
    assert page.endswith(f'<span class="sign">{marked}</span></span>' if marked else f"</span></span></span>{after}")


@pytest.mark.parametrize("tex", [r"\frac{1}", r"\nothing", r"a_b_c", r"\left( a", "é", r"\begin{aligned} a"])
def test_a_formula_that_cannot_be_set_is_refused(tex, formulas):
    with pytest.raises(ValueError, match="KaTeX parse error"):
        formulas.set(tex, True)


def test_a_build_names_the_place_of_a_formula_that_cannot_be_set(tmp_path):
    (tmp_path / "index.rst").write_text(
        "Title\n=====\n\n:math:`x_i`\n\n.. math:: \\frac{1}\n   :label: a\n", encoding="utf-8"
    )
    warnings = io.StringIO()
    folders = [tmp_path, None, tmp_path / "out", tmp_path / "trees"]
    with docutils_namespace():
        settings = {"extensions": ["mathematics"], "numfig": True, "math_numfig": True}
        Sphinx(*folders, "html", confoverrides=settings, status=None, warning=warnings).build()
    assert re.search(r"index\.rst:6: WARNING: formula not set: .*\\frac\{1\}", warnings.getvalue())
    page = BeautifulSoup((tmp_path / "out" / "index.html").read_text(encoding="utf-8"), "html.parser")
    assert page.select_one("p span.math annotation").get_text() == "x_i"
    assert page.select_one("div.math .eqno").get_text().startswith("(1)")
    assert "mathjax" not in str(page).lower()
    assert (tmp_path / "out" / "_static" / "formulas.css").exists()


def test_formulas_are_kept_but_not_those_of_another_version(tmp_path, monkeypatch):
    path = tmp_path / "formulas.json"
    first = mathematics.Formulas(path)
    made = first.set("x_i^2", False)
    first.close()
    monkeypatch.setattr(mathematics, "MiniRacer", None)  # no engine is needed
    assert mathematics.Formulas(path).set("x_i^2", False) == made
    with pytest.raises(TypeError):
        mathematics.Formulas(path).set("x_i^2", True)
    path.write_text(path.read_text(encoding="utf-8").replace(first.version, "another"), encoding="utf-8")
    with pytest.raises(TypeError):
        mathematics.Formulas(path).set("x_i^2", False)


def test_a_page_has_its_formulas_with_number_and_tex(formulas):
    number = '<span class="eqno">(4.1)<a class="headerlink" href="#x">#</a></span>'
    page = (
        r'<p><span aria-hidden="true" class="math notranslate nohighlight">\(a \lt b\)</span> as</p>'
        rf'<div class="math notranslate nohighlight" id="x">{number}\[\begin{{split}}a &amp;= b \\ &amp;= c'
        r"\end{split}\]</div>"
    )
    found = BeautifulSoup(formulas.put(page), "html.parser").select(".math")
    assert [node.annotation.get_text() for node in found] == [
        r"a \lt b",
        r"\begin{split}a &= b \\ &= c\end{split}",
    ]
    assert found[1].select_one(".eqno").get_text() == "(4.1)#"
    assert found[1]["id"] == "x"
    assert [bool(node.select(".katex-display")) for node in found] == [False, True]
    assert formulas.put("<p>no formula</p>") == "<p>no formula</p>"


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        ("a = b", "a = b"),
        (r"a \\ b", r"\begin{split}a \\ b\end{split}"),
        ("a\n\nb", r"\begin{gathered}a\\b\end{gathered}"),
        ("a\n\nb \\\\ c", r"\begin{gathered}a\\\begin{split}b \\ c\end{split}\end{gathered}"),
    ],
)
def test_lines_of_a_displayed_formula(tex, expected, formulas):
    assert mathematics.lines(tex) == expected
    formulas.set(expected, True)


def test_style_sheet_names_files_that_are_there():
    style = mathematics.style_sheet()
    files = set(re.findall(r"url\(fonts/([^)]*)\)", style))
    assert files == {
        path.name
        for path in (mathematics.KATEX / "fonts").iterdir()
        if path.stem.removeprefix("KaTeX_") not in mathematics.INLINE
    }
    assert style.count("url(data:font/woff2;base64,") == len(mathematics.INLINE)


# Where each letter stands in its paragraph, and the size of the formula.
PLACES = r"""() => [...document.querySelectorAll("p")].map(p => {
  const from = p.getBoundingClientRect(), formula = p.querySelector(".katex-html"), letters = [];
  const texts = document.createTreeWalker(formula, NodeFilter.SHOW_TEXT), range = document.createRange();
  for (let text; (text = texts.nextNode());)
    for (let at = 0; at < text.length; at++) {
      range.setStart(text, at);
      range.setEnd(text, at + 1);
      const { left, top, width } = range.getBoundingClientRect();
      if (text.data[at] !== "\u200b") letters.push(left - from.left, top - from.top, width);
    }
  return { letters, height: from.height, width: formula.getBoundingClientRect().width,
           elements: formula.querySelectorAll("*").length };
})"""


@pytest.mark.slow
def test_each_letter_stands_where_katex_puts_it(formulas, running, tmp_path):
    """Fewer elements make the same picture, and are about as wide as foretold."""
    engine = mathematics.MiniRacer()
    engine.eval((mathematics.KATEX / "katex.min.js").read_text(encoding="utf-8"))
    ours = [formulas.set(tex, False) for tex in KINDS]
    pairs = [f"<p>{engine.call('katex.renderToString', tex)}</p><p>{own}</p>" for tex, (own, _) in zip(KINDS, ours)]
    engine.close()
    style = mathematics.style_sheet().replace("url(fonts/", f"url({(mathematics.KATEX / 'fonts').as_uri()}/")
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><meta charset='utf-8'><style>{style}</style>{''.join(pairs)}", encoding="utf-8")
    visit = screenshot.Visit(running, path.as_uri())
    places = visit.page.evaluate(PLACES)
    visit.close()
    for tex, (_, width), whole, own in zip(KINDS, ours, places[::2], places[1::2], strict=True):
        assert own["letters"] == pytest.approx(whole["letters"], abs=0.1), tex
        assert own["height"] == pytest.approx(whole["height"], abs=0.1), tex
        assert own["width"] == pytest.approx(1.2 * 16 * width, abs=12), tex
    few, many = (sum(one["elements"] for one in kind) for kind in (places[1::2], places[::2]))
    assert few < 0.7 * many


# Copies the first paragraph with a formula.
COPY = """() => {
  const paragraph = document.querySelector("main p:has(.katex)");
  getSelection().selectAllChildren(paragraph);
  const event = new ClipboardEvent("copy", { clipboardData: new DataTransfer(), bubbles: true });
  paragraph.dispatchEvent(event);
  return [event.clipboardData.getData("text/plain"), paragraph.querySelector("annotation").textContent];
}"""


@pytest.mark.slow
def test_formulas_are_copied_as_tex(visit):
    page = visit("book/04_responsibilities.html").page
    copied, tex = page.evaluate(COPY)
    assert f"${tex}$" in copied
    assert "\u200b" not in copied
    assert page.locator("script[src*=athjax]").count() == 0
