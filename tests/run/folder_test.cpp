#include "run/folder.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/errors.h"
#include "run_world.h"

namespace headroom::run {
namespace {

using test::RunWorld;
using test::spec_of;

TEST(RunFolder, IsNamedByTimeDataModelAndId) {
  RunWorld world;
  Specification spec = spec_of();
  spec.data.label = "my data/ü";
  spec.models.front().name = "org/name";
  spec.models.push_back(spec.models.front());
  const RunFolder folder = create_run_folder(world.folder / "out", spec, world.clock);
  EXPECT_EQ(folder.path.filename().string(), "20260102T030405Z_my-data---_org-name+1_" + folder.id);
  EXPECT_EQ(folder.id.size(), 6U);
}

TEST(RunFolder, IsNeverGivenTwice) {
  RunWorld world;
  const RunFolder a = create_run_folder(world.folder.path(), spec_of(), world.clock);
  std::ofstream(a.path / "kept") << "x";
  const RunFolder b = create_run_folder(world.folder.path(), spec_of(), world.clock);
  EXPECT_NE(a.path, b.path);
  EXPECT_TRUE(std::filesystem::exists(a.path / "kept"));
}

TEST(RunFolder, OnAFileIsAResourceErrorNamingIt) {
  RunWorld world;
  std::ofstream(world.folder / "file") << "x";
  try {
    create_run_folder(world.folder / "file", spec_of(), world.clock);
    FAIL() << "made";
  } catch (const ResourceError& error) {
    EXPECT_NE(std::string(error.what()).find((world.folder / "file").string()), std::string::npos);
  }
}

TEST(RunFolder, IsFoundByIdItsBeginningNamePathAndLast) {
  RunWorld world;
  const auto make = [&](const std::string& name, const std::string& id) {
    std::filesystem::create_directory(world.folder / name);
    Journal::create(world.folder / name, id, spec_of(), world.clock);
  };
  make("20260101T000000Z_d_m_abc111", "abc111");
  make("20260102T000000Z_d_m_abd222", "abd222");
  const auto find = [&](const std::string& word) {
    return find_run(word, world.folder.path()).filename().string();
  };
  EXPECT_EQ(find("abc111"), "20260101T000000Z_d_m_abc111");
  EXPECT_EQ(find("abd"), "20260102T000000Z_d_m_abd222");
  EXPECT_EQ(find("20260102"), "20260102T000000Z_d_m_abd222");
  EXPECT_THROW(find("2026010"), UsageError) << "two begin so";
  EXPECT_EQ(find("last"), "20260102T000000Z_d_m_abd222");
  EXPECT_EQ(find("20260101T000000Z_d_m_abc111"), "20260101T000000Z_d_m_abc111");
  EXPECT_EQ(find((world.folder / "20260101T000000Z_d_m_abc111" / "run.db").string()),
            "20260101T000000Z_d_m_abc111");
  EXPECT_THROW(find("ab"), UsageError);
  EXPECT_THROW(find("zzz999"), UsageError);
  EXPECT_EQ(list_runs(world.folder.path()).front().filename(), "20260102T000000Z_d_m_abd222");
}

}  // namespace
}  // namespace headroom::run
