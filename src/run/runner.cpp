#include "run/runner.h"

#include "stretch.h"

namespace headroom::run {

class Runner::Impl {
 public:
  explicit Impl(const RunnerParts& parts) : parts_(parts) {}

  void see(const memory::MemoryEvent& event) {
    events_.push_back(event);
    parts_.observer.on_memory_event(event);
  }

  ModelEnd run(const ModelPlan& plan, backends::Backend& backend, memory::Governor& governor) {
    return Stretch(parts_, plan, backend, governor, events_).run();
  }

 private:
  RunnerParts parts_;
  std::vector<memory::MemoryEvent> events_;  ///< not in the journal yet
};

Runner::Runner(Journal& journal,
               memory::Sampler& sampler,
               const worker::CancelToken& cancel,
               Clock& clock,
               Log& log,
               Observer& observer)
    : impl_(std::make_unique<Impl>(RunnerParts{journal, sampler, cancel, clock, log, observer})) {}

Runner::~Runner() = default;

memory::Governor::Sink Runner::event_sink() {
  return [impl = impl_.get()](const memory::MemoryEvent& event) { impl->see(event); };
}

ModelEnd Runner::run(const ModelPlan& plan,
                     backends::Backend& backend,
                     memory::Governor& governor) {
  return impl_->run(plan, backend, governor);
}

}  // namespace headroom::run
