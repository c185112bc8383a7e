"""Register tiles: the inner loops of the two triangular matrix products of full covariances, written as LLVM instructions.

A tile keeps a block of results in registers while it walks along the third direction, so that each value that it loads serves
several multiply-adds: the processor's two multiply-add units then wait neither for memory nor for each other. Written out as
statements a tile is dozens of near-identical lines that take Numba long to compile; here Python loops write them.

``squares_of_rows(W, z, i, q)``       q + Σ_{a<rows} (Σ_{j<=i+a} W[i+a, j] z[j])² for one strip z (d, WIDE)
``rows_of_product(W, z, i, y, b)``    y[i+a, b:b+WIDE] = Σ_{j<=i+a} W[i+a, j] z[j]
``weighted_rows(r, k, z, i, padded, u, first)``   u[a] = r[k] z[i+a], and first[i+a] += its sum
``tile(u, z, i, j, padded, second)``  second[i+a, j+c] += Σ_b u[a, b] z[j+c, b]

The number of rows (and columns) is part of each function's name below.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from gmm.engine.simd import _WIDE_TYPE, NARROW, WIDE

_DOUBLE = ir.DoubleType()
_INT = ir.IntType(64)


class _Writer:
    """The few instructions that tiles are made of, on vectors of `lanes` float64 values."""

    def __init__(self, builder, lanes):
        self.builder = builder
        self.lanes = lanes
        self.vector = ir.VectorType(_DOUBLE, lanes)
        self.zero = ir.Constant(self.vector, [0.0] * lanes)

    def number(self, value):
        return ir.Constant(_INT, value)

    def plus(self, index, offset):
        return self.builder.add(index, self.number(offset)) if offset else index

    def element(self, array, row, column):
        """Address of array[row, column]; rows are contiguous."""
        row_length = self.builder.extract_value(array.shape, 1)
        return self.builder.gep(array.data, [self.builder.add(self.builder.mul(row, row_length), column)])

    def load(self, array, row, column):
        pointer = self.builder.bitcast(self.element(array, row, column), self.vector.as_pointer())
        return self.builder.load(pointer, align=8)

    def store(self, value, array, row, column):
        pointer = self.builder.bitcast(self.element(array, row, column), self.vector.as_pointer())
        self.builder.store(value, pointer, align=8)

    def spread(self, array, row, column):
        """array[row, column] in every lane."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = ir.Constant(ir.IntType(32), 0)
        scalar = self.builder.load(self.element(array, row, column))
        one = self.builder.insert_element(undefined, scalar, first)
        return self.builder.shuffle_vector(
            one, undefined, ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        )

    def multiply_add(self, a, b, c):
        function_type = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fmuladd.v{self.lanes}f64"
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, function_type, name), [a, b, c])

    def loop(self, stop, step, starts, body):
        """for index in range(0, stop, step): values = body(index, values), the values kept in registers."""
        builder = self.builder
        before = builder.block
        head, inside, after = (builder.append_basic_block(name) for name in ("head", "inside", "after"))
        builder.branch(head)
        builder.position_at_end(head)
        index = builder.phi(_INT)
        index.add_incoming(self.number(0), before)
        values = []
        for start in starts:
            phi = builder.phi(start.type)
            phi.add_incoming(start, before)
            values.append(phi)
        builder.cbranch(builder.icmp_signed("<", index, stop), inside, after)
        builder.position_at_end(inside)
        results = body(index, values)
        index.add_incoming(builder.add(index, self.number(step)), builder.block)
        for phi, result in zip(values, results, strict=True):
            phi.add_incoming(result, builder.block)
        builder.branch(head)
        builder.position_at_end(after)
        return values

    def halves(self, vector, lanes, start):
        mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(start, start + lanes)))
        return self.builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask)

    def total(self, vector):
        """Sum of the lanes, halving."""
        lanes = self.lanes
        while lanes > 1:
            lanes //= 2
            vector = self.builder.fadd(self.halves(vector, lanes, 0), self.halves(vector, lanes, lanes))
        return self.builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    def totals(self, vectors):
        """Sums of the lanes of several vectors, as one vector of len(vectors): pairs are folded into each other.

        Each step adds two vectors that hold interleaved halves of two others, so that no lane is idle: about half the
        instructions of as many separate sums.
        """
        lanes = self.lanes
        builder = self.builder
        while len(vectors) > 1:
            folded = []
            width = vectors[0].type.count
            for a, b in zip(vectors[0::2], vectors[1::2], strict=True):
                even = [lane for pair in range(width // 2) for lane in (2 * pair, width + 2 * pair)]
                odd = [lane + 1 for lane in even]
                mask = ir.VectorType(ir.IntType(32), width)
                folded.append(
                    builder.fadd(
                        builder.shuffle_vector(a, b, ir.Constant(mask, even)),
                        builder.shuffle_vector(a, b, ir.Constant(mask, odd)),
                    )
                )
            vectors = folded
        return vectors[0], lanes

    def add_to(self, array, row, column, value):
        """array[row, column] += value."""
        pointer = self.element(array, row, column)
        self.builder.store(self.builder.fadd(self.builder.load(pointer), value), pointer)

    def add_to_vector(self, array, index, value):
        """array[index] += value for a 1-D array."""
        pointer = self.builder.gep(array.data, [index])
        self.builder.store(self.builder.fadd(self.builder.load(pointer), value), pointer)


def _views(context, builder, signature, args):
    """Array arguments as structures with .data and .shape, the others as they are."""
    return [
        context.make_array(kind)(context, builder, value) if isinstance(kind, types.Array) else value
        for kind, value in zip(signature.args, args, strict=True)
    ]


def _triangular_product(write, factor, z, i, rows):
    """Σ_{j<=i+a} W[i+a, j] z[j] for a < rows: a loop over j < i, then the triangle on the diagonal."""
    zero = write.number(0)

    def body(j, sums):
        v = write.load(z, j, zero)
        return [write.multiply_add(write.spread(factor, write.plus(i, a), j), v, s) for a, s in enumerate(sums)]

    sums = write.loop(i, 1, [write.zero] * rows, body)
    for c in range(rows):
        j = write.plus(i, c)
        v = write.load(z, j, zero)
        for a in range(c, rows):
            sums[a] = write.multiply_add(write.spread(factor, write.plus(i, a), j), v, sums[a])
    return sums


def _squares_of_rows(rows):
    @intrinsic
    def squares_of_rows(typing_context, factor, z, i, q):
        def codegen(context, builder, signature, args):
            factor, z, i, q = _views(context, builder, signature, args)
            write = _Writer(builder, WIDE)
            for y in _triangular_product(write, factor, z, i, rows):
                q = write.multiply_add(y, y, q)
            return q

        return _WIDE_TYPE(factor, z, types.intp, q), codegen

    return squares_of_rows


def _rows_of_product(rows):
    @intrinsic
    def rows_of_product(typing_context, factor, z, i, y, b):
        def codegen(context, builder, signature, args):
            factor, z, i, y, b = _views(context, builder, signature, args)
            write = _Writer(builder, WIDE)
            for a, value in enumerate(_triangular_product(write, factor, z, i, rows)):
                write.store(value, y, write.plus(i, a), b)
            return context.get_dummy_value()

        return types.void(factor, z, types.intp, y, types.intp), codegen

    return rows_of_product


def _weighted_rows(rows):
    @intrinsic
    def weighted_rows(typing_context, r, k, z, i, padded, u, first):
        def codegen(context, builder, signature, args):
            r, k, z, i, padded, u, first = _views(context, builder, signature, args)
            write = _Writer(builder, NARROW)

            def body(b, sums):
                weight = write.load(r, k, b)
                results = []
                for a, s in enumerate(sums):
                    v = builder.fmul(weight, write.load(z, write.plus(i, a), b))
                    write.store(v, u, write.number(a), b)
                    results.append(builder.fadd(s, v))
                return results

            for a, s in enumerate(write.loop(padded, NARROW, [write.zero] * rows, body)):
                write.add_to_vector(first, write.plus(i, a), write.total(s))
            return context.get_dummy_value()

        return types.void(r, types.intp, z, types.intp, types.intp, u, first), codegen

    return weighted_rows


def _tile(rows, columns, triangle=False):
    @intrinsic
    def tile(typing_context, u, z, i, j, padded, second):
        def codegen(context, builder, signature, args):
            u, z, i, j, padded, second = _views(context, builder, signature, args)
            write = _Writer(builder, NARROW)
            cells = [(a, c) for c in range(columns) for a in range(c if triangle else 0, rows)]

            def body(b, sums):
                left = [write.load(u, write.number(a), b) for a in range(rows)]
                right = [write.load(z, write.plus(j, c), b) for c in range(columns)]
                return [write.multiply_add(left[a], right[c], s) for (a, c), s in zip(cells, sums, strict=True)]

            sums = write.loop(padded, NARROW, [write.zero] * len(cells), body)
            for (a, c), s in zip(cells, sums, strict=True):
                write.add_to(second, write.plus(i, a), write.plus(j, c), write.total(s))
            return context.get_dummy_value()

        return types.void(u, z, types.intp, types.intp, types.intp, second), codegen

    return tile


squares_of_4_rows, squares_of_2_rows, squares_of_1_row = map(_squares_of_rows, (4, 2, 1))
product_of_4_rows, product_of_2_rows, product_of_1_row = map(_rows_of_product, (4, 2, 1))
weighted_4_rows, weighted_2_rows, weighted_1_row = map(_weighted_rows, (4, 2, 1))
tile_4_by_4, tile_2_by_4, tile_1_by_1 = _tile(4, 4), _tile(2, 4), _tile(1, 1)
triangle_4, triangle_2 = _tile(4, 4, triangle=True), _tile(2, 2, triangle=True)
