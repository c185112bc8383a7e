"""The playground: tables and drawn samples, fits in a worker, and the numbers of the package."""

from __future__ import annotations

import base64
import io

import numpy as np
import PIL.Image
import pytest
from live_helpers import PHONE, ask_of_chromium, check_both_themes, choose, press, said, state, swipe
from widget_examples import PLANE
from widget_helpers import Elements, numbers

import gmm
from gmm import datasets, widgets
from gmm.widgets.playground import _MANY, FITTED

SETTINGS = {"tol": 1e-6, "max_iter": 2000, "reg_covar": "auto", "on_collapse": "restart", "random_state": 1}
TABLE = "\n".join(["width,name,height", *(f"{x:.6f},a,{y:.6f}" for x, y in PLANE)])


def figure():
    return widgets.playground(PLANE)


def native(K, structure="full", X=PLANE, n_init=10):
    model = gmm.GaussianMixture(K, covariance_type=structure, n_init=n_init, **SETTINGS).fit(X)
    return model, len(X) * model.score(X)


def settled(page):
    page.get_by_role("button", name="Fit", exact=True).wait_for()
    return said(page)


def fit(page):
    press(page, "Fit")
    return settled(page)


def take(page, text):
    page.locator("summary", has_text="Your own table").evaluate("e => { e.parentElement.open = true; }")
    page.get_by_label("A table, pasted").fill(text)
    press(page, "Use this table")


def test_html_and_bad_arguments():
    html = widgets.playground().data
    (picture,) = Elements(html).all("svg", role="img")
    assert "short and long eruptions" in picture["aria-label"]
    assert html == widgets.playground().data
    assert len(html) < 250_000
    with pytest.raises(ValueError, match="X must have 2 features to be drawn; got 1"):
        widgets.playground(PLANE[:, :1])
    with pytest.raises(ValueError, match="axis_labels must be two strings"):
        widgets.playground(PLANE, axis_labels="x")


def test_the_stored_picture_is_the_fit_of_old_faithful():
    X = datasets.load_old_faithful().X
    means, covariances = (np.array(part) for part in zip(*FITTED, strict=True))
    found = gmm.em(X, [0.5, 0.5], means, covariances, tol=1e-12)
    np.testing.assert_allclose(means, found.means, rtol=1e-3)
    np.testing.assert_allclose(covariances, found.covariances, rtol=2e-3)


@pytest.mark.slow
class TestFits:
    @pytest.mark.parametrize("structure", ["spherical", "diag", "tied", "full"])
    def test_the_best_of_ten_starts_is_that_of_the_package(self, structure, show):
        page = show(figure)
        choose(page, "Structure", structure)
        text = fit(page)
        model, best = native(2, structure)
        _, found, p, bic, icl, _, _ = numbers(text)
        assert found == pytest.approx(best, abs=0.02)
        assert p == model.n_parameters_
        assert bic == pytest.approx(model.bic(PLANE), abs=0.04)
        resp = model.predict_proba(PLANE)
        assert icl == pytest.approx(gmm.icl(best, int(p), resp), abs=0.05)

    def test_the_python_lines_do_the_same(self, show):
        page = show(figure)
        take(page, TABLE.replace(",a,", ",").replace("width,name,height", "width,height"))
        text = fit(page)
        code = page.locator("pre").text_content()
        scope = {"gmm": gmm, "numpy": _Numpy(TABLE.replace(",a,", ",").replace("width,name,height", "width,height"))}
        exec(code, scope)
        X, model = scope["X"], scope["model"]
        np.testing.assert_allclose(X, PLANE, atol=1e-6)
        assert numbers(text)[1] == pytest.approx(len(X) * model.score(X), abs=0.05)

    def test_ten_thousand_samples_drawn_in_the_page(self, show, monkeypatch):
        page = show(widgets.playground)
        choose(page, "Samples", "10 000 drawn")
        choose(page, "Components", "4")
        slider = page.get_by_role("slider", name="Starts")
        slider.press("Home")
        for _ in range(2):
            slider.press("ArrowRight")
        text = fit(page)
        assert "of 3 starts" in text
        ask_of_chromium(page, "a file that the page saves")
        with page.expect_download() as saved:
            page.locator("summary", has_text="Your own table").click()
            press(page, "Save samples")
        X = np.genfromtxt(saved.value.path(), delimiter=",", skip_header=1)
        assert X.shape == (10_000, 2)
        weights, means, covariances = (np.array(_MANY[part]) for part in ("weights", "means", "covariances"))
        assert X.mean(axis=0) == pytest.approx(gmm.mixture_mean(weights, means), abs=0.15)  # five standard errors
        spread = gmm.mixture_covariance(weights, means, covariances)
        assert np.cov(X.T) == pytest.approx(spread, abs=0.08 * spread.max())
        _, best = native(4, X=X, n_init=3)
        assert numbers(text)[1] == pytest.approx(best, abs=0.3)

    def test_without_workers_the_page_fits_itself(self, show, visit, monkeypatch):
        page = show(figure)
        page.evaluate("delete globalThis.Worker")
        assert numbers(fit(page))[1] == pytest.approx(native(2)[1], abs=0.02)

    def test_a_fit_can_be_undone_and_stopped(self, show):
        page = show(figure)
        before = said(page)
        fit(page)
        assert page.locator(".gl-tried tbody tr").count() == 1
        press(page, "Undo")
        assert said(page) == before
        page.evaluate("""() => {
            const go = [...document.querySelectorAll("button")].find(e => e.textContent === "Fit");
            go.click();
            go.click();
        }""")
        assert settled(page) == before

    def test_fits_are_listed_by_bic(self, show):
        page = show(figure)
        for K in ("1", "3", "2"):
            choose(page, "Components", K)
            fit(page)
        cells = page.locator(".gl-tried tbody tr").all_inner_texts()
        bics = [numbers(row)[-1] for row in cells]
        assert bics == sorted(bics)
        found = {int(numbers(row)[0]): numbers(row)[-1] for row in cells}
        for K in (1, 2):
            assert found[K] == pytest.approx(native(K)[0].bic(PLANE), abs=0.1)

    def test_density_and_ellipses_are_drawn(self, show):
        page = show(figure)
        fit(page)
        assert page.locator("path.gl-line.k0, path.gl-line.k1").count() >= 4
        painted = []
        for what in ("groups", "density"):
            choose(page, "Show", what)
            url = page.evaluate("document.querySelector('canvas').toDataURL()")
            picture = PIL.Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
            painted.append((np.array(picture.getchannel("A")) > 0).sum())
        assert painted[1] > 3 * painted[0] > 0


