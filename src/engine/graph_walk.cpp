#include "engine/graph_walk.h"

#include <mlx/primitives.h>
#include <mlx/utils.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <stack>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "declared_memory.h"

namespace headroom::engine {
namespace {

/// As MLX reads it (mlx/utils.h, env::bfs_max_width, whose parts the library does not export).
std::size_t bfs_max_width() {
  constexpr std::size_t kDefault = 20;
  const char* const text = std::getenv("MLX_BFS_MAX_WIDTH");
  const int width = text == nullptr ? 0 : std::atoi(text);
  return width > 0 ? static_cast<std::size_t>(width) : kDefault;
}

using Strides = std::vector<std::int64_t>;

/// Operations whose result takes an input's buffer when nobody else holds it.
constexpr std::array<std::string_view, 37> kInPlace = {
    "Abs",       "Add",     "AsType",      "Ceil",     "Copy",      "Cos",    "Divide",
    "Erf",       "Exp",     "Expm1",       "Floor",    "LayerNorm", "Log",    "Log1p",
    "LogAddExp", "Maximum", "Minimum",     "Multiply", "Negative",  "Power",  "Remainder",
    "RMSNorm",   "RoPE",    "Round",       "Rsqrt",    "Scatter",   "Select", "Sigmoid",
    "Sign",      "Sin",     "SliceUpdate", "Softmax",  "Sqrt",      "Square", "Subtract",
    "Tan",       "Tanh"};

constexpr std::array<std::string_view, 11> kViews = {"AsStrided",
                                                     "Broadcast",
                                                     "BroadcastAxes",
                                                     "Depends",
                                                     "ExpandDims",
                                                     "Slice",
                                                     "Split",
                                                     "Squeeze",
                                                     "StopGradient",
                                                     "Transpose",
                                                     "Unflatten"};

/// Views where the layout allows, copies elsewhere.
constexpr std::array<std::string_view, 3> kReshapes = {"Contiguous", "Flatten", "Reshape"};

template <std::size_t N>
bool among(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Strides row_major(const mx::Shape& shape) {
  Strides strides(shape.size());
  std::int64_t step = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

bool is_row_major(const mx::Shape& shape, const Strides& strides) {
  std::int64_t step = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    if (shape[axis] != 1 && strides[axis] != step) {
      return false;
    }
    step *= shape[axis];
  }
  return true;
}

/// The strides with which `to` shows the elements of `from`; empty where it needs a copy.
std::optional<Strides> viewed(const mx::Shape& from, const Strides& strides, const mx::Shape& to) {
  // Runs of axes that step as one: {elements, step of the last}.
  std::vector<std::pair<std::int64_t, std::int64_t>> runs;
  for (std::size_t axis = 0; axis < from.size(); ++axis) {
    if (from[axis] == 1) {
      continue;
    }
    if (!runs.empty() && runs.back().second == strides[axis] * from[axis]) {
      runs.back() = {runs.back().first * from[axis], strides[axis]};
    } else {
      runs.emplace_back(from[axis], strides[axis]);
    }
  }
  Strides result(to.size());
  std::size_t run = runs.size();
  std::int64_t left = 1;
  std::int64_t step = 1;
  for (std::size_t axis = to.size(); axis-- > 0;) {
    if (left == 1 && run > 0 && to[axis] != 1) {
      --run;
      left = runs[run].first;
      step = runs[run].second;
    }
    if (left % to[axis] != 0) {
      return std::nullopt;
    }
    result[axis] = step;
    step *= to[axis];
    left /= to[axis];
  }
  return result;
}

struct Buffer {
  std::uint64_t bytes = 0;
  int arrays = 0;      // that show it and are not done with
  bool owned = false;  // goes when they are; what others hold stays
  int read = 0;        // stretch of work between two waits in which it was last read
};

/// An array of the graph.
struct Node {
  std::size_t buffer = 0;
  Strides strides;
  int uses = 0;  // inputs of operations to come, and handles of the caller
};

class Walk {
 public:
  explicit Walk(const std::vector<mx::array>& outputs) { order(outputs); }

  Walked run() {
    for (auto at = tape_.rbegin(); at != tape_.rend(); ++at) {
      evaluate(**at);
    }
    return {Bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(peak_, 0))), tape_.size()};
  }

