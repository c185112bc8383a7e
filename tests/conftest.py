"""Shared by all tests: reproducible Hypothesis runs, random mixtures, a second Python process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

import numpy as np
import pytest
import screenshot
from hypothesis import HealthCheck, settings

# The same examples in every run, so that a red test is the change's fault. HYPOTHESIS_PROFILE=explore looks further.
# Nothing depends on how fast the computer is.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("book", patient, derandomize=True, max_examples=40)
settings.register_profile("explore", patient, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "book"))


def _random_covariance(rng, d, scales=None):
    """A well-conditioned covariance, then each feature j measured in units of 1 / scales[j]."""
    root = rng.normal(size=(d, d))
    covariance = root @ root.T / d + 0.5 * np.eye(d)
    scales = np.ones(d) if scales is None else np.asarray(scales)
    covariance = covariance * np.outer(scales, scales)
    return (covariance + covariance.T) / 2


def _random_mixture(rng, n_components, d, offset=0.0, spread=2.0, scales=None):
    """Weights, means and covariances of a random mixture about `offset`."""
    weights = rng.dirichlet(np.full(n_components, 4.0))
    scales = np.ones(d) if scales is None else np.asarray(scales)
    means = offset + spread * rng.normal(size=(n_components, d)) * scales
    covariances = np.array([_random_covariance(rng, d, scales) for _ in range(n_components)])
    return weights, means, covariances


@pytest.fixture(scope="session")
def random_covariance():
    return _random_covariance


@pytest.fixture(scope="session")
def random_mixture():
    return _random_mixture


@pytest.fixture(scope="session")
def run_python():
    """Run code in a fresh Python process, in a folder of your choice, and return what it printed."""

    def run(code, cwd=None, **environment):
        result = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, **environment},
            timeout=600,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


@contextlib.contextmanager
def _skipped_when_a_page_crashes():
    """Skip a test whose page was ended from outside, as the system does where memory is short."""
    try:
        yield
    except Exception as error:
        if not (type(error).__module__.startswith("playwright") and "crashed" in str(error)):
            raise
        pytest.skip(f"a page of the browser crashed, as for want of memory: {str(error).splitlines()[0]}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """Start NumPy's global stream, which an unset `random_state` draws from, anew for each test and its fixtures.

    GMM_TEST_SEED=n gives every such draw another value: what is red then hangs on chance.
    """
    np.random.seed(int(os.environ.get("GMM_TEST_SEED", "0")))  # noqa: NPY002
    with _skipped_when_a_page_crashes():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    with _skipped_when_a_page_crashes():
        return (yield)


@pytest.fixture(scope="session")
def running():
    """A headless browser: one for all tests of a process, since Playwright runs only once in it."""
    from playwright.sync_api import Error

    path = os.environ.get("FIREFOX") or screenshot.chromium()
    if path is None:
        pytest.skip("no Chromium or Chrome on this computer")
    with contextlib.ExitStack() as stack:
        try:
            browser = stack.enter_context(screenshot.browser())
        except Error as error:  # a library or a permission is missing
            pytest.skip(f"{path} does not start: {str(error).splitlines()[0]}")
        yield browser
