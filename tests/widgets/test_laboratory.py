"""Live figures of chapters 5, 8, 9, 10, 13 and 14: mouse, touch and keyboard, and the numbers of the package."""

from __future__ import annotations

import json

import numpy as np
import pytest
from live_helpers import PHONE, centre, check_both_themes, choose, drag, press, said, state, touch
from scipy.stats import multivariate_normal
from widget_examples import LINE, PLANE, WIDTHS
from widget_helpers import Elements, numbers

import gmm
from gmm import datasets, widgets
from gmm.widgets import _live
from gmm.widgets.surface import _is_saddle

WAITS = datasets.load_old_faithful().X[:, 1].round()  # whole minutes, also where the last bits are changed
NOISE = np.random.default_rng(2).standard_normal(60)
MEANS, HALVES = np.array([[0.0, 0.0], [4.0, 6.0]]), np.array([0.5, 0.5])
FIGURES = {
    "spike": lambda: widgets.spike(WAITS, 78.0, 0.3, limits=(-1400, -900), label="waiting (min)", unit="min"),
    "criteria": lambda: widgets.criteria_explorer(PLANE),
    "sigma": lambda: widgets.sigma_slider(PLANE, MEANS, HALVES, [9.0, 0.01]),
    "surface": lambda: widgets.likelihood_surface(LINE, [0.6, 0.4], WIDTHS, n_starts=5, start=(0.0, 4.0)),
    "rates": lambda: widgets.em_rates(NOISE, tol=1e-4),
}
# A narrow component can sit on any of 31 groups, beside a wide one.
COMB = (np.repeat(10.0 * np.arange(31), 5)[:, None], [0.5, 0.5], np.array([8000.0, 0.2]).reshape(2, 1, 1))


def sigma(**changes):
    given = {"X": PLANE, "means": MEANS, "weights": HALVES, "variances": [9.0, 0.01]} | changes
    return widgets.sigma_slider(**given)


every_figure = pytest.mark.parametrize("kind", FIGURES)


