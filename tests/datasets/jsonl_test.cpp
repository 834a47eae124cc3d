#include <gtest/gtest.h>

#include "base/errors.h"
#include "base/files.h"
#include "base/json.h"
#include "reading.h"

namespace headroom::datasets {
namespace {

using namespace test;

std::vector<std::string> ids(const std::vector<Item>& items) {
  std::vector<std::string> result;
  for (const Item& item : items) {
    result.push_back(item.id);
  }
  return result;
}

std::vector<std::string> notices(const Dataset& dataset) { return survey(dataset).notices; }

TEST(Jsonl, TakesMarkCrlfBlankLinesAndAMissingEnd) {
  const Json expected =
      parse_json(read_file(kCases / "36-jsonl-bom-crlf-blank/expected.json"), "expected")["files"];
  for (const char* name : {"bom.jsonl", "bom.json"}) {
    const auto items = read_all(kCases / "36-jsonl-bom-crlf-blank/input" / name);
    ASSERT_EQ(items.size(), 3U) << name;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Json& row = expected[name]["item"][i];
      EXPECT_EQ(items[i].id, row["id"]);
      EXPECT_EQ(items[i].question, row["question"]);
      EXPECT_EQ(items[i].truth.references, std::vector<std::string>{row["answer"]});
    }
  }
}

TEST(Jsonl, NamesThePhysicalLineOfBrokenJson) {
  const std::string message =
      refusal((kCases / "36-jsonl-bom-crlf-blank/input/broken.jsonl").string());
  EXPECT_TRUE(contains(message, "broken.jsonl: line 5: not valid JSON at byte")) << message;
}

TEST(Jsonl, RefusesUtf16ByName) {
  const std::string message =
      refusal((kCases / "36-jsonl-bom-crlf-blank/input/utf16.jsonl").string());
  EXPECT_TRUE(contains(message, "utf16.jsonl")) << message;
  EXPECT_TRUE(contains(message, "UTF-16")) << message;
}

TEST(Jsonl, RefusesUtf16WithoutAMark) {
  using namespace std::string_view_literals;
  EXPECT_TRUE(contains(refusal_of_text("{\0\"\0i\0d\0"sv), "UTF-16"));
  EXPECT_TRUE(contains(refusal_of_text("\0{\0\"\0i\0d"sv), "UTF-16"));
  EXPECT_TRUE(contains(refusal_of_text("{\0\0\0\"\0\0\0"sv), "UTF-32"));
}

TEST(Jsonl, RefusesLatin1WithTheCommandThatConvertsIt) {
  EXPECT_TRUE(contains(refusal_of_text("{\"question\": \"a\"}\n{\"question\": \"Stra\xdf"
                                       "e?\"}\n"),
                       "line 2: near byte 20 the text is not UTF-8; convert it, from Latin-1 with: "
                       "iconv -f LATIN1"));
}

TEST(Jsonl, EndsLinesAtLfOnly) {
  const auto items = read_all(kCases / "39-line-separator-in-json/input/separators.jsonl");
  ASSERT_EQ(items.size(), 3U);
  EXPECT_TRUE(contains(items[0].question, "\u2028"));
  EXPECT_TRUE(contains(items[1].question, "\u0085"));
  EXPECT_TRUE(contains(items[1].question, "\u2029"));
  EXPECT_TRUE(contains(items[1].truth.references.at(0), "\u2028"));
  EXPECT_EQ(items[2].line, 3U);
}

TEST(Jsonl, RefusesRepeatedIdsNamingBothLines) {
  const std::string message =
      refusal((kCases / "41-duplicate-ids/input/duplicates.jsonl").string());
  EXPECT_TRUE(contains(message, "id 'q1' stands at line 1 and again at line 3")) << message;
}

TEST(Jsonl, KeepsIdsDigitByDigit) {
  const Json expected =
      parse_json(read_file(kCases / "43-ids-are-text/expected.json"), "expected")["files"];
  const auto items = read_all(kCases / "43-ids-are-text/input/ids.jsonl");
  EXPECT_EQ(ids(items), expected["ids.jsonl"]["ids"].get<std::vector<std::string>>());
}

TEST(Jsonl, KeepsNumbersAsTheyAreWritten) {
  const auto items =
      read_text(R"({"id": 1.0, "question": "q", "answer": 1.50})"
                "\n"
                R"({"id": 1e5, "question": "q", "answer": -0})"
                "\n"
                R"({"id": 123456789012345678901234567890, "question": "q", "answer": true})");
  EXPECT_EQ(ids(items), (std::vector<std::string>{"1.0", "1e5", "123456789012345678901234567890"}));
  EXPECT_EQ(items[0].truth.references.at(0), "1.50");
  EXPECT_EQ(items[1].truth.references.at(0), "-0");
  EXPECT_EQ(items[2].truth.references.at(0), "true");
}

TEST(Jsonl, AsksItemsWithoutReferencesAndNamesThem) {
  const Dataset pope =
      open_dataset((kCases / "44-no-references/input/pope.jsonl").string(), OpenOptions{});
  const auto items = read_all(pope);
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[0].truth.references, std::vector<std::string>{"yes"});
  EXPECT_TRUE(items[1].truth.references.empty());
  EXPECT_EQ(items[1].question, "Is there a dog?");
  const auto said = notices(pope);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_TRUE(contains(said[0], "1 of 3 items has no reference")) << said[0];
  EXPECT_TRUE(contains(said[0], "label")) << said[0];
  EXPECT_TRUE(contains(said[0], "2 (line 2)")) << said[0];
}

