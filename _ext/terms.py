"""Link the first use of each glossary term in a chapter, and list it in the index.

The glossary, ``book/glossary.md``, is the only place where a term and its forms are written. Headings, captions,
tables, cards, code, mathematics and links are left alone, so a first use is one in running text. The index lists
each term under its definition, followed by the numbers of the chapters that use it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from chapter_numbers import CHAPTER
from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

PAGE = "book/glossary"
_GLOSSARY = re.compile(r"^```\{glossary\}\n(.*?)^```", re.M | re.S)
# The data sets stand in the index under the names of their loaders, where a chapter first loads them.
_LOADER = re.compile(r"\bload_(\w+)\(")
DATA = {"old_faithful": "Old Faithful", "iris": "iris flowers", "wine": "wines", "digits": "handwritten digits"}
# Where a term is no running text. Boxes' titles are nodes of several classes, all called something title.
_NOT_PROSE = (
    nodes.math,
    nodes.math_block,
    nodes.literal,
    nodes.literal_block,
    nodes.reference,
    addnodes.pending_xref,
    nodes.caption,
    nodes.table,
    nodes.raw,
    nodes.image,
    nodes.comment,
)


@dataclass(frozen=True)
class Term:
    """An entry of the glossary: its name, further forms that mean it, and words that contain it and do not."""

    name: str
    also: tuple = ()
    not_meant: tuple = ()


def read_glossary(text):
    """List the terms of the glossary in the text of its page."""
    found, notes, fresh = [], {}, True
    for line in _GLOSSARY.search(text)[1].splitlines():
        note = re.match(r"\.\. (also|not): *(.+)", line)
        if note:
            notes[note[1]] = tuple(form.strip() for form in note[2].split(","))
        elif line and not line[0].isspace() and line[0] != ":" and fresh:
            found.append(Term(line.strip(), notes.get("also", ()), notes.get("not", ())))
            notes = {}
        fresh = not line.strip() or line.startswith("..")
    return found


def _pattern(form):
    """Return a pattern for a form as a reader may find it: at the start of a sentence, with a curly apostrophe."""
    start = f"[{form[0].upper()}{form[0].lower()}]" if form == form.lower() else re.escape(form[0])
    return start + re.escape(form[1:]).replace("'", "['’]").replace(r"\ ", r"\s+")


def forms(term):
    """List the forms of a term, with the regular plural of its name."""
    plural = [] if term.name.endswith("s") or not term.name[-1].isalpha() else [f"{term.name}s"]
    return [term.name, *plural, *term.also]


class Finder:
    """Finds terms in text; of several that begin at a place, the longest.

    Parameters
    ----------
    terms : list of Term
    """

    def __init__(self, terms):
        pairs = [(form, term.name) for term in terms for form in forms(term)]
        pairs += [(form, None) for term in terms for form in term.not_meant]
        pairs.sort(key=lambda pair: (-len(pair[0]), pair[1] is not None))
        self._names = [name for _, name in pairs]
        body = "|".join(f"({_pattern(form)})" for form, _ in pairs)
        # Not inside a word or a compound: non-singular is not singular, k-means++ not k-means.
        self._regex = re.compile(rf"(?<![\w-])(?:{body})(?![\w+]|-\w)")

    def find(self, text):
        """Yield (start, end, name) for each term in the text, in order."""
        for match in self._regex.finditer(text):
            name = self._names[match.lastindex - 1]
            if name is not None:
                yield *match.span(), name


def is_prose(text):
    """Whether a Text node is part of the running text."""
    node = text.parent
    while node is not None:
        if isinstance(node, _NOT_PROSE) or "title" in type(node).__name__.lower():
            return False
        if isinstance(node, nodes.Element) and set(node.get("classes", ())) & {"at-a-glance", "cell", "chapter-links"}:
            return False
        node = node.parent
    return True


def _identifier(name):
    return "use-" + re.sub(r"[^a-z0-9]+", "-", name.lower().replace("++", "-plus-plus")).strip("-")


def _entry(name, identifier):
    return addnodes.index(entries=[("single", name, identifier, "", None)])


def join_lines(document):
    """Join neighbouring pieces of text: the parser makes the end of a line a piece of its own."""
    for around in list(document.findall(nodes.Element)):
        if not any(isinstance(child, nodes.Text) for child in around.children):
            continue
        joined = []
        for child in around.children:
            if joined and isinstance(child, nodes.Text) and isinstance(joined[-1], nodes.Text):
                joined[-1] = nodes.Text(joined[-1].astext() + child.astext())
            else:
                joined.append(child)
        if len(joined) < len(around.children):
            around.children = []
            around.extend(joined)


def link_first_uses(document, finder):
    """Link the first use of each term on a page; return the names found, in order."""
    join_lines(document)
    seen = []
    for text in [node for node in document.findall(nodes.Text) if is_prose(node)]:
        source, made, done = text.astext(), [], 0
        for start, end, name in finder.find(source):
            if name in seen:
                continue
            seen.append(name)
            identifier = _identifier(name)
            words = nodes.inline("", source[start:end], classes=["std", "std-term"])
            link = addnodes.pending_xref(
                "", words, refdomain="std", reftype="term", reftarget=name, refexplicit=True, refwarn=True
            )
            made += [nodes.Text(source[done:start])] if start > done else []
            made += [_entry(name, identifier), nodes.inline("", "", link, ids=[identifier])]
            done = end
        if made:
            made += [nodes.Text(source[done:])] if source[done:] else []
            around = text.parent
            place = next(i for i, child in enumerate(around.children) if child is text)
            around[place : place + 1] = made
    return seen


def index_the_data(document):
    """Put into the index where a page first loads each data set; return the names found, in order."""
    seen = []
    for cell in [node for node in document.findall(nodes.container) if "cell" in node["classes"]]:
        for loader in _LOADER.findall(cell.astext()):
            name = DATA.get(loader, loader.replace("_", " "))
            if name not in seen:
                seen.append(name)
                identifier = _identifier(name)
                place = cell.parent.index(cell)
                cell.parent.insert(place, [_entry(name, identifier), nodes.target("", "", ids=[identifier])])
    return seen


class LinkFirstUses(SphinxTransform):
    """Link first uses when a chapter is read, before the index collects its entries."""

    default_priority = 800

    def apply(self, **kwargs):
        if not CHAPTER.match(self.env.docname):
            return
        path = Path(self.env.doc2path(PAGE))
        self.env.note_dependency(str(path))
        link_first_uses(self.document, Finder(read_glossary(path.read_text(encoding="utf-8"))))
        index_the_data(self.document)


def plain_entries(entries):
    """Return the entries of a letter as a reader looks them up: one line for each name, modules under their own name.

    Sphinx hangs the second of two functions of one name under the first without its name, and lists each module twice.
    """
    found = []
    for name, (links, below, _) in entries:
        modules = [(f"{name} (module)", more, []) for extra, more in below if extra == "module"]
        functions = [(f"{name.partition(' (')[0]} {extra}", more, []) for extra, more in below if extra[0] == "("]
        rest = [] if name == "module" else [pair for pair in below if pair[0] != "module" and pair[0][0] != "("]
        if links or rest:
            found.append((name.replace("'", "’"), links, rest))
        found += modules + functions
    return found


def number_the_index(app, pagename, templatename, context, doctree):
    """Put the entries of the index in their final form; tell its template the chapter that a link leads to."""
    if pagename != "genindex":
        return
    found = context.get("genindexentries", [])  # there are none while the page that holds its place is written
    context["genindexentries"] = [(letter, plain_entries(entries)) for letter, entries in found]
    numbers = {
        app.builder.get_relative_uri("genindex", name): ".".join(map(str, found.get("", ())))
        for name, found in app.env.toc_secnumbers.items()
        if CHAPTER.match(name)
    }
    context["chapter_of"] = lambda link: numbers.get(link.partition("#")[0])


def setup(app):
    app.add_transform(LinkFirstUses)
    app.connect("html-page-context", number_the_index)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
