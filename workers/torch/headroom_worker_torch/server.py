"""Answers the contract's messages with an engine: one thread reads, the calling thread works."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from . import messages, rpc
from .errors import Cancelled, InputError, UsageError, WorkerError, translated

STUCK_STATUS = 70
MAX_WAITING = 1024


class CancelToken:
    """Set by the reading thread; looked at between layers and tokens."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    def cancelled(self) -> bool:
        return self._event.is_set()


Send = Callable[[dict[str, Any]], None]


class Engine(Protocol):
    """What a worker does. All calls come from one thread, except `prepare`."""

    def hello(self) -> dict[str, Any]: ...
    def plan(self, request: messages.PlanRequest) -> dict[str, Any]: ...
    def load(self, request: messages.LoadRequest) -> dict[str, Any]: ...
    def prepare(self, request: messages.AskRequest) -> None: ...
    def ask(
        self, request: messages.AskRequest, answer: Send, reading: Send, cancel: CancelToken
    ) -> dict[str, Any]: ...
    def clean(self, level: str) -> dict[str, Any]: ...
    def unload(self) -> dict[str, Any]: ...
    def verify(self, golden: str) -> dict[str, Any]: ...
    def reading(self) -> dict[str, Any]: ...


class _Request:
    def __init__(self, request_id: Any, method: str, params: Any) -> None:
        self.id = request_id
        self.method = method
        self.params = params
        # From when it is read, so that no cancel comes too early for it.
        self.token = CancelToken() if method == "ask" else None

    def group(self) -> Any:
        return self.params.get("group") if isinstance(self.params, dict) else None


def log(text: str) -> None:
    print(f"headroom-worker-torch: {text}", file=sys.stderr, flush=True)


