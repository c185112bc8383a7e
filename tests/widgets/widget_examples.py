"""One small widget of each kind, with the arguments it was made from."""

from __future__ import annotations

import numpy as np

from gmm import widgets

RNG = np.random.default_rng(20)
PLANE = np.vstack([RNG.normal([0, 0], [1, 2], (40, 2)), RNG.normal([4, 6], [1, 1], (30, 2))])
LINE = np.concatenate([RNG.normal(0, 1, 40), RNG.normal(5, 0.7, 30)])[:, None]
START_2 = (np.array([0.5, 0.5]), np.array([[1.0, 0.0], [2.0, 5.0]]), np.array([np.eye(2), 2 * np.eye(2)]))
START_1 = (np.array([0.4, 0.6]), np.array([[1.0], [2.0]]), np.array([[[1.0]], [[2.0]]]))
THREE = (np.array([0.2, 0.5, 0.3]), np.array([[0.0], [3.0], [4.0]]), np.array([[[1.0]], [[0.25]], [[9.0]]]))
WIDTHS = np.array([[[1.0]], [[0.8]]])

EXAMPLES = {
    "stepper": lambda **more: widgets.em_stepper(PLANE, *START_2, **{"n_iter": 6} | more),
    "stepper on the line": lambda **more: widgets.em_stepper(LINE, *START_1, **{"n_iter": 6} | more),
    "bound": lambda **more: widgets.elbo_curve(LINE, *START_1, **{"component": 1, "n_iter": 4} | more),
    "line": lambda **more: widgets.responsibility_line(*THREE, **more),
    "ellipse": lambda **more: widgets.ellipse_explorer(PLANE, **{"variances": [3.0, 5.0], "correlation": 0.6} | more),
    "ellipse alone": lambda **more: widgets.ellipse_explorer(**more),
}
STEPPED = ["stepper", "stepper on the line", "bound"]
