"""CPU, CUDA and MPS behind one interface: counters, limit, cache."""

from __future__ import annotations

import platform
from collections.abc import Callable

import torch

from .footprint import Footprint
from .model import Counters

# Of a footprint that nothing was loaded into: Python's own coming and going.
_SLACK = 1 << 20


class CpuDevice:
    """PyTorch has no caching allocator here, and so no cache. Active is what the footprint grew by
    since the libraries were imported (`begin`) or a model was dropped, and at least the weights:
    they may lie in pages that another model's had made resident."""

    name = "cpu"
    default_dtype = "float32"
    torch_device = torch.device("cpu")

    def __init__(self, footprint: Footprint) -> None:
        self._footprint = footprint
        self._base = 0
        self._weights = 0

    def begin(self) -> None:
        _touch_libraries()
        self._base = self._footprint.now() or 0

    def loaded(self, weights: int) -> None:
        self._weights = weights

    def unloaded(self, live: int) -> None:
        """What stays beside live weights is the libraries', and the footprint has it."""
        self._weights = live
        held = self._footprint.now() or 0
        self._base = max(self._base, held - live + _SLACK)

    def counters(self) -> Counters:
        peak = self._footprint.peak()
        return Counters(self.active(), 0, None if peak is None else self._beyond_base(peak))

    def active(self) -> int | None:
        held = self._footprint.now()
        return None if held is None else self._beyond_base(held)

    def _beyond_base(self, held: int) -> int:
        return max(self._weights, held - self._base, 0)

    def reset_peak(self) -> None:
        """The footprint's own."""

    def set_limit(self, limit: int | None) -> None:
        """malloc cannot be told; the guard looks."""

    def synchronise(self) -> None:
        """Nothing is queued."""

    def empty_cache(self) -> None:
        """There is none; the heap is trimmed by the engine."""


def _touch_libraries() -> None:
    """What threads, BLAS, oneDNN and attention take on first use belongs to the engine."""
    with torch.no_grad():
        x = torch.ones(1, 4, 128, 64)
        torch.nn.functional.scaled_dot_product_attention(x, x, x)
        torch.nn.functional.conv2d(torch.ones(1, 3, 64, 64), torch.ones(64, 3, 8, 8), stride=8)
        wide = torch.nn.functional.linear(torch.ones(128, 256), torch.ones(256, 256))
        torch.nn.functional.layer_norm(wide, [256]).log_softmax(-1).topk(4)


class CudaDevice:
    """The first device that is visible. The allocator's own limit is set too: past it, PyTorch
    gives its cache back, and then raises OutOfMemoryError."""

    def __init__(self) -> None:
        self.torch_device = torch.device("cuda", 0)
        self.name = f"cuda: {torch.cuda.get_device_name(0)}"
        self.default_dtype = "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
        self._total = torch.cuda.get_device_properties(0).total_memory

    def begin(self) -> None:
        torch.cuda.init()
        # float32 is float32, in convolutions too.
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False

    def loaded(self, weights: int) -> None:
        """The allocator knows."""

    def unloaded(self, live: int) -> None:
        """What cuBLAS works in (32 MiB on Hopper) PyTorch keeps with the model gone, and has no
        public call for."""
        clear = getattr(torch._C, "_cuda_clearCublasWorkspaces", None)
        if clear is not None:
            clear()
            torch.cuda.empty_cache()

    def counters(self) -> Counters:
        active = torch.cuda.memory_allocated(0)
        free, total = torch.cuda.mem_get_info(0)
        return Counters(
            active=active,
            cache=torch.cuda.memory_reserved(0) - active,
            peak=max(active, torch.cuda.max_memory_allocated(0)),
            device_used=total - free,
            device_free=free,
        )

    def active(self) -> int | None:
        return int(torch.cuda.memory_allocated(0))

    def reset_peak(self) -> None:
        torch.cuda.reset_peak_memory_stats(0)

    def set_limit(self, limit: int | None) -> None:
        share = 1.0 if limit is None else min(1.0, max(1e-6, limit / self._total))
        torch.cuda.set_per_process_memory_fraction(share, 0)

    def synchronise(self) -> None:
        try:
            torch.cuda.synchronize(0)
        except RuntimeError:
            pass  # what failed was told when it failed

    def empty_cache(self) -> None:
        torch.cuda.empty_cache()


class MpsDevice:
    """One memory with the CPU. The allocator counts no peak: it is the most that was seen."""

    default_dtype = "bfloat16"

    def __init__(self) -> None:
        self.torch_device = torch.device("mps")
        self.name = f"mps: {platform.processor() or platform.machine()}"
        self._peak = 0

    def begin(self) -> None:
        """Nothing is initialised before it is used."""

    def loaded(self, weights: int) -> None:
        """The allocator knows."""

    def unloaded(self, live: int) -> None:
        """The allocator knows."""

    def counters(self) -> Counters:
        active = self.active()
        held = torch.mps.driver_allocated_memory()
        return Counters(
            active=active,
            cache=max(0, held - active),
            peak=self._peak,
            device_used=held,
            device_free=max(0, torch.mps.recommended_max_memory() - held),
        )

    def active(self) -> int:
        active = int(torch.mps.current_allocated_memory())
        self._peak = max(self._peak, active)
        return active

    def reset_peak(self) -> None:
        self._peak = 0

    def set_limit(self, limit: int | None) -> None:
        """As a share of what Metal recommends; 0 would mean no limit."""
        most = torch.mps.recommended_max_memory()
        share = 1.0 if limit is None or most == 0 else min(1.0, max(0.001, limit / most))
        torch.mps.set_per_process_memory_fraction(share)

    def synchronise(self) -> None:
        torch.mps.synchronize()

    def empty_cache(self) -> None:
        torch.mps.empty_cache()


TorchDevice = CpuDevice | CudaDevice | MpsDevice


def find_device(wanted: str, footprint: Footprint) -> TorchDevice:
    """`wanted`: "auto", "cpu", "cuda" or "mps". Throws RuntimeError when it is not there."""
    makers: dict[str, tuple[bool, Callable[[], TorchDevice]]] = {
        "cuda": (torch.cuda.is_available(), CudaDevice),
        "mps": (torch.backends.mps.is_available(), MpsDevice),
        "cpu": (True, lambda: CpuDevice(footprint)),
    }
    if wanted != "auto":
        there, make = makers[wanted]
        if not there:
            raise RuntimeError(f"PyTorch {torch.__version__} finds no {wanted} device here")
        return make()
    return next(make for there, make in makers.values() if there)()


def is_out_of_memory(error: BaseException) -> bool:
    """Of a device by type, of the CPU's and MPS's allocators by their words."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in words
        or "can't allocate memory" in words
        or "not enough memory" in words
        or "cudnn_status_alloc_failed" in words
        or "cublas_status_alloc_failed" in words
    )


def is_fatal(error: BaseException) -> bool:
    """After which the device's context gives only errors, whatever is asked."""
    if is_out_of_memory(error):
        return False
    return isinstance(error, torch.AcceleratorError) or "CUDA error:" in str(error)