class _Numpy:
    """NumPy, but files are this text."""

    def __init__(self, text):
        self.text = text

    def genfromtxt(self, name, **options):
        return np.genfromtxt(io.StringIO(self.text), **options)

    def __getattr__(self, name):
        return getattr(np, name)


@pytest.mark.slow
class TestTables:
    @pytest.mark.parametrize(
        "text",
        [
            TABLE,
            TABLE.replace(",", "\t"),
            TABLE.replace(",", ";").replace(".", ","),
            "\n".join(f"  {x:.6f}   {y:.6e} " for x, y in PLANE),
            "\ufeff# a comment\r\n"
            + TABLE.replace("name", '"name, in full"').replace("\n", "\r\n")
            + "\r\n\r\n1,b,\r\n2,b,NA\r\n3,b,n/a\r\n4,b,#N/A",
        ],
    )  # fmt: skip
    def test_a_pasted_table_is_what_is_fitted(self, text, show):
        page = show(figure)
        take(page, text)
        assert f"{len(PLANE)} samples" in said(page)
        assert ("4 lines with an empty cell" in said(page)) == ("NA" in text)
        assert numbers(fit(page))[1] == pytest.approx(native(2)[1], abs=0.02)

    def test_what_came_of_a_table_is_in_sight(self, show):
        page = show(figure)
        page.set_viewport_size({"width": 1280, "height": 500})
        take(page, TABLE.replace("\n", ",x\n", 2))
        page.wait_for_timeout(100)
        place = page.locator("output, [role=status]").first.bounding_box()
        assert "Cannot read line 3" in said(page), said(page)
        assert 0 <= place["y"] <= 500 - place["height"] + 1

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("  \n", "There is no table in it: the text is empty."),
            ("a,b\n", "names of columns and no numbers"),
            ("a,b\n1,2\n3\n", "Cannot read line 3: it has 1 column, and the first line has 2."),
            ("a,b\n1,2\n3,x\n4,5\n6,7", "Cannot read line 3, b: “x” is no number."),
            ("a,b\n1,2\n3,1e200\n4,5\n6,7", "Cannot read line 3, b: “1e200” is no number that can be squared."),
            ("a,b\n1,x\n2,y", "Two columns of numbers are needed to draw samples in the plane; found only one, a."),
            ("x\ny", "found none"),
        ],
    )
    def test_a_table_that_cannot_be_read_is_explained_and_nothing_changes(self, text, message, show):
        page = show(figure)
        take(page, text)
        assert message in said(page)
        assert state(page)["data"] == 0

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("1,5\n2,5\n3,5", "All 3 samples have the same value, 5, of column 2"),
            ("1,5\n2,6\n3,5", "2 components need at least 6 different samples, three each; there are 3."),
            ("1,5", "One sample is too few."),
        ],
    )
    def test_samples_that_cannot_be_fitted(self, text, message, show):
        page = show(figure)
        take(page, text)
        press(page, "Fit")
        assert message in said(page)

    def test_a_collapse_is_explained(self, show):
        page = show(figure)
        take(page, "\n".join(f"{i},{(i * 7) % 3 * (i < 6)}" for i in range(60)))
        choose(page, "Components", "1")
        fit(page)
        choose(page, "Components", "2")
        text = fit(page)
        assert "collapsed" in text or "likelihood has no bound" in text

    def test_files_are_opened_and_dropped(self, show):
        page = show(figure)
        page.locator("summary", has_text="Your own table").click()
        file = {"name": "my data.csv", "mimeType": "text/csv", "buffer": TABLE.encode()}
        page.locator("input[type=file]").set_input_files(file)
        page.wait_for_function("document.querySelector('output').textContent.startsWith('my data.csv: 70')")
        page.evaluate(
            """text => { const data = new DataTransfer();
            data.items.add(new File([text], "dropped.csv"));
            document.querySelector(".gl-plot").dispatchEvent(new DragEvent("drop", {
              dataTransfer: data, bubbles: true, cancelable: true })); }""",
            "1 2\n3 4\n5 7",
        )
        page.wait_for_function("document.querySelector('output').textContent.startsWith('dropped.csv: 3')")

    def test_columns_are_chosen_by_name(self, show):
        page = show(figure)
        take(page, "\n".join(["a,b,c", *(f"{x:.5f},{i},{y:.5f}" for i, (x, y) in enumerate(PLANE))]))
        page.get_by_label("Up: column").select_option(label="c")
        assert numbers(fit(page))[1] == pytest.approx(native(2)[1], abs=0.02)
        assert "usecols=(0, 2)" in page.locator("pre").text_content()

    def test_an_address_holds_no_samples(self, show):
        page = show(figure)
        take(page, "11111,22222\n33333,44444")
        text = str(state(page))
        assert not any(number in text for number in ("11111", "22222", "33333", "44444"))
        address = page.evaluate("location.href")
        page.goto("about:blank")
        page.goto(address)
        page.wait_for_selector('.gmm-live[data-state="live"]')
        assert "70 samples" in said(page)


