"""The PyTorch engine behind Headroom's worker contract (docs/reference/worker-contract.md)."""
