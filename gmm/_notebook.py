"""Whether a notebook shows what happens here."""

import sys


def in_notebook():
    """Whether a Jupyter kernel runs this code."""
    ipython = sys.modules.get("IPython")
    return getattr(ipython.get_ipython() if ipython else None, "kernel", None) is not None
