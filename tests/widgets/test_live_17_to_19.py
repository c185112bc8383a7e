"""The live figures of chapters 17 to 19, driven by mouse, touch and keyboard, against the functions of the package."""

from __future__ import annotations

import inspect
import json
import re

import numpy as np
import pytest
from live_helpers import PHONE, centre, check_both_themes, drag, press, said, state, swipe, take
from scipy import optimize, special, stats
from widget_examples import PLANE
from widget_helpers import Elements, numbers

import gmm
from gmm import widgets

GROUPS = np.repeat([0, 1], [40, 30])
OUTLIER = (8.0, -4.0)
WINDOW = ((-8, 12), (-9, 13))
# Two groups on top of each other for some values of x: a slice there has two modes.
SLICED = (
    np.array([0.4, 0.6]),
    np.array([[0.0, 0.0], [1.0, 6.0]]),
    np.array([[[1.0, 0.5], [0.5, 1.0]], [[2.0, -0.6], [-0.6, 1.0]]]),
)
CELLS = np.random.default_rng(19).multivariate_normal([3.0, 10.0], [[1.0, 1.6], [1.6, 4.0]], 40).round(2)
STARTS = [
    ([1.0], [[2.0, 9.0]], [[[1.0, 0.0], [0.0, 3.0]]]),
    ([0.5, 0.5], [[2.0, 8.0], [4.0, 12.0]], [np.diag([1.0, 3.0])] * 2),
]
FIGURES = {
    "alarm-threshold": lambda **more: widgets.alarm_threshold((2, 10), n_fresh=200, n_odd=100, **more),
    "outlier-fits": lambda **more: widgets.outlier_fits(PLANE, GROUPS, OUTLIER, limits=WINDOW, **more),
    "mixture-slice": lambda **more: widgets.mixture_slice(*SLICED, at=(0.5, 3.0), **more),
    "missing-cells": lambda **more: widgets.missing_cells(CELLS, STARTS, axis_labels=("x (m)", "y (kg)"), **more),
}
every_figure = pytest.mark.parametrize("kind", FIGURES)
ROWS = "() => [...document.querySelectorAll('tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))"


def settled(page):
    """Wait for the end of what runs in slices; what is said then."""
    page.wait_for_function("document.querySelector('output').textContent.includes('Iterations:')")
    return said(page)


# ------------------------------------------------------------------------------------- the threshold


def chance(seed):
    """The page's generator (mulberry32), and its normal numbers (Box and Muller)."""

    def next_():
        nonlocal seed
        seed = (seed + 0x6D2B79F5) & 0xFFFFFFFF
        t = (seed ^ seed >> 15) * (seed | 1) & 0xFFFFFFFF
        t ^= (t + ((t ^ t >> 7) * (t | 61) & 0xFFFFFFFF)) & 0xFFFFFFFF
        return (t ^ t >> 14) / 4294967296 + 2**-33

    def normal():
        return np.sqrt(-2 * np.log(next_())) * np.cos(2 * np.pi * next_())

    return next_, normal


def one_draw(seed, d, kind):
    """Log-densities of seen, unseen, fresh and odd samples by the fit to the seen ones."""
    uniform, normal = chance(1000 * seed + d)
    make = {
        "Gaussian": normal,
        "heavy-tailed": lambda: normal() / np.sqrt((normal() ** 2 + normal() ** 2 + normal() ** 2) / 3),
        "skewed": lambda: -np.log(uniform()),
    }[kind]
    seen, unseen, fresh, odd = (np.array([[make() for _ in range(d)] for _ in range(n)]) for n in (99, 99, 200, 100))
    odd[:, 0] += 4.0
    fit = gmm.sample_mean(seen), gmm.sample_covariance(seen)
    return [gmm.gaussian_log_density(X, *fit) for X in (seen, unseen, fresh, odd)]


