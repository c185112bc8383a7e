"""The registry that ties an equation of the book to the function and the kernel that compute it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gmm._types import Function

#: Equation label -> public function. The function's `kernel` attribute is the compiled kernel.
EQUATIONS: dict[str, Any] = {}


def equation(*labels: str, kernel: Callable[..., Any]) -> Callable[[Function], Function]:
    """Mark a public function as the one that computes the equations with these labels.

    The function gets two attributes: `equations`, the labels, and `kernel`, the compiled kernel behind it.
    """

    def mark(function: Function) -> Function:
        for label in labels:
            if label in EQUATIONS:
                raise ValueError(f"equation {label!r} belongs to {EQUATIONS[label].__name__} already")
            EQUATIONS[label] = function
        vars(function).update(equations=labels, kernel=kernel)
        return function

    return mark
