#pragma once

#include <string>
#include <vector>

#include "backends/model_source.h"
#include "commands.h"
#include "run/specification.h"

/// What words for models mean.
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

/// One model's word, resolved and told to the user. `trusted`: the run that it belongs to was begun
/// with --trust-remote-code.
run::ModelSpec resolve_one_model(Context& context, const std::string& word, bool trusted = false);

}  // namespace headroom::cli
