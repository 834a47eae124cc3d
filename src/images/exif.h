#pragma once

#include <optional>
#include <string_view>

namespace headroom::images {

/// Orientation 1..8 from IFD0 of an EXIF block (with or without "Exif\0\0" in front). The
/// thumbnail's directory is not read. Empty when there is none or the block is damaged.
std::optional<int> exif_orientation(std::string_view block);

/// The same from an XMP packet, which Pillow asks when EXIF says nothing.
std::optional<int> xmp_orientation(std::string_view packet);

/// EXIF's answer, else XMP's, else 1.
int choose_orientation(std::optional<int> exif, std::optional<int> xmp);

}  // namespace headroom::images
