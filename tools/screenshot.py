"""Look at a page as a reader would: ``python tools/screenshot.py PAGE out.png [--dark] [--full]``.

PAGE is an address, a path to an HTML file, or the name of a page of the built book (``04`` is enough).
Besides the picture it prints what went wrong: messages on the console, requests to the outside, TeX
that was not set, and anything that makes the page wider than the window.
"""

import argparse
import base64
import contextlib
import functools
import os
import shutil
import sys
from pathlib import Path

from built import SITE

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nothing outside this computer is found.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
# Milliseconds to wait for a page: a busy computer is slow.
PATIENCE = 300_000
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
WIDE = """() => {
  const limit = document.documentElement.clientWidth;
  // What is placed absolutely is held by the box that it is placed in, not by those on the way there.
  const holder = e => getComputedStyle(e).position === "absolute" ? e.offsetParent : e.parentElement;
  const inBox = e => { for (let p = holder(e); p && p !== document.body; p = holder(p))
    if (/auto|scroll|hidden|clip/.test(getComputedStyle(p).overflowX)) return true;
    return false; };
  const wide = [...document.querySelectorAll(".bd-article *")].filter(e => {
    const box = e.getBoundingClientRect();
    // Roots and braces are drawn much too long, and cut.
    return box.width > 1 && box.right > limit + 1 && !e.closest(".katex svg") && !inBox(e); });
  return { page: document.documentElement.scrollWidth - limit,
           parts: wide.slice(0, 5).map(e => e.tagName.toLowerCase() + "." + e.className) };
}"""
# Mathematics that was not set.
RAW_TEX = """() => [
  ...[...document.querySelectorAll("main .math")].filter(e => !e.querySelector(".katex-base"))
     .map(e => e.textContent.slice(0, 60)),
  ...(document.querySelector("main").innerText.match(
      /\\\\(?:frac|sum|boldsymbol|mathbf|label|begin)\\b.{0,40}/g) || []),
]"""


# How far the text jumped while the page was loading (https://web.dev/cls), when the first text was drawn
# in milliseconds, and what jumped most.
VITALS = """() => new Promise(resolve => {
  let cls = 0, worst = 0, what = "";
  const add = entries => entries.forEach(e => {
    cls += e.value;
    if (e.value > worst) {
      worst = e.value;
      what = (e.sources || []).map(s => (s.node?.textContent || "").trim().slice(0, 40)).join(" | ");
    } });
  const watch = new PerformanceObserver(list => add(list.getEntries()));
  watch.observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => {
    add(watch.takeRecords());
    resolve({ cls, what, paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime });
  })));
})"""
OPEN = """() => {
  document.querySelectorAll("main details").forEach(d => d.open = true);
  document.querySelectorAll("main .toggle-hidden button.toggle-button").forEach(b => b.click());
}"""
# Sets text and code in fonts that are given, [name, weight, file in base64], as changed; the names that begin with
# --pst are the theme's. Formulas and icons bring their own fonts.
FONTS = """([files, changes]) => {
  window.trial ? window.trial.forEach(f => document.fonts.delete(f))
    : document.head.append(Object.assign(document.createElement("style"), { textContent: `
      html { --pst-font-family-base: text !important; --pst-font-family-heading: text !important;
             --pst-font-family-monospace: code !important }
      body, .gmm-live, .gmm-live text { font-family: text !important }
      pre, code, kbd, samp, .sig { font-family: code !important }` }));
  window.trial = files.map(([name, weight, data]) =>
    new FontFace(name, Uint8Array.from(atob(data), c => c.charCodeAt(0)), { weight, ...changes }));
  window.trial.forEach(f => document.fonts.add(f));
}"""
# The page's own scripts look at what there is a tenth of a second after it grew (book/_static/reading.js); timers of
# a page go off in the order of their times, however slow the computer is.
SETTLED = """() => new Promise(resolve =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 150))))"""
# axe reads each element, and most of a page are the letters of its formulas and the words of its code, all built
# alike. The first few formulas are kept, and those that scroll, and of the others their room; of code, one word of a
# kind.
THIN = """() => {
  const seen = new Map(), count = kind => seen.set(kind, (seen.get(kind) || 0) + 1).get(kind);
  const scrolls = e => e.parentElement.scrollWidth > e.parentElement.clientWidth || e.querySelector(".wide");
  const formulas = [...document.querySelectorAll(".katex")]
    .filter(e => count(e.parentElement.className) > 3 && !scrolls(e))
    .map(e => [e, e.getBoundingClientRect()]);
  const words = [...document.querySelectorAll(".highlight pre span[class], code span.pre")]
    .filter(e => count(e.className + e.closest("pre, code").className) > 1);
  const shown = document.body.style.display;
  document.body.style.display = "none";  // lay the page out once, not at each step
  for (const [box, { width, height }] of formulas) {
    const room = document.createElement("span");
    room.style.cssText = `display: inline-block; overflow: hidden; width: ${width}px; height: ${height}px`;
    room.textContent = "x";
    box.replaceChildren(room);
  }
  words.forEach(e => e.replaceWith(...e.childNodes));
  document.body.style.display = shown;
}"""
# Mark one text of each kind: its colour, size and weight, and what lies behind it.
MARK = """() => {
  const behind = new Map([[null, ""]]), seen = new Set();
  const under = e => {
    if (!behind.has(e)) {
      const s = getComputedStyle(e), tint = s.backgroundColor === "rgba(0, 0, 0, 0)" ? "" : s.backgroundColor;
      const own = [tint, s.backgroundImage === "none" ? "" : s.backgroundImage, s.opacity === "1" ? "" : s.opacity];
      behind.set(e, under(e.parentElement) + (own.join("") && "|" + own.join()));
    }
    return behind.get(e);
  };
  for (const e of document.body.querySelectorAll("*")) {
    const said = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || e.matches("input, textarea, select");
    if (!said || !e.getClientRects().length) continue;
    const s = getComputedStyle(e), kind = [s.color, s.fontSize, s.fontWeight, under(e)].join();
    if (!seen.has(kind)) { seen.add(kind); e.dataset.kept = ""; }
  }
}"""
# Take away the texts that were not marked.
PRUNE = """() => {
  const wanted = new Set();
  for (let e of document.querySelectorAll("[data-kept]"))
    for (; e && !wanted.has(e); e = e.parentElement) wanted.add(e);
  const prune = e => [...e.children].filter(c => !c.matches("style, script, link"))
    .forEach(c => wanted.has(c) ? prune(c) : c.remove());
  document.body.style.display = "none";
  prune(document.body);
  document.body.style.display = "";
}"""
# WCAG 2.0 and 2.1, levels A and AA, and what the authors of axe call best practice.
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
AXE = """async ({runOnly, rules}) => {
  const { violations } = await axe.run(document, { runOnly, rules, resultTypes: ["violations"], preload: false });
  return violations.flatMap(v => v.nodes.map(n =>
    `${v.id}: ${n.target.join(" ")}: ${([...n.any, ...n.all, ...n.none][0] || {}).message || v.help}`));
}"""


