#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace headroom::test {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::set<std::string> matches(const std::string& text, const std::regex& pattern) {
  std::set<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match) {
    found.insert((*match)[1]);
  }
  return found;
}

/// Codes are written as whole string literals wherever they are made.
std::set<std::string> codes_in_sources() {
  const std::regex literal("\"(E-[A-Z0-9-]+)\"");
  std::set<std::string> codes;
  for (const char* part : {"src", "apps", "workers/torch/headroom_worker_torch"}) {
    for (const auto& entry :
         fs::recursive_directory_iterator(fs::path(HEADROOM_SOURCE_DIR) / part)) {
      const fs::path kind = entry.path().extension();
      if (kind == ".cpp" || kind == ".h" || kind == ".py") {
        codes.merge(matches(content(entry.path()), literal));
      }
    }
  }
  codes.erase("E-IMG");  // the beginning that all codes of pictures share
  return codes;
}

TEST(ErrorCodes, EachIsDocumentedAndEachDocumentedOneExists) {
  const std::set<std::string> made = codes_in_sources();
  const std::set<std::string> documented =
      matches(content(HEADROOM_SOURCE_DIR "/docs/reference/errors.md"),
              std::regex("\n\\| `(E-[A-Z0-9-]+)`"));
  ASSERT_GT(made.size(), 50U);
  for (const std::string& code : made) {
    EXPECT_TRUE(documented.contains(code)) << code << " is not in docs/reference/errors.md";
  }
  for (const std::string& code : documented) {
    EXPECT_TRUE(made.contains(code)) << code << " is documented, but nothing makes it";
  }
}

}  // namespace
}  // namespace headroom::test
