"""Show the real source of a kernel beside its formula."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


class Source(str):
    """Source code: highlighted Python in a notebook, plain text in a terminal."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return f"```python\n{self}\n```"


def show_source(function: Callable[..., Any]) -> Source:
    """Return the source of the kernel behind a public formula, for display in a notebook or a terminal.

    Parameters
    ----------
    function : callable
        A function of the book (its compiled kernel is shown), a compiled kernel, or any Python function.

    Returns
    -------
    Source
        The text of the source, which a notebook shows as a highlighted Python block. It is read from the file that
        runs, so it cannot drift from it. A script has to ``print`` it.

    Raises
    ------
    TypeError
        If `function` has no Python source.
    """
    kernel = getattr(function, "kernel", function)
    try:
        source = inspect.getsource(getattr(kernel, "py_func", kernel))
    except (TypeError, OSError):
        raise TypeError(f"function must be a Python function or a kernel; got {function!r}") from None
    return Source(source.rstrip())
