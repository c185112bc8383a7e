"""What the estimators use of scikit-learn's insides: all of it, so that a change there is answered in one place.

`BaseEstimator._validate_params`, which reads ``_parameter_constraints``, is called by its name.
"""

from typing import TYPE_CHECKING

from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight

if TYPE_CHECKING:  # a part of an estimator relies on what BaseEstimator and the other parts have
    from sklearn.base import BaseEstimator as Mixin
else:
    Mixin = object

__all__ = ["HasMethods", "Interval", "Mixin", "StrOptions", "_check_sample_weight"]
