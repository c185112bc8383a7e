"""Explicit vectors of float64: what the processor's registers hold.

LLVM can vectorise a loop by itself, but it then keeps the running sums of a matrix product in memory, and on many
AVX-512 processors it uses half of the register's width. The kernels that do most of the work are therefore written
with vectors. A *wide* vector is several registers side by side (32 samples on AVX-512), which gives the processor
enough independent sums to keep both of its multiply-add units busy; NARROW is the length of a single register.

LLVM lowers these types on every processor, so the code runs everywhere; the lengths below suit the one at hand.

======================== ==========================================
``wide(x)``                  a vector with ``x`` in every lane
``load_wide(a, i, b)``       ``a[i, b], a[i, b + 1], …`` of a C-ordered 2-D array
``store(a, i, b, v)``        the reverse
``add sub mul div``          lane by lane
``fma(a, b, c)``             ``a * b + c``, fused where the processor can
``maximum(a, b)``            the larger; ``a`` where either is NaN
``zero_below(x, bound, v)``  ``v``, but 0 where ``x < bound``
``where_less(a, b, x, y)``     ``x`` where ``a < b``, else ``y``
``count_from(v, bound)``      how many lanes of ``v`` are at least ``bound``, an integer
``times_power_of_two(p, t)`` ``p * 2**n`` where ``n`` is in the low bits of ``t`` (see `exp`)
``rounded_exponent(y)``      ``1.5 * 2**52 + n`` with ``y = 2**n m``, √½ <= m < √2, of a normal ``y >= √½``
``over_power(v, y)``         ``v * 2**-n`` with the ``n`` of `rounded_exponent`; ``v`` and the result normal, positive
``total(v)``                 the sum of the lanes
``smaller(i, j)``            the smaller of two integers; Numba makes a function of each ``min``
======================== ==========================================
"""

import llvmlite.binding as llvm
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model


def target():
    """(name, features) of the processor that Numba compiles for."""
    name = config.CPU_NAME or llvm.get_host_cpu_name()
    features = config.CPU_FEATURES
    if features is None:
        features = "" if name == "generic" else llvm.get_host_cpu_features().flatten()
    return name, features


def _lanes():
    """Float64 lanes of one register: 8 with AVX-512, else 4 (AVX2), else 2 (SSE2, NEON)."""
    features = target()[1]
    return 8 if "+avx512f" in features else 4 if "+avx2" in features else 2


NARROW = _lanes()
# 32 registers hold 4 wide sums of 4 registers each beside the operands; processors with 16 registers hold half.
WIDE = NARROW * (4 if NARROW == 8 else 2)


