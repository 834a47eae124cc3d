#!/usr/bin/env python3
"""What scripts/test-llama asks of the program with a real llama.cpp server.

usage: test_llama.py HEADROOM FOLDER QUESTIONS      FOLDER has demo.gguf and mmproj-demo.gguf; runs go there, too
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

HEADROOM, FOLDER, QUESTIONS = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve(), int(sys.argv[3])
DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "demo"
MODEL = f"gguf:{FOLDER}/demo.gguf+image-tokens=16"
STOP = 5  # <end_of_utterance>, which the server leaves out
MIB = 2**20


def say(*words):
    print("test-llama:", *words, flush=True)


def require(holds, *words):
    if not holds:
        sys.exit("test-llama: FAILED: " + " ".join(str(word) for word in words))


def headroom(*words, **more):
    return subprocess.run([HEADROOM, *map(str, words)], capture_output=True, text=True, cwd=FOLDER, **more)


def answers(out):
    run = next((FOLDER / out).iterdir())
    return {row["id"]: row for row in map(json.loads, open(run / "answers.jsonl"))}


def servers():
    """Process numbers of servers that serve our files."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"--slot-save-path" in words and str(FOLDER / "demo.gguf").encode() in words:
                found.append(int(entry.name))
    return found


def test_accuracy():
    done = headroom("vqa", "-m", MODEL, "-m", "demo", "--order", "given", "-d", "easy-vqa", "--limit", QUESTIONS,
                    "--memory", "512MiB", "-o", "accuracy", "--json")
    require(done.returncode == 0, done.stderr)
    served, native = json.loads(done.stdout)["models"]
    for model in (served, native):
        say(f"{model['name']} ({model['engine']} {model['engine_version']}): {model['correct']:,} of {model['total']:,} right, "
            f"peak {model['measured_peak_bytes'] / MIB:.0f} MiB of {model['budget_bytes'] / MIB:.0f}, "
            f"planned {model['planned_peak_bytes'] / MIB:.0f}")
    apart = abs(served["accuracy"] - native["accuracy"]) * 100
    require(served["answered"] == served["total"], served["answered"], "of", served["total"], "answered")
    require(apart <= 0.2, f"{apart:.2f} points apart, 0.2 allowed")
    require(served["measured_peak_bytes"] <= served["planned_peak_bytes"] * 1.05, "it held more than was planned")
    require(not servers(), "a server is left")


def test_goldens():
    goldens = json.load(open(DATA / "demo_goldens.json"))
    turns = [step.get("question", "Describe the image.") for step in goldens["conversations"][0]["steps"]]
    facts = ["items", "colors", "people", "summary"]
    (FOLDER / "turns.toml").write_text(
        "".join(f'[[turn]]\ntext = "{turn}"\nfact = "{fact}"\n\n' for turn, fact in zip(turns, facts)))
    done = headroom("context", "-m", MODEL, "-d", DATA / "scenes.json", "--turns", "turns.toml", "--log-probs", 1,
                    "--memory", "512MiB", "-o", "conversations")
    require(done.returncode == 0, done.stderr)
    got = answers("conversations")
    same = 0
    for picture, conversation in enumerate(goldens["conversations"]):
        for turn, step in enumerate(conversation["steps"], 1):
            row = got[f"{picture}/history/{turn}"]
            ids = [token for token in row["token_ids"] if token != STOP]
            wanted = [token for token in step["generated"] if token != STOP]
            require(ids == wanted, conversation["image"], "turn", turn, ids, "instead of", wanted)
            same += 1
    say(f"{same} turns of the golden conversations have the same token ids")


def test_kill():
    count = 600
    run = subprocess.Popen([HEADROOM, "vqa", "-m", MODEL, "-d", "easy-vqa", "--limit", str(count), "--memory", "512MiB",
                            "-o", "killed", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=FOLDER)
    killed = 0
    while killed < 2 and run.poll() is None:
        for pid in servers():
            time.sleep(2)  # it has loaded by then, and is asked
            try:
                os.kill(pid, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
        time.sleep(0.05)
    out, err = run.communicate(timeout=600)
    require(run.returncode == 0, err)
    model = json.loads(out)["models"][0]
    require(killed > 0 and model["answered"] == count, killed, "kills,", model["answered"], "of", count, "answered:", err)
    say(f"kill -9 {killed} times in mid-run: {model['answered']} of {count} answered")


def test_budget():
    done = headroom("vqa", "-m", MODEL, "-d", "easy-vqa", "--limit", 5, "--memory", "48MiB", "-o", "refused")
    require(done.returncode == 5 and "E-MEM-PLAN" in done.stderr, done.returncode, done.stderr)
    say("48 MiB:", next(line for line in done.stderr.splitlines() if "E-MEM-PLAN" in line)[:200])


for test in (test_accuracy, test_goldens, test_kill, test_budget):
    test()