def axe_source():
    """Return the script of axe-core, which comes with the package axe-playwright-python."""
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@functools.cache
def dejavu():
    """Return the fonts that matplotlib brings, as FONTS takes them. Hardly any other is as wide."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    files = [("text", "400", "DejaVuSans"), ("text", "600 900", "DejaVuSans-Bold"), ("code", "400", "DejaVuSansMono")]
    return [
        (name, weight, base64.b64encode((folder / f"{file}.ttf").read_bytes()).decode()) for name, weight, file in files
    ]


def chromium():
    """Return the path of a Chromium-like browser, or None. CHROMIUM in the environment wins."""
    named = os.environ.get("CHROMIUM")
    found = [named] if named else [shutil.which(name) for name in NAMES]
    return next((path for path in [*found, *PLACES] if path and Path(path).exists()), None)


@contextlib.contextmanager
def browser():
    """Start a headless browser without a network: Chromium, or the Firefox that the variable FIREFOX names."""
    from playwright.sync_api import sync_playwright

    fox, path = os.environ.get("FIREFOX"), chromium()
    if not fox and path is None:
        raise FileNotFoundError("no Chromium or Chrome found; name one in the variable CHROMIUM")
    with sync_playwright() as playwright:
        if fox:  # as it is published, spoken to by WebDriver BiDi
            path = shutil.which(fox) or fox
            running = playwright.firefox.launch(channel="moz-firefox", executable_path=path, timeout=PATIENCE)
        else:
            running = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=PATIENCE)
        try:
            yield running
        finally:
            running.close()


class Visit:
    """An open page, and what went wrong on it.

    Attributes
    ----------
    outside : list of str
        Addresses it asked for that are not its own.
    messages : list of str
        Errors on the console, uncaught exceptions and failed requests.
    """

    def __init__(self, running, url, width=1280, dark=False):
        # A browser gives the visit a context of its own; in a given context pages share what they loaded.
        self.context = running.new_context() if hasattr(running, "new_context") else None
        self.page = (self.context or running).new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme="dark" if dark else "light")
        self.outside, self.messages = [], []
        self.page.on("request", self._note_request)
        self.page.on(
            "console",
            lambda m: self.messages.append(f"{m.type}: {m.text}") if m.type == "error" else None,
        )
        self.page.on("pageerror", lambda e: self.messages.append(f"exception: {e}"))
        self.page.on(
            "response",
            lambda r: self.messages.append(f"{r.status} {r.url}") if r.status >= 400 else None,
        )
        self.page.goto(url, wait_until="load")
        self.settle()

    def settle(self):
        """Wait until the fonts are there."""
        # Letters are asked for when they are first laid out.
        self.page.evaluate("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
        self.page.evaluate("document.fonts.ready.then(() => true)")

    def theme(self, name):
        """Change the theme as the reader's system does when the sun sets."""
        self.page.emulate_media(color_scheme=name)
        self.page.wait_for_function(f"document.documentElement.dataset.theme === '{name}'")

    def vitals(self):
        """Return how far the page jumped while loading (``cls``), what jumped, and the first paint in ms."""
        return self.page.evaluate(VITALS)

    def open_boxes(self):
        """Open every folded box."""
        self.page.evaluate(OPEN)

    def fonts(self, scale):
        """Set the page in DejaVu instead of the computer's fonts, its letters scaled to ``scale`` per cent."""
        self.page.evaluate(FONTS, [dejavu(), {"sizeAdjust": f"{scale}%"}])

    def _load_axe(self):
        if self.page.evaluate("typeof axe") == "undefined":
            self.page.evaluate(axe_source())
            # Colours that are on their way to other colours are not what a reader reads.
            self.page.add_style_tag(
                content="*, ::before, ::after { transition: none !important; animation: none !important }"
            )
            self.page.evaluate(SETTLED)

    def axe(self, only=None, without=()):
        """Return what axe-core finds wrong, as lines of text: all rules, one rule, or all but some.

        The insides of most formulas and most words of code, which are all alike, are taken out of the page first.
        """
        self._load_axe()
        self.page.evaluate(THIN)
        chosen = {"type": "rule", "values": [only]} if only else {"type": "tag", "values": AXE_TAGS}
        rules = {name: {"enabled": False} for name in without}
        return self.page.evaluate(AXE, {"runOnly": chosen, "rules": rules})

    def contrast(self, themes=("light", "dark")):
        """Return the contrasts that axe-core finds too low in these themes, one of each kind. Spoils the page."""
        self._load_axe()
        for name in themes:
            self.theme(name)
            self.page.evaluate(MARK)
        self.page.evaluate(PRUNE)
        found = []
        for name in themes:
            self.theme(name)
            found += [f"{name}: {line}" for line in self.axe(only="color-contrast")]
        return found

    def _note_request(self, request):
        local = ("file:", "data:", "blob:", "http://localhost", "http://127.0.0.1")
        if not request.url.startswith(local):
            self.outside.append(request.url)

    def overflow(self):
        """Return the parts that make the page wider than the window, once what follows its size has done so."""
        for _ in range(20):
            found = self.page.evaluate(WIDE)
            if not found["parts"] and found["page"] <= 1:
                break
            self.page.wait_for_timeout(100)
        return found["parts"] or ([f"{found['page']} pixels"] if found["page"] > 1 else [])

    def raw_tex(self):
        """Return pieces of TeX that a reader would see as such."""
        return self.page.evaluate(RAW_TEX)

    def problems(self):
        """Return every problem as a line of text."""
        return [
            *(f"console: {m}" for m in self.messages),
            *(f"outside request: {url}" for url in self.outside),
            *(f"TeX not set: {tex}" for tex in self.raw_tex()),
            *(f"too wide: {part}" for part in self.overflow()),
        ]

    def close(self):
        """Close the page."""
        (self.context or self.page).close()


