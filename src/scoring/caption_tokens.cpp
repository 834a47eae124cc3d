#include "scoring/caption_tokens.h"

#include <algorithm>
#include <array>
#include <utility>

#include "unicode.h"

namespace headroom::scoring {

namespace {

/// Typographic marks as the plain ones that stand for them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kMarks = {{
    {"\xE2\x80\x9C", "\""},     // left double quote
    {"\xE2\x80\x9D", "\""},     // right double quote
    {"\xE2\x80\x98", "'"},      // left single quote
    {"\xE2\x80\x99", "'"},      // right single quote
    {"\xE2\x80\x93", " -- "},   // en dash
    {"\xE2\x80\x94", " -- "},   // em dash
    {"\xE2\x80\xA6", " ... "},  // ellipsis
    {"\xC2\xA0", " "},          // no-break space
}};

constexpr std::array<std::pair<char, std::string_view>, 6> kBrackets = {{
    {'(', "-lrb-"},
    {')', "-rrb-"},
    {'[', "-lsb-"},
    {']', "-rsb-"},
    {'{', "-lcb-"},
    {'}', "-rcb-"},
}};

/// Words that keep their full stop wherever they stand.
constexpr std::array<std::string_view, 41> kAbbreviations = {
    "apr", "aug", "ave", "blvd", "bros", "capt", "co",  "col", "corp", "dec",  "dept",
    "dr",  "est", "etc", "feb",  "ft",   "gen",  "gov", "inc", "jan",  "jr",   "jul",
    "jun", "lt",  "ltd", "mar",  "mr",   "mrs",  "ms",  "nov", "oct",  "ph.d", "prof",
    "rep", "rev", "sen", "sep",  "sgt",  "sr",   "st",  "vs",
};

constexpr std::array<std::string_view, 6> kEndings = {"'s", "'m", "'d", "'re", "'ve", "'ll"};

/// Two words that are written as one.
constexpr std::array<std::array<std::string_view, 3>, 9> kJoined = {{
    {"cannot", "can", "not"},
    {"gonna", "gon", "na"},
    {"gotta", "got", "ta"},
    {"wanna", "wan", "na"},
    {"gimme", "gim", "me"},
    {"lemme", "lem", "me"},
    {"y'all", "y'", "all"},
    {"'tis", "'t", "is"},
    {"'twas", "'t", "was"},
}};

bool is_figure(char c) { return c >= '0' && c <= '9'; }

/// A letter, a figure, or a byte of a character beyond ASCII.
bool is_word(char c) {
  return is_figure(c) || (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80;
}

std::string plain_marks(std::string_view text) {
  std::string result(text);
  for (const auto& [mark, plain] : kMarks) {
    for (auto at = result.find(mark); at != std::string::npos;
         at = result.find(mark, at + plain.size())) {
      result.replace(at, mark.size(), plain);
    }
  }
  return result;
}

/// "u.s", "a.m": letters, each but the last with its full stop.
bool is_acronym(std::string_view word) {
  if (word.size() < 3 || word.size() % 2 == 0) {
    return false;
  }
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (i % 2 == 0 ? !(word[i] >= 'a' && word[i] <= 'z') : word[i] != '.') {
      return false;
    }
  }
  return true;
}

