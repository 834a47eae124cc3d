#pragma once

#include <string_view>

namespace headroom::run {

/// Whether a model can do what a part of a test asks for.
enum class Support {
  kNotAsked,     ///< it was left out, or has not ended yet
  kSupported,    ///< it has answers
  kUnsupported,  ///< the model needs a picture (E-PICTURE-NEEDED), and says so
  kFailed,       ///< anything else
};
/// "not asked", "supported", "unsupported", "failed".
std::string_view to_string(Support support);

}  // namespace headroom::run
