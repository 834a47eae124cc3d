#include "encoding.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace headroom::datasets {

namespace {

using namespace std::string_view_literals;

/// The name of a 16- or 32-bit encoding, or nothing.
std::string_view wide_encoding(std::string_view head) {
  if (head.starts_with("\xff\xfe\0\0"sv) || head.starts_with("\0\0\xfe\xff"sv)) {
    return "UTF-32";
  }
  if (head.starts_with("\xff\xfe") || head.starts_with("\xfe\xff")) {
    return "UTF-16";
  }
  // JSON begins with an ASCII character: a zero byte beside it betrays the width without a mark.
  if (head.size() >= 4 && head[0] != '\0' && head[1] == '\0') {
    return head[2] == '\0' ? "UTF-32" : "UTF-16";
  }
  if (head.size() >= 2 && head[0] == '\0') {
    return head[1] == '\0' ? "UTF-32" : "UTF-16";
  }
  return {};
}

}  // namespace

std::size_t check_encoding(std::string_view head, const std::string& file) {
  const std::string_view wide = wide_encoding(head);
  if (!wide.empty()) {
    throw UsageError(
        "E-DATA-ENCODING",
        fmt::format("{}: the text is {}, expected UTF-8; convert it (iconv -f {} -t UTF-8)",
                    file,
                    wide,
                    wide));
  }
  return head.starts_with("\xef\xbb\xbf") ? 3 : 0;
}

}  // namespace headroom::datasets
