#include "new_specification.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/version.h"
#include "datasets/legacy_sample.h"
#include "memory/budget.h"
#include "memory/ladder.h"
#include "run/governing.h"
#include "scoring/profile.h"
#include "scoring/scorers.h"

namespace headroom::cli {

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

/// What only questions with answers have: order, metric and the old tool's file.
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
}

std::string read_system(const Settings& settings) {
  const std::string text = settings.text("system");
  if (text.find("<image>") != std::string::npos) {
    throw UsageError("E-PROMPT-IMAGES",
                     fmt::format("{}: '<image>' is the place of a picture, and a system message "
                                 "has none; take it out",
                                 settings.origin("system")));
  }
  return text;
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
  if (test_of(settings) != run::TestKind::kVqa) {
    take_pictures(settings, spec);
  } else {
    spec.prompt = settings.text("prompt");
    if (settings.given("limit")) {
      settings.blame_origin("limit",
                            [&] { spec.limit = run::parse_range(settings.text("limit")); });
    }
  }
  if (flag("sample-id", command) != nullptr) {
    take_questions(settings, data, spec);
  }
  spec.system = read_system(settings);
  spec.max_tokens = narrow(context, "max-tokens");
  if (spec.max_tokens == 0) {
    throw UsageError("E-USAGE-VALUE",
                     fmt::format("{}: 0 new tokens are no answer; give 1 or more",
                                 settings.origin("max-tokens")));
  }
  spec.max_image_side = narrow(context, "max-image-side");
  const bool servers_alone =
      std::all_of(spec.models.begin(), spec.models.end(), [](const run::ModelSpec& model) {
        return model.engine == "server" || model.engine == "gguf";
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
  spec.fail_under = read_fail_under(settings);
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
