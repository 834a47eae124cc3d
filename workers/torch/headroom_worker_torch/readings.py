"""The sensors of the process and its device as one reading of the contract."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from .footprint import Footprint
from .model import Device


class Readings:
    def __init__(self, device: Device, footprint: Footprint) -> None:
        self._device = device
        self._footprint = footprint

    def take(self) -> dict[str, Any]:
        """A sensor that was not read is absent."""
        counters = self._device.counters()
        sensors = {
            "active_bytes": counters.active,
            "cache_bytes": counters.cache,
            "peak_bytes": counters.peak,
            "worker_footprint_bytes": self._footprint.now(),
            "worker_footprint_peak_bytes": self._footprint.peak(),
            "device_used_bytes": counters.device_used,
            "device_free_bytes": counters.device_free,
        }
        now = datetime.now(timezone.utc)
        time = now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"
        return {"time": time, **{k: v for k, v in sensors.items() if v is not None}}

    def reset_peaks(self) -> None:
        self._device.reset_peak()
        self._footprint.reset_peak()
