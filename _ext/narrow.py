"""Figures for a phone: panels that stand side by side are put one below the other.

Beside each other two panels leave their letters half as large as the text on a screen of 390 pixels. Where a picture
has empty columns from top to bottom, so that it falls into parts of about one width, the page holds a second one, with
the parts stacked, for narrow screens.
"""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

WIDEST = 600  # pixels of a window for which the stacked picture is meant
LEAST = 560  # dots: narrower pictures are large enough as they are
GUTTER = 8  # dots of an empty column between two panels
BARE = 14  # dots left of the axis, at most, of a panel without numbers: ticks and half a letter of the axis below
EVEN = 1.5  # the widest part may be so many times as wide as the narrowest
TALLEST = 5.9  # times as high as wide; what would be higher stays as it is
PICTURE = re.compile(r'(<img\b[^>]*?\bsrc="([^"]+)"[^>]*>)')


def _empty_columns(image):
    """Return whether each column of a picture shows nothing but the background, which is clear or one colour."""
    pixels = np.asarray(image.convert("RGBA"))
    clear = pixels[..., 3] == 0
    return (clear | (pixels == pixels[0, 0]).all(axis=2)).all(axis=0)


def _runs(marks):
    edges = np.flatnonzero(np.diff(np.concatenate(([0], marks.astype(int), [0]))))
    return list(zip(edges[::2], edges[1::2], strict=True))


def cuts(empty):
    """Return the columns at which a picture falls into two, three or four panels; none if it does not.

    Parameters
    ----------
    empty : ndarray of bool
        Which columns are empty.
    """
    width = len(empty)
    inner = [(low, high) for low, high in _runs(empty) if low > 0 and high < width and high - low >= GUTTER]
    for n_parts in (2, 3, 4):
        found = []
        for part in range(1, n_parts):
            near = [run for run in inner if abs(sum(run) / 2 - part * width / n_parts) < 0.12 * width]
            if near:
                found.append(near[0])  # the ones behind it stand between a label and its axis
        ends = [0, *(sum(run) // 2 for run in found), width]
        parts = np.diff(ends)
        if len(found) == n_parts - 1 and parts.min() > 0 and parts.max() <= EVEN * parts.min():
            return ends[1:-1]
    return []


def _trimmed(part, height=None):
    left, top, right, bottom = part.getbbox() or (0, 0, *part.size)
    return part.crop((left, 0, right, height) if height else (left, top, right, bottom))


def _axis(part):
    """Return the column of a panel's upright axis: the first that is drawn over half of the panel's height or more."""
    drawn = (np.asarray(part)[..., 3] > 0).sum(axis=0)
    tall = drawn >= 0.5 * part.height
    return int(np.argmax(tall)) if tall.any() else part.width


def _with_numbers(parts):
    """Return the panels; those that share the first one's upright axis get its numbers and its label too."""
    parts = [_trimmed(part, part.height) for part in parts]
    strip = _axis(parts[0])
    for part in parts:
        at = _axis(part)
        if at <= BARE < strip // 2 < part.width // 2:
            whole = Image.new("RGBA", (strip - at + part.width, part.height), (0, 0, 0, 0))
            whole.paste(parts[0].crop((0, 0, strip - at, part.height)), (0, 0))
            whole.paste(part, (strip - at, 0))
            part = whole
        yield _trimmed(part)


def stacked(image):
    """Return the picture with its panels one below the other, or None where it has but one."""
    if image.width < LEAST or image.width < 1.2 * image.height:
        return None
    image = image.convert("RGBA")
    at = cuts(_empty_columns(image))
    if not at:
        return None
    ends = [0, *map(int, at), image.width]
    parts = list(_with_numbers([image.crop((low, 0, high, image.height)) for low, high in pairwise(ends)]))
    gap = GUTTER
    width = max(p.width for p in parts) + 2 * gap  # letters do not touch the edge of the screen
    whole = Image.new("RGBA", (width, sum(p.height + gap for p in parts) - gap), (0, 0, 0, 0))
    top = 0
    for part in parts:
        whole.paste(part, (width - gap - part.width, top))  # axes end on the right
        top += part.height + gap
    return whole if whole.height <= TALLEST * whole.width else None


def name_of(name):
    """Return the name of the stacked picture."""
    path = Path(name)
    return path.with_name(f"{path.stem}-narrow{path.suffix}").as_posix()


def with_narrow(html, stacked_of):
    """Offer the stacked picture to narrow screens; `stacked_of` returns its size by the address of the wide one."""

    def repair(match):
        size = stacked_of(match[2])
        if size is None:
            return match[0]
        source = f'<source media="(max-width: {WIDEST}px)" srcset="{name_of(match[2])}"'
        return f'<picture>{source} width="{size[0]}" height="{size[1]}">{match[1]}</picture>'

    return PICTURE.sub(repair, html)
