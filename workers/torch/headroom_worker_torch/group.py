"""Asks one group: prompts, batches, answers, each item's exactly one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .errors import (
    BudgetError,
    Cancelled,
    DeadlineError,
    InputError,
    ResourceError,
    WorkerError,
    translated,
)
from .guard import Guard
from .messages import AskRequest, Item
from .model import Model, Picture, Row, Times

Give = Callable[[dict[str, Any]], None]


def outcome_of(error: WorkerError) -> str:
    if isinstance(error, BudgetError) or error.code == "E-IMG-MEMORY":
        return "memory"
    if isinstance(error, DeadlineError):
        return "timeout"
    if isinstance(error, Cancelled):
        return "skipped"
    if isinstance(error, (InputError, ResourceError)):
        picture = error.code.startswith("E-IMG") or error.code == "E-PROMPT-IMAGES"
        return "image" if picture else "model"
    return "model"


class GroupAsker:
    """`give` gets one answer for each item, without its readings."""

    def __init__(
        self,
        model: Model,
        request: AskRequest,
        guard: Guard,
        translate: Callable[[BaseException], WorkerError] = translated,
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        self._model = model
        self._request = request
        self._guard = guard
        self._translate = translate
        self._settle = settle
        self._preprocess = 0.0
        self._pictures: list[Picture] = []
        self._share = 1.0 / max(1, len(request.items))
        self._failed_before: list[tuple[int, WorkerError]] = []
        self._open: dict[int, Item] = {}

    def ask(self, pictures: list[Picture], preprocess: float, give: Give) -> None:
        start = time.monotonic()
        self._pictures = pictures
        self._give = give
        self._open = dict(enumerate(self._request.items))
        rows = []
        for index in list(self._open):
            row = self._prepared(index)
            if row is not None:
                rows.append((index, row))
        self._preprocess = preprocess + time.monotonic() - start
        for failed, error in self._failed_before:
            self._fail(failed, error)
        try:
            for batch in self._batches(rows):
                self._ask_batch(batch)
        finally:
            self._model.end_group()

    # ---- prompts

    def _prepared(self, index: int) -> Row | None:
        item = self._open[index]
        try:
            self._guard.check("preprocess")
            named = item.pictures()
            for picture in named:
                if picture >= len(self._pictures):
                    raise InputError(
                        "E-PROMPT-IMAGES",
                        f"the conversation names picture {picture}, the group has "
                        f"{len(self._pictures)}",
                    )
                failure = self._pictures[picture].failure
                if failure is not None:
                    raise failure
            return self._model.prepare(item, [self._pictures[p] for p in named])
        except Exception as error:  # noqa: BLE001 - it is this item's failure
            self._failed_before.append((index, self._translate(error)))
            return None

    # ---- batches

    def _batches(self, rows: Sequence[tuple[int, Row]]) -> Iterator[list[tuple[int, Row]]]:
        """Neighbours that look at the same pictures, as many as the limit lets."""
        most = self._request.limits.batch or len(rows)
        batch: list[tuple[int, Row]] = []
        for index, row in rows:
            same = batch and batch[0][1].item.pictures() == row.item.pictures()
            if batch and (not same or len(batch) >= most):
                yield batch
                batch = []
            batch.append((index, row))
        if batch:
            yield batch

    def _ask_batch(self, batch: list[tuple[int, Row]]) -> None:
        waiting = [(index, row) for index, row in batch if index in self._open]
        if not waiting:
            return
        places = {id(row): index for index, row in waiting}
        times = Times()
        size = len(waiting)
        failure: WorkerError | None = None
        try:
            self._guard.check("prefill")
            self._model.generate(
                [row for _, row in waiting],
                self._guard,
                times,
                lambda row: self._answer(places[id(row)], row, times, size),
                self._request.limits.release_vision,
            )
        except Exception as error:  # noqa: BLE001 - it is the items' failure
            failure = self._translate(error)
        if failure is None:
            return
        # The tensors of the broken pass are gone by now, with its exception.
        self._settle()
        rest = [(index, row) for index, row in waiting if index in self._open]
        if isinstance(failure, (BudgetError, DeadlineError, Cancelled)):
            for index in list(self._open):
                self._fail(index, failure)
        elif len(rest) > 1:
            for one in rest:
                _begin_again(one[1])
                self._ask_batch([one])
        else:
            for index, _ in rest:
                self._fail(index, failure)

    # ---- answers

    def _answer(self, index: int, row: Row, times: Times, size: int) -> None:
        if row.failure is not None:
            self._fail(index, self._translate(row.failure), row, times, size)
            return
        answer = self._begun(index, row, times, size)
        answer.update(
            outcome="answered",
            text=self._model.text(row),
            token_ids=row.tokens,
            stopped=row.stopped,
        )
        if row.choices:
            answer["log_probs"] = [
                {"token": c.token, "log_prob": c.log_prob, "top": [list(pair) for pair in c.top]}
                for c in row.choices
            ]
        self._hand_over(index, answer)

    def _fail(
        self,
        index: int,
        error: WorkerError,
        row: Row | None = None,
        times: Times | None = None,
        size: int = 1,
    ) -> None:
        answer = self._begun(index, row, times or Times(), size)
        answer.update(outcome=outcome_of(error), error=error.message, error_code=error.code)
        self._hand_over(index, answer)

    def _begun(self, index: int, row: Row | None, times: Times, size: int) -> dict[str, Any]:
        item = self._open[index]
        answer: dict[str, Any] = {"group": self._request.group, "id": item.id}
        used = [self._pictures[p] for p in item.pictures() if p < len(self._pictures)]
        answer["picture_hashes"] = list(dict.fromkeys(p.hash for p in used if p.hash))
        answer["notices"] = list(dict.fromkeys(n for p in used for n in p.notices))
        answer["seconds"] = {
            "preprocess": self._preprocess * self._share,
            "encode": times.encode / size,
            "prefill": times.prefill / size,
            "decode": times.decode / size,
        }
        if self._request.limits.release_vision and self._model.can_release_vision():
            answer["rung"] = "vision tower released"
        if row is not None:
            answer.update(
                prompt_tokens=len(row.input_ids),
                prefilled_tokens=len(row.input_ids),
                image_tokens=row.image_tokens,
            )
            if item.want_prompt:
                answer.update(prompt=row.prompt, input_ids=row.input_ids)
        return answer

    def _hand_over(self, index: int, answer: dict[str, Any]) -> None:
        del self._open[index]
        self._give(answer)


def _begin_again(row: Row) -> None:
    row.tokens = []
    row.choices = []
    row.stopped = False
    row.failure = None
