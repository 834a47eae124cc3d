"""Sizes, headers and arithmetic of a plan."""

from __future__ import annotations

import json
import struct
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

from headroom_worker_torch import checkpoint, geometry, sizes
from headroom_worker_torch.errors import UsageError


def safetensors(header: object) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


TEXT = geometry.TextSizes(
    hidden=256, inner=704, layers=6, heads=4, kv_heads=2, head=64, vocabulary=588, context=2048
)


class CheckpointTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_floats_take_the_wanted_dtype_and_others_stay(self) -> None:
        file = self.folder / "model.safetensors"
        header = {
            "a": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]},
            "b": {"dtype": "I32", "shape": [5], "data_offsets": [12, 32]},
            "c": {"dtype": "F32", "shape": [], "data_offsets": [32, 36]},
            "__metadata__": {"format": "pt"},
        }
        file.write_bytes(safetensors(header))
        found = checkpoint.tensors(file)
        self.assertEqual({k: t.bytes_as(4) for k, t in found.items()}, {"a": 24, "b": 20, "c": 4})

    def test_headers_that_lie_are_refused(self) -> None:
        file = self.folder / "model.safetensors"
        for content in (b"", b"\xff" * 8, safetensors([]), safetensors({"a": 1}), b"version https"):
            file.write_bytes(content)
            with self.assertRaises(UsageError) as caught:
                checkpoint.tensors(file)
            self.assertEqual(caught.exception.code, "E-SAFETENSORS")

    def test_a_shard_of_the_index_that_is_missing_is_named(self) -> None:
        index = {"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}
        (self.folder / "model.safetensors.index.json").write_text(json.dumps(index))
        (self.folder / "1.safetensors").write_bytes(safetensors({}))
        (self.folder / "stray.safetensors").write_bytes(b"")
        with self.assertRaises(UsageError) as caught:
            checkpoint.weight_files(str(self.folder))
        self.assertIn("1 of 2 weight files missing: 2.safetensors", caught.exception.message)
        (self.folder / "2.safetensors").write_bytes(safetensors({}))
        names = [f.name for f in checkpoint.weight_files(str(self.folder))]
        self.assertEqual(names, ["1.safetensors", "2.safetensors"])

    def test_a_folder_that_is_none_is_wrong_usage(self) -> None:
        for folder in (self.folder, self.folder / "no"):
            with self.assertRaises(UsageError):
                checkpoint.configuration(str(folder))


class SizesTest(unittest.TestCase):
    def test_families_names_are_understood(self) -> None:
        llama = SimpleNamespace(
            hidden_size=256, intermediate_size=704, num_hidden_layers=6, num_attention_heads=4,
            num_key_value_heads=2, head_dim=64, vocab_size=588, max_position_embeddings=2048,
        )  # fmt: skip
        self.assertEqual(sizes.text_sizes(llama, False), TEXT)
        older = SimpleNamespace(n_embd=64, n_layer=2, n_head=4, vocab_size=100, n_positions=512)
        text = sizes.text_sizes(older, False)
        self.assertEqual((text.inner, text.kv_heads, text.head), (256, 4, 16))
        qwen = SimpleNamespace(
            vision_config=SimpleNamespace(
                embed_dim=1280, hidden_size=3584, mlp_ratio=4, num_heads=16, patch_size=14,
                in_channels=3, temporal_patch_size=2,
            )
        )  # fmt: skip
        vision = sizes.vision_sizes(qwen)
        assert vision is not None
        self.assertEqual((vision.hidden, vision.inner, vision.heads), (1280, 5120, 16))
        self.assertEqual(vision.patch_numbers, 3 * 14 * 14 * 2)

    def test_what_cannot_be_planned_is_refused_by_its_names(self) -> None:
        with self.assertRaises(UsageError) as caught:
            sizes.text_sizes(SimpleNamespace(hidden_size=8), False)
        self.assertIn("num_attention_heads", caught.exception.message)


class GeometryTest(unittest.TestCase):
    def test_kv_is_all_layers_and_one_layers_copies(self) -> None:
        self.assertEqual(geometry.kv_per_token(TEXT, 4), (6 * 256 + 256 + 512) * 4)

    def test_unfused_attention_holds_its_scores(self) -> None:
        fused = geometry.text_figures(TEXT, 4, materialised=False)
        plain = geometry.text_figures(TEXT, 4, materialised=True)
        self.assertEqual(
            plain["scores_per_token_pair_bytes"] - fused["scores_per_token_pair_bytes"], 4 * 8
        )
        self.assertFalse(fused["shares_prefix"] or fused["prefills_in_chunks"])

    def test_larger_pictures_cost_more(self) -> None:
        facts = geometry.PictureFacts(tokens=19, features=16, tiles=1, pixel_bytes=49152)
        vision = geometry.VisionSizes(hidden=192, inner=768, heads=3, patch_numbers=192)
        small = geometry.picture_cost((64, 64), (64, 64), 0, facts, vision, TEXT, 4, False)
        large = geometry.picture_cost((640, 480), (64, 48), 0, facts, vision, TEXT, 4, False)
        self.assertGreater(large["decode_bytes"], small["decode_bytes"])
        self.assertEqual(large["encode_bytes"], small["encode_bytes"])
        told = geometry.picture_cost((64, 64), (64, 64), 1 << 30, facts, vision, TEXT, 4, False)
        self.assertEqual(told["decode_bytes"], 1 << 30)
