"""More references of the tiny Qwen-VL checkpoints, in float32 with eager attention.

usage: make_qwen_more.py FOLDER, which holds qwen2_vl, qwen2_5_vl, qwen3_vl. Writes into each of them
 two_pictures.safetensors: pictures of different grids with text between them,
 text_alone.safetensors: no picture,
 layers.safetensors: one picture whose windows are cut by both edges, with what each layer gives ("vision.0", …, patches in the order
 of pixel_values; "merger"; "text.0", …).
"""
import sys

import torch
import transformers as T
from safetensors.torch import save_file
from transformers.vision_utils import get_vision_window_index

IMAGE, START, END = 150, 151, 152
MODELS = {"qwen2_vl": T.Qwen2VLForConditionalGeneration, "qwen2_5_vl": T.Qwen2_5_VLForConditionalGeneration,
          "qwen3_vl": T.Qwen3VLForConditionalGeneration}


def words(draw, n):
    return torch.randint(10, 120, (n,), generator=draw).tolist()


def inputs(draw, grids):
    ids = [1] + words(draw, 3)
    for rows, cols in grids:
        ids += [START] + [IMAGE] * (rows * cols // 4) + [END] + words(draw, 4)
    ids = torch.tensor([ids + words(draw, 5)])
    if not grids:
        return {"input_ids": ids}
    patches = sum(rows * cols for rows, cols in grids)
    return {"input_ids": ids, "pixel_values": torch.randn(patches, 96, generator=draw),
            "image_grid_thw": torch.tensor([[1, rows, cols] for rows, cols in grids]), "mm_token_type_ids": (ids == IMAGE).int()}


def tap(model, found):
    def keep(name):
        def hook(module, args, output):
            found.setdefault(name, output[0] if isinstance(output, tuple) else output)
        return hook
    parts = [(f"vision.{i}", block) for i, block in enumerate(model.model.visual.blocks)] + [("merger", model.model.visual.merger)]
    parts += [(f"text.{i}", layer) for i, layer in enumerate(model.model.language_model.layers)]
    return [part.register_forward_hook(keep(name)) for name, part in parts]


def in_order(found, given, config):
    """Windows' patches and features back in the order of pixel_values."""
    index, _ = get_vision_window_index(given["image_grid_thw"], config.spatial_merge_size, config.window_size, config.patch_size)
    back = torch.argsort(index)
    for name, value in found.items():
        if name.startswith("vision."):
            squares = value.reshape(len(index), -1)[back]
            found[name] = squares.reshape(value.shape)
        elif name == "merger":
            found[name] = value[back]


def main():
    torch.set_grad_enabled(False)
    for family, kind in MODELS.items():
        folder = f"{sys.argv[1]}/{family}"
        model = kind.from_pretrained(folder, dtype=torch.float32).eval()
        model.set_attn_implementation("eager")
        draw = torch.Generator().manual_seed(len(family))
        for name, grids in (("two_pictures", [(6, 10), (12, 4)]), ("text_alone", []), ("layers", [(10, 14)])):
            given = inputs(draw, grids)
            found = {}
            hooks = tap(model, found) if name == "layers" else []
            mask = torch.ones_like(given["input_ids"])
            logits = model(**given, attention_mask=mask).logits
            for hook in hooks:
                hook.remove()
            if found and family == "qwen2_5_vl":
                in_order(found, given, model.config.vision_config)
            made = model.generate(**given, attention_mask=mask, max_new_tokens=12, min_new_tokens=12, do_sample=False)
            tensors = {**given, **found, "logits": logits, "generated": made[:, given["input_ids"].shape[1]:]}
            tensors = {key: (value if value.is_floating_point() else value.to(torch.int32)).contiguous().clone()
                       for key, value in tensors.items()}
            save_file(tensors, f"{folder}/{name}.safetensors", {"transformers": T.__version__, "torch": torch.__version__})
            print(family, name, given["input_ids"].shape[1], made[0, -12:].tolist(), sorted(found))


main()
