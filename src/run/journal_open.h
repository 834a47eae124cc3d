#pragma once

#include <filesystem>

#include "database.h"

namespace headroom::run {

/// The journal's file of a run's folder, or the path itself when it is no folder.
std::filesystem::path journal_path(const std::filesystem::path& run);
/// The file's version. Throws UsageError("E-JOURNAL-CORRUPT", "E-JOURNAL-VERSION").
int check_version(Database& database);

}  // namespace headroom::run
