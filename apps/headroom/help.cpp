#include "help.h"

#include <fmt/format.h>

#include <array>
#include <set>
#include <string_view>
#include <vector>

#include "base/version.h"

namespace headroom::cli {

namespace {

struct Example {
  Command command;
  std::string_view line;
  std::string_view meaning;
};

constexpr std::array kExamples{
    Example{kVqa,
            "headroom vqa -m demo -d easy-vqa --limit 50",
            "fifty questions to the embedded model"},
    Example{kVqa,
            "headroom vqa -m org/name -d questions.jsonl --memory 12GiB",
            "your questions, a cached model, a budget"},
    Example{kVqa,
            "headroom vqa --models demo ./mine --questions 200 --fail-under 90 --json",
            "two models, for a script"},
    Example{kDescribe, "headroom describe -m demo -d pictures/", "every picture of a folder"},
    Example{kDescribe,
            "headroom describe -m org/name -d 'pics/*.jpg' --memory 12GiB --no-text-only",
            "those that a pattern matches, within a budget"},
    Example{kDescribe,
            "headroom describe -d annotations/captions_val2017.json --limit 100 --json",
            "against COCO's captions, for a script"},
    Example{kContext, "headroom context -m demo -d pictures/", "a folder of pictures"},
    Example{kContext,
            "headroom context -m demo -d scenes.json --limit 24",
            "scored against the facts of 24 pictures"},
    Example{kContext,
            "headroom context -m org/name -d 'pictures/*.jpg' --turns mine.toml",
            "your own turns"},
    Example{kResume, "headroom resume", "the newest unfinished run"},
    Example{kResume, "headroom resume 20261125T0346 -v", "a run by the start of its name"},
    Example{kResume, "headroom resume runs/RUN --retry-failed", "what failed, once more"},
    Example{kRuns, "headroom runs", "every run below ./runs"},
    Example{kRuns, "headroom runs -o /data/runs", "of another folder"},
    Example{kRuns, "headroom runs --json | jq .", "for a script"},
    Example{kShow, "headroom show", "the newest run"},
    Example{kShow,
            "headroom show 20261125T0346 --memory",
            "a run by the start of its name: its memory over time"},
    Example{kShow, "headroom show runs/RUN --json", "its summary.json"},
    Example{kPlan, "headroom plan -m demo -d easy-vqa", "what it would take"},
    Example{kPlan, "headroom plan -m org/name --memory 12GiB", "against a budget"},
    Example{kPlan,
            "headroom plan -m org/name --test context -d pictures/ --memory 80%",
            "dialogues about pictures"},
    Example{kModels, "headroom models", "names, sizes, and how to fetch what is missing"},
    Example{kModels, "headroom models --json | jq .", "for a script"},
    Example{kModels, "HF_HUB_CACHE=/data/hub headroom models", "of another cache"},
    Example{kSetup, "headroom setup torch", "PyTorch and Transformers, several GB"},
    Example{kSetup,
            "PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu headroom setup torch",
            "without CUDA, under 2 GB"},
    Example{kSetup, "headroom setup torch --python python3.12", "with another Python"},
    Example{kDoctor, "headroom doctor", "what is here and what is missing"},
    Example{kDoctor, "headroom doctor --json", "for a script or a report of trouble"},
    Example{kDoctor, "headroom doctor --memory demo", "what its memory does when it is pressed"},
    Example{kVerify, "headroom verify demo golden.safetensors", "within 1e-3"},
    Example{kVerify, "headroom verify ./mine golden.safetensors --tolerance 1e-4", "stricter"},
    Example{kVerify,
            "headroom verify ./mine golden.safetensors --dtype bfloat16 --json",
            "in another number format"},
    Example{kCompletions,
            "headroom completions bash > ~/.local/share/bash-completion/completions/headroom",
            "for bash"},
    Example{kCompletions, "headroom completions zsh > ~/.zfunc/_headroom", "for zsh"},
    Example{kCompletions,
            "headroom completions fish > ~/.config/fish/completions/headroom.fish",
            "for fish"},
};

bool has_value(const Flag& row) {
  return row.type != FlagType::kSwitch && row.type != FlagType::kCounted;
}

/// "-m, --model, --models MODEL…"
std::string signature(const Flag& row) {
  std::string text = row.letter != 0 ? fmt::format("-{}, ", row.letter) : "    ";
  text += fmt::format("--{}", row.name);
  if (!row.alias.empty()) {
    text += fmt::format(", --{}", row.alias);
  }
  if (has_value(row)) {
    text += fmt::format(" {}{}", row.value, row.type == FlagType::kTexts ? " ..." : "");
  }
  return text;
}

std::string usage_line(const CommandInfo& command) {
  std::string positionals(command.positionals);
  if (positionals.ends_with('?')) {
    positionals = fmt::format("[{}]", positionals.substr(0, positionals.size() - 1));
  }
  return fmt::format(
      "headroom {}{}{} [flags]", command.name, positionals.empty() ? "" : " ", positionals);
}

std::string examples(const CommandInfo& command) {
  std::string text = "\nExamples\n";
  for (const Example& example : kExamples) {
    if (example.command == command.bit) {
      text += fmt::format("  {}\n      {}\n", example.line, example.meaning);
    }
  }
  return text;
}

/// Breaks at blanks so that no line is wider than `width`, with `indent` in front of each.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t column = 0;
  while (!text.empty()) {
    const std::size_t blank = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, blank);
    if (column == 0 || column + 1 + word.size() > width) {
      out += column == 0 ? "" : "\n";
      out += std::string(indent, ' ');
      column = indent;
    } else {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(std::min(blank + 1, text.size()));
  }
  return out + "\n";
}

std::string origins(const Flag& row) {
  std::string text;
  if (!row.preset.empty()) {
    text += fmt::format("default {}; ", row.preset);
  }
  return row.command_line_only ? text + "on the command line only"
                               : text + fmt::format("{}; key {}", environment_name(row), row.name);
}

/// Markdown reads a bar as the end of a table cell.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c == '|' ? "\\|" : std::string(1, c);
  }
  return out;
}

