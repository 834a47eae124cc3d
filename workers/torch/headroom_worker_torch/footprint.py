"""What this process holds, as the system sees it, and the C library's free pages."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_LINUX = sys.platform.startswith("linux")
_MAC = sys.platform == "darwin"
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def _status() -> dict[str, int]:
    """Bytes by name of /proc/self/status; what is not a size is left out."""
    sizes = {}
    for line in _STATUS.read_text().splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if len(words) == 2 and words[1] == "kB":
            sizes[name] = int(words[0]) << 10
    return sizes


def _mac() -> tuple[int, int] | None:
    """Physical footprint and its largest value: rusage_info_v4 of <sys/resource.h>."""
    info = (ctypes.c_uint64 * 64)()
    libc = ctypes.CDLL(None)
    if libc.proc_pid_rusage(ctypes.c_int(os.getpid()), ctypes.c_int(4), info) != 0:
        return None
    # Behind two words of uuid: ri_phys_footprint the 8th figure, its most in a lifetime the 29th.
    return int(info[2 + 7]), int(info[2 + 28])


class Footprint:
    """Resident and swapped bytes now, and the most since `reset_peak`."""

    def __init__(self) -> None:
        self._seen = 0
        self._resets = False

    def now(self) -> int | None:
        held = None
        try:
            if _LINUX:
                status = _status()
                held = status["VmRSS"] + status.get("VmSwap", 0)
            elif _MAC and (figures := _mac()) is not None:
                held = figures[0]
        except (OSError, KeyError, ValueError):
            return None
        self._seen = max(self._seen, held or 0)
        return held

    def peak(self) -> int | None:
        """The system's own high-water mark; where that cannot be reset, the most that was seen."""
        held = self.now()
        if held is None:
            return None
        if _LINUX and self._resets:
            try:
                return max(self._seen, _status()["VmHWM"])
            except (OSError, KeyError, ValueError):
                pass
        return self._seen

    def reset_peak(self) -> None:
        self._seen = 0
        if _LINUX:
            try:
                _CLEAR.write_text("5")
                self._resets = True
            except OSError:
                self._resets = False


class Heap:
    """glibc's heap, which otherwise keeps freed blocks of up to 32 MiB; elsewhere nothing."""

    _TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None) if _LINUX else None
        if self._libc is not None and not hasattr(self._libc, "malloc_trim"):
            self._libc = None

    def return_large_blocks(self) -> None:
        """Once, before threads are started."""
        if self._libc is not None:
            self._libc.mallopt(self._MMAP_THRESHOLD, 1 << 20)
            self._libc.mallopt(self._TRIM_THRESHOLD, 1 << 20)
            self._libc.mallopt(self._ARENA_MAX, 2)

    def trim(self) -> None:
        if self._libc is not None:
            self._libc.malloc_trim(0)
