#include "run/shared_beginning.h"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>

namespace headroom::run {

namespace {

/// A third of the bytes, as a prompt's tokens are estimated: what is taken off as shared was
/// counted so before. The template's share is left with each question.
constexpr std::size_t kBytesPerToken = 3;

/// What two conversations have alike from their beginning on.
struct Common {
  std::size_t bytes = 0;  ///< of text
  std::size_t pictures = 0;
};

Common common(const Conversation& a, const Conversation& b) {
  Common alike;
  for (std::size_t m = 0; m < std::min(a.size(), b.size()); ++m) {
    if (a[m].role != b[m].role) {
      return alike;
    }
    for (std::size_t p = 0; p < std::min(a[m].parts.size(), b[m].parts.size()); ++p) {
      const Part& mine = a[m].parts[p];
      const Part& other = b[m].parts[p];
      if (mine == other) {
        alike.bytes += mine.text.size();
        alike.pictures += mine.kind == Part::Kind::kImage ? 1 : 0;
        continue;
      }
      if (mine.kind == other.kind) {
        const auto end =
            std::mismatch(mine.text.begin(), mine.text.end(), other.text.begin(), other.text.end());
        alike.bytes += static_cast<std::size_t>(end.first - mine.text.begin());
      }
      return alike;
    }
    if (a[m].parts.size() != b[m].parts.size()) {
      return alike;
    }
  }
  return alike;
}

}  // namespace

SharedBeginning shared_beginning(const std::vector<const Conversation*>& conversations) {
  if (conversations.size() < 2) {
    return {};
  }
  const Conversation& first = *conversations.front();
  const std::size_t pictures = common(first, first).pictures;
  Common least = common(first, first);
  bool with_pictures = true;
  for (const Conversation* other : conversations) {
    const Common alike = common(first, *other);
    least.bytes = std::min(least.bytes, alike.bytes);
    with_pictures =
        with_pictures && alike.pictures == pictures && common(*other, *other).pictures == pictures;
  }
  return {
      static_cast<std::uint32_t>(std::min<std::size_t>(least.bytes / kBytesPerToken, 1U << 30U)),
      with_pictures};
}

std::uint64_t pictures_beginning(const Conversation& conversation) {
  std::string walked;
  std::size_t end = 0;  // of what goes up to the last picture
  for (const Message& message : conversation) {
    walked.append(message.role).push_back('\0');
    for (const Part& part : message.parts) {
      walked.append(std::to_string(static_cast<int>(part.kind))).append(part.text);
      walked.append(std::to_string(part.image)).push_back('\0');
      if (part.kind == Part::Kind::kImage) {
        end = walked.size();
      }
    }
  }
  return std::hash<std::string_view>()(std::string_view(walked).substr(0, end));
}

}  // namespace headroom::run
