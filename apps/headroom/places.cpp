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

/// Of the program's own files.
fs::path own_part(const std::string& name, const std::string& file, const std::string& what) {
  const fs::path here = executable_folder();
  const std::vector<fs::path> tried = {
      (here / ".." / "workers" / name).lexically_normal(),
      (here / ".." / "share" / "headroom" / "workers" / name).lexically_normal()};
  std::error_code error;
  for (const fs::path& folder : tried) {
    if (fs::exists(folder / file, error)) {
      return folder;
    }
  }
  throw UsageError(
      "E-WORKER-MISSING",
      fmt::format("no {} at {}; it comes with headroom's own files", what, joined(tried)));
}

/// What the command has of that flag; empty: nothing.
std::string given_or_none(const Settings& settings, std::string_view name) {
  return flag(name, settings.command().bit) == nullptr ? "" : settings.text(name);
}

/// The first executable of that name; empty: none.
fs::path find_on_path(const std::string& name, const Environment& environment) {
  const std::string folders = environment("PATH").value_or("");
  std::error_code error;
  for (std::size_t begin = 0; begin <= folders.size();) {
    const std::size_t end = std::min(folders.find(':', begin), folders.size());
    const fs::path file = fs::path(folders.substr(begin, end - begin)) / name;
    if (end > begin && fs::is_regular_file(file, error) && ::access(file.c_str(), X_OK) == 0) {
      return file;
    }
    begin = end + 1;
  }
  return {};
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
  const std::string given = given_or_none(settings, "torch-python");
  places.python = given.empty() ? places.environment / "bin" / "python" : fs::path(given);
  places.worker = own_part("torch", "__main__.py", "PyTorch worker");
  return places;
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

fs::path llama_environment(const Environment& environment) {
  return data_folder(environment) / "llama";
}

fs::path llama_script() {
  return own_part("llama", "serve.py", "start of llama.cpp's server") / "serve.py";
}

LlamaPlaces llama_places(const Settings& settings, const Environment& environment) {
  LlamaPlaces places;
  const std::string server = given_or_none(settings, "llama-server");
  const std::string python = given_or_none(settings, "llama-python");
  if (!server.empty()) {
    places.command.program = server;
    places.found = fmt::format("llama-server as named: {}", server);
    return places;
  }
  const fs::path on_path = python.empty() ? find_on_path("llama-server", environment) : fs::path();
  if (!on_path.empty()) {
    places.command.program = on_path.string();
    places.found = fmt::format("llama-server on the PATH: {}", on_path.string());
    return places;
  }
  places.python =
      python.empty() ? llama_environment(environment) / "bin" / "python" : fs::path(python);
  // -I: neither PYTHON… variables nor the user's own packages get between.
  places.command = {places.python.string(), {"-I", llama_script().string()}};
  places.found = fmt::format("xllamacpp's server in {}", places.python.string());
  return places;
}

LlamaPlaces ready_llama(const Settings& settings, const Environment& environment) {
  LlamaPlaces places = llama_places(settings, environment);
  if (places.python.empty()) {
    return places;  // a program that is not there is told when it is started
  }
  if (::access(places.python.c_str(), X_OK) != 0) {
    throw UsageError("E-ENGINE-MISSING",
                     fmt::format("llama.cpp's server is not here (no llama-server on the PATH, no "
                                 "{}); get it with: headroom setup llama",
                                 places.python.string()));
  }
  const bool named = !given_or_none(settings, "llama-python").empty();
  const fs::path made = llama_environment(environment);
  if (!named && read_if_there(made / "requirements.txt") !=
                    read_if_there(llama_script().parent_path() / "requirements.txt")) {
    throw UsageError("E-ENGINE-MISSING",
                     fmt::format("llama.cpp's server in {} is not complete, or of another version "
                                 "than this program's; mend it with: headroom setup llama",
                                 made.string()));
  }
  return places;
}

}  // namespace headroom::cli
