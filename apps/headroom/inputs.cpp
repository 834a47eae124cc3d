#include "inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>
#include <utility>

#include "backends/model_summary.h"
#include "base/hash.h"
#include "base/version.h"
#include "datasets/describe.h"
#include "datasets/legacy_sample.h"
#include "datasets/open.h"
#include "datasets/picture_set.h"
#include "memory/budget.h"
#include "memory/ladder.h"
#include "places.h"
#include "run/governing.h"
#include "run/model_hash.h"
#include "scoring/profile.h"
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

backends::ModelPlaces model_places(Context& context) {
  return {demo_folder(context.settings),
          backends::hub_folder(context.environment),
          backends::extended(backends::built_in_models(), context.settings.model_names())};
}

namespace {

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

run::ModelSpec resolve_one_model(Context& context, const std::string& word) {
  const backends::ModelPlaces places = model_places(context);
  if (word == "demo" && places.demo.empty()) {
    assets_folder(context.settings);  // throws with the places that were looked at
  }
  const backends::ModelSource source = backends::resolve_model(word, places);
  if (source.engine == "server") {
    return server_spec(context, source);
  }
  const fs::path folder = fs::absolute(source.folder).lexically_normal();
  if (context.console.options().verbosity >= 0) {
    context.console.note(fmt::format("model {}: {} ({})", word, source.described, folder.string()));
  }
  run::ModelSpec spec;
  spec.word = word;
  spec.name = source.repository.empty() ? source.label : source.repository;
  spec.engine = source.engine;
  if (spec.engine == "torch") {
    spec.name += "-torch";
    spec.trust_remote_code = flag("trust-remote-code", context.settings.command().bit) != nullptr &&
                             context.settings.on("trust-remote-code");
  }
  spec.folder = folder.string();
  spec.revision = source.revision;
  run::ModelFingerprint fingerprint = run::model_fingerprint(folder, spec.trust_remote_code);
  spec.hash = std::move(fingerprint.hash);
  spec.files = std::move(fingerprint.files);
  spec.dtype = dtype(context.settings);
  return spec;
}

namespace {

/// Resolved, or kept with the reason why it is not.
std::vector<run::ModelSpec> resolve_words(Context& context,
                                          const std::vector<std::string>& words,
                                          Unresolved unresolved) {
  std::vector<run::ModelSpec> models;
  std::exception_ptr first;
  for (const std::string& word : words) {
    try {
      models.push_back(resolve_one_model(context, word));
    } catch (const UsageError& error) {
      // A name that nothing is called is a slip of the pen, and an address that is refused may have
      // a password in it, which is not kept.
      const bool slip =
          (error.code() == "E-MODEL-NOT-FOUND" && word.find('/') == std::string::npos) ||
          error.code() == "E-SERVER-ADDRESS";
      if (unresolved == Unresolved::kThrow || slip) {
        throw;
      }
      first = first ? first : std::current_exception();
      run::ModelSpec spec;
      spec.word = word;
      spec.name = word;
      spec.not_run = run::NotRun{error.code(), error.what()};
      models.push_back(std::move(spec));
    }
  }
  const auto failed = std::count_if(models.begin(), models.end(), [](const run::ModelSpec& model) {
    return model.not_run.has_value();
  });
  if (failed == static_cast<std::ptrdiff_t>(models.size())) {
    std::rethrow_exception(first);
  }
  return models;
}

/// Models of one size stay in the order in which they were named; those that are not here go last.
void put_largest_first(std::vector<run::ModelSpec>& models) {
  std::map<std::string, std::uint64_t> sizes;
  for (const run::ModelSpec& model : models) {
    const bool here = !model.folder.empty() && model.engine != "server";
    sizes[model.folder] = !here ? 0 : backends::weights_size(model.folder).count();
  }
  std::stable_sort(
      models.begin(), models.end(), [&](const run::ModelSpec& a, const run::ModelSpec& b) {
        return sizes[a.folder] > sizes[b.folder];
      });
}

}  // namespace

std::vector<run::ModelSpec> resolve_models(Context& context, Unresolved unresolved) {
  std::vector<std::string> words = context.settings.texts("model");
  if (words.empty()) {
    words = {"demo"};
  }
  std::vector<run::ModelSpec> models = resolve_words(context, words, unresolved);
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
    for (int copy = 2; !names.insert(spec.name).second; ++copy) {
      spec.name =
          fmt::format("{}-{}",
                      spec.folder.empty() ? spec.word : fs::path(spec.folder).filename().string(),
                      copy);
    }
  }
  if (context.settings.text("order") == "largest") {
    put_largest_first(models);
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

std::string read_images(const Settings& settings) {
  if (!settings.given("images")) {
    return {};
  }
  std::string folder = absolute_path(settings.text("images"));
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    throw UsageError(
        "E-DATA-IMAGES",
        fmt::format("{} {}: there is no such folder", settings.origin("images"), folder));
  }
  return folder;
}

OpenedData opened(run::DataSpec spec, datasets::Dataset dataset) {
  spec.reader = dataset.name;
  spec.label = dataset.label;
  spec.path = absolute_path(dataset.path);
  spec.argument = dataset.argument;
  return {std::move(spec), std::move(dataset)};
}

datasets::DescribeOptions describe_options(const run::Specification& spec) {
  datasets::DescribeOptions options;
  options.prompt = spec.prompt;
  options.text_only = spec.text_only;
  if (spec.pictures) {
    options.first = spec.pictures->first - 1;
    options.count = spec.pictures->last - options.first;
  }
  return options;
}

/// The flags that only `describe` has.
void read_describe(const Settings& settings, run::Specification& spec) {
  spec.test = "describe";
  spec.prompt = settings.text("prompt");
  spec.text_only = !settings.on("no-text-only");
  if (settings.given("limit")) {
    settings.blame_origin("limit",
                          [&] { spec.pictures = run::parse_range(settings.text("limit")); });
  }
}

}  // namespace

