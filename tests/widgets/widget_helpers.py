"""Reading the HTML of a widget, and opening it in a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"input"}
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Widget</title>
<meta name="viewport" content="width=device-width"><style>:root {{ color-scheme: light dark }}
body {{ background: #ffffff; color: #222832 }}
@media (prefers-color-scheme: dark) {{ body {{ background: #121212; color: #ced6dd }} }}</style></head>
<body><main>{}</main></body></html>"""


class Elements(HTMLParser):
    """Reads the elements and checks that each is closed in turn."""

    def __init__(self, html):
        super().__init__()
        self.open, self.found, self.content = [], [], {}
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(set(names)) == len(names), f"{tag} has an attribute twice"
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.content.setdefault(self.open[-1], []).append(data)

    def all(self, tag, **wanted):
        return [a for name, a in self.found if name == tag and all(a.get(k) == v for k, v in wanted.items())]


def numbers(text):
    """All numbers of a text, in order."""
    return [float(n.replace("−", "-")) for n in re.findall(r"[−-]?\d+(?:\.\d+)?(?:e[-+]?\d+)?", text)]
