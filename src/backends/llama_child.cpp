#include "llama_child.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <random>
#include <utility>

#include "base/errors.h"
#include "base/folder_entries.h"

namespace headroom::backends {

namespace {

namespace fs = std::filesystem;

constexpr const char* kPart = "llama-server";
constexpr const char* kHost = "127.0.0.1";
constexpr Duration kAnswerTime = std::chrono::seconds(10);
/// Erasing waits until the slot has done what it does.
constexpr Duration kEraseTime = std::chrono::minutes(2);
constexpr int kOk = 200;
constexpr int kUnauthorised = 401;
constexpr int kForbidden = 403;

constexpr std::string_view kSlotsFolder = "headroom-slots-";

/// Removes what processes of ours have left that were killed: "headroom-slots-<process>-…", empty,
/// as nothing is ever stored there.
void remove_left_folders(const fs::path& temporary) {
  std::error_code error;
  for (const fs::directory_entry& entry : folder_entries(temporary, error)) {
    const std::string name = entry.path().filename().string();
    pid_t owner = 0;
    const char* const end = name.data() + name.size();
    if (!name.starts_with(kSlotsFolder) ||
        std::from_chars(name.data() + kSlotsFolder.size(), end, owner).ec != std::errc() ||
        owner <= 0 || ::kill(owner, 0) == 0 || errno != ESRCH) {
      continue;
    }
    struct stat info{};
    if (::lstat(entry.path().c_str(), &info) == 0 && S_ISDIR(info.st_mode) &&
        info.st_uid == ::geteuid()) {
      ::rmdir(entry.path().c_str());
    }
  }
}

/// Removed with what is in it when the child has ended.
fs::path make_slots_folder() {
  std::error_code error;
  fs::path temporary = fs::temp_directory_path(error);
  temporary = error ? fs::path("/tmp") : temporary;
  remove_left_folders(temporary);
  std::string name = (temporary / fmt::format("{}{}-XXXXXX", kSlotsFolder, ::getpid())).string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw BackendError("E-PORT",
                       fmt::format("{}: cannot be made: {}; set TMPDIR to a folder that can be "
                                   "written",
                                   name,
                                   std::strerror(errno)));
  }
  return name;
}

}  // namespace

std::vector<std::string> llama_arguments(const LlamaStart& start) {
  std::vector<std::string> words = {"-m", start.files.model.string()};
  if (!start.files.mmproj.empty()) {
    words.insert(words.end(), {"--mmproj", start.files.mmproj.string()});
  }
  words.insert(words.end(),
               {"--host",
                kHost,
                "--port",
                std::to_string(start.port),
                "-c",
                std::to_string(std::uint64_t{start.sizes.context_tokens} * start.sizes.slots),
                "-np",
                std::to_string(start.sizes.slots),
                "--alias",
                start.alias,
                "--slot-save-path",
                start.slots_folder.string(),
                "--jinja"});
  if (start.files.image_tokens != 0) {
    const std::string tokens = std::to_string(start.files.image_tokens);
    words.insert(words.end(), {"--image-min-tokens", tokens, "--image-max-tokens", tokens});
  }
  return words;
}

std::vector<std::pair<std::string, std::string>> llama_environment(const LlamaStart& start) {
  std::vector<std::pair<std::string, std::string>> set = {
      {"LLAMA_API_KEY", start.key},
      // Weights in memory of its own, once: a mapped file counts beside the copy that some types
      // are rearranged into.
      {"LLAMA_ARG_LOAD_MODE", "none"},
      {"LLAMA_ARG_MMAP", "0"},
      {"LLAMA_ARG_NO_MMAP", "1"},
      // Prompts that were answered are not kept beside the slots.
      {"LLAMA_ARG_CACHE_RAM", "0"},
      {"LLAMA_ARG_CTX_CHECKPOINTS", "0"},
      // Context and slots are as planned.
      {"LLAMA_ARG_FIT", "off"},
      {"LLAMA_ARG_KV_UNIFIED", "0"},
      {"LLAMA_ARG_UBATCH", "512"},
      {"LLAMA_ARG_CACHE_TYPE_K", "f16"},
      {"LLAMA_ARG_CACHE_TYPE_V", "f16"},
      {"LLAMA_ARG_UI", "0"},
      // A heap for each thread keeps what it has freed: with pictures that was 60 MiB more.
      {"MALLOC_ARENA_MAX", "1"},
      {"MALLOC_MMAP_THRESHOLD_", "65536"},
  };
#ifndef __APPLE__
  if (!start.device_chosen) {
    set.emplace_back("LLAMA_ARG_DEVICE", "none");  // what a GPU holds is not counted
    set.emplace_back("LLAMA_ARG_MMPROJ_OFFLOAD", "0");
  }
#endif
  return set;
}

