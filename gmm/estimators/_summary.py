"""An account of one mixture for a reader: what it is, how its components lie, what to be careful about."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import entr

from gmm import engine
from gmm.estimators._ridge import called, flat_components
from gmm.estimators._table import Table

if TYPE_CHECKING:
    from gmm.estimators.selection import Selection

BLOCK = 65536  # samples whose responsibilities are held at one time
SHOWN = 8  # features in the table
ROUND = 1.01  # ratio of two deviations below which an ellipse has no direction worth telling
OVERLAP = 1.0  # standard deviations between two means, below which their components are said to overlap


class Assignment(NamedTuple):
    """What the responsibilities of some samples say.

    entropy : Σ_i w_i Σ_k -r_ik log r_ik, in nats
    sizes : weights of the samples assigned to each component (K,)
    certainty : their mean responsibility in it (K,), nan where there are none
    counts : Σ_i r_ik over the samples that have any weight (K,): how many there are, whatever they weigh
    """

    entropy: float
    sizes: np.ndarray
    certainty: np.ndarray
    counts: np.ndarray


class Totals(NamedTuple):
    """What criteria need to know of samples: sums over them, which those of parts add to.

    log_likelihood : Σ_i w_i log p(x_i)
    weight : Σ_i w_i, the number of samples where they have no weights
    entropy, counts, sizes : as in `Assignment`; None where they were not asked for
    """

    log_likelihood: float
    weight: float
    entropy: float | None = None
    counts: np.ndarray | None = None
    sizes: np.ndarray | None = None

    def plus(self, other):
        """The totals of both."""
        return Totals(*(None if a is None else a + b for a, b in zip(self, other, strict=True)))


def totals(X, density, sample_weight, n_threads, scoring, entropy):
    """The `Totals` of checked samples."""
    weight = X.shape[0] if sample_weight is None else float(sample_weight.sum())
    found = Totals(scoring.log_likelihood(X, density, sample_weight=sample_weight, n_threads=n_threads), weight)
    if not entropy:
        return found
    resp = assignment(X, density, sample_weight, n_threads, scoring)
    return found._replace(entropy=resp.entropy, counts=resp.counts, sizes=resp.sizes)


def assignment(X, density, sample_weight=None, n_threads=None, scoring=engine):
    """Return the `Assignment` of samples. Cost O(n K), in blocks of samples; `scoring` is what scores them."""
    n_components = len(density.centres)
    entropy, (sizes, certainty, counts) = 0.0, np.zeros((3, n_components))
    for low in range(0, X.shape[0], BLOCK):
        block = scoring.of(slice(low, low + BLOCK)) if hasattr(scoring, "of") else scoring
        resp = block.predict_proba(X[low : low + BLOCK], density, n_threads=n_threads)
        weights = np.ones(len(resp)) if sample_weight is None else sample_weight[low : low + BLOCK]
        entropy += float(weights @ entr(resp).sum(axis=1))
        labels = resp.argmax(axis=1)
        sizes += np.bincount(labels, weights, n_components)
        certainty += np.bincount(labels, weights * resp.max(axis=1), n_components)
        counts += resp[weights > 0.0].sum(axis=0)
    with np.errstate(invalid="ignore"):
        return Assignment(entropy, sizes, certainty / sizes, counts)


def separations(parameters):
    """Distances of the means in standard deviations, |Σ̄⁻¹ᐟ²(μ_a - μ_b)| with Σ̄ the mean of both covariances: (K, K)."""
    K, matrices = parameters.n_components, parameters.matrices
    distances = np.zeros((K, K))
    for a in range(K):
        for b in range(a):
            lower = np.linalg.cholesky(0.5 * (matrices[a] + matrices[b]))
            z = solve_triangular(lower, parameters.means[a] - parameters.means[b], lower=True)
            distances[a, b] = distances[b, a] = math.sqrt(z @ z)
    return distances


class Summary:
    """An account of a mixture: print it, or show it in a notebook.

    Attributes
    ----------
    heading : list of str
        The model, the course of its fit and, if samples were given, what it makes of them.
    components : Table
        One row for each component.
    notes : list of str
        What to be careful about.
    """

    def __init__(self, heading: list[str], components: Table, notes: list[str]) -> None:
        self.heading = heading
        self.components = components
        self.notes = notes

    def __repr__(self) -> str:
        return "\n".join([*self.heading, "", repr(self.components), *(f"! {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        heading = "<br>".join(map(escape, self.heading))
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return f"<p>{heading}</p>{self.components._repr_html_()}" + (f"<ul>{notes}</ul>" if notes else "")


NOISE = "noise"
BEST = 3  # models in the account of a selection


class SelectionSummary:
    """An account of what `select` found: print it, or show it in a notebook.

    Attributes
    ----------
    heading : list of str
        The best model and its numbers.
    best : Table
        The best models by the criterion, three at most, and what each is behind the best.
    sizes : Table
        How many samples have each component of the best model as their most probable one.
    notes : list of str
        What to be careful about.
    """

    def __init__(self, heading: list[str], best: Table, sizes: Table, notes: list[str]) -> None:
        self.heading = heading
        self.best = best
        self.sizes = sizes
        self.notes = notes

    @classmethod
    def of(cls, found: Selection, criterion: str, index: int, sign: int, edge: Any) -> Self:
        """The account of a Selection, whose best model is row `index`; the smallest is best where sign is 1."""
        row, name = found.table[index], criterion.upper()
        values = sign * found.table[criterion]
        order = [i for i in np.argsort(values, kind="stable") if not np.isnan(values[i])][:BEST]
        best = Table(
            {
                "covariance_type": found.table[i]["covariance_type"],
                "n_components": str(found.table[i]["n_components"]),
                "n_parameters": str(found.table[i]["n_parameters"]),
                name: f"{found.table[i][criterion]:.3f}",
                "behind": f"{values[i] - values[order[0]]:.3f}",
            }
            for i in order
        )
        sizes, model = found.sizes_[index], found.models_[index]
        assert model is not None  # it has a value of the criterion
        assert sizes is not None
        weights: Any = model.weights_
        names = [str(k) for k in range(len(weights))]
        if len(sizes) > len(weights):
            names, weights = [*names, NOISE], [*weights, model.noise_weight_]
        components = Table(
            {"component": name, "samples": f"{size:g}", "weight": f"{weight:.3f}"}
            for name, size, weight in zip(names, sizes, weights, strict=True)
        )
        n_collapsed = sum(model is None for model in found.models_)
        heading = [
            f"Best of {_count(len(found.models_), 'model')} by {name}: {row['covariance_type']!r} with "
            f"{_count(row['n_components'], 'component')}",
            f"{found.n_samples:g} samples, {_count(row['n_parameters'], 'free parameter')}: log-likelihood "
            f"{row['log_likelihood']:.3f}, BIC {row['bic']:.3f}, ICL {row['icl']:.3f}",
        ]
        notes = []
        if not row["converged"]:
            notes.append("EM did not converge; with a larger max_iter the order of the models may change.")
        if edge:
            notes.append(f"n_components is the {edge} that was tried.")
        if n_collapsed:
            notes.append(f"{_count(n_collapsed, 'model')} collapsed and have no values; table['reason'] says why.")
        return cls(heading, best, components, notes)

    def __repr__(self) -> str:
        return "\n".join(
            [*self.heading, "", repr(self.best), "", repr(self.sizes), *(f"! {note}" for note in self.notes)]
        )

    def _repr_html_(self) -> str:
        heading = "<br>".join(map(escape, self.heading))
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        tables = self.best._repr_html_() + self.sizes._repr_html_()
        return f"<p>{heading}</p>{tables}" + (f"<ul>{notes}</ul>" if notes else "")


def summary(mixture, parameters, X):
    """The account of `mixture`, of whose samples X there may be none (None)."""
    K, d = parameters.means.shape
    noise = "" if parameters.noise is None else " and noise"
    matrices = "scale matrices" if hasattr(parameters, "dof") else "covariances"
    heading = [
        f"{type(mixture).__name__}: {_count(K, 'component')}{noise}, {parameters.covariance_type!r} {matrices}, "
        f"{_count(d, 'feature')}, {_count(mixture._n_parameters(), 'free parameter')}"
    ]
    if mixture.n_iter_:
        verb = "converged" if mixture.converged_ else "stopped"
        penalised = "" if mixture.covariance_prior is None else "penalised "
        heading.append(
            f"{verb} after {_count(mixture.n_iter_, 'iteration')}; mean {penalised}log-likelihood "
            f"{mixture.lower_bound_:.6g} per sample of the fit"
        )
    sizes = certainty = None
    if X is not None:
        density = parameters.density()
        entropy, sizes, certainty, _ = assignment(X, density, n_threads=mixture.n_threads)
        mean = engine.log_likelihood(X, density, n_threads=mixture.n_threads) / len(X)
        line = f"{_count(len(X), 'sample')}: mean log-likelihood {mean:.6g}"
        if len(sizes) > 1:
            most = math.log(len(sizes))
            line += f", entropy of the assignment {entropy / len(X):.3g} nats per sample (at most {most:.3g})"
        heading.append(line)
    distances = separations(parameters)
    rows = _rows(mixture, parameters, sizes, certainty, distances)
    return Summary(heading, Table(rows), _notes(mixture, parameters, sizes, distances))


def _rows(mixture, parameters, sizes, certainty, distances):
    K, d = parameters.means.shape
    deviations = np.sqrt(np.einsum("kjj->kj", parameters.matrices))
    names = getattr(mixture, "feature_names_in_", [f"feature {j}" for j in range(d)])
    dof = getattr(parameters, "dof", None)
    for k in range(K):
        row = {"component": str(k), "weight": f"{parameters.weights[k]:.3f}"}
        if dof is not None:
            row["dof"] = f"{dof[k]:.3g}"
        if sizes is not None:
            row |= {"samples": f"{sizes[k]:g}", "certainty": "—" if np.isnan(certainty[k]) else f"{certainty[k]:.3f}"}
        if K > 1:
            others = distances[k] + np.where(np.arange(K) == k, np.inf, 0.0)
            row["nearest"] = f"{others.argmin()} at {others.min():.3g} sd"
        if d > 1:
            row["ellipse"] = _ellipse(parameters.matrices[k])
        row |= {str(names[j]): _pair(parameters.means[k, j], deviations[k, j]) for j in range(min(d, SHOWN))}
        if d > SHOWN:
            row["…"] = f"{d - SHOWN} more"
        yield row
    if parameters.noise is not None:
        found = {"component": NOISE, "weight": f"{parameters.noise.weight:.3f}"}
        if sizes is not None:
            certain = "—" if np.isnan(certainty[K]) else f"{certainty[K]:.3f}"
            found |= {"samples": f"{sizes[K]:g}", "certainty": certain}
        yield dict.fromkeys(row, "—") | found


def _notes(mixture, parameters, sizes, distances):
    K, d = parameters.means.shape
    notes = []
    if mixture.n_iter_ and not mixture.converged_:
        notes.append("EM did not converge; a larger max_iter may change the parameters.")
    if sizes is not None:
        needed = parameters.structure.samples_needed(d)
        few = [str(k) for k in range(K) if parameters.weights[k] * sizes.sum() < needed]
        if few:
            notes.append(f"Fewer samples than a covariance needs, {needed}: {_listed('component', few)}.")
    near = [f"{a} and {b}" for a in range(K) for b in range(a + 1, K) if distances[a, b] < OVERLAP]
    if near:
        notes.append(f"Means less than {OVERLAP:g} sd apart: {_listed('component', near)}.")
    ridge = getattr(mixture, "reg_covar_", mixture.reg_covar)
    if mixture.covariance_prior is None and mixture.n_iter_ and not isinstance(ridge, str):
        flat = flat_components(getattr(parameters, "gaussian", parameters), ridge)
        if flat:
            who = "the tied covariance" if flat == [-1] else _listed("component", list(map(str, flat)))
            notes.append(
                f"A direction whose variance is {called(mixture.reg_covar)} and little else, so that the "
                f"likelihood depends on reg_covar: {who}."
            )
    return notes


def _count(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _listed(noun, things):
    more = f" and {len(things) - SHOWN} more" if len(things) > SHOWN else ""
    return f"{noun}{'' if len(things) == 1 else 's'} {', '.join(things[:SHOWN])}{more}"


def _ellipse(covariance):
    """Standard deviations along the longest and the shortest axis; in two features the angle of the longest one."""
    values, vectors = np.linalg.eigh(covariance)
    short, long = np.sqrt(values[[0, -1]])
    text = f"{long:.2g} × {short:.2g}"
    if len(values) > 2 or long < ROUND * short:
        return text
    return f"{text} at {round(math.degrees(math.atan2(vectors[1, 1], vectors[0, 1]))) % 180}°"


def _pair(mean, deviation):
    """Mean ± standard deviation, the latter to two digits and the former to the same place."""
    places = 1 - math.floor(math.log10(deviation))
    if abs(mean) < 1e7 and 0 <= places <= 6:
        return f"{mean:.{places}f} ± {deviation:.{places}f}"
    digits = 2 if mean == 0.0 else min(17, max(2, places + 1 + math.floor(math.log10(abs(mean)))))
    return f"{mean:.{digits}g} ± {deviation:.2g}"
