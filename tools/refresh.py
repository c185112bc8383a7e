"""Run notebooks and store their outputs: ``python tools/refresh.py [--tidy] [chapter …]``.

Without arguments all notebooks of _toc.yml are run, otherwise those named (``04``, ``04_responsibilities``
or a path). What is written depends on the cells and on what they computed, not on when, where or how
often they ran: a second run writes the same bytes. With ``--tidy`` nothing is run: the notebooks are only
brought into the form in which they are stored, with what answers the exercises folded.
"""

import contextlib
import copy
import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

import matplotlib
import nbformat
from chapters import BOOK, find, read
from exercise_cells import fold
from images import strip_notes_base64
from nbclient import NotebookClient

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# Cell metadata with a meaning for the book; everything else is some editor's. What folds solutions is added anew.
CELL_METADATA = ("mystnb", "tags")
TIMEOUT = 300
# No history file, and no notes of the kernel's own on the terminal.
KERNEL_OPTIONS = ["--HistoryManager.enabled=False", "--IPKernelApp.log_level=ERROR"]


@contextlib.contextmanager
def clean_settings(folder=None):
    """Let kernels started inside ignore the user's own IPython and Matplotlib settings.

    Their files go to ``folder``, which is to outlive them.
    """
    with contextlib.nullcontext(folder) if folder else tempfile.TemporaryDirectory() as scratch:
        settings = {
            "IPYTHONDIR": str(scratch),
            "MATPLOTLIBRC": str(Path(matplotlib.get_data_path()) / "matplotlibrc"),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PYTHONHASHSEED": "0",
            "JUPYTER_PREFER_ENV_PATH": "1",
            "GMM_QUIET": "1",
            "GMM_PROGRESS": "",  # the reader's own progress is none of the book's
            "OMP_NUM_THREADS": "1",  # chapters are small: a pool of threads only waits for its processors
        }
        before = {name: os.environ.get(name) for name in settings}
        os.environ.update(settings)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def tidy(nb):
    """Drop from a notebook, in place, whatever differs from one editor or run to the next."""
    nb.metadata = nbformat.from_dict(METADATA)
    nb.nbformat, nb.nbformat_minor = 4, 5
    for cell in nb.cells:
        kept = {key: cell.metadata[key] for key in CELL_METADATA if cell.metadata.get(key)}
        cell.metadata = nbformat.from_dict(kept)
    fold(nb)
    seen = set()
    for number, cell in enumerate(nb.cells):
        cell.source = "\n".join(line.rstrip() for line in cell.source.strip("\n").split("\n"))
        # An id that follows from what the cell says stays with the cell when others come and go.
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        cell.id = digest if digest not in seen else f"{digest}-{number}"
        seen.add(cell.id)
        cell.pop("attachments", None)
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", ()):
                output.data["image/png"] = strip_notes_base64(output.data["image/png"])
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
    nb.cells = [cell for cell in nb.cells if cell.source.strip()]
    return nb


def run(nb, cwd=BOOK):
    """Run a notebook in a new kernel and return it, tidy, with fresh outputs."""
    nb = tidy(nb)
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with clean_settings():
        NotebookClient(
            nb,
            timeout=TIMEOUT,
            startup_timeout=TIMEOUT,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            extra_arguments=KERNEL_OPTIONS,
            resources={"metadata": {"path": str(cwd)}},
        ).execute()
    return tidy(nb)


def text(nb):
    """Return the notebook as the text that is stored."""
    nbformat.validate(nb)
    return nbformat.writes(nb).rstrip("\n") + "\n"


def without_exempt_outputs(nb):
    """Return the text of a notebook without the outputs that differ from run to run (timings)."""
    bare = copy.deepcopy(nb)
    for cell in bare.cells:
        if "nbval-ignore-output" in cell.metadata.get("tags", ()):
            cell.outputs = []
    return text(bare)


def refresh(path):
    """Run the notebook at ``path`` and store it; return whether the file changed.

    New timings alone are no change: the stored ones stay while everything else in the notebook does.
    """
    path = Path(path)
    before = path.read_bytes().decode("utf-8")
    stored = read(path)
    fresh = run(copy.deepcopy(stored))
    complete = all(c.execution_count for c in stored.cells if c.cell_type == "code")
    if complete and without_exempt_outputs(fresh) == without_exempt_outputs(tidy(stored)):
        fresh = stored
    return store(path, fresh, before)


def store_tidy(path):
    """Store the notebook at ``path`` tidy, without running it; return whether the file changed."""
    path = Path(path)
    return store(path, tidy(read(path)), path.read_bytes().decode("utf-8"))


def store(path, nb, before):
    """Write a notebook over a file with the text ``before``; return whether that changed it."""
    after = text(nb)
    if after != before:
        path.write_text(after, encoding="utf-8", newline="\n")
    return after != before


if __name__ == "__main__":
    only_tidy = "--tidy" in sys.argv
    for notebook in find([word for word in sys.argv[1:] if word != "--tidy"]):
        start = time.perf_counter()
        changed = store_tidy(notebook) if only_tidy else refresh(notebook)
        seconds = time.perf_counter() - start
        print(
            f"{notebook.name:36} {'changed' if changed else 'as it was':10} {seconds:5.1f} s",
            flush=True,
        )
