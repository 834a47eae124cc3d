"""`python workers/torch`: the worker, from the folder that it lies in."""

from headroom_worker_torch.main import main

if __name__ == "__main__":
    raise SystemExit(main())
