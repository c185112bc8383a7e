"""Self-checking exercises: run your function on small random cases and learn what is right or wrong.

>>> from gmm import exercises
>>> exercises.check("ex-log-sum-exp", lambda a: a)            # doctest: +SKIP
"""

from gmm.exercises._core import EXERCISES, Exercise, Mistake, check, exercise

__all__ = ["EXERCISES", "Exercise", "Mistake", "check", "exercise"]
