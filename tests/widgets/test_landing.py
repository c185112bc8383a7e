"""EM on the first page: mouse, touch and keyboard, and the numbers of the package."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from live_helpers import PHONE, centre, check_both_themes, choose, drag, press, said, state, touch
from widget_examples import PLANE, START_2
from widget_helpers import Elements, numbers

import gmm
from gmm import widgets


def figure():
    return widgets.em_landing(PLANE, *START_2)


def parameters(now):
    return np.divide(now["weights"], np.sum(now["weights"])), now["means"], now["covariances"]


def test_html_and_bad_arguments():
    html = figure().data
    (picture,) = Elements(html).all("svg", role="img")
    assert "70 samples, and 2 ellipses" in picture["aria-label"]
    assert html == figure().data
    with pytest.raises(ValueError, match="X must have 2 features"):
        widgets.em_landing(PLANE[:, :1], [1.0], [[0.0]], [[[1.0]]])
    with pytest.raises(ValueError, match="at most 4 components here; got 5"):
        widgets.em_landing(PLANE, np.full(5, 0.2), PLANE[:5], [np.eye(2)] * 5)


@pytest.mark.slow
class TestLanding:
    def test_an_iteration_and_a_run_are_those_of_the_package(self, show):
        page = show(figure, reduced_motion="reduce")
        states = list(islice(gmm.em_steps(PLANE, *START_2), 3))
        assert numbers(said(page))[0] == pytest.approx(states[0].log_likelihood, abs=0.006)
        for t in (1, 2):
            press(page, "One iteration")
            expected = [t, states[t].log_likelihood, *states[t].weights]
            assert numbers(said(page)) == pytest.approx(expected, abs=0.006)
        press(page, "Run")
        best = gmm.em(PLANE, *START_2, tol=1e-6)
        assert numbers(said(page))[:2] == pytest.approx([best.n_iter, best.log_likelihood], abs=0.006)
        np.testing.assert_allclose(state(page)["means"], best.means, rtol=1e-4)

    def test_mouse_touch_and_keyboard_move_a_component(self, show):
        page = show(figure, width=PHONE, has_touch=True)
        x, y = centre(page, "Component 1: mean")
        drag(page, "Component 1: mean", 30, 20)
        assert centre(page, "Component 1: mean") == pytest.approx((x + 30, y + 20), abs=1)
        touch(page, "Component 1: mean", -40, 10)
        assert centre(page, "Component 1: mean") == pytest.approx((x - 10, y + 30), abs=1.5)
        page.get_by_role("slider", name="Component 1: mean").press("ArrowUp")
        assert centre(page, "Component 1: mean")[1] < y + 30
        found = numbers(said(page))
        assert found[0] == pytest.approx(gmm.log_likelihood(PLANE, *parameters(state(page))), abs=0.02)
        press(page, "Undo", "Undo", "Undo")
        assert centre(page, "Component 1: mean") == pytest.approx((x, y), abs=1)

    def test_other_numbers_of_components_and_a_new_start(self, show):
        page = show(figure)
        choose(page, "Components", "4")
        press(page, "New random start")
        now = state(page)
        assert len(now["means"]) == 4
        assert np.abs(np.array(now["means"])[:, None] - PLANE).max(axis=2).min(axis=1) == pytest.approx(0, abs=1e-4)
        press(page, "One iteration")
        after = gmm.em(PLANE, *parameters(now), tol=0, max_iter=1)
        np.testing.assert_allclose(state(page)["means"], after.means, rtol=1e-3, atol=1e-3)

    def test_both_themes_at_both_widths(self, show):
        check_both_themes(show(figure))
