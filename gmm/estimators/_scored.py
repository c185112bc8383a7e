"""What fitted mixtures do with samples, whatever they were fitted by."""

from __future__ import annotations

from contextlib import contextmanager
from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from gmm import engine, learning
from gmm.estimators._validation import check_samples, check_weights_of, random_generator


@contextmanager
def unchanged_on_failure(estimator):
    """Take back what a failing fit has set (`n_features_in_` is set by the check of X)."""
    before = dict(estimator.__dict__)
    try:
        yield
    except BaseException:
        estimator.__dict__.clear()
        estimator.__dict__.update(before)
        raise


class Scored:
    """Methods of an estimator that has `weights_`, `means_`, `covariances_`, ``_fit`` and ``_density``."""

    def fit_predict(self, X, y=None, sample_weight=None):
        """Fit, then label the samples: the same as ``fit(X).predict(X)``.

        Parameters and errors are those of `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Index of the most probable component of each sample.
        """
        X = self._fit(X, sample_weight)
        return engine.predict(X, self._density(), n_threads=self.n_threads)

    _unchanged_on_failure = unchanged_on_failure

    def score_samples(self, X):
        """Log-density of each sample, log p(x_i) = log Σ_k π_k N(x_i | μ_k, Σ_k), natural logarithm.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        density = self._density()
        return engine.score_samples(check_samples(self, X, reset=False), density, n_threads=self.n_threads)

    def score(self, X, y=None, sample_weight=None):
        """Mean log-density per sample of X; weighted if `sample_weight` is given.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        density = self._density()
        X = check_samples(self, X, reset=False)
        sample_weight = check_weights_of(sample_weight, X)
        total = X.shape[0] if sample_weight is None else float(sample_weight.sum())
        return engine.log_likelihood(X, density, sample_weight=sample_weight, n_threads=self.n_threads) / total

    def predict(self, X):
        """Index of the most probable component of each sample, shape (n_samples,)."""
        density = self._density()
        return engine.predict(check_samples(self, X, reset=False), density, n_threads=self.n_threads)

    def predict_proba(self, X):
        """Responsibilities r_ik = p(component k | x_i), shape (n_samples, n_components); rows sum to 1."""
        density = self._density()
        return engine.predict_proba(check_samples(self, X, reset=False), density, n_threads=self.n_threads)

    def sample(self, n_samples=1, random_state=None):
        """Draw samples from the mixture: how many of each component, then those of each component.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState, Generator or None, default=None
            None: the constructor's `random_state`, which, if an integer, gives the same samples at each call.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Sorted by component.
        y : ndarray of shape (n_samples,)
            The component of each sample.
        """
        check_is_fitted(self)
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least one sample.")
        rng = random_generator(self.random_state if random_state is None else random_state)
        n_components, n_features = self.means_.shape
        counts = rng.multinomial(int(n_samples), self.weights_ / self.weights_.sum())
        y = np.repeat(np.arange(n_components), counts)
        X = rng.standard_normal(size=(int(n_samples), n_features))
        structure = learning.structure_of(self.covariance_type)
        covariances = structure.expand(self.covariances_, n_components)
        # x = μ + L z with L Lᵀ = Σ
        if structure.model is engine.Tied:
            X = X @ np.linalg.cholesky(covariances).T
        elif structure.model is engine.Full:
            for factor, rows in zip(np.linalg.cholesky(covariances), np.split(X, np.cumsum(counts)[:-1])):
                rows[...] = rows @ factor.T
        else:
            X *= np.sqrt(covariances).reshape(n_components, -1)[y]
        X += self.means_[y]
        return X, y
