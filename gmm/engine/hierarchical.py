"""Agglomerative clustering by the classification likelihood: the two clusters whose union costs least become one.

The criterion is a sum over clusters of a term that depends on their size n, mean and scatter W (eq-merge-cost). With
tr W / n the mean square of a cluster and α the mean variance of all features,

    EII  tr W                                        VII  n log((tr W + α) / n)
    EEE  log |ΣW|, of all clusters together          VVV  n log(|W / n| + β (tr W + α) / n), without |W / n| for n ≤ d

and what a union costs is its term less those of its parts (Fraley 1998). The traces keep clusters of few samples, or of
collinear ones, from being worth -∞; EEE takes |ΣW| + tr ΣW instead of |ΣW| until that determinant reaches α, with all
sums divided by n.

EII, VII and VVV keep the costs of all pairs, m (m - 1) / 2 numbers, and of each row the smallest: a union changes the
costs of one cluster alone, so that all of it takes about m² evaluations. In EEE it changes all of them, but only
upwards: the smallest of each row is a bound until it is looked at again, and no costs are kept.

Where costs tie, the last pair is taken, pairs (i, j) being ordered by their larger number j and then by i, and the last
cluster moves into the place of the one that is gone: mclust's order.
"""

import math
from typing import NamedTuple

import numpy as np

from gmm.engine import threads
from gmm.engine.compilation import block, entry, exact
from gmm.engine.small_algebra import cholesky, invert_lower

MODELS = ("EII", "VII", "EEE", "VVV")
EII, VII, EEE, VVV = range(4)
# Operations of one compiled bout, about a tenth of a second: after each, Python can hear Ctrl-C.
BOUT = 2e8
EPS = np.finfo(np.float64).eps
SLACK = 1e-9  # by how much a bound is lowered, as a part of it, because of rounding
SMALL, LARGE = 1e-150, 1e150  # a determinant outside is kept as its logarithm


class Merges(NamedTuple):
    """The unions in their order: numbers (a, b), a < b, of the first member of each cluster; what each union cost."""

    pairs: np.ndarray
    costs: np.ndarray


class Clusters(NamedTuple):
    """The clusters that there are so far, in the places 0 … m - 1, of which the first are in use.

    sums : (m, d), √n times the mean
    counts, traces, terms : (m,), size n, tr W and the criterion's term
    heads : (m,), number of the first member
    scatter : (m, d, d), W; of no use but in VVV
    best, near : (m,), the smallest cost of a row, or a bound of it, and where it stands
    """

    sums: np.ndarray
    counts: np.ndarray
    traces: np.ndarray
    terms: np.ndarray
    heads: np.ndarray
    scatter: np.ndarray
    best: np.ndarray
    near: np.ndarray


@exact
def term_of(model, n, trace, scatter, alpha, beta, factor):
    """The criterion's term of one cluster (VII, VVV); of EII the trace."""
    if model == EII:
        return trace
    regular = (trace + alpha) / n
    if model == VII:
        return n * math.log(regular)
    regular *= beta
    d = scatter.shape[0]
    if n <= d or trace == 0.0:
        return n * math.log(regular)
    product, log_rest = 1.0, 0.0  # |W / n| = product · exp(log_rest)
    for i in range(d):
        for j in range(i + 1):
            s = scatter[i, j]
            for m in range(j):
                s -= factor[i, m] * factor[j, m]
            if j < i:
                factor[i, j] = s * factor[j, j]
            elif not s > 0.0:
                return n * math.log(regular)
            else:
                factor[i, i] = 1.0 / math.sqrt(s)
                product *= s / n
        if not SMALL < product < LARGE:
            log_rest += math.log(product)
            product = 1.0
    if log_rest == 0.0:
        return n * math.log(product + regular)
    log_det = log_rest + math.log(product)
    if log_det <= 0.0:
        return n * math.log(math.exp(log_det) + regular)
    return n * (math.log(1.0 + math.exp(-log_det) * regular) + log_det)


