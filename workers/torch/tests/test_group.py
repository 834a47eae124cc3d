"""Groups over the fake model: each item's one answer, whatever fails."""

from __future__ import annotations

import tempfile
import time
import unittest
from typing import Any
from unittest import mock

from headroom_worker_torch.engine import TorchEngine
from headroom_worker_torch.errors import UsageError
from headroom_worker_torch.footprint import Footprint, Heap
from headroom_worker_torch.messages import (
    AskRequest,
    Item,
    Limits,
    LoadRequest,
    Message,
    Part,
    PictureRef,
)
from headroom_worker_torch.server import CancelToken

from .fake import WEIGHTS, FakeDevice, FakeHost, OutOfMemory, decode, model_folder


def item(name: str, text: str = "what?", image: int | None = None) -> Item:
    parts = [Part(text=text)] if image is None else [Part(image=image), Part(text=text)]
    return Item(name, [Message("user", parts)], max_tokens=8)


class GroupTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.device = FakeDevice()
        self.host = FakeHost(self.device)
        self.engine = TorchEngine(self.host, self.device, decode, Footprint(), Heap())
        self.folder = model_folder(folder.name)
        self.cancel = CancelToken()

    def load(self) -> None:
        self.engine.load(LoadRequest(self.folder, "", None, None))

    def ask(self, items: list[Item], **more: Any) -> dict[str, dict[str, Any]]:
        answers: list[dict[str, Any]] = []
        request = AskRequest("g", items=items, **more)
        done = self.engine.ask(request, answers.append, lambda _: None, self.cancel)
        by_id = {answer["id"]: answer for answer in answers}
        self.assertEqual(len(by_id), len(answers), "an item has two answers")
        self.assertEqual(set(by_id), {one.id for one in items}, "an item has no answer")
        answered = sum(a["outcome"] == "answered" for a in answers)
        self.assertEqual((done["answered"], done["failed"]), (answered, len(answers) - answered))
        return by_id

    def outcomes(self, items: list[Item], **more: Any) -> list[str]:
        return [answer["outcome"] for answer in self.ask(items, **more).values()]

    def test_without_a_model_it_is_refused(self) -> None:
        with self.assertRaises(UsageError):
            self.ask([item("a")])

    def test_an_empty_group_has_no_answers(self) -> None:
        self.load()
        self.assertEqual(self.ask([]), {})

    def test_running_out_of_memory_is_every_open_items_outcome(self) -> None:
        self.load()
        self.host.faults.append(OutOfMemory("CUDA out of memory. Tried to allocate 2 GiB"))
        answers = self.ask([item(str(i)) for i in range(6)], limits=Limits(batch=4))
        kinds = [(a["outcome"], a.get("error_code")) for a in answers.values()]
        self.assertEqual(kinds, [("answered", None)] * 2 + [("memory", "E-MEM-ENGINE")] * 4)
        self.assertIn("Tried to allocate", answers["5"]["error"])
        self.assertEqual(self.device.cache, 0, "the cache was not given back")
        # The next rung is answered.
        self.assertEqual(self.outcomes([item("5")], limits=Limits(batch=1)), ["answered"])

    def test_a_device_that_is_lost_ends_the_process(self) -> None:
        self.load()
        self.host.faults.append(RuntimeError("CUDA error: an illegal memory access"))
        with mock.patch("os._exit", side_effect=SystemExit) as ended:
            with self.assertRaises(SystemExit):
                self.ask([item("a")])
        ended.assert_called_once_with(71)

    def test_a_limit_on_memory_stops_the_group(self) -> None:
        self.load()
        answers = self.ask([item("a")], limits=Limits(memory=self.device.bytes - 1))
        self.assertEqual(answers["a"]["error_code"], "E-MEM-GUARD")
        self.assertEqual(self.device.limit, self.device.bytes - 1)
        self.assertEqual(self.outcomes([item("a")]), ["answered"])

    def test_a_fault_of_a_batch_is_found_by_asking_one_by_one(self) -> None:
        self.load()
        self.host.faults += [RuntimeError("shapes"), None, ValueError("this one"), None]
        answers = self.ask([item(str(i)) for i in range(4)])
        kinds = [answers[str(i)]["outcome"] for i in range(4)]
        self.assertEqual(kinds, ["answered", "answered", "answered", "model"])

    def test_a_row_without_numbers_fails_alone(self) -> None:
        self.load()
        self.host.faults += ["nan"]
        self.assertEqual(self.outcomes([item("a"), item("b")]), ["model"] * 2)
        self.assertEqual(self.outcomes([item("a")]), ["answered"])

    def test_a_deadline_is_the_outcome_timeout(self) -> None:
        self.load()
        items = [item(str(i)) for i in range(1000)]
        begun = time.monotonic()
        outcomes = self.outcomes(items, limits=Limits(batch=1, deadline_seconds=0.5))
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual(outcomes[0], "answered")
        self.assertEqual(outcomes[-1], "timeout")

    def test_a_cancelled_group_skips_what_is_left(self) -> None:
        self.load()
        self.cancel.cancel()
        self.assertEqual(self.outcomes([item("a"), item("b")]), ["skipped"] * 2)

    def test_a_missing_picture_is_its_items_outcome(self) -> None:
        self.load()
        pictures = [PictureRef("/no/such.png", None, "no"), PictureRef("", b"xy", "yes")]
        items = [item("a", image=0), item("b", image=1), item("c"), item("d", image=7)]
        answers = self.ask(items, pictures=pictures)
        outcomes = [answers[name]["outcome"] for name in "abcd"]
        self.assertEqual(outcomes, ["image", "answered", "answered", "image"])
        self.assertEqual(answers["d"]["error_code"], "E-PROMPT-IMAGES")
        self.assertEqual(len(answers["b"]["picture_hashes"]), 1)

    def test_a_template_that_refuses_costs_its_item_alone(self) -> None:
        self.load()
        answers = self.ask([item("a", "<refused>"), item("b")])
        self.assertEqual(answers["a"]["error_code"], "E-TEMPLATE-RAISED")
        self.assertEqual(answers["b"]["outcome"], "answered")

    def test_only_items_with_the_same_pictures_share_a_batch(self) -> None:
        self.load()
        pictures = [PictureRef("", b"x", "x"), PictureRef("", b"y", "y")]
        items = [item("a", image=0), item("b", image=0), item("c", image=1), item("d")]
        self.ask(items, pictures=pictures)
        model = self.engine._model
        self.assertEqual(model.batches, [2, 1, 1])
        self.ask([item(str(i)) for i in range(5)], limits=Limits(batch=2))
        self.assertEqual(model.batches[3:], [2, 2, 1])

    def test_pictures_that_were_decoded_ahead_are_taken(self) -> None:
        self.load()
        decoded: list[str] = []

        def counting(reference: PictureRef, side: int) -> Any:
            decoded.append(reference.name)
            return decode(reference, side)

        engine = TorchEngine(self.host, self.device, counting, Footprint(), Heap())
        engine.load(LoadRequest(self.folder, "", None, None))
        names = ["1", "2", "3"]
        requests = [
            AskRequest(n, [PictureRef("", n.encode(), n)], items=[item(n, image=0)]) for n in names
        ]
        engine.prepare(requests[0])
        for request, following in zip(requests, [*requests[1:], requests[-1]]):
            engine.prepare(following)
            engine.ask(request, lambda _: None, lambda _: None, self.cancel)
        self.assertEqual(decoded, names, "each picture is decoded once")

    def test_a_clean_up_empties_the_cache_as_often_as_its_level_says(self) -> None:
        for level, cycles in (("normal", 1), ("aggressive", 3)):
            self.load()
            self.ask([item("a")])
            self.device.calls.clear()
            cleaned = self.engine.clean(level)
            self.assertEqual(self.device.calls.count("empty"), cycles)
            self.assertEqual(self.device.calls.count("synchronise"), cycles if cycles > 1 else 0)
            self.assertGreater(cleaned["before"]["cache_bytes"], 0)
            self.assertEqual(cleaned["after"]["cache_bytes"], 0)

    def test_unloading_is_proved_by_the_readings(self) -> None:
        self.load()
        unloaded = self.engine.unload()
        self.assertGreater(unloaded["before"]["active_bytes"], 0)
        self.assertEqual(unloaded["after"]["active_bytes"], 0)
        self.engine.unload()  # without a model no error
        self.load()
        self.load()  # in place of the one that is loaded
        self.assertEqual(self.engine.unload()["before"]["active_bytes"], WEIGHTS)
