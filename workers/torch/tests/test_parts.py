"""Small parts: lines, guard, footprint."""

from __future__ import annotations

import json
import math
import unittest

from headroom_worker_torch import rpc
from headroom_worker_torch.errors import (
    BudgetError,
    Cancelled,
    DeadlineError,
    InputError,
    translated,
)
from headroom_worker_torch.footprint import Footprint
from headroom_worker_torch.group import outcome_of
from headroom_worker_torch.guard import Guard


class RpcTest(unittest.TestCase):
    def test_a_number_that_is_not_finite_is_null(self) -> None:
        line = rpc.notification_line("answer", {"a": [-math.inf, (1, math.nan)], "b": 0.5})
        self.assertEqual(json.loads(line)["params"], {"a": [None, [1, None]], "b": 0.5})

    def test_nesting_is_counted_outside_of_strings(self) -> None:
        self.assertEqual(rpc.parse(b'"' + b"[" * 1000 + b'"'), "[" * 1000)
        self.assertEqual(rpc.parse(b'["\\"[[", 1]'), ['"[[', 1])
        rpc.parse(b"[" * 64 + b"]" * 64)
        with self.assertRaises(InputError):
            rpc.parse(b"[" * 65 + b"]" * 65)

    def test_lone_surrogates_do_not_break_a_line(self) -> None:
        self.assertIn(b"?", rpc.notification_line("x", {"a": "\ud800"}))


class GuardTest(unittest.TestCase):
    def test_what_stops_a_group_is_typed(self) -> None:
        now = [0.0]
        stop = [False]
        held = [10]
        guard = Guard(
            cancelled=lambda: stop[0],
            deadline=5.0,
            memory=100,
            active=lambda: held[0],
            clock=lambda: now[0],
        )
        guard.check("prefill")
        held[0], now[0] = 101, 1.0
        with self.assertRaises(BudgetError):
            guard.check("prefill")
        held[0], now[0] = 0, 5.0
        with self.assertRaises(DeadlineError):
            guard.check("prefill")
        stop[0] = True
        with self.assertRaises(Cancelled):
            guard.check("prefill")

    def test_readings_come_at_most_twenty_times_a_second(self) -> None:
        now = [0.0]
        looks: list[str] = []
        guard = Guard(looked=looks.append, clock=lambda: now[0])
        for step in range(1000):
            now[0] = step / 1000
            guard.check("decode")
        self.assertEqual(len(looks), 20)


class OutcomeTest(unittest.TestCase):
    def test_each_kind_of_failure_has_its_outcome(self) -> None:
        cases = {
            "memory": [BudgetError("E-MEM-ENGINE", ""), InputError("E-IMG-MEMORY", "")],
            "image": [InputError("E-IMG-BROKEN", ""), InputError("E-PROMPT-IMAGES", "")],
            "timeout": [DeadlineError("")],
            "skipped": [Cancelled("")],
            "model": [InputError("E-CONTEXT", ""), translated(ValueError("x"))],
        }
        for outcome, errors in cases.items():
            for error in errors:
                self.assertEqual(outcome_of(error), outcome)


class FootprintTest(unittest.TestCase):
    def test_it_follows_what_the_process_holds(self) -> None:
        footprint = Footprint()
        footprint.reset_peak()
        before = footprint.now()
        if before is None:
            self.skipTest("this system's footprint is not read")
        block = bytearray(b"x") * (32 << 20)
        held = footprint.now()
        assert held is not None
        self.assertGreater(held - before, 30 << 20)
        del block
        peak = footprint.peak()
        assert peak is not None
        self.assertGreaterEqual(peak, held)
