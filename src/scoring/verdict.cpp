#include "scoring/score.h"

namespace headroom::scoring {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kCorrect:
      return "correct";
    case Verdict::kWrong:
      return "wrong";
    case Verdict::kUnparsed:
      return "unparsed";
    case Verdict::kRefused:
      return "refused";
  }
  return "wrong";
}

}  // namespace headroom::scoring
