"""Mixtures of Student's t distributions: the family beside the Gaussian one.

A t distribution is a Gaussian whose covariance is Σ / u with u of its own for each sample, u ~ Gamma(ν/2, ν/2). The
distances are therefore those of a Gaussian model, whichever it is; what is made of them differs:

E-step   q = |W_k (x_b - μ_k)|²,  log_joint[k, b] = c_k - (ν_k + d)/2 log(1 + q / ν_k)    (eq-student-density)
         u[k, b] = (ν_k + d) / (ν_k + q)                                                 (eq-expected-scale)
Moments  N_k = Σ_b r_bk, and with the weights r u: M_k = Σ_b r_bk u_bk, S1_k, S2_k; and Σ_b r_bk log(1 + q / ν_k)
M-step   δ = S1 / M,  μ + δ,  Σ = (S2 - M δ δᵀ) / N + ε I                                 (eq-student-m-step)
         ν from log(ν/2) - ψ(ν/2) = Σ_b r (u - log u - 1) / N + log((ν' + d)/2) - ψ((ν' + d)/2),
         ν' the old one                                                                   (eq-student-dof)

The model that measures the distances has log coefficients of zero, so that its log joint is -q/2. Its M-step is used as
it is: the sums are changed beforehand so that it gives the δ and Σ above.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from gmm._types import FloatArray
from gmm.engine import loop, operations
from gmm.engine.bouts import Bouts
from gmm.engine.compilation import block, entry, inlined, method
from gmm.engine.density import Density, Units
from gmm.engine.diag import Diagonal
from gmm.engine.exp import ROUND
from gmm.engine.flat import parameter_views, rows_of, shaped, statistics_shapes, statistics_views
from gmm.engine.full import Full, SmallFull, tiled_moments
from gmm.engine.simd import (
    WIDE,
    add,
    div,
    fma,
    load_wide,
    mul,
    over_power,
    rounded_exponent,
    store,
    sub,
    total,
    where_less,
    wide,
)
from gmm.engine.small_algebra import DEAD, cholesky
from gmm.engine.spherical import Spherical
from gmm.engine.statuses import RUNNING
from gmm.engine.tied import Tied
from gmm.engine.tiles import small_moments_2

if TYPE_CHECKING:
    from gmm.engine.samples import Samples

# Whether the M-step finds degrees of freedom: not at all, one for all components, one for each.
HELD, SHARED, EACH = range(3)
# The degrees of freedom that it may find. At the upper end the density differs from the Gaussian one by 1e-8.
LEAST_DOF, MOST_DOF = 1e-2, 1e8
LN2 = math.log(2.0)
# (log((1 + s) / (1 - s)) / s - 2) / s² in powers of s², for s up to the one of √2; interpolated at Chebyshev nodes:
# relative error of the logarithm 5e-18.
L3 = 0.666666666666667
L5 = 0.39999999999899505
L7 = 0.28571428625975487
L9 = 0.2222221113479508
L11 = 0.18182889125261723
L13 = 0.15331721600556042
L15 = 0.14616449685043406
# From here on the asymptotic series of log Γ and of ψ below have all digits.
ASYMPTOTIC, SHIFTED = 20.0, 10.0
NEWTON = 60  # steps at most; it takes four, and one near the end of a fit
SMALL_STEP = 1e-8


class Student(NamedTuple):
    """What a pass of the t family knows.

    gaussian : the model of the distances, its log coefficients zero
    coefficients : c (K,): log π - d/2 log(ν π) + log Γ((ν + d)/2) - log Γ(ν/2) + log det W
    centres : (K, d), those of `gaussian`
    dof : ν (K,)
    estimated : HELD, SHARED or EACH
    origin : zeros (1, d)
    n_observed : how many features of the samples count, d where none is missing
    """

    gaussian: tuple
    coefficients: np.ndarray
    centres: np.ndarray
    dof: np.ndarray
    estimated: int
    origin: np.ndarray
    n_observed: int

    def room_rows(self, n_features, n_components):
        """Rows of the workspace: the Gaussian model's, then what `add_scatter` needs, then u and log(1 + q / ν)."""
        more = 17 if isinstance(self.gaussian, Tied) else 0
        return self.gaussian.room_rows(n_features, n_components) + more + 2 * n_components

    def operations(self, n_components, n_features):
        """Floating point operations of a pass for one sample, roughly."""
        return self.gaussian.operations(n_components, n_features) + 40 * n_components

    @staticmethod
    def statistics_shapes(kind, n_components, n_features):
        """Shapes of a slot: those of the Gaussian model `kind`, then M_k and Σ r log(1 + q / ν).

        A tied one has before these the scatter of all samples with the weights Σ_k r u, and room for their sum.
        """
        shapes = statistics_shapes(kind, n_components, n_features)
        if kind is Tied:
            shapes = (*shapes, (n_features, n_features), (n_features,))
        return (*shapes, (2, n_components))