@pytest.mark.slow
class TestAlarmThreshold:
    def check(self, page, *, whole=True):
        """What is said, for the present state, against the package; the threshold and its rule."""
        if whole:
            page.wait_for_function(
                "() => { const text = document.querySelector('output').textContent;"
                "return text.match(/^Draw (\\d+)/)[1] === text.match(/in (\\d+) draw/)[1]; }"
            )
        text, now = said(page), state(page)
        alpha, draws = now["alpha"] / 100, now["draws"]
        made = [one_draw(seed, now["d"], now["kind"]) for seed in range(1, draws + 1)]
        seen, unseen, fresh, odd = made[-1]
        rule = {
            "seen": lambda: gmm.conformal_threshold(seen, alpha),
            "unseen": lambda: gmm.conformal_threshold(unseen, alpha),
        }
        threshold = rule.get(now["rule"], lambda: now["hand"])()
        rates = 100 * np.array(
            [[(f < gmm.conformal_threshold(c, alpha)).mean() for c in (s, u)] for s, u, f, _ in made]
        )
        first, _, second = text.partition("False alarms")
        expected = [draws, threshold, (fresh < threshold).sum(), 200, (odd < threshold).sum(), 100]
        assert numbers(first) == pytest.approx(expected, abs=0.0051)
        spread = rates.std(axis=0, ddof=1) / np.sqrt(draws) if draws > 1 else None
        shown = [draws, now["alpha"]]
        for column in range(2):
            shown += [rates[:, column].mean(), *([] if spread is None else [spread[column]])]
        assert numbers(second) == pytest.approx(shown, abs=0.051)
        return now, threshold, rates

    def test_keyboard_mouse_and_touch_set_the_threshold(self, show):
        page = show(FIGURES["alarm-threshold"](), has_touch=True)
        assert self.check(page)[0]["rule"] == "unseen"
        take(page, "seen samples")
        _, seen, _ = self.check(page)
        handle = page.get_by_role("slider", name="Threshold", exact=True)
        handle.press("ArrowLeft")
        now, by_key, _ = self.check(page)
        assert (now["rule"], by_key < seen) == ("hand", True)
        drag(page, "Threshold", 60, 0)
        _, by_mouse, _ = self.check(page)
        assert by_mouse > by_key
        x, y = centre(page, "Threshold")
        swipe(page, (x + 2, y + 2), (x - 20, y + 2), (x - 90, y + 2))
        assert self.check(page)[1] < by_key
        press(page, "Undo", "Undo", "Undo")
        assert self.check(page)[1] == seen
        take(page, "hand")  # by hand it begins where it stands
        assert self.check(page)[1] == pytest.approx(seen, rel=1e-5)

    def test_promise_features_and_distribution(self, show):
        page = show(FIGURES["alarm-threshold"]())
        page.get_by_role("slider", name="Promise α").press("ArrowRight")
        assert self.check(page)[0]["alpha"] == 6
        for kind in ("heavy-tailed", "skewed"):
            take(page, kind)
            self.check(page)
        take(page, "2")
        press(page, "New samples")
        assert self.check(page)[0]["draws"] == 2

    def test_the_averages_of_many_draws(self, show):
        page = show(FIGURES["alarm-threshold"](), reduced_motion="reduce")
        press(page, "20 more draws")
        now, _, rates = self.check(page)
        assert now["draws"] == 21
        means = rates.mean(axis=0)
        assert means[0] > 7 > means[1]  # ten features: seen samples promise too much
        # The line of the running mean, from its pixels.
        plot = page.locator(".gl-plot").nth(1)
        for css, column in ((".k1", 0), (".k0", 1)):
            line = np.array(numbers(plot.locator(".gl-front " + css).get_attribute("d"))).reshape(-1, 2)
            running = np.cumsum(rates[:, column]) / np.arange(1, 22)
            up, low = np.polyfit(running, line[:, 1], 1)
            assert up < 0
            assert np.abs(low + up * running - line[:, 1]).max() < 0.02
        press(page, "Run")  # without motion: twenty at once
        assert self.check(page)[0]["draws"] == 41
        press(page, "Undo", "Undo")
        assert self.check(page)[0]["draws"] == 1


# ------------------------------------------------------------------------------------- the outlier


def log_volume(X, box):
    return gmm.log_hypervolume(X) if box else np.log(20 * 22)