@every_figure
def test_html_is_the_same_again_and_has_a_picture(kind):
    html = FIGURES[kind]().data
    (root,) = Elements(html).all("div", **{"class": "gmm-live"})
    assert root["data-kind"] == kind
    (picture,) = Elements(html).all("svg", role="img")
    assert len(picture["aria-label"]) > 30
    assert html == FIGURES[kind]().data


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: widgets.spike(WAITS, 78.5, 0.3), "centre must be one of the values of x; got 78.5"),
        (lambda: widgets.spike(WAITS, 78.0, 1.0), "weight must be < 1; got 1"),
        (lambda: widgets.spike(WAITS, 78.0, 0.3, start=50.0), "widths and start must satisfy"),
        (lambda: widgets.spike([2.0, 2.0], 2.0, 0.3), "x must have at least two different values"),
        (lambda: widgets.spike(WAITS, 78.0, 0.3, amounts=[-1.0]), "amounts must be >= 0"),
        (lambda: widgets.criteria_explorer(PLANE[:40]), "X must have at least 45 samples here; got 40"),
        (lambda: widgets.criteria_explorer(PLANE[:, :1]), "X must have 2 features"),
        (lambda: widgets.criteria_explorer(PLANE, cv=1), "cv must be >= 2"),
        (lambda: widgets.em_rates(NOISE[:5]), "noise must hold at least 8 draws; got 5"),
        (lambda: widgets.em_rates(NOISE, separation=7.0), "separation must be from 1.5 to 6; got 7"),
        (lambda: widgets.em_rates(NOISE, tol=1e-12), "tol must be from 1e-9 to 0.1; got 1e-12"),
        (lambda: widgets.likelihood_surface(PLANE, [0.5, 0.5], WIDTHS), "X must have 1 feature"),
        (lambda: widgets.likelihood_surface(LINE, [1.0], WIDTHS[:1]), "weights must be two positive"),
        (lambda: widgets.likelihood_surface(LINE, [0.5, 0.5], -WIDTHS), "positive definite"),
        (lambda: widgets.likelihood_surface(LINE, [0.5, 0.5], WIDTHS, start=(0, 99)), "start must be two"),
        (lambda: widgets.likelihood_surface(LINE, [0.5, 0.5], WIDTHS, n_starts=1), "n_starts must be >= 2"),
        (lambda: widgets.likelihood_surface(*COMB, n_starts=31), "at most 26 optima .* reaches 31"),
        (lambda: sigma(X=PLANE[:, :1]), "X must have 2 features to be drawn; got 1"),
        (lambda: sigma(X=PLANE * np.nan), "X must be finite"),
        (lambda: sigma(means=MEANS[:, :1]), "means must have 2 features"),
        (lambda: sigma(weights=[1.0]), "means"),
        (lambda: sigma(means=np.zeros((7, 2)), weights=np.full(7, 1 / 7)), "at most 6 components; got 7"),
        (lambda: sigma(variances=[1.0, 0.0]), "variances must be positive; got 0.0"),
        (lambda: sigma(variances=[1.0, 1.0]), "variances must be at least two different numbers"),
        (lambda: sigma(name="two words"), "name must be a letter followed by"),
        (lambda: sigma(axis_labels=("x",)), "axis_labels must be two strings"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("means", [(0.5, 7.0), (3.0, 3.0), (4.0, 5.0), (-1.0, 2.0)])
def test_saddles_are_where_differences_find_a_direction_upwards(means):
    weights, h = np.array([0.6, 0.4]), 1e-3

    def height(a, b):
        return gmm.log_likelihood(LINE, weights, np.array([[means[0] + a], [means[1] + b]]), WIDTHS)

    first = (height(h, 0) - 2 * height(0, 0) + height(-h, 0)) / h**2
    second = (height(0, h) - 2 * height(0, 0) + height(0, -h)) / h**2
    mixed = (height(h, h) - height(h, -h) - height(-h, h) + height(-h, -h)) / (4 * h**2)
    upwards = np.linalg.eigvalsh([[first, mixed], [mixed, second]])[-1] > 0
    assert _is_saddle(LINE, weights, np.array(means), WIDTHS) == upwards


def test_the_picture_of_the_surface_names_optima_and_saddle():
    html = widgets.likelihood_surface(LINE, [0.5, 0.5], np.ones((2, 1, 1)), n_starts=6).data
    page = Elements(html)
    assert page.content["text"].count("A") == 2  # mirror images share a letter
    assert page.content["text"].count("saddle") == 1
    (root,) = page.all("div", **{"class": "gmm-live"})
    assert "1 optimum and 1 saddle" in root["aria-label"]
    (grey,) = (a for a in page.all("path") if a.get("class") == "gw-starts" and "grey" in a.get("style", ""))
    assert grey["d"].count("M") == 6  # from the diagonal, and from nowhere else


@pytest.mark.slow
class TestSpike:
    PARTS = {"weight": 0.3, "mean": WAITS.mean(), "variance": WAITS.var()}  # noqa: RUF012

    def following(self, sigma, centre=78.0, weight=0.3, amount=0.0):
        """EM's next width, the centre held, with the functions of the package."""
        theta = ([weight, 1 - weight], [[centre], [WAITS.mean()]], [[[sigma**2]], [[WAITS.var()]]])
        resp = gmm.responsibilities(WAITS[:, None], *theta)
        after = gmm.update_covariances(WAITS[:, None], resp, theta[1])[0, 0, 0]
        return np.sqrt(after + amount)

    def test_height_and_next_width(self, show):
        page = show(FIGURES["spike"])
        sigma, height, after = numbers(said(page))[:3]
        assert (sigma, height) == pytest.approx(
            (1.0, gmm.collapse_log_likelihood(WAITS, 78.0, 1.0, **self.PARTS)), abs=0.006
        )
        assert after == pytest.approx(self.following(1.0), rel=0.02)
        for _ in range(3):
            before = state(page)["sigma"]
            press(page, "EM step")
            assert state(page)["sigma"] == pytest.approx(self.following(before), rel=1e-4)

    def test_mouse_touch_and_keyboard_narrow_it(self, show):
        page = show(FIGURES["spike"], width=PHONE, has_touch=True)
        widths = [1.0]
        for move in (
            lambda: drag(page, "Width of the spike", 40, 0),
            lambda: touch(page, "Width of the spike", 40, 0),
            lambda: page.get_by_role("slider", name="Width of the spike").press("ArrowRight"),
        ):
            move()
            widths.append(
                numbers(page.get_by_role("slider", name="Width of the spike").get_attribute("aria-valuetext"))[0]
            )
        now = state(page)["sigma"]
        press(page, "Undo", "Undo", "Undo")
        assert state(page)["sigma"] == pytest.approx(1.0)
        assert now < 0.1

    def test_run_falls_without_a_ridge_and_ends_with_one(self, show):
        page = show(FIGURES["spike"], reduced_motion="reduce")
        slider = page.get_by_role("slider", name="Width of the spike")
        for _ in range(3):
            slider.press("Shift+ArrowRight")
        assert state(page)["sigma"] == pytest.approx(10**-0.75, rel=1e-4)  # beyond the dip, at 0.28
        press(page, "Run")
        assert state(page)["sigma"] == pytest.approx(1e-7, rel=1e-3)
        choose(page, "Ridge", "0.01")
        press(page, "Run")
        end = state(page)["sigma"]
        assert end == pytest.approx(self.following(end, amount=0.01), rel=1e-3)
        assert 0.1 <= end < 0.12

    def test_centre_and_weight(self, show):
        page = show(FIGURES["spike"])
        page.get_by_role("slider", name="Centre").press("Home")
        page.get_by_role("slider", name="Weight").press("Home")
        now = state(page)
        assert now["centre"] == WAITS.min()
        parts = self.PARTS | {"weight": 0.02}
        page.get_by_role("slider", name="Weight").press("ArrowRight")
        page.get_by_role("slider", name="Weight").press("ArrowLeft")
        expected = gmm.collapse_log_likelihood(WAITS, WAITS.min(), 1.0, **parts)
        assert numbers(said(page))[1] == pytest.approx(expected, abs=0.006)


@pytest.mark.slow
class TestCriteria:
    def settled(self, page):
        page.wait_for_function("/choices:/.test(document.querySelector('output').textContent)")
        return said(page)

    @pytest.mark.parametrize("structure", ["full", "tied"])
    def test_numbers_are_those_of_the_package(self, structure, show):
        page = show(FIGURES["criteria"])
        choose(page, "Structure", structure)
        options = {"tol": 1e-7, "max_iter": 3000, "reg_covar": "auto", "on_collapse": "restart", "random_state": 0}
        for K in (1, 2):
            choose(page, "Components", str(K))
            _, ell, p, aic, bic, icl = numbers(self.settled(page))[:6]
            model = gmm.GaussianMixture(K, covariance_type=structure, n_init=5, **options).fit(PLANE)
            best = 70 * model.score(PLANE)
            assert (ell, p) == pytest.approx((best, model.n_parameters_), abs=0.02)
            assert (aic, bic) == pytest.approx((model.aic(PLANE), model.bic(PLANE)), abs=0.1)
            assert icl == pytest.approx(gmm.icl(best, model.n_parameters_, model.predict_proba(PLANE)), abs=0.1)

    def test_samples_left_out_are_judged_by_the_others(self, show):
        page = show(FIGURES["criteria"])
        choose(page, "Components", "1")
        folds, total = np.random.default_rng(0).permutation(np.arange(70) % 5), 0.0
        for fold in range(5):
            kept, held = PLANE[folds != fold], PLANE[folds == fold]
            covariance = np.cov(kept.T, bias=True) + 1e-6 * np.diag(kept.var(axis=0))
            total += multivariate_normal(kept.mean(axis=0), covariance).logpdf(held).sum()
        assert numbers(self.settled(page))[6] == pytest.approx(-2 * total, abs=0.06)

    def test_price_moves_the_choice_from_many_to_one(self, show):
        page = show(FIGURES["criteria"])
        self.settled(page)
        slider = page.get_by_role("slider", name="Price of a parameter")
        chosen = lambda: int(numbers(said(page).partition("a parameter,")[2])[0])  # noqa: E731
        slider.press("Home")
        free = chosen()
        slider.press("End")
        assert chosen() <= 2 <= free
        box = slider.bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert state(page)["price"] == pytest.approx(5.0, abs=0.3)


@pytest.mark.slow
class TestSigma:
    def check(self, page):
        now = state(page)
        page.get_by_role("slider", name="Variance σ²").press("ArrowLeft")
        page.get_by_role("slider", name="Variance σ²").press("ArrowRight")
        resp = gmm.spherical_responsibilities(PLANE, HALVES, now["means"], 10 ** now["exponent"])
        assert f"{(resp.max(axis=1) < 0.99).sum()} of 70" in said(page)
        assert f"entropy {gmm.responsibility_entropy(resp).mean():.3f} nats" in said(page)
        return resp

    def test_mouse_touch_and_keyboard_drag_a_mean(self, show):
        page = show(FIGURES["sigma"], width=PHONE, has_touch=True)
        x, y = centre(page, "Mean 1")
        drag(page, "Mean 1", 30, -30)
        touch(page, "Mean 1", 20, -20)
        page.get_by_role("slider", name="Mean 1").press("ArrowUp")
        assert centre(page, "Mean 1")[0] == pytest.approx(x + 50, abs=2)
        assert centre(page, "Mean 1")[1] < y - 48
        self.check(page)

    def test_means_move_as_by_the_package_and_at_last_as_k_means(self, show):
        page = show(FIGURES["sigma"], reduced_motion="reduce")
        resp = self.check(page)
        press(page, "Move means")
        np.testing.assert_allclose(state(page)["means"], gmm.update_means(PLANE, resp), rtol=1e-4)
        page.get_by_role("slider", name="Variance σ²").press("Home")
        press(page, "Run")
        ends = gmm.lloyd(PLANE, gmm.update_means(PLANE, resp)).centres
        np.testing.assert_allclose(state(page)["means"], ends, rtol=1e-3, atol=1e-3)
        self.check(page)


@pytest.mark.slow
class TestSurface:
    def check(self, page):
        now = state(page)
        page.get_by_role("slider", name="Start of the path").press("ArrowRight")
        page.get_by_role("slider", name="Start of the path").press("ArrowLeft")
        weights, means = np.array([now["weight"], 1 - now["weight"]]), np.reshape(now["start"], (2, 1))
        covariances = WIDTHS * now["width"] ** 2
        text = said(page).partition(" The map")[0]
        height, n_iter, *end = numbers(text)[2:]
        assert height == pytest.approx(gmm.log_likelihood(LINE, weights, means, covariances), abs=0.02)
        for _ in range(int(n_iter)):
            means = gmm.update_means(LINE, gmm.responsibilities(LINE, weights, means, covariances))
        top = gmm.log_likelihood(LINE, weights, means, covariances)
        assert end == pytest.approx([*means[:, 0], top], abs=0.02)

    def test_mouse_touch_and_keyboard_choose_the_start(self, show):
        page = show(FIGURES["surface"], width=PHONE, has_touch=True)
        self.check(page)
        drag(page, "Start of the path", 40, 30)
        self.check(page)
        touch(page, "Start of the path", -30, 40)
        self.check(page)
        box = page.locator(".gl-plot").first.bounding_box()
        page.mouse.click(box["x"] + 150, box["y"] + 90)
        assert centre(page, "Start of the path") == pytest.approx((box["x"] + 150, box["y"] + 90), abs=1)
        page.get_by_role("slider", name="Weight of the first").press("End")
        page.get_by_role("slider", name="Widths").press("Home")
        self.check(page)

    def test_the_map_finds_the_optima(self, show):
        page = show(lambda: widgets.likelihood_surface(LINE, [0.5, 0.5], np.ones((2, 1, 1)), n_starts=5, start=(0, 5)))
        page.wait_for_function("document.querySelector('output').textContent.includes('The map has')")
        assert said(page).endswith("The map has 1 optima.") or said(page).endswith("The map has 1 optimum.")
        letters = page.locator("text.large").all_text_contents()
        assert sorted(letters) == ["A", "A", "◇"]

    def test_the_bands_are_those_of_the_likelihood(self, show):
        theta = np.array([0.2, 0.8]), np.array([[[0.2]], [[6.0]]])
        page = show(lambda: widgets.likelihood_surface(LINE, *theta, n_starts=3, start=(0, 5)))
        page.wait_for_function("document.querySelector('output').textContent.includes('The map has')")
        info = json.loads(page.locator('script[type="application/json"]').text_content())
        nodes = np.linspace(info["low"], info["high"], 41)
        heights = [[gmm.log_likelihood(LINE, theta[0], [[a], [b]], theta[1]) for a in nodes] for b in nodes]
        depths = (np.max(heights) - heights) / np.ptp(heights)
        window = page.locator("clipPath rect").first
        left, width, bottom = (float(window.get_attribute(name)) for name in ("x", "width", "height"))
        script = """(canvas, places) => {
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const pixel = v => Math.round(v * canvas.width / parseFloat(canvas.style.width));
            return places.map(([x, y]) => data[4 * (pixel(y) * canvas.width + pixel(x)) + 3]); }"""
        picked = [(i, j) for i in range(4, 40, 4) for j in range(4, 40, 4)]
        places = [[left + width * j / 40, bottom - (bottom - 10) * i / 40] for i, j in picked]
        found = page.locator("canvas").first.evaluate(script, places)
        bands = len(info["depths"])
        clear = 0
        for (i, j), alpha in zip(picked, found, strict=True):
            if (
                np.abs(depths[i - 1 : i + 2, j - 1 : j + 2] - depths[i, j]).max()
                < np.abs(depths[i, j] - info["depths"]).min()
            ):
                band = np.searchsorted(info["depths"], depths[i, j], side="right")
                assert alpha == (0 if band == bands else 30 + 18 * (bands - 1 - band))
                clear += 1
        assert clear > 15


@pytest.mark.slow
class TestRates:
    def check(self, page, separation, tol):
        X = (NOISE + separation * (np.arange(60) >= 30))[:, None]
        start = ([0.5, 0.5], [[0.0], [separation]], np.ones((2, 1, 1)))
        long = gmm.em(X, *start, tol=1e-15, max_iter=3000)
        stopped = gmm.em(X, *start, tol=tol)
        found = numbers(said(page).replace("× 10⁻", "e-"))
        assert found[:2] == [pytest.approx(separation), stopped.n_iter]
        assert found[2] == pytest.approx(long.log_likelihood - stopped.log_likelihood, rel=0.06)

    def test_stops_where_the_package_does(self, show):
        page = show(FIGURES["rates"])
        self.check(page, 3.0, 1e-4)
        apart, tolerance = (page.get_by_role("slider", name=name) for name in ("Groups apart", "Tolerance"))
        for _ in range(5):
            apart.press("ArrowLeft")
        self.check(page, 2.5, 1e-4)
        for _ in range(2):
            tolerance.press("ArrowRight")
        self.check(page, 2.5, 1e-3)

    def test_mouse_touch_and_keyboard_move_the_stop(self, show):
        page = show(FIGURES["rates"], width=PHONE, has_touch=True)
        stop = lambda: int(numbers(said(page))[1])  # noqa: E731
        first = stop()
        drag(page, "Where EM stops", 40, 0)
        second = stop()
        touch(page, "Where EM stops", -40, 0)
        third = stop()
        page.get_by_role("slider", name="Where EM stops").press("ArrowRight")
        assert third < second > first
        assert stop() >= third


@pytest.mark.slow
@every_figure
def test_both_themes_at_both_widths(kind, show):
    check_both_themes(show(FIGURES[kind]))


@pytest.mark.slow
@every_figure
def test_without_webassembly_the_picture_stays_and_says_so(kind, visit, monkeypatch):
    monkeypatch.setattr(_live, "_carrier", None)
    page = visit(FIGURES[kind]())
    page.add_init_script("delete globalThis.WebAssembly")
    page.reload()
    page.wait_for_selector('.gmm-live[data-state="stored"]')
    assert page.locator(".gl-stored > svg").is_visible()
    assert page.locator("button").count() == 0
