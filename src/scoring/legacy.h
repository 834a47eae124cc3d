#pragma once

#include <string>
#include <string_view>

#include "scoring/score.h"

/// The arithmetic of the tool that this one replaces, faults included, for comparison with its old
/// result files. One reference: one_reference(). See make_scorer().
namespace headroom::scoring {

/// Lower case; what is neither letter, digit, underscore nor white space becomes a blank; single
/// blanks; the words zero..twenty become digits.
std::string legacy_normalise(std::string_view text);

/// 1 or 0. A yes/no reference: words of one polarity are looked for as parts of words ("another"
/// has a "no"); right iff the right polarity is found and the other is not. Else: the reference is
/// part of the answer.
double legacy_simple(std::string_view reference, std::string_view answer);

/// A yes/no reference: 1 right, 0 wrong, 0.1 both polarities, 0.2 neither. Else 1 equal; by the
/// share of the reference's different words that the answer has 0.9 (all), 0.7 (70 % or more),
/// 0.3 (30 % or more); else 0.5 when the reference is part of the answer, else 0.
double legacy_vqa(std::string_view reference, std::string_view answer);

class LegacySimpleScorer final : public Scorer {
 public:
  std::string_view name() const override { return "legacy-simple"; }

  std::optional<Score> score(const Truth& truth, std::string_view answer) const override;
};

class LegacyVqaScorer final : public Scorer {
 public:
  std::string_view name() const override { return "legacy-vqa"; }

  std::optional<Score> score(const Truth& truth, std::string_view answer) const override;
};

}  // namespace headroom::scoring
