"""A threshold over log-densities, and the false alarms it gives; computed in the page."""

from __future__ import annotations

import numpy as np

from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.formulas.anomalies import conformal_threshold
from gmm.formulas.gaussian import gaussian_log_density, sample_covariance, sample_mean
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame

MOST_DRAWS = 200


@_page.widget
def alarm_threshold(
    n_features: ArrayLike = (2, 10, 20),
    *,
    n_samples: int = 99,
    n_fresh: int = 1000,
    n_odd: int = 500,
    shift: float = 4.0,
    percent: int = 5,
    name: str = "alarm-threshold",
) -> Widget:
    """A threshold over log-densities, by samples that the fit has seen and by others, and what both flag, draw by draw.

    The page draws samples, fits one Gaussian to the first `n_samples`, :eq:`eq-gaussian-mle-covariance`, and sets two
    thresholds by the same rule, :eq:`eq-anomaly-threshold`: among the log-densities of these, and among those of as
    many others. Fresh samples count false alarms, shifted ones detections. Each new draw repeats all of it; the
    averages of both rates are drawn beside.

    Parameters
    ----------
    n_features : sequence of int
        Up to six numbers of features to choose from; the second comes first, if there are two.
    n_samples : int
        Of the fit, and of the calibration. More than all of `n_features`; 99 makes every per cent exact.
    n_fresh : int
        Usual samples that count false alarms.
    n_odd : int
        Odd samples, which should be flagged.
    shift : float
        Of the odd samples, in the first feature.
    percent : int
        The promise to begin with, in per cent.
    {common}
    """
    if not np.iterable(n_features) or not 1 <= len(n_features) <= _page.MAX_COMPONENTS:
        raise ValueError(f"n_features must be one to {_page.MAX_COMPONENTS} integers; got {n_features!r}")
    dims = [check.count(d, "n_features") for d in n_features]
    n_samples = check.count(n_samples, "n_samples", minimum=max(dims) + 1)
    n_fresh, n_odd = check.count(n_fresh, "n_fresh"), check.count(n_odd, "n_odd")
    shift = check.number(shift, "shift")
    percent = check.count(percent, "percent")
    if percent > 30:
        raise ValueError(f"percent must be 30 or less; got {percent}")
    d = dims[min(1, len(dims) - 1)]
    rng = np.random.default_rng(17)
    seen, unseen, fresh = (rng.normal(size=(n, d)) for n in (n_samples, n_samples, n_fresh))
    fit = sample_mean(seen), sample_covariance(seen)
    scores = gaussian_log_density(fresh, *fit)
    frame = Frame((np.quantile(scores, 0.002), 0.0), (scores.max(), 1.0), width=640, height=420)
    counts, edges = np.histogram(scores, bins=40, range=(frame.low[0], frame.high[0]))
    outline = np.column_stack([np.repeat(edges, 2), np.concatenate([[0], np.repeat(counts / counts.max(), 2), [0]])])
    parts = [frame.axes(("log-density by the fit", "share of the samples"), ticks=(5, 0))]
    parts.append(f'<path class="gw-dots" d="{frame.path(outline)}"/>')
    for k, samples in ((1, seen), (0, unseen)):
        mark = max(conformal_threshold(gaussian_log_density(samples, *fit), percent / 100), frame.low[0])
        parts.append(f'<path class="k{k}" d="{frame.path([[mark, 0.0], [mark, 1.0]])}"/>')
    summary = f"Log-densities of fresh samples and two thresholds that promise {percent} % false alarms"
    return live(
        "alarm-threshold",
        {
            "dims": dims,
            "d": d,
            "n": n_samples,
            "fresh": n_fresh,
            "odd": n_odd,
            "shift": shift,
            "alpha": percent,
            "most": MOST_DRAWS,
        },
        picture=frame.svg(parts, f"Histogram: {summary}; that of the fit's own samples lies higher and flags more"),
        summary=summary,
        suggest="drag the threshold and read both counts, then set it by seen and by unseen samples. Take new samples, "
        "many times; change features, promise and distribution.",
        notice="the rate by unseen samples varies from draw to draw and holds on average, whatever the distribution; "
        "that of seen ones is too high, the more so the more features there are.",
        name=name,
    )
