"""`python -m tests_torch` in workers/torch: all of them."""

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    os.environ["HF_HUB_OFFLINE"] = "1"
    suite = unittest.defaultTestLoader.discover(str(HERE), top_level_dir=str(HERE.parent))
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    sys.stderr.flush()
    os._exit(0 if result.wasSuccessful() else 1)  # libraries' own ends tell of leaks of theirs
