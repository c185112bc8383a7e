"""Interactive figures of the book: one block of HTML with an SVG and a few lines of JavaScript, nothing from outside.

Everything that is shown is computed by the package beforehand; the script only switches between stored states. Without
JavaScript the first state stays, as a figure with its numbers.
"""

from __future__ import annotations

import json
import re
from html import escape

import numpy as np
from IPython.display import HTML
from matplotlib.colors import to_hex, to_rgb
from matplotlib.ticker import MaxNLocator

from gmm.formulas import _checks as check
from gmm.formulas.kmeans import nearest_centre, spherical_responsibilities
from gmm.formulas.responsibilities import responsibility_entropy
from gmm.plot import colour

#: Largest size of a widget, in characters: a page holds several, and each is stored in its notebook.
MAX_SIZE = 40_000
_WIDTH, _HEIGHT = 640, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 50
_STYLE = """#{id}{{max-width:42rem;color:inherit}}
#{id} svg{{width:100%;height:auto;display:block}}
#{id} text{{fill:currentColor;font:14px sans-serif}}
#{id} .axes path,#{id} .cross{{stroke:currentColor;fill:none}}
#{id} .cross{{stroke-width:2.5}}
#{id} label{{display:flex;gap:.75rem;align-items:center}}
#{id} [hidden]{{display:none}}
#{id} input{{flex:1;min-width:8rem;height:2rem;accent-color:#0072b2}}
#{id} output{{display:block;min-height:3.2em;font-variant-numeric:tabular-nums}}
@media(max-width:36rem){{#{id} text{{font-size:22px}}}}"""
_SCRIPT = """(function(root){
if(!root||root.dataset.ready)return;root.dataset.ready="1";
const D=JSON.parse(root.querySelector('script[type="application/json"]').textContent);
const K=D.colours.length,dots=root.querySelectorAll(".dots>*"),rings=root.querySelectorAll(".rings>*");
const input=root.querySelector("input"),out=root.querySelector("output");
function draw(t){const s=D.states[t];
dots.forEach(function(dot,i){let c=[0,0,0],rest=255;
for(let k=0;k<K;k++){let r=rest;
if(k<K-1){const p=2*(i*(K-1)+k);r=parseInt(s.resp.slice(p,p+2),16);rest-=r;}
for(let j=0;j<3;j++)c[j]+=r/255*D.colours[k][j];}
dot.setAttribute("fill","rgb("+c.map(Math.round).join()+")");});
rings.forEach(function(ring){ring.setAttribute("rx",s.rx);ring.setAttribute("ry",s.ry);});
input.value=t;input.setAttribute("aria-valuetext",s.name);out.textContent=s.text;}
input.addEventListener("input",function(){draw(+input.value);});
root.querySelector("label").hidden=false;draw(0);
})"""


def sigma_slider(X, means, weights, variances, *, axis_labels=("x", "y"), name="sigma-slider"):
    """Scatter plot with a slider over the shared variance of spherical components.

    The colour of a sample mixes the components' colours in the proportions of its responsibilities,
    :eq:`eq-spherical-responsibility`; its shape tells the nearest mean, which no variance changes. A dashed ring of one
    standard deviation surrounds each mean.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2)
    means : array_like, shape (n_components, 2)
        Fixed; at most four.
    weights : array_like, shape (n_components,)
        Not negative, summing to one.
    variances : sequence of float
        Stops of the slider, positive, in the order in which it passes them. The first is shown without JavaScript.
    axis_labels : sequence of two str
        Usually ``dataset.labels()``.
    name : str
        The HTML id, unique on the page: a letter, then letters, digits, hyphens.

    Returns
    -------
    IPython.display.HTML
        The same for the same arguments. Responsibilities are stored in steps of 1/255.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, shape or range, or the result were larger than 40 000 characters.

    Notes
    -----
    The slider is an ordinary range input: arrow keys move it, a screen reader announces its label and the variance.
    """
    X = check.data(X)
    if X.shape[1] != 2:
        raise ValueError(f"X must have 2 features to be drawn; got {X.shape[1]}")
    weights, means = check.weights_and_means(weights, means)
    means = check.centres(means, 2, name="means")
    if means.shape[0] > len(_SHAPES):
        raise ValueError(f"means must hold at most {len(_SHAPES)} components to be told apart; got {means.shape[0]}")
    variances = check.real_array(variances, "variances", 1, "(n_stops,)")
    if not (variances > 0).all():
        raise ValueError(f"variances must be positive; got {variances.min()}")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
        raise ValueError(f"name must be a letter followed by letters, digits and hyphens; got {name!r}")
    if len(axis_labels) != 2 or not all(isinstance(label, str) for label in axis_labels):
        raise ValueError(f"axis_labels must be two strings; got {axis_labels!r}")

    frame = _Frame(np.vstack([X, means]))
    states = [_state(X, weights, means, variance, frame) for variance in variances]
    colours = [[round(255 * channel) for channel in to_rgb(colour(k))] for k in range(len(means))]
    content = json.dumps({"colours": colours, "states": states}, separators=(",", ":"), ensure_ascii=False)
    summary = f"Scatter plot of {len(X)} samples, coloured by the responsibilities of {len(means)} spherical components"
    html = "\n".join(
        [
            f'<div id="{name}" class="sigma-slider">',
            f"<style>{_STYLE.format(id=name)}</style>",
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(summary)}">',
            frame.axes(axis_labels),
            _dots(X, means, states[0], colours, frame),
            _rings(means, states[0], frame),
            "</svg>",
            f'<label hidden>variance σ²<input type="range" min="0" max="{len(states) - 1}" step="1" value="0" '
            f'aria-label="Shared variance, from {variances[0]:g} to {variances[-1]:g}" '
            f'aria-valuetext="{escape(states[0]["name"])}"></label>',
            f'<output aria-live="polite">{escape(states[0]["text"])}</output>',
            "<noscript>With JavaScript a slider changes the variance.</noscript>",
            f'<script type="application/json">{content.replace("<", chr(92) + "u003c")}</script>',
            f'<script>{_SCRIPT}(document.getElementById("{name}"));</script>',
            "</div>",
        ]
    )
    if len(html) > MAX_SIZE:
        raise ValueError(f"the widget has {len(html)} characters, more than {MAX_SIZE}: give fewer samples or stops")
    return HTML(html)


