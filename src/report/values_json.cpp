#include "values_json.h"

namespace headroom::report {

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json bytes_or_null(const std::optional<Bytes>& bytes) {
  return bytes ? Json(bytes->count()) : Json();
}

Json share_json(std::size_t part, std::size_t whole) {
  return whole == 0 ? Json() : Json(static_cast<double>(part) / static_cast<double>(whole));
}

Json mean_or_null(const std::optional<scoring::Estimate>& estimate) {
  return estimate ? Json(estimate->mean) : Json();
}

Json interval_json(const std::optional<scoring::Estimate>& estimate) {
  return estimate && estimate->interval
             ? Json::array({estimate->interval->low, estimate->interval->high})
             : Json();
}

}  // namespace headroom::report
