"""Samples with missing values (NaN): the same pass, pattern by pattern.

What is missing is integrated out. With the features of a sample in the order (o, m), observed and missing, and Σ = L Lᵀ
in that order, W = L_oo⁻¹ and u = x_o - μ_o,

    log joint = log π - |o|/2 log 2π + log det W - |W u|² / 2                     the marginal of what was observed,
    E[x_m | x_o] = μ_m + B u,  Cov[x_m | x_o] = L_mm L_mmᵀ  with  B = L_mo W      what it tells of the rest.

All rows of one pattern share this. Their moments are gathered over the observed features alone, and what an M-step
wants, the expected moments of whole samples, is linear in them: with A = [I; B] and C the covariance above in the
corner of the missing features,

    S1 = A s1,    S2 = A s2 Aᵀ + N C.

A t distribution has t marginals with the same degrees of freedom. Given its scale u a sample is Gaussian with Σ / u,
and the moments with the weights r u lift in the same way but for E[u Cov[x_m | x_o, u]] = C, whatever u is:

    S1 = A s1,    S2 = A s2 Aᵀ + N C    with N of the weights r alone.

What a pattern of p features tells of ν has p in the place of d (eq-student-dof); `lift` moves the difference into
Σ r log(1 + q / ν), so that the M-step is that of complete samples.

The constant density of a box with edges w_j along the features has the marginal 1 / ∏ w_j over the observed ones. That
is the constant of a Gaussian with the variances w_j² / 2π, as which it goes through the algebra.

So a pattern costs K d³ beside its rows, each of these less than a complete one. The rows run through the blocks and
tiles of complete samples: W stands in a matrix whose other rows and columns are zero, as does 0 in the place of a
missing value, and what the tiles gather there is not looked at.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gmm.engine import loop, operations, scoring, threads
from gmm.engine.blocks import block_length, load_block, workspace
from gmm.engine.compilation import block, entry, method
from gmm.engine.density import Density, Units
from gmm.engine.diag import Diagonal
from gmm.engine.flat import flat_views, rows_of, shaped, statistics_shapes, statistics_views
from gmm.engine.full import Full, SmallFull
from gmm.engine.passes import WORTH_A_THREAD
from gmm.engine.samples import as_sample_weight
from gmm.engine.simd import WIDE, smaller
from gmm.engine.small_algebra import EPS, LOG_2PI, invert_lower
from gmm.engine.softmax import (
    LABELS,
    LOG_PROB,
    LOG_RESPONSIBILITIES,
    RESPONSIBILITIES,
    emit,
    responsibilities,
)
from gmm.engine.student import (
    HELD,
    Student,
    StudentDensity,
    log_minus_digamma,
    tail_constant,
    tail_constants,
)
from gmm.engine.tied import Tied

MAX_CHUNKS = 32
CHUNK_COST = 2e6  # operations that are worth a chunk of their own
CHUNKS_VALUES = 2**22  # doubles that the sums of all chunks may take
PIECE = 4096  # rows of one pattern in one go
LEAST = 1e-300  # of a chi-squared draw: with few degrees of freedom it may vanish


class Patterns:
    """Samples in the order of their patterns: those in which the same features are missing stand together.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        NaN where a value is missing. A float64 copy is taken.

    Attributes
    ----------
    values : ndarray of shape (n_samples, n_features)
        The samples in this order; 0 where a value is missing.
    order : ndarray of shape (n_samples,)
        Their row numbers in X.
    starts : ndarray of shape (n_patterns + 1,)
        Rows starts[p] … starts[p + 1] - 1 have pattern p.
    features : ndarray of shape (n_patterns, n_features)
        The observed features of each pattern, in their order, then the missing ones.
    observed : ndarray of shape (n_patterns,)
        How many are observed.
    """

    def __init__(self, X):
        X = np.asarray(X)
        n_samples, n_features = X.shape
        missing = np.isnan(X)
        bits = np.packbits(missing, axis=1)
        keys = np.zeros((n_samples, -(-bits.shape[1] // 8) * 8), dtype=np.uint8)
        keys[:, : bits.shape[1]] = bits
        keys = keys.view(np.uint64)
        self.order = np.lexsort(keys.T)
        keys = keys[self.order]
        first = np.flatnonzero(np.concatenate([[True], (keys[1:] != keys[:-1]).any(axis=1)]))
        self.starts = np.append(first, n_samples)
        self.values = X[self.order].astype(np.float64, order="C", copy=False)
        self.values[missing[self.order]] = 0.0
        missing = missing[self.order[first]]
        self.features = np.argsort(missing, axis=1, kind="stable")
        self.observed = n_features - missing.sum(axis=1)

    @property
    def n_samples(self):
        return self.values.shape[0]

    def chunks(self, n_components, length, slot_size=1):
        """Return (pattern, start, stop) of pieces of one pattern each, an (…, 3) array for each chunk, and their cost.

        They depend on the patterns, d and K alone.
        """
        rows, d = np.diff(self.starts), self.values.shape[1]
        limit = PIECE // length * length
        n_pieces = -(-rows // limit)
        pattern = np.repeat(np.arange(len(rows)), n_pieces)
        number = np.arange(len(pattern)) - np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces)
        start = self.starts[pattern] + number * limit
        stop = np.minimum(start + limit, self.starts[pattern + 1])
        cost = n_components * np.cumsum((stop - start) * (2.0 * d * (d + 1) + 40.0) + d**3 + 200.0)
        most = max(1, min(MAX_CHUNKS, CHUNKS_VALUES // slot_size))
        n_chunks = int(np.clip(cost[-1] // CHUNK_COST, 1, most))
        edges = np.searchsorted(cost, cost[-1] / n_chunks * np.arange(1, n_chunks))
        pieces = np.stack([pattern, start, stop], axis=1)
        return [piece for piece in np.split(pieces, edges) if len(piece)], float(cost[-1])


class _Mixture(NamedTuple):
    """What the kernels need of a mixture.

    whole : Full, SmallFull or Diagonal, or a Student of one of these
        The coefficients, of a Student those of its Gaussian model, are those of no observed feature, log π.
    covariances : ndarray of shape (n_matrices, d, d)
        Of each component, or a single one for all; none for Diagonal.
    """

    whole: Full | SmallFull | Diagonal
    covariances: np.ndarray


def mixture_of(density):
    """Shared and spherical covariances in the form of those that they are cases of."""
    if isinstance(density, StudentDensity):
        gaussian, covariances = mixture_of(_without_tails(density))
        K, d = density.centres.shape
        dof = np.ascontiguousarray(density.dof)
        return _Mixture(Student(gaussian, np.zeros(K), gaussian.centres, dof, HELD, np.zeros((1, d)), d), covariances)
    if _flat(density):
        return _with_flat(*mixture_of(_groups(density)), density)
    model, coefficients, centres, factors, *_ = density
    n_components, d = centres.shape
    none = np.empty((0, d, d))
    if model in (Full, Tied):
        matrices = factors if model is Full else factors[None]
        roots = np.linalg.solve(matrices, np.broadcast_to(np.eye(d), matrices.shape))
        covariances = roots @ np.swapaxes(roots, 1, 2)
        factors = factors if model is Full else np.repeat(matrices, n_components, axis=0)
        log_dets = np.log(np.einsum("kjj->kj", factors)).sum(axis=1)
        kind = Full
    else:
        kind, covariances = Diagonal, none
        factors = factors if model is Diagonal else np.repeat(factors[:, None], d, axis=1)
        log_dets = np.log(factors).sum(axis=1)
    return _Mixture(kind.of(coefficients + 0.5 * d * LOG_2PI - log_dets, centres, factors), covariances)


def _flat(density):
    """Whether the last component is a constant density."""
    return getattr(density, "flat_widths", None) is not None


def _groups(density):
    """The density without its last, constant component."""
    return Density(density.model, *(of_each[:-1] for of_each in density[1:4]), density.units)


def _with_flat(whole, covariances, density):
    """A component more, as wide as it must be for its constant; `flatten` takes away what is not constant."""
    widths = density.flat_widths * density.units.scale
    factor, log_weight = math.sqrt(2.0 * math.pi) / widths, density.coefficients[-1] + np.log(widths).sum()
    if not isinstance(whole, Diagonal):
        covariances = np.concatenate([covariances, np.diag(1.0 / factor**2)[None]])
        factor = np.diag(factor)
    return _Mixture(
        type(whole)(
            np.append(whole.coefficients, log_weight),
            np.concatenate([whole.centres, np.zeros((1, len(widths)))]),
            np.concatenate([whole.factors, factor[None]]),
        ),
        covariances,
    )


def _tails(density, d):
    """What log coefficients of t distributions of d features have beside Gaussian ones."""
    constants = np.empty(len(density.dof))
    tail_constants(np.ascontiguousarray(density.dof), d, constants)
    return constants


def _without_tails(density):
    """The Gaussian `Density` with the weights and covariances of a t mixture."""
    return density.gaussian._replace(coefficients=density.coefficients - _tails(density, density.centres.shape[1]))


def _gaussian(whole):
    return whole.gaussian if isinstance(whole, Student) else whole


def _shapes(whole):
    """(the kind of Gaussian model, the shapes of its statistics)."""
    kind = Diagonal if isinstance(_gaussian(whole), Diagonal) else Full
    shapes = Student.statistics_shapes if isinstance(whole, Student) else statistics_shapes
    return kind, shapes(kind, *whole.centres.shape)


def _rooms(mixture, target, flat):
    """For one thread: the marginal of a pattern, its algebra, scratch, the sums of its rows; is the last flat?"""
    whole, covariances = mixture
    n_components, d = whole.centres.shape
    gaussian = _gaussian(whole)
    part = type(gaussian)(np.empty(n_components), gaussian.centres, np.zeros(gaussian.factors.shape))
    about = part._replace(centres=target)
    if isinstance(whole, Student):
        part = whole._replace(gaussian=part, coefficients=np.empty(n_components))
        about = part._replace(gaussian=about, centres=target)
    sums = flat_views(_shapes(whole)[1])[0]
    return part, about, np.zeros(covariances.shape), np.empty((2 * d + 2, d)), sums, flat


# ------------------------------------------------------------------------------------- the algebra of a pattern


@block
def ordered_cholesky(covariance, features, observed, rows, lower):
    """The first `rows` rows of the Cholesky factor of a covariance with its features in this order.

    Returns log det of the block of the observed ones. The covariance is one that was factorised before: a pivot that is
    lost to rounding in this order is as large as the rounding.
    """
    log_det = 0.0
    for i in range(rows):
        for j in range(i):
            s = covariance[features[i], features[j]]
            for m in range(j):
                s -= lower[i, m] * lower[j, m]
            lower[i, j] = s / lower[j, j]
        size = covariance[features[i], features[i]]
        pivot = size
        for m in range(i):
            pivot -= lower[i, m] * lower[i, m]
        if pivot < EPS * size:
            pivot = EPS * size
        lower[i, i] = math.sqrt(pivot)
        if i < observed:
            log_det += math.log(lower[i, i])
    return log_det


@block
def regress(lower, observed):
    """Turn L into W = L_oo⁻¹ and B = L_mo W, in place; L_mm stays."""
    invert_lower(rows_of(lower, 0, observed))
    for a in range(observed, lower.shape[0]):
        for i in range(observed):
            t = lower[a, i]
            for j in range(i):
                lower[a, j] += t * lower[i, j]
            lower[a, i] = t * lower[i, i]


@method(operations.marginalise, Full, SmallFull)
def marginalise(whole, features, observed, lifting, covariances, lowers, part):
    """W of the observed features, in the places of these in a matrix of zeros; B and L_mm are left in `lowers`."""
    n_components, d = whole.centres.shape
    log_det = 0.0
    for k in range(n_components):
        factor = part.factors[k]
        if observed == d:
            log_det = 0.0
            for i in range(d):
                for j in range(i + 1):
                    factor[i, j] = whole.factors[k, i, j]
                log_det -= math.log(factor[i, i])
        else:
            if k < lowers.shape[0]:
                lower = lowers[k]
                if lifting:
                    log_det = ordered_cholesky(covariances[k], features, observed, d, lower)
                    regress(lower, observed)
                else:
                    log_det = ordered_cholesky(covariances[k], features, observed, observed, lower)
                    invert_lower(rows_of(lower, 0, observed))
            else:
                lower = lowers[0]
            for i in range(d):
                for j in range(i + 1):
                    factor[i, j] = 0.0
            for i in range(observed):
                for j in range(i + 1):
                    factor[features[i], features[j]] = lower[i, j]
        part.coefficients[k] = whole.coefficients[k] - 0.5 * observed * LOG_2PI - log_det


@method(operations.marginalise, Diagonal)
def marginalise_diagonal(whole, features, observed, lifting, covariances, lowers, part):
    """1 / σ of the observed features, 0 for the others."""
    n_components, d = whole.centres.shape
    for k in range(n_components):
        log_det = 0.0
        for i in range(d):
            j = features[i]
            part.factors[k, j] = 0.0
            if i < observed:
                part.factors[k, j] = whole.factors[k, j]
                log_det += math.log(whole.factors[k, j])
        part.coefficients[k] = whole.coefficients[k] - 0.5 * observed * LOG_2PI + log_det


@method(operations.marginalise, Student)
def marginalise_student(whole, features, observed, lifting, covariances, lowers, part):
    """Those of the Gaussian model, whose log coefficients become zero, and the constants of t distributions."""
    gaussian = part.gaussian
    operations.marginalise(whole.gaussian, features, observed, lifting, covariances, lowers, gaussian)
    for k in range(whole.dof.size):
        part.coefficients[k] = gaussian.coefficients[k] + tail_constant(whole.dof[k], observed)
        gaussian.coefficients[k] = 0.0


@method(operations.observing, Full, SmallFull, Diagonal)
def observing(part, observed):
    """What is not observed has a factor of zero."""
    return part


@method(operations.observing, Student)
def observing_student(part, observed):
    """ν + d becomes ν + p."""
    return Student(part.gaussian, part.coefficients, part.centres, part.dof, part.estimated, part.origin, observed)


@method(operations.flatten, Full, SmallFull)
def flatten(part):
    """A factor of zero."""
    k = part.factors.shape[0] - 1
    for i in range(part.factors.shape[1]):
        for j in range(i + 1):
            part.factors[k, i, j] = 0.0


@method(operations.flatten, Diagonal)
def flatten_diagonal(part):
    """A factor of zero."""
    k = part.factors.shape[0] - 1
    for j in range(part.factors.shape[1]):
        part.factors[k, j] = 0.0


@method(operations.flatten, Student)
def flatten_student(part):
    """There is none."""


@method(operations.lift, Full, SmallFull, Diagonal)
def lift(whole, features, observed, lowers, target, scratch, sums, totals):
    """S1 = A s1, S2 = A s2 Aᵀ + N C, with what is missing about the centres of `target`; lower triangles."""
    n_components, d = whole.centres.shape
    _, counts, first, second = statistics_views(sums, n_components, d)
    _, all_counts, all_first, all_second = statistics_views(totals, n_components, d)
    operations.lift_moments(
        whole, counts, counts, features, observed, lowers, target.centres, scratch, (first, second),
        (all_first, all_second),
    )  # fmt: skip
    for k in range(n_components):
        all_counts[k] += counts[k]


@method(operations.lift, Student)
def lift_student(whole, features, observed, lowers, target, scratch, sums, totals):
    """Moments with the weights r u; M_k, and Σ r log(1 + q / ν) with what p features in the place of d change of ν."""
    n_components, d = whole.centres.shape
    _, counts, first, second = statistics_views(sums, n_components, d)
    _, all_counts, all_first, all_second = statistics_views(totals, n_components, d)
    place = second.size - 2 * n_components
    masses = shaped(second, place, (n_components,))
    operations.lift_moments(
        whole.gaussian, counts, masses, features, observed, lowers, target.centres, scratch, (first, second),
        (all_first, all_second),
    )  # fmt: skip
    for k in range(n_components):
        all_counts[k] += counts[k]
        all_second[place + k] += masses[k]
        tail, dof = second[place + n_components + k], whole.dof[k]
        if observed < d:
            change = math.log1p(d / dof) - log_minus_digamma(0.5 * (dof + d))[0]
            change -= math.log1p(observed / dof) - log_minus_digamma(0.5 * (dof + observed))[0]
            tail += counts[k] * change
        all_second[place + n_components + k] += tail


@method(operations.lift_moments, Full, SmallFull)
def lift_moments(gaussian, counts, masses, features, observed, lowers, target, scratch, sums, totals):
    """Of matrices, lower triangles."""
    n_components, d = gaussian.centres.shape
    first, all_first = sums[0], totals[0]
    second, all_second = shaped(sums[1], 0, (n_components, d, d)), shaped(totals[1], 0, (n_components, d, d))
    s, t = rows_of(scratch, 0, d), rows_of(scratch, d, d)
    h, e = scratch[2 * d], scratch[2 * d + 1]
    for k in range(n_components):
        n, mass = counts[k], masses[k]
        if observed == d:
            for i in range(d):
                all_first[k, i] += first[k, i]
                for j in range(i + 1):
                    all_second[k, i, j] += second[k, i, j]
            continue
        if n == 0.0:
            continue
        lower = lowers[k if k < lowers.shape[0] else 0]
        for i in range(observed):
            p = features[i]
            h[i] = first[k, p]
            all_first[k, p] += h[i]
            for j in range(i + 1):
                value = second[k, p, features[j]]
                s[i, j] = value
                s[j, i] = value
                all_second[k, p, features[j]] += value
        for a in range(observed, d):
            p = features[a]
            # How far the conditional mean is from where the moments are wanted, beside B (x_o - c_o).
            e[a] = gaussian.centres[k, p] - target[k, p]
            h[a] = 0.0
            for i in range(observed):
                t[a, i] = 0.0
            for i in range(observed):
                q = features[i]
                b = lower[a, i]
                e[a] -= b * (gaussian.centres[k, q] - target[k, q])
                h[a] += b * h[i]
                for j in range(observed):
                    t[a, j] += b * s[i, j]
            all_first[k, p] += h[a] + mass * e[a]
            for j in range(observed):
                q = features[j]
                value = t[a, j] + e[a] * h[j]
                if p > q:
                    all_second[k, p, q] += value
                else:
                    all_second[k, q, p] += value
            for c in range(observed, a + 1):
                value = h[a] * e[c] + h[c] * e[a] + mass * (e[a] * e[c])
                for j in range(observed):
                    value += t[a, j] * lower[c, j]
                spread = 0.0
                for m in range(observed, c + 1):
                    spread += lower[a, m] * lower[c, m]
                all_second[k, p, features[c]] += value + n * spread


@method(operations.lift_moments, Diagonal)
def lift_diagonal(gaussian, counts, masses, features, observed, lowers, target, scratch, sums, totals):
    """Features are independent: of the missing ones, mean and variance are the component's own."""
    n_components, d = gaussian.centres.shape
    first, all_first = sums[0], totals[0]
    second, all_second = shaped(sums[1], 0, (n_components, d)), shaped(totals[1], 0, (n_components, d))
    for k in range(n_components):
        n, mass = counts[k], masses[k]
        for i in range(d):
            j = features[i]
            if i < observed:
                all_first[k, j] += first[k, j]
                all_second[k, j] += second[k, j]
            elif n > 0.0:
                e = gaussian.centres[k, j] - target[k, j]
                deviation = 1.0 / gaussian.factors[k, j]
                all_first[k, j] += mass * e
                all_second[k, j] += n * (deviation * deviation) + mass * (e * e)


