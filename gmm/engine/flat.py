"""Statistics and parameters as one run of numbers each, and the views that give them back their shapes.

One loop copies, clears or adds all of them, a kernel has fewer arguments (each array costs Python a third of a
microsecond), and what waits for its turn to be added needs no shape at all.

==========  =====================================================================================
statistics  log-likelihood (1,), counts (K,), first moments (K, d), second moments
parameters  weights (K,), means (K, d), covariances, factors, log coefficients (K,)
==========  =====================================================================================
"""

import functools
import itertools
import math

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from gmm.engine.compilation import inlined


@functools.cache
def _places(shapes):
    """(size of the 1-D array, the slice and shape of each view)."""
    ends = list(itertools.accumulate(map(math.prod, shapes), initial=0))
    places = zip(shapes, ends[:-1], ends[1:], strict=True)
    return ends[-1], tuple((slice(start, end), shape) for shape, start, end in places)


def flat_views(shapes):
    """A zeroed 1-D array and views of it with the given shapes (a tuple of tuples), for Python."""
    size, places = _places(shapes)
    values = np.zeros(size)
    return values, tuple([values[place].reshape(shape) for place, shape in places])


@functools.cache
def statistics_shapes(model, n_components, n_features):
    """Shapes of a slot's log-likelihood, counts, first and (but for tied) second moments."""
    shapes = ((1,), (n_components,), (n_components, n_features))
    if not model.has_second_moments:
        return shapes
    return (*shapes, model.shape(n_components, n_features))


@functools.cache
def parameter_shapes(model, n_components, n_features):
    """Shapes of weights, means, covariances, factors and log coefficients."""
    covariances = model.shape(n_components, n_features)
    return (n_components,), (n_components, n_features), covariances, covariances, (n_components,)


def _view(context, builder, view_type, values, start, lengths):
    strides, n_items = [values.itemsize], lengths[0]
    for length in reversed(lengths[1:]):
        strides.insert(0, builder.mul(strides[0], length))
        n_items = builder.mul(n_items, length)
    view = context.make_array(view_type)(context, builder)
    view.data = builder.gep(values.data, [start])
    view.shape, view.strides = cgutils.pack_array(builder, lengths), cgutils.pack_array(builder, strides)
    view.itemsize, view.nitems = values.itemsize, n_items
    view.meminfo, view.parent = values.meminfo, values.parent
    if context.enable_nrt:  # the view holds on to the array's memory, as the array does
        context.nrt.incref(builder, view_type, view._getvalue())
    return view._getvalue()


@intrinsic
def shaped(typing_context, values, start, shape):
    """A view of the numbers of a C-ordered array from `start` on with this shape (a tuple), unchecked.

    Numba's own slices and reshapes work for every array and any bounds, and take several times as long to compile.
    """
    view_type = types.Array(values.dtype, len(shape), "C")

    def codegen(context, builder, signature, args):
        values = context.make_array(signature.args[0])(context, builder, args[0])
        return _view(context, builder, view_type, values, args[1], cgutils.unpack_tuple(builder, args[2]))

    return view_type(values, types.intp, shape), codegen


@intrinsic
def rows_of(typing_context, work, start, count):
    """Rows start … start + count - 1 of a workspace."""

    def codegen(context, builder, signature, args):
        work = context.make_array(signature.args[0])(context, builder, args[0])
        length = builder.extract_value(work.shape, 1)
        start = builder.mul(args[1], length)
        return _view(context, builder, signature.return_type, work, start, [args[2], length])

    return types.Array(work.dtype, 2, "C")(work, types.intp, types.intp), codegen


@inlined
def statistics_views(values, n_components, d):
    """The statistics for a kernel; the second moments still flat."""
    a = 1 + n_components
    b = a + n_components * d
    log_likelihood, counts = shaped(values, 0, (1,)), shaped(values, 1, (n_components,))
    return log_likelihood, counts, shaped(values, a, (n_components, d)), shaped(values, b, (values.size - b,))


@inlined
def parameter_views(values, n_components, d):
    """The parameters for a kernel; covariances and factors still flat."""
    a = n_components + n_components * d
    size = (values.size - a - n_components) // 2
    weights, means = shaped(values, 0, (n_components,)), shaped(values, n_components, (n_components, d))
    covariances, factors = shaped(values, a, (size,)), shaped(values, a + size, (size,))
    return weights, means, covariances, factors, shaped(values, a + 2 * size, (n_components,))
