"""Refreshing: what is stored depends on the cells and nothing else."""

import base64
import copy
import io
import os
import subprocess
import sys

import chapters
import exercise_cells
import nbformat
import numpy as np
import pytest
import refresh
from images import difference, stale_pictures, strip_notes
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from gmm.exercises import Verdict


def drawn(shift=0.0, lift=0.0, notes=None, size=3.0):
    """Draw a small plot whose first point moved by ``shift`` and its curve by ``lift``."""
    figure = Figure(figsize=(4, size))
    axes = figure.subplots()
    x = np.linspace(0, 1, 9)
    axes.scatter(x + shift * (x == 0), np.sin(6 * x), color="#0072b2")
    axes.plot(x, np.cos(6 * x) + lift)
    axes.set(xlim=(-0.2, 1.2), ylim=(-1.2, 1.2))
    file = io.BytesIO()
    figure.savefig(file, dpi=100, metadata=notes)
    return file.getvalue()


class TestPictures:
    def test_notes_go_and_pixels_stay(self):
        one, two = drawn(notes={"Author": "one"}), drawn(notes={"Author": "two"})
        assert one != two
        assert strip_notes(one) == strip_notes(two)
        assert difference(strip_notes(one), one) is None
        assert b"tEXt" not in strip_notes(one)

    def test_a_moved_point_is_seen(self):
        assert "blocks" in difference(drawn(), drawn(shift=0.05))

    def test_another_size_is_seen(self):
        assert "pixels" in difference(drawn(), drawn(size=3.5))

    def test_anti_aliasing_is_not(self):
        # about a fifth of a pixel: the edges of the curve change, and nothing a reader sees
        nudged = drawn(lift=0.002)
        assert nudged != drawn()
        assert difference(drawn(), nudged) is None

    def test_not_a_picture(self):
        with pytest.raises(ValueError, match="PNG"):
            strip_notes(b"GIF89a")

    def test_stale_stored_figure_is_reported(self):
        def outputs(*pngs):
            return [{"data": {"image/png": base64.b64encode(png).decode()}} for png in pngs]

        assert stale_pictures(outputs(drawn()), outputs(drawn())) is None
        assert "1 stored" in stale_pictures(outputs(drawn()), outputs())
        assert "figure 2" in stale_pictures(outputs(drawn(), drawn()), outputs(drawn(), drawn(shift=0.1)))


FIGURE = """\
import matplotlib.pyplot as plt
fig, ax = plt.subplots(figsize=(2, 2))
ax.plot([1, {y}])
plt.show()"""


def small_notebook(y=2):
    nb = new_notebook(
        cells=[
            new_markdown_cell("# Title  \n", metadata={"editable": True}),
            new_code_cell("1 + 1", metadata={"tags": ["a"], "jupyter": {"x": 1}}),
            new_code_cell(FIGURE.format(y=y)),
            new_code_cell(""),
        ],
    )
    nb.metadata.update({"jupytext": {"text_representation": {}}, "kernelspec": {"name": "other"}})
    return nb


EXERCISE = """\
```{exercise-start} Compute: one · easy
:label: ex-one
```

What is it?"""
HELP = """\
```{exercise-end}
```

:::{admonition} Hint 1
:class: dropdown hint

Count $n$.
:::

```{solution-start} ex-one
:label: sol-one
:class: dropdown
```

First."""
REST = """\
Then this.

```{solution-end}
```

```{exercise} Prove: two · hard
:label: ex-two

Prove it.
```

```{solution} ex-two
:label: sol-two
:class: dropdown

$$a = b$$
```

## Summary"""
FOLDED = [
    "Text.",
    EXERCISE,
    HELP.removesuffix("\n\nFirst."),
    "<details><summary>Solution</summary>\n\nFirst.",
    "<details><summary>Solution, continued</summary>\n\nThen this.",
    REST[REST.index("```{solution-end}") : REST.index("```{solution} ex-two")]
    + "```{solution-start} ex-two\n:label: sol-two\n:class: dropdown\n```",
    "<details><summary>Solution</summary>\n\n$$a = b$$",
    "```{solution-end}\n```\n\n## Summary",
]


