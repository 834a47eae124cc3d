"""Prompts of a group: template, tokens, and the pictures' tensors, made once for each set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import torch
from transformers import BatchFeature
from transformers.utils.chat_template_utils import render_jinja_template

from .errors import InputError
from .messages import Item, Message
from .model import Picture, Row


class OnceForEachSet:
    """Stands in for a processor's image processor and remembers its last result: the questions of
    a group look at the same pictures."""

    def __init__(self, image_processor: Any) -> None:
        self._inner = image_processor
        self._key: tuple[int, ...] | None = None
        self._held: list[Any] = []
        self._arguments = ""
        self._result: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, images: Any = None, *args: Any, **kwargs: Any) -> Any:
        flat = list(_flat(images))
        key = tuple(id(image) for image in flat)
        arguments = repr((args, sorted(kwargs.items())))
        if key != self._key or arguments != self._arguments:
            self.forget()
            self._result = dict(self._inner(images, *args, **kwargs))
            self._key, self._held, self._arguments = key, flat, arguments
        return BatchFeature(dict(self._result))

    def forget(self) -> None:
        self._key, self._held, self._result = None, [], {}


def _flat(images: Any) -> Any:
    if isinstance(images, (list, tuple)):
        for image in images:
            yield from _flat(image)
    else:
        yield images


def _content(message: Message) -> list[dict[str, str]]:
    return [
        {"type": "image"} if part.text is None else {"type": "text", "text": part.text}
        for part in message.parts
    ]


class NoPrompts:
    """Of a folder that holds weights alone: it can be verified, and not be asked."""

    class tokenizer:  # noqa: N801 - in a tokenizer's place
        pad_token_id = None

    processor = None

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def row(self, item: Item, pictures: Sequence[Picture]) -> Row:
        raise InputError(
            "E-PROCESSOR",
            f"{self._folder}: holds neither tokenizer nor processor: it can only be verified",
        )

    def forget(self) -> None:
        """It keeps nothing."""


class Prompter:
    def __init__(self, processor: Any, image_token_id: int | None, context: int, now: datetime):
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self._image_token_id = image_token_id
        self._context = context
        self._now = now
        self._once: OnceForEachSet | None = None
        if getattr(processor, "image_processor", None) is not None:
            self._once = OnceForEachSet(processor.image_processor)

    def render(self, conversation: Sequence[Message], add_generation_prompt: bool = True) -> str:
        """Throws InputError with the template's own words."""
        template = self.processor.chat_template
        if isinstance(template, dict):
            if "default" not in template:
                raise InputError(
                    "E-TEMPLATE-RENDER", f"templates {', '.join(template)}: none is called default"
                )
            template = template["default"]
        messages = [{"role": m.role, "content": _content(m)} for m in conversation]
        try:
            rendered: Any = render_jinja_template(
                conversations=[messages],
                chat_template=template,
                add_generation_prompt=add_generation_prompt,
                strftime_now=self._now.strftime,
                **self.tokenizer.special_tokens_map,
            )
        except Exception as error:  # noqa: BLE001 - templates raise what they like
            raised = type(error).__name__ == "TemplateError"
            code = "E-TEMPLATE-RAISED" if raised else "E-TEMPLATE-RENDER"
            raise InputError(code, f"the chat template: {error}") from None
        return str(rendered[0][0])

    def row(self, item: Item, pictures: Sequence[Picture]) -> Row:
        prompt = self.render(item.conversation)
        self._check_places(prompt, len(pictures))
        inputs = self._processed(prompt, [picture.pixels for picture in pictures])
        ids = inputs["input_ids"][0].tolist()
        if not ids:
            raise InputError("E-TEMPLATE-RENDER", "the prompt is empty")
        images = ids.count(self._image_token_id) if self._image_token_id is not None else 0
        if len(ids) >= self._context:
            by_text = images == 0 or len(ids) - images >= self._context
            advice = (
                "the text alone is too long: shorten the question"
                if by_text
                else "shorten the question, or reduce the picture with --max-image-side"
            )
            raise InputError(
                "E-CONTEXT",
                f"the prompt has {len(ids)} tokens, {images} of them image tokens; the model takes "
                f"{self._context}: {advice}",
            )
        most = min(max(item.max_tokens, 1), self._context - len(ids))
        return Row(item, prompt, ids, images, most, inputs)

    def forget(self) -> None:
        if self._once is not None:
            self._once.forget()

    def _check_places(self, prompt: str, pictures: int) -> None:
        """A question may hold the very word that stands for a picture."""
        token = getattr(self.processor, "image_token", None)
        if not isinstance(token, str) or not token:
            return
        places = len(re.findall(re.escape(token), prompt))
        if places != pictures:
            raise InputError(
                "E-PROMPT-IMAGES",
                f"the prompt holds {places} places for pictures ({token}), the question has "
                f"{pictures} pictures",
            )

    def _processed(self, prompt: str, images: list[Any]) -> dict[str, torch.Tensor]:
        arguments: dict[str, Any] = {"text": [prompt], "return_tensors": "pt"}
        if images:
            arguments["images"] = [images]
        bos = self.tokenizer.bos_token
        if bos is not None and prompt.startswith(bos):
            arguments["add_special_tokens"] = False  # the template wrote it
        real = getattr(self.processor, "image_processor", None)
        try:
            if self._once is not None:
                # Set beside the processor's own check of types.
                self.processor.__dict__["image_processor"] = self._once
            made = self.processor(**arguments)
        finally:
            if self._once is not None:
                self.processor.__dict__["image_processor"] = real
        return {key: value for key, value in made.items() if isinstance(value, torch.Tensor)}
