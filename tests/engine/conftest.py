"""Let the tests import their reference implementation, which stands beside them, and small data use threads."""

import sys
from pathlib import Path

import pytest

from gmm.engine import passes

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def every_pass_is_worth_a_thread(monkeypatch):
    monkeypatch.setattr(passes, "WORTH_A_THREAD", 0.0)
