"""`two_sample_test`: an exact p-value for any classifier, accuracies that are known, and what it says of columns."""

import doctest
import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Perceptron
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from gmm import two_sample_test
from gmm.estimators import two_sample

LDA = LinearDiscriminantAnalysis()


class Centres(BaseEstimator):
    """Rows belong to the nearer mean: a quick classifier that learns."""

    def fit(self, X, y):
        a, b = X[y == 0].mean(axis=0), X[y == 1].mean(axis=0)
        self.normal, self.middle = b - a, 0.5 * (a + b)
        return self

    def decision_function(self, X):
        return (X - self.middle) @ self.normal

    def predict(self, X):
        return self.decision_function(X) > 0.0


class TestPValue:
    @pytest.mark.parametrize(("n_splits", "seed"), [(2, 0), (3, 1), (3, 2), (4, 3), (4, 4)])
    def test_each_part_is_judged_by_what_was_learnt_before_it(self, n_splits, seed):
        rng = np.random.default_rng(seed)
        X, Y = rng.normal(size=(21, 4)), rng.normal(0.3, size=(30, 4))
        found = two_sample_test(X, Y, classifier=LDA, n_splits=n_splits, random_state=3)
        # The parts again, from the same generator (the first number seeds the classifier, of which this one has none).
        again = np.random.RandomState(3)
        again.uniform()
        of_x, of_y = np.array_split(again.permutation(21), n_splits), np.array_split(again.permutation(30), n_splits)
        hits, outcomes = 0, [(0, 1.0)]
        for j in range(1, n_splits):
            past_x, past_y = np.concatenate(of_x[:j]), np.concatenate(of_y[:j])
            model = LinearDiscriminantAnalysis()
            model.fit(np.concatenate([X[past_x], Y[past_y]]), np.repeat([0, 1], [len(past_x), len(past_y)]))
            scores = model.decision_function(np.concatenate([X[of_x[j]], Y[of_y[j]]]))
            n_x, n_y = len(of_x[j]), len(of_y[j])
            called = scores >= np.sort(scores)[-n_y]
            hits += np.count_nonzero(called[n_x:])
            law = stats.hypergeom(n_x + n_y, n_y, n_y)
            outcomes = [(a + t, p * law.pmf(t)) for a, p in outcomes for t in range(n_y + 1)]
        assert found.p_value == pytest.approx(sum(p for total, p in outcomes if total >= hits), rel=1e-10)
        if n_splits == 2:  # Fisher's exact test
            table = [[hits, n_y - hits], [n_y - hits, n_x - (n_y - hits)]]
            assert found.p_value == pytest.approx(stats.fisher_exact(table, alternative="greater").pvalue, rel=1e-10)

    def test_the_accuracy_is_that_of_rows_which_were_not_learnt(self):
        # The nearest neighbour of a row that was learnt is the row itself.
        rng = np.random.default_rng(0)
        found = two_sample_test(
            rng.normal(size=(150, 2)), rng.normal(size=(150, 2)), classifier=KNeighborsClassifier(1), random_state=0
        )
        assert found.accuracy == pytest.approx(0.5, abs=0.2)

    def test_hits_of_a_part_by_enumeration(self):
        # Whatever is called Y's, all arrangements of the labels are alike: the law of the notes.
        for n_x, n_y in [(3, 2), (2, 3)]:
            calls = [sum(row >= n_x for row in chosen) for chosen in itertools.combinations(range(n_x + n_y), n_y)]
            law = stats.hypergeom.pmf(np.arange(n_y + 1), n_x + n_y, n_y, n_y)
            np.testing.assert_allclose(law, np.bincount(calls, minlength=n_y + 1) / len(calls), atol=1e-14)

    def test_under_the_null_hypothesis_it_keeps_its_level(self):
        n = 500
        p = np.empty(n)
        for seed in range(n):
            rng = np.random.default_rng(seed)
            X, Y = (rng.standard_t(3, size=(size, 2)) for size in (30, 18))
            p[seed] = two_sample_test(X, Y, classifier=Centres(), n_splits=4, random_state=seed).p_value
        for level in (0.05, 0.1, 0.25, 0.5):
            error = np.sqrt(level * (1.0 - level) / n)
            assert (p <= level).mean() <= level + 4.0 * error
        # Not by being large always: it is uniform but for its steps.
        assert (p <= 0.5).mean() > 0.3
        assert (p <= 0.1).mean() > 0.03

    def test_tables_apart_and_alike(self):
        rng = np.random.default_rng(1)
        X = rng.normal(size=(100, 2))
        apart = two_sample_test(X, X + 20.0, classifier=LDA, random_state=0)
        assert apart.accuracy == 1.0
        assert apart.p_value == pytest.approx(np.prod([stats.hypergeom.pmf(20, 40, 20, 20)] * 4), rel=1e-9)
        # The correlation is all that differs, and what a classifier of each column by itself cannot see.
        Y = X * [1.0, -1.0] @ np.array([[1.0, 0.9], [0.0, 0.5]])
        X = X @ np.array([[1.0, -0.9], [0.0, 0.5]])
        nearest = two_sample_test(X, Y, classifier=KNeighborsClassifier(5), random_state=0)
        assert nearest.p_value < 1e-4
        assert two_sample_test(X, Y, classifier=LDA, random_state=0).p_value > 1e-3

    def test_the_accuracy_of_the_best_rule(self):
        # Two Gaussians at a distance: the linear rule names Φ(δ/2) of the rows.
        rng = np.random.default_rng(0)
        X, Y = rng.normal(size=(3000, 1)), rng.normal(1.0, size=(2000, 1))
        found = two_sample_test(X, Y[:1000], classifier=LDA, random_state=0)
        equal = two_sample_test(X[:2000], Y, classifier=LDA, random_state=0)
        assert equal.accuracy == pytest.approx(stats.norm.cdf(0.5), abs=4.0 * np.sqrt(0.25 / 4000))
        # Of unequal sizes the cut stands where as many are called Y's as there are.
        cut = np.linspace(-3.0, 5.0, 8001)
        called = 0.75 * stats.norm.sf(cut) + 0.25 * stats.norm.sf(cut - 1.0)
        at = cut[np.argmin(np.abs(called - 0.25))]
        expected = 0.5 * (stats.norm.cdf(at) + stats.norm.sf(at - 1.0))
        assert found.accuracy == pytest.approx(expected, abs=4.0 * 0.5 * np.sqrt(0.25 / 1000 + 0.25 / 3000))

    def test_a_p_value_is_never_zero(self):
        X = np.zeros((3000, 1))
        assert 0.0 < two_sample_test(X, X + 1.0, classifier=Centres(), random_state=0).p_value < 1e-300

    def test_ties_are_broken_by_lot(self):
        X = np.zeros((200, 2))
        found = two_sample_test(X, X, classifier=KNeighborsClassifier(3), random_state=0)
        assert found.accuracy == pytest.approx(0.5, abs=4.0 * np.sqrt(0.25 / 400))
        assert found.p_value > 1e-3

    @pytest.mark.parametrize("classifier", [Perceptron(), NearestCentroid(), None])
    def test_classifiers_with_other_scores_and_the_default(self, classifier):
        rng = np.random.default_rng(0)
        X, Y = rng.normal(size=(40, 2)), rng.normal(3.0, size=(40, 2))
        found = two_sample_test(X, Y, classifier=classifier, n_splits=3, random_state=0)
        assert found.accuracy > 0.9
        assert found.p_value < 1e-3
        assert found.p_value == two_sample_test(X, Y, classifier=classifier, n_splits=3, random_state=0).p_value


