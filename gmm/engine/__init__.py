"""The engine: the book's mathematics arranged for the processor.

`one_pass` is its heart: given for each component a log coefficient, a centre and a precision factor, it returns the
log-likelihood and the weighted moments about the centres. `fit_em` puts the M-step and the loop around it;
`score_samples` and its neighbours are the same pass with its results written out.

================================ =====================================================================
``loop operations``              the pass over the data and the EM loop; what a structure has to know (start here)
``full diag spherical tied``     the four covariance structures: E-step, moments, M-step
``softmax exp``                  log joints to responsibilities
``blocks simd tiles``            blocks of samples; vector registers; what keeps its sums in them
``small_algebra``                Cholesky factors
``kmeans``                       k-means and its seeding
``em passes scoring starts``     what Python calls
``team threads``                 threads, and the order of their sums
``samples flat compilation``     layouts of X, of statistics and parameters; the compiler
================================ =====================================================================

Formulas carry the labels of the book's equations, as in ``eq-update-means``; `gmm.formulas` has them as plain loops.

Contracts: float64 arithmetic whatever X's type and layout; the same bits for any number of threads; memory beside X,
the results and the parameters independent of n; quadratic forms of differences, never expanded squares; no global
random state.
"""

from gmm.engine.em import EMResult, Failure, fit_em
from gmm.engine.kmeans import KMeansResult, kmeans, kmeans_labels, kmeans_plusplus
from gmm.engine.parameters import (
    CovarianceError,
    Parameters,
    log_coefficients,
    make_parameters,
    parameters_from_precisions,
    precisions,
)
from gmm.engine.passes import Statistics, TotalScatter, m_step, one_pass
from gmm.engine.scoring import (
    log_likelihood,
    log_responsibilities,
    predict,
    predict_proba,
    score_samples,
    weighted_log_prob,
)
from gmm.engine.starts import (
    parameters_from_centres,
    parameters_from_kmeans,
    parameters_from_labels,
    parameters_from_responsibilities,
    statistics,
)
from gmm.engine.structures import STRUCTURES
from gmm.engine.threads import default_n_threads, resolve_n_threads

__all__ = [
    "STRUCTURES",
    "CovarianceError",
    "EMResult",
    "Failure",
    "KMeansResult",
    "Parameters",
    "Statistics",
    "TotalScatter",
    "default_n_threads",
    "fit_em",
    "kmeans",
    "kmeans_labels",
    "kmeans_plusplus",
    "log_coefficients",
    "log_likelihood",
    "log_responsibilities",
    "m_step",
    "make_parameters",
    "one_pass",
    "parameters_from_centres",
    "parameters_from_kmeans",
    "parameters_from_labels",
    "parameters_from_precisions",
    "parameters_from_responsibilities",
    "precisions",
    "predict",
    "predict_proba",
    "resolve_n_threads",
    "score_samples",
    "statistics",
    "weighted_log_prob",
]
