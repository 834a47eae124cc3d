"""`python -I tests/fake_worker.py`: the worker's server and logic over the fake engine."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from headroom_worker_torch import streams  # noqa: E402
from headroom_worker_torch.engine import TorchEngine  # noqa: E402
from headroom_worker_torch.footprint import Footprint, Heap  # noqa: E402
from headroom_worker_torch.server import Server  # noqa: E402
from tests.fake import FakeDevice, FakeHost, decode  # noqa: E402


def main() -> int:
    source, sink = streams.claim()
    device = FakeDevice()
    engine = TorchEngine(FakeHost(device), device, decode, Footprint(), Heap())
    return Server(engine, source, sink).serve()


if __name__ == "__main__":
    raise SystemExit(main())
