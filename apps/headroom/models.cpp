#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "backends/gguf_files.h"
#include "backends/model_summary.h"
#include "base/errors.h"
#include "commands.h"
#include "model_inputs.h"
#include "progress_line.h"
#include "report/models_text.h"

namespace headroom::cli {

namespace {

/// One word looked up: a model that is here, or why it is not.
report::ListedModel look_up(const std::string& name,
                            const std::string& word,
                            const std::string& origin,
                            const backends::ModelPlaces& places) {
  report::ListedModel model;
  model.name = name;
  model.word = word;
  model.origin = origin;
  model.fetch = backends::fetch_command(word, places.hub);
  try {
    const backends::ModelSource source = backends::resolve_model(name, places);
    if (source.engine == "server") {
      model.family = source.engine;
      return model;
    }
    if (source.engine == "gguf") {
      const backends::GgufFiles files = backends::parse_gguf_files(source.folder.string());
      const backends::GgufSummary summary = backends::summarise_gguf(files);
      model.folder = files.model.parent_path().string();
      model.family = summary.architecture;
      model.dtype = summary.type;
      model.weights = summary.weights;
      return model;
    }
    const backends::ModelSummary summary = backends::summarise_model(source.folder);
    model.folder = source.folder.string();
    model.family = summary.family;
    model.dtype = summary.dtype;
    model.weights = summary.weights;
  } catch (const UsageError& error) {
    model.problem = error.what();
    model.code = error.code();
  }
  return model;
}

}  // namespace

ExitCode run_models(Context& context) {
  const backends::ModelPlaces places = model_places(context);
  std::vector<report::ListedModel> models;
  std::set<std::string> words;
  if (backends::find_model_name(places.names, "demo") == nullptr) {
    models.push_back(look_up("demo", "demo", "embedded", places));
  }
  for (const backends::ModelName& row : places.names) {
    models.push_back(look_up(row.name, row.word, row.origin, places));
    words.insert(row.word);
  }
  for (const std::string& repository : backends::cached_models(places.hub)) {
    const backends::CachedGguf gguf = backends::cached_gguf(places.hub, repository);
    for (const std::string& word : gguf.words) {
      models.push_back(look_up(word, word, "cache", places));
    }
    if (!words.contains(repository) && (gguf.words.empty() || !gguf.alone)) {
      models.push_back(look_up(repository, repository, "cache", places));
    }
  }
  context.console.out(
      context.settings.on("json")
          ? dump_json(report::models_json(models)) + "\n"
          : report::models_text(models, places.hub.string(), style_out(context.console)));
  return ExitCode::kAllAnswered;
}

}  // namespace headroom::cli
