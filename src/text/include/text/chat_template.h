#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/conversation.h"
#include "text/ordered_json.h"

namespace headroom::text {

/// What a template sees besides the messages.
struct TemplateVariables {
  bool add_generation_prompt = true;
  /// More names, or other values for those that the folder's settings give (bos_token, eos_token,
  /// …).
  OrderedJson extra = OrderedJson::object();
};

/// A checkpoint's chat template, rendered as Transformers does (trim_blocks, lstrip_blocks, tojson,
/// strftime_now, raise_exception, Python's methods and operators, loop controls). Sources, in this
/// order: chat_template.jinja (with chat_templates/NAME.jinja), chat_template.json,
/// tokenizer_config.json; the first that has one rules alone. Rendering is bounded in steps, depth
/// and output. Thread: const members from any thread. Source: Transformers,
/// utils/chat_template_utils.py; Jinja2 3.1.6.
class ChatTemplate {
 public:
  /// `now` fixes the date that strftime_now gives for the whole run. `name` chooses among several
  /// named templates; without it "default" is taken. Throws UsageError("E-TEMPLATE") naming the
  /// file (a broken template: the line and the reason; an unknown name: the names there are); when
  /// there is none, the files looked for.
  static ChatTemplate load(const std::filesystem::path& folder,
                           WallTime now,
                           const std::optional<std::string>& name = std::nullopt);
  /// Whether a folder holds one. Throws as load for a file that cannot be read.
  static bool present(const std::filesystem::path& folder);
  static ChatTemplate from_source(std::string source, std::string origin, WallTime now);
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  /// Throws InputError("E-TEMPLATE-RAISED") with the template's own words,
  /// InputError("E-TEMPLATE-RENDER") else.
  std::string render(const Conversation& conversation, const TemplateVariables& variables) const;
  /// The same for messages already in Transformers' JSON form. As there, keys of a message that are
  /// null are left out, and a reasoning text is given under its other names too.
  std::string render_messages(const OrderedJson& messages,
                              const TemplateVariables& variables) const;

  const std::string& origin() const;  ///< the file it came from, for the record
  const std::string& source() const;
  /// The other places of the folder that hold a different template, which has no effect.
  const std::vector<std::string>& differing_sources() const;

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "…"}]}], as
/// processors' templates expect.
OrderedJson to_template_messages(const Conversation& conversation);

}  // namespace headroom::text
