#include <fmt/format.h>
#include <toml++/toml.h>

#include "base/errors.h"
#include "base/files.h"
#include "base/json.h"
#include "base/spelling.h"
#include "datasets/dialogue.h"
#include "rows.h"

namespace headroom::datasets {

namespace {

namespace fs = std::filesystem;

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

ScriptTurn read_table(const toml::table& entry, const std::string& where) {
  ScriptTurn turn;
  for (const auto& [key, value] : entry) {
    const std::string name(key.str());
    std::string& into = member(turn, name, where);
    const auto said = value.value<std::string>();
    if (!said) {
      refuse_value(where, name);
    }
    into = *said;
  }
  return turn;
}

std::vector<ScriptTurn> read_tables(const fs::path& file) {
  const std::string name = file.string();
  toml::table table;
  try {
    table = toml::parse(read_file(file), name);
  } catch (const toml::parse_error& error) {
    throw UsageError(
        "E-TURNS",
        fmt::format(
            "{}:{}: {}", name, error.source().begin.line, std::string_view(error.description())));
  }
  const toml::array* const list = table["turn"].as_array();
  if (list == nullptr || table.size() != 1) {
    throw UsageError(
        "E-TURNS", fmt::format("{}: expected [[turn]] tables with text and fact, no other", name));
  }
  std::vector<ScriptTurn> turns;
  for (const toml::node& node : *list) {
    const std::string where = fmt::format("{}: turn {}", name, turns.size() + 1);
    const toml::table* const entry = node.as_table();
    if (entry == nullptr) {
      throw UsageError("E-TURNS", where + ": not a table");
    }
    turns.push_back(read_table(*entry, where));
  }
  return turns;
}

std::vector<ScriptTurn> read_lines(const fs::path& file) {
  std::vector<ScriptTurn> turns;
  LineRows rows(file);
  while (const std::optional<Row> row = rows.next()) {
    const std::string where = rows.where(row->number);
    const Json entry = parse_json(std::string(row->text), where);
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

std::vector<ScriptTurn> read_script(const fs::path& file) {
  const std::string extension = file.extension().string();
  if (extension != ".toml" && extension != ".jsonl") {
    throw UsageError("E-TURNS", fmt::format("{}: expected FILE.toml or FILE.jsonl", file.string()));
  }
  std::vector<ScriptTurn> turns = extension == ".toml" ? read_tables(file) : read_lines(file);
  check_script(turns, file.string());
  return turns;
}

}  // namespace headroom::datasets
