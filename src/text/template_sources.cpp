#include "template_sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/errors.h"
#include "base/folder_entries.h"
#include "model_file.h"

namespace headroom::text {

namespace {

namespace fs = std::filesystem;

constexpr const char* kCode = "E-TEMPLATE";
constexpr std::uint64_t kMaxTemplateBytes = 1ULL << 20U;
constexpr std::uint64_t kMaxSettingsBytes = 64ULL << 20U;

std::vector<TemplateSource> from_jinja_files(const fs::path& folder) {
  std::vector<TemplateSource> templates;
  const auto path = folder / "chat_template.jinja";
  if (auto source = read_model_file(path, kCode, kMaxTemplateBytes)) {
    templates.push_back({"default", path.string(), std::move(*source)});
  }
  std::map<std::string, fs::path> named;
  std::error_code absent;
  for (const auto& entry : folder_entries(folder / "chat_templates", absent)) {
    if (entry.path().extension() == ".jinja") {
      named[entry.path().stem().string()] = entry.path();
    }
  }
  for (const auto& [name, file] : named) {
    if (auto source = read_model_file(file, kCode, kMaxTemplateBytes)) {
      templates.push_back({name, file.string(), std::move(*source)});
    }
  }
  return templates;
}

[[noreturn]] void refuse_shape(const fs::path& path, const OrderedJson& value) {
  throw UsageError(kCode,
                   fmt::format("{}: \"chat_template\" holds {}; expected a text, or a list of "
                               "{{\"name\", \"template\"}}",
                               path.string(),
                               value.type_name()));
}

std::string named_origin(const fs::path& path, const std::string& name) {
  return fmt::format("{} (template \"{}\")", path.string(), name);
}

/// The key "chat_template" of a settings file: a text, a list of named ones, or a table of them.
std::vector<TemplateSource> from_settings(const fs::path& path) {
  const auto settings = read_model_json(path, kCode, kMaxSettingsBytes);
  if (!settings || !settings->is_object() || !settings->contains("chat_template") ||
      (*settings)["chat_template"].is_null()) {
    return {};
  }
  const OrderedJson& value = (*settings)["chat_template"];
  if (value.is_string()) {
    return {{"default", path.string(), value.get<std::string>()}};
  }
  std::vector<TemplateSource> templates;
  if (value.is_object()) {
    for (const auto& [name, source] : value.items()) {
      if (!source.is_string()) {
        refuse_shape(path, source);
      }
      templates.push_back({name, named_origin(path, name), source.get<std::string>()});
    }
    return templates;
  }
  if (!value.is_array()) {
    refuse_shape(path, value);
  }
  for (const auto& entry : value) {
    const bool whole = entry.is_object() && entry.contains("name") && entry["name"].is_string() &&
                       entry.contains("template") && entry["template"].is_string();
    if (!whole) {
      refuse_shape(path, entry);
    }
    const auto name = entry["name"].get<std::string>();
    templates.push_back({name, named_origin(path, name), entry["template"].get<std::string>()});
  }
  return templates;
}

const TemplateSource* find_name(const std::vector<TemplateSource>& templates,
                                const std::string& name) {
  const auto found = std::find_if(templates.rbegin(), templates.rend(), [&](const auto& candidate) {
    return candidate.name == name;  // of two with one name the last counts, as in a Python table
  });
  return found == templates.rend() ? nullptr : &*found;
}

}  // namespace

TemplateSources find_template_sources(const fs::path& folder) {
  const fs::path json = folder / "chat_template.json";
  const fs::path settings = folder / "tokenizer_config.json";
  TemplateSources result;
  std::vector<std::vector<TemplateSource>> places;
  places.push_back(from_jinja_files(folder));
  const bool ruled = !places.front().empty();
  for (const auto& path : {json, settings}) {
    try {
      places.push_back(from_settings(path));
    } catch (const UsageError&) {
      // A place that has no effect may be broken; one that might have ruled may not.
      if (!ruled && result.templates.empty()) {
        throw;
      }
    }
    if (!ruled && result.templates.empty()) {
      result.templates = places.back();
    }
  }
  if (ruled) {
    result.templates = places.front();
  }
  const TemplateSource* chosen = find_name(result.templates, "default");
  for (const auto& place : places) {
    const TemplateSource* other = find_name(place, "default");
    if (chosen != nullptr && other != nullptr && other->source != chosen->source) {
      result.differing.push_back(other->origin);
    }
  }
  return result;
}

const TemplateSource& choose_template(const fs::path& folder,
                                      const std::vector<TemplateSource>& templates,
                                      const std::optional<std::string>& name) {
  if (templates.empty()) {
    throw UsageError(kCode,
                     fmt::format("{}: no chat template: there is none in chat_template.jinja, "
                                 "chat_template.json or tokenizer_config.json; a model without one "
                                 "cannot be asked, for nothing is invented in its place",
                                 folder.string()));
  }
  const TemplateSource* found = find_name(templates, name.value_or("default"));
  if (found != nullptr) {
    return *found;
  }
  std::string names;
  for (const auto& candidate : templates) {
    names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", candidate.name);
  }
  throw UsageError(
      kCode,
      fmt::format("{}: no chat template is named \"{}\"; there are {}: name one of them",
                  folder.string(),
                  name.value_or("default"),
                  names));
}

}  // namespace headroom::text
