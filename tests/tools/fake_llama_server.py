#!/usr/bin/env -S python3 -I
"""What llama.cpp's server is to its starter, without a model: arguments, key, health, properties, slots, answers.

FAKE_LLAMA is a JSON object of how it misbehaves; FAKE_LLAMA_LOG a file that gets a line for each start and request.
    answer           what it answers ("red")
    grow_mib         taken and held with each answer
    erase_frees      erasing a slot gives that back
    die_at           [n, …]: kills itself while it is asked question n, counted over all lives in the log
    die_on           text of a question at which it always kills itself
    exit             ends with this status instead of serving
    key              "any": takes any; "none": takes none
    name             of its model, instead of the one that it was given
    hang_at          [n, …]: stops for ever when it is asked question n, counted like die_at
    slow_at          [n, …]: takes 5 s for question n, and serves others meanwhile
    load_mib         held from the start on
    spike_mib        taken and given back before each answer
    deaf             takes the connection of a question and closes it without an answer
"""

import http.server
import json
import os
import re
import signal
import socket
import sys
import threading
import time

behaviour = json.loads(os.environ.get("FAKE_LLAMA", "{}"))
held = []
lock = threading.Lock()


def note(**what):
    path = os.environ.get("FAKE_LLAMA_LOG")
    if path:
        with lock, open(path, "a") as log:
            log.write(json.dumps(what) + "\n")


def note_question(text):
    """How many there were, this one included."""
    path = os.environ.get("FAKE_LLAMA_LOG", os.devnull)
    with lock:
        with open(path, "a") as log:
            log.write(json.dumps({"question": text}) + "\n")
        with open(path) as log:
            return sum('"question"' in line for line in log)


def argument(name, preset=""):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else preset


def hold(mib):
    block = bytearray(mib << 20)
    block[::4096] = b"x" * len(block[::4096])  # each page, so that it counts
    held.append(block)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        print(*words, file=sys.stderr)

    def reply(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def allowed(self):
        wanted = "Bearer " + os.environ.get("LLAMA_API_KEY", "")
        kind = behaviour.get("key", "own")
        return kind == "any" or (kind == "own" and self.headers.get("Authorization") == wanted)

    def do_GET(self):
        if self.path == "/health":
            self.reply(200, {"status": "ok"})
        elif not self.allowed():
            self.reply(401, {"error": {"message": "Invalid API Key", "code": 401}})
        elif self.path == "/props":
            slots = int(argument("-np", "1"))
            self.reply(200, {
                "total_slots": slots,
                "build_info": "fake",
                "modalities": {"vision": "--mmproj" in sys.argv},
                "default_generation_settings": {"n_ctx": int(argument("-c", "0")) // slots},
            })
        elif self.path == "/v1/models":
            self.reply(200, {"data": [{"id": behaviour.get("name", argument("--alias")), "owned_by": "llamacpp"}]})
        else:
            self.reply(404, {"error": {"message": "no such path", "code": 404}})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if not self.allowed():
            self.reply(401, {"error": {"message": "Invalid API Key", "code": 401}})
        elif self.path.startswith("/slots/"):
            note(erased=re.findall("[0-9]+", self.path)[0])
            if behaviour.get("erase_frees"):
                held.clear()
            self.reply(200, {"n_erased": 1})
        else:
            self.chat(json.loads(body))

    def chat(self, request):
        texts = [part.get("text", "") for message in request["messages"]
                 for part in (message["content"] if isinstance(message["content"], list) else [{"text": message["content"]}])]
        number = note_question(texts[-1])
        if number in behaviour.get("die_at", []) or behaviour.get("die_on", "\0") in " ".join(texts):
            os.kill(os.getpid(), signal.SIGKILL)
        if number in behaviour.get("hang_at", []):
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(600)  # other threads may be stopped first
        if number in behaviour.get("slow_at", []):
            time.sleep(5)
        if behaviour.get("deaf"):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if behaviour.get("spike_mib"):
            hold(behaviour["spike_mib"])
            held.pop()
        if behaviour.get("grow_mib"):
            hold(behaviour["grow_mib"])
        self.reply(200, {
            "choices": [{"finish_reason": "stop", "message": {"content": behaviour.get("answer", "red")}}],
            "usage": {"prompt_tokens": 40, "completion_tokens": 1},
        })


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = False  # a port that somebody listens on is not to be had


def main():
    if "--version" in sys.argv:
        print("version: fake 1", file=sys.stderr)
        return
    note(start=sys.argv[1:], pid=os.getpid(), key=os.environ.get("LLAMA_API_KEY"),
         settings={k: v for k, v in os.environ.items() if k.startswith("LLAMA_ARG_")})
    if "exit" in behaviour:
        print("error: it was told to fail", file=sys.stderr)
        sys.exit(behaviour["exit"])
    try:
        server = Server((argument("--host"), int(argument("--port"))), Handler)
    except OSError as error:
        print("couldn't bind:", error, file=sys.stderr)
        sys.exit(1)
    if behaviour.get("load_mib"):
        hold(behaviour["load_mib"])
    server.serve_forever()


main()
