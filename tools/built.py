"""Where the built book lies."""

from pathlib import Path

SITE = Path(__file__).resolve().parent.parent / "_build" / "html"


def require(site):
    """Stop with a word of advice where no book was built."""
    if not (site / "index.html").exists():
        raise SystemExit(f"there is no built book in {site}; run make book first")
