"""Print the built book as one PDF: ``python tools/pdf.py [folder of the built pages] [--out FILE]``.

The pages are put together in the order of the table of contents, with a title page, contents with page numbers, and
the solutions in a part of their own at the end, linked to and from their exercises. Chromium prints them. The PDF is
tagged and has an outline; each formula is real text, with its words as MathJax's speech engine says them as
alternative text. A copy lands beside the pages, and the home page is given a link to it.
"""

import argparse
import importlib.util
import mimetypes
import posixpath
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from datetime import date
from html import escape
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import chapters
import pikepdf
import yaml
from bs4 import BeautifulSoup
from built import SITE, require
from pikepdf import Array, Dictionary, Name, String
from screenshot import browser, chromium

sys.path.append(str(chapters.ROOT / "_ext"))
from metadata import COVER, citation

NAME = "gaussian-mixtures.pdf"
#: The home page holds this comment where a link to the PDF goes once there is one.
MARKER = "<!-- book-pdf -->"
WIDTH = 642  # pixels between the margins of an A4 page: 170 mm at 96 dots per inch
_SCREEN_ONLY = (
    "script:not([type='application/json']), .headerlink, .copybtn, .toctree-wrapper, summary, noscript, "
    ".book-pdf, .landing-buttons, .report, .visually-hidden, .genindex-jumpbox, .gw-controls"
)
# Parts of code in (nearly) the colour of the text; each would be a tag of its own.
_PLAIN = re.compile(r'<span class="(?:n|nn|nx|o|p|w|pre)">([^<]*)</span>')
# All files come from the disk, under an address that exists nowhere.
_HOME = "http://book.localhost/"
_MATHJAX = "_mathjax/"
# Says of an alternative text that it is a formula's; taken away when the tags are tidied.
_FORMULA = "\u2061"
# What MathJax's speech engine takes for something else than the book means.
SPOKEN = [
    (r"raised to the down tack power", "transposed"),
    (r"\bdown tack\b", "transpose"),
    (r"\bdivides\b", "given"),
    (r"\bbold italic\b", "bold"),
    (r"\b(\d+) lines Line 1: ", ""),
    (r"\s*\bLine \d+: (?:blank )?", ", "),
]

# Gives each formula its words as alternative text; returns how many have none.
SPEAK = r"""async ([mark, spoken]) => {
  await MathJax.startup.promise;
  const speech = MathJax._.a11y.sre.Sre, said = new Map();
  await speech.setupEngine({ locale: "en", domain: "clearspeak", modality: "speech" });
  await speech.sreReady();
  const words = source => {
    if (!said.has(source)) {
      let text = speech.toSpeech(source);
      for (const [what, by] of spoken) text = text.replace(new RegExp(what, "g"), by);
      said.set(source, text.replace(/\s+/g, " ").trim());
    }
    return said.get(source);
  };
  let dumb = 0;
  for (const formula of document.querySelectorAll(".katex")) {
    const meaning = formula.querySelector(".katex-mathml"), math = document.createElement("math");
    math.append(meaning.querySelector("semantics").firstElementChild);
    const text = words(math.outerHTML.replaceAll("&nbsp;", "\u00a0"));
    dumb += !text;
    formula.setAttribute("role", "img");
    formula.setAttribute("aria-label", mark + text);
    meaning.remove();
    formula.querySelector(".katex-html").removeAttribute("aria-hidden");
  }
  await document.fonts.ready;
  await Promise.all([...document.images].map(i => i.decode().catch(() => {})));
  return dumb;
}"""
# Shrinks what is wider than the page; returns what still is.
FIT = r"""() => {
  const shrink = (e, by) => e.style.fontSize = parseFloat(getComputedStyle(e).fontSize) * by + "px";
  for (const e of document.querySelectorAll(".katex-display")) {
    const room = e.clientWidth, wide = e.scrollWidth;
    if (wide > room + 1) shrink(e.querySelector(".katex"), room / wide * 0.99);
  }
  const limit = document.body.getBoundingClientRect().right + 1;
  for (const e of document.querySelectorAll("span.math"))
    if (e.getBoundingClientRect().right > limit) shrink(e.querySelector(".katex"), 0.85);
  for (const e of document.querySelectorAll("table")) {
    const room = e.parentElement.clientWidth, wide = e.scrollWidth;
    if (wide > room + 1) e.style.zoom = room / wide * 0.99;
  }
  return [...document.querySelectorAll("body *:not(svg *):not(.katex *)")]
    .filter(e => { const box = e.getBoundingClientRect(); return box.width > 1 && box.right > limit; })
    .slice(0, 20).map(e => `${e.tagName.toLowerCase()}.${e.className}: ${e.textContent.slice(0, 60)}`);
}"""

