"""Feeds a golden file's inputs to a loaded model and compares logits and greedy tokens."""

from __future__ import annotations

import inspect
import math
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from .errors import InputError
from .server import log

_OURS = {"logits", "generated"}


def _read(golden: str) -> dict[str, torch.Tensor]:
    try:
        tensors = load_file(golden)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError("E-GOLDEN", f"{golden}: {error}") from None
    for name in ("input_ids", *_OURS):
        if name not in tensors:
            raise InputError("E-GOLDEN", f"{golden}: has no '{name}'")
    return tensors


def _batched(tensor: torch.Tensor) -> torch.Tensor:
    return tensor[None] if tensor.dim() == 1 else tensor


def verify(model: Any, golden: str, device: torch.device) -> dict[str, Any]:
    """Taps are not compared: a foreign model has no names for them."""
    tensors = _read(golden)
    known = inspect.signature(model.forward).parameters
    inputs = {}
    for name, tensor in tensors.items():
        if name.startswith("pixel_"):
            inputs[name] = tensor.to(device)
        elif name in known:
            inputs[name] = _batched(tensor).long().to(device)
    left = sorted(set(tensors) - set(inputs) - _OURS)
    if left:
        log(f"{golden}: not compared: {', '.join(left[:8])}")
    expected = tensors["generated"].flatten().tolist()
    # The record's ids stay with the last dimension; a first one of 1 is the batch.
    record = tensors["logits"].float()
    with torch.no_grad():
        ours = model(**inputs).logits.float().cpu().reshape(-1)
        if ours.numel() != record.numel():
            ours = ours[-record.numel() :]
        if ours.numel() != record.numel():
            raise InputError(
                "E-GOLDEN",
                f"{golden}: 'logits' has {record.numel()} numbers, the model gives {ours.numel()}",
            )
        difference = float((ours - record.reshape(-1)).abs().max())
        made = model.generate(
            **inputs,
            max_new_tokens=len(expected),
            min_new_tokens=len(expected),
            eos_token_id=None,
            do_sample=False,
        )
    tokens = made[0, inputs["input_ids"].shape[1] :].tolist()
    return {
        "max_logit_difference": difference if math.isfinite(difference) else 1e300,
        "expected_tokens": expected,
        "tokens": tokens,
        "first_different_tap": "",
        "tap_difference": 0,
    }
