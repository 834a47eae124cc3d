#include "header_handler.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/errors.h"
#include "base/json.h"

namespace headroom::engine {
namespace {

/// {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {…}}
class HeaderHandler final : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderHandler(const std::string& where) : where_(where) {}

  SafetensorsHeader take() && { return std::move(header_); }

  bool null() override {
    if (depth_ == 1 && key_ == kMetadata) {
      return true;  // seen in the wild, and the reference reader takes it
    }
    return scalar("null");
  }

  bool boolean(bool) override { return scalar("a truth value"); }

  bool number_integer(number_integer_t value) override {
    return scalar(fmt::format("the negative number {}", value));
  }

  bool number_float(number_float_t value, const string_t&) override {
    return scalar(fmt::format("the fraction {}", value));
  }

  bool binary(binary_t&) override { return scalar("bytes"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (in_metadata_) {
      return true;
    }
    if (!in_list_) {
      refuse(fmt::format("the number {} stands where none belongs", value));
    }
    if (field_ == "shape") {
      if (tensor_.shape.size() == kMaxDimensions) {
        refuse(fmt::format("tensor '{}' has more than {} dimensions", key_, kMaxDimensions));
      }
      tensor_.shape.push_back(value);
    } else {
      if (offsets_ == 2) {
        refuse(fmt::format("tensor '{}' has more than two data_offsets", key_));
      }
      (offsets_ == 0 ? tensor_.begin : tensor_.end) = value;
      ++offsets_;
    }
    return true;
  }

  bool string(string_t& value) override {
    if (in_metadata_) {
      if (depth_ == 2) {
        header_.metadata[field_] = value;
      }
      return true;
    }
    if (depth_ != 2 || in_list_ || field_ != "dtype") {
      return scalar(fmt::format("the text '{}'", value.substr(0, 40)));
    }
    tensor_.dtype = value;
    return true;
  }

  bool start_object(std::size_t) override {
    ++depth_;
    if (depth_ == 2) {
      in_metadata_ = key_ == kMetadata;
      tensor_ = {};
      offsets_ = 0;
      shape_seen_ = false;
    } else if (depth_ > 2 && !in_metadata_) {
      refuse(fmt::format("tensor '{}' holds a table", key_));
    }
    return true;
  }

  bool key(string_t& value) override {
    if (depth_ == 1) {
      key_ = value;
      if (!names_.insert(value).second) {
        refuse(fmt::format("tensor '{}' is named twice", value));
      }
    } else if (depth_ == 2) {
      field_ = value;
      if (!in_metadata_ && value != "dtype" && value != "shape" && value != "data_offsets") {
        refuse(fmt::format("tensor '{}' has the unknown field '{}'", key_, value.substr(0, 40)));
      }
    }
    return true;
  }

  bool end_object() override {
    if (depth_ == 2 && !in_metadata_) {
      if (tensor_.dtype.empty() || !shape_seen_ || offsets_ != 2) {
        refuse(fmt::format("tensor '{}' lacks dtype, shape or data_offsets", key_));
      }
      header_.tensors.emplace(key_, std::move(tensor_));
    }
    in_metadata_ = in_metadata_ && depth_ > 2;
    --depth_;
    return true;
  }

  bool start_array(std::size_t) override {
    if (in_metadata_) {
      return true;
    }
    if (depth_ != 2 || in_list_ || field_ == "dtype") {
      refuse("a list stands where none belongs");
    }
    in_list_ = true;
    shape_seen_ = shape_seen_ || field_ == "shape";
    return true;
  }

  bool end_array() override {
    in_list_ = false;
    return true;
  }

  bool parse_error(std::size_t position,
                   const std::string&,
                   const nlohmann::detail::exception& error) override {
    refuse(fmt::format("its header is not valid JSON at byte {}: {}", position, error.what()));
  }

 private:
  static constexpr std::string_view kMetadata = "__metadata__";

  [[noreturn]] void refuse(const std::string& what) const {
    throw UsageError("E-SAFETENSORS", where_ + ": " + what);
  }

  bool scalar(const std::string& what) const {
    if (!in_metadata_) {
      refuse(fmt::format("{} stands where none belongs (after '{}')", what, key_));
    }
    return true;
  }

  const std::string& where_;
  SafetensorsHeader header_;
  std::set<std::string> names_;
  StoredTensor tensor_;
  std::string key_;    // of the outer table
  std::string field_;  // of the inner one
  std::size_t depth_ = 0;
  int offsets_ = 0;
  bool in_metadata_ = false;
  bool in_list_ = false;
  bool shape_seen_ = false;
};

}  // namespace

SafetensorsHeader parse_header_json(std::string_view json, const std::string& where) {
  const auto start = json.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || json[start] != '{') {
    throw UsageError("E-SAFETENSORS", where + ": its header is not a JSON table");
  }
  HeaderHandler handler(where);
  Json::sax_parse(json, &handler);
  return std::move(handler).take();
}

}  // namespace headroom::engine
