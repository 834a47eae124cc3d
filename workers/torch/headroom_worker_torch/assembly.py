"""Puts the PyTorch worker together. Importing this imports PyTorch and Transformers."""

from __future__ import annotations

import transformers

from .engine import TorchEngine
from .footprint import Footprint, Heap
from .picture_files import decode
from .torch_device import find_device
from .torch_host import TorchHost
from .torch_loading import stay_offline

# Imported on first use otherwise: what they take belongs to the engine, not to the first model.
USED = (
    transformers.AutoModelForImageTextToText,
    transformers.AutoProcessor,
    transformers.AutoImageProcessor,
)


def torch_engine(wanted: str, trusted: bool, footprint: Footprint, heap: Heap) -> TorchEngine:
    """Throws RuntimeError when the device is not there."""
    stay_offline()
    transformers.utils.logging.disable_progress_bar()
    device = find_device(wanted, footprint)
    device.begin()
    return TorchEngine(TorchHost(device, trusted), device, decode, footprint, heap)