class Tokenizer {
 public:
  std::vector<std::string> run(std::string_view text) {
    const std::string plain = plain_marks(text);
    const std::vector<std::string_view> chunks = split(plain);
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      follower_ = i + 1 < chunks.size() ? chunks[i + 1].front() : '\0';
      chunk_ = lower(chunks[i]);
      take_chunk();
    }
    return std::move(tokens_);
  }

 private:
  char at(std::size_t place) const { return place < chunk_.size() ? chunk_[place] : '\0'; }

  std::size_t run_of(std::string_view characters, std::size_t place) const {
    return std::min(chunk_.find_first_not_of(characters, place), chunk_.size()) - place;
  }

  void push(std::string_view token) {
    flush();
    tokens_.emplace_back(token);
  }

  void flush() {
    if (!word_.empty()) {
      split_word(std::exchange(word_, {}));
    }
  }

  void split_word(std::string word) {
    for (const auto& [joined, first, second] : kJoined) {
      if (word == joined) {
        tokens_.emplace_back(first);
        tokens_.emplace_back(second);
        return;
      }
    }
    std::vector<std::string_view> endings;
    std::string_view rest = word;
    for (bool found = true; found;) {
      found = false;
      for (const std::string_view ending : kEndings) {
        if (rest.size() > ending.size() && rest.ends_with(ending)) {
          endings.push_back(ending);
          rest.remove_suffix(ending.size());
          found = true;
        }
      }
    }
    constexpr std::string_view kNot = "n't";
    if (rest.size() > kNot.size() && rest.ends_with(kNot)) {
      endings.push_back(kNot);
      rest.remove_suffix(kNot.size());
    }
    tokens_.emplace_back(rest);
    tokens_.insert(tokens_.end(), endings.rbegin(), endings.rend());
  }

  void take_chunk() {
    for (std::size_t place = 0; place < chunk_.size();) {
      place += take(place);
    }
    flush();
  }

  /// Takes what stands at `place`; returns how many bytes.
  std::size_t take(std::size_t place) {
    const char c = chunk_[place];
    const char next = at(place + 1);
    for (const auto& [bracket, name] : kBrackets) {
      if (c == bracket) {
        push(name);
        return 1;
      }
    }
    switch (c) {
      case '"':
      case '`':
      case ';':
        flush();
        return 1;
      case ',':
      case ':':
        return keep_if(!word_.empty() && is_figure(word_.back()) && is_figure(next), c);
      case '!':
      case '?':
        return take_exclamation(place);
      case '.':
        return take_stop(place);
      case '-':
        return take_hyphen(place);
      case '\'':
        return take_apostrophe(place);
      case '%':
      case '*':
      case '\\':
        push(std::string_view(&c, 1));
        return 1;
      case '$':
        return take_alone(word_.empty(), c);
      case '#':
        return take_alone(word_.empty() && is_figure(next), c);
      case '&':
      case '/':
        return take_alone(word_.empty() || !is_word(next), c);
      default:
        word_.push_back(c);
        return 1;
    }
  }

  /// As a part of the word, or dropped as what ends it.
  std::size_t keep_if(bool part, char c) {
    if (part) {
      word_.push_back(c);
    } else {
      flush();
    }
    return 1;
  }

  /// As a token of its own, or as a part of the word.
  std::size_t take_alone(bool alone, char c) {
    if (alone) {
      push(std::string_view(&c, 1));
    } else {
      word_.push_back(c);
    }
    return 1;
  }

  /// Several together are one token, which is none of the marks that are dropped.
  std::size_t take_exclamation(std::size_t place) {
    const std::size_t count = run_of("!?", place);
    flush();
    if (count > 1) {
      tokens_.push_back(chunk_.substr(place, count));
    }
    return count;
  }

  std::size_t take_stop(std::size_t place) {
    const std::size_t count = run_of(".", place);
    if (count > 1) {
      flush();
      return count;
    }
    if (is_word(at(place + 1))) {
      word_.push_back('.');
    } else {
      if (keeps_stop(place)) {
        word_.push_back('.');
      }
      flush();
    }
    return 1;
  }

  bool keeps_stop(std::size_t place) const {
    const bool last = place + 1 == chunk_.size();
    if (word_.size() == 1 && !is_figure(word_[0])) {
      return last && follower_ >= 'a' && follower_ <= 'z';
    }
    if (word_ == "no") {
      return last && is_figure(follower_);
    }
    return is_acronym(word_) ||
           std::find(kAbbreviations.begin(), kAbbreviations.end(), word_) != kAbbreviations.end();
  }

  std::size_t take_hyphen(std::size_t place) {
    const std::size_t count = run_of("-", place);
    const bool sign = word_.empty() && is_figure(at(place + 1));
    keep_if(count == 1 && (sign || (!word_.empty() && is_word(at(place + 1)))), '-');
    return count;
  }

  std::size_t take_apostrophe(std::size_t place) {
    constexpr std::string_view kAnd = "'n'";
    if (chunk_ == kAnd) {
      word_ = kAnd;
      return kAnd.size();
    }
    const std::size_t count = run_of("'", place);
    const char next = at(place + 1);
    const bool opens = word_.empty() && (is_figure(next) || chunk_.compare(place, 4, "'tis") == 0 ||
                                         chunk_.compare(place, 5, "'twas") == 0);
    const bool inside =
        !word_.empty() && !is_figure(word_.back()) && is_word(next) && !is_figure(next);
    const bool after_figure = !word_.empty() && is_figure(word_.back()) && next == 's';
    keep_if(count == 1 && (opens || inside || after_figure), '\'');
    return count;
  }

  std::string chunk_;
  char follower_ = '\0';  ///< the first character of the next chunk, as written; 0 at the end
  std::string word_;
  std::vector<std::string> tokens_;
};

}  // namespace

std::vector<std::string> caption_tokens(std::string_view text) { return Tokenizer().run(text); }

}  // namespace headroom::scoring
