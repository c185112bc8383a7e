"""Markdown with TeX as plain text for a terminal: readable, not exact."""

from __future__ import annotations

import re

_TABLE = """
alpha α beta β gamma γ delta δ epsilon ε varepsilon ε zeta ζ eta η theta θ iota ι kappa κ lambda λ mu μ nu ν xi ξ pi π
rho ρ sigma σ tau τ phi φ varphi φ chi χ psi ψ omega ω Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Phi Φ Psi Ψ
Omega Ω ell ℓ sum ∑ prod ∏ int ∫ infty ∞ partial ∂ nabla ∇ cdot · times × le ≤ ge ≥ leq ≤ geq ≥ ne ≠ neq ≠ approx ≈
equiv ≡ in ∈ notin ∉ subset ⊂ supset ⊃ pm ± to → mid | ast * Rightarrow ⇒ Leftrightarrow ⇔ rightarrow → dots … ldots …
cdots … top ᵀ blacksquare ∎ propto ∝ forall ∀ lVert ‖ rVert ‖ langle ⟨ rangle ⟩ sim ∼ mapsto ↦ circ ∘
"""
_WORDS = _TABLE.split()
_SYMBOLS = {**dict(zip(_WORDS[::2], _WORDS[1::2], strict=True)), "quad": "  ", "qquad": "    "}
_WRAPPERS = {"mathbf", "boldsymbol", "mathrm", "text", "texttt", "mathcal", "mathit", "textbf"}
_ACCENTS = {"bar": "\u0304", "hat": "\u0302", "tilde": "\u0303"}
_IGNORED = {"left", "right", "bigl", "bigr", "Bigl", "Bigr", "big", "Big", "biggl", "biggr", "limits", "displaystyle"}
_RAISED = dict(zip("0123456789+-−Tn", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻ᵀⁿ"))
_FUNCTIONS = {"log", "exp", "max", "min", "sup", "inf", "det"}


class _Reader:
    """The tokens of a TeX formula, one after the other."""

    def __init__(self, tex):
        self.tokens = re.findall(r"\\[A-Za-z]+|\\.|[{}^_&]|\s+|[^\\{}^_&\s]", tex)
        self.at = 0

    def more(self):
        return self.at < len(self.tokens)

    def next(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def skip_space(self):
        while self.more() and self.tokens[self.at].isspace():
            self.at += 1

    def argument(self):
        """The next group in braces, or the next token, as text."""
        self.skip_space()
        if not self.more():
            return ""
        token = self.next()
        return self.until("}") if token == "{" else self.one(token)

    def until(self, end):
        parts = []
        while self.more():
            token = self.next()
            if token == end:
                break
            parts.append(self.one(token))
        return "".join(parts)

    def one(self, token):
        if token == "{":
            return self.until("}")
        if token in "^_":
            return self.script(token)
        if token == "&":
            return " "
        if token.isspace():
            return " "
        if not token.startswith("\\"):
            return token
        return self.command(token[1:])

    def script(self, token):
        inside = self.argument()
        if token == "^" and inside and all(letter in _RAISED or letter == "ᵀ" for letter in inside):
            return "".join(_RAISED.get(letter, letter) for letter in inside)
        if len(inside) == 1 or (inside.isalnum() and token == "_") or (inside[:1], inside[-1:]) == ("(", ")"):
            return token + inside
        return f"{token}({inside})"

    def command(self, name):
        if name in ("frac", "tfrac", "dfrac"):
            above, below = self.argument(), self.argument()
            text = {("1", "2"): "½", ("1", "4"): "¼"}.get(
                (above, below)
            ) or f"{_bracket(above)}/{_bracket(below, True)}"
            return f"({text})" if "/" in text and self.follows("(") else text
        if name == "sqrt":
            return "√" + _bracket(self.argument())
        if name == "operatorname":
            text = f" {self.argument()}"
            return text if self.follows("(_^[") else f"{text} "
        if name in _WRAPPERS:
            return self.argument()
        if name in _ACCENTS:
            inside = self.argument()
            return inside[:1] + _ACCENTS[name] + inside[1:]
        if name in _IGNORED:
            return ""
        if name in ("begin", "end"):
            self.argument()
            return " "
        if name == "\\":
            return "\n"
        if name in ("|", "Vert"):
            return "‖"
        if name in (",", ";", ":", "!", " "):
            return "" if name == "!" else " "
        text = _SYMBOLS.get(name, name)
        if name not in _FUNCTIONS:
            return text
        return f" {text}" if self.more() and self.tokens[self.at] in "({_^" else f" {text} "

    def follows(self, letters):
        """Whether the next token, without commands that only set the size, begins with one of these letters."""
        at = self.at
        while at < len(self.tokens) and self.tokens[at].lstrip("\\") in _IGNORED | {"", ","}:
            at += 1
        return at < len(self.tokens) and self.tokens[at][:1] in letters


def _bracket(text, divisor=False):
    """Text with brackets around it if it is more than a number or a letter; a product needs them as a divisor alone."""
    letter = text.rstrip("".join(_RAISED.values()) + "ᵀ" + "".join(_ACCENTS.values()))
    number = text.replace(".", "").isdigit()
    return text if len(letter) <= 1 or number or (text.isalnum() and not divisor) else f"({text})"


def tex(formula):
    """A formula as one line of text, or as several where it has several."""
    text = _Reader(formula.replace(r"\cr", r"\\")).until(None)
    lines = [
        re.sub(r"([(\[]) ", r"\1", re.sub(r"[ \t]+", " ", line)).strip()
        for line in text.replace("\n ", "\n").split("\n")
    ]
    if "pmatrix" in formula:
        return "[" + "; ".join(lines) + "]" if "=" not in lines[0] else _matrix(lines)
    return "\n".join(line for line in lines if line)


def _matrix(lines):
    head, first = lines[0].rsplit("=", 1)
    return f"{head}= [" + "; ".join([first.strip(), *lines[1:]]) + "]"


def plain(markdown):
    """Markdown as plain text: formulas written out, marks of emphasis dropped, code kept."""
    kept = []

    def keep(text):
        kept.append(text)
        return f"\0{len(kept) - 1}\0"

    text = re.sub(r"^```\w*\n(.*?)\n```$", lambda m: keep(_indented(m[1])), markdown, flags=re.M | re.S)
    text = re.sub(r"`([^`]+)`", lambda m: keep(m[1]), text)
    text = re.sub(r"\$\$(.+?)\$\$", lambda m: "\n" + keep(_indented(tex(m[1].strip()))) + "\n", text, flags=re.S)
    text = re.sub(r"\$([^$]+)\$", lambda m: keep(tex(m[1])), text)
    text = re.sub(r"\*\*(.+?)\*\*", r"\1", text, flags=re.S)
    text = re.sub(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])", r"\1", text)
    text = re.sub(r"\n{3,}", "\n\n", text)
    while "\0" in text:
        text = re.sub("\0(\\d+)\0", lambda m: kept[int(m[1])], text)
    return text.strip("\n")


def _indented(text):
    return "\n".join(f"    {line}".rstrip() for line in text.split("\n"))
