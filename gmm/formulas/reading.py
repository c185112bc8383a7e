"""Reading a fit (chapter 16): merging components, aligning labels, the bootstrap, information, likelihood ratios."""

from __future__ import annotations

import math

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray, Rng
from gmm.formulas import _checks as check
from gmm.formulas._registry import equation
from gmm.formulas.gaussian import cholesky_kernel, forward_substitution_kernel
from gmm.formulas.likelihood import _resp, cholesky_solve_kernel

# ------------------------------------------------------------------------------------- kernels


@kernel
def merge_entropy_losses_kernel(resp):
    n, K = resp.shape
    losses = np.zeros((K, K))
    for k in range(K):
        for l in range(k):
            for i in range(n):
                small = min(resp[i, k], resp[i, l])
                large = max(resp[i, k], resp[i, l])
                if small > 0.0:  # both terms are positive: nothing cancels
                    losses[k, l] += small * (math.log(large) - math.log(small))
                    losses[k, l] += (small + large) * math.log1p(small / large)
            losses[l, k] = losses[k, l]
    return losses


@kernel
def broken_line_losses_kernel(values):
    K = values.shape[0]
    losses = np.zeros(K - 2)
    for bend in range(1, K - 1):
        for first, last in ((0, bend), (bend, K - 1)):
            size = last - first + 1
            height = values[first : last + 1].mean()
            across, slope = 0.0, 0.0
            for k in range(first, last + 1):
                step = k - 0.5 * (first + last)
                across += step * step
                slope += step * (values[k] - height)
            slope /= across
            for k in range(first, last + 1):
                rest = values[k] - height - slope * (k - 0.5 * (first + last))
                losses[bend - 1] += rest * rest if size > 2 else 0.0  # two points lie on their line
    return losses


@kernel
def alignment_costs_kernel(resp, reference):
    n, K = resp.shape
    costs = np.zeros((K, K))
    for i in range(n):
        for k in range(K):
            for l in range(K):
                difference = reference[i, k] - resp[i, l]
                costs[k, l] += difference * difference
    return costs


@kernel
def bootstrap_standard_error_kernel(replicates):
    n, p = replicates.shape
    errors = np.empty(p)
    for j in range(p):
        mean, square = replicates[:, j].mean(), 0.0
        for b in range(n):
            square += (replicates[b, j] - mean) ** 2
        errors[j] = math.sqrt(square / (n - 1))
    return errors


@kernel
def percentile_interval_kernel(replicates, level):
    n, p = replicates.shape
    interval = np.empty((p, 2))
    for j in range(p):
        ordered = np.sort(replicates[:, j])
        for side in range(2):
            place = (0.5 + (side - 0.5) * level) * (n - 1)
            below = min(int(place), n - 2)
            share = place - below
            interval[j, side] = ordered[below] + share * (ordered[below + 1] - ordered[below])
    return interval


@kernel
def random_weights_kernel(uniforms):
    n = uniforms.shape[0]
    weights = np.empty(n)
    total = 0.0
    for i in range(n):
        weights[i] = -math.log1p(-uniforms[i])  # exponential
        total += weights[i]
    for i in range(n):
        weights[i] *= n / total
    return weights


@kernel
def complete_score_kernel(x, k, weights, means, L, precision):
    """Derivatives of log π_k N(x | μ_k, Σ_k) in π_k, μ_k and every entry of Σ_k."""
    d = x.shape[0]
    score = np.empty(1 + d + d * d)
    u = cholesky_solve_kernel(L, x - means[k])
    score[0] = 1.0 / weights[k]
    for j in range(d):
        score[1 + j] = u[j]
        for l in range(d):
            score[1 + d + j * d + l] = 0.5 * (u[j] * u[l] - precision[j, l])
    return score


@kernel
def precision_kernel(L):
    d = L.shape[0]
    precision = np.empty((d, d))
    for j in range(d):
        unit = np.zeros(d)
        unit[j] = 1.0
        column = cholesky_solve_kernel(L, unit)
        for l in range(d):
            precision[l, j] = column[l]
    return precision


