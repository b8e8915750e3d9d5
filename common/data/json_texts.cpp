#include "common/data/json_texts.h"

#include <string_view>
#include <utility>

#include "common/errors.h"
#include "common/white_space.h"

namespace kvcompare {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

class Lines : public JsonTexts {
 public:
  explicit Lines(BufferedBytes bytes) : bytes_(std::move(bytes)) {}

  bool next(std::string& text) override {
    while (bytes_.take_line(text)) {
      ++line_;
      if (!is_blank(text)) return true;
    }
    return false;
  }
  std::int64_t line() const override { return line_; }
  std::int64_t n_lines() const override { return line_; }

 private:
  BufferedBytes bytes_;
  std::int64_t line_ = 0;
};

class Elements : public JsonTexts {
 public:
  Elements(BufferedBytes bytes, std::string file) : bytes_(std::move(bytes)), file_(std::move(file)) {}

  bool next(std::string& text) override {
    if (is_done_) return false;
    if (is_behind_) return end();
    skip_space();
    if (element_ == 0) {
      take('[');
      skip_space();
      is_behind_ = front() == ']';
      if (is_behind_) {
        bytes_.skip(1);
        return end();
      }
    }
    ++element_;
    take_element(text);
    if (front() == ',' || front() == ']') {
      is_behind_ = front() == ']';
      bytes_.skip(1);
      return true;
    }
    fail("the file ends within this element of the JSON array: a part of it is missing");
  }
  std::int64_t line() const override { return element_; }
  std::int64_t n_lines() const override { return element_; }

 private:
  // '\0' at the end.
  char front() {
    const auto bytes = bytes_.peek(1);
    return bytes.empty() ? '\0' : bytes[0];
  }

  void take(char expected) {
    if (front() != expected) fail(std::string("expected '") + expected + "'");
    bytes_.skip(1);
  }

  void skip_space() {
    while (is_space(front())) bytes_.skip(1);
  }

  // Up to the ',' or ']' that is outside of the element's own brackets and quotes.
  void take_element(std::string& text) {
    text.clear();
    int depth = 0;
    bool in_string = false, is_escaped = false;
    for (;;) {
      if (bytes_.peek(1).empty()) return;
      const auto bytes = bytes_.buffered();
      std::size_t at = 0;
      for (; at < bytes.size(); ++at) {
        const char c = bytes[at];
        if (in_string) {
          in_string = is_escaped || c != '"';
          is_escaped = !is_escaped && c == '\\';
          continue;
        }
        if (depth == 0 && (c == ',' || c == ']')) break;
        in_string = c == '"';
        depth += (c == '{' || c == '[' ? 1 : 0) - (c == '}' || c == ']' ? 1 : 0);
      }
      const bool is_whole = at < bytes.size();
      text += bytes.substr(0, at);
      bytes_.skip(at);
      if (is_whole) return;
    }
  }

  // Behind the array. Nothing but white space may follow it. Returns false: there is no other element.
  bool end() {
    skip_space();
    is_done_ = true;
    if (bytes_.peek(1).empty()) return false;
    ++element_;  // what follows is no part of the last one
    fail("something follows the JSON array; expected one array, or JSON Lines: an object a line");
  }

  // Nothing more can be read then.
  [[noreturn]] void fail(const std::string& problem) {
    is_done_ = true;
    throw DataError(file_, element_, problem);
  }

  BufferedBytes bytes_;
  std::string file_;
  std::int64_t element_ = 0;  // the last one, from 1
  bool is_behind_ = false;    // the array's ']' has been taken
  bool is_done_ = false;
};

}  // namespace

std::unique_ptr<JsonTexts> lines_of(BufferedBytes bytes) { return std::make_unique<Lines>(std::move(bytes)); }

std::unique_ptr<JsonTexts> elements_of(BufferedBytes bytes, std::string file) {
  return std::make_unique<Elements>(std::move(bytes), std::move(file));
}

}  // namespace kvcompare