 private:
  /// MLX's order: back from the outputs in breadth, at most so many open at once.
  void order(const std::vector<mx::array>& outputs) {
    std::unordered_map<std::uintptr_t, int> degree = count_uses(outputs);
    std::stack<std::pair<const std::vector<mx::array>*, std::size_t>> later;
    std::vector<const std::vector<mx::array>*> inputs{&outputs};
    const auto width = bfs_max_width();
    for (std::size_t done = 0; done < inputs.size() || !later.empty();) {
      const std::vector<mx::array>* list = nullptr;
      std::size_t from = 0;
      if (done < inputs.size()) {
        list = inputs[done++];
      } else {
        std::tie(list, from) = later.top();
        later.pop();
      }
      for (std::size_t i = from; i < list->size(); ++i) {
        const mx::array& in = (*list)[i];
        if (in.status() != mx::array::Status::unscheduled) {
          continue;
        }
        if (inputs.size() - done >= width) {
          later.emplace(list, i);
          break;
        }
        // Siblings are evaluated with the first of them.
        const int open = --degree[in.id()];
        for (const mx::array& sibling : in.siblings()) {
          --degree[sibling.id()];
        }
        if (open == 0) {
          tape_.push_back(&in);
          inputs.push_back(&in.inputs());
        }
      }
    }
  }

  /// How often each array is an input, itself or a sibling; and the nodes of all.
  std::unordered_map<std::uintptr_t, int> count_uses(const std::vector<mx::array>& outputs) {
    std::unordered_map<std::uintptr_t, int> degree;
    std::stack<const std::vector<mx::array>*> open;
    open.push(&outputs);
    while (!open.empty()) {
      const std::vector<mx::array>* list = open.top();
      open.pop();
      for (const mx::array& in : *list) {
        ++nodes_[in.id()].uses;
        if (in.status() != mx::array::Status::unscheduled) {
          continue;
        }
        const bool fresh = degree[in.id()]++ == 0;
        for (const mx::array& sibling : in.siblings()) {
          ++degree[sibling.id()];
          nodes_.try_emplace(sibling.id());
        }
        if (fresh && in.has_primitive()) {
          open.push(&in.inputs());
        }
      }
    }
    for (const mx::array& output : outputs) {
      ++nodes_[output.id()].uses;
    }
    return degree;
  }

  /// The node of an input; what is evaluated already is met here for the first time.
  Node& node(const mx::array& array) {
    Node& found = nodes_[array.id()];
    if (found.buffer == 0) {
      found.buffer = add({array.nbytes(), 1, found.uses == 1 && array.is_donatable(), 0});
      found.strides.assign(array.strides().begin(), array.strides().end());
    }
    return found;
  }

  std::size_t add(Buffer buffer) {
    buffers_.push_back(buffer);
    return buffers_.size() - 1;
  }

  void evaluate(const mx::array& array) {
    const mx::Primitive& primitive = array.primitive();
    const std::string_view name = primitive.name();
    const auto* const declared = dynamic_cast<const DeclaredMemory*>(&primitive);
    if (declared != nullptr && declared->settles()) {
      settle();
    }
    for (const mx::array& input : array.inputs()) {
      node(input);
    }
    const std::vector<mx::array> outputs = array.outputs();
    for (const mx::array& output : outputs) {
      place(output, name, declared);
    }
    for (const mx::array& input : array.inputs()) {
      Node& used = node(input);
      if (used.buffer != node(array).buffer) {
        buffers_[used.buffer].read = stretch_;
      }
      if (--used.uses == 0) {
        let_go(used);
      }
    }
    for (const mx::array& output : outputs) {
      if (node(output).uses == 0) {  // a sibling that nobody asked for
        let_go(node(output));
      }
    }
  }

