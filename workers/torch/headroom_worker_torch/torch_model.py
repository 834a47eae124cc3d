"""A loaded model behind the worker's `Model`."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import GenerationConfig

from .batch import collate
from .decoding import GreedyLoop
from .errors import WorkerError
from .features import Features, LayerHooks
from .guard import Guard
from .messages import Item
from .model import Picture, Row, Times
from .prompts import Prompter
from .server import log
from .torch_device import TorchDevice
from .verification import verify


class TorchModel:
    def __init__(
        self,
        model: Any,
        prompter: Prompter,
        stops: frozenset[int],
        device: TorchDevice,
        notices: list[str],
    ) -> None:
        self._model = model
        self._prompter = prompter
        self._stops = stops
        self._device = device
        self._hooks = LayerHooks(model)
        self._features = Features(model, device.synchronise)
        self._pixels_once = self._features.once()
        pad = prompter.tokenizer.pad_token_id
        self._pad = int(pad) if pad is not None else 0
        # The checkpoint's own may sample, or punish repetition.
        model.generation_config = self._greedy(1)
        self.family = str(model.config.model_type)
        self.dtype = str(model.dtype).removeprefix("torch.")
        weights = {p.data_ptr(): p for p in (*model.parameters(), *model.buffers())}.values()
        self._live = [(weakref.ref(p), p.numel() * p.element_size()) for p in weights]
        self.parameters = sum(p.numel() for p in model.parameters())
        self.weights_bytes = sum(size for _, size in self._live)
        self.notices = notices

    def prepare(self, item: Item, pictures: Sequence[Picture]) -> Row:
        return self._prompter.row(item, pictures)

    def generate(
        self,
        rows: Sequence[Row],
        guard: Guard,
        times: Times,
        done: Callable[[Row], None],
        release_vision: bool,
    ) -> None:
        loop = GreedyLoop(rows, self._stops, self._pad, guard, times, self._features, done)
        self._hooks.guard, self._hooks.phase = guard, loop.phase
        pictures = rows[0].item.pictures()
        shared = self._pixels_once
        if not release_vision:
            self._features.hold_tower()
        self._features.begin(pictures or None, len(rows), shared, release_vision)
        inputs = {
            key: self._placed(value) for key, value in collate(rows, self._pad, shared).items()
        }
        try:
            with torch.no_grad():
                self._model.generate(
                    **inputs,
                    generation_config=self._greedy(max(row.max_tokens for row in rows)),
                    custom_generate=loop.run,
                )
        except (WorkerError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception:
            if len(rows) > 1 and shared:
                log("its code does not take one picture for a batch: each row has its own from now")
                self._pixels_once = False
            raise
        finally:
            self._hooks.guard = None

    def _placed(self, value: torch.Tensor) -> torch.Tensor:
        """On the device; pixels in the model's dtype."""
        dtype = self._model.dtype if value.is_floating_point() else value.dtype
        return value.to(self._device.torch_device, dtype)

    def warm_up(self) -> None:
        """One token through the language model: what libraries allocate and load on first use."""
        ids = torch.tensor([[min(self._stops, default=0)]], device=self._device.torch_device)
        with torch.no_grad():
            self._model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=True)
        self._device.synchronise()

    def text(self, row: Row) -> str:
        words = row.tokens[:-1] if row.stopped else row.tokens
        return str(self._prompter.tokenizer.decode(words, skip_special_tokens=True)).strip()

    def end_group(self) -> None:
        self._prompter.forget()
        self._features.forget()

    def live_weights(self) -> Callable[[], int]:
        live = self._live
        return lambda: sum(size for weight, size in live if weight() is not None)

    def can_release_vision(self) -> bool:
        return self._features.can_release()

    def verify(self, golden: str) -> dict[str, Any]:
        self._features.hold_tower()
        self._features.begin(None, 1, True, False)
        try:
            return verify(self._model, golden, self._device.torch_device)
        finally:
            self._features.forget()

    def _greedy(self, tokens: int) -> GenerationConfig:
        return GenerationConfig(
            do_sample=False,
            num_beams=1,
            max_new_tokens=tokens,
            eos_token_id=sorted(self._stops) or None,
            pad_token_id=self._pad,
            use_cache=True,
        )
