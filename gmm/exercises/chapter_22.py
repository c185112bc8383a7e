"""Exercises of chapter 22: a class with a dozen bugs, repaired one after another.

A repair is written as a diff: `edit` makes of a class and a diff the repaired class, and `carry_on` hands the reader's
own repair on to the next exercise, or that of the book.

A check looks at one method of the reader's class. The *experiments* below (`joint_densities`, `e_step`, `stopping`, …)
take the class, put the right methods in the place of those that are not examined, run the one that is, and hand back
numbers. So an exercise does not depend on the bugs that are still in the class, nor on how the earlier ones were
repaired.
"""

import contextlib
import functools
import inspect
import linecache
import textwrap
import zlib

import numpy as np

from gmm.datasets import load_old_faithful
from gmm.exercises._core import Refusal, examine, exercise
from gmm.exercises._page import Choices
from gmm.formulas.em import em, random_start

# ------------------------------------------------------------------------- classes and diffs


def edit(cls, diff):
    """Return a subclass in which some lines are others.

    Parameters
    ----------
    cls : type
        Its methods have to be known as source: cells of a notebook, files, or results of `edit`.
    diff : str
        Lines to take out begin with ``-``, lines to put in their place with ``+``, and lines that stay, to show the
        place, with a blank. An empty line separates changes. Indentation counts from the first old line of a change.

    Returns
    -------
    type

    Raises
    ------
    ValueError
        If lines that are to go, or that show the place, do not stand together in exactly one method of the class.
    """
    sources = {}
    for change in "\n".join(line.rstrip() for line in diff.strip("\n").splitlines()).split("\n\n"):
        lines = [line for line in change.splitlines() if line.strip()]
        if not lines:
            continue
        old = [line[1:] for line in lines if not line.startswith("+")]
        new = [line[1:] for line in lines if not line.startswith("-")]
        name, source, place = _find(cls, sources, old)
        shift = _indent(source[place]) - _indent(old[0])
        source[place : place + len(old)] = [" " * max(0, _indent(line) + shift) + line.strip() for line in new]
        sources[name] = source
    methods = {name: _compiled(cls, name, "\n".join(source)) for name, source in sources.items()}
    return type(cls.__name__, (cls,), methods)


def _indent(line):
    return len(line) - len(line.lstrip())


def _find(cls, sources, old):
    """The method that holds these lines, its source and where they begin."""
    if not old:
        raise ValueError("a change needs a line of the class, with - before it or a blank, to show the place")
    wanted, found = [line.strip() for line in old], []
    for name in dict.fromkeys(name for base in cls.__mro__[:-1] for name in vars(base)):
        method = inspect.getattr_static(cls, name)
        if not inspect.isfunction(method):
            continue
        with contextlib.suppress(OSError, TypeError):
            source = sources.get(name) or textwrap.dedent(inspect.getsource(method)).splitlines()
            stripped = [line.strip() for line in source]
            for place in range(len(stripped) - len(wanted) + 1):
                if stripped[place : place + len(wanted)] == wanted:
                    found.append((name, source, place))
    if len(found) != 1:
        where = f"stand in {len(found)} places" if found else "do not stand together in any method"
        raise ValueError(f"these lines {where} of {cls.__name__}: " + " / ".join(wanted))
    return found[0]


def _compiled(cls, name, source):
    """A method from its source, with the names of the module or notebook that the old one had."""
    text = f"class {cls.__name__}(_base):\n" + textwrap.indent(source, "    ") + "\n"
    filename = f"<{name} {zlib.crc32(text.encode()):08x}>"  # a traceback finds the lines by it
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    names = {"_base": cls}
    exec(compile(text, filename, "exec"), inspect.getattr_static(cls, name).__globals__, names)
    return vars(names[cls.__name__])[name]


# ------------------------------------------------------------------------- the class without bugs


class Right:
    """The class of the chapter with all its bugs out.

    Attributes of a fitted object: `weights` (k,), `means` (k, d), `covs` (k, d, d), `history` (the total log-likelihood
    before each M-step) and `n_iter`.
    """

    reg = 0.0

    def __init__(self, k, max_iter=100, tol=1e-4, seed=42):
        self.k = k
        self.max_iter = max_iter
        self.tol = tol
        self.rng = np.random.default_rng(seed)

    def initialise(self, X):
        self.weights = np.ones(self.k) / self.k
        self.means = X[self.rng.choice(len(X), self.k, replace=False)]
        self.covs = np.array([np.diag(X.var(axis=0) + self.reg)] * self.k)

    def joint(self, X):
        return np.exp(self.log_joint(X))

    def log_joint(self, X):
        columns = []
        for weight, mean, cov in zip(self.weights, self.means, self.covs):
            L = np.linalg.cholesky(cov)
            y = np.linalg.solve(L, (X - mean).T)
            log_normaliser = 0.5 * len(mean) * np.log(2 * np.pi) + np.log(np.diag(L)).sum()
            columns.append(np.log(weight) - log_normaliser - 0.5 * (y**2).sum(axis=0))
        return np.column_stack(columns)

    def log_likelihood(self, X):
        return np.logaddexp.reduce(self.log_joint(X), axis=1).sum()

    def e_step(self, X):
        log_joint = self.log_joint(X)
        return np.exp(log_joint - np.logaddexp.reduce(log_joint, axis=1, keepdims=True))

    def m_step(self, X, resp):
        counts = resp.sum(axis=0)
        self.weights = counts / len(X)
        for j in range(self.k):
            # in place, as in the chapter: a fit that keeps the old means has to copy them
            self.means[j] = resp[:, j] @ X / counts[j]
            D = X - self.means[j]
            self.covs[j] = (resp[:, j, None] * D).T @ D / counts[j]
            self.covs[j] += self.reg * np.eye(X.shape[1])
        return self.means

    def fit(self, X):
        self.initialise(X)
        self.history = []
        for i in range(self.max_iter):
            old_means = self.means.copy()
            resp = self.e_step(X)
            self.history.append(self.log_likelihood(X))
            new_means = self.m_step(X, resp)
            shift = np.abs(new_means - old_means).max()
            gain = abs(self.history[-1] - self.history[i - 1]) if i else np.inf
            self.n_iter = i + 1
            if gain < self.tol or shift < self.tol:
                break
        return self


_METHODS = [name for name, part in vars(Right).items() if callable(part)]

# ------------------------------------------------------------------------- the bugs, one at a time


def naive_joint(model, X):
    """Densities by determinant and inverse, outside the log domain."""
    columns = []
    for weight, mean, cov in zip(model.weights, model.means, model.covs):
        D = X - mean
        power = -0.5 * np.sum(D @ np.linalg.inv(cov) * D, axis=1)
        columns.append(weight / np.sqrt((2 * np.pi) ** len(mean) * np.linalg.det(cov)) * np.exp(power))
    return np.column_stack(columns)


def _covariances(model, X, resp, centre):
    """Set the covariances about `centre(j)`, with the ridge."""
    for j in range(model.k):
        D = X - centre(j)
        cov = (resp[:, j, None] * D).T @ D / resp[:, j].sum()
        model.covs[j] = cov + model.reg * np.eye(X.shape[1])


class MissingImport(Right):
    def joint(self, X):
        return np.column_stack([w * det(cov) for w, cov in zip(self.weights, self.covs)])  # noqa: F821

    def log_joint(self, X):
        return np.log(self.joint(X))


class OneArrayUnpacked(Right):
    def fit(self, X):
        self.initialise(X)
        resp, self.history = self.e_step(X)
        return resp


class ReturnsNothing(Right):
    def m_step(self, X, resp):
        super().m_step(X, resp)


class ComparedWithItself(Right):
    def fit(self, X):
        self.initialise(X)
        self.history = []
        for i in range(self.max_iter):
            old_means = self.means.copy()
            resp = self.e_step(X)
            value = self.log_likelihood(X)
            shift = np.abs(self.m_step(X, resp) - old_means).max()
            self.history.append(value)
            self.n_iter = i + 1
            if abs(value - self.history[-1]) < self.tol or shift < self.tol:
                break
        return self


