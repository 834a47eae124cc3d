#include "engine/guard.h"

#include <fmt/format.h>
#include <mlx/primitives.h>
#include <mlx/scheduler.h>

#include <array>
#include <future>
#include <memory>
#include <vector>

#include "declared_memory.h"
#include "engine/graph_walk.h"

namespace headroom::engine {
namespace {

/// Identity that asks a guard first.
class Watch final : public mx::Primitive, public DeclaredMemory {
 public:
  Watch(mx::Stream stream, const Guard& guard) : mx::Primitive(stream), guard_(guard) {}

  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    std::promise<void> reached;
    mx::scheduler::enqueue(stream(), [&reached] { reached.set_value(); });
    reached.get_future().wait();
    pass(inputs, outputs);
  }

  void eval_gpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    if (guard_.wants_wait()) {
      mx::synchronize(stream());
    }
    pass(inputs, outputs);
  }

  const char* name() const override { return "Watch"; }

  Output output() const override { return Output::kShared; }

  bool settles() const override { return true; }

 private:
  void pass(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) {
    guard_.check();
    outputs[0].copy_shared_buffer(inputs[0]);
  }

  const Guard& guard_;
};

}  // namespace

std::string_view to_string(Phase phase) {
  constexpr std::array<std::string_view, 3> kNames = {"encode", "prefill", "decode"};
  return kNames.at(static_cast<std::size_t>(phase));
}

void Guard::check() const {
  if (limits_.looked) {
    limits_.looked(phase_);
  }
  if (limits_.cancelled && limits_.cancelled()) {
    throw Cancelled("stopped while the model ran");
  }
  if (limits_.deadline && limits_.clock->now() > *limits_.deadline) {
    throw DeadlineError("E-TIMEOUT",
                        fmt::format("the group's deadline passed {:.3f} s ago",
                                    seconds(limits_.clock->now() - *limits_.deadline)));
  }
  if (limits_.memory) {
    const Bytes active(mx::get_active_memory());
    if (active > *limits_.memory) {
      throw BudgetError("E-MEM-GUARD",
                        fmt::format("the model holds {} of memory, more than its limit of {}",
                                    to_string(active),
                                    to_string(*limits_.memory)));
    }
  }
}

bool Guard::wants_wait() const {
  return limits_.throttle && Bytes(mx::get_active_memory()) > *limits_.throttle;
}

void Guard::foresee(const std::vector<mx::array>& outputs) const {
  if (!limits_.memory && !limits_.foreseen) {
    return;
  }
  const Bytes active(mx::get_active_memory());
  const Bytes more = walk_graph(outputs).peak;
  if (limits_.foreseen) {
    limits_.foreseen(active + more);
  }
  if (limits_.memory && active + more > *limits_.memory) {
    throw BudgetError(
        "E-MEM-GUARD",
        fmt::format("the model holds {} of memory and its next step would take {} more, together "
                    "more than its limit of {}; nothing was allocated for the step",
                    to_string(active),
                    to_string(more),
                    to_string(*limits_.memory)));
  }
}

mx::array Guard::watch(const mx::array& x) const {
  return mx::array(x.shape(),
                   x.dtype(),
                   std::make_shared<Watch>(mx::default_stream(mx::default_device()), *this),
                   {x});
}

void settle() noexcept {
  // An error that a stream still holds is thrown here once; the next call finds the stream clean.
  for (int attempt = 0; attempt < 2; ++attempt) {
    try {
      mx::synchronize();
      return;
    } catch (const std::exception&) {
      continue;
    }
  }
}

}  // namespace headroom::engine
