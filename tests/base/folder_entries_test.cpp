#include "base/folder_entries.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "support/temporary_folder.h"

namespace headroom {
namespace {

TEST(FolderEntries, AreAllOfThem) {
  const test::TemporaryFolder folder;
  std::ofstream(folder / "a.json") << "{}";
  std::filesystem::create_directory(folder / "b");
  std::error_code error;
  std::set<std::string> names;
  for (const auto& entry : folder_entries(folder.path(), error)) {
    names.insert(entry.path().filename().string());
  }
  EXPECT_FALSE(error);
  EXPECT_EQ(names, (std::set<std::string>{"a.json", "b"}));
}

TEST(FolderEntries, OfWhatIsNoFolderAreNoneWithAnError) {
  std::error_code error;
  EXPECT_TRUE(folder_entries("/no/such/folder", error).empty());
  EXPECT_EQ(error, std::errc::no_such_file_or_directory);
}

}  // namespace
}  // namespace headroom