@exact
def unite(model, c, i, j, joint, difference):
    """Size and trace of the union of i and j; its scatter goes to `joint` (VVV): W_i + W_j + v vᵀ."""
    d = c.sums.shape[1]
    n = c.counts[i] + c.counts[j]
    a, b = math.sqrt(c.counts[i] / n), math.sqrt(c.counts[j] / n)
    square = 0.0
    for p in range(d):
        v = b * c.sums[i, p] - a * c.sums[j, p]
        difference[p] = v
        square += v * v
    if model == VVV:
        for p in range(d):
            for q in range(p + 1):
                joint[p, q] = c.scatter[i, p, q] + c.scatter[j, p, q] + difference[p] * difference[q]
    return n, (c.traces[i] + c.traces[j]) + square


@exact
def from_parts(m, n_i, n_j, cost_i, cost_j, cost):
    """EII: the cost of a cluster of m samples and the union of i and j, from those of its parts (Lance & Williams)."""
    return (((m + n_i) * cost_i + (m + n_j) * cost_j) - m * cost) / (m + (n_i + n_j))


@block
def look_along(costs, best, near, j):
    """The smallest cost of row j and where it stands, the last of equals."""
    base = (j * (j - 1)) // 2
    least, where = costs[base], 0
    for i in range(1, j):
        if costs[base + i] <= least:
            least, where = costs[base + i], i
    best[j], near[j] = least, where


