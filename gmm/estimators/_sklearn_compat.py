"""What the estimators use of scikit-learn's insides: all of it, so that a change there is answered in one place.

`BaseEstimator._validate_params`, which reads ``_parameter_constraints``, is called by its name.
"""

from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight

__all__ = ["HasMethods", "Interval", "StrOptions", "_check_sample_weight"]
