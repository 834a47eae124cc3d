#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backends/model_source.h"
#include "commands.h"
#include "datasets/dialogue.h"
#include "datasets/item.h"
#include "run/specification.h"

namespace headroom::cli {

/// What becomes of a word that names no model on this machine.
enum class Unresolved {
  kThrow,
  /// Told, and kept with ModelSpec::not_run, as long as another word can be resolved. A name that
  /// nothing is called throws all the same.
  kKeep,
};

/// The models that --model names (the embedded one without it), each resolved and told to the user,
/// largest first unless --order says otherwise. Throws UsageError for an unknown word, and
/// "E-MODEL-TWICE" for one that is named twice.
std::vector<run::ModelSpec> resolve_models(Context& context,
                                           Unresolved unresolved = Unresolved::kThrow);

/// Where words for models are looked up: the embedded model, the cache, the table of names with
/// what the configuration files add.
backends::ModelPlaces model_places(Context& context);

/// One model's word, resolved and told to the user.
run::ModelSpec resolve_one_model(Context& context, const std::string& word);

/// Data as the flags name them: their stored form, and opened.
struct OpenedData {
  run::DataSpec spec;
  datasets::Dataset dataset;
};

/// What --data, --map and --images mean now.
OpenedData open_data(Context& context);
/// The same data from their stored form, when a run goes on.
datasets::Dataset reopen_data(Context& context, const run::Specification& spec);

/// The pictures that --data names, to be described as --limit, --prompt and --no-text-only say.
OpenedData open_pictures(Context& context);

/// The pictures that --data names, to be talked about in these turns.
OpenedData open_dialogues(Context& context, const std::vector<datasets::ScriptTurn>& script);

/// --turns, or the turns of the test when it was not given. Throws UsageError("E-TURNS") naming the
/// file's line or table.
std::vector<datasets::ScriptTurn> read_turns(const Settings& settings);

/// --memory as it was written. Throws UsageError when it is neither a size nor a share, naming the
/// place that it came from.
std::string read_memory(const Settings& settings);

/// --fail-under in percent; empty when it was not given. Throws UsageError above 100.
std::optional<double> read_fail_under(const Settings& settings);

/// Everything that the flags of a test and of `plan` say about what is asked and how.
run::Specification specification(Context& context,
                                 std::vector<run::ModelSpec> models,
                                 const OpenedData& data);

}  // namespace headroom::cli
