"""How a bout of iterations ended."""

RUNNING = 0
CONVERGED = 1
BAD_LIKELIHOOD = 2
BAD_COVARIANCE = 3
FAR_APART = 4  # tied: the components are so far apart that total minus between scatter would cancel
EMPTY = 5  # k-means: a cluster has lost its samples
