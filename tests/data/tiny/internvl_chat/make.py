#!/usr/bin/env python3
"""The tiny InternVL checkpoint under the names and the configuration of OpenGVLab's layout.

usage: make.py    (in tests/data/tiny/internvl_chat; the weights and the golden are those of ../internvl)
"""
import json
import struct
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = HERE.parent / "internvl"
PIECES = (("vision_tower.", "vision_model."), (".embeddings.cls_token", ".embeddings.class_embedding"),
          (".patch_embeddings.projection.", ".patch_embedding."), (".position_embeddings", ".position_embedding"),
          (".encoder.layer.", ".encoder.layers."), (".attention.projection_layer.", ".attn.proj."), (".layernorm_before.", ".norm1."),
          (".layernorm_after.", ".norm2."), (".lambda_1", ".ls1"), (".lambda_2", ".ls2"),
          ("multi_modal_projector.layer_norm.", "mlp1.0."), ("multi_modal_projector.linear_1.", "mlp1.1."),
          ("multi_modal_projector.linear_2.", "mlp1.3."))


def main():
    data = (SOURCE / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    body, tensors = data[8 + size:], {}
    for name, entry in header.items():
        if name == "__metadata__" or ".k_proj" in name and "vision" in name or ".v_proj" in name and "vision" in name:
            continue
        parts = [name]
        if ".q_proj" in name and "vision" in name:
            parts = [name.replace(".q_proj", f".{letter}_proj") for letter in "qkv"]
            name = name.replace(".attention.q_proj.", ".attn.qkv.")
        for old, new in PIECES:
            name = name.replace(old, new)
        shape = [len(parts) * entry["shape"][0], *entry["shape"][1:]]
        tensors[name] = (shape, b"".join(body[slice(*header[part]["data_offsets"])] for part in parts))
    out, at, blob = {"__metadata__": {"format": "pt"}}, 0, b""
    for name, (shape, content) in sorted(tensors.items()):
        out[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(content)]}
        at += len(content)
        blob += content
    text = json.dumps(out).encode()
    text += b" " * (-len(text) % 8)
    (HERE / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + blob)
    (HERE / "golden.safetensors").write_bytes((SOURCE / "golden.safetensors").read_bytes())
    config = json.loads((SOURCE / "config.json").read_text())
    vision, llm = config["vision_config"], config["text_config"]
    keys = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "layer_norm_eps", "hidden_act")
    (HERE / "config.json").write_text(json.dumps({
        "architectures": ["InternVLChatModel"], "model_type": "internvl_chat", "downsample_ratio": 0.5,
        "dynamic_image_size": True, "force_image_size": 28, "max_dynamic_patch": 12, "min_dynamic_patch": 1,
        "pad2square": False, "ps_version": "v2", "select_layer": -1, "template": "internvl2_5", "use_thumbnail": True,
        "tie_word_embeddings": True, "torch_dtype": "float32", "llm_config": llm,
        "vision_config": {key: vision[key] for key in keys} | {
            "architectures": ["InternVisionModel"], "model_type": "intern_vit_6b", "image_size": 28, "patch_size": 7,
            "norm_type": "layer_norm", "qk_normalization": False, "qkv_bias": False}}, indent=1) + "\n")
    (HERE / "tokenizer_config.json").write_text(json.dumps(
        {"added_tokens_decoder": {"150": {"content": "<IMG_CONTEXT>", "special": True}}}, indent=1) + "\n")


if __name__ == "__main__":
    main()
