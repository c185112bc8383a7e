"""What a type checker makes of the annotations, and of a program that uses the package."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from public_surface import ROOT, public


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What mypy says of the package, of the user's program, and of the type of each public function."""
    lines = []
    for number, function in enumerate(public()[0].values()):
        top, dot, rest = function.__qualname__.partition(".")
        lines += [f"from {function.__module__} import {top} as x{number}", f"reveal_type(x{number}{dot}{rest})"]
    asked = tmp_path_factory.mktemp("types") / "asked.py"
    asked.write_text("\n".join(lines), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-color-output", "gmm", "tests/annotations/user_program.py", str(asked)],
        cwd=ROOT.parent, env=os.environ | {"MYPYPATH": str(ROOT.parent)}, capture_output=True, text=True,
        encoding="utf-8", check=False, timeout=600,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout, lines


def test_the_package_and_a_program_that_uses_it_are_right_but_where_they_should_not_be(said):
    assert [line for line in said[0].splitlines() if " error: " in line] == []
    assert "Success: no issues found" in said[0]


def test_it_sees_the_arguments_and_the_result_of_every_public_function(said):
    revealed = dict(re.findall(r'asked\.py:(\d+): note: Revealed type is "(.*)"', said[0]))
    assert len(revealed) == len(public()[0])
    unknown = [said[1][int(line) - 1] for line, found in revealed.items() if found == "Any" or "*args: Any" in found]
    assert unknown == []
