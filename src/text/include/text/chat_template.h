#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/conversation.h"
#include "base/json.h"

namespace headroom::text {

/// What a template sees besides the messages.
struct TemplateVariables {
  bool add_generation_prompt = true;
  Json extra = Json::object();  ///< bos_token, eos_token, …
};

/// A checkpoint's chat template, rendered as Transformers does (trim_blocks, lstrip_blocks, tojson,
/// strftime_now, raise_exception, Python string methods, loop controls). Sources, in this order:
/// chat_template.jinja, chat_template.json, tokenizer_config.json (a string, or a list of named
/// ones of which "default" is taken). Rendering is bounded in time and output. Thread: const
/// members from any thread.
class ChatTemplate {
 public:
  /// `now` fixes the date that strftime_now gives for the whole run.
  /// Throws UsageError("E-TEMPLATE") naming the file; when there is none, the files looked for.
  static ChatTemplate load(const std::filesystem::path& folder, WallTime now);
  static ChatTemplate from_source(std::string source, std::string origin, WallTime now);
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  /// Throws InputError("E-TEMPLATE-RAISED") with the template's own words,
  /// InputError("E-TEMPLATE-RENDER") else.
  std::string render(const Conversation& conversation, const TemplateVariables& variables) const;
  /// The same for messages already in Transformers' JSON form.
  std::string render_messages(const Json& messages, const TemplateVariables& variables) const;

  const std::string& origin() const;  ///< the file it came from, for the record
  const std::string& source() const;

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "…"}]}], as
/// processors' templates expect.
Json to_template_messages(const Conversation& conversation);

}  // namespace headroom::text
