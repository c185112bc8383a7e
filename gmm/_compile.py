"""How the package compiles its kernels.

Numba's on-disk cache is checked against the one file in which a kernel stands. A kernel that calls a kernel
of another file would therefore keep running the old callee after an edit or an upgrade of that file alone.
`drop_stale_caches` closes that gap: when any source file of a folder has changed, the cached machine code of the
whole folder is dropped and made again at the next call.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from pathlib import Path

import numba
import numpy as np
from numba.core.registry import CPUDispatcher

from gmm import _notice
from gmm._interrupt import listening
from gmm._types import Function

# Numbers in an array: with fewer, a kernel takes less than a second or two, and Ctrl-C can wait for its end.
SHORT = 2**18
STAMP = "sources.stamp"


_notice.install()


def cached(function, **options):
    """Compile a function with a cache on disk; without one where no folder for it can be written to.

    That is so in a container whose package and whose home are read-only: every process compiles anew then, unless
    NUMBA_CACHE_DIR names a folder.
    """
    try:
        return numba.njit(function, cache=True, **options)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        return numba.njit(function, **options)


_call = CPUDispatcher.__call__


class Kernel(CPUDispatcher):
    """A compiled function. After Ctrl-C, a call from Python ends with KeyboardInterrupt."""

    def __call__(self, *arguments, **named):
        for argument in arguments:
            if isinstance(argument, np.ndarray) and argument.size > SHORT:
                return listening(functools.partial(_call, self, *arguments, **named))
        try:
            return _call(self, *arguments, **named)
        except SystemError as error:
            # Numba makes arrays of the result by way of Python, which raises KeyboardInterrupt where none is expected.
            while error is not None and not isinstance(error, KeyboardInterrupt):
                error = error.__cause__ or error.__context__
            if error is None:
                raise
        raise KeyboardInterrupt


def kernel(function: Function) -> Function:
    """Compile a readable kernel: lazily, with an on-disk cache, with NumPy's rules for division by zero.

    Python and other kernels call it, C does not: the entry that Numba makes for C would only take time to compile.
    """
    dispatcher = cached(function, error_model="numpy", nogil=True, no_cfunc_wrapper=True)
    if isinstance(dispatcher, CPUDispatcher):  # not so with NUMBA_DISABLE_JIT
        dispatcher.__class__ = Kernel
    return dispatcher


def in_python(kernel):
    """The loop of a kernel in Python, which hears Ctrl-C between its steps; these are kernels themselves."""
    return getattr(kernel, "py_func", kernel)


def _cache_folder(folder: Path) -> Path:
    """Where Numba keeps the machine code of the modules in `folder`."""
    if not numba.config.CACHE_DIR:  # type: ignore[attr-defined]
        return folder / "__pycache__"
    # NUMBA_CACHE_DIR names one place for all packages; Numba makes a folder there for each folder of sources.
    digest = hashlib.sha1(str(folder.absolute()).encode()).hexdigest()
    return Path(numba.config.CACHE_DIR) / f"{folder.name}_{digest}"  # type: ignore[attr-defined]


def drop_stale_caches(folder: Path) -> None:
    """Delete the cached machine code of the modules in `folder` if one of its source files has changed.

    The state of the sources (names, sizes, modification times) is kept beside the machine code. Where that folder
    cannot be written the package was installed, not edited, and an upgrade gives every file a new date: nothing to do.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    for path in [Path(__file__), *sorted(folder.glob("*.py"))]:
        status = path.stat()
        digest.update(f"{path.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    state = digest.hexdigest()
    cache = _cache_folder(folder)
    stamp = cache / STAMP
    with contextlib.suppress(OSError):
        if stamp.is_file() and stamp.read_text() == state:
            return
        cache.mkdir(parents=True, exist_ok=True)
        for old in [*cache.glob("*.nbi"), *cache.glob("*.nbc")]:
            old.unlink(missing_ok=True)
        stamp.write_text(state)
