#!/usr/bin/env python3
"""What governing costs: the same easy-VQA questions with `--governor auto` and with `--governor off`, sides taking turns.

Memory is ample, so that nothing needs to be governed. Prints both sides' seconds of asking and of the whole command, and the
ratio of their medians with the spread of the pairs' ratios. Standard library only.

usage: governance_time.py [--headroom build/headroom] [--work FOLDER] [--questions 2000] [--rounds 7] [--model demo]
"""
import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIDES = ("auto", "off")


def once(args, governor):
    """(seconds of asking, seconds of the whole command)."""
    runs = args.work / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    command = [args.headroom, "vqa", "-m", args.model, "-d", "easy-vqa", "--limit", args.questions, "-o", runs,
               "--governor", governor, "-q", "--json"]
    started = time.monotonic()
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    whole = time.monotonic() - started
    if done.returncode != 0:
        sys.exit(f"governance_time: exit {done.returncode}: {done.stderr}")
    model = json.loads(done.stdout)["models"][0]
    if model["answered"] != args.questions:
        sys.exit(f"governance_time: {model['answered']} of {args.questions} questions answered")
    return model["asking_seconds"], whole


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--headroom", default=ROOT / "build/headroom")
    parser.add_argument("--work", type=Path, default=ROOT / "build/governance_time")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    taken = {side: [] for side in SIDES}
    once(args, "off")  # warms the files' cache; not counted
    for number in range(args.rounds):
        # Each side goes first as often as second, or what a machine does over time would be put to one side.
        for side in SIDES if number % 2 == 0 else reversed(SIDES):
            taken[side].append(once(args, side))
    for part, name in enumerate(("asking", "whole command")):
        seconds = {side: [one[part] for one in taken[side]] for side in SIDES}
        for side in SIDES:
            print(f"{name:<14} {side:<5} {statistics.median(seconds[side]):7.3f} s "
                  f"[{min(seconds[side]):.3f}-{max(seconds[side]):.3f}]")
        pairs = [a / o for a, o in zip(seconds["auto"], seconds["off"])]
        ratio = statistics.median(seconds["auto"]) / statistics.median(seconds["off"])
        print(f"{name:<14} auto / off {ratio:.4f} [{min(pairs):.4f}-{max(pairs):.4f}], {args.questions} questions, {args.rounds} rounds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
