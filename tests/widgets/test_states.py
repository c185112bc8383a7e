"""The numbers that each figure stores are those of the package."""

from __future__ import annotations

import numpy as np
import pytest
from widget_examples import EXAMPLES, LINE, PLANE, WIDTHS
from widget_helpers import Elements, decode_pixels, numbers, stored

import gmm
from gmm import widgets


class TestSurface:
    def test_paths_are_em_on_the_means(self):
        html = EXAMPLES["surface"]().data
        data = stored(html)
        weights = np.array([0.6, 0.4])
        places = np.linspace(LINE.min(), LINE.max(), 9)
        for t in (1, 8, 30, 72):
            means = np.array([[places[t // 9]], [places[t % 9]]])
            height = gmm.log_likelihood(LINE, weights, means, WIDTHS)
            assert numbers(data["heights"][t])[0] == pytest.approx(height, abs=0.006)
            for _ in range(data["iterations"][t]):
                means = gmm.update_means(LINE, gmm.responsibilities(LINE, weights, means, WIDTHS))
            first, second, height = numbers(data["optima"][data["reached"][t]])
            assert (first, second) == pytest.approx(means[:, 0], abs=0.02)
            assert height == pytest.approx(gmm.log_likelihood(LINE, weights, means, WIDTHS), abs=0.006)
            line = decode_pixels(data["paths"][t], data["size"]).reshape(-1, 2)
            assert line[0] == pytest.approx([data["x"][t // 9], data["y"][t % 9]], abs=0.1)
            end = [np.interp(m, places, data[axis]) for m, axis in zip(means[:, 0], "xy", strict=True)]
            assert line[-1] == pytest.approx(end, abs=0.3)

    def test_optima_are_stationary_and_ranked(self):
        data = stored(EXAMPLES["surface"]().data)
        optima = [text for text in data["optima"] if "saddle" not in text]
        heights = [numbers(text)[2] for text in optima]
        assert heights == sorted(heights, reverse=True)
        # The answer and its mirror image, which the unequal weights make a lower hill.
        assert [text[:5] for text in optima] == ["A at ", "B at "]

    def test_letters_mean_optima_and_mirror_images_share_one(self):
        html = widgets.likelihood_surface(LINE, [0.5, 0.5], np.ones((2, 1, 1)), n_starts=6).data
        optima = stored(html)["optima"]
        assert [text.partition(" at ")[0] for text in optima] == ["A", "A", "the saddle"]
        first, mirrored, saddle = (numbers(text) for text in optima)
        assert first[:2] == mirrored[1::-1]
        assert first[2] == mirrored[2] > saddle[2]
        assert saddle[0] == saddle[1] == pytest.approx(LINE.mean(), abs=0.01)
        page = Elements(html)
        assert page.content["text"].count("A") == 2
        assert page.content["text"].count("saddle") == 1
        (root,) = page.all("div", **{"class": "gmm-widget"})
        assert "1 optimum and 1 saddle" in root["aria-label"]
        rings = [a["class"] for a in page.all("circle") if "gw-optimum" in a.get("class", "")]
        assert rings == ["gw-optimum p0", "gw-optimum p0"]
        (diamond,) = (a for a in page.all("path") if "gw-optimum" in a.get("class", ""))
        assert "grey" in diamond["style"]
        (grey,) = (a for a in page.all("path") if a.get("class") == "gw-starts" and "grey" in a.get("style", ""))
        assert grey["d"].count("M") == 6  # from the diagonal, and from nowhere else

    def test_a_start_on_the_diagonal_is_said_to_end_at_the_saddle(self):
        page = widgets.likelihood_surface(LINE, [0.5, 0.5], np.ones((2, 1, 1)), n_starts=6, start=(LINE.min(),) * 2)
        assert "iterations to the saddle at (" in Elements(page.data).content["output"][0]

    @pytest.mark.parametrize("means", [(0.5, 7.0), (3.0, 3.0), (4.0, 5.0), (-1.0, 2.0)])
    def test_saddles_are_where_differences_find_a_direction_upwards(self, means):
        from gmm.widgets.surface import _is_saddle

        weights, h = np.array([0.6, 0.4]), 1e-3

        def height(a, b):
            return gmm.log_likelihood(LINE, weights, np.array([[means[0] + a], [means[1] + b]]), WIDTHS)

        first = (height(h, 0) - 2 * height(0, 0) + height(-h, 0)) / h**2
        second = (height(0, h) - 2 * height(0, 0) + height(0, -h)) / h**2
        mixed = (height(h, h) - height(h, -h) - height(-h, h) + height(-h, -h)) / (4 * h**2)
        upwards = np.linalg.eigvalsh([[first, mixed], [mixed, second]])[-1] > 0
        assert _is_saddle(LINE, weights, np.array(means), WIDTHS) == upwards


# A narrow component can sit on any of 31 groups, beside a wide one.
COMB = (np.repeat(10.0 * np.arange(31), 5)[:, None], [0.5, 0.5], np.array([8000.0, 0.2]).reshape(2, 1, 1))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: widgets.likelihood_surface(PLANE, [0.5, 0.5], WIDTHS), ValueError, "X must have 1 feature"),
        (lambda: widgets.likelihood_surface(LINE, [1.0], WIDTHS[:1]), ValueError, "weights must be two positive"),
        (lambda: widgets.likelihood_surface(LINE, [0.5, 0.5], -WIDTHS), ValueError, "positive definite"),
        (lambda: widgets.likelihood_surface(LINE, [0.5, 0.5], WIDTHS, start=(0, 99)), ValueError, "start must be two"),
        (lambda: widgets.likelihood_surface(LINE, [0.5, 0.5], WIDTHS, n_starts=1), ValueError, "n_starts must be >= 2"),
        (lambda: widgets.likelihood_surface(LINE, [0.5, 0.5], WIDTHS, n_starts=60), ValueError, "more than 40000"),
        (lambda: widgets.likelihood_surface(*COMB, n_starts=31), ValueError, "at most 26 optima .* reaches 31"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
