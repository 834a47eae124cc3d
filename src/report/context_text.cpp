#include "context_text.h"

#include <fmt/format.h>

#include "text.h"

namespace headroom::report {

namespace {

using run::ArmResults;
using run::ContextGain;
using run::ContextResults;
using run::TurnResults;
using scoring::Estimate;

/// "+42.0 points [+31.0 to +53.0] over 70 of 72 pairs about 24 pictures; …".
std::string difference_text(const Estimate& difference, const ContextGain& gain) {
  std::string text = fmt::format("{:+.1f} points", 100 * difference.mean);
  if (difference.interval) {
    text += fmt::format(
        " [{:+.1f} to {:+.1f}]", 100 * difference.interval->low, 100 * difference.interval->high);
  }
  text += fmt::format(" over {} of {} about {}",
                      grouped(difference.count),
                      counted(gain.pairs, "pair"),
                      counted(difference.clusters, "picture"));
  return gain.left_out == 0
             ? text
             : text + fmt::format("; {} left out, an answer is missing", grouped(gain.left_out));
}

/// "88.9 % [41.1–100.0] of 9"; the dash without any.
std::string score_cell(const std::optional<Estimate>& score) {
  return score ? fmt::format("{} of {}", accuracy_text(score), grouped(score->count))
               : accuracy_text(score);
}

std::string gain_line(const ContextGain& gain, const ContextResults& results) {
  const std::string name = gain.over == "none" ? "history minus none" : "history minus text";
  if (gain.difference) {
    return fmt::format("  gain     {}: {}\n", name, difference_text(*gain.difference, gain));
  }
  for (const ArmResults& arm : results.arms) {
    if (arm.arm == gain.over && arm.support == run::Support::kUnsupported) {
      return fmt::format("  gain     {}: unsupported, the model needs a picture\n", name);
    }
  }
  return fmt::format(
      "  gain     {}: none of {} has both answers\n", name, counted(gain.pairs, "pair"));
}

Json interval_json(const Estimate& estimate) {
  return estimate.interval ? Json::array({estimate.interval->low, estimate.interval->high})
                           : Json();
}

Json estimate_json(const std::optional<Estimate>& estimate) {
  if (!estimate) {
    return {};
  }
  return {{"mean", estimate->mean},
          {"interval", interval_json(*estimate)},
          {"count", estimate->count},
          {"clusters", estimate->clusters}};
}

Json turn_json(const TurnResults& turn) {
  Json json = {{"items", turn.items},
               {"answered", turn.answered},
               {"score", estimate_json(turn.score)},
               {"agreement", estimate_json(turn.agreement)},
               {"consistency", estimate_json(turn.consistency)}};
  if (turn.turn != 0) {
    json["turn"] = turn.turn;
    json["question"] = turn.question;
  }
  return json;
}

}  // namespace

std::string context_text(const ContextResults& results, const Style& style) {
  Table table;
  std::vector<std::string> head = {"  arm", "follow-ups answered"};
  std::size_t turns = 0;
  if (results.by_facts) {
    head.emplace_back("facts told [95 %] of follow-ups");
    for (const TurnResults& turn : results.arms.front().turns) {
      head.push_back(fmt::format("turn {}", turn.turn));
      ++turns;
    }
  }
  head.emplace_back("agrees with history");
  head.emplace_back("with its description");
  table.add(std::move(head));
  for (const ArmResults& arm : results.arms) {
    std::vector<std::string> row = {
        "  " + toned(arm.arm, Tone::kStrong, style),
        arm.support == run::Support::kSupported
            ? fmt::format("{}/{}", grouped(arm.follow_ups.answered), grouped(arm.follow_ups.items))
            : std::string(run::to_string(arm.support))};
    const bool shown = arm.support == run::Support::kSupported;
    if (results.by_facts) {
      row.push_back(score_cell(shown ? arm.follow_ups.score : std::nullopt));
      for (std::size_t number = 1; number <= turns; ++number) {
        std::string cell = "–";
        for (const TurnResults& turn : arm.turns) {
          if (shown && turn.turn == number && turn.score) {
            cell = percent(turn.score->mean);
          }
        }
        row.push_back(std::move(cell));
      }
    }
    row.push_back(accuracy_text(arm.follow_ups.agreement));
    row.push_back(accuracy_text(arm.follow_ups.consistency));
    table.add(std::move(row));
  }
  std::string text = table.text();
  text +=
      results.by_facts
          ? "  scored   share of the data's facts that an answer tells, of follow-ups that have "
            "any; one without an answer tells none\n"
          : "  scored   not against facts, the data have none: by token F1 with the model's own "
            "first description; this is agreement with itself, not truth\n";
  for (const ContextGain& gain : results.gains) {
    text += gain_line(gain, results);
  }
  return spelt(std::move(text), style);
}

Json context_json(const ContextResults& results) {
  Json arms = Json::array();
  for (const ArmResults& arm : results.arms) {
    Json turns = Json::array();
    for (const TurnResults& turn : arm.turns) {
      turns.push_back(turn_json(turn));
    }
    arms.push_back({{"arm", arm.arm},
                    {"support", run::to_string(arm.support)},
                    {"follow_ups", turn_json(arm.follow_ups)},
                    {"turns", std::move(turns)}});
  }
  Json gains = Json::array();
  for (const ContextGain& gain : results.gains) {
    gains.push_back({{"over", gain.over},
                     {"pairs", gain.pairs},
                     {"left_out", gain.left_out},
                     {"difference", estimate_json(gain.difference)}});
  }
  return {{"scored_by", results.by_facts ? "facts" : "consistency"},
          {"arms", std::move(arms)},
          {"gains", std::move(gains)}};
}

}  // namespace headroom::report
