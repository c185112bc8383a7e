"""The numbers that each figure stores are those of the package."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from scipy import stats
from widget_examples import EXAMPLES, LINE, PLANE, START_1, START_2, THREE
from widget_helpers import Elements, decode_pixels, numbers, responsibilities, stored

import gmm
from gmm import widgets


class TestStepper:
    def test_states_are_half_steps_with_the_log_likelihoods_and_bounds_of_em(self):
        data = stored(EXAMPLES["stepper"]().data)
        names = ["Start", *[f"{half}-step {t}" for t in range(1, 8) for half in "EM"][:-1]]
        assert data["names"] == names
        totals = gmm.em(PLANE, *START_2, tol=0, max_iter=6).log_likelihoods
        steps = list(islice(gmm.em_steps(PLANE, *START_2), 7))
        assert numbers(data["texts"][0]) == pytest.approx([totals[0]], abs=0.006)
        for t in range(7):
            e_step = numbers(data["texts"][2 * t + 1])
            assert e_step[1:-1] == pytest.approx(gmm.effective_counts(steps[t].resp), abs=0.06)
            assert e_step[-1] == pytest.approx(totals[t], abs=0.006)
        for t in range(1, 7):
            new = steps[t]
            bound = gmm.elbo(PLANE, steps[t - 1].resp, new.weights, new.means, new.covariances)
            _, total, gain, reached = numbers(data["texts"][2 * t])
            assert (total, gain, reached) == pytest.approx((totals[t], totals[t] - totals[t - 1], bound), abs=0.006)
            assert reached <= total

    def test_responsibilities_and_parameters_are_those_of_em(self):
        data = stored(EXAMPLES["stepper"]().data)
        for step, code, rows in zip(islice(gmm.em_steps(PLANE, *START_2), 7), data["resp"], data["rows"], strict=True):
            assert np.abs(responsibilities(code, 2) - step.resp).max() <= 1 / 63
            for k, row in enumerate(rows):
                weight, x, y, sd_x, sd_y = numbers(", ".join(row))
                assert weight == pytest.approx(step.weights[k], abs=6e-4)
                assert (x, y) == pytest.approx(step.means[k], abs=0.06)
                assert (sd_x, sd_y) == pytest.approx(np.sqrt(np.diag(step.covariances[k])), abs=0.06)

    def test_rings_are_ellipses_of_the_covariances_in_pixels(self):
        html = EXAMPLES["stepper"]().data
        data = stored(html)
        dots = [numbers(a["d"])[:2] for a in Elements(html).all("path") if a.get("d", "").endswith("h0")]
        scale, shift = np.polyfit(PLANE[:, 0], np.array(dots)[:, 0], 1)
        up, top = np.polyfit(PLANE[:, 1], np.array(dots)[:, 1], 1)
        last = list(islice(gmm.em_steps(PLANE, *START_2), 7))[-1]
        for ring, mean, covariance in zip(data["shapes"][-1], last.means, last.covariances, strict=True):
            x, y, rx, ry, angle = ring
            assert (x, y) == pytest.approx((shift + scale * mean[0], top + up * mean[1]), abs=0.2)
            turn = np.radians(angle)
            Q = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
            drawn = Q @ np.diag([rx**2, ry**2]) @ Q.T
            expected = covariance * np.outer([scale, up], [scale, up])
            assert np.allclose(drawn, expected, rtol=0.02, atol=0.02 * np.abs(expected).max())

    def test_density_curves_on_the_line(self):
        data = stored(EXAMPLES["stepper on the line"]().data)
        curves = data["curves"]
        last = list(islice(gmm.em_steps(LINE, *START_1), 7))[-1]
        peaks = []
        for k, code in enumerate(curves["y"][-1]):
            heights = decode_pixels(code, curves["size"])
            peaks.append(heights.max())
            area = last.weights[k]
            sd = np.sqrt(last.covariances[k, 0, 0])
            assert heights.max() > 0.9 * curves["size"] * 0.1
            # The ratio of area to height of a Gaussian is its standard deviation times a constant.
            assert heights.sum() / heights.max() == pytest.approx(
                np.sqrt(2 * np.pi) * sd / (1.16 * np.ptp(LINE) / 89), rel=0.03
            )
            assert area > 0
        densities = [w * stats.norm.pdf(0, 0, np.sqrt(S[0, 0])) for w, S in zip(last.weights, last.covariances)]
        assert peaks[0] / peaks[1] == pytest.approx(densities[0] / densities[1], rel=0.03)

    def test_six_components_and_no_more(self):
        means = PLANE[:6]
        html = widgets.em_stepper(PLANE, np.full(6, 1 / 6), means, np.array([np.eye(2)] * 6), n_iter=2).data
        resp = gmm.responsibilities(PLANE, np.full(6, 1 / 6), means, np.array([np.eye(2)] * 6))
        assert np.abs(responsibilities(stored(html)["resp"][0], 6) - resp).max() <= 1 / 63
        with pytest.raises(ValueError, match="at most 6 components; got 7"):
            widgets.em_stepper(PLANE, np.full(7, 1 / 7), PLANE[:7], np.array([np.eye(2)] * 7))

    def test_a_collapse_is_named(self):
        start = ([0.5, 0.5], [[0.0], [5.0]], [[[1.0]], [[1e-12]]])
        with pytest.raises(gmm.SingularCovarianceError, match="component 1"):
            widgets.em_stepper([[0.0], [1.0], [2.0], [5.0]], *start, n_iter=20)


class TestBound:
    def test_path_is_em_on_one_mean_and_the_texts_give_curve_and_bound(self):
        data = stored(EXAMPLES["bound"]().data)
        mean = START_1[1].copy()
        for t in range(5):
            resp = gmm.responsibilities(LINE, START_1[0], mean, START_1[2])
            height = gmm.log_likelihood(LINE, START_1[0], mean, START_1[2])
            _, at, both = numbers(data["texts"][2 * t])
            assert (at, both) == pytest.approx((mean[1, 0], height), abs=0.006)
            if t == 4:
                break
            mean[1] = gmm.update_means(LINE, resp)[1]
            height = gmm.log_likelihood(LINE, START_1[0], mean, START_1[2])
            bound = gmm.elbo(LINE, resp, START_1[0], mean, START_1[2])
            _, at, low, high, gap = numbers(data["texts"][2 * t + 1])
            assert (at, low, high, gap) == pytest.approx((mean[1, 0], bound, height, height - bound), abs=0.006)

    def test_each_bound_lies_below_touches_at_its_mean_and_peaks_at_the_next(self):
        html = EXAMPLES["bound"]().data
        data = stored(html)
        curve = next(a["d"] for a in Elements(html).all("path", **{"class": "gw-thick"}) if len(a["d"]) > 100)
        xy = np.array(numbers(curve)).reshape(-1, 2)
        for t, code in enumerate(data["bounds"]):
            below = data["top"] + decode_pixels(code, data["span"])
            assert (below >= xy[:, 1] - 0.3).all()  # pixels count downwards
            x, y, z = data["marks"][2 * t]
            assert y == z
            assert np.interp(x, xy[:, 0], below) == pytest.approx(y, abs=0.6)
            if t < 4:
                x, y, z = data["marks"][2 * t + 1]
                assert z == pytest.approx(below.min(), abs=0.3)
                assert x == pytest.approx(xy[below.argmin(), 0], abs=data["x"][1])
                assert y <= z


class TestLine:
    def test_joint_densities_and_shares_at_every_stop(self):
        data = stored(EXAMPLES["line"](limits=(-8, 16), n_stops=49).data)
        x = np.linspace(-8, 16, 49)[:, None]
        joint = np.array(data["joint"]).reshape(49, 4) / 100
        assert np.abs(joint[:, :3] - gmm.joint_log_density(x, *THREE)).max() <= 0.0051
        assert np.abs(joint[:, 3] - gmm.mixture_log_density(x, *THREE)).max() <= 0.0051
        resp = np.array(data["resp"]).reshape(49, 3) / 1000
        assert np.abs(resp - gmm.responsibilities(x, *THREE)).max() <= 0.00051
        assert [numbers(name)[0] for name in data["names"]] == pytest.approx(x[:, 0].tolist(), abs=0.06)

    def test_stacked_areas_are_the_responsibilities(self):
        html = EXAMPLES["line"](limits=(-8, 16)).data
        areas = [np.array(numbers(a["d"])).reshape(-1, 2) for a in Elements(html).all("path") if "Z" in a.get("d", "")]
        assert len(areas) == 3
        x = np.linspace(-8, 16, 101)[:, None]
        resp = gmm.responsibilities(x, *THREE)
        size = areas[0][101:, 1].max() - areas[2][:101, 1].min()
        for k, area in enumerate(areas):
            shares = (area[101:][::-1, 1] - area[:101, 1]) / size
            assert np.abs(shares - resp[:, k]).max() < 0.002


class TestEllipse:
    def test_first_numbers(self):
        page = Elements(EXAMPLES["ellipse"]().data)
        data = stored(EXAMPLES["ellipse"]().data)
        v1, v2 = (min(row, key=lambda v, w=wanted: abs(v - w)) for row, wanted in zip(data["stops"], (3.0, 5.0)))
        covariance = np.array([[v1, 0.6 * np.sqrt(v1 * v2)], [0.6 * np.sqrt(v1 * v2), v2]])
        mean, S = PLANE.mean(axis=0), np.cov(PLANE.T, bias=True)
        normal = stats.multivariate_normal(mean, covariance)
        best = stats.multivariate_normal(mean, S).logpdf(PLANE).sum()
        found = numbers(page.content["output"][0].replace("1, 2, 3 sigmas", ""))
        inside = [(gmm.mahalanobis_squared(PLANE, mean, covariance) <= r * r).sum() for r in (1, 2, 3)]
        expected = [v1, v2, 0.6, covariance[0, 1], np.sqrt(np.linalg.det(covariance)), normal.pdf(mean), *inside]
        assert found == pytest.approx([*expected, 70, normal.logpdf(PLANE).sum(), best], rel=0.006)
        eigenvalues = np.linalg.eigvalsh(covariance)[::-1]
        cells = [numbers(text)[0] for text in page.content["td"]]
        assert cells[0::3] == pytest.approx(eigenvalues, rel=0.006)
        assert cells[1::3] == pytest.approx(np.sqrt(eigenvalues), rel=0.006)
        assert abs(cells[2] - cells[5]) == 90

    def test_sliders_end_at_four_times_the_larger_variance(self):
        ends = [row[-1] for row in stored(EXAMPLES["ellipse"](variances=[50.0, 0.1]).data)["stops"][:2]]
        assert ends == pytest.approx([200.0, 4 * PLANE[:, 1].var()], rel=0.005)

    @pytest.mark.parametrize(("value", "text"), [(0.0, "0.00"), (1.0, "1.00"), (12.34, "12.3"), (999.7, "1.00e+3")])
    def test_three_significant_digits(self, value, text):
        from gmm.widgets.ellipse import _significant

        assert _significant(value) == text
        assert _significant(-1e-9) == "−1.00e−9"


GOOD_2 = (PLANE, *START_2)
GOOD_1 = (LINE, *START_1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: widgets.em_stepper(np.ones((9, 3)), [1.0], np.ones((1, 3)), [np.eye(3)]), ValueError, "1 or 2 "),
        (lambda: widgets.em_stepper(PLANE * np.nan, *START_2), ValueError, "X must be finite"),
        (lambda: widgets.em_stepper(PLANE[:, 0], *START_2), ValueError, "X must have shape"),
        (lambda: widgets.em_stepper(*GOOD_2, n_iter=0), ValueError, "n_iter must be >= 1"),
        (lambda: widgets.em_stepper(*GOOD_2, n_iter=2.5), TypeError, "n_iter must be an integer"),
        (lambda: widgets.em_stepper(*GOOD_2, axis_labels=["x"]), ValueError, "axis_labels must be two strings"),
        (lambda: widgets.em_stepper(*GOOD_2, axis_labels=5), ValueError, "axis_labels must be two strings; got 5"),
        (lambda: widgets.em_stepper(*GOOD_2, reg_covar=-1.0), ValueError, "reg_covar must be >= 0"),
        (lambda: widgets.elbo_curve(*GOOD_2), ValueError, "X must have 1 feature"),
        (lambda: widgets.elbo_curve(*GOOD_1, component=2), ValueError, "component must be below"),
        (lambda: widgets.elbo_curve(*GOOD_1, limits=(3, 1)), ValueError, "low < high"),
        (lambda: widgets.elbo_curve(*GOOD_1, limits=(8, 9)), ValueError, "every mean that EM visits"),
        (lambda: widgets.elbo_curve(*GOOD_1, limits="ab"), TypeError, "limits must hold real numbers"),
        (lambda: widgets.elbo_curve(*GOOD_1, limits=[[1], [2, 3]]), ValueError, "limits must have shape"),
        (lambda: widgets.elbo_curve(*GOOD_1, limits=(1, 2, 3)), ValueError, "low < high"),
        (lambda: widgets.responsibility_line(*START_2), ValueError, "means must have 1 feature"),
        (lambda: widgets.responsibility_line([1.0, 0.0], *START_1[1:]), ValueError, "weights must be positive here"),
        (lambda: widgets.responsibility_line(*START_1, n_stops=2), ValueError, "n_stops must be >= 3"),
        (lambda: widgets.responsibility_line(*START_1, limits=(0, np.inf)), ValueError, "limits must be finite"),
        (lambda: widgets.responsibility_line(np.full(7, 1 / 7), np.zeros((7, 1)), np.ones((7, 1, 1))), ValueError, "6"),
        (lambda: widgets.ellipse_explorer(LINE), ValueError, "X must have 2 features"),
        (lambda: widgets.ellipse_explorer(PLANE * [1.0, 0.0]), ValueError, "positive definite"),
        (lambda: widgets.ellipse_explorer(variances=[1.0]), ValueError, "two positive numbers"),
        (lambda: widgets.ellipse_explorer(variances=[1.0, -1.0]), ValueError, "two positive numbers"),
        (lambda: widgets.ellipse_explorer(correlation=1.0), ValueError, "between -0.95 and 0.95; got 1"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_one_feature_takes_its_label_as_a_string():
    html = widgets.em_stepper(*GOOD_1, n_iter=1, axis_labels="minutes").data
    assert "minutes" in Elements(html).content["text"]
