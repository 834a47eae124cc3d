"""The memory arithmetic of a model that is only known by its sizes, from above.

Every figure is an upper estimate: which intermediate results a foreign model keeps is not known, so
each layer is taken to hold what the plainest implementation of a pre-norm transformer layer holds
at its worst moment (residual, norm, queries, keys, values with their rotated copies and, with fewer
key heads, the repeated ones, attention's result; then the gated feed-forward's three wide
results). Source of the terms: transformers 5.17, models/llama/modeling_llama.py (decoder layer),
models/siglip/modeling_siglip.py (vision layer), integrations/sdpa_attention.py (repeat_kv, no
scores), cache_utils.py (DynamicLayer.update joins old and new by a copy).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TextSizes:
    hidden: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    context: int
    logits_of_all: bool = False  # no logits_to_keep: the first pass makes every token's


@dataclass(frozen=True)
class VisionSizes:
    hidden: int
    inner: int
    heads: int
    patch_numbers: int  # of the pixels of one patch, channels included


@dataclass(frozen=True)
class PictureFacts:
    """What the model's own processor makes of a picture."""

    tokens: int  # positions in the prompt
    features: int  # of them, image tokens
    tiles: int
    pixel_bytes: int  # of the processor's tensors


def kv_per_token(text: TextSizes, item: int) -> int:
    """All layers', and what one layer holds beside them while it joins old and new and repeats its
    keys for every query head."""
    one_layer = 2 * text.kv_heads * text.head
    repeated = 0 if text.heads == text.kv_heads else 2 * text.heads * text.head
    return (text.layers * one_layer + one_layer + repeated) * item


def prefill_per_token(text: TextSizes, item: int) -> int:
    queries = text.heads * text.head
    keys = text.kv_heads * text.head
    attention = 5 * text.hidden + 5 * queries + 6 * keys
    mlp = 3 * text.hidden + 4 * text.inner
    logits = text.vocabulary * (item + 4) if text.logits_of_all else 0
    return max(attention, mlp) * item + logits


def scores_per_pair(heads: int, item: int, materialised: bool) -> int:
    """The mask in bool and in numbers; the scores of all heads in float32 and in the model's dtype
    only where attention is not fused."""
    return 1 + item + (heads * (4 + item) if materialised else 0)


def encode_bytes(
    vision: VisionSizes | None,
    text: TextSizes,
    facts: PictureFacts,
    item: int,
    materialised: bool,
) -> int:
    pixels = facts.pixel_bytes + facts.pixel_bytes * item // 4
    projected = 3 * facts.features * text.hidden * item
    if vision is None:
        return pixels + projected
    patches = max(1, facts.pixel_bytes // 4 // max(1, vision.patch_numbers))
    embedding = 2 * vision.patch_numbers + 3 * vision.hidden
    attention = 10 * vision.hidden
    mlp = 3 * vision.hidden + 3 * vision.inner
    layers = max(embedding, attention, mlp) * patches * item
    if materialised:
        tile = max(1, patches // max(1, facts.tiles))
        layers += scores_per_pair(vision.heads, item, True) * tile * tile * max(1, facts.tiles)
    return pixels + layers + projected


def picture_cost(
    asked: tuple[int, int],
    sides: tuple[int, int],
    decode_bytes: int,
    facts: PictureFacts,
    vision: VisionSizes | None,
    text: TextSizes,
    item: int,
    materialised: bool,
) -> dict[str, int]:
    """Pillow holds four bytes a pixel: of the file's picture twice (as read, as turned), beside the
    smaller one; the processor then copies it as numbers some times."""
    whole = asked[0] * asked[1]
    reduced = sides[0] * sides[1]
    kept = max(4 * reduced, facts.pixel_bytes)
    decode = max(decode_bytes, 8 * whole + 4 * reduced, 4 * reduced + 4 * facts.pixel_bytes)
    return {
        "width": asked[0],
        "height": asked[1],
        "tiles": facts.tiles,
        "tokens": facts.tokens,
        "decode_bytes": max(decode, kept),
        "pixels_bytes": kept,
        "encode_bytes": encode_bytes(vision, text, facts, item, materialised),
        "features_bytes": 2 * facts.features * text.hidden * item,
    }


def text_figures(text: TextSizes, item: int, materialised: bool) -> dict[str, Any]:
    return {
        "kv_per_token_bytes": kv_per_token(text, item),
        "prefill_per_token_bytes": prefill_per_token(text, item),
        "scores_per_token_pair_bytes": scores_per_pair(text.heads, item, materialised),
        # As the model gives them, in float32, and their log-probabilities.
        "logits_per_row_bytes": text.vocabulary * (item + 8),
        "context_tokens": text.context,
        # Each sequence has a prefix of its own, and a pass takes it whole.
        "shares_prefix": False,
        "prefills_in_chunks": False,
    }