OpenedData open_data(Context& context) {
  run::DataSpec spec;
  spec.word = context.settings.text("data");
  spec.map = context.settings.texts("map");
  spec.pictures = read_images(context.settings);
  datasets::Dataset dataset = open_word(context, spec, spec.word);
  return opened(std::move(spec), std::move(dataset));
}

OpenedData open_pictures(Context& context) {
  run::DataSpec data;
  data.word = context.settings.text("data");
  data.pictures = read_images(context.settings);
  if (data.word.empty()) {
    throw UsageError(
        "E-USAGE-VALUE",
        "headroom describe: --data names no pictures; give a folder, a picture, a list, "
        "a pattern or a file with captions or facts");
  }
  run::Specification spec;
  read_describe(context.settings, spec);
  datasets::Dataset dataset = datasets::describe_dataset(
      datasets::open_picture_set(data.word, data.pictures), describe_options(spec));
  return opened(std::move(data), std::move(dataset));
}

OpenedData open_dialogues(Context& context, const std::vector<datasets::ScriptTurn>& script) {
  run::DataSpec spec;
  spec.word = context.settings.text("data");
  if (spec.word.empty()) {
    throw UsageError(
        "E-USAGE-VALUE",
        "headroom context: --data names no pictures; give a folder, a picture, a list, "
        "a pattern or a file with captions or facts");
  }
  spec.pictures = read_images(context.settings);
  datasets::PictureSet pictures = datasets::open_picture_set(spec.word, spec.pictures);
  return opened(std::move(spec), datasets::dialogue_dataset(std::move(pictures), script));
}

