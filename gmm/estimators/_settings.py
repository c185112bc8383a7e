"""The settings of `GaussianMixture`, each with all that is known of it: from this table come the checks of the
constructor, what is kept in files, and the documentation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from gmm.estimators._sklearn_compat import Interval, StrOptions
from gmm.learning.structures import NAMES

INIT_PARAMS = {
    "kmeans", "kmeans_standardised", "kmeans_whitened", "k-means++", "random_from_data", "random_points", "random",
    "hierarchical",
}  # fmt: skip


class Setting(NamedTuple):
    """One parameter of the constructor.

    constraints : what scikit-learn's check of parameters takes
    text : its documentation, type and default in the first line
    plain : whether a value is one of the ordinary ones, which need no further check
    kept : how it is written to a file: "text", "array", "prior", or None where it is not
    """

    constraints: list
    text: str
    plain: Callable[[Any], bool]
    kept: str | None = "text"


def _whole(least):
    return lambda value: type(value) is int and value >= least


def _amount(value):
    return type(value) is float and 0.0 <= value < math.inf


def _among(names):
    return lambda value: type(value) is str and value in names


def _none(value):
    return value is None


SETTINGS = {
    "n_components": Setting(
        [Interval(Integral, 1, None, closed="left")],
        """int, default=1
        The number of components, K.""",
        _whole(1),
    ),
    "covariance_type": Setting(
        [StrOptions(NAMES)],
        """str, default='full'
        'full': one covariance matrix per component; 'tied': one for all; 'diag': one diagonal per component;
        'spherical': one variance per component. Or one of mclust's models of Σ_k = λ_k D_k A_k D_kᵀ, whose letters say
        of volume λ, shape A and orientation D whether they are Equal, Variable or the Identity: 'EII', 'VII', 'EEI',
        'VEI', 'EVI', 'VVI', 'EEE', 'VEE', 'EVE', 'VVE', 'EEV', 'VEV', 'EVV', 'VVV' for two features or more, 'E' and
        'V' (equal and variable variances) for one. VII is 'spherical', VVI 'diag', EEE 'tied' and VVV 'full', but
        `covariances_` are matrices (n_components, n_features, n_features) for all of these. VEI, VEE and VEV find
        volumes in the M-step to 1e-10 of themselves; EVE and VVE turn the common axes until no sweep over them gains
        1e-15 a sample.""",
        _among(NAMES),
    ),
    "tol": Setting(
        [Interval(Real, 0.0, None, closed="left")],
        """float, default=1e-3
        EM stops when the mean log-likelihood per sample changes by less than this.""",
        _amount,
    ),
    "reg_covar": Setting(
        [Interval(Real, 0.0, None, closed="left"), StrOptions({"auto"})],
        """float or 'auto', default=1e-6
        Added to the diagonal of every covariance; in the squared units of the data. 'auto' adds to each feature a
        millionth of its own variance, which follows every change of units. Where components have a part of their
        covariances in common, it is added to the covariance of each component's samples, from which they are made.""",
        _amount,
    ),
    "max_iter": Setting(
        [Interval(Integral, 0, None, closed="left")],
        """int, default=100
        The largest number of EM iterations. 0 returns the start.""",
        _whole(0),
    ),
    "n_init": Setting(
        [Interval(Integral, 1, None, closed="left")],
        """int, default=1
        The number of starts; the fit with the largest log-likelihood is kept.""",
        _whole(1),
    ),
    "init_params": Setting(
        [StrOptions(INIT_PARAMS)],
        """str, default='kmeans'
        How a start is drawn. Weights, means and covariances of groups: 'kmeans', the clusters of k-means;
        'kmeans_standardised', those of k-means on features divided by their standard deviations, which are the same
        whatever unit each feature has; 'kmeans_whitened', those of k-means on whitened data, which are the same after
        any linear map (both take a float64 copy of X); 'random', random responsibilities (n_samples × n_components
        numbers); 'hierarchical', those of `hierarchical_clustering`, as in mclust. There nothing is drawn, and one
        start is enough whatever `n_init` is; but of more than 2000 samples as many are drawn, clustered, and the
        parameters are made of them (16 MB of memory). One feature is cut at quantiles, n <= d samples are clustered by
        'EII'. Samples as means: 'k-means++', well-spread ones; 'random_from_data', random ones (one integer of memory
        per sample); 'random_points', random ones with identity covariances, for standardised data.
        'kmeans_standardised', 'kmeans_whitened', 'hierarchical' and 'random_points' are not in scikit-learn.""",
        _among(INIT_PARAMS),
    ),
    "weights_init": Setting(
        ["array-like", None],
        "array-like of shape (n_components,), default=None",
        _none,
        "array",
    ),
    "means_init": Setting(
        ["array-like", None],
        "array-like of shape (n_components, n_features), default=None",
        _none,
        "array",
    ),
    "precisions_init": Setting(
        ["array-like", None],
        """array-like, default=None
        Values of the start; those not given are drawn by `init_params`. Precisions are inverse covariances, in the
        shape of `covariances_`.""",
        _none,
        "array",
    ),
    "resp_init": Setting(
        ["array-like", None],
        """array-like of shape (n_samples,) or (n_samples, n_components), default=None
        The start as labels, integers from 0 to n_components - 1, or as responsibilities, whose rows sum to 1: the first
        M-step is made of them, and `init_params` and `n_init` have no say. Initial values given for weights, means or
        precisions replace what it gives. Each component must have a sample; for that of `noise` see there. It belongs
        to the samples of a fit, and `save` leaves it out.""",
        _none,
        None,
    ),
    "random_state": Setting(
        ["random_state", np.random.Generator],
        """int, RandomState, Generator or None, default=None
        Seeds the starts and `sample`. With an integer, 'random' and 'random_from_data' draw scikit-learn's starts. None
        takes fresh entropy from the operating system: unlike scikit-learn, NumPy's global generator is never used.""",
        lambda value: value is None or (type(value) is int and 0 <= value < 2**32),
    ),
    "warm_start": Setting(
        ["boolean"],
        """bool, default=False
        Go on from the parameters of the last fit; `n_init` is then ignored after the first.""",
        lambda value: type(value) is bool,
    ),
    "verbose": Setting(
        ["verbose"],
        """int, default=0
        1 shows a progress bar over the initialisations if tqdm is installed, else a line every `verbose_interval`
        iterations; 2 prints lines with times and changes.""",
        _whole(0),
    ),
    "verbose_interval": Setting(
        [Interval(Integral, 1, None, closed="left")],
        """int, default=10
        Iterations between two lines.""",
        _whole(1),
    ),
    "on_collapse": Setting(
        [StrOptions({"raise", "restart"})],
        """{'raise', 'restart'}, default='raise'
        What happens when a component collapses, that is when its covariance becomes singular: an error that names
        component, iteration and samples; or up to ten other starts for that initialisation, with a warning. 'restart'
        also discards starts in which `reg_covar` alone keeps a covariance regular (otherwise a warning tells of
        them).""",
        _among({"raise", "restart"}),
    ),
    "covariance_prior": Setting(
        [StrOptions({"default"}), tuple, list, None],
        """None, 'default' or tuple (scale, dof), default=None
        An inverse-Wishart prior on every covariance (on the shared one, if tied, EEE, EEI, EII or E), also where
        the covariances have a part in common: maximum a posteriori estimation,
        which cannot collapse. `scale` is Ψ, of shape (n_features, n_features) and in the squared units of the data;
        `dof` is ν > n_features - 1. Each covariance gets ν + d + 1 pseudo-observations of scatter Ψ, of which 'diag'
        and 'spherical' take their part. 'default' is Fraley & Raftery's choice, the covariance of X (its diagonal where
        it is singular) divided by K^(2/d), and d + 2, which follows every change of units. With a prior `reg_covar`
        serves the start alone, and the lower bounds are of the penalised log-likelihood.""",
        _none,
        "prior",
    ),
    "fixed": Setting(
        [dict, None],
        """dict, default=None
        Parameters that a fit leaves as they are: ``{'weights': …, 'means': …, 'covariances': …}``, each True or a
        boolean array, of shape (n_components,) or, for means, also (n_components, n_features). Their values are those
        of `weights_init`, `means_init`, `precisions_init`, which must then be given, or with `warm_start` those of the
        last fit. Weights that are free share what the fixed ones leave.""",
        _none,
    ),
    "missing": Setting(
        [StrOptions({"raise", "marginalise"})],
        """{'raise', 'marginalise'}, default='raise'
        What happens to missing values: NaN, pandas' NA, the masked entries of a masked array. 'raise': an error that
        names the first ones. 'marginalise': they are integrated out, in `fit` as in all that scores samples; the fit
        maximises the likelihood of the values that were observed. That is right where values are missing at random:
        whether one is missing may depend on what was observed of the sample, but not on the value itself. A start is
        drawn from samples that are completed by a draw from the one Gaussian that fits the observed values best; so
        are 'auto' and 'default' scales taken from it. Samples without any value are left out of a fit, where they
        would tell nothing. If a value is missing, two float64 copies of X are taken; if none is, this changes
        nothing (but see `noise`).""",
        _among({"raise", "marginalise"}),
    ),
    "noise": Setting(
        ["boolean"],
        """bool, default=False
        True adds a component of constant density 1/V for samples that belong to no group, with a weight π₀ of its own.
        V is the volume of the smaller of the boxes around X in given and in principal axes, as in mclust; with
        ``missing='marginalise'`` that in given axes, whose faces have constant densities as well. Its label is
        -1, and `predict_proba` has a last column for it; a label of -1 in `resp_init`, or a last column there, is
        noise from the start. Else its weight begins at 0.1, and a start is drawn from the three quarters of the samples
        (of 2000, if there are more) that lie densest.""",
        lambda value: value is False,
    ),
    "noise_volume": Setting(
        [Interval(Real, 0.0, None, closed="neither"), None],
        """float, default=None
        V, in the product of the features' units, in place of that of the data; with `noise` only.""",
        _none,
    ),
    "learning_decay": Setting(
        [Interval(Real, 0.5, 1.0, closed="right")],
        """float, default=0.7
        κ in (0.5, 1] of the steps of `partial_fit`: of what it has learnt, its call t + 1 replaces the part
        γ_t = (t + t₀)^-κ by what the new samples say. Online EM converges for these κ; small ones forget a poor start
        sooner, large ones average over more.""",
        lambda value: type(value) is float and 0.5 < value <= 1.0,
    ),
    "learning_offset": Setting(
        [Interval(Real, 0.0, None, closed="left")],
        """float, default=10.0
        t₀ ≥ 0 of these steps, which makes the first ones smaller. ``learning_decay=1.0, learning_offset=1.0`` gives
        all calls the same weight.""",
        _amount,
    ),
    "forgetting": Setting(
        [Interval(Real, 0.0, 1.0, closed="right"), None],
        """float in (0, 1], default=None
        A constant γ in their place, for data that change: what was learnt s calls ago counts (1 - γ)^s as much. It
        then follows the data, and does not converge. 1 forgets all but the new samples.""",
        _none,
    ),
    "callback": Setting(
        [callable, None],
        """callable, default=None
        Called after each M-step as ``callback(iteration, log_likelihood, parameters)``; iterations count from 1, and
        the mean log-likelihood is that found by the E-step before. A true return value ends the initialisation.""",
        lambda value: value is None or callable(value),
        None,
    ),
    "record_parameters": Setting(
        ["boolean", StrOptions({"restarts"})],
        """bool or 'restarts', default=False
        'restarts' keeps the parameters of each start and of its end in ``restarts_``; True those, and the parameters of
        each iteration in ``history_``.""",
        lambda value: type(value) is bool,
    ),
    "n_threads": Setting(
        [Interval(Integral, 1, None, closed="left"), None],
        """int, default=None
        The most threads to use; None: the variable GMM_NUM_THREADS, or the CPUs this process may run on.""",
        lambda value: value is None or (type(value) is int and value >= 1),
    ),
}

CONSTRAINTS = {name: setting.constraints for name, setting in SETTINGS.items()}
_PLAIN = tuple((name, setting.plain) for name, setting in SETTINGS.items())
DOCUMENTATION = "\n".join(f"    {name} : {setting.text}" for name, setting in SETTINGS.items()).lstrip()


def kept(how):
    """Return the names of the settings that are written to files in this way."""
    return tuple(name for name, setting in SETTINGS.items() if setting.kept == how)


def are_plain(estimator):
    """Whether every setting is of an ordinary type and value; scikit-learn's check judges the others."""
    settings = vars(estimator)
    for name, plain in _PLAIN:  # noqa: SIM110 (faster, which is a part of a small fit)
        if not plain(settings[name]):
            return False
    return True
