#include "scoring/caption_tokens.h"

#include <algorithm>
#include <array>
#include <utility>

#include "caption_abbreviations.h"
#include "caption_marks.h"
#include "unicode.h"

namespace headroom::scoring {

namespace {

constexpr std::array<std::pair<char, std::string_view>, 6> kBrackets = {{
    {'(', "-lrb-"},
    {')', "-rrb-"},
    {'[', "-lsb-"},
    {']', "-rsb-"},
    {'{', "-lcb-"},
    {'}', "-rcb-"},
}};

constexpr std::array<std::string_view, 6> kEndings = {"'s", "'m", "'d", "'re", "'ve", "'ll"};

/// The same, and short forms, where no word stands before them.
constexpr std::array<std::string_view, 8> kAlone = {
    "'s", "'m", "'d", "'re", "'ve", "'ll", "'em", "'cause"};

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

bool is_letter(char c) { return is_word(c) && !is_figure(c); }

/// "5", "1,000.50", "+5:30", ".5"
bool is_number(std::string_view word) {
  return !word.empty() && is_figure(word.back()) &&
         word.find_first_not_of("0123456789.,:+-") == std::string_view::npos;
}

class Tokenizer {
 public:
  std::vector<std::string> run(std::string_view text) {
    const std::string plain = plain_marks(text);
    const std::vector<std::string_view> chunks = split(plain);
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      follower_ = i + 1 < chunks.size() ? chunks[i + 1] : std::string_view();
      written_ = chunks[i];
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

  void split_word(const std::string& word) {
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
        return take_separator(place);
      case '!':
      case '?':
        return take_exclamation(place);
      case '.':
        return take_stop(place);
      case '-':
        return take_hyphen(place);
      case '+':
        return take_plus(place);
      case '\'':
        return take_apostrophe(place);
      case '%':
      case '\\':
      case '~':
      case '^':
      case '|':
      case '=':
      case '<':
      case '>':
        push(std::string_view(&c, 1));
        return 1;
      case '$':
        return take_dollar();
      case '*':
      case '#':
      case '_':
      case '@':
        return take_sign(place);
      case '&':
        return take_alone(!joins_capitals(place), c);
      case '/':
        return take_alone(word_.empty() || !is_word(next), c);
      default:
        if (is_letter(c) && is_number(word_) && word_.find_first_of(".,:") != std::string::npos) {
          flush();  // "5:30pm"
        }
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

  /// A comma or colon belongs to a number that goes on, or begins one (":5"); else it ends a word.
  std::size_t take_separator(std::size_t place) {
    if (is_figure(at(place + 1))) {
      if (!is_number(word_)) {
        flush();
      }
      word_.push_back(chunk_[place]);
    } else {
      flush();
    }
    return 1;
  }

  /// The end of "us$", else alone.
  std::size_t take_dollar() {
    if (word_ == "us") {
      word_.push_back('$');
      flush();
    } else {
      push("$");
    }
    return 1;
  }

  /// A sign before a figure, the end of "c++", else alone.
  std::size_t take_plus(std::size_t place) {
    constexpr std::string_view kDouble = "++";
    if (word_ == "c" && chunk_.compare(place, kDouble.size(), kDouble) == 0) {
      word_ += kDouble;
      flush();
      return kDouble.size();
    }
    if (is_figure(at(place + 1))) {
      flush();
      word_ = "+";
      return 1;
    }
    return take_alone(!joins_capitals(place), '+');
  }

  /// "AT&T", "B+B"
  bool joins_capitals(std::size_t place) const {
    return is_capital_at(place + 1) && place > 0 && is_capital_at(place - 1) && !word_.empty();
  }

  bool is_capital_at(std::size_t place) const {
    return written_.size() == chunk_.size() && place < written_.size() && written_[place] >= 'A' &&
           written_[place] <= 'Z';
  }

  /// Several of * # _ @ in a row are one token. One alone can also belong to a word: "#tag",
  /// "@name_1", "a_b", "a@b.com", "c#".
  std::size_t take_sign(std::size_t place) {
    const char c = chunk_[place];
    const char next = at(place + 1);
    const std::size_t count = run_of(std::string_view(&c, 1), place);
    if (count == 1 && c == '#' && (word_ == "c" || word_ == "f")) {
      word_.push_back(c);
      flush();
      return 1;
    }
    if (count == 1 && (c == '_' || c == '@') && !word_.empty() && is_word(next)) {
      word_.push_back(c);
      return 1;
    }
    const bool tag = c == '#' && is_letter(next);
    const bool name = c == '@' && (is_letter(next) || next == '_');
    if (count == 1 && (tag || name)) {
      std::size_t end = place + 1;
      while (tag ? is_letter(at(end)) : is_word(at(end)) || at(end) == '_') {
        ++end;
      }
      push(std::string_view(chunk_).substr(place, end - place));
      return end - place;
    }
    push(std::string_view(chunk_).substr(place, count));
    return count;
  }

  /// Several together are one token, which is none of the marks that are dropped; one between
  /// letters is a part of the word.
  std::size_t take_exclamation(std::size_t place) {
    const std::size_t count = run_of("!?", place);
    if (count == 1 && !word_.empty() && is_letter(word_.back()) && is_letter(at(place + 1))) {
      word_.push_back(chunk_[place]);
      return 1;
    }
    flush();
    if (count > 1) {
      tokens_.push_back(chunk_.substr(place, count));
    }
    return count;
  }

  std::size_t take_stop(std::size_t place) {
    const std::size_t count = run_of(".", place);
    const char next = at(place + 1);
    const bool kept = keeps_stop(place);
    const bool compound = kept && next == '-' && is_word(at(place + 2));  // "u.s.-based"
    const bool inside = compound || (is_figure(next) ? !kept && is_number(word_)
                                                     : is_letter(next) && !is_number(word_));
    if (word_.empty() && !is_figure(next)) {
      return count;
    }
    if (count == 1 && is_figure(next) && !kept && !inside) {
      flush();
      word_ = ".";  // of a number
    } else if (count == 1 && inside) {
      word_.push_back('.');
    } else {
      if (kept) {
        word_.push_back('.');
      }
      flush();
    }
    return count;
  }

  bool keeps_stop(std::size_t place) const {
    if (word_.empty() || word_.size() > place) {
      return false;
    }
    const bool last = place + 1 == chunk_.size();
    if (word_.size() == 1 && is_letter(word_.front())) {
      return last ? !follower_.empty() && !is_beginning(follower_) : !is_letter(at(place + 1));
    }
    const bool capital = is_capital_at(place - word_.size());
    const char next = !last ? at(place + 1) : follower_.empty() ? '\0' : follower_.front();
    return is_abbreviation(word_, capital, is_figure(next));
  }

  /// Of a sentence, by its first word.
  static bool is_beginning(std::string_view chunk) {
    const bool capital = chunk.front() >= 'A' && chunk.front() <= 'Z';
    std::string word = lower(chunk);
    word.resize(std::min(word.find_first_of(",;:'.!?"), word.size()));
    return capital && begins_sentence(word);
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
    for (const std::string_view ending : kAlone) {
      if (word_.empty() && chunk_.compare(place, ending.size(), ending) == 0 &&
          !is_letter(at(place + ending.size()))) {
        push(ending);
        return ending.size();
      }
    }
    const bool year = is_figure(next) && is_figure(at(place + 2)) && !is_figure(at(place + 3));
    const bool opens = word_.empty() && (year || chunk_.compare(place, 4, "'tis") == 0 ||
                                         chunk_.compare(place, 5, "'twas") == 0);
    const bool inside =
        !word_.empty() && !is_figure(word_.back()) && is_word(next) && !is_figure(next);
    const bool after_figure = !word_.empty() && is_figure(word_.back()) && next == 's';
    keep_if(count == 1 && (opens || inside || after_figure), '\'');
    return count;
  }

  std::string chunk_;
  std::string_view written_;   ///< the same, not in lower case
  std::string_view follower_;  ///< the next chunk as written; empty at the end
  std::string word_;
  std::vector<std::string> tokens_;
};

}  // namespace

std::vector<std::string> caption_tokens(std::string_view text) { return Tokenizer().run(text); }

}  // namespace headroom::scoring
