#pragma once

#include <string>
#include <vector>

#include "backends/model_source.h"
#include "commands.h"
#include "run/specification.h"

/// What words for models mean.
namespace headroom::cli {

/// The models that --model names (the embedded one without it), each resolved and told to the user,
/// largest first unless --order says otherwise. Of several one that cannot be resolved is kept with
/// ModelSpec::not_run. Throws UsageError for the only one, when none of several can be resolved
/// (each is told then, too), for a wrong address of a server, and "E-MODEL-TWICE" for one that is
/// named twice.
std::vector<run::ModelSpec> resolve_models(Context& context);

/// Tells why a model is not asked. `model` has `not_run`.
void warn_not_run(Context& context, const run::ModelSpec& model);

/// Where words for models are looked up: the embedded model, the cache, the table of names with
/// what the configuration files add.
backends::ModelPlaces model_places(Context& context);

/// One model's word, resolved and told to the user. `trusted`: the run that it belongs to was begun
/// with --trust-remote-code.
run::ModelSpec resolve_one_model(Context& context, const std::string& word, bool trusted = false);

}  // namespace headroom::cli