TEST(Jsonl, ReadsQuestionsThatHaveNoAnswersAtAll) {
  const Dataset llava = open_dataset(
      (kCases / "44-no-references/input/llava_questions.jsonl").string(), OpenOptions{});
  const Survey found = survey(llava);
  EXPECT_EQ(found.items, 2U);
  EXPECT_EQ(found.without_references, 2U);
  EXPECT_EQ(read_all(llava)[0].truth.question_type, "conv");
}

TEST(Jsonl, NamesTheMissingFieldAndThoseThereAre) {
  const std::string message =
      refusal_of_text("{\"id\": 1, \"ask\": \"What?\"}\n{\"id\": 2, \"ask\": \"Why?\"}\n");
  EXPECT_TRUE(contains(message, "question or text")) << message;
  EXPECT_TRUE(contains(message, "fields found: ask, id")) << message;
  EXPECT_TRUE(contains(message, "--map question=FIELD")) << message;
}

TEST(Jsonl, FollowsTheUsersFieldNames) {
  OpenOptions options;
  options.map = parse_field_map({"question=Q,answer=A", "id=key"});
  const auto items = read_text(
      R"({"key": "k1", "Q": "What?", "A": "red", "question": "not this", "id": 7})", options);
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0].id, "k1");
  EXPECT_EQ(items[0].question, "What?");
  EXPECT_EQ(items[0].truth.references, std::vector<std::string>{"red"});
}

TEST(Jsonl, RefusesAMappedFieldThatNoLineHas) {
  OpenOptions options;
  options.map = parse_field_map({"answer=gold"});
  const std::string message =
      refusal_of_text(R"({"id": 1, "question": "What?", "answer": "red"})", options);
  EXPECT_TRUE(contains(message, "no line has the field gold")) << message;
  EXPECT_TRUE(contains(message, "answer, id, question")) << message;
}

TEST(FieldMap, RefusesWhatIsNoMapping) {
  EXPECT_THROW(parse_field_map({"question"}), UsageError);
  EXPECT_THROW(parse_field_map({"question="}), UsageError);
  try {
    parse_field_map({"qestion=Q"});
    FAIL() << "an unknown field was accepted";
  } catch (const UsageError& error) {
    EXPECT_TRUE(contains(error.what(), "did you mean 'question'")) << error.what();
  }
}

