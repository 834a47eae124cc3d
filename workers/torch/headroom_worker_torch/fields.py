"""Members of a message, with the contract's types; what is wrong is named by its path."""

from __future__ import annotations

import base64
import binascii
from typing import Any, NoReturn

from .errors import InputError


class Fields:
    """Absent and null keys have their defaults, unknown keys are passed over."""

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise InputError("E-CONTRACT", f"{path}: expected an object, got {_found(value)}")
        self._value = value
        self._path = path

    def path_of(self, key: str) -> str:
        return f"{self._path}.{key}"

    def fail(self, key: str, what: str) -> NoReturn:
        raise InputError("E-CONTRACT", f"{self.path_of(key)}: {what}")

    def find(self, key: str) -> Any:
        return self._value.get(key)

    def text(self, key: str, absent: str | None = None) -> str:
        value = self.find(key)
        if value is None:
            if absent is None:
                self.fail(key, "missing")
            return absent
        if not isinstance(value, str):
            self.fail(key, f"expected a text, got {_found(value)}")
        return value

    def flag(self, key: str, absent: bool) -> bool:
        value = self.find(key)
        if value is None:
            return absent
        if not isinstance(value, bool):
            self.fail(key, f"expected true or false, got {_found(value)}")
        return value

    def whole(self, key: str, absent: int | None, most: int = 0xFFFFFFFF) -> int:
        value = self.find(key)
        if value is None:
            if absent is None:
                self.fail(key, "missing")
            return absent
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            self.fail(key, f"expected an integer from 0 to {most}, got {_found(value)}")
        return value

    def bytes_or_none(self, key: str) -> int | None:
        return None if self.find(key) is None else self.whole(key, None, (1 << 64) - 1)

    def number(self, key: str, absent: float) -> float:
        value = self.find(key)
        if value is None:
            return absent
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.fail(key, f"expected a number, got {_found(value)}")
        return float(value)

    def array(self, key: str) -> list[Any]:
        value = self.find(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fail(key, f"expected an array, got {_found(value)}")
        return value

    def decoded(self, key: str) -> bytes | None:
        """The bytes of a key in base64; absent: nothing."""
        if self.find(key) is None:
            return None
        try:
            return base64.b64decode(self.text(key), validate=True)
        except (binascii.Error, ValueError) as error:
            self.fail(key, f"no base64: {error}")

    def raw(self, key: str) -> bytes:
        """Text that need not be UTF-8: `key`, or base64 under `key_base64`."""
        encoded = self.decoded(f"{key}_base64")
        return self.text(key, "").encode("utf-8", "surrogatepass") if encoded is None else encoded


def _found(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)[:40]
    return {bool: "boolean", str: "string", list: "array", dict: "object"}[type(value)]
