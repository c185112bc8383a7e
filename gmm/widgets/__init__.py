"""Interactive figures: one block of HTML each, with an SVG and a small script, nothing from outside.

*Live* figures compute in the page: they call the book's own kernels, which Numba has compiled to WebAssembly, with
whatever the reader makes of them. One, :func:`likelihood_surface`, still computes here all that it can show and stores
it in the output. An output works in the book, in JupyterLab and in Colab. Without JavaScript, and on paper, the first
state stays.

Whatever can be dragged can be moved with the arrow keys too. The same arguments give the same output, byte for byte.
"""

from gmm.widgets._live import live
from gmm.widgets._page import MAX_SIZE
from gmm.widgets.border import border_band
from gmm.widgets.bound import elbo_curve
from gmm.widgets.concentration import vb_concentration
from gmm.widgets.ellipse import ellipse_explorer
from gmm.widgets.line import responsibility_line
from gmm.widgets.modes import two_modes
from gmm.widgets.paint import paint_shares
from gmm.widgets.plane import em_plane
from gmm.widgets.slider import sigma_slider
from gmm.widgets.structure import covariance_structures
from gmm.widgets.surface import likelihood_surface

__all__ = [
    "MAX_SIZE",
    "border_band",
    "covariance_structures",
    "elbo_curve",
    "ellipse_explorer",
    "em_plane",
    "likelihood_surface",
    "live",
    "paint_shares",
    "responsibility_line",
    "sigma_slider",
    "two_modes",
    "vb_concentration",
]
