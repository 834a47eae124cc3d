#include <fmt/format.h>
#include <toml++/toml.h>

#include <filesystem>

#include "base/errors.h"
#include "base/files.h"
#include "base/json.h"
#include "base/spelling.h"
#include "inputs.h"

namespace headroom::cli {

namespace {

using datasets::ScriptTurn;

const std::vector<std::string> kKeys = {"text", "fact"};

/// Where one key of a turn goes.
std::string& member(ScriptTurn& turn, const std::string& key, const std::string& where) {
  if (key == "text") {
    return turn.text;
  }
  if (key == "fact") {
    return turn.fact;
  }
  throw UsageError("E-TURNS",
                   fmt::format("{}: key '{}' is unknown{}; a turn has text and, for scoring, fact",
                               where,
                               key,
                               did_you_mean(key, kKeys)));
}

[[noreturn]] void refuse_value(const std::string& where, std::string_view key) {
  throw UsageError("E-TURNS", fmt::format("{}: '{}' is not a text", where, key));
}

/// [[turn]] tables, in order.
std::vector<ScriptTurn> read_toml(const std::string& text, const std::string& file) {
  toml::table table;
  try {
    table = toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    throw UsageError(
        "E-TURNS",
        fmt::format(
            "{}:{}: {}", file, error.source().begin.line, std::string_view(error.description())));
  }
  const toml::array* const list = table["turn"].as_array();
  if (list == nullptr || table.size() != 1) {
    throw UsageError(
        "E-TURNS", fmt::format("{}: expected [[turn]] tables with text and fact, no other", file));
  }
  std::vector<ScriptTurn> turns;
  for (const toml::node& node : *list) {
    const std::string where = fmt::format("{}: turn {}", file, turns.size() + 1);
    const toml::table* const entry = node.as_table();
    if (entry == nullptr) {
      throw UsageError("E-TURNS", where + ": not a table");
    }
    ScriptTurn turn;
    for (const auto& [key, value] : *entry) {
      const std::string name(key.str());
      std::string& into = member(turn, name, where);
      const auto said = value.value<std::string>();
      if (!said) {
        refuse_value(where, name);
      }
      into = *said;
    }
    turns.push_back(std::move(turn));
  }
  return turns;
}

/// One object a line.
std::vector<ScriptTurn> read_lines(const std::string& text, const std::string& file) {
  std::vector<ScriptTurn> turns;
  std::size_t line = 0;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string row = text.substr(start, end - start);
    start = end + 1;
    const std::string where = fmt::format("{}:{}", file, ++line);
    if (row.find_first_not_of(" \t\r") == std::string::npos) {
      continue;
    }
    const Json entry = parse_json(row, where);
    if (!entry.is_object()) {
      throw UsageError("E-TURNS", where + ": expected an object with text and fact");
    }
    ScriptTurn turn;
    for (const auto& [key, value] : entry.items()) {
      std::string& into = member(turn, key, where);
      if (!value.is_string()) {
        refuse_value(where, key);
      }
      into = value.get<std::string>();
    }
    turns.push_back(std::move(turn));
  }
  return turns;
}

}  // namespace

std::vector<ScriptTurn> read_turns(const Settings& settings) {
  if (!settings.given("turns")) {
    return datasets::default_script();
  }
  const std::string file = settings.text("turns");
  const std::string extension = std::filesystem::path(file).extension().string();
  if (extension != ".toml" && extension != ".jsonl") {
    throw UsageError(
        "E-TURNS",
        fmt::format("{} {}: expected FILE.toml or FILE.jsonl", settings.origin("turns"), file));
  }
  const std::string text = read_file(file);
  std::vector<ScriptTurn> turns =
      extension == ".toml" ? read_toml(text, file) : read_lines(text, file);
  datasets::check_script(turns, file);
  return turns;
}

}  // namespace headroom::cli
