#include "datasets/picture_set.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "base/files.h"
#include "base/json.h"
#include "reading.h"

namespace headroom::datasets {
namespace {

using namespace test;

const std::string kPng = read_file(kCases / "26-image-word-in-question/input/red.png");

std::vector<std::string> ids(const PictureSet& set) {
  std::vector<std::string> result;
  for (const PictureEntry& entry : set.entries) {
    result.push_back(entry.id);
  }
  return result;
}

std::string code_of(const std::string& word, const std::filesystem::path& pictures = {}) {
  try {
    open_picture_set(word, pictures);
  } catch (const UsageError& error) {
    return error.code();
  }
  return "none";
}

using Ids = std::vector<std::string>;

TEST(PictureSet, TakesAFolderByContentAndLeavesSideFilesOut) {
  const PictureSet set = open_picture_set((kCases / "30-extension-lies/input/folder").string());
  EXPECT_EQ(set.name, "folder");
  EXPECT_EQ(set.label, "folder");
  EXPECT_EQ(ids(set),
            (Ids{"anim.png",
                 "bitmap.Jpg",
                 "empty.png",
                 "error.webp",
                 "IMG_0001.JPG",
                 "page.jpg",
                 "photo.jpg",
                 "pointer.png",
                 "scan.jpeg"}));
  ASSERT_EQ(set.notices.size(), 1U);
  EXPECT_NE(set.notices[0].find("notes.txt"), std::string::npos) << set.notices[0];
}

TEST(PictureSet, TakesAFileThatIsAPictureWhateverItsName) {
  const TemporaryFolder folder;
  folder.write("scan", kPng);
  folder.write("data.bin", "BM, but no bitmap");
  EXPECT_EQ(ids(open_picture_set(folder.path().string())), Ids{"scan"});
}

TEST(PictureSet, OrdersNamesNaturally) {
  const Ids ordered = {"1.png", "2.png", "010.png", "a2.png", "A10.png", "b.png"};
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    for (std::size_t j = 0; j < ordered.size(); ++j) {
      EXPECT_EQ(natural_less(ordered[i], ordered[j]), i < j) << ordered[i] << " " << ordered[j];
    }
  }
}

TEST(PictureSet, OrdersNamesThatAreOneNumberByTheirBytes) {
  EXPECT_TRUE(natural_less("01.png", "1.png"));
  EXPECT_FALSE(natural_less("1.png", "01.png"));
  EXPECT_FALSE(natural_less("1.png", "1.png"));
}

TEST(PictureSet, ComposesIdsSoThatACopiedFolderKeepsThem) {
  const TemporaryFolder folder;
  folder.write("cafe\xCC\x81.png", kPng);
  EXPECT_EQ(ids(open_picture_set(folder.path().string())), Ids{"caf\xC3\xA9.png"});
}

TEST(PictureSet, KeepsTwoNamesApartThatDifferByTheirFormAlone) {
  const TemporaryFolder folder;
  folder.write("caf\xC3\xA9.png", kPng);
  folder.write("cafe\xCC\x81.png", kPng);
  const Ids found = ids(open_picture_set(folder.path().string()));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_NE(found[0], found[1]);
}

TEST(PictureSet, ReadsAListInItsOrderUnderBothUnicodeForms) {
  const TemporaryFolder folder;
  folder.write("cafe\xCC\x81.png", kPng);
  folder.write("b c.png", kPng);
  const auto list = folder.write("list.txt", "caf\xC3\xA9.png\r\n\r\nb c.png\nb c.png\nnone.png");
  const PictureSet set = open_picture_set(list.string());
  EXPECT_EQ(set.name, "list");
  EXPECT_EQ(ids(set), (Ids{"caf\xC3\xA9.png", "b c.png", "none.png"}));
  EXPECT_TRUE(std::filesystem::exists(set.entries[0].picture.path));
  EXPECT_EQ(set.entries[1].line, 3U);
  ASSERT_EQ(set.notices.size(), 2U);
  EXPECT_NE(set.notices[0].find("b c.png (line 4)"), std::string::npos) << set.notices[0];
}

TEST(PictureSet, TakesWhatAPatternMatches) {
  const TemporaryFolder folder;
  for (const char* const name : {"a/10.png", "a/9.png", "b/1.png", "a/.hidden.png", "a/x.txt"}) {
    folder.write(name, name == std::string("a/x.txt") ? "text" : kPng);
  }
  const PictureSet set = open_picture_set((folder.path() / "*/*").string());
  EXPECT_EQ(set.name, "glob");
  EXPECT_EQ(ids(set), (Ids{"a/9.png", "a/10.png", "b/1.png"}));
  EXPECT_EQ(ids(open_picture_set(set.argument)), ids(set));
  EXPECT_EQ(ids(open_picture_set((folder.path() / "a/*.png").string())), (Ids{"9.png", "10.png"}));
}

TEST(PictureSet, TakesOnePicture) {
  const TemporaryFolder folder;
  const auto file = folder.write("red.png", kPng);
  const PictureSet set = open_picture_set(file.string());
  EXPECT_EQ(set.name, "picture");
  EXPECT_EQ(ids(set), Ids{"red.png"});
}

TEST(PictureSet, ReadsCaptionsAndFactsFromJsonLines) {
  const TemporaryFolder folder;
  folder.write("a.png", kPng);
  const auto file = folder.write(
      "set.jsonl",
      R"({"image": "a.png", "caption": "one", "facts": {"items": [{"object": "dog", "attribute": "brown"}, "a cat"], "people": true}}
{"image": "a.png", "captions": ["two", "three"]}
{"id": 007, "image": "a.png", "facts": ["a red ball"]}
)");
  // A number with leading zeros is no JSON.
  EXPECT_EQ(code_of(file.string()), "E-DATA-JSON");
  folder.write(
      "set.jsonl",
      R"({"image": "a.png", "caption": "one", "facts": {"items": [{"object": "dog", "attribute": "brown"}, "a cat"], "people": true}}
{"image": "a.png", "captions": ["two", "three"]}
{"id": "007", "image": "a.png", "facts": ["a red ball"]}
)");
  const PictureSet set = open_picture_set(file.string());
  EXPECT_EQ(ids(set), (Ids{"a.png", "007"}));
  EXPECT_EQ(set.entries[0].captions, (Ids{"one", "two", "three"}));
  EXPECT_EQ(set.entries[0].facts.items,
            (std::vector<scoring::Fact>{{"dog", "brown", ""}, {"a cat", "", ""}}));
  EXPECT_EQ(set.entries[0].facts.people, std::optional(true));
  EXPECT_EQ(set.entries[1].facts.items, (std::vector<scoring::Fact>{{"a red ball", "", ""}}));
}

TEST(PictureSet, ReadsScenes) {
  const PictureSet set = open_picture_set((kData / "demo/scenes.json").string());
  EXPECT_EQ(set.name, "scenes");
  ASSERT_EQ(set.entries.size(), 24U);
  const PictureEntry& first = set.entries.front();
  EXPECT_EQ(first.id, "0");
  EXPECT_EQ(first.picture.path, kData / "demo/scenes/0000.png");
  EXPECT_EQ(first.captions,
            Ids{"The image shows a blue triangle in the top left, a teal triangle in the top right "
                "and a black circle in the bottom left."});
  ASSERT_EQ(first.facts.items.size(), 3U);
  EXPECT_EQ(first.facts.items[2], (scoring::Fact{"circle", "black", "bottom left"}));
  EXPECT_EQ(first.facts.colors, (Ids{"black", "teal", "blue"}));
  EXPECT_EQ(first.facts.people, std::optional(false));
  EXPECT_EQ(first.facts.summary,
            "The image shows three shapes on a light background: a blue triangle, a teal triangle "
            "and a black circle.");
  ASSERT_EQ(first.facts.questions.size(), 6U);
  EXPECT_EQ(
      first.facts.questions[1],
      std::pair(std::string("is the black circle above the blue triangle?"), std::string("no")));
}

TEST(PictureSet, ReadsCocoCaptionsWithPicturesWhereCocoHasThem) {
  const TemporaryFolder folder;
  folder.write("val2017/000000000139.jpg", kPng);
  const auto file =
      folder.write("annotations/captions_val2017.json",
                   R"({"info": {}, "images": [{"file_name": "000000000139.jpg", "id": 139}],
          "annotations": [{"image_id": 139, "id": 1, "caption": "A room."},
                          {"image_id": 5, "id": 2, "caption": "Nobody's."},
                          {"image_id": 139, "id": 3, "caption": "A chair."}]})");
  const PictureSet set = open_picture_set(file.string());
  EXPECT_EQ(set.name, "coco");
  EXPECT_EQ(ids(set), Ids{"139"});
  EXPECT_EQ(set.entries[0].captions, (Ids{"A room.", "A chair."}));
  EXPECT_TRUE(std::filesystem::exists(set.entries[0].picture.path));
  ASSERT_EQ(set.notices.size(), 1U);
  EXPECT_NE(set.notices[0].find("5"), std::string::npos);
  const PictureSet elsewhere = open_picture_set(file.string(), folder.path() / "val2017");
  EXPECT_TRUE(std::filesystem::exists(elsewhere.entries[0].picture.path));
}