class Vector(types.Type):
    """Numba's type of a vector of `lanes` float64 values."""

    def __init__(self, lanes):
        self.lanes = lanes
        super().__init__(name=f"Vector({lanes})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        super().__init__(manager, vector, ir.VectorType(ir.DoubleType(), vector.lanes))


_WIDE_TYPE = Vector(WIDE)
_INT = ir.IntType(64)
_ROOT_HALF, _MAGIC = 0x3FE6A09E667F3BCD, 0x4338000000000000  # the bits of √½ and of 1.5 * 2**52
_EXPONENT = 0x7FF0000000000000
# Multiply and add may fuse. No reassociation: the order of the sums is written out, and `exp` depends on its rounding.
_FLAGS = ("contract",)


def _splat(builder, scalar, lanes):
    vector_type = ir.VectorType(scalar.type, lanes)
    one = builder.insert_element(ir.Constant(vector_type, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(one, ir.Constant(vector_type, ir.Undefined), mask)


@intrinsic
def wide(typing_context, x):
    def codegen(context, builder, signature, args):
        return _splat(builder, args[0], WIDE)

    return _WIDE_TYPE(types.float64), codegen


def _pointer(context, builder, array_type, array, row, column, lanes):
    """Address of ``array[row, column]`` as a pointer to a vector; rows are contiguous."""
    view = context.make_array(array_type)(context, builder, array)
    row_length = builder.extract_value(view.shape, 1)
    offset = builder.add(builder.mul(row, row_length), column)
    element = builder.gep(view.data, [offset])
    return builder.bitcast(element, ir.VectorType(ir.DoubleType(), lanes).as_pointer())


@intrinsic
def load_wide(typing_context, array, row, column):
    def codegen(context, builder, signature, args):
        return builder.load(_pointer(context, builder, signature.args[0], *args, WIDE), align=8)

    return _WIDE_TYPE(array, types.intp, types.intp), codegen


@intrinsic
def store(typing_context, array, row, column, v):
    def codegen(context, builder, signature, args):
        target = _pointer(context, builder, signature.args[0], *args[:3], v.lanes)
        builder.store(args[3], target, align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, v), codegen


def _binary(operation, a, b):
    def codegen(context, builder, signature, args):
        return getattr(builder, operation)(*args, flags=_FLAGS)

    return a(a, b), codegen


@intrinsic
def add(typing_context, a, b):
    return _binary("fadd", a, b)


@intrinsic
def sub(typing_context, a, b):
    return _binary("fsub", a, b)


@intrinsic
def mul(typing_context, a, b):
    return _binary("fmul", a, b)


@intrinsic
def div(typing_context, a, b):
    return _binary("fdiv", a, b)


@intrinsic
def fma(typing_context, a, b, c):
    def codegen(context, builder, signature, args):
        vector = args[0].type
        function_type = ir.FunctionType(vector, [vector] * 3)
        name = f"llvm.fmuladd.v{a.lanes}f64"
        return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), args)

    return a(a, b, c), codegen


@intrinsic
def maximum(typing_context, a, b):
    def codegen(context, builder, signature, args):
        return builder.select(builder.fcmp_ordered(">", args[1], args[0]), args[1], args[0])

    return a(a, b), codegen


@intrinsic
def smaller(typing_context, i, j):
    def codegen(context, builder, signature, args):
        return builder.select(builder.icmp_signed("<", *args), *args)

    return types.intp(types.intp, types.intp), codegen


@intrinsic
def zero_below(typing_context, x, bound, v):
    def codegen(context, builder, signature, args):
        below = builder.fcmp_ordered("<", args[0], args[1])
        return builder.select(below, ir.Constant(args[2].type, [0.0] * v.lanes), args[2])

    return v(x, bound, v), codegen


@intrinsic
def where_less(typing_context, a, b, x, y):
    def codegen(context, builder, signature, args):
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

    return x(a, b, x, y), codegen


@intrinsic
def count_from(typing_context, v, bound):
    def codegen(context, builder, signature, args):
        mask = builder.bitcast(builder.fcmp_ordered(">=", *args), ir.IntType(v.lanes))
        return builder.zext(builder.ctpop(mask), _INT)

    return types.intp(v, v), codegen


@intrinsic
def times_power_of_two(typing_context, p, t):
    def codegen(context, builder, signature, args):
        whole = ir.VectorType(_INT, p.lanes)
        bits = [builder.bitcast(arg, whole) for arg in args]
        exponent = builder.shl(bits[1], ir.Constant(whole, [52] * p.lanes))
        return builder.bitcast(builder.add(bits[0], exponent), args[0].type)

    return p(p, t), codegen


def _above_root_half(builder, y, lanes):
    """The bits of y less those of √½, whose exponent field is n; and a function that makes vectors of integers."""
    whole = ir.VectorType(_INT, lanes)

    def number(bits):
        return ir.Constant(whole, [bits] * lanes)

    return builder.sub(builder.bitcast(y, whole), number(_ROOT_HALF)), number


@intrinsic
def rounded_exponent(typing_context, y):
    def codegen(context, builder, signature, args):
        above, number = _above_root_half(builder, args[0], y.lanes)
        return builder.bitcast(builder.add(builder.lshr(above, number(52)), number(_MAGIC)), args[0].type)

    return y(y), codegen


@intrinsic
def over_power(typing_context, v, y):
    def codegen(context, builder, signature, args):
        above, number = _above_root_half(builder, args[1], y.lanes)
        power = builder.and_(above, number(_EXPONENT))
        return builder.bitcast(builder.sub(builder.bitcast(args[0], power.type), power), args[0].type)

    return v(v, y), codegen


@intrinsic
def total(typing_context, v):
    def codegen(context, builder, signature, args):
        # Halve until one lane is left: a fixed order, and log2(lanes) steps.
        vector, lanes = args[0], v.lanes
        while lanes > 1:
            lanes //= 2
            halves = [
                builder.shuffle_vector(
                    vector,
                    ir.Constant(vector.type, ir.Undefined),
                    ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(start, start + lanes))),
                )
                for start in (0, lanes)
            ]
            vector = builder.fadd(*halves)
        return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    return types.float64(v), codegen
