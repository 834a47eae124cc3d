// Troubles that were reported about chat templates (tests/data/cases).

#include <gtest/gtest.h>

#include <clocale>
#include <cstdlib>
#include <regex>
#include <string>
#include <vector>

#include "base/errors.h"
#include "base/files.h"
#include "local_time.h"
#include "model_folder.h"
#include "support/fake_clock.h"
#include "text/chat_template.h"

namespace headroom::text {
namespace {

const std::filesystem::path kCases = HEADROOM_TEST_DATA "/cases";
const WallTime kNow = testing::FakeClock().wall();

OrderedJson read_json(const std::filesystem::path& path) {
  return OrderedJson::parse(read_file(path));
}

void expect_words(const std::string& message, const OrderedJson& words) {
  for (const auto& word : words) {
    EXPECT_NE(message.find(word.get<std::string>()), std::string::npos)
        << word << " in: " << message;
  }
}

TEST(NamedTemplates, DefaultIsTakenWhereverItStandsAndNamesAreLookedUp) {
  const auto folder = kCases / "04-named-templates";
  const auto truth = read_json(folder / "expected.json");
  const auto messages = read_json(folder / "input/messages.json");
  ModelFolder model("named");
  model.copy(folder / "input/tokenizer_config.default_second.json", "tokenizer_config.json");
  const auto render = [&](const std::optional<std::string>& name) {
    return ChatTemplate::load(model.path(), kNow, name).render_messages(messages, {});
  };
  const auto& renders = truth["renders"];
  EXPECT_EQ(render(std::nullopt), renders["default_second"]["text"].get<std::string>());
  EXPECT_EQ(render("rag"), renders["default_second, name rag"]["text"].get<std::string>());
  EXPECT_EQ(render("tool_use"),
            renders["default_second, name tool_use"]["text"].get<std::string>());
  expect_words(message_of<UsageError>([&] { render("chat"); }),
               truth["errors"]["default_second, name chat"]["message_contains"]);
}

TEST(NamedTemplates, WithoutDefaultAreRefusedWithTheirNames) {
  const auto folder = kCases / "04-named-templates";
  ModelFolder model("no-default");
  model.copy(folder / "input/tokenizer_config.no_default.json", "tokenizer_config.json");
  expect_words(message_of<UsageError>([&] { ChatTemplate::load(model.path(), kNow); }),
               read_json(folder / "expected.json")["errors"]["no_default"]["message_contains"]);
}

TEST(NamedTemplates, LieAsFilesBesideTheJinjaFileToo) {
  ModelFolder model("files");
  model.write("chat_template.jinja", "MAIN").write("chat_templates/rag.jinja", "RAG");
  const Conversation conversation = {{"user", {Part::of_text("x")}}};
  EXPECT_EQ(ChatTemplate::load(model.path(), kNow).render(conversation, {}), "MAIN");
  EXPECT_EQ(ChatTemplate::load(model.path(), kNow, "rag").render(conversation, {}), "RAG");
}

TEST(StrftimeNow, HasPythonsLettersInEveryLocaleAndZone) {
  const auto folder = kCases / "10-strftime-now";
  const std::regex pattern([&] {
    // ECMAScript's $ and ^ match lines; the pattern is matched as a whole.
    auto text = read_json(folder / "expected.json")["pattern"].get<std::string>();
    return text.substr(1, text.size() - 2);
  }());
  const auto messages = read_json(folder / "input/messages.json");
  const auto source = read_file(folder / "input/chat_template.jinja");
  for (const char* locale : {"C", "C.UTF-8", "de_DE.UTF-8"}) {
    std::setlocale(LC_ALL, locale);  // stays as it was where the locale is not installed
    const auto text = ChatTemplate::from_source(source, "t", kNow).render_messages(messages, {});
    EXPECT_TRUE(std::regex_match(text, pattern)) << text;
  }
  std::setlocale(LC_ALL, "C");
}

TEST(StrftimeNow, StaysFixedForTheRun) {
  const auto made = ChatTemplate::from_source(
      "{{ strftime_now('%H:%M:%S') }}", "t", local_time(2026, 3, 4, 5, 6, 7));
  const Conversation conversation = {{"user", {Part::of_text("x")}}};
  EXPECT_EQ(made.render(conversation, {}), "05:06:07");
  EXPECT_EQ(made.render(conversation, {}), "05:06:07");
}

TEST(RaiseException, GivesTheTemplatesOwnWords) {
  const auto folder = kCases / "16-template-raises";
  const auto conversations = read_json(folder / "input/conversations.json");
  const auto made =
      ChatTemplate::from_source(read_file(folder / "input/chat_template.jinja"), "t.jinja", kNow);
  const auto renders = read_json(folder / "expected.json")["renders"];
  ASSERT_GE(renders.size(), 3U);
  for (const auto& [name, truth] : renders.items()) {
    SCOPED_TRACE(name);
    if (truth.contains("text")) {
      EXPECT_EQ(made.render_messages(conversations[name], {}), truth["text"].get<std::string>());
      continue;
    }
    try {
      made.render_messages(conversations[name], {});
      ADD_FAILURE() << "not raised";
    } catch (const InputError& error) {
      EXPECT_EQ(error.code(), "E-TEMPLATE-RAISED");
      expect_words(error.what(), truth["message_contains"]);
    }
  }
}

TEST(ToJson, IsByteEqualToTransformers) {
  const auto folder = kCases / "22-tojson-as-transformers";
  const auto messages = read_json(folder / "input/messages.json");
  TemplateVariables variables;
  variables.extra["data"] = read_json(folder / "input/data.json");
  const auto renders = read_json(folder / "expected.json")["renders"];
  ASSERT_GE(renders.size(), 3U);
  for (const auto& [name, truth] : renders.items()) {
    const auto source = read_file(folder / "input" / (name + ".jinja"));
    const auto made = ChatTemplate::from_source(source, name, kNow);
    EXPECT_EQ(made.render_messages(messages, variables), truth["text"].get<std::string>()) << name;
  }
}

TEST(WhiteSpace, IsTrimmedAsByTransformers) {
  const auto folder = kCases / "28-trim-and-lstrip";
  const auto conversations = read_json(folder / "input/conversations.json");
  const auto truth = read_json(folder / "expected.json");
  for (const auto& [file, key] : {std::pair("chat_template.jinja", "renders"),
                                  std::pair("chat_template_crlf.jinja", "renders_crlf")}) {
    const auto made = ChatTemplate::from_source(read_file(folder / "input" / file), file, kNow);
    for (const auto& [name, render] : truth[key].items()) {
      EXPECT_EQ(made.render_messages(conversations[name], {}), render["text"].get<std::string>())
          << file << name;
    }
  }
}

class TemplatePrecedence : public ::testing::Test {
 protected:
  ModelFolder& with(const char* file) { return model_.copy(folder_ / "input" / file, file); }