# ------------------------------------------------------------------------------------- passes


@entry
def run(X, sample_weight, features, observed, pieces, layout, work, whole, covariances, rooms, totals):
    """E-step and moments of some pieces (pattern, start, stop), added to `totals`."""
    length, _, shift, scale = layout
    part, target, lowers, scratch, sums, flat = rooms
    n_components, d = whole.centres.shape
    x, r, two_rows, room = loop.rooms(work, n_components, d)
    log_likelihood, counts, first, second = statistics_views(sums, n_components, d)
    for piece in range(pieces.shape[0]):
        pattern, start, stop = pieces[piece, 0], pieces[piece, 1], pieces[piece, 2]
        operations.marginalise(whole, features[pattern], observed[pattern], True, covariances, lowers, part)
        if flat:
            operations.flatten(part)
        seen = operations.observing(part, observed[pattern])
        for i in range(sums.size):
            sums[i] = 0.0
        for low in range(start, stop, length):
            size = smaller(length, stop - low)
            padded = -(-size // WIDE) * WIDE
            load_block(X, low, size, padded, shift, scale, x)
            operations.log_joint(seen, x, padded, room, r)
            log_likelihood[0] += responsibilities(r, size, padded, sample_weight, low, two_rows)
            operations.add_counts(seen, padded, room, r, counts, second)
            operations.add_moments(target, x, padded, room, r, 0.0, first, second)
        totals[0] += log_likelihood[0]
        operations.lift(whole, features[pattern], observed[pattern], lowers, target, scratch, sums, totals)


@entry
def run_scores(X, features, observed, pieces, layout, work, whole, covariances, rooms, what, outputs):
    """Write what `gmm.engine.softmax.emit` makes of the log joints of some pieces (pattern, start, stop)."""
    length, _, shift, scale = layout
    part, _, lowers, _, _, flat = rooms
    n_components, d = whole.centres.shape
    x, log_joint, two_rows, room = loop.rooms(work, n_components, d)
    for piece in range(pieces.shape[0]):
        pattern, start, stop = pieces[piece, 0], pieces[piece, 1], pieces[piece, 2]
        operations.marginalise(whole, features[pattern], observed[pattern], False, covariances, lowers, part)
        if flat:
            operations.flatten(part)
        seen = operations.observing(part, observed[pattern])
        for low in range(start, stop, length):
            size = smaller(length, stop - low)
            padded = -(-size // WIDE) * WIDE
            load_block(X, low, size, padded, shift, scale, x)
            operations.log_joint(seen, x, padded, room, log_joint)
            emit(log_joint, size, padded, low, what, two_rows, outputs)


@entry
def run_imputation(X, features, observed, pieces, centres, covariances, lowers, weights, noise, tails, u):
    """Put into the places of missing values Σ_k w_k (μ_m + B u + L_mm z), in place; no z where `noise` is empty.

    Of t distributions z is a Gaussian draw times √((ν + |W u|²) / χ²) with χ² of ν + p degrees of freedom; `tails` are
    ν (K,) and these draws (n,), both empty for Gaussian ones.
    """
    dof, chi_squared = tails
    n_components, d = centres.shape
    for piece in range(pieces.shape[0]):
        pattern, start, stop = pieces[piece, 0], pieces[piece, 1], pieces[piece, 2]
        n_observed = observed[pattern]
        if n_observed == d:
            continue
        order = features[pattern]
        for k in range(lowers.shape[0]):
            ordered_cholesky(covariances[k], order, n_observed, d, lowers[k])
            regress(lowers[k], n_observed)
        for row in range(start, stop):
            for a in range(n_observed, d):
                X[row, order[a]] = 0.0
            for k in range(n_components):
                w = weights[row, k]
                if w == 0.0:
                    continue
                lower = lowers[k if k < lowers.shape[0] else 0]
                for j in range(n_observed):
                    u[j] = X[row, order[j]] - centres[k, order[j]]
                stretch = 1.0
                if dof.size and noise.size:
                    stretch = dof[k]
                    for i in range(n_observed):
                        y = 0.0
                        for j in range(i + 1):
                            y += lower[i, j] * u[j]
                        stretch += y * y
                    stretch = math.sqrt(stretch / chi_squared[row])
                for a in range(n_observed, d):
                    value = centres[k, order[a]]
                    for j in range(n_observed):
                        value += lower[a, j] * u[j]
                    if noise.size:
                        for m in range(n_observed, a + 1):
                            value += stretch * lower[a, m] * noise[row, order[m]]
                    X[row, order[a]] += w * value


def statistics(patterns, density, sample_weight, centres=None, n_threads=1):
    """Log-likelihood, counts, first and second moments of one pass, these about `centres` (those of the density).

    `sample_weight` has the order of the patterns. The second moments have the shape of the density's model. A
    `StudentDensity` gives also an array (2, K): M_k and Σ_i w_i r_ik log(1 + q_ik / ν_k), with what incomplete samples
    change of the equation for ν; the moments then have the weights r u.
    """
    mixture, flat = mixture_of(density), _flat(density)
    whole, covariances = mixture
    n_components, d = whole.centres.shape
    target = whole.centres if centres is None else centres
    kind, shapes = _shapes(whole)
    length = block_length(patterns.n_samples, kind.longest_block(d))
    totals, (value, counts, first, second, *more) = flat_views(shapes)
    chunks, cost = patterns.chunks(n_components, length, totals.size)
    slots = np.zeros((len(chunks), totals.size))
    layout = length, length, density.units.shift, density.units.scale

    def work(chunk):
        run(
            patterns.values, sample_weight, patterns.features, patterns.observed, chunks[chunk], layout,
            workspace(loop.work_rows(whole), length), whole, covariances, _rooms(mixture, target, flat), slots[chunk],
        )  # fmt: skip

    threads.run(work, [(chunk,) for chunk in range(len(chunks))], n_threads if cost > WORTH_A_THREAD else 1)
    for slot in slots:  # in order, whoever made them
        totals += slot
    if kind is Full:
        rows, columns = np.tril_indices(d, -1)
        second[:, columns, rows] = second[:, rows, columns]
        second = second if density.model is Full else second.sum(axis=0)
    elif density.model is not Diagonal:
        second = second.sum(axis=1)
    return float(value[0]), counts, first, second, *more


# ------------------------------------------------------------------------------------- scores


def _score(X, density, what, n_threads, scores=False):
    """As `gmm.engine.scoring._score`, by pattern; (Patterns, outputs in their order)."""
    patterns = X if isinstance(X, Patterns) else Patterns(X)
    mixture, flat = mixture_of(density), _flat(density)
    whole, covariances = mixture
    n, (n_components, d) = patterns.n_samples, whole.centres.shape
    if patterns.values.shape[1] != d:
        raise ValueError(f"X has {patterns.values.shape[1]} features, but the parameters have {d}.")
    outputs = (
        np.empty(n if scores else 0),
        np.empty((0, 0) if what in (LOG_PROB, LABELS) else (n, n_components)),
        np.empty(n if what == LABELS else 0, dtype=np.int64),
    )
    length = block_length(n, _shapes(whole)[0].longest_block(d))
    chunks, cost = patterns.chunks(n_components, length)
    layout = length, length, density.units.shift, density.units.scale

    def work(pieces):
        run_scores(
            patterns.values, patterns.features, patterns.observed, pieces, layout,
            workspace(loop.work_rows(whole), length), whole, covariances, _rooms(mixture, whole.centres, flat), what,
            outputs,
        )  # fmt: skip

    n_threads = threads.resolve_n_threads(n_threads)
    threads.run(work, [(pieces,) for pieces in chunks], n_threads if cost > WORTH_A_THREAD else 1)
    return patterns, outputs


def marginal(density, features):
    """The density of some of the features, in their order: what is left when the others are integrated out."""
    if isinstance(density, StudentDensity):
        part = marginal(_without_tails(density), features)
        tails = _tails(density, len(features))
        return StudentDensity(*part._replace(coefficients=part.coefficients + tails)[:5], density.dof)
    if _flat(density):
        part = marginal(_groups(density), features)
        widths = density.flat_widths * density.units.scale
        rest = np.delete(widths, features)
        return part._replace(
            coefficients=np.append(part.coefficients, density.coefficients[-1] + np.log(rest).sum()),
            centres=np.concatenate([part.centres, np.zeros((1, len(features)))]),
            factors=np.concatenate([part.factors, np.zeros((1, *part.factors.shape[1:]))]),
        )
    whole, covariances = mixture_of(density)
    n_components = len(whole.centres)
    units = Units(density.units.shift[features], density.units.scale, density.units.plain)
    centres = np.ascontiguousarray(whole.centres[:, features])
    constant = 0.5 * len(features) * LOG_2PI
    if isinstance(whole, Diagonal):
        factors = np.ascontiguousarray(whole.factors[:, features])
        log_dets = np.log(factors).sum(axis=1)
        return Density(Diagonal, whole.coefficients - constant + log_dets, centres, factors, units)
    blocks = covariances[:, features][:, :, features]
    roots = np.linalg.cholesky(np.broadcast_to(blocks, (n_components, *blocks.shape[1:])))
    factors = np.tril(np.linalg.solve(roots, np.broadcast_to(np.eye(len(features)), roots.shape)))
    log_dets = np.log(np.einsum("kjj->kj", factors)).sum(axis=1)
    return Density(Full, whole.coefficients - constant + log_dets, centres, np.ascontiguousarray(factors), units)


def _mend(patterns, density, lost, mend):
    """Let `mend(rows, X, density)` give the samples whose log-density is not finite, a pattern at a time."""
    pattern = np.searchsorted(patterns.starts, lost, side="right") - 1
    for p in np.unique(pattern):
        rows, features = lost[pattern == p], patterns.features[p, : patterns.observed[p]]
        mend(rows, patterns.values[rows][:, features], marginal(density, features))


def _in_rows(patterns, result):
    """The same in the order of X."""
    ordered = np.empty_like(result)
    ordered[patterns.order] = result
    return ordered


def score_samples(X, density, n_threads=None):
    """log p(x_o) of what is observed of each sample: (n,); 0 where nothing is."""
    patterns, (scores, _, _) = _score(X, density, LOG_PROB, n_threads, scores=True)

    def mend(rows, values, part):
        scores[rows] = scoring.score_samples(values, part, 1)

    _mend(patterns, density, np.flatnonzero(np.isnan(scores)), mend)
    return _in_rows(patterns, scores)


def log_likelihood(X, density, sample_weight=None, n_threads=None):
    """Σ_i w_i log p(x_i) of what is observed, natural logarithm, total."""
    scores = score_samples(X, density, n_threads)
    weights = as_sample_weight(sample_weight, len(scores))
    return float(scores @ weights) if weights.size else float(scores.sum())


def log_responsibilities(X, density, n_threads=None):
    """(log p(x_o), log r_ik): (n,) and (n, K)."""
    patterns, (scores, table, _) = _score(X, density, LOG_RESPONSIBILITIES, n_threads, scores=True)

    def mend(rows, values, part):
        scores[rows], table[rows] = scoring.log_responsibilities(values, part, 1)

    _mend(patterns, density, np.flatnonzero(~np.isfinite(scores)), mend)
    return _in_rows(patterns, scores), _in_rows(patterns, table)


def _responsibilities(patterns, density, n_threads):
    """r_ik in the order of the patterns."""
    _, (scores, table, _) = _score(patterns, density, RESPONSIBILITIES, n_threads, scores=True)

    def mend(rows, values, part):
        table[rows] = scoring.predict_proba(values, part, 1)

    _mend(patterns, density, np.flatnonzero(~np.isfinite(scores)), mend)
    return table


def predict_proba(X, density, n_threads=None):
    """r_ik given what is observed: (n, K), rows sum to 1; the weights where nothing is."""
    patterns = Patterns(X)
    return _in_rows(patterns, _responsibilities(patterns, density, n_threads))


def predict(X, density, n_threads=None):
    """The component with the largest responsibility, the first of equals: (n,) int64."""
    patterns, (_, _, labels) = _score(X, density, LABELS, n_threads)

    def mend(rows, values, part):
        labels[rows] = scoring.predict(values, part, 1)

    _mend(patterns, density, np.flatnonzero(labels < 0), mend)
    return _in_rows(patterns, labels)


def impute(X, density, rng=None, n_threads=None, quantile=None):
    """X with its missing values filled, float64: by E[x_m | x_o], or by a draw from p(x_m | x_o) with `rng`.

    The numbers of `rng` belong to the cells of X, missing or not: a row's draw does not depend on others. For a draw
    from t distributions ``quantile(dof, p)`` is where a chi-squared variable is larger with probability p.
    """
    patterns = Patterns(X)
    weights = _responsibilities(patterns, density, n_threads)
    n, d = patterns.values.shape
    noise, tails = np.empty((0, 0)), (np.empty(0), np.empty(0))
    if rng is not None:
        noise = rng.standard_normal(size=(n, d))[patterns.order]
        uniform = rng.uniform(size=n)[patterns.order]
        passed = np.cumsum(weights, axis=1)
        label = np.argmax(passed > uniform[:, None] * passed[:, -1:], axis=1)
        weights = np.zeros_like(weights)
        weights[np.arange(n), label] = 1.0
        if isinstance(density, StudentDensity):
            dof, observed = density.dof, np.repeat(patterns.observed, np.diff(patterns.starts))
            draws = quantile(dof[label] + observed, rng.uniform(size=n)[patterns.order])
            tails = np.ascontiguousarray(dof), np.maximum(draws, LEAST)
    whole, covariances = mixture_of(density)
    whole = _gaussian(whole)
    if isinstance(whole, Diagonal):
        covariances = (1.0 / whole.factors**2)[:, :, None] * np.eye(d)
    shift, scale, plain = density.units
    values = patterns.values if plain else (patterns.values - shift) * scale
    chunks, cost = patterns.chunks(len(whole.centres), PIECE)

    def work(pieces):
        run_imputation(
            values, patterns.features, patterns.observed, pieces, whole.centres, covariances,
            np.zeros(covariances.shape), weights, noise, tails, np.empty(d),
        )  # fmt: skip

    n_threads = threads.resolve_n_threads(n_threads)
    threads.run(work, [(pieces,) for pieces in chunks], n_threads if cost > WORTH_A_THREAD else 1)
    result = np.array(X, dtype=np.float64, order="C")
    gaps = np.isnan(result)
    filled = _in_rows(patterns, values if plain else values / scale + shift)
    result[gaps] = filled[gaps]
    return result
