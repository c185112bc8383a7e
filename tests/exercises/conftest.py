import pytest

from gmm.exercises import _core, _session

_core._load()


@pytest.fixture
def fresh_session():
    """A session in which nothing was tried so far."""
    before = dict(_session.RECORDS)
    _session.RECORDS.clear()
    yield _session.RECORDS
    _session.RECORDS.clear()
    _session.RECORDS.update(before)
