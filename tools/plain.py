"""Notebooks for readers without MyST: Colab, Visual Studio Code, plain Jupyter.

The notebooks of ``book/`` are written in MyST, which the pages and JupyterLab with jupyterlab-myst set; elsewhere its
directives and roles are shown as they are typed. `plain` rewrites a notebook's words in Markdown that is understood
everywhere: numbered equations as ``$$ … \\tag{2.1} $$``, boxes between rules, hints as ``<details>``, tables with
pipes, references as the numbers and titles that the pages show, figures with their captions. Code and outputs stay as
they are.

What is downloaded from the pages (_ext/downloads.py) and what Colab opens (tools/colab.py) is rewritten so.
"""

import re
import unicodedata
from functools import cache

import chapters
from nbformat.v4 import new_markdown_cell

NUMBERED = {"prf:theorem": "Theorem", "prf:lemma": "Lemma", "prf:algorithm": "Algorithm", "exercise": "Exercise"}
NUMBERED |= {"exercise-start": "Exercise", "table": "Table", "list-table": "Table"}
_OPEN = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w:-]+)\}[ \t]*(?P<title>.*?)[ \t]*$")
_CODE = re.compile(r"^ *(`{3,}|~{3,})")
_OPTION = re.compile(r"^:(?P<name>[\w-]+):[ \t]*(?P<value>.*?)[ \t]*$")
_ROLE = re.compile(r"\{(?P<role>[a-z:]+)\}`(?:(?P<text>[^`<]*?)\s*<(?P<explicit>[^`>]+)>|(?P<target>[^`]+))`")
_LABEL = re.compile(r"^\((?P<label>[\w-]+)\)=[ \t]*$")
_DOLLARS = re.compile(r"\$\$(?P<body>.+?)\$\$(?:[ \t]*\((?P<label>[^()\s]+)\))?", re.S)


def _blocks(text):
    """Yield the parts of MyST text: lines as they are, (None, [line]), and directives, (match, lines within)."""
    lines = iter(text.split("\n"))
    for line in lines:
        opened, code = _OPEN.match(line), _CODE.match(line)
        if not opened and not code:
            yield None, [line]
            continue
        fence, inside = opened["fence"] if opened else code[1], []
        for inner in lines:
            if re.fullmatch(rf" *{fence[0]}{{{len(fence)},}} *", inner):
                break
            inside.append(inner)
        yield (opened, inside) if opened else (None, [line, *inside, fence])


def _labelled(dollars, body):
    """Return an equation between dollars as a directive, if it has a label."""
    return f"```{{math}}\n:label: {dollars['label']}\n{body}\n```" if dollars["label"] else dollars[0]


def _options(lines):
    """Split the lines of a directive in options and content."""
    options = {}
    while lines and (match := _OPTION.match(lines[0])):
        options[match["name"]], lines = match["value"], lines[1:]
    return options, lines


# ------------------------------------------------------------------------------------------- numbers and titles


def _labels(notebook, chapter):
    """Yield (label, name) of everything in a notebook that can be referred to, as the pages name it."""
    counts, waiting = {}, []

    def numbered(kind):
        counts[kind] = counts.get(kind, 0) + 1
        return f"{kind} {chapter}.{counts[kind]}".strip()

    def read(text):
        for directive, lines in _blocks(text):
            if directive is None:
                label, heading = _LABEL.match(lines[0]), re.match(r"#+ +(.+)", lines[0])
                if label:
                    waiting.append(label["label"])
                elif heading:
                    yield from ((label, heading[1]) for label in waiting)
                    waiting.clear()
                continue
            options, content = _options(lines)
            label, kind = options.get("label") or options.get("name"), directive["name"]
            if kind == "math" and label:
                yield label, f"({numbered('')})"
            elif kind in NUMBERED:
                yield label, numbered(NUMBERED[kind])
            yield from read("\n".join(content))

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            yield from read(_DOLLARS.sub(lambda m: _labelled(m, ""), cell.source))
        elif figure := cell.metadata.get("mystnb", {}).get("figure"):
            yield figure["name"], numbered("Fig.")


@cache
def names():
    """Return the names of all labels and pages of the book: {label: name}."""
    found = {}
    for path in chapters.notebooks():
        found[path.stem] = chapters.title(path)
        found.update(_labels(chapters.read(path), int(path.name[:2])))
    for path in chapters.BOOK.glob("*.md"):
        found[path.stem] = (re.findall(r"^# (.+)$", path.read_text(encoding="utf-8"), re.M) or [path.stem])[0]
    return found


def _accented(tex):
    """Return a name with TeX's accents as letters."""
    marks = {"'": "\u0301", "`": "\u0300", '"': "\u0308", "^": "\u0302", "~": "\u0303", "v": "\u030c", "c": "\u0327"}
    letters = re.sub(r"\\(['`\"^~]|[vc](?=[ {]))[ {]*(\w)", lambda m: m[2] + marks[m[1]], tex)
    return unicodedata.normalize("NFC", re.sub(r"[{}\\]", "", letters))


