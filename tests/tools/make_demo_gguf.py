#!/usr/bin/env python3
"""The demo model as a GGUF pair that an unchanged llama.cpp server takes, in half a second and without PyTorch.

usage: make_demo_gguf.py MODEL_DIR OUT_TEXT.gguf OUT_MMPROJ.gguf        needs: gguf, numpy

Keys, values and tensors are those of llama.cpp's own converter (b11434), but for what makes its server build the prompt
that Transformers builds. The server's layout for this family, `idefics3`, always sends tiles and an overview, and looks up
a token that this vocabulary does not have; Transformers sends one picture of 64 x 64 pixels as it is. `lfm2` is the same
vision tower and pixel shuffle with the layout BEGIN picture END. So:
 - the projector is called lfm2. That wants Linear, GELU, Linear: a plain Linear W is [sW; -sW], then [I, -I] / s, since
   gelu(x) - gelu(-x) = x. With s = 2^20 nearly every |sWx| is above 10, where the server's GELU is exactly x or 0.
 - two special tokens are spelled otherwise, with the same ids: 6 is <|image_start|>, 3 is <|image_end|>, and the chat
   template writes 3 in front of a picture. The server then sends 3, 6, sixteen rows of the picture, 3.
To be served with +image-tokens=16.
"""

import json
import pathlib
import struct
import sys

import gguf
import numpy as np

NAME = "Headroom demo"
SCALE = np.float32(2.0**20)
TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'] is string %}"
    "{% if message['content'].startswith('<__media') %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{{message['content'] | replace('<__media', '<|image_end|><__media')}}"
    "{% else %}{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}{% endif %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


class Checkpoint:
    def __init__(self, folder):
        read = lambda name: json.loads((folder / name).read_text(encoding="utf-8"))
        self.config, self.processor, self.tokenizer = read("config.json"), read("preprocessor_config.json"), read("tokenizer.json")
        raw = (folder / "model.safetensors").read_bytes()
        length = struct.unpack("<Q", raw[:8])[0]
        self.header, self.data = json.loads(raw[8:8 + length]), raw[8 + length:]
        self.header.pop("__metadata__", None)

    def tensor(self, name):
        entry = self.header[name]
        begin, end = entry["data_offsets"]
        data = self.data[begin:end]
        if entry["dtype"] == "BF16":
            numbers = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            numbers = np.frombuffer(data, {"F32": "<f4", "F16": "<f2"}[entry["dtype"]]).astype(np.float32)
        return numbers.reshape(entry["shape"])

    def millions(self, wanted):
        return f"{sum(int(np.prod(e['shape'])) for n, e in self.header.items() if wanted(n)) / 1e6:.1f}M"


