#pragma once

#include <string>

#include "images/image.h"

namespace headroom::images {

/// A PNG of 8-bit RGB, the pixels as they are. Throws InternalError for a picture without pixels.
std::string encode_png(const Image& image);

}  // namespace headroom::images
