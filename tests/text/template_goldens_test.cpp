// Templates against Jinja2 as Transformers sets it up (tests/data/text/ORIGIN.md).

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "base/errors.h"
#include "base/files.h"
#include "local_time.h"
#include "text/chat_template.h"

namespace headroom::text {
namespace {

const std::string kData = HEADROOM_TEST_DATA "/text/";

std::vector<OrderedJson> rows(const std::string& name) {
  std::ifstream file(kData + name);
  std::vector<OrderedJson> table;
  for (std::string line; std::getline(file, line);) {
    table.push_back(OrderedJson::parse(line));
  }
  return table;
}

/// What became of a template: its text, the words it raised, or an error.
OrderedJson outcome(const std::string& source,
                    const OrderedJson& messages,
                    const TemplateVariables& variables) {
  const WallTime now = local_time(2025, 11, 25, 3, 46, 33) + std::chrono::microseconds(123456);
  try {
    const auto made = ChatTemplate::from_source(source, "golden", now);
    return {{"text", made.render_messages(messages, variables)}};
  } catch (const UsageError&) {
    return {{"error", true}};
  } catch (const InputError& error) {
    if (error.code() == "E-TEMPLATE-RENDER") {
      return {{"error", true}};
    }
    const std::string head = "golden: the chat template refuses this conversation: ";
    EXPECT_TRUE(std::string(error.what()).starts_with(head)) << error.what();
    return {{"raised", std::string(error.what()).substr(head.size())}};
  }
}

OrderedJson expected(OrderedJson row) {
  OrderedJson result = OrderedJson::object();
  for (const char* key : {"text", "raised", "error"}) {
    if (row.contains(key)) {
      result[key] = row[key];
    }
  }
  return result;
}

TEST(TemplateGoldens, ExpressionsAndStatementsRenderAsInJinja2) {
  TemplateVariables variables;
  variables.extra = OrderedJson::parse(read_file(kData + "template_variables.json"));
  const auto messages = OrderedJson::parse(R"([{"role": "user", "content": "x"}])");
  const auto table = rows("template_goldens.jsonl");
  ASSERT_GT(table.size(), 1500U);
  for (const auto& row : table) {
    const auto source = row["source"].get<std::string>();
    EXPECT_EQ(outcome(source, messages, variables), expected(row)) << source;
  }
}

TEST(TemplateGoldens, PublishedTemplatesRenderAsInTransformers) {
  const auto inputs = OrderedJson::parse(read_file(kData + "conversations.json"));
  const auto table = rows("published_goldens.jsonl");
  ASSERT_GT(table.size(), 400U);
  for (const auto& row : table) {
    const auto name = row["template"].get<std::string>();
    TemplateVariables variables;
    variables.extra = inputs["variables"][row["variables"].get<std::string>()];
    const auto& messages = inputs["conversations"][row["conversation"].get<std::string>()];
    EXPECT_EQ(
        outcome(read_file(std::filesystem::path(kData) / "templates" / name), messages, variables),
        expected(row))
        << row.dump();
  }
}

TEST(TemplateGoldens, DatesAreWrittenAsByPython) {
  const auto table = rows("strftime_goldens.jsonl");
  ASSERT_GT(table.size(), 50U);
  for (const auto& row : table) {
    const auto date = row["date"].get<std::vector<int>>();
    const auto now = local_time(date[0], date[1], date[2], date[3], date[4], date[5]);
    TemplateVariables variables;
    variables.extra["f"] = row["format"];
    const auto made = ChatTemplate::from_source("{{ strftime_now(f) }}", "golden", now);
    EXPECT_EQ(made.render({{"user", {Part::of_text("x")}}}, variables),
              row["text"].get<std::string>())
        << row["date"];
  }
}

}  // namespace
}  // namespace headroom::text
