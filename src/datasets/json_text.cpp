#include "json_text.h"

#include <fmt/format.h>

#include <vector>

#include "base/errors.h"
#include "base/files.h"
#include "base/json_reason.h"

namespace headroom::datasets {

namespace {

/// Builds the document; the parser calls one member for each thing that it meets.
class TextNumberBuilder final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return put(nullptr); }

  bool boolean(bool value) override { return put(value); }

  bool number_integer(number_integer_t value) override {
    // Only a written minus sign brings a zero here.
    return put(value == 0 ? "-0" : std::to_string(value));
  }

  bool number_unsigned(number_unsigned_t value) override { return put(std::to_string(value)); }

  bool number_float(number_float_t, const string_t& written) override { return put(written); }

  bool string(string_t& value) override { return put(std::move(value)); }

  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override { return open(Json::object()); }

  bool key(string_t& name) override {
    key_ = std::move(name);
    return true;
  }

  bool end_object() override { return close(); }

  bool start_array(std::size_t) override { return open(Json::array()); }

  bool end_array() override { return close(); }

  bool parse_error(std::size_t position,
                   const std::string&,
                   const nlohmann::detail::exception& error) override {
    position_ = position;
    reason_ = json_reason(error);
    return false;
  }

  Json root;

  std::size_t position() const { return position_; }

  const std::string& reason() const { return reason_; }

 private:
  Json* place() {
    if (open_.empty()) {
      return &root;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.emplace_back();
      return &parent.back();
    }
    return &parent[key_];
  }

  bool put(Json value) {
    *place() = std::move(value);
    return true;
  }

  bool open(Json value) {
    Json* const where = place();
    *where = std::move(value);
    open_.push_back(where);
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::vector<Json*> open_;
  std::string key_;
  std::string reason_;
  std::size_t position_ = 0;
};

}  // namespace

Json parse_json_text(std::string_view text, const std::string& where) {
  TextNumberBuilder builder;
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    const std::string kind = describe_content(text.substr(0, 512));
    const bool says_more = !kind.empty() && kind != "text" && kind != "a JSON text";
    if (!says_more && builder.reason().find("ill-formed UTF-8") != std::string::npos) {
      throw UsageError(
          "E-DATA-ENCODING",
          fmt::format("{}: near byte {} the text is not UTF-8; convert it, from Latin-1 "
                      "with: iconv -f LATIN1 -t UTF-8",
                      where,
                      builder.position()));
    }
    throw UsageError("E-DATA-JSON",
                     fmt::format("{}: not valid JSON at byte {}: {}{}",
                                 where,
                                 builder.position(),
                                 builder.reason(),
                                 says_more ? fmt::format(" (it looks like {})", kind) : ""));
  }
  return std::move(builder.root);
}

std::optional<std::string> as_text(const Json& value) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  if (value.is_boolean()) {
    return value.get<bool>() ? "true" : "false";
  }
  return std::nullopt;
}

}  // namespace headroom::datasets