@pytest.mark.slow
class TestDrawing:
    def test_mouse_touch_and_keyboard_draw(self, show):
        page = show(figure, width=PHONE, has_touch=True)
        choose(page, "Pointer", "draws samples")
        box = page.locator(".gl-plot").first.bounding_box()
        page.mouse.click(box["x"] + 200, box["y"] + 100)
        assert "71 samples" in said(page)
        page.mouse.move(box["x"] + 100, box["y"] + 60)
        page.mouse.down()
        for i in range(1, 6):
            page.mouse.move(box["x"] + 100 + 20 * i, box["y"] + 60)
        page.mouse.up()
        assert "82 samples" in said(page)  # two at each of five places, and the first
        swipe(page, (box["x"] + 90, box["y"] + 90), (box["x"] + 120, box["y"] + 120))
        assert "85 samples" in said(page)
        pen = page.get_by_role("slider", name="Pen that draws samples")
        for key in ("ArrowRight", "Enter", "Enter"):
            pen.press(key)
        assert "87 samples" in said(page)
        press(page, "Undo")
        assert "8" in said(page)
        fit(page)
        assert "BIC" in said(page)

    def test_an_empty_page_says_what_to_do(self, show):
        page = show(figure)
        choose(page, "Samples", "my own")
        press(page, "Fit")
        assert said(page) == "There are no samples yet. Draw some, or bring a table."
        box = page.locator(".gl-plot").first.bounding_box()
        for x, y in ((100, 100), (150, 300), (300, 200), (350, 120), (250, 90), (180, 180), (280, 310)):
            page.mouse.click(box["x"] + x, box["y"] + y)
        assert "7 samples" in said(page)
        assert page.locator("pre").text_content().startswith("X = numpy.array([[")
        choose(page, "Components", "1")
        assert "BIC" in fit(page)


@pytest.mark.slow
def test_both_themes_at_both_widths(show):
    page = show(figure)
    take(page, "\n".join(["a,b,c", *(f"{x:.5f},{i},{y:.5f}" for i, (x, y) in enumerate(PLANE))]))
    fit(page)
    page.locator("summary", has_text="Show me the Python").click()
    check_both_themes(page)
