#include "scoring/scorers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/errors.h"
#include "base/spelling.h"
#include "exact.h"
#include "fact_recall.h"
#include "legacy.h"
#include "turn_facts.h"
#include "vqa_accuracy.h"
#include "vqa_simple.h"

namespace headroom::scoring {

std::vector<std::string> scorer_names() {
  return {"exact",
          "vqa-accuracy",
          "vqa-simple",
          "legacy-vqa",
          "legacy-simple",
          "fact-recall",
          "turn-facts"};
}

std::unique_ptr<Scorer> make_scorer(std::string_view name) {
  if (name == "exact") {
    return std::make_unique<ExactScorer>();
  }
  if (name == "vqa-accuracy") {
    return std::make_unique<VqaAccuracyScorer>();
  }
  if (name == "vqa-simple") {
    return std::make_unique<VqaSimpleScorer>();
  }
  if (name == "legacy-vqa") {
    return std::make_unique<LegacyVqaScorer>();
  }
  if (name == "legacy-simple") {
    return std::make_unique<LegacySimpleScorer>();
  }
  if (name == "turn-facts") {
    return std::make_unique<TurnFactsScorer>();
  }
  if (name == "fact-recall") {
    return std::make_unique<FactRecallScorer>();
  }
  throw UsageError("E-METRIC",
                   fmt::format("metric '{}' is unknown{}; there are: {}",
                               name,
                               did_you_mean(name, scorer_names()),
                               fmt::join(scorer_names(), ", ")));
}

}  // namespace headroom::scoring