class MeansOverwritten(Right):
    def fit(self, X):
        self.initialise(X)
        self.history = []
        for i in range(self.max_iter):
            old_means = self.means
            resp = self.e_step(X)
            self.history.append(self.log_likelihood(X))
            shift = np.abs(self.m_step(X, resp) - old_means).max()
            gain = abs(self.history[-1] - self.history[-2]) if i else np.inf
            self.n_iter = i + 1
            if gain < self.tol or shift < self.tol:
                break
        return self


class WrongAxis(Right):
    def e_step(self, X):
        joint = self.joint(X)
        return joint / joint.sum(axis=0)


class MisspeltWeights(Right):
    def m_step(self, X, resp):
        before = self.weights
        super().m_step(X, resp)
        self.wieghts, self.weights = self.weights, before
        return self.means


class OldMean(Right):
    def m_step(self, X, resp):
        before = self.means.copy()
        super().m_step(X, resp)
        _covariances(self, X, resp, lambda j: before[j])
        return self.means


class DeviationForVariance(Right):
    def initialise(self, X):
        super().initialise(X)
        self.covs = np.array([np.diag(X.std(axis=0) + self.reg)] * self.k)


class GlobalSeed(Right):
    def __init__(self, k, max_iter=100, tol=1e-4, seed=42):
        super().__init__(k, max_iter, tol, seed)
        np.random.seed(seed)  # noqa: NPY002

    def initialise(self, X):
        super().initialise(X)
        self.means = X[np.random.choice(len(X), self.k)]  # noqa: NPY002


class OutsideTheLogDomain(Right):
    joint = naive_joint

    def log_likelihood(self, X):
        return np.log(self.joint(X).sum(axis=1)).sum()

    def e_step(self, X):
        joint = self.joint(X)
        return joint / joint.sum(axis=1, keepdims=True)


class NoRidge(Right):
    @property
    def reg(self):
        return 0.0

    @reg.setter
    def reg(self, value):
        """Ignore what is asked for, as code without a ridge does."""


class SecondMoment(Right):
    """Not in the chapter's class: the covariance as E[xx] − μμ."""

    def m_step(self, X, resp):
        super().m_step(X, resp)
        for j in range(self.k):
            r = resp[:, j] / resp[:, j].sum()
            self.covs[j] = (r[:, None] * X).T @ X - np.outer(self.means[j], self.means[j])
            self.covs[j] += self.reg * np.eye(X.shape[1])
        return self.means


class IndexSlip(Right):
    """Not in the chapter's class: every covariance about the mean of the first component."""

    def m_step(self, X, resp):
        super().m_step(X, resp)
        _covariances(self, X, resp, lambda j: self.means[0])
        return self.means


#: What is wrong -> a class in which this alone is wrong. The order is that of the chapter.
BUGS = {
    "missing import": MissingImport,
    "one array unpacked": OneArrayUnpacked,
    "returns nothing": ReturnsNothing,
    "compared with itself": ComparedWithItself,
    "means overwritten": MeansOverwritten,
    "wrong axis": WrongAxis,
    "misspelt weights": MisspeltWeights,
    "old mean": OldMean,
    "std for variance": DeviationForVariance,
    "global seed": GlobalSeed,
    "outside the logs": OutsideTheLogDomain,
    "no ridge": NoRidge,
}
#: Two more bugs of the same kind, to be diagnosed without a hint.
OTHER_BUGS = {"second moment": SecondMoment, "index slip": IndexSlip}


class Complete(Right):
    """The right class with the ridge that the chapter ends with."""

    reg = 1e-6


def with_ridge(bug):
    """Return the class of a bug with the ridge that the chapter ends with (but for the bug of having none)."""
    return type(bug.__name__, (bug,), {} if bug is NoRidge else {"reg": Complete.reg})


# ------------------------------------------------------------------------- the twelve programs of the first figure

#: Letter -> what makes of `Complete` the program of that letter. The order is that of BUGS.
PROGRAMS = {
    "A": """
- L = np.linalg.cholesky(cov)
+ L = cholesky(cov)
""",
    "B": """
- resp = self.e_step(X)
+ resp, log_likelihood = self.e_step(X)
""",
    "C": """
- return self.means
""",
    "D": """
- gain = abs(self.history[-1] - self.history[i - 1]) if i else np.inf
+ gain = abs(self.history[-1] - self.history[i])
""",
    "E": """
- old_means = self.means.copy()
+ old_means = self.means
""",
    "F": """
- return np.exp(log_joint - np.logaddexp.reduce(log_joint, axis=1, keepdims=True))
+ return np.exp(log_joint - np.logaddexp.reduce(log_joint, axis=0, keepdims=True))
""",
    "G": """
- self.weights = counts / len(X)
+ self.wieghts = counts / len(X)
""",
    "H": """
- self.means[j] = resp[:, j] @ X / counts[j]
  D = X - self.means[j]
+ self.means[j] = resp[:, j] @ X / counts[j]
""",
    "I": """
- self.covs = np.array([np.diag(X.var(axis=0) + self.reg)] * self.k)
+ self.covs = np.array([np.diag(X.std(axis=0) + self.reg)] * self.k)
""",
    "J": """
- self.rng = np.random.default_rng(seed)
+ np.random.seed(seed)

- self.means = X[self.rng.choice(len(X), self.k, replace=False)]
+ self.means = X[np.random.choice(len(X), self.k)]
""",
    "K": """
- return np.logaddexp.reduce(self.log_joint(X), axis=1).sum()
+ return np.log(np.exp(self.log_joint(X)).sum(axis=1)).sum()

- log_joint = self.log_joint(X)
- return np.exp(log_joint - np.logaddexp.reduce(log_joint, axis=1, keepdims=True))
+ joint = np.exp(self.log_joint(X))
+ return joint / joint.sum(axis=1, keepdims=True)
""",
    "L": """
- self.covs = np.array([np.diag(X.var(axis=0) + self.reg)] * self.k)
+ self.covs = np.array([np.diag(X.var(axis=0))] * self.k)

- self.covs[j] += self.reg * np.eye(X.shape[1])
""",
}


@functools.cache
def program(letter):
    """Return the program of a letter, A to L: `Complete` with one thing wrong."""
    return edit(Complete, PROGRAMS[letter])


class M(SecondMoment):
    """The first program to diagnose."""

    reg = Complete.reg


class N(IndexSlip):
    """The second program to diagnose."""

    reg = Complete.reg


# ------------------------------------------------------------------------- the repairs of the book


def _with_logs(cls):
    class Repaired(cls):
        log_joint = Right.log_joint
        log_likelihood = Right.log_likelihood
        e_step = Right.e_step

    return Repaired


def _with_reg(cls):
    class Repaired(cls):
        reg = Complete.reg

        def initialise(self, X):
            super().initialise(X)
            self.covs = self.covs + self.reg * np.eye(X.shape[1])

        def m_step(self, X, resp):
            super().m_step(X, resp)
            self.covs = self.covs + self.reg * np.eye(X.shape[1])
            return self.means

    return Repaired


#: Exercise -> a diff, or a function from a class to the repaired one. The order is that of the chapter.
REPAIRS = {
    "ex-debug-import": """
- power = -0.5 * np.sum(diff @ inv(cov) * diff, axis=1)
- norm = np.sqrt((2 * np.pi) ** len(mean) * det(cov))
+ power = -0.5 * np.sum(diff @ np.linalg.inv(cov) * diff, axis=1)
+ norm = np.sqrt((2 * np.pi) ** len(mean) * np.linalg.det(cov))
""",
    "ex-debug-unpack": """
- resp, log_likelihood = self.e_step(X)
+ resp = self.e_step(X)
+ log_likelihood = self.log_likelihood(X)
""",
    "ex-debug-none": """
      self.means[j] = r @ X / counts[j]
+ return self.means
""",
    "ex-debug-stop": """
  self.history = []
+ previous = -np.inf

- old_means = self.means
+ old_means = self.means.copy()

- gain = abs(log_likelihood - self.history[-1])
+ gain = abs(log_likelihood - previous)
+ previous = log_likelihood
""",
    "ex-debug-rows": """
- return joint / joint.sum(axis=0)
+ return joint / joint.sum(axis=1, keepdims=True)
""",
    "ex-debug-weights": """
- self.wieghts = counts / len(X)
+ self.weights = counts / len(X)
""",
    "ex-debug-mean": """
+ self.means[j] = r @ X / counts[j]
  diff = X - self.means[j]
  self.covs[j] = (r[:, None] * diff).T @ diff / counts[j]
- self.means[j] = r @ X / counts[j]
""",
    "ex-debug-units": """
- self.covs = np.array([np.diag(X.std(axis=0))] * self.k)
+ self.covs = np.array([np.diag(X.var(axis=0))] * self.k)
""",
    "ex-debug-seed": """
- np.random.seed(seed)
+ self.rng = np.random.default_rng(seed)

- rows = np.random.choice(len(X), self.k)
+ rows = self.rng.choice(len(X), self.k, replace=False)
""",
    "ex-debug-log": _with_logs,
    "ex-debug-ridge": _with_reg,
}


