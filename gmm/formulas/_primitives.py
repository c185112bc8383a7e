"""Two kernels that are needed before the chapters that derive them.

The checks of every chapter factorise covariances (`gmm.formulas.gaussian` has the formula), and the mixture density of
chapter 3 is a log-sum-exp (`gmm.formulas.responsibilities`).
"""

from __future__ import annotations

import math

import numpy as np

from gmm._compile import kernel


@kernel
def cholesky_kernel(covariance):
    d = covariance.shape[0]
    L = np.zeros((d, d))
    for j in range(d):
        for l in range(j, d):
            rest = covariance[l, j]
            for m in range(j):
                rest -= L[l, m] * L[j, m]
            if l == j:
                L[j, j] = np.sqrt(rest)  # NaN when the matrix is not positive definite
            else:
                L[l, j] = rest / L[j, j]
    return L


@kernel
def log_sum_exp_kernel(a):
    n, K = a.shape
    result = np.empty(n)
    for i in range(n):
        top = a[i, 0]
        for k in range(1, K):
            top = max(top, a[i, k])
        if math.isinf(top):  # all terms are zero, or one is infinite: nothing to rescale
            result[i] = top
            continue
        total = 0.0
        for k in range(K):
            total += math.exp(a[i, k] - top)
        result[i] = top + math.log(total)
    return result