def climb(X, kind, dof=3.0, box=True):
    """EM from the groups with the functions of the package: means, shapes, share of the last sample but `more`, …"""
    weights, means, shapes = gmm.m_step(PLANE, gmm.one_hot(GROUPS, 2))
    nu, before, n = dof or 4.0, -np.inf, len(X)
    if kind == "noise":
        weights = np.append(0.95 * weights, 0.05)
    for iteration in range(1001):  # noqa: B007
        u = np.ones((n, 2))
        if kind == "Gaussian":
            resp, log = gmm.responsibilities(X, weights, means, shapes), gmm.log_likelihood(X, weights, means, shapes)
        elif kind == "noise":
            theta = X, weights, means, shapes, log_volume(X, box)
            resp, log = gmm.noise_responsibilities(*theta), gmm.noise_log_density(*theta).sum()
        else:
            resp = gmm.student_responsibilities(X, weights, means, shapes, [nu] * 2)
            u = np.column_stack([gmm.expected_scale(X, m, s, nu) for m, s in zip(means, shapes, strict=True)])
            parts = [stats.multivariate_t.pdf(X, m, s, nu) for m, s in zip(means, shapes, strict=True)]
            log = np.log(weights @ np.array(parts)).sum()
        if log - before < 1e-7 * n:
            break
        before, weights = log, resp.mean(axis=0)
        r = resp[:, :2]  # what noise takes is lost to the groups; u = 1 is the M-step of a Gaussian
        means = (r * u).T @ X / (r * u).sum(axis=0)[:, None]
        z = X[:, None] - means
        shapes = np.einsum("ik,ikj,ikl->kjl", r * u, z, z) / r.sum(axis=0)[:, None, None]
        if kind == "t" and not dof:
            gap = lambda v: np.log(v / 2) - special.digamma(v / 2)  # noqa: E731
            target = (resp * (u - np.log(u) - 1)).sum() / n + gap(nu + 2)
            nu = min(200.0, optimize.brentq(lambda v: gap(v) - target, 1e-3, 1e9))  # noqa: B023
    return {"means": means, "shapes": shapes, "resp": resp, "u": u, "nu": nu, "iterations": iteration}


@pytest.mark.slow
class TestOutlierFits:
    def check(self, page):
        text, now = settled(page), state(page)
        offsets = np.array(json.loads(page.locator('script[type="application/json"]').inner_text())["offsets"])
        X, i = np.vstack([PLANE, np.array(now["at"]) + offsets[: now["many"]]]), len(PLANE)
        rows = page.evaluate(ROWS)
        fits = {}
        for kind, row in zip(("Gaussian", "noise", "t"), rows, strict=True):
            fit, alone = (climb(data, kind, now["dof"], now["box"]) for data in (X, PLANE))
            fits[kind] = fit
            share = (fit["resp"][i, :2] * fit["u"][i]).sum()
            moved = np.linalg.norm(fit["means"] - alone["means"], axis=1).max()
            area = np.sqrt(np.linalg.det(fit["shapes"]) / np.linalg.det(alone["shapes"])).max()
            assert numbers(" ".join(row[1:])) == pytest.approx([share, moved, area], abs=0.0061)
        t = fits["t"]
        u = t["u"][i, t["resp"][i].argmax()]
        found = numbers(re.sub(r" with ν = [\d.]+", "", text))
        assert found[:2] == pytest.approx(now["at"], abs=0.051)
        assert found[2:4] == pytest.approx([fits["noise"]["resp"][i, 2], u], abs=0.0011)
        assert found[4:] == pytest.approx([fit["iterations"] for fit in fits.values()], abs=2)
        if not now["dof"]:
            assert numbers(text.partition("ν")[2])[0] == pytest.approx(t["nu"], rel=0.01)
        return now, fits

    def test_mouse_keyboard_and_touch(self, show):
        page = show(FIGURES["outlier-fits"](), has_touch=True)
        now, fits = self.check(page)
        assert now["at"] == list(OUTLIER)
        assert fits["noise"]["resp"][-1, 2] > 0.9
        drag(page, "Outlier", -60, -40)
        after, _ = self.check(page)
        assert after["at"][0] < OUTLIER[0]
        assert after["at"][1] > OUTLIER[1]
        x, y = centre(page, "Outlier")
        swipe(page, (x + 5, y + 5), (x - 30, y + 5), (x - 80, y - 60))
        third, _ = self.check(page)
        assert third["at"][1] > after["at"][1]
        page.get_by_role("slider", name="Outlier").press("Shift+ArrowDown")
        self.check(page)
        press(page, "Undo", "Undo", "Undo")
        assert self.check(page)[0] == now

    def test_more_of_them_learned_tails_and_another_volume(self, show):
        page = show(FIGURES["outlier-fits"](), reduced_motion="reduce")
        take(page, "the window")
        self.check(page)
        take(page, "learned")
        self.check(page)
        take(page, "8")
        _, fits = self.check(page)
        assert fits["noise"]["resp"][-1, 2] > 0.9
        between = state(page) | {"at": [2.8, 3.8], "many": 1, "dof": 3, "box": True}
        page.evaluate("s => { location.hash = '#outlier-fits:' + btoa(JSON.stringify(s)); }", between)
        _, fits = self.check(page)
        assert fits["noise"]["resp"][-1, 1:].min() > 0.05  # more than the first group has a share of it

    def test_ellipses_are_those_of_the_fits(self, show):
        """Of the noise fit: centres and half-heights on the screen, whose scale is that of the samples."""
        page = show(FIGURES["outlier-fits"]())
        _, fits = self.check(page)
        pixels = np.array(
            [[float(dot.get_attribute(c)) for c in ("cx", "cy")] for dot in page.locator(".gl-sample").all()]
        )
        (a, b), (c, d) = (np.polyfit(PLANE[:, j], pixels[:, j], 1) for j in (0, 1))
        for k, kind in enumerate(fits):
            for j in range(2):
                path = page.locator(f".gl-front .k{k}").nth(j).get_attribute("d")
                ring = np.array(numbers(path)).reshape(-1, 2)[:-1]
                place = (ring - [b, d]) / [a, c]
                fit = fits[kind]
                assert place.mean(axis=0) == pytest.approx(fit["means"][j], abs=0.02)
                distances = gmm.mahalanobis_squared(place, fit["means"][j], fit["shapes"][j])
                assert distances == pytest.approx(np.full(len(ring), 4.0), rel=0.02)

    def test_a_state_that_is_none_changes_nothing(self, show):
        page = show(FIGURES["outlier-fits"]())
        before = state(page)
        broken = before | {"dof": 7}  # none of those to choose from
        page.evaluate("s => { location.hash = '#outlier-fits:' + btoa(JSON.stringify(s)); }", broken)
        assert state(page) == before


