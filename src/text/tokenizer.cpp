#include "text/tokenizer.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "headroom_text.h"
#include "model_file.h"
#include "rust_bytes.h"
#include "special_tokens.h"

namespace headroom::text {

namespace {

constexpr std::uint64_t kMaxTokenizerBytes = 512ULL << 20U;
constexpr const char* kCode = "E-TOKENIZER";

struct Close {
  void operator()(HeadroomTokenizer* tokenizer) const { headroom_tokenizer_close(tokenizer); }
};

std::optional<std::string> named_token(const SpecialTokens& tokens, const char* key) {
  if (!tokens.named.contains(key)) {
    return std::nullopt;
  }
  return tokens.named[key].get<std::string>();
}

}  // namespace

struct Tokenizer::Impl {
  std::unique_ptr<HeadroomTokenizer, Close> rust;
  SpecialTokens tokens;
  std::optional<std::string> bos;
  std::optional<std::string> eos;
  std::optional<std::string> pad;
  std::optional<std::string> unk;
};

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::load(const std::filesystem::path& folder) {
  const auto path = folder / "tokenizer.json";
  const auto json = read_model_file(path, kCode, kMaxTokenizerBytes);
  if (!json) {
    throw UsageError(kCode,
                     fmt::format("{}: missing; the model's folder needs its tokenizer in this form",
                                 path.string()));
  }
  auto impl = std::make_unique<Impl>();
  impl->tokens = load_special_tokens(folder);
  const std::string added =
      impl->tokens.added.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  HeadroomTokenizer* rust = nullptr;
  RustBytes message;
  const auto status = headroom_tokenizer_open(
      json->data(), json->size(), added.data(), added.size(), &rust, message.out());
  if (status != HEADROOM_TEXT_OK) {
    throw UsageError(
        kCode,
        fmt::format("{}: not a tokenizer that can be read: {}", path.string(), message.str()));
  }
  impl->rust.reset(rust);
  impl->bos = named_token(impl->tokens, "bos_token");
  impl->eos = named_token(impl->tokens, "eos_token");
  impl->pad = named_token(impl->tokens, "pad_token");
  impl->unk = named_token(impl->tokens, "unk_token");
  return Tokenizer(std::move(impl));
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  HeadroomTextIds ids{nullptr, 0, 0};
  RustBytes message;
  const auto status = headroom_tokenizer_encode(
      impl_->rust.get(), text.data(), text.size(), add_special_tokens, &ids, message.out());
  if (status == HEADROOM_TEXT_PANIC) {
    throw InternalError(
        fmt::format("tokenizer: encoding {} bytes: {}", text.size(), message.str()));
  }
  if (status != HEADROOM_TEXT_OK) {
    throw InputError(
        kCode,
        fmt::format("tokenizer: cannot encode a text of {} bytes: {}", text.size(), message.str()));
  }
  std::vector<std::int32_t> result(ids.size);
  for (std::size_t i = 0; i < ids.size; ++i) {
    result[i] = static_cast<std::int32_t>(ids.data[i]);
  }
  headroom_text_free_ids(ids);
  return result;
}

std::string Tokenizer::decode(const std::vector<std::int32_t>& ids,
                              bool skip_special_tokens) const {
  // A negative id becomes one beyond every vocabulary, and is left out as such.
  const std::vector<std::uint32_t> unsigned_ids(ids.begin(), ids.end());
  RustBytes text;
  const auto status = headroom_tokenizer_decode(
      impl_->rust.get(), unsigned_ids.data(), unsigned_ids.size(), skip_special_tokens, text.out());
  if (status != HEADROOM_TEXT_OK) {
    throw InternalError(fmt::format("tokenizer: decoding {} ids: {}", ids.size(), text.str()));
  }
  return text.str();
}

std::optional<std::int32_t> Tokenizer::token_to_id(std::string_view token) const {
  std::uint32_t id = 0;
  const auto status =
      headroom_tokenizer_token_to_id(impl_->rust.get(), token.data(), token.size(), &id);
  if (status != HEADROOM_TEXT_OK) {
    return std::nullopt;
  }
  return static_cast<std::int32_t>(id);
}

std::optional<std::string> Tokenizer::id_to_token(std::int32_t id) const {
  RustBytes token;
  const auto status = headroom_tokenizer_id_to_token(
      impl_->rust.get(), static_cast<std::uint32_t>(id), token.out());
  if (status != HEADROOM_TEXT_OK) {
    return std::nullopt;
  }
  return token.str();
}

std::size_t Tokenizer::vocabulary_size() const {
  return headroom_tokenizer_vocabulary_size(impl_->rust.get());
}

const std::optional<std::string>& Tokenizer::bos_token() const { return impl_->bos; }

const std::optional<std::string>& Tokenizer::eos_token() const { return impl_->eos; }

const std::optional<std::string>& Tokenizer::pad_token() const { return impl_->pad; }

const std::optional<std::string>& Tokenizer::unk_token() const { return impl_->unk; }

const OrderedJson& Tokenizer::special_tokens_map() const { return impl_->tokens.named; }

}  // namespace headroom::text
