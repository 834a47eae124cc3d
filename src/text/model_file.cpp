#include "model_file.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "base/files.h"
#include "base/json_reason.h"

namespace headroom::text {

std::optional<std::string> read_model_file(const std::filesystem::path& path,
                                           const std::string& code,
                                           std::uint64_t max_bytes) {
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) {
    return std::nullopt;
  }
  std::string content;
  try {
    content = read_file(path, max_bytes);
  } catch (const InputError& error) {
    throw UsageError(code, error.what());
  }
  const std::string kind = describe_content(std::string_view(content).substr(0, 512));
  if (kind == "a Git LFS pointer") {
    throw UsageError(code,
                     fmt::format("{}: a Git LFS pointer of {} bytes, not the file itself; fetch it "
                                 "with `git lfs pull`",
                                 path.string(),
                                 content.size()));
  }
  if (kind == "empty" || (kind == "an HTML page" && path.extension() == ".json")) {
    throw UsageError(code,
                     fmt::format("{}: {}, not what its name says; copy it again from the model's "
                                 "source",
                                 path.string(),
                                 kind));
  }
  return content;
}

std::optional<OrderedJson> read_model_json(const std::filesystem::path& path,
                                           const std::string& code,
                                           std::uint64_t max_bytes) {
  const auto content = read_model_file(path, code, max_bytes);
  if (!content) {
    return std::nullopt;
  }
  try {
    return OrderedJson::parse(*content);
  } catch (const OrderedJson::parse_error& error) {
    throw UsageError(
        code,
        fmt::format(
            "{}: not valid JSON at byte {}: {}", path.string(), error.byte, json_reason(error)));
  }
}

}  // namespace headroom::text
