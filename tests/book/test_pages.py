"""What _ext/pages.py does to the text of a page: figures of one scale, stops beside their formulas."""

import sys

import chapters
import pytest
from PIL import Image

sys.path.append(str(chapters.ROOT / "_ext"))
import narrow
import numpy as np
import pages


def test_brackets_and_stops_stay_beside_their_formula():
    one = r'<span class="math notranslate nohighlight">\(a &lt; b\)</span>'
    together = pages.with_signs(f"<p>So ({one}), as {one}</p>")
    assert together == f'<p>So <span class="together">({one}),</span> as {one}</p>'


def test_figures_have_one_scale_and_lead_to_the_picture():
    one = '<figure id="a">\n<img alt="x" src="a.png" />\n</figure>'
    scaled = '<img alt="x" src="b.png" style="width: 80%;" />'
    other = f'<figure id="b">\n<a class="dark-light image-reference" href="b.png">{scaled}</a></figure>'
    html = pages.with_links(pages.with_sizes(one + other, {"a.png": (650, 1300), "b.png": (130, 13)}.get))
    link = '<a class="reference internal image-reference" href='
    assert f'{link}"a.png"><img width="500" height="1000"' in html
    assert f'{link}"b.png"><img width="100" height="10"' in html
    assert html.count("<a ") == html.count("</a>") == 2
    assert "style" not in html


def test_names_break_after_an_underscore_and_short_code_nowhere():
    def code(text, kind="literal"):
        return f'<code class="{kind}">' + " ".join(f'<span class="pre">{t}</span>' for t in text.split()) + "</code>"

    assert pages.with_breaks(code("(n, d)")) == code("(n, d)", "literal short")
    assert pages.with_breaks(code("gmm.score_covariances()")) == code("gmm.score_<wbr>covariances()", "literal short")
    assert pages.with_breaks(code("joint / joint.sum(axis=1)")) == code("joint / joint.sum(axis=1)")
    name = "gmm.expected_complete_log_likelihood()"
    assert pages.with_breaks(code(name)) == code(name.replace("_", "_<wbr>"))
    name = "tests/formulas/test_responsibilities.py"
    assert pages.with_breaks(code(name)) == code(name.replace("/", "/<wbr>").replace("t_r", "t_<wbr>r"))
    name = "test_a_tie_goes_to_the_smaller_of_two_indices"
    assert pages.with_breaks(code(name)) == code("test_" + name[5:].replace("_", "_<wbr>"))


def panels(*widths, gap=20, label=0):
    """A picture of grey boxes side by side; `label` columns of letters, 12 before each box, have a gap to it."""
    image = Image.new("RGBA", (sum(widths) + (gap + label + 12 * bool(label)) * len(widths), 200))
    at = 0
    for width in widths:
        at += gap
        if label:
            image.paste((90, 90, 90, 255), (at, 80, at + label, 120))
            at += label + 12
        image.paste((90, 90, 90, 255), (at, 10, at + width, 190))
        at += width
    return image


class TestOfNarrowFigures:
    """Panels side by side are stacked for a phone, whole and with their labels."""

    @pytest.mark.parametrize(("widths", "label"), [((300, 300), 0), ((200, 200, 200), 0), ((300, 300), 10)])
    def test_panels_side_by_side_are_stacked(self, widths, label):
        picture = narrow.stacked(panels(*widths, label=label))
        inked, shown = (np.asarray(p.getchannel("A")) > 0 for p in (panels(*widths, label=label), picture))
        assert shown.sum() == inked.sum()
        assert not shown[:, : narrow.GUTTER].any()  # letters do not touch the edge of the screen
        assert picture.width == widths[0] + (label + 12 if label else 0) + 2 * narrow.GUTTER
        assert picture.height == 180 * len(widths) + narrow.GUTTER * (len(widths) - 1)

    def test_a_panel_that_shares_the_upright_axis_of_the_first_gets_its_numbers(self):
        both = panels(300, 300, label=40)
        bare = both.copy()
        bare.paste((0, 0, 0, 0), (372, 0, 432, 200))  # the second label
        assert np.array_equal(np.asarray(narrow.stacked(bare)), np.asarray(narrow.stacked(both)))
        without = np.asarray(narrow.stacked(panels(300, 300)))
        assert without.shape[1] == 300 + 2 * narrow.GUTTER

    @pytest.mark.parametrize("widths", [(620,), (500, 120)])
    def test_what_is_one_picture_stays_so(self, widths):
        assert narrow.stacked(panels(*widths)) is None

    def test_a_picture_small_enough_or_too_high_when_stacked_stays_as_it_is(self):
        assert narrow.stacked(panels(200, 200)) is None
        assert narrow.stacked(panels(240, 240, 240).resize((780, 640))) is None

    def test_an_output_that_begins_with_a_picture_says_so(self):
        begin = '<div class="cell_output docutils container">\n'
        drawn = pages.polish(f'{begin}<figure class="a"><a href="b"><img src="c" alt="x"></a></figure></div>', {}.get)
        assert drawn.startswith('<div class="drawn cell_output docutils container">')
        assert pages.polish(f"{begin}<figure><table></table></figure></div>", {}.get).startswith(begin)

    def test_the_page_offers_both(self):
        html = narrow.with_narrow('<img src="a/b.png" alt="x"><img src="c.png">', {"a/b.png": (9, 8)}.get)
        assert html == (
            '<picture><source media="(max-width: 600px)" srcset="a/b-narrow.png" width="9" height="8">'
            '<img src="a/b.png" alt="x"></picture><img src="c.png">'
        )
