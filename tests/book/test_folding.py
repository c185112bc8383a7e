"""What is folded on a page says what it holds; a kernel's source and the sections to skip are marked."""

import sys

import chapters
import check_site
import pytest

sys.path.append(str(chapters.ROOT / "_ext"))
import folding


@pytest.mark.parametrize(
    ("source", "has_figure", "expected"),
    [
        ("import gmm\nfit = 1", False, folding.SET_UP),
        ("from gmm import plot", True, folding.SET_UP),
        ("ax.plot(x)  # no import here", True, folding.DRAWN),
        ("gmm.show_table(important)", False, folding.COMPUTED),
    ],
)
def test_a_folded_cell_is_called_by_what_it_does(source, has_figure, expected):
    assert folding.prompt(source, has_figure) == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", [path.stem for path in chapters.notebooks()])
def test_pages_name_what_they_fold(site, name):
    page = check_site.soup(site / f"book/{name}.html")
    cells = chapters.read(chapters.BOOK / f"{name}.ipynb").cells
    folded = [c for c in cells if c.cell_type == "code" and "hide-input" in c.metadata.get("tags", ())]
    kernels = [match[1] for c in folded if (match := folding.SHOW_SOURCE.fullmatch(c.source))]
    assert [p.code.text for p in page.select("p.kernel-title")] == kernels
    assert not page.find(string=lambda text: "gmm.show_source(" in text and "Show code" in text)
    prompts = [p.text for p in page.select("div.cell > details.hide > summary > p.collapsed")]
    assert len(prompts) == len(folded) - len(kernels)
    assert prompts[:2] == [folding.SET_UP, folding.DRAWN]
    assert set(prompts) <= {folding.SET_UP, folding.DRAWN, folding.COMPUTED}
    titles = [title for title in page.select("section > :is(h2, h3)") if "Deeper:" in title.text]
    assert all("deeper" in title.parent["class"] for title in titles)
    assert len(page.select("section.deeper")) == len(titles)
