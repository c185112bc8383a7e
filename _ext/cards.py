"""Cards: what a link to a term, an equation, a source, an exercise or a function leads to, shown beside the link.

Once the pages are written, what each of them refers to is cut out of the pages that it stands on, as it is set there,
and put into a file of its own beside the page's script (book/_static/cards.js). The file is loaded when the reader
first rests on such a link, as a script, which a page opened from disk may load too. A page without such links loads
neither. Equations of the same page are not stored: their card copies what the page shows.
"""

import bisect
import json
import re
from html import unescape
from pathlib import Path

from bs4 import BeautifulSoup

LINK = re.compile(
    r'<a class="reference internal" href="'
    r"((?:\w+\.html)?#(?:equation-|ex-)[^\"]+|(?:glossary|references|api)\.html#(?:term-|id|gmm)[^\"]*)\""
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
    for extra in part.select(".headerlink, .backrefs"):
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


def cards_of(file, pages, known):
    """Collect the cards of a page: {address as the page writes it: [name, where, text]}.

    Parameters
    ----------
    file : str
        The name of its file.
    pages : dict of str to Page
        The pages in its folder by the names of their files.
    known : dict
        The cards made so far, by their addresses with the file; those of this page are added.
    """
    found = {}
    for address in dict.fromkeys(map(unescape, LINK.findall(pages[file].text))):
        target, _, identifier = address.partition("#")
        whole = f"{target or file}#{identifier}"
        if whole not in known:
            known[whole] = card(pages[target or file], whole) if (target or file) in pages else None
        if known[whole] is not None:
            same = not target and identifier.startswith("equation-")
            found[address] = known[whole][:2] if same else known[whole]
    return found


def load(app, pagename, templatename, context, doctree):
    """Load the script on the pages of the book that have links with cards."""
    folder, _, name = pagename.rpartition("/")
    if folder == "book" and LINK.search(context.get("body", "")):
        app.add_js_file("cards.js", loading_method="defer", **{"data-page": name})


def write(app, exception):
    """Write the cards of each page, once all pages are written."""
    if exception is not None or app.builder.name != "html":
        return
    folder, out = Path(app.outdir) / "book", Path(app.outdir) / "_static" / "cards"
    out.mkdir(exist_ok=True)
    pages = {path.name: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.html"))}
    for old in out.iterdir():
        old.unlink()
    known = {}
    for file in pages:
        cards = cards_of(file, pages, known)
        if cards:
            text = json.dumps(cards, ensure_ascii=False, separators=(",", ":"))
            (out / f"{file.removesuffix('.html')}.js").write_text(f"gmmCards({text})\n", encoding="utf-8")


def setup(app):
    app.connect("html-page-context", load)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
