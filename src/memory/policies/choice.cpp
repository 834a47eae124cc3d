#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "memory/policies.h"
#include "memory/policies/composite.h"
#include "memory/policies/off.h"
#include "memory/policies/periodic.h"

namespace headroom::memory {

namespace {

using Policies = std::vector<std::unique_ptr<CleanupPolicy>>;

constexpr const char* kWords = "auto, off, periodic, adaptive, dynamic, predictive";

void add_periodic(Policies& policies, std::uint32_t questions, std::uint32_t pictures) {
  using Unit = PeriodicPolicy::Unit;
  if (questions != 0) {
    policies.push_back(std::make_unique<PeriodicPolicy>(Unit::kQuestions, questions));
  }
  if (pictures != 0) {
    policies.push_back(std::make_unique<PeriodicPolicy>(Unit::kPictures, pictures));
  }
}

void add_default(Policies& policies, const EngineTraits& engine) {
  if (!engine.cycles) {
    policies.push_back(std::make_unique<GrowthLinePolicy>(engine.growth_line));
    return;
  }
  policies.push_back(std::make_unique<PredictivePolicy>(engine.predictive));
  policies.push_back(std::make_unique<AdaptivePolicy>(engine.adaptive));
  policies.push_back(std::make_unique<DynamicIntervalPolicy>(engine.interval));
}

std::vector<std::string> split(std::string_view words) {
  std::vector<std::string> result;
  std::size_t begin = 0;
  while (begin <= words.size()) {
    const std::size_t comma = std::min(words.find(',', begin), words.size());
    result.emplace_back(words.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return result;
}

[[noreturn]] void refuse(const std::string& word, std::string_view why) {
  throw UsageError(
      "E-USAGE-VALUE",
      fmt::format("--cleanup: '{}' {}; there are {}, several with commas", word, why, kWords));
}

void add_named(Policies& policies, const std::string& word, const PolicyChoice& choice) {
  const EngineTraits& engine = traits_of(choice.kind, choice.counter);
  if (word == "auto") {
    add_default(policies, engine);
  } else if (word == "adaptive") {
    policies.push_back(std::make_unique<AdaptivePolicy>(engine.adaptive));
  } else if (word == "dynamic") {
    policies.push_back(std::make_unique<DynamicIntervalPolicy>(engine.interval));
  } else if (word == "predictive") {
    policies.push_back(std::make_unique<PredictivePolicy>(engine.predictive));
  } else if (word == "periodic") {
    if (choice.every_questions == 0 && choice.every_pictures == 0) {
      add_periodic(policies, PeriodicPolicy::kQuestions, PeriodicPolicy::kPictures);
    }
  } else {
    refuse(word, word == "off" ? "stands beside others" : "is not known");
  }
}

}  // namespace

std::unique_ptr<CleanupPolicy> default_policy(const PolicyChoice& choice) {
  return parse_policies("auto", choice);
}

std::unique_ptr<CleanupPolicy> parse_policies(std::string_view words, const PolicyChoice& choice) {
  if (words == "off") {
    return std::make_unique<NoPolicy>();
  }
  Policies policies;
  std::vector<std::string> seen;
  for (const std::string& word : split(words)) {
    if (std::find(seen.begin(), seen.end(), word) != seen.end()) {
      refuse(word, "is given twice");
    }
    add_named(policies, word, choice);
    seen.push_back(word);
  }
  add_periodic(policies, choice.every_questions, choice.every_pictures);
  if (!traits_of(choice.kind, choice.counter).cleans) {
    return std::make_unique<NoPolicy>();
  }
  return std::make_unique<CompositePolicy>(std::move(policies));
}

}  // namespace headroom::memory
