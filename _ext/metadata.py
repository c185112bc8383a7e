"""What stands in the head of a page and is said of it elsewhere, and files that go with the pages.

* **Description**: the question of a chapter and its answer, in whole sentences from the page itself, without formulas.
* **Open Graph** and citation tags: title, description, authors; the page's first picture on a white card.
* Where the address of the site is known (`address`): the canonical address of each page, and ``sitemap.xml``.
* **404.html**, which works at any depth.
* The **data** that a chapter loads, as CSV, linked in its card and below the cell that first loads them;
  written from the loaders of `gmm.datasets`.
* ``CITATION.cff`` as **BibTeX**: the directive ``book-bibtex``.
* **Report an error**: a link to a new issue that names page and section, if the repository is known.

Sphinx's extensions for Open Graph take a page's first letters, raw TeX among them, for its description, and draw their
cards with Matplotlib; each would need as many lines to be taught better.
"""

import os
import re
import unicodedata
from functools import cache
from html import escape
from itertools import chain, takewhile
from pathlib import Path
from urllib.parse import quote, urljoin

import numpy as np
import orientation
import yaml
from chapter_numbers import CHAPTER
from docutils import nodes
from docutils.parsers.rst import Directive
from launch import repository
from PIL import Image
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from gmm import datasets

#: Letters of a description: search engines show the first half of them.
LONGEST, SHORT = 340, 80
#: The card of a picture (Open Graph's proportions), and the chapter whose picture pages without one share.
CARD = (1200, 630)
COVER = "book/07_expectation_maximisation"
LICENCE = "book/licence"  # says where errors are reported

# ------------------------------------------------------------------------------------------- description

_WORDS = {"ell": "ℓ", "pm": "±", "times": "×", "ge": "≥", "le": "≤", "to": "→", "infty": "∞", "dots": "…", "cdot": "·"}
_WORDS |= {"log": "log", "varepsilon": "ε", "lambda": "λ"}
_FACES = re.compile(r"\\(?:mathbf|boldsymbol|mathcal|mathrm|text|texttt)\b|[{}$]|\\[,;! ]")
_UNTOLD = "\0"  # in the place of what cannot be said in plain letters
_SENTENCE = re.compile(r"(?<=[.?!:])\s+(?=[A-Z0-9“\0])")


def _letter(name):
    if name in _WORDS:
        return _WORDS[name]
    try:
        case = "SMALL" if name.islower() else "CAPITAL"
        return unicodedata.lookup(f"GREEK {case} LETTER {name.upper()}")
    except KeyError:
        return _UNTOLD


def in_letters(tex):
    r"""Return a short formula in plain letters: ``54 \pm 6`` is "54 ± 6"; longer ones hold NUL, which says so."""
    text = re.sub(r"\\([A-Za-z]+)", lambda match: _letter(match[1]), _FACES.sub("", tex))
    return _UNTOLD if len(text) > 15 or re.search(r"[\\^]", text) else text.replace("-", "−").strip()


def plain(node):
    """Return the text of a paragraph as it is read, with NUL in the place of what cannot be said in plain letters."""
    if isinstance(node, nodes.math):
        return in_letters(node.astext())
    if isinstance(node, nodes.Text):
        return node.astext()
    if isinstance(node, addnodes.pending_xref):
        if node.get("refdomain") == "cite":
            return ""
        if node.get("reftype") in ("doc", "ref", "eq", "numref") and not node.get("refexplicit"):
            return _UNTOLD
    if isinstance(node, (nodes.image, nodes.raw, nodes.comment, addnodes.index)):
        return ""
    return "".join(plain(child) for child in node.children)


def sentences(paragraph):
    """List the sentences of a paragraph up to the first that cannot be said in plain letters."""
    text = re.sub(r"\s+([.,;:?!])", r"\1", " ".join(plain(paragraph).split()))
    found = [re.sub(r":$", ".", sentence) for sentence in _SENTENCE.split(text)]
    return list(takewhile(lambda s: _UNTOLD not in s and s[-1:] in tuple(".?!"), found))