TEST(PictureSet, RefusesTrainAndValOfCocoTogetherNamingBoth) {
  const TemporaryFolder folder;
  const std::string one = R"({"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": []})";
  const std::string train = folder.write("coco/captions_train2017.json", one).string();
  const std::string val = folder.write("coco/captions_val2017.json", one).string();
  for (const std::string& word : {(folder.path() / "coco").string(),
                                  (folder.path() / "coco/captions_*.json").string(),
                                  train + "," + val}) {
    try {
      open_picture_set(word);
      ADD_FAILURE() << "accepted " << word;
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-DATA-FILE") << word;
      const std::string text = error.what();
      EXPECT_NE(text.find("give one at a time, by its name: --data " + train), std::string::npos)
          << text;
      EXPECT_NE(text.find(val), std::string::npos) << text;
    }
  }
}

TEST(PictureSet, JoinsAFolderWithTheFileThatSaysWhatIsInIt) {
  const TemporaryFolder folder;
  folder.write("a.png", kPng);
  folder.write("b.png", kPng);
  folder.write("captions.jsonl",
               R"({"image": "b.png", "caption": "red"}
{"image": "sub/c.png", "caption": "elsewhere"})");
  const PictureSet set = open_picture_set(folder.path().string());
  EXPECT_EQ(ids(set), (Ids{"a.png", "b.png"}));
  EXPECT_TRUE(set.entries[0].captions.empty());
  EXPECT_EQ(set.entries[1].captions, Ids{"red"});
  ASSERT_EQ(set.notices.size(), 2U);
  EXPECT_EQ(set.notices[0], "captions.jsonl says what is in 1 of 2 pictures");
}

