r"""Set the mathematics when the book is built: a page comes with its formulas and runs no script for them.

KaTeX sets each formula once, in the V8 engine of the package mini-racer; what it made is kept beside the pages'
stored trees, so that a second build sets only new formulas. KaTeX itself, its style sheet and its fonts lie in
``_ext/katex`` (version 0.19.1, MIT licence). A formula that KaTeX cannot set, or would set only with a doubt, is a
warning with its place, which fails the build.

A page holds each formula twice: as letters in their places, for the eye, and as MathML with its TeX, for screen
readers and for who copies it. Where TeX would break a line, after a relation or a sum's sign, so does the page, but
a formula that fits a phone stays whole. A part that is wider than that scrolls there.
"""

import base64
import hashlib
import html
import json
import re
import shutil
from pathlib import Path

from docutils import nodes
from py_mini_racer import JSEvalException, MiniRacer
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

KATEX = Path(__file__).with_name("katex")
CACHE = "formulas.json"
#: In em of the mathematics: what fits a phone's narrowest boxes.
NARROW = 10
# The fonts that every page with formulas needs come with the style sheet: no letter is drawn twice.
INLINE = {"Main-Regular", "Main-Bold", "Math-Italic", "Math-BoldItalic", "Caligraphic-Regular", "Size1-Regular"}
FONT_FACE = re.compile(r'@font-face\{[^}]*?url\(fonts/KaTeX_([\w-]+)\.woff2\) format\("woff2"\)[^}]*\}')
FORMULA = re.compile(
    r'(<(span|div)(?: aria-hidden="true")? class="math notranslate nohighlight)("[^>]*>'
    r'(?:<span class="eqno">.*?</span>)?)\\[(\[](.*?)\\[)\]]</\2>([.,;:!?)\]’”]*(?=</span>))?',
    re.S,
)
# Sets a formula, measures it, and marks the parts that are wider than a phone. The width of a part, in em of the
# mathematics, is that of its letters and spaces one beside the other, or of the widest of what stands above each other.
# What KaTeX made is then brought into half as many elements that look the same: classes without a rule in the style
# sheet go, and so do elements without class and style; what is most frequent has a short name; a lone index or
# exponent, for which KaTeX makes a table of ten elements, is one that is lowered or raised.
SET = r"""
const SIZES = [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.44, 1.728, 2.074, 2.488];
const MEANINGLESS = ["", "mord", "mop", "mrel", "mbin", "mopen", "mclose", "mpunct", "minner", "mtight"];
const SPACES = { "0.2778em": "thick", "0.2222em": "medium", "0.1667em": "thin" };
const em = length => parseFloat(length) || 0;
const is = (node, name) => (node.classes || []).includes(name);
function scale(node) {
  const [from, to] = ["reset-size", "size"].map(name => node.classes?.find(c => RegExp(`^${name}\\d+$`).test(c)));
  return from && to ? SIZES[to.slice(4) - 1] / SIZES[from.slice(10) - 1] : 1;
}
function width(node) {
  if (is(node, "pstrut")) return 0;
  const style = node.style || {}, inside = (node.children || []).map(width);
  const stacked = is(node, "vlist") || is(node, "vlist-t");
  const own = em(style.width) || (inside.length ? stacked ? Math.max(...inside) : inside.reduce((a, b) => a + b)
    : node.text ? node.width * node.text.length + node.italic  // the width of the first letter is known
    : is(node, "nulldelimiter") ? 0.12 : 0);
  return scale(node) * (own + em(style.marginLeft) + em(style.marginRight) + em(style.paddingLeft));
}
function script(node) {
  const [row] = node.children[0].children, items = row.children[0].children;
  if (items.length !== 1) return;
  const [strut, letters] = items[0].children, { top, marginLeft, marginRight } = items[0].style, size = scale(letters);
  const length = em => +(em / size).toFixed(4) + "em";
  node.classes = ["script"];
  node.style = { verticalAlign: length(-em(top) - em(strut.style.height)) };
  if (em(marginLeft)) node.style.marginLeft = length(em(marginLeft));
  if (length(em(marginRight)) !== "0.0714em") node.style.marginRight = length(em(marginRight));
  if (size !== 0.7) node.style.fontSize = +size.toFixed(4) + "em";
  node.children = letters.children;
}
function slim(node) {
  if (is(node, "msupsub")) script(node);
  const space = is(node, "mspace") && SPACES[node.style.marginRight];
  if (space) Object.assign(node, { classes: [space], style: {} });
  if (is(node, "pstrut") && node.style.height === "3em") node.style = {};
  if (is(node, "katex-sizing") && is(node, "reset-size6") && is(node, "size3")) node.classes = ["tight"];
  if (node.classes) node.classes = node.classes.filter(name => !MEANINGLESS.includes(name));
  const bare = child => child.children?.length && child.classes?.length === 0
    && !Object.keys(child.style || {}).length && !Object.keys(child.attributes || {}).length;
  node.children = node.children?.filter(child => !is(child, "allowbreak"));
  node.children?.forEach(slim);
  // What stands in a table of KaTeX's, and in a built-up bracket, is found by its depth.
  const deep = ["vlist", "delimsizinginner", "katex-inner"].some(name => is(node, name));
  if (node.children && !deep && !node.children.some(child => is(child, "pstrut")))
    node.children = node.children.flatMap(child => bare(child) ? child.children : [child]);
}
// On display a phone's lines are broken after relations and wide spaces only.
function join(parts) {
  const joined = [];
  for (const part of parts) {
    const last = joined.at(-1)?.children.findLast(child => !is(child, "mspace"));
    if (last && is(last, "mbin")) joined.at(-1).children.push(...part.children);
    else joined.push(part);
  }
  return joined;
}
function set(tex, displayMode, narrow) {
  const breakable = displayMode ? tex.replace(/\\q?quad(?![a-zA-Z])/g, "$&\\allowbreak ") : tex;
  const tree = katex.__renderToDomTree(breakable, { displayMode, strict: "error", output: "htmlAndMathml" });
  const parts = [];
  (function find(node) {
    if (displayMode && is(node, "katex-html")) node.children = join(node.children);
    if (is(node, "katex-base")) parts.push(node);
    else (node.children || []).forEach(find);
  })(tree);
  const widths = parts.map(width);
  parts.forEach((part, i) => {
    slim(part);
    if (widths[i] > narrow) part.classes.push("wide");
  });
  const markup = tree.toMarkup().replaceAll("\\allowbreak ", "").replaceAll(';"', '"');
  return [markup.replace(/ xmlns="[^"]*MathML"/, ""), widths.reduce((a, b) => a + b, 0)];
}
"""
logger = logging.getLogger(__name__)


