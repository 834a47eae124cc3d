"""The worker's requests, over a host of models, a device and a decoder of pictures."""

from __future__ import annotations

import gc
import os
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, TypeVar

from .errors import BudgetError, InputError, UsageError, WorkerError, translated
from .footprint import Footprint, Heap
from .group import GroupAsker
from .guard import Guard
from .messages import PROTOCOL, AskRequest, LoadRequest, PlanRequest
from .model import Decoder, Device, Host, Model
from .readings import Readings
from .server import CancelToken, Send, log
from .shelf import Shelf

_Result = TypeVar("_Result")
_FATAL_STATUS = 71
_PHASES = ("encode", "prefill", "decode")  # that the contract names
_CYCLES = {"normal": 1, "aggressive": 3}


class TorchEngine:
    def __init__(
        self, host: Host, device: Device, decode: Decoder, footprint: Footprint, heap: Heap
    ) -> None:
        self._host = host
        self._device = device
        self._heap = heap
        self._readings = Readings(device, footprint)
        self._shelf = Shelf(decode)
        self._model: Model | None = None
        self._waited = 0.0
        gc.collect()
        gc.freeze()  # what the libraries made stays: later runs of the collector pass it over
        heap.trim()
        self._engine_bytes = footprint.now() or 0

    def hello(self) -> dict[str, Any]:
        return {
            "protocol": PROTOCOL,
            "engine": self._host.engine,
            "engine_version": self._host.version,
            "device": self._device.name,
            "default_dtype": self._device.default_dtype,
            "capabilities": ["batch", "logprobs", "prefix", "plan", "verify", "prepare"],
            "pid": os.getpid(),
            "reading": self._readings.take(),
        }

    def plan(self, request: PlanRequest) -> dict[str, Any]:
        return self._with_our_errors(lambda: self._host.plan(request, self._engine_bytes))

    def load(self, request: LoadRequest) -> dict[str, Any]:
        start = time.monotonic()
        self._drop()
        self._readings.reset_peaks()
        self._device.set_limit(request.memory_limit)
        now = request.now or datetime.now(timezone.utc)
        model = self._with_our_errors(lambda: self._host.load(request.model, request.dtype, now))
        self._model = model
        self._device.loaded(model.weights_bytes)
        for notice in model.notices:
            log(notice)
        return {
            "family": model.family,
            "dtype": model.dtype,
            "parameters": model.parameters,
            "weights_bytes": model.weights_bytes,
            "seconds": time.monotonic() - start,
            "notices": model.notices,
            "reading": self._readings.take(),
        }

    def prepare(self, request: AskRequest) -> None:
        if self._model is not None:
            self._shelf.prepare(request)

    def ask(
        self, request: AskRequest, answer: Send, reading: Send, cancel: CancelToken
    ) -> dict[str, Any]:
        model = self._loaded()
        start = time.monotonic()
        limits = request.limits
        self._device.set_limit(limits.memory)
        self._readings.reset_peaks()
        before = self._readings.take()
        counts = {"answered": 0, "failed": 0}

        def give(one: dict[str, Any]) -> None:
            counts["answered" if one["outcome"] == "answered" else "failed"] += 1
            answer({**one, "before": before, "after": self._readings.take()})

        guard = Guard(
            cancelled=cancel.cancelled,
            deadline=start + limits.deadline_seconds if limits.deadline_seconds > 0 else None,
            seconds=limits.deadline_seconds,
            memory=limits.memory,
            active=self._device.active,
            looked=lambda phase: reading(self._busy(request.group, phase)),
        )
        pictures = self._shelf.take(request)
        preprocess = time.monotonic() - start + self._waited
        self._waited = 0.0
        asker = GroupAsker(model, request, guard, self._translated, self._settle)
        asker.ask(pictures, preprocess, give)
        del pictures
        self._wait_ahead(guard)
        return {"group": request.group, **counts, "reading": self._readings.take()}

    def clean(self, level: str) -> dict[str, Any]:
        before = self._readings.take()
        self._clean(_CYCLES[level])
        return {"before": before, "after": self._readings.take()}

    def unload(self) -> dict[str, Any]:
        before = self._readings.take()
        self._drop()
        return {"before": before, "after": self._readings.take()}

    def verify(self, golden: str) -> dict[str, Any]:
        model = self._loaded()
        if not os.path.isfile(golden):
            raise InputError("E-GOLDEN", f"{golden}: no such file")
        return self._with_our_errors(lambda: model.verify(golden))

    def reading(self) -> dict[str, Any]:
        return self._readings.take()

    # ----

    def _busy(self, group: str, phase: str) -> dict[str, Any]:
        told = {"phase": phase} if phase in _PHASES else {}
        return {"group": group, **told, **self._readings.take()}

    def _loaded(self) -> Model:
        if self._model is None:
            raise UsageError("E-NOT-LOADED", "no model is loaded: send load first")
        return self._model

    def _drop(self) -> None:
        self._shelf.clear()
        if self._model is None:
            return
        live = self._model.live_weights()
        self._model = None
        self._clean(_CYCLES["aggressive"])
        self._device.unloaded(live())

    def _clean(self, cycles: int) -> None:
        for _ in range(cycles):
            if cycles > 1:
                self._device.synchronise()
            gc.collect()
            self._device.empty_cache()
            self._heap.trim()

    def _settle(self) -> None:
        """After a failed pass: what it held goes back, so that the next rung finds it free."""
        self._device.synchronise()
        self._clean(1)

    def _wait_ahead(self, guard: Guard) -> None:
        def stop() -> bool:
            try:
                guard.check("preprocess")
            except WorkerError:
                return True  # its answers are given
            return False

        start = time.monotonic()
        self._shelf.wait_ahead(stop)
        self._waited = time.monotonic() - start

    def _translated(self, error: BaseException) -> WorkerError:
        """Also lets go of what the frames of the exception hold. Does not return where only a new
        process can help: the supervisor starts one."""
        words = str(error)
        if self._host.is_fatal(error):
            log(f"{words}; the device gives only errors from now on: ending the process")
            os._exit(_FATAL_STATUS)
        out = self._host.is_out_of_memory(error)
        seen: BaseException | None = error
        while seen is not None:
            traceback.clear_frames(seen.__traceback__)
            seen.__traceback__ = None
            seen = seen.__cause__ or seen.__context__
        return BudgetError("E-MEM-ENGINE", words) if out else translated(error)

    def _with_our_errors(self, work: Callable[[], _Result]) -> _Result:
        failure: WorkerError | None = None
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - each is told as one of ours
            failure = self._translated(error)
        self._settle()
        raise failure
