"""The peer's side of the comparison: mlx-vlm answers easy-VQA questions, one `generate` a question, as its own
evaluation scripts do (mlx_vlm/evals/utils.py). Prints one JSON line.

usage: peer.py MODEL_DIR EASY_VQA_TEST_DIR QUESTIONS DTYPE      (DTYPE: as_stored or float32)
"""
import json
import sys
import time
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_map
from mlx_vlm import generate, load
from mlx_vlm.prompt_utils import apply_chat_template


def main():
    model_dir, data_dir, count, dtype = sys.argv[1:]
    count = int(count)
    model, processor = load(model_dir)
    if dtype == "float32":
        widen = lambda a: a.astype(mx.float32) if mx.issubdtype(a.dtype, mx.floating) else a
        model.update(tree_map(widen, model.parameters()))
        mx.eval(model.parameters())
    rows = json.loads((Path(data_dir) / "questions.json").read_text())[:count]
    right = 0
    started = time.perf_counter()
    for question, answer, picture in rows:
        prompt = apply_chat_template(processor, model.config, question, num_images=1)
        response = generate(model, processor, prompt, image=[f"{data_dir}/images/{picture}.png"],
                            max_tokens=16, temperature=0.0, verbose=False)
        right += response.text.strip().lower() == answer
    seconds = time.perf_counter() - started
    print(json.dumps({"questions": len(rows), "right": right, "seconds": seconds}))


main()
