#include "system_available.h"

#include "proc_fields.h"

namespace headroom::memory {

std::optional<Bytes> system_available(const std::filesystem::path& root) {
  const auto text = read_small_file(root / "proc/meminfo");
  return text ? kilobytes_of(*text, "MemAvailable") : std::nullopt;
}

}  // namespace headroom::memory
