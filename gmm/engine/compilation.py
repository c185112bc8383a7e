"""How the engine's functions are compiled.

Three kinds of function, all at module level (a closure over a jitted function, or a function handed to another that is
not inlined, would miss Numba's on-disk cache in every process):

``@inlined``, ``@block``, ``@exact``
    A building block. It has no cache of its own: its code is compiled into the entries that call it.
``@method(operation, Model)``
    A building block that says what an operation of `gmm.engine.operations` is for one kind of model. Which one a call
    means is settled by the model's type, when the caller is compiled.
``@entry``
    A function that Python calls. Cached on disk, and it releases the GIL, so that plain Python threads run it side
    by side. No threading layer of Numba's is ever loaded.
"""

import contextlib
import inspect
from pathlib import Path

from numba import njit, types
from numba.extending import overload

from gmm._compile import cached

try:
    from gmm.engine.linking import BLOCK, ENTRY
except ImportError:
    BLOCK = ENTRY = {}

# Reassociation lets sums vectorise, contraction fuses multiply and add. NaN and infinity keep their meaning
# (never `nnan`, `ninf`), so that a bad number in the data reaches the log-likelihood and is reported.
FASTMATH = {"reassoc", "contract", "nsz"}

_HERE = Path(__file__).parent


def _package_stamp():
    """Newest change and total size of the engine's sources."""
    stats = [path.stat() for path in _HERE.glob("*.py")]
    return max(stat.st_mtime for stat in stats), sum(stat.st_size for stat in stats)


_STAMP = _package_stamp()


_COMMON = {"error_model": "numpy", "fastmath": FASTMATH, "no_cfunc_wrapper": True}
_TUPLES = (types.NamedTuple, types.NamedUniTuple)
_BLOCK = {**_COMMON, "no_cpython_wrapper": True, **BLOCK}


def inlined(function):
    """Compile a building block as if its lines stood in its caller: Numba puts them there before it looks at types.

    For the small ones: a large one takes Numba long to copy. As a function of
    its own, LLVM would optimise and translate a building block, with all that is below it, once for itself and again
    for each caller above it, but for `gmm.engine.linking`: of the time of a compilation that was a quarter.
    """
    return njit(error_model="numpy", fastmath=FASTMATH, inline="always", no_cpython_wrapper=True)(function)


def block(function):
    """Compile a building block that stays a function of its own (it is large, or called from several places)."""
    return njit(**_BLOCK)(function)


def exact(function):
    """Compile a building block operation by operation as written: its bits do not depend on where it is inlined."""
    return njit(**{**_BLOCK, "fastmath": False})(function)


_UNDER = {}  # operation -> the classes that have methods of their own


def method(operation, *models, under=None):
    """Compile a building block: what `operation` is where its first argument is one of these named tuples.

    `under` is the class of a further argument, a named tuple too, for which the block is in place of the usual one.
    """
    if under is not None:
        _UNDER.setdefault(operation, set()).add(under)

    def register(function):
        def choose(model, *others):
            classes = [kind.instance_class for kind in (model, *others) if isinstance(kind, _TUPLES)]
            if not (isinstance(model, _TUPLES) and classes[0] in models):
                return None
            special = [kind for kind in classes[1:] if kind in _UNDER.get(operation, ())]
            return function if special == ([] if under is None else [under]) else None

        choose.__signature__ = inspect.signature(function)
        overload(operation, jit_options=_BLOCK)(choose)
        return function

    return register


def entry(function):
    """Compile a function that Python calls: cached on disk, GIL released.

    Numba stamps a cache file with the change time of the function's own source file only. The code of an entry
    comes from several modules here, so the stamp is widened to all of them: editing any one recompiles.
    """
    dispatcher = cached(function, nogil=True, **_COMMON, **ENTRY)
    # Without a cache there is no stamp. Another Numba may keep it elsewhere; caching still works then.
    with contextlib.suppress(AttributeError):
        dispatcher._cache._cache_file._source_stamp = _STAMP
    return dispatcher
