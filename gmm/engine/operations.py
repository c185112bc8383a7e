"""What a covariance structure has to know.

`gmm.engine.loop` is written in terms of these operations. Each structure (`full`, `tied`, `diag`, `spherical`) has a
*model*, a named tuple of the arrays that describe a mixture of its kind, and says with ``@method`` what each operation
is for it.
"""


def add_samples(model, X, sample_weight, given, start, stop, layout, work, slot):
    """Add what samples start … stop - 1 count for to the statistics in `slot`; k-means' `Clusters` have it too."""


def prepare(model, values):
    """Bring what the model keeps beside the parameters `values` up to date, before the next pass over the data.

    Returns RUNNING, or FAR_APART where the structure's M-step would lose too many digits.
    """


def measure(model, x, padded, room):
    """Put into `room` what the E-step and the moments of the block x (d, padded) both need."""


def log_joint(model, x, padded, room, r):
    """Fill r (K, padded) with log π_k + log N(x_b | μ_k, Σ_k) (eq-joint-density)."""


def add_counts(model, padded, room, r, counts, second):
    """Add Σ_b r_kb to the counts; the t family sums up more, and makes of r the weights of its moments."""


def add_moments(model, x, padded, room, r, negligible, first, second):
    """Add the block's moments about the centres, weighted with the responsibilities r, to `first` and `second`.

    Responsibilities below this share of a component's mean one may be left out; r is spent then.
    """


def update(model, sum_values, regularisation, old_values, new_values, room):
    """The M-step (eq-m-step): new parameters from the sums; for the layouts see `gmm.engine.flat`.

    `regularisation` is one of `gmm.engine.regularisation`. The new parameters are a copy of the old ones at first, and
    `room` takes as many numbers as there are sums. Returns a status and -1, or the component concerned.
    """


def add_scatter(model, padded, room, r, origin, second):
    """Add what only a pass of the t family needs, r being responsibilities times u (see `gmm.engine.student`)."""


def unscaled(model, counts, masses, first, second, old_values, room):
    """Change the sums of a t mixture so that `update` of the Gaussian model makes its M-step of them."""


def log_prior(model, prior):
    """The log-density of the model's covariances under a `gmm.engine.regularisation.Conjugate` prior."""


def penalty(regularisation, model):
    """What is added to the log-likelihood of the model to have the value that EM climbs."""


def marginalise(whole, features, observed, lifting, covariances, lowers, part):
    """Make `part` the marginal of the first `observed` of these features; see `gmm.engine.missing`.

    With `lifting`, what the observed features tell of the others is left in `lowers`.
    """


def observing(part, observed):
    """The model `part` where this many features count: the t family's densities depend on their number."""


def flatten(part):
    """Make the density of the last component constant."""


def lift(whole, features, observed, lowers, target, scratch, sums, totals):
    """Add the expected moments of whole samples to `totals`, from the sums over their observed features."""


def lift_moments(gaussian, counts, masses, features, observed, lowers, target, scratch, sums, totals):
    """The moments of `lift`: sums and totals are (first, second), `masses` the weights that are in them."""
