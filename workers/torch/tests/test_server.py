"""The worker as a process, over the fake engine: lines in, lines out."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from .fake import model_folder

WORKER = Path(__file__).with_name("fake_worker.py")


class Worker:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._id = 0
        self.notifications: list[dict[str, Any]] = []

    def send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def read(self) -> dict[str, Any]:
        """The next response; notifications are kept."""
        assert self._process.stdout is not None
        while True:
            line = self._process.stdout.readline()
            if not line:
                raise EOFError("the worker closed its output")
            message = json.loads(line)
            if "method" not in message:
                return message
            self.notifications.append(message)

    def await_answer(self) -> None:
        """Reads until a group has answered one of its items."""
        assert self._process.stdout is not None
        while not self.answers():
            message = json.loads(self._process.stdout.readline())
            assert "method" in message, message
            self.notifications.append(message)

    def begin(self, method: str, **params: Any) -> int:
        self._id += 1
        request = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        self.send(json.dumps(request).encode())
        return self._id

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        asked = self.begin(method, **params)
        while (message := self.read())["id"] != asked:
            pass
        return message

    def answers(self) -> list[dict[str, Any]]:
        return [n["params"] for n in self.notifications if n["method"] == "answer"]

    def end(self) -> int:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.read()
        status = self._process.wait(timeout=30)
        self._process.stdout.close()
        return status


def group(name: str, items: int, **more: Any) -> dict[str, Any]:
    asked = [
        {
            "id": f"{name}-{i}",
            "conversation": [{"role": "user", "parts": [{"text": f"question {i}"}]}],
            "max_tokens": 8,
        }
        for i in range(items)
    ]
    return {"group": name, "items": asked, **more}


class ServerTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.model = model_folder(folder.name)
        self.worker = Worker()
        self.addCleanup(self.worker.end)

    def error_of(self, message: dict[str, Any]) -> tuple[int, str, str]:
        error = message["error"]
        return error["code"], error["data"]["kind"], error["data"]["code"]

    def test_no_input_ends_it(self) -> None:
        broken = [b"no JSON", b'{"jsonrpc":', b"\xff\xfe", b"NaN", b"[" * 100_000]
        for line in broken:
            self.worker.send(line)
            self.assertEqual(self.worker.read()["error"]["code"], -32700, line[:20])
        for line in (b"[]", b"7", b"{}", b'{"id":true,"method":"hello"}', b'{"id":1,"method":3}'):
            self.worker.send(line)
            self.assertEqual(self.worker.read()["error"]["code"], -32600, line)
        self.assertEqual(self.error_of(self.worker.call("dance"))[0], -32601)
        self.assertEqual(self.worker.call("hello", a_later_key=1)["result"]["protocol"], 1)

    def test_wrong_parameters_are_named(self) -> None:
        wrong = {
            "load.model": ("load", {"model": 5}),
            "load.now": ("load", {"model": "x", "now": "yesterday"}),
            "plan.pictures[0].width": ("plan", {"model": "x", "pictures": [{"width": -1}]}),
            "ask.items[0].conversation": ("ask", {"group": "g", "items": [{"id": "a"}]}),
            "ask.limits.kv_bits": ("ask", {"group": "g", "limits": {"kv_bits": 5}}),
            "ask.limits.batch": ("ask", {"group": "g", "limits": {"batch": 1.5}}),
            "clean.level": ("clean", {"level": "deep"}),
            "verify.golden": ("verify", {}),
        }
        for path, (method, params) in wrong.items():
            message = self.worker.call(method, **params)
            self.assertEqual(self.error_of(message), (-32602, "input", "E-CONTRACT"), path)
            self.assertIn(path, message["error"]["message"])

    def test_a_part_is_either_a_text_or_a_picture(self) -> None:
        for part in ({}, {"text": "a", "image": 0}, {"image": "0"}):
            item = {"id": "a", "conversation": [{"role": "user", "parts": [part]}]}
            message = self.worker.call("ask", group="g", items=[item])
            self.assertEqual(message["error"]["code"], -32602, part)

    def test_nothing_but_messages_is_on_its_output(self) -> None:
        self.worker.call("load", model=self.model)
        asked = group("g", 2, pictures=[{"path": str(WORKER), "name": "a"}])
        for item in asked["items"]:
            item["conversation"][0]["parts"].insert(0, {"image": 0})
        self.worker.call("ask", **asked)  # the decoder prints
        self.assertEqual([a["outcome"] for a in self.worker.answers()], ["answered"] * 2)

    def test_a_path_that_is_not_utf8_arrives(self) -> None:
        self.worker.call("load", model=self.model)
        asked = group("g", 1, pictures=[{"path_base64": "L25vL/8ucG5n", "name": "x"}])
        asked["items"][0]["conversation"][0]["parts"].append({"image": 0})
        self.worker.call("ask", **asked)
        self.assertEqual(self.worker.answers()[0]["error_code"], "E-IMG-MISSING")

    def test_a_cancel_stops_what_runs_and_what_waits(self) -> None:
        self.worker.call("load", model=self.model)
        first = self.worker.begin("ask", **group("long", 500))
        second = self.worker.begin("ask", **group("later", 500))
        self.worker.await_answer()  # else the cancel can come before the first has begun
        counted = self.worker.begin("cancel")
        found = {}
        while len(found) < 3:
            message = self.worker.read()
            found[message["id"]] = message
        self.assertEqual(found[counted]["result"]["cancelled"], 2)
        outcomes = {a["outcome"] for a in self.worker.answers()}
        self.assertLessEqual(outcomes, {"answered", "skipped"})
        self.assertEqual(self.error_of(found[second])[1], "cancelled")
        self.assertIn("result", found[first])

    def test_the_end_of_its_input_is_its_end_while_it_asks(self) -> None:
        worker = Worker()
        worker.call("load", model=self.model)
        worker.begin("ask", **group("long", 5000))
        self.assertEqual(worker.end(), 0)

    def test_a_line_beyond_the_limit_is_refused_and_the_next_is_read(self) -> None:
        self.worker.send(b"x" * ((64 << 20) + 1))
        self.assertEqual(self.worker.read()["error"]["code"], -32700)
        self.assertIn("result", self.worker.call("hello"))
