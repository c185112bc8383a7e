"""Where a reader stands: reading time, prerequisites, the map of the book, and links between chapters and reference.

All of it is computed when the book is built, so that nothing can be out of date.

* Each chapter's card gets its **reading time**, of the essential part and of the deeper sections (tools/reading.py).
* The chapters that the card's *Prerequisites* link to are what a chapter builds on. The directive ``book-map`` draws
  them as a map: one row a chapter, in the order of ``_toc.yml``, joined to the earlier ones that it builds on.
* Each chapter ends with a box **See also**: the functions of its equations and the chapters that build on it.
* Each entry of the API reference names the **equations** it computes and the **chapters** that use it.
"""

import inspect
import re
import sys
from html import escape
from pathlib import Path

import yaml
from chapter_numbers import CHAPTER
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))
import reading

logger = logging.getLogger(__name__)

API = "book/api"
REFERENCE = (API, "book/api_formulas")  # in one folder, so that links from one are right on the other
# Named on each entry of the reference, but not at the end of each chapter: nearly every chapter uses them.
HELPERS = re.compile(r"gmm\.(?:plot\.|exercises\.|show_source$)")
_GMM_NAME = re.compile(r"\b(?:gmm\.)?((?:plot|datasets|widgets|exercises)\.\w+)|\bgmm\.(\w+)")


def chapters_of(env):
    """Return what is known of each chapter: {docname: {"minutes", "after", "uses"}}."""
    if not hasattr(env, "gmm_chapters"):
        env.gmm_chapters = {}
    return env.gmm_chapters


def minutes_of(notebook):
    """Return the minutes for the essential part of a chapter and for its deeper sections, in fives, none as none."""
    essential, deeper = (5 * round(part.minutes / 5) for part in reading.of_chapter(Path(notebook)))
    return max(5, essential), deeper


def in_words(minutes):
    """Say how long a chapter takes."""
    essential, deeper = minutes
    return f"{essential} minutes" + (f", the deeper sections {deeper} more" if deeper else "")


def card_item(document, term):
    """Return an entry (a definition list item) of the card at the head of a chapter, or None."""
    for card in document.findall(nodes.admonition):
        if "at-a-glance" in card["classes"]:
            for item in card.findall(nodes.definition_list_item):
                if item[0].astext().strip() == term:
                    return item
    return None


def names_used(document):
    """Return the names of the package that a chapter's code and prose mention, as ``gmm.…``."""
    found = set()
    for node in document.findall(nodes.literal_block):
        if "cell_input" in node.parent.get("classes", ()):
            for qualified, plain in _GMM_NAME.findall(node.astext()):
                found.add(f"gmm.{qualified or plain}")
    for node in document.findall(addnodes.pending_xref):
        if node.get("refdomain") == "py":
            found.add(node["reftarget"].removesuffix("()"))
    return found


class ReadTheChapter(SphinxTransform):
    """Note what a chapter takes, needs and uses, and write its reading time into its card."""

    default_priority = 790  # after the exercises are put together, before cross-references leave

    def apply(self, **kwargs):
        docname = self.env.docname
        if not CHAPTER.match(docname):
            return
        minutes = minutes_of(self.env.doc2path(docname))
        needs = card_item(self.document, "Prerequisites")
        if needs is None:
            logger.warning("the card lacks the entry Prerequisites", location=docname)
            return
        after = []
        for link in needs.findall(addnodes.pending_xref):
            if link.get("reftype") == "doc":
                target = "book/" + Path(link["reftarget"]).name
                if CHAPTER.match(target) and target not in after:
                    after.append(target)
        chapters_of(self.env)[docname] = {"minutes": minutes, "after": after, "uses": names_used(self.document)}
        old = card_item(self.document, "Reading time")
        if old is not None:
            old.parent.remove(old)
        text = in_words(minutes) + "; exercises apart"
        item = nodes.definition_list_item(
            "", nodes.term("", "Reading time"), nodes.definition("", nodes.paragraph("", text))
        )
        needs.parent.insert(needs.parent.index(needs) + 1, item)


def purge(app, env, docname):
    chapters_of(env).pop(docname, None)


def merge(app, env, docnames, other):
    chapters_of(env).update({name: chapters_of(other)[name] for name in docnames if name in chapters_of(other)})


# ---------------------------------------------------------------------------------------------- the map


PLANNED = re.compile(r"(?:(?P<part>.+) / )?(?P<number>\d+) (?P<title>.+)")


