"""A vectorised exponential.

The exponential is the one transcendental function of an E-step (one per sample and component), and the compiler has no
vector version of it at hand. This one costs 18 vector instructions for `WIDE` values and is right to 1.1 ulp.
"""

from gmm.engine.compilation import entry, inlined
from gmm.engine.simd import (
    WIDE,
    fma,
    load_wide,
    mul,
    store,
    sub,
    times_power_of_two,
    wide,
    zero_below,
)

LOG2_E = 1.4426950408889634
# ln 2 in two pieces; the first ends in zeros, so that n * LN2_HIGH is exact for every n that can occur.
LN2_HIGH = 6.93147180369123816490e-01
LN2_LOW = 1.90821492927058770002e-10
# Adding 1.5 * 2**52 rounds to the nearest integer and leaves that integer in the low bits of the sum.
ROUND = 6755399441055744.0
# (exp(r) - 1 - r) / r**2 on |r| <= ln(2)/2, interpolated at Chebyshev nodes: relative error of exp 1.6e-17.
C2 = 0.5000000000000001
C3 = 0.16666666666666669
C4 = 0.04166666666662399
C5 = 0.008333333333330051
C6 = 0.0013888888917281794
C7 = 0.00019841269863105968
C8 = 2.480152119021773e-05
C9 = 2.7557268378684192e-06
C10 = 2.7620138719733994e-07
C11 = 2.5100424157005067e-08
# Below this the result would be subnormal; it is 0 instead.
SMALLEST = -708.0


@inlined
def exp(x):
    """exp(x) of a wide vector for x <= 0 (the softmax's range); 0 below -708.

    x = n ln 2 + r with an integer n, so exp(x) = 2**n exp(r); a polynomial gives exp(r), and n is added to its
    exponent.
    """
    t = fma(x, wide(LOG2_E), wide(ROUND))
    n = sub(t, wide(ROUND))
    r = fma(n, wide(-LN2_HIGH), x)
    r = fma(n, wide(-LN2_LOW), r)
    # Estrin's order: a chain of multiply-adds half as long as Horner's, and one multiplication more.
    square = mul(r, r)
    fourth = mul(square, square)
    low = fma(fma(wide(C5), r, wide(C4)), square, fma(wide(C3), r, wide(C2)))
    high = fma(fma(wide(C9), r, wide(C8)), square, fma(wide(C7), r, wide(C6)))
    high = fma(fma(wide(C11), r, wide(C10)), fourth, high)
    p = fma(fma(high, fourth, low), square, r)
    p = fma(p, wide(1.0), wide(1.0))
    return zero_below(x, wide(SMALLEST), times_power_of_two(p, t))


@entry
def exp_rows(a):
    """exp of every element of a 2-D array whose row length is a multiple of WIDE, in place (for the tests)."""
    for i in range(a.shape[0]):
        for b in range(0, a.shape[1], WIDE):
            store(a, i, b, exp(load_wide(a, i, b)))
