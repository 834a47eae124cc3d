#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "run/specification.h"

namespace headroom::run {

struct RunFolder {
  std::filesystem::path path;
  std::string id;
};

/// Makes `<out>/<UTC>_<data>_<model>_<id>/`, as 20261125T034633Z_easy-vqa_demo_k3x9qa, which did
/// not exist before: two runs started at one moment never share a folder. Several models: the
/// first's name and "+N". Letters outside [A-Za-z0-9.-] in names become "-". Throws
/// ResourceError("E-WRITE") naming the folder and the system's words.
RunFolder create_run_folder(const std::filesystem::path& out,
                            const Specification& spec,
                            const Clock& clock);

/// The folder of a run that the user named: a path to the folder or its run.db, or the name, the id
/// or an unambiguous beginning of either of a run below `runs`; "last" is the newest.
/// Throws UsageError("E-RUN-NAME") with the runs that come nearest.
std::filesystem::path find_run(const std::string& word, const std::filesystem::path& runs);

/// Every folder below `runs` that holds a journal, newest first.
std::vector<std::filesystem::path> list_runs(const std::filesystem::path& runs);

/// Whether a living process writes this run now.
bool is_being_written(const std::filesystem::path& folder);

}  // namespace headroom::run
