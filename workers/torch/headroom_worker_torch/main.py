"""The worker's program: arguments, descriptors, engine, server."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from . import streams
from .footprint import Footprint, Heap
from .server import Server, log

_USAGE_STATUS = 2
_MISSING_STATUS = 3


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="headroom-worker-torch",
        description="Answers the worker contract on standard input and output; it is started by "
        "headroom.",
    )
    parser.add_argument(
        "--trust-remote-code",
        action="store_true",
        help="run the code that a model's folder brings",
    )
    parser.add_argument("--version", action="store_true", help="the engine's, and its device")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    return parser.parse_args()


def _prepare_environment() -> None:
    """Before the libraries are imported, which read it then."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_VERBOSITY"] = os.environ.get("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Threads that wait by turning take the cores from the others of the machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def main() -> int:
    options = _arguments()
    # Ctrl-C in a terminal reaches the whole group; the supervisor decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = streams.claim()
    _prepare_environment()
    heap = Heap()
    heap.return_large_blocks()
    try:
        from .assembly import torch_engine
    except ImportError as error:
        log(f"{error}; make its environment with `headroom setup torch`")
        return _MISSING_STATUS
    try:
        engine = torch_engine(options.device, options.trust_remote_code, Footprint(), heap)
    except RuntimeError as error:
        log(str(error))
        return _USAGE_STATUS
    if options.version:
        hello = engine.hello()
        text = f"headroom-worker-torch ({hello['engine_version']}; {hello['device']})\n"
        os.write(sink, text.encode())
        status = 0
    else:
        status = Server(engine, source, sink).serve()
    sys.stderr.flush()
    # Not by way of the interpreter's end, where libraries' threads may linger.
    os._exit(status)
