#include "scoring/scorers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "base/errors.h"
#include "base/spelling.h"
#include "exact.h"
#include "fact_recall.h"
#include "legacy.h"
#include "turn_facts.h"
#include "vqa_accuracy.h"
#include "vqa_simple.h"

namespace headroom::scoring {

namespace {

template <typename Kind>
std::unique_ptr<Scorer> make() {
  return std::make_unique<Kind>();
}

struct Row {
  std::string_view name;
  std::unique_ptr<Scorer> (*make)();
};

constexpr std::array kScorers{
    Row{"exact", &make<ExactScorer>},
    Row{"vqa-accuracy", &make<VqaAccuracyScorer>},
    Row{"vqa-simple", &make<VqaSimpleScorer>},
    Row{"legacy-vqa", &make<LegacyVqaScorer>},
    Row{"legacy-simple", &make<LegacySimpleScorer>},
    Row{"fact-recall", &make<FactRecallScorer>},
    Row{"turn-facts", &make<TurnFactsScorer>},
};

}  // namespace

std::vector<std::string> scorer_names() {
  std::vector<std::string> names;
  names.reserve(kScorers.size());
  for (const Row& row : kScorers) {
    names.emplace_back(row.name);
  }
  return names;
}

std::unique_ptr<Scorer> make_scorer(std::string_view name) {
  for (const Row& row : kScorers) {
    if (row.name == name) {
      return row.make();
    }
  }
  throw UsageError("E-METRIC",
                   fmt::format("metric '{}' is unknown{}; there are: {}",
                               name,
                               did_you_mean(name, scorer_names()),
                               fmt::join(scorer_names(), ", ")));
}

}  // namespace headroom::scoring
