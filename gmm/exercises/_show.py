"""Messages that show as HTML or Markdown in a notebook, and as plain text in a terminal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from gmm._notebook import in_notebook
from gmm.exercises._plain import plain

# Okabe–Ito colours that stand out from white and from black; the mark and the words say the same.
_MARKS = {"right": ("✓", "#009E73"), "wrong": ("✗", "#D55E00"), "empty": ("…", "#0072B2"), "note": ("i", "#0072B2")}
_BOX = "border-left: 0.3em solid {colour}; padding: 0.2em 0.8em; margin: 0.4em 0;"
_DETAIL = (
    "margin: 0.3em 0 0; padding: 0; border: 0; background: transparent; color: inherit; "
    "white-space: pre-wrap; overflow-wrap: anywhere;"
)


def show(message):
    """Display a message in a notebook, print it elsewhere."""
    if in_notebook():
        from IPython.display import display

        display(message)
    else:
        print(message)


def _code(html):
    """Text between backticks as code."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html)


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes
    ----------
    status : str
        ``"right"``, ``"wrong"``, ``"empty"`` (there is no answer so far) or ``"note"``.
    message : str
        What to say about the answer.
    details : tuple of str
        Further lines: the input that fails, what was expected and what came, the reader's line.
    """

    status: str
    message: str
    details: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Whether the answer is right."""
        return self.status == "right"

    @property
    def head(self) -> str:
        """The first words of the verdict."""
        return {"right": "Right", "note": ""}.get(self.status, "Not yet")

    @property
    def text(self) -> str:
        """The verdict as plain text."""
        return "\n  ".join((self._joined(), *self.details))

    def _joined(self):
        if self.status == "note":
            return self.message
        return self.head + (self.message if self.message[:1] in ",." else f": {self.message}")

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        mark, colour = _MARKS[self.status]
        rest = _code(escape(self._joined()[len(self.head) :], quote=False))
        lines = [escape(line, quote=False) for line in self.details]
        # elsewhere a backtick belongs to the reader's own line or value
        detail = "\n".join(_code(line) if line.startswith("look at") else line for line in lines)
        below = f'\n<pre style="{_DETAIL}">{detail}</pre>' if detail else ""
        return f'<div style="{_BOX.format(colour=colour)}"><strong>{mark} {self.head}</strong>{rest}{below}</div>'


@dataclass(frozen=True)
class Passage:
    """A hint or a solution: Markdown with mathematics."""

    title: str
    markdown: str

    def __repr__(self) -> str:
        return f"{self.title}\n{plain(self.markdown)}"

    def _repr_markdown_(self) -> str:
        return f"**{self.title}**\n\n{self.markdown}"


@dataclass(frozen=True)
class Table:
    """Rows of texts under a heading row, and a line below."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    below: str = ""

    def __repr__(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) if k == 0 else cell.rjust(width) for k, (cell, width) in enumerate(cells))
            for cells in (list(zip(row, widths, strict=True)) for row in (self.head, *self.rows))
        ]
        return "\n".join([self.caption, *(line.rstrip() for line in lines), *filter(None, [self.below])])

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in self.head)
        rows = "".join(
            f'<tr><th scope="row" style="text-align: left;">{escape(row[0])}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
            + "</tr>"
            for row in self.rows
        )
        caption = f"<caption>{escape(self.caption)}</caption>"
        below = f"<p>{escape(self.below)}</p>" if self.below else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{below}"
