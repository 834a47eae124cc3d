"""Sides that smart_resize of Transformers' Qwen2VLImageProcessorPil gives. usage: make_qwen_grids.py > qwen_grids.json"""
import json
import random

from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

draw = random.Random(11)
SIDES = [(1, 1), (7, 5), (5, 7), (20, 1), (1, 20), (400, 20), (20, 400), (200, 1), (201, 1), (1, 200), (1, 201), (1000, 5), (1005, 5),
         (13, 13), (14, 14), (15, 15), (27, 28), (42, 42), (70, 98), (112, 126), (1024, 768), (4000, 3000), (3000, 4000), (65535, 400)]
SIDES += [(draw.randint(1, 5000), draw.randint(1, 5000)) for _ in range(60)]
SIDES += [(28 * draw.randint(1, 60) + 14, 28 * draw.randint(1, 60) + draw.choice([0, 14])) for _ in range(20)]
LIMITS = [(28, 3136, 1003520), (28, 3136, 12845056), (32, 65536, 16777216), (8, 64, 1024), (28, 200704, 401408)]
rows = []
for factor, least, most in LIMITS:
    for width, height in SIDES:
        try:
            result = smart_resize(height, width, factor, least, most)
        except ValueError:
            result = None
        rows.append({"width": width, "height": height, "factor": factor, "min_pixels": least, "max_pixels": most, "result": result})
print("[" + ",\n".join(json.dumps(row) for row in rows) + "]")
