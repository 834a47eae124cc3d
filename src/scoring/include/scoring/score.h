#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headroom::scoring {

/// One thing that a picture shows: "blue triangle, top left".
struct Fact {
  std::string object;     ///< "triangle"
  std::string attribute;  ///< "blue"; may be empty
  std::string position;   ///< "top left"; may be empty

  bool operator==(const Fact&) const = default;
};

/// What an answer is compared with.
struct Truth {
  std::vector<std::string> references;  ///< empty: nobody knows, the item is not scored
  std::string answer_type;              ///< the data set's own word ("yes/no"), may be empty
  std::string question_type;            ///< the data set's own word ("what color"), may be empty
  /// The one answer that the data set holds for the people's (VQA's multiple_choice_answer); may be
  /// empty.
  std::string chosen;
  std::vector<Fact> facts;  ///< what a description should tell, may be empty
};

/// The answer that metrics with one reference compare with: Truth::chosen, else the commonest
/// reference, the earliest of several; empty without references.
std::string one_reference(const Truth& truth);

enum class Verdict { kCorrect, kWrong, kUnparsed, kRefused };
std::string_view to_string(Verdict verdict);

/// Of the facts that an answer is compared with.
struct FactCount {
  std::size_t told = 0;
  std::size_t facts = 0;  ///< the denominator
};

struct Score {
  Verdict verdict = Verdict::kWrong;
  double value = 0;                               ///< 0..1; partial credit possible
  std::string extracted;                          ///< what was compared, after normalisation
  std::optional<FactCount> facts = std::nullopt;  ///< of metrics that count facts
};

/// Scores one answer. Pure: the same input gives the same score, always. Empty when the truth has
/// nothing that this scorer compares with.
class Scorer {
 public:
  virtual ~Scorer() = default;
  virtual std::string_view name() const = 0;  ///< "exact", "vqa-accuracy", "fact-recall"

  /// Whether the truth has what this scorer compares with: references.
  virtual bool can_score(const Truth& truth) const { return !truth.references.empty(); }

  virtual std::optional<Score> score(const Truth& truth, std::string_view answer) const = 0;
};

}  // namespace headroom::scoring
