"""Where the bench of the golden sessions and the frames of tests/xdp are."""

import sys
from pathlib import Path

for _room in ("unit", "xdp"):
    sys.path.append(str(Path(__file__).parents[2] / _room))
