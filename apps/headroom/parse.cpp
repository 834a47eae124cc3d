#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>
#include <iterator>

#include "base/errors.h"
#include "base/spelling.h"
#include "settings.h"

namespace headroom::cli {

namespace {

bool is_switch(const Flag& flag) {
  return flag.type == FlagType::kSwitch || flag.type == FlagType::kCounted;
}

std::string snake(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

/// "-m,--model,--models", and the same names in snake_case where they differ.
std::string option_names(const Flag& flag) {
  std::string names = fmt::format("--{}", flag.name);
  if (flag.letter != 0) {
    names += fmt::format(",-{}", flag.letter);
  }
  for (const std::string_view name : {flag.name, flag.alias}) {
    if (!name.empty() && name != flag.name) {
      names += fmt::format(",--{}", name);
    }
    const std::string other = snake(std::string(name));
    if (other != name) {
      names += fmt::format(",--{}", other);
    }
  }
  return names;
}

std::vector<std::string> long_names(const CommandInfo& command) {
  std::vector<std::string> names;
  for (const Flag& row : flags()) {
    if ((row.commands & command.bit) != 0) {
      names.push_back(fmt::format("--{}", row.name));
      if (!row.alias.empty()) {
        names.push_back(fmt::format("--{}", row.alias));
      }
    }
  }
  return names;
}

/// Names the flag's own commands when another command has it, else the nearest spelling.
[[noreturn]] void throw_unknown(const CommandInfo& command, const std::string& word) {
  const std::string given = word.substr(0, word.find('='));
  unsigned owned_by = 0;
  for (const Flag& row : flags()) {
    if (canonical_name(given) == row.name || canonical_name(given) == row.alias) {
      owned_by |= row.commands;
    }
  }
  std::vector<std::string_view> owners;
  for (const CommandInfo& other : commands()) {
    if ((owned_by & other.bit) != 0) {
      owners.push_back(other.name);
    }
  }
  if (!owners.empty()) {
    throw UsageError("E-USAGE-FLAG",
                     fmt::format("headroom {}: {} does not belong here, but to {}",
                                 command.name,
                                 given,
                                 fmt::join(owners, ", ")));
  }
  throw UsageError("E-USAGE-FLAG",
                   fmt::format("headroom {}: unknown flag {}{}; `headroom {} --help` lists them",
                               command.name,
                               given,
                               did_you_mean(given, long_names(command)),
                               command.name));
}

/// The parser's text begins with the flag's first name.
[[noreturn]] void throw_without_value(const CommandInfo& command, const std::string& text) {
  const std::string name = text.substr(0, text.find(':'));
  const Flag* const row = flag(canonical_name(name), command.bit);
  throw UsageError("E-USAGE-FLAG",
                   fmt::format("headroom {}: {} needs a value{}",
                               command.name,
                               name,
                               row == nullptr ? "" : fmt::format(": {} {}", name, row->value)));
}

/// The last of several would count, and the others would be forgotten without a word.
void require_one_value(const Flag& flag, const std::vector<std::string>& texts) {
  if (flag.type != FlagType::kTexts && texts.size() > 1) {
    throw UsageError("E-USAGE-FLAG",
                     fmt::format("--{}: given {} times ({}); give it once",
                                 flag.name,
                                 texts.size(),
                                 fmt::join(texts, ", ")));
  }
}

/// `plain`: words that stand behind "--" and are no flags, whatever they begin with.
void take_positionals(Settings& settings,
                      const std::vector<std::string>& extras,
                      const std::vector<std::string>& plain) {
  const CommandInfo& command = settings.command();
  std::vector<std::string> wanted;
  std::string_view rest = command.positionals;
  while (!rest.empty()) {
    const std::size_t space = std::min(rest.find(' '), rest.size());
    wanted.emplace_back(rest.substr(0, space));
    rest.remove_prefix(std::min(space + 1, rest.size()));
  }
  for (const std::string& word : extras) {
    if (word.size() > 1 && word.front() == '-') {
      throw_unknown(command, word);
    }
  }
  std::vector<std::string> all = extras;
  all.insert(all.end(), plain.begin(), plain.end());
  for (const std::string& word : all) {
    if (settings.positionals().size() == wanted.size()) {
      throw UsageError("E-USAGE-WORD",
                       fmt::format("headroom {}: '{}' is one word too many; it takes {}",
                                   command.name,
                                   word,
                                   wanted.empty() ? "flags only" : command.positionals));
    }
    settings.add_positional(word);
  }
  const std::size_t got = settings.positionals().size();
  if (got < wanted.size() && !wanted[got].ends_with('?')) {
    throw UsageError("E-USAGE-WORD",
                     fmt::format("headroom {}: {} is missing; usage: headroom {} {} [flags]",
                                 command.name,
                                 wanted[got],
                                 command.name,
                                 command.positionals));
  }
}

}  // namespace

Settings parse_command_line(const CommandInfo& command, const std::vector<std::string>& words) {
  struct Slot {
    const Flag* flag = nullptr;
    CLI::Option* option = nullptr;
    std::vector<std::string> texts;
    int count = 0;
  };

  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::deque<Slot> slots;  // its elements stay where they are, as the parser holds references
  for (const Flag& row : flags()) {
    if ((row.commands & command.bit) == 0) {
      continue;
    }
    Slot& slot = slots.emplace_back();
    slot.flag = &row;
    if (is_switch(row)) {
      slot.option = app.add_flag(option_names(row), slot.count);
    } else {
      slot.option = app.add_option(option_names(row), slot.texts);
      if (row.type != FlagType::kTexts) {
        slot.option->expected(1)->allow_extra_args(false)->multi_option_policy(
            CLI::MultiOptionPolicy::TakeAll);
      }
    }
  }
  const auto end = std::find(words.begin(), words.end(), "--");
  const std::vector<std::string> plain(end == words.end() ? end : end + 1, words.end());
  try {
    app.parse(std::vector<std::string>(std::make_reverse_iterator(end), words.rend()));
  } catch (const CLI::ArgumentMismatch& error) {
    throw_without_value(command, error.what());
  } catch (const CLI::ParseError& error) {
    throw UsageError("E-USAGE-FLAG", fmt::format("headroom {}: {}", command.name, error.what()));
  }
  Settings settings(command);
  for (Slot& slot : slots) {
    const std::string origin = fmt::format("--{}", slot.flag->name);
    if (is_switch(*slot.flag) && slot.count != 0) {
      settings.offer(*slot.flag, {std::to_string(slot.count)}, origin);
    } else if (slot.option->count() > 0) {
      require_one_value(*slot.flag, slot.texts);
      settings.offer(*slot.flag, std::move(slot.texts), origin);
    }
  }
  take_positionals(settings, app.remaining(), plain);
  return settings;
}

}  // namespace headroom::cli
