#include "places.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>
#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

#include "base/errors.h"

namespace headroom::cli {

namespace {

namespace fs = std::filesystem;

std::string joined(const std::vector<fs::path>& paths) {
  std::vector<std::string> texts;
  for (const fs::path& path : paths) {
    texts.push_back(path.string());
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace

fs::path executable_folder() {
#ifdef __APPLE__
  std::string buffer(4096, '\0');
  auto size = static_cast<std::uint32_t>(buffer.size());
  if (_NSGetExecutablePath(buffer.data(), &size) != 0) {
    throw ResourceError("E-SELF", "the system does not say where this program lies");
  }
  return fs::canonical(buffer.c_str()).parent_path();
#else
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) {
    throw ResourceError("E-SELF",
                        fmt::format("/proc/self/exe: {}; name the places with --assets and "
                                    "--worker-mlx",
                                    error.message()));
  }
  return self.parent_path();
#endif
}

fs::path assets_folder(const Settings& settings) {
  std::error_code error;
  const std::string given = settings.text("assets");
  std::vector<fs::path> tried;
  if (!given.empty()) {
    tried = {given};
  } else {
    const fs::path here = executable_folder();
    tried = {(here / ".." / "assets").lexically_normal(),
             (here / ".." / "share" / "headroom").lexically_normal()};
  }
  for (const fs::path& folder : tried) {
    if (fs::is_directory(folder / "demo", error)) {
      return folder;
    }
  }
  throw UsageError("E-ASSETS",
                   fmt::format("the embedded model and data are not in {}; name the folder that "
                               "holds demo/ with --assets or HEADROOM_ASSETS",
                               joined(tried)));
}

fs::path mlx_worker(const Settings& settings) {
  const std::string given = settings.text("worker-mlx");
  std::vector<fs::path> tried;
  if (!given.empty()) {
    tried = {given};
  } else {
    const fs::path here = executable_folder();
    tried = {here / "headroom-worker-mlx",
             (here / ".." / "libexec" / "headroom" / "headroom-worker-mlx").lexically_normal()};
  }
  for (const fs::path& file : tried) {
    if (::access(file.c_str(), X_OK) == 0) {
      return file;
    }
  }
  throw UsageError("E-WORKER-MISSING",
                   fmt::format("no MLX worker at {}; build it with `make build` (it needs "
                               "scripts/setup), or name it with --worker-mlx",
                               joined(tried)));
}

}  // namespace headroom::cli
