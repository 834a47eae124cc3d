#pragma once

#include <optional>

#include "base/bytes.h"

namespace headroom::engine {

/// Memory of the GPU. CUDA: as its driver counts it, used by everybody (the driver's library is
/// loaded when it is there, not linked). Metal, unverified: what the device recommends to hold at
/// most, less what this allocator holds.
/// Thread: MLX thread.
class DeviceMemory {
 public:
  DeviceMemory();
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  struct Figures {
    Bytes used;
    Bytes free;
  };

  /// Empty without a GPU, or where it does not tell.
  std::optional<Figures> read() const;

 private:
  std::optional<Figures> read_cuda() const;

  void* library_ = nullptr;
};

}  // namespace headroom::engine
