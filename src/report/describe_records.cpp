#include "describe_records.h"

#include "scoring/description.h"
#include "values_json.h"

namespace headroom::report {

namespace {

Json facts_json(const scoring::FactRecall& recall) {
  return {{"facts", recall.facts},
          {"told", recall.told},
          {"told_with_position", recall.with_place},
          {"placed", recall.placed}};
}

Json flag_names(const std::vector<run::AnswerFlag>& flags) {
  Json names = Json::array();
  for (const run::AnswerFlag flag : flags) {
    names.push_back(to_string(flag));
  }
  return names;
}

Json captions_json(const run::DescribeResults& results) {
  if (!results.captions) {
    return {};
  }
  const scoring::CaptionScores& scores = *results.captions;
  return {{"count", scores.count},
          {"bleu_1", scores.bleu[0]},
          {"bleu_2", scores.bleu[1]},
          {"bleu_3", scores.bleu[2]},
          {"bleu_4", scores.bleu[3]},
          {"rouge_l", scores.rouge_l},
          {"cider_d", or_null(scores.cider_d)}};
}

Json recall_json(const run::DescribeResults& results) {
  if (results.pictures_with_facts == 0) {
    return {};
  }
  Json json = facts_json(results.facts);
  json["pictures"] = results.pictures_with_facts;
  json["recall"] = share_json(results.facts.told, results.facts.facts);
  json["facts_of_described"] = results.facts_of_described;
  json["recall_of_described"] = share_json(results.facts.told, results.facts_of_described);
  json["placed_share"] = share_json(results.facts.placed, results.facts.with_place);
  return json;
}

}  // namespace

Json describe_json(const run::DescribeResults& results) {
  Json flagged = Json::array();
  for (const run::FlaggedAnswer& answer : results.flagged) {
    flagged.push_back(
        {{"id", answer.id}, {"flags", flag_names(answer.flags)}, {"detail", answer.detail}});
  }
  return {{"pictures", results.pictures},
          {"described", results.described},
          {"pending", results.pending},
          {"text_only",
           {{"capability", to_string(results.text_only)},
            {"reason", results.text_only_reason},
            {"prompts", results.text_prompts},
            {"answered", results.text_answered}}},
          {"generated_tokens", results.generated_tokens},
          {"decode_seconds", results.decode_seconds},
          {"tokens_per_second", or_null(results.tokens_per_second())},
          {"memory",
           {{"counter", memory::to_string(results.memory.counter)},
            {"before_load_bytes", bytes_or_null(results.memory.before_load)},
            {"after_bytes", bytes_or_null(results.memory.after)},
            {"after_clean_up_bytes", bytes_or_null(results.memory.after_clean_up)}}},
          {"captioned", results.captioned},
          {"captions", captions_json(results)},
          {"facts", recall_json(results)},
          {"flags",
           {{"empty", results.empty},
            {"cut-off", results.cut_off},
            {"repetition", results.repetitions}}},
          {"flagged", std::move(flagged)}};
}

void add_description(Json& record, const run::ItemRecord& item, const worker::Answer& answer) {
  if (const auto flags = run::flags_of(answer); !flags.empty()) {
    record["flags"] = flag_names(flags);
  }
  if (answer.outcome == Outcome::kAnswered && !item.item.truth.facts.empty()) {
    record["facts"] = facts_json(scoring::recall_facts(item.item.truth.facts, answer.text));
  }
}

}  // namespace headroom::report
