"""The live figures of chapters 1 to 11, driven by mouse, touch and keyboard, against the functions of the package."""

from __future__ import annotations

import json
import re

import matplotlib.path
import numpy as np
import pytest
from live_helpers import centre, drag, press, said, state, swipe, take
from scipy import optimize, stats
from widget_examples import LINE, PLANE, START_2, THREE
from widget_helpers import Elements, numbers

import gmm
from gmm import widgets

PHONE = 390
ROW = "() => [...document.querySelectorAll('td')].map(cell => cell.textContent)"


def path(page, css, number=0):
    """Points of a drawn line, in pixels of its picture."""
    return np.array(numbers(page.locator(css).nth(number).get_attribute("d"))).reshape(-1, 2)


def slide(page, name, value):
    page.get_by_role("slider", name=name).evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )


# ------------------------------------------------------------------------------------- responsibilities on the line


@pytest.mark.slow
class TestResponsibilityLine:
    def figure(self, **more):
        return widgets.responsibility_line(*THREE, **{"limits": (-8, 16)} | more)

    def check(self, page):
        """What is said and the table against the package, for the present state."""
        text, cells = said(page), numbers(" ".join(page.evaluate(ROW)))
        now = state(page)
        weights = np.divide(now["weights"], np.sum(now["weights"]))
        theta = weights, np.array(now["means"])[:, None], np.square(now["sds"])[:, None, None]
        x = [[now["x"]]]
        joint, resp = gmm.joint_log_density(x, *theta)[0], gmm.responsibilities(x, *theta)[0]
        found = numbers(text.partition(" Largest")[0])
        expected = [now["x"], gmm.mixture_log_density(x, *theta)[0], *resp]
        assert found[0] == pytest.approx(expected[0], abs=0.051)
        assert found[1:] == pytest.approx(expected[1:], abs=0.0052)
        shown = np.column_stack([weights, joint, resp, now["means"], now["sds"]])
        cells = np.reshape(cells, (3, 5))[:, [0, 3, 4, 1, 2]]
        assert cells[:, :3] == pytest.approx(shown[:, :3], abs=0.0052)
        assert cells[:, 3:] == pytest.approx(shown[:, 3:], abs=0.051)
        grid = np.linspace(-8, 16, 4001)[:, None]
        winners = gmm.hard_labels(gmm.responsibilities(grid, *theta))
        order = winners[np.flatnonzero(np.diff(winners, prepend=-1))] + 1
        assert numbers(text.partition("component")[2]) == order.tolist()
        return now, theta

    def test_keyboard_moves_point_tops_and_widths(self, show):
        page = show(self.figure())
        self.check(page)
        point = page.get_by_role("slider", name="Point on the line")
        point.press("Shift+ArrowLeft")
        now, _ = self.check(page)
        assert now["x"] == pytest.approx(4 - 0.05 * 24)
        page.get_by_role("slider", name="Component 2: mean and weight").press("Shift+ArrowUp")
        page.get_by_role("slider", name="Component 2: mean and weight").press("ArrowRight")
        page.get_by_role("slider", name="Component 3: standard deviation").press("ArrowLeft")
        now, _ = self.check(page)
        assert now["weights"] == pytest.approx([0.2 * 0.45 / 0.5, 0.55, 0.3 * 0.45 / 0.5], rel=1e-5)
        assert now["means"] == pytest.approx([0, 3.24, 4])
        assert now["sds"] == pytest.approx([1, 0.5, 3 / 1.05], rel=1e-5)

    def test_mouse_takes_a_bell_by_its_top_and_its_square(self, show):
        page = show(self.figure())
        width = page.locator(".gl-plot").first.evaluate("e => e.viewBox.baseVal.width")
        unit = (width - 56 - 10) / 24
        x, _ = centre(page, "Component 1: mean and weight")
        drag(page, "Component 1: mean and weight", -30, -20)
        assert centre(page, "Component 1: mean and weight")[0] == pytest.approx(x - 30, abs=1)
        now, _ = self.check(page)
        assert now["means"][0] == pytest.approx(-30 / unit, abs=0.03)
        assert now["weights"][0] > 0.2
        assert now["weights"][1] / now["weights"][2] == pytest.approx(5 / 3, rel=1e-4)
        press(page, "Undo")
        drag(page, "Component 3: standard deviation", -40, 5)
        now, _ = self.check(page)
        assert now["sds"][2] == pytest.approx(3 - 40 / unit, abs=0.04)
        box = page.locator(".gl-plot").nth(1).bounding_box()  # a press beside the point fetches it
        page.mouse.move(box["x"] + 100, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + 140, box["y"] + 70)
        page.mouse.up()
        now, _ = self.check(page)
        assert now["x"] == pytest.approx(-8 + (140 - 56) / unit, abs=0.03)
        press(page, "Undo")  # all of it
        assert self.check(page)[0]["x"] == 4

    def test_touch_on_a_phone(self, show):
        page = show(self.figure(), width=PHONE, has_touch=True)
        page.get_by_role("slider", name="Point on the line").scroll_into_view_if_needed()
        x, y = centre(page, "Point on the line")
        swipe(page, (x + 8, y + 8), (x - 20, y + 8), (x - 52, y + 8))
        now, _ = self.check(page)
        assert now["x"] == pytest.approx(
            4 - 60 / ((page.locator(".gl-plot").first.bounding_box()["width"] - 66) / 24), abs=0.1
        )
        box = page.locator(".gl-plot").nth(1).bounding_box()  # a tap fetches it, too
        page.touchscreen.tap(box["x"] + 200, box["y"] + 50)
        assert self.check(page)[0]["x"] > now["x"]

    def test_curves_are_joint_densities_and_their_logarithms(self, show):
        page = show(self.figure())
        x = np.linspace(-8, 16, 401)[:, None]
        joint = gmm.joint_log_density(x, *THREE)
        for name, expected in (("densities", np.exp(joint)), ("their logarithms", np.maximum(joint, -15.0))):
            take(page, name)
            drawn = np.concatenate([path(page, f".gl-front .k{k}")[:, 1] for k in range(3)])
            up, top = np.polyfit(expected.T.ravel(), drawn, 1)
            assert up < 0
            assert np.abs(top + up * expected.T.ravel() - drawn).max() < 0.02
        self.check(page)
        drag(page, "Component 3: mean and weight", 0, 10)  # the same handle in logarithms
        assert self.check(page)[0]["weights"][2] < 0.3

    def test_stacked_areas_are_the_responsibilities_and_borders_the_roots(self, show):
        two = [0.4, 0.6], [[0.0], [2.0]], [[[1.0]], [[4.0]]]
        page = show(widgets.responsibility_line(*two, limits=(-10, 10)))
        lower = page.locator(".gl-plot").nth(1)
        area = np.array(numbers(lower.locator(".f0").get_attribute("d"))).reshape(-1, 2)
        resp = gmm.responsibilities(np.linspace(-10, 10, 401)[:, None], *two)[:, 0]
        up, top = np.polyfit(resp, area[401:][::-1, 1], 1)
        assert np.abs(top + up * resp - area[401:][::-1, 1]).max() < 0.02
        borders = np.array([numbers(e.get_attribute("d"))[0] for e in lower.locator(".dashed").all()])
        scale, start = np.polyfit(np.linspace(-10, 10, 401), area[401:][::-1, 0], 1)
        log_odds = lambda x: np.subtract(*gmm.joint_log_density([[x]], *two)[0])  # noqa: E731
        roots = [optimize.brentq(log_odds, *ends) for ends in ((-9, 0), (0, 9))]
        assert (borders - start) / scale == pytest.approx(roots, abs=0.01)

    def test_buttons_make_all_equal(self, show):
        page = show(self.figure())
        press(page, "All as wide as component 1", "Equal weights")
        now, theta = self.check(page)
        assert now["sds"] == [1, 1, 1]
        assert theta[0] == pytest.approx([1 / 3] * 3)


