#include "engine/device.h"

#include <fmt/format.h>

#include <variant>

#include "base/errors.h"

namespace headroom::engine {

bool on_gpu() { return mx::default_device() == mx::Device::gpu; }

std::string device_name() {
  if (!on_gpu()) {
    return "cpu";
  }
  const auto& info = mx::device_info(mx::default_device());
  const auto found = info.find("device_name");
  const std::string kind = mx::metal::is_available() ? "metal" : "cuda";
  if (found == info.end() || !std::holds_alternative<std::string>(found->second)) {
    return kind;
  }
  return kind + ": " + std::get<std::string>(found->second);
}

std::string engine_version() { return mx::version(); }

mx::Dtype default_dtype() { return on_gpu() ? mx::bfloat16 : mx::float32; }

mx::Dtype parse_dtype(std::string_view name) {
  if (name.empty()) {
    return default_dtype();
  }
  for (const mx::Dtype dtype : {mx::float32, mx::bfloat16, mx::float16}) {
    if (name == dtype_name(dtype)) {
      return dtype;
    }
  }
  throw UsageError("E-DTYPE",
                   fmt::format("dtype '{}' is not known; known: float32, bfloat16, float16", name));
}

std::string dtype_name(mx::Dtype dtype) {
  return dtype == mx::float32 ? "float32" : dtype == mx::bfloat16 ? "bfloat16" : "float16";
}

}  // namespace headroom::engine
