#include "special_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "base/errors.h"
#include "model_file.h"

namespace headroom::text {

namespace {

constexpr std::uint64_t kMaxSettingsBytes = 64ULL << 20U;

/// The order in which Transformers adds them where tokenizer.json lacks them.
constexpr std::array<std::string_view, 7> kNamed = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

[[noreturn]] void refuse(const std::string& where,
                         const std::string& key,
                         const OrderedJson& value) {
  throw UsageError("E-TOKENIZER",
                   fmt::format("{}: \"{}\" holds {} where a token is expected (a text, or a table "
                               "with \"content\")",
                               where,
                               key,
                               value.type_name()));
}

/// The token's text, whichever way it is written; nothing for null.
std::optional<std::string> token_text(const OrderedJson& value) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  if (value.is_object() && value.contains("content") && value["content"].is_string()) {
    return value["content"].get<std::string>();
  }
  return std::nullopt;
}

/// tokenizer.json's form of a token. A text becomes a special token that is not normalised.
OrderedJson added_form(const std::string& text, const OrderedJson& value, bool named) {
  OrderedJson added = {{"content", text}, {"special", true}, {"normalized", false}};
  if (!value.is_object()) {
    return added;
  }
  for (const char* flag : {"special", "normalized", "lstrip", "rstrip", "single_word"}) {
    if (value.contains(flag) && value[flag].is_boolean()) {
      added[flag] = value[flag];
    } else if (std::string_view(flag) == "special") {
      added[flag] = named;
    } else if (std::string_view(flag) == "normalized") {
      added[flag] = !added["special"].get<bool>();
    }
  }
  if (named) {
    added["special"] = true;
  }
  return added;
}

class Reader {
 public:
  explicit Reader(std::string where) : where_(std::move(where)) {}

  void by_id(const OrderedJson& table) {
    std::map<long, const OrderedJson*> sorted;
    for (const auto& [id, token] : table.items()) {
      char* end = nullptr;
      const long number = std::strtol(id.c_str(), &end, 10);
      if (id.empty() || *end != '\0') {
        refuse(where_, "added_tokens_decoder", token);
      }
      sorted[number] = &token;
    }
    for (const auto& [id, token] : sorted) {
      add(text_of("added_tokens_decoder", *token), *token, false);
    }
  }

  void named(const std::string& key, const OrderedJson& value) {
    if (value.is_null()) {
      return;
    }
    const std::string text = text_of(key, value);
    tokens_.named[key] = text;
    add(text, value, true);
  }

  void extra(const std::string& key, const OrderedJson& value) {
    if (value.is_object()) {
      for (const auto& [name, token] : value.items()) {
        named(name, token);
      }
      return;
    }
    if (!value.is_array()) {
      refuse(where_, key, value);
    }
    for (const auto& token : value) {
      add(text_of(key, token), token, true);
    }
  }

  SpecialTokens take() { return std::move(tokens_); }

 private:
  std::string text_of(const std::string& key, const OrderedJson& token) const {
    auto text = token_text(token);
    if (!text) {
      refuse(where_, key, token);
    }
    return std::move(*text);
  }

  void add(const std::string& text, const OrderedJson& token, bool named) {
    const bool known = std::any_of(tokens_.added.begin(),
                                   tokens_.added.end(),
                                   [&](const auto& other) { return other["content"] == text; });
    if (!known) {
      tokens_.added.push_back(added_form(text, token, named));
    }
  }

  std::string where_;
  SpecialTokens tokens_;
};

bool is_model_specific(const std::string& key, const OrderedJson& value) {
  return key.ends_with("_token") && std::find(kNamed.begin(), kNamed.end(), key) == kNamed.end() &&
         token_text(value).has_value();
}

bool holds_something(const OrderedJson& settings, const char* key) {
  return settings.contains(key) && !settings[key].is_null() && !settings[key].empty();
}

}  // namespace

SpecialTokens read_special_tokens(OrderedJson settings,
                                  const std::optional<OrderedJson>& tokens_map,
                                  const std::string& where) {
  if (!settings.is_object()) {
    throw UsageError("E-TOKENIZER",
                     fmt::format("{}: holds {}, not a table", where, settings.type_name()));
  }
  if (tokens_map && tokens_map->is_object() && !settings.contains("added_tokens_decoder")) {
    for (const auto& [key, value] : tokens_map->items()) {
      settings[key] = value;
    }
  }
  Reader reader(where);
  if (holds_something(settings, "added_tokens_decoder")) {
    if (!settings["added_tokens_decoder"].is_object()) {
      refuse(where, "added_tokens_decoder", settings["added_tokens_decoder"]);
    }
    reader.by_id(settings["added_tokens_decoder"]);
  }
  for (const auto key : kNamed) {
    if (settings.contains(key)) {
      reader.named(std::string(key), settings[std::string(key)]);
    }
  }
  for (const auto& [key, value] : settings.items()) {
    if (is_model_specific(key, value)) {
      reader.named(key, value);
    }
  }
  for (const char* key : {"extra_special_tokens", "additional_special_tokens"}) {
    if (holds_something(settings, key)) {
      reader.extra(key, settings[key]);
      break;  // the old key counts only where the new one is absent or empty
    }
  }
  return reader.take();
}

SpecialTokens load_special_tokens(const std::filesystem::path& folder) {
  const auto path = folder / "tokenizer_config.json";
  auto settings = read_model_json(path, "E-TOKENIZER", kMaxSettingsBytes);
  const auto map =
      read_model_json(folder / "special_tokens_map.json", "E-TOKENIZER", kMaxSettingsBytes);
  return read_special_tokens(
      settings ? std::move(*settings) : OrderedJson::object(), map, path.string());
}

}  // namespace headroom::text
