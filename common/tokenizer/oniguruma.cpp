#include "common/tokenizer/oniguruma.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>
#include <vector>

#include "common/tokenizer/character_class.h"
#include "common/tokenizer/pattern_reader.h"
#include "common/utf8.h"

namespace kvcompare {
namespace {

constexpr std::size_t kNoAtom = std::string::npos;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

class Translation : private PatternReader {
 public:
  explicit Translation(std::string_view pattern) : PatternReader(pattern) {}

  std::string run() {
    while (at_ < in_.size()) step();
    return out_;
  }

 private:
  enum class Item { kNone, kClass, kHyphen, kOther };  // kinds of items of a bracket expression
  struct Group {
    std::size_t out_begin;  // where the group starts in out_
    bool caseless_outside;
  };

  void step() {
    switch (in_[at_]) {
      case '\\':
        return escape();
      case '[':
        return bracket();
      case '(':
        return open_group();
      case ')':
        return close_group();
      case '*':
      case '+':
      case '?':
      case '{':
        return quantifier();
      case '|':
      case '^':
      case '$':
        last_letter_ = 0;
        atom_ = kNoAtom;
        out_ += in_[at_++];
        return;
      default:
        return literal();
    }
  }

  void begin_atom() {
    atom_ = out_.size();
    last_letter_ = 0;
  }

  void literal() {
    const CodePoint c = decode_utf8(in_, at_);
    const char previous = last_letter_;
    begin_atom();
    if (caseless_) check_case_folding(c, previous);
    out_ += in_.substr(at_, c.n_bytes);
    at_ += c.n_bytes;
  }

  // Oniguruma folds "ss" with U+00DF, "fi" with U+FB01 and so on; PCRE2 folds single characters only.
  void check_case_folding(CodePoint c, char previous) {
    if (c.n_bytes > 1) {
      if (c.value != 0x2019 && c.value != 0x2018) refuse("a non-ASCII character in a caseless part");
      return;
    }
    const char letter = static_cast<char>(std::tolower(static_cast<int>(c.value)));
    for (const std::string_view pair : {"ss", "st", "ff", "fi", "fl"}) {
      if (previous == pair[0] && letter == pair[1])
        refuse("\"" + std::string(pair) + "\" in a caseless part");
    }
    if (is_ascii_letter(letter)) last_letter_ = letter;
  }

  // ---- escapes ----

  static std::string bracketed(const ClassEscape& set) {
    return std::string(set.negated ? "[^" : "[").append(set.items).append("]");
  }

  void escape() {
    if (at_ + 1 == in_.size()) refuse("a backslash at the end");
    const char kind = in_[at_ + 1];
    if (kind == 'A' || kind == 'z' || kind == 'Z') {
      begin_atom();
      out_ += in_.substr(at_, 2);
      at_ += 2;
    } else if (kind == 'b' || kind == 'B') {
      word_boundary(kind == 'B');
    } else if (const auto set = class_escape(caseless_)) {
      begin_atom();
      out_ += bracketed(*set);
    } else if (const auto character = escaped_character()) {
      begin_atom();
      out_ += *character;
    } else {
      refuse("\"" + std::string(in_.substr(at_, 1 + decode_utf8(in_, at_ + 1).n_bytes)) + "\"");
    }
  }

  void word_boundary(bool negated) {
    begin_atom();
    const std::string word = bracketed({class_of_word(), false});
    const auto between = [&word](const char* before, const char* behind) {
      return std::string(before).append(word).append(")").append(behind).append(word).append(")");
    };
    out_.append("(?:").append(between("(?<=", negated ? "(?=" : "(?!"));
    out_.append("|").append(between("(?<!", negated ? "(?!" : "(?=")).append(")");
    at_ += 2;
  }

  // ---- bracket expressions ----

  void bracket() {
    begin_atom();
    out_ += in_[at_++];
    if (next_is("^")) out_ += in_[at_++];
    if (next_is("]")) refuse("an empty bracket expression");
    previous_item_ = Item::kNone;
    while (at_ < in_.size() && in_[at_] != ']') bracket_item();
    if (at_ == in_.size()) refuse("a bracket expression without end");
    out_ += in_[at_++];
  }

  void bracket_item() {
    if (next_is("&&")) refuse("a class intersection (&&)");
    const Item previous = std::exchange(previous_item_, Item::kOther);
    if (in_[at_] == '[') {
      posix_class();
    } else if (next_is("-")) {
      if (previous == Item::kClass && !next_is("-]")) refuse("a range that starts in a class");
      out_ += in_[at_++];
      if (previous == Item::kOther) previous_item_ = Item::kHyphen;
    } else if (next_is("\\b")) {
      out_ += "\\x{08}";
      at_ += 2;
    } else if (in_[at_] == '\\') {
      escape_in_bracket();
    } else {
      literal_in_bracket();
    }
    if (previous == Item::kHyphen && previous_item_ == Item::kClass) refuse("a range that ends in a class");
  }

  void literal_in_bracket() {
    const CodePoint c = decode_utf8(in_, at_);
    if (caseless_ && c.n_bytes > 1) check_case_folding(c, 0);
    out_ += in_.substr(at_, c.n_bytes);
    at_ += c.n_bytes;
  }

