"""Make the notebook tests see figures: nbval compares text, and takes any picture for any other.

After nbval has run a cell and compared its text, the pictures it drew are compared with the stored
ones, so that a change in a plot or in the data fails the test until `make refresh` is run. Cells
whose outputs nbval is told to ignore are left alone here too.

The rest makes the tests independent of the computer: kernels know nothing of the user's settings, who has no home
is given one, and a run that fails ends with what a report of it needs to say.
"""

import contextlib
import functools
import io
import locale
import os
import shutil
import socket
import subprocess
import tempfile
import time

import pytest
import screenshot
from images import stale_pictures

FOLDER = pytest.StashKey()


def pytest_configure(config):
    """Make a folder for the files of kernels. Who has no home that can be written to gets it as a home too."""
    os.environ["GMM_QUIET"] = "1"  # no notebook is to say that it compiles: that is no output of the book
    os.environ["GMM_PROGRESS"] = ""  # what tests do in exercises is nobody's progress
    config.stash[FOLDER] = folder = tempfile.mkdtemp(prefix="book-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    try:  # browsers and caches have files there; to ask for permission is not enough (root has it in /proc too)
        os.rmdir(tempfile.mkdtemp(dir=os.path.expanduser("~")))
    except OSError:
        os.environ["HOME"] = folder


@functools.cache
def reaches_itself():
    """Say whether this computer has an address of its own, by which tests, kernels and browsers talk."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=60).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def loopback():
    """Skip a test that needs a kernel or a server of its own where there can be none."""
    if not reaches_itself():
        pytest.skip("no network on this computer, not even with itself (127.0.0.1)")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """Start the kernels of notebooks as `make refresh` does, and wait for what they write on a busy computer too."""
    if getattr(item, "cell", None) is None:
        return (yield)
    if not reaches_itself():
        pytest.skip("no network on this computer, not even with itself (127.0.0.1): no kernel")
    import refresh

    item.output_timeout = 60
    with refresh.clean_settings(item.config.stash[FOLDER]):
        return (yield)


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