class TestWhatAnswersAnExerciseIsFolded:
    def notebook(self):
        def code(source, *texts):
            cell = new_code_cell(source)
            cell.outputs = [new_output("display_data", {"text/html": Verdict("wrong", t)._repr_html_()}) for t in texts]
            cell.outputs.append(new_output("stream", text="printed"))
            return cell

        return new_notebook(
            cells=[
                new_markdown_cell("Text."),
                code("1"),
                new_markdown_cell(EXERCISE),
                code("stub", "the bug is this."),
                new_markdown_cell(HELP),
                code("solution", "not yet"),
                new_markdown_cell(REST),
                code("2"),
            ]
        )

    def test_code_by_metadata_words_in_an_element(self):
        nb = refresh.tidy(self.notebook())
        words = [cell for cell in nb.cells if cell.cell_type == "markdown"]
        assert [cell.source for cell in words] == FOLDED
        folded = {"jupyter": {"source_hidden": True}}
        assert [dict(cell.metadata) for cell in words] == [folded if "<details>" in text else {} for text in FOLDED]
        hidden = {
            "cellView": "form",
            "collapsed": True,
            "jupyter": {"outputs_hidden": True, "source_hidden": True},
        }
        metadata = [dict(cell.metadata) for cell in nb.cells if cell.cell_type == "code"]
        assert metadata == [{}, {}, hidden, {}]
        nbformat.validate(nb)

    def test_no_verdict_is_stored_under_a_stub(self):
        nb = refresh.tidy(self.notebook())
        assert [len(cell.outputs) for cell in nb.cells if cell.cell_type == "code"] == [1, 1, 2, 1]

    def test_twice_is_once(self):
        once = refresh.tidy(self.notebook())
        assert refresh.text(refresh.tidy(copy.deepcopy(once))) == refresh.text(once)

    def test_an_earlier_form_becomes_this_one(self):
        nb = self.notebook()
        hint, words = "Count $n$.", "Then this."
        nb.cells[4].source = nb.cells[4].source.replace(
            hint, f"<details><summary>Hint 1</summary>\n\n{hint}\n\n</details>"
        )
        nb.cells[6].source = nb.cells[6].source.replace(
            words, f"<details><summary>Solution, continued</summary>\n\n{words}\n\n</details>"
        )
        assert refresh.text(refresh.tidy(nb)) == refresh.text(refresh.tidy(self.notebook()))

    def test_a_cell_that_leaves_the_solution_is_open_again(self):
        nb = refresh.tidy(self.notebook())
        nb.cells.append(copy.deepcopy(next(cell for cell in nb.cells if cell.source == "solution")))
        assert dict(refresh.tidy(nb).cells[-1].metadata) == {}

    def test_the_texts_of_the_exercises_know_nothing_of_it(self):
        assert "<" not in exercise_cells.unfolded("\n\n".join(FOLDED))

    def test_a_notebook_can_be_stored_tidy_without_being_run(self, tmp_path):
        path = tmp_path / "page.ipynb"
        path.write_text(nbformat.writes(self.notebook()), encoding="utf-8")
        assert refresh.store_tidy(path) is True
        assert chapters.read(path).cells[5].source == FOLDED[3]
        assert refresh.store_tidy(path) is False


@pytest.mark.slow
@pytest.mark.usefixtures("loopback")
class TestRefresh:
    def test_trims_and_keeps(self):
        nb = refresh.run(small_notebook())
        assert dict(nb.metadata) == refresh.METADATA
        assert [dict(cell.metadata) for cell in nb.cells] == [{}, {"tags": ["a"]}, {}]
        assert nb.cells[1].outputs[0].data["text/plain"] == "2"
        assert nb.cells[0].source == "# Title"
        png = base64.b64decode(nb.cells[2].outputs[0].data["image/png"])
        assert b"tEXt" not in png

    def test_ignores_the_settings_of_the_user(self, tmp_path, monkeypatch):
        wanted = refresh.text(refresh.run(small_notebook()))
        style = tmp_path / "matplotlibrc"
        style.write_text("axes.facecolor: red\n")
        monkeypatch.setenv("MATPLOTLIBRC", str(style))
        monkeypatch.setenv("MPLBACKEND", "agg")
        assert refresh.text(refresh.run(small_notebook())) == wanted

    @pytest.mark.parametrize("path", chapters.find(["06"]), ids=lambda path: path.stem)
    def test_a_second_run_writes_the_same_bytes(self, path, tmp_path):
        copied = tmp_path / path.name
        copied.write_bytes(path.read_bytes())
        refresh.refresh(copied)
        first = copied.read_bytes()
        assert refresh.refresh(copied) is False
        assert copied.read_bytes() == first
        nbformat.validate(chapters.read(copied))

    def test_new_timings_alone_are_no_change(self, tmp_path):
        path = tmp_path / "page.ipynb"
        timing = new_code_cell("import time; print(time.time_ns())")
        timing.metadata["tags"] = ["nbval-ignore-output"]
        nb = new_notebook(cells=[timing, new_code_cell("1 + 1")])
        path.write_text(nbformat.writes(nb), encoding="utf-8")
        assert refresh.refresh(path) is True
        first = path.read_bytes()
        assert refresh.refresh(path) is False
        assert path.read_bytes() == first
        nb = chapters.read(path)
        nb.cells[1].source = "1 + 2"
        path.write_text(nbformat.writes(nb), encoding="utf-8")
        assert refresh.refresh(path) is True
        assert chapters.read(path).cells[0].outputs != nb.cells[0].outputs

    def test_only_named_chapters(self):
        assert [path.name for path in chapters.find(["04"])] == ["04_responsibilities.ipynb"]
        assert chapters.find(["book/04_responsibilities.ipynb"]) == chapters.find(["04"])
        with pytest.raises(SystemExit, match="99"):
            chapters.find(["99"])


@pytest.mark.slow
@pytest.mark.usefixtures("loopback")
def test_a_stale_figure_fails_the_notebook_test(tmp_path):
    """End to end: nbval and this project's conftest, on a notebook whose figure has changed, among odd settings."""
    style = tmp_path / "matplotlibrc-of-the-user"
    style.write_text("axes.facecolor: red\n")
    settings = {**os.environ, "MATPLOTLIBRC": str(style), "MPLBACKEND": "agg"}

    def test_run(nb):
        (tmp_path / "page.ipynb").write_text(refresh.text(nb), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "conftest"]
        command += [f"--rootdir={chapters.ROOT}", "-c", "pyproject.toml", str(tmp_path)]
        return subprocess.run(command, cwd=chapters.ROOT, capture_output=True, text=True, env=settings)

    fresh = refresh.run(small_notebook())
    result = test_run(fresh)
    assert result.returncode == 0, result.stdout + result.stderr
    fresh.cells[-1].outputs = refresh.run(small_notebook(y=-3)).cells[-1].outputs
    result = test_run(fresh)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "stored figure is out of date" in result.stdout
