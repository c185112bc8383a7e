"""One build of the book for all the tests that look at it."""

import os
import subprocess
import sys
import threading
import time

import chapters
import pytest
import screenshot
import serve

REPOSITORY = "somebody/gaussian-mixtures"


def build_book(out):
    """Build the book as `make book` does, below the folder ``out``; return the finished process."""
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build"]
    command += ["--all", "-W", "--keep-going", "-n", "--path-output", str(out), "."]
    return subprocess.run(
        command,
        cwd=chapters.ROOT,
        capture_output=True,
        encoding="utf-8",
        # The pages as they are published, with the buttons that open Binder and Colab.
        env={
            **os.environ,
            "GITHUB_REPOSITORY": REPOSITORY,
            "PYTHONIOENCODING": "utf-8",
            "PYTHONUTF8": "1",
            "NO_COLOR": "1",
        },
    )


@pytest.fixture(scope="session")
def repository():
    """Return the address, owner/name, that the built pages take for that of the book's repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def build(tmp_path_factory, worker_id):
    """Build the book once for all workers; return (exit status, what it wrote to stderr, folder of the pages)."""
    root = tmp_path_factory.getbasetemp()
    root = root if worker_id == "master" else root.parent
    out, log, status = root / "built-book", root / "built-book.log", root / "built-book.status"
    try:
        out.mkdir()
    except FileExistsError:  # another worker is at it
        for _ in range(18_000):  # half an hour: a build takes minutes on a busy computer
            if status.exists():
                break
            time.sleep(0.1)
    else:
        process = build_book(out)
        log.write_text(process.stderr, encoding="utf-8")
        (root / "built-book.new").write_text(str(process.returncode), encoding="utf-8")
        (root / "built-book.new").rename(status)
    return int(status.read_text(encoding="utf-8")), log.read_text(encoding="utf-8"), out / "_build" / "html"


@pytest.fixture(scope="session")
def site(build):
    """Return the folder of the built pages."""
    _, log, folder = build
    assert folder.is_dir(), log[-2000:]
    return folder


@pytest.fixture(scope="session")
def address(site, loopback):
    """Serve the built book as `make serve` does."""
    with serve.make_server(site, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def reader(running):
    """Give the pages one browser context, so that what they share is loaded once."""
    context = running.new_context()
    yield context
    context.close()


@pytest.fixture
def visit(reader, address):
    """Return a function that opens a page of the book; close what it opened."""
    opened = []

    def go(name, **settings):
        opened.append(screenshot.Visit(reader, f"{address}/{name}", **settings))
        return opened[-1]

    yield go
    for page in opened:
        page.close()
