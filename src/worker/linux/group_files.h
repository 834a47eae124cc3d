#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace headroom::worker {

/// The whole of a kernel's file without white space at its end; empty when it cannot be read.
std::optional<std::string> read_group_file(const std::filesystem::path& file);
/// In one write, as the kernel takes it. Gives the system's words, empty when it was taken.
std::string write_group_file(const std::filesystem::path& file, std::string_view value);
/// A whole number alone, or behind `key` in lines of "key value".
std::optional<std::uint64_t> number_in_file(const std::filesystem::path& file,
                                            std::string_view key = {});
/// `word` is one of those that a file lists.
bool lists(const std::filesystem::path& file, std::string_view word);

}  // namespace headroom::worker