class TestColumns:
    FRAME = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=["a", "b", "c"])
    OTHER = pd.DataFrame(np.random.default_rng(1).normal(size=(80, 3)), columns=["a", "b", "c"]).assign(
        b=lambda frame: frame["a"] + 0.1 * frame["b"], c=lambda frame: frame["c"] + 2.0
    )

    @pytest.fixture
    def found(self):
        return two_sample_test(self.FRAME, self.OTHER, classifier=LDA, random_state=0)

    def test_kolmogorov_smirnov_by_its_definition(self, found):
        for j, name in enumerate("abc"):
            x, y = self.FRAME[name].to_numpy(), self.OTHER[name].to_numpy()
            at = np.concatenate([x, y])
            gap = max(abs((x <= t).mean() - (y <= t).mean()) for t in at)
            assert found.marginals[j]["column"] == name
            assert found.marginals[j]["statistic"] == pytest.approx(gap, abs=1e-14)
        assert found.marginals["p_value"][2] < 1e-6 < found.marginals["p_value"][0]

    def test_correlations(self, found):
        expected = np.corrcoef(self.OTHER.T) - np.corrcoef(self.FRAME.T)
        np.testing.assert_allclose(found.correlations.matrix, expected, atol=1e-14)
        assert found.correlations.columns == ("a", "b")
        assert found.correlations.largest == pytest.approx(expected[0, 1], abs=1e-14)

    def test_an_account(self, found):
        text = repr(found.summary())
        assert text.startswith("60 rows against 80: a classifier names the origin of")
        assert f"largest difference of correlations {found.correlations.largest:+.3f}: a and b" in text
        assert text.index("\n     c ") < text.index("\n     b ")  # the largest statistic first
        assert "<table" in found._repr_html_()
        assert repr(found).startswith("TwoSampleTest(n=(60, 80), accuracy=")

    def test_missing_values_and_constants(self):
        rng = np.random.default_rng(3)
        X, Y = (np.where(rng.uniform(size=(50, 4)) < 0.2, np.nan, rng.normal(size=(50, 4))) for _ in range(2))
        X[:, 3] = Y[:, 3] = 7.0
        found = two_sample_test(X, Y, n_splits=2, random_state=0)
        expected = pd.DataFrame(Y).corr() - pd.DataFrame(X).corr()
        np.testing.assert_allclose(found.correlations.matrix[:3, :3], expected.iloc[:3, :3], atol=1e-13)
        assert np.isnan(found.correlations.matrix[3]).all()
        assert found.marginals[3]["statistic"] == 0.0
        x, y = (values[~np.isnan(values)] for values in (X[:, 0], Y[:, 0]))
        assert found.marginals[0]["p_value"] == pytest.approx(stats.ks_2samp(x, y).pvalue)
        constant = two_sample_test(X[:, 3:], Y[:, 3:], classifier=KNeighborsClassifier(), random_state=0)
        assert np.isnan(constant.correlations.largest)
        assert "correlations" not in repr(constant.summary())