def repaired(cls, label):
    """Return a class with the book's repair of one exercise."""
    repair = REPAIRS[label]
    return repair(cls) if callable(repair) else edit(cls, repair)


def carry_on(label, mine, cls):
    """Return the class that goes on to the next exercise, and say whose repair is in it.

    Parameters
    ----------
    label : str
        The exercise.
    mine : type or ...
        The reader's answer to it.
    cls : type
        The class as it was before.

    Returns
    -------
    type
        `mine` if it passes the check; otherwise `cls` with the repair of the book.
    """
    if isinstance(mine, type) and examine(label, mine).right:
        print("Your own repair goes on.")
        return mine
    print("The repair of the book goes on.")
    try:
        return repaired(cls, label)
    except ValueError:  # the reader's own lines are not those of the book: put the right methods in
        planted = {method: vars(Right)[method] for method in _MENDED[label]}
        return type(cls.__name__, (cls,), planted | ({} if hasattr(cls, "reg") else {"reg": 0.0}))


#: Exercise -> the methods in which it finds fault.
_MENDED = {
    "ex-debug-import": ("joint",),
    "ex-debug-unpack": ("fit",),
    "ex-debug-none": ("m_step",),
    "ex-debug-stop": ("fit",),
    "ex-debug-rows": ("e_step",),
    "ex-debug-weights": ("m_step",),
    "ex-debug-mean": ("m_step",),
    "ex-debug-units": ("initialise", "__init__"),
    "ex-debug-seed": ("initialise", "__init__"),
}


# ------------------------------------------------------------------------- experiments with a class

# What an experiment returns in place of numbers when the code stopped for a reason that is worth a message of its own.
_NAME_ERROR, _UNPACKING, _NOTHING, _TUPLE, _OBJECT, _INDEX, _BROADCAST = (float(-1000 - i) for i in range(7))


def _says(code):
    """Return a wrong answer: the experiment that ends with this code on every case."""
    return lambda *case: code


def _experiment(caught=None):
    """Make of `run(cls, *case)` a function from a class to a function of the case; `caught` maps errors to codes."""
    caught = caught or {}

    def decorate(run):
        signature = inspect.signature(run)

        @functools.wraps(run)
        def experiment(cls):
            def trial(*case):
                try:
                    return run(cls, *case)
                except tuple(caught) as error:
                    return next(code for kind, code in caught.items() if isinstance(error, kind))

            trial.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])
            return trial

        return experiment

    return decorate


def _planted(cls, *examined, **given):
    """Return the reader's class with its methods `examined`, those `given`, and the right ones for the rest."""
    parts = {name: vars(Right)[name] for name in _METHODS if name not in examined}
    if "reg" not in examined:
        parts["reg"] = 0.0
    return type(cls.__name__, (cls,), parts | given)


def _at(cls, k, weights=None, means=None, covs=None):
    """Make an object with these parameters; those left out are of no account."""
    model = cls(k)
    model.weights = np.ones(k) / k if weights is None else np.array(weights)
    if means is not None:
        model.means = np.array(means)
        model.covs = np.stack([np.eye(model.means.shape[1])] * k) if covs is None else np.array(covs)
    return model


def starts_at(weights, means, covs):
    """Return an `initialise` that puts these parameters into a model, whatever the data."""

    def initialise(self, X):
        self.weights, self.means, self.covs = (np.array(part, dtype=float) for part in (weights, means, covs))

    return initialise


@_experiment({NameError: _NAME_ERROR})
def joint_densities(cls, X, weights, means, covs):
    """Examine `joint`: the weighted densities, shape (n, k)."""
    return _at(_planted(cls, "joint"), len(weights), weights, means, covs).joint(X)


def _is_unpacking(error):
    return "unpack" in str(error)


@_experiment()
def one_iteration(cls, X, weights, means, covs):
    """Examine one round of `fit`: the log-likelihood before the M-step, and the means after it."""
    model = _planted(cls, "fit", initialise=starts_at(weights, means, covs))(len(weights), max_iter=1)
    try:
        model.fit(X)
    except ValueError as error:
        if _is_unpacking(error):
            return _UNPACKING
        raise
    except IndexError as error:
        if "too many indices" in str(error):
            return _INDEX
        raise
    return np.asarray(model.history[0]), model.means


@_experiment()
def returned(cls, X, resp, means):
    """Examine what `m_step` returns."""
    model = _at(_planted(cls, "m_step"), resp.shape[1], means=means)
    answer = model.m_step(X, resp)
    if answer is model:
        return _OBJECT
    if isinstance(answer, tuple) or (isinstance(answer, list) and np.shape(answer[0]) != np.shape(means[0])):
        return _TUPLE
    return _NOTHING if answer is None else np.array(answer)


def _m_step(model, X, resp):
    """Do an M-step, and refuse one that has lost its return: `fit` would stop at it with an error."""
    if model.m_step(X, resp) is None:
        raise Refusal("`m_step` returns nothing now, and `fit` needs the new means from it.")


def _new_means(self, X, resp):
    """Right.m_step with new means in new memory."""
    self.means = self.means.copy()
    return Right.m_step(self, X, resp)


@_experiment({IndexError: _INDEX})
def stopping(cls, X, weights, means, covs, tol, max_iter, in_place):
    """Examine `fit`: how many iterations it does, its log-likelihoods, and the means it ends with.

    `in_place` says whether the M-step writes the new means over the old ones, as that of the chapter does.
    """
    m_step = Right.m_step if in_place else _new_means
    planted = _planted(cls, "fit", initialise=starts_at(weights, means, covs), m_step=m_step)
    model = planted(len(weights), max_iter=max_iter, tol=tol).fit(X)
    return float(len(model.history)), np.array(model.history), model.means


@_experiment({ValueError: _BROADCAST})
def e_step(cls, X, weights, means, covs):
    """Examine `e_step`: the responsibilities."""
    return _at(_planted(cls, "e_step"), len(weights), weights, means, covs).e_step(X)


@_experiment()
def updated_weights(cls, X, resp, weights, means):
    """Examine `m_step`: the weights after it."""
    model = _at(_planted(cls, "m_step"), resp.shape[1], weights, means)
    _m_step(model, X, resp)
    return np.array(model.weights)


@_experiment()
def updated_covariances(cls, X, resp, means):
    """Examine `m_step`: the means and covariances after it."""
    model = _at(_planted(cls, "m_step"), resp.shape[1], means=means)
    _m_step(model, X, resp)
    return np.array(model.means), np.array(model.covs)


@_experiment()
def start_covariances(cls, X, k):
    """Examine `initialise`: the covariances of the start."""
    model = _planted(cls, "initialise")(k)
    model.initialise(X)
    return np.array(model.covs)


def _state():
    return np.random.get_state()[1:3]  # noqa: NPY002


def _first_means(cls, X, k, seed):
    model = cls(k, seed=seed)
    model.initialise(X)
    return np.array(model.means)


@_experiment()
def randomness(cls, X, k):
    """Examine `__init__` and `initialise`. Four numbers, 1 for yes and 0 for no.

    Is the global stream left alone; does the same seed give the same start; do other seeds give others; are the
    means different samples?
    """
    planted = _planted(cls, "__init__", "initialise")
    keep = np.random.get_state()  # noqa: NPY002
    try:
        model = planted(k, seed=5)
        model.initialise(X)
    finally:
        np.random.set_state(keep)  # noqa: NPY002
    # the deviation for the variance is judged elsewhere
    spreads = [np.stack([np.diag(spread(axis=0))] * k) for spread in (X.var, X.std)]
    if not any(np.shape(model.covs) == spread.shape and np.allclose(model.covs, spread) for spread in spreads):
        raise Refusal("the covariances of the start have changed: they were diagonal, one variance a feature.")
    return _randomness(planted, X, k)


