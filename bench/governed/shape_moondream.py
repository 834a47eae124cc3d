"""Moondream 2 for make_model.py: what its files hold. It has no processor's settings."""

FAMILY = {"architecture": "HfMoondream", "processor": "", "image_processor": "", "image_size": 378, "patch": 14, "scale": 1}
TEMPLATE = False  # the family's own: it has none
SETTINGS = None


def block(place, norms, wide, inner):
    for name, shape in (("attn.qkv", (3 * wide, wide)), ("attn.proj", (wide, wide)), ("mlp.fc1", (inner, wide)),
                        ("mlp.fc2", (wide, inner)), *((norm, (wide,)) for norm in norms)):
        yield f"{place}{name}.weight", shape
        yield f"{place}{name}.bias", shape[:1]


def tensors(o):
    grid, wide = o.image_size // o.patch, o.vision_hidden
    for name, shape in (("vision.patch_emb", (wide, 3 * o.patch**2)), ("vision.post_ln", (wide,)),
                        ("vision.proj_mlp.fc1", (4 * o.hidden, 2 * wide)), ("vision.proj_mlp.fc2", (o.hidden, 4 * o.hidden)),
                        ("text.post_ln", (o.hidden,)), ("text.lm_head", (o.vocabulary, o.hidden))):
        yield f"model.{name}.weight", shape
        yield f"model.{name}.bias", shape[:1]
    yield "model.vision.pos_emb", (1, grid * grid, wide)
    yield "model.text.wte", (o.vocabulary, o.hidden)
    for i in range(o.vision_layers):
        yield from block(f"model.vision.blocks.{i}.", ("ln1", "ln2"), wide, o.vision_intermediate)
    for i in range(o.layers):
        yield from block(f"model.text.blocks.{i}.", ("ln",), o.hidden, o.intermediate)


def config(o):
    return {
        "architectures": [FAMILY["architecture"]], "model_type": "moondream1", "dtype": o.dtype,
        "config": {
            "text": {"dim": o.hidden, "ff_dim": o.intermediate, "n_layers": o.layers, "vocab_size": o.vocabulary,
                     "max_context": o.context, "n_heads": o.heads, "n_kv_heads": o.heads,
                     "prefix_attn": 1 + (o.image_size // o.patch)**2},
            "vision": {"enc_dim": o.vision_hidden, "enc_ff_dim": o.vision_intermediate, "enc_n_heads": o.vision_heads,
                       "enc_n_layers": o.vision_layers, "enc_patch_size": o.patch, "crop_size": o.image_size,
                       "proj_inner_dim": 4 * o.hidden, "proj_out_dim": o.hidden},
            "tokenizer": {"templates": {"query": {"prefix": [1, 7, 2], "suffix": [3]}}}}}
