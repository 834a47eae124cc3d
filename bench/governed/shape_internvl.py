"""InternVL 3 for make_model.py: what its files hold."""

FAMILY = {"architecture": "InternVLForConditionalGeneration", "processor": "InternVLProcessor",
          "image_processor": "GotOcr2ImageProcessor", "image_size": 448, "patch": 14, "scale": 2}
TEMPLATE = True
SETTINGS = {"size": {"height": 448, "width": 448}, "resample": 3, "min_patches": 1, "max_patches": 12, "rescale_factor": 1 / 255,
            "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
            "image_processor_type": "GotOcr2ImageProcessor", "processor_class": "InternVLProcessor"}
TOKENS = {"context_image_token": "<image>"}  # as the tokenizer that is copied calls it


def tensors(o):
    grid, wide, inner = o.image_size // o.patch, o.vision_hidden, o.vision_intermediate
    tower = "vision_tower."
    yield tower + "embeddings.cls_token", (1, 1, wide)
    yield tower + "embeddings.position_embeddings", (1, grid * grid + 1, wide)
    yield tower + "embeddings.patch_embeddings.projection.weight", (wide, 3, o.patch, o.patch)
    yield tower + "embeddings.patch_embeddings.projection.bias", (wide,)
    for i in range(o.vision_layers):
        layer = f"{tower}encoder.layer.{i}."
        yield layer + "lambda_1", (wide,)
        yield layer + "lambda_2", (wide,)
        for name, shape in (("attention.q_proj", (wide, wide)), ("attention.k_proj", (wide, wide)),
                            ("attention.v_proj", (wide, wide)), ("attention.projection_layer", (wide, wide)),
                            ("mlp.fc1", (inner, wide)), ("mlp.fc2", (wide, inner)),
                            ("layernorm_before", (wide,)), ("layernorm_after", (wide,))):
            yield layer + name + ".weight", shape
            yield layer + name + ".bias", shape[:1]
    merged = o.scale**2 * wide
    yield "multi_modal_projector.layer_norm.weight", (merged,)
    yield "multi_modal_projector.layer_norm.bias", (merged,)
    for name, width in (("linear_1", merged), ("linear_2", o.hidden)):
        yield f"multi_modal_projector.{name}.weight", (o.hidden, width)
        yield f"multi_modal_projector.{name}.bias", (o.hidden,)
    text, queries, keys = "language_model.model.", o.heads * o.head_dim, o.kv_heads * o.head_dim
    yield text + "embed_tokens.weight", (o.vocabulary, o.hidden)
    for i in range(o.layers):
        layer = f"{text}layers.{i}."
        yield layer + "input_layernorm.weight", (o.hidden,)
        yield layer + "post_attention_layernorm.weight", (o.hidden,)
        for name, rows in (("q_proj", queries), ("k_proj", keys), ("v_proj", keys)):
            yield f"{layer}self_attn.{name}.weight", (rows, o.hidden)
            yield f"{layer}self_attn.{name}.bias", (rows,)
        yield layer + "self_attn.o_proj.weight", (o.hidden, queries)
        yield layer + "mlp.gate_proj.weight", (o.intermediate, o.hidden)
        yield layer + "mlp.up_proj.weight", (o.intermediate, o.hidden)
        yield layer + "mlp.down_proj.weight", (o.hidden, o.intermediate)
    yield text + "norm.weight", (o.hidden,)
    if not o.tied:
        yield "language_model.lm_head.weight", (o.vocabulary, o.hidden)


def config(o):
    return {
        "architectures": [FAMILY["architecture"]], "model_type": "internvl", "dtype": o.dtype, "downsample_ratio": 1 / o.scale,
        "image_token_id": 4, "projector_hidden_act": "gelu", "vision_feature_layer": -1,
        "vision_feature_select_strategy": "default", "tie_word_embeddings": o.tied,
        "text_config": {"model_type": "qwen2", "bos_token_id": 1, "eos_token_id": 5, "head_dim": o.head_dim, "hidden_act": "silu",
                        "hidden_size": o.hidden, "intermediate_size": o.intermediate, "max_position_embeddings": o.context,
                        "num_attention_heads": o.heads, "num_hidden_layers": o.layers, "num_key_value_heads": o.kv_heads,
                        "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "vocab_size": o.vocabulary},
        "vision_config": {"model_type": "internvl_vision", "attention_bias": True, "hidden_act": "gelu",
                          "hidden_size": o.vision_hidden, "image_size": [o.image_size] * 2,
                          "intermediate_size": o.vision_intermediate, "num_attention_heads": o.vision_heads,
                          "num_hidden_layers": o.vision_layers, "patch_size": [o.patch] * 2}}
