#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// The places of pictures in a rendered prompt.
namespace headroom::models {

/// `prompt` with the n-th `place` replaced by the n-th of `texts`.
/// Throws: InputError("E-PROMPT-IMAGES") with both numbers when places and texts differ.
std::string fill_places(std::string_view prompt,
                        std::string_view place,
                        const std::vector<std::string>& texts);

/// `prompt` with the n-th `token` replaced by as many as counts[n] says, between two marks.
/// Throws: as fill_places.
std::string repeat_image_tokens(std::string_view prompt,
                                std::string_view token,
                                const std::vector<std::uint32_t>& counts,
                                std::string_view before = {},
                                std::string_view behind = {});

}  // namespace headroom::models