  void place(const mx::array& output, std::string_view name, const DeclaredMemory* declared) {
    using Output = DeclaredMemory::Output;
    const std::vector<mx::array>& inputs = output.inputs();
    if (declared != nullptr) {
      if (declared->output() == Output::kShared) {
        share(output, inputs[0], nodes_[inputs[0].id()].strides);
      } else if (declared->output() == Output::kReuse) {
        allocate_or_reuse(output, {&inputs[static_cast<std::size_t>(declared->reused())], 1});
      } else {
        allocate(output);
      }
    } else if (among(kViews, name)) {
      share(output, inputs[0], view_strides(output, name));
    } else if (among(kReshapes, name)) {
      const auto strides = viewed(inputs[0].shape(), node(inputs[0]).strides, output.shape());
      const bool copies =
          name == "Contiguous" && !is_row_major(inputs[0].shape(), node(inputs[0]).strides);
      if (strides && !copies) {
        share(output, inputs[0], *strides);
      } else {
        allocate(output);
      }
    } else if (among(kInPlace, name)) {
      const bool first_only = name == "Scatter" || name == "SliceUpdate";
      allocate_or_reuse(output, {inputs.data(), first_only ? 1 : inputs.size()});
    } else {
      allocate(output);
    }
  }

  Strides view_strides(const mx::array& output, std::string_view name) {
    const mx::array& input = output.inputs()[0];
    const Strides& strides = node(input).strides;
    if (name == "Transpose") {
      const auto axes = static_cast<const mx::Transpose&>(output.primitive()).state();
      Strides turned;
      for (const int axis : axes) {
        turned.push_back(strides[static_cast<std::size_t>(axis)]);
      }
      return turned;
    }
    if (name == "Slice" || name == "Split") {
      return strides;  // a step other than one is nowhere used
    }
    if (name == "Broadcast") {
      Strides wide(output.ndim(), 0);
      const std::size_t more = output.ndim() - input.ndim();
      for (std::size_t axis = 0; axis < input.ndim(); ++axis) {
        wide[more + axis] = input.shape(static_cast<int>(axis)) == 1 ? 0 : strides[axis];
      }
      return wide;
    }
    return viewed(input.shape(), strides, output.shape()).value_or(row_major(output.shape()));
  }

  void share(const mx::array& output, const mx::array& input, Strides strides) {
    const std::size_t buffer = node(input).buffer;
    ++buffers_[buffer].arrays;
    Node& made = nodes_[output.id()];
    made.buffer = buffer;
    made.strides = std::move(strides);
  }

  void allocate(const mx::array& output) {
    const std::size_t buffer = add({output.nbytes(), 1, true, 0});
    Node& made = nodes_[output.id()];
    made.buffer = buffer;
    made.strides = row_major(output.shape());
    held_ += static_cast<std::int64_t>(output.nbytes());
    peak_ = std::max(peak_, held_);
  }

  void allocate_or_reuse(const mx::array& output, std::span<const mx::array> donors) {
    constexpr std::uint64_t kSlack = 16384;  // MLX takes a buffer that is so much larger
    for (const mx::array& donor : donors) {
      const Node& from = node(donor);
      const Buffer& buffer = buffers_[from.buffer];
      if (from.uses == 1 && buffer.owned && buffer.arrays == 1 && buffer.read != stretch_ &&
          donor.itemsize() == output.itemsize() && buffer.bytes <= output.nbytes() + kSlack &&
          donor.shape() == output.shape() && is_row_major(donor.shape(), from.strides)) {
        share(output, donor, from.strides);
        return;
      }
    }
    allocate(output);
  }

  void let_go(const Node& node) {
    Buffer& buffer = buffers_[node.buffer];
    if (--buffer.arrays == 0 && buffer.owned) {
      leaving_ += static_cast<std::int64_t>(buffer.bytes);
    }
  }

  /// The work so far is done, and what it held is free.
  void settle() {
    held_ -= std::exchange(leaving_, 0);
    ++stretch_;
  }

  std::vector<const mx::array*> tape_;  // last evaluated first
  std::unordered_map<std::uintptr_t, Node> nodes_;
  std::vector<Buffer> buffers_{Buffer{}};  // the first stands for none
  int stretch_ = 1;
  std::int64_t held_ = 0;  // beyond what is active now
  std::int64_t leaving_ = 0;
  std::int64_t peak_ = 0;
};

}  // namespace

Walked walk_graph(const std::vector<mx::array>& outputs) { return Walk(outputs).run(); }

}  // namespace headroom::engine
