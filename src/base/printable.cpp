#include "base/printable.h"

#include "base/json_fields.h"

namespace headroom {

std::string printable(std::string_view text) {
  const bool utf8 = is_utf8(text);
  std::string result(text);
  for (char& c : result) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || (!utf8 && byte >= 0x80)) {
      c = c == '\t' ? ' ' : '?';
    }
  }
  return result;
}

}  // namespace headroom
