#include "report/answer_text.h"

#include <fmt/format.h>

#include "base/outcome.h"
#include "text.h"

namespace headroom::report {

namespace {

constexpr std::size_t kReferenceWidth = 60;

std::string verdict_text(const run::ItemRecord& item,
                         const run::AnswerRecord& answer,
                         const std::optional<scoring::Score>& score) {
  if (answer.answer.outcome != Outcome::kAnswered) {
    return "not answered";
  }
  if (!score) {
    return "no reference";
  }
  if (score->facts) {
    return fmt::format("{} {} of {}",
                       scoring::to_string(score->verdict),
                       grouped(score->facts->told),
                       counted(score->facts->facts, "fact"));
  }
  return fmt::format("{} {:.2f} of {}",
                     scoring::to_string(score->verdict),
                     score->value,
                     shortened(scoring::one_reference(item.item.truth), kReferenceWidth));
}

std::string memory_text(const memory::Reading& reading) {
  if (reading.worker_footprint) {
    return "worker " + to_string(*reading.worker_footprint);
  }
  return reading.active ? "active " + to_string(*reading.active) : "memory not read";
}

}  // namespace

std::string answer_text(const run::ItemRecord& item,
                        const run::AnswerRecord& answer,
                        const std::optional<scoring::Score>& score,
                        const run::Progress& progress) {
  const worker::Answer& given = answer.answer;
  std::string pictures;
  for (const datasets::Picture& picture : item.item.pictures) {
    pictures += (pictures.empty() ? " (" : ", ") + picture.name;
  }
  return fmt::format("[{}/{}] {}{}: {}\n  {} · {} · {:.3f} s · {}",
                     progress.done,
                     progress.items,
                     item.item.id,
                     pictures.empty() ? "" : pictures + ")",
                     item.item.question,
                     given.outcome == Outcome::kAnswered
                         ? dump_json(given.text)
                         : fmt::format("{}: {}", to_string(given.outcome), given.error),
                     verdict_text(item, answer, score),
                     given.seconds.total(),
                     memory_text(given.after));
}

}  // namespace headroom::report