# ------------------------------------------------------------------------------------- one mode or two


def extrema(weight, distance, sd):
    """Modes and dips of the pair: zeros of the slope, by SciPy."""

    def slope(x):
        a, b = (1 - weight) * stats.norm.pdf(x), weight * stats.norm.pdf(x, distance, sd)
        return -a * x - b * (x - distance) / sd**2

    x = np.linspace(-1e-3, distance + 1e-3, 3000)
    signs = np.flatnonzero(np.diff(np.sign(slope(x))))
    return [optimize.brentq(slope, x[i], x[i + 1]) for i in signs]


@pytest.mark.slow
class TestTwoModes:
    def check(self, page):
        text, now = said(page), state(page)
        found = extrema(now["weight"], now["distance"], now["sd"])
        head, _, tail = text.partition(": ")
        assert numbers(head) == pytest.approx([now["distance"], 1 - now["weight"], now["weight"]], abs=0.0051)
        if len(found) == 1:
            assert tail.startswith("one mode")
            assert numbers(tail) == pytest.approx(found, abs=0.0051)
        else:
            pair = [1 - now["weight"], now["weight"]], [[0.0], [now["distance"]]], [[[1.0]], [[now["sd"] ** 2]]]
            heights = np.exp(gmm.mixture_log_density(np.array(found)[:, None], *pair))
            assert tail.startswith("two modes")
            expected = [found[0], found[2], found[1], 100 * heights[1] / min(heights[0], heights[2])]
            assert numbers(tail) == pytest.approx(expected, abs=0.51)
            assert numbers(tail)[:3] == pytest.approx(expected[:3], abs=0.0051)
        return now, len(found)

    def test_mouse_keyboard_and_touch_cross_the_border(self, show):
        page = show(widgets.two_modes(0.5, 1.9), has_touch=True)
        assert self.check(page)[1] == 1
        dot = page.get_by_role("slider", name="Distance and weight")
        for _ in range(4):
            dot.press("ArrowRight")
        now, modes = self.check(page)
        assert (now["distance"], modes) == (pytest.approx(2.1), 3)
        drag(page, "Component 2: mean and weight", 80, -10)
        now, modes = self.check(page)
        assert (now["distance"] > 3, modes) == (True, 3)
        x, y = centre(page, "Component 1: mean and weight")
        swipe(page, (x, y), (x, y + 30), (x, y + 60))
        now, _ = self.check(page)
        assert now["weight"] > 0.6
        assert now["sd"] == 1
        box = page.locator(".gl-plot").nth(1).bounding_box()  # a click on the map fetches the dot
        page.mouse.click(box["x"] + 110, box["y"] + 100)
        now, _ = self.check(page)
        x, y = centre(page, "Distance and weight")
        assert (x, y) == pytest.approx((box["x"] + 110, box["y"] + 100), abs=1)
        page.get_by_role("slider", name="Component 2: standard deviation").press("ArrowUp")
        assert self.check(page)[0]["sd"] == pytest.approx(1.05)

    def test_the_border_on_the_map(self, show):
        """For equal widths in closed form: the stationary places that appear or vanish have x (D - x) = 1."""
        page = show(widgets.two_modes())
        box = page.locator(".gl-plot").nth(1)
        area = np.array(numbers(box.locator(".gl-area").get_attribute("d"))).reshape(-1, 2)
        half = len(area) // 2
        D = np.linspace(0.05, 6, 120)
        D = D[D > 2]
        assert half == len(D)
        x = (D + np.sqrt(D**2 - 4)) / 2
        odds = stats.norm.logpdf(x) + np.log(x) - stats.norm.logpdf(x, D) - np.log(D - x)
        weights = 1 / (1 + np.exp(-odds))
        top, bottom = (numbers(text)[0] for text in (self.tick(box, "1.0"), self.tick(box, "0.0")))
        drawn = np.sort(
            [(bottom - area[:half, 1]) / (bottom - top), (bottom - area[half:, 1][::-1]) / (bottom - top)], axis=0
        )
        assert drawn[1] == pytest.approx(np.maximum(weights, 1 - weights), abs=0.004)
        assert drawn[0] == pytest.approx(np.minimum(weights, 1 - weights), abs=0.004)

    def test_the_map_of_unequal_widths_says_what_counting_finds(self, show):
        page = show(widgets.two_modes(0.4, 4.0, 1.8))
        assert self.check(page)[0]["sd"] == 1.8
        plot = page.locator(".gl-plot").nth(1)
        corners = np.array(numbers(plot.locator(".gl-area").get_attribute("d"))).reshape(-1, 2)
        ticks = {name: float(self.tick(plot, name)) for name in ("0.0", "1.0")}
        left, right = (float(plot.locator(".gl-axes text").get_by_text(n, exact=True).get_attribute("x")) for n in "06")
        up = ticks["0.0"] - ticks["1.0"]
        region = np.column_stack([6 * (corners[:, 0] - left) / (right - left), (ticks["0.0"] - corners[:, 1]) / up])
        places = np.array([(d, w) for d in (1.5, 2.5, 3.2, 4.0, 5.5) for w in np.arange(0.05, 1, 0.1)])
        clear = [np.abs(region - place).max(axis=1).min() > 0.03 for place in places]
        inside = matplotlib.path.Path(region).contains_points(places)
        counted = np.array([len(extrema(w, d, 1.8)) == 3 for d, w in places])
        assert np.sum(clear) > 40
        assert 5 < counted[clear].sum() < 35
        np.testing.assert_array_equal(inside[clear], counted[clear])

    def tick(self, plot, name):
        return str(float(plot.locator(".gl-axes text").get_by_text(name, exact=True).get_attribute("y")) - 4)

    def test_samples_come_again_from_their_seed(self, show):
        page = show(widgets.two_modes())
        grey = page.locator(".gl-plot").first.locator(".gl-back path:not([class*=f0]):not([class*=f1])")

        def bars():
            return grey.evaluate_all("all => all.map(e => e.getAttribute('d'))")

        assert bars() == []
        take(page, "1000")
        first = bars()
        press(page, "Draw again")
        assert bars() != first
        press(page, "Undo")
        assert bars() == first
        # Their area is that of the curve: nearly all 1000 lie within the axis.
        line = path(page, ".gl-plot:first-of-type .gl-front .gl-line", 2)
        under = np.trapezoid(line[:, 1].max() - line[:, 1], line[:, 0])
        area = sum(np.ptp(c[:, 0]) * np.ptp(c[:, 1]) for c in (np.array(numbers(d)).reshape(-1, 2) for d in first))
        assert area == pytest.approx(under, rel=0.02)


