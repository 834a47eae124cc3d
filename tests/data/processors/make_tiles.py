"""Rows, columns and sides by the reference's own functions, and its prompt strings. usage: make_tiles.py FOLDER"""
import json, random, sys
import numpy as np, transformers
from transformers.image_utils import SizeDict
from transformers.models.smolvlm import image_processing_pil_smolvlm as P, processing_smolvlm as S
from transformers.models.idefics3.processing_idefics3 import Idefics3Processor


class Sizes(P.SmolVLMImageProcessorPil):
    """Follows the sides alone: arrays without memory, resizes that only record."""
    def resize(self, image, size, resample=None, **kw):
        h, w = P.get_resize_output_image_size(image, size.longest_edge) if size.longest_edge else (size.height, size.width)
        self.steps.append([w, h]); return np.broadcast_to(np.uint8(0), (3, h, w))

    def follow(self, w, h):
        self.steps = []; x = np.broadcast_to(np.uint8(0), (3, h, w)); m = self.max_image_size["longest_edge"]
        if self.do_resize: x = self.resize(x, self.size)
        else: self.steps.append([w, h])
        if not self.do_image_splitting: self.resize(x, SizeDict(height=m, width=m)); return 0, 0, 1
        x = self.resize_for_vision_encoder(x, m); frames, r, c = self.split_images(x, self.max_image_size); return r, c, len(frames)


random.seed(3)
rows = []
settings = [(True, True, 2048, 512), (True, False, 2048, 512), (True, True, 1456, 364), (False, True, 1456, 364), (True, True, 1920, 384), (True, True, 5000, 512), (True, True, 77, 64)]
for do_resize, split, longest, tile in settings:
    p = Sizes(do_resize=do_resize, do_image_splitting=split, size={"longest_edge": longest}, max_image_size={"longest_edge": tile})
    for k in range(60):
        w, h = [(1, 1), (tile, tile), (tile + 1, tile), (tile, tile + 1), (2 * tile, tile), (9000, 1), (1, 9000), (3, 4096)][k] if k < 8 else (random.randint(1, 3000), random.randint(1, 3000))
        if k > 45: h = max(1, w // random.randint(2, 60)); w, h = random.choice(((w, h), (h, w)))
        r, c, n = p.follow(w, h); rows.append([do_resize, split, longest, tile, w, h, r, c, n] + p.steps[0] + p.steps[1])
strings = []
for r, c, n in ((0, 0, 3), (1, 1, 2), (2, 3, 1), (4, 1, 2)):
    a = S.get_image_prompt_string(r, c, n, "<fake_token_around_image>", "<image>", "<global-img>")
    i = object.__new__(Idefics3Processor); i.fake_image_token, i.image_token, i.global_image_tag, i.image_seq_len = "<fake_token_around_image>", "<image>", "<global-img>", n
    b = i.replace_image_token({"rows": [[r]], "cols": [[c]]}, 0)
    strings.append({"rows": r, "cols": c, "image_seq_len": n, "smolvlm": a, "idefics3": b})
json.dump({"transformers": transformers.__version__, "columns": ["do_resize", "do_image_splitting", "longest_edge", "tile", "width", "height", "rows", "cols", "tiles", "resized_width", "resized_height", "canvas_width", "canvas_height"],
           "tiles": rows, "strings": strings}, open(f"{sys.argv[1]}/tiles.json", "w"), separators=(",", ":"))
