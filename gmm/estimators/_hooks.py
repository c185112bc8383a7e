"""Methods that scikit-learn's mixtures call and this one never does: to override one would have no effect."""

from __future__ import annotations

_EM = (
    "EM runs in compiled code. callback= sees and stops each iteration, covariance_prior= changes the M-step; a loop "
    "of one's own is short with gmm.e_step and gmm.m_step"
)
_DENSITY = "override score_samples, predict and predict_proba, which call nothing of that kind"
_START = "give weights_init, means_init and precisions_init, or init_params"
_PARAMETERS = "use the attributes weights_, means_ and covariances_, and from_parameters"
_WATCH = "callback= is called after each iteration with the log-likelihood, and history_ keeps all of them"

#: Method of scikit-learn's mixtures -> what to do instead.
HOOKS = {
    "_m_step": _EM,
    "_e_step": _EM,
    "_estimate_log_prob": _DENSITY,
    "_estimate_weighted_log_prob": _DENSITY,
    "_estimate_log_prob_resp": _DENSITY,
    "_estimate_log_weights": _DENSITY,
    "_initialize_parameters": _START,
    "_initialize": _START,
    "_check_parameters": _START,
    "_check_initial_parameters": _START,
    "_get_parameters": _PARAMETERS,
    "_set_parameters": _PARAMETERS,
    "_compute_precision_cholesky": _PARAMETERS,
    "_compute_lower_bound": _WATCH,
    "_print_verbose_msg_init_beg": _WATCH,
    "_print_verbose_msg_iter_end": _WATCH,
    "_print_verbose_msg_init_end": _WATCH,
}


def refuse_hooks(cls, base):
    """Raise TypeError if `cls`, or what it inherits from beside `base`, defines one of these methods."""
    for ancestor in cls.__mro__:
        if ancestor in base.__mro__:
            continue
        for name, instead in HOOKS.items():
            if name in vars(ancestor):
                raise TypeError(
                    f"{cls.__name__} overrides {name} (in {ancestor.__qualname__}), which scikit-learn's mixtures call "
                    f"and gmm.GaussianMixture never does. Instead: {instead}"
                )