  void escape_in_bracket() {
    const std::size_t begin = at_;
    if (const auto set = class_escape(caseless_)) {
      out_ += set->negated ? negated_items(in_.substr(begin, at_ - begin)) : set->items;
      previous_item_ = Item::kClass;
    } else if (const auto character = escaped_character()) {
      out_ += *character;
    } else {
      refuse("this escape in a bracket expression");
    }
  }

  std::string negated_items(std::string_view escape_text) {
    if (escape_text == "\\S") return "\\S\\x{180E}";  // White_Space has not held U+180E since Unicode 6.3
    if (escape_text == "\\D") return "\\D";
    if (escape_text == "\\W" || escape_text == "\\H")
      refuse(std::string(escape_text) + " in a bracket expression");
    const std::string name(escape_text.substr(escape_text.find('{') + 1));
    const std::string bare = name.starts_with('^') ? name.substr(1) : name;
    std::string items = *class_of_property(bare.substr(0, bare.size() - 1));
    items.resize(items.find('}') + 1);
    items[1] = 'P';
    return items;
  }

  void posix_class() {
    if (next_is("[:space:]")) {
      out_ += class_of_space();
    } else if (next_is("[:digit:]")) {
      out_ += class_of_digit();
    } else if (next_is("[:word:]")) {
      out_ += class_of_word();
    } else {
      refuse("a nested or POSIX class in a bracket expression");
    }
    at_ = in_.find(":]", at_) + 2;
    previous_item_ = Item::kClass;
  }

  // ---- groups ----

  void open_group() {
    const std::size_t out_begin = out_.size();
    const bool caseless_outside = caseless_;
    if (next_is("(*")) refuse("a callout");
    if (next_is("(?")) {
      if (next_is("(?i)") && at_ == 0) {
        caseless_ = true;
        out_ += "(?i)";
        at_ += 4;
        return;
      }
      extended_group();
    } else {
      out_ += '(';
      ++at_;
    }
    groups_.push_back({out_begin, caseless_outside});
    atom_ = kNoAtom;
    last_letter_ = 0;
  }

  void extended_group() {
    for (const std::string_view head : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"}) {
      if (next_is(head)) {
        out_ += head;
        at_ += head.size();
        return;
      }
    }
    if (next_is("(?i:") || next_is("(?-i:")) {
      caseless_ = next_is("(?i:");
      out_ += caseless_ ? "(?i:" : "(?-i:";
      at_ += caseless_ ? 4 : 5;
    } else if (next_is("(?m:")) {  // Oniguruma's m is "dot matches newline"
      out_ += "(?s:";
      at_ += 4;
    } else {
      refuse("\"" + std::string(in_.substr(at_, 4)) + "...\"");
    }
  }

  void close_group() {
    if (groups_.empty()) refuse("an unmatched )");
    atom_ = groups_.back().out_begin;
    caseless_ = groups_.back().caseless_outside;
    groups_.pop_back();
    last_letter_ = 0;
    out_ += in_[at_++];
  }

  // ---- quantifiers ----

  struct Interval {
    std::string text;  // in PCRE2's syntax
    bool fixed;        // {n}
  };

  void quantifier() {
    if (atom_ == kNoAtom) refuse("a quantifier without something to repeat");
    last_letter_ = 0;
    if (in_[at_] == '{') {
      interval_quantifier();
    } else {
      out_ += in_[at_++];
      if (next_is("?") || next_is("+")) out_ += in_[at_++];
    }
    atom_ = kNoAtom;
  }

  void interval_quantifier() {
    const Interval interval = take_interval();
    if (next_is("+")) {  // in Oniguruma this repeats the interval; in PCRE2 it would make it possessive
      out_.insert(atom_, "(?:");
      out_ += interval.text + ")+";
      ++at_;
      return;
    }
    out_ += interval.text;
    if (!next_is("?")) return;
    if (interval.fixed) refuse("{n}?");
    out_ += in_[at_++];
  }

  Interval take_interval() {
    const std::size_t close = in_.find('}', at_);
    const std::string_view body = close == std::string_view::npos ? "" : in_.substr(at_ + 1, close - at_ - 1);
    const std::size_t comma = body.find(',');
    const std::string low(body.substr(0, comma));
    const std::string high(comma == std::string_view::npos ? "" : body.substr(comma + 1));
    const auto digits = [](const std::string& text) {
      return std::all_of(text.begin(), text.end(), is_digit);
    };
    if (!digits(low) || !digits(high) || (low.empty() && high.empty())) refuse("an unescaped {");
    at_ = close + 1;
    if (comma == std::string_view::npos) return {"{" + low + "}", true};
    return {"{" + (low.empty() ? "0" : low) + "," + high + "}", false};
  }

  std::string out_;
  std::vector<Group> groups_;
  bool caseless_ = false;
  std::size_t atom_ = kNoAtom;  // where in out_ the part begins that a quantifier would repeat
  Item previous_item_ = Item::kOther;
  char last_letter_ = 0;  // the lower-cased ASCII letter just before, in a caseless part
};

}  // namespace

std::string pcre2_from_oniguruma(std::string_view pattern) { return Translation(pattern).run(); }

}  // namespace kvcompare
