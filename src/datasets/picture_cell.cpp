#include "picture_cell.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/base64.h"
#include "base/errors.h"

namespace headroom::datasets {

namespace {

constexpr std::size_t kShortestBase64 = 64;
constexpr std::size_t kLongestPath = 4095;  // PATH_MAX without its zero
constexpr std::size_t kLongestName = 255;   // NAME_MAX

bool is_base64_alphabet(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("+/-_= \t\r\n").find(c) != std::string_view::npos;
  });
}

bool can_be_path(std::string_view text) {
  if (text.size() > kLongestPath) {
    return false;
  }
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('/'), text.size());
    if (end > kLongestName) {
      return false;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

bool is_base64(const std::string& text, PictureNames& names) {
  if (!can_be_path(text)) {
    return true;
  }
  if (text.size() < kShortestBase64 || !is_base64_alphabet(text)) {
    return false;
  }
  std::error_code ignored;
  return !std::filesystem::exists(names.resolve(text), ignored);
}

std::optional<unsigned> hex_digit(char c) {
  const auto* const digits = "0123456789abcdef";
  const auto at =
      std::string_view(digits).find(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  return at == std::string_view::npos ? std::nullopt : std::optional(static_cast<unsigned>(at));
}

std::string percent_decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const auto high = hex_digit(text[i + 1]);
      const auto low = hex_digit(text[i + 2]);
      if (high && low) {
        result.push_back(static_cast<char>(*high * 16 + *low));
        i += 2;
        continue;
      }
    }
    result.push_back(text[i]);
  }
  return result;
}

/// Reads one value after another into one cell; the first fault wins.
class CellReader {
 public:
  CellReader(const std::string& id, PictureNames& names) : id_(id), names_(names) {}

  void read(const Json& value) {
    if (value.is_array()) {
      for (const Json& each : value) {
        read_one(each);
      }
    } else if (!value.is_null()) {
      read_one(value);
    }
  }

  PictureCell take() {
    if (!cell_.defect.empty()) {
      cell_.pictures.clear();
    }
    return std::move(cell_);
  }

 private:
  void fail(std::string why) {
    if (cell_.defect.empty()) {
      cell_.defect = std::move(why);
    }
  }

  void read_one(const Json& value) {
    if (value.is_object()) {
      read_object(value);
    } else if (value.is_string()) {
      read_text(value.get<std::string>());
    } else {
      fail(fmt::format("the picture is a {}, expected a name, base64 or a list of them",
                       value.is_array()  ? "list within a list"
                       : value.is_null() ? "null"
                                         : "truth value"));
    }
  }

  void read_object(const Json& value) {
    const auto bytes = value.find("bytes");
    const auto path = value.find("path");
    if (bytes != value.end() && bytes->is_string()) {
      add_base64(bytes->get<std::string>());
    } else if (path != value.end() && path->is_string()) {
      add_path(path->get<std::string>());
    } else {
      fail("the picture is an object without a text 'path' or 'bytes'");
    }
  }

  void read_text(const std::string& text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    const std::string_view start =
        first == std::string::npos ? std::string_view() : std::string_view(text).substr(first);
    if (start.empty()) {
      fail("the picture field is empty");
    } else if (start.starts_with("data:")) {
      add_data_address(text, start);
    } else if (start.starts_with("http://") || start.starts_with("https://")) {
      fail(fmt::format("'{}' is an address on the network; download the picture and name the file",
                       start.substr(0, 120)));
    } else if (start.starts_with("file://")) {
      add_path(percent_decoded(start.substr(std::string_view("file://").size())));
    } else if (is_base64(text, names_)) {
      add_base64(text);
    } else {
      add_path(text);
    }
  }

  void add_data_address(const std::string& text, std::string_view start) {
    const std::string_view head = start.substr(0, start.find(','));
    if (head.size() == start.size() || !head.ends_with(";base64")) {
      fail(fmt::format("a data: address begins with '{}', expected data:TYPE;base64,…",
                       head.substr(0, 60)));
    } else {
      add_base64(text);
    }
  }

  void add_base64(const std::string& text) {
    try {
      std::string bytes = decode_base64(text, "the picture's base64");
      if (bytes.empty()) {
        fail("the picture field holds base64 of no bytes");
        return;
      }
      cell_.pictures.push_back({{}, std::move(bytes), id_});
    } catch (const InputError& error) {
      fail(error.what());
    }
  }

  void add_path(const std::string& name) {
    if (name.empty() || name.find('\0') != std::string::npos) {
      fail("the picture's name is empty or has a zero byte");
    } else {
      cell_.pictures.push_back({names_.resolve(name), {}, name});
    }
  }

  const std::string& id_;
  PictureNames& names_;
  PictureCell cell_;
};

}  // namespace

PictureCell read_picture_cell(const Json& cell, const std::string& id, PictureNames& names) {
  CellReader reader(id, names);
  reader.read(cell);
  return reader.take();
}

}  // namespace headroom::datasets
