#include "models/loaded_model.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace headroom::models {
namespace {

/// A Git LFS pointer or an HTML page in the tokenizer's place is named as what it is.
void check_text_file(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    engine::read_checkpoint_json(path);
  }
}

bool holds(const std::filesystem::path& folder, const char* name) {
  std::error_code ignored;
  return std::filesystem::exists(folder / name, ignored);
}

bool is_bare(const std::filesystem::path& folder) {
  return !holds(folder, "tokenizer.json") && !holds(folder, "preprocessor_config.json") &&
         !holds(folder, "processor_config.json");
}

/// The folder's template, or its family's where it holds none, which `notices` then says.
text::ChatTemplate load_template(const ModelFolder& model,
                                 const Family& family,
                                 const Architecture& architecture,
                                 WallTime now,
                                 std::vector<std::string>& notices) {
  const std::filesystem::path& folder = model.folder;
  if (text::ChatTemplate::present(folder)) {
    return text::ChatTemplate::load(folder, now);
  }
  if (architecture.chat_template().empty()) {
    return text::ChatTemplate::load(folder, now);  // says which files were looked for
  }
  notices.push_back(fmt::format(
      "{}: holds no chat template; that of family {} is used", folder.string(), family.model_type));
  return text::ChatTemplate::from_source(
      std::string(architecture.chat_template()), fmt::format("family {}", family.model_type), now);
}

/// What load() would refuse for want of the files that asking needs. A bare checkpoint passes.
void check_text_files(const std::filesystem::path& folder) {
  if (!is_bare(folder) && !holds(folder, "tokenizer.json")) {
    throw UsageError("E-TOKENIZER",
                     fmt::format("{}: no such file; fetch the model again with its tokenizer",
                                 (folder / "tokenizer.json").string()));
  }
}

}  // namespace

void check_askable(const std::filesystem::path& folder) {
  if (is_bare(folder)) {
    throw UsageError("E-TOKENIZER",
                     fmt::format("{}: weights without a tokenizer (tokenizer.json) and without a "
                                 "processor (preprocessor_config.json or processor_config.json): "
                                 "it can be verified, not asked; fetch the model again with these "
                                 "files",
                                 folder.string()));
  }
  check_text_files(folder);
}

LoadedModel LoadedModel::load(const std::filesystem::path& path,
                              mx::Dtype dtype,
                              WallTime now,
                              engine::Ops::Path ops) {
  const ModelFolder folder = ModelFolder::open(path);
  const Family& family = find_family(folder);
  std::optional<text::Tokenizer> tokenizer;
  std::optional<text::ChatTemplate> chat_template;
  std::vector<std::string> template_notices;
  std::vector<std::int32_t> stop_tokens;  // the family's own
  const bool bare = is_bare(path);
  if (!bare) {  // before the weights: what is wrong with small files is said at once
    check_text_files(path);
    check_text_file(path / "tokenizer.json");
    tokenizer.emplace(text::Tokenizer::load(path));
    const auto architecture = family.open(folder);
    architecture->check_tokenizer(*tokenizer, (path / "tokenizer.json").string());
    stop_tokens = architecture->stop_tokens();
    chat_template.emplace(load_template(folder, family, *architecture, now, template_notices));
  }
  LoadedModel loaded;
  loaded.model = family.make(folder, dtype, ops);
  loaded.notices = loaded.model->notices();
  if (bare) {
    loaded.notices.push_back(fmt::format(
        "{}: holds no tokenizer and no processor; it can be verified, not asked", path.string()));
    return loaded;
  }
  if (loaded.model->processor() == nullptr) {
    throw UsageError("E-PROCESSOR",
                     fmt::format("{}: holds neither preprocessor_config.json nor "
                                 "processor_config.json; fetch the model again with its "
                                 "processor's files",
                                 path.string()));
  }
  loaded.notices.insert(loaded.notices.end(), template_notices.begin(), template_notices.end());
  StopTokens stops =
      find_stop_tokens(path, folder.config, *tokenizer, *chat_template, *loaded.model->processor());
  stops.ids.insert(stop_tokens.begin(), stop_tokens.end());
  loaded.notices.insert(loaded.notices.end(), stops.notices.begin(), stops.notices.end());
  for (const std::string& other : chat_template->differing_sources()) {
    loaded.notices.push_back(fmt::format(
        "chat template taken from {}; {} holds another, unused", chat_template->origin(), other));
  }
  loaded.text.emplace(Text{std::move(*tokenizer),
                           std::move(*chat_template),
                           loaded.model->processor(),
                           std::move(stops)});
  return loaded;
}

const LoadedModel::Text& LoadedModel::asking() const {
  if (!text) {
    throw UsageError("E-PROCESSOR",
                     "the loaded checkpoint holds no tokenizer and no processor: it can be "
                     "verified, not asked");
  }
  return *text;
}

}  // namespace headroom::models