def test_examples_in_docstrings_run():
    failed, attempted = doctest.testmod(two_sample)
    assert failed == 0
    assert attempted


X = np.random.default_rng(0).normal(size=(20, 2))


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"n_splits": 1}, ValueError, "n_splits must be an integer, 2 or more; got 1"),
        ({"n_splits": True}, ValueError, "n_splits must be an integer, 2 or more; got True"),
        ({"n_splits": 21}, ValueError, "n_splits=21 is more than the 20 rows of X"),
        ({"classifier": KNeighborsClassifier}, TypeError, "classifier must be an estimator with fit and predict"),
        ({"classifier": "forest"}, TypeError, "classifier must be an estimator with fit and predict; got 'forest'"),
        ({"random_state": "a"}, ValueError, "'a' cannot be used to seed"),
        ({"Y": X[:, :1]}, ValueError, "X and Y must have the same columns; X has 2 and Y 1"),
        ({"Y": X[:3]}, ValueError, "n_splits=5 is more than the 3 rows of Y"),
        ({"Y": X.astype(str)}, TypeError, "Y must hold real numbers; got dtype"),
        ({"Y": np.full((20, 2), np.inf)}, ValueError, "Y must be finite; row 0 of column 0 is inf"),
        ({"Y": np.full((20, 2), np.nan)}, ValueError, "column 0 of Y has no observed value"),
        ({"X": X[:0]}, ValueError, "X must have at least one row and one column"),
        ({"X": None}, ValueError, "X must have two dimensions"),
        (
            {"X": pd.DataFrame(X, columns=["a", "b"]), "Y": pd.DataFrame(X, columns=["b", "a"])}, ValueError,
            r"same columns in the same order; got \['a', 'b'\] and \['b', 'a'\]",
        ),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(arguments, kind, message):
    with pytest.raises(kind, match=message):
        two_sample_test(**{"X": X, "Y": X} | arguments)
