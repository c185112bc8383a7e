"""Each function that the chapters ask for, as plain loops: right as Python and right when Numba has compiled it."""

import math

import numba
import numpy as np
import pytest

import gmm
from gmm.exercises import EXERCISES, examine
from gmm.formulas.variational import digamma_kernel


def nearest(X, centres):
    labels = [0] * len(X)
    for i in range(len(X)):
        best = np.inf
        for k in range(len(centres)):
            squared = 0.0
            for j in range(X.shape[1]):
                squared += (X[i, j] - centres[k, j]) ** 2
            if squared < best:
                best, labels[i] = squared, k
    return labels


def parameters(n_components, n_features):
    return n_components * (1 + n_features + n_features * (n_features + 1) // 2) - 1


def border(weights, means, variances):
    low, high = means[0], means[1]
    for _ in range(80):
        x = (low + high) / 2
        first = math.log(weights[0]) - 0.5 * math.log(variances[0]) - (x - means[0]) ** 2 / (2 * variances[0])
        second = math.log(weights[1]) - 0.5 * math.log(variances[1]) - (x - means[1]) ** 2 / (2 * variances[1])
        if first > second:
            low = x
        else:
            high = x
    return low


def log_density(X, means, covariance):
    n, d = X.shape
    L = np.linalg.cholesky(covariance)
    out = np.empty(n)
    for i in range(n):
        y = np.empty(d)
        total = d * math.log(2 * math.pi)
        for j in range(d):
            rest = X[i, j] - means[i, j]
            for m in range(j):
                rest -= L[j, m] * y[m]
            y[j] = rest / L[j, j]
            total += y[j] ** 2 + 2 * math.log(L[j, j])
        out[i] = -0.5 * total
    return out


def merge(n_1, mean_1, cov_1, n_2, mean_2, cov_2):
    n = n_1 + n_2
    d = len(mean_1)
    gap = mean_2 - mean_1
    mean, covariance = np.empty(d), np.empty((d, d))
    for j in range(d):
        mean[j] = mean_1[j] + n_2 / n * gap[j]
        for m in range(d):
            within = (n_1 * cov_1[j, m] + n_2 * cov_2[j, m]) / n
            covariance[j, m] = within + n_1 * n_2 / n**2 * gap[j] * gap[m]
    return mean, covariance


def mixture_log_density(x, weights, means, variances, a, b):
    out = np.empty(len(x))
    for i in range(len(x)):
        total = -np.inf
        if a <= x[i] <= b:
            total = math.log(weights[0] / (b - a))
        for k in range(len(means)):
            exponent = (x[i] - means[k]) ** 2 / variances[k]
            term = math.log(weights[k + 1]) - 0.5 * (math.log(2 * math.pi * variances[k]) + exponent)
            high, low = max(total, term), min(total, term)
            total = high + math.log1p(math.exp(low - high))
        out[i] = total
    return out


def labels(u, weights):
    out = np.empty(len(u), dtype=np.int64)
    for i in range(len(u)):
        total = 0.0
        for k in range(len(weights)):
            total += weights[k]
            if weights[k] > 0:
                out[i] = k
            if u[i] < total:
                break
    return out


def draws(z, mean, covariance):
    L = np.linalg.cholesky(covariance)
    out = np.empty_like(z)
    for i in range(len(z)):
        for j in range(len(mean)):
            out[i, j] = mean[j]
            for m in range(j + 1):
                out[i, j] += L[j, m] * z[i, m]
    return out


def split(weights, means, variances, share):
    K = len(weights)
    w, m, v = np.empty(K + 1), np.empty(K + 1), np.empty(K + 1)
    for k in range(K):
        w[k], m[k], v[k] = weights[k], means[k], variances[k]
    w[0], w[K] = share * weights[0], (1 - share) * weights[0]
    m[K], v[K] = means[0], variances[0]
    return w, m, v


def log_odds(a):
    n, K = a.shape
    out = np.empty(n)
    for i in range(n):
        top = -np.inf
        for k in range(1, K):
            top = max(top, a[i, k])
        total = 0.0
        for k in range(1, K):
            total += math.exp(a[i, k] - top)
        out[i] = a[i, 0] - top - math.log(total)
    return out


def line(x, weights, means, variances):
    n, K = len(x), len(weights)
    out = np.empty((n, K))
    for i in range(n):
        top = -np.inf
        for k in range(K):
            out[i, k] = math.log(weights[k]) - 0.5 * (math.log(variances[k]) + (x[i] - means[k]) ** 2 / variances[k])
            top = max(top, out[i, k])
        total = 0.0
        for k in range(K):
            out[i, k] = math.exp(out[i, k] - top)
            total += out[i, k]
        for k in range(K):
            out[i, k] /= total
    return out


def boundary(mean_1, mean_2, variance, weight_1):
    return (mean_1 + mean_2) / 2 + variance / (mean_2 - mean_1) * math.log(weight_1 / (1 - weight_1))


def log_likelihood(values, counts, weights, means, variances):
    K = len(weights)
    total = 0.0
    for value, count in zip(values, counts):
        terms = np.empty(K)
        for k in range(K):
            terms[k] = math.log(weights[k] / math.sqrt(2 * math.pi * variances[k]))
            terms[k] -= (value - means[k]) ** 2 / (2 * variances[k])
        top = terms.max()
        total += count * (top + math.log(np.exp(terms - top).sum()))
    return total


def score(x, resp, means, variances):
    out = np.zeros(len(means))
    for i in range(len(x)):
        for k in range(len(means)):
            out[k] += resp[i, k] * (x[i] - means[k]) / variances[k]
    return out


def weighted_m_step(X, resp, sample_weight):
    n, d = X.shape
    K = resp.shape[1]
    weights, means, covariances = np.zeros(K), np.zeros((K, d)), np.zeros((K, d, d))
    for k in range(K):
        count = 0.0
        for i in range(n):
            count += sample_weight[i] * resp[i, k]
        for i in range(n):
            for j in range(d):
                means[k, j] += sample_weight[i] * resp[i, k] * (X[i, j] - X[0, j]) / count
        for j in range(d):
            means[k, j] += X[0, j]
        for i in range(n):
            for j in range(d):
                for m in range(d):
                    term = (X[i, j] - means[k, j]) * (X[i, m] - means[k, m])
                    covariances[k, j, m] += sample_weight[i] * resp[i, k] * term / count
        weights[k] = count / sample_weight.sum()
    return weights, means, covariances


def m_step_with_a_background(X, resp):
    n, d = X.shape
    K = resp.shape[1]
    weights, means, covariances = np.zeros(K), np.zeros((K - 1, d)), np.zeros((K - 1, d, d))
    for k in range(K):
        count = resp[:, k].sum()
        weights[k] = count / n
        if k == K - 1:
            break
        for i in range(n):
            means[k] += resp[i, k] * X[i] / count
        for i in range(n):
            difference = X[i] - means[k]
            covariances[k] += resp[i, k] * np.outer(difference, difference) / count
    return weights, means, covariances


def bound(q, log_joint):
    total = 0.0
    for i in range(q.shape[0]):
        for k in range(q.shape[1]):
            if q[i, k] > 0:
                total += q[i, k] * (log_joint[i, k] - math.log(q[i, k]))
    return total


def e_step(X, weights, means, covariances, labels):
    n, d = X.shape
    K = len(weights)
    resp = np.empty((n, K))
    total = 0.0
    for k in range(K):
        L = np.linalg.cholesky(covariances[k])
        for i in range(n):
            y = np.linalg.solve(L, X[i] - means[k])
            half = 0.5 * (y**2).sum() + np.log(np.diag(L)).sum() + 0.5 * d * math.log(2 * math.pi)
            resp[i, k] = math.log(weights[k]) - half
    for i in range(n):
        top = resp[i].max()
        value = top + math.log(np.exp(resp[i] - top).sum())
        total += value if labels[i] < 0 else resp[i, labels[i]]
        for k in range(K):
            if labels[i] < 0:
                resp[i, k] = math.exp(resp[i, k] - value)
            else:
                resp[i, k] = 1.0 if k == labels[i] else 0.0
    return resp, total


def one_iteration(x, weights, means, variances):
    n, K = len(x), len(weights)
    resp = np.empty((n, K))
    total = 0.0
    for i in range(n):
        for k in range(K):
            squared = (x[i] - means[k]) ** 2 / variances[k]
            resp[i, k] = math.log(weights[k]) - 0.5 * (math.log(2 * math.pi * variances[k]) + squared)
        top = resp[i].max()
        value = top + math.log(np.exp(resp[i] - top).sum())
        total += value
        resp[i] = np.exp(resp[i] - value)
    new_means, new_variances, counts = np.zeros(K), np.zeros(K), np.zeros(K)
    for k in range(K):
        counts[k] = resp[:, k].sum()
        new_means[k] = (resp[:, k] * x).sum() / counts[k]
        new_variances[k] = (resp[:, k] * (x - new_means[k]) ** 2).sum() / counts[k]
    return total, counts / n, new_means, new_variances


def plusplus(X, centres):
    n = len(X)
    nearest, out = np.full(n, np.inf), np.zeros(n)
    for i in range(n):
        for k in range(len(centres)):
            nearest[i] = min(nearest[i], ((X[i] - centres[k]) ** 2).sum())
    for i in range(n):
        for j in range(n):
            out[i] += min(nearest[j], ((X[j] - X[i]) ** 2).sum())
    return out


def from_labels(X, labels, K):
    n, d = X.shape
    weights, means, covariances = np.zeros(K), np.zeros((K, d)), np.zeros((K, d, d))
    for i in range(n):
        weights[labels[i]] += 1
        means[labels[i]] += X[i]
    for k in range(K):
        means[k] /= weights[k]
    for i in range(n):
        k = labels[i]
        difference = X[i] - means[k]
        covariances[k] += np.outer(difference, difference) / weights[k]
    return weights / n, means, covariances


def spherical(X, means, variance):
    n, d = X.shape
    K = len(means)
    resp, new, total = np.empty((n, K)), np.zeros((K, d)), 0.0
    for i in range(n):
        for k in range(K):
            resp[i, k] = -((X[i] - means[k]) ** 2).sum() / (2 * variance)
        resp[i] = np.exp(resp[i] - resp[i].max())
        resp[i] /= resp[i].sum()
    for k in range(K):
        for i in range(n):
            new[k] += resp[i, k] * X[i]
        new[k] /= resp[:, k].sum()
        for i in range(n):
            total += resp[i, k] * ((X[i] - new[k]) ** 2).sum()
    return new, total / (n * d)


def iteration(X, centres):
    K, d = centres.shape
    sums, counts = np.zeros((K, d)), np.zeros(K)
    for i in range(len(X)):
        best, place = np.inf, 0
        for k in range(K):
            squared = ((X[i] - centres[k]) ** 2).sum()
            if squared < best:
                best, place = squared, k
        sums[place] += X[i]
        counts[place] += 1
    moved = centres.copy()
    for k in range(K):
        if counts[k] > 0:
            moved[k] = sums[k] / counts[k]
    return moved


def diagonal(X, resp, means):
    n, d = X.shape
    out = np.zeros(d)
    for i in range(n):
        for k in range(len(means)):
            for j in range(d):
                out[j] += resp[i, k] * (X[i, j] - means[k, j]) ** 2
    return out / n


def pooled(resp, covariances):
    out = np.zeros(covariances.shape[1:])
    for k in range(len(covariances)):
        out += resp[:, k].sum() / len(resp) * covariances[k]
    return out


def family(name, K, d):
    sizes = (1, d - 1, d * (d - 1) // 2)
    total = 0
    for letter, size in zip(name, sizes):
        if letter == "E":
            total += size
        elif letter == "V":
            total += K * size
    return total


def equal_volumes(covariances, counts):
    K, d = len(counts), covariances.shape[1]
    volumes, mean = np.empty(K), 0.0
    for k in range(K):
        L = np.linalg.cholesky(covariances[k])
        log_volume = 0.0
        for j in range(d):
            log_volume += 2 * math.log(L[j, j]) / d
        volumes[k] = math.exp(log_volume)
        mean += counts[k] * volumes[k] / counts.sum()
    out = covariances.copy()
    for k in range(K):
        out[k] *= mean / volumes[k]
    return out


def equal_axes(covariances, counts):
    K, d = len(counts), covariances.shape[1]
    common, axes = np.zeros(d), np.empty(covariances.shape)
    for k in range(K):
        values, vectors = np.linalg.eigh(covariances[k])
        common += counts[k] / counts.sum() * values
        axes[k] = vectors
    out = np.zeros(covariances.shape)
    for k in range(K):
        for j in range(d):
            for l in range(d):
                for m in range(d):
                    out[k, j, l] += axes[k, j, m] * common[m] * axes[k, l, m]
    return out


def merge_cost(counts, means, squares, n):
    total = 0.0
    for j in range(len(squares)):
        added = counts[0] * counts[1] / (counts[0] + counts[1]) * (means[0, j] - means[1, j]) ** 2
        total += n / 2 * math.log1p(added / squares[j])
    return total


def map_covariance(X, resp, means, scale, dof):
    n, d = X.shape
    out = scale.copy()
    for k in range(len(means)):
        for i in range(n):
            for j in range(d):
                for m in range(d):
                    out[j, m] += resp[i, k] * (X[i, j] - means[k, j]) * (X[i, m] - means[k, m])
    return out / (dof + d + 1 + n)


def prior(X, K):
    n, d = X.shape
    scale = np.zeros((d, d))
    mean = np.zeros(d)
    for i in range(n):
        mean += X[i] / n
    for i in range(n):
        scale += np.outer(X[i] - mean, X[i] - mean) / n
    return scale / K ** (2 / d), d + 2


def bic(log_likelihood, n, K, d, structure):
    count = K - 1 + K * d
    if structure == "full":
        count += K * d * (d + 1) // 2
    elif structure == "tied":
        count += d * (d + 1) // 2
    elif structure == "diag":
        count += K * d
    else:
        count += K
    return -2 * log_likelihood + count * math.log(n)


def icl(log_joint, p):
    total = 0.0
    for row in log_joint:
        top = row.max()
        value = top + math.log(np.exp(row - top).sum())
        for a in row:
            if a > -math.inf:
                total += math.exp(a - value) * a
    return -2 * total + p * math.log(len(log_joint))


def cross_validation(x, k):
    n = len(x)
    total = 0.0
    first = 0
    for fold in range(k):
        size = n // k + (1 if fold < n % k else 0)
        last = first + size
        mean = (x[:first].sum() + x[last:].sum()) / (n - size)
        variance = (((x[:first] - mean) ** 2).sum() + ((x[last:] - mean) ** 2).sum()) / (n - size)
        for i in range(first, last):
            total -= 0.5 * (math.log(2 * math.pi * variance) + (x[i] - mean) ** 2 / variance)
        first = last
    return total / n


def m_step_with_a_known_mean(X, resp, known):
    n, d = X.shape
    K = resp.shape[1]
    weights, means, covariances = np.zeros(K), np.zeros((K, d)), np.zeros((K, d, d))
    for k in range(K):
        count = resp[:, k].sum()
        for i in range(n):
            means[k] += resp[i, k] * X[i] / count
        if k == 0:
            means[k] = known
        for i in range(n):
            difference = X[i] - means[k]
            covariances[k] += resp[i, k] * np.outer(difference, difference) / count
        weights[k] = count / n
    return weights, means, covariances


def wait(first, second, third, gap):
    ratio = (third - second) / (second - first)
    rest = (third - second) * ratio / (1 - ratio)
    count = 0
    while rest >= gap:
        rest *= ratio
        count += 1
    return count


def stuck(X):
    n, d = X.shape
    mean = np.zeros(d)
    for i in range(n):
        mean += X[i] / n
    covariance = np.zeros((d, d))
    for i in range(n):
        covariance += np.outer(X[i] - mean, X[i] - mean) / n
    weights, means, covariances = np.array([0.25, 0.25, 0.5]), np.empty((3, d)), np.empty((3, d, d))
    for k in range(3):
        means[k] = X[0] if k < 2 else X[1]
        covariances[k] = covariance
    return weights, means, covariances


def far_apart(x):
    return 10.0, 34.0


def diagonal_e_step(X, alpha, m, beta, Psi, nu):
    n, d = X.shape
    K = len(alpha)
    resp = np.empty((n, K))
    for i in range(n):
        for k in range(K):
            resp[i, k] = digamma_kernel(alpha[k]) - 0.5 * d / beta[k]
            for j in range(d):
                log_precision = digamma_kernel(nu[k] / 2) + math.log(2 / Psi[k, j])
                resp[i, k] += 0.5 * (log_precision - nu[k] * (X[i, j] - m[k, j]) ** 2 / Psi[k, j])
        resp[i] = np.exp(resp[i] - resp[i].max())
        resp[i] /= resp[i].sum()
    return resp


def shared_precision(X, resp, m0, beta0, Psi0, nu0):
    n = len(X)
    Psi = Psi0.copy()
    for k in range(resp.shape[1]):
        mean, count = beta0 * m0, beta0
        for i in range(n):
            mean = mean + resp[i, k] * X[i]
            count = count + resp[i, k]
        mean = mean / count
        Psi += beta0 * np.outer(mean - m0, mean - m0)
        for i in range(n):
            Psi += resp[i, k] * np.outer(X[i] - mean, X[i] - mean)
    return nu0 + n, Psi


def labels_log_probability(labels, K, alpha0):
    counts = np.zeros(K)
    for i in range(len(labels)):
        counts[labels[i]] += 1
    total = math.lgamma(K * alpha0) - math.lgamma(K * alpha0 + len(labels))
    for k in range(K):
        total += math.lgamma(alpha0 + counts[k]) - math.lgamma(alpha0)
    return total


def entropy_of_clusters(resp, groups):
    total = 0.0
    for i in range(len(resp)):
        for g in range(groups.max() + 1):
            share = 0.0
            for k in range(len(groups)):
                if groups[k] == g:
                    share += resp[i, k]
            if share > 0.0:
                total -= share * math.log(share)
    return total


def order_of_columns(resp, reference):
    n, K = resp.shape
    best, cost = np.zeros(K, dtype=np.int64), math.inf
    for number in range(K**K):  # each choice of a column for each place; those that take one twice are left out
        order, rest = np.zeros(K, dtype=np.int64), number
        for k in range(K):
            order[k] = rest % K
            rest //= K
        total, twice = 0.0, False
        for k in range(K):
            for other in range(k):
                twice = twice or order[k] == order[other]
            for i in range(n):
                total += (reference[i, k] - resp[i, order[k]]) ** 2
        if not twice and total < cost:
            best, cost = order, total
    return best


def interval_of_a_weight(weight, error, z):
    centre = math.log(weight / (1 - weight))
    width = z * error / (weight * (1 - weight))
    return 1 / (1 + math.exp(width - centre)), 1 / (1 + math.exp(-width - centre))


def error_of_a_difference(replicates, j, k):
    B = len(replicates)
    mean, squares = 0.0, 0.0
    for b in range(B):
        mean += (replicates[b, j] - replicates[b, k]) / B
    for b in range(B):
        squares += (replicates[b, j] - replicates[b, k] - mean) ** 2
    return math.sqrt(squares / (B - 1))


def step_with_noise(X, resp):
    n, d = X.shape
    K = resp.shape[1] - 1
    weights, means, covariances = np.zeros(K + 1), np.zeros((K, d)), np.zeros((K, d, d))
    for k in range(K + 1):
        count = 0.0
        for i in range(n):
            count += resp[i, k]
        weights[k] = count / n
        if k == K:
            break
        for i in range(n):
            means[k] += resp[i, k] * X[i] / count
        for i in range(n):
            covariances[k] += resp[i, k] * np.outer(X[i] - means[k], X[i] - means[k]) / count
    return weights, means, covariances


def pull(x, mean, variance, dof):
    result = np.empty(len(x))
    for i in range(len(x)):
        z = x[i] - mean
        result[i] = (dof + 1) * z / (dof * variance + z * z)
    return result


def dof_of_moments(x):
    n = len(x)
    mean, second, fourth = 0.0, 0.0, 0.0
    for i in range(n):
        mean += x[i] / n
    for i in range(n):
        second += (x[i] - mean) ** 2 / n
        fourth += (x[i] - mean) ** 4 / n
    return 4 + 6 / (fourth / second**2 - 3)


def conditional_of_t(x, mean, scale, dof):
    slope = scale[0, 1] / scale[1, 1]
    z = x - mean[1]
    left = scale[0, 0] - slope * scale[0, 1]
    return mean[0] + slope * z, (dof + z * z / scale[1, 1]) / (dof + 1) * left, dof + 1


def mean_p(scores, calibration, folds):
    count = len(scores)
    for i in range(len(calibration)):
        if calibration[i] <= scores[folds[i]]:
            count += 1
    return count / (len(calibration) + len(scores))


def detection(usual, odd, alpha):
    rank = math.floor(alpha * (len(usual) + 1) + 1e-9)
    flagged = 0
    for score in odd:
        as_low = 0
        for other in usual:
            if other <= score:
                as_low += 1
        if as_low < rank:
            flagged += 1
    return flagged / len(odd)


def diagonal_surprise(x, weights, means, variances):
    d, K = len(x), len(weights)
    whole, result = np.empty(K), np.empty(d)
    for k in range(K):
        whole[k] = math.log(weights[k])
        for j in range(d):
            whole[k] -= 0.5 * (math.log(2 * math.pi * variances[k, j]) + (x[j] - means[k, j]) ** 2 / variances[k, j])
    for j in range(d):
        rest = np.empty(K)
        for k in range(K):
            rest[k] = whole[k] + 0.5 * (
                math.log(2 * math.pi * variances[k, j]) + (x[j] - means[k, j]) ** 2 / variances[k, j]
            )
        result[j] = rest.max() + math.log(np.exp(rest - rest.max()).sum())
        result[j] -= whole.max() + math.log(np.exp(whole - whole.max()).sum())
    return result


def observed(x, weights, means, variances):
    log_joint = np.empty(len(weights))
    for k in range(len(weights)):
        log_joint[k] = math.log(weights[k])
        for j in range(len(x)):
            if not math.isnan(x[j]):
                squared = (x[j] - means[k, j]) ** 2 / variances[k, j]
                log_joint[k] -= 0.5 * (math.log(2 * math.pi * variances[k, j]) + squared)
    peak, total = log_joint.max(), 0.0
    for k in range(len(weights)):
        total += math.exp(log_joint[k] - peak)
    return peak + math.log(total)


def answer(x, y, weights, means, covariances):
    K = len(weights)
    joint, given = np.empty(K), np.empty(K)
    for k in range(K):
        variance, slope = covariances[k, 0, 0], covariances[k, 0, 1] / covariances[k, 0, 0]
        z = x - means[k, 0]
        given[k] = math.log(weights[k]) - 0.5 * (math.log(2 * math.pi * variance) + z * z / variance)
        left = covariances[k, 1, 1] - slope * covariances[k, 0, 1]
        rest = y - means[k, 1] - slope * z
        joint[k] = given[k] - 0.5 * (math.log(2 * math.pi * left) + rest * rest / left)
    top, bottom = joint.max(), given.max()
    return top - bottom + math.log(np.exp(joint - top).sum()) - math.log(np.exp(given - bottom).sum())


def draw(x1, u, z, weights, means, covariances):
    K = len(weights)
    given = np.empty(K)
    for k in range(K):
        squared = (x1 - means[k, 0]) ** 2 / covariances[k, 0, 0]
        given[k] = math.log(weights[k]) - 0.5 * (math.log(covariances[k, 0, 0]) + squared)
    shares = np.exp(given - given.max())
    k, reached = 0, shares[0] / shares.sum()
    while reached <= u and k < K - 1:
        k += 1
        reached += shares[k] / shares.sum()
    slope = covariances[k, 0, 1] / covariances[k, 0, 0]
    left = covariances[k, 1, 1] - slope * covariances[k, 0, 1]
    return means[k, 1] + slope * (x1 - means[k, 0]) + math.sqrt(left) * z


def nearer(new, seen, unseen):
    count = 0
    for i in range(len(new)):
        near, far = np.inf, np.inf
        for j in range(len(seen)):
            near = min(near, ((new[i] - seen[j]) ** 2).sum())
        for j in range(len(unseen)):
            far = min(far, ((new[i] - unseen[j]) ** 2).sum())
        if near < far:
            count += 1
    return count / len(new)


def step_through_gaps(x, y, mean, covariance):
    n, slope = len(x), covariance[0, 1] / covariance[0, 0]
    left = covariance[1, 1] - slope * covariance[0, 1]
    filled, extra = np.empty(n), 0.0
    for i in range(n):
        filled[i] = y[i]
        if math.isnan(y[i]):
            filled[i] = mean[1] + slope * (x[i] - mean[0])
            extra += left
    new = np.array([x.mean(), filled.mean()])
    result = np.zeros((2, 2))
    for i in range(n):
        a, b = x[i] - new[0], filled[i] - new[1]
        result[0, 0] += a * a / n
        result[0, 1] += a * b / n
        result[1, 1] += b * b / n
    result[1, 0] = result[0, 1]
    result[1, 1] += extra / n
    return new, result


def covariances_of_parts(scale, shape, orientation):
    d, K = shape.shape
    out = np.zeros((K, d, d))
    for k in range(K):
        for i in range(d):
            for j in range(d):
                for m in range(d):
                    out[k, i, j] += orientation[i, m, k] * scale[k] * shape[m, k] * orientation[j, m, k]
    return out


def factor_of_precision(R):
    d = len(R)
    P = np.zeros((d, d))
    for j in range(d):
        P[j, j] = 1.0 / R[j, j]
        for i in range(j - 1, -1, -1):
            total = 0.0
            for m in range(i + 1, j + 1):
                total += R[i, m] * P[m, j]
            P[i, j] = -total / R[i, i]
    return P


def stop(values, tol):
    t = 1
    while t < len(values) - 1 and abs(values[t] - values[t - 1]) >= tol * (1.0 + abs(values[t])):
        t += 1
    return t


def unit(log_likelihood, n, d):
    return math.exp(log_likelihood / (n * d))


def one_walk(a):
    top, total = a[0], 1.0
    for i in range(1, len(a)):
        if a[i] > top:
            total *= math.exp(top - a[i])
            top = a[i]
        total += math.exp(a[i] - top)
    return top + math.log(total)


def exponential(x):
    out = np.empty(len(x))
    for i in range(len(x)):
        g = round(x[i] / math.log(2.0))
        v = x[i] - g * math.log(2.0)
        term, total = 1.0, 1.0
        for j in range(1, 16):
            term *= v / j
            total += term
        out[i] = total * 2.0**g
    return out


def moments_by_blocks(X, r, centre, length):
    n, d = X.shape
    count, first, second = 0.0, np.zeros(d), np.zeros((d, d))
    for start in range(0, n, length):
        for i in range(start, min(start + length, n)):
            count += r[i]
            for j in range(d):
                first[j] += r[i] * (X[i, j] - centre[j])
                for m in range(d):
                    second[j, m] += r[i] * (X[i, j] - centre[j]) * (X[i, m] - centre[m])
    return count, first, second


def merge_groups(n_a, mean_a, covariance_a, n_b, mean_b, covariance_b):
    n, d = n_a + n_b, len(mean_a)
    mean, covariance = np.empty(d), np.empty((d, d))
    for i in range(d):
        mean[i] = mean_a[i] + n_b / n * (mean_b[i] - mean_a[i])
    for i in range(d):
        for j in range(d):
            gaps = (mean_b[i] - mean_a[i]) * (mean_b[j] - mean_a[j])
            covariance[i, j] = (n_a * covariance_a[i, j] + n_b * covariance_b[i, j] + n_a * n_b / n * gaps) / n
    return n, mean, covariance


def tree(values):
    sums, n = np.copy(values), len(values)
    while n > 1:
        for j in range(n // 2):
            sums[j] = sums[2 * j] + sums[2 * j + 1]
        if n % 2 == 1:
            sums[n // 2] = sums[n - 1]
        n = (n + 1) // 2
    return sums[0]


def reservoir(u, size):
    kept = np.arange(size)
    for i in range(size, len(u)):
        place = int(u[i] * (i + 1))
        if place < size:
            kept[place] = i
    return kept


ANSWERS = {
    "ex-why-nearest": nearest,
    "ex-why-parameters": parameters,
    "ex-why-border": border,
    "ex-gaussian-log-density": log_density,
    "ex-gaussian-merge": merge,
    "ex-mixture-log-density": mixture_log_density,
    "ex-mixture-labels": labels,
    "ex-mixture-draws": draws,
    "ex-mixture-split": split,
    "ex-log-sum-exp": log_odds,
    "ex-resp-line": line,
    "ex-resp-boundary": boundary,
    "ex-loglik-line": log_likelihood,
    "ex-loglik-score": score,
    "ex-mstep-code": m_step_with_a_background,
    "ex-mstep-sample-weights": weighted_m_step,
    "ex-em-bound": bound,
    "ex-em-e-step": e_step,
    "ex-em-m-step": m_step_with_a_known_mean,
    "ex-em-variance-bug": one_iteration,
    "ex-converge-wait": wait,
    "ex-em-stuck": stuck,
    "ex-start-plusplus": plusplus,
    "ex-start-labels": from_labels,
    "ex-start-far-apart": far_apart,
    "ex-kmeans-spherical": spherical,
    "ex-kmeans-iteration": iteration,
    "ex-structures-diagonal": diagonal,
    "ex-structures-pool": pooled,
    "ex-structures-family": family,
    "ex-fourteen-evv": equal_volumes,
    "ex-fourteen-eev": equal_axes,
    "ex-fourteen-merge": merge_cost,
    "ex-vb-diagonal": diagonal_e_step,
    "ex-vb-tied": shared_precision,
    "ex-vb-labels": labels_log_probability,
    "ex-read-entropy": entropy_of_clusters,
    "ex-read-order": order_of_columns,
    "ex-read-interval": interval_of_a_weight,
    "ex-read-difference": error_of_a_difference,
    "ex-tails-noise-step": step_with_noise,
    "ex-tails-pull": pull,
    "ex-tails-moments": dof_of_moments,
    "ex-tails-conditional": conditional_of_t,
    "ex-anomaly-mean-p": mean_p,
    "ex-anomaly-power": detection,
    "ex-anomaly-diagonal": diagonal_surprise,
    "ex-singular-map": map_covariance,
    "ex-singular-prior": prior,
    "ex-select-bic": bic,
    "ex-select-icl": icl,
    "ex-select-cv": cross_validation,
    "ex-given-observed": observed,
    "ex-given-answer": answer,
    "ex-given-draw": draw,
    "ex-given-nearest": nearer,
    "ex-given-step": step_through_gaps,
    "ex-tools-layout": covariances_of_parts,
    "ex-tools-factor": factor_of_precision,
    "ex-tools-stop": stop,
    "ex-tools-unit": unit,
    "ex-fast-walk": one_walk,
    "ex-fast-exponential": exponential,
    "ex-fast-blocks": moments_by_blocks,
    "ex-memory-merge": merge_groups,
    "ex-memory-tree": tree,
    "ex-memory-reservoir": reservoir,
}


def test_every_function_but_those_of_debugging_is_here():
    asked = {label for label, task in EXERCISES.items() if task.cases and "-debug-" not in label}
    assert set(ANSWERS) == asked


@pytest.mark.parametrize("label", ANSWERS)
def test_plain_loops_are_right(label):
    assert examine(label, ANSWERS[label]).right, examine(label, ANSWERS[label]).text


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::numba.NumbaWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("label", ANSWERS)
def test_compiled_loops_are_right(label):
    found = examine(label, numba.njit(ANSWERS[label]))
    assert found.right, found.text


def test_the_e_step_agrees_with_the_package():
    X, weights, means, covariances, _ = EXERCISES["ex-em-e-step"].cases[1]
    resp, total = e_step(X, weights, means, covariances, np.full(len(X), -1))
    np.testing.assert_allclose(resp, gmm.responsibilities(X, weights, means, covariances), rtol=1e-10)
    assert total == pytest.approx(gmm.log_likelihood(X, weights, means, covariances))
