"""Which tokens end an answer: the union of all that the checkpoint declares, and the template's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .checkpoint import read_json
from .errors import InputError
from .messages import Message, Part
from .prompts import Prompter

_WORDS = "HEADROOMWORDS"


def _declared(folder: str) -> list[tuple[str, Any]]:
    path = Path(folder)
    config = read_json(path / "config.json")
    tables = [("config.json", config)]
    inner = config.get("text_config")
    if isinstance(inner, dict):
        tables.append(("config.json: text_config", inner))
    if (path / "generation_config.json").exists():
        tables.insert(0, ("generation_config.json", read_json(path / "generation_config.json")))
    return [(where, table.get("eos_token_id")) for where, table in tables]


def _turn_end(prompter: Prompter) -> int | None:
    """The special token after an assistant's words, if the template writes one."""
    conversation = [
        Message("user", [Part(text="HEADROOMQUESTION")]),
        Message("assistant", [Part(text=_WORDS)]),
    ]
    try:
        prompt = prompter.render(conversation, add_generation_prompt=False)
    except InputError:
        return None  # a template that takes no assistant's turn ends none
    _, found, rest = prompt.rpartition(_WORDS)
    if not found or not rest:
        return None
    tokenizer = prompter.tokenizer
    ids = tokenizer(rest, add_special_tokens=False)["input_ids"]
    if not ids or tokenizer.decode(ids[:1], skip_special_tokens=True):
        return None
    return int(ids[0])


def find_stops(folder: str, prompter: Prompter) -> tuple[frozenset[int], list[str]]:
    """The ids, and what was noticed."""
    tokenizer = prompter.tokenizer
    known = len(tokenizer)
    stops: set[int] = set()
    notices = []
    for where, ids in _declared(folder):
        for one in ids if isinstance(ids, list) else [ids]:
            if one is None:
                continue
            if isinstance(one, int) and 0 <= one < known:
                stops.add(one)
            else:
                notices.append(f"{where}: eos_token_id {one} is no token and was ignored")
    if tokenizer.eos_token_id is not None:
        stops.add(int(tokenizer.eos_token_id))
    end = _turn_end(prompter)
    if end is not None:
        stops.add(end)
    if not stops:
        notices.append(f"{folder}: nothing says which token ends an answer; each runs to its limit")
    return frozenset(stops), notices