# Links beside which the page that they lead to stands: those of the contents, and between exercises and solutions.
NUMBERED = ".contents a, .to-solution a, a.to-exercise"
NUMBER = """([links, numbers]) => document.querySelectorAll(links).forEach(a => {
  a.dataset.page = numbers[a.getAttribute("href")] ?? "";
})"""


def committed(folder=chapters.ROOT):
    """Return the day of the last commit as in "30 November 2026", or None where none is known."""
    command = ["git", "-C", str(folder), "log", "-1", "--format=%cs"]
    try:
        day = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:  # no git
        return None
    return f"{date.fromisoformat(day):%d %B %Y}".lstrip("0") if day else None


def configuration():
    """Read _config.yml."""
    return yaml.safe_load((chapters.ROOT / "_config.yml").read_text(encoding="utf-8"))


def slug(page):
    """Return the prefix of the ids of a page in the printed book."""
    return Path(page).name.replace("_", "-")


def read(site, page):
    """Return the article of a built page, without what only the screen needs."""
    html = (site / f"{page}.html").read_text(encoding="utf-8")
    soup = BeautifulSoup(_PLAIN.sub(r"\1", html), "html.parser")
    article = soup.select_one("article")
    for node in article.select(_SCREEN_ONLY):
        node.decompose()
    for node in article.select("details.hide"):  # imports, and code that only draws
        node.decompose()
    for node in article.select("details"):
        node.name = "div"
        node["class"] = "unfolded"
    for node in article.select(".math[aria-hidden]"):  # the head of a column, with its words beside it
        del node["aria-hidden"]
    for node in article.select("figure"):  # in which the image is the figure
        node["role"] = "group"
    for node in article.select("td code"):
        for text in node.find_all(string=re.compile("_")):
            text.replace_with(BeautifulSoup(re.sub(r"_(?=\w)", "_<wbr>", escape(text)), "html.parser"))
    for node in article.select("pre"):
        inside = soup.new_tag("code")
        inside.extend(list(node.contents))
        node.append(inside)
    for image in article.select("img"):
        image.attrs.pop("loading", None)
        image["src"] = _to_root(image["src"], page)
    return article


