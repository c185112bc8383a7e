"""Tables of results: what stands in them, and which entry is marked."""

import re

import numpy as np
import pytest

import gmm


def entries(table):
    rows = re.findall(r"<tr>(.*?)</tr>", table._repr_html_())
    return [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in rows]


def test_numbers_have_their_decimals_and_the_rest_is_as_it_is():
    columns = {"name": ["full", "diag"], "K": np.array([2, 3]), "BIC": [2322.19, np.nan], "p": np.array([0.05, -1e-9])}
    table = gmm.show_table(columns, digits={"BIC": 1})
    assert entries(table) == [["name", "K", "BIC", "p"], ["full", "2", "2322.2", "0.050"], ["diag", "3", "—", "0.000"]]
    assert repr(table).splitlines() == ["name  K     BIC      p", "full  2  2322.2  0.050", "diag  3       —  0.000"]


@pytest.mark.parametrize(("which", "winners"), [("min", [1, 2]), ("max", [0])])
def test_the_best_is_marked_and_whatever_is_printed_alike(which, winners):
    table = gmm.show_table({"a": [3.0, 1.04, 1.0, None], "b": [1, 2, 3, 4]}, digits=1, best={"a": which})
    bold = [i for i, row in enumerate(entries(table)[1:]) if row[0].startswith("<strong>")]
    starred = [i for i, line in enumerate(repr(table).splitlines()[1:]) if "*" in line]
    assert bold == starred == winners


def test_a_column_without_numbers_marks_none():
    assert "*" not in repr(gmm.show_table({"a": [np.nan, None]}, best={"a": "min"}))


def test_html_in_names_and_entries_is_text():
    assert "<b>" not in gmm.show_table({"<b>": ["<b>"]})._repr_html_()


@pytest.mark.parametrize(
    ("columns", "options", "told"),
    [
        ({"a": [1], "b": [1, 2]}, {}, "equally long"),
        ({}, {}, "equally long"),
        ({"a": [1]}, {"best": {"c": "min"}}, "best names columns"),
        ({"a": [1]}, {"digits": {"c": 1}}, "digits names columns"),
        ({"a": [1]}, {"best": {"a": "least"}}, "'min' or 'max'"),
    ],
)
def test_errors(columns, options, told):
    with pytest.raises(ValueError, match=told):
        gmm.show_table(columns, **options)