def put(writer, name, numbers, single=False):
    half = numbers.ndim > 1 and not single
    writer.add_tensor(name, np.ascontiguousarray(numbers.astype(np.float16) if half else numbers))


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def interleaved(numbers, heads):
    """Rows of a head in the order that llama.cpp rotates them."""
    return numbers.reshape(heads, 2, numbers.shape[0] // heads // 2, numbers.shape[1]).swapaxes(1, 2).reshape(numbers.shape)


def add_vocabulary(writer, tokenizer, config):
    size = config["vocab_size"]
    pieces, kinds = [None] * size, [int(gguf.TokenType.NORMAL)] * size
    for text, number in tokenizer["model"]["vocab"].items():
        pieces[number] = text
    for token in tokenizer["added_tokens"]:
        pieces[token["id"]] = token["content"]
        kinds[token["id"]] = int(gguf.TokenType.CONTROL if token["special"] else gguf.TokenType.USER_DEFINED)
    assert pieces[3] == "<fake_token_around_image>" and pieces[6] == "<global-img>"
    unknown = pieces.index("<|endoftext|>")
    pieces[3], pieces[6] = "<|image_end|>", "<|image_start|>"
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(pieces)
    writer.add_token_types(kinds)
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_unk_token_id(unknown)
    writer.add_pad_token_id(config["pad_token_id"])
    writer.add_chat_template(TEMPLATE)


def write_text(model, path):
    config = model.config["text_config"]
    prefix = "model.text_model."
    w = gguf.GGUFWriter(path, "llama")
    w.add_type("model")
    w.add_name(NAME)
    w.add_size_label(model.millions(lambda n: n.startswith(prefix)))
    w.add_block_count(config["num_hidden_layers"])
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(config["hidden_size"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_head_count(config["num_attention_heads"])
    w.add_head_count_kv(config["num_key_value_heads"])
    w.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    w.add_layer_norm_rms_eps(config["rms_norm_eps"])
    w.add_key_length(config["head_dim"])
    w.add_value_length(config["head_dim"])
    w.add_file_type(1)
    w.add_vocab_size(config["vocab_size"])
    w.add_rope_dimension_count(config["head_dim"])
    w.add_quantization_version(2)
    add_vocabulary(w, model.tokenizer, config)
    put(w, "token_embd.weight", model.tensor(prefix + "embed_tokens.weight"))
    names = {"input_layernorm": "attn_norm", "mlp.down_proj": "ffn_down", "mlp.gate_proj": "ffn_gate",
             "mlp.up_proj": "ffn_up", "post_attention_layernorm": "ffn_norm", "self_attn.k_proj": "attn_k",
             "self_attn.o_proj": "attn_output", "self_attn.q_proj": "attn_q", "self_attn.v_proj": "attn_v"}
    for layer in range(config["num_hidden_layers"]):
        for ours, theirs in names.items():
            numbers = model.tensor(f"{prefix}layers.{layer}.{ours}.weight")
            if theirs == "attn_q":
                numbers = interleaved(numbers, config["num_attention_heads"])
            if theirs == "attn_k":
                numbers = interleaved(numbers, config["num_key_value_heads"])
            put(w, f"blk.{layer}.{theirs}.weight", numbers)
    put(w, "output_norm.weight", model.tensor(prefix + "norm.weight"))
    finish(w)


def write_projector(w, numbers):
    size = numbers.shape[0]
    one = np.eye(size, dtype=np.float32) / SCALE
    put(w, "mm.1.weight", np.concatenate([numbers * SCALE, -numbers * SCALE]), True)
    put(w, "mm.1.bias", np.zeros(2 * size, np.float32))
    put(w, "mm.2.weight", np.concatenate([one, -one], axis=1), True)
    put(w, "mm.2.bias", np.zeros(size, np.float32))


def write_vision(model, path):
    config, processor = model.config["vision_config"], model.processor
    prefix = "model.vision_model."
    w = gguf.GGUFWriter(path, "clip")
    w.add_type("mmproj")
    w.add_name(NAME)
    w.add_size_label(model.millions(lambda n: not n.startswith("model.text_model.") and n != "lm_head.weight"))
    w.add_file_type(1)
    w.add_clip_has_vision_encoder(True)
    w.add_vision_projection_dim(model.config["text_config"]["hidden_size"])
    w.add_vision_image_size(config["image_size"])
    w.add_vision_patch_size(config["patch_size"])
    w.add_vision_embedding_length(config["hidden_size"])
    w.add_vision_feed_forward_length(config["intermediate_size"])
    w.add_vision_block_count(config["num_hidden_layers"])
    w.add_vision_head_count(config["num_attention_heads"])
    w.add_vision_image_mean(processor["image_mean"])
    w.add_vision_image_std(processor["image_std"])
    w.add_clip_projector_type("lfm2")
    w.add_vision_attention_layernorm_eps(config["layer_norm_eps"])
    w.add_vision_projector_scale_factor(model.config["scale_factor"])
    w.add_vision_use_gelu(True)
    w.add_quantization_version(2)
    # In 16 bits first, as the converter stores it.
    write_projector(w, model.tensor("model.connector.modality_projection.proj.weight").astype(np.float16).astype(np.float32))
    put(w, "v.patch_embd.bias", model.tensor(prefix + "embeddings.patch_embedding.bias"))
    put(w, "v.patch_embd.weight", model.tensor(prefix + "embeddings.patch_embedding.weight"), True)
    put(w, "v.position_embd.weight", model.tensor(prefix + "embeddings.position_embedding.weight"), True)
    names = {"layer_norm1": "ln1", "layer_norm2": "ln2", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down",
             "self_attn.k_proj": "attn_k", "self_attn.out_proj": "attn_out", "self_attn.q_proj": "attn_q",
             "self_attn.v_proj": "attn_v"}
    for layer in range(config["num_hidden_layers"]):
        for ours, theirs in names.items():
            for kind in ("bias", "weight"):
                put(w, f"v.blk.{layer}.{theirs}.{kind}", model.tensor(f"{prefix}encoder.layers.{layer}.{ours}.{kind}"))
    for kind in ("bias", "weight"):
        put(w, f"v.post_ln.{kind}", model.tensor(f"{prefix}post_layernorm.{kind}"))
    finish(w)


def main():
    model = Checkpoint(pathlib.Path(sys.argv[1]))
    write_text(model, sys.argv[2])
    write_vision(model, sys.argv[3])


if __name__ == "__main__":
    main()
