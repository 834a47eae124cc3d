"""The requests of the contract, version 1, as structures."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .fields import Fields

PROTOCOL = 1


@dataclass(frozen=True)
class PictureSize:
    width: int  # after orientation
    height: int
    decode_bytes: int  # by the header; 0: not known


@dataclass(frozen=True)
class PlanRequest:
    model: str
    dtype: str
    pictures: list[PictureSize]
    max_image_side: int


@dataclass(frozen=True)
class LoadRequest:
    model: str
    dtype: str
    memory_limit: int | None
    now: datetime | None


@dataclass(frozen=True)
class PictureRef:
    path: str
    content: bytes | None  # encoded, in place of a file
    name: str


@dataclass(frozen=True)
class Part:
    """Either a text or the index of a picture."""

    text: str | None = None
    image: int | None = None


@dataclass(frozen=True)
class Message:
    role: str
    parts: list[Part]


@dataclass(frozen=True)
class Item:
    id: str
    conversation: list[Message]
    max_tokens: int = 100
    top_log_probs: int = 0
    want_prompt: bool = False

    def pictures(self) -> tuple[int, ...]:
        """Indices in the order of the conversation."""
        return tuple(p.image for m in self.conversation for p in m.parts if p.image is not None)


@dataclass(frozen=True)
class Limits:
    batch: int = 0
    memory: int | None = None
    deadline_seconds: float = 0.0
    release_vision: bool = False


@dataclass(frozen=True)
class AskRequest:
    group: str
    pictures: list[PictureRef] = field(default_factory=list)
    max_image_side: int = 0
    items: list[Item] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)


def _path(fields: Fields, key: str) -> str:
    return os.fsdecode(fields.raw(key))


def _model(fields: Fields) -> str:
    path = _path(fields, "model")
    if not path:
        fields.fail("model", "missing")
    return path


def plan_request(params: Any) -> PlanRequest:
    fields = Fields(params, "plan")
    pictures = []
    for index, picture in enumerate(fields.array("pictures")):
        one = Fields(picture, f"plan.pictures[{index}]")
        pictures.append(
            PictureSize(
                one.whole("width", None),
                one.whole("height", None),
                one.bytes_or_none("decode_bytes") or 0,
            )
        )
    return PlanRequest(
        _model(fields), fields.text("dtype", ""), pictures, fields.whole("max_image_side", 0)
    )


def load_request(params: Any) -> LoadRequest:
    fields = Fields(params, "load")
    model = _model(fields)
    now = None
    if fields.find("now") is not None:
        text = fields.text("now")
        try:
            now = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            fields.fail("now", f"must read like 2026-01-02T03:04:05Z, got '{text}'")
    return LoadRequest(
        model, fields.text("dtype", ""), fields.bytes_or_none("memory_limit_bytes"), now
    )


def _message(value: Any, path: str) -> Message:
    fields = Fields(value, path)
    parts = []
    for index, part in enumerate(fields.array("parts")):
        one = Fields(part, f"{path}.parts[{index}]")
        if (one.find("image") is None) == (one.find("text") is None):
            one.fail("text", "a part has either 'text' or 'image'")
        if one.find("image") is None:
            parts.append(Part(text=one.text("text")))
        else:
            parts.append(Part(image=one.whole("image", None)))
    return Message(fields.text("role"), parts)


def _item(value: Any, path: str) -> Item:
    fields = Fields(value, path)
    conversation = fields.array("conversation")
    if not conversation:
        fields.fail("conversation", "missing or empty")
    return Item(
        fields.text("id"),
        [_message(m, f"{path}.conversation[{i}]") for i, m in enumerate(conversation)],
        fields.whole("max_tokens", 100),
        fields.whole("top_log_probs", 0),
        fields.flag("want_prompt", False),
    )


def _limits(value: Any) -> Limits:
    """What this worker cannot do is checked and passed over."""
    fields = Fields(value, "ask.limits")
    for key in ("prefill_chunk", "max_tiles"):
        fields.whole(key, 0)
    for key, absent in (("share_prefix", True), ("hold", False)):
        fields.flag(key, absent)
    fields.bytes_or_none("throttle_bytes")
    bits = fields.whole("kv_bits", 0)
    if bits not in (0, 8):
        fields.fail("kv_bits", f"expected 0 or 8, got {bits}")
    return Limits(
        fields.whole("batch", 0),
        fields.bytes_or_none("memory_bytes"),
        fields.number("deadline_seconds", 0.0),
        fields.flag("release_vision", False),
    )


def ask_request(params: Any) -> AskRequest:
    fields = Fields(params, "ask")
    pictures = []
    for index, picture in enumerate(fields.array("pictures")):
        one = Fields(picture, f"ask.pictures[{index}]")
        content = one.decoded("bytes_base64")
        pictures.append(PictureRef(_path(one, "path"), content, _path(one, "name")))
    limits = fields.find("limits")
    return AskRequest(
        fields.text("group"),
        pictures,
        fields.whole("max_image_side", 0),
        [_item(item, f"ask.items[{i}]") for i, item in enumerate(fields.array("items"))],
        Limits() if limits is None else _limits(limits),
    )


def clean_level(params: Any) -> str:
    fields = Fields(params, "clean")
    level = fields.find("level")
    if level is None:
        return "normal"
    if level not in ("normal", "aggressive"):
        fields.fail("level", 'expected "normal" or "aggressive"')
    return str(level)


def verify_request(params: Any) -> str:
    fields = Fields(params, "verify")
    path = _path(fields, "golden")
    if not path:
        fields.fail("golden", "missing")
    return path
