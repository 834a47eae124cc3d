#include "model_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "backends/gguf_files.h"
#include "backends/model_summary.h"
#include "base/absolute_path.h"
#include "base/hash.h"
#include "places.h"
#include "run/model_hash.h"

namespace headroom::cli {

namespace {

namespace fs = std::filesystem;

/// The embedded model's folder, or an empty path: only the word `demo` needs it.
fs::path demo_folder(const Settings& settings) {
  try {
    return assets_folder(settings) / "demo" / "model";
  } catch (const UsageError&) {
    return {};
  }
}

/// Not every command has the flag: a resume keeps what the run began with.
std::string dtype(const Settings& settings) {
  if (flag("dtype", settings.command().bit) == nullptr) {
    return "";
  }
  const std::string choice = settings.text("dtype");
  return choice == "auto" ? "" : choice;
}

}  // namespace

backends::ModelPlaces model_places(Context& context) {
  return {demo_folder(context.settings),
          backends::hub_folder(context.environment),
          backends::extended(backends::built_in_models(), context.settings.model_names())};
}

namespace {

/// Not every command has the flag.
bool trusts_code(const Settings& settings) {
  return flag("trust-remote-code", settings.command().bit) != nullptr &&
         settings.on("trust-remote-code");
}

run::ModelSpec gguf_spec(Context& context, const backends::ModelSource& source) {
  run::ModelSpec spec;
  spec.word = source.word;
  spec.name = source.label;
  if (spec.name.find("gguf") == std::string::npos && spec.name.find("GGUF") == std::string::npos) {
    spec.name += "-gguf";  // the same model may be asked on another engine, too
  }
  spec.engine = source.engine;
  spec.folder = source.folder.string();
  spec.revision = source.revision;
  run::ModelFingerprint fingerprint = run::fingerprint_of(spec);
  spec.hash = std::move(fingerprint.hash);
  spec.files = std::move(fingerprint.files);
  if (context.console.options().verbosity >= 0) {
    context.console.note(
        fmt::format("model {}: {} ({})", source.word, source.described, spec.folder));
  }
  return spec;
}

/// What it is shows when it is asked.
run::ModelSpec server_spec(Context& context, const backends::ModelSource& source) {
  run::ModelSpec spec;
  spec.word = source.word;
  spec.name = source.label;
  spec.engine = source.engine;
  spec.folder = source.folder.string();
  spec.hash = content_hash(source.label);
  if (context.console.options().verbosity >= 0) {
    context.console.note(
        fmt::format("model {}: {} ({})", source.word, source.described, spec.folder));
  }
  return spec;
}

}  // namespace

run::ModelSpec resolve_one_model(Context& context, const std::string& word, bool trusted) {
  const backends::ModelPlaces places = model_places(context);
  if (word == "demo" && places.demo.empty()) {
    assets_folder(context.settings);  // throws with the places that were looked at
  }
  const backends::ModelSource source = backends::resolve_model(word, places);
  if (source.engine == "server") {
    return server_spec(context, source);
  }
  if (source.engine == "gguf") {
    return gguf_spec(context, source);
  }
  const fs::path folder = absolute_path(source.folder);
  if (context.console.options().verbosity >= 0) {
    context.console.note(fmt::format("model {}: {} ({})", word, source.described, folder.string()));
  }
  run::ModelSpec spec;
  spec.word = word;
  spec.name = source.repository.empty() ? source.label : source.repository;
  spec.engine = source.engine;
  if (spec.engine == "torch") {
    spec.name += "-torch";
    spec.trust_remote_code = trusted || trusts_code(context.settings);
  }
  spec.folder = folder.string();
  spec.revision = source.revision;
  run::ModelFingerprint fingerprint = run::fingerprint_of(spec);
  spec.hash = std::move(fingerprint.hash);
  spec.files = std::move(fingerprint.files);
  spec.dtype = dtype(context.settings);
  return spec;
}

namespace {

/// One that cannot be asked, under its word.
run::ModelSpec unresolved_spec(Context& context, const std::string& word, const Error& error) {
  run::ModelSpec spec;
  spec.word = word;
  spec.name = word;
  spec.trust_remote_code = trusts_code(context.settings);
  spec.not_run = run::NotRun{error.code(), error.what()};
  return spec;
}

/// Resolved, or kept with the reason why it is not. When none is, each is told, and the first
/// reason is thrown.
std::vector<run::ModelSpec> resolve_words(Context& context, const std::vector<std::string>& words) {
  std::vector<run::ModelSpec> models;
  std::exception_ptr first;
  bool found = false;
  for (const std::string& word : words) {
    try {
      models.push_back(resolve_one_model(context, word));
      found = true;
    } catch (const UsageError& error) {
      // An address that is refused may have a password in it, which is not kept.
      if (words.size() == 1 || error.code() == "E-SERVER-ADDRESS" ||
          word.find("://") != std::string::npos) {
        throw;
      }
      first = first ? first : std::current_exception();
      models.push_back(unresolved_spec(context, word, error));
    }
  }
  if (found) {
    return models;
  }
  for (const run::ModelSpec& model : models) {
    warn_not_run(context, model);
  }
  std::rethrow_exception(first);
}

/// 0: not here.
Bytes size_of(const run::ModelSpec& model) {
  if (model.folder.empty() || model.engine == "server") {
    return {};
  }
  return model.engine == "gguf"
             ? backends::summarise_gguf(backends::parse_gguf_files(model.folder)).weights
             : backends::weights_size(model.folder);
}

/// Models of one size stay in the order in which they were named; those that are not here go last.
void put_largest_first(std::vector<run::ModelSpec>& models) {
  std::map<std::string, std::uint64_t> sizes;
  for (const run::ModelSpec& model : models) {
    sizes[model.folder] = size_of(model).count();
  }
  std::stable_sort(
      models.begin(), models.end(), [&](const run::ModelSpec& a, const run::ModelSpec& b) {
        return sizes[a.folder] > sizes[b.folder];
      });
}

}  // namespace

void warn_not_run(Context& context, const run::ModelSpec& model) {
  context.log.warning(
      "run",
      fmt::format("{}: not run: {} [{}]", model.name, model.not_run->reason, model.not_run->code));
}

std::vector<run::ModelSpec> resolve_models(Context& context) {
  std::vector<std::string> words = context.settings.texts("model");
  if (words.empty()) {
    words = {"demo"};
  }
  std::vector<run::ModelSpec> models = resolve_words(context, words);
  std::map<std::string, std::string> words_of_folders;
  std::set<std::string> names;
  for (run::ModelSpec& spec : models) {
    const std::string key =
        spec.folder.empty() ? "word " + spec.word : spec.engine + " " + spec.folder;
    if (const auto [first, fresh] = words_of_folders.emplace(key, spec.word); !fresh) {
      throw UsageError("E-MODEL-TWICE",
                       fmt::format("{}: the same model as another --model ({}); name it once",
                                   spec.word,
                                   spec.folder.empty() ? first->second : spec.folder));
    }
    const std::string stem = spec.engine == "gguf" ? spec.name
                             : spec.folder.empty() ? spec.word
                                                   : last_name(spec.folder);
    for (int copy = 2; !names.insert(spec.name).second; ++copy) {
      spec.name = fmt::format("{}-{}", stem, copy);
    }
  }
  if (context.settings.text("order") == "largest") {
    put_largest_first(models);
  }
  return models;
}

}  // namespace headroom::cli