std::string command_section(const CommandInfo& command) {
  std::string page = fmt::format("## headroom {}\n\n{}.\n\n```\n{}\n```\n\n",
                                 command.name,
                                 command.summary,
                                 usage_line(command));
  std::string rows;
  for (const Flag& row : flags()) {
    if ((row.commands & command.bit) == 0) {
      continue;
    }
    const std::size_t skip = row.letter == 0 ? 4 : 0;
    rows += fmt::format("| `{}` | {} | {} |\n",
                        cell(signature(row).substr(skip)),
                        row.preset.empty() ? "" : fmt::format("`{}`", row.preset),
                        cell(row.help));
  }
  if (!rows.empty()) {
    page += "| flag | default | meaning |\n|---|---|---|\n" + rows + "\n";
  }
  for (const Example& example : kExamples) {
    if (example.command == command.bit) {
      page += fmt::format("- `{}`: {}\n", example.line, example.meaning);
    }
  }
  return page + "\n";
}

}  // namespace

std::string overview() {
  std::string text = fmt::format(
      "headroom {}: evaluates vision-language models inside a memory budget\n\n"
      "Usage: headroom COMMAND [flags]\n\nCommands\n",
      kVersion);
  for (const CommandInfo& command : commands()) {
    if (!command.hidden) {
      text += fmt::format("  {:<12} {}\n", command.name, command.summary);
    }
  }
  text +=
      "\nExamples\n"
      "  headroom vqa -m demo -d easy-vqa --limit 50 --memory 512MiB\n"
      "      fifty questions to the embedded model, inside a budget\n"
      "  headroom plan -m org/name -d questions.jsonl --memory 12GiB\n"
      "      does it fit? loads nothing\n"
      "  headroom resume\n"
      "      go on with the newest unfinished run\n"
      "\n`headroom COMMAND -h` shows a command's flags, `--help` all about them, "
      "`--version` the version.\n";
  return text;
}

std::string short_help(const CommandInfo& command) {
  constexpr std::size_t kColumn = 37;
  std::string text = fmt::format("{}\n\nUsage: {}\n", command.summary, usage_line(command));
  std::string rows;
  for (const Flag& row : flags()) {
    if ((row.commands & command.bit) != 0 && !row.seldom) {
      std::string help(row.help.substr(0, row.help.find_first_of(";:")));
      const std::string name = signature(row);
      const std::string_view separator = name.size() > kColumn ? "\n" : "";
      const std::size_t pad = separator.empty() ? kColumn - name.size() : kColumn + 2;
      rows += fmt::format("  {}{}{:{}} {}\n", name, separator, "", pad, help);
    }
  }
  return text + (rows.empty() ? "" : "\nFlags (--help: all of them)\n" + rows) + examples(command);
}

std::string long_help(const CommandInfo& command) {
  std::string text = fmt::format("{}\n\nUsage: {}\n", command.summary, usage_line(command));
  std::string rows;
  for (const Flag& row : flags()) {
    if ((row.commands & command.bit) != 0) {
      rows += fmt::format("  {}\n", signature(row));
      rows += wrapped(row.help, 10, 96);
      rows += row.command_line_only ? "" : wrapped(origins(row), 10, 96);
    }
  }
  if (!rows.empty()) {
    text += "\nFlags (underscores are as good as hyphens)\n" + rows;
    text +=
        "\nA flag beats its environment variable, that ./headroom.toml, and that\n"
        "$XDG_CONFIG_HOME/headroom/config.toml.\n";
  }
  return text + examples(command);
}

std::string reference_page() {
  std::string page =
      "# Command line\n\n"
      "Made from the program's table of flags by `headroom reference-page`; do not edit.\n\n"
      "A flag may be written with hyphens or underscores. Each flag has an environment variable "
      "and "
      "a key of the configuration files. A flag beats its variable, the variable "
      "`./headroom.toml`, "
      "and that `$XDG_CONFIG_HOME/headroom/config.toml` (`~/.config` without the variable). Lists "
      "are separated by commas in a variable (endpoints of one server's model stay together) and "
      "are TOML arrays in a file. A table of a file that is named as a command holds what is for "
      "that command alone. Results go to standard "
      "output, everything else to standard error. [Exit codes](exit-codes.md), "
      "[errors](errors.md).\n\n";
  for (const CommandInfo& command : commands()) {
    if (!command.hidden) {
      page += command_section(command);
    }
  }
  page += "## Variables and keys\n\n| flag | variable | key |\n|---|---|---|\n";
  std::set<std::string_view> named;  // a name may have several rows, each for other commands
  for (const Flag& row : flags()) {
    if (!row.command_line_only && named.insert(row.name).second) {
      page += fmt::format("| `--{}` | `{}` | `{}` |\n", row.name, environment_name(row), row.name);
    }
  }
  return page;
}

}  // namespace headroom::cli
