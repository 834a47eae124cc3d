#pragma once

#include <string>

#include "headroom_text.h"

namespace headroom::text {

/// Bytes that the Rust side allocated, given back when this ends.
class RustBytes {
 public:
  RustBytes() = default;

  ~RustBytes() { headroom_text_free_bytes(bytes_); }

  RustBytes(const RustBytes&) = delete;
  RustBytes& operator=(const RustBytes&) = delete;

  /// To be written once.
  HeadroomTextBytes* out() { return &bytes_; }

  std::string str() const {
    return bytes_.data == nullptr
               ? std::string()
               : std::string(reinterpret_cast<const char*>(bytes_.data), bytes_.size);
  }

 private:
  HeadroomTextBytes bytes_{nullptr, 0, 0};
};

}  // namespace headroom::text
