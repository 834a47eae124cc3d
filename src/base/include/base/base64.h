#pragma once

#include <string>
#include <string_view>

namespace headroom {

/// RFC 4648, standard alphabet, padded, one line.
std::string encode_base64(std::string_view data);

/// The bytes of a base64 text in any of its dresses: either alphabet (also mixed), with or without
/// padding, with white space anywhere, with a `data:…;base64,` prefix. Throws InputError(code) that
/// begins with `where` and names the byte that cannot be base64, or the length that none has.
std::string decode_base64(std::string_view text,
                          const std::string& where,
                          const std::string& code = "E-BASE64");

}  // namespace headroom
