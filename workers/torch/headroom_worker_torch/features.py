"""The pictures' features, made once a group, and the vision tower's weights between groups."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from .guard import Guard

_TOWERS = ("vision_tower", "vision_model", "visual", "vision_encoder", "vision_embed_tokens")


def vision_tower(model: nn.Module) -> nn.Module | None:
    name: str
    module: nn.Module
    for name, module in model.named_modules():
        if name.rpartition(".")[2] in _TOWERS:
            return module
    return None


# Of a result's lists those that have a member for each picture; others have one for each layer.
_BY_PICTURE = ("last_hidden_state", "pooler_output", "image_embeds")


def _repeated(value: Any, rows: int, by_picture: bool = True) -> Any:
    """Features of one row for each row, in the rows' order."""
    if isinstance(value, torch.Tensor):
        return value if value.dim() == 0 else torch.cat([value] * rows)
    if isinstance(value, (list, tuple)):
        if by_picture:
            return type(value)(list(value) * rows)
        return type(value)([_repeated(one, rows) for one in value])
    return value


class Features:
    """Stands in for a model's `get_image_features`: remembers what it gave for this group's
    pictures, and gives it to every row of a batch."""

    def __init__(self, model: nn.Module, synchronise: Callable[[], None]) -> None:
        inner = getattr(model, "model", None)
        self._owner: Any = model if inner is None else inner
        if not hasattr(self._owner, "get_image_features"):
            self._owner = model
        self._original: Any = getattr(self._owner, "get_image_features", None)
        self._tower = vision_tower(model)
        self._device = next(model.parameters()).device
        self._synchronise = synchronise
        self._key: Any = None
        self._held: Any = None
        self._rows = 1
        self._release = False
        self._shared = True
        self._group: Any = None
        self.encoding = False
        self.seconds = 0.0
        if self._original is not None:
            self._owner.get_image_features = self._features

    def once(self) -> bool:
        """Whether the model has the method; without it each row is encoded with its own pass."""
        return self._original is not None

    def can_release(self) -> bool:
        """To the host's memory: where the device has its own."""
        return self._tower is not None and self.once() and self._device.type == "cuda"

    def begin(self, group: Any, rows: int, shared: bool, release: bool) -> None:
        """Before a batch whose rows all look at the pictures `group`. `shared`: their pixels are
        given once."""
        if group != self._key:
            self.forget()
        self._group, self._rows, self._shared = group, rows, shared
        self._release = release and self.can_release()
        self.seconds = 0.0

    def forget(self) -> None:
        self._key = self._held = None

    def _features(self, *args: Any, **kwargs: Any) -> Any:
        rows = self._rows
        if rows > 1 and not self._shared:
            return self._run(args, kwargs)
        if self._key is None or self._key != self._group:
            one = [self._of_one(value) for value in args]
            held = self._run(one, {key: self._of_one(value) for key, value in kwargs.items()})
            self._key, self._held = self._group, held
        return self._for_all(self._held)

    def _of_one(self, value: Any) -> Any:
        """What belongs to the rows is cut to the first row's; pixels are one row's already."""
        rows = self._rows
        small = isinstance(value, torch.Tensor) and not value.is_floating_point()
        if rows == 1 or not small or value.dim() == 0 or value.dim() > 2 or value.shape[0] % rows:
            return value
        return value[: value.shape[0] // rows]

    def _for_all(self, held: Any) -> Any:
        if self._rows == 1:
            return held
        if isinstance(held, dict):  # a ModelOutput; its type is kept
            values = {**vars(held), **dict(held.items())}
            made = {k: _repeated(v, self._rows, k in _BY_PICTURE) for k, v in values.items()}
            result = type(held)(**{key: made.pop(key) for key in held.keys()})
            for key, value in made.items():
                object.__setattr__(result, key, value)
            return result
        return _repeated(held, self._rows)

    def _run(self, args: Any, kwargs: Any) -> Any:
        start = time.monotonic()
        self.encoding = True
        try:
            if self._release and self._tower is not None:
                self._tower.to(self._device)
            result = self._original(*args, **kwargs)
            self._synchronise()
        finally:
            self.encoding = False
            if self._release and self._tower is not None:
                self._tower.to("cpu")
        self.seconds += time.monotonic() - start
        return result

    def hold_tower(self) -> None:
        """For a group that does not release it."""
        if self._tower is not None and self.can_release():
            self._tower.to(self._device)


class LayerHooks:
    """Calls the guard before every layer of every stack of layers."""

    def __init__(self, model: nn.Module) -> None:
        self.guard: Guard | None = None
        self.phase: Callable[[], str] = lambda: "decode"
        for module in model.modules():
            if isinstance(module, nn.ModuleList):
                for layer in module:
                    layer.register_forward_pre_hook(self._before)

    def _before(self, *_: Any) -> None:
        if self.guard is not None:
            self.guard.check(self.phase())
