#include "data_inputs.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "base/absolute_path.h"
#include "datasets/describe.h"
#include "datasets/open.h"
#include "datasets/picture_set.h"
#include "datasets/prompt_template.h"
#include "places.h"

namespace headroom::cli {

namespace {

namespace fs = std::filesystem;

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

datasets::PictureSet pictures_of(const std::string& word, const run::Specification& spec) {
  datasets::PictureSet pictures = datasets::open_picture_set(word, spec.data.pictures);
  if (spec.pictures) {
    datasets::keep_range(pictures, spec.pictures->first, spec.pictures->last);
  }
  return pictures;
}

/// What a test asks about these pictures.
datasets::Dataset about_pictures(datasets::PictureSet pictures, const run::Specification& spec) {
  return spec.test == run::TestKind::kContext
             ? datasets::dialogue_dataset(std::move(pictures), spec.turns)
             : datasets::describe_dataset(std::move(pictures), {spec.prompt, spec.text_only});
}

/// --data of a test that only needs pictures.
run::DataSpec pictures_spec(Context& context) {
  run::DataSpec spec;
  if (context.settings.given("data")) {  // plan's default is questions
    spec.word = context.settings.text("data");
  } else {
    throw UsageError("E-USAGE-VALUE",
                     fmt::format("headroom {}: --data names no pictures; give a folder, a picture, "
                                 "a list, a pattern or a file with captions or facts",
                                 context.settings.command().name));
  }
  spec.pictures = read_images(context.settings);
  return spec;
}

/// --turns, or the turns of the test when it was not given, the first with the text of --prompt.
std::vector<datasets::ScriptTurn> read_turns(const Settings& settings) {
  std::vector<datasets::ScriptTurn> turns;
  if (settings.given("turns")) {
    settings.blame_origin("turns", [&] { turns = datasets::read_script(settings.text("turns")); });
  } else {
    turns = datasets::default_script();
  }
  if (settings.given("prompt")) {
    turns.front().text = settings.text("prompt");
    settings.blame_origin("prompt", [&] { datasets::check_script(turns, "--prompt"); });
  }
  return turns;
}

}  // namespace

run::TestKind test_of(const Settings& settings) {
  const Command command = settings.command().bit;
  const std::string planned = command == kPlan ? settings.text("test") : "";
  if (command == kDescribe || planned == run::to_string(run::TestKind::kDescribe)) {
    return run::TestKind::kDescribe;
  }
  return command == kContext || planned == run::to_string(run::TestKind::kContext)
             ? run::TestKind::kContext
             : run::TestKind::kVqa;
}

void take_pictures(const Settings& settings, run::Specification& spec) {
  if (settings.given("limit")) {
    settings.blame_origin("limit",
                          [&] { spec.pictures = run::parse_range(settings.text("limit")); });
  }
  spec.test = test_of(settings);
  if (spec.test == run::TestKind::kContext) {
    spec.turns = read_turns(settings);
    return;
  }
  spec.prompt = settings.given("prompt") ? settings.text("prompt") : datasets::kDescribePrompt;
  spec.text_only = !settings.on("no-text-only");
}

namespace {

OpenedData open_questions(Context& context) {
  const Settings& settings = context.settings;
  run::DataSpec spec;
  spec.word = settings.text("data");
  spec.map = settings.texts("map");
  spec.pictures = read_images(settings);
  datasets::Dataset dataset = open_word(context, spec, spec.word);
  settings.blame_origin("prompt", [&] {
    dataset = datasets::with_prompt(std::move(dataset), settings.text("prompt"));
  });
  return opened(std::move(spec), std::move(dataset));
}

OpenedData open_pictures(Context& context) {
  run::Specification spec;
  spec.data = pictures_spec(context);
  take_pictures(context.settings, spec);
  datasets::PictureSet pictures = pictures_of(spec.data.word, spec);
  datasets::Dataset dataset;
  context.settings.blame_origin("prompt",
                                [&] { dataset = about_pictures(std::move(pictures), spec); });
  return opened(std::move(spec.data), std::move(dataset));
}

/// From another working folder the word may mean nothing, or something else: then the argument
/// counts.
datasets::Dataset reopen_questions(Context& context, const run::DataSpec& spec) {
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

}  // namespace

OpenedData open_data(Context& context) {
  return test_of(context.settings) == run::TestKind::kVqa ? open_questions(context)
                                                          : open_pictures(context);
}

datasets::Dataset reopen_data(Context& context, const run::Specification& spec) {
  return spec.test == run::TestKind::kVqa
             ? datasets::with_prompt(reopen_questions(context, spec.data), spec.prompt)
             : about_pictures(pictures_of(spec.data.argument, spec), spec);
}

}  // namespace headroom::cli
