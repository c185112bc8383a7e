"""Mixtures that other estimators are given as templates, to clone and to fit."""

from __future__ import annotations

from sklearn.base import clone


def seeded(template, rng):
    """A clone of the template; random states in it that are None are seeded from `rng`."""
    template = clone(template)
    seed = int(rng.uniform(0.0, 2.0**31))
    unseeded = [name for name, value in template.get_params().items() if value is None and is_seed(name)]
    if unseeded:
        template.set_params(**dict.fromkeys(unseeded, seed))
    return template


def is_seed(name):
    """Whether a parameter is a random state, perhaps that of a step of a pipeline."""
    return name.rpartition("__")[2] == "random_state"