TEST(PictureSet, APictureOfAFolderKeepsTheCaptionsOfAllItsRows) {
  const TemporaryFolder folder;
  folder.write("a.png", kPng);
  folder.write("captions.jsonl",
               R"({"id": 1, "image": "a.png", "caption": "red", "colors": ["red"]}
{"id": 2, "image": "a.png", "caption": "a red thing"})");
  const PictureSet set = open_picture_set(folder.path().string());
  ASSERT_EQ(set.entries.size(), 1U);
  EXPECT_EQ(set.entries[0].captions, (Ids{"red", "a red thing"}));
  EXPECT_EQ(set.entries[0].facts.colors, Ids{"red"});
  EXPECT_EQ(set.notices.at(0), "captions.jsonl says what is in 1 of 1 picture");
}

TEST(PictureSet, AQuestionWithoutAnAnswerIsNoFact) {
  const TemporaryFolder folder;
  folder.write("a.png", kPng);
  folder.write(
      "facts.jsonl",
      R"({"image": "a.png", "questions": [{"question": "Who?"}, {"question": "How many?", "answer": "2"}]})");
  const PictureSet set = open_picture_set(folder.path().string());
  ASSERT_EQ(set.entries.at(0).facts.questions.size(), 1U);
  EXPECT_EQ(set.entries[0].facts.questions[0].second, "2");
}