/// From another working folder the word may mean nothing, or something else: then the argument
/// counts.
datasets::Dataset reopen_data(Context& context, const run::Specification& run) {
  const run::DataSpec& spec = run.data;
  if (run.test == "describe") {
    return datasets::describe_dataset(datasets::open_picture_set(spec.argument, spec.pictures),
                                      describe_options(run));
  }
  if (run.test == "context") {
    return datasets::dialogue_dataset(datasets::open_picture_set(spec.argument, spec.pictures),
                                      run.turns);
  }
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

namespace {

/// The old tool's questions, of these those that --limit says.
void take_legacy_sample(const Settings& settings,
                        const OpenedData& data,
                        run::Specification& spec) {
  if (data.dataset.name != "vqav2") {
    throw UsageError("E-USAGE-VALUE",
                     fmt::format("{}: legacy is a sample of VQA v2's val2014 questions; give them "
                                 "with -d vqav2:FOLDER",
                                 settings.origin("sample")));
  }
  if (!spec.sample_ids.empty()) {
    throw UsageError("E-USAGE-FLAG",
                     fmt::format("{}: --sample-id chooses questions too; give one of them",
                                 settings.origin("sample")));
  }
  spec.sample_ids = datasets::legacy_sample();
  if (spec.limit) {
    const std::size_t last = std::min<std::size_t>(spec.limit->last, spec.sample_ids.size());
    const std::size_t first = std::min<std::size_t>(spec.limit->first - 1, last);
    spec.sample_ids = {spec.sample_ids.begin() + static_cast<std::ptrdiff_t>(first),
                       spec.sample_ids.begin() + static_cast<std::ptrdiff_t>(last)};
    if (spec.sample_ids.empty()) {
      throw UsageError("E-LIMIT",
                       fmt::format("--limit {}: the legacy sample has {} questions",
                                   run::to_string(*spec.limit),
                                   datasets::legacy_sample().size()));
    }
    spec.limit.reset();
  }
  spec.in_sample_order = true;
}

/// Which of the data's questions are asked, by id.
void take_questions(const Settings& settings, const OpenedData& data, run::Specification& spec) {
  spec.sample_ids = settings.texts("sample-id");
  if (flag("sample", settings.command().bit) != nullptr && settings.text("sample") == "legacy") {
    take_legacy_sample(settings, data, spec);
  }
}

/// What only questions with answers have: order, metric and what becomes of the accuracy.
void take_scoring(const Settings& settings, run::Specification& spec) {
  spec.metric = scoring::metrics_of(settings.text("profile"), spec.metric).front();
  if (settings.given("metric")) {
    if (settings.given("profile")) {
      throw UsageError("E-USAGE-FLAG",
                       fmt::format("{}: --metric names a profile's metric itself; give one of them",
                                   settings.origin("profile")));
    }
    spec.metric = settings.text("metric");
    settings.blame_origin("metric", [&] { scoring::make_scorer(spec.metric); });
  }
  spec.shuffle = settings.on("shuffle");
  spec.seed = static_cast<std::uint64_t>(settings.integer("seed"));
  spec.legacy_results = settings.on("save-results");
  spec.fail_under = read_fail_under(settings);
}

}  // namespace

run::Specification specification(Context& context,
                                 std::vector<run::ModelSpec> models,
                                 const OpenedData& data) {
  const Settings& settings = context.settings;
  run::Specification spec;
  spec.models = std::move(models);
  spec.data = data.spec;
  spec.metric = data.dataset.metric;
  const Command command = settings.command().bit;
  if (command == kDescribe) {
    read_describe(settings, spec);
    spec.fail_under = read_fail_under(settings);
  } else if (settings.given("limit")) {
    settings.blame_origin("limit", [&] { spec.limit = run::parse_range(settings.text("limit")); });
  }
  if (flag("sample-id", command) != nullptr) {
    take_questions(settings, data, spec);
  }
  spec.system = settings.text("system");
  spec.max_tokens = narrow(context, "max-tokens");
  if (spec.max_tokens == 0) {
    throw UsageError("E-USAGE-VALUE",
                     fmt::format("{}: 0 new tokens are no answer; give 1 or more",
                                 settings.origin("max-tokens")));
  }
  spec.max_image_side = narrow(context, "max-image-side");
  const bool servers_alone =
      std::all_of(spec.models.begin(), spec.models.end(), [](const run::ModelSpec& model) {
        return model.engine == "server";
      });
  if (servers_alone && !settings.given("max-image-side")) {
    spec.max_image_side = 0;  // its own processing is what is judged
  }
  spec.batch = narrow(context, "batch");
  spec.memory = read_memory(settings);
  spec.allow = settings.text("allow");
  settings.blame_origin("allow", [&] { memory::parse_allowed(spec.allow); });
  spec.versions = {{"headroom", kVersion}};
  spec.command = run::without_secrets(context.arguments);
  if (command == kPlan) {
    return spec;
  }
  if (command == kVqa) {
    take_scoring(settings, spec);
  }
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
  return spec;
}

}  // namespace headroom::cli