# ------------------------------------------------------------------------------------- painted shares

RESP = gmm.responsibilities(PLANE, *START_2)


@pytest.mark.slow
class TestPaintShares:
    def check(self, page):
        text, cells = said(page), numbers(" ".join(page.evaluate(ROW)))
        now = state(page)
        resp = np.column_stack([now["shares"], 1 - np.array(now["shares"])])
        weights, means, covariances = gmm.m_step(PLANE, resp)
        log = gmm.log_likelihood(PLANE, weights, means, covariances)
        assert numbers(text)[:3] == pytest.approx([*resp.sum(axis=0), log], abs=0.06)
        sd = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
        assert cells == pytest.approx(np.column_stack([resp.sum(axis=0), weights, means, sd]).ravel(), abs=0.06)
        return resp, log

    def test_a_stroke_of_the_mouse_is_one_step(self, show):
        page = show(widgets.paint_shares(PLANE, RESP))
        before, _ = self.check(page)
        take(page, "component 1")
        marks = [mark.bounding_box() for mark in page.locator(".gl-sample").all()]
        places = np.array([[m["x"] + m["width"] / 2, m["y"] + m["height"] / 2] for m in marks])
        start = places[50]
        page.mouse.move(*start)
        page.mouse.down()
        way = places[60] - start
        ways = start + np.array([[0.0], [0.5], [1.0]]) * way
        for place in ways[1:]:
            page.mouse.move(*place)
        page.mouse.up()
        after, _ = self.check(page)
        line = start + np.linspace(0, 1, 400)[:, None] * way  # also what lies between two events
        far = np.sqrt(((places[:, None] - line) ** 2).sum(axis=-1)).min(axis=1)
        assert (after[far < 25, 0] == 1).all()
        np.testing.assert_allclose(after[far > 27], before[far > 27], atol=1e-5)
        assert (far < 25).sum() > 1
        press(page, "Undo")
        np.testing.assert_allclose(self.check(page)[0], before, atol=1e-5)

    def test_keyboard_and_touch_paint_too(self, show):
        page = show(widgets.paint_shares(PLANE, RESP), width=PHONE, has_touch=True)
        brush = page.get_by_role("slider", name="Brush")
        brush.scroll_into_view_if_needed()
        take(page, "component 2")
        before, _ = self.check(page)
        brush.press("Shift+ArrowUp")
        np.testing.assert_allclose(self.check(page)[0], before)  # an arrow key moves it, Enter paints
        while "0 samples" in brush.get_attribute("aria-valuetext"):
            brush.press("ArrowUp")
        brush.press("Enter")
        painted, _ = self.check(page)
        count = numbers(brush.get_attribute("aria-valuetext").partition(":")[2])[0]
        assert (painted[:, 0] == 0).sum() >= count > 0
        x, y = centre(page, "Brush")
        take(page, "half")
        swipe(page, (x + 5, y), (x + 5, y + 40), (x + 5, y + 80))
        assert (self.check(page)[0][:, 0] == 0.5).sum() > 0

    def test_half_of_everything_and_then_e_steps(self, show):
        page = show(widgets.paint_shares(PLANE, RESP))
        press(page, "Half of every sample for each")
        cells = page.evaluate(ROW)
        assert cells[:4] == cells[4:]
        assert numbers(said(page))[2] == pytest.approx(gmm.max_gaussian_log_likelihood(PLANE), abs=0.006)
        press(page, "Undo")
        theta = gmm.m_step(PLANE, RESP)
        before = gmm.log_likelihood(PLANE, *theta)
        press(page, "E-step: shares from these ellipses")
        gain = numbers(said(page))[3]
        resp, log = self.check(page)
        np.testing.assert_allclose(resp, gmm.responsibilities(PLANE, *theta), atol=1e-5)
        assert gain == pytest.approx(log - before, abs=6e-4)
        assert gain > 0

    def test_components_without_a_sample_or_an_area_are_named(self, show):
        X, half = [[0.0, 0.0], [1.0, 0.1], [0.1, 1.0], [5.0, 5.0]], np.full((4, 2), 0.5)
        page = show(widgets.paint_shares(X, half))
        boxes = [mark.bounding_box() for mark in page.locator(".gl-sample").all()]
        for k, who in (("component 1", boxes[:3]), ("component 2", boxes[3:]), ("component 1", boxes[3:])):
            take(page, k)
            for box in who:
                page.mouse.click(box["x"] + 3, box["y"] + 3)
            if k == "component 2":
                assert said(page).startswith("The samples of component 2 span no area")
                press(page, "E-step: shares from these ellipses")
                assert said(page).startswith("The samples of component 2 span no area")
        assert said(page).startswith("Component 2 has no share of any sample")
        press(page, "Half of every sample for each")
        assert said(page).startswith("Effective counts 2.0 and 2.0")
        with pytest.raises(ValueError, match="the covariance that resp gives component 1 must be positive definite"):
            widgets.paint_shares(X, np.eye(2)[[0, 0, 0, 1]])


