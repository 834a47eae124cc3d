"""Tiny checkpoints of PaliGemma 2 and of Gemma 3 with two pictures, with reference outputs in float32.

usage: make_gemma.py OUT
"""
import os
import sys

import torch
import transformers as T
from safetensors.torch import save_file

V, IMG = 160, 150
OUT = sys.argv[1]


def shake(model, seed):
    """Random weights big enough that every layer matters; norms near one."""
    g = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        if p.ndim >= 2:
            fan = p[0].numel()
            scale = 0.06 if "embed_tokens" in name else 0.3 if "embed" in name and "patch" not in name else 0.9 / fan ** 0.5
            p.data = torch.randn(p.shape, generator=g) * scale
        elif "norm" in name and name.endswith("weight"):
            p.data = p.data + 0.1 * torch.randn(p.shape, generator=g)
        else:
            p.data = 0.1 * torch.randn(p.shape, generator=g)
    return model


def text(**more):
    return dict(hidden_size=64, intermediate_size=112, num_attention_heads=4, num_key_value_heads=2, vocab_size=V,
                max_position_embeddings=512, bos_token_id=1, eos_token_id=2, pad_token_id=0, num_hidden_layers=4, head_dim=16,
                tie_word_embeddings=True) | more


def vision(size):
    return T.SiglipVisionConfig(hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=3, image_size=size,
                                patch_size=7, vision_use_head=False)


def words(g, n):
    return torch.randint(10, 120, (n,), generator=g).tolist()


def paligemma2(g):
    """The window is shorter than the prompt, the cap low enough to be felt."""
    c = T.PaliGemmaConfig(vision_config=vision(28), text_config=T.Gemma2Config(**text(
        sliding_window=12, query_pre_attn_scalar=24, attn_logit_softcapping=2.0)), image_token_index=IMG, projection_dim=64,
        hidden_size=64)
    x = torch.tensor([[IMG] * 16 + [1] + words(g, 9)])
    return T.PaliGemmaForConditionalGeneration(c), dict(input_ids=x, pixel_values=torch.randn(1, 3, 28, 28, generator=g),
                                                        token_type_ids=torch.zeros_like(x))


def gemma3_two(g):
    """Two pictures with text between, a window that ends within the first, a scale of the rotary angles."""
    c = T.Gemma3Config(vision_config=vision(56), text_config=T.Gemma3TextConfig(**text(
        sliding_window=10, layer_types=["sliding_attention", "full_attention"] * 2, query_pre_attn_scalar=24,
        rope_parameters={"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 500000.0},
                         "sliding_attention": {"rope_type": "default", "rope_theta": 20000.0}})),
        image_token_index=IMG, mm_tokens_per_image=16, boi_token_index=151, eoi_token_index=152)
    picture = [151] + [IMG] * 16 + [152]
    x = torch.tensor([[1] + words(g, 3) + picture + words(g, 4) + picture + words(g, 7)])
    return T.Gemma3ForConditionalGeneration(c), dict(input_ids=x, pixel_values=torch.randn(2, 3, 56, 56, generator=g),
                                                     token_type_ids=(x == IMG).long())


torch.set_grad_enabled(False)
for make, SEED in ((paligemma2, 9), (gemma3_two, 8)):
    name, g = make.__name__, torch.Generator().manual_seed(SEED)
    model, inputs = make(g)
    model = shake(model.float(), SEED + 1).eval()
    model.set_attn_implementation("eager")
    mask = torch.ones_like(inputs["input_ids"])
    logits = model(**inputs, attention_mask=mask).logits.float()
    out = model.generate(**inputs, attention_mask=mask, max_new_tokens=12, min_new_tokens=12, do_sample=False)
    generated = out[:, inputs["input_ids"].shape[1]:]
    other = dict(inputs, pixel_values=torch.randn(inputs["pixel_values"].shape, generator=g))
    moved = (model(**other, attention_mask=mask).logits[:, -1] - logits[:, -1]).abs().max().item()
    folder = f"{OUT}/{name}"
    os.makedirs(folder, exist_ok=True)
    model.save_pretrained(folder)
    tensors = {k: (v if v.is_floating_point() else v.to(torch.int32)).contiguous() for k, v in inputs.items()}
    save_file(tensors | {"logits": logits.contiguous(), "generated": generated.to(torch.int32).contiguous()},
              f"{folder}/golden.safetensors", {"transformers": T.__version__, "torch": torch.__version__, "family": name})
    print(name, "tokens", inputs["input_ids"].shape[1], f"std {logits.std():.2f} moved {moved:.2f}", generated[0].tolist())
