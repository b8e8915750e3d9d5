// How plain text becomes samples.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kvcompare {

enum class TextSplit {
  kPacked,     // the file is one text, and its tokens are cut into samples of max_length tokens
  kFile,       // the file is a sample
  kBlankLine,  // samples stand apart by one blank line or several
  kLine,       // every line that is not blank is a sample
};

std::string to_string(TextSplit split);  // "blank_line"
std::optional<TextSplit> parse_text_split(std::string_view name);

}  // namespace kvcompare
