"""The interactive figures in a real browser: mouse, keyboard, numbers, and what stays without JavaScript."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import screenshot
from axe_playwright_python.sync_playwright import Axe
from widget_examples import EXAMPLES, LINE, PLANE, START_2, THREE
from widget_helpers import numbers, stored

import gmm
from gmm import plot, widgets

pytestmark = pytest.mark.slow
every_widget = pytest.mark.parametrize("kind", EXAMPLES)
PHONE = 390
# Everything that the script may draw or write.
DRAWN = """() => [...document.querySelectorAll("svg *")].map(e => [e.tagName, e.getAttribute("d") ||
  ["cx", "cy", "r", "x", "width", "transform"].map(n => e.getAttribute(n) || "").join(" ")])"""
WRITTEN = """() => [...document.querySelectorAll("output, td, text")].map(e => e.textContent)"""
CONTRAST = """() => {
  const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const page = light(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll("output, td, th, button, label span, text")].map(e => {
    const style = getComputedStyle(e), ink = light(e.tagName === "text" ? style.fill : style.color);
    return (Math.max(ink, page) + 0.05) / (Math.min(ink, page) + 0.05); });
}"""
BACKGROUNDS = """() => { const found = new Set();
  for (let e = document.querySelector(".gmm-widget svg"); e !== document.body; e = e.parentElement)
    found.add(getComputedStyle(e).backgroundColor);
  return [...found]; }"""


def said(page):
    return page.locator("output").inner_text()


def set_slider(page, number, value):
    page.locator("input").nth(number).evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )


class TestStepper:
    def states(self):
        return list(islice(gmm.em_steps(PLANE, *START_2), 7))

    def test_mouse(self, visit):
        page = visit(EXAMPLES["stepper"]())
        states = self.states()
        for _ in range(4):
            page.get_by_role("button", name="On one step").click()
        assert said(page).startswith("M-step 2")
        new = states[2]
        bound = gmm.elbo(PLANE, states[1].resp, new.weights, new.means, new.covariances)
        gain = new.log_likelihood - states[1].log_likelihood
        assert numbers(said(page))[1:] == pytest.approx([new.log_likelihood, gain, bound], abs=0.006)
        cells = numbers(", ".join(page.locator("td").all_inner_texts()))
        sd = np.sqrt(np.diagonal(new.covariances, axis1=1, axis2=2))
        expected = np.column_stack([new.weights, new.means, sd]).ravel()
        assert cells == pytest.approx(expected.tolist(), abs=0.06)
        page.get_by_role("button", name="Back one step").click()
        assert said(page).startswith("E-step 2")

    def test_keyboard(self, visit):
        page = visit(EXAMPLES["stepper"]())
        slider = page.get_by_role("slider", name="Half-step of EM")
        slider.press("ArrowRight")
        assert said(page).startswith("E-step 1")
        slider.press("End")
        assert said(page).startswith("E-step 7")
        assert slider.get_attribute("aria-valuetext") == "E-step 7"
        total = self.states()[6].log_likelihood
        assert numbers(said(page))[-1] == pytest.approx(total, abs=0.006)
        # From a button, the arrow keys step as well; past the end nothing happens.
        following = page.get_by_role("button", name="On one step")
        following.press("ArrowRight")
        assert said(page).startswith("E-step 7")
        assert following.get_attribute("aria-disabled") == "true"
        following.press("ArrowLeft")
        following.press("ArrowLeft")
        assert said(page).startswith("E-step 6")
        slider.press("Home")
        assert said(page).startswith("Start")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Shift+Tab")
        assert page.evaluate("document.activeElement.textContent") == "Play"

    def test_colours_are_the_responsibilities(self, visit):
        page = visit(EXAMPLES["stepper"](), reduced_motion="reduce")
        colours = "() => [...document.querySelectorAll('.gw-dots path')].map(e => getComputedStyle(e).stroke)"
        assert len(set(page.evaluate(colours))) == 1
        # E-step 4, and before it M-step 3, which leaves the responsibilities of E-step 3.
        for half_step, step in ((7, 3), (6, 2)):
            set_slider(page, 0, half_step)
            found = np.array([numbers(text)[:3] for text in page.evaluate(colours)]) / 255
            assert np.abs(found - plot.mix_colours(self.states()[step].resp)).max() < 0.03
        assert np.abs(self.states()[3].resp - self.states()[2].resp).max() > 0.06

    def test_ellipses_stand_where_the_parameters_say(self, visit):
        page = visit(EXAMPLES["stepper"](), reduced_motion="reduce")
        set_slider(page, 0, 12)
        dots = page.evaluate(
            "() => [...document.querySelectorAll('.gw-dots path')].map(e => e.getBBox()).map(b => [b.x, b.y])"
        )
        scale, shift = np.polyfit(PLANE[:, 0], np.array(dots)[:, 0], 1)
        up, top = np.polyfit(PLANE[:, 1], np.array(dots)[:, 1], 1)
        # Points along the path: the browser's own bounding box of an arc is a loose one.
        rings = page.evaluate("""() => [...document.querySelectorAll('.gw-rings path')].map(e =>
            Array.from({length: 360}, (_, i) => e.getPointAtLength(i / 360 * e.getTotalLength()))
            .map(p => [p.x, p.y]))""")
        state = self.states()[6]
        for k in range(2):
            sd = np.sqrt(np.diag(state.covariances[k]))
            for radius in (1, 2):
                ring = np.array(rings[2 * k + radius - 1])
                x, y = (ring.min(axis=0) + ring.max(axis=0)) / 2
                width, height = np.ptp(ring, axis=0)
                assert (x, y) == pytest.approx(
                    (shift + scale * state.means[k, 0], top + up * state.means[k, 1]), abs=0.5
                )
                assert width == pytest.approx(2 * radius * sd[0] * scale, rel=0.02, abs=0.5)
                assert height == pytest.approx(-2 * radius * sd[1] * up, rel=0.02, abs=0.5)

    def test_play_runs_to_the_end_and_can_be_stopped(self, visit):
        page = visit(EXAMPLES["stepper"](n_iter=1), clock=True)
        play = page.locator("[data-do=play]")
        play.click()
        assert play.inner_text() == "Pause"
        page.clock.run_for(950)
        assert said(page).startswith("E-step 1")
        assert page.locator("output").get_attribute("aria-live") == "off"
        play.click()
        page.clock.run_for(5000)
        assert said(page).startswith("E-step 1")
        assert page.locator("output").get_attribute("aria-live") == "polite"
        play.click()
        page.clock.run_for(5000)
        assert said(page).startswith("E-step 2")
        assert play.inner_text() == "Play"
        play.click()  # from the end it begins anew
        assert said(page).startswith("Start")
        page.get_by_role("button", name="On one step").click()  # who steps has stopped it
        page.clock.run_for(5000)
        assert said(page).startswith("E-step 1")
        assert play.inner_text() == "Play"

    def test_nothing_moves_by_itself_and_reduced_motion_has_no_play(self, visit):
        for motion in ("no-preference", "reduce"):
            page = visit(EXAMPLES["stepper"](), reduced_motion=motion, clock=True)
            page.clock.run_for(5000)
            assert said(page).startswith("Start")
            still = motion == "reduce"
            assert page.locator("[data-do=play]").is_visible() != still
            duration = "() => getComputedStyle(document.querySelector('.gw-rings path')).transitionDuration"
            assert (page.evaluate(duration) == "0s") == still

    def test_curves_on_the_line_follow_the_states(self, visit):
        page = visit(EXAMPLES["stepper on the line"](), reduced_motion="reduce")
        before = page.evaluate("() => document.querySelector('.gw-curves .k0').getAttribute('d')")
        set_slider(page, 0, 12)
        after = np.array(numbers(page.evaluate("() => document.querySelector('.gw-curves .k0').getAttribute('d')")))
        assert after.tolist() != numbers(before)
        low, high = LINE.min() - 0.08 * np.ptp(LINE), LINE.max() + 0.08 * np.ptp(LINE)
        xy = after.reshape(-1, 2)
        peak = np.interp(xy[xy[:, 1].argmin(), 0], xy[[0, -1], 0], [low, high])
        cells = numbers(", ".join(page.locator("td").all_inner_texts()))
        assert peak == pytest.approx(cells[1], abs=1.2 * np.ptp(LINE) / 89)


class TestBound:
    def test_mouse_and_keyboard(self, visit):
        page = visit(EXAMPLES["bound"](), reduced_motion="reduce")
        data = stored(EXAMPLES["bound"]().data)
        page.get_by_role("button", name="On one step").click()
        assert said(page) == data["texts"][1]
        gap = page.locator(".gw-gap").evaluate("e => e.getBBox().height")
        _, y, z = data["marks"][1]
        assert gap == pytest.approx(abs(z - y), abs=0.2)
        assert page.locator(".gw-old").get_attribute("d") == ""
        page.get_by_role("slider").press("ArrowRight")
        assert said(page) == data["texts"][2]
        assert page.locator(".gw-gap").evaluate("e => e.getBBox().height") == 0
        assert len(page.locator(".gw-old").get_attribute("d")) > 100


class TestLine:
    def test_drag_and_keyboard(self, visit):
        page = visit(EXAMPLES["line"](limits=(-8, 16), n_stops=49))
        box = page.locator(".gw-main .gw-svg").bounding_box()
        data = stored(EXAMPLES["line"](limits=(-8, 16), n_stops=49).data)
        pixel = box["width"] / 400
        page.mouse.move(box["x"] + 200 * pixel, box["y"] + 100)
        page.mouse.down()
        target = data["x"][0] + 30 * data["x"][1]
        page.mouse.move(box["x"] + target * pixel, box["y"] + 150, steps=4)
        page.mouse.up()
        self.check(page, 30)
        page.mouse.move(box["x"] + 60, box["y"] + 150)  # released: the point stays
        self.check(page, 30)
        slider = page.get_by_role("slider", name="point on the line")
        slider.press("ArrowLeft")
        self.check(page, 29)
        slider.press("Home")
        self.check(page, 0)

    def check(self, page, stop):
        x = np.linspace(-8, 16, 49)[stop]
        joint, resp = gmm.joint_log_density([[x]], *THREE)[0], gmm.responsibilities([[x]], *THREE)[0]
        cells = numbers(" ".join(page.locator("td").all_inner_texts()))
        assert cells[0::2] == pytest.approx(joint.tolist(), abs=0.0051)
        assert cells[1::2] == pytest.approx(resp.tolist(), abs=0.00051)
        place, total, *shares = numbers(said(page))
        assert (place, total) == pytest.approx((x, gmm.mixture_log_density([[x]], *THREE)[0]), abs=0.051)
        assert shares == pytest.approx(resp.tolist(), abs=0.00051)
        widths = page.evaluate("() => [...document.querySelectorAll('rect')].map(e => +e.getAttribute('width'))")
        assert np.array(widths) / 280 == pytest.approx(resp, abs=0.001)


class TestEllipse:
    def test_closed_form_against_the_package_over_the_whole_range(self, visit):
        page = visit(EXAMPLES["ellipse"]())
        stops = stored(EXAMPLES["ellipse"]().data)["stops"]
        mean, rng = PLANE.mean(axis=0), np.random.default_rng(3)
        places = [(0, 0, 0), (39, 39, 38), (0, 39, 38), (39, 0, 19), *rng.integers([40, 40, 39], size=(25, 3)).tolist()]
        for place in places:
            for j in range(3):
                set_slider(page, j, place[j])
            v1, v2, rho = (row[i] for row, i in zip(stops, place, strict=True))
            covariance = np.array([[v1, rho * np.sqrt(v1 * v2)], [rho * np.sqrt(v1 * v2), v2]])
            lengths, axes = gmm.principal_axes(covariance)
            cells = numbers(" ".join(page.locator("td").all_inner_texts()))
            assert cells[0::3] == pytest.approx((lengths**2).tolist(), rel=0.0051)
            assert cells[1::3] == pytest.approx(lengths.tolist(), rel=0.0051)
            turn = np.radians(cells[2])
            off = abs(np.cos(turn) * axes[0, 1] - np.sin(turn) * axes[0, 0])
            assert off < np.sin(np.radians(0.51)) or np.isclose(*lengths, rtol=0.01)
            found = numbers(said(page).replace("1, 2, 3 sigmas", ""))
            inside = [(gmm.mahalanobis_squared(PLANE, mean, covariance) <= r * r).sum() for r in (1, 2, 3)]
            peak = np.exp(gmm.gaussian_log_density(mean[None], mean, covariance)[0])
            root = np.prod(lengths)
            assert found[:6] == pytest.approx([v1, v2, rho, covariance[0, 1], root, peak], rel=0.0051)
            assert found[6:10] == [*inside, 70]
            totals = (gmm.gaussian_log_likelihood(PLANE, mean, covariance), gmm.max_gaussian_log_likelihood(PLANE))
            assert found[10:] == pytest.approx(totals, abs=0.0051)

    def test_handles(self, visit):
        page = visit(EXAMPLES["ellipse"]())
        stops = stored(EXAMPLES["ellipse"]().data)["stops"]
        for number, right, down in ((0, 12, 6), (1, -10, -15)):
            box = page.locator(".gw-handle").nth(number).bounding_box()
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.move(x + right, y + down, steps=5)
            page.mouse.up()
            after = page.locator(".gw-handle").nth(number).bounding_box()
            # It follows the mouse as far as the stops of the sliders allow.
            assert after["x"] - box["x"] == pytest.approx(right, abs=5)
            assert after["y"] - box["y"] == pytest.approx(down, abs=5)
            values = numbers(said(page))[:3]
            places = [int(v) for v in page.evaluate("() => [...document.querySelectorAll('input')].map(i => i.value)")]
            assert values == pytest.approx([row[i] for row, i in zip(stops, places, strict=True)], rel=0.006)
            assert values[number] > (3.0, 5.0)[number]

    def test_keyboard(self, visit):
        page = visit(EXAMPLES["ellipse alone"]())
        slider = page.get_by_role("slider", name="correlation")
        for _ in range(4):
            slider.press("ArrowRight")
        assert numbers(said(page))[2] == 0.2
        assert slider.get_attribute("aria-valuetext") == "0.20"
        slider.press("Home")
        assert "correlation −0.95" in said(page)


@every_widget
def test_script_draws_and_writes_what_python_did(kind, visit):
    """The picture of the first state, drawn by Python, does not change when the script takes over."""
    still = visit(EXAMPLES[kind](), java_script_enabled=False)
    moving = visit(EXAMPLES[kind]())
    assert moving.evaluate(WRITTEN) == still.evaluate(WRITTEN)
    before, after = still.evaluate(DRAWN), moving.evaluate(DRAWN)
    assert [tag for tag, _ in before] == [tag for tag, _ in after]
    for (_, old), (_, new) in zip(before, after, strict=True):
        assert numbers(new) == pytest.approx(numbers(old), abs=0.25)


@every_widget
def test_without_javascript_a_figure_with_its_numbers_stays(kind, visit):
    page = visit(EXAMPLES[kind](), java_script_enabled=False)
    assert page.locator(".gw-svg").first.is_visible()
    assert numbers(said(page))
    assert not page.locator(".gw-controls").is_visible()
    assert page.locator("button:visible, input:visible").count() == 0
    assert page.locator("noscript").inner_text().startswith("With JavaScript")


@every_widget
def test_in_print_the_controls_are_gone(kind, visit):
    page = visit(EXAMPLES[kind]())
    assert page.locator(".gw-controls").is_visible()
    page.emulate_media(media="print")
    assert not page.locator(".gw-controls").is_visible()
    assert page.locator(".gw-svg").first.is_visible()
    assert page.locator("output").is_visible()


@every_widget
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_on_a_phone(kind, scheme, visit):
    page = visit(EXAMPLES[kind](), width=PHONE, color_scheme=scheme)
    assert page.evaluate(BACKGROUNDS) == ["rgba(0, 0, 0, 0)"]
    assert min(page.evaluate(CONTRAST)) >= 4.5
    for scale in (75, 112):  # fonts of other computers, narrow and wide; the test goes on with the wide one
        page.evaluate(screenshot.FONTS, [screenshot.dejavu(), {"sizeAdjust": f"{scale}%"}])
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
        for control in page.locator("button, input").all():
            box = control.bounding_box()
            assert min(box["width"], box["height"]) >= 24
    for handle in page.locator(".gw-handle").all():
        box = handle.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for dx, dy in ((0, 0), (-12, 0), (12, 0), (0, -12), (0, 12)):  # a finger does not hit the dot itself
            assert (
                page.evaluate("([x, y]) => document.elementFromPoint(x, y).classList[0]", [x + dx, y + dy])
                == "gw-handle"
            )
    found = Axe().run(page).response["violations"]
    assert [
        (rule["id"], [node["html"][:80] for node in rule["nodes"]])
        for rule in found
        if rule["id"] != "page-has-heading-one"
    ] == []


def test_several_figures_on_one_page_do_not_disturb_each_other(visit):
    page = visit(EXAMPLES["stepper"](), EXAMPLES["stepper"](name="again"), EXAMPLES["line"]())
    following = page.get_by_role("button", name="On one step")
    following.nth(1).click()
    texts = page.locator("output").all_inner_texts()
    assert [text.split()[0] for text in texts] == ["Start:", "E-step", "x"]


def test_six_components_fit_a_phone(visit):
    start = (np.full(6, 1 / 6), 1e3 * PLANE[:6], np.array([1e6 * np.eye(2)] * 6))
    page = visit(widgets.em_stepper(1e3 * PLANE, *start, n_iter=2), width=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
