"""Show the real source of a kernel beside its formula."""

from __future__ import annotations

import inspect


def show_source(function):
    """Return the source of the kernel behind a public formula, for display in a notebook.

    Parameters
    ----------
    function : callable
        A function of the book (its compiled kernel is shown), a compiled kernel, or any Python function.

    Returns
    -------
    IPython.display.Markdown
        The source as a highlighted Python block. It is read from the file that runs, so it cannot drift from it.

    Raises
    ------
    TypeError
        If `function` has no Python source.
    """
    from IPython.display import Markdown

    kernel = getattr(function, "kernel", function)
    try:
        source = inspect.getsource(getattr(kernel, "py_func", kernel))
    except (TypeError, OSError):
        raise TypeError(f"function must be a Python function or a kernel; got {function!r}") from None
    return Markdown(f"```python\n{source.rstrip()}\n```")
