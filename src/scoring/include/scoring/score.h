#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headroom::scoring {

/// What an answer is compared with.
struct Truth {
  std::vector<std::string> references;  ///< empty: nobody knows, the item is not scored
  std::string answer_type;              ///< the data set's own word ("yes/no"), may be empty
  std::string question_type;            ///< the data set's own word ("what color"), may be empty
};

enum class Verdict { kCorrect, kWrong, kUnparsed, kRefused };
std::string_view to_string(Verdict verdict);

struct Score {
  Verdict verdict = Verdict::kWrong;
  double value = 0;       ///< 0..1; partial credit possible
  std::string extracted;  ///< what was compared, after normalisation
};

/// Scores one answer. Pure: the same input gives the same score, always. Empty when the truth has
/// no references.
class Scorer {
 public:
  virtual ~Scorer() = default;
  virtual std::string_view name() const = 0;  ///< "exact", "vqa-accuracy"
  virtual std::optional<Score> score(const Truth& truth, std::string_view answer) const = 0;
};

}  // namespace headroom::scoring
