#include "describe_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "results_lines.h"
#include "text.h"

namespace headroom::report {

namespace {

using run::DescribeResults;
using run::ModelResults;

constexpr std::size_t kFlaggedShown = 10;

std::string share(std::size_t part, std::size_t whole, std::string_view what) {
  return whole == 0 ? fmt::format("0 of 0 {}", what)
                    : fmt::format("{} of {} {} ({})",
                                  grouped(part),
                                  grouped(whole),
                                  what,
                                  percent(static_cast<double>(part) / static_cast<double>(whole)));
}

std::string bytes_or_dash(const std::optional<Bytes>& bytes) {
  return bytes ? to_string(*bytes) : "–";
}

std::string recall_cell(const DescribeResults& describe) {
  return describe.pictures_with_facts == 0
             ? "–"
             : fmt::format("{}/{}", grouped(describe.facts.told), grouped(describe.facts.facts));
}

std::string cider_cell(const DescribeResults& describe) {
  return describe.captions && describe.captions->cider_d
             ? fmt::format("{:.3f}", *describe.captions->cider_d)
             : "–";
}

std::uint64_t answers_of(const DescribeResults& describe) {
  return describe.described + describe.text_answered;
}

std::string speed_cell(const DescribeResults& describe) {
  const auto speed = describe.tokens_per_second();
  return speed ? fmt::format("{:.1f}", *speed) : "–";
}

void add_row(Table& table, const ModelResults& model, const Style& style) {
  const DescribeResults& describe = *model.describe;
  if (!model.begun()) {
    std::vector<std::string> row{
        toned(model.model.spec.name, Tone::kStrong, style),
        model.model.spec.not_run ? toned("not run", Tone::kBad, style) : "waiting"};
    row.insert(row.end(), 6, "–");
    table.add(std::move(row));
    return;
  }
  const bool all = describe.described == describe.pictures;
  table.add({toned(model.model.spec.name, Tone::kStrong, style),
             toned(fmt::format("{}/{}", grouped(describe.described), grouped(describe.pictures)),
                   all ? Tone::kPlain : Tone::kWarning,
                   style),
             recall_cell(describe),
             cider_cell(describe),
             std::string(run::to_string(describe.text_only)),
             fmt::format("{}/{}", grouped(describe.flagged_count), grouped(answers_of(describe))),
             speed_cell(describe),
             peak_cell(model, style)});
}

std::string pictures_line(const ModelResults& model) {
  const DescribeResults& describe = *model.describe;
  std::string text = fmt::format(
      "{} of {} described", grouped(describe.described), counted(describe.pictures, "picture"));
  if (describe.pending > 0) {
    text += fmt::format(", {} not asked yet", grouped(describe.pending));
  }
  const std::string failures = failures_line(model.counts);
  return failures.empty() ? text : text + "; not answered, texts included: " + failures;
}

std::string captions_line(const DescribeResults& describe) {
  if (describe.captioned == 0) {
    return "the data hold none: not compared";
  }
  if (!describe.captions) {
    return fmt::format("none of {} described", counted(describe.captioned, "captioned picture"));
  }
  const scoring::CaptionScores& scores = *describe.captions;
  std::string text = fmt::format("BLEU-4 {:.4f}, ROUGE-L {:.4f}, ", scores.bleu[3], scores.rouge_l);
  text += scores.cider_d ? fmt::format("CIDEr-D {:.4f}", *scores.cider_d)
                         : std::string("CIDEr-D needs two descriptions");
  return text + fmt::format("; of {} of {}",
                            grouped(scores.count),
                            counted(describe.captioned, "captioned picture"));
}

std::string facts_line(const DescribeResults& describe) {
  if (describe.pictures_with_facts == 0) {
    return "the data hold none: not compared";
  }
  const std::string so_far = describe.pending > 0 ? " so far" : "";
  std::string text = fmt::format("{} of {} asked about{}, {} of those described",
                                 share(describe.facts.told, describe.facts.facts, "items told"),
                                 counted(describe.pictures_with_facts, "picture"),
                                 so_far,
                                 share(describe.facts.told, describe.facts_of_described, "items"));
  if (describe.facts.with_place > 0) {
    text += "; at the right place " +
            share(describe.facts.placed, describe.facts.with_place, "of the told with a place");
  }
  return text;
}

std::string text_only_line(const DescribeResults& describe) {
  std::string text(run::to_string(describe.text_only));
  if (describe.text_prompts > 0) {
    text += fmt::format(", {} of {} answered",
                        grouped(describe.text_answered),
                        counted(describe.text_prompts, "prompt"));
  }
  if (!describe.text_only_reason.empty()) {
    text += ": " + describe.text_only_reason;
  }
  return text;
}

std::string flags_lines(const DescribeResults& describe) {
  std::string text = fmt::format("of {} {} empty, {} cut off, {} repeating themselves\n",
                                 counted(answers_of(describe), "answer"),
                                 grouped(describe.empty),
                                 grouped(describe.cut_off),
                                 grouped(describe.repetitions));
  const std::size_t shown = std::min(describe.flagged.size(), kFlaggedShown);
  for (std::size_t i = 0; i < shown; ++i) {
    const run::FlaggedAnswer& answer = describe.flagged[i];
    std::vector<std::string_view> names;
    for (const run::AnswerFlag flag : answer.flags) {
      names.push_back(run::to_string(flag));
    }
    text += fmt::format("            {}: {}{}\n",
                        answer.id,
                        fmt::join(names, ", "),
                        answer.detail.empty() ? "" : ", " + answer.detail);
  }
  if (describe.flagged_count > shown) {
    text += fmt::format("            and {} more\n", grouped(describe.flagged_count - shown));
  }
  return text;
}

std::string speed_line(const DescribeResults& describe) {
  if (describe.generated_tokens == 0) {
    return "nothing generated";
  }
  const auto speed = describe.tokens_per_second();
  return fmt::format(
      "{}: {} in {} of decoding",
      speed ? fmt::format("{:.1f} generated tokens/s", *speed) : "too little to tell",
      counted(describe.generated_tokens, "token"),
      duration_text(describe.decode_seconds));
}

std::string marks_line(const ModelResults& model) {
  const run::MemoryMarks& marks = model.describe->memory;
  return fmt::format("{}: before loading {}, peak {}, after the last answer {}, unloaded {}",
                     memory::to_string(marks.counter),
                     bytes_or_dash(marks.before_load),
                     bytes_or_dash(model.measured_peak),
                     bytes_or_dash(marks.after),
                     bytes_or_dash(marks.after_clean_up));
}

std::string model_lines(const ModelResults& model) {
  const DescribeResults& describe = *model.describe;
  return "  pictures  " + pictures_line(model) + "\n" +      //
         "  captions  " + captions_line(describe) + "\n" +   //
         "  facts     " + facts_line(describe) + "\n" +      //
         "  text only " + text_only_line(describe) + "\n" +  //
         "  flagged   " + flags_lines(describe) +            //
         "  time      " + time_line(model) + "\n" +          //
         "  speed     " + speed_line(describe) + "\n" +      //
         "  memory    " + marks_line(model) + "\n" +         //
         "            " + memory_line(model) + "\n" +        //
         (model.unload_text.empty() ? "" : "            " + model.unload_text + "\n");
}

}  // namespace

std::string describe_text(const run::RunResults& results, const Style& style) {
  std::string text = fmt::format("{} · {} · prompt \"{}\"\n\n",
                                 results.run.id,
                                 results.run.spec.data.label,
                                 results.run.spec.prompt);
  Table table;
  table.add({"model",
             "described",
             "items told",
             "CIDEr-D",
             "text only",
             "flags",
             "tokens/s",
             "memory peak"});
  for (const ModelResults& model : results.models) {
    add_row(table, model, style);
  }
  text += table.text(style.width);
  for (const ModelResults& model : results.models) {
    text += results.models.size() > 1 ? "\n" + model.model.spec.name + "\n" : "\n";
    if (const auto far = unfinished(model, results.run.state, "prompt")) {
      text += fmt::format("  {:<9} {}\n", far->label, far->text);
    }
    if (model.begun()) {
      text += model_lines(model);
    }
  }
  return spelt(std::move(text), style);
}

}  // namespace headroom::report
