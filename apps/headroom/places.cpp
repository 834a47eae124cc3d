#include "places.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <iterator>
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

namespace {

/// Empty when it cannot be read.
std::string read_if_there(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

fs::path data_folder(const Environment& environment) {
  const auto set = environment("XDG_DATA_HOME");
  if (set && !set->empty()) {
    return fs::path(*set) / "headroom";
  }
  return fs::path(environment("HOME").value_or("")) / ".local" / "share" / "headroom";
}

}  // namespace

TorchPlaces torch_places(const Settings& settings, const Environment& environment) {
  TorchPlaces places;
  places.environment = data_folder(environment) / "torch";
  places.made = places.environment / "requirements.txt";
  const bool may_name = flag("torch-python", settings.command().bit) != nullptr;
  const std::string given = may_name ? settings.text("torch-python") : "";
  places.python = given.empty() ? places.environment / "bin" / "python" : fs::path(given);
  const fs::path here = executable_folder();
  const std::vector<fs::path> tried = {
      (here / ".." / "workers" / "torch").lexically_normal(),
      (here / ".." / "share" / "headroom" / "workers" / "torch").lexically_normal()};
  std::error_code error;
  for (const fs::path& folder : tried) {
    if (fs::exists(folder / "__main__.py", error)) {
      places.worker = folder;
      return places;
    }
  }
  throw UsageError(
      "E-WORKER-MISSING",
      fmt::format("no PyTorch worker at {}; it comes with headroom's own files", joined(tried)));
}

TorchPlaces ready_torch(const Settings& settings, const Environment& environment) {
  TorchPlaces places = torch_places(settings, environment);
  if (::access(places.python.c_str(), X_OK) != 0) {
    throw UsageError("E-ENGINE-MISSING",
                     fmt::format("PyTorch is not set up (no {}); get it with: headroom setup torch",
                                 places.python.string()));
  }
  if (settings.text("torch-python").empty() &&
      read_if_there(places.made) != read_if_there(places.worker / "requirements.txt")) {
    throw UsageError("E-ENGINE-MISSING",
                     fmt::format("PyTorch in {} is not complete, or of other versions than this "
                                 "program's; mend it with: headroom setup torch",
                                 places.environment.string()));
  }
  return places;
}

}  // namespace headroom::cli
