#include "scoring/scorers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/errors.h"
#include "base/spelling.h"
#include "exact.h"
#include "vqa_accuracy.h"

namespace headroom::scoring {

std::vector<std::string> scorer_names() { return {"exact", "vqa-accuracy"}; }

std::unique_ptr<Scorer> make_scorer(std::string_view name) {
  if (name == "exact") {
    return std::make_unique<ExactScorer>();
  }
  if (name == "vqa-accuracy") {
    return std::make_unique<VqaAccuracyScorer>();
  }
  throw UsageError("E-METRIC",
                   fmt::format("metric '{}' is unknown{}; there are: {}",
                               name,
                               did_you_mean(name, scorer_names()),
                               fmt::join(scorer_names(), ", ")));
}

}  // namespace headroom::scoring
