// Unverified: written against Apple's documentation, neither compiled nor run on a Mac yet.
#include "system_available.h"

#include <mach/mach.h>
#include <unistd.h>

namespace headroom::memory {

std::optional<Bytes> system_available(const std::filesystem::path&) {
  vm_statistics64_data_t pages{};
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  const kern_return_t result = host_statistics64(
      mach_host_self(), HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&pages), &count);
  const long page_size = ::sysconf(_SC_PAGESIZE);
  if (result != KERN_SUCCESS || page_size <= 0) {
    return std::nullopt;
  }
  // free_count includes the speculative pages.
  const std::uint64_t available =
      std::uint64_t{pages.free_count} + pages.inactive_count + pages.purgeable_count;
  return Bytes(available * static_cast<std::uint64_t>(page_size));
}

}  // namespace headroom::memory
