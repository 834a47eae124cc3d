"""Memory, cancellation and wrong checkpoints, with the demo model."""

from __future__ import annotations

import json
import struct
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from headroom_worker_torch import checkpoint
from headroom_worker_torch.errors import UsageError
from headroom_worker_torch.server import CancelToken
from headroom_worker_torch.torch_device import is_out_of_memory

from .support import MODEL, PICTURES, EngineTest, engine, item, variant

PICTURE = [{"path": str(PICTURES / "test" / "images" / "0.png"), "name": "0.png"}]
RED = "what is the red shape?"


class MemoryTest(EngineTest):
    def inner(self) -> Any:
        return self.engine._model._model

    def failing(self, module: Any, error: Exception) -> Any:
        return mock.patch.object(module, "forward", side_effect=error)

    def test_running_out_is_typed_and_the_next_rung_is_answered(self) -> None:
        layer = self.inner().model.text_model.layers[3]
        for error in (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
            MemoryError(),
        ):
            with self.failing(layer, error):
                answers = self.ask([item("a", 0, RED), item("b", 0, RED)], pictures=PICTURE)
            for answer in answers.values():
                self.assertEqual(answer["outcome"], "memory")
                self.assertEqual(answer["error_code"], "E-MEM-ENGINE")
            answers = self.ask([item("a", 0, RED)], pictures=PICTURE, limits={"batch": 1})
            self.assertEqual(answers["a"]["text"], "triangle")

    def test_other_faults_are_the_models(self) -> None:
        self.assertFalse(is_out_of_memory(RuntimeError("shape mismatch")))
        with self.failing(self.inner().model.text_model.layers[3], RuntimeError("shape mismatch")):
            answer = self.ask([item("a", 0, RED)], pictures=PICTURE)["a"]
        self.assertEqual((answer["outcome"], answer["error_code"]), ("model", "E-ENGINE"))

    def test_the_guard_looks_between_layers(self) -> None:
        held = self.engine.reading()["active_bytes"]
        answer = self.ask([item("a", 0, RED)], pictures=PICTURE, limits={"memory_bytes": 1})["a"]
        self.assertEqual(answer["error_code"], "E-MEM-GUARD")
        self.assertIn("its limit is 0.0 MiB", answer["error"])
        limits = {"memory_bytes": held + (1 << 30)}
        answer = self.ask([item("a", 0, RED)], pictures=PICTURE, limits=limits)["a"]
        self.assertEqual(answer["outcome"], "answered")

    def test_a_cancel_stops_in_the_middle_of_a_pass(self) -> None:
        token = CancelToken()
        layers = self.inner().model.text_model.layers
        calls = []
        hooks = [
            layers[2].register_forward_pre_hook(lambda *_: token.cancel()),
            layers[4].register_forward_pre_hook(lambda *_: calls.append(1)),
        ]
        answers = self.ask([item("a", 0, RED)], cancel=token, pictures=PICTURE)
        for hook in hooks:
            hook.remove()
        self.assertEqual(answers["a"]["outcome"], "skipped")
        self.assertEqual(calls, [])
        self.assertEqual(self.ask([item("a", 0, RED)], pictures=PICTURE)["a"]["text"], "triangle")

    def test_logits_that_are_no_numbers_are_no_answer(self) -> None:
        head = self.inner().lm_head
        for value, code in ((float("nan"), "E-MODEL-NAN"), (0.0, "E-MODEL-ZERO")):
            hook = head.register_forward_hook(lambda _, __, out, v=value: torch.full_like(out, v))
            answer = self.ask([item("a", 0, RED)], pictures=PICTURE)["a"]
            hook.remove()
            self.assertEqual((answer["outcome"], answer["error_code"]), ("model", code))

    def test_readings_come_while_it_works_with_their_phase(self) -> None:
        self.ask([item(str(i), 0, RED + " " * i) for i in range(8)], pictures=PICTURE)
        self.assertTrue(self.readings)
        for reading in self.readings:
            self.assertIn(reading.get("phase", "decode"), ("encode", "prefill", "decode"))
            self.assertGreater(reading["worker_footprint_bytes"], 0)

    def test_unloading_gives_the_weights_back(self) -> None:
        self.engine.unload()
        before = self.engine.reading()["worker_footprint_bytes"]
        loaded = self.load()
        self.assertGreater(loaded["weights_bytes"], 28 << 20)
        unloaded = self.engine.unload()
        self.assertGreater(unloaded["before"]["active_bytes"], 16 << 20)
        self.assertEqual(unloaded["after"]["active_bytes"], 0)
        after = self.engine.reading()["worker_footprint_bytes"]
        self.assertLess(after - before, 16 << 20)

    def test_weights_that_somebody_still_holds_are_told(self) -> None:
        held = list(self.inner().parameters())
        unloaded = self.engine.unload()
        self.assertGreater(unloaded["after"]["active_bytes"], 28 << 20)
        del held
        self.load()

    def test_the_plan_is_above_what_is_measured(self) -> None:
        plan = self.plan(pictures=[{"width": 64, "height": 64}])
        answers = self.ask(
            [item(str(i), 0, RED) for i in range(8)], pictures=PICTURE, limits={"batch": 8}
        )
        tokens = plan["pictures"][0]["tokens"] + 40
        planned = (
            plan["engine_bytes"]
            + plan["engine_growth_bytes"]
            + plan["weights_bytes"]
            + plan["pictures"][0]["encode_bytes"]
            + 8 * tokens * (plan["kv_per_token_bytes"] + plan["prefill_per_token_bytes"])
        )
        measured = max(a["after"]["worker_footprint_peak_bytes"] for a in answers.values())
        self.assertLess(measured, planned)
        self.assertEqual(plan["pictures"][0]["tokens"], 18)