class StudentDensity(NamedTuple):
    """A mixture of t distributions as the kernels see it: a `gmm.engine.Density`, and degrees of freedom (K,).

    The log joint of sample i and component k is coefficients[k] - (ν_k + d)/2 log(1 + |W_k (x_i - c_k)|² / ν_k).
    """

    model: type[Any]
    coefficients: FloatArray
    centres: FloatArray
    factors: FloatArray
    units: Units
    dof: FloatArray

    @property
    def gaussian(self) -> Density:
        """The same with Gaussian tails."""
        return Density(*self[:5])

    def compiled(self) -> Any:
        """The kernels' model."""
        return student_model(self.gaussian.compiled(), self.coefficients, self.dof, HELD)

    def each_by_itself(self) -> Self:
        """The same where a tied model's factor stands there for each component."""
        factors = np.ascontiguousarray(np.broadcast_to(self.factors, Full.shape(*self.centres.shape)))
        return self._replace(model=Full, factors=factors)


def student_model(gaussian, coefficients, dof, estimated):
    """A `Student` whose distances `gaussian` measures."""
    gaussian = gaussian._replace(coefficients=np.zeros_like(coefficients))
    dof, d = np.array(dof, dtype=np.float64), gaussian.centres.shape[1]
    return Student(gaussian, coefficients, gaussian.centres, dof, estimated, np.zeros((1, d)), d)


class StudentBouts(Bouts):
    """`Bouts` of the t family: `density` is a StudentDensity; the model's `dof` are those of the parameters."""

    def __init__(
        self,
        samples: Samples,
        density: Any,
        weights: FloatArray,
        covariances: FloatArray,
        regularisation: Any,
        estimated: int,
        **options: Any,
    ) -> None:
        super().__init__(samples, density, weights, covariances, regularisation, **options)
        gaussian = self.model
        if self.kind is Tied:
            gaussian = gaussian._replace(scatter=np.empty_like(gaussian.scatter))
        self.shapes = Student.statistics_shapes(self.kind, *density.centres.shape)
        self.model = student_model(gaussian, self.arrays[-1], density.dof, estimated)

    def set(self, weights: FloatArray, density: Any, covariances: FloatArray) -> None:
        super().set(weights, density, covariances)
        if isinstance(getattr(self, "model", None), Student):
            self.model.dof[...] = density.dof


# ------------------------------------------------------------------------------------- the pass


@inlined
def log1p_and_inverse(t):
    """(log(1 + t), 1 / (1 + t)) of a wide vector, 0 <= t < 1e300, right to 4 ulp; one division for both.

    1 + t = 2ⁿ m with √½ <= m < √2, and log m = log((1 + s) / (1 - s)) with s = (m - 1) / (m + 1). The numerator f is
    taken from t itself, so that a small t keeps its digits; 1 / (m (m + 1)) gives both s and 1 / m. As few of these
    operations as can be are multiplications: of those processors do the least at a time.
    """
    y = add(wide(1.0), t)
    m = over_power(y, y)
    down = over_power(wide(1.0), y)
    inverse = div(wide(1.0), fma(m, m, m))
    n = sub(rounded_exponent(y), wide(ROUND))
    f = fma(t, down, sub(down, wide(1.0)))
    s = mul(fma(f, f, f), inverse)
    z = mul(s, s)
    square = mul(z, z)
    odd = fma(fma(fma(wide(L15), square, wide(L11)), square, wide(L7)), square, wide(L3))
    even = fma(fma(wide(L13), square, wide(L9)), square, wide(L5))
    first = fma(n, wide(LN2), add(s, s))
    return fma(mul(s, z), fma(even, z, odd), first), over_power(mul(add(wide(1.0), m), inverse), y)


