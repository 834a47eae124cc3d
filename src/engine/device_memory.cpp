#include "engine/device_memory.h"

#include <dlfcn.h>

#include <cstddef>
#include <variant>

#include "engine/device.h"

namespace headroom::engine {
namespace {

constexpr const char* kDriver = "libcuda.so.1";
constexpr int kSuccess = 0;
constexpr int kFirstDevice = 0;

template <typename Function>
Function symbol(void* library, const char* name) {
  return reinterpret_cast<Function>(::dlsym(library, name));
}

/// The context that MLX's own calls use becomes this thread's, where it has none yet.
bool enter_primary_context(void* library) {
  const auto retain = symbol<int (*)(void**, int)>(library, "cuDevicePrimaryCtxRetain");
  const auto enter = symbol<int (*)(void*)>(library, "cuCtxSetCurrent");
  void* context = nullptr;
  return retain != nullptr && enter != nullptr && retain(&context, kFirstDevice) == kSuccess &&
         enter(context) == kSuccess;
}

std::optional<DeviceMemory::Figures> read_metal() {
  const auto& info = mx::device_info(mx::default_device());
  const auto found = info.find("max_recommended_working_set_size");
  if (found == info.end() || !std::holds_alternative<std::size_t>(found->second)) {
    return std::nullopt;
  }
  const Bytes used(mx::get_active_memory() + mx::get_cache_memory());
  return DeviceMemory::Figures{used,
                               saturating_minus(Bytes(std::get<std::size_t>(found->second)), used)};
}

}  // namespace

DeviceMemory::DeviceMemory() {
  if (on_gpu() && !mx::metal::is_available()) {
    library_ = ::dlopen(kDriver, RTLD_LAZY | RTLD_LOCAL);
  }
}

DeviceMemory::~DeviceMemory() {
  if (library_ != nullptr) {
    ::dlclose(library_);
  }
}

std::optional<DeviceMemory::Figures> DeviceMemory::read() const {
  if (!on_gpu()) {
    return std::nullopt;
  }
  return mx::metal::is_available() ? read_metal() : read_cuda();
}

std::optional<DeviceMemory::Figures> DeviceMemory::read_cuda() const {
  if (library_ == nullptr) {
    return std::nullopt;
  }
  const auto read = symbol<int (*)(std::size_t*, std::size_t*)>(library_, "cuMemGetInfo_v2");
  if (read == nullptr) {
    return std::nullopt;
  }
  std::size_t free = 0;
  std::size_t total = 0;
  bool good = read(&free, &total) == kSuccess;
  if (!good && enter_primary_context(library_)) {
    good = read(&free, &total) == kSuccess;
  }
  if (!good || total < free) {
    return std::nullopt;
  }
  return Figures{Bytes(total - free), Bytes(free)};
}

}  // namespace headroom::engine
