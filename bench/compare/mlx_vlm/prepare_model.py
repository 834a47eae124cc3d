"""Writes a copy of the demo model that mlx-vlm 0.7.10 can load: it knows neither tied heads of this family nor the
nested rope key, so `lm_head.weight` is written out and `rope_theta` stands beside `rope_parameters`.

usage: prepare_model.py DEMO_MODEL_DIR OUT_DIR
"""
import json
import shutil
import sys
from pathlib import Path

import mlx.core as mx


def main():
    source, target = map(Path, sys.argv[1:])
    shutil.copytree(source, target, dirs_exist_ok=True)
    weights = mx.load(str(source / "model.safetensors"))
    weights["lm_head.weight"] = mx.array(weights["model.text_model.embed_tokens.weight"])
    mx.save_safetensors(str(target / "model.safetensors"), weights, metadata={"format": "pt"})
    config = json.loads((source / "config.json").read_text())
    config["text_config"]["rope_theta"] = config["text_config"]["rope_parameters"]["rope_theta"]
    config["tie_word_embeddings"] = config["text_config"]["tie_word_embeddings"] = False
    (target / "config.json").write_text(json.dumps(config, indent=2))


main()
