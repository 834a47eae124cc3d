#include "legacy.h"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "number_words.h"
#include "unicode.h"

namespace headroom::scoring {

namespace {

constexpr std::array<std::string_view, 8> kYes = {
    "yes", "yeah", "yep", "correct", "true", "right", "sure", "okay"};
constexpr std::array<std::string_view, 7> kNo = {
    "no", "nope", "not", "false", "wrong", "incorrect", "negative"};

/// What \w matches in Python: letters, numbers and the underscore.
bool is_word(std::int32_t code_point) {
  return code_point == '_' || is_letter_or_number(code_point);
}

std::string as_digits(std::string_view word) {
  const auto number = number_of_word(word);
  return number ? std::to_string(*number) : std::string(word);
}

template <std::size_t N>
bool has_part(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return text.find(word) != std::string_view::npos;
  });
}

struct Polarity {
  bool right = false;  ///< the reference's is in the answer
  bool wrong = false;  ///< the other is
};

/// Of normalised texts; nothing when the reference is neither yes nor no.
std::optional<Polarity> polarity(std::string_view reference, std::string_view answer) {
  if (reference != "yes" && reference != "no") {
    return std::nullopt;
  }
  const bool yes = has_part(answer, kYes);
  const bool no = has_part(answer, kNo);
  return reference == "yes" ? Polarity{yes, no} : Polarity{no, yes};
}

/// The share of the reference's different words that the answer has; 0 of none.
double recall(const std::string& reference, const std::string& answer) {
  const std::vector<std::string_view> given = split(answer);
  const std::set<std::string_view> there(given.begin(), given.end());
  const std::vector<std::string_view> all = split(reference);
  const std::set<std::string_view> wanted(all.begin(), all.end());
  const auto found = std::count_if(
      wanted.begin(), wanted.end(), [&](std::string_view word) { return there.contains(word); });
  return wanted.empty() ? 0 : static_cast<double>(found) / static_cast<double>(wanted.size());
}

Score score_of(double value, double simple, std::string_view answer) {
  return {simple == 1 ? Verdict::kCorrect : Verdict::kWrong, value, legacy_normalise(answer)};
}

}  // namespace

std::string legacy_normalise(std::string_view text) {
  const std::string lowered = lower(text);
  std::string plain;
  for (std::string_view rest = lowered; !rest.empty();) {
    const CodePoint next = next_code_point(rest);
    plain += is_word(next.value) ? std::string(next.bytes) : " ";
    rest.remove_prefix(next.bytes.size());
  }
  std::string result;
  for (const std::string_view word : split(plain)) {
    result += (result.empty() ? "" : " ") + as_digits(word);
  }
  return result;
}

double legacy_simple(std::string_view reference, std::string_view answer) {
  const std::string wanted = legacy_normalise(reference);
  const std::string given = legacy_normalise(answer);
  if (const auto found = polarity(wanted, given)) {
    return found->right && !found->wrong ? 1 : 0;
  }
  return given.find(wanted) != std::string::npos ? 1 : 0;
}

double legacy_vqa(std::string_view reference, std::string_view answer) {
  const std::string wanted = legacy_normalise(reference);
  const std::string given = legacy_normalise(answer);
  if (const auto found = polarity(wanted, given)) {
    if (found->right) {
      return found->wrong ? 0.1 : 1.0;
    }
    return found->wrong ? 0.0 : 0.2;
  }
  if (given == wanted) {
    return 1.0;
  }
  const double share = recall(wanted, given);
  if (share >= 1.0) {
    return 0.9;
  }
  if (share >= 0.7) {
    return 0.7;
  }
  if (share >= 0.3) {
    return 0.3;
  }
  return given.find(wanted) != std::string::npos ? 0.5 : 0.0;
}

std::optional<Score> LegacySimpleScorer::score(const Truth& truth, std::string_view answer) const {
  if (truth.references.empty()) {
    return std::nullopt;
  }
  const double simple = legacy_simple(one_reference(truth), answer);
  return score_of(simple, simple, answer);
}

std::optional<Score> LegacyVqaScorer::score(const Truth& truth, std::string_view answer) const {
  if (truth.references.empty()) {
    return std::nullopt;
  }
  const std::string reference = one_reference(truth);
  return score_of(legacy_vqa(reference, answer), legacy_simple(reference, answer), answer);
}

}  // namespace headroom::scoring