@entry
def log1p_rows(a, inverses):
    """log(1 + a) of every element of a 2-D array whose rows are multiples of WIDE, in place; and 1 / (1 + a)."""
    for i in range(a.shape[0]):
        for b in range(0, a.shape[1], WIDE):
            logarithm, inverse = log1p_and_inverse(load_wide(a, i, b))
            store(a, i, b, logarithm)
            store(inverses, i, b, inverse)


method(operations.add_samples, Student)(loop.add_samples)


@method(operations.prepare, Student)
def prepare(model, values):
    """What the Gaussian model keeps beside its own parameters."""
    return operations.prepare(model.gaussian, values)


@method(operations.measure, Student)
def measure(model, x, padded, room):
    """What the Gaussian model needs."""
    operations.measure(model.gaussian, x, padded, room)


@method(operations.log_joint, Student)
def log_joint(model, x, padded, room, r):
    """eq-student-density, one component after the other; u and log(1 + q / ν) stay in `room`."""
    n_components, d = model.centres.shape[0], model.n_observed
    operations.log_joint(model.gaussian, x, padded, room, r)  # -q / 2
    u = room.shape[0] - 2 * n_components
    tails = u + n_components
    for k in range(n_components):
        dof = model.dof[k]
        for b in range(0, padded, WIDE):
            t = nearer(mul(load_wide(r, k, b), wide(-2.0 / dof)))
            tail, inverse = log1p_and_inverse(t)
            store(room, u + k, b, mul(wide(1.0 + d / dof), inverse))
            store(room, tails + k, b, tail)
            store(r, k, b, fma(wide(-0.5 * (dof + d)), tail, wide(model.coefficients[k])))


@inlined
def nearer(t):
    """t, at most 1e300: squared distances that overflow are taken as that far."""
    return where_less(wide(1e300), t, wide(1e300), t)


@method(operations.add_counts, Student)
def add_counts(model, padded, room, r, counts, second):
    """N_k, M_k and Σ_b r log(1 + q / ν); r becomes r u."""
    n_components = counts.size
    sums = second.size - 2 * n_components
    place = room.shape[0] - 2 * n_components
    for k in range(n_components):
        count = wide(0.0)
        mass = wide(0.0)
        tail = wide(0.0)
        for b in range(0, padded, WIDE):
            weight = load_wide(r, k, b)
            count = add(count, weight)
            tail = fma(weight, load_wide(room, place + n_components + k, b), tail)
            weight = mul(weight, load_wide(room, place + k, b))
            mass = add(mass, weight)
            store(r, k, b, weight)
        counts[k] += total(count)
        second[sums + k] += total(mass)
        second[sums + n_components + k] += total(tail)


@method(operations.add_moments, Student)
def add_moments(model, x, padded, room, r, negligible, first, second):
    """The Gaussian model's moments with the weights r u."""
    operations.add_moments(model.gaussian, x, padded, room, r, 0.0, first, second)
    operations.add_scatter(model.gaussian, padded, room, r, model.origin, second)


@method(operations.add_scatter, Full, SmallFull, Diagonal, Spherical)
def no_scatter(model, padded, room, r, origin, second):
    """Each component has its second moments."""


@method(operations.add_scatter, Tied)
def add_scatter(model, padded, room, r, origin, second):
    """Add Σ_b m_b y_b y_bᵀ with m_b = Σ_k r_kb, the lower triangle: its weights change from pass to pass."""
    n_components, d = model.centres.shape
    y, z = rows_of(room, 0, d), rows_of(room, d, d)
    own = 2 * d + n_components
    u, mass = rows_of(room, own, 16), rows_of(room, own + 16, 1)
    for b in range(0, padded, WIDE):
        m = load_wide(r, 0, b)
        for k in range(1, n_components):
            m = add(m, load_wide(r, k, b))
        store(mass, 0, b, m)
    spare, scatter = shaped(second, d * d, (d,)), shaped(second, 0, (d, d))
    if d == 2:
        small_moments_2(y, padded, mass, 0, origin, spare, scatter)
    else:
        tiled_moments(y, padded, mass, 0, origin, z, u, spare, scatter)


# ------------------------------------------------------------------------------------- the M-step


