"""The bibliography's entries bear the authors and the year by which the text cites them: [Dempster et al., 1977]."""

from collections import Counter

from pybtex.plugin import register_plugin
from pybtex.richtext import Text
from pybtex.style.formatting.unsrt import Style as Plain
from pybtex.style.labels import BaseLabelStyle


def authors(entry):
    """Return the family names of one or two authors, or the first one's and "et al."."""
    people = entry.persons.get("author") or entry.persons["editor"]
    names = [_text(" ".join([*person.prelast_names, *person.last_names])) for person in people]
    return " and ".join(names) if len(names) < 3 else f"{names[0]} et al."


def _text(tex):
    return str(Text.from_latex(tex))


class AuthorYear(BaseLabelStyle):
    """Authors and year; works of the same authors and year are told apart by a letter."""

    def format_labels(self, sorted_entries):
        """Return the label of each entry."""
        labels = [f"{authors(entry)}, {entry.fields['year']}" for entry in sorted_entries]
        count, seen = Counter(labels), Counter()
        for label in labels:
            seen[label] += 1
            yield label if count[label] == 1 else label + chr(ord("a") + seen[label] - 1)


class BookStyle(Plain):
    """Entries in the order of their authors."""

    default_label_style = AuthorYear
    default_sorting_style = "author_year_title"


def setup(app):
    register_plugin("pybtex.style.formatting", "book", BookStyle)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