class Formulas:
    """Formulas, each set once.

    Parameters
    ----------
    path : Path
        The file that keeps them from one build to the next. What another version of KaTeX or of this module made is
        not taken from it.
    """

    def __init__(self, path):
        sources = [path.read_bytes() for path in (Path(__file__), Path(__file__).with_suffix(".css"))]
        sources += [(KATEX / name).read_bytes() for name in ("katex.min.js", "katex.min.css")]
        self.version = hashlib.sha256(b"".join(sources)).hexdigest()[:12]
        self._path, self._engine, self._kept = Path(path), None, {}
        if self._path.exists():
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            self._kept = stored["formulas"] if stored["version"] == self.version else {}

    def set(self, tex, display):
        """Return (HTML of a formula, its width in em of the mathematics); ValueError if KaTeX cannot set it."""
        key = f"{'display' if display else 'line'} {tex}"
        if key not in self._kept:
            if self._engine is None:
                self._engine = MiniRacer()
                self._engine.eval((KATEX / "katex.min.js").read_text(encoding="utf-8") + SET)
            try:
                markup, width = self._engine.call("set", tex, display, NARROW)
            except JSEvalException as error:
                raise ValueError(str(error).split("\n")[0].split("ParseError: ")[-1]) from None
            self._kept[key] = [markup, round(width, 2)]
        return self._kept[key]

    def close(self):
        """Write the file, and end the engine: the process would wait for it."""
        self._path.write_text(json.dumps({"version": self.version, "formulas": self._kept}), encoding="utf-8")
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def put(self, page):
        """Return the text of a page with its formulas in place of their TeX."""

        def place(match):
            head, kind, rest, tex, sign = match.groups()
            markup, width = self.set(html.unescape(tex).strip(), kind == "div")
            whole = kind == "span" and width <= NARROW
            after = f'<span class="sign">{sign}</span>' if sign and not whole else sign or ""
            return f"{head}{' whole' if whole else ''}{rest}{markup}</{kind}>{after}"

        return FORMULA.sub(place, page)


