#pragma once

#include <string>
#include <string_view>

#include "images/decode.h"

namespace headroom::images {

/// The format by the first bytes, whatever the name.
/// Throws InputError: E-IMG-NOT saying what it is, or E-IMG-UNSUPPORTED for a picture of a format
/// that we do not read.
Format sniff(std::string_view bytes, const std::string& name);

}  // namespace headroom::images
