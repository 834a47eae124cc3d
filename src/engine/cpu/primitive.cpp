#include "cpu/primitive.h"

#include <fmt/format.h>
#include <mlx/backend/cpu/encoder.h>
#include <mlx/primitives.h>

#include <memory>
#include <utility>

#include "base/bytes.h"
#include "base/errors.h"
#include "declared_memory.h"

namespace headroom::engine::cpu {
namespace {

class Kernel final : public mx::Primitive, public DeclaredMemory {
 public:
  Kernel(mx::Stream stream, const char* name, MixedRun run, int reuse, bool floats)
      : mx::Primitive(stream), name_(name), run_(std::move(run)), reuse_(reuse), floats_(floats) {}

  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    for (const mx::array& input : inputs) {
      if (!input.flags().row_contiguous || (floats_ && input.dtype() != mx::float32)) {
        throw InternalError(fmt::format("{}: expected float32 rows without gaps", name_));
      }
    }
    mx::array& output = outputs[0];
    const mx::array* reused = reuse_ < 0 ? nullptr : &inputs[static_cast<std::size_t>(reuse_)];
    if (reused != nullptr && reused->is_donatable()) {
      output.copy_shared_buffer(*reused);
    } else {
      allocate(output);
    }
    std::vector<const void*> from;
    from.reserve(inputs.size());
    for (const mx::array& input : inputs) {
      from.push_back(input.data<void>());
    }
    // MLX keeps inputs and output alive until what is queued here has run.
    mx::cpu::get_command_encoder(stream()).dispatch(
        [run = run_, from = std::move(from), to = output.data<float>()] { run(from, to); });
  }

  void eval_gpu(const std::vector<mx::array>&, std::vector<mx::array>&) override {
    throw InternalError(fmt::format("{}: a CPU kernel on a GPU stream", name_));
  }

  const char* name() const override { return name_; }

  Output output() const override { return reuse_ < 0 ? Output::kFresh : Output::kReuse; }

  int reused() const override { return reuse_; }

 private:
  void allocate(mx::array& output) const {
    mx::allocator::Data data = mx::allocator::malloc(output.nbytes());
    if (output.nbytes() > 0 && data.buffer().raw_ptr() == nullptr) {
      throw BudgetError(
          "E-MEM-ALLOC",
          fmt::format("{}: {} could not be allocated", name_, to_string(Bytes(output.nbytes()))));
    }
    output.set_data(std::move(data));
  }

  const char* name_;
  MixedRun run_;
  int reuse_;
  bool floats_;
};

mx::array make(const char* name,
               mx::Shape shape,
               std::vector<mx::array> inputs,
               MixedRun run,
               int reuse,
               bool floats) {
  auto kernel = std::make_shared<Kernel>(
      mx::default_stream(mx::default_device()), name, std::move(run), reuse, floats);
  return mx::array(std::move(shape), mx::float32, std::move(kernel), std::move(inputs));
}

}  // namespace

mx::array make_array(
    const char* name, mx::Shape shape, std::vector<mx::array> inputs, Run run, int reuse) {
  const auto from_floats = [run = std::move(run)](const std::vector<const void*>& from, float* to) {
    std::vector<const float*> floats;
    floats.reserve(from.size());
    for (const void* data : from) {
      floats.push_back(static_cast<const float*>(data));
    }
    run(floats, to);
  };
  return make(name, std::move(shape), std::move(inputs), from_floats, reuse, true);
}

mx::array make_mixed_array(const char* name,
                           mx::Shape shape,
                           std::vector<mx::array> inputs,
                           MixedRun run) {
  return make(name, std::move(shape), std::move(inputs), std::move(run), -1, false);
}

}  // namespace headroom::engine::cpu