class book_map(nodes.General, nodes.Element):
    """Stands for the map until all chapters were read."""


class BookMap(Directive):
    """Draw the map of the book; the body has a line ``file: what it is about`` for each page of ``_toc.yml``.

    A line ``12 Title: what it is about`` announces a chapter to come, in the part of the chapter before it unless it
    begins with the name of another, ``Part / 12 Title``.
    """

    has_content = True

    def run(self):
        lines = {}
        planned = []
        for line in self.content:
            if line.strip():
                name, _, about = (part.strip() for part in line.partition(":"))
                if plan := PLANNED.fullmatch(name):
                    planned.append({**plan.groupdict(), "about": about})
                else:
                    lines[name] = about
        return [book_map("", lines=lines, planned=planned)]


def parts_of(source):
    """Read _toc.yml: (caption, whether its pages are numbered, their names) for each part."""
    toc = yaml.safe_load((Path(source) / "_toc.yml").read_text(encoding="utf-8"))
    return [
        (part["caption"], bool(part.get("numbered")), [entry["file"] for entry in part["chapters"] if "file" in entry])
        for part in toc["parts"]
    ]


def direct(after):
    """Leave out of each chapter's needs those that another of its needs has already.

    ``after`` maps each chapter, in the order of the book, to the earlier ones it names.
    """
    all_before, kept = {}, {}
    for name, needs in after.items():
        known = [need for need in needs if need in all_before]
        all_before[name] = set(known).union(*(all_before[need] for need in known))
        kept[name] = [n for n in known if not any(n in all_before[other] for other in known if other != n)]
    return kept


def _in_words(items):
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def _arcs(after, order):
    """Draw the lines of the map in units of rows: a chapter's row is as high as its neighbours'."""
    reach = max((order[name] - order[need] for name, needs in after.items() for need in needs), default=1)
    paths = []
    for name, needs in after.items():
        for need in needs:
            top, bottom = order[need] + 0.5, order[name] + 0.5
            # Longer lines swing out farther, all the way to 4 of the 100 units of width.
            x = 96 * (1 - ((bottom - top) / reach) ** 0.6)
            bend = min(0.5, (bottom - top) / 2)
            paths.append(
                f'<path class="to-{order[name] + 1} from-{order[need] + 1}" d="M100 {top:g} C{x:.1f} {top:g} {x:.1f} '
                f"{top + bend / 2:g} {x:.1f} {top + bend:g} L{x:.1f} {bottom - bend:g} C{x:.1f} {bottom - bend / 2:g} "
                f'{x:.1f} {bottom:g} 100 {bottom:g}"/>'
            )
    return "".join(paths)


def map_html(rows, after):
    """Return the map as HTML.

    Parameters
    ----------
    rows : list of dict
        One for each numbered chapter in reading order: docname, number, title, href, about, minutes (essential and
        deeper), part (the caption, in the first row of a part only). A chapter to come has no docname.
    after : dict
        The chapters that each builds on directly.
    """
    order = {row["docname"]: i for i, row in enumerate(rows) if "docname" in row}
    numbers = {row["docname"]: str(row["number"]) for row in rows if "docname" in row}
    items = []
    for row in rows:
        part = f'<span class="map-part">{escape(row["part"])}</span>' if row["part"] else ""
        if "docname" not in row:
            items.append(
                f'<li class="planned">{part}<span><span class="map-number">{row["number"]} </span>'
                f"{escape(row['title'])}</span>"
                f'<span class="map-about">{escape(row["about"])}</span><span class="map-facts">to come</span></li>'
            )
            continue
        needs = [numbers[name] for name in after[row["docname"]]]
        first = not needs
        told = "needs no other chapter" if first else f"after {_in_words(needs)}"
        items.append(
            f'<li>{part}<a href="{escape(row["href"])}"><span class="map-number">{row["number"]} </span>'
            f"{escape(row['title'])}</a>"
            f'<span class="map-about">{escape(row["about"])}</span>'
            f'<span class="map-facts">{" + ".join(map(str, filter(None, row["minutes"])))} min · {told}</span></li>'
        )
    rules = "".join(
        f".book-map:has(li:nth-child({i}):is(:hover, :focus-within)) :is(.to-{i}, .from-{i}) "
        "{stroke: var(--gm-orange); stroke-width: 3; opacity: 1}"
        for i in range(1, len(rows) + 1)
    )
    return (
        f'<div class="book-map" style="--rows: {len(rows)}"><style>{rules}</style>'
        f'<svg aria-hidden="true" focusable="false" viewBox="0 0 100 {len(rows)}" preserveAspectRatio="none">'
        f"{_arcs(after, order)}</svg><ol>{''.join(items)}</ol></div>"
    )


