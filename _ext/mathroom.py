r"""Estimate how much room MathJax will take for a formula, without running it.

A page keeps this much room for a formula until MathJax has set it, so that the text around it does not
move. The estimate follows TeX's rules in outline: widths and heights of the Computer Modern letters,
spaces by the class of a symbol, scripts at 0.707 of the size, fractions and matrices about the axis. It
knows the commands this book uses; what it does not know it takes for one letter. Lengths are in em of the
mathematics; `SCALE` turns them into em of the text, and is MathJax's own setting on the pages.
"""

import re
from functools import cache
from typing import NamedTuple

# Set in _config.yml too (mathjax3_config, chtml, scale): letters of the text have taller small letters
# than Computer Modern.
SCALE = 1.2
AXIS = 0.25
SCRIPT = 0.707
TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|\s+|.", re.S)

# Thousandths of an em, a to z and A to Z: italic (with the room of the slant), upright and bold.
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_ITALIC = (
    "529 429 433 520 466 550 477 576 345 412 521 298 878 600 485 503 460 451 469 361 572 485 716 572 490 465 "
    "750 759 760 828 764 749 786 888 504 633 889 681 1051 888 763 751 791 759 645 704 767 769 1048 852 763 723"
)
_UPRIGHT = (
    "500 556 444 556 444 306 500 556 278 306 528 278 833 556 500 556 528 392 394 389 556 528 722 528 528 444 "
    "750 708 722 764 681 653 785 750 361 514 778 625 917 750 778 681 778 736 556 722 750 750 1028 750 750 611"
)
_BOLD = (
    "559 639 511 639 527 351 575 639 319 351 607 319 958 639 575 639 607 474 454 447 639 607 831 607 607 511 "
    "869 818 831 882 756 724 904 900 436 594 901 692 1092 900 864 786 864 862 639 800 885 869 1189 869 869 703"
)


def _names(text):
    return text.split()


def _table(widths):
    letters = _LOWER + _LOWER.upper()
    return {letter: int(width) / 1000 for letter, width in zip(letters, widths.split(), strict=True)}


