"""Further sizes and the sixth filter, by Pillow's own resize. usage: make_more.py FOLDER"""
import hashlib, json, sys
import PIL
from PIL import Image

folder = sys.argv[1]
FILTERS = (("nearest", 0), ("lanczos", 1), ("bilinear", 2), ("bicubic", 3), ("box", 4), ("hamming", 5))
out = {}
for n in ("alpha.png", "cmyk.jpg", "gray.png", "page.png", "strip.jpg", "tall.png", "tiny.png"):
    im = Image.open(f"{folder}/images/{n}").convert("RGB")
    d = {}
    for name, f in FILTERS:
        for s in ((im.width, 100), (100, im.height), (1, 1), (3, 1999), (1501, 701), (224, 224), (61, 300)):
            if s == im.size: continue
            d[f"{name}_{s[0]}x{s[1]}"] = {"sha256": hashlib.sha256(im.resize(s, resample=f).tobytes()).hexdigest()}
    out[n] = d
# A strip more than 100 times as high as wide, which Pillow 12.3 takes apart.
strip = Image.open(f"{folder}/images/tall.png").convert("RGB").resize((2, 301), 0)
out["tall.png"]["of_2x301"] = {f"{name}_{s[0]}x{s[1]}": hashlib.sha256(strip.resize(s, resample=f).tobytes()).hexdigest() for name, f in FILTERS for s in ((1, 64), (5, 300), (5, 302))}
json.dump(out, open(f"{folder}/resize_more_{PIL.__version__}.json", "w"), indent=0)
