"""What Gemma3ImageProcessorPil makes of pictures with pan and scan: number of crops, mean and samples.

usage: make_crops.py > siglip_crops.json
"""
import json
import os

import numpy as np
import PIL
import transformers
from PIL import Image
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil

SETTINGS = {"size": {"height": 64, "width": 64}, "image_mean": [.5] * 3, "image_std": [.5] * 3, "resample": 2,
            "do_pan_and_scan": True, "pan_and_scan_min_crop_size": 40, "pan_and_scan_max_num_crops": 4,
            "pan_and_scan_min_ratio_to_activate": 1.2}
HERE = os.path.dirname(os.path.abspath(__file__)) + "/images/"

rows = {}
for name in sorted(os.listdir(HERE)):
    if name == "rotated.jpg":
        continue
    made = Gemma3ImageProcessorPil(**SETTINGS)(images=Image.open(HERE + name).convert("RGB"), return_tensors="np")
    x = np.asarray(made["pixel_values"], dtype=np.float64)
    flat = x.reshape(-1)
    rows[name] = {"num_crops": int(made["num_crops"][0]), "pixel_values": {
        "shape": list(x.shape), "mean": round(float(x.mean()), 6),
        "samples": [round(float(flat[7919 * k % flat.size]), 5) for k in range(100)]}}
print(json.dumps({"versions": {"transformers": transformers.__version__, "pillow": PIL.__version__},
                  "cases": {"gemma3": {"settings": SETTINGS, "pil": rows}}}))
