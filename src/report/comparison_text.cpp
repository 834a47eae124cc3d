#include "comparison_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "scoring/paired.h"
#include "text.h"
#include "values_json.h"

namespace headroom::report {

namespace {

using Types = std::map<std::string, run::TypeAccuracy>;

/// The difference that words are about, as a share.
constexpr double kPoints = 0.05;
constexpr double kSure = 0.05;
constexpr std::size_t kTypesShown = 20;

std::string points(double share) { return fmt::format("{:+.1f}", share * 100); }

/// Types with the most questions first.
std::vector<std::pair<std::string, std::size_t>> types_by_count(
    const run::RunResults& results, Types run::ModelResults::* division) {
  std::map<std::string, std::size_t> counts;
  for (const run::ModelResults& model : results.models) {
    for (const auto& [type, accuracy] : model.*division) {
      counts[type] = std::max(counts[type], accuracy.asked.count);
    }
  }
  std::vector<std::pair<std::string, std::size_t>> types(counts.begin(), counts.end());
  std::stable_sort(
      types.begin(), types.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return types;
}

/// "63.1 % [58.3–67.6] of 20"; where not all were answered also "66.4 % of 19 answered".
std::string type_cell(const run::TypeAccuracy& accuracy) {
  const std::size_t answered = accuracy.answered ? accuracy.answered->count : 0;
  const std::string text = counted_share_text(accuracy.asked);
  return answered == accuracy.asked.count
             ? text
             : fmt::format("{}, {} answered", text, counted_mean_text(accuracy.answered));
}

std::string division_text(const run::RunResults& results,
                          Types run::ModelResults::* division,
                          const std::string& title,
                          const Style& style) {
  auto types = types_by_count(results, division);
  if (types.empty()) {
    return {};
  }
  const std::size_t more = types.size() > kTypesShown ? types.size() - kTypesShown : 0;
  types.resize(types.size() - more);
  Table table;
  std::vector<std::string> head{title, "questions"};
  for (const run::ModelResults& model : results.models) {
    if (!(model.*division).empty()) {
      head.push_back(toned(model.model.spec.name, Tone::kStrong, style));
    }
  }
  table.add(std::move(head));
  for (const auto& [type, count] : types) {
    std::vector<std::string> row{type, grouped(count)};
    for (const run::ModelResults& model : results.models) {
      const auto found = (model.*division).find(type);
      if (found != (model.*division).end()) {
        row.push_back(type_cell(found->second));
      } else if (!(model.*division).empty()) {
        row.emplace_back("–");
      }
    }
    table.add(std::move(row));
  }
  return "\n" + table.text(style.width) +
         (more > 0 ? fmt::format("and {} more in summary.json\n", counted(more, "type")) : "");
}

/// One comparison of the best model, as it is told.
struct Told {
  const run::Best::Against& against;
  const std::string& name;
  std::optional<double> p_value;  ///< corrected for the number of comparisons
  std::optional<std::size_t> needed;
};

std::vector<Told> comparisons_of(const run::Best& best, const run::RunResults& results) {
  std::vector<double> p_values;
  p_values.reserve(best.others.size());
  for (const run::Best::Against& other : best.others) {
    p_values.push_back(other.paired.p_value.value_or(1));
  }
  const std::vector<double> corrected = scoring::holm_corrected(p_values);
  std::vector<Told> told;
  told.reserve(p_values.size());
  for (std::size_t i = 0; i < p_values.size(); ++i) {
    const run::Best::Against& other = best.others[i];
    const auto deviation = other.paired.deviation();
    told.push_back({other,
                    results.models.at(other.model).model.spec.name,
                    other.paired.p_value ? std::optional(corrected[i]) : std::nullopt,
                    deviation ? scoring::items_needed(*deviation, kPoints) : std::nullopt});
  }
  return told;
}

std::string p_text(double p_value) {
  constexpr double kLeastShown = 0.001;
  return p_value < kLeastShown ? fmt::format("p < {}", kLeastShown)
                               : fmt::format("p = {:.3f}", p_value);
}

/// What the p-value is of. `comparisons`: of the best model with others.
std::string test_text(const Told& told, double p_value, std::size_t comparisons) {
  const bool spread = told.against.paired.deviation().value_or(0) > 0;
  return fmt::format(
      "{}{}, {}",
      spread ? "paired t test clustered by picture" : "sign test on pictures",
      comparisons > 1 ? fmt::format(", Holm's correction for {} comparisons", comparisons) : "",
      p_text(p_value));
}

/// Whether the questions asked tell the two models apart, and how many would.
std::string verdict_text(const Told& told, std::size_t comparisons) {
  const scoring::Estimate& difference = told.against.paired.difference;
  if (!told.p_value) {
    return "not told apart: questions about one picture have no test";
  }
  const bool apart = *told.p_value < kSure;
  std::string text = fmt::format("{} ({})",
                                 apart ? "told apart" : "not told apart",
                                 test_text(told, *told.p_value, comparisons));
  if (!told.needed) {
    return text + (told.against.paired.flips() == 0 && difference.mean == 0
                       ? "; no score differs, so how many questions would do is unknown"
                       : "; every picture differs by the same amount");
  }
  if (apart) {
    return text;
  }
  return *told.needed > difference.count
             ? fmt::format(
                   "{}; needs about {} questions to tell {:.0f} points four times in "
                   "five (Miller 2024)",
                   text,
                   grouped(*told.needed),
                   kPoints * 100)
             : fmt::format("{}; {} questions tell {:.0f} points, less than that needs more",
                           text,
                           grouped(difference.count),
                           kPoints * 100);
}

std::string comparison_lines(const std::string& best, const Told& told, std::size_t comparisons) {
  const scoring::PairedResult& paired = told.against.paired;
  const auto& interval = paired.difference.interval;
  std::string text = fmt::format(
      "  against {}: {} points{} of {} about {}\n",
      told.name,
      points(paired.difference.mean),
      interval ? fmt::format(" [{} to {}]", points(interval->low), points(interval->high)) : "",
      counted(paired.difference.count, "question"),
      counted(paired.difference.clusters, "picture"));
  text += "    " + verdict_text(told, comparisons) + "\n";
  return text + fmt::format(
                    "    both right {}, only {} {}, only {} {}, neither {}; of the {} "
                    "exact McNemar {}, as if independent\n",
                    grouped(paired.both),
                    best,
                    grouped(paired.only_first),
                    told.name,
                    grouped(paired.only_second),
                    grouped(paired.neither),
                    counted(paired.flips(), "flip"),
                    p_text(paired.mcnemar));
}

}  // namespace

std::string breakdown_text(const run::RunResults& results, const Style& style) {
  return division_text(results, &run::ModelResults::by_answer_type, "answer type", style) +
         division_text(results, &run::ModelResults::by_question_type, "question type", style);
}

std::string best_text(const run::RunResults& results) {
  if (!results.best) {
    return {};
  }
  const run::Best& best = *results.best;
  const run::ModelResults& first = results.models.at(best.model);
  const bool alone =
      std::none_of(best.others.begin(), best.others.end(), [&](const run::Best::Against& other) {
        const auto& accuracy = results.models.at(other.model).accuracy;
        return accuracy && first.accuracy && accuracy->mean == first.accuracy->mean;
      });
  std::string text = fmt::format("\nbest     {}{}: {} of {}\n",
                                 first.model.spec.name,
                                 alone ? "" : " (first of equals)",
                                 percent(first.accuracy ? first.accuracy->mean : 0),
                                 counted(first.accuracy ? first.accuracy->count : 0, "question"));
  const std::vector<Told> all = comparisons_of(best, results);
  for (const Told& told : all) {
    text += comparison_lines(first.model.spec.name, told, all.size());
  }
  return text;
}

Json best_json(const run::RunResults& results) {
  if (!results.best) {
    return {};
  }
  Json others = Json::array();
  for (const Told& told : comparisons_of(*results.best, results)) {
    const scoring::PairedResult& paired = told.against.paired;
    others.push_back({{"model", told.name},
                      {"questions", paired.difference.count},
                      {"pictures", paired.difference.clusters},
                      {"difference", paired.difference.mean},
                      {"interval", interval_json(paired.difference)},
                      {"p_value", or_null(paired.p_value)},
                      {"p_value_holm", or_null(told.p_value)},
                      {"both_right", paired.both},
                      {"only_best_right", paired.only_first},
                      {"only_other_right", paired.only_second},
                      {"neither_right", paired.neither},
                      {"mcnemar_p_value", paired.mcnemar},
                      {"questions_to_tell_5_points", or_null(told.needed)}});
  }
  return {{"model", results.models.at(results.best->model).model.spec.name},
          {"against", std::move(others)}};
}

}  // namespace headroom::report
