"""The engine over the demo model, in this process."""

from __future__ import annotations

import json
import shutil
import tempfile
import unittest
from pathlib import Path
from typing import Any

from headroom_worker_torch.assembly import torch_engine
from headroom_worker_torch.engine import TorchEngine
from headroom_worker_torch.footprint import Footprint, Heap
from headroom_worker_torch.messages import ask_request, load_request, plan_request
from headroom_worker_torch.server import CancelToken

ROOT = Path(__file__).resolve().parents[3]
MODEL = ROOT / "assets" / "demo" / "model"
PICTURES = ROOT / "assets" / "demo" / "easy-vqa"


def engine(trusted: bool = False) -> TorchEngine:
    return torch_engine("cpu", trusted, Footprint(), Heap())


class EngineTest(unittest.TestCase):
    engine: TorchEngine

    @classmethod
    def setUpClass(cls) -> None:
        cls.engine = engine()
        cls.load()

    def setUp(self) -> None:
        if self.engine._model is None:
            self.load()

    @classmethod
    def load(cls, folder: Path = MODEL, **more: Any) -> dict[str, Any]:
        return cls.engine.load(load_request({"model": str(folder), **more}))

    def plan(self, folder: Path = MODEL, **more: Any) -> dict[str, Any]:
        return self.engine.plan(plan_request({"model": str(folder), **more}))

    def ask(self, items: list[dict[str, Any]], cancel: CancelToken | None = None, **more: Any):
        answers: list[dict[str, Any]] = []
        self.readings: list[dict[str, Any]] = []
        request = ask_request({"group": "g", "items": items, **more})
        token = cancel or CancelToken()
        self.done = self.engine.ask(request, answers.append, self.readings.append, token)
        self.assertEqual(len(answers), len(items))
        return {answer["id"]: answer for answer in answers}


def user(*parts: Any) -> dict[str, Any]:
    return {
        "role": "user",
        "parts": [{"image": p} if isinstance(p, int) else {"text": p} for p in parts],
    }


def item(name: str, *parts: Any, **more: Any) -> dict[str, Any]:
    return {"id": name, "conversation": [user(*parts)], "max_tokens": 24, **more}


def variant(case: unittest.TestCase, **changes: Any) -> Path:
    """A copy of the demo model; a change is a file's new members, None its removal."""
    folder = tempfile.TemporaryDirectory()
    case.addCleanup(folder.cleanup)
    path = Path(folder.name) / "model"
    shutil.copytree(MODEL, path)
    for name, members in changes.items():
        file = path / f"{name}.json"
        if members is None:
            file.unlink()
        else:
            file.write_text(json.dumps({**json.loads(file.read_text()), **members}))
    return path