@kernel
def free_parameters_kernel(K, d):
    """Derivatives of all parameters, component by component, in the free ones."""
    block, half = 1 + d + d * d, d * (d + 1) // 2
    T = np.zeros((K * block, K - 1 + K * d + K * half))
    for k in range(K):
        if k < K - 1:
            T[k * block, k] = 1.0
            T[(K - 1) * block, k] = -1.0  # the last weight is one minus the others
        column = K - 1 + K * d + k * half
        for j in range(d):
            T[k * block + 1 + j, K - 1 + k * d + j] = 1.0
            for l in range(j + 1):
                T[k * block + 1 + d + j * d + l, column] = 1.0
                T[k * block + 1 + d + l * d + j, column] = 1.0
                column += 1
    return T


@kernel
def score_vectors_kernel(X, resp, weights, means, covariances):
    n, d = X.shape
    K, block = weights.shape[0], 1 + d + d * d
    T = free_parameters_kernel(K, d)
    scores = np.zeros((n, T.shape[1]))
    for k in range(K):
        L = cholesky_kernel(covariances[k])
        precision = precision_kernel(L)
        for i in range(n):
            score = complete_score_kernel(X[i], k, weights, means, L, precision)
            for a in range(block):
                for b in range(T.shape[1]):
                    scores[i, b] += resp[i, k] * score[a] * T[k * block + a, b]
    return scores


@kernel
def complete_information_kernel(x, k, weights, means, L, precision):
    """Minus the second derivatives of log π_k N(x | μ_k, Σ_k), in the order of its score."""
    d = x.shape[0]
    u = cholesky_solve_kernel(L, x - means[k])
    information = np.zeros((1 + d + d * d, 1 + d + d * d))
    information[0, 0] = 1.0 / (weights[k] * weights[k])
    for j in range(d):
        for l in range(d):
            information[1 + j, 1 + l] = precision[j, l]
            for m in range(d):
                mixed = precision[j, l] * u[m]
                information[1 + j, 1 + d + l * d + m] = mixed
                information[1 + d + l * d + m, 1 + j] = mixed
                for o in range(d):
                    second = precision[l, m] * (u[j] * u[o] - 0.5 * precision[j, o])
                    information[1 + d + j * d + l, 1 + d + m * d + o] = second
    return information


@kernel
def observed_information_kernel(X, resp, weights, means, covariances):
    n, d = X.shape
    K, block = weights.shape[0], 1 + d + d * d
    total = np.zeros((K * block, K * block))
    for k in range(K):
        L = cholesky_kernel(covariances[k])
        precision = precision_kernel(L)
        for i in range(n):
            score = complete_score_kernel(X[i], k, weights, means, L, precision)
            complete = complete_information_kernel(X[i], k, weights, means, L, precision)
            for a in range(block):
                for b in range(block):
                    missing = score[a] * score[b]
                    total[k * block + a, k * block + b] += resp[i, k] * (complete[a, b] - missing)
    T = free_parameters_kernel(K, d)
    scores = score_vectors_kernel(X, resp, weights, means, covariances)
    return T.T @ total @ T + scores.T @ scores


@kernel
def empirical_information_kernel(X, resp, weights, means, covariances):
    scores = score_vectors_kernel(X, resp, weights, means, covariances)
    n, p = scores.shape
    information = np.zeros((p, p))
    for i in range(n):
        for a in range(p):
            for b in range(p):
                information[a, b] += scores[i, a] * scores[i, b]
    return information


@kernel
def information_standard_errors_kernel(L):
    p = L.shape[0]
    errors = np.empty(p)
    for j in range(p):
        unit = np.zeros(p)
        unit[j] = 1.0
        z = forward_substitution_kernel(L, unit)  # the variance is the squared length of L⁻¹ e_j
        square = 0.0
        for l in range(j, p):
            square += z[l] * z[l]
        errors[j] = math.sqrt(square)
    return errors


@kernel
def likelihood_ratio_kernel(log_likelihood, larger_log_likelihood):
    return 2.0 * (larger_log_likelihood - log_likelihood)


@kernel
def bootstrap_p_value_kernel(statistic, replicates):
    n = replicates.shape[0]
    as_large = 0
    for b in range(n):
        if replicates[b] >= statistic:
            as_large += 1
    return (1.0 + as_large) / (1.0 + n)