# ------------------------------------------------------------------------------------- the slice


@pytest.mark.slow
class TestMixtureSlice:
    def check(self, page):
        text, now = said(page), state(page)
        g, value = now["given"], now["at"][now["given"]]
        t, means, covariances = 1 - g, np.array(now["means"]), np.array(now["covariances"])
        deviations = np.sqrt(covariances[:, g, g])
        odds = SLICED[0] * stats.norm.pdf(value, means[:, g], deviations)
        weights = odds / odds.sum()
        slopes = covariances[:, 0, 1] / covariances[:, g, g]
        centres = means[:, t] + slopes * (value - means[:, g])
        sds = np.sqrt(covariances[:, t, t] - slopes * covariances[:, 0, 1])

        def cdf(v):
            return weights @ stats.norm.cdf(v, centres, sds)

        ends = [optimize.brentq(lambda v, q=q: cdf(v) - q, -60, 60) for q in (0.05, 0.95)]
        mean = weights @ centres
        sd = np.sqrt(weights @ (sds**2 + (centres - mean) ** 2))
        grid = np.linspace(ends[0] - 8, ends[1] + 8, 40_001)
        density = weights @ stats.norm.pdf(grid[:, None], centres, sds).T.reshape(len(weights), -1)
        tops = grid[1:-1][(density[1:-1] > density[:-2]) & (density[1:-1] >= density[2:])]
        tops = tops[np.interp(tops, grid, density) > 1e-6 * density.max()]
        head, _, tail = text.partition("; ")
        assert numbers(head) == pytest.approx([value, mean, sd, 90, *ends], abs=0.051)
        if len(tops) == 1:
            assert numbers(tail)[0] == pytest.approx(tops[0], abs=0.08)
        else:
            share = 100 * (weights @ stats.norm.pdf(mean, centres, sds)) / density.max()
            assert numbers(tail)[: 2 + len(tops)] == pytest.approx([len(tops), *tops, share], abs=0.6)
        assert numbers(tail)[-2:] == pytest.approx(weights, abs=0.0051)
        return now, len(tops)

    def test_keyboard_mouse_and_touch_slice(self, show):
        page = show(FIGURES["mixture-slice"](), has_touch=True)
        now, modes = self.check(page)
        assert (now["at"], modes) == ([0.5, 3.0], 2)
        page.get_by_role("slider", name="Slice at x").press("Shift+ArrowLeft")
        assert self.check(page)[0]["at"][0] < 0.5
        drag(page, "Slice at x", 150, 3)
        now, _ = self.check(page)
        assert now["at"][0] > 1.5
        x, y = centre(page, "Slice at x")
        swipe(page, (x + 3, y), (x - 50, y), (x - 120, y))
        assert self.check(page)[0]["at"][0] < now["at"][0]
        box = page.locator(".gl-plot").first.bounding_box()  # a press beside it fetches it
        page.mouse.click(box["x"] + 90, box["y"] + 60)
        assert self.check(page)[0]["at"][0] < -1.5
        take(page, "y")
        page.get_by_role("slider", name="Slice at y").press("ArrowUp")
        now, _ = self.check(page)
        assert (now["given"], now["at"][1] > 3.0) == (1, True)
        press(page, *["Undo"] * 6)
        assert self.check(page)[0]["at"] == [0.5, 3.0]

    def test_components_can_be_moved(self, show):
        page = show(FIGURES["mixture-slice"]())
        take(page, "moves components")
        drag(page, "Component 2: mean", 0, 60)
        now, _ = self.check(page)
        assert now["means"][1][1] < 5.5
        page.get_by_role("slider", name="Component 1: long axis").press("Shift+ArrowUp")
        assert self.check(page)[0]["covariances"][0] != SLICED[2][0].tolist()

    def test_the_second_feature_may_be_given_at_first(self, show):
        page = show(FIGURES["mixture-slice"](given=1))
        page.get_by_role("slider", name="Slice at y").press("Shift+ArrowRight")
        now, _ = self.check(page)
        assert (now["given"], now["at"][0], now["at"][1] > 3.0) == (1, 0.5, True)

    def test_the_dashed_line_is_the_regression(self, show):
        page = show(FIGURES["mixture-slice"]())
        line = np.array(
            numbers(page.locator(".gl-plot").first.locator(".gl-front .dashed:not([class*=k])").get_attribute("d"))
        )
        line = line.reshape(-1, 2)
        info = json.loads(page.locator('script[type="application/json"]').inner_text())
        x = np.linspace(*info["x"], 81)
        odds = SLICED[0] * stats.norm.pdf(x[:, None], SLICED[1][:, 0], np.sqrt(SLICED[2][:, 0, 0]))
        slopes = SLICED[2][:, 0, 1] / SLICED[2][:, 0, 0]
        expected = (odds * (SLICED[1][:, 1] + slopes * (x[:, None] - SLICED[1][:, 0]))).sum(axis=1) / odds.sum(axis=1)
        up, low = np.polyfit(expected, line[:, 1], 1)
        assert up < 0
        assert np.abs(low + up * expected - line[:, 1]).max() < 0.02


