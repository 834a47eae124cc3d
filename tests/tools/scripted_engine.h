#pragma once

#include <optional>
#include <string>

#include "script.h"
#include "worker/engine.h"

namespace headroom::testing {

/// An engine without a model that keeps the contract, except where its script says otherwise: it
/// answers a question by repeating it. Actions: exit, signal, abort, hang, delay, wait_cancel,
/// skip_on_cancel (then answers the rest as skipped), deaf_delay, garbage, oversized,
/// wrong_response, impostor (answer to other names), twice, drop, error, bad_alloc, foreign,
/// allocate, flood, flood_log, say (on standard error), close_output, half_line, orphan (a child
/// that holds the pipes).
class ScriptedEngine final : public worker::Engine {
 public:
  explicit ScriptedEngine(Script& script) : script_(script) {}

  worker::Hello hello() override;
  memory::Geometry plan(const worker::PlanRequest& request) override;
  worker::Loaded load(const worker::LoadRequest& request) override;
  void prepare(const worker::AskRequest& request) override;
  worker::AskDone ask(const worker::AskRequest& request,
                      const worker::AnswerSink& sink,
                      const worker::ReadingSink& readings,
                      const worker::CancelToken& cancel) override;
  worker::Cleaned clean(worker::CleanLevel level) override;
  worker::Unloaded unload() override;
  worker::Verified verify(const worker::VerifyRequest& request) override;
  memory::Reading reading() override;

 private:
  enum class Deed { kNone, kDrop, kTwice, kSkipRest };

  /// Does what the script says for this moment.
  Deed play(std::string_view moment,
            std::string_view item = "",
            const worker::CancelToken* cancel = nullptr);
  Deed act(const Rule& rule, const worker::CancelToken* cancel);
  void require_model() const;

  Script& script_;
  std::optional<std::string> model_;
};

}  // namespace headroom::testing