class Server:
    """`serve` returns 0 after the end of input or of output. No input ends it."""

    def __init__(self, engine: Engine, source: int, sink: int, end_grace: float = 10.0) -> None:
        self._engine = engine
        self._source = source
        self._sink = sink
        self._end_grace = end_grace
        self._writing = threading.Lock()
        self._changed = threading.Condition()
        self._waiting: deque[_Request] = deque()
        self._running: _Request | None = None
        self._ended = False  # no more input
        self._broken = False  # no more output
        self._finished = threading.Event()

    def serve(self) -> int:
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        while (request := self._next()) is not None:
            self._answer(request)
        self._finished.set()
        return 0

    # ---- the reading thread

    def _read(self) -> None:
        try:
            self._read_lines()
        except Exception as error:  # noqa: BLE001 - whatever it is, the input is over
            log(f"input: {error}")
        self._cancel(None)
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if not self._finished.wait(self._end_grace):
            log(
                f"the engine did not come back within {self._end_grace:.1f} s after the end of "
                "input: ending the process"
            )
            os._exit(STUCK_STATUS)

    def _read_lines(self) -> None:
        pending = bytearray()
        dropping = False
        while chunk := os.read(self._source, 1 << 16):
            begin = 0
            while (end := chunk.find(b"\n", begin)) >= 0:
                pending += chunk[begin:end]
                begin = end + 1
                if dropping or len(pending) > rpc.MAX_LINE:
                    self._refuse(
                        None, rpc.PARSE, f"a line is longer than the limit of {rpc.MAX_LINE} bytes"
                    )
                elif line := bytes(pending).strip(b"\r"):
                    self._receive(line)
                pending.clear()
                dropping = False
            pending += chunk[begin:]
            if len(pending) > rpc.MAX_LINE:
                dropping = True
                pending.clear()

    def _receive(self, line: bytes) -> None:
        try:
            message = rpc.parse(line)
        except InputError as error:
            self._send(rpc.error_line(None, rpc.PARSE, error))
            return
        if not isinstance(message, dict):
            self._refuse(None, rpc.INVALID_REQUEST, "a message must be a JSON object")
            return
        request_id = message.get("id")
        if isinstance(request_id, bool) or not isinstance(
            request_id, (int, float, str, type(None))
        ):
            self._refuse(None, rpc.INVALID_REQUEST, "an 'id' must be a number or a text")
            return
        method = message.get("method")
        if not isinstance(method, str):
            self._refuse(
                request_id, rpc.INVALID_REQUEST, "a request needs a 'method' that is a text"
            )
            return
        params = message.get("params")
        self._dispatch(_Request(request_id, method, {} if params is None else params))

    def _dispatch(self, request: _Request) -> None:
        if request.method == "cancel":
            group = request.group()
            count = self._cancel(group if isinstance(group, str) and group else None)
            if request.id is not None:
                self._send(rpc.result_line(request.id, {"cancelled": count}))
        elif request.method == "prepare":
            try:
                self._engine.prepare(messages.ask_request(request.params))
            except Exception as error:  # noqa: BLE001 - the ask meets the same trouble
                log(f"prepare: {error}")
            if request.id is not None:
                self._send(rpc.result_line(request.id, {}))
        elif request.id is None:
            log(f"'{request.method[:80]}' came as a notification and was passed over")
        else:
            self._enqueue(request)

    def _enqueue(self, request: _Request) -> None:
        with self._changed:
            if len(self._waiting) < MAX_WAITING:
                self._waiting.append(request)
                self._changed.notify_all()
                return
        self._refuse(
            request.id,
            rpc.INVALID_REQUEST,
            f"{MAX_WAITING} requests are waiting already; read the answers first",
        )

    def _cancel(self, group: str | None) -> int:
        """Cancels the asks of one group, or all, running and waiting; returns how many."""
        count = 0
        with self._changed:
            running = [] if self._running is None else [self._running]
            for request in [*running, *self._waiting]:
                if request.token is not None and group in (None, request.group()):
                    request.token.cancel()
                    count += 1
        return count

    # ---- the engine's thread

    def _next(self) -> _Request | None:
        with self._changed:
            self._running = None
            self._changed.wait_for(lambda: self._ended or self._broken or self._waiting)
            if self._broken or not self._waiting:
                return None
            self._running = self._waiting.popleft()
            return self._running

    def _answer(self, request: _Request) -> None:
        try:
            line = rpc.result_line(request.id, self._call(request))
            if len(line) > rpc.MAX_LINE:
                raise WorkerError(
                    "E-INTERNAL",
                    f"the result of '{request.method}' has {len(line)} bytes, a line holds "
                    f"{rpc.MAX_LINE}",
                )
        except Exception as error:  # noqa: BLE001 - every error is answered
            known = translated(error)
            code = {"E-CONTRACT-METHOD": rpc.UNKNOWN_METHOD, "E-CONTRACT": rpc.INVALID_PARAMS}
            if known.code == "E-INTERNAL":
                log(f"{request.method}: {known.message}")
            line = rpc.error_line(request.id, code.get(known.code, rpc.FAILED), known)
        self._send(line)

    def _call(self, request: _Request) -> dict[str, Any]:
        engine, params = self._engine, request.params
        if request.method == "hello":
            return engine.hello()
        if request.method == "plan":
            return engine.plan(messages.plan_request(params))
        if request.method == "reading":
            return engine.reading()
        if request.method == "clean":
            return engine.clean(messages.clean_level(params))
        if request.method == "unload":
            return engine.unload()
        if request.method == "load":
            self._refuse_after_end()
            return engine.load(messages.load_request(params))
        if request.method == "verify":
            self._refuse_after_end()
            return engine.verify(messages.verify_request(params))
        if request.method == "ask":
            return self._ask(request)
        raise UsageError(
            "E-CONTRACT-METHOD",
            f"'{request.method[:80]}' is no method of contract {messages.PROTOCOL}",
        )

    def _ask(self, request: _Request) -> dict[str, Any]:
        asked = messages.ask_request(request.params)
        token = request.token
        assert token is not None
        if token.cancelled():
            raise Cancelled(f"group '{asked.group}' was cancelled before it began")
        return self._engine.ask(
            asked,
            lambda answer: self._give(answer, token),
            lambda reading: self._notify("reading", reading),
            token,
        )

    def _give(self, answer: dict[str, Any], token: CancelToken) -> None:
        line = rpc.notification_line("answer", answer)
        if len(line) > rpc.MAX_LINE:
            failed = {key: answer[key] for key in ("group", "id")}
            failed.update(
                outcome="model",
                error_code="E-CONTRACT",
                error=f"the answer has {len(line)} bytes, a line holds {rpc.MAX_LINE}; ask for "
                "fewer log-probabilities or tokens",
            )
            line = rpc.notification_line("answer", failed)
        if not self._send(line):
            token.cancel()

    def _refuse_after_end(self) -> None:
        with self._changed:
            if self._ended:
                raise Cancelled("the input has ended")

    # ---- both

    def _notify(self, method: str, params: dict[str, Any]) -> None:
        self._send(rpc.notification_line(method, params))

    def _refuse(self, request_id: Any, code: int, message: str) -> None:
        self._send(rpc.error_line(request_id, code, InputError("E-CONTRACT", message)))

    def _send(self, line: bytes) -> bool:
        """Lines go out whole and one at a time. False, from then on, when nobody reads."""
        with self._writing:
            if self._broken:
                return False
            try:
                view = memoryview(line)
                while view:
                    view = view[os.write(self._sink, view) :]
                return True
            except OSError:
                self._broken = True
        self._cancel(None)
        with self._changed:
            self._changed.notify_all()
        return False