@block
def log_minus_digamma(x):
    """(log x - ψ(x), -x d/dx of it) for x > 0: positive, and falling from infinity to 0 without a difference of logs.

    ψ(x) = ψ(x + 1) - 1/x up to where the asymptotic series holds, 1/(2x) + 1/(12x²) - 1/(120x⁴) + …
    """
    start = x
    shift, slope = 0.0, 0.0
    while x < SHIFTED:
        inverse = 1.0 / x
        shift += inverse
        slope += inverse * inverse
        x += 1.0
    inverse = 1.0 / x
    y = inverse * inverse
    series = 1.0 / 240.0 - y * (1.0 / 132.0 - y * (691.0 / 32760.0 - y * (1.0 / 12.0 - y * 3617.0 / 8160.0)))
    series = y * (1.0 / 12.0 - y * (1.0 / 120.0 - y * (1.0 / 252.0 - y * series)))
    value = 0.5 * inverse + series
    derivative = y * (0.5 + (1.0 / 6.0 - y * (1.0 / 30.0 - y * (1.0 / 42.0 - y * (1.0 / 30.0 - y * 5.0 / 66.0)))) / x)
    if start < x:
        value += shift - math.log1p((x - start) / start)
        # d/dx (log x - ψ(x)) = 1/x - ψ'(x), with ψ'(x) = Σ 1/(x + j)² + ψ'(x + n)
        derivative += slope + inverse - 1.0 / start
    return value, start * derivative


@block
def solve_dof(target, dof):
    """ν with log(ν/2) - ψ(ν/2) = target > 0 (eq-student-dof), within its bounds; by Newton's method from `dof`.

    Between log-logarithms the left side is almost a straight line of slope -1. 1/(2x) < log x - ψ(x) < 1/x brackets it.
    """
    if not target > 0.5 / MOST_DOF:  # rounding, of a fit that is Gaussian
        return MOST_DOF
    low, high = 0.5 / target, 1.0 / target
    x = 0.5 * dof
    if not low < x < high:
        x = 0.75 / target
    for _ in range(NEWTON):
        value, slope = log_minus_digamma(x)
        step = math.log(value / target) * value / slope
        new = x * math.exp(step)
        if not low <= new <= high:
            new = low if new < low else high
        done = abs(new - x) <= SMALL_STEP * x  # whose square is what is left
        x = new
        if done:
            break
    return min(max(2.0 * x, LEAST_DOF), MOST_DOF)


@block
def tail_constant(dof, d):
    """log Γ((ν + d)/2) - log Γ(ν/2) - d/2 log(ν/2): what a t distribution's coefficient has beside a Gaussian one's.

    It tends to 0 as ν grows; from there on by Stirling's series, whose leading terms cancel beforehand.
    """
    x, a = 0.5 * dof, 0.5 * d
    if x < ASYMPTOTIC:
        return math.lgamma(x + a) - math.lgamma(x) - a * math.log(x)
    return (x + a - 0.5) * math.log1p(a / x) - a + stirling(x + a) - stirling(x)


@block
def stirling(x):
    """log Γ(x) less (x - ½) log x - x + ½ log 2π, for large x."""
    y = 1.0 / (x * x)
    return (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y * (1.0 / 1680.0 - y / 1188.0)))) / x


@entry
def tail_constants(dof, d, results):
    """`tail_constant` for callers in Python."""
    for k in range(dof.size):
        results[k] = tail_constant(dof[k], d)


@entry
def new_dof(counts, masses, tails, old, d, estimated, results):
    """`update_dof` for callers in Python."""
    for k in range(old.size):
        results[k] = old[k]
    update_dof(counts, masses, tails, d, estimated, results)


@block
def update_dof(counts, masses, tails, d, estimated, dof):
    """The equation for ν in place (eq-student-dof); Σ r log u = N log(1 + d/ν) - Σ r log(1 + q/ν)."""
    if estimated == HELD:
        return
    together, n = 0.0, 0.0
    for k in range(dof.size):
        if counts[k] == 0.0:
            continue
        excess = masses[k] - counts[k] * (1.0 + math.log1p(d / dof[k])) + tails[k]
        if estimated == EACH:
            dof[k] = solve_dof(excess / counts[k] + log_minus_digamma(0.5 * (dof[k] + d))[0], dof[k])
        together += excess
        n += counts[k]
    if estimated == SHARED and n > 0.0:
        one = solve_dof(together / n + log_minus_digamma(0.5 * (dof[0] + d))[0], dof[0])
        for k in range(dof.size):
            dof[k] = one


