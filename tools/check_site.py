"""Check a built book without a browser or a network: ``python tools/check_site.py [folder]``.

Every link must lead to a file and an anchor that exist, and no page may load a script, a style, a font
or an image from elsewhere. Links that a reader may follow to the outside are not opened.
"""

import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from bs4 import BeautifulSoup
from built import SITE, require

LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
_CSS_URL = re.compile(r"""(?:url\(\s*|@import\s+)['"]?((?:https?:)?//[^'")\s]+)""")


_LETTERS = '<span class="katex-html" aria-hidden="true">'
_SPAN = re.compile(r"<(/?)span\b[^>]*>")


def without_letters(html):
    """Return a page without the letters of its formulas, half of its elements; what they mean stays, as MathML."""
    first, *rest = html.split(_LETTERS)
    kept = [first]
    for part in rest:
        depth = 1
        for tag in _SPAN.finditer(part):
            depth += -1 if tag[1] else 1
            if not depth:
                kept.append(part[tag.end() :])
                break
    return "".join(kept)


@cache
def soup(path):
    """Return a page, parsed, without the letters of its formulas; it is nobody's to change."""
    return BeautifulSoup(without_letters(path.read_text(encoding="utf-8")), "lxml")


@cache
def anchors(path):
    """Return the ids and names that a page defines."""
    page = soup(path)
    named = {tag["name"] for tag in page.find_all("a", attrs={"name": True})}
    return {tag["id"] for tag in page.find_all(id=True)} | named


def _is_outside(address):
    return bool(urlsplit(address).netloc)


def _target(page, address):
    """Return what is wrong with a link inside the book, or None."""
    path, fragment = urldefrag(address)
    target = (page.parent / unquote(path.split("?")[0])).resolve() if path else page
    if target.is_dir():
        target = target / "index.html"
    if not target.exists():
        return "no such file"
    if fragment and target.suffix == ".html" and unquote(fragment) not in anchors(target):
        return "no such anchor"
    return None


def problems_of(page):
    """List the problems of one page as text."""
    found, page_soup = [], soup(page)
    for tag in page_soup.find_all(["a", *LOADED]):
        address = tag.get(LOADED.get(tag.name, "href"))
        if not address or address.startswith(("mailto:", "data:", "javascript:")):
            continue
        if _is_outside(address):
            if tag.name != "a" and tag.get("rel") != ["canonical"]:
                found.append(f"loads {address}")
        elif problem := _target(page, address):
            found.append(f"{address}: {problem}")
    for image in page_soup.find_all("img"):
        if not image.get("alt", "").strip():
            found.append(f"image without alt text: {str(image.get('src'))[:80]}")
    for style in page_soup.find_all("style"):
        found += [f"style loads {address}" for address in _CSS_URL.findall(style.text)]
    for script in page_soup.find_all("script", src=False):
        if match := re.search(r"""import\(?\s*['"](https?:[^'"]+)""", script.text):
            found.append(f"script imports {match[1]}")
    ids = Counter(tag["id"] for tag in page_soup.find_all(id=True))
    found += [f"id used twice: {name}" for name in sorted(name for name, times in ids.items() if times > 1)]
    return found


def weight(page):
    """Return the bytes of a page and of its images, without what it shares with all other pages."""
    addresses = {image.get("src", "") for image in soup(page).find_all("img")}
    images = [page.parent / unquote(a) for a in addresses if a and not a.startswith("data:") and not _is_outside(a)]
    return page.stat().st_size + sum(image.stat().st_size for image in images)


def pages(site=SITE):
    """List the pages of the book in a built site."""
    return sorted(path for path in Path(site).rglob("*.html") if "_static" not in path.parts)


def problems(site=SITE):
    """List every problem of a built site as "page: problem"."""
    site = Path(site).resolve()
    found = [f"{page.relative_to(site)}: {problem}" for page in pages(site) for problem in problems_of(page)]
    for style in site.rglob("*.css"):
        found += [
            f"{style.relative_to(site)}: loads {address}"
            for address in _CSS_URL.findall(style.read_text(encoding="utf-8"))
        ]
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if sys.argv[1:] else SITE
    require(folder)
    lines = problems(folder)
    print("\n".join([*lines, f"{len(pages(folder))} pages, {len(lines)} problems"]))
    sys.exit(bool(lines))
