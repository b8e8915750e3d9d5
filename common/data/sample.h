// A sample, which is one tokenised line of the data set; and a bad line, which is not a sample.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/ids.h"

namespace kvcompare {

struct Sample {
  SampleIndex index;         // 0-based, blank lines not counted
  std::vector<TokenId> ids;  // at most max_length
};

struct BadLine {
  std::int64_t line = 0;  // 1-based
  std::string problem;
  friend bool operator==(const BadLine&, const BadLine&) = default;
};

}  // namespace kvcompare
