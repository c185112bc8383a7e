"""Other last bits in the data of every Python process that starts with this folder on its PYTHONPATH.

``PERTURBATION=1`` (2, 3, … for other bits) multiplies each number of a data set of `gmm.datasets` and each number that
a ``numpy.random.default_rng`` draws from a continuous distribution by ``1 + 1e-14 u``, u between -1 and 1. The factor
depends on the number alone: equal numbers stay equal, and what is drawn twice is the same twice. Only ties of what is
computed from them are broken, as another processor or another library breaks them. ``tools/machines.py`` sets it.
"""

import importlib.abc
import importlib.machinery
import os
import sys

SIZE = 1e-14
# Not those whose values have to sum to one or lie within bounds: beta, dirichlet.
DRAWN = (
    *("normal", "standard_normal", "multivariate_normal", "standard_t", "exponential", "standard_exponential"),
    *("gamma", "standard_gamma", "chisquare", "lognormal", "laplace"),
)


def perturbed(x, seed):
    """Return the floats ``x``, each with other last bits; the same for every x of the same value."""
    import numpy as np

    x = np.asarray(x, dtype=np.float64)
    mixed = x.reshape(-1).view(np.uint64) + np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):  # SplitMix64's mixing
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    u = mixed.astype(np.float64) / 2.0**63 - 1.0
    return x * (1.0 + SIZE * u.reshape(x.shape))


def _perturb_datasets(module):
    create = module.Dataset.__init__

    def __init__(self, *args, **kwargs):
        create(self, *args, **kwargs)
        object.__setattr__(self, "X", perturbed(self.X, SEED))

    module.Dataset.__init__ = __init__


def _perturb_draws(module):
    def wrapped(name):
        draw = getattr(module.Generator, name)

        def drawn(self, *args, **kwargs):
            numbers = draw(self, *args, **kwargs)
            if isinstance(numbers, float):
                return float(perturbed(numbers, SEED))
            return perturbed(numbers, SEED).astype(numbers.dtype)

        return drawn

    generator = type("Generator", (module.Generator,), {name: wrapped(name) for name in DRAWN})

    def default_rng(seed=None):
        original = make(seed)
        return original if isinstance(seed, module.Generator) else generator(original.bit_generator)

    make, module.default_rng = module.default_rng, default_rng


class _Patches(importlib.abc.MetaPathFinder):
    """Patch a module right after its import, so that nothing is imported earlier than usual."""

    patches = {"gmm.datasets._loaders": _perturb_datasets, "numpy.random": _perturb_draws}  # noqa: RUF012

    def find_spec(self, name, path, target=None):
        if name not in self.patches:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        run = spec.loader.exec_module

        def run_and_patch(module):
            run(module)
            self.patches[name](module)

        spec.loader.exec_module = run_and_patch
        return spec


SEED = int(os.environ.get("PERTURBATION") or 0)
if SEED:
    sys.meta_path.insert(0, _Patches())
