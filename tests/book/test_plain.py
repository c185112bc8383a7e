"""Notebooks in plain Markdown: nothing of MyST is left, nothing is lost, and the numbers are those of the pages."""

import re

import chapters
import nbformat
import plain
import pytest

LEFT = re.compile(r"^ *[`:]{3,}\{|^:{3}|\{[a-z:]+\}`|^\([\w-]+\)=|^:(?:label|class|name|header-rows|widths):|^: ", re.M)
every_notebook = pytest.mark.parametrize("path", chapters.notebooks(), ids=lambda path: path.stem[:2])


def text(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@every_notebook
def test_nothing_of_myst_is_left_and_no_code_changed(path):
    before, after = chapters.read(path), plain.plain(chapters.read(path))
    nbformat.validate(after)
    assert not LEFT.findall(text(after))
    assert all(cell.source for cell in after.cells)
    code = [[cell for cell in notebook.cells if cell.cell_type == "code"] for notebook in (before, after)]
    assert code[0] == code[1]
    assert len(re.findall(r"\\tag\{", text(after))) == len(chapters.equations_of(text(before)))
    assert text(after).count("$$") % 2 == 0
    figures = [cell.metadata["mystnb"]["figure"] for cell in code[0] if "figure" in cell.metadata.get("mystnb", {})]
    assert len(re.findall(r"^\*Fig\. \d+\.\d+:\*", text(after), re.M)) == len(figures)
    for line in re.findall(r"^(?:\|.*\n)+", text(after), re.M):  # a bar in a cell would make one more
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in line.splitlines()}) == 1, line


@every_notebook
def test_hints_stay_folded(path):
    after = text(plain.plain(chapters.read(path)))
    hints = chapters.markdown(path).count(":class: dropdown hint")
    assert len(re.findall(r"^<details><summary>Hint \d</summary>\n\n.*?\n\n</details>$", after, re.M | re.S)) == hints


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("```{math}\n:label: eq-gaussian-density\nx\n\n= y\n```", "$$\nx\n= y\n\\tag{2.6}\n$$"),
        (":::{admonition} Hint 1\n:class: dropdown hint\n\nSee $x$.\n:::",
         "<details><summary>Hint 1</summary>\n\nSee $x$.\n\n</details>"),
        (":::{admonition} Definition\n:class: key\n\nOne.\n:::", "---\n\n**Definition**\n\nOne.\n\n---"),
        ("````{exercise} Prove: x · easy\n:label: ex-why-share\n\n```python\n{eq}`a`\n```\n````",
         "### Exercise 1.1 · Prove: x · easy\n\n```python\n{eq}`a`\n```"),
        ("Term\n: - one;\n  - two.\n\nRest", "**Term**\n\n- one;\n- two.\n\nRest"),
        ("(sec-x)=\n## A section", "## A section"),
        ("```{list-table} Caption\n:header-rows: 1\n\n* - $\\|a\\|$\n  - `a | b`\n* - long\n    cell\n  - $|x|$\n```",
         "*Caption*\n\n| $\\Vert a\\Vert $ | `a \\| b` |\n| --- | --- |\n| long cell | $\\vert x\\vert $ |"),
        (":::{table} k-means.\n:name: tab-kmeans-mixture\n\n| a |\n|---|\n| {eq}`eq-gaussian-density` |\n:::",
         "*Table 1.1: k-means.*\n\n| a |\n|---|\n| (2.6) |"),
        ("{doc}`07_expectation_maximisation`, {ref}`the text <ex-why-share>`, {func}`gmm.em`, {math}`x_1`",
         "*Expectation–maximisation*, the text, `gmm.em`, $x_1$"),
        ("{cite:t}`bishop2006`; {cite:p}`hastie2009,hardle1991`", "Bishop (2006); (Hastie et al., 2009; Härdle, 1991)"),
        ("{numref}`fig-why-one-or-two` and {prf:ref}`alg-em`", "Fig. 1.1 and Algorithm 7.1"),
    ],
)  # fmt: skip
def test_each_form(source, found):
    assert plain.plain_text(source) == found
    assert plain.plain_text(found) == found


def test_an_unknown_directive_is_an_error():
    with pytest.raises(ValueError, match="no plain form of the directive mermaid"):
        plain.plain_text("```{mermaid}\nx\n```")


@pytest.mark.slow
@every_notebook
def test_numbers_are_those_of_the_pages(path, site):
    html = (site / "book" / f"{path.stem}.html").read_text(encoding="utf-8")
    labels = dict(plain._labels(chapters.read(path), int(path.name[:2])))
    here = {label: name for label, name in labels.items() if label and not label.startswith("sec-")}
    number = 'id="(?:equation-)?{}".*?(?:class="eqno">|-number">) *([^<]+?) *<'
    assert here == {label: re.search(number.format(label), html, re.S)[1] for label in here}