@entry
def run(model, c, costs, alpha, beta, progress, pairs, heights, room, budget):
    """Go on with EII, VII or VVV until it is done or `budget` evaluations are used up.

    progress = (rows whose costs are there, clusters that are left).
    """
    d = c.sums.shape[1]
    factor, joint, difference = room
    n_total = c.counts.size
    while progress[0] < n_total and budget > 0:
        j = progress[0]
        base = (j * (j - 1)) // 2
        for i in range(j):
            n, trace = unite(model, c, i, j, joint, difference)
            costs[base + i] = term_of(model, n, trace, joint, alpha, beta, factor) - (c.terms[i] + c.terms[j])
        if j > 0:
            look_along(costs, c.best, c.near, j)
        budget -= j + 1
        progress[0] += 1
    while progress[0] == n_total and progress[1] > 1 and budget > 0:
        left = progress[1]
        j = 1
        for r in range(2, left):
            if c.best[r] <= c.best[j]:
                j = r
        i = c.near[j]
        number = n_total - left
        pairs[number, 0], pairs[number, 1] = min(c.heads[i], c.heads[j]), max(c.heads[i], c.heads[j])
        least = c.best[j]
        heights[number] = least
        n, trace = unite(model, c, i, j, joint, difference)
        n_i, n_j = c.counts[i], c.counts[j]
        a, b = math.sqrt(n_i / n), math.sqrt(n_j / n)
        c.terms[i] = term_of(model, n, trace, joint, alpha, beta, factor)
        for p in range(d):
            c.sums[i, p] = a * c.sums[i, p] + b * c.sums[j, p]
        if model == VVV:
            for p in range(d):
                for q in range(p + 1):
                    c.scatter[i, p, q] = joint[p, q]
        c.counts[i], c.traces[i] = n, trace
        c.heads[i] = pairs[number, 0]
        # The last cluster takes the place j; for a moment its costs are in both places.
        last = left - 1
        if model == EII:  # the costs of the union, while those of both parts are there (Lance & Williams)
            for r in range(left):
                if r != i and r != j:
                    at_i = (i * (i - 1)) // 2 + r if r < i else (r * (r - 1)) // 2 + i
                    at_j = (j * (j - 1)) // 2 + r if r < j else (r * (r - 1)) // 2 + j
                    costs[at_i] = from_parts(c.counts[r], n_i, n_j, costs[at_i], costs[at_j], least)
        if j != last:
            base, source = (j * (j - 1)) // 2, (last * (last - 1)) // 2
            for r in range(j):
                costs[base + r] = costs[source + r]
            for r in range(j + 1, last):
                costs[(r * (r - 1)) // 2 + j] = costs[source + r]
            c.counts[j], c.traces[j], c.terms[j] = c.counts[last], c.traces[last], c.terms[last]
            c.heads[j] = c.heads[last]
            for p in range(d):
                c.sums[j, p] = c.sums[last, p]
            if model == VVV:
                for p in range(d):
                    for q in range(p + 1):
                        c.scatter[j, p, q] = c.scatter[last, p, q]
        progress[1] = last
        if model != EII:
            for r in range(last):
                if r != i:
                    low, high = min(i, r), max(i, r)
                    n, trace = unite(model, c, low, high, joint, difference)
                    cost = term_of(model, n, trace, joint, alpha, beta, factor) - (c.terms[low] + c.terms[high])
                    costs[(high * (high - 1)) // 2 + low] = cost
        # Of each row the smallest again: a look at what has changed, and along the row where that was the smallest.
        for r in range(max(i, 1), last):
            base = (r * (r - 1)) // 2
            if r in (i, j) or c.near[r] in (i, j):
                look_along(costs, c.best, c.near, r)
                budget -= r // 8
                continue
            for changed in (i, j):
                if changed < r:
                    cost = costs[base + changed]
                    if cost < c.best[r] or (cost == c.best[r] and changed > c.near[r]):
                        c.best[r], c.near[r] = cost, changed
        budget -= 2 * left
    return progress[1]


@block
def metric_of(within, final, lower, work):
    """Lower triangular L of a matrix M = L Lᵀ by which EEE compares pairs: vᵀ M v; into `lower`.

    M = W⁻¹ in the end, and before I + adj W, since |W + v vᵀ| = |W| + vᵀ adj(W) v. Returns log |W|, -∞ if singular.
    """
    d = within.shape[0]
    log_det = 2.0 * cholesky(within, work)
    singular = math.isnan(log_det)
    if singular:
        # adj W is a polynomial: a little on the diagonal changes it as little.
        trace = 0.0
        for p in range(d):
            trace += within[p, p]
        for p in range(d):
            for q in range(d):
                lower[p, q] = within[p, q] + (1e-13 * trace if p == q else 0.0)
        log_det = 2.0 * cholesky(lower, work)
    known = not math.isnan(log_det)
    if known:
        invert_lower(work)
    det = math.exp(log_det) if known else 0.0
    for p in range(d):
        for q in range(d):
            s = 0.0
            for m in range(max(p, q), d):
                s += work[m, p] * work[m, q] if known else 0.0
            if not final:
                s *= det
                if d == 1:
                    s = 1.0
                if p == q:
                    s += 1.0
            lower[p, q] = s
    if math.isnan(cholesky(lower, work)):  # rounding, or determinants beyond float64
        for p in range(d):
            for q in range(d):
                work[p, q] = 1.0 if p == q else 0.0
    for p in range(d):
        for q in range(d):
            lower[p, q] = work[p, q] if q <= p else 0.0
    return -math.inf if singular else log_det


@block
def look_along_means(mapped, counts, j, best, near, distances):
    """As `look_along`, for the costs n_i n_j / (n_i + n_j) |y_i - y_j|² of mapped means (d, m)."""
    d = mapped.shape[0]
    for i in range(j):
        distances[i] = 0.0
    for p in range(d):
        y = mapped[p, j]
        for i in range(j):
            distances[i] += (mapped[p, i] - y) * (mapped[p, i] - y)
    least, where = math.inf, 0
    n = counts[j]
    for i in range(j):
        distances[i] *= counts[i] * n / (counts[i] + n)
    for i in range(j):
        if distances[i] <= least:
            least, where = distances[i], i
    best[j], near[j] = least, where


@block
def pair_cost(mapped, counts, i, j):
    """The same for one pair."""
    square = 0.0
    for p in range(mapped.shape[0]):
        square += (mapped[p, i] - mapped[p, j]) * (mapped[p, i] - mapped[p, j])
    return counts[i] * counts[j] / (counts[i] + counts[j]) * square


@block
def map_means(lower, sums, left, mapped):
    """y = Lᵀ x of the means in the places 0 … left - 1, as columns: vᵀ L Lᵀ v = |Lᵀ v|²."""
    d = sums.shape[1]
    for p in range(d):
        for r in range(left):
            mapped[p, r] = 0.0
        for q in range(p, d):
            for r in range(left):
                mapped[p, r] += lower[q, p] * sums[r, q]


@block
def cheapest(mapped, c, left, fresh, distances):
    """The pair of least cost, after a look along all rows whose bound does not rule them out: (i, j, rows seen)."""
    for r in range(left):
        fresh[r] = 0
    least, j, seen = math.inf, 0, 0
    while True:
        bound, row = math.inf, 0
        for r in range(1, left):
            if fresh[r] == 0 and c.best[r] <= bound:
                bound, row = c.best[r], r
        if row == 0 or bound * (1.0 - SLACK) > least:
            return c.near[j], j, seen
        look_along_means(mapped, c.counts, row, c.best, c.near, distances)
        fresh[row] = 1
        seen += 1
        if c.best[row] < least or (c.best[row] == least and row > j):
            least, j = c.best[row], row


@block
def log_det_with(within, c, i, j, joint, work):
    """log |W + v vᵀ| after a union; the sum goes to `joint`. NaN where it is singular."""
    d = within.shape[0]
    n = c.counts[i] * c.counts[j] / (c.counts[i] + c.counts[j])
    for p in range(d):
        for q in range(d):
            joint[p, q] = within[p, q] + n * ((c.sums[i, p] - c.sums[j, p]) * (c.sums[i, q] - c.sums[j, q]))
    return 2.0 * cholesky(joint, work)


@entry
def run_common(c, within, threshold, progress, pairs, heights, room, budget):
    """Go on with EEE until it is done or `budget` evaluations are used up. In c.sums stand the means.

    progress = (whether |W| has reached the threshold, clusters that are left). The heights are log |W|.
    """
    m, d = c.sums.shape
    lower, work, joint, mapped, distances, fresh = room
    while progress[1] > 1 and budget > 0:
        left = progress[1]
        log_det = metric_of(within, progress[0] == 1, lower, work)
        map_means(lower, c.sums, left, mapped)
        i, j, seen = cheapest(mapped, c, left, fresh, distances)
        after = log_det_with(within, c, i, j, joint, work)
        budget -= left + seen * (left // 2)
        if progress[0] == 0 and after >= threshold and not math.isinf(log_det):
            # Above the threshold |W| alone counts, unless another pair would leave it below.
            metric_of(within, True, lower, work)
            map_means(lower, c.sums, left, mapped)
            for r in range(left):
                c.best[r] = 0.0
            first, second, _ = cheapest(mapped, c, left, fresh, distances)
            if log_det_with(within, c, first, second, joint, work) >= threshold:
                i, j = first, second
            after = log_det_with(within, c, i, j, joint, work)
            budget -= left * left
        if after >= threshold and progress[0] == 0:
            progress[0] = 1
            for r in range(left):
                c.best[r] = 0.0
        number, last = m - left, left - 1
        pairs[number, 0], pairs[number, 1] = min(c.heads[i], c.heads[j]), max(c.heads[i], c.heads[j])
        heights[number] = after
        for p in range(d):
            for q in range(d):
                within[p, q] = joint[p, q]
        n_i, n_j = c.counts[i], c.counts[j]
        n = n_i + n_j
        for p in range(d):
            c.sums[i, p] = (n_i * c.sums[i, p] + n_j * c.sums[j, p]) / n
            c.sums[j, p] = c.sums[last, p]
            mapped[p, i] = (n_i * mapped[p, i] + n_j * mapped[p, j]) / n
            mapped[p, j] = mapped[p, last]
        c.counts[i], c.heads[i] = n, pairs[number, 0]
        c.counts[j], c.heads[j] = c.counts[last], c.heads[last]
        shrink = 1.0
        if progress[0] == 1:  # W⁻¹ becomes smaller, by a factor 1 + vᵀ W⁻¹ v = |W'| / |W| at most
            shrink = math.exp(min(0.0, log_det - after)) * (1.0 - SLACK)
            for r in range(left):
                c.best[r] *= shrink
        c.best[i] = c.best[j] = 0.0
        for r in range(i + 1, last):
            c.best[r] = min(c.best[r], shrink * pair_cost(mapped, c.counts, i, r))
            if j < r:
                c.best[r] = min(c.best[r], shrink * pair_cost(mapped, c.counts, j, r))
        progress[1] = last
    return progress[1]


def agglomerate(rows, counts, model, *, alpha=1.0, beta=1.0):
    """Unite clusters, beginning with one for each row, until one is left.

    Parameters
    ----------
    rows : ndarray of shape (m, d)
        Float64.
    counts : ndarray of shape (m,)
        How often each of them is there.
    model : {'EII', 'VII', 'EEE', 'VVV'}
    alpha, beta : float
        Factors of the traces (VII, VVV): alpha of the mean variance of the features, beta of the sum.

    Returns
    -------
    Merges

    Memory: m (m - 1) / 2 numbers; O(m d) in EEE. Time: about m² costs, of O(d) operations and in VVV O(d³); in EEE
    m d a look along a row, of which some are taken for each union.
    """
    m, d = rows.shape
    kind = MODELS.index(model)
    pairs, heights = np.zeros((max(m - 1, 0), 2), dtype=np.int64), np.zeros(max(m - 1, 0))
    if m < 2:
        return Merges(pairs, heights)
    total = counts.sum()
    mean = counts @ rows / total
    variance = max(float(counts @ ((rows - mean) ** 2).sum(axis=1)) / (total * d), 0.0)
    kept = m if kind == VVV else 0
    clusters = Clusters(
        np.sqrt(counts)[:, None] * rows if kind != EEE else (rows - mean) / np.sqrt(total),
        counts.astype(np.float64), np.zeros(m), np.zeros(m), np.arange(m), np.zeros((kept, d, d)),
        np.zeros(m), np.zeros(m, dtype=np.int64),
    )  # fmt: skip
    flag = threads.stop_flag()
    if kind == EEE:
        progress, within = np.array([0, m]), np.zeros((d, d))
        room = (*np.empty((3, d, d)), np.empty((d, m)), np.empty(m), np.empty(m, dtype=np.int64))
        threshold = float(np.log(variance + EPS / 2))
        while run_common(clusters, within, threshold, progress, pairs, heights, room, int(BOUT / (2 * d))) > 1:
            threads.check_flag(flag)
        before = np.concatenate([[-np.inf], heights[:-1]])
        with np.errstate(invalid="ignore"):
            return Merges(pairs, total * (np.nan_to_num(heights, nan=-np.inf, neginf=-np.inf) - before))
    alpha = max(alpha * variance, EPS)
    clusters.terms[:] = counts * np.log((beta if kind == VVV else 1.0) * alpha / counts) if kind != EII else 0.0
    costs, progress = np.empty(m * (m - 1) // 2), np.array([0, m])
    room = (*np.empty((2, d, d)), np.empty(d))
    evaluations = int(BOUT / (20 + 6 * d + (d**3 if kind == VVV else 0)))
    while run(kind, clusters, costs, alpha, beta, progress, pairs, heights, room, evaluations) > 1:
        threads.check_flag(flag)
    return Merges(pairs, heights)
