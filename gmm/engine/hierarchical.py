"""Agglomerative clustering by the classification likelihood: the two clusters whose union costs least become one.

The criterion is a sum over clusters of a term that depends on their size n and scatter W; with α the mean variance of
all features,

    EII  tr W                                        VII  n log((tr W + α) / n)
    EEE  log |ΣW|, of all clusters together          VVV  n log(|W / n| + β (tr W + α) / n), without |W / n| for n ≤ d

and what a union costs is its term less those of its parts, up to a factor (eq-merge-eii, eq-merge-vii, eq-merge-eee,
eq-merge-vvv; Fraley 1998). The traces keep clusters of few samples, or of collinear ones, from being worth -∞; EEE
takes |ΣW| + tr ΣW instead of |ΣW| until that determinant reaches α, with all sums divided by n.

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
WIDTH, HEAD = 64, 6  # clusters that are looked at together; rows of a table of them before the vectors
SMALL, LARGE = 1e-150, 1e150  # a determinant outside is kept as its logarithm


class Merges(NamedTuple):
    """The unions in their order: numbers (a, b), a < b, of the first member of each cluster; what each union cost."""

    pairs: np.ndarray
    costs: np.ndarray


class Clusters(NamedTuple):
    """The clusters that there are so far, in the places 0 … m - 1, of which the first are in use.

    sums : (d, m), √n times the mean; in EEE (m, d), the mean
    counts, traces, terms : (m,), size n, tr W and the criterion's term
    heads : (m,), number of the first member
    scatter : (d (d + 1) / 2, m), W row by row of its lower triangle (VVV)
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
def regular_term(n, trace, alpha, beta, product, log_rest):
    """n log(|W / n| + β (tr W + α) / n), where |W / n| = product · exp(log_rest); product 0 leaves it out."""
    regular = beta * ((trace + alpha) / n)
    if log_rest == 0.0:
        return n * math.log(product + regular)
    log_det = log_rest + math.log(product)
    if log_det <= 0.0:
        return n * math.log(math.exp(log_det) + regular)
    return n * (math.log(1.0 + math.exp(-log_det) * regular) + log_det)


