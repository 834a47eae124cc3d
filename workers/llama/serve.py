"""llama.cpp's own HTTP server out of the xllamacpp wheel, by the arguments and variables of `llama-server`.

Headroom starts it where no `llama-server` is at hand. It knows the few arguments that Headroom gives, and ends when its
standard input does. The variables are those of llama-server: LLAMA_API_KEY, LLAMA_ARG_THREADS, LLAMA_ARG_CACHE_RAM, …
"""

import argparse
import os
import sys


def parse(words):
    parser = argparse.ArgumentParser(prog="serve.py", allow_abbrev=False)
    parser.add_argument("-m", dest="model")
    parser.add_argument("--mmproj", default="")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("-c", dest="context", type=int, default=0)
    parser.add_argument("-np", dest="slots", type=int, default=1)
    parser.add_argument("--alias", default="")
    parser.add_argument("--slot-save-path", default="")
    parser.add_argument("--jinja", action="store_true")
    parser.add_argument("--image-min-tokens", type=int, default=0)
    parser.add_argument("--image-max-tokens", type=int, default=0)
    parser.add_argument("--version", action="store_true")
    return parser.parse_args(words)


def setting(name, preset):
    return int(os.environ.get("LLAMA_ARG_" + name) or preset)


def parameters(xllamacpp, words):
    given = xllamacpp.CommonParams()
    given.model.path = words.model
    given.mmproj.path = words.mmproj
    given.hostnames = [words.host]
    given.port = words.port
    given.n_ctx = words.context
    given.n_parallel = words.slots
    given.kv_unified = False
    if words.alias:
        given.model_alias = {words.alias}
    given.slot_save_path = words.slot_save_path
    given.use_jinja = words.jinja
    if words.image_min_tokens:
        given.image_min_tokens = words.image_min_tokens
    if words.image_max_tokens:
        given.image_max_tokens = words.image_max_tokens
    key = os.environ.get("LLAMA_API_KEY")
    given.api_keys = [key] if key else []
    given.cpuparams.n_threads = setting("THREADS", given.cpuparams.n_threads)
    given.cache_ram_mib = setting("CACHE_RAM", given.cache_ram_mib)
    given.n_ctx_checkpoints = setting("CTX_CHECKPOINTS", given.n_ctx_checkpoints)
    if os.environ.get("LLAMA_ARG_LOAD_MODE") == "none":
        given.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
    if os.environ.get("LLAMA_ARG_FIT") == "off":
        given.fit_params = False
    if os.environ.get("LLAMA_ARG_DEVICE") == "none":
        given.n_gpu_layers = 0
        given.mmproj_use_gpu = False
    given.ui = False
    return given


def main():
    words = parse(sys.argv[1:])
    import xllamacpp

    if words.version:
        print("version: xllamacpp", xllamacpp.__version__)
        return
    server = xllamacpp.Server(parameters(xllamacpp, words))
    print("listening on", server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