# ------------------------------------------------------------------------------------- public


@equation("eq-merge-entropy", kernel=merge_entropy_losses_kernel)
def merge_entropy_losses(resp: ArrayLike) -> FloatArray:
    r"""Entropy that is lost when two components become one, for all pairs, :eq:`eq-merge-entropy`.

    .. math:: \Delta_{kl} = \sum_i\Bigl(r_{ik}\log\frac{r_{ik}+r_{il}}{r_{ik}}
        + r_{il}\log\frac{r_{ik}+r_{il}}{r_{il}}\Bigr)

    Parameters
    ----------
    resp : array_like, shape (n_samples, n_components)
        Responsibilities.

    Returns
    -------
    ndarray, shape (n_components, n_components)
        Symmetric, zero on the diagonal, never negative; nats, total over the samples. Cost O(n K²).

    Raises
    ------
    ValueError
        If `resp` is not a matrix of responsibilities.

    References
    ----------
    Baudry, J.-P., Raftery, A. E., Celeux, G., Lo, K. and Gottardo, R. (2010), Combining mixture components for
    clustering.
    """
    return merge_entropy_losses_kernel(check.responsibilities(resp))


@equation("eq-broken-line", kernel=broken_line_losses_kernel)
def broken_line_losses(values: ArrayLike) -> FloatArray:
    r"""Squares that are left by two straight lines that share one point, for each such point, :eq:`eq-broken-line`.

    .. math:: S(c) = \min_{a,b}\sum_{k\le c}(E_k-a-bk)^2 + \min_{a,b}\sum_{k\ge c}(E_k-a-bk)^2

    Parameters
    ----------
    values : array_like, shape (n_components,)
        Entropies :math:`E_1,\dots,E_K`; three or more.

    Returns
    -------
    ndarray, shape (n_components - 2,)
        :math:`S(2),\dots,S(K-1)`, in squared units of the values.

    Raises
    ------
    ValueError
        If there are fewer than three values or one is not finite.
    """
    values = check.real_array(values, "values", 1, "(n_components,)")
    if values.shape[0] < 3:
        raise ValueError(f"values must hold three numbers or more; got {values.shape[0]}")
    return broken_line_losses_kernel(values)


@equation("eq-alignment", kernel=alignment_costs_kernel)
def alignment_costs(resp: ArrayLike, reference: ArrayLike) -> FloatArray:
    r"""How far each column of responsibilities is from each one of another fit, :eq:`eq-alignment`.

    .. math:: C_{kl} = \sum_i (r_{ik} - r^\ast_{il})^2

    The order of the components that agrees best has the smallest sum of one cost in each row and column.

    Parameters
    ----------
    resp : array_like, shape (n_samples, n_components)
        Responsibilities :math:`r^\ast` of the fit that is to be put in order.
    reference : array_like, shape (n_samples, n_components)
        Responsibilities r of the same samples in the fit whose order is kept.

    Returns
    -------
    ndarray, shape (n_components, n_components)
        Rows are components of the reference. Cost O(n K²).

    Raises
    ------
    ValueError
        If either is not a matrix of responsibilities, or the shapes differ.
    """
    reference = check.responsibilities(reference, name="reference")
    return alignment_costs_kernel(check.responsibilities(resp, *reference.shape), reference)


def _replicates(value: ArrayLike) -> FloatArray:
    value = check.real_array(value, "replicates", 2, "(n_replicates, n_parameters)")
    if value.shape[0] < 2:
        raise ValueError(f"replicates must have two rows or more; got {value.shape[0]}")
    return value


@equation("eq-bootstrap-standard-error", kernel=bootstrap_standard_error_kernel)
def bootstrap_standard_error(replicates: ArrayLike) -> FloatArray:
    r"""Standard deviation of bootstrap replicates, :eq:`eq-bootstrap-standard-error`.

    .. math:: \widehat{\text{se}}_j^2 = \frac1{B-1}\sum_b\bigl(\theta^{\ast b}_j-\bar\theta^\ast_j\bigr)^2

    Parameters
    ----------
    replicates : array_like, shape (n_replicates, n_parameters)
        One row for each fit, its labels aligned.

    Returns
    -------
    ndarray, shape (n_parameters,)
        In the units of the parameters.

    Raises
    ------
    ValueError
        If there are fewer than two replicates or one is not finite.

    References
    ----------
    Efron, B. (1979), Bootstrap methods: another look at the jackknife.
    """
    return bootstrap_standard_error_kernel(_replicates(replicates))


