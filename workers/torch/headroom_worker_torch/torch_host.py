"""Plans and loads models of Transformers."""

from __future__ import annotations

import inspect
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
import transformers

from . import geometry
from .checkpoint import configuration, tensors, weight_files
from .errors import UsageError
from .messages import PlanRequest
from .picture_facts import PictureMeasure
from .picture_files import limited_sides
from .prompts import NoPrompts, Prompter
from .sizes import text_sizes, vision_sizes
from .stops import find_stops
from .torch_device import TorchDevice, is_fatal, is_out_of_memory
from .torch_loading import (
    DTYPES,
    holds_weights_alone,
    load_config,
    load_model,
    load_processor,
    model_class,
    own_code,
    parse_dtype,
)
from .torch_model import TorchModel

_MIB = 1 << 20
# Measured on Linux with the demo model: pages of libraries that the first pass touches, oneDNN's
# and OpenMP's buffers, what the heap keeps. CUDA's context, cuBLAS and kernels have a host part.
_GROWTH = {"cpu": 64 * _MIB, "mps": 256 * _MIB, "cuda": 1024 * _MIB}
# The tokenizer in memory, as a multiple of tokenizer.json.
_TOKENIZER = 8
_VISION_NAMES = ("vision", "visual", "image_encoder")


def _image_token_id(config: Any, processor: Any) -> int | None:
    for owner in (config, processor):
        for name in ("image_token_id", "image_token_index"):
            value = getattr(owner, name, None)
            if isinstance(value, int):
                return value
    return None


class TorchHost:
    engine = "torch"

    def __init__(self, device: TorchDevice, trusted: bool) -> None:
        self.version = f"{torch.__version__}, Transformers {transformers.__version__}"
        self._device = device
        self._trusted = trusted
        self._planned: tuple[Any, Any, PictureMeasure] | None = None  # of one folder

    def is_out_of_memory(self, error: BaseException) -> bool:
        return is_out_of_memory(error)

    def is_fatal(self, error: BaseException) -> bool:
        return is_fatal(error)

    def plan(self, request: PlanRequest, engine_bytes: int) -> dict[str, Any]:
        dtype = parse_dtype(request.dtype, self._device.default_dtype)
        config, measure = self._looked_at(request.model)
        item = DTYPES[dtype].itemsize
        made = self._class_of(config)
        text = text_sizes(config.get_text_config(), logits_of_all=not _keeps_few_logits(made))
        vision = vision_sizes(config)
        fused = bool(getattr(made, "_supports_sdpa", False)) if made is not None else False
        files = weight_files(request.model)
        named = {name: t for file in files for name, t in tensors(file).items()}
        cuda = self._device.torch_device.type == "cuda"
        pictures = []
        for picture in request.pictures:
            sides = limited_sides(picture.width, picture.height, request.max_image_side)
            pictures.append(
                geometry.picture_cost(
                    (picture.width, picture.height),
                    sides,
                    picture.decode_bytes,
                    measure.of(*sides),
                    vision,
                    text,
                    item,
                    not fused,
                )
            )
        return {
            "family": str(config.model_type),
            "dtype": dtype,
            "parameters": sum(t.numbers for t in named.values()),
            "weights_bytes": sum(t.bytes_as(item) for t in named.values()),
            "vision_weights_bytes": sum(
                t.bytes_as(item) for name, t in named.items() if cuda and _is_vision(name)
            ),
            # On the CPU the files are mapped while they are read, which counts.
            "load_staging_bytes": 0 if cuda else sum(f.stat().st_size for f in files),
            "engine_bytes": engine_bytes,
            "engine_growth_bytes": self._growth(request.model),
            **geometry.text_figures(text, item, not fused),
            "pictures": pictures,
        }

    def load(self, folder: str, dtype: str, now: datetime) -> TorchModel:
        dtype = parse_dtype(dtype, self._device.default_dtype)
        config = load_config(folder, self._trusted)
        prompter: Prompter | NoPrompts = NoPrompts(folder)
        if not holds_weights_alone(folder):
            prompter = self._prompter(folder, config, now)
        model, notices = load_model(folder, config, dtype, self._device.torch_device, self._trusted)
        stops, more = frozenset[int](), list[str]()
        if isinstance(prompter, Prompter):
            stops, more = find_stops(folder, prompter)
        if self._trusted and own_code(folder):
            notices.append(f"runs the folder's own code: {', '.join(own_code(folder))}")
        notice = getattr(prompter.processor, "headroom_notice", None)
        notices += more + ([notice] if notice else [])
        loaded = TorchModel(model, prompter, stops, self._device, notices)
        loaded.warm_up()
        return loaded

    # ----

    def _prompter(self, folder: str, config: Any, now: datetime) -> Prompter:
        processor = load_processor(folder, self._trusted)
        text = text_sizes(config.get_text_config(), logits_of_all=False)
        return Prompter(processor, _image_token_id(config, processor), text.context, now)

    def _looked_at(self, folder: str) -> tuple[Any, PictureMeasure]:
        """Configuration and processor; kept, since a folder is planned several times in a row."""
        configuration(folder)
        if holds_weights_alone(folder):
            raise UsageError(
                "E-TOKENIZER",
                f"{folder}: weights without a tokenizer and without a processor: it can be "
                "verified, not asked; fetch the model again with these files",
            )
        files = sorted(Path(folder).glob("*.json"))
        stamp = (folder, tuple((f.name, f.stat().st_mtime_ns) for f in files))
        if self._planned is None or self._planned[0] != stamp:
            config = load_config(folder, self._trusted)
            prompter = self._prompter(folder, config, datetime.now(timezone.utc))
            self._planned = (stamp, config, PictureMeasure(prompter))
        return self._planned[1], self._planned[2]

    def _class_of(self, config: Any) -> Any:
        """None: only its own code knows it."""
        auto = model_class(config, self._trusted)
        try:
            return auto._model_mapping[type(config)]
        except KeyError:
            return None

    def _growth(self, folder: str) -> int:
        tokenizer = Path(folder) / "tokenizer.json"
        size = tokenizer.stat().st_size if tokenizer.exists() else 0
        return _GROWTH[self._device.torch_device.type] + _TOKENIZER * size


def _keeps_few_logits(made: Any) -> bool:
    return made is not None and "logits_to_keep" in inspect.signature(made.forward).parameters


def _is_vision(name: str) -> bool:
    return any(part in name.lower() for part in _VISION_NAMES)
