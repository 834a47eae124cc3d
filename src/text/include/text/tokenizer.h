#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headroom::text {

/// A Hugging Face tokenizer.json.
/// Errors: UsageError("E-TOKENIZER") naming file and reason. Thread: const members from any thread.
class Tokenizer {
 public:
  /// Reads `folder`/tokenizer.json, and tokenizer_config.json for special tokens that only it
  /// names.
  static Tokenizer load(const std::filesystem::path& folder);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Special tokens written in the text are recognised. `add_special_tokens` as in Transformers:
  /// templates write their own, so prompts rendered from one are encoded with false.
  std::vector<std::int32_t> encode(std::string_view text, bool add_special_tokens) const;
  std::string decode(const std::vector<std::int32_t>& ids, bool skip_special_tokens) const;
  std::optional<std::int32_t> token_to_id(std::string_view token) const;
  std::optional<std::string> id_to_token(std::int32_t id) const;
  std::size_t vocabulary_size() const;

  /// From tokenizer_config.json: the text of bos, eos, pad, unk as far as named there.
  const std::optional<std::string>& bos_token() const;
  const std::optional<std::string>& eos_token() const;
  const std::optional<std::string>& pad_token() const;
  const std::optional<std::string>& unk_token() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace headroom::text
