#include "comparison_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "text.h"

namespace headroom::report {

namespace {

using Estimates = std::map<std::string, scoring::Estimate>;

/// The difference that words are about, as a share.
constexpr double kPoints = 0.05;
constexpr double kSure = 0.05;
constexpr std::size_t kTypesShown = 20;

std::string points(double share) { return fmt::format("{:+.1f}", share * 100); }

/// Types with the most questions first.
std::vector<std::pair<std::string, std::size_t>> types_by_count(
    const run::RunResults& results, Estimates run::ModelResults::* division) {
  std::map<std::string, std::size_t> counts;
  for (const run::ModelResults& model : results.models) {
    for (const auto& [type, estimate] : model.*division) {
      counts[type] = std::max(counts[type], estimate.count);
    }
  }
  std::vector<std::pair<std::string, std::size_t>> types(counts.begin(), counts.end());
  std::stable_sort(
      types.begin(), types.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return types;
}

std::string division_text(const run::RunResults& results,
                          Estimates run::ModelResults::* division,
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
        row.push_back(accuracy_text(found->second));
      } else if (!(model.*division).empty()) {
        row.emplace_back("–");
      }
    }
    table.add(std::move(row));
  }
  return "\n" + table.text() +
         (more > 0 ? fmt::format("and {} more in summary.json\n", counted(more, "type")) : "");
}

/// Whether the questions asked tell the two models apart, and how many would.
std::string verdict_text(const scoring::PairedResult& paired) {
  const std::string asked = counted(paired.difference.count, "question");
  if (!paired.p_value || !paired.deviation()) {
    return fmt::format("{} about one picture cannot tell them apart", asked);
  }
  if (*paired.deviation() == 0) {
    return paired.difference.mean == 0
               ? fmt::format("the same score on each of {}: nothing tells them apart", asked)
               : fmt::format("the same difference on each of {}", asked);
  }
  const std::string needed =
      fmt::format("needs about {} questions to tell {:.0f} points",
                  grouped(scoring::items_needed(*paired.deviation(), kPoints).value_or(0)),
                  kPoints * 100);
  return *paired.p_value < kSure
             ? fmt::format("told apart by {} (p {:.3f})", asked, *paired.p_value)
             : fmt::format(
                   "{} cannot tell them apart (p {:.2f}); {}", asked, *paired.p_value, needed);
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
  for (const run::Best::Against& other : best.others) {
    const scoring::PairedResult& paired = other.paired;
    const std::string interval = paired.difference.interval
                                     ? fmt::format(" [{} to {}]",
                                                   points(paired.difference.interval->low),
                                                   points(paired.difference.interval->high))
                                     : "";
    text += fmt::format("  against {}: {} points{}; {}\n",
                        results.models.at(other.model).model.spec.name,
                        points(paired.difference.mean),
                        interval,
                        verdict_text(paired));
    text += fmt::format(
        "    both right {}, only {} {}, only {} {}, neither {} (exact McNemar p {:.3f})\n",
        grouped(paired.both),
        first.model.spec.name,
        grouped(paired.only_first),
        results.models.at(other.model).model.spec.name,
        grouped(paired.only_second),
        grouped(paired.neither),
        paired.mcnemar);
  }
  return text;
}

Json best_json(const run::RunResults& results) {
  if (!results.best) {
    return {};
  }
  Json others = Json::array();
  for (const run::Best::Against& other : results.best->others) {
    const scoring::PairedResult& paired = other.paired;
    const auto deviation = paired.deviation();
    const auto needed = deviation ? scoring::items_needed(*deviation, kPoints) : std::nullopt;
    const auto& interval = paired.difference.interval;
    others.push_back(
        {{"model", results.models.at(other.model).model.spec.name},
         {"questions", paired.difference.count},
         {"pictures", paired.difference.clusters},
         {"difference", paired.difference.mean},
         {"interval", interval ? Json::array({interval->low, interval->high}) : Json()},
         {"p_value", paired.p_value ? Json(*paired.p_value) : Json()},
         {"both_right", paired.both},
         {"only_best_right", paired.only_first},
         {"only_other_right", paired.only_second},
         {"neither_right", paired.neither},
         {"mcnemar_p_value", paired.mcnemar},
         {"questions_to_tell_5_points", needed ? Json(*needed) : Json()}});
  }
  return {{"model", results.models.at(results.best->model).model.spec.name},
          {"against", std::move(others)}};
}

}  // namespace headroom::report
