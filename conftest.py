"""Make the notebook tests see figures: nbval compares text, and takes any picture for any other.

After nbval has run a cell and compared its text, the pictures it drew are compared with the stored
ones, so that a change in a plot or in the data fails the test until `make refresh` is run. Cells
whose outputs nbval is told to ignore are left alone here too.
"""

import base64

import pytest
from images import difference


def pictures(outputs):
    """List the PNG pictures among a cell's outputs."""
    return [
        base64.b64decode(output["data"]["image/png"])
        for output in outputs or ()
        if "image/png" in output.get("data", ())
    ]


def stale_pictures(stored, fresh):
    """Say how the pictures of two lists of outputs differ, or return None."""
    stored, fresh = pictures(stored), pictures(fresh)
    if len(stored) != len(fresh):
        return f"{len(stored)} stored figures, {len(fresh)} drawn now"
    gaps = [difference(*pair) for pair in zip(stored, fresh)]
    return "; ".join(f"figure {i}: {gap}" for i, gap in enumerate(gaps, 1) if gap) or None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    result = yield
    if getattr(item, "cell", None) is not None and item.options["check"]:
        gap = stale_pictures(item.cell.outputs, item.test_outputs)
        if gap is not None:
            item.raise_cell_error(f"A stored figure is out of date ({gap}). Run make refresh.")
    return result
