"""Interactive figures: one block of HTML each, with an SVG and a small script, nothing from outside.

There are two families. *Live* figures (:func:`em_plane`, :func:`playground` and whatever :func:`live` makes)
compute in the page: they call the book's own kernels, which Numba has compiled to WebAssembly, with whatever the reader
makes of them. The others compute here all that they can show and store it in the output; their script only switches
between stored states. An output works in the book, in JupyterLab and in Colab. Without JavaScript, and on paper, the
first state stays.

Every control is an ordinary button or slider. With the focus anywhere in a figure that has steps, the left and right
arrow keys go back and on. The same arguments give the same output, byte for byte.
"""

from gmm.widgets._live import live
from gmm.widgets._page import MAX_SIZE
from gmm.widgets.bound import elbo_curve
from gmm.widgets.concentration import vb_concentration
from gmm.widgets.criteria import criteria_explorer
from gmm.widgets.ellipse import ellipse_explorer
from gmm.widgets.landing import em_landing
from gmm.widgets.line import responsibility_line
from gmm.widgets.plane import em_plane
from gmm.widgets.playground import playground
from gmm.widgets.rates import em_rates
from gmm.widgets.slider import sigma_slider
from gmm.widgets.spike import spike
from gmm.widgets.stepper import em_stepper
from gmm.widgets.surface import likelihood_surface

__all__ = [
    "MAX_SIZE",
    "criteria_explorer",
    "elbo_curve",
    "ellipse_explorer",
    "em_landing",
    "em_plane",
    "em_rates",
    "em_stepper",
    "likelihood_surface",
    "live",
    "playground",
    "responsibility_line",
    "sigma_slider",
    "spike",
    "vb_concentration",
]
