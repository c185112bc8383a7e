"""Register tiles: the inner loops that must keep their sums in registers, written as LLVM instructions.

A tile keeps a block of results in registers while it walks along the third direction, so that each value that it
loads serves several multiply-adds: the processor's two multiply-add units then wait neither for memory nor for each
other. Written out as statements a tile is dozens of near-identical lines that take Numba long to compile; here Python
loops write them. The number of rows (and columns) is part of a function's name.

With z a strip (d, WIDE) of differences:

``product_of_4_rows(W, z, i, y, b)``
    y[i+a, b:b+WIDE] = Σ_{j<=i+a} W[i+a, j] z[j]

With x a block (d, padded), r its responsibilities, μ the centres, z (d, padded) and u (16, padded) workspaces:

``squares_of_4_rows(x, k, μ, W, i, padded, z, r)``
    r[k] += Σ_{a<4} (Σ_{j<=i+a} W[i+a, j] z[j])² where z[i+a] = x[i+a] - μ[k, i+a], which later rows find in z;
    a tile for each strip of WIDE samples
``strip_4(x, r, k, μ, i, padded, z, u, a0, first, second)``
    Rows i … i+3 of component k's moments, second moments on the diagonal only:
    z[i+a] = x[i+a] - μ[k, i+a], u[a0+a] = r[k] z[i+a], first[i+a] += Σ_b u[a0+a, b],
    second[i+a, i+c] += Σ_b u[a0+a, b] z[i+c, b] for c <= a
``tile_4_by_4(u, a0, z, i, j, padded, second)``
    second[i+a, j+c] += Σ_b u[a0+a, b] z[j+c, b]: the rest of such rows, after `strip_4`
``small_squares_2(x, b, μ, k, W)``, ``small_moments_2(x, padded, r, k, μ, first, second)``
    All of the two products for d = 2; nothing is stored in between
``sums_of_8_features(x, r, k, μ, i, padded, first, first)``
    first[i+a] += Σ_b r[k, b] (x[i+a, b] - μ[k, i+a])
``moments_of_4_features(x, r, k, μ, i, padded, first, second)``
    The same, and second[i+a] += Σ_b r[k, b] (x[i+a, b] - μ[k, i+a])²
``joints_of_4_features(x, k, μ, W, i, padded, r)``
    r[k] -= Σ_{a<4} ((x[i+a] - μ[k, i+a]) W[k, i+a])², for diagonal covariances
``sums_of_rest``, ``moments_of_rest``, ``joints_of_rest``
    The same of the features from i on, as many as these tiles leave
``transpose_rows_2(X, i, x, b, shift, scale)``, ``transpose_square(X, i, j, x, b, shift, scale)``
    x[j, b+a] = (X[i+a, j] - shift[j]) scale for NARROW samples and d = 2 features, and
    x[j+c, b+a] = (X[i+a, j+c] - shift[j+c]) scale for a square of NARROW samples and features
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from gmm.engine.simd import _WIDE_TYPE, NARROW, WIDE

_DOUBLE = ir.DoubleType()
_INT = ir.IntType(64)
# The features that tiles of four leave to one of as many rows as there are: five at most, rather than four and one.
REST = 5
# Sums that registers hold beside what they are sums of: 32 registers with AVX-512, else 16.
SUMS = 16 if NARROW == 8 else 8


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

    def load_vector(self, array, index):
        """Consecutive values of a 1-D array."""
        pointer = self.builder.bitcast(self.builder.gep(array.data, [index]), self.vector.as_pointer())
        return self.builder.load(pointer, align=8)

    def dealt(self, vectors, numbers):
        """The values with these numbers of a list of vectors read as one: a vector of them."""
        lane_type = ir.VectorType(ir.IntType(32), self.lanes)
        result = vectors[0]
        for number, vector in enumerate(vectors):
            mask = [
                self.lanes + n % self.lanes if n // self.lanes == number else lane for lane, n in enumerate(numbers)
            ]
            result = self.builder.shuffle_vector(result, vector, ir.Constant(lane_type, mask))
        return result

    def store(self, value, array, row, column):
        pointer = self.builder.bitcast(self.element(array, row, column), self.vector.as_pointer())
        self.builder.store(value, pointer, align=8)

    def spread(self, array, row, column):
        """array[row, column] in every lane."""
        return self.splat(self.builder.load(self.element(array, row, column)))

    def splat(self, scalar):
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = ir.Constant(ir.IntType(32), 0)
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

    def cases(self, x, i, most):
        """For rows in 1 … most: what is written next is done where x has so many rows from row i on."""
        builder = self.builder
        after = builder.append_basic_block("after")
        left = builder.sub(builder.extract_value(x.shape, 0), i)
        choose = builder.switch(left, after)
        for rows in range(1, most + 1):
            case = builder.append_basic_block("case")
            choose.add_case(self.number(rows), case)
            builder.position_at_end(case)
            yield rows
            builder.branch(after)
        builder.position_at_end(after)

    def piece(self, vector, lanes, start):
        mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(start, start + lanes)))
        return self.builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask)

    def total(self, vector):
        """Sum of the lanes, halving."""
        lanes = self.lanes
        while lanes > 1:
            lanes //= 2
            vector = self.builder.fadd(self.piece(vector, lanes, 0), self.piece(vector, lanes, lanes))
        return self.builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    def totals(self, vectors):
        """Sums of the lanes of several vectors, `lanes` of them to a vector, in order.

        Vectors are folded in pairs: each step adds a shuffle of two vectors to another shuffle of them, so that no
        lane idles. That takes half the instructions of as many separate sums.
        """
        vectors = [*vectors, *[self.zero] * (-len(vectors) % self.lanes)]
        results = []
        for start in range(0, len(vectors), self.lanes):
            fold = vectors[start : start + self.lanes]
            step = 1
            while step < self.lanes:
                fold = [
                    self.builder.fadd(*self.exchange(a, b, step)) for a, b in zip(fold[0::2], fold[1::2], strict=True)
                ]
                step *= 2
            results.append(fold[0])
        return results

    def exchange(self, a, b, step):
        """Swap the blocks of `step` lanes on one side of the diagonal of ((a), (b)): one step of a transposition."""
        mask = ir.VectorType(ir.IntType(32), self.lanes)
        upper = [lane if not lane & step else self.lanes + lane - step for lane in range(self.lanes)]
        lower = [lane + step if not lane & step else self.lanes + lane for lane in range(self.lanes)]
        return (
            self.builder.shuffle_vector(a, b, ir.Constant(mask, upper)),
            self.builder.shuffle_vector(a, b, ir.Constant(mask, lower)),
        )

    def transposed(self, rows):
        """The columns of a square of lanes × lanes values."""
        rows = list(rows)
        step = 1
        while step < self.lanes:
            for a in range(self.lanes):
                if not a & step:
                    rows[a], rows[a + step] = self.exchange(rows[a], rows[a + step], step)
            step *= 2
        return rows

    def add_to(self, array, row, column, value):
        """array[row, column] += value."""
        pointer = self.element(array, row, column)
        self.builder.store(self.builder.fadd(self.builder.load(pointer), value), pointer)

    def lane(self, vectors, number):
        """Value `number` of a list of vectors read as one."""
        return self.builder.extract_element(
            vectors[number // self.lanes], ir.Constant(ir.IntType(32), number % self.lanes)
        )

    def add_lanes(self, pointer, vectors, first, count):
        """Add values first … first + count - 1 of a list of vectors to as many consecutive numbers in memory."""
        while count:
            vector, lane = vectors[first // self.lanes], first % self.lanes
            piece = min(count, self.lanes - lane)
            values = self.piece(vector, piece, lane)
            target = self.builder.bitcast(pointer, values.type.as_pointer())
            self.builder.store(self.builder.fadd(self.builder.load(target, align=8), values), target, align=8)
            pointer = self.builder.gep(pointer, [self.number(piece)])
            first, count = first + piece, count - piece


def _views(context, builder, signature, args):
    """Array arguments as structures with .data and .shape, the others as they are."""
    return [
        context.make_array(kind)(context, builder, value) if isinstance(kind, types.Array) else value
        for kind, value in zip(signature.args, args, strict=True)
    ]


def _triangular_product(write, factor, z, i, b, rows, value):
    """Σ_{j<=i+a} W[i+a, j] z[j, b:b+WIDE] for a < rows.

    A loop over j < i, then the triangle on the diagonal, where z[j] is `value(j)`.
    """

    def body(j, sums):
        v = write.load(z, j, b)
        return [write.multiply_add(write.spread(factor, write.plus(i, a), j), v, s) for a, s in enumerate(sums)]

    sums = write.loop(i, 1, [write.zero] * rows, body)
    for c in range(rows):
        j = write.plus(i, c)
        v = value(j)
        for a in range(c, rows):
            sums[a] = write.multiply_add(write.spread(factor, write.plus(i, a), j), v, sums[a])
    return sums


def _squares_of_rows(rows):
    @intrinsic
    def squares_of_rows(typing_context, x, k, centres, factor, i, padded, z, r):
        def codegen(context, builder, signature, args):
            x, k, centres, factor, i, padded, z, r = _views(context, builder, signature, args)
            write = _Writer(builder, WIDE)

            def strip(b, _):
                def difference(j):
                    v = builder.fsub(write.load(x, j, b), write.spread(centres, k, j))
                    write.store(v, z, j, b)
                    return v

                q = write.load(r, k, b)
                for y in _triangular_product(write, factor, z, i, b, rows, difference):
                    q = write.multiply_add(y, y, q)
                write.store(q, r, k, b)
                return []

            write.loop(padded, WIDE, [], strip)
            return context.get_dummy_value()

        return types.void(x, types.intp, centres, factor, types.intp, types.intp, z, r), codegen

    return squares_of_rows


def _rows_of_product(rows):
    @intrinsic
    def rows_of_product(typing_context, factor, z, i, y, b):
        def codegen(context, builder, signature, args):
            factor, z, i, y, b = _views(context, builder, signature, args)
            write = _Writer(builder, WIDE)
            zero = write.number(0)
            products = _triangular_product(write, factor, z, i, zero, rows, lambda j: write.load(z, j, zero))
            for a, product in enumerate(products):
                write.store(product, y, write.plus(i, a), b)
            return context.get_dummy_value()

        return types.void(factor, z, types.intp, y, types.intp), codegen

    return rows_of_product


def _strip(rows):
    @intrinsic
    def strip(typing_context, x, r, k, centres, i, padded, z, u, a0, first, second):
        def codegen(context, builder, signature, args):
            x, r, k, centres, i, padded, z, u, a0, first, second = _views(context, builder, signature, args)
            write = _Writer(builder, NARROW)
            numbers = [write.plus(i, a) for a in range(rows)]
            centre = [write.spread(centres, k, row) for row in numbers]
            cells = [(a, c) for a in range(rows) for c in range(a + 1)]

            def body(b, sums):
                weight = write.load(r, k, b)
                differences = [
                    builder.fsub(write.load(x, row, b), mean) for row, mean in zip(numbers, centre, strict=True)
                ]
                weighted = [builder.fmul(weight, difference) for difference in differences]
                for a in range(rows):
                    write.store(differences[a], z, numbers[a], b)
                    write.store(weighted[a], u, write.plus(a0, a), b)
                return [builder.fadd(s, v) for s, v in zip(sums[:rows], weighted, strict=True)] + [
                    write.multiply_add(weighted[a], differences[c], s)
                    for (a, c), s in zip(cells, sums[rows:], strict=True)
                ]

            sums = write.loop(padded, NARROW, [write.zero] * (rows + len(cells)), body)
            triangle = dict(zip(cells, sums[rows:], strict=True))
            # Zeros above the diagonal: whole rows of `second` are then added at a time.
            square = [triangle.get((a, c), write.zero) for a in range(rows) for c in range(rows)]
            totals = write.totals(square + sums[:rows])
            for a in range(rows):
                write.add_lanes(write.element(second, numbers[a], i), totals, a * rows, rows)
            write.add_lanes(builder.gep(first.data, [i]), totals, rows * rows, rows)
            return context.get_dummy_value()

        return types.void(x, r, types.intp, centres, types.intp, types.intp, z, u, types.intp, first, second), codegen

    return strip


def _write_weighted_sums(write, rows, squares, x, r, k, centres, i, padded, first, second):
    builder = write.builder
    numbers = [write.plus(i, a) for a in range(rows)]
    centre = [write.spread(centres, k, row) for row in numbers]

    def body(b, sums):
        weight = write.load(r, k, b)
        # μ - x, so that x can stay in memory: the processor subtracts it from there. S1 is then taken away.
        z = [builder.fsub(mean, write.load(x, row, b)) for row, mean in zip(numbers, centre, strict=True)]
        if not squares:
            weight = builder.fneg(weight)
            return [write.multiply_add(weight, value, s) for value, s in zip(z, sums, strict=True)]
        u = [builder.fmul(weight, value) for value in z]
        return [builder.fsub(s, v) for s, v in zip(sums[:rows], u, strict=True)] + [
            write.multiply_add(v, value, s) for v, value, s in zip(u, z, sums[rows:], strict=True)
        ]

    n_sums = 2 * rows if squares else rows
    totals = write.totals(write.loop(padded, NARROW, [write.zero] * n_sums, body))
    write.add_lanes(builder.gep(first.data, [i]), totals, 0, rows)
    if squares:
        write.add_lanes(builder.gep(second.data, [i]), totals, rows, rows)


def _weighted_sums(rows, squares):
    @intrinsic
    def weighted_sums(typing_context, x, r, k, centres, i, padded, first, second):
        def codegen(context, builder, signature, args):
            _write_weighted_sums(_Writer(builder, NARROW), rows, squares, *_views(context, builder, signature, args))
            return context.get_dummy_value()

        return types.void(x, r, types.intp, centres, types.intp, types.intp, first, second), codegen

    return weighted_sums


def _weighted_sums_of_rest(most, squares):
    """The same from row i to the last, of which there are `most` at most: one piece of code for each number of them."""

    @intrinsic
    def weighted_sums(typing_context, x, r, k, centres, i, padded, first, second):
        def codegen(context, builder, signature, args):
            x, r, k, centres, i, padded, first, second = _views(context, builder, signature, args)
            write = _Writer(builder, NARROW)
            for rows in write.cases(x, i, most):
                _write_weighted_sums(write, rows, squares, x, r, k, centres, i, padded, first, second)
            return context.get_dummy_value()

        return types.void(x, r, types.intp, centres, types.intp, types.intp, first, second), codegen

    return weighted_sums


def _write_joints(write, rows, x, k, centres, factors, i, padded, start, scale, r):
    """r[k] = (start(b) - Σ_{a<rows} ((x[i+a] - μ[k, i+a]) W[k, i+a])²) scale."""
    builder = write.builder
    numbers = [write.plus(i, a) for a in range(rows)]
    centre = [write.spread(centres, k, row) for row in numbers]
    factor = [write.spread(factors, k, row) for row in numbers]

    def strip(b, _):
        q = start(b)
        for row, mean, by in zip(numbers, centre, factor, strict=True):
            y = builder.fmul(builder.fsub(mean, write.load(x, row, b)), by)
            q = write.multiply_add(builder.fneg(y), y, q)
        write.store(q if scale is None else builder.fmul(q, scale), r, k, b)
        return []

    write.loop(padded, NARROW, [], strip)


@intrinsic
def joints_of_4_features(typing_context, x, k, centres, factors, i, padded, r):
    """r[k] -= Σ_{a<4} ((x[i+a] - μ[k, i+a]) W[k, i+a])²."""

    def codegen(context, builder, signature, args):
        x, k, centres, factors, i, padded, r = _views(context, builder, signature, args)
        write = _Writer(builder, NARROW)
        _write_joints(write, 4, x, k, centres, factors, i, padded, lambda b: write.load(r, k, b), None, r)
        return context.get_dummy_value()

    return types.void(x, types.intp, centres, factors, types.intp, types.intp, r), codegen


@intrinsic
def joints_of_rest(typing_context, x, k, centres, factors, i, padded, twice, r):
    """The same of the features from i on, at most `REST`, and half of it: r[k] is 2 log π … at first.

    Where i = 0, that is `twice`, and r[k] has not been written yet.
    """

    def codegen(context, builder, signature, args):
        x, k, centres, factors, i, padded, twice, r = _views(context, builder, signature, args)
        write = _Writer(builder, NARROW)
        none_yet, twice = builder.icmp_signed("==", i, write.number(0)), write.splat(twice)
        half = ir.Constant(write.vector, [0.5] * NARROW)

        def start(b):
            return builder.select(none_yet, twice, write.load(r, k, b))

        for rows in write.cases(x, i, REST):
            _write_joints(write, rows, x, k, centres, factors, i, padded, start, half, r)
        return context.get_dummy_value()

    return types.void(x, types.intp, centres, factors, types.intp, types.intp, types.float64, r), codegen


def _tile(rows, columns):
    @intrinsic
    def tile(typing_context, u, a0, z, i, j, padded, second):
        def codegen(context, builder, signature, args):
            u, a0, z, i, j, padded, second = _views(context, builder, signature, args)
            write = _Writer(builder, NARROW)
            sums = {}
            for some in [range(columns)] if rows * columns <= SUMS else [range(c, c + 2) for c in range(0, columns, 2)]:
                cells = [(a, c) for c in some for a in range(rows)]

                def body(b, values, some=some, cells=cells):
                    left = [write.load(u, write.plus(a0, a), b) for a in range(rows)]
                    right = {c: write.load(z, write.plus(j, c), b) for c in some}
                    return [write.multiply_add(left[a], right[c], s) for (a, c), s in zip(cells, values, strict=True)]

                values = write.loop(padded, NARROW, [write.zero] * len(cells), body)
                sums |= zip(cells, values, strict=True)
            # Row by row: whole rows of `second` are then added at a time.
            totals = write.totals([sums[a, c] for a in range(rows) for c in range(columns)])
            for a in range(rows):
                write.add_lanes(write.element(second, write.plus(i, a), j), totals, a * columns, columns)
            return context.get_dummy_value()

        return types.void(u, types.intp, z, types.intp, types.intp, types.intp, second), codegen

    return tile


def _small_squares(d):
    """The whole |W (x - μ)|² for a small d: nothing leaves the registers."""

    @intrinsic
    def small_squares(typing_context, x, b, centres, k, factor):
        def codegen(context, builder, signature, args):
            x, b, centres, k, factor = _views(context, builder, signature, args)
            write = _Writer(builder, WIDE)
            rows = [write.number(j) for j in range(d)]
            z = [builder.fsub(write.load(x, row, b), write.spread(centres, k, row)) for row in rows]
            q = write.zero
            for i in range(d):
                y = write.zero
                for j in range(i + 1):
                    y = write.multiply_add(write.spread(factor, rows[i], rows[j]), z[j], y)
                q = write.multiply_add(y, y, q)
            return q

        return _WIDE_TYPE(x, types.intp, centres, types.intp, factor), codegen

    return small_squares


def _small_moments(d):
    """All moments of one component for a small d in one walk over the block."""

    @intrinsic
    def small_moments(typing_context, x, padded, r, k, centres, first, second):
        def codegen(context, builder, signature, args):
            x, padded, r, k, centres, first, second = _views(context, builder, signature, args)
            write = _Writer(builder, NARROW)
            rows = [write.number(j) for j in range(d)]
            centre = [write.spread(centres, k, row) for row in rows]
            cells = [(i, j) for i in range(d) for j in range(i + 1)]

            def body(b, sums):
                weight = write.load(r, k, b)
                z = [builder.fsub(write.load(x, row, b), mean) for row, mean in zip(rows, centre, strict=True)]
                u = [builder.fmul(weight, value) for value in z]
                return [builder.fadd(s, v) for s, v in zip(sums[:d], u, strict=True)] + [
                    write.multiply_add(u[i], z[j], s) for (i, j), s in zip(cells, sums[d:], strict=True)
                ]

            sums = write.totals(write.loop(padded, NARROW, [write.zero] * (d + len(cells)), body))
            write.add_lanes(first.data, sums, 0, d)
            for number, (i, j) in enumerate(cells):
                write.add_to(second, rows[i], rows[j], write.lane(sums, d + number))
            return context.get_dummy_value()

        return types.void(x, types.intp, r, types.intp, centres, first, second), codegen

    return small_moments


@intrinsic
def transpose_square(typing_context, X, i, j, x, b, shift, scale):
    """x[j + c, b + a] = (X[i + a, j + c] - shift[j + c]) * scale for a square of NARROW samples and features."""

    def codegen(context, builder, signature, args):
        X, i, j, x, b, shift, scale = _views(context, builder, signature, args)
        write = _Writer(builder, NARROW)
        lanes = range(NARROW)
        origin = write.load_vector(shift, j)
        factor = write.splat(scale)
        rows = [builder.fmul(builder.fsub(write.load(X, write.plus(i, a), j), origin), factor) for a in lanes]
        for c, column in enumerate(write.transposed(rows)):
            write.store(column, x, write.plus(j, c), b)
        return context.get_dummy_value()

    return types.void(X, types.intp, types.intp, x, types.intp, shift, types.float64), codegen


def _transpose_rows(d):
    """All d features of NARROW samples: d vectors from memory, whose lanes are dealt out to d others."""

    @intrinsic
    def transpose_rows(typing_context, X, i, x, b, shift, scale):
        def codegen(context, builder, signature, args):
            X, i, x, b, shift, scale = _views(context, builder, signature, args)
            write = _Writer(builder, NARROW)
            vectors = [write.load(X, i, write.number(NARROW * a)) for a in range(d)]
            factor = write.splat(scale)
            for j in range(d):
                origin = write.splat(builder.load(builder.gep(shift.data, [write.number(j)])))
                values = write.dealt(vectors, [d * a + j for a in range(NARROW)])
                write.store(builder.fmul(builder.fsub(values, origin), factor), x, write.number(j), b)
            return context.get_dummy_value()

        return types.void(X, types.intp, x, types.intp, shift, types.float64), codegen

    return transpose_rows


small_squares_1, small_squares_2, small_squares_3, small_squares_4, small_squares_5 = map(_small_squares, range(1, 6))
small_moments_1, small_moments_2, small_moments_3, small_moments_4, small_moments_5 = map(_small_moments, range(1, 6))
transpose_rows_1, transpose_rows_2, transpose_rows_3, transpose_rows_4 = map(_transpose_rows, (1, 2, 3, 4))
squares_of_4_rows, squares_of_2_rows, squares_of_1_row = map(_squares_of_rows, (4, 2, 1))
product_of_4_rows, product_of_2_rows, product_of_1_row = map(_rows_of_product, (4, 2, 1))
strip_4, strip_2, strip_1 = map(_strip, (4, 2, 1))
moments_of_4_features = _weighted_sums(4, squares=True)
moments_of_rest = _weighted_sums_of_rest(REST, squares=True)
sums_of_8_features = _weighted_sums(8, squares=False)
sums_of_rest = _weighted_sums_of_rest(7, squares=False)
tile_4_by_4, tile_2_by_4, tile_1_by_4, tile_1_by_2 = _tile(4, 4), _tile(2, 4), _tile(1, 4), _tile(1, 2)