def _randomness(planted, X, k):
    keep = np.random.get_state()  # noqa: NPY002
    try:
        np.random.seed(20)  # noqa: NPY002
        before = _state()
        first = _first_means(planted, X, k, 5)
        after = _state()
        untouched = np.array_equal(before[0], after[0]) and before[1] == after[1]
        same = np.array_equal(first, _first_means(planted, X, k, 5))
        starts = [_first_means(planted, X, k, seed) for seed in range(30)]
    finally:
        np.random.set_state(keep)  # noqa: NPY002
    others = any(not np.array_equal(start, starts[0]) for start in starts)
    distinct = all(len(np.unique(start, axis=0)) == k for start in starts)
    return float(untouched), float(same), float(others), float(distinct)


@_experiment()
def far_away(cls, X, weights, means, covs):
    """Examine `e_step` and `log_likelihood`, with all that they call."""
    planted = _planted(cls, "joint", "log_joint", "log_likelihood", "e_step")
    model = _at(planted, len(weights), weights, means, covs)
    return model.e_step(X), np.asarray(model.log_likelihood(X))


@_experiment()
def regularised(cls, X, resp, reg):
    """Examine `initialise` and `m_step`: the covariances that each sets, when `reg` is on the object."""
    k = resp.shape[1]
    model = _planted(cls, "__init__", "initialise", "m_step", "reg")(k)
    model.reg = reg
    model.initialise(X)
    start = np.array(model.covs)
    _m_step(model, X, resp)
    return start, np.array(model.covs)


# ------------------------------------------------------------------------- references and cases

_rng = np.random.default_rng(20)
_three = np.array([[1.0], [2.0], [3.0]])
_faithful = load_old_faithful().X


def _mixture(d, k, spread=2.0):
    A = _rng.normal(size=(k, d, d))
    covs = A @ A.transpose(0, 2, 1) + 0.5 * np.eye(d)
    return _rng.dirichlet(np.ones(k) * 5), _rng.normal(scale=spread, size=(k, d)), covs


def _resp(n, k):
    return _rng.dirichlet(np.ones(k), size=n)


def _wrong(experiment, **methods):
    """Return a wrong answer: the experiment with a class in which these methods are wrong."""
    return experiment(type("Wrong", (Right,), methods))


_plain = [
    (_three, np.array([0.5, 0.5]), np.array([[1.0], [3.0]]), np.ones((2, 1, 1))),
    (_rng.normal(scale=2.0, size=(6, 2)), *_mixture(2, 3)),
    (_rng.normal(size=(5, 3)), *_mixture(3, 2)),
]

# ------------------------------------------------------------------------- 1: a missing import


def _scaled(factor):
    def joint(self, X):
        return factor(self, X) * np.exp(Right.log_joint(self, X))

    return joint


def _root_det(cov):
    return np.sqrt(np.linalg.det(cov))


_no_root = _scaled(lambda self, X: np.array([1 / _root_det(cov) for cov in self.covs]))
_no_weight = _scaled(lambda self, X: 1 / np.asarray(self.weights))
_product_of_diagonal = _scaled(
    lambda self, X: np.array([_root_det(cov) / np.sqrt(np.diag(cov).prod()) for cov in self.covs])
)


def _cov_for_inverse(self, X):
    columns = []
    for weight, mean, cov in zip(self.weights, self.means, self.covs):
        D = X - mean
        power = -0.5 * np.sum(D @ cov * D, axis=1)
        columns.append(weight / (np.sqrt(2 * np.pi) ** len(mean) * _root_det(cov)) * np.exp(power))
    return np.column_stack(columns)


def _reciprocal_entries(self, X):
    columns = []
    for weight, mean, cov in zip(self.weights, self.means, self.covs):
        D = X - mean
        power = -0.5 * np.sum(D @ (1 / cov) * D, axis=1)
        columns.append(weight / (np.sqrt(2 * np.pi) ** len(mean) * _root_det(cov)) * np.exp(power))
    return np.column_stack(columns)


exercise(
    "ex-debug-import",
    joint_densities(Right),
    via=joint_densities,
    asks="class",
    cases=_plain,
    mistakes=[
        (_says(_NAME_ERROR), "`joint` still uses a name that this notebook never defined. Which module has it?"),
        (
            _wrong(joint_densities, joint=_reciprocal_entries),
            "1 / cov divides entry by entry; an inverse matrix is meant.",
        ),
        (
            _wrong(joint_densities, joint=_cov_for_inverse),
            "the exponent holds the covariance where its inverse is meant.",
        ),
        (_wrong(joint_densities, joint=_product_of_diagonal), "the product of the diagonal is no determinant."),
        (_wrong(joint_densities, joint=_no_root), "the square root of the determinant was lost on the way."),
        (_wrong(joint_densities, joint=_no_weight), "the weight of the component was lost on the way."),
    ],
)

# ------------------------------------------------------------------------- 2: one array unpacked


def _fit_once(value, resp=lambda self, X: self.e_step(X)):
    """One round of fit, with `value(model, X, before)` as the log-likelihood it notes down."""

    def fit(self, X):
        self.initialise(X)
        before = self.log_likelihood(X)
        self.means = np.array(self.m_step(X, resp(self, X)))
        self.history = [value(self, X, before)]
        return self

    return fit


def _first_row_only(self, X):
    return np.repeat(self.e_step(X)[:1], len(X), axis=0)


exercise(
    "ex-debug-unpack",
    one_iteration(Right),
    via=one_iteration,
    asks="class",
    returns=("the log-likelihood", "the new means"),
    cases=_plain,
    mistakes=[
        (_says(_UNPACKING), "`fit` still takes one array apart as if it were a pair. What does `e_step` return?"),
        (
            _wrong(one_iteration, fit=_fit_once(lambda self, X, before: self.log_likelihood(X))),
            "this is the log-likelihood after the M-step; take it before, where it belongs to these responsibilities.",
        ),
        (
            _wrong(one_iteration, fit=_fit_once(lambda self, X, before: before / len(X))),
            "the total log-likelihood is meant; this is the average of a sample.",
        ),
        (
            _wrong(one_iteration, fit=_fit_once(lambda self, X, before: before, _first_row_only)),
            "the M-step got the responsibilities of the first sample only: [0] of an array is its first row.",
        ),
        (
            _says(_INDEX),
            "the M-step got one row in place of the whole array: [0] of an array is its first row.",
        ),
        (
            _wrong(one_iteration, fit=_fit_once(lambda self, X, before: np.log(np.exp(self.log_joint(X)).sum()))),
            "the log-likelihood is a sum of logarithms, one a sample, and not the logarithm of one sum.",
        ),
    ],
)

# ------------------------------------------------------------------------- 3: an M-step that returns nothing


def _returns(what):
    def m_step(self, X, resp):
        before = self.means.copy()
        Right.m_step(self, X, resp)
        return what(self, before, resp)

    return m_step


def _first_component(self, before, resp):
    return np.concatenate([self.means[:1], before[1:]])


_m_cases = [
    (_three, np.array([[0.8, 0.2], [0.5, 0.5], [0.2, 0.8]]), np.array([[1.0], [3.0]])),
    (_rng.normal(scale=3.0, size=(8, 2)), _resp(8, 3), _rng.normal(size=(3, 2))),
    (_rng.normal(size=(7, 3)), np.ones((7, 1)), _rng.normal(size=(1, 3))),
]
exercise(
    "ex-debug-none",
    returned(Right),
    via=returned,
    asks="class",
    cases=_m_cases,
    mistakes=[
        (_says(_NOTHING), "`m_step` still returns nothing, and `fit` subtracts the old means from that."),
        (_says(_TUPLE), "`fit` subtracts the old means from the result: return the means alone, not a tuple."),
        (_says(_OBJECT), "`fit` subtracts the old means from the result: return the means, not the object."),
        (
            _wrong(returned, m_step=_returns(lambda self, before, resp: before)),
            "these are the means before the update.",
        ),
        (
            _wrong(returned, m_step=_returns(_first_component)),
            "only the first component is new: does the return stand inside the loop?",
        ),
        (
            _wrong(returned, m_step=_returns(lambda self, before, resp: resp.sum(axis=0))),
            "these are the counts; `fit` compares means.",
        ),
        (
            _wrong(returned, m_step=_returns(lambda self, before, resp: self.means - before)),
            "this is the difference already; `fit` takes it once more.",
        ),
    ],
)

