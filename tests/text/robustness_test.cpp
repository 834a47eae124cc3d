// Templates and tokenizers are foreign files: whatever they hold, an error comes back, and soon.

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/errors.h"
#include "base/files.h"
#include "model_folder.h"
#include "support/fake_clock.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace headroom::text {
namespace {

const WallTime kNow = testing::FakeClock().wall();
const Conversation kConversation = {{"user", {Part::of_image(0), Part::of_text("What color?")}}};

/// Renders; the error's words when it fails as an input may. A panic (InternalError) gets through.
std::string attempt(const std::string& source) {
  try {
    return ChatTemplate::from_source(source, "fuzz", kNow).render(kConversation, {});
  } catch (const UsageError& error) {
    return error.what();
  } catch (const InputError& error) {
    return error.what();
  }
}

std::string repeat(const std::string& text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) {
    result += text;
  }
  return result;
}

struct Endless {
  const char* name;
  std::string source;
};

class EndlessTemplates : public ::testing::TestWithParam<Endless> {};

TEST_P(EndlessTemplates, EndWithAnErrorThatSaysSo) {
  const std::string words = attempt(GetParam().source);
  const bool bounded = words.find("steps") != std::string::npos ||
                       words.find("limit is") != std::string::npos ||
                       words.find("deeper than") != std::string::npos ||
                       words.find("recursion limits") != std::string::npos ||
                       words.find("more than") != std::string::npos;
  EXPECT_TRUE(bounded) << words.substr(0, 300);
}

const std::string kForever = "{% for i in range(100000) %}";

INSTANTIATE_TEST_SUITE_P(
    Templates,
    EndlessTemplates,
    ::testing::Values(
        Endless{"Loops", kForever + kForever + kForever + "x" + repeat("{% endfor %}", 3)},
        Endless{"Recursion", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"},
        Endless{"RecursiveLoop", "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}"},
        Endless{"CallBlocks",
                "{% macro a() %}{% call a() %}{{ caller() }}{% endcall %}{% endmacro %}{{ a() }}"},
        Endless{
            "DoubledText",
            "{% set n = namespace(x='a') %}" + kForever + "{% set n.x = n.x ~ n.x %}{% endfor %}"},
        Endless{
            "DoubledList",
            "{% set n = namespace(x=[1]) %}" + kForever + "{% set n.x = n.x + n.x %}{% endfor %}"},
        Endless{"HeldTexts",
                "{% set n = namespace(x=[]) %}" + kForever +
                    "{% set n.x = n.x + ['a' * 1000000] %}{% endfor %}"},
        Endless{"NestedLists",
                "{% set n = namespace(x=[]) %}" + kForever + "{% set n.x = [n.x] %}{% endfor %}"},
        Endless{"SharedLists",
                "{% set n = namespace(x=[1]) %}{% for i in range(900) %}{% set n.x = [n.x, n.x] %}"
                "{% endfor %}{{ n.x }}"},
        Endless{"LongOutput", kForever + kForever + repeat("a", 100) + repeat("{% endfor %}", 2)},
        Endless{"LongRepeat", "{{ 'a' * 10000000000 }}"},
        Endless{"WideFormat", "{{ 'a'.center(10000000000) }}"},
        Endless{"ManyNots", "{{ " + repeat("not ", 200000) + "1 }}"},
        Endless{"ManyParentheses", "{{ " + repeat("(", 3000) + "1" + repeat(")", 3000) + " }}"},
        Endless{"ManyIfs", repeat("{% if 1 %}", 5000) + repeat("{% endif %}", 5000)},
        Endless{"ManyElifs", "{% if 0 %}" + repeat("{% elif 0 %}", 5000) + "{% endif %}"},
        Endless{"HugeSource", repeat("x", 2 << 20)}),
    [](const auto& endless) { return endless.param.name; });

TEST(Robustness, AnEndlessTemplateEndsOnASmallStackToo) {
  std::string words;
  std::thread([&] { words = attempt("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"); }).join();
  EXPECT_NE(words.find("deeper than"), std::string::npos) << words;
}

/// Pieces that templates are made of, and some that they are not.
const std::vector<std::string> kPieces = {"{{",
                                          "}}",
                                          "{%",
                                          "%}",
                                          "{#",
                                          "#}",
                                          "{%-",
                                          "-%}",
                                          "{%+",
                                          "for ",
                                          "if ",
                                          "else",
                                          "elif ",
                                          "endfor",
                                          "endif",
                                          "set ",
                                          "endset",
                                          "macro ",
                                          "endmacro",
                                          "call ",
                                          "endcall",
                                          "filter ",
                                          "endfilter",
                                          "with ",
                                          "endwith",
                                          "block ",
                                          "endblock",
                                          "raw",
                                          "endraw",
                                          "generation",
                                          "endgeneration",
                                          "break",
                                          "continue",
                                          "in ",
                                          "is ",
                                          "not ",
                                          "and ",
                                          "or ",
                                          "loop",
                                          "loop.index",
                                          "messages",
                                          "message",
                                          "m",
                                          "x",
                                          "namespace(",
                                          "range(",
                                          "dict(",
                                          "cycler(",
                                          "raise_exception(",
                                          "strftime_now(",
                                          "'%",
                                          "\"",
                                          "'",
                                          "\\",
                                          "\\x4",
                                          "\\u",
                                          "\\N{",
                                          "(",
                                          ")",
                                          "[",
                                          "]",
                                          "{",
                                          "}",
                                          "|",
                                          "|tojson",
                                          "|map(",
                                          "|join",
                                          "|format(",
                                          "|indent(",
                                          "|batch(",
                                          "|round(",
                                          "|int",
                                          "|sort",
                                          "|groupby(",
                                          ".items()",
                                          ".format(",
                                          ".split(",
                                          ".center(",
                                          "[::",
                                          "[-",
                                          ":",
                                          ",",
                                          ".",
                                          "~",
                                          "+",
                                          "-",
                                          "*",
                                          "**",
                                          "/",
                                          "//",
                                          "%",
                                          "==",
                                          "<",
                                          "=",
                                          "0",
                                          "1",
                                          "99999999999999999999999999999999999999999",
                                          "1e400",
                                          "-1",
                                          "0.5",
                                          "'a'",
                                          "''",
                                          "none",
                                          "true",
                                          "\n",
                                          "\r\n",
                                          " ",
                                          "\t",
                                          "\xff",
                                          "\xe6\x97\xa5",
                                          std::string(1, 0)};

std::string random_template(std::mt19937& random) {
  std::uniform_int_distribution<std::size_t> piece(0, kPieces.size() - 1);
  std::uniform_int_distribution<int> length(1, 40);
  std::string source;
  for (int i = length(random); i > 0; --i) {
    source += kPieces[piece(random)];
  }
  // Half of them are inside a tag from the start, and so get further.
  return random() % 2 == 0 ? source : "{{ " + source + " }}";
}

TEST(Robustness, TwoThousandRandomTemplatesNeverCrash) {
  std::mt19937 random(20251125);
  for (int i = 0; i < 2000; ++i) {
    const auto source = random_template(random);
    EXPECT_NO_THROW(attempt(source)) << source;
  }
}

/// A published template with some bytes cut out, doubled or changed.
std::string damaged(std::string text, std::mt19937& random) {
  for (int changes = 1 + static_cast<int>(random() % 4); changes > 0 && !text.empty(); --changes) {
    const auto at = random() % text.size();
    const auto length = 1 + random() % 12;
    switch (random() % 3) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(at, text.substr(random() % text.size(), length));
        break;
      default:
        text[at] = static_cast<char>(random() % 256);
    }
  }
  return text;
}