@cache
def sources():
    """Return how the sources of the book are cited: {key: (authors, year)}."""
    text, found = (chapters.BOOK / "references.bib").read_text(encoding="utf-8"), {}
    for key, entry in re.findall(r"^@\w+\{([^,\s]+),(.*?)^\}", text, re.M | re.S):
        fields = dict(re.findall(r"^\s*(author|editor|year)\s*=\s*\{(.*?)\}(?=,?\s*$)", entry, re.M | re.S))
        people = re.split(r"\s+and\s+", fields.get("author") or fields["editor"])
        family = [_accented(person.split(",")[0]) for person in people]
        who = f"{family[0]} et al." if len(family) > 2 else " and ".join(family)
        found[key] = who, fields["year"]
    return found


def _role(match):
    """Return what the pages show for a role."""
    role, text, target = match["role"], match["text"], (match["explicit"] or match["target"]).strip()
    if role == "math":
        return f"${target}$"
    if role in ("func", "class", "meth", "exc", "mod", "attr"):
        return f"`{text or target.lstrip('~')}`"
    if role in ("cite:t", "cite:p"):
        cited = [sources()[key.strip()] for key in target.split(",")]
        form = "{} ({})" if role == "cite:t" else "{}, {}"
        listed = "; ".join(form.format(*one) for one in cited)
        return listed if role == "cite:t" else f"({listed})"
    name = names()[target.rsplit("/", 1)[-1]]
    if text:
        return text.replace("{number}", name.split()[-1])
    return name if role != "doc" and re.search(r"\d\)?$", name) else f"*{name}*"


# ------------------------------------------------------------------------------------------- one cell


def _cell_of_table(text):
    """Return the content of a table's cell on one line, with no bar that would end it."""
    text = " ".join(text.split())
    text = re.sub(r"\$[^$]+\$", lambda m: m[0].replace(r"\|", r"\Vert ").replace("|", r"\vert "), text)
    return text.replace("|", r"\|")


def _list_table(lines):
    """Return a list-table as one with pipes."""
    rows = []
    for line in lines:
        if match := re.match(r"\* - ?(.*)", line):
            rows.append([match[1]])
        elif match := re.match(r"  - ?(.*)", line):
            rows[-1].append(match[1])
        elif line.strip():
            rows[-1][-1] += f" {line.strip()}"
    rows = [[_cell_of_table(cell) for cell in row] for row in rows]
    rows.insert(1, ["---"] * len(rows[0]))
    return [f"| {' | '.join(row)} |" for row in rows]


def _equation(body, label):
    lines = [line for line in body if line.strip()]
    return ["$$", *lines, *([f"\\tag{{{names()[label].strip('()')}}}"] if label else []), "$$"]


def _directive(directive, lines):
    """Return a directive's lines in plain Markdown."""
    options, content = _options(lines)
    kind, title = directive["name"], directive["title"]
    label, classes = options.get("label") or options.get("name"), options.get("class", "").split()
    if kind == "math":
        return _equation(content, label)
    if kind.endswith("-end"):
        return []
    if kind in ("solution", "solution-start"):
        return [f"**Solution of {names()[title].lower()}**", "", *_lines(content)]
    if kind.startswith("exercise"):
        return [f"### {names()[label]} · {title}", "", *_lines(content)]
    if kind in ("table", "list-table"):
        title = f"{names()[label]}: {title}" if label else title
        return [f"*{title}*", "", *(_lines(content) if kind == "table" else _list_table(content)), ""]
    if kind == "admonition" and "dropdown" in classes:
        return [f"<details><summary>{title}</summary>", "", *_lines(content), "", "</details>"]
    if kind == "prf:proof":
        return ["*Proof.*", "", *_lines(content)]
    if kind in NUMBERED:
        title = f"{names()[label]}{f' ({title})' if title else ''}."
    elif kind != "admonition":
        raise ValueError(f"no plain form of the directive {kind}")
    return ["---", "", f"**{title}**", "", *_lines(content), "", "---"]


def _lines(lines):
    """Return lines of MyST as lines of plain Markdown; the roles stay."""
    found, term = [], False
    for directive, inside in _blocks("\n".join(lines)):
        if directive:
            found += ["", *_directive(directive, inside), ""]
            term = False
        elif _LABEL.match(inside[0]):
            continue
        elif match := re.match(r": +(.*)", inside[0]):  # a term and its items
            found[-1] = f"**{found[-1]}**" if found[-1] else ""
            found += ["", match[1]]
            term = True
        else:
            term = term and (not inside[0] or inside[0].startswith("  "))
            found += [inside[0].removeprefix("  ") if term else inside[0], *inside[1:]]
    return found


def plain_text(text):
    """Return the MyST text of a cell as Markdown that is understood everywhere."""
    text = _DOLLARS.sub(lambda m: _labelled(m, m["body"].strip("\n")), text)
    pieces = re.split(r"(^`{3,}.*?^`{3,} *$)", "\n".join(_lines(text.split("\n"))), flags=re.M | re.S)
    pieces[::2] = [_ROLE.sub(_role, piece) for piece in pieces[::2]]  # code between fences stays
    return re.sub(r"\n{3,}", "\n\n", "".join(pieces)).strip("\n")


def plain(notebook):
    """Rewrite, in place, the words of a notebook, and give its figures their captions."""
    cells = []
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            cells.append(cell)
            if figure := cell.metadata.get("mystnb", {}).get("figure"):
                caption = f"*{names()[figure['name']]}:* {_ROLE.sub(_role, figure['caption'])}"
                cells.append(new_markdown_cell(caption, id=f"{cell['id']}-caption"))
            continue
        cell.source = plain_text(cell.source)
        if cell.source:
            cells.append(cell)
    notebook.cells = cells
    return notebook
