#include <fmt/format.h>
#include <toml++/toml.h>

#include <filesystem>

#include "backends/server_address.h"
#include "base/errors.h"
#include "base/files.h"
#include "base/spelling.h"
#include "settings.h"

namespace headroom::cli {

namespace {

/// "true", "1", "yes", "on" are 1; the opposites 0; a counted switch may also say 2.
std::string switch_value(const std::string& text, const std::string& origin) {
  if (text == "1" || text == "true" || text == "yes" || text == "on") {
    return "1";
  }
  if (text == "0" || text == "false" || text == "no" || text == "off" || text.empty()) {
    return "0";
  }
  if (text == "2") {
    return "2";
  }
  throw UsageError("E-USAGE-VALUE",
                   fmt::format("{}: '{}' is neither true nor false", origin, text));
}

/// A list on one line: separated by commas, blanks around them dropped. Endpoints of one server's
/// model, "http://a/v1,http://b/v1#name", stay together.
std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> all;
  bool joins = false;  // the last word is an endpoint, and more may follow
  std::size_t start = 0;
  while (start <= text.size()) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    const std::size_t first = std::min(text.find_first_not_of(' ', start), end);
    const std::size_t last = text.find_last_not_of(' ', end == 0 ? 0 : end - 1);
    if (first < end) {
      const std::string word = text.substr(first, last - first + 1);
      const bool endpoint = backends::is_server_word(word);
      if (joins && endpoint) {
        all.back() += "," + word;
      } else {
        all.push_back(word);
      }
      joins = endpoint && word.find('#') == std::string::npos;
    }
    start = end + 1;
  }
  return all;
}

void offer_text(Settings& settings,
                const Flag& row,
                const std::string& text,
                const std::string& origin) {
  if (row.type == FlagType::kSwitch || row.type == FlagType::kCounted) {
    settings.offer(row, {switch_value(text, origin)}, origin);
  } else if (row.type == FlagType::kTexts) {
    settings.offer(row, split_commas(text), origin);
  } else {
    settings.offer(row, {text}, origin);
  }
}

std::vector<std::string> node_texts(const toml::node& node, const std::string& origin) {
  if (const auto* const list = node.as_array()) {
    std::vector<std::string> all;
    for (const toml::node& element : *list) {
      for (std::string& text : node_texts(element, origin)) {
        all.push_back(std::move(text));
      }
    }
    return all;
  }
  if (const auto text = node.value<std::string>()) {
    return {*text};
  }
  if (const auto* const truth = node.as_boolean()) {
    return {truth->get() ? "1" : "0"};
  }
  if (const auto* const whole = node.as_integer()) {
    return {std::to_string(whole->get())};
  }
  if (const auto* const real = node.as_floating_point()) {
    return {fmt::format("{}", real->get())};
  }
  throw UsageError("E-SETTINGS", fmt::format("{}: give a text, a number, true or false", origin));
}

const Flag* find_key(std::string_view key) {
  for (const Flag& row : flags()) {
    const bool named = canonical_name(key) == row.name || canonical_name(key) == row.alias;
    if (named && !row.command_line_only) {
      return &row;
    }
  }
  return nullptr;
}

/// [models] name = "word": a table is no value of --models.
void add_model_names(Settings& settings, const toml::table& table, const std::string& file) {
  for (const auto& [key, node] : table) {
    const auto word = node.value<std::string>();
    if (!word || word->empty()) {
      throw UsageError("E-SETTINGS",
                       fmt::format("{}: line {}: models.{}: expected the word that it stands for, "
                                   "such as \"org/name\" or a folder",
                                   file,
                                   node.source().begin.line,
                                   std::string(key.str())));
    }
    settings.add_model_name({std::string(key.str()), *word, file});
  }
}

toml::table read_table(const std::filesystem::path& path) {
  const std::string text = read_file(path, std::uint64_t{1} << 20U);
  try {
    return toml::parse(text, path.string());
  } catch (const toml::parse_error& error) {
    throw UsageError("E-SETTINGS",
                     fmt::format("{}: line {}: not valid TOML: {}",
                                 path.string(),
                                 error.source().begin.line,
                                 error.description()));
  }
}

