"""Let the tests import the engine's reference implementation, which stands beside its tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))
