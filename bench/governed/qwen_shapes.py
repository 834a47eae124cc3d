"""Tensors and settings of the Qwen-VL families, for make_model.py; `o`: its options."""

# The three differ in the norms, matrices and further parts of their towers.
FAMILIES = {
    "qwen2_vl": {"architecture": "Qwen2VLForConditionalGeneration", "processor": "Qwen2VLProcessor",
                 "image_processor": "Qwen2VLImageProcessor", "image_size": 448, "patch": 14, "scale": 2},
    "qwen2_5_vl": {"architecture": "Qwen2_5_VLForConditionalGeneration", "processor": "Qwen2_5_VLProcessor",
                   "image_processor": "Qwen2VLImageProcessor", "image_size": 448, "patch": 14, "scale": 2},
    "qwen3_vl": {"architecture": "Qwen3VLForConditionalGeneration", "processor": "Qwen3VLProcessor",
                 "image_processor": "Qwen2VLImageProcessor", "image_size": 512, "patch": 16, "scale": 2},
}
POSITIONS = 48  # a side
MOST_PIXELS = 2007040


def deepstack(o):
    return list(range(min(3, o.vision_layers)))


def is_third(o):
    return o.family == "qwen3_vl"


def linear(name, out, wide):
    yield name + ".weight", (out, wide)
    yield name + ".bias", (out,)


def norm(o, name, wide):
    yield name + ".weight", (wide,)
    if o.family != "qwen2_5_vl":
        yield name + ".bias", (wide,)


def merger_tensors(o, name, after):
    inner = o.vision_hidden * o.scale**2
    first, second = ("linear_fc1", "linear_fc2") if is_third(o) else ("mlp.0", "mlp.2")
    yield from norm(o, name + ("norm" if is_third(o) else "ln_q"), inner if after else o.vision_hidden)
    yield from linear(name + first, inner, inner)
    yield from linear(name + second, o.hidden, inner)


def tower_tensors(o):
    wide, inner = o.vision_hidden, o.vision_intermediate
    tower = "model.visual." if is_third(o) else "visual."
    yield tower + "patch_embed.proj.weight", (wide, 3, 2, o.patch, o.patch)
    if is_third(o):
        yield tower + "patch_embed.proj.bias", (wide,)
        yield tower + "pos_embed.weight", (POSITIONS**2, wide)
    for i in range(o.vision_layers):
        block = f"{tower}blocks.{i}."
        yield from norm(o, block + "norm1", wide)
        yield from norm(o, block + "norm2", wide)
        yield from linear(block + "attn.qkv", 3 * wide, wide)
        yield from linear(block + "attn.proj", wide, wide)
        first, second = {"qwen2_vl": (["fc1"], "fc2"), "qwen3_vl": (["linear_fc1"], "linear_fc2"),
                         "qwen2_5_vl": (["gate_proj", "up_proj"], "down_proj")}[o.family]
        for part in first:
            yield from linear(f"{block}mlp.{part}", inner, wide)
        yield from linear(f"{block}mlp.{second}", wide, inner)
    yield from merger_tensors(o, tower + "merger.", False)
    if is_third(o):
        for i in range(len(deepstack(o))):
            yield from merger_tensors(o, f"{tower}deepstack_merger_list.{i}.", True)


def text_tensors(o):
    text = "model.language_model." if is_third(o) else "model."
    queries, keys = o.heads * o.head_dim, o.kv_heads * o.head_dim
    yield text + "embed_tokens.weight", (o.vocabulary, o.hidden)
    for i in range(o.layers):
        layer = f"{text}layers.{i}."
        yield layer + "input_layernorm.weight", (o.hidden,)
        yield layer + "post_attention_layernorm.weight", (o.hidden,)
        for part, rows in (("q", queries), ("k", keys), ("v", keys)):
            yield f"{layer}self_attn.{part}_proj.weight", (rows, o.hidden)
            if not is_third(o):
                yield f"{layer}self_attn.{part}_proj.bias", (rows,)
        if is_third(o):
            yield layer + "self_attn.q_norm.weight", (o.head_dim,)
            yield layer + "self_attn.k_norm.weight", (o.head_dim,)
        yield layer + "self_attn.o_proj.weight", (o.hidden, queries)
        yield layer + "mlp.gate_proj.weight", (o.intermediate, o.hidden)
        yield layer + "mlp.up_proj.weight", (o.intermediate, o.hidden)
        yield layer + "mlp.down_proj.weight", (o.hidden, o.intermediate)
    yield text + "norm.weight", (o.hidden,)
    if not o.tied:
        yield "lm_head.weight", (o.vocabulary, o.hidden)


def tensors(o):
    yield from tower_tensors(o)
    yield from text_tensors(o)


def sections(o):
    """A quarter of a head's frequencies turns by time, the rest by height and width."""
    third = o.head_dim // 2 * 3 // 8
    return [o.head_dim // 2 - 2 * third, third, third]


def config(o):
    vision = {"depth": o.vision_layers, "num_heads": o.vision_heads, "patch_size": o.patch, "in_channels": 3,
              "spatial_merge_size": o.scale, "temporal_patch_size": 2}
    if o.family == "qwen2_vl":
        vision |= {"embed_dim": o.vision_hidden, "hidden_size": o.hidden, "mlp_ratio": o.vision_intermediate // o.vision_hidden}
    else:
        vision |= {"hidden_size": o.vision_hidden, "out_hidden_size": o.hidden, "intermediate_size": o.vision_intermediate}
    if o.family == "qwen2_5_vl":
        vision |= {"window_size": 8 * o.patch, "fullatt_block_indexes": [o.vision_layers - 1]}
    if is_third(o):
        vision |= {"num_position_embeddings": POSITIONS**2, "deepstack_visual_indexes": deepstack(o)}
    rope = {"rope_type": "default", "mrope_section": sections(o)} | ({"mrope_interleaved": True} if is_third(o) else {})
    text = {"head_dim": o.head_dim, "hidden_act": "silu", "hidden_size": o.hidden, "intermediate_size": o.intermediate,
            "max_position_embeddings": o.context, "model_type": o.family + "_text", "num_attention_heads": o.heads,
            "num_hidden_layers": o.layers, "num_key_value_heads": o.kv_heads, "rms_norm_eps": 1e-6, "rope_theta": 1e6,
            "rope_scaling": rope, "vocab_size": o.vocabulary}
    return {"architectures": [FAMILIES[o.family]["architecture"]], "dtype": o.dtype, "model_type": o.family,
            "image_token_id": 4, "eos_token_id": 5, "text_config": text, "vision_config": vision, "tie_word_embeddings": o.tied}


def settings(o):
    """preprocessor_config.json and processor_config.json; the demo model's word for a picture's place."""
    family = FAMILIES[o.family]
    pictures = {"do_resize": True, "size": {"shortest_edge": 3136, "longest_edge": MOST_PIXELS}, "resample": 3,
                "patch_size": o.patch, "temporal_patch_size": 2, "merge_size": o.scale, "image_mean": [0.5] * 3,
                "image_std": [0.5] * 3, "image_processor_type": family["image_processor"], "processor_class": family["processor"]}
    return pictures, {"image_token": "<image>", "processor_class": family["processor"]}
