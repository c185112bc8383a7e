import pytest

from gmm.exercises import _core, _guard, _repair, _session

_core._load()


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Let no answer fail because the computer is slow or busy; tests of the limits set their own."""
    monkeypatch.setattr(_guard, "SECONDS", 600.0)
    monkeypatch.setattr(_repair, "SECONDS", 60.0)


@pytest.fixture
def fresh_session(monkeypatch):
    """A session, of a reader, in which nothing was tried so far."""
    monkeypatch.setenv("GMM_QUIET", "")
    before = dict(_session.RECORDS)
    _session.RECORDS.clear()
    yield _session.RECORDS
    _session.RECORDS.clear()
    _session.RECORDS.update(before)