def _to_root(address, page):
    """Turn an address as written on a page into one from the root of the site."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), address))


def relabel(article, page, pages):
    """Give the ids of a page its prefix, and let links within the book lead to the prefixed ids."""
    for node in article.select("[id]"):
        node["id"] = f"{slug(page)}--{node['id']}"
    for node in article.select("[aria-labelledby], [aria-describedby], [for]"):
        for name in ("aria-labelledby", "aria-describedby", "for"):
            if node.get(name):
                node[name] = " ".join(f"{slug(page)}--{one}" for one in node[name].split())
    for link in article.select("a[href]"):
        address, anchor = urldefrag(link["href"])
        if re.match(r"[a-z]+:", address):
            continue
        target = _to_root(address, page).removesuffix(".html") if address else page
        if target in pages:
            link["href"] = f"#{slug(target)}--{anchor}" if anchor else f"#{slug(target)}"
        else:  # a page that is not printed: keep the words
            link.name = "span"
            link.attrs.pop("href")


def deepen(article, levels=1):
    """Turn each heading into one that is ``levels`` deeper."""
    for heading in article.find_all(re.compile(r"^h[1-6]$")):
        heading.name = f"h{min(6, int(heading.name[1]) + levels)}"


def take_solutions(article):
    """Take the solutions out of a page, in order, and leave a link to each in its place."""
    found = article.select(".solution")
    for solution in found:
        name = solution["id"]
        link = BeautifulSoup(f'<p class="to-solution"><a href="#{name}">Solution</a></p>', "html.parser").p
        solution.replace_with(link)
    return found


class _Book:
    """The document that is being put together."""

    def __init__(self, site, toc):
        self.site, self.toc = site, toc
        self.pages = ["book/index"] + [page for _, files in toc for page in files]
        empty = "<!doctype html><html lang='en-GB' data-theme='light'><head></head><body></body></html>"
        self.soup = BeautifulSoup(empty, "html.parser")
        self.contents = []  # (level, text, id)
        self.solutions = self.new("div", class_="page solutions", id="solutions")

    def new(self, name, text=None, **attributes):
        tag = self.soup.new_tag(name, attrs={key.rstrip("_"): value for key, value in attributes.items()})
        if text is not None:
            tag.string = text
        return tag

    def add(self, *tags):
        self.soup.body.extend(tags)

    def add_title(self, config):
        """Add the title page: the title, a line about the book, its picture, and what edition this is."""
        line = read(self.site, "book/index").select_one("h1 ~ p").get_text()
        picture = read(self.site, COVER).select_one("figure img")
        edition = ", ".join(filter(None, [f"Version {citation()['version']}", committed()]))
        title = self.new("header", class_="title-page")
        title.append(self.new("p", config["title"], class_="title"))
        title.append(self.new("p", line))
        title.append(self.new("img", src=picture["src"], alt=picture["alt"]))
        title.append(self.new("p", f"By {config['author']}"))
        title.append(self.new("p", f"{edition}. {config['html']['extra_footer'].strip()}"))
        self.add(title)

    def add_part(self, caption):
        part = self.new("div", class_="part", id=f"part-{len(self.contents)}")
        part.append(self.new("h1", caption))
        self.contents.append((1, caption, part["id"]))
        self.add(part)

    def add_page(self, page):
        article = read(self.site, page)
        solutions = take_solutions(article)
        relabel(article, page, self.pages)
        deepen(article)
        heading = article.find("h2")
        self.contents.append((2, heading.get_text(), slug(page)))
        self.contents.extend(
            (3, section.find("h3", recursive=False).get_text(), section["id"])
            for section in article.select("section[id]")
            if section.find("h3", recursive=False) and re.match(r"book/\d\d_", page)
        )
        block = self.new("div", class_="page", id=slug(page))
        block.extend(list(article.contents))
        self.add(block)
        if solutions:
            self._keep(solutions, page, heading.get_text())

    def _keep(self, solutions, page, chapter):
        """Put the solutions of a chapter into the last part, each under a heading that leads to its exercise."""
        holder = self.new("section")
        holder.append(self.new("h2", chapter))
        for solution in solutions:
            to_exercise = solution.select_one(".admonition-title a")
            heading = self.new("h3")
            text = to_exercise.get_text().strip()
            heading.append(self.new("a", text, href=to_exercise["href"], class_="to-exercise"))
            to_exercise.parent.decompose()
            solution.insert(0, heading)
            holder.append(solution)
        relabel(holder, page, self.pages)
        holder["id"] = f"{slug(page)}--solutions"
        self.solutions.append(holder)

    def add_solutions(self):
        if self.solutions.contents:
            self.solutions.insert(0, self.new("h1", "Solutions"))
            self.add(self.solutions)
            self.contents.append((1, "Solutions", self.solutions["id"]))
            self.contents.extend(
                (2, section.h2.get_text(), section["id"])
                for section in self.solutions.find_all("section", recursive=False)
            )

    def list_contents(self, holder):
        """Write the contents: parts, chapters, and their sections one level in."""
        holder.append(self.new("h1", "Contents"))
        outer = self.new("ol")
        holder.append(outer)
        for level, text, target in self.contents:
            item = self.new("li", class_="of-part" if level == 1 else f"of-{level}")
            link = self.new("a", href=f"#{target}")
            link.append(self.new("span", text))
            item.append(link)
            if level == 3:
                last = outer.find_all("li", recursive=False)[-1]
                if last.ol is None:
                    last.append(self.new("ol"))
                last.ol.append(item)
            else:
                outer.append(item)


def assemble(site, toc=None):
    """Put the book together.

    Parameters
    ----------
    site : Path
        The folder of the built pages.
    toc : list of (caption, [page]), optional
        Another table of contents than that of the book.

    Returns
    -------
    soup : BeautifulSoup
        The document, its contents without page numbers.
    """
    config = configuration()
    book = _Book(Path(site), chapters.parts() if toc is None else toc)
    book.add_title(config)
    contents = book.new("div", class_="contents", role="doc-toc")
    book.add(contents)
    book.add_page("book/index")
    for caption, files in book.toc:
        book.add_part(caption)
        for page in files:
            book.add_page(page)
    book.add_solutions()
    book.list_contents(contents)
    _head(book.soup, config["title"])
    return book.soup


def _head(soup, title):
    mathjax = 'window.MathJax = {startup: {typeset: false}, loader: {load: ["a11y/sre"]}};'
    style = Path(__file__).with_name("print.css").read_text(encoding="utf-8")
    head = f"""<meta charset="utf-8"><title>{title}</title>
      <link rel="stylesheet" href="_static/pygments.css">
      <link rel="stylesheet" href="_static/gmm-live.css"><link rel="stylesheet" href="_static/formulas.css">
      <style>{style}</style><script>{mathjax}</script><script src="{_MATHJAX}startup.js"></script>"""
    soup.head.append(BeautifulSoup(head, "html.parser"))


def dangling(soup):
    """List the links of a document that lead nowhere in it."""
    ids = {node["id"] for node in soup.select("[id]")}
    return sorted({a["href"] for a in soup.select('a[href^="#"]') if a["href"][1:] not in ids})


def _serve(page, site, html, problems):
    """Answer every request of the page from the disk: the document itself, the built pages, MathJax."""
    mathjax = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"

    def answer(route):
        address = unquote(urlsplit(route.request.url).path).lstrip("/")
        own = route.request.url.startswith(_HOME)
        path = mathjax / address.removeprefix(_MATHJAX) if address.startswith(_MATHJAX) else site / address
        if own and not address:
            route.fulfill(body=html, content_type="text/html; charset=utf-8")
        elif own and path.is_file():
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            route.fulfill(body=path.read_bytes(), content_type="text/javascript" if path.suffix == ".js" else kind)
        else:
            problems.append(f"asks for {route.request.url}")
            route.abort()

    page.route("**/*", answer)


def print_pdf(site, target, toc=None, running=None):
    """Print a built book.

    Parameters
    ----------
    site : Path
        The folder of the built pages.
    target : Path
        The PDF.
    toc : list of (caption, [page]), optional
        Another table of contents than that of the book.
    running : optional
        A browser that runs already.

    Returns
    -------
    problems : list of str
        What is wrong with it.
    """
    site, target = Path(site).resolve(), Path(target)
    soup = assemble(site, toc)
    problems = [f"link to {address} leads nowhere" for address in dangling(soup)]
    target.parent.mkdir(parents=True, exist_ok=True)
    with nullcontext(running) if running else browser() as running:
        page = running.new_page(viewport={"width": WIDTH, "height": 1000}, color_scheme="light")
        page.set_default_timeout(600_000)
        page.on("pageerror", lambda error: problems.append(f"script: {error}"))
        _serve(page, site, str(soup), problems)
        page.emulate_media(media="print")
        page.goto(_HOME, wait_until="load")
        dumb = page.evaluate(SPEAK, [_FORMULA, SPOKEN])
        if dumb:
            problems.append(f"{dumb} formulas have no words")
        problems += [f"too wide: {part}" for part in page.evaluate(FIT)]
        settings = {"path": target, "prefer_css_page_size": True, "print_background": True}
        # A first print tells on which page everything is; numbers of three digits keep the room of the true ones.
        page.evaluate(NUMBER, [NUMBERED, {address: 888 for address in _numbered_links(soup)}])
        page.pdf(**settings)
        page.evaluate(NUMBER, [NUMBERED, page_numbers(target, soup)])
        page.pdf(**settings, tagged=True, outline=True)
        page.close()
    return problems + tidy(target, configuration(), headings(soup))


def headings(soup):
    """List the headings of a document as (level, words)."""
    return [(int(node.name[1]), " ".join(node.get_text().split())) for node in soup.find_all(re.compile("^h[1-6]$"))]


def _numbered_links(soup):
    return {a["href"] for a in soup.select(NUMBERED)}


def page_numbers(path, soup):
    """Return the page of each link of a document that shows one, as {address: number}."""
    with pikepdf.open(path) as pdf:
        number = {page.objgen: i for i, page in enumerate(pdf.pages, 1)}
        where = {str(name).lstrip("/"): number[place[0].objgen] for name, place in pdf.Root.Dests.items()}
    return {address: where[address[1:]] for address in _numbered_links(soup) if address[1:] in where}


def name_outline(pdf, headings):
    """Give the entries of a PDF's outline the words of the headings; return what is wrong.

    Chromium takes what it drew: without the space at which a line was broken, and twice what touches two pages.
    """

    def below(items, level):
        for item in items:
            yield level, item
            yield from below(item.children, level + 1)

    with pdf.open_outline() as outline:
        entries = list(below(outline.root, 1))
        if [level for level, _ in entries] != [level for level, _ in headings]:
            return [f"the outline has {len(entries)} entries for {len(headings)} headings, or other levels than they"]
        for (_, entry), (_, words) in zip(entries, headings):
            entry.title = words
    return []


def tidy(path, config, headings):
    """Tidy the tags and the outline of a printed PDF, name it, and make it small; return what is wrong.

    Chromium wraps each piece of text, and each letter of a formula, in tags that mean nothing (``NonStruct``): nine
    of ten. Their content moves up to the next tag that means something. Formulas become ``Formula``.
    """

    def content(tag, heir, page, out):
        """Append to ``out`` what a tag holds; ``heir`` is the tag that gets it, which has its content on ``page``."""
        kids = tag.get("/K", [])
        for kid in kids if isinstance(kids, Array) else [kids]:
            if isinstance(kid, int):
                own = tag.get("/Pg")
                same = page is not None and own.objgen == page.objgen
                out.append(kid if same else Dictionary(Type=Name.MCR, Pg=own, MCID=kid))
            elif kid.get("/S") == Name.NonStruct and "/Alt" not in kid:
                heirs[kid.objgen] = heir
                content(kid, heir, page, out)
            else:
                out.append(kid)
                if "/S" not in kid and "/Pg" not in kid and "/Pg" in tag:
                    kid.Pg = tag.Pg  # it was understood
                if "/S" in kid:
                    below = []
                    content(kid, kid, kid.get("/Pg"), below)
                    kid.P, kid.K = heir, Array(below)
                    words = str(kid.get("/Alt", ""))
                    if words.startswith(_FORMULA):
                        kid.S, kid.Alt = Name.Formula, String(words.removeprefix(_FORMULA))

    def pass_on(node):
        """Let the table that leads from content to tags lead to the heirs."""
        for kid in node.get("/Kids", []):
            pass_on(kid)
        numbers = node.get("/Nums", [])
        for place in range(1, len(numbers), 2):
            if isinstance(numbers[place], Array):
                numbers[place] = Array([heirs.get(tag.objgen, tag) for tag in numbers[place]])
            else:
                numbers[place] = heirs.get(numbers[place].objgen, numbers[place])

    heirs, top = {}, []
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        tree = pdf.Root.StructTreeRoot
        content(tree, tree, None, top)
        tree.K = Array(top)
        pass_on(tree.ParentTree)
        problems = name_outline(pdf, headings)
        pdf.Root.ViewerPreferences = Dictionary(DisplayDocTitle=True)
        with pdf.open_metadata(set_pikepdf_as_editor=False) as about:
            about["dc:title"], about["dc:creator"] = config["title"], [config["author"]]
            about["dc:language"] = ["en-GB"]
        pdf.docinfo["/Title"], pdf.docinfo["/Author"] = config["title"], config["author"]
        pdf.docinfo["/Creator"] = "Gaussian mixtures from first principles: make pdf"
        pdf.save(path, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return problems


def link_from_home(site, name=NAME):
    """Put a link to the PDF where the home page of a built book has the marker; return whether it had one."""
    home = site / "book" / "index.html"
    text = home.read_text(encoding="utf-8")
    size = (site / name).stat().st_size / 1e6
    link = f'{MARKER}<p class="book-pdf"><a href="../{name}">The whole book as a PDF</a> ({size:.1f} MB)</p>'
    text, count = re.subn(f'{MARKER}(?:<p class="book-pdf">.*?</p>)?', link, text)
    home.write_text(text, encoding="utf-8", newline="\n")
    return count == 1


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("site", nargs="?", default=SITE, type=Path)
    parser.add_argument("--out", type=Path, help=f"the PDF; by default pdf/{NAME} beside the pages' folder")
    options = parser.parse_args(arguments)
    require(options.site)
    if chromium() is None:
        raise SystemExit(
            "The PDF is printed by Chromium or Chrome, and none was found. Install one (on Debian and Ubuntu: "
            "apt-get install chromium), or name it: make pdf CHROMIUM=/path/to/chromium"
        )
    target = options.out or options.site.parent / "pdf" / NAME
    problems = print_pdf(options.site, target)
    shutil.copyfile(target, options.site / NAME)
    link_from_home(options.site)
    print("\n".join([*problems, f"The book is printed: {target} ({target.stat().st_size / 1e6:.1f} MB)"]))
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
