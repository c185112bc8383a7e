"""One variance shared by all components, on a slider."""

from __future__ import annotations

import numpy as np

from gmm.formulas import _checks as check
from gmm.formulas.kmeans import nearest_centre, spherical_responsibilities
from gmm.formulas.responsibilities import responsibility_entropy
from gmm.plot import colour
from gmm.widgets import _page
from gmm.widgets._picture import Frame, cross, px

_SHAPES = (
    "M{x} {y}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0",
    "M{x} {y}m-4.5 3.8h9l-4.5-8z",
    "M{x} {y}m-3.6-3.6h7.2v7.2h-7.2z",
    "M{x} {y}m0-5l5 5l-5 5l-5-5z",
    "M{x} {y}m-4.5-3.8h9l-4.5 8z",
    "M{x} {y}m-1.6-4.6h3.2v3h3v3.2h-3v3h-3.2v-3h-3v-3.2h3z",
)


@_page.widget
def sigma_slider(X, means, weights, variances, *, axis_labels=("x", "y"), name="sigma-slider"):
    """Scatter plot with a slider over the shared variance of spherical components.

    The colour of a sample mixes the components' colours in the proportions of its responsibilities,
    :eq:`eq-spherical-responsibility`; its shape tells the nearest mean, which no variance changes. A dashed circle of
    one standard deviation surrounds each mean. One unit is as long on both axes: a spherical component is a circle only
    where the features share a unit. Colours are stored in steps of 1/63.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2)
    means : array_like, shape (n_components, 2)
        Fixed; at most six.
    weights : array_like, shape (n_components,)
        Not negative, summing to one.
    variances : sequence of float
        Stops of the slider, positive, in the order in which it passes them. The first is shown without JavaScript.
    axis_labels : sequence of two str
        Usually ``dataset.labels()``.
    {common}
    """
    X = check.data(X)
    if X.shape[1] != 2:
        raise ValueError(f"X must have 2 features to be drawn; got {X.shape[1]}")
    weights, means = check.weights_and_means(weights, means)
    means = check.centres(means, 2, name="means")
    _page.check_n_components(len(means))
    variances = check.real_array(variances, "variances", 1, "(n_stops,)")
    if not (variances > 0).all():
        raise ValueError(f"variances must be positive; got {variances.min()}")
    _page.check_name(name)
    axis_labels = _page.check_labels(axis_labels, 2)

    frame = Frame.around(np.vstack([X, means]), width=440, height=340, equal=True)
    resps = [spherical_responsibilities(X, weights, means, variance) for variance in variances]
    titles = [f"σ² = {variance:.4g}" for variance in variances]
    texts = [f"{title}: {_numbers(resp)}" for title, resp in zip(titles, resps, strict=True)]
    radii = [round(float(np.sqrt(variance) * frame.scale[0]), 1) for variance in variances]
    summary = f"Scatter plot of {len(X)} samples, coloured by the responsibilities of {len(means)} spherical components"
    marks = _marks(frame.place(X), nearest_centre(X, means), _page.mixed(resps[0]))
    parts = [frame.axes(axis_labels), marks, frame.clip([_rings(frame.place(means), radii[0])])]
    return _page.page(
        kind="sigma",
        name=name,
        summary=summary,
        body=f'<div class="gw-one">{frame.svg(parts, summary)}{_page.CONTROLS}</div><output>{texts[0]}</output>',
        controls=_page.slider(
            f"variance σ², shared, from {variances[0]:g} to {variances[-1]:g}",
            len(variances),
            0,
            titles[0],
            label="variance σ²",
        ),
        data={
            "K": len(means),
            "resp": [_page.encode_resp(resp) for resp in resps],
            "radii": radii,
            "names": titles,
            "texts": texts,
        },
        hint="With JavaScript, a slider changes the variance.",
    )


def _numbers(resp):
    """Everything that one stop of the slider says."""
    undecided = int((resp.max(axis=1) < 0.99).sum())
    counts = ", ".join(f"{count:.1f}" for count in resp.sum(axis=0))
    return (
        f"{undecided} of {len(resp)} samples have no responsibility of 0.99 or more; "
        f"mean entropy {responsibility_entropy(resp).mean():.3f} nats; effective counts {counts}"
    )


def _marks(pixels, shapes, colours):
    parts = [
        f'<path d="{_SHAPES[k].format(x=px(x), y=px(y))}" fill="{paint}"/>'
        for (x, y), k, paint in zip(pixels, shapes, colours, strict=True)
    ]
    return f'<g class="gw-dots gw-shapes">{"".join(parts)}</g>'


def _rings(pixels, radius):
    """Draw a ring of one standard deviation around each mean, and a cross on it."""
    rings = "".join(
        f'<circle cx="{px(x)}" cy="{px(y)}" r="{radius}" fill="none" stroke="{colour(k)}" stroke-width="2" '
        'stroke-dasharray="6 4"/>'
        for k, (x, y) in enumerate(pixels)
    )
    crosses = "".join(f'<path class="gw-mark" d="{cross(x, y)}"/>' for x, y in pixels)
    return f'<g class="gw-rings">{rings}</g>{crosses}'
