#include "common/text_split.h"

#include <array>

#include "common/errors.h"

namespace kvcompare {
namespace {

struct NamedSplit {
  TextSplit split;
  std::string_view name;
};
constexpr std::array kSplits{NamedSplit{TextSplit::kPacked, "packed"}, NamedSplit{TextSplit::kFile, "file"},
                             NamedSplit{TextSplit::kBlankLine, "blank_line"},
                             NamedSplit{TextSplit::kLine, "line"}};

}  // namespace

std::string to_string(TextSplit split) {
  for (const auto& one : kSplits)
    if (one.split == split) return std::string(one.name);
  throw InvariantError("a TextSplit without a name");
}

std::optional<TextSplit> parse_text_split(std::string_view name) {
  for (const auto& one : kSplits)
    if (one.name == name) return one.split;
  return std::nullopt;
}

}  // namespace kvcompare
