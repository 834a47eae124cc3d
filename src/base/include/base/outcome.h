#pragma once

#include <optional>
#include <string_view>

namespace headroom {

/// How an item ended. Exactly one each; only `kAnswered` has a text that may be scored.
enum class Outcome { kAnswered, kImage, kMemory, kTimeout, kServer, kModel, kSkipped };

/// "answered", "image", "memory", "timeout", "server", "model", "skipped".
std::string_view to_string(Outcome outcome);
std::optional<Outcome> outcome_from_string(std::string_view name);

/// The error code of an item without a picture that a model was not asked because it needs one.
inline constexpr std::string_view kPictureNeeded = "E-PICTURE-NEEDED";

}  // namespace headroom
