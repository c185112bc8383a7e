"""The registry that ties an equation of the book to the function and the kernel that compute it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable)

#: Equation label -> public function. The function's `kernel` attribute is the compiled kernel.
EQUATIONS: dict[str, object] = {}


def equation(*labels: str, kernel: Callable) -> Callable[[F], F]:
    """Mark a public function as the one that computes the equations with these labels.

    The function gets two attributes: `equations`, the labels, and `kernel`, the compiled kernel behind it.
    """

    def mark(function: F) -> F:
        for label in labels:
            if label in EQUATIONS:
                raise ValueError(f"equation {label!r} belongs to {EQUATIONS[label].__name__} already")
            EQUATIONS[label] = function
        function.equations = labels
        function.kernel = kernel
        return function

    return mark
