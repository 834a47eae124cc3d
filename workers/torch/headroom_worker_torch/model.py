"""What the worker's logic needs of an engine: a device, a host of models, a loaded model.

`torch_device`, `torch_host` and `torch_model` are the real ones; the tests have others, so that the
contract is tested without PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from .guard import Guard
from .messages import Item, PictureRef, PlanRequest


@dataclass(frozen=True)
class Counters:
    """An allocator's bytes; None: not read."""

    active: int | None
    cache: int | None
    peak: int | None
    device_used: int | None = None
    device_free: int | None = None


class Device(Protocol):
    name: str  # "cpu", "cuda: NVIDIA H200", "mps"
    default_dtype: str

    def counters(self) -> Counters: ...
    def active(self) -> int | None:
        """As `counters().active`, cheaper."""

    def reset_peak(self) -> None: ...
    def set_limit(self, limit: int | None) -> None:
        """The most that the allocator may hold; where it can be told."""

    def loaded(self, weights: int) -> None:
        """So many bytes of a model's weights are there."""

    def unloaded(self, live: int) -> None:
        """A model was dropped, and `live` bytes of its weights are there all the same."""

    def synchronise(self) -> None: ...
    def empty_cache(self) -> None: ...


@dataclass
class Picture:
    """A decoded picture, or why there is none."""

    pixels: Any = None
    hash: str = ""
    notices: list[str] = field(default_factory=list)
    failure: Exception | None = None


class Decoder(Protocol):
    def __call__(self, reference: PictureRef, max_image_side: int) -> Picture: ...


@dataclass
class TokenChoice:
    token: int
    log_prob: float
    top: list[tuple[int, float]]


@dataclass
class Row:
    """One item on its way through the model."""

    item: Item
    prompt: str
    input_ids: list[int]
    image_tokens: int
    max_tokens: int
    inputs: Any = None  # the engine's own
    tokens: list[int] = field(default_factory=list)
    choices: list[TokenChoice] = field(default_factory=list)
    stopped: bool = False
    failure: Exception | None = None


@dataclass
class Times:
    """Of one batch, seconds."""

    encode: float = 0.0
    prefill: float = 0.0
    decode: float = 0.0


class Model(Protocol):
    family: str
    dtype: str
    parameters: int
    weights_bytes: int
    notices: list[str]

    def prepare(self, item: Item, pictures: Sequence[Picture]) -> Row:
        """Renders and tokenises. `pictures` are those that the item names, in its order."""

    def generate(
        self,
        rows: Sequence[Row],
        guard: Guard,
        times: Times,
        done: Callable[[Row], None],
        release_vision: bool,
    ) -> None:
        """Greedy. Fills `tokens`, `choices`, `stopped` or `failure` of each row and gives it to
        `done` as soon as it has ended. All rows look at the same pictures."""

    def text(self, row: Row) -> str:
        """Of the tokens, without the stop marker, stripped."""

    def end_group(self) -> None:
        """Drops what was kept for the group: pixels, features."""

    def live_weights(self) -> Callable[[], int]:
        """Bytes of its weights that are not freed yet. Does not hold them."""

    def can_release_vision(self) -> bool: ...
    def verify(self, golden: str) -> dict[str, Any]: ...


class Host(Protocol):
    engine: str
    version: str

    def plan(self, request: PlanRequest, engine_bytes: int) -> dict[str, Any]: ...
    def load(self, folder: str, dtype: str, now: datetime) -> Model: ...
    def is_out_of_memory(self, error: BaseException) -> bool: ...
    def is_fatal(self, error: BaseException) -> bool:
        """Nothing can be asked of this process any more."""
