#!/usr/bin/env python3
"""Writes a checkpoint of a family's shape with random weights, of any size.

Its answers mean nothing; its memory is that of a real model of the shape. Tokenizer and template are the demo model's, so
that its prompts are; the vocabulary may be larger than theirs. The same options give the same bytes.
"""
import argparse
import json
import random
import shutil
import struct
from pathlib import Path

import qwen_shapes
import shape_internvl
import shape_moondream
import shape_phi3_v

DEMO = Path(__file__).resolve().parents[2] / "assets/demo/model"
COPIED = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "chat_template.json", "generation_config.json")
BLOCK = 1 << 20

# Families whose files are described in a module of their own.
SHAPES = {
    "internvl": shape_internvl,
    "moondream1": shape_moondream,
    "phi3_v": shape_phi3_v,
}

# What the families differ in: SmolVLM-256M's tower and text, with more layers of text; Idefics3's, LLaVA's
# and Gemma's tiles.
FAMILIES = {
    "smolvlm": {"architecture": "SmolVLMForConditionalGeneration", "processor": "SmolVLMProcessor",
                "image_processor": "SmolVLMImageProcessor", "image_size": 512, "patch": 16, "scale": 4},
    "idefics3": {"architecture": "Idefics3ForConditionalGeneration", "processor": "Idefics3Processor",
                 "image_processor": "Idefics3ImageProcessor", "image_size": 364, "patch": 14, "scale": 2},
    "llava": {"architecture": "LlavaForConditionalGeneration", "processor": "LlavaProcessor",
              "image_processor": "CLIPImageProcessor", "image_size": 336, "patch": 14, "scale": 1},
    "llava_next": {"architecture": "LlavaNextForConditionalGeneration", "processor": "LlavaNextProcessor",
                   "image_processor": "LlavaNextImageProcessor", "image_size": 336, "patch": 14, "scale": 1},
    **{name: shape.FAMILY for name, shape in SHAPES.items()},
    **qwen_shapes.FAMILIES,
    "paligemma": {"architecture": "PaliGemmaForConditionalGeneration", "processor": "PaliGemmaProcessor",
                  "image_processor": "SiglipImageProcessor", "image_size": 224, "patch": 14, "scale": 1, "text": "gemma"},
    "paligemma2": {"architecture": "PaliGemmaForConditionalGeneration", "processor": "PaliGemmaProcessor", "type": "paligemma",
                   "image_processor": "SiglipImageProcessor", "image_size": 224, "patch": 14, "scale": 1, "text": "gemma2"},
    "gemma3": {"architecture": "Gemma3ForConditionalGeneration", "processor": "Gemma3Processor",
               "image_processor": "Gemma3ImageProcessor", "image_size": 896, "patch": 14, "scale": 4, "text": "gemma3_text"},
}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write; made if it is not there")
    parser.add_argument("--family", choices=FAMILIES, default="smolvlm")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16", help="of the stored weights")
    parser.add_argument("--seed", type=int, default=1)
    text = parser.add_argument_group("text")
    text.add_argument("--hidden", type=int, default=576)
    text.add_argument("--layers", type=int, default=42)
    text.add_argument("--heads", type=int, default=9)
    text.add_argument("--kv-heads", type=int, default=3)
    text.add_argument("--head-dim", type=int, default=0, help="0: hidden / heads")
    text.add_argument("--intermediate", type=int, default=1536)
    text.add_argument("--vocabulary", type=int, default=49280)
    text.add_argument("--context", type=int, default=8192, help="tokens")
    text.add_argument("--window", type=int, default=1024, help="tokens that most layers see, of Gemma 2 and 3")
    text.add_argument("--tied", action="store_true", help="the head shares the embeddings")
    vision = parser.add_argument_group("vision")
    vision.add_argument("--vision-hidden", type=int, default=768)
    vision.add_argument("--vision-layers", type=int, default=12)
    vision.add_argument("--vision-heads", type=int, default=12)
    vision.add_argument("--vision-intermediate", type=int, default=3072)
    vision.add_argument("--image-size", type=int, default=0, help="side of a tile, pixels; 0: the family's")
    vision.add_argument("--patch", type=int, default=0, help="side of a patch, pixels; 0: the family's")
    vision.add_argument("--scale", type=int, default=0, help="pixel shuffle; 0: the family's")
    vision.add_argument("--longest-edge", type=int, default=0, help="pictures are resized to it; 0: four tiles")
    vision.add_argument("--no-splitting", action="store_true", help="one tile a picture")
    options = parser.parse_args()
    family = FAMILIES[options.family]
    options.image_size = options.image_size or family["image_size"]
    options.patch = options.patch or family["patch"]
    options.scale = options.scale or family["scale"]
    options.longest_edge = options.longest_edge or 4 * options.image_size
    options.head_dim = options.head_dim or options.hidden // options.heads
    grid = options.image_size // options.patch
    if grid == 0 or grid % options.scale:
        parser.error(f"--image-size {options.image_size}: {grid} whole patches of {options.patch} a side, which --scale {options.scale} "
                     "does not divide")
    if options.vision_hidden % options.vision_heads or options.heads % options.kv_heads:
        parser.error("heads do not divide what they share")
    return options


