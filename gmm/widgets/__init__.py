"""Interactive figures: one block of HTML each, with an SVG and a small script, nothing from outside.

Each function computes all that its figure can show and stores it in the output; the script in the page only switches
between stored states. (The one exception is :func:`ellipse_explorer`, whose script computes the ellipse of a 2 × 2
covariance in closed form.) An output works by itself in the book, in JupyterLab and in Colab. Without JavaScript, and
on paper, the first state stays: a figure with its numbers.

Every control is an ordinary button or slider. With the focus anywhere in a figure that has steps, the left and right
arrow keys go back and on. The same arguments give the same output, byte for byte.
"""

from gmm.widgets._live import live
from gmm.widgets._page import MAX_SIZE
from gmm.widgets.bound import elbo_curve
from gmm.widgets.ellipse import ellipse_explorer
from gmm.widgets.line import responsibility_line
from gmm.widgets.plane import em_plane
from gmm.widgets.slider import sigma_slider
from gmm.widgets.stepper import em_stepper
from gmm.widgets.surface import likelihood_surface

__all__ = [
    "MAX_SIZE",
    "elbo_curve",
    "ellipse_explorer",
    "em_plane",
    "em_stepper",
    "likelihood_surface",
    "live",
    "responsibility_line",
    "sigma_slider",
]
