#include "datasets/dialogue.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <utility>

#include "base/errors.h"
#include "base/grouped.h"
#include "base/spelling.h"
#include "prompt.h"

namespace headroom::datasets {

namespace {

const std::vector<std::string> kFacts = {"items", "colors", "people", "summary", "question"};

/// A picture may show several of one kind, each of which is to be told: "two blue triangles".
void take_items(const PictureFacts& facts, scoring::Truth& truth) {
  truth.facts = facts.items;
  for (const scoring::Fact& item : facts.items) {
    truth.references.push_back(
        item.attribute.empty() ? item.object : fmt::format("{} {}", item.attribute, item.object));
  }
}

/// But for capitals.
bool same_words(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

scoring::Truth truth_of(const ScriptTurn& turn, const PictureFacts& facts) {
  scoring::Truth truth;
  truth.question_type = turn.fact;
  if (turn.fact == "items") {
    take_items(facts, truth);
  } else if (turn.fact == "colors") {
    truth.references = facts.colors;
  } else if (turn.fact == "people" && facts.people) {
    truth.references = {*facts.people ? "yes" : "no"};
  } else if (turn.fact == "summary") {
    take_items(facts, truth);
    if (truth.references.empty() && !facts.summary.empty()) {
      truth.question_type = "sentence";
      truth.references = {facts.summary};
    }
  } else if (turn.fact == "question") {
    for (const auto& [question, answer] : facts.questions) {
      if (same_words(question, turn.text)) {
        truth.references = {answer};
      }
    }
  }
  return truth;
}

/// Turns that the data know less of than the script says. Of data without any facts the results say
/// so themselves.
std::vector<std::string> missing_facts(const PictureSet& set,
                                       const std::vector<ScriptTurn>& script) {
  std::vector<std::string> notices;
  const std::vector<PictureEntry>& entries = set.entries;
  if (std::all_of(entries.begin(), entries.end(), [](const PictureEntry& entry) {
        return entry.facts.empty();
      })) {
    return notices;
  }
  for (std::size_t i = 0; i < script.size(); ++i) {
    const auto known = std::count_if(entries.begin(), entries.end(), [&](const auto& entry) {
      return !truth_of(script[i], entry.facts).references.empty();
    });
    if (!script[i].fact.empty() && static_cast<std::size_t>(known) < entries.size()) {
      notices.push_back(fmt::format("turn {} is scored by '{}', which is known of {} of {}",
                                    i + 1,
                                    script[i].fact,
                                    grouped(static_cast<std::uint64_t>(known)),
                                    counted(entries.size(), "picture")));
    }
  }
  return notices;
}

std::string dialogue_id(const PictureEntry& entry, std::string_view arm) {
  return fmt::format("{}/{}", entry.id, arm);
}

std::string item_id(const PictureEntry& entry, std::string_view arm, std::size_t turn) {
  return fmt::format("{}/{}/{}", entry.id, arm, turn);
}

class DialogueReader final : public DatasetReader {
 public:
  DialogueReader(std::shared_ptr<const PictureSet> set,
                 std::shared_ptr<const std::vector<ScriptTurn>> script)
      : set_(std::move(set)), script_(std::move(script)) {}

  std::optional<Item> next() override {
    if (entry_ == set_->entries.size()) {
      return std::nullopt;
    }
    const PictureEntry& entry = set_->entries[entry_];
    const std::size_t turns = script_->size();
    // history 1..n, text 2..n, none 2..n
    Item item;
    if (step_ < turns) {
      item = make(entry, kHistoryArm, step_ + 1);
    } else if (step_ < 2 * turns - 1) {
      item = make(entry, kTextArm, step_ - turns + 2);
    } else {
      item = make(entry, kNoneArm, step_ - (2 * turns - 1) + 2);
    }
    if (++step_ == items_a_picture(*script_)) {
      step_ = 0;
      ++entry_;
    }
    return item;
  }

  std::vector<std::string> notices() const override {
    std::vector<std::string> notices = all_notices(*set_);
    for (std::string& notice : missing_facts(*set_, *script_)) {
      notices.push_back(std::move(notice));
    }
    return notices;
  }

 private:
  Item make(const PictureEntry& entry, std::string_view arm, std::size_t turn) const {
    const ScriptTurn& asked = script_->at(turn - 1);
    Item item;
    item.id = item_id(entry, arm, turn);
    item.arm = arm;
    item.dialogue = dialogue_id(entry, arm);
    item.turn = static_cast<std::uint32_t>(turn);
    item.question = asked.text;
    item.line = entry.line;
    item.truth = truth_of(asked, entry.facts);
    if (arm == kHistoryArm) {
      item.pictures = {entry.picture};
      item.defect = entry.defect;
    }
    item.conversation = conversation(entry, arm, turn);
    return item;
  }

  Conversation conversation(const PictureEntry& entry,
                            std::string_view arm,
                            std::size_t turn) const {
    Conversation said;
    for (std::size_t before = arm == kNoneArm ? turn : 1; before < turn; ++before) {
      said.push_back({"user", parts(arm, before)});
      // The first answer is the one that saw the picture.
      said.push_back({"assistant",
                      {Part::of_answer(item_id(entry, before == 1 ? kHistoryArm : arm, before))}});
    }
    said.push_back({"user", parts(arm, turn)});
    return said;
  }

  std::vector<Part> parts(std::string_view arm, std::size_t turn) const {
    const std::string& text = script_->at(turn - 1).text;
    if (turn > 1) {
      return {Part::of_text(text)};
    }
    std::vector<Part> parts = ask_about(1, text).conversation.front().parts;
    if (arm != kHistoryArm) {
      std::erase_if(parts, [](const Part& part) { return part.kind == Part::Kind::kImage; });
    }
    return parts;
  }

  std::shared_ptr<const PictureSet> set_;
  std::shared_ptr<const std::vector<ScriptTurn>> script_;
  std::size_t entry_ = 0;
  std::size_t step_ = 0;
};

}  // namespace

std::vector<ScriptTurn> default_script() {
  return {
      {"You are a forensic expert. Describe this image in extreme detail, listing every object, "
       "person, color, and spatial relationship you can identify. This is for a critical "
       "investigation.",
       "items"},
      {"What were the most prominent colors in the image?", "colors"},
      {"Were there any people visible in the image? If so, describe their general appearance or "
       "clothing without making up details.",
       "people"},
      {"Summarize the main subject or scene of the image in one sentence.", "summary"}};
}

void check_script(const std::vector<ScriptTurn>& script, const std::string& where) {
  if (script.size() < 2) {
    throw UsageError("E-TURNS",
                     fmt::format("{}: {}; a dialogue has at least 2, the first about the picture "
                                 "and a follow-up",
                                 where,
                                 counted(script.size(), "turn")));
  }
  for (std::size_t i = 0; i < script.size(); ++i) {
    const ScriptTurn& turn = script[i];
    if (is_blank(turn.text)) {
      throw UsageError("E-TURNS", fmt::format("{}: turn {} has no text", where, i + 1));
    }
    if (const Asked asked = ask_about(i == 0 ? 1 : 0, turn.text); !asked.defect.empty()) {
      throw UsageError(
          "E-TURNS",
          fmt::format(
              "{}: turn {}: {}; only the first turn has a picture", where, i + 1, asked.defect));
    }
    if (!turn.fact.empty() && std::find(kFacts.begin(), kFacts.end(), turn.fact) == kFacts.end()) {
      throw UsageError("E-TURNS",
                       fmt::format("{}: turn {}: fact '{}' is unknown{}; there are: {}",
                                   where,
                                   i + 1,
                                   turn.fact,
                                   did_you_mean(turn.fact, kFacts),
                                   fmt::join(kFacts, ", ")));
    }
  }
}

Dataset dialogue_dataset(PictureSet pictures, std::vector<ScriptTurn> script) {
  Dataset dataset;
  dataset.name = "dialogue";
  dataset.label = pictures.label;
  dataset.metric = "turn-facts";
  dataset.path = pictures.path;
  dataset.argument = pictures.argument;
  dataset.open = [set = std::make_shared<const PictureSet>(std::move(pictures)),
                  turns = std::make_shared<const std::vector<ScriptTurn>>(std::move(script))] {
    return std::make_unique<DialogueReader>(set, turns);
  };
  return dataset;
}

std::size_t items_a_picture(const std::vector<ScriptTurn>& script) { return 3 * script.size() - 2; }

bool is_judged(const Item& item) {
  return item.turn == 0 || item.arm.empty() || (item.arm == kHistoryArm && item.turn > 1);
}

std::string picture_of_dialogue(const Item& item) {
  return item.dialogue.substr(0, item.dialogue.size() - item.arm.size() - 1);
}

}  // namespace headroom::datasets