def is_llava(o):
    return o.family.startswith("llava")


def is_qwen(o):
    return o.family in qwen_shapes.FAMILIES


def gemma_text(o):
    """The kind of Gemma that the family's decoder is; empty: none."""
    return FAMILIES[o.family].get("text", "")


def old_names(o):
    return is_llava(o) or gemma_text(o)


def tower_tensors(o):
    grid = o.image_size // o.patch
    wide, inner = o.vision_hidden, o.vision_intermediate
    tower = "vision_tower.vision_model." if old_names(o) else "model.vision_model."
    yield tower + "embeddings.patch_embedding.weight", (wide, 3, o.patch, o.patch)
    if is_llava(o):
        yield tower + "embeddings.class_embedding", (wide,)
        yield tower + "embeddings.position_embedding.weight", (grid * grid + 1, wide)
        yield tower + "pre_layrnorm.weight", (wide,)
        yield tower + "pre_layrnorm.bias", (wide,)
    else:
        yield tower + "embeddings.patch_embedding.bias", (wide,)
        yield tower + "embeddings.position_embedding.weight", (grid * grid, wide)
    for i in range(o.vision_layers):
        layer = f"{tower}encoder.layers.{i}."
        for name, shape in (("self_attn.q_proj", (wide, wide)), ("self_attn.k_proj", (wide, wide)),
                            ("self_attn.v_proj", (wide, wide)), ("self_attn.out_proj", (wide, wide)),
                            ("mlp.fc1", (inner, wide)), ("mlp.fc2", (wide, inner)),
                            ("layer_norm1", (wide,)), ("layer_norm2", (wide,))):
            yield layer + name + ".weight", shape
            yield layer + name + ".bias", shape[:1]
    yield tower + "post_layernorm.weight", (wide,)
    yield tower + "post_layernorm.bias", (wide,)


def connector_tensors(o):
    if o.family == "gemma3":
        yield "multi_modal_projector.mm_input_projection_weight", (o.vision_hidden, o.hidden)
        yield "multi_modal_projector.mm_soft_emb_norm.weight", (o.vision_hidden,)
        return
    if gemma_text(o):
        yield "multi_modal_projector.linear.weight", (o.hidden, o.vision_hidden)
        yield "multi_modal_projector.linear.bias", (o.hidden,)
        return
    if not is_llava(o):
        yield "model.connector.modality_projection.proj.weight", (o.hidden, o.vision_hidden * o.scale**2)
        return
    for name, wide in (("linear_1", o.vision_hidden), ("linear_2", o.hidden)):
        yield f"multi_modal_projector.{name}.weight", (o.hidden, wide)
        yield f"multi_modal_projector.{name}.bias", (o.hidden,)
    if o.family == "llava_next":
        yield "image_newline", (o.hidden,)


