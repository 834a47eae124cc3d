"""Lines of JSON-RPC 2.0: reading with the contract's limits, writing."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from .errors import InputError, WorkerError

MAX_LINE = 64 << 20
MAX_DEPTH = 64

PARSE = -32700
INVALID_REQUEST = -32600
UNKNOWN_METHOD = -32601
INVALID_PARAMS = -32602
FAILED = -32000

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_SHOWN = 300


def _depth(line: bytes) -> int:
    """Deepest nesting outside of strings: a tree of a million levels must not be built."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", line)):
        if bracket in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth = max(0, depth - 1)
    return deepest


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def parse(line: bytes) -> Any:
    """Throws InputError("E-CONTRACT") for what is no JSON, or nested too deep."""
    deepest = _depth(line)
    if deepest > MAX_DEPTH:
        raise InputError("E-CONTRACT", f"message: nested {deepest} deep, the limit is {MAX_DEPTH}")
    try:
        return json.loads(line.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InputError("E-CONTRACT", f"message: {error}"[:_SHOWN]) from None


def finite(value: Any) -> Any:
    """A number that is not finite is null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


def _line(message: dict[str, Any]) -> bytes:
    text = json.dumps(finite(message), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", errors="replace") + b"\n"


def result_line(request_id: Any, result: Any) -> bytes:
    return _line({"jsonrpc": "2.0", "id": request_id, "result": result})


def notification_line(method: str, params: Any) -> bytes:
    return _line({"jsonrpc": "2.0", "method": method, "params": params})


def error_line(request_id: Any, code: int, error: WorkerError) -> bytes:
    data = {"kind": error.kind, "code": error.code, "message": error.message}
    return _line(
        {
            "jsonrpc": "2.0",
            "id": request_id,
            "error": {"code": code, "message": error.message, "data": data},
        }
    )
