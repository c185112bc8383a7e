"""What holds for every interactive figure, without a browser."""

from __future__ import annotations

import inspect
import re

import pytest

from gmm import plot, widgets
from gmm.widgets import _live, _page


def test_colours_come_from_the_palette_of_the_figures():
    style = _live.style()
    for k, colour in enumerate(plot.COLOURS):
        assert f"--c{k}:{colour}" in style
    rules = re.sub(r"^\.gmm-live\{.*?\}", "", style)
    assert not re.search(r"#[0-9a-fA-F]{3,8}|rgb", rules)
    assert style.count("{") == style.count("}")


@pytest.mark.parametrize("name", widgets.__all__)
def test_every_argument_is_described(name):
    """The end of the docstrings is the same text for all, put in when they are imported."""
    function = getattr(widgets, name)
    text = inspect.getdoc(function)
    described = re.findall(r"^(\w+) : ", text.partition("Parameters\n---")[2].partition("\n\n")[0], re.M)
    assert described == list(inspect.signature(function).parameters)
    for head in ("Returns", "Raises"):
        assert f"\n\n{head}\n{'-' * len(head)}\n" in text
    assert "common" not in text


def test_responsibilities_in_steps_sum_to_one():
    levels = _page.levels([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    assert levels.sum(axis=1).tolist() == [63, 63]
    assert levels[1].tolist() == [63, 0, 0]
