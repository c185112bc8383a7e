"""An outlier to drag, and three fits that answer; computed in the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gmm._types import ArrayLike
from gmm.formulas import _checks as check
from gmm.formulas.em import m_step
from gmm.formulas.starts import one_hot
from gmm.widgets import _page
from gmm.widgets._live import live
from gmm.widgets._page import Widget
from gmm.widgets._picture import Frame, dots, ellipse_path

#: Of further samples from the outlier, in standard deviations of the first group: a small cluster.
OFFSETS = ((0, 0), (0.3, 0.2), (-0.3, 0.25), (0.1, -0.35), (-0.25, -0.2), (0.35, -0.15), (0.0, 0.4), (-0.4, 0.0))


@_page.widget
def outlier_fits(
    X: ArrayLike,
    groups: ArrayLike,
    outlier: ArrayLike,
    *,
    dofs: ArrayLike = (3, 10, 0),
    limits: ArrayLike | None = None,
    axis_labels: Sequence[str] | None = None,
    name: str = "outlier-fits",
) -> Widget:
    """Drag an outlier over the plane while three mixtures are fitted: Gaussian, Gaussian with noise, Student's t.

    Each place of the outlier starts all three at the given groups and runs EM: :eq:`eq-m-step`, the same with noise,
    :eq:`eq-noise-responsibility`, and :eq:`eq-student-m-step`. Shown are the ellipses of radius two (of t: of the scale
    matrix), as how much of a sample the outlier counts in the M-step (1, one minus its probability of noise, and
    :math:`\\sum_k r_k u_k`), and how far means and areas are from those of the same fit without it. No
    regularisation: a component that collapses is named, and its last step with a covariance is shown.

    Parameters
    ----------
    X : array_like, shape (n_samples, 2)
        In the same unit on both axes.
    groups : array_like of int, shape (n_samples,)
        The group of each sample, from 0: where the fits begin.
    outlier : array_like, shape (2,)
        Its first place.
    dofs : sequence of float
        Degrees of freedom of t to choose from; 0 stands for one shared number, learned by :eq:`eq-student-dof`.
    limits : array_like, shape (2, 2), optional
        (low, high) of both axes: as far as the outlier can go.
    axis_labels : sequence of str, optional
        One for each feature.
    {common}
    """
    X = check.data(X)
    if X.shape[1] != 2:
        raise ValueError(f"X must have 2 features to be drawn; got {X.shape[1]}")
    n_components = int(np.max(groups)) + 1 if np.size(groups) else 1
    groups = check.labels(groups, n_components, len(X))
    outlier = check.real_array(outlier, "outlier", 1, "(2,)")
    if outlier.shape != (2,):
        raise ValueError(f"outlier must be two numbers; got shape {outlier.shape}")
    dofs = [check.number(dof, "dofs", minimum=0.0) for dof in dofs]
    if not 1 <= len(dofs) <= _page.MAX_COMPONENTS:
        raise ValueError(f"dofs must be one to {_page.MAX_COMPONENTS} numbers; got {len(dofs)}")
    axis_labels = _page.check_labels(axis_labels or ("x₁", "x₂"), 2)
    _, means, covariances = m_step(X, one_hot(groups, n_components))
    for k, covariance in enumerate(covariances):
        check.covariance_matrix(covariance, name=f"the covariance of group {k}")
    if limits is None:
        room = 1.5 * np.ptp(X, axis=0).max()
        limits = [(middle - room / 2, middle + room / 2) for middle in (X.min(axis=0) + X.max(axis=0)) / 2]
    low, high = np.transpose([_page.check_limits(pair, 0.0, 1.0) for pair in limits])
    frame = Frame(low, high, width=640, height=390, equal=True)
    rings = [frame.ring(mean, covariance) for mean, covariance in zip(means, covariances, strict=True)]
    parts = [frame.axes(axis_labels), dots(frame.place(X))]
    parts += [f'<path class="k0" d="{ellipse_path(ring, 2)}"/>' for ring in rings]
    parts.append(dots(frame.place([outlier]), css="gw-points"))
    summary = f"{n_components} groups, an outlier to drag, and three fits"
    return live(
        "outlier-fits",
        {
            "X": X,
            "groups": groups,
            "K": n_components,
            "outlier": outlier,
            "offsets": np.array(OFFSETS) * np.sqrt(covariances[0][0, 0]),
            "dofs": dofs,
            "axis_labels": axis_labels,
            "digits": _page.digits_for(X),
            "x": [low[0], high[0]],
            "y": [low[1], high[1]],
        },
        picture=frame.svg(parts, f"Scatter plot: {len(X)} samples in {summary}"),
        summary=summary,
        suggest="drag the outlier out of a group, slowly, as far as it goes; then between the groups; then with more "
        "samples there.",
        notice="the Gaussian ellipse follows it all the way, noise lets go of it within a short distance, and t little "
        "by little; eight samples at one place pull all but the noise.",
        name=name,
    )
