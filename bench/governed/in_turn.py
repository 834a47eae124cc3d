#!/usr/bin/env python3
"""Models in turn, in one run: does each begin only after the one before gave its bytes back?

Two models, ten times each and alternating, are asked in one `headroom vqa`. The journal says what all processes held after each
load and what was left after each unload. Exits with 1 if what is left after a turn is further from where the run began than
5 % or 32 MiB (the larger), or if it grows from the first turn to the last by more than 1 MiB a turn. Standard library only.

usage: in_turn.py [--headroom build/headroom] [--work FOLDER] [--turns 10] [--second FOLDER] [--json FILE]
"""
import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
MOST_GROWTH_A_TURN = MIB


def linked(source, folder):
    """A folder of its own for one turn: a run takes a model once, and a link to its files is a model of another name."""
    folder.mkdir(parents=True)
    for file in sorted(Path(source).iterdir()):
        os.symlink(file.resolve(), folder / file.name)
    return folder


def ask(args, models, data):
    runs = args.work / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    command = [args.headroom, "vqa", "-d", data, "-o", runs, "--limit", "2", "--max-tokens", "4", "--order", "given", "-q"]
    for model in models:
        command += ["-m", model]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    journals = list(runs.glob("*/run.db"))
    if done.returncode != 0 or not journals:
        sys.exit(f"in_turn: exit {done.returncode}: {done.stdout}{done.stderr}")
    return sqlite3.connect(f"file:{journals[0]}?mode=ro", uri=True)


def turns_of(journal):
    """(held before loading, after loading, after unloading) of each turn: bytes of supervisor and worker together, in order."""
    loaded, turns = None, []
    for kind, numbers, footprint in journal.execute(
            "SELECT e.kind, e.numbers, r.supervisor_footprint + r.worker_footprint FROM memory_event e JOIN reading r ON r.no = e.after "
            "WHERE e.kind IN ('load', 'unload') ORDER BY e.no"):
        if kind == "load":
            loaded = footprint
        else:
            turns.append((footprint - json.loads(numbers)["left_bytes"], loaded, footprint))
    return turns


def judge(turns):
    """Prints what the turns show; true if all bytes came back."""
    began, lefts = turns[0][0], [left for _, _, left in turns]
    allowed = max(MIB * 32, began // 20)
    furthest = max(left - began for left in lefts)
    # The first turn of each model may leave what is made once; growth is what later turns add.
    growth = (lefts[-1] - lefts[1]) / (len(lefts) - 2)
    print(f"began at {began / MIB:.1f} MiB; at most {furthest / MIB:+.1f} MiB from there after a turn ({allowed / MIB:.0f} allowed); "
          f"{growth / MIB:+.2f} MiB a turn after the first two ({MOST_GROWTH_A_TURN / MIB:.0f} allowed)")
    return furthest <= allowed and growth <= MOST_GROWTH_A_TURN


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--headroom", default=ROOT / "build/headroom")
    parser.add_argument("--work", type=Path, default=ROOT / "build/in_turn")
    parser.add_argument("--turns", type=int, default=10, help="of each model (%(default)s)")
    parser.add_argument("--second", type=Path, help="folder of the second model (one of 359 million random parameters)")
    parser.add_argument("--json", type=Path, help="write all figures there")
    args = parser.parse_args()
    if args.turns < 2:
        parser.error(f"--turns {args.turns}: growth is seen from the second turn on, so at least 2")
    second = args.second or args.work / "random"
    if not (second / "config.json").exists():
        subprocess.run([sys.executable, ROOT / "bench/governed/make_model.py", second, "--image-size", "256", "--longest-edge",
                        "512"], check=True)
    links = args.work / "links"
    shutil.rmtree(links, ignore_errors=True)
    models = [linked(source, links / f"{turn:02}-{name}") for turn in range(args.turns)
              for name, source in (("demo", ROOT / "assets/demo/model"), ("second", second))]
    journal = ask(args, models, "easy-vqa")
    turns = turns_of(journal)
    if len(turns) != len(models):
        sys.exit(f"in_turn: {len(models)} models, but the journal has {len(turns)} loads and unloads")
    for model, (before, loaded, left) in zip(models, turns):
        print(f"{model.name:<12} {before / MIB:8.1f} MiB before loading, {loaded / MIB:8.1f} after, {left / MIB:8.1f} after unloading")
    if args.json:
        args.json.write_text(json.dumps([dict(zip(("before", "loaded", "left"), turn)) for turn in turns], indent=1) + "\n")
    return 0 if judge(turns) else 1


if __name__ == "__main__":
    sys.exit(main())
