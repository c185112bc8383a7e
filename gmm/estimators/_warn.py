"""Warnings that point at the user's call."""

from __future__ import annotations

import sys
import warnings

# Modules between the user's line and the place where a warning arises: ours, and the decorator around fit.
INSIDE = ("gmm.estimators", "sklearn.base")


def warn(message, category):
    """Warn as if from the first line outside the estimators, however deep the place that found the reason."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
