#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "base/errors.h"
#include "help.h"

namespace headroom::cli {

namespace {

std::vector<std::string> visible_commands() {
  std::vector<std::string> names;
  for (const CommandInfo& command : commands()) {
    if (!command.hidden) {
      names.emplace_back(command.name);
    }
  }
  return names;
}

std::vector<std::string> flag_words(const CommandInfo& command) {
  std::vector<std::string> words;
  for (const Flag& row : flags()) {
    if ((row.commands & command.bit) == 0) {
      continue;
    }
    words.push_back(fmt::format("--{}", row.name));
    if (row.letter != 0) {
      words.push_back(fmt::format("-{}", row.letter));
    }
  }
  return words;
}

std::string bash() {
  std::string cases;
  for (const CommandInfo& command : commands()) {
    if (!command.hidden) {
      cases += fmt::format(
          "    {}) words=\"{}\" ;;\n", command.name, fmt::join(flag_words(command), " "));
    }
  }
  return fmt::format(
      "_headroom() {{\n"
      "  local word=\"${{COMP_WORDS[COMP_CWORD]}}\" words=\"\"\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"{}\" -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  case \"${{COMP_WORDS[1]}}\" in\n{}  esac\n"
      "  case \"$word\" in -*) COMPREPLY=($(compgen -W \"$words\" -- \"$word\")) ;; esac\n"
      "}}\n"
      "complete -o default -F _headroom headroom\n",
      fmt::join(visible_commands(), " "),
      cases);
}

std::string fish() {
  std::string text;
  for (const CommandInfo& command : commands()) {
    if (command.hidden) {
      continue;
    }
    text += fmt::format("complete -c headroom -n __fish_use_subcommand -a {} -d '{}'\n",
                        command.name,
                        command.summary);
    for (const Flag& row : flags()) {
      if ((row.commands & command.bit) != 0) {
        text += fmt::format(
            "complete -c headroom -n '__fish_seen_subcommand_from {}' -l {}{} -d '{}'\n",
            command.name,
            row.name,
            row.letter != 0 ? fmt::format(" -s {}", row.letter) : "",
            row.help);
      }
    }
  }
  return text;
}

/// zsh reads bash's script through its own compatibility layer.
std::string zsh() {
  return "#compdef headroom\nautoload -U +X bashcompinit && bashcompinit\n" + bash();
}

}  // namespace

std::string completions(const std::string& shell) {
  if (shell == "bash") {
    return bash();
  }
  if (shell == "zsh") {
    return zsh();
  }
  if (shell == "fish") {
    return fish();
  }
  throw UsageError(
      "E-USAGE-WORD",
      fmt::format("completions: no script for '{}'; there are bash, zsh, fish", shell));
}

}  // namespace headroom::cli