class CheckpointTest(EngineTest):
    def refusal(self, folder: Path) -> UsageError:
        with self.assertRaises(UsageError) as caught:
            self.load(folder)
        return caught.exception

    def without_tensor(self, name: str) -> Path:
        folder = variant(self)
        file = folder / "model.safetensors"
        content = file.read_bytes()
        (size,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + size])
        header[name + ".other"] = header.pop(name)
        text = json.dumps(header).encode()
        file.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + size :])
        return folder

    def test_missing_weights_are_refused_and_not_made_up(self) -> None:
        name = next(n for n in checkpoint.tensors(MODEL / "model.safetensors") if "q_proj" in n)
        refused = self.refusal(self.without_tensor(name))
        self.assertEqual(refused.code, "E-WEIGHTS")
        self.assertIn("q_proj", refused.message)
        self.load()

    def test_a_template_is_not_invented(self) -> None:
        folder = variant(self)
        (folder / "chat_template.jinja").unlink()
        (folder / "chat_template.json").unlink()
        self.assertEqual(self.refusal(folder).code, "E-TEMPLATE")

    def test_a_checkpoint_that_would_sample_is_greedy_all_the_same(self) -> None:
        folder = variant(
            self,
            generation_config={"do_sample": True, "temperature": 9.0, "repetition_penalty": 9.0},
        )
        self.load(folder)
        answer = self.ask([item("a", 0, RED)], pictures=PICTURE)["a"]
        self.assertEqual(answer["text"], "triangle")
        self.load()

    def test_the_templates_end_of_turn_stops_when_nothing_declares_it(self) -> None:
        folder = variant(
            self,
            generation_config={"eos_token_id": 2},
            tokenizer_config={"eos_token": "<|im_end|>"},
        )
        config = json.loads((folder / "config.json").read_text())
        config["text_config"]["eos_token_id"] = 2
        (folder / "config.json").write_text(json.dumps(config))
        self.load(folder)
        answer = self.ask([item("a", 0, RED)], pictures=PICTURE)["a"]
        self.assertEqual((answer["text"], answer["stopped"]), ("triangle", True))
        self.load()

    def test_the_word_that_stands_for_a_picture_may_not_be_in_a_question(self) -> None:
        answer = self.ask([item("a", 0, "what is <image>?")], pictures=PICTURE)["a"]
        self.assertEqual((answer["outcome"], answer["error_code"]), ("image", "E-PROMPT-IMAGES"))
        self.assertIn("2 places for pictures (<image>), the question has 1", answer["error"])

    def test_a_template_is_told_the_runs_moment(self) -> None:
        folder = variant(self)
        (folder / "chat_template.json").unlink()
        template = folder / "chat_template.jinja"
        template.write_text("{{ strftime_now('%d %b %Y') }}" + template.read_text())
        self.load(folder, now="2026-01-02T03:04:05Z")
        answer = self.ask([item("a", "hello", want_prompt=True)])["a"]
        self.assertTrue(answer["prompt"].startswith("02 Jan 2026"), answer["prompt"])
        self.load()

    def test_a_template_that_raises_is_heard_in_its_own_words(self) -> None:
        folder = variant(self)
        (folder / "chat_template.json").unlink()
        (folder / "chat_template.jinja").write_text("{{ raise_exception('one at a time') }}")
        self.load(folder)
        answer = self.ask([item("a", "hello")])["a"]
        self.assertEqual(answer["error_code"], "E-TEMPLATE-RAISED")
        self.assertIn("one at a time", answer["error"])
        self.load()

    def test_a_prompt_beyond_the_context_costs_its_item(self) -> None:
        answer = self.ask([item("a", "word " * 3000)])["a"]
        self.assertEqual((answer["outcome"], answer["error_code"]), ("model", "E-CONTEXT"))
        self.assertIn("shorten the question", answer["error"])
        self.assertNotIn("--max-image-side", answer["error"])


OWN_CONFIG = """
from transformers import PretrainedConfig, SmolVLMConfig
class OwnConfig(SmolVLMConfig):
    model_type = "headroom_own"
"""
OWN_MODEL = """
from transformers import SmolVLMForConditionalGeneration
from .configuration_own import OwnConfig
class OwnModel(SmolVLMForConditionalGeneration):
    config_class = OwnConfig
"""


class OwnCodeTest(unittest.TestCase):
    def folder(self) -> Path:
        folder = variant(
            self,
            config={
                "model_type": "headroom_own",
                "architectures": ["OwnModel"],
                "auto_map": {
                    "AutoConfig": "configuration_own.OwnConfig",
                    "AutoModelForImageTextToText": "modeling_own.OwnModel",
                },
            },
        )
        (folder / "configuration_own.py").write_text(OWN_CONFIG)
        (folder / "modeling_own.py").write_text(OWN_MODEL)
        return folder

    def test_it_is_run_only_when_it_is_trusted(self) -> None:
        folder = self.folder()
        test = EngineTest()
        test.engine = engine()
        for call in (test.plan, lambda f: EngineTest.load.__func__(test, f)):
            with self.assertRaises(UsageError) as caught:
                call(folder)
            self.assertEqual(caught.exception.code, "E-REMOTE-CODE")
            self.assertIn("configuration_own.py, modeling_own.py", caught.exception.message)
            self.assertIn("--trust-remote-code", caught.exception.message)
        test.engine = engine(trusted=True)
        test.plan(folder, pictures=[{"width": 64, "height": 64}])
        loaded = EngineTest.load.__func__(test, folder)
        self.assertEqual(loaded["family"], "headroom_own")
        self.assertIn("modeling_own.py", " ".join(loaded["notices"]))
        self.assertEqual(test.ask([item("a", 0, RED)], pictures=PICTURE)["a"]["text"], "triangle")