@equation("eq-percentile-interval", kernel=percentile_interval_kernel)
def percentile_interval(replicates: ArrayLike, level: float = 0.95) -> FloatArray:
    r"""Interval between two quantiles of bootstrap replicates, :eq:`eq-percentile-interval`.

    .. math:: \Bigl[\hat F_j^{-1}\bigl(\tfrac{1-\gamma}2\bigr),\;\hat F_j^{-1}\bigl(\tfrac{1+\gamma}2\bigr)\Bigr]

    Parameters
    ----------
    replicates : array_like, shape (n_replicates, n_parameters)
    level : float, default=0.95
        :math:`\gamma`, between 0 and 1.

    Returns
    -------
    ndarray, shape (n_parameters, 2)
        Lower and upper ends; between two replicates the quantiles are interpolated linearly.

    Raises
    ------
    ValueError
        If there are fewer than two replicates, one is not finite, or `level` is not between 0 and 1.
    """
    replicates = _replicates(replicates)
    level = check.number(level, "level", minimum=0.0, strict=True)
    if level >= 1.0:
        raise ValueError(f"level must be < 1; got {level}")
    return percentile_interval_kernel(replicates, level)


@equation("eq-bootstrap-weights", kernel=random_weights_kernel)
def random_weights(n_samples: int, rng: Rng = None) -> FloatArray:
    r"""Draw the sample weights of the weighted bootstrap, :eq:`eq-bootstrap-weights`.

    .. math:: w_i = \frac{n\,e_i}{\sum_m e_m},\qquad e_i = -\log(1-u_i)

    Parameters
    ----------
    n_samples : int
    rng : numpy.random.Generator, int or None
        Generator, or a seed for one.

    Returns
    -------
    ndarray, shape (n_samples,)
        Positive, summing to n: n times a draw from the Dirichlet distribution with all exponents one.

    Raises
    ------
    ValueError
        If `n_samples` is less than one.

    References
    ----------
    Rubin, D. B. (1981), The Bayesian bootstrap.
    """
    n_samples = check.count(n_samples, "n_samples")
    return random_weights_kernel(check.generator(rng).uniform(size=n_samples))


