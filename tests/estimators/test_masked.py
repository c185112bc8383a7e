"""Masked arrays: one with masked entries is refused by name, one without is taken as its data."""

import numpy as np
import pytest

import gmm
from gmm import GaussianMixture

X = np.random.default_rng(0).normal(size=(40, 2))
WHOLE = np.ma.MaskedArray(X, mask=False)
HOLED = np.ma.MaskedArray(X, mask=np.arange(80).reshape(40, 2) % 27 == 5)  # 3 of 80
MODEL = GaussianMixture(2, random_state=0).fit(X)
WEIGHTS = np.linspace(1.0, 2.0, 40)
PARAMETERS = [0.5, 0.5], X[:2], [np.eye(2), np.eye(2)]

METHODS = ("predict", "predict_proba", "score_samples", "score", "aic", "bic", "plot")
CALLS = {
    "fit": lambda X: GaussianMixture(2, random_state=0).fit(X),
    "fit_predict": lambda X: GaussianMixture(2, random_state=0).fit_predict(X),
    "select": lambda X: gmm.select(X, [1, 2], "diag", random_state=0, n_init=1),
    "gmm.log_likelihood": lambda X: gmm.log_likelihood(X, *PARAMETERS),
    **{name: lambda X, name=name: getattr(MODEL, name)(X) for name in METHODS},
}


@pytest.mark.parametrize("name", CALLS)
def test_data_with_masked_entries_are_refused(name):
    with pytest.raises(ValueError, match=r"^X is a masked array with (3 of 80 entries masked|masked entries)"):
        CALLS[name](HOLED)


@pytest.mark.parametrize("name", ["fit", *METHODS[:-1]])
def test_masked_arrays_without_masked_entries_are_their_data(name):
    expected, found = CALLS[name](X), CALLS[name](WHOLE)
    if name == "fit":
        expected, found = expected.means_, found.means_
    assert type(found) is type(expected)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("sample_weight", lambda a: GaussianMixture().fit(X, sample_weight=a[:, 0])),
        ("sample_weight", lambda a: MODEL.score(X, sample_weight=a[:, 0])),
        ("values", lambda a: MODEL.conditional([0], a[2, 1:])),
        ("values", lambda a: MODEL.conditional_moments([0], a[:, 1:])),
        ("weights", lambda a: GaussianMixture.from_parameters(a[2] / 2.0, X[:2], [np.eye(2), np.eye(2)])),
        ("means", lambda a: GaussianMixture.from_parameters([0.5, 0.5], a[1:3], [np.eye(2), np.eye(2)])),
        ("means_init", lambda a: GaussianMixture(2, means_init=a[1:3]).fit(X)),
        ("means", lambda a: gmm.log_likelihood(X, [0.5, 0.5], a[1:3], [np.eye(2), np.eye(2)])),
    ],
)
def test_other_arguments(name, call):
    values = np.ma.MaskedArray(np.ones((40, 2)), mask=HOLED.mask)  # entry (2, 1) is masked
    with pytest.raises(ValueError, match=f"^{name} is a masked array with "):
        call(values)
    call(np.ma.MaskedArray(np.ones((40, 2))))


def test_integers_and_float32_keep_their_way_past_the_check():
    for dtype in (np.float32, np.int64):
        data = (10 * X).astype(dtype)
        found = GaussianMixture(2, random_state=0).fit(np.ma.MaskedArray(data))
        np.testing.assert_array_equal(found.means_, GaussianMixture(2, random_state=0).fit(data).means_)
