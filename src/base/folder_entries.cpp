#include "base/folder_entries.h"

namespace headroom {

std::vector<std::filesystem::directory_entry> folder_entries(const std::filesystem::path& folder,
                                                             std::error_code& error) {
  std::vector<std::filesystem::directory_entry> entries;
  error.clear();
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    entries.push_back(*at);
  }
  return entries;
}

}  // namespace headroom