def text_tensors(o):
    text = "language_model.model." if old_names(o) else "model.text_model."
    queries, keys = o.heads * o.head_dim, o.kv_heads * o.head_dim
    yield text + "embed_tokens.weight", (o.vocabulary, o.hidden)
    for i in range(o.layers):
        layer = f"{text}layers.{i}."
        yield layer + "input_layernorm.weight", (o.hidden,)
        yield layer + "post_attention_layernorm.weight", (o.hidden,)
        if gemma_text(o) in ("gemma2", "gemma3_text"):
            yield layer + "pre_feedforward_layernorm.weight", (o.hidden,)
            yield layer + "post_feedforward_layernorm.weight", (o.hidden,)
        if gemma_text(o) == "gemma3_text":
            yield layer + "self_attn.q_norm.weight", (o.head_dim,)
            yield layer + "self_attn.k_norm.weight", (o.head_dim,)
        yield layer + "self_attn.q_proj.weight", (queries, o.hidden)
        yield layer + "self_attn.k_proj.weight", (keys, o.hidden)
        yield layer + "self_attn.v_proj.weight", (keys, o.hidden)
        yield layer + "self_attn.o_proj.weight", (o.hidden, queries)
        yield layer + "mlp.gate_proj.weight", (o.intermediate, o.hidden)
        yield layer + "mlp.up_proj.weight", (o.intermediate, o.hidden)
        yield layer + "mlp.down_proj.weight", (o.hidden, o.intermediate)
    yield text + "norm.weight", (o.hidden,)
    if not o.tied:
        yield ("language_model." if old_names(o) else "") + "lm_head.weight", (o.vocabulary, o.hidden)


def tensors(o):
    """Name and shape of each tensor."""
    if o.family in SHAPES:
        yield from SHAPES[o.family].tensors(o)
        return
    if is_qwen(o):
        yield from qwen_shapes.tensors(o)
        return
    yield from tower_tensors(o)
    yield from connector_tensors(o)
    yield from text_tensors(o)


def count(shape):
    n = 1
    for side in shape:
        n *= side
    return n


# Sign as drawn, exponent 2^-7 or 2^-6 by the next byte's first bit: 0.008 to 0.031 on both sides of 0.
SMALL = bytes((b & 0x80) | 0x3C for b in range(256))


def values(name, n, size, draw):
    """The tensor's bytes, little-endian, in blocks: ones for norms, zeros for biases, else small random values."""
    if name.endswith(".bias"):
        one = bytes(size)
    elif "norm" in name or "ln_q" in name:
        one = bytes(size - 2) + b"\x80\x3f"
    else:
        one = None
    per_block = BLOCK // size
    for at in range(0, n, per_block):
        part = min(per_block, n - at)
        if one is not None:
            yield one * part
            continue
        block = bytearray(draw.randbytes(part * size))
        block[size - 1::size] = block[size - 1::size].translate(SMALL)
        yield block


