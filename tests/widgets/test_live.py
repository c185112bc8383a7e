"""Live figures in a real browser: mouse, touch and keyboard, and the same numbers as the functions of the package."""

from __future__ import annotations

import inspect
import json
import re
from itertools import islice

import numpy as np
import pytest
import screenshot
from axe_playwright_python.sync_playwright import Axe
from live_helpers import centre, drag, press, said, state, swipe
from widget_examples import LINE, PLANE, START_1, START_2, THREE
from widget_helpers import Elements, numbers

import gmm
from gmm import widgets
from gmm.formulas import responsibilities, variational

PHONE = 390
K_VB = 5
RESP = gmm.responsibilities(PLANE, *START_2)
UNITS = {"hours": 1.0, "minutes": 60.0}
LABELS = gmm.lloyd(PLANE, gmm.kmeans_plusplus(PLANE, K_VB, rng=1)).labels
FIGURES = {
    "em-plane": lambda X=PLANE, **more: widgets.em_plane(X, *START_2, **more),
    "vb-concentration": lambda X=PLANE, **more: widgets.vb_concentration(X, LABELS, K_VB, **more),
    "responsibility-line": lambda **more: widgets.responsibility_line(*THREE, **more),
    "two-modes": widgets.two_modes,
    "paint-shares": lambda X=PLANE, **more: widgets.paint_shares(X, RESP, **more),
    "covariance-structures": lambda X=PLANE, **more: widgets.covariance_structures(X, LABELS % 2, 2, **more),
    "elbo-curve": lambda X=LINE, **more: widgets.elbo_curve(X, *START_1, component=1, **more),
    "ellipse-explorer": lambda X=PLANE, **more: widgets.ellipse_explorer(X, **more),
    "border-band": lambda X=PLANE, **more: widgets.border_band(X, *START_2, units=UNITS, **more),
}
every_figure = pytest.mark.parametrize("kind", FIGURES)


def likelihood(now, X=PLANE):
    return gmm.log_likelihood(X, *parameters(now))


def parameters(now):
    """The parameters of a state: six digits of the weights may sum to a little less or more than one."""
    return np.divide(now["weights"], np.sum(now["weights"])), now["means"], now["covariances"]


# ------------------------------------------------------------------------------------- without a browser


@every_figure
def test_the_html_is_valid_the_same_again_and_asks_for_nothing(kind):
    html = FIGURES[kind]().data
    page = Elements(html)
    (root,) = page.all("div", **{"class": "gmm-live"})
    assert root["data-kind"] == kind
    assert root["role"] == "group"
    assert len(root["aria-label"]) > 20
    (picture,) = page.all("svg", role="img")
    assert len(picture["aria-label"]) > 20
    assert html == FIGURES[kind]().data
    assert not re.search(r"https?:(?!//www\.w3\.org/2000/svg)|@import|url\((?!#)", html.replace("url(#${", ""))
    X = inspect.signature(FIGURES[kind]).parameters.get("X")
    if X is not None:
        noise = 1 + 1e-14 * np.random.default_rng(0).uniform(-1, 1, X.default.shape)
        assert FIGURES[kind](X=X.default * noise).data == html


def test_the_first_figure_carries_what_all_share_also_when_its_cell_runs_again():
    first, second, again = FIGURES["em-plane"](), FIGURES["vb-concentration"](), FIGURES["em-plane"]()
    assert first.data == again.data
    assert "gmmKernels ??=" in first.data
    assert "gmmKernels ??=" not in second.data
    assert len(second.data) < 30_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "em-plain"}, "kind must be one of .*em-plane, "),
        ({"name": "a b"}, "name must be a letter"),
        ({"data": {"a": {1, 2}}}, "data must hold numbers, strings, lists and arrays; got set"),
    ],
)
def test_a_figure_that_cannot_be_is_refused(options, message):
    given = {"kind": "em-plane", "picture": "", "summary": "s", "suggest": "t", "notice": "n"} | options
    with pytest.raises((TypeError, ValueError), match=message):
        widgets.live(**given)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="X must have 2 features"):
        widgets.em_plane(PLANE[:, :1], [1.0], [[0.0]], [[[1.0]]])
    with pytest.raises(ValueError, match="X must have 2 features"):
        widgets.vb_concentration(PLANE[:, :1], LABELS, K_VB)
    with pytest.raises(ValueError, match="labels must lie between 0 and 1"):
        widgets.vb_concentration(PLANE, LABELS, 2)
    with pytest.raises(ValueError, match="factors must be > 0"):
        widgets.vb_concentration(PLANE, LABELS, K_VB, factors=[1.0, 0.0])
    with pytest.raises(ValueError, match="axis_labels must be two strings"):
        FIGURES["em-plane"](axis_labels=("a",))


