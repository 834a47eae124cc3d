#!/usr/bin/env python3
"""Phi-3's text half in NumPy, for prompts on both sides of the length at which its rotary factors change.

usage: make.py CHECKPOINT OUT    (tests/data/tiny/phi3_v tests/data/long_prompts)

The checkpoint's own golden has only a short prompt. Its result is computed again first and must agree, which is the proof of
what is written here; then the same prompt is asked of the same weights with a smaller original_max_position_embeddings:
OUT/LENGTH.safetensors has the golden's inputs with other `logits` and `generated`. OUT/two_pictures.safetensors has the golden's
picture twice, with text between, as -1 and -2.
"""
import json
import struct
import sys
from pathlib import Path

import numpy as np

LENGTHS = (20, 48, 53)  # shorter than the prompt of 48 tokens; as long; passed by its answer


def load(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    kinds = {"F32": np.float32, "I32": np.int32}
    return {name: np.frombuffer(data[8 + size:], kinds[entry["dtype"]], offset=entry["data_offsets"][0],
                                count=int(np.prod(entry["shape"]))).reshape(entry["shape"])
            for name, entry in json.loads(data[8:8 + size]).items() if name != "__metadata__"}


def save(path, tensors):
    header, body = {}, b""
    for name, value in tensors.items():
        kind = {"float32": "F32", "int32": "I32"}[str(value.dtype)]
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [len(body), len(body) + value.nbytes]}
        body += value.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weight


class Text:
    def __init__(self, config, weights, original):
        self.c, self.w, self.original = config, weights, original
        self.cache = [[None, None] for _ in range(config["num_hidden_layers"])]
        self.done = 0

    def angles(self, positions):
        c = self.c
        dim = c["hidden_size"] // c["num_attention_heads"]
        kind = "long_factor" if positions.max() + 1 > self.original else "short_factor"
        factors = np.array(c["rope_scaling"][kind], np.float64)
        frequencies = 1 / (factors * c["rope_theta"] ** (np.arange(0, dim, 2) / dim))
        angle = positions[:, None] * frequencies[None]
        amplitude = np.sqrt(1 + np.log(c["max_position_embeddings"] / self.original) / np.log(self.original))
        return np.cos(angle) * amplitude, np.sin(angle) * amplitude

    def rotate(self, x, cos, sin):
        half = x.shape[-1] // 2
        a, b = x[..., :half], x[..., half:]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

    def forward(self, x):
        c, w = self.c, self.w
        heads, count = c["num_attention_heads"], len(x)
        dim = c["hidden_size"] // heads
        positions = np.arange(self.done, self.done + count)
        cos, sin = self.angles(positions)
        for i in range(c["num_hidden_layers"]):
            name = f"model.layers.{i}."
            qkv = norm(x, w[name + "input_layernorm.weight"]) @ w[name + "self_attn.qkv_proj.weight"].T
            q, k, v = (part.reshape(count, heads, dim).transpose(1, 0, 2) for part in np.split(qkv, 3, -1))
            q, k = self.rotate(q, cos, sin), self.rotate(k, cos, sin)
            if self.done:
                k, v = (np.concatenate([old, new], 1) for old, new in zip(self.cache[i], (k, v)))
            self.cache[i] = [k, v]
            scores = q @ k.transpose(0, 2, 1) / np.sqrt(dim)
            scores[:, np.arange(k.shape[1])[None] > positions[:, None]] = -np.inf
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            mixed = (scores / scores.sum(-1, keepdims=True)) @ v
            x = x + mixed.transpose(1, 0, 2).reshape(count, -1) @ w[name + "self_attn.o_proj.weight"].T
            gate, up = np.split(norm(x, w[name + "post_attention_layernorm.weight"]) @
                                w[name + "mlp.gate_up_proj.weight"].T, 2, -1)
            x = x + (gate / (1 + np.exp(-gate)) * up) @ w[name + "mlp.down_proj.weight"].T
        self.done += count
        return norm(x, w["model.norm.weight"]) @ w["lm_head.weight"].T


def answer(config, weights, golden, original):
    text = Text(config, weights, original)
    ids = golden["input_ids"][0]
    x = weights["model.embed_tokens.weight"][np.maximum(ids, 0)]
    x[ids < 0] = golden["image_features"]
    logits = text.forward(x)
    generated, last = [], logits[-1]
    for _ in range(12):
        generated.append(int(last.argmax()))
        last = text.forward(weights["model.embed_tokens.weight"][generated[-1]][None])[-1]
    return logits[None].astype(np.float32), np.array([generated], np.int32)


def with_two_pictures(golden):
    ids = golden["input_ids"][0]
    places = np.flatnonzero(ids < 0)
    first, last = ids[:places[-1] + 1], ids[places[0]:]
    twice = {name: np.concatenate([golden[name]] * 2) for name in ("pixel_values", "image_sizes", "image_features")}
    return golden | twice | {"input_ids": np.concatenate([first, [33, 44], np.minimum(2 * last, last)])[None].astype(np.int32)}


def main():
    folder, out = map(Path, sys.argv[1:])
    config = json.loads((folder / "config.json").read_text())
    weights = {name: value.astype(np.float64) for name, value in load(folder / "model.safetensors").items()}
    golden = load(folder / "golden.safetensors")
    logits, generated = answer(config, weights, golden, config["original_max_position_embeddings"])
    difference = np.abs(logits - golden["logits"]).max()
    assert difference < 1e-5 and (generated == golden["generated"]).all(), difference
    print(f"as Microsoft's within {difference:.1e}")
    for length in LENGTHS:
        logits, generated = answer(config, weights, golden, length)
        inputs = {name: value for name, value in golden.items() if name != "image_features"}
        save(out / f"{length}.safetensors", inputs | {"logits": logits, "generated": generated})
        print(length, np.abs(logits - golden["logits"]).max(), generated[0])
    golden = with_two_pictures(golden)
    logits, generated = answer(config, weights, golden, config["original_max_position_embeddings"])
    inputs = {name: value for name, value in golden.items() if name != "image_features"}
    save(out / "two_pictures.safetensors", inputs | {"logits": logits, "generated": generated})


if __name__ == "__main__":
    main()
