#pragma once

#include <cstdint>
#include <string>

#include "worker/messages.h"

namespace headroom::backends {

/// A picture as a server is sent it: a data URL of the file's own bytes, so that the server's own
/// processing is what is judged. Only a picture with a side above `max_image_side` (0: no limit) is
/// decoded, reduced and sent as PNG.
/// Throws InputError: E-IMG-MISSING and the others of images/decode.h; a format that we cannot
/// read is left to the server to judge.
std::string picture_data_url(const worker::PictureRef& picture, std::uint32_t max_image_side);

}  // namespace headroom::backends