# ------------------------------------------------------------------------------------- EM on the plane


@pytest.mark.slow
class TestEMPlane:
    def test_half_steps_are_those_of_the_package(self, show):
        page = show(FIGURES["em-plane"]())
        states = list(islice(gmm.em_steps(PLANE, *START_2), 4))
        assert numbers(said(page))[1] == pytest.approx(states[0].log_likelihood, abs=0.006)
        for t in range(3):
            press(page, "E-step")
            counts = states[t].resp.sum(axis=0)
            assert numbers(said(page))[1:] == pytest.approx([*counts, states[t].log_likelihood], abs=0.06)
            page.get_by_role("button", name="E-step", exact=True).dispatch_event("click")  # nothing: it is done
            press(page, "M-step")
            new = states[t + 1]
            gain = new.log_likelihood - states[t].log_likelihood
            bound = gmm.elbo(PLANE, states[t].resp, new.weights, new.means, new.covariances)
            found = numbers(said(page))[1:]
            assert found == pytest.approx([new.log_likelihood, gain, bound], abs=0.006)
        now = state(page)
        np.testing.assert_allclose(now["means"], states[3].means, rtol=1e-5)
        np.testing.assert_allclose(now["covariances"], states[3].covariances, rtol=1e-5)
        np.testing.assert_allclose(now["trace"], [s.log_likelihood for s in states], rtol=1e-5)
        cells = numbers(", ".join(page.locator("td").all_inner_texts()))
        sd = np.sqrt(np.diagonal(states[3].covariances, axis1=1, axis2=2))
        assert cells == pytest.approx(np.column_stack([states[3].weights, states[3].means, sd]).ravel(), abs=0.06)

    def test_colours_are_the_responsibilities(self, show):
        page = show(FIGURES["em-plane"]())
        press(page, "E-step", "M-step", "E-step")
        colours = "() => [...document.querySelectorAll('.gl-sample')].map(e => getComputedStyle(e).fill)"
        found = np.array([numbers(text)[:3] for text in page.evaluate(colours)]) / 255
        resp = list(islice(gmm.em_steps(PLANE, *START_2), 2))[1].resp
        assert np.abs(found - gmm.plot.mix_colours(resp)).max() < 0.005

    def test_mouse_drags_a_mean_and_an_axis(self, show):
        page = show(FIGURES["em-plane"]())
        press(page, "E-step")
        before = state(page)
        drag(page, "Component 1: mean", 60, -40)
        moved = state(page)
        assert moved["means"][0][0] > before["means"][0][0]
        assert moved["means"][0][1] > before["means"][0][1]
        assert moved["means"][1] == before["means"][1]
        assert moved["asked"] is None
        x, y = centre(page, "Component 2: long axis")
        drag(page, "Component 2: long axis", 20, 30)
        assert centre(page, "Component 2: long axis") == pytest.approx((x + 20, y + 30), abs=1)
        assert state(page)["covariances"][1][0][1] < 0  # downwards to the right
        press(page, "E-step")
        now = state(page)
        assert numbers(said(page)) == []  # Link has said something; a further change says the state again
        press(page, "M-step")
        assert numbers(said(page))[1] == pytest.approx(likelihood(state(page)), abs=0.02)
        resp = gmm.responsibilities(PLANE, *parameters(now))
        np.testing.assert_allclose(state(page)["means"], gmm.update_means(PLANE, resp), rtol=1e-4)

    def test_a_drag_puts_the_mean_under_the_pointer(self, show):
        page = show(FIGURES["em-plane"]())
        x, y = centre(page, "Component 2: mean")
        drag(page, "Component 2: mean", -50, 30)
        assert centre(page, "Component 2: mean") == pytest.approx((x - 50, y + 30), abs=1)
        press(page, "Undo")  # the whole drag
        assert centre(page, "Component 2: mean") == pytest.approx((x, y), abs=1)

    def test_touch_drags_a_mean_and_the_page_still_scrolls_beside_it(self, show):
        page = show(FIGURES["em-plane"](), width=PHONE, has_touch=True)
        x, y = centre(page, "Component 1: mean")
        before = state(page)["means"][0]
        swipe(page, (x + 9, y + 9), (x + 30, y + 9), (x + 69, y - 31))
        assert centre(page, "Component 1: mean") == pytest.approx((x + 60, y - 40), abs=1.5)
        after = state(page)["means"][0]
        assert after[0] > before[0]
        assert after[1] > before[1]
        assert page.evaluate("getComputedStyle(document.querySelector('.gl-plot')).touchAction") == "pan-y"

    def test_keyboard_moves_means_and_axes(self, show):
        page = show(FIGURES["em-plane"]())
        mean = page.get_by_role("slider", name="Component 1: mean")
        first = state(page)
        mean.press("ArrowRight")
        mean.press("Shift+ArrowUp")
        now = state(page)
        data = json.loads(page.locator('script[type="application/json"]').text_content())
        steps = [(data["x"][1] - data["x"][0]) / 100, 5 * (data["y"][1] - data["y"][0]) / 100]
        np.testing.assert_allclose(np.subtract(now["means"][0], first["means"][0]), steps, rtol=1e-4)
        assert mean.get_attribute("aria-valuetext") == "{:.2f}, {:.1f}".format(*now["means"][0])
        axis = page.get_by_role("slider", name="Component 1: long axis")
        axis.press("ArrowUp")
        longer = np.array(state(page)["covariances"][0])
        assert np.linalg.det(longer) == pytest.approx(1.05**2 * np.linalg.det(first["covariances"][0]), rel=1e-4)
        axis.press("ArrowLeft")
        turned = np.array(state(page)["covariances"][0])
        assert np.linalg.det(turned) == pytest.approx(np.linalg.det(longer), rel=1e-4)
        assert turned[0, 1] > longer[0, 1] + 1e-3  # an axis to the right, turned to the left, points upwards

    def test_an_axis_may_become_the_longer_one_while_it_is_dragged(self, show):
        X = np.array([[-10.0, -8.0], [10.0, 8.0], [1.0, 2.0]])
        page = show(widgets.em_plane(X, [1.0], [[0.0, 0.0]], [[[1.0, 0.0], [0.0, 1.0]]]))
        x, y = centre(page, "Component 1: mean")
        drag(page, "Component 1: short axis", 0, -100)
        (covariance,) = state(page)["covariances"]
        assert covariance[0] == pytest.approx([1.0, 0.0], abs=1e-4)
        assert covariance[1][1] > 4
        assert centre(page, "Component 1: mean") == (x, y)

    def test_samples_come_and_go_by_keyboard_and_mouse(self, show):
        page = show(FIGURES["em-plane"]())
        page.get_by_label("adds samples").focus()
        page.keyboard.press("Space")
        pen = page.get_by_role("slider", name="Pen that adds samples")
        for key in ("ArrowRight", "ArrowDown", "Enter"):
            pen.press(key)
        (added,) = state(page)["added"]
        assert added == pytest.approx(state(page)["pen"], rel=1e-5)
        box = page.locator(".gl-plot").first.bounding_box()
        page.mouse.click(box["x"] + 200, box["y"] + 150)
        assert said(page).startswith(f"{len(PLANE) + 2} samples")
        X = np.vstack([PLANE, state(page)["added"]])
        page.locator("label", has_text="removes").click()
        assert numbers(said(page))[1] == pytest.approx(likelihood(state(page), X), abs=0.02)
        sample = page.locator(".gl-sample").nth(3).bounding_box()
        page.mouse.click(sample["x"] + 3, sample["y"] + 3)
        removed = state(page)["removed"]
        assert len(removed) == 1
        assert np.abs(PLANE[removed[0]] - PLANE[3]).max() < 0.3
        press(page, "Reset")
        assert said(page).startswith(f"{len(PLANE)} samples")
        press(page, "Undo", "Undo", "Undo")
        assert said(page).startswith(f"{len(PLANE) + 2} samples")

    def test_run_ends_at_the_maximum_that_em_finds(self, show):
        page = show(FIGURES["em-plane"](), reduced_motion="reduce")
        press(page, "Run")
        expected = gmm.em(PLANE, *START_2, tol=1e-6)
        assert numbers(said(page))[1] == pytest.approx(expected.log_likelihood, abs=0.006)
        press(page, "Undo")  # all of it
        assert said(page).startswith(f"{len(PLANE)} samples")

    def test_run_goes_by_half_steps_and_can_be_stopped(self, show):
        page = show(FIGURES["em-plane"](), clock=True)
        press(page, "Run")
        page.clock.run_for(1100)  # at once, after half a second, after one
        assert said(page).startswith("E-step 2")
        press(page, "Pause")
        page.clock.run_for(5000)
        assert said(page).startswith("E-step 2")

    def test_components_and_new_starts(self, show):
        page = show(FIGURES["em-plane"]())
        page.locator("label", has_text=re.compile("^6$")).click()
        now = state(page)
        assert len(now["means"]) == 6
        assert now["means"][:2] == [list(row) for row in START_2[1]]
        assert now["weights"] == pytest.approx([1 / 6] * 6, rel=1e-5)
        press(page, "New random start")
        assert numbers(said(page))[1] == pytest.approx(likelihood(state(page)), rel=1e-4)
        page.locator("label", has_text=re.compile("^1$")).click()
        press(page, "E-step", "M-step")
        best = gmm.max_gaussian_log_likelihood(PLANE)
        assert numbers(said(page))[1] == pytest.approx(best, abs=0.006)

    def test_a_collapse_is_named_and_not_entered(self, show):
        X = np.vstack([PLANE, [[60.0, 60.0], [60.0, 60.0]]])
        start = ([0.5, 0.5], [[0.0, 2.0], [60.0, 60.0]], np.array([np.eye(2), np.eye(2)]))
        page = show(widgets.em_plane(X, *start))
        press(page, "E-step", "M-step")
        assert said(page).startswith("Component 2 would collapse")
        assert state(page)["means"] == start[1]
        press(page, "Undo")
        assert said(page).startswith(f"{len(X)} samples")


