#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/gguf_files.h"
#include "backends/llama_backend.h"
#include "gguf_model.h"
#include "http/loop.h"
#include "wall_guard.h"
#include "worker/logged_process.h"

namespace headroom::backends {

/// What one start of the server is given.
struct LlamaStart {
  GgufFiles files;
  ServerSizes sizes;
  std::string alias;  ///< what the model is called there
  int port = 0;
  std::string key;
  std::filesystem::path slots_folder;  ///< where slots could be stored; without it none is erased
  bool device_chosen = false;
};

/// The server's own arguments, those that every version knows.
std::vector<std::string> llama_arguments(const LlamaStart& start);
/// What is set for it beside them: the key, which no list of processes shows, and settings that
/// only some versions know, which others pass over.
std::vector<std::pair<std::string, std::string>> llama_environment(const LlamaStart& start);

/// Whether the server gets that variable of ours: of its own settings (LLAMA_ARG_…), which decide
/// what it holds and answers, only its threads, and with a chosen device what goes with one.
bool llama_inherits(std::string_view name, bool device_chosen);

/// A port of 127.0.0.1 that nobody listens on now. Throws BackendError("E-PORT").
int free_port();
/// 128 random bits in hexadecimal digits.
std::string new_key();
/// "demo-f16": the model's name there, of letters that a list of names can hold.
std::string alias_of(const GgufFiles& files);

/// One life of the server. Thread: one, except that `wall.look` may strike it from another.
class LlamaChild {
 public:
  enum class Look {
    kNotYet,   ///< nobody is there, it is loading, or it is somebody else's
    kForeign,  ///< who answers does not know our key, or takes any
    kReady,
  };

  /// Starts it within the wall, which is borrowed. Throws BackendError("E-WORKER-START"), and
  /// BackendError("E-PORT") where no folder for the slots can be made.
  LlamaChild(
      const LlamaCommand& command, LlamaStart start, WallGuard& wall, Clock& clock, Log& log);
  ~LlamaChild();
  LlamaChild(const LlamaChild&) = delete;
  LlamaChild& operator=(const LlamaChild&) = delete;

  pid_t pid() const { return process_->pid(); }

  const std::string& key() const { return start_.key; }

  const LlamaStart& start() const { return start_; }

  std::string endpoint() const;

  bool alive() { return process_->alive(); }

  worker::WorkerEnd end(Duration grace) { return process_->end(grace); }

  void finish(Duration grace) { process_->finish(grace); }

  /// Asks who is at its port, with a key that nobody has, and with ours only who refuses that.
  /// Empty: `stopped`.
  std::optional<Look> look(http::Loop& loop, const std::function<bool()>& stopped) const;
  /// Empties all slots. Gives why not; empty: done.
  std::string erase_slots(http::Loop& loop, const std::function<bool()>& stopped) const;

 private:
  std::optional<http::Response> request(http::Loop& loop,
                                        const std::string& method,
                                        const std::string& path,
                                        const std::string& key,
                                        const std::function<bool()>& stopped) const;

  LlamaStart start_;
  WallGuard& wall_;
  std::unique_ptr<worker::LoggedProcess> process_;
};

}  // namespace headroom::backends