def address(page):
    """Turn what the user wrote into a URL."""
    if "://" in page:
        return page
    if Path(page).is_file():
        return Path(page).resolve().as_uri()
    known = sorted(SITE.glob(f"book/{page}*.html"))
    if not known:
        raise SystemExit(f"no page {page} in {SITE}; run make book first")
    return known[0].as_uri()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("page")
    parser.add_argument("out")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--full", action="store_true", help="the whole page, not one window of it")
    parser.add_argument("--at", help="scroll to the element with this id first")
    parser.add_argument("--open", action="store_true", help="open every folded box")
    options = parser.parse_args(arguments)
    with browser() as running:
        visit = Visit(running, address(options.page), options.width, options.dark)
        if options.open:
            visit.open_boxes()
        if options.at:
            visit.page.evaluate("id => document.getElementById(id).scrollIntoView()", options.at)
        visit.page.wait_for_timeout(300)
        problems = visit.problems()
        if options.full:  # the theme scrolls inside the window: make the window as tall as the page
            height = visit.page.evaluate("document.documentElement.scrollHeight")
            visit.page.set_viewport_size({"width": options.width, "height": min(height, 16000)})
            visit.page.wait_for_timeout(300)
        visit.page.screenshot(path=options.out)
    print("\n".join(problems) or "no problem")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
