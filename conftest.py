"""Make the notebook tests see figures: nbval compares text, and takes any picture for any other.

After nbval has run a cell and compared its text, the pictures it drew are compared with the stored
ones, so that a change in a plot or in the data fails the test until `make refresh` is run. Cells
whose outputs nbval is told to ignore are left alone here too.

Who has no home is given one for the run, and a run that fails ends with what a report of it needs to say.
"""

import contextlib
import io
import locale
import os
import shutil
import subprocess
import tempfile
import time

import pytest
import screenshot
from images import stale_pictures


def pytest_configure(config):
    """Give who has no home that can be written to one for the run: browsers, kernels and caches keep files there.

    And let no notebook say that it compiles: that is no output of the book.
    """
    os.environ["GMM_QUIET"] = "1"
    if not os.access(os.path.expanduser("~"), os.W_OK):
        os.environ["HOME"] = home = tempfile.mkdtemp(prefix="home-")
        config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    result = yield
    if getattr(item, "cell", None) is not None and item.options["check"]:
        gap = stale_pictures(item.cell.outputs, item.test_outputs)
        if gap is not None:
            item.raise_cell_error(f"A stored figure is out of date ({gap}). Run make refresh.")
    return result


def facts():
    """Say on what computer the tests ran, in lines of text."""
    import gmm

    with contextlib.redirect_stdout(io.StringIO()) as written:
        gmm.show_versions()
    lines = written.getvalue().splitlines()
    browser = screenshot.chromium() or "none"
    with contextlib.suppress(OSError, subprocess.SubprocessError):  # on Windows it would open a window
        browser = (
            browser
            if os.name == "nt"
            else subprocess.run([browser, "--version"], capture_output=True, text=True, timeout=60).stdout.strip()
        )
    place = f"{locale.setlocale(locale.LC_CTYPE)}, {time.tzname[0]}"
    with contextlib.suppress(AttributeError, ValueError, OSError):  # a system that does not tell its memory
        place += f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GB of memory"
    return [*lines, f"browser        {browser}", f"place          {place}"]


def pytest_terminal_summary(terminalreporter):
    if terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        terminalreporter.section("how to report this")
        terminalreporter.write_line(
            "On every computer each test passes or says why it is skipped. Please open an issue with what stands\n"
            "above from ERRORS or FAILURES on, and with this:\n"
        )
        terminalreporter.write_line("\n".join(facts()))
