"""A configuration's sizes, under the names that model families have for them."""

from __future__ import annotations

from typing import Any

from .errors import UsageError
from .geometry import TextSizes, VisionSizes

_DEFAULT_CONTEXT = 2048


def _first(config: Any, *names: str) -> int | None:
    for name in names:
        value = getattr(config, name, None)
        if isinstance(value, (list, tuple)):
            value = max((v for v in value if isinstance(v, int)), default=None)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _needed(config: Any, *names: str) -> int:
    value = _first(config, *names)
    if value is None:
        raise UsageError(
            "E-CONFIG",
            f"config.json: none of {', '.join(names)} is a positive number in the language model's "
            "table, so its memory cannot be planned",
        )
    return value


def text_sizes(config: Any, logits_of_all: bool) -> TextSizes:
    """Of `config.get_text_config()`."""
    hidden = _needed(config, "hidden_size", "n_embd", "d_model", "dim")
    heads = _needed(config, "num_attention_heads", "n_head", "n_heads", "num_heads")
    return TextSizes(
        hidden=hidden,
        inner=_first(config, "intermediate_size", "ffn_dim", "d_ff", "n_inner") or 4 * hidden,
        layers=_needed(config, "num_hidden_layers", "n_layer", "n_layers", "num_layers"),
        heads=heads,
        kv_heads=_first(config, "num_key_value_heads", "n_kv_heads") or heads,
        head=_first(config, "head_dim") or max(1, hidden // heads),
        vocabulary=_needed(config, "vocab_size"),
        context=_first(config, "max_position_embeddings", "n_positions", "max_seq_len")
        or _DEFAULT_CONTEXT,
        logits_of_all=logits_of_all,
    )


def vision_sizes(config: Any) -> VisionSizes | None:
    """Of the whole configuration; None: it tells no vision tower's sizes."""
    vision = getattr(config, "vision_config", None)
    if vision is None:
        return None
    width = _first(vision, "embed_dim", "hidden_size", "width", "dim")
    patch = _first(vision, "patch_size")
    if width is None or patch is None:
        return None
    ratio = getattr(vision, "mlp_ratio", None)
    inner = _first(vision, "intermediate_size")
    if inner is None:
        inner = int(width * ratio) if isinstance(ratio, (int, float)) else 4 * width
    channels = _first(vision, "num_channels", "in_channels", "in_chans") or 3
    frames = _first(vision, "temporal_patch_size") or 1
    return VisionSizes(
        hidden=width,
        inner=inner,
        heads=_first(vision, "num_attention_heads", "num_heads") or 1,
        patch_numbers=channels * patch * patch * frames,
    )
