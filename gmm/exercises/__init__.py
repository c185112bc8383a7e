"""Self-checking exercises: run your function on small cases and learn what is right or wrong with it.

>>> from gmm import exercises
>>> exercises.check("ex-resp-midpoint", 0.5)
Not yet: halfway between the means the Gaussians are equal, but the weights are not.
>>> exercises.hint("ex-resp-midpoint")            # doctest: +SKIP
>>> exercises.solution("ex-resp-midpoint")        # doctest: +SKIP
>>> exercises.progress()                          # doctest: +SKIP
"""

from gmm.exercises._core import EXERCISES, check, examine, exercise
from gmm.exercises._session import hint, progress, reset, solution
from gmm.exercises._show import Verdict

__all__ = [
    "EXERCISES",
    "Verdict",
    "check",
    "examine",
    "exercise",
    "hint",
    "progress",
    "reset",
    "solution",
]
