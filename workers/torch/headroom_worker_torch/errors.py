"""The contract's errors: one class for each thing that a supervisor can do next."""

from __future__ import annotations


class WorkerError(Exception):
    """`kind` and `code` are stable, the message is for people."""

    kind = "internal"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class UsageError(WorkerError):
    """The command, the configuration or the checkpoint is wrong."""

    kind = "usage"


class InputError(WorkerError):
    """One sample or one message is wrong."""

    kind = "input"


class BudgetError(WorkerError):
    """It does not fit into memory: try it smaller."""

    kind = "budget"


class ResourceError(WorkerError):
    """The disk or the machine ran out."""

    kind = "resource"


class BackendError(WorkerError):
    """The engine failed: a new worker may do better."""

    kind = "backend"


class Cancelled(WorkerError):
    """Somebody asked to stop."""

    kind = "cancelled"

    def __init__(self, message: str) -> None:
        super().__init__("E-CANCELLED", message)


class DeadlineError(WorkerError):
    """The group's time is over."""

    kind = "backend"

    def __init__(self, message: str) -> None:
        super().__init__("E-TIMEOUT", message)


def translated(error: BaseException) -> WorkerError:
    """Any exception as one of ours."""
    if isinstance(error, WorkerError):
        return error
    if isinstance(error, MemoryError):
        return BudgetError("E-MEM-ALLOC", "the engine could not allocate memory (MemoryError)")
    if isinstance(error, (AssertionError, NameError, AttributeError, NotImplementedError)):
        return WorkerError("E-INTERNAL", f"{type(error).__name__}: {error}")
    return BackendError("E-ENGINE", f"{type(error).__name__}: {error}")