# ------------------------------------------------------------------------------------- covariance structures

TRUTH = np.repeat([0, 1], [40, 30])
FROM = (PLANE[:, 0] > 1.5).astype(int)
UPDATES = {
    "spherical": lambda *given: gmm.update_spherical_covariances(*given)[:, None, None] * np.eye(2),
    "diag": lambda *given: gmm.update_diagonal_covariances(*given)[:, :, None] * np.eye(2),
    "tied": lambda *given: np.array([gmm.update_tied_covariance(*given)] * 2),
    "full": gmm.update_covariances,
}


def fitted(structure, X=PLANE):
    """The same EM with the functions of the package: log-likelihood and labels."""
    resp, before = gmm.one_hot(FROM, 2), -np.inf
    for _ in range(2000):
        means = gmm.update_means(X, resp)
        theta = gmm.update_weights(resp), means, UPDATES[structure](X, resp, means)
        resp, log = gmm.responsibilities(X, *theta), gmm.log_likelihood(X, *theta)
        if log - before < 1e-7 * len(X):
            break
        before = log
    return log, gmm.hard_labels(resp)


@pytest.mark.slow
class TestCovarianceStructures:
    def figure(self):
        return widgets.covariance_structures(PLANE, FROM, 2, truth=TRUTH)

    def test_each_structure_has_the_fit_of_the_package(self, show):
        page = show(self.figure())
        for structure in UPDATES:
            take(page, structure)
            log, labels = fitted(structure)
            p = gmm.n_parameters(2, 2, structure)
            wrong = len(PLANE) - sum(np.bincount(TRUTH[labels == k]).max() for k in (0, 1))
            expected = [p, log, gmm.bic(log, p, len(PLANE)), wrong, len(PLANE)]
            assert said(page).lower().startswith(structure)
            assert numbers(said(page)) == pytest.approx(expected, abs=0.051)

    def test_turn_and_unit_change_those_fits_that_care(self, show):
        page = show(self.figure(), has_touch=True)
        turn, unit = (page.get_by_role("slider", name=name) for name in ("Turn", "Unit of the first feature"))
        for structure, cares_turn, cares_unit in (("spherical", 0, 1), ("diag", 1, 0), ("tied", 0, 0), ("full", 0, 0)):
            take(page, structure)
            before = numbers(said(page))[1]
            slide(page, "Turn", 40)
            turned = numbers(said(page))[1]
            t = np.radians(40)
            R = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
            assert turned == pytest.approx(fitted(structure, PLANE @ R.T)[0], abs=0.006)
            assert (abs(turned - before) > 0.05) == cares_turn
            press(page, "Undo")
            unit.press("End")
            doubled = numbers(said(page))[1]
            expected = fitted(structure, PLANE * [2, 1])[0] + len(PLANE) * np.log(2)
            assert doubled == pytest.approx(expected, abs=0.006)
            assert (abs(doubled - before) > 0.05) == cares_unit
            press(page, "Undo")
        box = turn.bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert state(page)["turn"] == pytest.approx(45, abs=3)

    def test_the_curve_over_the_turn(self, show):
        page = show(self.figure())
        take(page, "diag")
        places = "[...document.querySelectorAll('.gl-side .gl-line')].map(e => e.getAttribute('d').split('L').length)"
        page.wait_for_function(f"{places}.join() === '13,13,13,13'")
        line = path(page, ".gl-side .gl-front .gl-line", 1)
        angles = np.radians(np.arange(0, 91, 7.5))
        expected = [
            fitted("diag", PLANE @ np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]).T)[0] for t in angles
        ]
        up, top = np.polyfit(expected, line[:, 1], 1)
        assert up < 0
        assert np.abs(top + up * np.array(expected) - line[:, 1]).max() < 0.1


