// --methods: from a list of names to the methods that are asked for.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "presses/registry.h"

namespace kvcompare {

// "streaming_llm:n_sink=8:compression_ratio=0.9"
struct MethodItem {
  const MethodDescription* method;
  std::vector<std::pair<std::string, std::string>>
      fixed{};             // flag and value, as written; others are the run's
  std::string spelling{};  // as written

  friend bool operator==(const MethodItem& a, const MethodItem& b) {
    return a.method == b.method && a.fixed == b.fixed;
  }
};

// `list`: names in any spelling find_method knows, separated by commas, each perhaps with parameters; "all"
// is every method with in_all, "every" each that there is. Returns the baseline, then the others in the order
// named, each once. Throws ConfigError, naming `origin`, for an unknown name (with the nearest ones), a
// parameter without value and an empty list.
//   included : names of methods that join behind, each without parameters
std::vector<MethodItem> select_methods(const std::string& list, const std::set<std::string>& included = {},
                                       const std::string& origin = "--methods");

}  // namespace kvcompare