TEST(PictureSet, NamesEachKeyThatIsNotReadWithItsCountAndTheNearest) {
  const TemporaryFolder folder;
  folder.write("a.png", kPng);
  const auto file = folder.write("captions.jsonl",
                                 R"({"image": "a.png", "captoin": "red", "width": 3}
{"image": "b.png", "captoin": "blue", "facts": {"item": []}}
{"image": "c.png", "facts": [{"shape": "circle", "colour": "red", "position": "top"}]})");
  const PictureSet set = open_picture_set(file.string());
  ASSERT_EQ(set.notices.size(), 1U);
  EXPECT_EQ(set.notices[0],
            file.string() +
                ": keys that are not read: 'captoin' 2 times (did you mean 'caption'?), 'colour' "
                "once (did you mean 'color'?), 'item' once (did you mean 'items'?), 'width' once");
}

TEST(PictureSet, NamesALinkThatLeadsNowhere) {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("/no/such/folder", folder.path() / "link");
  try {
    open_picture_set((folder.path() / "link").string());
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("it is a link to /no/such/folder, which leads nowhere"), std::string::npos)
        << text;
    EXPECT_EQ(text.find("did you mean"), std::string::npos) << text;
  }
}

TEST(PictureSet, SaysNothingOfTheKeysThatCocoHas) {
  const TemporaryFolder folder;
  const auto file = folder.write(
      "captions_val.json",
      R"({"images": [{"id": 1, "file_name": "a.png", "width": 2, "height": 2, "license": 1}],
 "annotations": [{"id": 7, "image_id": 1, "capton": "red"}]})");
  const PictureSet set = open_picture_set(file.string());
  ASSERT_EQ(set.notices.size(), 1U);
  EXPECT_EQ(set.notices[0],
            file.string() + ": keys that are not read: 'capton' once (did you mean 'caption'?)");
}

TEST(PictureSet, TakesAFolderOfFactsAboutPicturesBelowIt) {
  const PictureSet set = open_picture_set((kData / "demo").string());
  EXPECT_EQ(set.name, "scenes");
  EXPECT_EQ(set.label, "demo");
  EXPECT_EQ(set.entries.size(), 24U);
}

TEST(PictureSet, KeepsARowWhosePictureCannotBeOpened) {
  const TemporaryFolder folder;
  const auto file =
      folder.write("set.jsonl", R"({"id": "x", "image": "https://example.org/a.png"})");
  const PictureSet set = open_picture_set(file.string());
  ASSERT_EQ(set.entries.size(), 1U);
  EXPECT_NE(set.entries[0].defect.find("line 1, id 'x'"), std::string::npos)
      << set.entries[0].defect;
}

TEST(PictureSet, RefusesWhatHasNoPictures) {
  const TemporaryFolder folder;
  folder.write("notes.txt", "\n \n");
  folder.write("sub/a.png", kPng);
  folder.write("same.jsonl", "{\"id\": 1, \"image\": \"a\"}\n{\"id\": 1, \"image\": \"b\"}\n");
  folder.write("bare.jsonl", "{\"caption\": \"a dog\"}\n");
  folder.write("bytes.dat", std::string("one.png\ntwo\0.png", 16));
  folder.write("two/captions.jsonl", "{\"image\": \"a\"}");
  folder.write("two/facts.json", "[]");
  folder.write("coco.json", R"({"images": [{"id": 1}], "annotations": []})");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "E-DATA-EMPTY"},
      {"notes.txt", "E-DATA-EMPTY"},
      {"same.jsonl", "E-DUPLICATE-ID"},
      {"bare.jsonl", "E-DATA-FIELD"},
      {"bytes.dat", "E-DATA-FORMAT"},
      {"two", "E-DATA-FILE"},
      {"coco.json", "E-DATA-FIELD"},
      {"*.png", "E-DATA-EMPTY"},
      {"none", "E-DATA-WORD"},
  };
  for (const auto& [name, code] : cases) {
    EXPECT_EQ(code_of((folder.path() / name).string()), code) << name;
  }
  EXPECT_EQ(code_of((folder.path() / "sub/a.png").string(), folder.path()), "E-DATA-IMAGES");
  EXPECT_EQ(code_of((folder.path() / "sub").string(), folder.path()), "E-DATA-IMAGES");
}

}  // namespace
}  // namespace headroom::datasets
