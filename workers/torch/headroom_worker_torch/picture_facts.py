"""What a processor makes of a picture of some size: tokens, tiles, bytes."""

from __future__ import annotations

from PIL import Image

from .geometry import PictureFacts
from .messages import Item, Message, Part
from .model import Picture
from .picture_files import limited_sides
from .prompts import Prompter

# Beyond these a picture is not made to be measured: processors bound their own sizes far below.
_LARGEST_SIDE = 2048
# So many sizes are measured as they are; more are rounded up to steps, which many share.
_EXACT = 128
_STEP = 64


class PictureMeasure:
    """Runs the model's own processor on an empty picture of each size, once."""

    def __init__(self, prompter: Prompter) -> None:
        self._prompter = prompter
        self._known: dict[tuple[int, int], PictureFacts] = {}
        self._text: int | None = None

    def of(self, width: int, height: int) -> PictureFacts:
        sides = limited_sides(width, height, _LARGEST_SIDE)
        if len(self._known) >= _EXACT:
            sides = (_rounded(sides[0]), _rounded(sides[1]))
        found = self._known.get(sides)
        if found is None:
            found = self._known[sides] = self._measured(sides)
        return found

    def _measured(self, sides: tuple[int, int]) -> PictureFacts:
        row = self._prompter.row(_asked(True), [Picture(pixels=Image.new("RGB", sides))])
        self._prompter.forget()
        if self._text is None:
            self._text = self._tokens_of_text()
        pixels = [v for key, v in row.inputs.items() if key.startswith("pixel_")]
        values = row.inputs.get("pixel_values")
        tiles = 1
        if values is not None and values.dim() >= 4:
            # [1, T, C, H, W], or [T, C, H, W].
            tiles = int(values.shape[1] if values.dim() == 5 else values.shape[0])
        return PictureFacts(
            tokens=max(row.image_tokens, len(row.input_ids) - self._text),
            features=row.image_tokens or len(row.input_ids) - self._text,
            tiles=tiles,
            pixel_bytes=sum(v.numel() * v.element_size() for v in pixels),
        )

    def _tokens_of_text(self) -> int:
        try:
            return len(self._prompter.row(_asked(False), []).input_ids)
        except Exception:  # noqa: BLE001 - a model that takes no question without a picture
            return 0


def _asked(picture: bool) -> Item:
    parts = [Part(image=0)] if picture else []
    return Item("plan", [Message("user", [*parts, Part(text="?")])], max_tokens=1)


def _rounded(side: int) -> int:
    return (side + _STEP - 1) // _STEP * _STEP if side > _STEP else side