# ------------------------------------------------------------------------- 4 and 5: a value compared with itself


def _fit(gain, old=np.copy):
    """`fit` with its own gain(history) and its own way to keep the old means."""

    def fit(self, X):
        self.initialise(X)
        self.history = []
        for _ in range(self.max_iter):
            old_means = old(self.means)
            resp = self.e_step(X)
            self.history.append(self.log_likelihood(X))
            shift = np.abs(self.m_step(X, resp) - old_means).max()
            if gain(self.history) < self.tol or shift < self.tol:
                break
        return self

    return fit


def _gain(history):
    return abs(history[-1] - history[-2]) if len(history) > 1 else np.inf


def _signed(history):
    return history[-2] - history[-1] if len(history) > 1 else np.inf


def _from_the_first(history):
    return abs(history[-1] - history[0]) if len(history) > 1 else np.inf


_start = (np.array([0.5, 0.5]), np.array([[2.0, 50.0], [4.0, 70.0]]), np.stack([np.diag([1.3, 184.0])] * 2))
# a unit in which the first log-likelihood is 0.005: below the tolerance, where it is compared with 0
_unit = np.exp((_at(Right, 2, *_start).log_likelihood(_faithful) - 0.005) / _faithful.size)
_stops = [
    (_three, np.array([0.5, 0.5]), np.array([[1.0], [2.5]]), np.ones((2, 1, 1)), 1e-9, 6, True),
    (_faithful, *_start, 1e-2, 60, True),
    (_faithful, *_start, 1e-6, 60, False),
    (_faithful[:50], *_start, 0.0, 5, True),
    # in a small unit the means move by large numbers: the gain alone stops this one
    (1e4 * _faithful, _start[0], 1e4 * _start[1], 1e8 * _start[2], 400.0, 60, True),
    (_unit * _faithful, _start[0], _unit * _start[1], _unit**2 * _start[2], 1e-2, 60, True),
]

exercise(
    "ex-debug-stop",
    stopping(Right),
    via=stopping,
    asks="class",
    returns=("the number of iterations", "history", "means"),
    cases=_stops,
    mistakes=[
        (
            _wrong(stopping, fit=_fit(lambda history: 0.0)),
            "`fit` stops after one iteration, always: the gain is 0 on the first pass. What is subtracted from what?",
        ),
        (
            _wrong(stopping, fit=_fit(_gain, old=lambda means: means)),
            "the gain is right now, and `fit` stops after one iteration all the same: the shift of the means is 0. "
            "Do `old_means` and the new means share their memory?",
        ),
        (
            _wrong(stopping, fit=_fit(lambda history: np.inf)),
            "the gain of the log-likelihood never stops the loop: only the shift does.",
        ),
        (
            _wrong(stopping, fit=_fit(_gain, old=lambda means: np.inf)),
            "the shift of the means never stops the loop: only the gain does.",
        ),
        (
            _wrong(stopping, fit=_fit(_signed)),
            "a rise gives a negative gain here, and that is below any tolerance: take the absolute value.",
        ),
        (
            _wrong(stopping, fit=_fit(_from_the_first)),
            "compare with the iteration before, not with the first.",
        ),
        (
            _wrong(stopping, fit=_fit(lambda history: _gain([0.0, *history]))),
            "the first log-likelihood is compared with 0, and in some unit is near 0: let the gain be infinite there.",
        ),
        (
            _says(_INDEX),
            "in the first iteration there is no log-likelihood before. Let the gain be infinite there.",
        ),
    ],
)

# ------------------------------------------------------------------------- 6: the wrong axis


def _from_joint(normalise):
    def method(self, X):
        return normalise(self.joint(X))

    return method


exercise(
    "ex-debug-rows",
    e_step(Right),
    via=e_step,
    asks="class",
    cases=_plain,
    mistakes=[
        (
            e_step(WrongAxis),
            "the columns sum to one, the rows do not. The responsibilities of each sample have to sum to one.",
        ),
        (
            _says(_BROADCAST),
            "the division does not broadcast: the row sums have shape (n,). `keepdims=True` makes it (n, 1).",
        ),
        (
            _wrong(e_step, e_step=_from_joint(lambda a: a / a.sum())),
            "all entries together sum to one; each row should.",
        ),
        (_wrong(e_step, e_step=_from_joint(lambda a: a)), "these are the joint densities; no row sums to one."),
        (
            _wrong(e_step, e_step=_from_joint(lambda a: np.exp(a) / np.exp(a).sum(axis=1, keepdims=True))),
            "`joint` holds densities already; this takes their exponential once more.",
        ),
        (
            _wrong(e_step, e_step=_from_joint(lambda a: np.eye(a.shape[1])[a.argmax(axis=1)])),
            "these are hard labels, as in k-means; the responsibilities share a sample out.",
        ),
        (
            _wrong(e_step, e_step=_from_joint(lambda a: a / a.max(axis=1, keepdims=True))),
            "the largest entry of each row is one; the sum should be.",
        ),
    ],
)

# ------------------------------------------------------------------------- 7: a misspelt attribute


def _sets_weights(weights):
    def m_step(self, X, resp):
        before = self.weights
        Right.m_step(self, X, resp)
        self.weights = weights(before, resp)
        return self.means

    return m_step


_weight_cases = [
    (X, resp, np.arange(1.0, resp.shape[1] + 1) / np.arange(1.0, resp.shape[1] + 1).sum(), means)
    for X, resp, means in _m_cases[:2]
]
exercise(
    "ex-debug-weights",
    updated_weights(Right),
    via=updated_weights,
    asks="class",
    cases=_weight_cases,
    mistakes=[
        (
            updated_weights(MisspeltWeights),
            "the weights are what they were before the M-step. Where did the new ones go?",
        ),
        (
            _wrong(updated_weights, m_step=_sets_weights(lambda before, resp: resp.sum(axis=0))),
            "these are the counts; divided by n they are weights.",
        ),
        (
            _wrong(updated_weights, m_step=_sets_weights(lambda before, resp: np.ones(len(before)) / len(before))),
            "the weights are equal whatever the responsibilities are.",
        ),
        (
            _wrong(updated_weights, m_step=_sets_weights(lambda before, resp: resp.mean(axis=0) * before)),
            "the old weights are in the responsibilities already; this takes them once more.",
        ),
        (
            _wrong(updated_weights, m_step=_sets_weights(lambda before, resp: resp.sum(axis=0) / len(before))),
            "divide the counts by the number of samples, not by the number of components.",
        ),
    ],
)

# ------------------------------------------------------------------------- 8: the old mean


def _sets_covariances(covariance):
    def m_step(self, X, resp):
        Right.m_step(self, X, resp)
        for j in range(self.k):
            self.covs[j] = covariance(self.covs[j], X, resp[:, j], self.means[j])
        return self.means

    return m_step


def _about_the_data_mean(cov, X, r, mean):
    D = X - X.mean(axis=0)
    return (r[:, None] * D).T @ D / r.sum()


class _MeansNotUpdated(Right):
    def m_step(self, X, resp):
        before = self.means.copy()
        super().m_step(X, resp)
        self.means = before
        return self.means


def _all_alike(cov, X, r, mean):
    D = X - mean
    return D.T @ D / r.sum()


def _twice_weighted(cov, X, r, mean):
    D = r[:, None] * (X - mean)
    return D.T @ D / r.sum()


def _raw(cov, X, r, mean):
    return (r[:, None] * X).T @ X / r.sum() - np.outer(mean, mean)