bool llama_inherits(std::string_view name, bool device_chosen) {
  constexpr std::array<std::string_view, 2> kThreads = {"THREADS", "THREADS_BATCH"};
  constexpr std::array<std::string_view, 7> kDevice = {"DEVICE",
                                                       "N_GPU_LAYERS",
                                                       "MMPROJ_OFFLOAD",
                                                       "NO_MMPROJ_OFFLOAD",
                                                       "SPLIT_MODE",
                                                       "TENSOR_SPLIT",
                                                       "MAIN_GPU"};
  constexpr std::string_view kSettings = "LLAMA_ARG_";
  if (!name.starts_with(kSettings)) {
    return true;
  }
  const std::string_view setting = name.substr(kSettings.size());
  return std::find(kThreads.begin(), kThreads.end(), setting) != kThreads.end() ||
         (device_chosen && std::find(kDevice.begin(), kDevice.end(), setting) != kDevice.end());
}

int free_port() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const bool bound = descriptor >= 0 && ::bind(descriptor, generic, sizeof address) == 0 &&
                     ::getsockname(descriptor, generic, &size) == 0;
  const int error = errno;
  if (descriptor >= 0) {
    ::close(descriptor);
  }
  if (!bound) {
    throw BackendError("E-PORT",
                       fmt::format("no port of {} can be had: {}", kHost, std::strerror(error)));
  }
  return ntohs(address.sin_port);
}

std::string new_key() {
  std::random_device device;
  std::string key;
  for (int i = 0; i < 4; ++i) {
    key += fmt::format("{:08x}", device());
  }
  return key;
}

std::string alias_of(const GgufFiles& files) {
  std::string alias = files.model.stem().string();
  std::replace_if(
      alias.begin(),
      alias.end(),
      [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '_' && c != '.'; },
      '-');
  return alias.empty() ? "model" : alias;
}

LlamaChild::LlamaChild(
    const LlamaCommand& command, LlamaStart start, WallGuard& wall, Clock& clock, Log& log)
    : start_(std::move(start)), wall_(wall) {
  start_.slots_folder = make_slots_folder();
  worker::WorkerCommand whole{command.program, command.first, llama_environment(start_)};
  whole.inherits = [device = start_.device_chosen](std::string_view name) {
    return llama_inherits(name, device);
  };
  const std::vector<std::string> own = llama_arguments(start_);
  whole.args.insert(whole.args.end(), own.begin(), own.end());
  try {
    wall_.start(whole, [&](const worker::WorkerCommand& inside) {
      process_ = std::make_unique<worker::LoggedProcess>(inside, kPart, clock, log);
      return WallGuard::Held{process_->pid(), [&process = *process_](std::string why) {
                               process.strike(std::move(why));
                             }};
    });
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(start_.slots_folder, ignored);
    throw;
  }
}

LlamaChild::~LlamaChild() {
  wall_.release();
  process_.reset();
  std::error_code ignored;
  fs::remove_all(start_.slots_folder, ignored);
}

std::string LlamaChild::endpoint() const {
  return fmt::format("http://{}:{}/v1", kHost, start_.port);
}

std::optional<http::Response> LlamaChild::request(http::Loop& loop,
                                                  const std::string& method,
                                                  const std::string& path,
                                                  const std::string& key,
                                                  const std::function<bool()>& stopped) const {
  http::Request request;
  request.method = method;
  request.url = fmt::format("http://{}:{}{}", kHost, start_.port, path);
  request.headers = {"Content-Type: application/json", "Authorization: Bearer " + key};
  request.body = method == "POST" ? "{}" : "";
  request.timeout = method == "POST" ? kEraseTime : kAnswerTime;
  request.connect_timeout = kAnswerTime;
  return http::fetch(loop, std::move(request), stopped);
}

std::optional<LlamaChild::Look> LlamaChild::look(http::Loop& loop,
                                                 const std::function<bool()>& stopped) const {
  const auto stranger = request(loop, "GET", "/props", new_key(), stopped);
  if (!stranger) {
    return std::nullopt;
  }
  if (stranger->end != http::End::kResponse) {
    return stranger->end == http::End::kUnreachable || stranger->end == http::End::kTimeout
               ? Look::kNotYet
               : Look::kForeign;
  }
  if (stranger->status != kUnauthorised && stranger->status != kForbidden) {
    // Some versions answer "loading" before they look at the key.
    return stranger->status == 503 ? Look::kNotYet : Look::kForeign;
  }
  const auto own = request(loop, "GET", "/props", start_.key, stopped);
  if (!own) {
    return std::nullopt;
  }
  if (own->end == http::End::kResponse && own->status == kOk) {
    return Look::kReady;
  }
  const bool refused = own->end == http::End::kResponse &&
                       (own->status == kUnauthorised || own->status == kForbidden);
  return refused ? Look::kForeign : Look::kNotYet;
}

std::string LlamaChild::erase_slots(http::Loop& loop, const std::function<bool()>& stopped) const {
  for (std::uint32_t slot = 0; slot < start_.sizes.slots; ++slot) {
    const auto erased =
        request(loop, "POST", fmt::format("/slots/{}?action=erase", slot), start_.key, stopped);
    if (!erased) {
      return "stopped";
    }
    if (erased->end != http::End::kResponse || erased->status != kOk) {
      return fmt::format(
          "slot {}: {}",
          slot,
          erased->end == http::End::kResponse
              ? fmt::format("HTTP {}: {}", erased->status, erased->body.substr(0, 200))
              : erased->error);
    }
  }
  return {};
}

}  // namespace headroom::backends
