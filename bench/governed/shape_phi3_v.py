"""Phi-3.5-vision for make_model.py: what its files hold."""

FAMILY = {"architecture": "Phi3VForCausalLM", "processor": "Phi3VProcessor", "image_processor": "Phi3VImageProcessor",
          "image_size": 336, "patch": 14, "scale": 2}
TEMPLATE = False  # the family's own: contents are texts
SETTINGS = {"num_crops": 4, "image_processor_type": "Phi3VImageProcessor", "processor_class": "Phi3VProcessor",
            "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}


def tensors(o):
    grid, wide, inner = o.image_size // o.patch, o.vision_hidden, o.vision_intermediate
    place = "model.vision_embed_tokens."
    tower = place + "img_processor.vision_model."
    yield tower + "embeddings.patch_embedding.weight", (wide, 3, o.patch, o.patch)
    yield tower + "embeddings.class_embedding", (wide,)
    yield tower + "embeddings.position_embedding.weight", (grid * grid + 1, wide)
    for i in range(o.vision_layers):
        layer = f"{tower}encoder.layers.{i}."
        for name, shape in (("self_attn.q_proj", (wide, wide)), ("self_attn.k_proj", (wide, wide)),
                            ("self_attn.v_proj", (wide, wide)), ("self_attn.out_proj", (wide, wide)),
                            ("mlp.fc1", (inner, wide)), ("mlp.fc2", (wide, inner)),
                            ("layer_norm1", (wide,)), ("layer_norm2", (wide,))):
            yield layer + name + ".weight", shape
            yield layer + name + ".bias", shape[:1]
    for norm in ("pre_layrnorm", "post_layernorm"):
        yield f"{tower}{norm}.weight", (wide,)
        yield f"{tower}{norm}.bias", (wide,)
    yield place + "sub_GN", (1, 1, 1, 4 * wide)
    yield place + "glb_GN", (1, 1, 4 * wide)
    for name, width in (("0", 4 * wide), ("2", o.hidden)):
        yield f"{place}img_projection.{name}.weight", (o.hidden, width)
        yield f"{place}img_projection.{name}.bias", (o.hidden,)
    queries, keys = o.heads * o.head_dim, o.kv_heads * o.head_dim
    yield "model.embed_tokens.weight", (o.vocabulary, o.hidden)
    for i in range(o.layers):
        layer = f"model.layers.{i}."
        yield layer + "input_layernorm.weight", (o.hidden,)
        yield layer + "post_attention_layernorm.weight", (o.hidden,)
        yield layer + "self_attn.qkv_proj.weight", (queries + 2 * keys, o.hidden)
        yield layer + "self_attn.o_proj.weight", (o.hidden, queries)
        yield layer + "mlp.gate_up_proj.weight", (2 * o.intermediate, o.hidden)
        yield layer + "mlp.down_proj.weight", (o.hidden, o.intermediate)
    yield "model.norm.weight", (o.hidden,)
    yield "lm_head.weight", (o.vocabulary, o.hidden)


def config(o):
    factors = [1 + i / 100 for i in range(o.head_dim // 2)]
    return {
        "architectures": [FAMILY["architecture"]], "model_type": "phi3_v", "dtype": o.dtype, "pad_token_id": 2,
        "bos_token_id": 1, "eos_token_id": 5, "hidden_act": "silu", "hidden_size": o.hidden,
        "intermediate_size": o.intermediate, "num_hidden_layers": o.layers, "num_attention_heads": o.heads,
        "num_key_value_heads": o.kv_heads, "vocab_size": o.vocabulary, "max_position_embeddings": 131072,
        "original_max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "sliding_window": o.context,
        "rope_scaling": {"type": "su", "short_factor": factors, "long_factor": [4 * f for f in factors]},
        "embd_layer": {"embedding_cls": "image", "hd_transform_order": "sub_glb", "projection_cls": "mlp",
                       "use_hd_transform": True, "with_learnable_separator": True},
        "img_processor": {"name": "clip_vision_model", "image_dim_out": o.vision_hidden},
        "vision_config": {"model_type": "phi3_v", "hidden_size": o.vision_hidden, "image_size": o.image_size,
                          "intermediate_size": o.vision_intermediate, "num_attention_heads": o.vision_heads,
                          "num_hidden_layers": o.vision_layers, "patch_size": o.patch}}