@method(operations.update, Student)
def update(model, sum_values, regularisation, old_values, new_values, room):
    """The M-step (eq-student-m-step): the Gaussian model's of changed sums, then the degrees of freedom."""
    n_components, d = model.centres.shape
    _, counts, first, second = statistics_views(sum_values, n_components, d)
    sums = second.size - 2 * n_components
    masses, tails = shaped(second, sums, (n_components,)), shaped(second, sums + n_components, (n_components,))
    for k in range(n_components):
        if counts[k] < DEAD or masses[k] < DEAD:
            counts[k] = 0.0
    operations.unscaled(model.gaussian, counts, masses, first, second, old_values, room)
    status, component = operations.update(model.gaussian, sum_values, regularisation, old_values, new_values, room)
    if status != RUNNING:
        return status, component
    update_dof(counts, masses, tails, d, model.estimated, model.dof)
    _, _, _, _, coefficients = parameter_views(new_values, n_components, d)
    for k in range(n_components):
        coefficients[k] += tail_constant(model.dof[k], d)
    return RUNNING, -1


@inlined
def stretch(counts, masses, first, k):
    """S1 N / M in place of S1, so that the Gaussian M-step takes the step δ = S1 / M; returns (N - M) / N²."""
    ratio = counts[k] / masses[k]
    for j in range(first.shape[1]):
        first[k, j] *= ratio
    return (counts[k] - masses[k]) / (counts[k] * counts[k])


@method(operations.unscaled, Full, SmallFull)
def unscaled_full(model, counts, masses, first, second, old_values, room):
    """S2 + (N - M) δ δᵀ, of which the Gaussian M-step will take N δ δᵀ away."""
    n_components, d = model.centres.shape
    second = shaped(second, 0, (n_components, d, d))
    for k in range(n_components):
        if counts[k] > 0.0:
            amount = stretch(counts, masses, first, k)
            for i in range(d):
                for j in range(i + 1):
                    second[k, i, j] += amount * first[k, i] * first[k, j]


@method(operations.unscaled, Diagonal)
def unscaled_diagonal(model, counts, masses, first, second, old_values, room):
    """The same of each feature."""
    n_components, d = model.centres.shape
    second = shaped(second, 0, (n_components, d))
    for k in range(n_components):
        if counts[k] > 0.0:
            amount = stretch(counts, masses, first, k)
            for j in range(d):
                second[k, j] += amount * first[k, j] * first[k, j]


@method(operations.unscaled, Spherical)
def unscaled_spherical(model, counts, masses, first, second, old_values, room):
    """The same of all features together."""
    n_components, d = model.centres.shape
    for k in range(n_components):
        if counts[k] > 0.0:
            amount = stretch(counts, masses, first, k)
            for j in range(d):
                second[k] += amount * first[k, j] * first[k, j]


@method(operations.unscaled, Tied)
def unscaled_tied(model, counts, masses, first, second, old_values, room):
    """The scatter about x₀ in the units of x, L T Lᵀ + Σ_k (N - M) o oᵀ with o = μ + δ - x₀, for the model to keep.

    The Gaussian M-step takes Σ_k N o oᵀ away.
    """
    n_components, d = model.centres.shape
    _, means, covariance, _, _ = parameter_views(old_values, n_components, d)
    moments, scatter = shaped(second, 0, (d, d)), model.scatter
    lower, row = shaped(room, 0, (d, d)), shaped(room, d * d, (d,))
    cholesky(shaped(covariance, 0, (d, d)), lower)
    for i in range(d):
        for a in range(d):
            row[a] = 0.0
            for c in range(i + 1):
                row[a] += lower[i, c] * (moments[c, a] if a <= c else moments[a, c])
        for j in range(i + 1):
            scatter[i, j] = 0.0
            for a in range(j + 1):
                scatter[i, j] += row[a] * lower[j, a]
    for k in range(n_components):
        if counts[k] == 0.0:
            continue
        excess = stretch(counts, masses, first, k) * counts[k] * counts[k]
        for i in range(d):
            row[i] = means[k, i] - model.reference[i]
            for a in range(i + 1):
                row[i] += lower[i, a] * first[k, a] / counts[k]
        for i in range(d):
            for j in range(i + 1):
                scatter[i, j] += excess * row[i] * row[j]


@method(operations.log_prior, Student)
def log_prior(model, prior):
    """The density of the scale matrices."""
    return operations.log_prior(model.gaussian, prior)
