"""The registry that ties an equation of the book to the function and the kernel that compute it."""

from __future__ import annotations

#: Equation label -> public function. The function's `kernel` attribute is the compiled kernel.
EQUATIONS: dict[str, object] = {}


def equation(*labels: str, kernel):
    """Mark a public function as the one that computes the equations with these labels.

    The function gets two attributes: `equations`, the labels, and `kernel`, the compiled kernel behind it.
    """

    def mark(function):
        for label in labels:
            if label in EQUATIONS:
                raise ValueError(f"equation {label!r} belongs to {EQUATIONS[label].__name__} already")
            EQUATIONS[label] = function
        function.equations = labels
        function.kernel = kernel
        return function

    return mark
