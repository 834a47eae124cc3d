#include "engine/evaluate.h"

#include <utility>

namespace headroom::engine {

void evaluate(const mx::array& x) { mx::eval(x); }

void evaluate(std::vector<mx::array> all) { mx::eval(std::move(all)); }

}  // namespace headroom::engine
