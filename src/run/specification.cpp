#include "run/specification.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <type_traits>

#include "base/errors.h"

namespace headroom::run {

namespace {

constexpr const char* kSchema = "headroom.specification/1";

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) {
    return std::nullopt;
  }
  if (error == std::errc::result_out_of_range) {
    return std::numeric_limits<std::uint64_t>::max();  // more than anybody has
  }
  return value == 0 ? std::nullopt : std::optional(value);
}

/// Reads one key, if it is there, into a member.
template <typename T>
void take(const Json& json, const char* key, T& member) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) {
    return;
  }
  // nlohmann turns -1 into 4294967295 and 1.5 into 1 without a word.
  bool fits = true;
  if constexpr (std::is_same_v<T, bool>) {
    fits = found->is_boolean();
  } else if constexpr (std::is_unsigned_v<T>) {
    fits =
        found->is_number_unsigned() && found->get<std::uint64_t>() <= std::numeric_limits<T>::max();
  }
  try {
    if (fits) {
      member = found->get<T>();
    }
  } catch (const Json::exception&) {
    fits = false;
  }
  if (fits) {
    return;
  }
  throw UsageError(
      "E-SPEC",
      fmt::format(
          "specification: '{}' has an unsuitable value: {}", key, dump_json(*found).substr(0, 80)));
}

void check_schema(const Json& json) {
  if (!json.is_object()) {
    throw UsageError("E-SPEC", "specification: not a JSON object");
  }
  std::string schema = kSchema;
  take(json, "schema", schema);
  if (schema != kSchema) {
    throw UsageError("E-SPEC",
                     fmt::format("specification: schema '{}', this program reads '{}'; use the "
                                 "Headroom that wrote it",
                                 schema,
                                 kSchema));
  }
}

TestKind test_from_json(const Json& json) {
  std::string name(to_string(TestKind::kVqa));
  take(json, "test", name);
  for (const TestKind test : {TestKind::kVqa, TestKind::kDescribe, TestKind::kContext}) {
    if (to_string(test) == name) {
      return test;
    }
  }
  throw UsageError("E-SPEC",
                   fmt::format("specification: test '{}' is none that this program knows; use the "
                               "Headroom that wrote it",
                               name));
}

/// Whole words of a flag only: --max-tokens is no login, --hf-token is.
constexpr std::array<std::string_view, 7> kWords = {
    "key", "apikey", "token", "password", "secret", "authorization", "credentials"};

bool names_secret(std::string flag) {
  std::transform(flag.begin(), flag.end(), flag.begin(), [](unsigned char c) {
    return c == '_' ? '-' : static_cast<char>(std::tolower(c));
  });
  std::size_t start = 0;
  while (start <= flag.size()) {
    const std::size_t end = std::min(flag.find('-', start), flag.size());
    const std::string_view word = std::string_view(flag).substr(start, end - start);
    if (std::find(kWords.begin(), kWords.end(), word) != kWords.end()) {
      return true;
    }
    start = end + 1;
  }
  return false;
}

/// https://user:password@host -> https://***@host, wherever it stands in the argument.
std::string without_url_login(std::string argument) {
  std::size_t at = 0;
  while ((at = argument.find("://", at)) != std::string::npos) {
    at += 3;
    const std::size_t end = std::min(argument.find_first_of("/?# ", at), argument.size());
    const std::size_t sign = argument.rfind('@', end);
    if (sign != std::string::npos && sign >= at && sign < end) {
      argument.replace(at, sign - at, "***");
    }
  }
  return argument;
}

}  // namespace

std::string_view to_string(TestKind test) {
  switch (test) {
    case TestKind::kVqa:
      return "vqa";
    case TestKind::kDescribe:
      return "describe";
    case TestKind::kContext:
      return "context";
  }
  return "vqa";
}

ItemRange parse_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  std::optional<std::uint64_t> first = 1;
  std::optional<std::uint64_t> last;
  if (dash == std::string_view::npos) {
    last = parse_count(text);
  } else {
    first = parse_count(text.substr(0, dash));
    last = parse_count(text.substr(dash + 1));
  }
  if (!first || !last || *first > *last) {
    throw UsageError("E-LIMIT",
                     fmt::format("--limit {}: expected a number of items (20) or a range counted "
                                 "from 1 (101-200)",
                                 text));
  }
  return {*first, *last};
}

std::string to_string(const ItemRange& range) {
  return range.first == 1 ? std::to_string(range.last)
                          : fmt::format("{}-{}", range.first, range.last);
}

Json to_json(const ModelSpec& model) {
  Json json = {{"word", model.word},
               {"name", model.name},
               {"engine", model.engine},
               {"folder", model.folder},
               {"revision", model.revision},
               {"hash", model.hash},
               {"files", model.files},
               {"dtype", model.dtype}};
  if (model.trust_remote_code) {
    json["trust_remote_code"] = true;
  }
  if (model.not_run) {
    json["not_run"] = {{"code", model.not_run->code}, {"reason", model.not_run->reason}};
  }
  return json;
}

ModelSpec model_spec_from_json(const Json& json) {
  ModelSpec model;
  take(json, "word", model.word);
  take(json, "name", model.name);
  take(json, "engine", model.engine);
  take(json, "folder", model.folder);
  take(json, "revision", model.revision);
  take(json, "hash", model.hash);
  take(json, "files", model.files);
  take(json, "dtype", model.dtype);
  take(json, "trust_remote_code", model.trust_remote_code);
  if (const auto not_run = json.find("not_run"); not_run != json.end()) {
    model.not_run.emplace();
    take(*not_run, "code", model.not_run->code);
    take(*not_run, "reason", model.not_run->reason);
  }
  return model;
}