# ------------------------------------------------------------------------------------- variational Bayes


def climb(exponent, factor):
    """The same run with the functions of the package: number in use, and bound."""
    prior = (10.0**exponent, PLANE.mean(axis=0), 1.0, factor * np.cov(PLANE.T), 2.0)
    resp, bound = gmm.one_hot(LABELS, K_VB), -np.inf
    for _ in range(5000):
        posterior = variational.variational_m_step(PLANE, resp, *prior)
        log_joint = variational.variational_log_joint(PLANE, *posterior)
        resp = np.exp(responsibilities.log_responsibilities_kernel(log_joint))
        before, bound = bound, variational.variational_bound(PLANE, resp, posterior, prior)
        if bound - before < 1e-6 * len(PLANE):
            break
    return int((posterior.mean_precision - 1.0 >= 1.0).sum()), bound, posterior


@pytest.mark.slow
class TestConcentration:
    def settled(self, page):
        page.wait_for_function("document.querySelector('output').textContent.includes('after')")
        return said(page)

    def check(self, page, exponent, factor):
        text = self.settled(page)
        used, bound, posterior = climb(exponent, factor)
        concentration, factor_said, used_said, offered, _, bound_said = numbers(
            text.replace("α₀", "").replace("Ψ₀", "")
        )
        assert (used_said, offered, factor_said) == (used, K_VB, factor)
        assert concentration == pytest.approx(10.0**exponent, rel=0.05)
        assert bound_said == pytest.approx(bound, abs=0.006)
        heights = page.locator(".gl-area.solid").evaluate_all("bars => bars.map(bar => bar.getBBox().height)")
        weights = posterior.concentration / posterior.concentration.sum()
        assert np.divide(heights, np.sum(heights)) == pytest.approx(weights, abs=0.01)

    def test_keyboard_mouse_and_touch_give_the_numbers_of_the_package(self, show):
        page = show(FIGURES["vb-concentration"](), has_touch=True)
        self.check(page, -1, 1.0)
        slider = page.get_by_role("slider", name="Concentration α₀")
        slider.press("End")
        self.check(page, 1.5, 1.0)
        page.locator("label", has_text=re.compile("^0.1$")).click()
        self.check(page, 1.5, 0.1)
        box = slider.bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        exponent = state(page)["exponent"]
        assert exponent == pytest.approx(-0.75, abs=0.16)
        page.locator("label", has_text=re.compile("^0.01$")).tap()
        self.check(page, exponent, 0.01)
        press(page, "Undo", "Undo", "Undo", "Undo")
        self.check(page, -1, 1.0)

    def test_each_place_leaves_a_dot_on_the_curve(self, show):
        page = show(FIGURES["vb-concentration"](), reduced_motion="reduce")
        slider = page.get_by_role("slider", name="Concentration α₀")
        for _ in range(3):
            self.settled(page)
            slider.press("ArrowRight")
        self.settled(page)
        dots = state(page)["dots"]
        assert [dot[0] for dot in dots] == pytest.approx([-1, -0.9, -0.8, -0.7])
        for exponent, factor, used, bound in dots:
            assert (used, bound) == pytest.approx(climb(exponent, factor)[:2], abs=0.006)