@exact
def determinant(lanes, b, n, d):
    """(product, log_rest) of |W / n| once more, for a matrix whose determinant leaves float64 or is not positive."""
    product, log_rest = 1.0, 0.0
    for p in range(d):
        pivot = lanes[HEAD + d + (p * (p + 3)) // 2, b]
        if not pivot > 0.0:
            return 0.0, 0.0
        product *= pivot / n
        if not SMALL < product < LARGE:
            log_rest += math.log(product)
            product = 1.0
    return product, log_rest


@exact
def unite(model, c, i, low, high, alpha, beta, lanes):
    """What would become of cluster i together with each of the clusters low … high - 1, one in a lane.

    Rows of `lanes`: n, tr W and the term of the union; the two factors of the sums; v, with W = W_i + W_j + v vᵀ; W's
    lower triangle, of which the diagonal becomes that of L D Lᵀ.
    """
    d = c.sums.shape[0]
    size = high - low
    for b in range(size):
        n = c.counts[i] + c.counts[low + b]
        lanes[0, b] = n
        lanes[3, b] = math.sqrt(c.counts[i] / n)
        lanes[4, b] = math.sqrt(c.counts[low + b] / n)
        lanes[1, b] = 0.0
        lanes[5, b] = 1.0
    for p in range(d):
        x = c.sums[p, i]
        for b in range(size):
            v = lanes[4, b] * x - lanes[3, b] * c.sums[p, low + b]
            lanes[HEAD + p, b] = v
            lanes[1, b] += v * v
    for b in range(size):
        lanes[1, b] = (c.traces[i] + c.traces[low + b]) + lanes[1, b]
    if model == EII:
        for b in range(size):
            lanes[2, b] = lanes[1, b]
        return
    if model == VII:
        for b in range(size):
            lanes[2, b] = regular_term(lanes[0, b], lanes[1, b], alpha, 1.0, 0.0, 0.0)
        return
    for p in range(d):
        base = (p * (p + 1)) // 2
        row = HEAD + d + base
        for q in range(p + 1):
            w = c.scatter[base + q, i]
            for b in range(size):
                lanes[row + q, b] = w + c.scatter[base + q, low + b] + lanes[HEAD + p, b] * lanes[HEAD + q, b]
            column = HEAD + d + (q * (q + 1)) // 2
            for m in range(q):
                pivot = HEAD + d + (m * (m + 3)) // 2
                for b in range(size):
                    lanes[row + q, b] -= lanes[row + m, b] * lanes[column + m, b] / lanes[pivot, b]
        for b in range(size):
            lanes[5, b] *= max(lanes[row + p, b], 0.0) / lanes[0, b]
    for b in range(size):
        n, trace, product, log_rest = lanes[0, b], lanes[1, b], lanes[5, b], 0.0
        if n <= d or trace == 0.0:
            product = 0.0
        elif not SMALL < product < LARGE:
            product, log_rest = determinant(lanes, b, n, d)
        lanes[2, b] = regular_term(n, trace, alpha, beta, product, log_rest)


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
def run(model, c, costs, alpha, beta, progress, pairs, heights, lanes, budget):
    """Go on with EII, VII or VVV until it is done or `budget` evaluations are used up.

    progress = (rows whose costs are there, clusters that are left).
    """
    d = c.sums.shape[0]
    width = lanes.shape[1]
    n_total = c.counts.size
    while progress[0] < n_total and budget > 0:
        j = progress[0]
        base = (j * (j - 1)) // 2
        for low in range(0, j, width):
            high = min(low + width, j)
            unite(model, c, j, low, high, alpha, beta, lanes)
            for i in range(low, high):
                costs[base + i] = lanes[2, i - low] - (c.terms[i] + c.terms[j])
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
        unite(model, c, i, j, j + 1, alpha, beta, lanes)
        n_i, n_j = c.counts[i], c.counts[j]
        for p in range(d):
            if model == VVV:
                for q in range(p + 1):
                    t = (p * (p + 1)) // 2 + q
                    c.scatter[t, i] += c.scatter[t, j] + lanes[HEAD + p, 0] * lanes[HEAD + q, 0]
            c.sums[p, i] = lanes[3, 0] * c.sums[p, i] + lanes[4, 0] * c.sums[p, j]
        c.counts[i], c.traces[i], c.terms[i] = lanes[0, 0], lanes[1, 0], lanes[2, 0]
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
                c.sums[p, j] = c.sums[p, last]
            for t in range(c.scatter.shape[0]):
                c.scatter[t, j] = c.scatter[t, last]
        progress[1] = last
        for low in range(0, last if model != EII else 0, width):
            high = min(low + width, last)
            unite(model, c, i, low, high, alpha, beta, lanes)
            for r in range(low, high):
                if r != i:
                    at = (r * (r - 1)) // 2 + i if r > i else (i * (i - 1)) // 2 + r
                    costs[at] = lanes[2, r - low] - (c.terms[i] + c.terms[r])
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
    kept = d * (d + 1) // 2 if kind == VVV else 0
    clusters = Clusters(
        # In C's order, whatever that of the rows: the code is compiled for one of them.
        np.ascontiguousarray((rows - mean) / np.sqrt(total) if kind == EEE else (np.sqrt(counts)[:, None] * rows).T),
        counts.astype(np.float64), np.zeros(m), np.zeros(m), np.arange(m), np.zeros((kept, m)),
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
    lanes = np.empty((HEAD + d + d * (d + 1) // 2, WIDTH))
    evaluations = int(BOUT / (20 + 6 * d + (d**3 if kind == VVV else 0)))
    while run(kind, clusters, costs, alpha, beta, progress, pairs, heights, lanes, evaluations) > 1:
        threads.check_flag(flag)
    return Merges(pairs, heights)
