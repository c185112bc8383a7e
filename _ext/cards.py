"""Cards: what a link to a term, an equation, a source, an exercise or a function leads to, shown beside the link.

Once the pages are written, what links lead to is cut out of each of them, as it is set there, and put into a file for
each page that something leads to. The script of the cards (book/_static/cards.js) loads the file when the reader first
rests on such a link, as a script, which a page opened from disk may do too. A page without such links loads nothing.
Equations that only their own page refers to are not stored: their card copies what the page shows.
"""

import bisect
import json
import re
from html import unescape
from pathlib import Path

from bs4 import BeautifulSoup

LINK = re.compile(
    r'<a class="reference internal" href="'
    r"((?:\w+\.html)?#(?:equation-|ex-)[^\"]+|(?:glossary|references|api|api_formulas)\.html#(?:term-|id|gmm)[^\"]*)\""
)
_ID = re.compile(r'<(\w+)\b[^<>]*\bid="([^"]+)"[^<>]*>')
_HEADING = re.compile(r"<h[1-3]>(.*?)<a class=\"headerlink\"", re.S)

_SUMMARY = re.compile(r"\s*<dd>(<p>.*?</p>)", re.S)


class Page:
    """A written page: its text, and where each id and each heading stands."""

    def __init__(self, text):
        self.text = text
        self._ids = {match[2]: match for match in _ID.finditer(text)}
        self._headings = [(match.start(), match[1]) for match in _HEADING.finditer(text)]

    def element(self, identifier):
        """Return the place and the text of the element with an id, or None."""
        head = self._ids.get(identifier)
        if head is None:
            return None
        depth = 0
        for tag in re.compile(rf"<(/?){head[1]}\b[^<>]*>").finditer(self.text, head.start()):
            depth += -1 if tag[1] else 1
            if not depth:
                return head.start(), self.text[head.start() : tag.end()]
        return None

    def heading(self, place):
        """Return the heading above a place of the page, or "" where there is none."""
        last = bisect.bisect(self._headings, (place,)) - 1
        return unescape(re.sub("<[^>]*>", "", self._headings[last][1])) if last >= 0 else ""


def _inner(node):
    return "" if node is None else node.decode_contents().strip()


def _words(node):
    return " ".join(node.get_text().split())


def _question(section):
    """Return the beginning of an exercise, up to the first end of a sentence that ends a paragraph."""
    parts = []
    for child in section.find_all(True, recursive=False):
        if "cell" in child.get("class", ()):
            break
        parts.append(str(child))
        if child.name == "p" and child.get_text().rstrip().endswith((".", "?", "!")):
            break
    return "".join(parts)


def card(page, address):
    """Return what a card shows of its target: its name, where it stands or "", and its text as HTML; or None.

    Parameters
    ----------
    page : Page
        The page that the target stands on.
    address : str
        The address of the target: the file of the page, ``#`` and the id.
    """
    file, _, identifier = address.partition("#")
    found = page.element(identifier)
    if found is None:
        return None
    place, text = found
    if identifier.startswith("term-"):  # the definition follows the term
        text += page.text[place + len(text) : page.text.index("</dd>", place) + 5]
    elif text.startswith("<dt"):  # the first paragraph of a description
        summary = _SUMMARY.match(page.text, place + len(text))
        text += f"<dd>{summary[1]}</dd>" if summary else ""
    part = BeautifulSoup(text, "html.parser")
    for extra in part.select(".headerlink, .backrefs, annotation"):
        extra.decompose()
    for link in part.select('a[href^="#"]'):
        link["href"] = file + link["href"]
    first = part.find(True)
    where = ""
    if identifier.startswith("equation-"):
        number = first.find(class_="eqno").extract()
        name, body = f"Equation {_words(number)}", str(first)
        where = page.heading(place)
    elif identifier.startswith("ex-"):
        title = first.find(class_="admonition-title")
        number = _words(title.find(class_="caption-number"))
        name, where = number, _words(title).removeprefix(number).strip(" ()")
        body = _question(first.section)
    elif first.name == "div":  # a source
        name, body = _words(first.find(class_="label")).strip("[]"), "".join(map(str, first.find_all("p")))
    elif identifier.startswith("term-"):
        name, body = _words(first), _inner(part.find("dd"))
    else:
        name = identifier
        code = BeautifulSoup("<p><code></code></p>", "html.parser")
        code.code.string = _words(first)
        body = str(code) + _inner(part.find("dd"))
    body = re.sub(r' (?:id|title|data-[\w-]+|tabindex)="[^"]*"| class="reference [^"]*"', "", body)
    return [name, where, body]


def cards_of(pages):
    """Collect the cards of a folder: {file: {id: [name, where, text]}}, for what the links of its pages lead to.

    Parameters
    ----------
    pages : dict of str to Page
        The pages by the names of their files.
    """
    found = {}
    for file, page in pages.items():
        for address in sorted(set(map(unescape, LINK.findall(page.text)))):
            target, _, identifier = address.partition("#")
            own = found.setdefault(target or file, {})
            if (
                identifier in own
                or (not target and identifier.startswith("equation-"))
                or (target or file) not in pages
            ):
                continue
            shown = card(pages[target or file], f"{target or file}#{identifier}")
            if shown is not None:
                own[identifier] = shown
    return {file: own for file, own in found.items() if own}


def load(app, pagename, templatename, context, doctree):
    """Load the script on the pages of the book that have links with cards."""
    if pagename.startswith("book/") and LINK.search(context.get("body", "")):
        app.add_js_file("cards.js", loading_method="defer")


def write(app, exception):
    """Write the cards, once all pages are written."""
    if exception is not None or app.builder.name != "html":
        return
    folder, out = Path(app.outdir) / "book", Path(app.outdir) / "_static" / "cards"
    out.mkdir(exist_ok=True)
    for old in out.iterdir():
        old.unlink()
    pages = {path.name: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.html"))}
    for file, cards in cards_of(pages).items():
        name = file.removesuffix(".html")
        text = json.dumps(cards, ensure_ascii=False, separators=(",", ":"))
        (out / f"{name}.js").write_text(f'gmmCards("{name}",{text})\n', encoding="utf-8")


def setup(app):
    app.connect("html-page-context", load)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
