"""The engine: the book's mathematics arranged for the processor. Compiled code and arrays, nothing else.

A pass over the data is its heart: given for each component a log coefficient, a centre and a factor (a `Density`), it
returns the log-likelihood and the weighted moments about the centres. `Bouts` are many passes with the M-step after
each; `score_samples` and its neighbours are the same pass with its results written out. What is learnt from the
moments, and how, is for `gmm.learning` to say.

================================ =====================================================================
``loop operations``              the pass over the data and the EM loop; what a model has to know (start here)
``full diag spherical tied``     the four models: E-step, moments, M-step
``student``                      the same distances with the tails of Student's t
``regularisation``               what an M-step adds to the data
``missing``                      the pass over samples with missing values
``deconvolution``                the pass over samples with measurement errors
``constrained``                  M-steps of covariances that have a part in common
``softmax exp``                  log joints to responsibilities
``blocks simd tiles``            blocks of samples; vector registers; what keeps its sums in them
``small_algebra``                Cholesky factors
``kmeans``                       k-means and its seeding
``density bouts passes scoring`` what Python calls
``team threads``                 threads, and the order of their sums
``samples flat compilation``     layouts of X, of statistics and parameters; the compiler
================================ =====================================================================

Formulas carry the labels of the book's equations, as in ``eq-update-means``; `gmm.formulas` has them as plain loops.

Contracts: float64 arithmetic whatever X's type and layout; the same bits for any number of threads; memory beside X,
the results and the parameters independent of n; quadratic forms of differences, never expanded squares; no global
random state.
"""

from gmm.engine.bouts import Bouts, single_m_step
from gmm.engine.density import Density, Units
from gmm.engine.diag import Diagonal
from gmm.engine.full import Full
from gmm.engine.kmeans import KMeansResult, kmeans, kmeans_labels, kmeans_plusplus
from gmm.engine.passes import TotalScatter
from gmm.engine.scoring import (
    log_likelihood,
    log_responsibilities,
    predict,
    predict_proba,
    score_samples,
    weighted_log_prob,
)
from gmm.engine.spherical import Spherical
from gmm.engine.student import StudentBouts, StudentDensity
from gmm.engine.threads import default_n_threads, resolve_n_threads
from gmm.engine.tied import Tied

__all__ = [
    "Bouts",
    "Density",
    "Diagonal",
    "Full",
    "KMeansResult",
    "Spherical",
    "StudentBouts",
    "StudentDensity",
    "Tied",
    "TotalScatter",
    "Units",
    "default_n_threads",
    "kmeans",
    "kmeans_labels",
    "kmeans_plusplus",
    "log_likelihood",
    "log_responsibilities",
    "predict",
    "predict_proba",
    "resolve_n_threads",
    "score_samples",
    "single_m_step",
    "weighted_log_prob",
]