# ------------------------------------------------------------------------------------- border and band


@pytest.mark.slow
class TestBorderBand:
    def figure(self):
        return widgets.border_band(PLANE, *START_2, units={"a": 1.0, "b": 12.0, "c": 60.0})

    def fits(self, factor):
        scale = np.array([factor, 1.0])
        run = gmm.lloyd(PLANE * scale, START_2[1] * scale)
        fit = gmm.em(PLANE * scale, START_2[0], START_2[1] * scale, START_2[2] * np.outer(scale, scale), tol=1e-10)
        return scale, run.centres, run.labels, (fit.weights, fit.means, fit.covariances)

    def check(self, page, factor):
        text, now = said(page), state(page)
        assert now["factor"] == pytest.approx(factor)
        scale, centres, labels, theta = self.fits(factor)
        changed = (labels != self.fits(1.0)[2]).sum()
        n_changed, n = numbers(text.partition("changes")[2])[:2]
        assert (n_changed, n) == (changed, len(PLANE))
        assert page.locator(".gl-dot.ring").count() == changed
        group, _, share = numbers(text.partition("says group")[2])
        point = [np.multiply(now["probe"], scale)]
        assert group == gmm.nearest_centre(point, centres)[0] + 1
        assert share == pytest.approx(gmm.responsibilities(point, *theta)[0, 1], abs=0.0051)
        assert "no share by more than 0.000" in text
        return now

    def test_buttons_slider_and_point(self, show):
        page = show(self.figure(), has_touch=True)
        self.check(page, 1.0)
        press(page, "b")
        self.check(page, 12.0)
        page.get_by_role("slider", name="Unit of the first feature").press("End")
        self.check(page, 60.0)
        before = centre(page, "Point to ask about")
        drag(page, "Point to ask about", 70, -50)
        assert centre(page, "Point to ask about") == pytest.approx((before[0] + 70, before[1] - 50), abs=1)
        self.check(page, 60.0)
        page.get_by_role("slider", name="Point to ask about").press("Shift+ArrowLeft")
        now = self.check(page, 60.0)
        x, y = centre(page, "Point to ask about")
        swipe(page, (x, y), (x - 20, y + 20), (x - 60, y + 40))
        after = self.check(page, 60.0)
        assert after["probe"][0] < now["probe"][0]
        box = page.get_by_role("slider", name="Unit of the first feature").bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert 1 < state(page)["factor"] < 60

    def test_border_and_band_stand_where_they_should(self, show):
        page = show(self.figure())
        press(page, "c")
        scale, centres, _, theta = self.fits(60.0)
        boxes = [mark.bounding_box() for mark in page.locator(".gl-sample").all()]
        svg = page.locator(".gl-plot").bounding_box()
        places = np.array([[b["x"] + b["width"] / 2 - svg["x"], b["y"] + b["height"] / 2 - svg["y"]] for b in boxes])
        maps = [np.polyfit(places[:, j], PLANE[:, j], 1) for j in (0, 1)]
        to_data = lambda p: np.column_stack([np.polyval(maps[j], p[:, j]) for j in (0, 1)])  # noqa: E731
        border = to_data(path(page, ".gl-back .dashed"))
        distances = [np.sum((border * scale - c) ** 2, axis=1) for c in centres]
        assert distances[0] == pytest.approx(distances[1], rel=1e-3)
        for number, level in enumerate((0.1, 0.5, 0.9)):
            band = to_data(path(page, ".gl-back .gl-line:not(.dashed)", number))
            inside = band[np.abs(band - PLANE.mean(axis=0)).max(axis=1) < 6]
            found = gmm.responsibilities(inside * scale, *theta)[:, 1]
            assert np.abs(found - level).max() < 0.06
            assert len(inside) > 10

    def test_colours_say_whose_answer(self, show):
        page = show(self.figure())
        colours = "() => [...document.querySelectorAll('.gl-sample')].map(e => getComputedStyle(e).fill)"
        _, _, labels, theta = self.fits(1.0)
        for name, resp in (("k-means", np.eye(2)[labels]), ("mixture", gmm.responsibilities(PLANE, *theta))):
            take(page, name)
            found = np.array([numbers(text)[:3] for text in page.evaluate(colours)]) / 255
            assert np.abs(found - gmm.plot.mix_colours(resp)).max() < 0.005


