#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "base/base64.h"
#include "base/files.h"
#include "base/json.h"
#include "reading.h"

namespace headroom::datasets {
namespace {

using namespace test;

const std::filesystem::path kRed = kCases / "26-image-word-in-question/input/red.png";

std::string row_with_image(const Json& image) {
  return Json{{"id", "r"}, {"question", "q"}, {"image", image}}.dump();
}

Item item_with_image(const Json& image) { return read_text(row_with_image(image)).at(0); }

TEST(Pictures, TakesBase64InAllItsDresses) {
  const std::string png = read_file(kRed);
  const std::string plain = encode_base64(png);
  std::string lines;
  for (std::size_t at = 0; at < plain.size(); at += 76) {
    lines += plain.substr(at, 76) + "\r\n";
  }
  std::string url = plain;
  std::replace(url.begin(), url.end(), '+', '-');
  std::replace(url.begin(), url.end(), '/', '_');
  std::string unpadded = plain.substr(0, plain.find_last_not_of('=') + 1);
  const std::vector<Json> dresses = {plain,
                                     lines,
                                     "data:image/png;base64," + plain,
                                     unpadded,
                                     url,
                                     "  " + plain + " ",
                                     Json{{"bytes", plain}, {"path", "ignored.png"}},
                                     Json::array({plain})};
  for (const Json& dress : dresses) {
    const Item item = item_with_image(dress);
    EXPECT_EQ(item.defect, "");
    ASSERT_EQ(item.pictures.size(), 1U) << dress.dump().substr(0, 60);
    EXPECT_TRUE(item.pictures[0].bytes == png) << dress.dump().substr(0, 60);
    EXPECT_EQ(item.pictures[0].name, "r");
  }
}

/// The picture column of the reported table, with its index.
std::vector<std::pair<std::string, std::string>> dressed_cells() {
  const std::string table = read_file(kCases / "08-base64-dressed/input/dressed.tsv");
  const Json expected =
      parse_json(read_file(kCases / "08-base64-dressed/expected.json"), "expected");
  std::vector<std::pair<std::string, std::string>> cells;
  for (const Json& item : expected["item"]) {
    const std::string id = item["id"];
    const std::size_t row = table.find("\n" + id + "\t");
    std::size_t start = table.find('\t', row) + 1;
    std::size_t end = table.find('\t', start);
    if (table[start] == '"') {
      ++start;
      --end;
    }
    cells.emplace_back(id, table.substr(start, end - start));
  }
  return cells;
}

TEST(Pictures, TakesTheReportedCellsAndBlamesOnlyTheirRows) {
  std::string text;
  for (const auto& [id, cell] : dressed_cells()) {
    text += Json{{"id", id}, {"question", "q"}, {"image", cell}}.dump() + "\n";
  }
  const auto items = read_text(text);
  ASSERT_EQ(items.size(), 9U);
  for (std::size_t i = 1; i < 6; ++i) {
    ASSERT_EQ(items[i].pictures.size(), 1U) << i << items[i].defect;
    EXPECT_TRUE(items[i].pictures[0].bytes == items[0].pictures.at(0).bytes) << i;
  }
  for (const std::size_t bad : {6UL, 8UL}) {
    EXPECT_TRUE(contains(items[bad].defect, "id '" + std::to_string(bad) + "'")) << bad;
    EXPECT_EQ(items[bad].defect_outcome, Outcome::kImage);
  }
  // HTML inside is found when the picture is decoded.
  EXPECT_EQ(items[7].defect, "");
  EXPECT_EQ(items[7].pictures.at(0).bytes.substr(0, 1), "<");
}

TEST(Pictures, BlamesTheRowForWhatIsNoPicture) {
  const std::vector<std::pair<Json, std::string>> rows = {
      {"", "empty"},
      {"   ", "empty"},
      {true, "truth value"},
      {Json::object(), "without a text"},
      {Json::array({"a.png", nullptr}), "is a null"},
      {Json::array({Json::array({"a.png"})}), "a list within a list"},
      {"https://example.org/a.png", "download"},
      {"data:image/png,abc", "expected data:TYPE;base64"},
      {"data:image/png;base64,", "no bytes"},
      {std::string(65, 'A'), "base64"},
      {std::string(5000, '!'), "base64"},
      {std::string("a\0b.png", 7), "zero byte"},
  };
  for (const auto& [image, expected] : rows) {
    const Item item = item_with_image(image);
    EXPECT_TRUE(contains(item.defect, expected)) << image.dump().substr(0, 60) << item.defect;
    EXPECT_TRUE(contains(item.defect, "line 1, id 'r'")) << item.defect;
    EXPECT_TRUE(item.pictures.empty());
  }
}

TEST(Pictures, StartsRelativeNamesAtTheDataOrWhereItIsTold) {
  const TemporaryFolder folder;
  const auto data = folder.write("sub/data.jsonl", row_with_image("pics/a.png"));
  EXPECT_EQ(read_all(data).at(0).pictures.at(0).path, folder.path() / "sub/pics/a.png");
  OpenOptions options;
  options.pictures = "/elsewhere";
  EXPECT_EQ(read_all(data, options).at(0).pictures.at(0).path, "/elsewhere/pics/a.png");
  EXPECT_EQ(read_all(data).at(0).pictures.at(0).name, "pics/a.png");
}

TEST(Pictures, TakesAbsoluteNamesFileAddressesAndLists) {
  EXPECT_EQ(item_with_image("/abs/a b.png").pictures.at(0).path, "/abs/a b.png");
  EXPECT_EQ(item_with_image("file:///abs/a%20b.png").pictures.at(0).path, "/abs/a b.png");
  EXPECT_EQ(item_with_image(Json{{"path", "/x.png"}, {"bytes", nullptr}}).pictures.at(0).path,
            "/x.png");
  const Item two = read_text(R"({"id": 1, "question": "q", "images": ["a.png", "b.png"]})").at(0);
  ASSERT_EQ(two.pictures.size(), 2U);
  EXPECT_EQ(spelled(two), "[0][1]q");
}

TEST(Pictures, TakesALongNameThatExistsForAName) {
  const TemporaryFolder folder;
  const std::string name(64, 'a');
  folder.write(name, "x");
  const auto data = folder.write("data.jsonl", row_with_image(name));
  EXPECT_EQ(read_all(data).at(0).pictures.at(0).path, folder.path() / name);
}

TEST(Pictures, AsksWithoutAPictureWhereThereIsNone) {
  EXPECT_EQ(spelled(read_text(R"({"id": 1, "question": "q", "image": null})").at(0)), "q");
}

TEST(Pictures, FindsNamesInTheOtherUnicodeForm) {
  const Dataset names =
      open_dataset((kCases / "45-unicode-file-names/input/names.jsonl").string(), OpenOptions{});
  const auto items = read_all(names);
  ASSERT_EQ(items.size(), 8U);
  for (const Item& item : items) {
    EXPECT_EQ(std::filesystem::exists(item.pictures.at(0).path), item.id != "missing") << item.id;
  }
  EXPECT_EQ(items[7].pictures.at(0).path.filename(), "caf\u00e8.png");
  bool said = false;
  for (const std::string& notice : survey(names).notices) {
    said = said || contains(notice, "other Unicode form");
  }
  EXPECT_TRUE(said);
}

TEST(Pictures, FindsDecomposedFoldersToo) {
  const TemporaryFolder folder;
  folder.write("e\u0301/u\u0308.png", "x");
  const auto data = folder.write("data.jsonl", row_with_image("\u00e9/\u00fc.png"));
  EXPECT_TRUE(std::filesystem::exists(read_all(data).at(0).pictures.at(0).path));
}

}  // namespace
}  // namespace headroom::datasets