exercise(
    "ex-debug-mean",
    updated_covariances(Right),
    via=updated_covariances,
    asks="class",
    returns=("means", "covariances"),
    cases=[*_m_cases, (1e6 + _rng.normal(size=(9, 2)), _resp(9, 2), 1e6 + _rng.normal(size=(2, 2)))],
    mistakes=[
        (updated_covariances(OldMean), "the covariances are taken about the means of the iteration before."),
        (
            _wrong(updated_covariances, m_step=_sets_covariances(_about_the_data_mean)),
            "take the differences from the component's own new mean, not from the mean of all data.",
        ),
        (updated_covariances(IndexSlip), "every covariance is taken about the mean of component 0."),
        (
            _wrong(updated_covariances, m_step=_sets_covariances(lambda cov, X, r, mean: cov * r.sum() / len(X))),
            "divide by the count of the component, not by n.",
        ),
        (
            _wrong(
                updated_covariances, m_step=_sets_covariances(lambda cov, X, r, mean: cov * r.sum() / (r.sum() - 1))
            ),
            "the maximum of the likelihood divides by N_k, not by N_k − 1.",
        ),
        (updated_covariances(_MeansNotUpdated), "the covariances are right, and the new means were not kept."),
        (
            _wrong(updated_covariances, m_step=_sets_covariances(lambda cov, X, r, mean: cov * r.sum())),
            "these are sums; divide each by the count of its component.",
        ),
        (
            _wrong(updated_covariances, m_step=_sets_covariances(_all_alike)),
            "each sample enters with its responsibility; here all count fully.",
        ),
        (
            _wrong(updated_covariances, m_step=_sets_covariances(_twice_weighted)),
            "the responsibility enters once; both factors of the product hold it here.",
        ),
        (
            _wrong(updated_covariances, m_step=_sets_covariances(_raw)),
            "right near the origin, but E[xx] − μμ loses its digits far from it. Take differences first.",
        ),
    ],
    rtol=1e-6,
)

# ------------------------------------------------------------------------- 9: standard deviation for variance


def _starts_with(covariance):
    def initialise(self, X):
        Right.initialise(self, X)
        self.covs = np.array([covariance(X)] * self.k)

    return initialise


exercise(
    "ex-debug-units",
    start_covariances(Right),
    via=start_covariances,
    asks="class",
    cases=[
        (_three, 2),
        (_rng.normal(scale=[3.0, 0.1], size=(9, 2)), 3),
        (60.0 * _rng.normal(scale=[3.0, 0.1, 1.0], size=(9, 3)), 2),
    ],
    mistakes=[
        (
            start_covariances(DeviationForVariance),
            "in other units the start is another one: a covariance has the unit of the data squared.",
        ),
        (
            _wrong(start_covariances, initialise=_starts_with(lambda X: np.diag(np.sqrt(X.std(axis=0))))),
            "you took another root; the deviation has to be squared.",
        ),
        (
            _wrong(start_covariances, initialise=_starts_with(lambda X: np.eye(X.shape[1]))),
            "the identity has no unit at all: in seconds this start is another one than in minutes.",
        ),
        (
            _wrong(start_covariances, initialise=_starts_with(lambda X: np.diag(X.var(axis=0, ddof=1)))),
            "right but for the divisor: the rest of the class divides by n, not by n − 1.",
        ),
        (
            _wrong(
                start_covariances, initialise=_starts_with(lambda X: np.cov(X.T, bias=True).reshape(2 * X.shape[1:]))
            ),
            "the whole covariance is a good start too; here keep the diagonal one, to compare results.",
        ),
        (
            _wrong(start_covariances, initialise=_starts_with(lambda X: np.eye(X.shape[1]) * X.var())),
            "this is one variance over all entries; each feature has its own (axis 0).",
        ),
    ],
)

# ------------------------------------------------------------------------- 10: the global seed


exercise(
    "ex-debug-seed",
    randomness(Right),
    via=randomness,
    asks="class",
    cases=[(_three, 3), (_rng.normal(size=(4, 2)), 3)],
    mistakes=[
        (
            _says((0.0, 1.0, 1.0, 0.0)),
            "making or starting a model changes the random numbers of everybody else, and a sample can be drawn twice.",
        ),
        (
            _says((0.0, 1.0, 1.0, 1.0)),
            "no sample is drawn twice now, but the global stream is still touched. Give the model its own generator.",
        ),
        (
            _says((1.0, 1.0, 1.0, 0.0)),
            "the global stream is left alone; but two components can start at the same sample. See `replace`.",
        ),
        (_says((1.0, 0.0, 1.0, 1.0)), "the same seed gives different starts: is `seed` handed to the generator?"),
        (_says((1.0, 0.0, 1.0, 0.0)), "the same seed gives different starts, and a sample can be drawn twice."),
        (
            _says((0.0, 0.0, 1.0, 0.0)),
            "the draw still comes from the global stream, now without a seed, and a sample can be drawn twice.",
        ),
        (_says((0.0, 0.0, 1.0, 1.0)), "the draw still comes from the global stream, and now without a seed."),
        (
            _says((1.0, 1.0, 0.0, 1.0)),
            "every seed gives the same start: is anything drawn, and is `seed` handed to the generator?",
        ),
    ],
)

# ------------------------------------------------------------------------- 11: outside the log domain


def _logs(log_joint=Right.log_joint, resp=None):
    """The two methods that the experiment looks at, from a log_joint of their own."""

    def log_likelihood(self, X):
        return np.logaddexp.reduce(log_joint(self, X), axis=1).sum()

    def responsibilities(self, X):
        a = log_joint(self, X)
        return np.exp(a - np.logaddexp.reduce(a, axis=1, keepdims=True))

    return {"log_likelihood": log_likelihood, "e_step": resp or responsibilities}


def _tiny(self, X):
    joint = naive_joint(self, X) + 1e-300
    return joint / joint.sum(axis=1, keepdims=True)


def _tiny_likelihood(self, X):
    return np.log((naive_joint(self, X) + 1e-300).sum(axis=1)).sum()


def _nan_replaced(self, X):
    joint = naive_joint(self, X)
    return np.nan_to_num(joint / joint.sum(axis=1, keepdims=True), nan=1 / self.k)


def _without_shift(self, X):
    joint = np.exp(Right.log_joint(self, X))
    return joint / joint.sum(axis=1, keepdims=True)


def _log_of_det(self, X):
    off = [0.5 * (np.log(np.linalg.det(cov)) - np.linalg.slogdet(cov)[1]) for cov in self.covs]
    return Right.log_joint(self, X) - np.array(off)


def _without_half(self, X):
    log_normaliser = np.array([-0.5 * np.linalg.slogdet(2 * np.pi * cov)[1] for cov in self.covs]) + np.log(
        self.weights
    )
    return 2 * Right.log_joint(self, X) - log_normaliser


def _whole_determinant(self, X):
    return Right.log_joint(self, X) - np.array([0.5 * np.linalg.slogdet(cov)[1] for cov in self.covs])


def _half_determinant(self, X):
    return Right.log_joint(self, X) + np.array([0.25 * np.linalg.slogdet(cov)[1] for cov in self.covs])


def _constant_without_d(self, X):
    return Right.log_joint(self, X) + 0.5 * (X.shape[1] - 1) * np.log(2 * np.pi)


def _unweighted(self, X):
    return Right.log_joint(self, X) - np.log(self.weights)


def _log_of_all(self, X):
    return np.logaddexp.reduce(Right.log_joint(self, X), axis=None)


