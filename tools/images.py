"""Stored figures: PNG files without their notes on the writer, and a comparison by eye-like measure."""

import base64
import io
import struct

import numpy as np
from PIL import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Chunks that say who wrote the file, and when.
_NOTES = {b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf"}
# Two drawings of one figure may differ in anti-aliasing from one platform to the next. Averages
# over blocks of this many pixels hide that; a marker that moved by its own size shows.
BLOCK = 4
TOLERANCE = 40  # of 255, for the worst block
SLACK = 2  # pixels by which two sizes may differ: the tight box follows the text's rounding


def strip_notes(data):
    """Return PNG data without its text and time chunks; the pixels are untouched."""
    if not data.startswith(_SIGNATURE):
        raise ValueError("not PNG data")
    kept, at = [_SIGNATURE], len(_SIGNATURE)
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        end = at + 12 + length
        if data[at + 4 : at + 8] not in _NOTES:
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


def strip_notes_base64(text):
    """Do the same to the base64 text in which a notebook stores a PNG."""
    return base64.b64encode(strip_notes(base64.b64decode(text))).decode("ascii")


def _blocks(png, width, height):
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    card = Image.new("RGBA", image.size, (255, 255, 255, 255))
    card.alpha_composite(image)
    pixels = np.asarray(card.convert("RGB"), dtype=float)[:height, :width]
    return pixels.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3).mean(axis=(1, 3))


def size(png):
    """Return (width, height) of PNG data in pixels."""
    return Image.open(io.BytesIO(png)).size


def difference(stored, fresh):
    """Say how two PNG images differ, or return None when a reader would call them the same."""
    if stored == fresh:
        return None
    (w1, h1), (w2, h2) = size(stored), size(fresh)
    if max(abs(w1 - w2), abs(h1 - h2)) > SLACK:
        return f"stored {w1} × {h1} pixels, drawn now {w2} × {h2}"
    width, height = (min(w1, w2) // BLOCK * BLOCK, min(h1, h2) // BLOCK * BLOCK)
    gap = np.abs(_blocks(stored, width, height) - _blocks(fresh, width, height)).max(axis=2)
    worst = gap.max()
    if worst <= TOLERANCE:
        return None
    row, column = np.unravel_index(gap.argmax(), gap.shape)
    return (
        f"{(gap > TOLERANCE).sum()} blocks of {BLOCK} × {BLOCK} pixels differ, the worst by {worst:.0f} "
        f"of 255 at x = {column * BLOCK}, y = {row * BLOCK}"
    )


def pictures(outputs):
    """List the PNG pictures among a cell's outputs."""
    return [
        base64.b64decode(output["data"]["image/png"])
        for output in outputs or ()
        if "image/png" in output.get("data", ())
    ]


def stale_pictures(stored, fresh):
    """Say how the pictures of two lists of outputs differ, or return None."""
    stored, fresh = pictures(stored), pictures(fresh)
    if len(stored) != len(fresh):
        return f"{len(stored)} stored figures, {len(fresh)} drawn now"
    gaps = [difference(*pair) for pair in zip(stored, fresh)]
    return "; ".join(f"figure {i}: {gap}" for i, gap in enumerate(gaps, 1) if gap) or None
