"""Chapter 8: when EM stops, and what an iteration costs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gmm

# ------------------------------------------------------------------------------------- stopping


@pytest.mark.equation("eq-log-likelihood-change")
def test_convergence_compares_the_change_per_sample_with_the_tolerance():
    assert gmm.has_converged(-100.0, -99.0, 1000, 1.1e-3) is True
    assert gmm.has_converged(-100.0, -99.0, 1000, 0.9e-3) is False
    assert gmm.has_converged(-99.0, -100.0, 1000, 0.9e-3) is False  # the size of the change counts
    assert gmm.has_converged(-100.0, -98.0, 4, 0.5) is False  # a change of exactly the tolerance is not less
    assert gmm.has_converged(-100.0, -100.0, 4, 0.0) is False


@pytest.mark.equation("eq-parameter-change")
@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 10**6))
def test_parameter_change_is_the_largest_difference_of_any_entry(random_mixture, d, K, seed):
    rng = np.random.default_rng(seed)
    old, new = random_mixture(rng, K, d), random_mixture(rng, K, d)
    expected = max(np.abs(a - b).max() for a, b in zip(old, new, strict=True))
    assert gmm.parameter_change(old, new) == expected == gmm.parameter_change(new, old)
    assert gmm.parameter_change(old, old) == 0


@pytest.mark.equation("eq-parameter-change")
@pytest.mark.parametrize("which", [0, 1, 2])
def test_parameter_change_sees_weights_means_and_covariances(which):
    old = np.array([0.5, 0.5]), np.zeros((2, 2)), np.array([np.eye(2)] * 2)
    new = [values.copy() for values in old]
    if which == 0:
        new[0] += [0.25, -0.25]
    else:
        new[which][-1, -1] += 0.25
        if which == 2:
            new[2][-1] = [[1, 0], [0, 1.25]]
    assert gmm.parameter_change(old, tuple(new)) == 0.25


# ------------------------------------------------------------------------------------- cost

COUNTING = """
import json, math, types
import numpy as np
import gmm.formulas as formulas

class Number:
    '''A float that counts the multiplications and divisions done with it.'''
    done = 0
    def __init__(self, value): self.value = float(value)
    def __float__(self): return self.value
    def __mul__(self, other): Number.done += 1; return Number(self.value * float(other))
    def __rmul__(self, other): return self * other
    def __truediv__(self, other): Number.done += 1; return Number(self.value / float(other))
    def __rtruediv__(self, other): Number.done += 1; return Number(float(other) / self.value)
    def __add__(self, other): return Number(self.value + float(other))
    __radd__ = __add__
    def __sub__(self, other): return Number(self.value - float(other))
    def __rsub__(self, other): return Number(float(other) - self.value)
    def __lt__(self, other): return self.value < float(other)
    def __abs__(self): return Number(abs(self.value))
    def __gt__(self, other): return self.value > float(other)
    def __le__(self, other): return self.value <= float(other)
    def __ge__(self, other): return self.value >= float(other)

def numbers(array):
    result = np.empty(np.shape(array), dtype=object)
    for index, value in np.ndenumerate(array):
        result[index] = Number(value)
    return result

# In place of NumPy and math inside the kernels: the same functions on counting numbers.
roots = {name: (lambda a, f=getattr(math, name): Number(f(float(a)))) for name in ("sqrt", "log", "exp")}
arrays = types.SimpleNamespace(
    **roots | {"exp": lambda a: numbers(np.exp(a.astype(float)))},
    zeros=lambda shape: numbers(np.zeros(shape)),
    empty=lambda shape: numbers(np.zeros(shape)),
)
scalars = types.SimpleNamespace(inf=math.inf, isinf=lambda a: math.isinf(float(a)), **roots)
for module in (*formulas.CHAPTERS, formulas._primitives):
    module.np = arrays
    module.math = scalars

def count(function, *arguments):
    Number.done = 0
    result = function(*arguments)
    return Number.done, result

rows = []
for n, d, K in [(1, 1, 1), (5, 1, 2), (4, 2, 3), (7, 3, 2), (3, 6, 2), (9, 4, 5)]:
    rng = np.random.default_rng([n, d, K])
    X, weights, means = numbers(rng.normal(size=(n, d))), numbers(np.full(K, 1 / K)), numbers(rng.normal(size=(K, d)))
    covariances = numbers(np.array([np.eye(d) + 0.1] * K))
    e_step, (log_resp, _) = count(formulas.em.e_step_kernel, X, weights, means, covariances)
    resp = arrays.exp(log_resp)
    m_step, _ = count(formulas.em.m_step_kernel, X, resp, 0.0)
    cholesky, _ = count(formulas.gaussian.cholesky_kernel, covariances[0])
    distances, _ = count(formulas.gaussian.mahalanobis_squared_kernel, X, means[0], numbers(np.eye(d) + 0.0))
    start = X, weights, means, covariances
    twice, once = (count(formulas.em.em_kernel, *start, -1.0, steps, 0.1)[0] for steps in (2, 1))
    rows.append([n, d, K, e_step, m_step, cholesky, distances, twice - once])
print(json.dumps(rows))
"""


@pytest.mark.equation("eq-em-cost")
def test_cost_is_what_the_kernels_really_do(run_python):
    """Run the kernels as plain Python on numbers that count, and compare with the formula.

    What the formula leaves out is listed here: one product for each (i, k), a few for each component, the divisions by
    the counts, and in the loop of EM the second factorisation that finds a collapsed component.
    """
    rows = json.loads(run_python(COUNTING, NUMBA_DISABLE_JIT="1"))
    for n, d, K, e_step, m_step, cholesky, distances, iteration in rows:
        assert distances == n * d * (d + 3) // 2
        assert cholesky == d * (d * d - 1) // 6 + d * (d - 1) // 2
        left_out_e = n * K + 2 * K  # -1/2 of the squared distance and of the normaliser; twice the sum of logarithms
        left_out_m = K + K * d + K * d * d  # divisions by n and by the counts
        assert e_step == n * K * d * (d + 3) // 2 + K * cholesky + left_out_e
        assert m_step == n * K * (d + 2 * d * d) + left_out_m
        assert e_step + m_step == gmm.em_cost(n, d, K) + left_out_e + left_out_m
        assert iteration == e_step + m_step + K * cholesky + 1  # and one division by n in the test of convergence


@pytest.mark.equation("eq-em-cost")
def test_cost_by_hand_and_its_growth():
    # One point, one feature, one component: distance 2 (divide, square), mean 1, covariance 2, Cholesky none.
    assert gmm.em_cost(1, 1, 1) == 5
    assert gmm.em_cost(20_000, 5, 3) == 2 * gmm.em_cost(10_000, 5, 3) - 3 * (5 * 24 // 6 + 10)
    assert gmm.em_cost(1000, 4, 8) == 2 * gmm.em_cost(1000, 4, 4)
    # For large d about 5/2 n K d^2.
    assert gmm.em_cost(10**6, 400, 2) == pytest.approx(2.5 * 10**6 * 2 * 400**2, rel=0.01)
