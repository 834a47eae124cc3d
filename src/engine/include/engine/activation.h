#pragma once

namespace headroom::engine {

/// The functions between a layer's matrices.
/// kGelu: by the error function; kGeluTanh: its tanh form; kQuickGelu: x sigmoid(1.702 x).
enum class Activation { kSilu, kGelu, kGeluTanh, kQuickGelu };

}  // namespace headroom::engine
