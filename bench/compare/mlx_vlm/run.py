"""Questions per second, Headroom against mlx-vlm, on the same easy-VQA questions and the same machine in one go.

The sides take turns, round by round: Headroom; mlx-vlm as installed (bfloat16, its bundled BLAS); mlx-vlm in float32
with OpenBLAS preloaded. Prints each side's rate and accuracy, and the ratios with their spread. Asserts nothing.

usage: run.py [--questions 200] [--rounds 3] [--peer-python PYTHON]
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "assets/demo/easy-vqa/test"
MODEL = ROOT / "assets/demo/model"


def headroom(count, folder):
    out = Path(folder) / "run"
    done = subprocess.run([ROOT / "build/headroom", "vqa", "-m", "demo", "-d", "easy-vqa", "--limit", str(count),
                           "--memory", "512MiB", "-o", out], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise SystemExit(done.stderr.decode())
    newest = max(out.rglob("summary.json"), key=lambda p: p.stat().st_mtime)
    model = json.loads(newest.read_text())["models"][0]
    return model["questions_per_second"], model["correct"]


def peer(python, count, model_dir, dtype, preload):
    env = dict(os.environ, HF_HUB_OFFLINE="1")
    if preload:
        env["LD_PRELOAD"] = preload
    done = subprocess.run([python, Path(__file__).with_name("peer.py"), model_dir, DATA, str(count), dtype],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    if done.returncode != 0:
        raise SystemExit(done.stderr.decode())
    result = json.loads(done.stdout.decode().strip().splitlines()[-1])
    return result["questions"] / result["seconds"], result["right"]


def openblas():
    for path in ("/usr/lib/x86_64-linux-gnu/libopenblas.so.0", "/usr/lib/aarch64-linux-gnu/libopenblas.so.0"):
        if Path(path).exists():
            return path
    return None


def summary(values):
    return f"{statistics.median(values):.1f} [{min(values):.1f}-{max(values):.1f}]"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--questions", type=int, default=200)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--peer-python", default=sys.executable)
    args = options.parse_args()
    sides = {"headroom": [], "mlx-vlm as installed": [], "mlx-vlm float32, OpenBLAS": []}
    right = {}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model"
        subprocess.run([args.peer_python, Path(__file__).with_name("prepare_model.py"), MODEL, copy], check=True)
        for _ in range(args.rounds):
            for name, ask in (
                    ("headroom", lambda: headroom(args.questions, folder)),
                    ("mlx-vlm as installed", lambda: peer(args.peer_python, args.questions, copy, "as_stored", None)),
                    ("mlx-vlm float32, OpenBLAS",
                     lambda: peer(args.peer_python, args.questions, copy, "float32", openblas()))):
                rate, correct = ask()
                sides[name].append(rate)
                right[name] = correct
    versions = subprocess.run([args.peer_python, "-c", "import importlib.metadata as m; print(m.version('mlx-vlm'), "
                               "m.version('mlx'))"], capture_output=True, text=True, check=True).stdout.split()
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores; mlx-vlm {versions[0]}, mlx {versions[1]}; "
          f"{args.questions} questions, {args.rounds} rounds, sides taking turns; loading not counted")
    for name, rates in sides.items():
        print(f"{name:28} {summary(rates):>22} questions/s   right {right[name]}/{args.questions}")
    for name in list(sides)[1:]:
        print(f"headroom / {name}: {summary([a / b for a, b in zip(sides['headroom'], sides[name])])} x")


main()