# ------------------------------------------------------------------------------------- missing values


@pytest.mark.slow
class TestMissingCells:
    def check(self, page):
        """The table against the estimator of the package, from the same start."""
        text, now = settled(page), state(page)
        mask = np.array(now["mask"])
        X = np.where(np.column_stack([mask & 1, mask >> 1]), np.nan, CELLS)
        weights, means, covariances = map(np.array, STARTS[now["start"]])
        fits = []
        for data in (X[~np.isnan(X).all(axis=1)], CELLS[mask == 0], CELLS):
            mixture = gmm.GaussianMixture(
                len(weights), missing="marginalise", reg_covar=0.0, tol=1e-10, max_iter=20_000,
                weights_init=weights, means_init=means, precisions_init=np.linalg.inv(covariances),
            ).fit(data)  # fmt: skip
            theta = mixture.weights_, mixture.means_, mixture.covariances_
            mean, covariance = gmm.mixture_mean(*theta[:2]), gmm.mixture_covariance(*theta)
            sd = np.sqrt(np.diag(covariance))
            fits.append([len(data), *mean, *sd, covariance[0, 1] / sd.prod()])
        rows = [numbers(" ".join(row[1:])) for row in page.evaluate(ROWS)]
        assert np.array(rows) == pytest.approx(np.array(fits), abs=0.0151)
        hidden = (mask & 1).sum() + (mask >> 1).sum()
        head = numbers(text)[:6]
        assert head[:3] == [hidden, 80, (mask > 0).sum()]
        assert head[3:] == pytest.approx(np.array(fits)[:, 1 + now["hide"]], abs=0.0151)
        return now, np.array(fits)

    def test_mouse_keyboard_and_touch_hide_cells(self, show):
        page = show(FIGURES["missing-cells"](), has_touch=True)
        self.check(page)
        places = [dot.bounding_box() for dot in page.locator(".gl-sample").all()]
        i = int(np.argmin(np.abs(CELLS - [1.0, 6.0]).sum(axis=1)))
        page.mouse.click(places[i]["x"] + 3, places[i]["y"] + 3)
        now, _ = self.check(page)
        assert (now["mask"][i], sum(now["mask"]), now["cursor"]) == (2, 2, i)
        take(page, "x")
        page.get_by_role("slider", name="Sample").press("ArrowRight")
        page.get_by_role("slider", name="Sample").press("Enter")
        now, _ = self.check(page)
        assert sorted(now["mask"])[-2:] == [1, 2]
        order = np.lexsort(CELLS.T[::-1]).tolist()
        assert order.index(now["cursor"]) == order.index(i) + 1
        j = int(np.argmax(CELLS[:, 1]))
        page.touchscreen.tap(places[j]["x"] + 5, places[j]["y"] + 5)
        now, _ = self.check(page)
        assert now["mask"][j] == 1
        drag(page, "Sample", -100, 90)  # the cursor follows the pointer, and hides nothing
        after, _ = self.check(page)
        assert (after["mask"], after["cursor"] != j) == (now["mask"], True)
        take(page, "y")
        page.touchscreen.tap(places[j]["x"] + 5, places[j]["y"] + 5)  # now all of that row is hidden
        assert self.check(page)[0]["mask"][j] == 3

    def test_where_the_other_is_high_deletion_is_biased(self, show):
        page = show(FIGURES["missing-cells"]())
        press(page, "Hide where the other feature is high")
        _, fits = self.check(page)
        observed, deleted, whole = fits[:, 2]
        assert abs(observed - whole) < 0.3 * abs(deleted - whole)
        press(page, "Show all", "Hide where the feature itself is high")
        self.check(page)
        press(page, "Show all", "Hide eight more at random")
        now, _ = self.check(page)
        assert now["mask"].count(2) == 8
        take(page, "2")
        self.check(page)
        press(page, "Reset")
        assert self.check(page)[0]["mask"] == [0] * 40

    def test_the_segment_is_the_conditional(self, show):
        page = show(FIGURES["missing-cells"]())
        press(page, "Hide where the other feature is high")
        now, _ = self.check(page)
        X = np.where(np.column_stack([np.zeros(40), np.array(now["mask"]) >> 1]), np.nan, CELLS)
        mixture = gmm.GaussianMixture(1, missing="marginalise", reg_covar=0.0, tol=1e-10, max_iter=20_000).fit(X)
        hidden = np.flatnonzero(now["mask"])
        expected = mixture.impute(X)[hidden, 1]
        dots = page.locator(".gl-data .d0").evaluate_all("all => all.map(e => +e.getAttribute('cy'))")
        true = page.locator(".gl-data .ring").evaluate_all("all => all.map(e => +e.getAttribute('cy'))")
        up, low = np.polyfit(CELLS[hidden, 1], true, 1)
        assert (np.array(dots) - low) / up == pytest.approx(expected, abs=0.02)
        segments = page.locator(".gl-data .p0").evaluate_all("all => all.map(e => e.getAttribute('d'))")
        ends = np.array([numbers(d) for d in segments])[:, [1, 3]]
        (a, b), (_, c) = mixture.covariances_[0]
        assert np.ptp(ends, axis=1) / abs(up) == pytest.approx(np.full(len(ends), 2 * np.sqrt(c - b * b / a)), rel=0.01)

    def test_without_enough_rows_deletion_has_no_answer(self, show):
        page = show(FIGURES["missing-cells"]())
        few = state(page) | {"mask": [2] * 38 + [0] * 2}
        page.evaluate("s => { location.hash = '#missing-cells:' + btoa(JSON.stringify(s)); }", few)
        page.wait_for_function("document.querySelector('output').textContent.includes('has no answer')")
        assert "The fit with rows deleted has no answer" in said(page)
        assert page.evaluate(ROWS)[1][2] == "–"
        press(page, "Undo")
        self.check(page)