# ------------------------------------------------------------------------------------- the bound over one mean


HALF = ([0.4, 0.6], [[1.0], [2.0]], [[[1.0]], [[2.0]]])


def one_mean(mean):
    return HALF[0], np.array([[1.0], [mean]]), np.array(HALF[2])


@pytest.mark.slow
class TestElboCurve:
    def check(self, page):
        text, now = said(page), state(page)
        resp = gmm.responsibilities(LINE, *one_mean(now["touched"]))
        above, below = gmm.log_likelihood(LINE, *one_mean(now["mean"])), gmm.elbo(LINE, resp, *one_mean(now["mean"]))
        assert numbers(text)[-4:] == pytest.approx([now["mean"], above, below, above - below], abs=0.006)
        return now, gmm.update_means(LINE, resp)[1, 0]

    def test_half_steps_are_em_on_one_mean(self, show):
        page = show(widgets.elbo_curve(LINE, *HALF, component=1))
        _, top = self.check(page)
        for _ in range(3):
            press(page, "M-step")
            assert said(page).startswith("M-step")
            now, _ = self.check(page)
            assert now["mean"] == pytest.approx(top, rel=1e-5)
            press(page, "E-step")
            assert said(page).startswith("E-step")
            assert numbers(said(page))[-1] == 0
            after, top = self.check(page)
            assert after["touched"] == now["mean"]
        press(page, "Undo", "Undo")
        assert self.check(page)[0]["mean"] < now["mean"]

    def test_mouse_keyboard_and_touch_move_the_mean_and_leave_the_bound(self, show):
        page = show(widgets.elbo_curve(LINE, *HALF, component=1), has_touch=True)
        x, _ = centre(page, "Free mean")
        drag(page, "Free mean", 70, 20)
        assert centre(page, "Free mean")[0] == pytest.approx(x + 70, abs=1)
        now, _ = self.check(page)
        assert now["touched"] == 2
        page.get_by_role("slider", name="Free mean").press("ArrowLeft")
        before = self.check(page)[0]["mean"]
        assert before < now["mean"]
        x, y = centre(page, "Free mean")
        swipe(page, (x, y), (x - 30, y), (x - 90, y))
        assert self.check(page)[0]["mean"] < before
        box = page.locator(".gl-plot").bounding_box()
        page.mouse.click(box["x"] + box["width"] - 40, box["y"] + 60)
        assert self.check(page)[0]["mean"] > 4

    def test_curves_and_the_top_of_the_bound(self, show):
        page = show(widgets.elbo_curve(LINE, *HALF, component=1, limits=(0, 7)))
        drag(page, "Free mean", 60, 0)
        now, top = self.check(page)
        grid = np.linspace(0, 7, 81)
        resp = gmm.responsibilities(LINE, *one_mean(now["touched"]))
        curves = [gmm.log_likelihood(LINE, *one_mean(mean)) for mean in grid]
        bound = [gmm.elbo(LINE, resp, *one_mean(mean)) for mean in grid]
        drawn = path(page, ".gl-back .thick")
        up, zero = np.polyfit(curves, drawn[:, 1], 1)
        assert np.abs(zero + up * np.array(curves) - drawn[:, 1]).max() < 0.02
        seen = np.array(bound) > min(curves) - 0.5 * np.ptp(curves)
        assert np.abs(zero + up * np.array(bound) - path(page, ".gl-data .k0")[:, 1])[seen].max() < 0.02
        scale, start = np.polyfit(grid, drawn[:, 0], 1)
        assert (numbers(page.locator(".gl-front .p0").get_attribute("d"))[0] - start) / scale == pytest.approx(
            top, abs=0.01
        )

    def test_run_ends_at_the_fixed_point(self, show):
        page = show(widgets.elbo_curve(LINE, *HALF, component=1), reduced_motion="reduce")
        press(page, "Run")
        now, top = self.check(page)
        assert now["mean"] == pytest.approx(top, abs=2e-3)


