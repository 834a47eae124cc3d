"""Processor and model of a folder through Transformers' automatic classes. Nothing is fetched."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.utils.import_utils import is_accelerate_available

from .checkpoint import configuration, weight_files
from .errors import UsageError, WorkerError

DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
_SHOWN = 600
_LISTED = 8


def parse_dtype(name: str, default: str) -> str:
    known = name or default
    if known not in DTYPES:
        raise UsageError("E-DTYPE", f"dtype '{name}' is not known; there are {', '.join(DTYPES)}")
    return known


def stay_offline() -> None:
    """Before Transformers is asked anything: no connection is tried, and copies of a model's own
    code go where they end with the process."""
    os.environ.setdefault("HF_MODULES_CACHE", tempfile.mkdtemp(prefix="headroom-torch-"))


def own_code(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).glob("*.py"))


def check_code(folder: str, config: dict[str, Any], trusted: bool) -> None:
    """Refuses a model that only its own code can run."""
    known = config.get("model_type") in transformers.models.auto.configuration_auto.CONFIG_MAPPING
    if trusted or known or "auto_map" not in config:
        return
    files = own_code(folder)
    raise UsageError(
        "E-REMOTE-CODE",
        f"{folder}: model_type '{config.get('model_type')}' is not part of Transformers "
        f"{transformers.__version__}; the folder brings code of its own "
        f"({', '.join(files) if files else 'from another repository'}), which is run only with "
        "--trust-remote-code: read it first",
    )


def _as_usage(code: str, folder: str, work: Callable[[], Any]) -> Any:
    """What Transformers says about a checkpoint that it cannot read, as one line."""
    try:
        return work()
    except (WorkerError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - many kinds mean a wrong checkpoint
        words = " ".join(str(error).split())[:_SHOWN]
        if isinstance(error, RuntimeError) and "memory" in words.lower():
            raise
        raise UsageError(code, f"{folder}: {type(error).__name__}: {words}") from None


def load_config(folder: str, trusted: bool) -> Any:
    check_code(folder, configuration(folder), trusted)
    return _as_usage(
        "E-CONFIG",
        folder,
        lambda: transformers.AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=trusted
        ),
    )


def load_processor(folder: str, trusted: bool) -> Any:
    """Pictures are processed by Pillow where the family has that backend: the reference's pixels
    are Pillow's, whatever other libraries are installed."""
    arguments = {"local_files_only": True, "trust_remote_code": trusted}
    processor = _as_usage(
        "E-PROCESSOR",
        folder,
        lambda: transformers.AutoProcessor.from_pretrained(folder, **arguments),
    )
    if not hasattr(processor, "tokenizer"):
        raise UsageError(
            "E-PROCESSOR",
            f"{folder}: Transformers makes a {type(processor).__name__} of it, which does not take "
            "pictures and text together; a processor_config.json or preprocessor_config.json of "
            "an image-text-to-text model is needed",
        )
    if getattr(processor, "image_processor", None) is not None:
        try:
            processor.image_processor = transformers.AutoImageProcessor.from_pretrained(
                folder, backend="pil", **arguments
            )
        except Exception as error:  # noqa: BLE001 - the family has this backend or not
            processor.headroom_notice = f"pictures are not processed by Pillow: {error}"[:_SHOWN]
    if not getattr(processor, "chat_template", None):
        processor.chat_template = getattr(processor.tokenizer, "chat_template", None)
    if not processor.chat_template:
        raise UsageError(
            "E-TEMPLATE", f"{folder}: has no chat template, and none is invented in its place"
        )
    tokenizer = processor.tokenizer
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return processor


def model_class(config: Any, trusted: bool) -> Any:
    """The automatic class that makes it: for the model's own code, the one that it names."""
    named = getattr(config, "auto_map", None) or {}
    if trusted and "AutoModelForImageTextToText" not in named:
        for name in ("AutoModelForVision2Seq", "AutoModelForCausalLM", "AutoModel"):
            if name in named and hasattr(transformers, name):
                return getattr(transformers, name)
    return transformers.AutoModelForImageTextToText


def load_model(
    folder: str, config: Any, dtype: str, device: torch.device, trusted: bool
) -> tuple[Any, list[str]]:
    """On the device, in evaluation mode, every weight from the checkpoint; and what was noticed."""
    weight_files(folder)
    arguments: dict[str, Any] = {
        "config": config,
        "dtype": DTYPES[dtype],
        "local_files_only": True,
        "trust_remote_code": trusted,
        "use_safetensors": True,
        "output_loading_info": True,
    }
    # With accelerate the tensors go to the device one by one, else by way of the host's memory.
    if device.type != "cpu" and is_accelerate_available():
        arguments["device_map"] = {"": device}
    model, found = _as_usage(
        "E-CHECKPOINT",
        folder,
        lambda: model_class(config, trusted).from_pretrained(folder, **arguments),
    )
    missing = sorted(found.get("missing_keys") or [])
    if missing:
        raise UsageError(
            "E-WEIGHTS",
            f"{folder}: {len(missing)} weights are missing: {', '.join(missing[:_LISTED])}",
        )
    notices = []
    left = sorted(found.get("unexpected_keys") or [])
    if left:
        notices.append(
            f"{len(left)} tensors of the checkpoint are not used: {', '.join(left[:_LISTED])}"
        )
    return model.to(device).eval(), notices
