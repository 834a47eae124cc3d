#include "engine/evaluate.h"

#include <utility>

namespace headroom::engine {

void evaluate(const mx::array& x) { evaluate(std::vector{x}); }

void evaluate(std::vector<mx::array> all) {
  mx::eval(std::move(all));
  // A device may report only here what went wrong, and give zeros until then.
  mx::synchronize();
}

}  // namespace headroom::engine
