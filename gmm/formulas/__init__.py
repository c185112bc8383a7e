"""The readable kernels: one module a chapter, one function an equation.

Each public function checks its input, then calls a compiled kernel, its `kernel` attribute, in which the formula
stands as plain loops. Everything stays in the log domain, covariances enter through Cholesky factors, and differences
are taken before they are squared. These are the reference that the fast engine is tested against.
"""

from pathlib import Path

from gmm._compile import drop_stale_caches

drop_stale_caches(Path(__file__).parent)

from gmm.formulas import (  # noqa: E402
    anomalies,
    convergence,
    cost,
    criteria,
    deconvolution,
    em,
    gaussian,
    heavy_tails,
    kmeans,
    likelihood,
    missing,
    mixture,
    online,
    parsimony,
    reading,
    regularisation,
    responsibilities,
    starts,
    structures,
    updates,
    variational,
)
from gmm.formulas._registry import EQUATIONS  # noqa: E402

#: The modules in the order of the book.
CHAPTERS = (
    gaussian,
    mixture,
    responsibilities,
    likelihood,
    updates,
    em,
    convergence,
    starts,
    kmeans,
    structures,
    parsimony,
    regularisation,
    criteria,
    variational,
    reading,
    anomalies,
    heavy_tails,
    missing,
    deconvolution,
    cost,
    online,
)

__all__ = [
    "CHAPTERS",
    "EQUATIONS",
    "anomalies",
    "convergence",
    "cost",
    "criteria",
    "deconvolution",
    "em",
    "gaussian",
    "heavy_tails",
    "kmeans",
    "likelihood",
    "missing",
    "mixture",
    "online",
    "parsimony",
    "reading",
    "regularisation",
    "responsibilities",
    "starts",
    "structures",
    "updates",
    "variational",
]
