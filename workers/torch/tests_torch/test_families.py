"""Tiny checkpoints of several families against their recorded answers, alone and in batches."""

from __future__ import annotations

import unittest
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from safetensors.torch import load_file

from headroom_worker_torch.footprint import Footprint
from headroom_worker_torch.guard import Guard
from headroom_worker_torch.messages import Item, Message, Part
from headroom_worker_torch.model import Row, Times
from headroom_worker_torch.torch_device import find_device
from headroom_worker_torch.torch_loading import load_config, load_model
from headroom_worker_torch.torch_model import TorchModel

from .support import ROOT

TINY = ROOT / "tests" / "data" / "tiny"
TOKENS = 12


def load(family: str) -> tuple[TorchModel, dict[str, torch.Tensor]]:
    folder = str(TINY / family)
    model, notices = load_model(
        folder, load_config(folder, False), "float32", torch.device("cpu"), False
    )
    prompter: Any = SimpleNamespace(tokenizer=SimpleNamespace(pad_token_id=0), forget=lambda: None)
    device = find_device("cpu", Footprint())
    golden = load_file(str(TINY / family / "golden.safetensors"))
    return TorchModel(model, prompter, frozenset(), device, notices), golden


def row(name: str, golden: dict[str, torch.Tensor], more: list[int]) -> Row:
    """The record's prompt with more tokens behind it."""
    ids = torch.cat([golden["input_ids"].long(), torch.tensor([more], dtype=torch.long)], dim=1)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    for key, value in golden.items():
        if key.startswith(("pixel_", "image_")):
            inputs[key] = value if value.is_floating_point() else value.long()
        elif key.endswith("token_type_ids"):
            inputs[key] = torch.nn.functional.pad(value.long(), (0, len(more)))
    item = Item(name, [Message("user", [Part(image=0)])], max_tokens=TOKENS)
    return Row(item, "", ids[0].tolist(), 0, TOKENS, inputs)


def tokens_of(model: TorchModel, rows: list[Row]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    model.generate(rows, Guard(), Times(), lambda r: found.update({r.item.id: r.tokens}), False)
    return found


class FamiliesTest(unittest.TestCase):
    def test_each_gives_its_recorded_tokens_alone_and_in_a_batch(self) -> None:
        suffixes = {"a": [], "b": [21, 22, 23], "c": [24]}
        for family in ("smolvlm", "idefics3", "llava_next", "qwen2_5_vl"):
            with self.subTest(family=family):
                model, golden = load(family)
                features = model._features
                features._original = encoded = mock.Mock(side_effect=features._original)
                alone: dict[str, list[int]] = {}
                for name, more in suffixes.items():
                    alone.update(tokens_of(model, [row(name, golden, more)]))
                    model.end_group()
                self.assertEqual(alone["a"], golden["generated"].flatten().tolist())
                encoded.reset_mock()
                rows = [row(name, golden, more) for name, more in suffixes.items()]
                self.assertEqual(tokens_of(model, rows), alone)
                again = row("b", golden, suffixes["b"])
                self.assertEqual(tokens_of(model, [again])["b"], alone["b"])
                self.assertEqual(encoded.call_count, 1, "the group's pictures are encoded once")
                verified = model.verify(str(TINY / family / "golden.safetensors"))
                self.assertLess(verified["max_logit_difference"], 1e-4)
                self.assertEqual(verified["tokens"], verified["expected_tokens"])
