#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/json.h"
#include "scoring/statistics.h"

/// Values as the records have them: what is unknown is null, never 0.
namespace headroom::report {

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

/// Of a text that is empty when it is unknown.
Json or_null(const std::string& text);

Json bytes_or_null(const std::optional<Bytes>& bytes);

/// Null of nothing, as shares of 0.
Json share_json(std::size_t part, std::size_t whole);

/// The mean; null without one.
Json mean_or_null(const std::optional<scoring::Estimate>& estimate);

/// [low, high], or null.
Json interval_json(const std::optional<scoring::Estimate>& estimate);

}  // namespace headroom::report
