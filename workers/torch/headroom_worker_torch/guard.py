"""Looks, between layers and tokens, whether a group may go on."""

from __future__ import annotations

import time
from collections.abc import Callable

from .errors import BudgetError, Cancelled, DeadlineError

_READING_INTERVAL = 0.05
# A look at memory costs tens of microseconds, a small model's layer not much more.
_MEMORY_INTERVAL = 0.002
_MIB = 1 << 20


class Guard:
    """`check` raises Cancelled, DeadlineError("E-TIMEOUT") or BudgetError("E-MEM-GUARD").

    `looked` is called with the phase, at most twenty times a second.
    """

    def __init__(
        self,
        cancelled: Callable[[], bool] = lambda: False,
        deadline: float | None = None,
        seconds: float = 0.0,
        memory: int | None = None,
        active: Callable[[], int | None] = lambda: None,
        looked: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cancelled = cancelled
        self._deadline = deadline
        self._seconds = seconds
        self._memory = memory
        self._active = active
        self._looked = looked
        self._clock = clock
        self._next_look = clock()
        self._next_memory = clock()

    def check(self, phase: str) -> None:
        if self._cancelled():
            raise Cancelled(f"cancelled during {phase}")
        now = self._clock()
        if self._deadline is not None and now >= self._deadline:
            raise DeadlineError(f"the group's {self._seconds:.1f} s were over during {phase}")
        if self._memory is not None and now >= self._next_memory:
            self._next_memory = now + _MEMORY_INTERVAL
            self._check_memory(phase, self._memory)
        if self._looked is not None and now >= self._next_look:
            self._next_look = now + _READING_INTERVAL
            self._looked(phase)

    def _check_memory(self, phase: str, limit: int) -> None:
        active = self._active()
        if active is not None and active > limit:
            raise BudgetError(
                "E-MEM-GUARD",
                f"{phase}: the engine held {active / _MIB:.1f} MiB, its limit is "
                f"{limit / _MIB:.1f} MiB",
            )
