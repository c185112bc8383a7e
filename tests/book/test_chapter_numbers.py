"""A chapter has the number of its file, whatever place it takes in the table of contents."""

import sys
from types import SimpleNamespace

import pytest
from chapters import ROOT
from docutils import nodes


@pytest.fixture
def renumber(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "_ext"), *sys.path])
    from chapter_numbers import renumber

    return renumber


def environment(docname, place):
    """What Sphinx has counted of one page with one section: the page is number `place`."""
    toc = nodes.bullet_list()
    toc += nodes.reference("", "the chapter", secnumber=[place])
    toc += nodes.reference("", "a section", secnumber=[place, 4])
    toc += nodes.reference("", "elsewhere")
    return SimpleNamespace(
        toc_secnumbers={docname: {"": (place,), "#a-section": (place, 4), "#without": ()}},
        titles={docname: nodes.title("", "the chapter", secnumber=[place])},
        tocs={docname: toc},
    )


def test_a_later_chapter_keeps_its_number(renumber):
    env = environment("book/22_debug_this_gmm", 13)
    renumber(env)
    assert env.toc_secnumbers["book/22_debug_this_gmm"] == {"": (22,), "#a-section": (22, 4), "#without": ()}
    assert env.titles["book/22_debug_this_gmm"]["secnumber"] == [22]
    first, second, third = env.tocs["book/22_debug_this_gmm"].findall(nodes.reference)
    assert (first["secnumber"], second["secnumber"]) == ([22], [22, 4])
    assert "secnumber" not in third


def test_other_pages_are_left_alone(renumber):
    env = environment("book/preface", 3)
    renumber(env)
    assert env.toc_secnumbers["book/preface"][""] == (3,)
    assert env.titles["book/preface"]["secnumber"] == [3]