# ------------------------------------------------------------------------------------- the ellipse of a covariance


@pytest.mark.slow
class TestEllipseExplorer:
    def check(self, page, X=PLANE):
        text, cells, now = said(page), page.evaluate(ROW), state(page)
        (v1, v2), rho = now["variances"], now["correlation"]
        covariance = np.array([[v1, rho * np.sqrt(v1 * v2)], [rho * np.sqrt(v1 * v2), v2]])
        mean = np.zeros(2) if X is None else X.mean(axis=0)
        peak = np.exp(gmm.gaussian_log_density(mean[None], mean, covariance)[0])
        root = np.sqrt(np.linalg.det(covariance))
        found = numbers(text.replace("1, 2, 3 sigmas", ""))
        assert found[2] == pytest.approx(rho, abs=0.0051)
        assert found[:2] + found[3:6] == pytest.approx([v1, v2, covariance[0, 1], root, peak], rel=0.0051, abs=1e-9)
        if X is not None:
            inside = [(gmm.mahalanobis_squared(X, mean, covariance) <= r * r).sum() for r in (1, 2, 3)]
            totals = [gmm.gaussian_log_likelihood(X, mean, covariance), gmm.max_gaussian_log_likelihood(X)]
            assert found[6:] == pytest.approx([*inside, len(X), *totals], abs=0.02)
        lengths, axes = gmm.principal_axes(covariance)
        table = np.array([numbers(cell)[0] for cell in cells]).reshape(2, 3)
        assert table[:, 0] == pytest.approx(lengths**2, rel=0.0051)
        assert table[:, 1] == pytest.approx(lengths, rel=0.0051)
        off = [abs(np.cos(np.radians(a)) * v[1] - np.sin(np.radians(a)) * v[0]) for a, v in zip(table[:, 2], axes)]
        assert max(off) < np.sin(np.radians(0.51)) or np.isclose(*lengths, rtol=0.01)
        return now

    def test_sliders_over_the_whole_range(self, show):
        page = show(widgets.ellipse_explorer(PLANE, variances=[3.0, 5.0], correlation=0.6))
        self.check(page)
        sliders = page.locator("input[type=range]").all()
        for keys in (("Home", "End", "Home"), ("End", "Home", "End"), ("ArrowLeft", "ArrowRight", "ArrowLeft")):
            for slider, key in zip(sliders, keys, strict=True):
                slider.press(key)
            self.check(page)

    def test_handles_by_mouse_touch_and_keyboard(self, show):
        page = show(widgets.ellipse_explorer(PLANE, variances=[3.0, 5.0], correlation=0.2), has_touch=True)
        name = "Variance of x₁ and correlation"
        x, y = centre(page, name)
        drag(page, name, 4, -15)
        assert centre(page, name) == pytest.approx((x + 4, y - 15), abs=1)
        now = self.check(page)
        assert now["variances"][0] > 3
        assert now["variances"][1] == 5
        assert now["correlation"] > 0.2
        x, y = centre(page, "Variance of x₂ and correlation")
        swipe(page, (x, y), (x - 10, y - 10), (x - 30, y - 20))
        after = self.check(page)
        assert after["variances"][1] > 5
        assert after["correlation"] < now["correlation"]
        page.get_by_role("slider", name=name).press("ArrowRight")
        assert self.check(page)["variances"][0] == pytest.approx(after["variances"][0] * 1.05**2, rel=1e-4)

    def test_without_data(self, show):
        page = show(widgets.ellipse_explorer())
        self.check(page, None)
        page.locator("input[type=range]").last.press("Home")
        assert self.check(page, None)["correlation"] == -0.95