def write_weights(o, path):
    size, label = (2, "BF16") if o.dtype == "bfloat16" else (4, "F32")
    header, at = {"__metadata__": {"format": "pt"}}, 0
    listed = sorted(tensors(o))
    for name, shape in listed:
        end = at + count(shape) * size
        header[name] = {"dtype": label, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    draw = random.Random(o.seed)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name, shape in listed:
            for block in values(name, count(shape), size, draw):
                out.write(block)
    return at // size


def write_json(path, content):
    path.write_text(json.dumps(content, indent=2) + "\n")


def pinpoints(o):
    side = o.image_size
    return [[side, 2 * side], [2 * side, side], [2 * side, 2 * side], [3 * side, side], [side, 3 * side]]


def family_config(o):
    """What config.json has beside the decoder and the tower."""
    if o.family == "gemma3":
        return {"image_token_index": 6, "mm_tokens_per_image": (o.image_size // o.patch // o.scale) ** 2}
    if gemma_text(o):
        return {"image_token_index": 4, "projection_dim": o.hidden}
    if not is_llava(o):
        return {"image_token_id": 4, "scale_factor": o.scale}
    more = {"image_grid_pinpoints": pinpoints(o)} if o.family == "llava_next" else {}
    return {"image_token_index": 4, "projector_hidden_act": "gelu", "vision_feature_layer": -2,
            "vision_feature_select_strategy": "default", **more}


def write_shape(o, folder):
    shape = SHAPES[o.family]
    write_json(folder / "config.json", shape.config(o))
    if shape.SETTINGS:
        write_json(folder / "preprocessor_config.json", shape.SETTINGS)
    if not shape.TEMPLATE:
        for name in COPIED:
            if "template" in name:
                (folder / name).unlink()
    tokens = json.loads((folder / "tokenizer_config.json").read_text())
    write_json(folder / "tokenizer_config.json", tokens | getattr(shape, "TOKENS", {}))


def text_config(o):
    config = {
        "attention_bias": False, "bos_token_id": 1, "eos_token_id": 5, "head_dim": o.head_dim, "hidden_size": o.hidden,
        "intermediate_size": o.intermediate, "max_position_embeddings": o.context, "model_type": gemma_text(o) or "llama",
        "num_attention_heads": o.heads, "num_hidden_layers": o.layers, "num_key_value_heads": o.kv_heads, "pad_token_id": 2,
        "rms_norm_eps": 1e-5, "rope_theta": 100000.0, "tie_word_embeddings": o.tied, "vocab_size": o.vocabulary}
    if gemma_text(o) in ("gemma2", "gemma3_text"):
        return config | {"query_pre_attn_scalar": o.head_dim, "sliding_window": o.window}
    return config if gemma_text(o) else config | {"hidden_act": "silu", "mlp_bias": False}


def write_config(o, folder):
    if is_qwen(o):
        write_json(folder / "config.json", qwen_shapes.config(o))
        for name, content in zip(("preprocessor_config.json", "processor_config.json"), qwen_shapes.settings(o)):
            write_json(folder / name, content)
        return
    family = FAMILIES[o.family]
    vision_type = {"smolvlm": "smolvlm_vision", "idefics3": "idefics3_vision"}.get(o.family, "clip_vision_model")
    vision_type = "siglip_vision_model" if gemma_text(o) else vision_type
    write_json(folder / "config.json", {
        "architectures": [family["architecture"]],
        "dtype": o.dtype,
        "model_type": family.get("type", o.family),
        "pad_token_id": 2,
        **family_config(o),
        "text_config": text_config(o),
        "tie_word_embeddings": o.tied,
        "vision_config": {
            "hidden_act": "quick_gelu" if is_llava(o) else "gelu_pytorch_tanh", "hidden_size": o.vision_hidden,
            "image_size": o.image_size, "intermediate_size": o.vision_intermediate, "layer_norm_eps": 1e-6,
            "model_type": vision_type, "num_attention_heads": o.vision_heads, "num_channels": 3,
            "num_hidden_layers": o.vision_layers, "patch_size": o.patch}})
    settings = {"do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
                "rescale_factor": 1 / 255, "image_processor_type": family["image_processor"],
                "processor_class": family["processor"]}
    if gemma_text(o):
        settings |= {"size": {"height": o.image_size, "width": o.image_size}, "resample": 2 if o.family == "gemma3" else 3}
    elif is_llava(o):
        settings |= {"size": {"shortest_edge": o.image_size}, "resample": 3, "do_center_crop": True,
                     "crop_size": {"height": o.image_size, "width": o.image_size}}
        if o.family == "llava_next":
            settings |= {"image_grid_pinpoints": pinpoints(o)}
    else:
        settings |= {"do_convert_rgb": True, "do_image_splitting": not o.no_splitting, "do_pad": True,
                     "max_image_size": {"longest_edge": o.image_size}, "size": {"longest_edge": o.longest_edge},
                     "resample": 1}
    write_json(folder / "preprocessor_config.json", settings)
    write_json(folder / "processor_config.json", {
        "image_seq_len": (o.image_size // o.patch // o.scale) ** 2, "processor_class": family["processor"]})


def main():
    o = parse()
    o.folder.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        shutil.copyfile(DEMO / name, o.folder / name)
    write = write_shape if o.family in SHAPES else write_config
    write(o, o.folder)
    if o.family == "gemma3":  # the demo's template writes <image>
        names = json.loads((DEMO / "tokenizer_config.json").read_text())
        write_json(o.folder / "tokenizer_config.json", names | {
            "boi_token": "<image>", "image_token": "<global-img>", "eoi_token": "<fake_token_around_image>"})
    parameters = write_weights(o, o.folder / "model.safetensors")
    print(f"{o.folder}: {o.family}, {parameters / 1e6:.1f} M parameters in {o.dtype}, seed {o.seed}")


if __name__ == "__main__":
    main()
