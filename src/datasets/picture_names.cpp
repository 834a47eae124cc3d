#include "picture_names.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <system_error>

namespace headroom::datasets {

namespace fs = std::filesystem;

namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool on_disk(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

}  // namespace

std::string composed(std::string_view text) {
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()),
                   &mapped,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (length < 0) {
    return std::string(text);
  }
  return std::string(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(length));
}

const PictureNames::Listing& PictureNames::listing(const fs::path& folder) {
  const auto [place, is_new] = listings_.try_emplace(folder);
  if (is_new) {
    std::error_code ignored;  // a folder that cannot be listed has no names
    for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end;
         entry.increment(ignored)) {
      std::string name = entry->path().filename().string();
      if (!is_ascii(name)) {
        place->second.emplace(composed(name), std::move(name));
      }
    }
  }
  return place->second;
}

std::optional<fs::path> PictureNames::resolve_other_form(const fs::path& path) {
  fs::path found;
  for (const fs::path& part : path) {
    const fs::path next = found / part;
    if (is_ascii(part.string()) || on_disk(next)) {
      found = next;
      continue;
    }
    const Listing& names = listing(found.empty() ? fs::path(".") : found);
    const auto name = names.find(composed(part.string()));
    if (name == names.end()) {
      return std::nullopt;
    }
    found /= name->second;
  }
  return on_disk(found) ? std::optional(found) : std::nullopt;
}

fs::path PictureNames::resolve(const std::string& name) {
  const fs::path written = folder_ / name;
  if (is_ascii(name) || on_disk(written)) {
    return written;
  }
  if (const auto other = resolve_other_form(written)) {
    ++other_form_;
    return *other;
  }
  return written;
}

}  // namespace headroom::datasets