class _Frame:
    """Coordinates of the picture: data to pixels of the view box."""

    def __init__(self, points):
        low, high = points.min(axis=0), points.max(axis=0)
        margin = np.where(high > low, 0.06 * (high - low), 1.0)
        self.low, self.high = low - margin, high + margin
        size = np.array([_WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM])
        self.scale = size / (self.high - self.low)

    def place(self, point):
        right, up = (point - self.low) * self.scale
        return f"{_LEFT + right:.1f}", f"{_HEIGHT - _BOTTOM - up:.1f}"

    def axes(self, axis_labels):
        floor = _HEIGHT - _BOTTOM
        parts = [f'<g class="axes"><path d="M{_LEFT} {_TOP}V{floor}H{_WIDTH - _RIGHT}"/>']
        for axis in (0, 1):
            for value in MaxNLocator(5).tick_values(self.low[axis], self.high[axis]):
                if self.low[axis] <= value <= self.high[axis]:
                    x, y = self.place(np.where(np.arange(2) == axis, value, self.low))
                    where = f'x="{x}" y="{floor + 20}" text-anchor="middle"'
                    if axis == 1:
                        where = f'x="{_LEFT - 6}" y="{y}" dy=".35em" text-anchor="end"'
                    parts.append(f"<text {where}>{value:g}</text>")
        middle, height = (_LEFT + _WIDTH) // 2, floor // 2
        parts.append(f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(axis_labels[0])}</text>')
        turn = f'transform="rotate(-90 16 {height})"'
        parts.append(f'<text x="16" y="{height}" text-anchor="middle" {turn}>{escape(axis_labels[1])}</text></g>')
        return "".join(parts)


def _state(X, weights, means, variance, frame):
    """Everything that one stop of the slider shows."""
    resp = spherical_responsibilities(X, weights, means, variance)
    # Steps of 1/255, cumulatively, so that the steps of a row sum to 255 exactly.
    levels = np.diff(np.rint(255 * np.cumsum(resp, axis=1)).astype(int), axis=1, prepend=0)
    undecided = int((resp.max(axis=1) < 0.99).sum())
    mean_entropy = responsibility_entropy(resp).mean()
    name = f"σ² = {variance:.4g}"
    counts = ", ".join(f"{count:.1f}" for count in resp.sum(axis=0))
    radius = np.sqrt(variance) * frame.scale
    return {
        "name": name,
        "resp": "".join(f"{level:02x}" for level in levels[:, :-1].ravel()),
        "rx": f"{radius[0]:.1f}",
        "ry": f"{radius[1]:.1f}",
        "text": f"{name}: {undecided} of {len(X)} samples have no responsibility of 0.99 or more; "
        f"mean entropy {mean_entropy:.3f} nats; effective counts {counts}",
    }


_SHAPES = (
    '<circle cx="{x}" cy="{y}" r="4"',
    '<path d="M{x} {y}m-4.5 3.8h9l-4.5-8z"',
    '<path d="M{x} {y}m-3.6-3.6h7.2v7.2h-7.2z"',
    '<path d="M{x} {y}m0-5l5 5l-5 5l-5-5z"',
)


def _dots(X, means, state, colours, frame):
    parts = ['<g class="dots">']
    n_free = len(means) - 1
    levels = np.array([int(state["resp"][p : p + 2], 16) for p in range(0, len(state["resp"]), 2)], dtype=float)
    levels = levels.reshape(len(X), n_free)
    shares = np.column_stack([levels, 255 - levels.sum(axis=1)]) / 255
    for sample, share, k in zip(X, shares, nearest_centre(X, means), strict=True):
        x, y = frame.place(sample)
        fill = to_hex(np.clip(share @ np.array(colours) / 255, 0.0, 1.0))
        parts.append(f'{_SHAPES[k].format(x=x, y=y)} fill="{fill}"/>')
    return "".join([*parts, "</g>"])


def _rings(means, state, frame):
    """Draw a ring of one standard deviation around each mean, and a cross on it."""
    rings, crosses = [], []
    for k, mean in enumerate(means):
        x, y = frame.place(mean)
        rings.append(
            f'<ellipse cx="{x}" cy="{y}" rx="{state["rx"]}" ry="{state["ry"]}" fill="none" '
            f'stroke="{colour(k)}" stroke-width="2" stroke-dasharray="6 4"/>'
        )
        crosses.append(f'<path class="cross" d="M{x} {y}m-6-6l12 12m-12 0l12-12"/>')
    return f'<g class="rings">{"".join(rings)}</g>{"".join(crosses)}'
