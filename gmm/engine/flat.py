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


@inlined
def statistics_views(values, n_components, d):
    """The statistics for a kernel; the second moments still flat."""
    a = 1 + n_components
    b = a + n_components * d
    return values[:1], values[1:a], values[a:b].reshape((n_components, d)), values[b:]


@inlined
def parameter_views(values, n_components, d):
    """The parameters for a kernel; covariances and factors still flat."""
    a = n_components + n_components * d
    b = values.size - n_components
    middle = (a + b) // 2
    means = values[n_components:a].reshape((n_components, d))
    return values[:n_components], means, values[a:middle], values[middle:b], values[b:]
