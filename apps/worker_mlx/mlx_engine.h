#pragma once

#include <filesystem>
#include <optional>

#include "base/clock.h"
#include "base/log.h"
#include "memory/process_footprint.h"
#include "models/loaded_model.h"
#include "picture_shelf.h"
#include "worker/engine.h"

namespace headroom::mlx_worker {

/// The worker contract on MLX: holds at most one model.
/// Thread: the one that made it is the MLX thread; `prepare` may be called from another.
class MlxEngine final : public worker::Engine {
 public:
  /// Borrows clock and log.
  MlxEngine(const Clock& clock, Log& log);
  ~MlxEngine() override;

  worker::Hello hello() override;
  memory::Geometry plan(const worker::PlanRequest& request) override;
  worker::Loaded load(const worker::LoadRequest& request) override;
  void prepare(const worker::AskRequest& request) override;
  worker::AskDone ask(const worker::AskRequest& request,
                      const worker::AnswerSink& answers,
                      const worker::ReadingSink& readings,
                      const worker::CancelToken& cancel) override;
  worker::Cleaned clean(worker::CleanLevel level) override;
  worker::Unloaded unload() override;
  worker::Verified verify(const worker::VerifyRequest& request) override;
  memory::Reading reading() override;

 private:
  void drop_model();
  models::LoadedModel& loaded();
  void warm_up();
  void reset_peaks();

  const Clock& clock_;
  Log& log_;
  memory::ProcessMemory process_;
  Bytes footprint_at_start_;
  PictureShelf shelf_;
  std::optional<models::LoadedModel> model_;
};

}  // namespace headroom::mlx_worker
