#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/model_table.h"
#include "flags.h"

namespace headroom::cli {

/// Reads one environment variable; empty when it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The values of one command's flags, after all layers: command line > environment > project file >
/// user file > default. Each value remembers where it came from, for messages. Reading a name that
/// is no flag of the command throws InternalError.
class Settings {
 public:
  explicit Settings(const CommandInfo& command) : command_(&command) {}

  const CommandInfo& command() const { return *command_; }

  const std::vector<std::string>& positionals() const { return positionals_; }

  /// Given on any layer (a default does not count).
  bool given(std::string_view name) const;
  /// The last value; the default, or an empty text, when none was given.
  std::string text(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;

  bool on(std::string_view name) const { return count(name) > 0; }

  int count(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;
  /// "--memory", "HEADROOM_MEMORY" or "./headroom.toml: memory"; "--memory" when it was not given.
  std::string origin(std::string_view name) const;

  /// Runs `check`. A UsageError about the flag that it throws is blamed on the place where the
  /// value came from: "--memory: 'x' is not a size" is about HEADROOM_MEMORY when that said x.
  void blame_origin(std::string_view name, const std::function<void()>& check) const;

  /// For the layers (parse.cpp, layers.cpp), best first: a value that is there already stays.
  /// Throws UsageError when the value is not of the flag's type.
  void offer(const Flag& flag, std::vector<std::string> values, std::string origin);

  /// Names for models that configuration files add ([models] name = "word"), best first.
  const std::vector<backends::ModelName>& model_names() const { return model_names_; }

  void add_model_name(backends::ModelName name) { model_names_.push_back(std::move(name)); }

  void add_positional(std::string word) { positionals_.push_back(std::move(word)); }

 private:
  struct Value {
    std::vector<std::string> texts;
    std::string origin;
  };

  const Value* find(std::string_view name) const;

  const CommandInfo* command_;
  std::map<std::string, Value, std::less<>> values_;
  std::vector<std::string> positionals_;
  std::vector<backends::ModelName> model_names_;
};

/// Reads a command's words (without the program's and the command's name). Throws UsageError for
/// an unknown flag, naming the nearest spelling or the commands that it belongs to.
Settings parse_command_line(const CommandInfo& command, const std::vector<std::string>& words);

/// Adds the layers below the command line: HEADROOM_<FLAG>, ./headroom.toml, and
/// $XDG_CONFIG_HOME/headroom/config.toml (else ~/.config). Throws UsageError for a file that is not
/// TOML or has an unknown key, naming file and line.
void add_lower_layers(Settings& settings, const Environment& environment);

}  // namespace headroom::cli
