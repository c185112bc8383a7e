"""Small data for figures."""

from __future__ import annotations

import numpy as np

RNG = np.random.default_rng(20)
PLANE = np.vstack([RNG.normal([0, 0], [1, 2], (40, 2)), RNG.normal([4, 6], [1, 1], (30, 2))])
LINE = np.concatenate([RNG.normal(0, 1, 40), RNG.normal(5, 0.7, 30)])[:, None]
START_2 = (np.array([0.5, 0.5]), np.array([[1.0, 0.0], [2.0, 5.0]]), np.array([np.eye(2), 2 * np.eye(2)]))
START_1 = (np.array([0.4, 0.6]), np.array([[1.0], [2.0]]), np.array([[[1.0]], [[2.0]]]))
THREE = (np.array([0.2, 0.5, 0.3]), np.array([[0.0], [3.0], [4.0]]), np.array([[[1.0]], [[0.25]], [[9.0]]]))
WIDTHS = np.array([[[1.0]], [[0.8]]])