# ------------------------------------------------------------------------------------- without a browser


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: widgets.responsibility_line(*START_2), "means must have 1 feature"),
        (lambda: widgets.responsibility_line([1.0, 0.0], [[0.0], [1.0]], np.ones((2, 1, 1))), "weights must be pos"),
        (lambda: widgets.responsibility_line(*THREE, limits=(0, np.inf)), "limits must be finite"),
        (lambda: widgets.responsibility_line(np.full(7, 1 / 7), np.zeros((7, 1)), np.ones((7, 1, 1))), "at most 6"),
        (lambda: widgets.two_modes(0.0), "weight must lie between 0.01 and 0.99; got 0"),
        (lambda: widgets.two_modes(distance=7), "distance must lie between 0 and 6; got 7"),
        (lambda: widgets.two_modes(sd=0.1), "sd must lie between 0.3 and 3; got 0.1"),
        (lambda: widgets.paint_shares(LINE, RESP), "X must have 2 features"),
        (lambda: widgets.paint_shares(PLANE, RESP[:5]), "resp must have 70 rows"),
        (lambda: widgets.paint_shares(PLANE, np.full((70, 3), 1 / 3)), "resp must have 2 columns"),
        (lambda: widgets.covariance_structures(LINE, FROM, 2), "X must have 2 features"),
        (lambda: widgets.covariance_structures(PLANE, FROM, 1), "labels must lie between 0 and 0"),
        (lambda: widgets.covariance_structures(PLANE, FROM, 2, structure="round"), "structure must be one of"),
        (lambda: widgets.covariance_structures(PLANE, FROM, 2, truth=[0, 1]), "truth must have 70 entries"),
        (lambda: widgets.border_band(LINE, *START_2, units={"a": 1, "b": 2}), "2 features|shape|feature"),
        (lambda: widgets.border_band(PLANE, [1.0], [[0, 0]], [np.eye(2)], units={"a": 1, "b": 2}), "must be two"),
        (lambda: widgets.border_band(PLANE, *START_2, units={"a": 1}), "units must begin with 1 and grow"),
        (lambda: widgets.border_band(PLANE, *START_2, units={"a": 2, "b": 3}), "units must begin with 1 and grow"),
        (lambda: widgets.elbo_curve(PLANE, *START_2), "X must have 1 feature"),
        (lambda: widgets.elbo_curve(LINE, *HALF, component=2), "component must be below"),
        (lambda: widgets.elbo_curve(LINE, *HALF, limits=(3, 1)), "low < high"),
        (lambda: widgets.elbo_curve(LINE, *HALF, limits=(8, 9)), "limits must hold the mean"),
        (lambda: widgets.ellipse_explorer(LINE), "X must have 2 features"),
        (lambda: widgets.ellipse_explorer(PLANE * [1.0, 0.0]), "positive definite"),
        (lambda: widgets.ellipse_explorer(variances=[1.0, -1.0]), "two positive numbers"),
        (lambda: widgets.ellipse_explorer(correlation=1.0), "between -0.95 and 0.95; got 1"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_names_are_checked():
    with pytest.raises(ValueError, match="name must be a letter"):
        widgets.two_modes(name="two modes")
    assert re.search('id="other"', widgets.two_modes(name="other").data)


BAD = "a < b & </script>"


@pytest.mark.parametrize(
    "make",
    [
        lambda label: widgets.responsibility_line(*THREE, axis_label=label, name="a"),
        lambda label: widgets.elbo_curve(LINE, *HALF, axis_label=label, name="a"),
        lambda label: widgets.paint_shares(PLANE, RESP, axis_labels=[label] * 2, name="a"),
        lambda label: widgets.covariance_structures(PLANE, FROM, 2, axis_labels=[label] * 2, name="a"),
        lambda label: widgets.border_band(PLANE, *START_2, units={label: 1, "c": 2}, axis_labels=[label] * 2, name="a"),
        lambda label: widgets.ellipse_explorer(PLANE, axis_labels=[label] * 2, name="a"),
    ],
)
def test_labels_cannot_break_out_of_the_html(make):
    html = make(BAD).data
    assert Elements(html).content["text"].count(BAD) >= 1
    assert html.count("</script>") == make("b").data.count("</script>")
    (stored,) = re.findall(r'<script type="application/json">(.*?)</script>', html, re.S)
    assert BAD in str(json.loads(stored))