Json to_json(const Specification& spec) {
  Json models = Json::array();
  for (const ModelSpec& model : spec.models) {
    models.push_back(to_json(model));
  }
  Json json = {{"schema", kSchema},
               {"test", to_string(spec.test)},
               {"models", std::move(models)},
               {"data",
                {{"word", spec.data.word},
                 {"reader", spec.data.reader},
                 {"label", spec.data.label},
                 {"path", spec.data.path},
                 {"argument", spec.data.argument},
                 {"map", spec.data.map},
                 {"pictures", spec.data.pictures}}},
               {"metric", spec.metric},
               {"sample_ids", spec.sample_ids},
               {"in_sample_order", spec.in_sample_order},
               {"shuffle", spec.shuffle},
               {"seed", spec.seed},
               {"prompt", spec.prompt},
               {"text_only", spec.text_only},
               {"system", spec.system},
               {"max_tokens", spec.max_tokens},
               {"top_log_probs", spec.top_log_probs},
               {"max_image_side", spec.max_image_side},
               {"batch", spec.batch},
               {"prefill_chunk", spec.prefill_chunk},
               {"share_prefix", spec.share_prefix},
               {"group_size", spec.group_size},
               {"keep_prompts", spec.keep_prompts},
               {"memory", spec.memory},
               {"governor", spec.governor},
               {"cleanup", spec.cleanup},
               {"cleanup_every", spec.cleanup_every},
               {"cleanup_pictures", spec.cleanup_pictures},
               {"allow", spec.allow},
               {"question_timeout", spec.question_timeout},
               {"out", spec.out},
               {"legacy_results", spec.legacy_results},
               {"command", spec.command},
               {"versions", spec.versions}};
  for (const datasets::ScriptTurn& turn : spec.turns) {
    json["turns"].push_back({{"text", turn.text}, {"fact", turn.fact}});
  }
  if (spec.limit) {
    json["limit"] = to_string(*spec.limit);
  }
  if (spec.pictures) {
    json["pictures"] = to_string(*spec.pictures);
  }
  if (spec.fail_under) {
    json["fail_under"] = *spec.fail_under;
  }
  return json;
}

Specification specification_from_json(const Json& json) {
  check_schema(json);
  Specification spec;
  spec.test = test_from_json(json);
  if (const auto models = json.find("models"); models != json.end() && models->is_array()) {
    for (const Json& model : *models) {
      spec.models.push_back(model_spec_from_json(model));
    }
  }
  if (const auto data = json.find("data"); data != json.end()) {
    take(*data, "word", spec.data.word);
    take(*data, "reader", spec.data.reader);
    take(*data, "label", spec.data.label);
    take(*data, "path", spec.data.path);
    take(*data, "argument", spec.data.argument);
    take(*data, "map", spec.data.map);
    take(*data, "pictures", spec.data.pictures);
  }
  take(json, "metric", spec.metric);
  std::string limit;
  take(json, "limit", limit);
  if (!limit.empty()) {
    spec.limit = parse_range(limit);
  }
  std::string pictures;
  take(json, "pictures", pictures);
  if (!pictures.empty()) {
    spec.pictures = parse_range(pictures);
  }
  take(json, "prompt", spec.prompt);
  take(json, "text_only", spec.text_only);
  if (const auto turns = json.find("turns"); turns != json.end() && turns->is_array()) {
    for (const Json& entry : *turns) {
      datasets::ScriptTurn turn;
      take(entry, "text", turn.text);
      take(entry, "fact", turn.fact);
      spec.turns.push_back(std::move(turn));
    }
  }
  take(json, "sample_ids", spec.sample_ids);
  take(json, "in_sample_order", spec.in_sample_order);
  take(json, "shuffle", spec.shuffle);
  take(json, "seed", spec.seed);
  take(json, "system", spec.system);
  take(json, "max_tokens", spec.max_tokens);
  take(json, "top_log_probs", spec.top_log_probs);
  take(json, "max_image_side", spec.max_image_side);
  take(json, "batch", spec.batch);
  take(json, "prefill_chunk", spec.prefill_chunk);
  take(json, "share_prefix", spec.share_prefix);
  take(json, "group_size", spec.group_size);
  take(json, "keep_prompts", spec.keep_prompts);
  take(json, "memory", spec.memory);
  take(json, "governor", spec.governor);
  take(json, "cleanup", spec.cleanup);
  take(json, "cleanup_every", spec.cleanup_every);
  take(json, "cleanup_pictures", spec.cleanup_pictures);
  take(json, "allow", spec.allow);
  take(json, "question_timeout", spec.question_timeout);
  take(json, "out", spec.out);
  if (json.contains("fail_under")) {
    double percent = 0;
    take(json, "fail_under", percent);
    spec.fail_under = percent;
  }
  take(json, "legacy_results", spec.legacy_results);
  take(json, "command", spec.command);
  take(json, "versions", spec.versions);
  return spec;
}

std::vector<std::string> without_secrets(const std::vector<std::string>& arguments) {
  std::vector<std::string> clean;
  bool hide = false;
  for (const std::string& argument : arguments) {
    if (hide) {
      clean.emplace_back("***");
      hide = false;
      continue;
    }
    const std::size_t equals = argument.find('=');
    const bool flag = argument.starts_with("-") && argument.size() > 1;
    if (flag && names_secret(argument.substr(0, equals))) {
      hide = equals == std::string::npos;
      clean.push_back(hide ? argument : argument.substr(0, equals) + "=***");
      continue;
    }
    clean.push_back(without_url_login(argument));
  }
  return clean;
}

}  // namespace headroom::run
