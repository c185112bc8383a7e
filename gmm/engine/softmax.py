"""From log joints to responsibilities, a block at a time."""

import math

from gmm.engine.compilation import block, exact, inlined
from gmm.engine.exp import exp
from gmm.engine.simd import WIDE, add, div, load_wide, maximum, mul, store, sub, total, wide

LOWEST = -1.7976931348623157e308


@exact
def add_logarithms(value, scratch):
    """Value plus the logarithms of the first WIDE numbers of scratch: in order, however the compiler arranges the rest.

    Starts that end in the same maximum are told apart by the last digit of their log-likelihoods.
    """
    for b in range(WIDE):
        value += math.log(scratch[0, b])
    return value


@inlined
def factors_in_range(n_components):
    """So many numbers from 1 to K have a product below 2**1023: 1023 / b of them, where K < 2**b."""
    bits = 1
    while n_components >> bits:
        bits += 1
    return 1023 // bits


@block
def responsibilities(log_joint, size, padded, sample_weight, start, scratch):
    """Turn log joints into (weighted) responsibilities in place and return the block's log-likelihood.

    The softmax of eq-responsibility and the log-sum-exp of eq-log-likelihood share their exponentials.

    log_joint[k, b] = log π_k + log N(x_b | μ_k, Σ_k) becomes w_b r_bk, with columns size … padded - 1 set to zero.
    The result is Σ_b w_b log Σ_k exp(log_joint[k, b]). `sample_weight` is empty where every weight is 1.
    `scratch` is a (2, padded) workspace.
    """
    n_components = log_joint.shape[0]
    weighted = sample_weight.size > 0
    # One logarithm of a product of many evidences, for each is in [1, K].
    together = factors_in_range(n_components) * WIDE
    last = padded if weighted else together - WIDE  # the strip that completes a product
    log_likelihood = 0.0
    tops = wide(0.0)
    product = wide(1.0)
    for b in range(0, padded, WIDE):
        # Log-sum-exp subtracts the maximum: every exponent is <= 0 and one of them is 0.
        top = load_wide(log_joint, 0, b)
        for k in range(1, n_components):
            top = maximum(top, load_wide(log_joint, k, b))
        top = maximum(top, wide(LOWEST))  # -inf - -inf would be NaN
        evidence = wide(0.0)
        for k in range(n_components):
            e = exp(sub(load_wide(log_joint, k, b), top))
            store(log_joint, k, b, e)
            evidence = add(evidence, e)
        inverse = div(wide(1.0), evidence)
        for k in range(n_components):
            store(log_joint, k, b, mul(load_wide(log_joint, k, b), inverse))
        if weighted or b + WIDE > size:
            store(scratch, 0, b, top)
            store(scratch, 1, b, evidence)
            for c in range(size if size > b else b, b + WIDE):  # the padding counts for nothing
                scratch[0, c] = 0.0
                scratch[1, c] = 1.0
                for k in range(n_components):
                    log_joint[k, c] = 0.0
            top = load_wide(scratch, 0, b)
            evidence = load_wide(scratch, 1, b)
        tops = add(tops, top)
        product = mul(product, evidence)
        if b == last:
            store(scratch, 0, 0, product)
            log_likelihood = add_logarithms(log_likelihood, scratch)
            product = wide(1.0)
            last += together
    if weighted:
        for b in range(size):
            w = sample_weight[start + b]
            if w > 0.0:
                log_likelihood += w * (scratch[0, b] + math.log(scratch[1, b]))
        for k in range(n_components):
            for b in range(size):
                log_joint[k, b] *= sample_weight[start + b]
        return log_likelihood
    store(scratch, 0, 0, product)
    return add_logarithms(log_likelihood + total(tops), scratch)


@block
def row_total(a, k, padded):
    """Σ_b a[k, b]."""
    result = wide(0.0)
    for b in range(0, padded, WIDE):
        result = add(result, load_wide(a, k, b))
    return total(result)


LOG_PROB, JOINT, LOG_RESPONSIBILITIES, RESPONSIBILITIES, LABELS = range(5)


@block
def emit(log_joint, size, padded, start, what, scratch, outputs):
    """Write one result per sample of a block whose first sample is number `start`.

    scores (n,) receives log Σ_k exp(log_joint), eq-mixture-log-density (where it is not empty). `what` chooses the
    rest: JOINT (eq-joint-density), LOG_RESPONSIBILITIES (eq-log-responsibility) or RESPONSIBILITIES (eq-responsibility)
    fill table (n, K); LABELS fills labels (n,) with the first component of the largest log joint (eq-hard-labels; -1
    where all are -inf).
    """
    scores, table, labels = outputs
    n_components = log_joint.shape[0]
    if what == JOINT:
        for b in range(size):
            for k in range(n_components):
                table[start + b, k] = log_joint[k, b]
        return
    if what == LABELS:
        for b in range(size):
            best = 0
            for k in range(1, n_components):
                if log_joint[k, b] > log_joint[best, b]:
                    best = k
            labels[start + b] = best if log_joint[best, b] > -math.inf else -1
        return
    for b in range(0, padded, WIDE):
        top = load_wide(log_joint, 0, b)
        for k in range(1, n_components):
            top = maximum(top, load_wide(log_joint, k, b))
        top = maximum(top, wide(LOWEST))
        evidence = wide(0.0)
        for k in range(n_components):
            shifted = sub(load_wide(log_joint, k, b), top)
            e = exp(shifted)
            evidence = add(evidence, e)
            store(log_joint, k, b, e if what == RESPONSIBILITIES else shifted)
        # The logarithm is taken one sample at a time: scratch (2, WIDE) hands over the lanes.
        store(scratch, 0, 0, top)
        store(scratch, 1, 0, evidence)
        for c in range(min(WIDE, size - b)):
            row = start + b + c
            log_evidence = math.log(scratch[1, c])
            if scores.size:
                scores[row] = scratch[0, c] + log_evidence
            if what == RESPONSIBILITIES:
                for k in range(n_components):
                    table[row, k] = log_joint[k, b + c] / scratch[1, c]
            elif what == LOG_RESPONSIBILITIES:
                for k in range(n_components):
                    table[row, k] = log_joint[k, b + c] - log_evidence
