#include "images/image.h"

#include <string_view>

#include "base/hash.h"

namespace headroom::images {

std::string pixel_hash(const Image& image) {
  Hasher hasher;
  hasher.update_field(std::to_string(image.width));
  hasher.update_field(std::to_string(image.height));
  hasher.update(
      std::string_view(reinterpret_cast<const char*>(image.rgb.data()), image.rgb.size()));
  return hasher.hex();
}

}  // namespace headroom::images
