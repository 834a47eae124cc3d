"""Greedy decoding of a batch, in place of Transformers' own loop: rows end one by one, with their
log-probabilities, and logits that are no numbers are found.

Given to `generate` as `custom_generate`, so that masks, positions and cache are prepared by the
model's own code. Source of the steps: transformers 5.17, generation/utils.py, `_sample`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from .errors import BackendError
from .features import Features
from .guard import Guard
from .model import Row, Times, TokenChoice


class GreedyLoop:
    """`phase` is what it is doing: "prefill" (and "encode" within), then "decode"."""

    def __init__(
        self,
        rows: Sequence[Row],
        stops: frozenset[int],
        pad: int,
        guard: Guard,
        times: Times,
        features: Features,
        done: Callable[[Row], None],
    ) -> None:
        self._rows = rows
        self._stops = stops
        self._pad = pad
        self._guard = guard
        self._times = times
        self._features = features
        self._done = done
        self._open = [True] * len(rows)
        self._prefilling = True

    def phase(self) -> str:
        if self._features.encoding:
            return "encode"
        return "prefill" if self._prefilling else "decode"

    def run(
        self,
        model: Any,
        input_ids: torch.Tensor,
        logits_processor: Any = None,
        stopping_criteria: Any = None,
        generation_config: Any = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        begun = time.monotonic()
        outputs = model._prefill(input_ids, generation_config, kwargs)
        next_ids = self._take(outputs.logits[:, -1].float(), begun)
        while any(self._open):
            self._guard.check("decode")
            kwargs = model._update_model_kwargs_for_generation(
                outputs, kwargs, is_encoder_decoder=model.config.is_encoder_decoder
            )
            del outputs
            input_ids = torch.cat([input_ids, next_ids[:, None]], dim=-1)
            inputs = model.prepare_inputs_for_generation(
                input_ids, next_sequence_length=1 if kwargs["use_cache"] else None, **kwargs
            )
            outputs = model(**inputs, return_dict=True)
            next_ids = self._take(outputs.logits[:, -1].float(), begun)
        return input_ids

    def _take(self, logits: torch.Tensor, begun: float) -> torch.Tensor:
        """Logits of [B, V] -> the next ids [B]; rows that end are given away."""
        best = logits.argmax(dim=-1)
        # One transfer: the id, and the marks of a broken row.
        marks = torch.stack(
            [best, torch.isfinite(logits.amax(dim=-1)).long(), (logits != 0).any(dim=-1).long()]
        ).tolist()
        self._note_times(begun)
        choices = self._choices(logits, marks[0])
        for index, row in enumerate(self._rows):
            if not self._open[index]:
                best[index] = self._pad
                continue
            if not marks[1][index]:
                row.failure = BackendError("E-MODEL-NAN", "the model's logits are no numbers")
            elif not marks[2][index]:
                row.failure = BackendError("E-MODEL-ZERO", "the model's logits are all zero")
            else:
                row.tokens.append(marks[0][index])
                row.stopped = marks[0][index] in self._stops
                if index in choices:
                    row.choices.append(choices[index])
            if row.failure or row.stopped or len(row.tokens) >= row.max_tokens:
                self._open[index] = False
                self._done(row)
        self._prefilling = False
        return best

    def _choices(self, logits: torch.Tensor, best: list[int]) -> dict[int, TokenChoice]:
        wanted = [
            index
            for index, row in enumerate(self._rows)
            if self._open[index] and row.item.top_log_probs > 0
        ]
        if not wanted:
            return {}
        most = min(max(self._rows[i].item.top_log_probs for i in wanted), logits.shape[-1])
        log_probs = logits[wanted].log_softmax(dim=-1)
        top = log_probs.topk(most, dim=-1)
        values, ids = top.values.tolist(), top.indices.tolist()
        found = {}
        for place, index in enumerate(wanted):
            count = self._rows[index].item.top_log_probs
            pairs = list(zip(ids[place][:count], values[place][:count], strict=True))
            own = float(log_probs[place, best[index]])
            found[index] = TokenChoice(best[index], own, pairs)
        return found

    def _note_times(self, begun: float) -> None:
        took = time.monotonic() - begun
        self._times.encode = self._features.seconds
        if self._prefilling:
            self._times.prefill = took - self._features.seconds
        else:
            self._times.decode = took - self._features.seconds - self._times.prefill
