#include "text/chat_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "base/errors.h"
#include "headroom_text.h"
#include "messages.h"
#include "rust_bytes.h"
#include "special_tokens.h"
#include "template_sources.h"

namespace headroom::text {

namespace {

/// Local time, as Python's datetime.now() gives it.
HeadroomTextTime split_time(WallTime now) {
  const auto micros = std::chrono::floor<std::chrono::microseconds>(now.time_since_epoch()).count();
  const auto epoch = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  const auto seconds = static_cast<std::time_t>(epoch);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return {static_cast<std::int64_t>(epoch),
          static_cast<std::int32_t>(micros - epoch * 1'000'000),
          local.tm_year + 1900,
          local.tm_mon + 1,
          local.tm_mday,
          local.tm_hour,
          local.tm_min,
          local.tm_sec,
          local.tm_wday,
          local.tm_yday + 1};
}

/// The names of special tokens that the folder gives. Settings that cannot be read are the
/// tokenizer's to refuse: the template may well need none of them.
OrderedJson named_tokens(const std::filesystem::path& folder) {
  try {
    return load_special_tokens(folder).named;
  } catch (const UsageError&) {
    return OrderedJson::object();
  }
}

void require_messages(const OrderedJson& messages, const std::string& origin) {
  const bool tables =
      messages.is_array() && !messages.empty() &&
      std::all_of(messages.begin(), messages.end(), [](const auto& m) { return m.is_object(); });
  if (!tables) {
    throw InputError("E-TEMPLATE-RENDER",
                     fmt::format("{}: a conversation is a list of at least one message, each a "
                                 "table with \"role\" and \"content\"; got {} of {} entries",
                                 origin,
                                 messages.type_name(),
                                 messages.size()));
  }
}

}  // namespace

struct ChatTemplate::Impl {
  std::string source;
  std::string origin;
  HeadroomTextTime now;
  std::vector<std::string> differing;
  OrderedJson tokens = OrderedJson::object();
};

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

ChatTemplate ChatTemplate::load(const std::filesystem::path& folder,
                                WallTime now,
                                const std::optional<std::string>& name) {
  const TemplateSources sources = find_template_sources(folder);
  const TemplateSource& chosen = choose_template(folder, sources.templates, name);
  ChatTemplate result = from_source(chosen.source, chosen.origin, now);
  result.impl_->differing = sources.differing;
  result.impl_->tokens = named_tokens(folder);
  return result;
}

bool ChatTemplate::present(const std::filesystem::path& folder) {
  return !find_template_sources(folder).templates.empty();
}

ChatTemplate ChatTemplate::from_source(std::string source, std::string origin, WallTime now) {
  RustBytes message;
  const auto status = headroom_template_check(source.data(), source.size(), message.out());
  if (status != HEADROOM_TEXT_OK) {
    throw UsageError(
        "E-TEMPLATE",
        fmt::format("{}: not a chat template that can be read: {}", origin, message.str()));
  }
  auto impl = std::make_unique<Impl>();
  impl->source = std::move(source);
  impl->origin = std::move(origin);
  impl->now = split_time(now);
  return ChatTemplate(std::move(impl));
}

std::string ChatTemplate::render(const Conversation& conversation,
                                 const TemplateVariables& variables) const {
  return render_messages(to_template_messages(conversation), variables);
}

std::string ChatTemplate::render_messages(const OrderedJson& messages,
                                          const TemplateVariables& variables) const {
  require_messages(messages, impl_->origin);
  OrderedJson seen = {{"messages", normalise_messages(messages)},
                      {"tools", nullptr},
                      {"documents", nullptr},
                      {"add_generation_prompt", variables.add_generation_prompt}};
  seen.update(impl_->tokens);
  seen.update(variables.extra);
  const std::string json = seen.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  RustBytes text;
  const auto status = headroom_template_render(impl_->source.data(),
                                               impl_->source.size(),
                                               json.data(),
                                               json.size(),
                                               &impl_->now,
                                               text.out());
  switch (status) {
    case HEADROOM_TEXT_OK:
      return text.str();
    case HEADROOM_TEXT_RAISED:
      throw InputError(
          "E-TEMPLATE-RAISED",
          fmt::format(
              "{}: the chat template refuses this conversation: {}", impl_->origin, text.str()));
    case HEADROOM_TEXT_PANIC:
      throw InternalError(fmt::format("{}: rendering: {}", impl_->origin, text.str()));
    default:
      throw InputError(
          "E-TEMPLATE-RENDER",
          fmt::format(
              "{}: the chat template fails on this conversation: {}", impl_->origin, text.str()));
  }
}

const std::string& ChatTemplate::origin() const { return impl_->origin; }

const std::string& ChatTemplate::source() const { return impl_->source; }

const std::vector<std::string>& ChatTemplate::differing_sources() const { return impl_->differing; }

}  // namespace headroom::text
