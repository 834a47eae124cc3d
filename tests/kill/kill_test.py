"""Kills a real run with SIGKILL and checks that nothing is lost, asked twice or different. Standard library only.

usage: kill_test.py tree|worker HEADROOM [--questions N] [--kills N] [--seed N]

tree:   the whole process tree is killed at random moments, each kill followed by `resume`; the end must equal an
        uninterrupted run answer for answer, and no answer that was in the journal at a kill may have been asked again.
worker: only the worker is killed, again and again, in one run, which must end with everything answered.
"""
import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KEYS = "SELECT a.model, i.id, a.outcome, a.text, a.token_ids FROM answer a JOIN item i USING(seq) ORDER BY 1, 2"
DURABLE = "SELECT a.model, i.id, a.text, a.asked_at FROM answer a JOIN item i USING(seq)"


def children(pid):
    """All descendants of a process, by /proc."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        for child in parents.get(queue.pop(), []):
            found.append(child)
            queue.append(child)
    return found


def kill_all(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def rows(folder, query):
    journal = sqlite3.connect(f"file:{folder}/run.db?mode=ro", uri=True)
    try:
        return journal.execute(query).fetchall()
    except sqlite3.OperationalError:  # killed before the tables were made
        return []
    finally:
        journal.close()


def start(command, log):
    return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def only_run(out):
    found = [p for p in Path(out).iterdir() if (p / "run.db").exists()] if Path(out).exists() else []
    return found[0] if found else None


def fail(message, log):
    log.flush()
    print(f"FAILED: {message}\n--- the end of the log ---")
    print(Path(log.name).read_text(errors="replace")[-3000:])
    sys.exit(1)


def whole_run(options, out, log):
    started = time.monotonic()
    done = start(asking(options, out), log).wait()
    if done != 0:
        fail(f"the uninterrupted run ended with {done}", log)
    return rows(only_run(out), KEYS), time.monotonic() - started


def asking(options, out):
    return [options.headroom, "vqa", "-m", "demo", "-d", "easy-vqa", "--limit", str(options.questions),
            "--memory", "512MiB", "-o", str(out)]


def kill_tree(options, folder, log):
    expected, took = whole_run(options, folder / "whole", log)
    dice = random.Random(options.seed)
    kills, lost_time, done, out = 0, 0, None, folder / "killed"
    while kills < options.kills:
        run = only_run(out)
        finished = run is not None and len(rows(run, KEYS)) == len(expected)
        if finished:  # begin another run: every kill must land in a running one
            check(options, run, expected, log)
            out = folder / f"killed-{kills}"
            run = None
        command = [options.headroom, "resume", str(run)] if run else asking(options, out)
        process = start(command, log)
        moment = dice.uniform(0.02, max(0.3, took * 0.35))
        time.sleep(moment)
        if process.poll() is not None:
            continue
        kill_all([process.pid] + children(process.pid))
        process.wait()
        kills += 1
        run = only_run(out)
        durable = dict(((m, i), (t, a)) for m, i, t, a in rows(run, DURABLE)) if run else {}
        print(f"kill {kills:2} after {moment:5.2f} s: {len(durable)} of {len(expected)} durable", flush=True)
        if not run:
            continue
        if kills == options.kills:  # the last one goes on to the end
            done = start([options.headroom, "resume", str(run)], log).wait()
            if done != 0:
                fail(f"the last resume ended with {done}", log)
        else:
            process = start([options.headroom, "resume", str(run)], log)
            time.sleep(min(1.0, took * 0.1))
            kill_all([process.pid] + children(process.pid))
            process.wait()
        now = dict(((m, i), (t, a)) for m, i, t, a in rows(run, DURABLE))
        for key, value in durable.items():
            if now.get(key) != value:
                fail(f"item {key} was durable as {value} and is {now.get(key)} after resume", log)
    check(options, only_run(out), expected, log)
    print(f"PASSED: {kills} kills of the tree, {len(expected)} answers equal an uninterrupted run's")


def check(options, run, expected, log):
    if rows(run, KEYS) != expected:
        different = set(rows(run, KEYS)) ^ set(expected)
        fail(f"{len(different)} answers differ from the uninterrupted run, such as {sorted(different)[:4]}", log)


def kill_worker(options, folder, log):
    expected, _ = whole_run(options, folder / "whole", log)
    dice = random.Random(options.seed)
    out, kills = folder / "killed", 0
    process = start(asking(options, out), log)
    before = 0
    while process.poll() is None and kills < options.kills:
        time.sleep(dice.uniform(0.1, 0.4))
        run = only_run(out)
        answered = len(rows(run, KEYS)) if run else 0
        workers = children(process.pid)
        # Each kill lands in a worker that has done something since the last one: three deaths at one question would
        # rightly end it.
        if workers and answered > before:
            kill_all(workers)
            kills += 1
            before = answered
            print(f"kill {kills:2} of the worker at {answered} answers", flush=True)
    done = process.wait()
    if kills < options.kills:
        fail(f"the run ended with {done} after {kills} kills of {options.kills}: ask more questions", log)
    if done != 0:
        fail(f"the run ended with {done}", log)
    check(options, only_run(out), expected, log)
    print(f"PASSED: {kills} kills of the worker, all {len(expected)} answered as in an uninterrupted run")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["tree", "worker"])
    parser.add_argument("headroom")
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=20261125)
    options = parser.parse_args()
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "log", "w") as log:
        (kill_tree if options.what == "tree" else kill_worker)(options, Path(folder), log)


main()
