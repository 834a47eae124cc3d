#pragma once

#include <filesystem>
#include <optional>

#include "base/clock.h"
#include "base/log.h"
#include "engine/device_memory.h"
#include "held_turn.h"
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
  void wait_ahead(const engine::Guard& guard);

  const Clock& clock_;
  Log& log_;
  memory::ProcessMemory process_;
  engine::DeviceMemory device_memory_;
  Bytes footprint_at_start_;
  PictureShelf shelf_;
  std::optional<models::LoadedModel> model_;
  std::optional<HeldTurn> held_;  // of the last group, where it was asked so
  double waited_ = 0;             // seconds for the next group's pictures, at the end of the last
};

}  // namespace headroom::mlx_worker
