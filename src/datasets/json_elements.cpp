#include "json_elements.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <vector>

#include "base/errors.h"
#include "json_text.h"

namespace headroom::datasets {

namespace {

constexpr std::size_t kLargestElement = 64UL << 20U;

bool is_blank(int c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/// Follows strings and brackets through the bytes of one value.
class Nesting {
 public:
  /// True when `c` closed the value.
  bool feed(char c) {
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
        return depth_ == 0;
      }
      return false;
    }
    if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (c == '}' || c == ']') {
      --depth_;
      return depth_ == 0;
    }
    return false;
  }

 private:
  bool in_string_ = false;
  bool escaped_ = false;
  std::size_t depth_ = 0;
};

}  // namespace

JsonElements::JsonElements(const std::filesystem::path& path, std::string key)
    : source_(path), key_(std::move(key)) {}

void JsonElements::fail(const std::string& expected) const {
  throw UsageError("E-DATA-JSON",
                   fmt::format("{}: not valid JSON at byte {} (after record {}): expected {}",
                               source_.file(),
                               source_.offset() + 1,
                               number_,
                               expected));
}

int JsonElements::peek() {
  const std::string_view piece = source_.available();
  return piece.empty() ? EOF : static_cast<unsigned char>(piece.front());
}

int JsonElements::peek_past_blanks() {
  int c = peek();
  while (is_blank(c)) {
    source_.consume(1);
    c = peek();
  }
  return c;
}

void JsonElements::expect(char wanted) {
  if (peek_past_blanks() != wanted) {
    fail(fmt::format("'{}'", wanted));
  }
  source_.consume(1);
}

void JsonElements::take_nested(std::string* text) {
  Nesting nesting;
  for (std::string_view piece = source_.available(); !piece.empty(); piece = source_.available()) {
    std::size_t used = 0;
    bool closed = false;
    while (used < piece.size() && !closed) {
      closed = nesting.feed(piece[used++]);
    }
    if (text != nullptr) {
      text->append(piece.substr(0, used));
    }
    source_.consume(used);
    if (closed) {
      return;
    }
    if (text != nullptr && text->size() > kLargestElement) {
      fail(fmt::format("a record of at most {} bytes; a bracket or quote may be missing",
                       kLargestElement));
    }
  }
  fail("the end of the record, but the file ends");
}

void JsonElements::take_scalar(std::string* text) {
  const auto ends = [](int c) {
    return c == EOF || is_blank(c) || c == ',' || c == ']' || c == '}';
  };
  if (ends(peek())) {
    fail("a value");
  }
  for (int c = peek(); !ends(c); c = peek()) {
    if (text != nullptr) {
      text->push_back(static_cast<char>(c));
    }
    source_.consume(1);
  }
}

void JsonElements::take_value(std::string* text) {
  const int c = peek_past_blanks();
  if (c == '{' || c == '[' || c == '"') {
    take_nested(text);
  } else {
    take_scalar(text);
  }
}

std::string JsonElements::read_string() {
  if (peek_past_blanks() != '"') {
    fail("a name in quotes");
  }
  std::string quoted;
  take_nested(&quoted);
  return as_text(parse_json_text(quoted, source_.file())).value_or("");
}

void JsonElements::enter_list() {
  const int first = peek_past_blanks();
  if (key_.empty()) {
    expect('[');
    return;
  }
  if (first == EOF) {
    throw UsageError("E-DATA-EMPTY", fmt::format("{}: the file is empty", source_.file()));
  }
  expect('{');
  std::vector<std::string> found;
  while (peek_past_blanks() != '}') {
    if (!found.empty()) {
      expect(',');
    }
    found.push_back(read_string());
    expect(':');
    if (found.back() == key_) {
      expect('[');
      return;
    }
    take_value(nullptr);
  }
  throw UsageError(
      "E-DATA-JSON",
      fmt::format("{}: has no list '{}'; it has: {}",
                  source_.file(),
                  key_,
                  found.empty() ? "nothing" : fmt::format("{}", fmt::join(found, ", "))));
}

std::optional<Row> JsonElements::next() {
  if (state_ == State::kDone) {
    return std::nullopt;
  }
  if (state_ == State::kBefore) {
    enter_list();
    state_ = State::kFirst;
  }
  if (peek_past_blanks() == ']') {
    source_.consume(1);
    state_ = State::kDone;
    return std::nullopt;
  }
  if (state_ == State::kFurther) {
    if (peek_past_blanks() != ',') {
      fail("',' or ']'");
    }
    source_.consume(1);
    peek_past_blanks();
  }
  state_ = State::kFurther;
  element_.clear();
  element_offset_ = source_.offset();
  take_value(&element_);
  return Row{++number_, element_};
}

}  // namespace headroom::datasets
