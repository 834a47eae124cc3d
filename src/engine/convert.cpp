#include "convert.h"

namespace headroom::engine {
namespace {

template <typename From, typename To>
void convert_loop(const char* from, char* to, std::size_t count) {
  const auto* source = reinterpret_cast<const From*>(from);
  auto* target = reinterpret_cast<To*>(to);
  for (std::size_t i = 0; i < count; ++i) {
    target[i] = static_cast<To>(static_cast<float>(source[i]));
  }
}

template <typename From>
void convert_from(const char* from, mx::Dtype wanted, char* to, std::size_t count) {
  if (wanted == mx::float32) {
    convert_loop<From, float>(from, to, count);
  } else if (wanted == mx::bfloat16) {
    convert_loop<From, mx::bfloat16_t>(from, to, count);
  } else {
    convert_loop<From, mx::float16_t>(from, to, count);
  }
}

}  // namespace

bool convertible(std::string_view stored) {
  return stored == "F32" || stored == "BF16" || stored == "F16";
}

mx::Dtype dtype_of(std::string_view stored) {
  return stored == "F32" ? mx::float32 : stored == "BF16" ? mx::bfloat16 : mx::float16;
}

void convert_elements(
    std::string_view stored, const char* from, mx::Dtype wanted, char* to, std::size_t count) {
  if (stored == "F32") {
    convert_from<float>(from, wanted, to, count);
  } else if (stored == "BF16") {
    convert_from<mx::bfloat16_t>(from, wanted, to, count);
  } else {
    convert_from<mx::float16_t>(from, wanted, to, count);
  }
}

}  // namespace headroom::engine
