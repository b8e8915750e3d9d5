#include "common/data/plain_text.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "common/errors.h"
#include "common/utf8.h"
#include "common/white_space.h"

namespace kvcompare {
namespace {

class PlainText : public RecordReader {
 public:
  PlainText(std::string file, BufferedBytes bytes, TextSplit split)
      : file_(std::move(file)), bytes_(std::move(bytes)), split_(split) {}

  std::optional<JsonlRecord> next() override {
    switch (split_) {
      case TextSplit::kLine:
        return joined_lines(1);
      case TextSplit::kBlankLine:
        return joined_lines(kMany);
      case TextSplit::kFile:
      case TextSplit::kPacked:
        return whole_file();
    }
    return std::nullopt;
  }
  std::int64_t n_lines() const override { return line_; }

 private:
  static constexpr std::int64_t kMany = -1;

  // Lines up to a blank one, or `most` lines.
  std::optional<JsonlRecord> joined_lines(std::int64_t most) {
    std::string text, line;
    std::int64_t first = 0, n = 0;
    while (n != most && take_line(line)) {
      if (!is_blank(line)) {
        if (n == 0) first = line_;
        text += (n++ == 0 ? "" : "\n") + line;
      } else if (n > 0) {
        break;
      }
    }
    if (n == 0) return std::nullopt;
    check(text, first);
    return JsonlRecord{.line = first, .text = std::move(text)};
  }

  // The bytes of the file, with LF for CR LF.
  std::optional<JsonlRecord> whole_file() {
    auto text = bytes_.take_all();
    line_ += std::ranges::count(text, '\n');
    if (text.find("\r\n") != std::string::npos) text = without_returns(text);
    if (is_blank(text)) return std::nullopt;
    check(text, 1);
    return JsonlRecord{.line = 1, .text = std::move(text), .is_packed = split_ == TextSplit::kPacked};
  }

  static std::string without_returns(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i)
      if (text.substr(i, 2) != "\r\n") result += text[i];
    return result;
  }

  bool take_line(std::string& line) {
    if (!bytes_.take_line(line)) return false;
    ++line_;
    if (line.ends_with('\r')) line.pop_back();
    return true;
  }

  // first_line: where the text begins
  void check(std::string_view text, std::int64_t first_line) const {
    const auto line_at = [&](std::size_t at) {
      return first_line + std::ranges::count(text.substr(0, at), '\n');
    };
    if (const auto at = text.find('\0'); at != std::string_view::npos)
      throw DataError(file_, line_at(at), "holds a NUL byte; expected text");
    if (const auto at = find_invalid_utf8(text))
      throw DataError(file_, line_at(*at),
                      "is not valid UTF-8; if the text is Western European, `iconv -f WINDOWS-1252 -t UTF-8` "
                      "converts it");
  }

  std::string file_;
  BufferedBytes bytes_;
  TextSplit split_;
  std::int64_t line_ = 0;
};

}  // namespace

std::unique_ptr<RecordReader> plain_text(std::string file, BufferedBytes bytes, TextSplit split) {
  return std::make_unique<PlainText>(std::move(file), std::move(bytes), split);
}

}  // namespace kvcompare
