#!/usr/bin/env python3
"""Headroom against a bare load generator on one server at one concurrency: requests a second, sides taking turns. Both send the
same bodies; the server works SLOTS at once, MILLISECONDS each, and its own clock is read: from the first request's start to the
last one's end. usage: bench/server/run.py [--slots 4] [--milliseconds 20] [--questions 400] [--rounds 3] [--headroom build/headroom]"""
import argparse
import http.client
import json
import pathlib
import queue
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).parent


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())


def rate(port):
    times = get(port, "/times")
    return len(times) / (max(end for _, end in times) - min(begun for begun, _ in times)), len(times)


def load(port, bodies, concurrency):
    """As fast as the server takes them, each thread on a connection of its own."""
    waiting = queue.Queue()
    for body in bodies:
        waiting.put(body)

    def work():
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                body = waiting.get_nowait()
            except queue.Empty:
                return
            connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
            connection.getresponse().read()

    threads = [threading.Thread(target=work) for _ in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def headroom(program, port, questions, folder):
    words = [program, "vqa", "-m", f"http://127.0.0.1:{port}/v1#m", "-d", "easy-vqa", "--limit", str(questions),
             "-o", folder, "-q"]
    done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(words)} ended with {done.returncode}: {done.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--milliseconds", type=float, default=20)
    parser.add_argument("--questions", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--headroom", default=str(HERE.parent.parent / "build" / "headroom"))
    options = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, str(HERE / "server.py"), str(port), str(options.slots),
                               str(options.milliseconds)])
    folder = tempfile.mkdtemp(prefix="headroom-bench-")
    try:
        for _ in range(100):
            try:
                get(port, "/v1/models")
                break
            except ConnectionError:
                time.sleep(0.05)
        headroom(options.headroom, port, options.questions, folder)  # not counted: it records the bodies
        bodies = get(port, "/bodies")
        bodies = (bodies * (options.questions // len(bodies) + 1))[:options.questions]
        rate(port)
        ours, bare = [], []
        for number in range(options.rounds):
            load(port, bodies, options.slots)
            bare.append(rate(port)[0])
            headroom(options.headroom, port, options.questions, folder)
            measured, answered = rate(port)
            ours.append(measured)
            print(f"round {number + 1}: headroom {ours[-1]:.1f}, bare {bare[-1]:.1f} requests/s "
                  f"({answered} requests each), ratio {ours[-1] / bare[-1]:.3f}")
        ratios = [a / b for a, b in zip(ours, bare)]
        print(f"{options.slots} at once, {options.milliseconds:g} ms each, {options.questions} questions, "
              f"{options.rounds} rounds: headroom {statistics.median(ours):.1f}, bare {statistics.median(bare):.1f} "
              f"requests/s; ratio {statistics.median(ratios):.3f} [{min(ratios):.3f}-{max(ratios):.3f}]; "
              f"most possible {options.slots / options.milliseconds * 1000:.0f}")
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


main()