def _visit(self, node, tex, begin, end):
    """Write the TeX of a formula, which `Formulas.put` finds, and make sure that it can be set."""
    try:
        self.builder.formulas.set(tex.strip(), begin == r"\[")
    except ValueError as error:
        logger.warning("formula not set: %s", error, location=node, type="mathematics")
        begin = end = ""
    self.body.append(begin + self.encode(tex.strip()) + end)


def visit_inline(self, node):
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    _visit(self, node, node.astext(), r"\(", r"\)")
    self.body.append("</span>")
    raise nodes.SkipNode


def visit_display(self, node):
    self.body.append(self.starttag(node, "div", "", CLASS="math notranslate nohighlight"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    _visit(self, node, node.astext() if node["nowrap"] else lines(node.astext()), r"\[", r"\]")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def lines(tex):
    """Return a displayed formula whose lines end in a double backslash, or stand apart, as TeX wants it."""
    parts = re.split(r"\n\s*\n", tex.strip())
    parts = [rf"\begin{{split}}{part}\end{{split}}" if r"\\" in part else part for part in parts]
    return parts[0] if len(parts) == 1 else r"\begin{gathered}" + r"\\".join(parts) + r"\end{gathered}"


def style_sheet():
    """Return KaTeX's style sheet and this book's additions, with the fonts that pages need at once."""

    def face(match):
        path = KATEX / "fonts" / f"KaTeX_{match[1]}.woff2"
        if not path.exists():  # an alphabet that the book does not use
            return ""
        source = f"url(fonts/{path.name})"
        if match[1] in INLINE:
            source = f"url(data:font/woff2;base64,{base64.b64encode(path.read_bytes()).decode()})"
        return re.sub("src:.*", f'src:{source} format("woff2")}}', match[0])

    katex = FONT_FACE.sub(face, (KATEX / "katex.min.css").read_text(encoding="utf-8"))
    return (
        "/* KaTeX 0.19.1, https://katex.org, MIT licence: katex-licence.txt */\n"
        + katex
        + "\n"
        + Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    )


def put_formulas(app):
    """Let the builder put the formulas on each page that it writes."""
    if app.builder.format != "html":
        return
    app.builder.formulas = formulas = Formulas(Path(app.doctreedir) / CACHE)
    render = app.builder.templates.render

    def render_with_formulas(template, context):
        text = render(template, context)
        page = formulas.put(text) if template.endswith(".html") else text
        if page == text and "cards.js" not in page:  # a card shows what another page says
            return text
        style, script = (context["pathto"](f"_static/{name}", 1) for name in ("formulas.css", "copy-tex.min.js"))
        links = f'<link rel="stylesheet" href="{style}?v={formulas.version}"><script defer src="{script}"></script>'
        return page.replace("</head>", f"{links}</head>", 1)

    app.builder.templates.render = render_with_formulas


def finish(app, exception):
    """Keep the formulas for the next build, and write what pages with formulas ask for."""
    if app.builder.format != "html":
        return
    app.builder.formulas.close()
    static = Path(app.outdir) / "_static"
    (static / "formulas.css").write_text(style_sheet(), encoding="utf-8", newline="\n")
    shutil.copy2(KATEX / "copy-tex.min.js", static)
    shutil.copy2(KATEX / "LICENSE", static / "katex-licence.txt")
    (static / "fonts").mkdir(exist_ok=True)
    for path in (KATEX / "fonts").glob("*.woff2"):
        if path.stem.removeprefix("KaTeX_") not in INLINE:
            shutil.copy2(path, static / "fonts")


def setup(app):
    app.add_html_math_renderer("katex", (visit_inline, None), (visit_display, None))
    app.config.html_math_renderer = "katex"
    # After the extensions that read the TeX of a page.
    app.connect("builder-inited", put_formulas, priority=900)
    app.connect("build-finished", finish)
    # An engine does not survive that the process is forked.
    return {"parallel_read_safe": True, "parallel_write_safe": False}
