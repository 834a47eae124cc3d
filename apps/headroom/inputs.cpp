#include "inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>
#include <utility>

#include "base/version.h"
#include "datasets/open.h"
#include "memory/budget.h"
#include "memory/ladder.h"
#include "places.h"
#include "run/governing.h"
#include "run/model_hash.h"
#include "scoring/scorers.h"

namespace headroom::cli {

namespace {

namespace fs = std::filesystem;

std::uint32_t narrow(Context& context, std::string_view name) {
  const std::int64_t value = context.settings.integer(name);
  if (value > std::numeric_limits<std::uint32_t>::max()) {
    throw UsageError("E-USAGE-VALUE",
                     fmt::format("{}: {} is above {}",
                                 context.settings.origin(name),
                                 value,
                                 std::numeric_limits<std::uint32_t>::max()));
  }
  return static_cast<std::uint32_t>(value);
}

/// The embedded model's folder, or an empty path: only the word `demo` needs it.
fs::path demo_folder(const Settings& settings) {
  try {
    return assets_folder(settings) / "demo" / "model";
  } catch (const UsageError&) {
    return {};
  }
}

std::string dtype(const Settings& settings) {
  const std::string choice = settings.text("dtype");
  return choice == "auto" ? "" : choice;
}

}  // namespace

run::ModelSpec resolve_one_model(Context& context, const std::string& word) {
  const backends::ModelPlaces places{demo_folder(context.settings),
                                     backends::hub_folder(context.environment)};
  if (word == "demo" && places.demo.empty()) {
    assets_folder(context.settings);  // throws with the places that were looked at
  }
  const backends::ModelSource source = backends::resolve_model(word, places);
  const fs::path folder = fs::absolute(source.folder).lexically_normal();
  if (context.console.options().verbosity >= 0) {
    context.console.note(fmt::format("model {}: {} ({})", word, source.described, folder.string()));
  }
  run::ModelSpec spec;
  spec.word = word;
  spec.name = source.repository.empty() ? source.label : source.repository;
  spec.engine = "mlx";
  spec.folder = folder.string();
  spec.revision = source.revision;
  run::ModelFingerprint fingerprint = run::model_fingerprint(folder);
  spec.hash = std::move(fingerprint.hash);
  spec.files = std::move(fingerprint.files);
  spec.dtype = dtype(context.settings);
  return spec;
}

std::vector<run::ModelSpec> resolve_models(Context& context) {
  std::vector<std::string> words = context.settings.texts("model");
  if (words.empty()) {
    words = {"demo"};
  }
  std::vector<run::ModelSpec> models;
  std::set<std::string> folders;
  std::set<std::string> names;
  for (const std::string& word : words) {
    run::ModelSpec spec = resolve_one_model(context, word);
    if (!folders.insert(spec.folder).second) {
      throw UsageError(
          "E-MODEL-TWICE",
          fmt::format(
              "{}: the same folder as another --model ({}); name it once", word, spec.folder));
    }
    for (int copy = 2; !names.insert(spec.name).second; ++copy) {
      spec.name = fmt::format("{}-{}", fs::path(spec.folder).filename().string(), copy);
    }
    models.push_back(std::move(spec));
  }
  return models;
}

namespace {

datasets::Dataset open_word(Context& context, const run::DataSpec& spec, const std::string& word) {
  datasets::OpenOptions options;
  const auto read_map = [&] { options.map = datasets::parse_field_map(spec.map); };
  if (context.settings.command().bit == kResume) {
    read_map();
  } else {
    context.settings.blame_origin("map", read_map);
  }
  options.pictures = spec.pictures;
  std::error_code error;
  if (word == "easy-vqa" && !fs::exists(word, error)) {
    options.assets = assets_folder(context.settings) / "demo";
  }
  return datasets::open_dataset(word, options);
}

std::string absolute_path(const fs::path& path) {
  return fs::absolute(path).lexically_normal().string();
}

}  // namespace

OpenedData open_data(Context& context) {
  run::DataSpec spec;
  spec.word = context.settings.text("data");
  spec.map = context.settings.texts("map");
  if (context.settings.given("images")) {
    spec.pictures = absolute_path(context.settings.text("images"));
    std::error_code error;
    if (!fs::is_directory(spec.pictures, error)) {
      throw UsageError(
          "E-DATA-IMAGES",
          fmt::format(
              "{} {}: there is no such folder", context.settings.origin("images"), spec.pictures));
    }
  }
  datasets::Dataset dataset = open_word(context, spec, spec.word);
  spec.reader = dataset.name;
  spec.label = dataset.label;
  spec.path = absolute_path(dataset.path);
  spec.argument = dataset.argument;
  return {std::move(spec), std::move(dataset)};
}

/// From another working folder the word may mean nothing, or something else: then the argument
/// counts.
datasets::Dataset reopen_data(Context& context, const run::DataSpec& spec) {
  const std::string argument = spec.argument.empty() ? spec.path : spec.argument;
  std::error_code error;
  try {
    datasets::Dataset dataset = open_word(context, spec, spec.word);
    if (dataset.argument == argument || !fs::exists(spec.path, error)) {
      return dataset;
    }
  } catch (const UsageError&) {
    if (!fs::exists(spec.path, error)) {
      throw;
    }
  }
  return open_word(context, spec, fmt::format("{}:{}", spec.reader, argument));
}

std::string read_memory(const Settings& settings) {
  const std::string text = settings.text("memory");
  settings.blame_origin("memory", [&] { memory::parse_budget(text); });
  return text;
}

std::optional<double> read_fail_under(const Settings& settings) {
  if (!settings.given("fail-under")) {
    return std::nullopt;
  }
  const double percent = settings.number("fail-under");
  if (percent > 100) {
    throw UsageError("E-USAGE-VALUE",
                     fmt::format("{}: {:g} is above 100; an accuracy is from 0 to 100 percent",
                                 settings.origin("fail-under"),
                                 percent));
  }
  return percent;
}

run::Specification specification(Context& context,
                                 std::vector<run::ModelSpec> models,
                                 const OpenedData& data) {
  const Settings& settings = context.settings;
  run::Specification spec;
  spec.models = std::move(models);
  spec.data = data.spec;
  spec.metric = data.dataset.metric;
  if (settings.given("limit")) {
    settings.blame_origin("limit", [&] { spec.limit = run::parse_range(settings.text("limit")); });
  }
  spec.sample_ids = settings.texts("sample-id");
  spec.max_tokens = narrow(context, "max-tokens");
  if (spec.max_tokens == 0) {
    throw UsageError("E-USAGE-VALUE",
                     fmt::format("{}: 0 new tokens are no answer; give 1 or more",
                                 settings.origin("max-tokens")));
  }
  spec.max_image_side = narrow(context, "max-image-side");
  spec.batch = narrow(context, "batch");
  spec.memory = read_memory(settings);
  spec.allow = settings.text("allow");
  settings.blame_origin("allow", [&] { memory::parse_allowed(spec.allow); });
  spec.versions = {{"headroom", kVersion}};
  spec.command = run::without_secrets(context.arguments);
  if (settings.command().bit != kVqa) {
    return spec;
  }
  if (settings.given("metric")) {
    spec.metric = settings.text("metric");
    settings.blame_origin("metric", [&] { scoring::make_scorer(spec.metric); });
  }
  spec.shuffle = settings.on("shuffle");
  spec.seed = static_cast<std::uint64_t>(settings.integer("seed"));
  spec.top_log_probs = narrow(context, "log-probs");
  spec.governor = settings.text("governor") != "off";
  spec.cleanup = settings.text("cleanup");
  spec.cleanup_every = narrow(context, "cleanup-every");
  spec.cleanup_pictures = narrow(context, "cleanup-pictures");
  settings.blame_origin("cleanup", [&] {
    run::cleanup_policy(spec, memory::KindOfEngine::kMlx, memory::Counter::kFootprint);
  });
  spec.question_timeout = settings.number("timeout");
  spec.keep_prompts = context.console.options().verbosity >= 2;
  spec.out = settings.text("out");
  spec.fail_under = read_fail_under(settings);
  return spec;
}

}  // namespace headroom::cli
