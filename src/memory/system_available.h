#pragma once

#include <filesystem>
#include <optional>

#include "base/bytes.h"

namespace headroom::memory {

/// What the machine could give to new work without swapping. Linux: MemAvailable. macOS: free,
/// inactive, purgeable and speculative pages.
std::optional<Bytes> system_available(const std::filesystem::path& root);

}  // namespace headroom::memory