_narrow = np.stack([np.diag(np.full(40, 1e-10)), np.diag(np.full(40, 2e-10))])
exercise(
    "ex-debug-log",
    far_away(Right),
    via=far_away,
    asks="class",
    returns=("the responsibilities", "the log-likelihood"),
    cases=[
        *_plain,
        (
            np.array([[0.0, 0.0], [60.0, -60.0]]),
            np.array([0.3, 0.7]),
            np.array([[0.0, 0.0], [1.0, 0.0]]),
            np.stack([np.eye(2)] * 2),
        ),
        (1e-5 * _rng.normal(size=(5, 40)), np.array([0.5, 0.5]), 1e-5 * _rng.normal(size=(2, 40)), _narrow),
    ],
    mistakes=[
        (
            far_away(OutsideTheLogDomain),
            "right near the components; a far sample has density 0 under each of them, and 0/0 is NaN.",
        ),
        (
            _wrong(far_away, e_step=_tiny, log_likelihood=_tiny_likelihood),
            "a tiny constant hides the NaN and makes up responsibilities for far samples. Work with logarithms.",
        ),
        (
            _wrong(far_away, **_logs(resp=_nan_replaced)),
            "equal shares in place of NaN are an invention; the far sample has an answer. Work with logarithms.",
        ),
        (
            _wrong(far_away, **_logs(resp=_without_shift)),
            "the logarithms are good, but exp is taken of each before the division. Subtract the log-sum-exp first.",
        ),
        (
            _wrong(far_away, **_logs(_log_of_det)),
            "the determinant underflows in many dimensions before its logarithm is taken. Sum the logarithms of the "
            "diagonal of the Cholesky factor.",
        ),
        (
            _wrong(far_away, **_logs(_without_half)),
            "a factor ½ is missing: the exponent is −½ times the squared distance.",
        ),
        (
            _wrong(far_away, **_logs(_whole_determinant)),
            "the log-determinant counts twice: the diagonal of L gives half of it already.",
        ),
        (
            _wrong(far_away, **_logs(_half_determinant)),
            "half of the log-determinant is missing: the logarithms of the diagonal of L sum to the half that is "
            "needed, without a further ½.",
        ),
        (
            _wrong(far_away, **_logs(_constant_without_d)),
            "log 2π comes once for each feature: d log 2π.",
        ),
        (
            _wrong(far_away, **_logs(_unweighted)),
            "the weights are missing: add np.log(weight) to each column.",
        ),
        (
            _wrong(far_away, e_step=lambda self, X: np.log(Right.e_step(self, X)), log_likelihood=Right.log_likelihood),
            "e_step returns the logarithms of the responsibilities; take the exponential.",
        ),
        (
            _wrong(far_away, log_likelihood=lambda self, X: np.log(naive_joint(self, X).sum(axis=1)).sum()),
            "the responsibilities are right; log_likelihood still takes the logarithm of densities that underflow.",
        ),
        (
            _wrong(far_away, log_likelihood=_log_of_all),
            "the log-likelihood sums one log-sum-exp a sample (axis 1); this is one over everything.",
        ),
    ],
    rtol=1e-6,
)

# ------------------------------------------------------------------------- 12: no regularisation


def _ridge(start, update):
    """The two methods with their own ways to use `reg`, functions of (self, covariance, count)."""

    def initialise(self, X):
        self.rng = np.random.default_rng(0)
        self.weights = np.ones(self.k) / self.k
        self.means = X[: self.k].copy()
        self.covs = np.array([start(self, np.diag(X.var(axis=0)), 1.0)] * self.k)

    def m_step(self, X, resp):
        reg, self.reg = self.reg, 0.0
        Right.m_step(self, X, resp)
        self.reg = reg
        self.covs = np.array([update(self, cov, r.sum()) for cov, r in zip(self.covs, resp.T)])
        return self.means

    return {"initialise": initialise, "m_step": m_step}


def _plain_ridge(self, cov, count):
    return cov + self.reg * np.eye(len(cov))


def _none(self, cov, count):
    return cov


def _fixed(self, cov, count):
    return cov + 1e-6 * np.eye(len(cov))


def _everywhere(self, cov, count):
    return cov + self.reg


def _relative(self, cov, count):
    return cov * (1 + self.reg)


def _before_dividing(self, cov, count):
    return cov + self.reg / count * np.eye(len(cov))


exercise(
    "ex-debug-ridge",
    regularised(Right),
    via=regularised,
    asks="class",
    returns=("the covariances of the start", "the covariances of the M-step"),
    cases=[
        (_three, np.array([[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]]), 0.01),
        (_rng.normal(size=(8, 2)), _resp(8, 3), 0.1),
        (np.column_stack([_rng.normal(size=6), np.full(6, 3.0)]), _resp(6, 2), 1e-3),
    ],
    mistakes=[
        (_wrong(regularised, **_ridge(_none, _none)), "neither start nor M-step adds `self.reg` to the diagonals."),
        (_wrong(regularised, **_ridge(_none, _plain_ridge)), "the M-step is right; the start needs the ridge as well."),
        (_wrong(regularised, **_ridge(_plain_ridge, _none)), "the start is right; the M-step needs the ridge as well."),
        (
            _wrong(regularised, **_ridge(_fixed, _fixed)),
            "the amount is fixed; take `self.reg`, so that users can choose.",
        ),
        (
            _wrong(regularised, **_ridge(_everywhere, _everywhere)),
            "the amount was added to all entries: a constant column stays singular. Add it to the diagonal.",
        ),
        (
            _wrong(regularised, **_ridge(_plain_ridge, _everywhere)),
            "the M-step adds the amount to all entries of the covariance. Add it to the diagonal.",
        ),
        (
            _wrong(regularised, **_ridge(_relative, _relative)),
            "a factor leaves a zero variance zero. Add the amount to the diagonal.",
        ),
        (
            _wrong(regularised, **_ridge(_plain_ridge, _before_dividing)),
            "the amount was added before the division by the count; add it after.",
        ),
    ],
)

# ------------------------------------------------------------------------- the whole class


def _is_nothing(error):
    return "NoneType" in str(error)


@_experiment({NameError: _NAME_ERROR})
def whole(cls, X, weights, means, covs, n_iter, reg):
    """Examine the whole class: what a fit from a given start leaves behind, and its own start."""
    planted = type(cls.__name__, (cls,), {"initialise": starts_at(weights, means, covs)})
    model = planted(len(weights), max_iter=n_iter, tol=1e-13)
    model.reg = reg
    try:
        model.fit(X)
    except (ValueError, TypeError) as error:
        if _is_unpacking(error):
            return _UNPACKING
        if _is_nothing(error):
            return _NOTHING
        raise
    own = cls(len(weights))
    own.reg = reg
    own.initialise(X)
    fitted = np.array(model.history), model.weights, model.means, model.covs
    return (*fitted, own.covs, _randomness(cls, X[:4], 3))


def _fitted_by_gmm(X, weights, means, covs, n_iter, reg):
    """What :func:`gmm.em` finds on the same way, and the start that the chapter ends with."""
    found = em(X, weights, means, covs, tol=0.0, max_iter=n_iter, reg_covar=reg)
    start = np.stack([np.diag(X.var(axis=0) + reg)] * len(weights))
    return found.log_likelihoods[:-1], found.weights, found.means, found.covariances, start, (1.0,) * 4


_typo = _faithful[:60].copy()
_typo[5] = 3.3, 740.0
_WHOLE_MESSAGES = {
    "missing import": "a name is used that was never defined (bug 1).",
    "one array unpacked": "one array is taken apart as if it were a pair (bug 2).",
    "returns nothing": "the result of a method that returns nothing is used (bug 3).",
    "compared with itself": "one iteration only: a value is compared with itself (bugs 4 and 5).",
    "wrong axis": "the responsibilities of a sample do not sum to one (bug 6).",
    "misspelt weights": "the weights never change (bug 7).",
    "old mean": "the covariances are taken about the old means (bug 8).",
    "std for variance": "the start has standard deviations for variances (bug 9).",
    "global seed": "the start touches the global random stream, or draws a sample twice (bug 10).",
    "outside the logs": "a far sample gives NaN (bug 11).",
    "no ridge": "nothing is added to the diagonals of the covariances (bug 12).",
    "second moment": "right near the origin, but E[xx] − μμ loses its digits far from it. Take differences first.",
}
exercise(
    "ex-debug-whole",
    _fitted_by_gmm,
    via=whole,
    asks="class",
    returns=("history", "weights", "means", "covs", "the covariances of your own start", "the random numbers"),
    cases=[
        # few iterations: near its end a rule that stops may stop, whatever the tolerance
        (_faithful, *_start, 5, 1e-6),
        (_faithful, *random_start(_faithful, 3, rng=3), 6, 1e-3),
        (_faithful + 1e5, _start[0], _start[1] + 1e5, _start[2], 3, 1e-6),
        (
            _typo,
            np.array([0.5, 0.5]),
            np.array([[2.0, 50.0], [4.0, 80.0]]),
            np.stack([np.diag([0.1, 30.0])] * 2),
            1,
            1e-2,
        ),
    ],
    mistakes=[(whole(with_ridge((BUGS | OTHER_BUGS)[bug])), message) for bug, message in _WHOLE_MESSAGES.items()],
    rtol=1e-8,
)

# ------------------------------------------------------------------------- two programs without a hint