/// `table`: the command whose table it stands in, null: in none.
[[noreturn]] void refuse_key(const std::string& file,
                             const toml::node& node,
                             const std::string& key,
                             const CommandInfo* table) {
  std::vector<std::string> names;
  for (const Flag& row : flags()) {
    if (table == nullptr || (row.commands & table->bit) != 0) {
      names.emplace_back(row.name);
    }
  }
  for (const CommandInfo& command : commands()) {
    if (table == nullptr && !command.hidden) {
      names.emplace_back(command.name);
    }
  }
  throw UsageError(
      "E-SETTINGS",
      fmt::format("{}: line {}: unknown key '{}'{}{}",
                  file,
                  node.source().begin.line,
                  key,
                  table == nullptr ? std::string() : fmt::format(" of headroom {}", table->name),
                  did_you_mean(key, names)));
}

/// One key of a file, or of a table in it; `where` names them.
void add_key(Settings& settings,
             const std::string& key,
             const toml::node& node,
             const std::string& file,
             const std::string& where) {
  const Flag* const row = find_key(key);
  if (row == nullptr) {
    refuse_key(file, node, key, nullptr);
  }
  const Flag* const own = flag(row->name, settings.command().bit);
  if (own == nullptr || own->command_line_only) {
    return;
  }
  const std::string origin = where + key;
  std::vector<std::string> texts = node_texts(node, origin);
  if (own->type == FlagType::kSwitch || own->type == FlagType::kCounted) {
    texts = {switch_value(texts.empty() ? "" : texts.back(), origin)};
  }
  settings.offer(*own, std::move(texts), origin);
}

/// [vqa] and the like: what is for one command alone. Another command's is only looked at.
void add_command_table(Settings& settings,
                       const CommandInfo& command,
                       const toml::table& table,
                       const std::string& file,
                       bool is_read) {
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const Flag* const row = find_key(name);
    if (row == nullptr || flag(row->name, command.bit) == nullptr) {
      refuse_key(file, node, name, &command);
    }
    if (is_read) {
      add_key(settings, name, node, file, fmt::format("{}: {}.", file, command.name));
    }
  }
}

void add_file(Settings& settings, const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return;
  }
  const std::string file = path.string();
  const toml::table table = read_table(path);
  const auto read_own = [&](const std::string& name) {
    const toml::table* const own = name == "models" ? nullptr : table[name].as_table();
    if (own != nullptr) {  // [models] has names
      add_command_table(settings, *find_command(name), *own, file, true);
    }
  };
  read_own(std::string(settings.command().name));
  if (settings.command().bit == kPlan) {
    if (const toml::node* const test = table.get("test")) {
      add_key(settings, "test", *test, file, file + ": ");  // before its table is chosen
    }
    read_own(settings.text("test"));  // what it plans is asked so
  }
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const toml::table* const inner = node.as_table();
    const CommandInfo* const command = find_command(name);
    if (inner != nullptr && name == "models") {
      add_model_names(settings, *inner, file);
    } else if (inner != nullptr && command != nullptr) {
      add_command_table(settings, *command, *inner, file, false);
    } else {
      add_key(settings, name, node, file, file + ": ");
    }
  }
}

}  // namespace

void add_lower_layers(Settings& settings, const Environment& environment) {
  for (const Flag& row : flags()) {
    if ((row.commands & settings.command().bit) == 0 || row.command_line_only) {
      continue;
    }
    const std::string name = environment_name(row);
    if (const auto value = environment(name); value && !value->empty()) {
      offer_text(settings, row, *value, name);
    }
  }
  add_file(settings, "./headroom.toml");
  std::optional<std::string> folder = environment("XDG_CONFIG_HOME");
  if (!folder || folder->empty()) {
    const auto home = environment("HOME");
    if (!home || home->empty()) {
      return;
    }
    folder = *home + "/.config";
  }
  add_file(settings, std::filesystem::path(*folder) / "headroom" / "config.toml");
}

}  // namespace headroom::cli
