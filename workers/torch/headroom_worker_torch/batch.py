"""Several prompts as one batch: padded on the left, pixels held once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .model import Row

_PIXELS = "pixel_"


def _padded(tensors: Sequence[torch.Tensor], length: int, fill: int) -> torch.Tensor:
    """Tensors of [1, L, …], each to [1, length, …], as one of [B, length, …]."""
    shape = [len(tensors), length, *tensors[0].shape[2:]]
    padded = tensors[0].new_full(shape, fill)
    for row, tensor in enumerate(tensors):
        padded[row, length - tensor.shape[1] :] = tensor[0]
    return padded


def _of_tokens(inputs: dict[str, torch.Tensor], key: str) -> bool:
    """Whether it has a place for each token of the prompt."""
    tensor, ids = inputs[key], inputs["input_ids"]
    return (
        not key.startswith(_PIXELS)
        and tensor.dim() >= 2
        and tuple(tensor.shape[:2]) == tuple(ids.shape)
    )


def collate(rows: Sequence[Row], pad: int, pixels_once: bool) -> dict[str, Any]:
    """Inputs of `generate`. `pixels_once`: the pixels of all rows, which are the same, are given as
    one row's (see `Features`); else each row has its own."""
    if len(rows) == 1:
        return dict(rows[0].inputs)
    length = max(len(row.input_ids) for row in rows)
    first = rows[0].inputs
    batch: dict[str, Any] = {}
    for key, tensor in first.items():
        if _of_tokens(first, key):
            fill = pad if key == "input_ids" else 0
            batch[key] = _padded([row.inputs[key] for row in rows], length, fill)
        elif pixels_once and key.startswith(_PIXELS):
            batch[key] = tensor
        else:
            batch[key] = torch.cat([tensor] * len(rows))
    return batch
