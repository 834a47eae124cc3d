#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "base/version.h"
#include "process.h"
#include "support/temporary_folder.h"

namespace headroom::test {
namespace {

class CommandLine : public ::testing::Test {
 protected:
  Finished headroom(std::vector<std::string> arguments,
                    std::map<std::string, std::string> environment = {}) const {
    return run({std::move(arguments), folder_.path(), std::move(environment), {}, false});
  }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }

  TemporaryFolder folder_;
};

std::string content(const std::string& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::ptrdiff_t occurrences(const std::string& text, const std::string& part) {
  std::ptrdiff_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST_F(CommandLine, SaysItsVersion) {
  const Finished finished = headroom({"--version"});
  EXPECT_EQ(finished.status, 0);
  EXPECT_EQ(finished.out, std::string("headroom ") + kVersion + "\n");
}

/// What a library takes is taken from every budget, so it is loaded by those who use it.
TEST_F(CommandLine, LinksNoModelLibraryAndNoTransport) {
  const Finished finished =
      run({{HEADROOM_BUILD_DIR "/headroom"}, folder_.path(), {}, "/usr/bin/ldd", false});
  ASSERT_EQ(finished.status, 0) << finished.err;
  EXPECT_NE(finished.out.find("libc.so"), std::string::npos);
  for (const char* library : {"mlx", "blas", "curl", "ssl", "crypto"}) {
    EXPECT_EQ(finished.out.find(library), std::string::npos) << finished.out;
  }
}

TEST_F(CommandLine, WithoutACommandShowsTheOverviewAsAUsageError) {
  const Finished finished = headroom({});
  EXPECT_EQ(finished.status, 2);
  EXPECT_TRUE(finished.out.empty());
  EXPECT_NE(finished.err.find("Usage: headroom COMMAND"), std::string::npos);
}

TEST_F(CommandLine, HelpFitsOneScreenAndHasThreeExamples) {
  for (const char* command : {"", "vqa", "resume", "runs", "show", "plan", "doctor", "verify"}) {
    const Finished finished = *command == 0 ? headroom({"-h"}) : headroom({command, "-h"});
    EXPECT_EQ(finished.status, 0) << command;
    EXPECT_LE(occurrences(finished.out, "\n"), 48) << command << "\n" << finished.out;
    const std::string examples = finished.out.substr(finished.out.find("Examples"));
    EXPECT_EQ(occurrences(examples, "\n  headroom"), 3) << command << "\n" << finished.out;
  }
}

TEST_F(CommandLine, LongHelpNamesEachFlagsVariable) {
  const Finished finished = headroom({"vqa", "--help"});
  EXPECT_EQ(finished.status, 0);
  EXPECT_NE(finished.out.find("HEADROOM_MAX_IMAGE_SIDE"), std::string::npos);
  EXPECT_NE(finished.out.find("default 100"), std::string::npos);
}

TEST_F(CommandLine, TheReferencePageIsTheTableOfFlags) {
  const Finished finished = headroom({"reference-page"});
  EXPECT_EQ(finished.status, 0);
  EXPECT_EQ(finished.out, content(HEADROOM_SOURCE_DIR "/docs/reference/cli.md"))
      << "write it with: build/headroom reference-page > docs/reference/cli.md";
}

TEST_F(CommandLine, BashCanReadTheCompletions) {
  const Finished script = headroom({"completions", "bash"});
  ASSERT_EQ(script.status, 0);
  write("completions", script.out);
  const Finished tried = run({{"-c",
                               "source ./completions; COMP_WORDS=(headroom vqa --max-i); "
                               "COMP_CWORD=2; _headroom; echo \"${COMPREPLY[@]}\""},
                              folder_.path(),
                              {},
                              "/bin/bash",
                              false});
  EXPECT_EQ(tried.out, "--max-image-side\n") << tried.err;
}

struct Wrong {
  std::vector<std::string> arguments;
  std::string fragment;
};

TEST_F(CommandLine, WrongWordsGetTheNearestSpelling) {
  const std::vector<Wrong> cases{
      {{"vqq"}, "did you mean 'vqa'?"},
      {{"vqa", "--memroy", "1GiB"}, "did you mean '--memory'?"},
      {{"vqa", "--max_tokns=5"}, "did you mean '--max-tokens'?"},
      {{"vqa", "--dtype", "float31"}, "did you mean 'float32'?"},
      {{"runs", "--memory", "1GiB"}, "--memory does not belong here, but to vqa, "},
      {{"runs", "extra"}, "'extra' is one word too many"},
      {{"verify", "demo"}, "GOLDEN is missing"},
      {{"completions", "tcsh"}, "there are bash, zsh, fish"},
      {{"vqa", "--max-tokens", "many"}, "--max-tokens: 'many' is not a whole number"},
      {{"vqa", "--max-tokens", "0"}, "--max-tokens: 0 new tokens"},
      {{"vqa", "--limit", "9-3"}, "9-3"},
      {{"vqa", "--memory", "lots"}, "lots"},
      {{"vqa", "--metric", "exactt"}, "exact"},
      {{"vqa", "-d", "easy-vqq"}, "easy-vqa"},
      {{"vqa", "-m", "demo", "demo"}, "E-MODEL-TWICE"},
      {{"vqa", "--map", "question=Q"}, "its fields are fixed"},
      {{"vqa", "--map", "questoin=Q"}, "did you mean 'question'?"},
      {{"vqa", "--images", "."}, "pictures are in its own folder"},
      {{"vqa", "--images", "nowhere"}, "there is no such folder"},
      {{"show", "nothing-here"}, "nothing-here"},
      {{"vqa", "-m"}, "headroom vqa: --model needs a value: --model MODEL"},
      {{"vqa", "--max-tokens"}, "--max-tokens needs a value"},
      {{"vqa", "-m", "extra"}, "nor a known name; known: demo"},
      {{"vqa", "--zzzzzz"}, "unknown flag --zzzzzz; `headroom vqa --help`"},
      {{"zzzzzz"}, "no command 'zzzzzz'; `headroom -h`"},
      {{"show", "-o", "nowhere", "my-run"}, "my-run"},
      {{"vqa", "-d", "a.jsonl", "-d", "b.jsonl"}, "--data: given 2 times (a.jsonl, b.jsonl)"},
      {{"vqa", "--fail-under", "190"}, "--fail-under: 190 is above 100"},
      {{"resume", "--fail-under", "101"}, "--fail-under: 101 is above 100"},
  };
  for (const Wrong& wrong : cases) {
    const Finished finished = headroom(wrong.arguments);
    EXPECT_EQ(finished.status, 2) << finished.err;
    EXPECT_NE(finished.err.find("error[E-"), std::string::npos) << finished.err;
    EXPECT_NE(finished.err.find(wrong.fragment), std::string::npos) << finished.err;
    EXPECT_TRUE(finished.out.empty()) << finished.out;
  }
}

/// What a layer says is seen by the data file that the command misses.
TEST_F(CommandLine, FlagBeatsVariableBeatsProjectBeatsUser) {
  write(".config/headroom/config.toml", "data = \"user.jsonl\"\n");
  EXPECT_NE(headroom({"vqa"}).err.find("user.jsonl"), std::string::npos);
  write("headroom.toml", "data = \"project.jsonl\"\n");
  EXPECT_NE(headroom({"vqa"}).err.find("project.jsonl"), std::string::npos);
  EXPECT_NE(headroom({"vqa"}, {{"HEADROOM_DATA", "variable.jsonl"}}).err.find("variable.jsonl"),
            std::string::npos);
  EXPECT_NE(headroom({"vqa", "-d", "flag.jsonl"}, {{"HEADROOM_DATA", "variable.jsonl"}})
                .err.find("flag.jsonl"),
            std::string::npos);
}

TEST_F(CommandLine, EndpointsOfOneServersModelStayTogetherInTheVariable) {
  const Finished asked =
      headroom({"plan"}, {{"HEADROOM_MODEL", "http://a.test/v1, http://a.test/v1#m"}});
  EXPECT_EQ(asked.status, 2);
  EXPECT_NE(asked.err.find("it stands twice"), std::string::npos) << asked.err;
}

TEST_F(CommandLine, ASettingOfTheBudgetIsNotTakenForShowsSwitch) {
  write("headroom.toml", "memory = \"512MiB\"\n");
  const Finished finished = headroom({"show", "no-run"}, {{"HEADROOM_MEMORY", "512MiB"}});
  EXPECT_NE(finished.err.find("no-run"), std::string::npos) << finished.err;
  const Finished asked = headroom({"vqa"}, {{"HEADROOM_MEMORY", "lots"}});
  EXPECT_NE(asked.err.find("HEADROOM_MEMORY"), std::string::npos) << asked.err;
}

struct WrongSetting {
  const char* variable;
  const char* value;
  const char* fragment;
};

TEST_F(CommandLine, AWrongValueIsBlamedOnTheVariableThatHasIt) {
  const std::vector<WrongSetting> cases{
      {"HEADROOM_MEMORY", "foo", "HEADROOM_MEMORY: 'foo' is not a size"},
      {"HEADROOM_LIMIT", "x", "HEADROOM_LIMIT x: expected a number"},
      {"HEADROOM_ALLOW", "x", "HEADROOM_ALLOW: 'x' is not known"},
      {"HEADROOM_METRIC", "x", "HEADROOM_METRIC: metric 'x' is unknown"},
      {"HEADROOM_CLEANUP", "x", "HEADROOM_CLEANUP"},
      {"HEADROOM_PROMPT", "x", "HEADROOM_PROMPT: {question} is not in it"},
      {"HEADROOM_MAP", "x", "HEADROOM_MAP 'x': expected FIELD=NAME"},
      {"HEADROOM_IMAGES", "nowhere", "HEADROOM_IMAGES "},
      {"HEADROOM_FAIL_UNDER", "190", "HEADROOM_FAIL_UNDER: 190 is above 100"},
  };
  for (const WrongSetting& wrong : cases) {
    const Finished finished = headroom({"vqa"}, {{wrong.variable, wrong.value}});
    EXPECT_EQ(finished.status, 2) << finished.err;
    EXPECT_NE(finished.err.find(wrong.fragment), std::string::npos) << finished.err;
  }
  const Finished resumed = headroom({"resume"}, {{"HEADROOM_MEMORY", "foo"}});
  EXPECT_NE(resumed.err.find("HEADROOM_MEMORY: 'foo'"), std::string::npos) << resumed.err;
  write("headroom.toml", "memory = \"foo\"\n");
  const Finished filed = headroom({"vqa"});
  EXPECT_NE(filed.err.find("./headroom.toml: memory: 'foo'"), std::string::npos) << filed.err;
}

TEST_F(CommandLine, XdgConfigHomeIsLookedAt) {
  write("xdg/headroom/config.toml", "data = \"user.jsonl\"\n");
  const Finished finished = headroom({"vqa"}, {{"XDG_CONFIG_HOME", (folder_ / "xdg").string()}});
  EXPECT_NE(finished.err.find("user.jsonl"), std::string::npos) << finished.err;
}

TEST_F(CommandLine, AWrongConfigurationIsNamedWithItsLine) {
  write("headroom.toml", "seed = 1\nmax_tokns = 3\n");
  const Finished unknown = headroom({"vqa"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_NE(unknown.err.find("headroom.toml: line 2: unknown key 'max_tokns'; did you mean "
                             "'max-tokens'?"),
            std::string::npos)
      << unknown.err;
  write("headroom.toml", "seed = 1\nmemory = = 3\n");
  EXPECT_NE(headroom({"vqa"}).err.find("headroom.toml: line 2: not valid TOML"), std::string::npos);
  write("headroom.toml", "max-tokens = \"many\"\n");
  EXPECT_NE(headroom({"vqa"}).err.find("headroom.toml: max-tokens: 'many' is not a whole number"),
            std::string::npos);
}

TEST_F(CommandLine, ATableOfTheCommandBeatsTheFilesOtherKeys) {
  write(".config/headroom/config.toml", "[vqa]\ndata = \"user.jsonl\"\n");
  EXPECT_NE(headroom({"vqa"}).err.find("user.jsonl"), std::string::npos);
  EXPECT_NE(headroom({"plan"}).err.find("user.jsonl"), std::string::npos)
      << "it plans what vqa asks";
  write("headroom.toml",
        "data = \"all.jsonl\"\n[vqa]\ndata = \"own.jsonl\"\n[describe]\nprompt = \"What?\"\n");
  EXPECT_NE(headroom({"vqa"}).err.find("own.jsonl"), std::string::npos);
  EXPECT_NE(headroom({"vqa", "-d", "flag.jsonl"}).err.find("flag.jsonl"), std::string::npos);
  EXPECT_NE(headroom({"describe"}).err.find("all.jsonl"), std::string::npos);
}

TEST_F(CommandLine, AWrongTableIsNamedWithItsLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[vqa]\nturns = \"a.toml\"\n", "line 2: unknown key 'turns' of headroom vqa"},
      {"[vqaa]\n", "unknown key 'vqaa'; did you mean 'vqa'?"},
      {"[context]\nlimit = \"x\"\n", "./headroom.toml: context.limit x: expected a number"},
      {"[describe]\nprompts = \"x\"\n", "did you mean 'prompt'?"}};
  for (const auto& [text, words] : cases) {
    write("headroom.toml", text);
    const Finished finished = headroom({"context", "-d", HEADROOM_SOURCE_DIR "/tests/data/demo"});
    EXPECT_EQ(finished.status, 2) << text;
    EXPECT_NE(finished.err.find(words), std::string::npos) << finished.err;
  }
}

TEST_F(CommandLine, AClosedPipeIsSuccess) {
  const Finished finished = run({{"completions", "fish"}, folder_.path(), {}, {}, true});
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_TRUE(finished.err.empty()) << finished.err;
}

TEST_F(CommandLine, ColoursOnlyWhereAsked) {
  EXPECT_EQ(headroom({"show", "x"}).err.find('\x1b'), std::string::npos);
  EXPECT_NE(headroom({"show", "x", "--color", "always"}).err.find("\x1b[1;31m"), std::string::npos);
  EXPECT_EQ(headroom({"show", "x"}, {{"HEADROOM_COLOR", "never"}}).err.find('\x1b'),
            std::string::npos);
}

}  // namespace
}  // namespace headroom::test