@_experiment()
def diagnosed(cls, X, weights, means, covs, n_iter):
    """Examine the path of a whole fit from a given start."""
    planted = type(cls.__name__, (cls,), {"initialise": starts_at(weights, means, covs)})
    model = planted(len(weights), max_iter=n_iter, tol=1e-13).fit(X)
    return np.array(model.history), model.weights, model.means, model.covs


def _path_of_gmm(X, weights, means, covs, n_iter):
    return _fitted_by_gmm(X, weights, means, covs, n_iter, Complete.reg)[:4]


def _hunt(label, own, other):
    swapped = [part[[1, 0]] for part in _start]
    exercise(
        label,
        _path_of_gmm,
        via=diagnosed,
        asks="class",
        returns=("history", "weights", "means", "covs"),
        cases=[
            (_faithful, *_start, 4),
            (_faithful, *swapped, 4),
            (_faithful + 1e5, _start[0], _start[1] + 1e5, _start[2], 3),
        ],
        mistakes=[
            (diagnosed(own), "one of the experiments of the table still tells this class from a right one."),
            (diagnosed(other), "the bug is out, and another one is in."),
            (diagnosed(with_ridge(OldMean)), "the covariances are taken about the means of the iteration before."),
            (diagnosed(NoRidge), "the ridge of the class was lost on the way."),
        ],
        rtol=1e-8,
    )


_hunt("ex-debug-hunt-m", M, N)
_hunt("ex-debug-hunt-n", N, M)

# ------------------------------------------------------------------------- the experiments of the chapter


def steps(Class, data=_faithful, k=2, n_iter=8, start=None):
    """A fit of a few iterations, from a given start if there is one."""
    model = Class(k, max_iter=n_iter, tol=1e-9, seed=1)
    if start is not None:
        model.initialise = lambda data: starts_at(*start)(model, data)
    return model.fit(data)


def rows_sum_to_one(Class):
    """Responsibilities of a sample sum to one."""
    return np.allclose(steps(Class).e_step(_faithful).sum(axis=1), 1)


def weights_follow(Class):
    """After an M-step the weights are the column means of the responsibilities."""
    model = steps(Class)
    resp = model.e_step(_faithful)
    model.m_step(_faithful, resp)
    return np.allclose(model.weights, resp.mean(axis=0))


def never_falls(Class):
    """The log-likelihood never falls."""
    return np.diff(steps(Class).history).min(initial=0) > -1e-8


def goes_on(Class):
    """A tolerance that is not met does not stop the loop."""
    return len(steps(Class).history) == 8


def one_component(Class):
    """One component has mean and covariance of the data after one iteration."""
    return np.allclose(steps(Class, k=1, n_iter=1).covs[0], np.cov(_faithful.T, bias=True))


def three_values(Class):
    """Three log-likelihoods on the data 1, 2, 3, worked out by hand."""
    start = (np.full(2, 0.5), [[1.0], [3.0]], np.ones((2, 1, 1)))
    return np.allclose(steps(Class, _three, 2, 3, start).history, [-4.389, -3.549, -3.487], atol=2e-3)


def units(Class):
    """In seconds everything is as in minutes, and the log-likelihood is lower by n d log 60."""
    in_seconds = np.array(steps(Class, 60 * _faithful).history) + _faithful.size * np.log(60)
    return np.allclose(steps(Class).history, in_seconds, atol=1e-3)


def origin(Class):
    """Moving all samples moves the means alone."""
    return np.allclose(steps(Class).history, steps(Class, _faithful + 1e6).history, atol=1e-2)


def order_of_components(Class):
    """The order of the components does not matter."""
    parts = np.array([0.3, 0.7]), _faithful[:2], np.stack([np.cov(_faithful.T)] * 2)
    a, b = (steps(Class, start=[part[order] for part in parts]) for order in ([0, 1], [1, 0]))
    return np.allclose(a.history, b.history)


def far_sample(Class):
    """A sample far from all components has responsibilities."""
    return np.isfinite(steps(Class).e_step(np.array([[3.5, 1000.0]]))).all()


def typing_error(Class):
    """One sample far out in the data breaks no fit."""
    typo = _faithful.copy()
    typo[0, 1] = 790.0
    finite = []
    for seed in range(4):
        rows = np.random.default_rng(seed).choice(len(typo), 2, replace=False)
        start = np.full(2, 0.5), typo[rows], np.stack([np.diag(typo.var(axis=0))] * 2)
        finite.append(np.isfinite(steps(Class, typo, n_iter=50, start=start).history[-1]))
    return all(finite)


def own_random_numbers(Class):
    """Making and fitting an object leaves the random numbers of others alone."""
    before = _state()
    steps(Class)
    return all(np.array_equal(a, b) for a, b in zip(before, _state()))


#: What is known beforehand -> a function from a class to whether it passes.
EXPERIMENTS = {
    "rows sum to one": rows_sum_to_one,
    "weights follow": weights_follow,
    "never falls": never_falls,
    "goes on": goes_on,
    "one component": one_component,
    "three values": three_values,
    "units": units,
    "origin": origin,
    "order": order_of_components,
    "far sample": far_sample,
    "typing error": typing_error,
    "random numbers": own_random_numbers,
}


def alarm(experiment, Class):
    """Whether an experiment notices something; an exception is noticed too."""
    try:
        with np.errstate(all="ignore"):
            return not experiment(Class)
    except Exception:
        return True


# ------------------------------------------------------------------------- predict: which bugs a falling ℓ betrays

_SILENT = ("wrong axis", "misspelt weights", "old mean", "std for variance", "global seed")
exercise(
    "ex-debug-blind",
    np.array([1, 0, 0, 0, 0]),
    returns=("bug 1", "bug 2", "bug 3", "bug 4", "bug 5"),
    page=Choices(
        ("1: columns", "2: weights", "3: old means", "4: standard deviations", "5: seed"), several=True, counts=True
    ),
    mistakes=[
        (np.ones(5), "five alarms are too many: a rising log-likelihood proves nothing."),
        (np.zeros(5), "one of them does make the log-likelihood fall: which one breaks the lower bound?"),
        (
            np.array([1, 1, 0, 0, 0]),
            "with the weights held, both steps still climb the lower bound, over fewer parameters.",
        ),
        (
            np.array([1, 0, 1, 0, 0]),
            "about the old means the covariances are maximised first, then the means: neither step lowers the bound.",
        ),
        (
            np.array([1, 1, 1, 0, 0]),
            "with frozen weights and with the old mean the M-step still climbs, part by part; one alarm is right.",
        ),
        (np.array([1, 0, 0, 1, 0]), "a start in wrong units is still a start; from any start EM climbs."),
        (
            np.array([0, 1, 0, 0, 0]),
            "with the weights held, both steps still climb the lower bound. Look at the E-step.",
        ),
    ],
)

# ------------------------------------------------------------------------- compute: an experiment of one's own

_QUIET = list(BUGS)[3:]
_ENOUGH = 6


def alarms(passes):
    """Judge a test of classes: run it on the right class and on each class with one of the silent bugs.

    Parameters
    ----------
    passes : callable
        From a class to True or False.

    Returns
    -------
    callable
        Without arguments, to two numbers: 1 if the right class passes, and 1 if enough of the faulty ones do not.
    """
    if not callable(passes):
        return passes

    def judged(classes):
        answer = passes(Complete)
        if answer is None:
            return None
        caught = [bug for bug in _QUIET if not _passes(passes, with_ridge(BUGS[bug]))]
        return float(bool(answer)), float(min(len(caught), _ENOUGH))

    return judged


def _passes(passes, bug):
    try:
        with np.errstate(all="ignore"):
            return bool(passes(bug))
    except Exception:
        return False


exercise(
    "ex-debug-experiment",
    lambda classes: (1.0, float(_ENOUGH)),
    via=alarms,
    cases=[("the right class and nine faulty ones",)],
    returns=("the right class passes", "faulty classes found"),
    mistakes=[
        (_says((1.0, 0.0)), "your test finds none of the nine bugs. Begin with one column of the table."),
        (_says((0.0, float(_ENOUGH))), "your test refuses the right class as well; its alarms mean nothing then."),
        *(
            (_says((1.0, float(found))), f"{found} of the nine found; at least {_ENOUGH} are asked for.")
            for found in range(1, _ENOUGH)
        ),
    ],
)
