"""Tests that need PyTorch, Transformers and the demo model; `make test-torch` runs them."""