TEST(Robustness, DamagedTemplatesNeverCrash) {
  std::mt19937 random(7);
  for (const auto& entry :
       std::filesystem::directory_iterator(HEADROOM_TEST_DATA "/text/templates")) {
    const auto source = read_file(entry.path());
    for (int i = 0; i < 100; ++i) {
      const auto changed = damaged(source, random);
      EXPECT_NO_THROW(attempt(changed)) << changed;
    }
  }
}

/// Loads and uses a tokenizer; the error's words when it is refused. A panic gets through.
std::string attempt_tokenizer(const std::filesystem::path& folder) {
  try {
    const auto tokenizer = Tokenizer::load(folder);
    return tokenizer.decode(tokenizer.encode("What color is <image>, don't 12 日?", true), true);
  } catch (const UsageError& error) {
    return error.what();
  } catch (const InputError& error) {
    return error.what();
  }
}

TEST(Robustness, DamagedTokenizersNeverCrash) {
  std::mt19937 random(11);
  ModelFolder model("damaged");
  for (const auto& entry :
       std::filesystem::directory_iterator(HEADROOM_TEST_DATA "/text/tokenizers")) {
    const auto json = read_file(entry.path());
    for (int i = 0; i < 100; ++i) {
      model.write("tokenizer.json", damaged(json, random));
      EXPECT_NO_THROW(attempt_tokenizer(model.path()));
    }
  }
}

TEST(Robustness, RandomTextsAreEncodedAndComeBack) {
  const auto tokenizer = Tokenizer::load(HEADROOM_SOURCE_DIR "/assets/demo/model");
  std::mt19937 random(13);
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (auto length = random() % 60; length > 0; --length) {
      text += static_cast<char>(32 + random() % 95);
    }
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, false), false), text);
    text += static_cast<char>(random() % 256);
    EXPECT_NO_THROW(tokenizer.encode(text, true));
  }
}

}  // namespace
}  // namespace headroom::text