def _first_screen(document):
    """List the paragraphs at the head of a page, down to the card of a chapter or the second heading."""
    section = next(document.findall(nodes.section), None)
    for child in section.children if section is not None else ():
        if isinstance(child, nodes.section) or "at-a-glance" in child.get("classes", ()):
            return
        if isinstance(child, nodes.paragraph):
            yield child
        elif isinstance(child, nodes.admonition):
            yield from child.findall(nodes.paragraph)


def description(document, about=""):
    """Return a page's description: its question, and as much of the answer as fits, in whole sentences.

    Where no answer can be said, or there is hardly any text, `about` is said, the page's line in the map of the book.
    """
    paragraphs = [sentences(paragraph) for paragraph in _first_screen(document)]
    question, *answers = paragraphs or [[]]
    is_question = bool(question) and question[-1].endswith("?")
    while len(" ".join(question)) > LONGEST:
        question.pop(0 if is_question else -1)
    answers = [answer for answer in answers if answer and not re.match("[a-z]|Let ", answer[0])]
    said = " ".join(question)
    for sentence in chain.from_iterable(answers):
        if len(said) + len(sentence) >= LONGEST:
            break
        said = f"{said} {sentence}".strip()
    if about and (len(said) < SHORT or (is_question and not answers)):
        said = f"{said} {about[0].upper()}{about[1:]}.".strip()
    return said


@cache
def map_lines(index):
    """Return what the map of the book says of each page: {name: about}."""
    return dict(re.findall(r"^(\w+): (.+)$", Path(index).read_text(encoding="utf-8"), re.M))


class ReadTheHead(SphinxTransform):
    """Note the description of each page while its formulas are formulas."""

    default_priority = 780

    def apply(self, **kwargs):
        index = self.env.doc2path(self.env.config.root_doc)
        about = map_lines(index).get(Path(self.env.docname).name, "")
        descriptions_of(self.env)[self.env.docname] = description(self.document, about)


def descriptions_of(env):
    """Return what is known: {docname: description}."""
    if not hasattr(env, "gmm_descriptions"):
        env.gmm_descriptions = {}
    return env.gmm_descriptions


def purge(app, env, docname):
    descriptions_of(env).pop(docname, None)


def merge(app, env, docnames, other):
    descriptions_of(env).update({name: descriptions_of(other)[name] for name in docnames})


# ------------------------------------------------------------------------------- address, tags, sitemap, 404


