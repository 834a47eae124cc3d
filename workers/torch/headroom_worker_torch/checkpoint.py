"""A checkpoint's folder, from its configuration and safetensors headers alone."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import UsageError

_MAX_HEADER = 100 << 20
_ITEM = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2,
    "U16": 2, "I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
}  # fmt: skip
_FLOATS = {"F64", "F32", "F16", "BF16"}


@dataclass(frozen=True)
class Tensor:
    dtype: str
    numbers: int

    def bytes_as(self, item: int) -> int:
        """Floats become the wanted dtype's size, the rest stays as it is stored."""
        size = item if self.dtype in _FLOATS else _ITEM.get(self.dtype, 1)
        return self.numbers * size


def read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError("E-CHECKPOINT", f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise UsageError("E-CHECKPOINT", f"{path}: {error}") from None
    if not isinstance(value, dict):
        raise UsageError("E-CHECKPOINT", f"{path}: holds no JSON object")
    return value


def configuration(folder: str) -> dict[str, Any]:
    path = Path(folder)
    if not path.is_dir():
        raise UsageError("E-MODEL-FOLDER", f"{folder}: no such model folder")
    config = read_json(path / "config.json")
    if not isinstance(config.get("model_type"), str) and "auto_map" not in config:
        raise UsageError("E-CONFIG", f"{path / 'config.json'}: has no model_type")
    return config


def weight_files(folder: str) -> list[Path]:
    """Those that Transformers reads: the index's, else model.safetensors."""
    path = Path(folder)
    index = path / "model.safetensors.index.json"
    if index.exists():
        names = read_json(index).get("weight_map")
        if not isinstance(names, dict) or not names:
            raise UsageError("E-CHECKPOINT", f"{index}: has no weight_map")
        files = [path / name for name in sorted({str(n) for n in names.values()})]
    else:
        files = [path / "model.safetensors"]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise UsageError(
            "E-WEIGHTS-FILE",
            f"{folder}: {len(missing)} of {len(files)} weight files missing: "
            f"{', '.join(missing[:5])}; only safetensors are read",
        )
    return files


def tensors(file: Path) -> dict[str, Tensor]:
    """The header's. Throws UsageError("E-SAFETENSORS")."""
    try:
        with file.open("rb") as stream:
            (size,) = struct.unpack("<Q", stream.read(8))
            if size > min(_MAX_HEADER, file.stat().st_size):
                raise ValueError(f"a header of {size} bytes")
            header = json.loads(stream.read(size))
        found = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            numbers = 1
            for side in entry["shape"]:
                numbers *= int(side)
            found[name] = Tensor(str(entry["dtype"]), numbers)
        return found
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise UsageError("E-SAFETENSORS", f"{file}: {error}") from None