# ------------------------------------------------------------------------------------- what all figures have


@pytest.mark.slow
class TestEveryFigure:
    def test_a_state_in_the_address_comes_back(self, show):
        page = show(FIGURES["em-plane"]())
        press(page, "E-step", "M-step")
        before, text = state(page), page.evaluate("location.href")
        page.goto("about:blank")
        page.goto(text)
        page.wait_for_selector('.gmm-live[data-state="live"]')
        after = state(page)
        assert after.keys() == before.keys()
        for part in ("weights", "means", "covariances", "trace"):
            np.testing.assert_allclose(after[part], before[part], rtol=1e-5)
        press(page, "Undo")
        assert said(page).startswith(f"{len(PLANE)} samples")
        # What is no state, cut short or of a singular mixture, leaves the figure as it was.
        address = text.partition("#")[0]
        for broken in (text[:-40], f"{address}#em-plane:e30", f"{address}#em-plane:%%%"):
            page.goto("about:blank")
            page.goto(broken)
            page.wait_for_selector('.gmm-live[data-state="live"]')
            assert said(page).startswith(f"{len(PLANE)} samples")

    @every_figure
    def test_without_webassembly_the_stored_picture_stays_and_says_so(self, kind, visit):
        figure = FIGURES[kind]()
        page = visit(figure)
        page.add_init_script("delete globalThis.WebAssembly")
        page.reload()
        page.wait_for_selector('.gmm-live[data-state="stored"]')
        assert page.locator(".gl-stored svg").first.is_visible()
        assert page.locator(".gl-note").inner_text().endswith("(no WebAssembly). Its first state is shown.")
        assert page.locator("button").count() == 0

    def test_without_a_script_the_picture_stays(self, visit):
        page = visit(FIGURES["em-plane"](), java_script_enabled=False)
        assert page.locator(".gl-stored svg").first.is_visible()

    def test_a_figure_begins_when_it_comes_near(self, visit):
        figure = FIGURES["em-plane"]()
        figure.data = f'<div style="height: 5000px"></div>{figure.data}'
        page = visit(figure)
        page.evaluate(screenshot.SETTLED)
        assert page.locator(".gmm-live").get_attribute("data-state") is None
        page.mouse.wheel(0, 4400)
        page.wait_for_selector('.gmm-live[data-state="live"]')

    def test_figures_on_one_page_share_the_kernels_whatever_their_order(self, show):
        first, second = FIGURES["em-plane"](), FIGURES["vb-concentration"]()
        page = show(second, first)
        page.wait_for_function("document.querySelectorAll('[data-state=live]').length === 2")
        page.get_by_role("button", name="E-step", exact=True).click()
        page.wait_for_function("document.querySelectorAll('output')[0].textContent.includes('after')")
        assert page.locator("output").nth(1).inner_text().startswith("E-step 1")

    @every_figure
    def test_both_themes_at_both_widths(self, kind, show):
        page = show(FIGURES[kind](), width=PHONE, color_scheme="light")
        for scheme, width in (("light", PHONE), ("dark", 900)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            page.evaluate(screenshot.SETTLED)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            found = Axe().run(page).response["violations"]
            assert [
                (rule["id"], [node["html"][:90] for node in rule["nodes"]])
                for rule in found
                if rule["id"] != "page-has-heading-one"
            ] == []
        for control in page.locator("button, .gl-choice label, .gl-slider input, .gl-reach").all():
            box = control.bounding_box()
            assert min(box["width"], box["height"]) >= 43.9, control.evaluate("e => e.outerHTML")
