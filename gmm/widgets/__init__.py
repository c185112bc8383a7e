"""Interactive figures: one block of HTML each, with an SVG and a small script, nothing from outside.

Live figures compute in the page: they call the book's own kernels, which Numba has compiled to WebAssembly, with
whatever the reader makes of them. An output works in the book, in JupyterLab and in Colab. Without JavaScript, and on
paper, the picture of its beginning stays.

Whatever can be dragged can be moved with the arrow keys too. The same arguments give the same output, byte for byte.
"""

from __future__ import annotations

from gmm.widgets._live import live
from gmm.widgets.alarms import alarm_threshold
from gmm.widgets.border import border_band
from gmm.widgets.bound import elbo_curve
from gmm.widgets.cells import missing_cells
from gmm.widgets.concentration import vb_concentration
from gmm.widgets.criteria import criteria_explorer
from gmm.widgets.ellipse import ellipse_explorer
from gmm.widgets.landing import em_landing
from gmm.widgets.line import responsibility_line
from gmm.widgets.modes import two_modes
from gmm.widgets.outlier import outlier_fits
from gmm.widgets.paint import paint_shares
from gmm.widgets.plane import em_plane
from gmm.widgets.playground import playground
from gmm.widgets.rates import em_rates
from gmm.widgets.slice import mixture_slice
from gmm.widgets.slider import sigma_slider
from gmm.widgets.spike import spike
from gmm.widgets.structure import covariance_structures
from gmm.widgets.surface import likelihood_surface

__all__ = [
    "alarm_threshold",
    "border_band",
    "covariance_structures",
    "criteria_explorer",
    "elbo_curve",
    "ellipse_explorer",
    "em_landing",
    "em_plane",
    "em_rates",
    "likelihood_surface",
    "live",
    "missing_cells",
    "mixture_slice",
    "outlier_fits",
    "paint_shares",
    "playground",
    "responsibility_line",
    "sigma_slider",
    "spike",
    "two_modes",
    "vb_concentration",
]
