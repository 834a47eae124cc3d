#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/server_backend.h"
#include "base/clock.h"
#include "base/log.h"
#include "worker/wall.h"

namespace headroom::backends {

/// How llama.cpp's server is started: by itself, or out of the xllamacpp wheel by a Python.
struct LlamaCommand {
  std::string program;
  std::vector<std::string> first;  ///< arguments in front of the server's own
};

/// When the server is given up, and how long it may take. Times are by the injected clock.
struct LlamaOptions {
  ServerOptions server;            ///< how it is asked; its key and slots are set here
  std::uint32_t slots = 0;         ///< most questions at once; 0: kUsualSlots
  int start_attempts = 4;          ///< deaths in a row while starting
  int deaths_per_item = 3;         ///< after which an item is given up
  int deaths_without_answer = 24;  ///< in a row, over all items
  Duration restart_pause = std::chrono::milliseconds(50);  ///< doubles with each failed start
  Duration look_pause = std::chrono::milliseconds(50);     ///< between looks while it loads
  Duration version_timeout = std::chrono::minutes(2);      ///< a cold disk's libraries
  Duration load_timeout = std::chrono::minutes(30);
  Duration end_grace = std::chrono::seconds(5);    ///< from asking it to end to the kill
  Duration death_grace = std::chrono::seconds(5);  ///< from a broken connection to the kill
  /// It was chosen in the environment (LLAMA_ARG_DEVICE): left to the server.
  bool device_chosen = false;
  /// The port of the next start; empty: one that is free.
  std::function<int()> port;

  static constexpr std::uint32_t kUsualSlots = 4;
};

/// A backend whose engine is llama.cpp's server as our child, asked as any server is. The model is
/// named by its files (to_string(GgufFiles)). Each start has a port of its own on 127.0.0.1 and a
/// new key, which the server must know, and nothing else: whoever answers there otherwise is
/// somebody else, gets no question, and is left alone. It runs in a process group of its own within
/// the outer wall, and is stopped by its own process number. A server that dies is started again,
/// and what it was asked goes on with the unanswered items; one that ended at the wall gets half
/// the slots. One that hangs (no answer in a question's time, and none about its health) is killed
/// and counts as dead. Memory: planned from the files' headers; all is taken by the child when it
/// loads or at first use.
///         Slots and context of each are chosen by `size_for`.
/// Clean-up: normal erases the slots, aggressive starts it again.
/// Errors: UsageError "E-GGUF" (not such a file), "E-SERVER-NO-VISION"; BackendError
///         "E-SERVER-START" (cannot be started, or died start_attempts times in a row while it
///         started), "E-SERVER-GAVE-UP"; else as ServerBackend.
/// Thread: one, the one that constructed it, except `cancel` and `look`.
class LlamaBackend final : public Backend {
 public:
  /// Starts nothing yet.
  LlamaBackend(
      LlamaCommand command, LlamaOptions options, Clock& clock, Log& log, worker::Wall wall = {});
  /// Ends the child.
  ~LlamaBackend() override;
  LlamaBackend(const LlamaBackend&) = delete;
  LlamaBackend& operator=(const LlamaBackend&) = delete;

  /// Asks the program its version, and measures what it holds without a model.
  const worker::Hello& hello() override;
  memory::Geometry plan(const worker::PlanRequest& request) override;
  void size_for(const worker::PlanRequest& request, const Sizing& sizing) override;
  worker::Loaded load(const worker::LoadRequest& request) override;
  void prepare(const worker::AskRequest& request) override;
  std::size_t groups_ahead() const override;
  bool ask_ahead(const worker::AskRequest& request) override;
  worker::AskDone ask(const worker::AskRequest& request,
                      const std::function<void(worker::Answer&&)>& sink) override;
  worker::Cleaned clean(worker::CleanLevel level) override;
  memory::Reading reading() override;
  worker::Unloaded unload() override;
  worker::Verified verify(const worker::VerifyRequest& request) override;
  void cancel() override;
  int restarts() const override;
  std::string wall() const override;
  void set_wall(Bytes limit) override;
  void look(const memory::Reading& now) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headroom::backends