TEST(Jsonl, TakesAllShapesOfReferences) {
  const auto references = [](const std::string& field) {
    return read_text("{\"id\": 1, \"question\": \"q\", " + field + "}").at(0).truth.references;
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(references(R"("answer": "a")"), Texts{"a"});
  EXPECT_EQ(references(R"("answer": ["a", "b"])"), (Texts{"a", "b"}));
  EXPECT_EQ(references(R"("answers": [{"answer": "a", "answer_id": 1}, {"answer": "b"}])"),
            (Texts{"a", "b"}));
  EXPECT_EQ(references(R"("label": "yes")"), Texts{"yes"});
  EXPECT_EQ(references(R"("gt_answer": 1)"), Texts{"1"});
  EXPECT_EQ(references(R"("answer": null, "label": "no")"), Texts{"no"});
  EXPECT_EQ(references(R"("answer": "")"), Texts{});
  EXPECT_EQ(references(R"("answer": [])"), Texts{});
  EXPECT_EQ(references(R"("answer": "None")"), Texts{"None"});
}

TEST(Jsonl, TakesTenReferencesForTenAnnotators) {
  const TemporaryFolder folder;
  std::string row = R"({"id": 1, "question": "q", "answers": ["a")";
  for (int i = 0; i < 9; ++i) {
    row += ", \"b\"";
  }
  EXPECT_EQ(open_dataset(folder.write("ten.jsonl", row + "]}").string(), {}).metric,
            "vqa-accuracy");
  EXPECT_EQ(
      open_dataset(folder.write("one.jsonl", R"({"question": "q", "answer": "a"})").string(), {})
          .metric,
      "exact");
}

TEST(Jsonl, AsksForALetterWhereThereAreOptions) {
  const auto items = read_text(
      R"({"id": 1, "question": "Which?", "A": "", "B": "None", "C": "two", "D": 3, "answer": "B"})");
  EXPECT_EQ(spelled(items.at(0)),
            "Which?\nB. None\nC. two\nD. 3\n"
            "Answer with the option's letter from the given choices directly.");
}

TEST(Jsonl, NamesItemsWithoutIdByTheirLine) {
  const auto items = read_text("\n{\"question\": \"a\"}\n{\"question\": \"b\", \"id\": null}\n");
  EXPECT_EQ(ids(items), (std::vector<std::string>{"line-2", "line-3"}));
}

TEST(Jsonl, KeepsARowWithoutQuestionAsADefect) {
  const auto items =
      read_text("{\"id\": 1, \"question\": \"a\"}\n{\"id\": 2, \"image\": \"x.png\"}\n");
  ASSERT_EQ(items.size(), 2U);
  EXPECT_TRUE(contains(items[1].defect, "line 2, id '2': no question")) << items[1].defect;
  EXPECT_EQ(items[1].defect_outcome, Outcome::kSkipped);
}

TEST(Jsonl, KeepsARowWithAnEmptyQuestionAsADefect) {
  for (const char* question : {"", " \\n\\t"}) {
    const auto items = read_text("{\"id\": 1, \"question\": \"" + std::string(question) +
                                 "\"}\n{\"id\": 2, \"question\": \"b\"}\n");
    ASSERT_EQ(items.size(), 2U);
    EXPECT_TRUE(contains(items[0].defect, "line 1, id '1': its question is empty"))
        << items[0].defect;
    EXPECT_EQ(items[0].defect_outcome, Outcome::kSkipped);
    EXPECT_EQ(items[1].defect, "");
  }
}

TEST(Jsonl, SaysHowManyQuestionsAreAskedAsTextAlone) {
  const TemporaryFolder folder;
  const auto said = notices(open_dataset(
      folder
          .write("data.jsonl",
                 "{\"id\": 1, \"question\": \"a\", \"answer\": \"x\"}\n"
                 "{\"id\": 2, \"question\": \"b\", \"answer\": \"x\", \"image\": \"p.png\"}\n"
                 "{\"id\": 3, \"question\": \"c\", \"answer\": \"x\", \"image\": null}\n")
          .string(),
      OpenOptions{}));
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0],
            "2 of 3 questions have no picture: asked as text alone: 1 (line 1), 3 (line 3)");
}

TEST(Jsonl, RefusesFilesWithoutRecords) {
  EXPECT_TRUE(contains(refusal_of_text(""), "no lines in the file"));
  EXPECT_TRUE(contains(refusal_of_text(" \r\n\n\t"), "no lines in the file"));
  EXPECT_TRUE(contains(refusal_of_text("\xef\xbb\xbf"), "no lines in the file"));
}

TEST(Jsonl, RefusesRecordsThatAreNoObjects) {
  EXPECT_TRUE(contains(refusal_of_text("{\"question\": \"a\"}\n[1, 2]\n"), "line 2: a list"));
  EXPECT_TRUE(contains(refusal_of_text("17\n"), "line 1: a single value"));
}

TEST(Jsonl, SaysWhatAFileIsThatIsNoJson) {
  EXPECT_TRUE(contains(refusal_of_text("<!DOCTYPE html><html><body>404"), "an HTML page"));
  EXPECT_TRUE(contains(refusal_of_text("version https://git-lfs.github.com/spec/v1\n"),
                       "a Git LFS pointer"));
}

TEST(Jsonl, OpensAgainForEachPass) {
  const Dataset dataset =
      open_dataset((kCases / "43-ids-are-text/input/ids.jsonl").string(), OpenOptions{});
  EXPECT_EQ(read_all(dataset).size(), 12U);
  EXPECT_EQ(read_all(dataset).size(), 12U);
}

}  // namespace
}  // namespace headroom::datasets
