#include "context_text.h"

#include <fmt/format.h>

#include "text.h"
#include "values_json.h"

namespace headroom::report {

namespace {

using run::ArmResults;
using run::ContextGain;
using run::ContextResults;
using run::TurnResults;
using scoring::Estimate;

/// "0.412 [0.302–0.512] of 72 answers", token F1.
std::string f1_text(const std::optional<Estimate>& estimate) {
  if (!estimate) {
    return "–";
  }
  std::string text = fmt::format("{:.3f}", estimate->mean);
  if (estimate->interval) {
    text += fmt::format(" [{:.3f}–{:.3f}]", estimate->interval->low, estimate->interval->high);
  }
  return text + " of " + counted(estimate->count, "answer");
}

/// "+42.0 points [+31.0 to +53.0] over 70 of 72 pairs about 24 pictures; …": points of 100 of facts
/// told, or of token F1.
std::string difference_text(const Estimate& difference, const ContextGain& gain, bool by_facts) {
  const double scale = by_facts ? 100 : 1;
  const int places = by_facts ? 1 : 3;
  std::string text =
      fmt::format("{:+.{}f} {}", scale * difference.mean, places, by_facts ? "points" : "token F1");
  if (difference.interval) {
    text += fmt::format(" [{:+.{}f} to {:+.{}f}]",
                        scale * difference.interval->low,
                        places,
                        scale * difference.interval->high,
                        places);
  }
  text += fmt::format(" over {} of {} about {}",
                      grouped(difference.count),
                      counted(gain.pairs, "pair"),
                      counted(difference.clusters, "picture"));
  return gain.left_out == 0
             ? text
             : text + fmt::format("; {} left out, an answer is missing", grouped(gain.left_out));
}

std::string gain_line(const ContextGain& gain, const ContextResults& results) {
  const std::string name = gain.over == "none" ? "history minus none" : "history minus text";
  if (gain.difference) {
    return fmt::format(
        "  gain     {}: {}\n", name, difference_text(*gain.difference, gain, results.by_facts));
  }
  for (const ArmResults& arm : results.arms) {
    if (arm.arm == gain.over && arm.support == run::Support::kUnsupported) {
      return fmt::format("  gain     {}: unsupported, the model needs a picture\n", name);
    }
  }
  return fmt::format(
      "  gain     {}: none of {} has both answers\n", name, counted(gain.pairs, "pair"));
}

Json estimate_json(const std::optional<Estimate>& estimate) {
  if (!estimate) {
    return {};
  }
  return {{"mean", estimate->mean},
          {"interval", interval_json(estimate)},
          {"count", estimate->count},
          {"clusters", estimate->clusters}};
}

Json turn_json(const TurnResults& turn) {
  Json json = {{"items", turn.items},
               {"answered", turn.answered},
               {"score", estimate_json(turn.score)},
               {"score_answered", estimate_json(turn.score_answered)},
               {"agreement", estimate_json(turn.agreement)},
               {"consistency", estimate_json(turn.consistency)}};
  if (turn.turn != 0) {
    json["turn"] = turn.turn;
    json["question"] = turn.question;
  }
  return json;
}

std::string answered_cell(const ArmResults& arm) {
  return arm.support == run::Support::kSupported
             ? fmt::format("{}/{}", grouped(arm.follow_ups.answered), grouped(arm.follow_ups.items))
             : std::string(run::to_string(arm.support));
}

/// "95.8 %"; with its denominator where that is not the column's.
std::string turn_cell(const ArmResults& arm, const TurnResults& column) {
  for (const TurnResults& turn : arm.turns) {
    if (turn.turn == column.turn && turn.score) {
      const bool same = column.score && column.score->count == turn.score->count;
      return percent(turn.score->mean) + (same ? "" : " of " + grouped(turn.score->count));
    }
  }
  return "–";
}

std::string facts_table(const ContextResults& results, const Style& style) {
  const std::vector<TurnResults>& columns = results.arms.front().turns;
  Table table;
  std::vector<std::string> head = {"  arm", "answered", "facts told [95 %]", "of answered"};
  for (const TurnResults& turn : columns) {
    head.push_back(
        fmt::format("turn {} (of {})", turn.turn, grouped(turn.score ? turn.score->count : 0)));
  }
  table.add(std::move(head));
  for (const ArmResults& arm : results.arms) {
    std::vector<std::string> row = {"  " + toned(arm.arm, Tone::kStrong, style),
                                    answered_cell(arm)};
    const bool shown = arm.support == run::Support::kSupported;
    row.push_back(shown ? counted_share_text(arm.follow_ups.score) : "–");
    row.push_back(shown ? counted_mean_text(arm.follow_ups.score_answered) : "–");
    for (const TurnResults& column : columns) {
      row.push_back(shown ? turn_cell(arm, column) : "–");
    }
    table.add(std::move(row));
  }
  return table.text(style.width);
}

/// How much the answers have in common with the model's own.
std::string agreement_table(const ContextResults& results, const Style& style) {
  Table table;
  table.add({"  arm",
             "answered",
             "token F1 with history [95 %]",
             "token F1 with its description [95 %]"});
  for (const ArmResults& arm : results.arms) {
    table.add({"  " + toned(arm.arm, Tone::kStrong, style),
               answered_cell(arm),
               f1_text(arm.follow_ups.agreement),
               f1_text(arm.follow_ups.consistency)});
  }
  return table.text(style.width);
}

}  // namespace

std::string context_text(const ContextResults& results, const Style& style) {
  std::string text;
  if (results.by_facts) {
    text += facts_table(results, style) +
            "  scored   share of the data's facts that an answer tells, of follow-ups that have "
            "any; one without an answer tells none\n";
  }
  text += agreement_table(results, style);
  if (!results.by_facts) {
    text +=
        "  scored   not against facts, the data have none: by token F1 with the model's own first "
        "description; this is agreement with itself, not truth\n";
  }
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