def address(repository):
    """Return the address of the published site: that of GitHub's pages, or what the variable BOOK_URL says."""
    if given := os.environ.get("BOOK_URL"):
        return given.rstrip("/") + "/"
    if not repository:
        return ""
    owner, name = repository.split("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def set_address(app, config):
    config.html_baseurl = address(repository(app.srcdir))


def citation():
    """Read CITATION.cff."""
    return yaml.safe_load((Path(__file__).parents[1] / "CITATION.cff").read_text(encoding="utf-8"))


def _meta(name, content, key="name"):
    return f'<meta {key}="{name}" content="{escape(content)}">\n' if content else ""


def card(picture, size=CARD):
    """Return a picture, which may be clear, as large as fits in the middle of a white card."""
    picture = picture.convert("RGBA")
    scale = min((side - 60) / own for side, own in zip(size, picture.size, strict=True))
    picture = picture.resize([round(own * scale) for own in picture.size], Image.Resampling.LANCZOS)
    white = Image.new("RGBA", size, "white")
    white.alpha_composite(picture, tuple((side - own) // 2 for side, own in zip(size, picture.size, strict=True)))
    return white.convert("RGB").quantize(64, dither=Image.Dither.NONE)


def _card_of(app, pagename, doctree):
    """Return the address of the card of a page's first picture, or else of the cover; note of what it is made."""
    for image in doctree.findall(nodes.image) if doctree is not None else ():
        if image["uri"].endswith(".png"):
            cards_of(app)[pagename] = Path(image["uri"]).name
            break
    return f"cards/{Path(pagename if pagename in cards_of(app) else COVER).name}.png"


def cards_of(app):
    """Return what is known: {docname: file of its first picture}."""
    if not hasattr(app, "gmm_cards"):
        app.gmm_cards = {}
    return app.gmm_cards


def tags(app, pagename, templatename, context, doctree):
    """Write the tags of a page's head; tell the templates where to report an error."""
    cite, base = citation(), app.config.html_baseurl
    special = pagename in ("search", "404")
    title = app.env.titles[pagename].astext() if pagename in app.env.titles else context.get("title", "")
    book, said = cite["title"], descriptions_of(app.env).get(pagename, "")
    known = repository(app.srcdir)
    errors = context["pathto"](LICENCE).removesuffix("#") + "#errors"
    context["report_url"] = report_address(known, title, pagename) or errors
    context["report_known"] = bool(known)
    if special:
        context["metatags"] = context.get("metatags", "") + _meta("robots", "noindex")
        if pagename == "404":
            context["pageurl"] = None
            context["metatags"] += _base(base)
        return
    is_home = pagename == app.config.root_doc
    head = _meta("description", said)
    head += _meta("og:title", book if is_home else f"{title} · {book}", "property")
    head += _meta("og:description", said, "property")
    head += _meta("og:type", "book" if is_home else "article", "property")
    head += _meta("og:site_name", book, "property") + _meta("og:locale", "en_GB", "property")
    if is_home or CHAPTER.match(pagename):
        head += _meta("citation_title", title)
        head += "".join(_meta("citation_author", author["name"]) for author in cite["authors"])
        head += _meta("citation_publication_date", str(cite["date-released"]).replace("-", "/"))
        head += _meta("citation_language", "en") + ("" if is_home else _meta("citation_inbook_title", book))
    if base:
        url = urljoin(base, app.builder.get_target_uri(pagename))
        head += _meta("og:url", url, "property")
        head += _meta("og:image", urljoin(base, _card_of(app, pagename, doctree)), "property")
        head += _meta("og:image:width", str(CARD[0]), "property") + _meta("og:image:height", str(CARD[1]), "property")
        head += _meta("twitter:card", "summary_large_image")
    context["metatags"] = context.get("metatags", "") + head


def _base(url):
    """Let relative addresses begin at the root of the site, wherever the missing page was looked for."""
    root = re.sub(r"^\w+://[^/]+", "", url) or "/"
    return (
        f'<base href="{escape(root)}">\n'
        r'<script>/\/404\.html$/.test(location.pathname) && document.querySelector("base").remove()</script>'
    )


MISSING = """<section><h1>This page is not here</h1>
<p>The address may be an old one: chapters got their final numbers on the way.
The contents at the side and the <a href="{search}">search</a> lead on, and so does the <a href="{home}">map of the
book</a>.</p></section>"""


def missing_page(app):
    """Give the builder the page that a server shows in place of one that is not there."""
    uri = app.builder.get_relative_uri
    home, search = uri("404", app.config.root_doc), uri("404", "search")
    body = MISSING.format(home=home, search=search)
    yield "404", {"title": "This page is not here", "body": body, "parents": []}, "page.html"


def report_address(repository, title, pagename):
    """Return the address of a new issue about a page, or None where the repository is not known."""
    if not repository:
        return None
    body = f"Page: {pagename}\nSection: \n\nWhat is wrong:\n"
    return f"https://github.com/{repository}/issues/new?title={quote(f'{title}: ')}&body={quote(body)}"


# ------------------------------------------------------------------------------------------------- data

#: The tables that the chapters load, by the name of the loader.
TABLES = {
    "old_faithful": "Old Faithful",
    "galaxies": "galaxies",
    "iris": "irises",
    "wine": "wines",
    "breast_cancer": "breast cancer",
    "digits": "digits",
}
_LOADER = re.compile(r"\bload_(\w+)\(")


def csv(data):
    """Return a data set as CSV: a head with names and units, a row a sample, the known group last."""
    head, columns = list(data.labels()), [[repr(float(v)).removesuffix(".0") for v in row] for row in data.X]
    if data.target is not None:
        head.append("group")
        names = data.target_names or tuple(map(str, range(int(np.max(data.target)) + 1)))
        columns = [[*row, names[group]] for row, group in zip(columns, data.target, strict=True)]
    quoted = (f'"{cell}"' if "," in cell else cell for cell in head)
    return "\n".join([",".join(quoted), *(",".join(row) for row in columns)]) + "\n"


def data_links(names):
    """Return the links to tables as HTML."""
    return ", ".join(f'<a href="../data/{name}.csv" download>{TABLES[name]}</a>' for name in names)


class NameTheData(SphinxTransform):
    """Link a chapter's tables: in its card, and below the cell that first loads each."""

    default_priority = 791  # behind the reading time

    def apply(self, **kwargs):
        card = orientation.card_item(self.document, "Prerequisites") if CHAPTER.match(self.env.docname) else None
        if card is None:
            return
        first = {}  # the cell in which each table is loaded first
        for cell in self.document.findall(nodes.container):
            source = cell.children[0].astext() if cell.get("nb_element") == "cell_code" else ""
            for name in _LOADER.findall(source):
                if name in TABLES:
                    first.setdefault(name, cell)
        if not first:
            return
        text = nodes.paragraph("", "", nodes.raw("", data_links(first), format="html"), nodes.Text(" (CSV)"))
        item = nodes.definition_list_item("", nodes.term("", "Data"), nodes.definition("", text))
        place = card.parent.index(orientation.card_item(self.document, "Reading time") or card)
        card.parent.insert(place + 1, item)
        for cell in dict.fromkeys(first.values()):
            links = data_links(name for name in first if first[name] is cell)
            below = nodes.raw("", f'<p class="data-links">Data: {links} (CSV)</p>', format="html")
            cell.parent.insert(cell.parent.index(cell) + 1, below)


# ----------------------------------------------------------------------------------------------- BibTeX


def bibtex(cite):
    """Return CITATION.cff as an entry for BibTeX."""
    fields = {
        "author": " and ".join(f"{{{author['name']}}}" for author in cite["authors"]),
        "title": f"{{{cite['title']}}}",
        "year": str(cite["date-released"])[:4],
        "version": str(cite["version"]),
        "url": cite.get("repository-code") or address(repository(Path(__file__).parents[1])),
        "note": f"Version {cite['version']}",
    }
    lines = "".join(f"  {name:7} = {{{value}}},\n" for name, value in fields.items() if value)
    return f"@book{{gaussian-mixtures,\n{lines}}}"


class Bibtex(Directive):
    """Write the entry for BibTeX, to be copied."""

    def run(self):
        text = bibtex(citation())
        return [nodes.literal_block(text, text, language="bibtex")]


def write_files(app, exception):
    """Write what goes with the pages: data, cards of pictures, the sitemap."""
    if exception is not None or app.builder.name != "html":
        return
    out, base = Path(app.outdir), app.config.html_baseurl
    for folder in ("data", "cards"):
        (out / folder).mkdir(exist_ok=True)
    for name in TABLES:
        text = csv(getattr(datasets, f"load_{name}")())
        (out / "data" / f"{name}.csv").write_text(text, encoding="utf-8", newline="\n")
    for name, file in cards_of(app).items():
        with Image.open(out / "_images" / file) as picture:
            card(picture).save(out / "cards" / f"{Path(name).name}.png")
    (out / "sitemap.xml").unlink(missing_ok=True)
    if base:
        urls = sorted(urljoin(base, app.builder.get_target_uri(name)) for name in app.env.found_docs)
        entries = "".join(f"<url><loc>{escape(url)}</loc></url>\n" for url in urls)
        head = '<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        (out / "sitemap.xml").write_text(f"{head}{entries}</urlset>\n", encoding="utf-8", newline="\n")


def setup(app):
    app.add_transform(ReadTheHead)
    app.add_transform(NameTheData)
    app.add_directive("book-bibtex", Bibtex)
    app.connect("config-inited", set_address)
    app.connect("env-purge-doc", purge)
    app.connect("env-merge-info", merge)
    app.connect("html-page-context", tags)
    app.connect("html-collect-pages", missing_page)
    app.connect("build-finished", write_files)
    app.add_js_file("report.js", loading_method="defer")
    app.add_css_file("reference.css", priority=900)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
