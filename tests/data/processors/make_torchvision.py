"""torchvision's resize, with antialias, of the 8-bit pictures in images/. usage: make_torchvision.py > resize_torchvision.json"""
import hashlib
import json
from pathlib import Path

import numpy
import torch
import torchvision
from PIL import Image
from torchvision.transforms.v2 import functional

HERE = Path(__file__).resolve().parent
MODES = {"bilinear": functional.InterpolationMode.BILINEAR, "bicubic": functional.InterpolationMode.BICUBIC}
SIZES = [(224, 224), (512, 384), (61, 300), (1000, 40), (7, 900)]

results = {}
for path in sorted((HERE / "images").iterdir()):
    picture = Image.open(path).convert("RGB")
    pixels = torch.from_numpy(numpy.array(picture)).permute(2, 0, 1).contiguous()
    entry = {}
    for name, mode in MODES.items():
        for width, height in SIZES + [(picture.width, 50), (50, picture.height)]:
            resized = functional.resize(pixels, [height, width], interpolation=mode, antialias=True)
            entry[f"{name}_{width}x{height}"] = hashlib.sha256(resized.permute(1, 2, 0).contiguous().numpy().tobytes()).hexdigest()
    results[path.name] = entry
print(json.dumps({"torchvision": torchvision.__version__, "torch": torch.__version__, "pictures": results}, indent=1))
