// The "pattern" of Split and Replace: {"String": ...} or {"Regex": ...}.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/tokenizer/regex.h"

namespace kvcompare {

class JsonNode;

class Pattern {
 public:
  static Pattern literal(std::string text);  // not empty
  static Pattern regex(
      const std::string& pattern);  // Oniguruma's syntax; std::invalid_argument if not understood
  static Pattern from_json(const JsonNode& node);

  // Returns the non-overlapping matches from left to right. An empty match right after the previous match
  // does not count.
  std::vector<Span> find_all(std::string_view text, MatchWorkspace& workspace) const;

 private:
  explicit Pattern(std::variant<std::string, Regex> what) : what_(std::move(what)) {}
  std::variant<std::string, Regex> what_;
};

}  // namespace kvcompare
