"""Renew requirements.txt: exact pins of everything, one file for Python 3.11 to 3.14.

Run it with ``make lock`` (it needs ``uv``). The resolver's own header and its notes on which
package asked for which would carry details of the machine it ran on, so neither is kept.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = """\
# Exact versions of everything that the book, its tests and JupyterLab need, for Python 3.11 to 3.14,
# and the package gmm itself, installed from this folder. Made by `make lock` from pyproject.toml;
# edit that file, not this one.
"""


def lock(upgrade=True):
    """Resolve the extras of pyproject.toml for all supported Pythons and write requirements.txt."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        sys.exit("make lock needs uv: run `python -m pip install uv` first")
    command = [uv, "pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11"]
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "-q"]
    command += [arg for extra in ("book", "test", "lab") for arg in ("--extra", extra)]
    target = ROOT / "requirements.txt"
    if upgrade:
        pins = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    else:  # keep the pins that still fit
        command += ["-o", "requirements.txt"]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        pins = target.read_text(encoding="utf-8")
    pins = [line for line in pins.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    target.write_text(HEADER + "\n".join(pins) + "\n-e .\n", encoding="utf-8", newline="\n")
    print(f"requirements.txt: {len(pins)} pins")


if __name__ == "__main__":
    lock(upgrade="--keep" not in sys.argv[1:])