_SCRIPT = (
    "400 " * 26
    + "798 657 527 771 528 719 595 845 545 678 762 690 1201 979 796 696 817 848 606 545 626 613 988 713 668 725"
)
ITALIC, UPRIGHT, BOLD, CALLIGRAPHIC = map(_table, (_ITALIC, _UPRIGHT, _BOLD, _SCRIPT))
_GREEK = _names(
    "alpha 640 beta 566 gamma 518 delta 444 epsilon 406 varepsilon 466 zeta 438 eta 497 theta 469 vartheta 591 "
    "iota 354 kappa 576 lambda 583 mu 603 nu 494 xi 438 pi 570 rho 517 varrho 517 sigma 571 tau 437 upsilon 540 "
    "phi 596 varphi 654 chi 626 psi 651 omega 622 Gamma 625 Delta 833 Theta 778 Lambda 694 Xi 667 Pi 750 "
    "Sigma 722 Phi 722 Psi 778 Omega 722 ell 417 partial 531 nabla 833 infty 1000 ast 500 top 778 prime 275 "
    "blacksquare 778 square 778 dots 1172 ldots 1172 cdots 1172 ldot 278 hbar 540 emptyset 500 forall 556 exists 556"
)
GREEK = {"\\" + name: int(width) / 1000 for name, width in zip(_GREEK[::2], _GREEK[1::2], strict=True)}
_TALL = set("bdfhijklt") | {"\\" + n for n in _names("beta delta theta vartheta lambda xi zeta ell partial")}
_DEEP = set("gjpqy") | {"\\" + n for n in _names("beta gamma eta mu rho varrho varphi phi chi psi xi zeta")}
RELATIONS = {
    **dict.fromkeys(["=", "<", ">", r"\le", r"\ge", r"\leq", r"\geq", r"\approx", r"\sim", r"\ne", r"\neq"], 0.778),
    **dict.fromkeys([r"\propto", r"\subset", r"\supset", r"\equiv", r"\simeq"], 0.778),
    **dict.fromkeys([r"\in", r"\notin", r"\ni"], 0.667),
    **dict.fromkeys([r"\to", r"\rightarrow", r"\leftarrow", r"\mapsto", r"\Rightarrow", r"\ll", r"\gg"], 1.0),
    **dict.fromkeys([r"\longrightarrow", r"\Longrightarrow", r"\iff", r"\Longleftrightarrow", r"\implies"], 1.7),
    r"\mid": 0.278,
    r"\perp": 0.778,
}
RELATIONS[":"] = 0.278
BINARY = dict.fromkeys(["+", "-", r"\pm", r"\mp", r"\times", r"\div", r"\otimes", r"\odot", r"\cup", r"\cap"], 0.778)
BINARY |= {"*": 0.5, r"\cdot": 0.278, r"\circ": 0.5}
OPEN = {"(": 0.389, "[": 0.278, r"\{": 0.5, r"\lVert": 0.5, r"\lvert": 0.278, r"\langle": 0.389, r"\lfloor": 0.444}
CLOSE = {")": 0.389, "]": 0.278, r"\}": 0.5, r"\rVert": 0.5, r"\rvert": 0.278, r"\rangle": 0.389, r"\rfloor": 0.444}
SPACES = {r"\,": 0.167, r"\:": 0.222, r"\;": 0.278, r"\!": -0.167, r"\ ": 0.25, "~": 0.25, r"\quad": 1, r"\qquad": 2}
FUNCTIONS = set(
    _names("log ln exp sin cos tan sinh cosh tanh min max sup inf lim det Pr arg dim ker gcd argmin argmax tr")
)
LIMITS = {"\\" + name for name in _names("min max sup inf lim det Pr gcd sum prod underbrace operatorname*")}
SLANT = {"N": 0.085, "M": 0.081, "H": 0.057, "F": 0.106, "J": 0.079, "K": 0.04, "T": 0.12, "C": 0.045, "I": 0.065}
SLANT |= {
    "E": 0.026,
    "P": 0.109,
    "S": 0.032,
    "U": 0.084,
    "V": 0.186,
    "W": 0.104,
    "X": 0.024,
    "Y": 0.182,
    "Z": 0.04,
    "f": 0.06,
}
# Large operators: (width, up, down) in a line and on display.
LARGE = {
    r"\sum": ((1.056, 0.75, 0.25), (1.444, 0.95, 0.45)),
    r"\prod": ((0.944, 0.75, 0.25), (1.278, 0.95, 0.45)),
    r"\int": ((0.61, 0.805, 0.306), (0.944, 1.36, 0.862)),
}
SIZES = {"big": 0.85, "Big": 1.15, "bigg": 1.45, "Bigg": 1.75}
ALPHABETS = {
    r"\mathbf": BOLD,
    r"\boldsymbol": None,
    r"\mathcal": CALLIGRAPHIC,
    r"\mathbb": None,
    r"\mathrm": UPRIGHT,
    r"\mathsf": UPRIGHT,
    r"\mathtt": None,
    r"\mathit": UPRIGHT,
}
WORDS = {r"\text", r"\textrm", r"\textbf", r"\textit", r"\texttt", r"\operatorname", r"\operatorname*", r"\mbox"}
ACCENTS = {r"\hat", r"\bar", r"\tilde", r"\vec", r"\dot", r"\widehat", r"\widetilde", r"\overline"}


class Box(NamedTuple):
    """Width, and extent above and below the baseline."""

    width: float = 0.0
    up: float = 0.0
    down: float = 0.0

    def scaled(self, factor):
        return Box(*(factor * value for value in self))


