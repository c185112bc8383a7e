"""Pictures of the widgets: from data to the pixels of an SVG."""

from __future__ import annotations

from html import escape

import numpy as np
from matplotlib.ticker import MaxNLocator

from gmm.formulas.gaussian import principal_axes


def px(value) -> str:
    """Write a pixel coordinate with one digit, and none where it is zero; a half up, whatever its last bits are."""
    return f"{value + 1e-6:z.1f}".removesuffix(".0")


def _tick(value) -> str:
    return f"{value:g}".replace("-", "−")


class Frame:
    """A plot: its limits in the data, its place in the view box, its axes.

    Parameters
    ----------
    low, high : sequence of two floats
        Limits of both axes.
    width, height : int
        Size of the view box.
    left, right, top, bottom : int
        Margins around the plot; without `left`, as much as the numbers of the upright axis need.
    equal : bool
        One unit is as long on both axes: the limits of one are widened.
    """

    def __init__(self, low, high, *, width=400, height=330, left=None, right=8, top=8, bottom=40, equal=False):
        self.low, self.high = np.array(low, dtype=float), np.array(high, dtype=float)
        if left is None:
            left = 30 + 7 * max(len(_tick(value)) for value in self._ticks(1, 5))
        self.width, self.height = width, height
        self.left, self.right, self.top, self.bottom = left, width - right, top, height - bottom
        size = np.array([self.right - self.left, self.bottom - self.top])
        if equal:
            scale = (size / (self.high - self.low)).min()
            spare = size / scale - (self.high - self.low)
            self.low, self.high = self.low - spare / 2, self.high + spare / 2
        self.scale = size / (self.high - self.low)

    @classmethod
    def around(cls, points, **options):
        """Frame around points, with a margin of six per cent."""
        low, high = points.min(axis=0), points.max(axis=0)
        margin = np.where(high > low, 0.06 * (high - low), 1.0)
        return cls(low - margin, high + margin, **options)

    def place(self, points):
        """Pixel coordinates of points, shape (n, 2)."""
        right, up = ((np.asarray(points, dtype=float) - self.low) * self.scale).T
        return np.column_stack([self.left + right, self.bottom - up])

    def path(self, points) -> str:
        """Path through points, shape (n, 2), of the data."""
        return polyline(self.place(points))

    def ring(self, mean, covariance) -> list[float]:
        """Centre, half-axes and angle in degrees, in pixels, of the one-sigma ellipse of a Gaussian."""
        stretch = self.scale * [1.0, -1.0]  # pixels count downwards
        lengths, axes = principal_axes(np.asarray(covariance) * np.outer(stretch, stretch))
        # A circle has no axes: rounding would choose them.
        angle = 0.0 if np.isclose(*lengths, rtol=1e-9) else np.degrees(np.arctan2(axes[0, 1], axes[0, 0]))
        angle = (angle + 90.0) % 180.0 - 90.0  # an axis has no sign
        return [round(float(value), 1) for value in (*self.place([mean])[0], *lengths, angle)]

    def _ticks(self, axis, wanted, whole=False):
        if not wanted:
            return []
        values = MaxNLocator(wanted, integer=whole).tick_values(self.low[axis], self.high[axis])
        return [value for value in values if self.low[axis] <= value <= self.high[axis]]

    def axes(self, labels, *, ticks=(5, 5), whole=False, drop=0) -> str:
        """Axes with ticks; `ticks` is the number wanted on each, `drop` a space below the horizontal one."""
        parts = [f'<g class="gw-axes"><path d="M{self.left} {self.top}V{self.bottom}H{self.right}"/>']
        for value in self._ticks(0, ticks[0], whole):
            x = self.place([[value, self.low[1]]])[0, 0]
            parts.append(f'<text x="{px(x)}" y="{self.bottom + drop + 15}" text-anchor="middle">{_tick(value)}</text>')
        for value in self._ticks(1, ticks[1]):
            y = self.place([[self.low[0], value]])[0, 1]
            parts.append(f'<text x="{self.left - 5}" y="{px(y)}" dy=".35em" text-anchor="end">{_tick(value)}</text>')
        middle, height = (self.left + self.right) // 2, (self.top + self.bottom) // 2
        parts.append(f'<text x="{middle}" y="{self.height - 5}" text-anchor="middle">{escape(labels[0])}</text>')
        turn = f'transform="rotate(-90 12 {height})"'
        parts.append(f'<text x="12" y="{height}" text-anchor="middle" {turn}>{escape(labels[1])}</text>')
        return "".join([*parts, "</g>"])

    def clip(self, parts) -> str:
        """Cut off what leaves the plot. (An inner SVG clips, and needs no id that must be unique on the page.)"""
        box = (self.left, self.top, self.right - self.left, self.bottom - self.top)
        place = 'x="{}" y="{}" width="{}" height="{}"'.format(*box)
        return f'<svg {place} viewBox="{" ".join(map(str, box))}">{"".join(parts)}</svg>'

    def svg(self, parts, label) -> str:
        """Wrap the parts of a picture; `label` is its alternative text."""
        return (
            f'<svg class="gw-svg" viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(label)}">'
            f"{''.join(parts)}</svg>"
        )


def polyline(pixels) -> str:
    """Path through pixel coordinates. The script draws the same."""
    return "M" + "L".join(f"{px(x)} {px(y)}" for x, y in pixels)


def ellipse_path(ring, radius) -> str:
    """Path of an ellipse around what `Frame.ring` returned. The script draws the same."""
    cx, cy, rx, ry, angle = ring
    turn = np.radians(angle)
    dx, dy = radius * rx * np.cos(turn), radius * rx * np.sin(turn)
    # Radii that are too short for the way are lengthened until they fit; rounded ones would be a little too long or too
    # short, and move the arc.
    arc = f"A1 {ry / rx:.4f} {px(angle)} 1 0 "
    ends = [f"{px(cx + sign * dx)} {px(cy + sign * dy)}" for sign in (1, -1)]
    return f"M{ends[0]}{arc}{ends[1]}{arc}{ends[0]}Z"


def dots(pixels, colours=None, css="gw-dots") -> str:
    """Draw one round dot for each row of pixel coordinates."""
    colours = [None] * len(pixels) if colours is None else colours
    parts = [
        f'<path d="M{px(x)} {px(y)}h0"{f" stroke={chr(34)}{paint}{chr(34)}" if paint else ""}/>'
        for (x, y), paint in zip(pixels, colours, strict=True)
    ]
    return f'<g class="{css}">{"".join(parts)}</g>'


def cross(x, y) -> str:
    """Path of a small cross. The script draws the same."""
    return f"M{px(x - 5)} {px(y - 5)}l10 10m-10 0l10-10"