def in_order(rows):
    """Sort the rows of the map by number and leave the name of a part to its first chapter."""
    rows, part = sorted(rows, key=lambda row: int(row["number"])), None
    for row in rows:
        row["part"], part = "" if row["part"] in (None, part) else row["part"], row["part"] or part
    return rows


def _title(env, docname):
    return env.titles[docname].astext()


def _number(env, docname):
    return ".".join(map(str, env.toc_secnumbers.get(docname, {}).get("", ()))) or None


def draw_map(app, doctree, docname):
    """Put the map and the list of the other pages in the place of the directive."""
    env = app.env
    for node in list(doctree.findall(book_map)):
        known = chapters_of(env)
        parts = parts_of(app.srcdir)
        listed = [name for _, _, names in parts for name in names if name in env.titles]
        about = {next((n for n in listed if Path(n).name == name), name): text for name, text in node["lines"].items()}
        for name in sorted(set(listed) ^ set(about)):
            logger.warning("book-map: %s is not both in _toc.yml and described here", name, location=docname)
        rows, after, others = [], {}, []
        for caption, numbered, names in parts:
            if not numbered:
                others.append((caption, [n for n in names if n in env.titles]))
                continue
            for name in (n for n in names if n in known):
                for need in known[name]["after"]:
                    if need not in after:
                        logger.warning("its card names %s, which comes later, as a prerequisite", need, location=name)
                after[name] = known[name]["after"]
                rows.append(
                    {
                        "docname": name,
                        "number": _number(env, name),
                        "title": _title(env, name),
                        "href": app.builder.get_relative_uri(docname, name),
                        "about": about.get(name, ""),
                        "minutes": known[name]["minutes"],
                        "part": caption,
                    }
                )
        rows = in_order(rows + node["planned"])
        put = [nodes.raw("", map_html(rows, direct(after)), format="html")]
        for caption, names in others:
            items = nodes.bullet_list()
            for name in names:
                text = nodes.paragraph("", "", _link(app, docname, name, _title(env, name)))
                text += nodes.Text(f": {about[name]}" if about.get(name) else "")
                items += nodes.list_item("", text)
            put += [nodes.paragraph("", "", nodes.strong("", caption)), items]
        node.replace_self(put)


# ------------------------------------------------------------------------------- chapters and reference


def _link(app, here, docname, text, anchor=""):
    target = app.builder.get_relative_uri(here, docname) if docname != here else ""
    reference = nodes.reference("", "", internal=True, refuri=f"{target}#{anchor}" if anchor else target)
    reference += text if isinstance(text, nodes.Node) else nodes.inline("", text)
    return reference


def _sentence(lead, links):
    """Join links into a paragraph: lead a, b and c."""
    paragraph = nodes.paragraph("", "", nodes.strong("", f"{lead}: "))
    for i, link in enumerate(links):
        paragraph += [nodes.Text(", "), link] if i else [link]
    return paragraph


def equations_of(env):
    """List (label, docname, number, function's full name) for the equations that have a function, in book order."""
    from gmm.formulas import EQUATIONS

    known = env.get_domain("math").equations
    found = [
        (label, *known[label], f"gmm.{function.__name__}") for label, function in EQUATIONS.items() if label in known
    ]
    return sorted(found, key=lambda item: (item[1], item[2]))


def _chapter_link(app, here, docname):
    return _link(app, here, docname, f"{_number(app.env, docname)}. {_title(app.env, docname)}")


def _equation_link(app, here, label, docname, number):
    full = f"{_number(app.env, docname)}.{number}"
    return _link(app, here, docname, f"({full})", f"equation-{label}")


def _function_link(app, here, name):
    objects = app.env.get_domain("py").objects
    if name not in objects:
        return None
    where = objects[name]
    return make_refnode(app.builder, here, where.docname, where.node_id, nodes.literal("", name), name)