class _Reader:
    """Read a formula from left to right. ``display`` and ``script`` say in which style."""

    def __init__(self, tex):
        self.tokens = TOKEN.findall(tex)
        self.at = 0

    def peek(self):
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self):
        token = self.peek()
        self.at += 1
        return token

    def word(self):
        """Take {text} with its blanks."""
        if self.peek() != "{":
            return self.take() or ""
        depth, text = 0, []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            depth += (token == "{") - (token == "}")
            if depth == 0:
                break
            text.append(token)
        return "".join(text[1:])

    def argument(self, display, script, table=None):
        """Take one argument: a group or a single symbol."""
        return self.nucleus(display, script, table)[0]

    def line(self, display, script, table=None, end=()):
        """Read until a token of ``end`` and return the box of what was read."""
        width = up = down = 0.0
        before = None
        while (token := self.peek()) is not None and token not in end:
            if token == r"\displaystyle" or token in (r"\textstyle", r"\limits", r"\nolimits"):
                self.at += 1
                display = token == r"\displaystyle"
                continue
            box, kind = self.atom(display, script, table)
            if kind == "bin" and before in (None, "bin", "rel", "open", "punct", "op"):
                kind = "ord"
            width += box.width + _gap(before, kind, script)
            up, down = max(up, box.up), max(down, box.down)
            if kind != "space":
                before = kind
        return Box(width, up, down)

    def atom(self, display, script, table=None):
        """Read one symbol with its scripts; return its box and its class."""
        token = self.peek()
        box, kind = self.nucleus(display, script, table)
        limits = display and not script and token in LIMITS
        sup = sub = None
        while (mark := self.peek()) in ("^", "_", "'"):
            self.at += 1
            if mark == "'":
                sup = Box((sup.width if sup else 0) + 0.195, 0.56, 0)
            elif mark == "^":
                sup = self.argument(False, True).scaled(SCRIPT)
            else:
                sub = self.argument(False, True).scaled(SCRIPT)
        if sup is None and sub is None:
            return box, kind
        if limits:
            up = box.up + (0 if sup is None else max(0.111, 0.2 - sup.down) + sup.up + sup.down + 0.1)
            down = box.down + (0 if sub is None else max(0.167, 0.6 - sub.up) + sub.up + sub.down + 0.1)
            width = max(box.width, sup.width if sup else 0, sub.width if sub else 0)
            return Box(width, up, down), kind
        raise_by, lower_by = max(0.413, box.up - 0.386), max(0.15 if sup is None else 0.247, box.down + 0.05)
        up = max(box.up, raise_by + sup.up if sup else 0)
        down = max(box.down, lower_by + sub.down if sub else 0)
        # A lower index stands under the slant of a capital, an upper one beyond it.
        slant = SLANT.get(token, 0.0)
        width = box.width + max(sup.width + 0.03 + slant if sup else 0, sub.width - slant if sub else 0) + 0.065
        return Box(width, up, down), kind

    def nucleus(self, display, script, table):
        token = self.take()
        name = token.lstrip("\\")
        if token == "{":
            box = self.line(display, script, table, end={"}"})
            self.at += 1
            return box, "ord"
        if token in SPACES:
            return Box(SPACES[token]), "space"
        if token in ALPHABETS:
            return self.argument(display, script, ALPHABETS[token] or _alphabet(token)), "ord"
        if token in WORDS:
            text = self.word()
            widths = {**UPRIGHT, " ": 0.25} if token != r"\texttt" else {}
            width = sum(widths.get(c, 0.5) for c in text)
            return Box(width, 0.69, 0.2 if set(text) & set("gjpqy,()") else 0), "op" if "operator" in token else "ord"
        if name in FUNCTIONS:
            return Box(sum(UPRIGHT[c] for c in name), 0.69, 0.19 if set(name) & set("gp") else 0), "op"
        if token in LARGE:
            return Box(*LARGE[token][display and not script]), "op"
        if token in (r"\frac", r"\dfrac", r"\tfrac"):
            return self.fraction(token == r"\dfrac" or (display and token == r"\frac"), script), "frac"
        if token == r"\sqrt":
            inner = self.argument(display, script)
            return Box(
                inner.width + (1.05 if inner.up > 0.75 or inner.down > 0.2 else 0.853),
                inner.up + 0.15,
                max(inner.down, 0.04),
            ), "ord"
        if token in ACCENTS:
            inner = self.argument(display, script, table)
            return inner._replace(up=max(inner.up + 0.2, 0.694)), "ord"
        if token == r"\underbrace":
            inner = self.argument(display, script)
            return inner._replace(down=inner.down + 0.5), "op"
        if token in (r"\phantom", r"\hphantom", r"\vphantom"):
            return self.argument(display, script), "ord"
        if token == r"\left":
            return self.fence(display, script), "ord"
        if token == r"\begin":
            return self.environment(script), "ord"
        if match := re.fullmatch(r"\\([bB]igg?)([lrm]?)", token):
            size = SIZES[match[1]]
            self.take()
            return Box(0.3 + 0.25 * size, size, size - 0.5), {"l": "open", "r": "close"}.get(match[2], "ord")
        for symbols, kind, up, down in (
            (RELATIONS, "rel", 0.6, 0.1),
            (BINARY, "bin", 0.583, 0.083),
            (OPEN, "open", 0.75, 0.25),
            (CLOSE, "close", 0.75, 0.25),
        ):
            if token in symbols:
                return Box(symbols[token], up, down), kind
        if token in (",", ";"):
            return Box(0.278, 0.11, 0.19), "punct"
        if token in ("|", r"\|", r"\vert", r"\Vert", "/"):
            return Box({"|": 0.278, r"\vert": 0.278}.get(token, 0.5), 0.75, 0.25), "ord"
        if token in (".", "!", r"\colon"):
            return Box(0.278, 0.7 if token == "!" else 0.12), "ord"
        if "dots" in token:
            return Box(GREEK[token], 0.12), "inner"
        tall = token in _TALL or token.isdigit() or name[:1].isupper() or token in (r"\nabla", r"\top")
        width = (table or ITALIC).get(token) or GREEK.get(token)
        if width is not None and table is not None and token in GREEK:
            width *= 1.13  # bold Greek
        width = width or (0.575 if table is BOLD else 0.5)
        return Box(width, 0.69 if tall else 0.44, 0.2 if token in _DEEP else 0.01), "ord"

    def fraction(self, display, script):
        factor = 1 if display else SCRIPT
        above, below = (self.argument(False, script or not display).scaled(factor if not script else 1) for _ in "ab")
        width = max(above.width, below.width) + 0.44
        if display:
            return Box(width, max(0.677, 0.44 + above.down) + above.up, max(0.686, below.up - 0.06) + below.down)
        return Box(width, max(0.394, 0.35 + above.down) + above.up, max(0.345, below.up - 0.12) + below.down)

    def fence(self, display, script):
        self.take()
        inner = self.line(display, script, end={r"\right"})
        self.at += 1
        self.take()
        reach = max(inner.up - AXIS, inner.down + AXIS, 0.5)
        return Box(inner.width + 2 * min(0.39 + 0.2 * (reach - 0.5), 0.875), AXIS + reach, reach - AXIS)

    def environment(self, script):
        name = self.word()
        if name == "array":
            self.word()
        display = name in ("aligned", "split", "gathered", "align", "align*")
        end = {"&", r"\\", r"\end"}
        columns, rows, cells = {}, [], []
        while True:
            cells.append(self.line(display, script, end=end))
            mark = self.take()
            if mark == "&":
                continue
            for number, cell in enumerate(cells):
                columns[number] = max(columns.get(number, 0), cell.width)
            rows.append((max(0.7, *(c.up for c in cells)), max(0.3, *(c.down for c in cells))))
            cells = []
            if mark != r"\\":
                break
            if self.peek() == "[":
                while self.take() not in ("]", None):
                    pass
        if mark == r"\end":
            self.word()
        gap = 0.3 if display else 0.2 if name == "cases" else 0.4
        height = sum(up + down for up, down in rows) + gap * (len(rows) - 1)
        between = 0.28 * (len(columns) // 2) if display else 1.0 * (len(columns) - 1)
        fences = {"pmatrix": 1.6, "bmatrix": 1.2, "vmatrix": 0.9, "cases": 0.9}.get(name, 0)
        return Box(sum(columns.values()) + between + fences, height / 2 + AXIS, height / 2 - AXIS)


def _alphabet(token):
    if token == r"\boldsymbol":
        return {letter: 1.13 * width for letter, width in ITALIC.items()}
    return dict.fromkeys(UPRIGHT, 0.7 if token == r"\mathbb" else 0.525)


def _gap(before, kind, script):
    """Return the space that TeX puts between two classes of symbols."""
    if before is None or kind == "space":
        return 0.0
    if "op" in (before, kind) and {before, kind} <= {"op", "ord", "close"} and (before, kind) != ("op", "close"):
        return 0.167
    if script:
        return 0.0
    if "rel" in (before, kind):
        return 0.0 if before == kind or (before, kind) == ("open", "rel") else 0.278
    if "bin" in (before, kind):
        return 0.222
    if "inner" in (before, kind):
        return 0.167 if {before, kind} <= {"inner", "ord", "op", "punct"} else 0.0
    return 0.167 if before == "punct" else 0.0


@cache
def room(tex, display):
    r"""Return the `Box` of a formula, given with its delimiters ``\(…\)`` or ``\[…\]``, in em of the text.

    None when it cannot be read.
    """
    try:
        return _Reader(re.sub(r"^\\[(\[]|\\[)\]]$", "", tex.strip())).line(display, False).scaled(SCALE)
    except (IndexError, TypeError, AttributeError):  # it ends in the middle of something
        return None


def style(tex, display):
    """Return the style attribute that keeps room for a formula, or None when it cannot be read."""
    box = room(tex, display)
    if box is None:
        return None
    if display:
        # MathJax sets one em of its own above and below.
        return f"--room-h:{max(box.up + box.down, 1.1) + 2 * SCALE + 0.2:.2f}em"
    text = f"--room-w:{box.width:.2f}em"
    if box.up > 1.05 or box.down > 0.45:  # higher than the line it stands in
        text += f";--room-h:{box.up + box.down:.2f}em;--room-d:{-box.down:.2f}em"
    return text
