"""Finish each page after the theme has written it: accessible, light, and still while it loads.

What the theme and the extensions write is put right here, in one place, on the text of the page:

* The sidebar becomes a landmark of its own; roles that HTML does not know, empty header cells, a place
  for advertisements and a second viewport are taken out. Icons are hidden from screen readers.
* The theme is settled before the first paint, so that a dark page does not flash white.
* Figures of panels side by side have a stacked version for narrow screens (`narrow`).
* Figures are drawn to one scale, whatever their size, and lead to the picture itself. Images say how large they
  are, and those below the first are loaded when they come near.
* Formulas, which are TeX here and are set later (`mathematics`), stay on the line of the full stop that follows.
* Scripts that no page needs are dropped: 1.5 MB that draw the icons a second time (the style sheet draws
  them from a font), and the search index on pages other than the search.

Pictures are stored with a palette of 256 colours, a third of the bytes of full colour.
"""

import io
import re
from html import unescape
from pathlib import Path

import narrow
from PIL import Image, UnidentifiedImageError

SEARCH_SCRIPTS = re.compile(r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>')
# (what the theme writes, what stands on the page)
REPAIRS = [
    (re.compile(pattern, flags), repair)
    for pattern, repair, flags in [
        # The style asks for it before the figure has come.
        (
            r'<div class="(cell_output docutils container)">(?=\s*<figure\b[^>]*>\s*<(?:a|img)\b)',
            r'<div class="drawn \1">',
            0,
        ),
        (r'<meta name="viewport" content="width=device-width, initial-scale=1"\s*/>', "", 0),
        (
            r'document\.documentElement\.dataset\.theme = localStorage\.getItem\("theme"\) \|\| "[a-z]*";',
            "document.documentElement.dataset.theme = /^(dark|light)$/.test(document.documentElement.dataset.mode) "
            "? document.documentElement.dataset.mode "
            ': matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";',
            0,
        ),
        (r'\s*<script defer src="[^"]*scripts/fontawesome\.js[^"]*"></script>', "", 0),
        (
            r'<div id="pst-primary-sidebar" class="([^"]*)">',
            r'<div id="pst-primary-sidebar" class="\1" role="complementary" aria-label="Book">',
            0,
        ),
        (r'\s*<div class="sidebar-primary-item">\s*<div id="ethical-ad-placement".*?</div>\s*</div>', "", re.S),
        (r'<th class="head[^"]*">(?:<p>\s*</p>)?\s*</th>', '<td class="head"></td>', 0),
        (r'<div role="list" class="citation-list">', '<div class="citation-list">', 0),
        (r' role="doc-(?:biblioentry|endnote)"', "", 0),
        (r'<([bi]|span) class="((?:theme-switch )?fa[srb]? ?[^"]*\bfa-)', r'<\1 aria-hidden="true" class="\2', 0),
        # A notebook is to be kept, not looked at as text.
        (r'(<a href="[^"]*\.ipynb") target="_blank"', r"\1 download", 0),
        # Code: blanks need no element of their own.
        (r'<span class="w">([^<]*)</span>', r"\1", 0),
    ]
]
IMAGE = re.compile(r'<img\b[^>]*?\bsrc="([^"]+)"[^>]*?>')
# A formula with the signs that belong to it; browsers break lines between the two.
WITH_SIGNS = re.compile(
    r'([(\[“‘]*)(<span class="math notranslate nohighlight[^>]*>[^<]*</span>)((?:[-’]\w+)?[.,;:!?)\]’”]*)'
)
LONG_NAME = re.compile(r'(?<=<span class="pre">)[\w./]{15,}(?=(?:\(\))?</span>)')
CODE = re.compile(r'<code class="([^"]*)">((?:[^<]|<span class="pre">|</span>)*)</code>')
# Dots of a figure on an inch of the page (100 px), so that letters of 11 points are as large as those of the text.
DOTS = 1.3
FIGURE = re.compile(
    r'(<figure\b[^>]*>\s*)(?:<a class="[^"]*image-reference"[^>]*>)?(<img\b[^>]*?\bsrc="([^"]+)"[^>]*>)(?:</a>)?'
)
FORMULA_HEAD = re.compile(
    r'(<th class="head[^"]*">(?:<p>)?)'
    r'(<span class="math notranslate nohighlight"[^>]*>\\\((.*?)\\\)</span>)((?:</p>)?\s*</th>)'
)


def picture_size(path):
    """Return (width, height) of a picture in pixels, or None for a drawing (SVG)."""
    try:
        with Image.open(path) as image:
            return image.size
    except UnidentifiedImageError:
        return None


def with_sizes(html, size_of):
    """Give the images of a page their sizes; load all but the first figure only when they come near."""
    count = 0

    def repair(match):
        nonlocal count
        tag, size = match[0], size_of(match[1])
        if size is not None:
            size = tuple(round(side / DOTS) for side in size)
        more = "" if size is None or " width=" in tag else f' width="{size[0]}" height="{size[1]}"'
        more += ' decoding="async"' + (' loading="lazy"' if count else "")
        count += size is not None
        return tag[:4] + more + tag[4:]

    return IMAGE.sub(repair, html)


def with_links(html):
    """Let figures lead to their pictures; how large they stand on the page does not depend on the notebook."""

    def repair(match):
        image = re.sub(r' style="width: [\d.]+%;?"', "", match[2])
        return f'{match[1]}<a class="reference internal image-reference" href="{match[3]}">{image}</a>'

    return FIGURE.sub(repair, html)


def with_signs(html):
    """Keep the full stop, comma or bracket beside a formula on the same line."""
    return WITH_SIGNS.sub(lambda m: f'<span class="together">{m[0]}</span>' if m[1] or m[3] else m[0], html)


def with_breaks(html):
    """Let long names in code break after an underscore; a few signs like ``(n, d)``, and names that fit, nowhere."""

    def repair(match):
        text = unescape(re.sub("<[^>]*>", "", match[2]))
        whole = len(text) < (15 if " " in text else 31)
        return match[0].replace(match[1], f"{match[1]} short", 1) if whole else match[0]

    html = CODE.sub(repair, html)
    return LONG_NAME.sub(lambda m: re.sub(r"(?<!^test)_|/", r"\g<0><wbr>", m[0]), html)


def in_words(tex):
    """Return a short formula as plain words: ``\\log p(x_i)`` is "log p(x i)"."""
    text = re.sub(r"\\(?:mathbf|boldsymbol|mathcal|mathrm|mathbb|operatorname|text|[,;!: ])\*?", " ", tex)
    text = re.sub(r"\^(?:\{\s*)?\\top(?:\s*\})?", " transposed", text)
    text = re.sub(r"\^(?:\{2\}|2)", " squared", text)
    text = re.sub(r"'", " prime", text)
    return " ".join(re.sub(r"[\\{}_^~]", " ", text).split())


def with_heads_in_words(html):
    """Give the heads of columns that are formulas their name in words, which screen readers repeat at each cell."""

    def repair(match):
        formula = match[2].replace("<span ", '<span aria-hidden="true" ', 1)
        return f'{match[1]}{formula}<span class="visually-hidden">{in_words(match[3])}</span>{match[4]}'

    return FORMULA_HEAD.sub(repair, html)


def polish(html, size_of, search=False, stacked_of=lambda address: None):
    """Return the text of a page as the reader gets it."""
    for pattern, repair in REPAIRS:
        html = pattern.sub(repair, html)
    if not search:
        html = SEARCH_SCRIPTS.sub("", html)
    html = narrow.with_narrow(with_links(with_sizes(html, size_of)), stacked_of)
    return with_breaks(with_signs(with_heads_in_words(html)))


def polish_pages(app):
    """Let the builder pass each page through `polish` before it is written."""
    if app.builder.name not in ("html", "dirhtml"):
        return
    render = app.builder.templates.render

    def source_of(address):
        name = Path(address).name
        source = next((path for path, stored in app.builder.images.items() if stored == name), None)
        return None if source is None else Path(app.srcdir) / source

    def size_of(address):
        source = source_of(address)
        return None if source is None else picture_size(source)

    def stacked_of(address):
        source = source_of(address)
        picture = None if source is None or source.suffix != ".png" else narrow.stacked(Image.open(source))
        return None if picture is None else tuple(round(side / DOTS) for side in picture.size)

    def render_polished(template, context):
        text = render(template, context)
        if not template.endswith(".html"):
            return text
        return polish(text, size_of, search=context.get("pagename") == "search", stacked_of=stacked_of)

    app.builder.templates.render = render_polished


def shrink(data):
    """Return PNG data with a palette instead of full colour, when that is smaller."""
    image = Image.open(io.BytesIO(data))
    if image.mode == "P":
        return data
    out = io.BytesIO()
    palette = image.convert("RGBA").quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette.save(out, "PNG", optimize=True)
    return min(data, out.getvalue(), key=len)


def shrink_site(app, exception):
    """Shrink the pictures of the written site, and drop the theme's source maps and unused script."""
    if exception is not None or app.builder.name not in ("html", "dirhtml"):
        return
    out = Path(app.outdir)
    for path in sorted((out / "_images").glob("*.png")):
        picture = narrow.stacked(Image.open(path))
        if picture is not None:
            picture.save(narrow.name_of(path))
    for path in (out / "_images").glob("*.png"):
        data = path.read_bytes()
        small = shrink(data)
        if small is not data:
            path.write_bytes(small)
    for path in {*(out / "_static").rglob("*.map"), *(out / "_static").rglob("fontawesome.js*")}:
        path.unlink()


def setup(app):
    app.connect("builder-inited", polish_pages)
    app.connect("build-finished", shrink_site)
    app.add_js_file("reading.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