  ChatTemplate load() const { return ChatTemplate::load(model_.path(), kNow); }

  std::string render() const {
    return load().render({{"user", {Part::of_image(0), Part::of_text("Color?")}}}, {});
  }

  std::filesystem::path folder_ = kCases / "33-template-file-precedence";
  OrderedJson truth_ = read_json(folder_ / "expected.json");
  ModelFolder model_{"precedence"};
};

TEST_F(TemplatePrecedence, JinjaFileBeforeJsonBeforeSettings) {
  with("tokenizer_config.json");
  EXPECT_EQ(render(), truth_["renders"]["settings only"]["text"].get<std::string>());
  with("chat_template.json");
  EXPECT_EQ(render(), truth_["renders"]["json and settings"]["text"].get<std::string>());
  with("chat_template.jinja");
  EXPECT_EQ(render(), truth_["renders"]["all three"]["text"].get<std::string>());
}

TEST_F(TemplatePrecedence, TheChosenFileAndTheDifferingOnesAreTold) {
  with("tokenizer_config.json");
  EXPECT_TRUE(load().differing_sources().empty());
  with("chat_template.json");
  with("chat_template.jinja");
  EXPECT_EQ(load().origin(), (model_.path() / "chat_template.jinja").string());
  EXPECT_EQ(load().differing_sources(),
            (std::vector<std::string>{(model_.path() / "chat_template.json").string(),
                                      (model_.path() / "tokenizer_config.json").string()}));
}

TEST_F(TemplatePrecedence, NoneAtAllIsRefused) {
  expect_words(message_of<UsageError>([&] { load(); }), {"chat template"});
}

TEST_F(TemplatePrecedence, ABrokenFileWithoutEffectDoesNotMatter) {
  with("chat_template.jinja").write("chat_template.json", "{");
  EXPECT_EQ(render(), truth_["renders"]["all three"]["text"].get<std::string>());
}

struct BrokenTemplate {
  const char* file;
  const char* content;
  const char* words;
};

class BrokenTemplates : public ::testing::TestWithParam<BrokenTemplate> {};

TEST_P(BrokenTemplates, AreRefusedNamingFileAndReason) {
  const auto& broken = GetParam();
  ModelFolder model("broken");
  model.write(broken.file, broken.content);
  expect_words(message_of<UsageError>([&] { ChatTemplate::load(model.path(), kNow); }),
               {broken.file, broken.words});
}

INSTANTIATE_TEST_SUITE_P(
    Files,
    BrokenTemplates,
    ::testing::Values(
        BrokenTemplate{
            "chat_template.jinja", "a\n{% for m in messages %}x", "line 2: the tag 'for'"},
        BrokenTemplate{"chat_template.jinja", "a\n\n{{ m[ }}", "line 3"},
        BrokenTemplate{"chat_template.jinja", "{{ 'a", "closing quote"},
        BrokenTemplate{"chat_template.jinja", "{% frob %}", "frob"},
        BrokenTemplate{"chat_template.jinja", "{% if a %}{% endfor %}", "'endif'"},
        BrokenTemplate{"chat_template.jinja", "", "empty"},
        BrokenTemplate{"chat_template.jinja",
                       "version https://git-lfs.github.com/spec/v1\noid sha256:a3\nsize 403\n",
                       "Git LFS pointer"},
        BrokenTemplate{"chat_template.json", "{\"chat_template\": ", "not valid JSON at byte"},
        BrokenTemplate{"chat_template.json", "{\"chat_template\": 3}", "number"},
        BrokenTemplate{"chat_template.json", "<html></html>", "HTML page"},
        BrokenTemplate{"tokenizer_config.json", "{\"chat_template\": [\"x\"]}", "string"},
        BrokenTemplate{
            "tokenizer_config.json", "{\"chat_template\": [{\"name\": \"default\"}]}", "object"}));

TEST(ChatTemplate, SeesTheSpecialTokensOfItsFolder) {
  ModelFolder model("tokens");
  model.write("chat_template.jinja",
              "{{ bos_token }}|{{ eos_token }}|{{ image_token }}|{{ unk_token }}");
  model.write("tokenizer_config.json",
              R"({"bos_token": "<s>", "eos_token": {"content": "</s>"}, "image_token": "<i>"})");
  const Conversation conversation = {{"user", {Part::of_text("x")}}};
  const auto made = ChatTemplate::load(model.path(), kNow);
  EXPECT_EQ(made.render(conversation, {}), "<s>|</s>|<i>|");
  TemplateVariables variables;
  variables.extra["bos_token"] = "<b>";
  EXPECT_EQ(made.render(conversation, variables), "<b>|</s>|<i>|");
}

TEST(ChatTemplate, AnErrorNamesTheLine) {
  const auto made = ChatTemplate::from_source(
      "a\n{% for m in messages %}\n  {{ m.x.y }}\n{% endfor %}", "t", kNow);
  const auto words =
      message_of<InputError>([&] { made.render({{"user", {Part::of_text("x")}}}, {}); });
  expect_words(words, {"t: ", "line 3", "no attribute 'x'"});
}

TEST(ChatTemplate, AnEmptyConversationIsRefused) {
  const auto made = ChatTemplate::from_source("a", "t", kNow);
  expect_words(message_of<InputError>([&] { made.render({}, {}); }), {"at least one message"});
}

TEST(ChatTemplate, BytesThatAreNotUtf8AreReplaced) {
  const auto made = ChatTemplate::from_source("{{ messages[0].content[0].text }}", "t", kNow);
  EXPECT_EQ(made.render({{"user", {Part::of_text("a\xff\xfe z")}}}, {}),
            "a\xef\xbf\xbd\xef\xbf\xbd z");
}

}  // namespace
}  // namespace headroom::text
