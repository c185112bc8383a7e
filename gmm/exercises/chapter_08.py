"""Exercises of chapter 8: convergence."""

from __future__ import annotations

import numpy as np

from gmm.datasets import load_old_faithful
from gmm.exercises._core import Refusal, exercise
from gmm.formulas.em import SingularCovarianceError, em
from gmm.formulas.gaussian import sample_covariance

_rng = np.random.default_rng(808)

# ------------------------------------------------------------------------- predict: what a tolerance leaves

exercise(
    "ex-em-tolerance",
    50.0,
    mistakes=[
        (1e-3, "that is the change per sample; the total is a sum over all of them."),
        (0.05, "you divided where a factor is needed, or took 50 samples instead of 50,000."),
        (5e-8 / 2.5, "per sample to total multiplies by n; you divided by n."),
        (5.0, "once more the power of ten: 50,000 times 0.001."),
    ],
)

# ------------------------------------------------------------------------- predict: iterations for a digit

exercise(
    "ex-converge-digits",
    np.array([22.0, 11.0]),
    returns=("the number for the parameters", "the number for the log-likelihood"),
    mistakes=[
        (np.array([22.0, 22.0]), "the gap is quadratic in the error: it shrinks by the square of the rate."),
        (np.array([11.0, 22.0]), "the right numbers, in the other order: the gap shrinks faster than the error."),
        (np.array([22.0, 44.0]), "a square shrinks twice as fast, so the gap needs fewer iterations, not more."),
        (np.array([21.0, 10.0]), "round up: after 21 iterations the error is still above a tenth."),
        (np.log(10) / -np.log([0.9, 0.81]), "right, and whole iterations are asked for: round up."),
        (np.array([10.0, 5.0]), "it does not fall by a tenth of its first value each time; it is multiplied by 0.9."),
    ],
)

# ------------------------------------------------------------------------- compute: how long still


def _wait(first, second, third, gap):
    ratio = (third - second) / (second - first)
    rest = (third - second) * ratio / (1 - ratio)
    return max(0, int(np.ceil(np.log(gap / rest) / np.log(ratio))))


def _wait_of_rest(rest_of):
    def wait(first, second, third, gap):
        ratio = (third - second) / (second - first)
        rest = rest_of(third - second, ratio)
        return max(0, int(np.ceil(np.log(gap / rest) / np.log(ratio))))

    return wait


def _wait_by_root(first, second, third, gap):
    ratio = ((third - second) / (second - first)) ** 0.5
    rest = (third - second) * ratio / (1 - ratio)
    return max(0, int(np.ceil(np.log(gap / rest) / np.log(ratio))))


def _wait_negative(first, second, third, gap):
    ratio = (third - second) / (second - first)
    rest = (third - second) * ratio / (1 - ratio)
    return int(np.ceil(np.log(gap / rest) / np.log(ratio)))


exercise(
    "ex-converge-wait",
    _wait,
    cases=[
        (-20.0, -12.0, -8.0, 0.6),  # gains 8, 4; still to come 4, 2, 1, 0.5
        (-1130.0, -1129.0, -1128.5, 0.7),  # 0.5 is below it already
        (-1131.0, -1130.0, -1129.5, 5.0),
        (-1150.0, -1140.0, -1131.0, 1e-3),  # ratio 0.9
        (-2301.0, -2300.0, -2299.01, 1.0),  # ratio 0.99
        (-7.0, -3.0, -2.96, 1e-9),  # ratio 0.01
    ],
    mistakes=[
        (_wait_of_rest(lambda gain, ratio: gain), "that waits until a step is small, not what is still to come."),
        (
            _wait_of_rest(lambda gain, ratio: gain / (1 - ratio)),
            "the last gain is counted once more; the rest is g c/(1-c).",
        ),
        (_wait_by_root, "no square root: the gains themselves shrink by their own ratio."),
        (_wait_negative, "right while there is something to wait for; below the gap already, the answer is 0."),
    ],
)

# ------------------------------------------------------------------------- break: stuck


def _best_of(X, K, n_starts=8):
    """The highest log-likelihood of a few starts with the overall covariance."""
    rng = np.random.default_rng(0)
    overall = np.stack([sample_covariance(X)] * K)
    chosen = [rng.choice(len(X), size=K, replace=False) for _ in range(n_starts)]
    return max(em(X, np.full(K, 1 / K), X[rows], overall, tol=1e-9).log_likelihood for rows in chosen)


def _has_twins(means, covariances):
    """Whether two components have the same mean and covariance, up to rounding."""
    return any(
        np.allclose(means[k], means[j], rtol=1e-13, atol=0.0)
        and np.allclose(covariances[k], covariances[j], rtol=1e-13, atol=0.0)
        for k in range(len(means))
        for j in range(k)
    )


def trapped(start):
    """Judge a function from data to a start of three components: is EM caught at the two-component maximum?

    Parameters
    ----------
    start : callable
        From X to (weights, means, covariances).

    Returns
    -------
    callable
        From X to three numbers, each 1 for yes and 0 for no: three components; means not all equal; EM ends at the
        highest log-likelihood of two components, and stays there for ever, for two components are equal. Nearly equal
        ones part in time.
    """

    def judge(X):
        answer = start(X)
        if answer is None or answer is ...:
            return None
        if not isinstance(answer, (tuple, list)) or len(answer) != 3:
            raise Refusal("return a start of three parts: weights, means and covariances.")
        try:
            weights, means, covariances = (np.asarray(part, dtype=float) for part in answer)
            end = em(X, weights, means, covariances, tol=1e-9, max_iter=400).log_likelihood
        except (TypeError, ValueError, SingularCovarianceError) as error:
            raise Refusal(f"EM cannot run from this start: {error}") from None
        three = means.shape[0] == 3
        apart = np.ptp(means, axis=0).max() > 1e-6
        caught = abs(end - _best_of(X, 2)) < 1e-3 and (not three or _has_twins(means, covariances))
        return float(three), float(apart), float(caught)

    return judge


_two = np.concatenate([_rng.normal([0.0, 0.0], 1.0, size=(60, 2)), _rng.normal([6.0, 2.0], 1.0, size=(90, 2))])

exercise(
    "ex-em-stuck",
    lambda X: (1.0, 1.0, 1.0),
    via=trapped,
    cases=[(load_old_faithful().X,), (_two,)],
    mistakes=[
        (lambda X: (0.0, 1.0, 1.0), "two components reach the two-component maximum, but three are asked for."),
        (lambda X: (1.0, 0.0, 0.0), "with all means equal EM stays at one single Gaussian. Let one component differ."),
        (
            lambda X: (1.0, 1.0, 0.0),
            "EM is not caught, or rests and leaves in the end: what differs a little drifts apart. Who may be twins?",
        ),
        (lambda X: (0.0, 0.0, 0.0), "three components are asked for, and not all with the same mean."),
    ],
)
