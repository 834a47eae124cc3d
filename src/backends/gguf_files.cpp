#include "backends/gguf_files.h"

#include <fmt/format.h>

#include <charconv>
#include <regex>

#include "base/errors.h"
#include "gguf_header.h"

namespace headroom::backends {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMmproj = "+mmproj=";
constexpr std::string_view kImageTokens = "+image-tokens=";
constexpr std::uint32_t kMostImageTokens = 65'536;
constexpr int kMostParts = 1000;

/// What stands behind `key` up to the next one, taken out of `text`; empty: it is not there.
std::string take_out(std::string& text, std::string_view key) {
  const std::size_t begin = text.find(key);
  if (begin == std::string::npos) {
    return {};
  }
  std::size_t end = text.size();
  for (const std::string_view other : {kMmproj, kImageTokens}) {
    end = std::min(end, text.find(other, begin + key.size()));
  }
  const std::string value = text.substr(begin + key.size(), end - begin - key.size());
  text.erase(begin, end - begin);
  return value.empty() ? " " : value;
}

std::uint32_t parse_tokens(const std::string& address, const std::string& text) {
  std::uint32_t tokens = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), tokens);
  if (error != std::errc() || end != text.data() + text.size() || tokens == 0 ||
      tokens > kMostImageTokens) {
    throw UsageError(
        "E-GGUF-WORD",
        fmt::format(
            "{}: +image-tokens={} is no number from 1 to {}", address, text, kMostImageTokens));
  }
  return tokens;
}

}  // namespace

std::string to_string(const GgufFiles& files) {
  std::string text = files.model.string();
  if (!files.mmproj.empty()) {
    text += std::string(kMmproj) + files.mmproj.string();
  }
  if (files.image_tokens != 0) {
    text += fmt::format("{}{}", kImageTokens, files.image_tokens);
  }
  return text;
}

GgufFiles parse_gguf_files(const std::string& address) {
  std::string rest = address;
  GgufFiles files;
  const std::string mmproj = take_out(rest, kMmproj);
  if (mmproj == " ") {
    throw UsageError("E-GGUF-WORD", fmt::format("{}: no file stands behind +mmproj=", address));
  }
  files.mmproj = mmproj;
  if (const std::string tokens = take_out(rest, kImageTokens); !tokens.empty()) {
    files.image_tokens = parse_tokens(address, tokens);
  }
  if (rest.empty()) {
    throw UsageError("E-GGUF-WORD",
                     fmt::format("{}: names no model; it looks like gguf:FILE.gguf, gguf:FOLDER or "
                                 "gguf:org/name:Q4_K_M, with +mmproj=FILE behind it",
                                 address));
  }
  files.model = rest;
  return files;
}

std::vector<fs::path> all_files(const GgufFiles& files) {
  std::vector<fs::path> all;
  static const std::regex kFirstPart("(.*-)00001-of-([0-9]{5})[.]gguf");
  std::smatch match;
  const std::string name = files.model.filename().string();
  if (std::regex_match(name, match, kFirstPart)) {
    const int parts = std::min(std::stoi(match[2]), kMostParts);
    for (int part = 1; part <= parts; ++part) {
      all.push_back(files.model.parent_path() /
                    fmt::format("{}{:05}-of-{}.gguf", match[1].str(), part, match[2].str()));
    }
  }
  if (all.empty()) {
    all.push_back(files.model);
  }
  if (!files.mmproj.empty()) {
    all.push_back(files.mmproj);
  }
  return all;
}

GgufSummary summarise_gguf(const GgufFiles& files) {
  GgufSummary summary;
  for (const fs::path& file : all_files(files)) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(file, error);
    summary.weights += Bytes(error ? 0 : size);
  }
  try {
    const GgufHeader header = read_gguf_header(files.model);
    summary.architecture = header.text("general.architecture").value_or("");
    summary.type = header.main_type();
  } catch (const Error&) {
    return summary;
  }
  return summary;
}

}  // namespace headroom::backends
