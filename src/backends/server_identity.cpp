#include "server_identity.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/errors.h"
#include "base/grouped.h"
#include "base/spelling.h"
#include "json_look.h"

namespace headroom::backends {

namespace {

constexpr std::size_t kMostListed = 20;

/// From 1: servers say 0 for what they do not know.
std::optional<std::uint32_t> positive_at(const Json& json, const char* key) {
  const auto count = count32_at(json, key);
  return count && *count > 0 ? count : std::nullopt;
}

/// Whether a list of texts has one of the words; empty: there is no such list.
std::optional<bool> lists_any(const Json& list, const std::vector<std::string>& words) {
  if (!list.is_array() || list.empty()) {
    return std::nullopt;
  }
  return std::any_of(list.begin(), list.end(), [&](const Json& entry) {
    return entry.is_string() &&
           std::find(words.begin(), words.end(), entry.get<std::string>()) != words.end();
  });
}

/// As the common servers tell it: a model's "capabilities", or its "architecture" with
/// "input_modalities".
std::optional<bool> vision_of(const Json& model) {
  const auto vision = lists_any(at(model, "capabilities"), {"multimodal", "vision"});
  return vision ? vision : lists_any(at(at(model, "architecture"), "input_modalities"), {"image"});
}

std::string listed(const std::vector<std::string>& models) {
  const std::vector<std::string> head(
      models.begin(),
      models.begin() + static_cast<std::ptrdiff_t>(std::min(models.size(), kMostListed)));
  return fmt::format(
      "{}{}",
      fmt::join(head, ", "),
      models.size() > kMostListed ? fmt::format(" and {} more", models.size() - kMostListed) : "");
}

void take_model(ServerIdentity& identity, const Json& model) {
  const std::string owner = text_at(model, "owned_by");
  identity.software = owner == "vllm"       ? "vLLM"
                      : owner == "llamacpp" ? "llama.cpp"
                      : owner == "sglang"   ? "SGLang"
                                            : "";
  identity.context_tokens = positive_at(model, "max_model_len");
  if (!identity.context_tokens) {
    identity.context_tokens = positive_at(model, "context_length");
  }
  identity.vision = vision_of(model);
  identity.parameters = count_at(at(model, "meta"), "n_params").value_or(0);
}

}  // namespace

ServerIdentity identify(const Json& list, const std::string& wanted, const std::string& endpoint) {
  ServerIdentity identity;
  identity.model = wanted;
  const Json& data = at(list, "data");
  const Json* chosen = nullptr;
  if (data.is_array()) {
    for (const Json& model : data) {
      const std::string id = text_at(model, "id");
      if (!id.empty()) {
        identity.models.push_back(id);
      }
      if (!id.empty() && (id == wanted || wanted.empty())) {
        chosen = chosen == nullptr ? &model : chosen;
      }
    }
  }
  if (identity.models.empty()) {
    return identity;
  }
  if (wanted.empty() && identity.models.size() > 1) {
    throw UsageError("E-SERVER-MODEL",
                     fmt::format("{}: it has {} models; name one behind a #: {}",
                                 endpoint,
                                 identity.models.size(),
                                 listed(identity.models)));
  }
  if (chosen == nullptr) {
    throw UsageError("E-SERVER-MODEL",
                     fmt::format("{}: it has no model '{}'{}; it has: {}",
                                 endpoint,
                                 wanted,
                                 did_you_mean(wanted, identity.models),
                                 listed(identity.models)));
  }
  identity.model = text_at(*chosen, "id");
  take_model(identity, *chosen);
  // llama.cpp tells capabilities in a second list of the same answer.
  if (const Json& more = at(list, "models"); more.is_array()) {
    for (const Json& model : more) {
      if (!identity.vision && (text_at(model, "name") == identity.model || more.size() == 1)) {
        identity.vision = vision_of(model);
      }
    }
  }
  return identity;
}

void add_props(ServerIdentity& identity, const Json& props) {
  if (const auto slots = positive_at(props, "total_slots")) {
    identity.slots = slots;
    identity.software = "llama.cpp";
  }
  if (const std::string build = text_at(props, "build_info"); !build.empty()) {
    identity.software = "llama.cpp " + build;
  }
  const Json& settings = at(props, "default_generation_settings");
  if (const auto context = positive_at(settings, "n_ctx")) {
    identity.context_tokens = context;
  }
  const Json& vision = at(at(props, "modalities"), "vision");
  if (vision.is_boolean()) {
    identity.vision = vision.get<bool>();
  }
}

void add_version(ServerIdentity& identity, const Json& version) {
  const std::string number = text_at(version, "version");
  if (!number.empty() && identity.software.find(' ') == std::string::npos) {
    identity.software = identity.software.empty() ? number : identity.software + " " + number;
  }
}

std::string to_string(const ServerIdentity& identity) {
  std::string text = identity.software.empty() ? "software not told" : identity.software;
  text +=
      identity.models.empty()
          ? fmt::format("; model {} (it lists none)",
                        identity.model.empty() ? "not named" : identity.model)
          : fmt::format(
                "; model {}{}",
                identity.model,
                identity.models.size() == 1 ? "" : fmt::format(" (of {})", identity.models.size()));
  text += !identity.vision   ? "; pictures: not told"
          : *identity.vision ? "; takes pictures"
                             : "; takes no pictures";
  text += identity.context_tokens
              ? fmt::format("; context {} tokens", grouped(*identity.context_tokens))
              : "; context: not told";
  return identity.slots ? fmt::format("{}; {}", text, counted(*identity.slots, "slot")) : text;
}

}  // namespace headroom::backends