def _mixture(
    X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    X, weights, means, covariances = check.data_and_parameters(X, weights, means, covariances)
    if (weights == 0).any():
        raise ValueError(f"weights must be positive here; weights[{int(weights.argmin())}] is 0")
    return X, _resp(X, weights, means, covariances), weights, means, covariances


@equation("eq-score-vector", kernel=score_vectors_kernel)
def score_vectors(X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> FloatArray:
    r"""Gradient of the log-density of each sample in the free parameters, :eq:`eq-score-vector`.

    .. math:: s_i = \frac{\partial\log p(x_i\mid\theta)}{\partial\theta} = \sum_k r_{ik}\,g_{ik},\qquad
        g_{ik} = \frac{\partial\log\pi_k\,\mathcal N(x_i\mid\mu_k,\Sigma_k)}{\partial\theta}

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    weights : array_like, shape (n_components,)
        Positive, summing to one.
    means : array_like, shape (n_components, n_features)
    covariances : array_like, shape (n_components, n_features, n_features)
        Each symmetric positive definite.

    Returns
    -------
    ndarray, shape (n_samples, n_parameters)
        Columns: the weights but the last, which is one minus their sum; the means, component by component; the lower
        triangles of the covariances, row by row. Cost O(n K d² p).

    Raises
    ------
    ValueError
        As for :func:`log_likelihood`, or if a weight is zero.
    """
    return score_vectors_kernel(*_mixture(X, weights, means, covariances))


@equation("eq-empirical-information", kernel=empirical_information_kernel)
def empirical_information(X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> FloatArray:
    r"""Information from the score vectors, :eq:`eq-empirical-information`.

    .. math:: \mathcal I_{\text e} = \sum_i s_i\,s_i^\top

    Parameters
    ----------
    X, weights, means, covariances
        As for :func:`score_vectors`.

    Returns
    -------
    ndarray, shape (n_parameters, n_parameters)
        In the order of :func:`score_vectors`.

    Raises
    ------
    ValueError
        As for :func:`score_vectors`.
    """
    return empirical_information_kernel(*_mixture(X, weights, means, covariances))


@equation("eq-observed-information", kernel=observed_information_kernel)
def observed_information(X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> FloatArray:
    r"""Minus the second derivatives of the log-likelihood: complete less missing information,
    :eq:`eq-observed-information`.

    .. math:: \mathcal I = -\sum_{i,k} r_{ik}\frac{\partial^2\log\pi_k\mathcal N(x_i\mid\mu_k,\Sigma_k)}
        {\partial\theta\,\partial\theta^\top} - \Bigl(\sum_{i,k} r_{ik}\,g_{ik}g_{ik}^\top - \sum_i s_is_i^\top\Bigr)

    Parameters
    ----------
    X, weights, means, covariances
        As for :func:`score_vectors`.

    Returns
    -------
    ndarray, shape (n_parameters, n_parameters)
        In the order of :func:`score_vectors`; positive semi-definite at a maximum, not everywhere.

    Raises
    ------
    ValueError
        As for :func:`score_vectors`.

    References
    ----------
    Louis, T. A. (1982), Finding the observed information matrix when using the EM algorithm.
    """
    return observed_information_kernel(*_mixture(X, weights, means, covariances))


@equation("eq-information-standard-errors", kernel=information_standard_errors_kernel)
def information_standard_errors(information: ArrayLike) -> FloatArray:
    r"""Standard errors from an information matrix, :eq:`eq-information-standard-errors`.

    .. math:: \widehat{\text{se}}_j^2 = (\mathcal I^{-1})_{jj} = \lvert L^{-1}e_j\rvert^2,\qquad
        \mathcal I = LL^\top

    Parameters
    ----------
    information : array_like, shape (n_parameters, n_parameters)
        Symmetric positive definite.

    Returns
    -------
    ndarray, shape (n_parameters,)

    Raises
    ------
    ValueError
        If the matrix is not symmetric positive definite.
    """
    return information_standard_errors_kernel(cholesky_kernel(check.covariance_matrix(information, name="information")))


@equation("eq-likelihood-ratio", kernel=likelihood_ratio_kernel)
def likelihood_ratio(log_likelihood: float, larger_log_likelihood: float) -> float:
    r"""Twice the logarithm of the ratio of two maximal likelihoods, :eq:`eq-likelihood-ratio`.

    .. math:: T = 2\,(\ell_{K+1}-\ell_K)

    Parameters
    ----------
    log_likelihood : float
        Total, natural logarithm, of the smaller model at its maximum.
    larger_log_likelihood : float
        Of the model that contains it.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If either is not finite.
    """
    return likelihood_ratio_kernel(
        check.number(log_likelihood, "log_likelihood"), check.number(larger_log_likelihood, "larger_log_likelihood")
    )


@equation("eq-bootstrap-p-value", kernel=bootstrap_p_value_kernel)
def bootstrap_p_value(statistic: float, replicates: ArrayLike) -> float:
    r"""How often chance does as much as the data, the data included, :eq:`eq-bootstrap-p-value`.

    .. math:: p = \frac{1+\#\{b: T^{\ast b}\ge T\}}{1+B}

    Parameters
    ----------
    statistic : float
        T of the data.
    replicates : array_like, shape (n_replicates,)
        Statistics of samples drawn under the null hypothesis.

    Returns
    -------
    float
        From 1 / (B + 1) to 1.

    Raises
    ------
    ValueError
        If `statistic` or a replicate is not finite, or there is none.

    References
    ----------
    Davison, A. C. and Hinkley, D. V. (1997), Bootstrap methods and their application.
    """
    statistic = check.number(statistic, "statistic")
    return bootstrap_p_value_kernel(statistic, check.real_array(replicates, "replicates", 1, "(n_replicates,)"))
