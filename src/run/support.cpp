#include "run/support.h"

namespace headroom::run {

std::string_view to_string(Support support) {
  switch (support) {
    case Support::kNotAsked:
      return "not asked";
    case Support::kSupported:
      return "supported";
    case Support::kUnsupported:
      return "unsupported";
    case Support::kFailed:
      return "failed";
  }
  return "failed";
}

}  // namespace headroom::run
