#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/ordered_json.h"

namespace headroom::text {

/// A Hugging Face tokenizer.json.
/// Errors: UsageError("E-TOKENIZER") naming file and reason. Thread: const members from any thread.
/// Source: Hugging Face `tokenizers`; Transformers, tokenization_utils_tokenizers.py.
class Tokenizer {
 public:
  /// Reads `folder`/tokenizer.json, and tokenizer_config.json (may be absent;
  /// special_tokens_map.json where that is of the old kind) for special tokens that only it names,
  /// in any of the shapes that were written: `extra_special_tokens` as list or table,
  /// `additional_special_tokens`, `added_tokens_decoder`. A token that tokenizer.json has stays as
  /// it says there.
  static Tokenizer load(const std::filesystem::path& folder);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Special tokens written in the text are recognised. `add_special_tokens` as in Transformers:
  /// templates write their own, so prompts rendered from one are encoded with false. Bytes that are
  /// not UTF-8 are read as U+FFFD. Throws InputError("E-TOKENIZER") when the text cannot be
  /// encoded.
  std::vector<std::int32_t> encode(std::string_view text, bool add_special_tokens) const;
  /// Ids outside the vocabulary are left out.
  std::string decode(const std::vector<std::int32_t>& ids, bool skip_special_tokens) const;
  std::optional<std::int32_t> token_to_id(std::string_view token) const;
  std::optional<std::string> id_to_token(std::int32_t id) const;
  std::size_t vocabulary_size() const;

  /// From tokenizer_config.json: the text of bos, eos, pad, unk as far as named there.
  const std::optional<std::string>& bos_token() const;
  const std::optional<std::string>& eos_token() const;
  const std::optional<std::string>& pad_token() const;
  const std::optional<std::string>& unk_token() const;
  /// Every named special token ("bos_token": "<s>", "image_token": …): what a chat template sees
  /// besides the messages.
  const OrderedJson& special_tokens_map() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace headroom::text