def end_of_chapter(app, doctree, docname):
    """Close a chapter with links to its functions and to the chapters that build on it."""
    env, known = app.env, chapters_of(app.env)
    if docname not in known:
        return
    box = addnodes.seealso()
    box["classes"].append("chapter-links")
    names = list(dict.fromkeys(name for _, doc, _, name in equations_of(env) if doc == docname))
    links = [link for name in names if (link := _function_link(app, docname, name))]
    if links:
        box += _sentence("The functions of this chapter", links)
    used = sorted(name for name in known[docname]["uses"] - set(names) if not HELPERS.match(name))
    links = [link for name in used if (link := _function_link(app, docname, name))]
    if links:
        summary = f"{'Also used here' if names else 'Used here'}: {len(links)} functions"
        box += nodes.raw("", f"<details><summary>{summary}</summary>", format="html")
        box += _sentence("In the order of their names", links)
        box += nodes.raw("", "</details>", format="html")
    before = [_chapter_link(app, docname, name) for name in known[docname]["after"]]
    if before:
        box += _sentence("Builds on", before)
    next_ones = [_chapter_link(app, docname, name) for name in sorted(known) if docname in known[name]["after"]]
    if next_ones:
        box += _sentence("Leads to", next_ones)
    if names:
        index = _link(app, docname, "book/formula_index", "the formula index")
        box += _sentence("All equations with their functions and tests", [index])
    section = next(doctree.findall(nodes.section))
    section += box


def _module(name):
    """Return the name of the module that defines the object a reader calls ``name``."""
    import gmm

    thing = gmm
    for part in name.split(".")[1:]:
        thing = getattr(thing, part)
    module = getattr(inspect.unwrap(thing), "__module__", "")
    package = name.rpartition(".")[0]
    # what private modules define belongs to the package that shows it: gmm.exercises, not gmm.exercises._session
    return package if package != "gmm" and module.rpartition(".")[2].startswith("_") else module


def _chapters(app, lead, docnames):
    """Write "lead: 1. Title" for one chapter and "lead chapters 1, 2, 3" for several."""
    docnames = sorted(docnames)
    if len(docnames) == 1:
        return _sentence(lead, [_chapter_link(app, API, docnames[0])])
    paragraph = nodes.paragraph("", "", nodes.strong("", f"{lead}: "), nodes.Text("chapters "))
    for i, docname in enumerate(docnames):
        between = "" if i == 0 else " and " if i == len(docnames) - 1 else ", "
        paragraph += [nodes.Text(between), _link(app, API, docname, _number(app.env, docname))]
    return paragraph


def chapters_in_the_reference(app, doctree, docname):
    """Add to each entry of the reference the equations and chapters that it belongs to."""
    if docname not in REFERENCE:
        return
    env, known = app.env, chapters_of(app.env)
    computes, homes, users = {}, {}, {}
    for label, doc, number, name in equations_of(env):
        computes.setdefault(name, []).append((label, doc, number))
        homes.setdefault(_module(name), set()).add(doc)
    for doc, about in known.items():
        for name in about["uses"]:
            users.setdefault(name, set()).add(doc)
    entries = [
        entry
        for entry in doctree.findall(addnodes.desc)
        if entry["domain"] == "py" and entry["objtype"] in ("function", "class", "exception")
    ]
    by_module = {}
    for entry in entries:
        name = entry[0]["ids"][0]
        by_module.setdefault(_module(name), set()).update(users.get(name, ()))
    for entry in entries:
        name = entry[0]["ids"][0]
        note = nodes.container(classes=["api-chapters"])
        home = homes.get(_module(name), set())
        if own := computes.get(name):
            links = [_equation_link(app, docname, *equation) for equation in own]
            note += _sentence("Equations" if len(links) > 1 else "Equation", links)
            home = {doc for _, doc, _ in own}
            note += _chapters(app, "Derived in", home)
        elif home:
            note += _chapters(app, "Belongs to", home)
        if used := users.get(name, set()) - home:
            note += _chapters(app, "Also used in" if home else "Used in", used)
        elif not home and by_module[_module(name)]:
            note += _chapters(app, "Others of its module are used in", by_module[_module(name)])
        if note.children:
            entry[-1] += note


def setup(app):
    app.add_node(book_map)
    app.add_directive("book-map", BookMap)
    app.add_transform(ReadTheChapter)
    app.connect("env-purge-doc", purge)
    app.connect("env-merge-info", merge)
    app.connect("doctree-resolved", draw_map)
    app.connect("doctree-resolved", end_of_chapter)
    app.connect("doctree-resolved", chapters_in_the_reference)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
