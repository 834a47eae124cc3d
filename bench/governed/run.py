"""Governed runs under real kernel limits: does every item end in an outcome, is the budget kept, is nobody killed?

For each model and budget (a multiple of the footprint after loading) the same questions are asked twice, with the governor and
with `--governor off`, supervisor and worker together in a memory cgroup whose limit is the budget. Standard library only.

usage: run.py [--headroom build/headroom] [--work FOLDER] [--models demo,random] [--factors 1.15,1.5,2.5] [--pictures 60] [--texts 10]
              [--json FILE]
"""
import argparse
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pictures
from kernel_limit import KernelLimit, NoLimit

MIB = 1 << 20


def journal_of(runs):
    """The one run in a folder of runs."""
    found = sorted(Path(runs).glob("*/run.db"))
    if len(found) != 1:
        raise SystemExit(f"{runs}: expected one run, found {len(found)}")
    return sqlite3.connect(f"file:{found[0]}?mode=ro", uri=True)


def vqa(args, model, data, runs, extra, limit=None):
    """Runs once; returns (status, seconds, kernel kills, last words)."""
    shutil.rmtree(runs, ignore_errors=True)
    command = [args.headroom, "vqa", "-m", model, "-d", data, "-o", runs, "--max-tokens", "8", "-q", "--color", "never", *extra]
    started = time.monotonic()
    options = {"capture_output": True, "text": True, "timeout": args.timeout}
    if limit is None:
        done, kills = subprocess.run(command, **options), 0
    else:
        with KernelLimit(limit) as group:
            done = group.run(command, **options)
            kills = group.kills()
    return done.returncode, time.monotonic() - started, kills, done.stderr.strip().splitlines()[-1:] or [""]


def loaded_footprint(args, model, data, runs):
    """Bytes held by all processes after loading, as a run with ample memory measures them."""
    status, _, _, words = vqa(args, model, data, runs, ["--limit", "1"])
    if status not in (0, 3):
        raise SystemExit(f"{model}: exit {status}: {words}")
    journal = journal_of(runs)
    numbers, = journal.execute("SELECT numbers FROM memory_event WHERE kind = 'load'").fetchone()
    return json.loads(numbers)["held_bytes"]


def look(runs, budget, result):
    """What the journal of a run says."""
    try:
        journal = journal_of(runs)
    except SystemExit:
        return result | {"outcomes": {}, "lost": None, "kept": False}
    total, = journal.execute("SELECT count(*) FROM item").fetchone()
    outcomes = dict(journal.execute("SELECT outcome, count(*) FROM answer GROUP BY outcome"))
    peak, = journal.execute("SELECT max(measured_peak) FROM asked").fetchone()
    deaths, = journal.execute("SELECT count(*) FROM death").fetchone()
    events = dict(journal.execute("SELECT kind, count(*) FROM memory_event GROUP BY kind"))
    return result | {
        "items": total, "outcomes": outcomes, "lost": total - sum(outcomes.values()), "deaths": deaths, "peak_bytes": peak,
        "kept": peak is not None and peak <= budget, "cleanups": events.get("clean", 0), "rungs": events.get("rung", 0),
        "refused": events.get("refuse", 0)}


def row(one):
    memory = one["outcomes"].get("memory", 0)
    answered = one["outcomes"].get("answered", 0)
    others = sum(one["outcomes"].values()) - memory - answered
    peak = one.get("peak_bytes")
    share = f"{100 * peak / one['budget_bytes']:.1f} %" if peak else "-"
    return (f"| {one['model']} | {one['governor']} | {one['factor']} | {one['budget_bytes'] / MIB:.0f} MiB | {answered} | {memory} | {others} "
            f"| {one['lost']} | {share} | {one['kills']} | {one.get('deaths', '-')} | {one.get('rungs', '-')} | {one.get('cleanups', '-')} "
            f"| {one['status']} | {one['seconds']:.0f} |")


def random_model(folder):
    """About 300 million parameters in SmolVLM's shape, with tiles small enough to ask hundreds of questions on a CPU."""
    if not (folder / "config.json").exists():
        subprocess.run([sys.executable, Path(__file__).with_name("make_model.py"), folder, *RANDOM], check=True)
    return str(folder)


RANDOM = ["--image-size", "256", "--longest-edge", "512"]

HEAD = ("| model | governor | times loaded | budget | answered | memory | other | lost | peak of budget | kernel kills | worker deaths "
        "| rungs | clean-ups | exit | seconds |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--headroom", default="build/headroom")
    parser.add_argument("--work", default="build/governed")
    parser.add_argument("--models", default="demo,random")
    parser.add_argument("--factors", default="1.15,1.5,2.5")
    parser.add_argument("--governors", default="auto,off")
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--texts", type=int, default=10)
    parser.add_argument("--timeout", type=float, default=3600, help="seconds a run may take")
    parser.add_argument("--json", help="write all figures there")
    args = parser.parse_args()
    work = Path(args.work)
    data = str(pictures.make(work / "pictures", args.pictures, args.texts))
    results = []
    print(HEAD, flush=True)
    for name in args.models.split(","):
        model = name if name != "random" else random_model(work / "random")
        loaded = loaded_footprint(args, model, data, str(work / "runs"))
        for factor in args.factors.split(","):
            budget = int(float(factor) * loaded) // MIB * MIB
            for governor in args.governors.split(","):
                extra = ["--memory", f"{budget // MIB}MiB", "--governor", governor, *(["--wall", "off"] if governor == "off" else [])]
                status, seconds, kills, words = vqa(args, model, data, str(work / "runs"), extra, budget)
                one = {"model": name, "governor": governor, "factor": float(factor), "loaded_bytes": loaded,
                       "budget_bytes": budget, "status": status, "seconds": seconds, "kills": kills, "words": words[0]}
                results.append(look(str(work / "runs"), budget, one))
                print(row(results[-1]), flush=True)
    if args.json:
        Path(args.json).write_text(json.dumps(results, indent=1) + "\n")
    governed = [one for one in results if one["governor"] != "off"]
    broken = [one for one in governed if one["lost"] or not one["kept"] or one["kills"]]
    return 1 if broken else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NoLimit as error:
        sys.exit(f"no kernel limit can be set here ({error}): run it as root, or in a delegated cgroup")
