"""`gmm.mclust` against mclust, and the account that a selection gives of itself."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import gmm
from gmm.learning import FOURTEEN

# BIC of mclustBIC(X, control = emControl(tol = c(1e-12, 1e-12), itmax = c(20000, 1000))) with the sign changed, by
# mclust 6.0.0 (R 4.2.2), of iris; a row for each G, the models in the order of FOURTEEN.
IRIS = [
    "1804.0854 1804.0854 1522.1202 1522.1202 1522.1202 1522.1202 829.9782 "
    "829.9782 829.9782 829.9782 829.9782 829.9782 829.9782 829.9782",
    "1123.4113 1012.2352 1042.9679 956.2823 1007.3082 857.5515 688.0972 "
    "656.3270 657.2263 605.1883 644.5997 561.7285 658.3306 574.0178",
    "878.7639 853.8090 813.0425 779.1502 797.8329 744.6317 632.9633 "
    "605.3968 666.5301 636.4596 642.7344 562.5507 656.0143 580.8389",
    "893.5203 812.5912 827.3261 748.4469 837.3949 751.0132 645.9746 "
    "604.8346 705.3313 639.7262 679.1344 602.0092 725.1597 626.7225",
    "782.6216 742.5989 741.8554 688.3430 766.7865 711.4489 604.7730 "
    "nan 722.6605 632.2083 649.1551 634.2844 nan 676.5945",
    "715.6928 705.7721 693.7673 676.1561 774.0536 707.2837 609.8152 "
    "609.5487 661.9435 664.8643 664.4520 672.9496 nan 721.4274",
    "731.8443 698.5383 713.1298 680.4064 813.4691 766.6422 632.4060 "
    "nan 699.4927 690.6028 709.9506 704.7675 nan 806.9218",
    "725.0711 701.4780 691.3863 674.4160 740.3496 764.1096 639.2366 "
    "654.7786 700.4201 705.4633 730.4297 712.8710 831.7512 830.6360",
    "694.5147 700.0175 696.2520 700.7850 767.7633 755.7744 653.0767 "
    "nan 729.6581 734.3551 758.9295 748.8198 882.4316 883.6897",
]
# mclust's VVE leaves the orientation where it does not maximise Q (see tests/learning/test_fourteen.py).
COMPARED = [name for name in FOURTEEN if name != "VVE"]
# The same of the velocities of 82 galaxies: E, then V.
GALAXIES = {
    "E": [1622.51829, 1611.49608, 1584.67263, 1584.61988, 1587.62365, 1596.43709, 1589.14595, 1597.95938, 1600.35996],
    "V": [1622.51829, 1595.62320, 1592.39823, 1579.92628],
}
# Best three of mclust's summary with its own tolerance: mclust stops 3e-5 short of the maximum.
BEST = {
    "iris": [("VEV", 2, 561.7285), ("VEV", 3, 562.5522), ("VVV", 2, 574.0178)],
    "old_faithful": [("EEE", 3, 2314.3163), ("VVE", 2, 2320.4330), ("VEE", 3, 2322.1035)],
    "galaxies": [("V", 4, 1579.9372), ("E", 3, 1584.6727), ("E", 7, 1589.1529)],
}
LOAD = {
    "iris": gmm.datasets.load_iris,
    "old_faithful": gmm.datasets.load_old_faithful,
    "galaxies": gmm.datasets.load_galaxies,
}


@pytest.fixture(scope="module")
def iris():
    return gmm.mclust(LOAD["iris"]().X, tol=1e-9, max_iter=4000)


class TestAgainstMclust:
    def test_every_bic_of_iris(self, iris):
        expected = np.array([row.split() for row in IRIS], dtype=float).T
        found = iris.grid()
        assert iris.covariance_types == FOURTEEN
        compared = [FOURTEEN.index(name) for name in COMPARED]
        np.testing.assert_array_equal(np.isnan(found[compared]), np.isnan(expected[compared]))
        np.testing.assert_allclose(found[compared], expected[compared], rtol=1e-6)

    def test_a_singular_covariance_says_why_it_has_no_value(self, iris):
        rows = {(row["covariance_type"], row["n_components"]): row for row in iris.table}
        row = rows["VEE", 5]  # NA in mclust
        assert row["status"] == "collapsed"
        assert "collapsed at iteration" in row["reason"]

    def test_every_bic_of_one_feature(self):
        found = gmm.mclust(LOAD["galaxies"]().X, tol=1e-10, max_iter=4000)
        assert found.covariance_types == ("E", "V")
        for values, name in zip(found.grid(), "EV", strict=True):
            np.testing.assert_allclose(values[: len(GALAXIES[name])], GALAXIES[name], rtol=1e-6)

    @pytest.mark.parametrize("name", BEST)
    def test_the_best_as_in_its_summary(self, name):
        found = gmm.mclust(LOAD[name]().X)
        (kind, size, value), *others = BEST[name]
        assert (found.best_row_["covariance_type"], found.best_row_["n_components"]) == (kind, size)
        assert found.best_row_["bic"] == pytest.approx(value, rel=1e-4)
        for kind, size, value in others:
            assert found.model(size, kind).bic(LOAD[name]().X) == pytest.approx(value, rel=1e-4)


class TestDefaults:
    def test_they_are_those_of_select_from_a_tree(self):
        X = LOAD["iris"]().X
        found = gmm.mclust(X, (1, 3), ("EEE", "VII"))
        settings = found.best_.get_params()
        assert settings["init_params"] == "hierarchical"
        assert settings["reg_covar"] == 0.0
        assert found.n_components == (1, 3)
        again = gmm.GaussianMixture(**settings).fit(X)
        np.testing.assert_array_equal(again.means_, found.best_.means_)

    def test_names_and_their_order_are_those_of_select(self):
        ours, theirs = (list(inspect.signature(function).parameters) for function in (gmm.mclust, gmm.select))
        assert ours[:4] == theirs[:4]
        assert set(ours) <= set(theirs)

    def test_no_more_components_than_samples(self):
        X = np.random.default_rng(0).normal(size=(6, 2))
        assert gmm.mclust(X).n_components == (1, 2, 3, 4, 5, 6)
        with pytest.raises(ValueError, match="n_components must not exceed the number of samples"):
            gmm.mclust(X, 7)

    def test_fewer_samples_than_features_have_diagonal_covariances(self):
        X = np.random.default_rng(0).normal(size=(15, 20))
        X[8:] += 4.0
        found = gmm.mclust(X, (1, 2))
        assert found.covariance_types == ("EII", "VII", "EEI", "VEI", "EVI", "VVI")
        assert found.best_row_["n_components"] == 2

    def test_weights_count_samples(self):
        X = LOAD["iris"]().X
        weights = np.full(len(X), 2.0)
        one, two = gmm.mclust(X, 2, "VEV", tol=1e-9), gmm.mclust(X, 2, "VEV", sample_weight=weights, tol=1e-9)
        row, twice = one.best_row_, two.best_row_
        assert twice["log_likelihood"] == pytest.approx(2.0 * row["log_likelihood"], rel=1e-9)
        assert twice["bic"] == pytest.approx(-2.0 * twice["log_likelihood"] + row["n_parameters"] * np.log(300.0))

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"covariance_types": ("VEV", "VEX")}, ValueError, r"covariance_types must be .*; got 'VEX'"),
            ({"G": 3}, TypeError, "unexpected setting 'G'"),
            ({"n_components": 0}, ValueError, "n_components must be >= 1; got 0"),
            ({"X": [[0.0], [np.inf]]}, ValueError, "infinity"),
            ({"resp_init": [0, 1]}, ValueError, "resp_init cannot be given"),
        ],
    )
    def test_what_cannot_be_fitted(self, arguments, error, message):
        with pytest.raises(error, match=message):
            gmm.mclust(**{"X": LOAD["iris"]().X, **arguments})


class TestSummary:
    def test_it_reads_like_mclusts(self, iris):
        account = iris.summary()
        text = repr(account)
        lines = text.splitlines()
        assert lines[0] == "Best of 126 models by BIC: 'VEV' with 2 components"
        assert lines[1] == (
            f"150 samples, 26 free parameters: log-likelihood -215.726, BIC 561.728, ICL {iris.best_row_['icl']:.3f}"
        )
        assert [row["covariance_type"] for row in account.best] == ["VEV", "VEV", "VVV"]
        assert [row["BIC"] for row in account.best] == ["561.728", "562.551", "574.018"]
        assert [row["behind"] for row in account.best] == ["0.000", "0.822", "12.289"]
        assert [row["samples"] for row in account.sizes] == ["50", "100"]
        sizes = np.bincount(iris.predict(LOAD["iris"]().X))
        assert sizes.tolist() == iris.sizes_[iris.best_index_].tolist()
        assert any("5 models collapsed" in note or "6 models collapsed" in note for note in account.notes)

    def test_by_another_criterion_and_for_a_notebook(self, iris):
        account = iris.summary("icl")
        assert "by ICL" in account.heading[0]
        assert account.best.columns == ("covariance_type", "n_components", "n_parameters", "ICL", "behind")
        page = account._repr_html_()
        assert page.startswith("<p>Best of 126 models by ICL")
        assert page.count("<table") == 2
        assert "<li>" in page

    def test_the_largest_is_the_best_of_held_out_likelihoods(self):
        X = LOAD["iris"]().X
        found = gmm.select(X, (1, 2, 3), "full", "cv", cv=3, init_params="hierarchical", random_state=0)
        values = [float(row["CV"]) for row in found.summary().best]
        assert values == sorted(values, reverse=True)
        assert [float(row["behind"]) for row in found.summary().best] == pytest.approx(
            [values[0] - value for value in values], abs=2e-3
        )

    def test_weights_make_the_sizes_and_the_number_of_samples(self):
        X = LOAD["iris"]().X
        weights = np.linspace(0.5, 1.5, len(X))
        found = gmm.mclust(X, 2, "VEV", sample_weight=weights)
        assert found.n_samples == pytest.approx(weights.sum())
        np.testing.assert_allclose(found.sizes_[0], np.bincount(found.predict(X), weights))
        assert found.summary().heading[1].startswith("150 samples")

    def test_the_edge_and_a_fit_that_did_not_end_are_noted(self):
        X = LOAD["iris"]().X
        with pytest.warns(UserWarning, match="did not converge"):
            notes = gmm.mclust(X, (1, 2), "VEV", tol=0.0, max_iter=3).summary().notes
        assert any("did not converge" in note for note in notes)
        assert any("the largest that was tried" in note for note in notes)

    def test_nothing_to_tell(self):
        X = np.repeat([[0.0, 1.0], [2.0, 2.0]], 5, axis=0)
        found = gmm.mclust(X, 2, "VVV")
        assert found.sizes_ == [None]
        with pytest.raises(ValueError, match=r"no model of the grid has a bic; the first reason: .*collapsed"):
            found.summary()
        with pytest.raises(ValueError, match="criterion must be one of"):
            found.summary("bice")
