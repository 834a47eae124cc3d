"""An engine without PyTorch: a device that counts, a model that answers from its question."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from headroom_worker_torch.checkpoint import configuration
from headroom_worker_torch.errors import InputError
from headroom_worker_torch.guard import Guard
from headroom_worker_torch.messages import Item, PictureRef, PlanRequest
from headroom_worker_torch.model import Counters, Picture, Row, Times, TokenChoice

STOP = 5
WEIGHTS = 1 << 20
CACHE = 1 << 16


class OutOfMemory(RuntimeError):
    """As a device's allocator raises it."""


class FakeDevice:
    name = "fake"
    default_dtype = "float32"

    def __init__(self) -> None:
        self.bytes = 0
        self.cache = 0
        self.limit: int | None = None
        self.calls: list[str] = []

    def counters(self) -> Counters:
        return Counters(self.bytes, self.cache, self.bytes)

    def active(self) -> int | None:
        return self.bytes

    def reset_peak(self) -> None:
        self.calls.append("reset")

    def set_limit(self, limit: int | None) -> None:
        self.limit = limit

    def loaded(self, weights: int) -> None:
        self.calls.append(f"loaded {weights}")

    def unloaded(self, live: int) -> None:
        self.calls.append(f"unloaded {live}")

    def synchronise(self) -> None:
        self.calls.append("synchronise")

    def empty_cache(self) -> None:
        self.calls.append("empty")
        self.cache = 0


class FakeModel:
    family = "fake"
    dtype = "float32"
    parameters = 3
    weights_bytes = WEIGHTS

    def __init__(self, device: FakeDevice, faults: list[Any]) -> None:
        self._device = device
        self._faults = faults
        self.notices = ["a fake"]
        self.batches: list[int] = []
        device.bytes += WEIGHTS

    def __del__(self) -> None:
        self._device.bytes -= WEIGHTS

    def prepare(self, item: Item, pictures: Sequence[Picture]) -> Row:
        words = " ".join(p.text for m in item.conversation for p in m.parts if p.text is not None)
        if "<refused>" in words:
            raise InputError("E-TEMPLATE-RAISED", "the chat template: no")
        ids = list(words.encode())
        return Row(item, words, ids, len(pictures), item.max_tokens)

    def generate(
        self,
        rows: Sequence[Row],
        guard: Guard,
        times: Times,
        done: Callable[[Row], None],
        release_vision: bool,
    ) -> None:
        self.batches.append(len(rows))
        self._device.cache = CACHE
        fault = self._faults.pop(0) if self._faults else None
        for index, row in enumerate(rows):
            if isinstance(fault, Exception) and index == len(rows) // 2:
                raise fault
            ids = hashlib.sha256(row.prompt.encode()).digest()[: min(4, row.max_tokens - 1)]
            for token in [*ids, STOP]:
                guard.check("decode")
                time.sleep(0.001)
                row.tokens.append(token)
                if row.item.top_log_probs:
                    row.choices.append(TokenChoice(token, -0.5, [(token, -0.5)]))
            row.stopped = True
            if fault == "nan":
                row.failure = ValueError("no numbers")
            done(row)

    def text(self, row: Row) -> str:
        return "-".join(str(token) for token in row.tokens[:-1])

    def end_group(self) -> None:
        pass

    def live_weights(self) -> Callable[[], int]:
        return lambda: 0

    def can_release_vision(self) -> bool:
        return False

    def verify(self, golden: str) -> dict[str, Any]:
        return {"max_logit_difference": 0.0, "expected_tokens": [], "tokens": []}


class FakeHost:
    engine = "fake"
    version = "1"

    def __init__(self, device: FakeDevice, faults: list[Any] | None = None) -> None:
        self._device = device
        self.faults = faults or []
        self.model: FakeModel | None = None

    def plan(self, request: PlanRequest, engine_bytes: int) -> dict[str, Any]:
        configuration(request.model)
        figures = (
            "load_staging_bytes", "engine_growth_bytes", "kv_per_token_bytes",
            "prefill_per_token_bytes", "scores_per_token_pair_bytes", "logits_per_row_bytes",
        )  # fmt: skip
        cost = {"tiles": 1, "tokens": 4, "decode_bytes": 9, "encode_bytes": 9, "features_bytes": 9}
        return {
            "family": "fake",
            "dtype": "float32",
            "parameters": 3,
            "weights_bytes": WEIGHTS,
            "engine_bytes": engine_bytes,
            "context_tokens": 2048,
            **{name: 1 for name in figures},
            "pictures": [{"width": p.width, "height": p.height, **cost} for p in request.pictures],
        }

    def load(self, folder: str, dtype: str, now: datetime) -> FakeModel:
        configuration(folder)
        return FakeModel(self._device, self.faults)

    def is_fatal(self, error: BaseException) -> bool:
        return str(error).startswith("CUDA error:")

    def is_out_of_memory(self, error: BaseException) -> bool:
        return isinstance(error, OutOfMemory)


def decode(reference: PictureRef, max_image_side: int) -> Picture:
    print("a library prints")  # must not get between the messages
    if reference.content is None and not os.path.exists(reference.path):
        raise InputError("E-IMG-MISSING", f"{reference.name}: no such file")
    content = reference.content or Path(reference.path).read_bytes()
    return Picture(pixels=content, hash=hashlib.md5(content, usedforsecurity=False).hexdigest())


def model_folder(folder: str) -> str:
    """A folder that the fake host loads."""
    Path(folder, "config.json").write_text(json.dumps({"model_type": "fake"}))
    return folder