# ------------------------------------------------------------------------------------- what all have


@pytest.mark.slow
class TestEach:
    @every_figure
    def test_both_themes_at_both_widths(self, kind, show):
        check_both_themes(show(FIGURES[kind](), width=PHONE))

    @every_figure
    def test_a_state_in_the_address_comes_back(self, kind, show):
        page = show(FIGURES[kind]())
        handle = page.locator(".gl-handle").first
        handle.press("ArrowLeft")
        before, text = state(page), page.evaluate("location.href")
        page.goto("about:blank")
        page.goto(text)
        page.wait_for_selector('.gmm-live[data-state="live"]')
        assert state(page) == before


@every_figure
def test_the_html_is_valid_the_same_again_and_asks_for_nothing(kind):
    html = FIGURES[kind](name="first").data
    elements = Elements(html)
    assert html == FIGURES[kind](name="first").data or "gmmKernels" in html
    assert "<svg" in html
    assert not re.search(r'(src|href)="http', html)
    assert elements.all("div", id="first", role="group")
    signature = inspect.signature(getattr(widgets, kind.replace("-", "_")))
    assert signature.parameters["name"].default == kind


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: widgets.alarm_threshold(()), "n_features must be one to 6 integers"),
        (lambda: widgets.alarm_threshold((2, 99)), "n_samples must be >= 100; got 99"),
        (lambda: widgets.alarm_threshold(percent=31), "percent must be 30 or less; got 31"),
        (lambda: widgets.alarm_threshold(shift=np.nan), "shift"),
        (lambda: widgets.outlier_fits(PLANE[:, :1], GROUPS, OUTLIER), "X must have 2 features"),
        (lambda: widgets.outlier_fits(PLANE, GROUPS[:5], OUTLIER), "labels"),
        (lambda: widgets.outlier_fits(PLANE, GROUPS, (1.0, 2.0, 3.0)), "outlier must be two numbers; got shape"),
        (lambda: widgets.outlier_fits(PLANE, GROUPS, OUTLIER, dofs=()), "dofs must be one to 6 numbers; got 0"),
        (lambda: widgets.outlier_fits(PLANE, GROUPS, OUTLIER, dofs=(-1,)), "dofs"),
        (lambda: widgets.outlier_fits(PLANE, np.arange(70) // 69, OUTLIER), "the covariance of group 1"),
        (lambda: widgets.mixture_slice(*SLICED, PLANE[:, :1]), "X must have 2 features; got 1"),
        (lambda: widgets.mixture_slice(*SLICED, at=(1.0,)), "at must be two numbers; got shape"),
        (lambda: widgets.mixture_slice(*SLICED, given=2), "given must be 0 or 1; got 2"),
        (lambda: widgets.mixture_slice(*SLICED, coverage=1.0), "coverage must be < 1; got 1"),
        (lambda: widgets.mixture_slice([1.0, 0.0], *SLICED[1:]), "weights must be positive"),
        (lambda: widgets.mixture_slice([1.0], [[0.0]], [[[1.0]]]), "means must have 2 features"),
        (lambda: widgets.missing_cells(CELLS[:, :1], STARTS), "X must have 2 features"),
        (lambda: widgets.missing_cells(CELLS, []), "starts must hold one to six tuples"),
        (lambda: widgets.missing_cells(CELLS * [1.0, 0.0], STARTS), "no constant feature; feature 1 is constant"),
        (lambda: widgets.missing_cells(CELLS, [([1.0], [[0.0]], [[[1.0]]])]), "starts must have 2 features"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


BAD = "a < b & </script>"


@pytest.mark.parametrize(
    "make",
    [
        lambda label: widgets.outlier_fits(PLANE, GROUPS, OUTLIER, axis_labels=[label] * 2, name="a"),
        lambda label: widgets.mixture_slice(*SLICED, axis_labels=[label] * 2, name="a"),
        lambda label: widgets.missing_cells(CELLS, STARTS, axis_labels=[label] * 2, name="a"),
    ],
)
def test_labels_cannot_break_out_of_the_html(make):
    html = make(BAD).data
    assert Elements(html).content["text"].count(BAD) == 2
    (stored,) = re.findall(r'<script type="application/json">(.*?)</script>', html, re.S)
    assert BAD in str(json.loads(stored))
